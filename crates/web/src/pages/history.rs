//! The history: all ledger entries of the player, newest first, with filters and pages; and the
//! same as a CSV file.

use archive::HistoryCursor;
use askama::Template;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use domain::{EntryKind, Money, Month, Price, Quantity, Symbol};
use store::{LedgerFilter, LedgerRow};

use super::view::{Tab, View};
use super::visitor::SignedIn;
use super::{response, url};
use crate::game::history_csv::{CsvRequest, stream_csv};
use crate::http::attachment::{self, read_bom};
use crate::http::query::Query;
use crate::problem::Problem;
use crate::state::AppState;

const ROWS: usize = 20;

#[derive(Template)]
#[template(path = "history.html")]
struct HistoryPage<'a> {
    view: &'a View,
    filter: &'a HistoryFilter,
    rows: Vec<HistoryRow>,
    /// The URL of older entries.
    older: Option<String>,
    is_archived: bool,
    /// Whether there are older entries.
    goes_on: bool,
    file: String,
    hides: bool,
}

struct HistoryRow {
    /// The receipt of a trade.
    link: Option<String>,
    kind: EntryKind,
    symbol: String,
    shares: Quantity,
    price: Option<Price>,
    amount: Money,
    cash_after: Money,
    when: String,
    note: Option<String>,
    /// The achievements that an award unlocked, and their XP.
    awarded: String,
    xp: i64,
}

impl HistoryRow {
    fn new(view: &View, row: LedgerRow) -> Self {
        let entry = &row.entry;
        let is_trade = matches!(entry.kind, EntryKind::Buy | EntryKind::Sell);
        Self {
            link: is_trade.then(|| format!("/orders/{}", entry.trade_id())),
            kind: entry.kind,
            symbol: row.symbol.as_ref().map(ToString::to_string).unwrap_or_default(),
            shares: Quantity(entry.quantity.0.saturating_abs()),
            price: entry.price,
            amount: entry.amount,
            cash_after: entry.cash_after,
            when: view.fmt.moment(entry.created_at),
            note: row.note,
            awarded: row.awarded.unwrap_or_default(),
            xp: entry.xp_achievements,
        }
    }

    fn is_kind(&self, word: &str) -> bool {
        self.kind.as_str() == word
    }
}

/// The filter of the query. Malformed values are ignored.
struct HistoryFilter {
    kind: Option<EntryKind>,
    symbol: Option<Symbol>,
    cursor: Option<HistoryCursor>,
}

impl HistoryFilter {
    fn parse(query: &Query) -> Self {
        let number = |name| query.find(name).and_then(|text| text.parse::<i64>().ok());
        let below = number("before").filter(|version| *version > 0);
        let archived = number("month").map(Month);
        Self {
            kind: query.find("kind").and_then(EntryKind::parse),
            symbol: Symbol::parse(query.find("symbol").unwrap_or_default()).ok(),
            cursor: below.map(|below| HistoryCursor { below, archived }),
        }
    }

    /// An unknown symbol becomes a stock id without entries.
    fn ledger_filter(&self, state: &AppState) -> LedgerFilter {
        let listed = |symbol| state.prices.find(symbol).map_or(0, |listing| listing.stock_id);
        LedgerFilter { kind: self.kind, stock_id: self.symbol.as_ref().map(listed) }
    }

    /// A URL with these filters, which ends with `?` or `&`.
    fn url(&self, path: &str) -> String {
        let mut url = format!("{path}?");
        if let Some(kind) = self.kind {
            url.push_str(&format!("kind={}&", kind.as_str()));
        }
        if let Some(symbol) = &self.symbol {
            url.push_str(&format!("symbol={}&", url::encode(symbol.as_str())));
        }
        url
    }

    fn older(&self, HistoryCursor { below, archived }: HistoryCursor) -> String {
        let month = archived.map(|month| format!("&month={}", month.0)).unwrap_or_default();
        format!("{}before={below}{month}", self.url("/history"))
    }

    fn is_kind(&self, word: &str) -> bool {
        self.kind.map_or("", EntryKind::as_str) == word
    }

    fn symbol(&self) -> &str {
        self.symbol.as_ref().map_or("", Symbol::as_str)
    }
}

pub(super) async fn show(
    State(state): State<AppState>,
    me: SignedIn,
    query: Query,
) -> Result<Response, Problem> {
    let filter = HistoryFilter::parse(&query);
    let (player_id, viewer) = (me.player().player_id, me.viewer());
    let ledger_filter = filter.ledger_filter(&state);
    let found = state.history.search(player_id, ledger_filter, filter.cursor, ROWS).await?;
    let view = View::new(&state, &me, Tab::None, "history-title");
    let page = HistoryPage {
        rows: found.rows.into_iter().map(|row| HistoryRow::new(&view, row)).collect(),
        older: found.next.map(|next| filter.older(next)),
        is_archived: found.is_archived,
        goes_on: found.next.is_some(),
        file: filter.url("/history.csv"),
        hides: viewer.preferences.as_ref().is_some_and(|chosen| chosen.hide_amounts),
        filter: &filter,
        view: &view,
    };
    Ok(response::page(&view, &page))
}

/// The filtered entries as a file; `bom=0` omits the byte order mark.
pub(super) async fn send(
    State(state): State<AppState>,
    me: SignedIn,
    query: Query,
) -> Result<Response, Problem> {
    let filter = HistoryFilter::parse(&query);
    let request = CsvRequest {
        player_id: me.player().player_id,
        filter: filter.ledger_filter(&state),
        cursor: filter.cursor,
        has_bom: read_bom(&query).ok_or_else(Problem::not_found)?,
    };
    let csv = Body::from_stream(stream_csv(&state, request).await?);
    Ok(attachment::csv("openbell-history.csv", csv))
}
