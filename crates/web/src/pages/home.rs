//! The home page: the portfolio's value and curve, the level, the largest holdings, watched stocks,
//! and first steps for new players.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use domain::{Day, Money, PageRequest, Price, Ratio};
use market::PriceSnapshot;
use store::{HoldingRow, MarketQuery, Store};

use super::chart::{self, Chart, Point, Unit};
use super::choices::choices;
use super::market::change_of;
use super::portfolio_value::PortfolioValue;
use super::response;
use super::value_part::ValuePart;
use super::view::{Tab, View};
use super::visitor::SignedIn;
use crate::http::query::Query;
use crate::problem::Problem;
use crate::state::AppState;

/// The number of holdings and of watched stocks.
const SHOWN: i64 = 5;

#[derive(Template)]
#[template(path = "home.html")]
struct HomePage<'a> {
    view: &'a View,
    name: String,
    value: PortfolioValue,
    level: i64,
    xp: i64,
    xp_next: i64,
    chart: Option<Chart>,
    range: CurveRange,
    holdings: Vec<HoldingRow>,
    more: bool,
    watched: Vec<Watched>,
    hides: bool,
    is_new: bool,
    day: Day,
}

struct Watched {
    symbol: String,
    name: String,
    price: Price,
    change: Ratio,
}

choices! {
    /// The range of a curve of the portfolio's value.
    #[derive(Default)]
    CurveRange {
        Week = "1w",
        Month = "1m",
        #[default]
        HalfYear = "6m",
        Year = "1y",
        Max = "max",
    }
}

impl CurveRange {
    pub(super) fn of(query: &Query) -> Self {
        query.find("range").and_then(Self::parse).unwrap_or_default()
    }

    /// The message key of the label.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Week => "home-range-1w",
            Self::Month => "stock-range-1m",
            Self::HalfYear => "stock-range-6m",
            Self::Year => "stock-range-1y",
            Self::Max => "stock-range-max",
        }
    }

    /// In calendar days.
    fn days(self) -> i32 {
        match self {
            Self::Week => 7,
            Self::Month => 31,
            Self::HalfYear => 183,
            Self::Year => 366,
            Self::Max => 40_000,
        }
    }
}

impl HomePage<'_> {
    /// The amount without its sign, for a sentence that names the direction.
    #[expect(clippy::unused_self, reason = "templates reach functions through the page only")]
    fn size(&self, difference: &Money) -> Money {
        Money(difference.0.saturating_abs())
    }
}

pub(super) async fn show(
    State(state): State<AppState>,
    me: SignedIn,
    query: Query,
) -> Result<Response, Problem> {
    let (player_id, viewer) = (me.player().player_id, me.viewer());
    let mut view = View::new(&state, &me, Tab::Home, "home-title");
    view.live = true;
    let range = CurveRange::of(&query);
    // One snapshot of prices for the whole page, so that sums equal their parts.
    let present = state.prices.snapshot();
    let curve = load_curve(&state, &present, player_id, range).await?;
    let value = PortfolioValue::load(&state, &present, player_id, &curve).await?;
    view.value_parts = value_parts(&view, &value);
    let (prices, unit) = (present.prices_json(), view.fmt.unit);
    let (holdings, count) = state.store.largest_holdings(player_id, &prices, unit, SHOWN).await?;
    let watched = load_watched(&state, &present, player_id).await?;
    if !view.is_easy() {
        view.symbols = watched.iter().map(|row| row.symbol.clone()).collect();
        view.held_symbols = holdings.iter().map(|row| row.symbol.to_string()).collect();
    }
    let progress = state.rules().levels.progress(viewer.total_xp);
    let page = HomePage {
        name: viewer.name.clone(),
        chart: chart::line(&view, &view.t("home-curve"), Unit::Money, &curve, &[]),
        value,
        level: progress.level,
        xp: progress.xp_in_level,
        xp_next: progress.next_level_xp,
        range,
        more: count > SHOWN,
        holdings,
        watched,
        hides: viewer.preferences.as_ref().is_some_and(|chosen| chosen.hide_amounts),
        is_new: viewer.entries == 0,
        day: present.market_day,
        view: &view,
    };
    Ok(response::page(&view, &page))
}

/// The value of the portfolio at the closes of a range.
pub(super) async fn load_curve(
    state: &AppState,
    present: &PriceSnapshot,
    player_id: i64,
    range: CurveRange,
) -> Result<Vec<Point>, Problem> {
    let to = present.market_day;
    let from = Day(to.0.saturating_sub(range.days()));
    let read = |store: Store| async move { store.equity_curve(player_id, from, to).await };
    let points = state.store.with_replica(read).await?;
    Ok(points.iter().map(|point| Point { day: point.day, value: point.value.0 }).collect())
}

fn value_parts(view: &View, value: &PortfolioValue) -> Vec<ValuePart> {
    let (mut parts, of_today) = if view.is_easy() {
        (vec![ValuePart::Total], ValuePart::Moved)
    } else {
        (ValuePart::SINCE_START.to_vec(), ValuePart::Today)
    };
    parts.extend(value.today.map(|_| of_today));
    parts
}

async fn load_watched(
    state: &AppState,
    present: &PriceSnapshot,
    player_id: i64,
) -> Result<Vec<Watched>, Problem> {
    let market_query =
        MarketQuery { player_id: Some(player_id), only_watched: true, ..MarketQuery::default() };
    let page = PageRequest::clamped(1, SHOWN, SHOWN);
    let quotes = present.quotes_json();
    let (rows, _) = state.store.market_page(&market_query, &quotes, page).await?;
    let watched = rows.into_iter().map(|row| Watched {
        symbol: row.stock.symbol.to_string(),
        name: row.stock.name,
        price: row.price,
        change: change_of(state, present, row.stock.stock_id),
    });
    Ok(watched.collect())
}
