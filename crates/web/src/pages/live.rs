//! `GET /live`: server-sent events with HTML elements that replace those of an open page by their
//! ids. The events come from `stream`.

mod positions;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::sse::Event;
use axum::response::{IntoResponse, Response};
use domain::{Day, Fill, Money, Ratio, Symbol};
use market::PriceSnapshot;
use store::{Store, TokenKind};

use self::positions::{Applied, HoldingValue, LivePositions};
use super::format::{self, DisplayFormat};
use super::market_state::market_state;
use super::portfolio_value::{PortfolioValue, last_close_day};
use super::value_part::ValuePart;
use super::visitor::SignedIn;
use super::words;
use crate::auth::tokens;
use crate::http::query::Query;
use crate::problem::Problem;
use crate::state::AppState;
use crate::stream::{
    Cursor, Prices, Reader, StreamItem, StreamSession, StreamSubscriber, event, respond,
};

/// The maximum of stocks of one stream.
const SYMBOLS_MAX: usize = 60;

/// `s` lists the symbols on the page, `h` those of its holdings, `v` the numbers of the portfolio's
/// value; with `q=1` the page shows bid and ask.
pub(super) async fn stream(
    State(state): State<AppState>,
    me: SignedIn,
    headers: HeaderMap,
    query: Query,
) -> Result<Response, Problem> {
    // Pages of data savers open no stream; on 204 an `EventSource` does not reconnect.
    if me.preferences.saves_data() {
        let headers = [(header::CACHE_CONTROL, "no-store")];
        return Ok((StatusCode::NO_CONTENT, headers).into_response());
    }
    let hash = me.jar.session(&headers).and_then(tokens::hash);
    let hash = hash.ok_or_else(|| Problem::unauthenticated(true))?;
    let session = StreamSession { player_id: me.player().player_id, kind: TokenKind::Web, hash };
    let (subscriber, begin) = StreamSubscriber::open(&state, session, Cursor::of(&headers)).await?;
    // All prices are sent first: the page may be older than the last event.
    let cursor = Cursor { prices: 0, ..begin };
    let page = LivePage {
        stocks: stocks(&state, query.find("s").unwrap_or_default()),
        held: stocks(&state, query.find("h").unwrap_or_default()),
        value_parts: value_parts(query.find("v").unwrap_or_default()),
        hides_amounts: me.viewer().preferences.as_ref().is_some_and(|chosen| chosen.hide_amounts),
        shows_sides: query.find("q") == Some("1"),
        market_state: None,
        positions: None,
        last_close: None,
        renderer: LiveRenderer::of(&state, &me),
        player_id: session.player_id,
        subscriber,
        cursor,
        state,
    };
    Ok(respond(page))
}

/// The positions of stocks on the price board; unknown symbols are left out.
fn stocks(state: &AppState, named: &str) -> Vec<(usize, Symbol)> {
    let found = named.split(',').take(SYMBOLS_MAX).filter_map(|text| {
        let symbol = Symbol::parse(text).ok()?;
        let listing = state.prices.find(&symbol)?;
        Some((state.prices.position(listing.stock_id)?, symbol))
    });
    found.collect()
}

/// Each part once; unknown ids are left out.
fn value_parts(named: &str) -> Vec<ValuePart> {
    let mut parts = Vec::new();
    for part in named.split(',').filter_map(ValuePart::parse) {
        if !parts.contains(&part) {
            parts.push(part);
        }
    }
    parts
}

/// Writes elements in the reader's language and formats.
struct LiveRenderer {
    fmt: DisplayFormat,
}

impl LiveRenderer {
    fn of(state: &AppState, me: &SignedIn) -> Self {
        let (lang, mode) = (me.preferences.lang, me.preferences.mode);
        let (zone, rules) = (me.preferences.zone.clone(), state.rules());
        let (currency, unit) = (rules.currency, rules.minor_unit);
        Self { fmt: DisplayFormat { lang, mode, zone, currency, unit } }
    }

    fn message(&self, key: &str, arguments: &[(&str, &dyn words::Argument)]) -> String {
        words::message(self.fmt.lang, self.fmt.mode, key, arguments)
    }

