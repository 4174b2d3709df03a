//! The page of a stock: its price, its chart up to the market's present, the player's position, and
//! the ticket of an order, which `order` processes.

mod quote;
mod ranges;

use std::fmt;

use askama::Template;
use askama::filters::HtmlSafe;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use domain::{Day, Money, Price, Quantity, Ratio, Side};
use store::{Position, StockRow};

pub(super) use self::quote::{DisplayedQuote, displayed_quote};
use self::ranges::{ChartRange, ChartShape};
use super::chart::Chart;
use super::form::Form;
use super::limits::TicketLimits;
use super::preferences::Mode;
use super::view::{Tab, View};
use super::visitor::{SignedIn, Visitor};
use super::{format, pending, response, xp};
use crate::game::stocks::load_stock;
use crate::http::path_segment::PathSegment;
use crate::http::query::Query;
use crate::problem::Problem;
use crate::state::AppState;

pub(super) const TICKET: [&str; 4] = ["symbol", "side", "quantity", "note"];

#[derive(Template)]
#[template(path = "stock.html")]
struct StockPage<'a> {
    view: &'a View,
    stock: &'a StockRow,
    form: &'a Form,
    quote: Option<DisplayedQuote>,
    chart: Option<Chart>,
    /// `[day, open, high, low, close]` for the large chart.
    candles_json: String,
    span: &'static str,
    range: ChartRange,
    shape: ChartShape,
    /// The text on the change of the price over the range.
    story: Option<String>,
    mine: Option<MyPosition>,
    day: Day,
    is_watched: bool,
}

#[derive(Template)]
#[template(path = "ticket.html")]
struct TicketPage<'a> {
    view: &'a View,
    stock: &'a StockRow,
    form: &'a Form,
    quote: Option<DisplayedQuote>,
    mine: MyPosition,
}

impl StockPage<'_> {
    fn rows(&self) -> CandlesJson<'_> {
        CandlesJson(&self.candles_json)
    }
}

/// JSON of days and numbers, which needs no escaping.
struct CandlesJson<'a>(&'a str);

impl fmt::Display for CandlesJson<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl HtmlSafe for CandlesJson<'_> {}

/// The player's cash and position in the stock.
struct MyPosition {
    cash: Money,
    position: Position,
    /// What a share cost on average.
    average_price: Price,
    value: Money,
    profit: Money,
    profit_ratio: Ratio,
    /// Whole shares that the cash buys.
    affordable: i64,
    /// The XP that a trade earns, or why none.
    xp: String,
    limits: TicketLimits,
    note_rule: String,
    fills: String,
}

pub(super) async fn show(
    State(state): State<AppState>,
    visitor: Visitor,
    PathSegment(symbol): PathSegment,
    query: Query,
) -> Result<Response, Problem> {
    let stock = load_stock(&state, &symbol).await?;
    let form = Form::new(&TICKET)
        .with("symbol", stock.symbol.as_str())
        .with("side", "buy")
        .with("quantity", "1");
    let range = query.find("range").and_then(ChartRange::parse).unwrap_or_default();
    let shape = query.find("chart").and_then(ChartShape::parse).unwrap_or_default();
    page(&state, &visitor, StatusCode::OK, &stock, &form, (range, shape)).await
}

/// The page of the ticket with its errors.
pub(super) async fn page_with_errors(
    state: &AppState,
    me: &SignedIn,
    stock: &StockRow,
    form: &Form,
) -> Result<Response, Problem> {
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    if me.preferences.mode == Mode::Easy {
        return ticket(state, me, status, stock, form).await;
    }
    page(state, me, status, stock, form, (ChartRange::Year, ChartShape::Line)).await
}

