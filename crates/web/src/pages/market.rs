//! The list of stocks, with search, filters, sorting, a watch list and pages.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use domain::text::TextKind;
use domain::{Day, PageRequest, Price, Ratio, Symbol};
use market::PriceSnapshot;
use store::{MarketQuery, MarketRow, MarketSort};

use super::chart::{Point, Svg, sparkline};
use super::form::Post;
use super::preferences::Mode;
use super::view::{Pager, Tab, View};
use super::visitor::{SignedIn, Visitor};
use super::{redirect, response, url};
use crate::game::stocks::last_public_day;
use crate::http::input::text_of;
use crate::http::query::Query;
use crate::problem::Problem;
use crate::state::AppState;

const ROWS: i64 = 20;
/// In characters.
const SEARCH_LENGTH_MAX: usize = 50;
/// The calendar days of a small curve: some thirty sessions.
const SPARK_DAYS: i32 = 44;
/// The sort orders: word, column, whether descending.
const SORTS: [(&str, MarketSort, bool); 6] = [
    ("symbol", MarketSort::Symbol, false),
    ("name", MarketSort::Name, false),
    ("gains", MarketSort::Change, true),
    ("losses", MarketSort::Change, false),
    ("dear", MarketSort::Price, true),
    ("cheap", MarketSort::Price, false),
];

#[derive(Template)]
#[template(path = "market.html")]
struct MarketPage<'a> {
    view: &'a View,
    filter: &'a MarketFilter,
    categories: Arc<Vec<String>>,
    rows: Vec<StockListRow>,
    total: i64,
    pages: Pager,
    day: Day,
    /// Whether the watch list was full.
    is_full: bool,
    /// Whether the prices are of a known history.
    is_known: bool,
}

struct StockListRow {
    symbol: String,
    name: String,
    category: String,
    price: Price,
    change: Ratio,
    is_watched: bool,
    spark: Option<Svg>,
}

struct MarketFilter {
    search: String,
    category: String,
    sort: (&'static str, MarketSort, bool),
    only_watched: bool,
    page: PageRequest,
}

impl MarketFilter {
    fn parse(query: &Query) -> Result<Self, Problem> {
        let text = |name| query.find(name).unwrap_or_default().trim();
        let tidy = |name, kind| {
            text_of(text(name), kind, name).map_err(|error| Problem::field(name, error))
        };
        let sort = SORTS.into_iter().find(|(word, ..)| *word == text("sort"));
        let page = query.lenient_integer("page").unwrap_or(1);
        Ok(Self {
            search: tidy("q", TextKind::Search)?.chars().take(SEARCH_LENGTH_MAX).collect(),
            category: tidy("category", TextKind::Line)?,
            sort: sort.unwrap_or(SORTS[0]),
            only_watched: text("watched") == "on",
            page: PageRequest::clamped(page, ROWS, ROWS),
        })
    }

    fn is_sorted(&self, word: &str) -> bool {
        self.sort.0 == word
    }

    fn is_category(&self, category: &str) -> bool {
        self.category == category
    }

    /// The URL of the list with these filters, without a page.
    fn base(&self) -> String {
        let mut base = "/market?".to_owned();
        for (name, value) in [("q", &self.search), ("category", &self.category)] {
            if !value.is_empty() {
                base.push_str(&format!("{name}={}&", url::encode(value)));
            }
        }
        if !self.is_sorted(SORTS[0].0) {
            base.push_str(&format!("sort={}&", self.sort.0));
        }
        if self.only_watched {
            base.push_str("watched=on&");
        }
        base
    }
}

pub(super) async fn show(
    State(state): State<AppState>,
    visitor: Visitor,
    query: Query,
) -> Result<Response, Problem> {
    let filter = MarketFilter::parse(&query)?;
    let player_id = visitor.player.as_ref().map(|signed_in| signed_in.player.player_id);
    let market_query = MarketQuery {
        player_id,
        category: Some(filter.category.as_str()).filter(|category| !category.is_empty()),
        search: Some(filter.search.as_str()).filter(|search| !search.is_empty()),
        only_watched: filter.only_watched && player_id.is_some(),
        sort: filter.sort.1,
        descending: filter.sort.2,
    };
    let present = state.prices.snapshot();
    let quotes = present.quotes_json();
    let (rows, total) = state.store.market_page(&market_query, &quotes, filter.page).await?;
    let categories = state.categories().await?;
    let mut view = View::new(&state, &visitor, Tab::Market, "market-title");
    view.live = true;
    view.symbols = rows.iter().map(|row| row.stock.symbol.to_string()).collect();
    let closes = if view.mode == Mode::Standard && !view.saver {
        let ids: Vec<i64> = rows.iter().map(|row| row.stock.stock_id).collect();
        let to = last_public_day(&present);
        state.closes(ids, Day(to.0.saturating_sub(SPARK_DAYS)), to).await?
    } else {
        Arc::default()
    };
    // A day has the same x in all small curves.
    let days = closes.values().flatten().map(|(day, _)| *day);
    let window = days.clone().min().zip(days.max()).unwrap_or_default();
    let row = |row: MarketRow| {
        let closes = closes.get(&row.stock.stock_id).map(Vec::as_slice).unwrap_or_default();
        let point = |(day, close): &(Day, Price)| Point { day: *day, value: close.0 };
        let points: Vec<Point> = closes.iter().map(point).collect();
        StockListRow {
            change: change_of(&state, &present, row.stock.stock_id),
            symbol: row.stock.symbol.to_string(),
            name: row.stock.name,
            category: row.stock.category,
            price: row.price,
            is_watched: row.is_watched,
            spark: sparkline(&points, window),
        }
    };
    let last = filter.page.meta(total).last_page;
    let page = MarketPage {
        view: &view,
        categories,
        rows: rows.into_iter().map(row).collect(),
        total,
        pages: Pager { base: filter.base(), page: filter.page.page(), last },
        day: present.market_day,
        is_full: query.find("full").is_some(),
        is_known: state.market.has_known_history(),
        filter: &filter,
    };
    Ok(response::page(&view, &page))
}

/// The change of a stock since its last close; 0 while it has no price.
pub(super) fn change_of(state: &AppState, present: &PriceSnapshot, stock_id: i64) -> Ratio {
    let quote = state.prices.position(stock_id).and_then(|position| present.quote(position));
    quote.map(|quote| quote.change()).unwrap_or_default()
}

/// Adds a stock to the watch list or removes it, and redirects back.
pub(super) async fn watch(
    State(state): State<AppState>,
    Post(me, sent): Post<SignedIn>,
) -> Result<Response, Problem> {
    let form = sent.into_form(&["watch", "unwatch", "back"])?;
    let player_id = me.player().player_id;
    let stock = |name| {
        let symbol = Symbol::parse(form.value(name)).map_err(|_| Problem::not_found())?;
        let listing = state.prices.find(&symbol).ok_or_else(Problem::not_found)?;
        Ok::<i64, Problem>(listing.stock_id)
    };
    let back = url::safe_next(form.value("back")).unwrap_or("/market");
    if form.value("watch").is_empty() {
        state.store.unwatch(player_id, stock("unwatch")?).await?;
    } else if !state.store.watch(player_id, stock("watch")?, state.clock.now()).await? {
        return Ok(redirect::see_other("/market?watched=on&full=1"));
    }
    Ok(redirect::see_other(back))
}