    /// The element of a part of the portfolio's value, as in `home.html` and `portfolio.html`;
    /// `None` if the value is unknown.
    fn value_part(&self, part: ValuePart, value: &PortfolioValue) -> Option<String> {
        let id = part.as_str();
        let element = |tag: &str, class: &str, text: &str| {
            format!("<{tag} id=\"{id}\" class=\"{class}\" hx-swap-oob=\"true\">{text}</{tag}>")
        };
        let signed = |money: Money| {
            let class = format!("num {}", format::direction(money.0));
            element("span", &class, &self.fmt.signed_money(money))
        };
        Some(match part {
            ValuePart::Total => element("p", "big num", &self.fmt.money(value.total)),
            ValuePart::Gain => signed(value.gain),
            ValuePart::GainPercent => change(&self.fmt, id, value.gain_ratio),
            ValuePart::Today => signed(value.today?),
            ValuePart::Moved => {
                let today = value.today?;
                let size = self.fmt.money(Money(today.0.saturating_abs()));
                let way = format::direction(today.0);
                let sentence = self.message("home-moved", &[("way", &way), ("money", &size)]);
                element("p", "lead", &escaped(&sentence))
            }
            ValuePart::Cash => element("dd", "num", &self.fmt.money(value.cash)),
            ValuePart::Shares => element("dd", "num", &self.fmt.money(value.shares)),
        })
    }

    /// The elements of a row of the holdings.
    fn holding(&self, symbol: &Symbol, holding: &HoldingValue, hides_amounts: bool) -> String {
        let symbol = escaped(symbol.as_str());
        let price = number(&format!("hp-{symbol}"), &self.fmt.price(holding.price));
        let gain = change(&self.fmt, &format!("hg-{symbol}"), holding.profit_ratio);
        let value = if hides_amounts {
            String::new()
        } else {
            number(&format!("hv-{symbol}"), &self.fmt.money(holding.value))
        };
        price + &gain + &value
    }
}

fn number(id: &str, text: &str) -> String {
    format!("<span id=\"{id}\" class=\"num\" hx-swap-oob=\"true\">{text}</span>")
}

/// A percentage with its sign and its color.
fn change(fmt: &DisplayFormat, id: &str, ratio: Ratio) -> String {
    let (way, text) = (format::direction(fmt.shown_percent(ratio)), fmt.change(ratio));
    format!("<span id=\"{id}\" class=\"num {way}\" hx-swap-oob=\"true\">{text}</span>")
}

struct LivePage {
    state: AppState,
    player_id: i64,
    subscriber: StreamSubscriber,
    cursor: Cursor,
    stocks: Vec<(usize, Symbol)>,
    held: Vec<(usize, Symbol)>,
    value_parts: Vec<ValuePart>,
    hides_amounts: bool,
    /// Loaded with the first prices, and again after a gap in the ledger entries.
    positions: Option<LivePositions>,
    /// The total at the close of a day, if the page shows the change since then. It is loaded with
    /// the positions; after the next close the page keeps its number.
    last_close: Option<(Day, Money)>,
    shows_sides: bool,
    /// The text on the market in the header, as it was sent last.
    market_state: Option<String>,
    renderer: LiveRenderer,
}

impl Reader for LivePage {
    async fn next(&mut self) -> Option<Vec<Event>> {
        Some(match self.subscriber.next().await? {
            StreamItem::Beat => vec![Event::default().comment("")],
            StreamItem::Prices(prices) => self.price_event(&prices).await.into_iter().collect(),
            StreamItem::Fill(fill) => {
                let reward = self.reward_event(&fill).await;
                reward.into_iter().chain(self.update_positions(&fill).await).collect()
            }
            // The next page shows the missed rewards.
            StreamItem::Missed(version) => {
                self.cursor = Cursor { version, part: 0, ..self.cursor };
                self.positions = None;
                Vec::new()
            }
        })
    }
}

impl LivePage {
    async fn price_event(&mut self, prices: &Prices) -> Option<Event> {
        let mut html = String::new();
        for (position, symbol) in &self.stocks {
            let Some(quote) = prices.find_changed(*position, self.cursor.prices) else { continue };
            let symbol = escaped(symbol.as_str());
            html.push_str(&number(&format!("px-{symbol}"), &self.renderer.fmt.price(quote.price)));
            html.push_str(&change(&self.renderer.fmt, &format!("ch-{symbol}"), quote.change()));
            if self.shows_sides {
                let sides = prices.snapshot.sides(&quote, self.state.rules().spread_bps);
                for (id, price) in [("ask", sides.ask), ("bid", sides.bid)] {
                    html.push_str(&number(
                        &format!("{id}-{symbol}"),
                        &self.renderer.fmt.price(price),
                    ));
                }
            }
        }
        self.cursor.prices = prices.number;
        html.push_str(&self.value_html(&prices.snapshot).await);
        let state = market_state(&self.renderer.fmt, &prices.snapshot);
        if self.market_state.as_ref() != Some(&state) {
            html.push_str(&format!(
                "<p class=\"day-state\" id=\"day-state\" hx-swap-oob=\"true\">{}</p>",
                escaped(&state)
            ));
            self.market_state = Some(state);
        }
        (!html.is_empty()).then(|| event("prices", self.cursor, html))
    }