async fn page(
    state: &AppState,
    visitor: &Visitor,
    status: StatusCode,
    stock: &StockRow,
    form: &Form,
    (range, shape): (ChartRange, ChartShape),
) -> Result<Response, Problem> {
    let mut view = View::new(state, visitor, Tab::Market, "stock-title");
    view.title.clone_from(&stock.name);
    view.live = true;
    view.symbols = vec![stock.symbol.to_string()];
    view.shows_sides = true;
    let present = state.prices.snapshot();
    let loaded = ranges::load(state, &present, stock.stock_id, range).await?;
    let mine = match &visitor.player {
        Some(signed_in) => {
            let player_id = signed_in.player.player_id;
            Some(
                load_my_position(state, &view, player_id, signed_in.viewer.cash, (stock, form))
                    .await?,
            )
        }
        None => None,
    };
    let story = loaded.closes.first().zip(loaded.closes.last()).map(|(first, last)| {
        let way = format::change_direction(first.value, last.value);
        let [first, last] = [first, last].map(|point| view.fmt.price(Price(point.value)));
        view.ta("stock-story", &[("way", &way), ("first", &first), ("last", &last)])
    });
    let page = StockPage {
        quote: displayed_quote(state, &view, stock.stock_id),
        chart: ranges::draw(&view, stock, &loaded, range, shape),
        candles_json: ranges::candles_json(&loaded, range, view.fmt.unit),
        span: ranges::span(range),
        is_watched: mine.as_ref().is_some_and(|mine| mine.position.is_watched),
        view: &view,
        stock,
        form,
        range,
        shape,
        story,
        mine,
        day: present.market_day,
    };
    Ok(response::page_with(status, &view, &page))
}

pub(super) async fn show_buying(
    state: State<AppState>,
    me: SignedIn,
    symbol: PathSegment,
) -> Result<Response, Problem> {
    show_ticket(&state, &me, &symbol.0, Side::Buy).await
}

pub(super) async fn show_selling(
    state: State<AppState>,
    me: SignedIn,
    symbol: PathSegment,
) -> Result<Response, Problem> {
    show_ticket(&state, &me, &symbol.0, Side::Sell).await
}

/// The second of three steps in the easy mode: the quantity.
async fn show_ticket(
    state: &AppState,
    me: &SignedIn,
    symbol: &str,
    side: Side,
) -> Result<Response, Problem> {
    let stock = load_stock(state, symbol).await?;
    let form = Form::new(&TICKET)
        .with("symbol", stock.symbol.as_str())
        .with("side", side.as_str())
        .with("quantity", "1");
    ticket(state, me, StatusCode::OK, &stock, &form).await
}

async fn ticket(
    state: &AppState,
    me: &SignedIn,
    status: StatusCode,
    stock: &StockRow,
    form: &Form,
) -> Result<Response, Problem> {
    let title = if form.is("side", "sell") { "stock-sell-title" } else { "stock-buy-title" };
    let mut view = View::new(state, me, Tab::Market, "stock-title");
    view.title = view.tn(title, "name", stock.name.as_str());
    let (player_id, cash) = (me.player().player_id, me.viewer().cash);
    let mine = load_my_position(state, &view, player_id, cash, (stock, form)).await?;
    let quote = displayed_quote(state, &view, stock.stock_id);
    Ok(response::page_with(status, &view, &TicketPage { view: &view, stock, form, quote, mine }))
}

async fn load_my_position(
    state: &AppState,
    view: &View,
    player_id: i64,
    cash: Money,
    (stock, form): (&StockRow, &Form),
) -> Result<MyPosition, Problem> {
    let position = state.store.load_position(player_id, stock.stock_id).await?;
    let quote = state.prices.quote(stock.stock_id);
    let price = quote.map_or(Price(0), |quote| quote.price);
    let ask = quote.map_or(Price(0), |quote| quote.sides(state.rules().spread_bps).ask);
    let value = price.value_rounded_down(position.quantity, view.fmt.unit).unwrap_or_default();
    let profit = Money(value.0.saturating_sub(position.cost_basis.0));
    let side = if form.is("side", "sell") { Side::Sell } else { Side::Buy };
    let progress = xp::load_progress(state, player_id).await?;
    Ok(MyPosition {
        cash,
        average_price: position.average_price(view.fmt.unit),
        value,
        profit,
        profit_ratio: profit.part_of(position.cost_basis),
        affordable: affordable(state, cash, ask),
        xp: xp::outlook(state, view, &progress, side, None),
        limits: TicketLimits::new(state, view, stock.stock_id, &progress, &position),
        note_rule: xp::note_rule(state, view),
        fills: pending::when(state, view, stock.stock_id),
        position,
    })
}

/// The whole shares that this cash buys at this ask, with the fee.
fn affordable(state: &AppState, cash: Money, ask: Price) -> i64 {
    let rules = state.rules();
    let most = rules.quantity_max.0 / 1_000_000;
    let costs = |shares: i64| {
        let total = ask.cost_rounded_up(Quantity::whole(shares)?, rules.minor_unit)?;
        total.checked_add(rules.fee.on(total)?)
    };
    let (mut low, mut high) = (0, most);
    while low < high && ask.0 > 0 {
        let middle = low + (high - low + 1) / 2;
        if costs(middle).is_some_and(|cost| cost <= cash) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    low
}