    /// Applies a ledger entry to the positions and writes their value at the present prices.
    async fn update_positions(&mut self, fill: &Fill) -> Option<Event> {
        match self.positions.as_mut()?.apply(&fill.entry) {
            Applied::Known => return None,
            Applied::Updated => {}
            Applied::Gap => self.positions = None,
        }
        let html = self.value_html(&self.state.prices.snapshot()).await;
        (!html.is_empty()).then(|| event("prices", self.cursor, html))
    }

    /// The value of the portfolio and of the holdings at these prices. It runs statements only
    /// while the positions are not loaded, and is empty if the database fails.
    async fn value_html(&mut self, prices: &PriceSnapshot) -> String {
        if self.value_parts.is_empty() && self.held.is_empty() {
            return String::new();
        }
        if self.positions.is_none() {
            self.positions = self.load_positions(prices).await;
        }
        let Some(positions) = &self.positions else { return String::new() };
        let mut html = String::new();
        let shares = positions.shares_value(&self.state.prices, prices, self.renderer.fmt.unit);
        let starting_cash = self.state.rules().starting_cash;
        let last_close = self.last_close_at(prices);
        let value = PortfolioValue::new(starting_cash, positions.cash(), shares, last_close);
        for part in &self.value_parts {
            html.push_str(&self.renderer.value_part(*part, &value).unwrap_or_default());
        }
        for (position, symbol) in &self.held {
            let stock_id = self.state.prices.listings()[*position].stock_id;
            let quote = prices.quote(*position);
            let holding = quote.and_then(|quote| {
                positions.holding_value(stock_id, quote.price, self.renderer.fmt.unit)
            });
            let Some(holding) = holding else { continue };
            html.push_str(&self.renderer.holding(symbol, &holding, self.hides_amounts));
        }
        html
    }

    fn last_close_at(&self, prices: &PriceSnapshot) -> Option<Money> {
        let (day, total) = self.last_close?;
        (last_close_day(&self.state, prices) == Some(day)).then_some(total)
    }

    async fn load_positions(&mut self, prices: &PriceSnapshot) -> Option<LivePositions> {
        let player_id = self.player_id;
        let shows_today = self.value_parts.iter().any(|part| part.needs_last_close());
        if let Some(day) = last_close_day(&self.state, prices).filter(|_| shows_today) {
            let read = |store: Store| async move { store.equity_curve(player_id, day, day).await };
            let curve = self.state.store.with_replica(read).await.ok()?;
            self.last_close = curve.last().map(|point| (point.day, point.value));
        }
        let loaded = self.state.store.load_positions(player_id).await;
        loaded
            .inspect_err(|error| {
                tracing::warn!(%error, player_id, "cannot load the positions of a stream");
            })
            .ok()
            .map(LivePositions::new)
    }

    /// The achievements that an entry unlocked, and the level it reached.
    async fn reward_event(&mut self, fill: &Fill) -> Option<Event> {
        let entry = &fill.entry;
        self.cursor = Cursor { version: entry.version, part: 0, ..self.cursor };
        let rules = self.state.rules();
        let unlocked = fill.unlocked.iter().filter_map(|unlock| {
            let known = rules.achievements.find(unlock.achievement_id)?;
            let name = format!("<span lang=\"en\">{}</span>", escaped(&known.name));
            let xp = self.renderer.message("common-xp-gained", &[("xp", &unlock.xp)]);
            Some(self.toast(&format!("{} {name}", self.renderer.message("common-badge", &[])), &xp))
        });
        let mut toasts: Vec<String> = unlocked.collect();
        if !toasts.is_empty() {
            // If this fails, the next page shows the rewards again.
            let marked = self.state.store.mark_rewards_seen(self.player_id, entry.version).await;
            if let Err(error) = marked {
                tracing::warn!(%error, player_id = self.player_id, "cannot mark rewards as seen");
            }
        }
        if let Some(reached) = rules.levels.reached_by(entry) {
            let level = self.renderer.message("common-level-reached", &[("level", &reached.level)]);
            toasts.push(self.toast(&level, ""));
        }
        let html = format!("<div hx-swap-oob=\"beforeend:#toasts\">{}</div>", toasts.concat());
        (!toasts.is_empty()).then(|| event("reward", self.cursor, html))
    }

    /// `title` is HTML; `text` is a message.
    fn toast(&self, title: &str, text: &str) -> String {
        let dismiss = self.renderer.message("common-ok", &[]);
        format!(
            "<div class=\"toast\"><p><b>{title}</b><br><span class=\"small\">{text}</span></p>\
             <button class=\"btn s\" type=\"button\" data-dismiss data-js>{dismiss}</button></div>"
        )
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&#38;").replace('<', "&#60;").replace('>', "&#62;")
}
