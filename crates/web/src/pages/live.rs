//! What a page keeps up to date while somebody looks at it: `GET /live`, small pieces of HTML that
//! take the places of old ones by their ids. Who is told what and when is decided in
//! `events`; programs read `routes::events`. A page works without it.

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::sse::Event;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use domain::{Fill, Money, Symbol};
use store::TokenKind;

use super::format::{self, Format};
use super::preferences::{Lang, Mode};
use super::visitor::SignedIn;
use super::words;
use crate::events::{Cursor, Listener, News, Prices, Reader, Session, event, respond};
use crate::problem::Problem;
use crate::query::Query;
use crate::state::AppState;
use crate::token;

/// The most stocks that one page keeps up to date.
const SYMBOLS_MAX: usize = 60;

pub(crate) fn router() -> Router<AppState> {
    Router::new().route("/live", get(stream))
}

/// `s` names the symbols that the page shows; `t=1`: it shows the player's total; `q=1`: it shows
/// bid and ask.
async fn stream(
    State(state): State<AppState>,
    me: SignedIn,
    headers: HeaderMap,
    query: Query,
) -> Result<Response, Problem> {
    // Whoever saves data does not ask; 204 tells an `EventSource` that did not to come back.
    if me.preferences.saves_data() {
        let kept = [(header::CACHE_CONTROL, "no-store")];
        return Ok((StatusCode::NO_CONTENT, kept).into_response());
    }
    let hash = me.jar.session(&headers).and_then(token::hash);
    let hash = hash.ok_or_else(|| Problem::unauthenticated(true))?;
    let session = Session { player_id: me.player().player_id, kind: TokenKind::Web, hash };
    let (listener, begin) = Listener::open(&state, session, Cursor::of(&headers)).await?;
    // Prices that the page has already are shown again: it may be older than the last event.
    let cursor = Cursor { prices: 0, ..begin };
    let page = Page {
        stocks: stocks(&state, query.find("s").unwrap_or_default()),
        shows_total: query.find("t") == Some("1"),
        shows_sides: query.find("q") == Some("1"),
        look: Look::of(&state, &me),
        player_id: session.player_id,
        listener,
        cursor,
        state,
    };
    Ok(respond(Vec::new(), page))
}

/// Where the named stocks stand on the board; what is none of them is left out.
fn stocks(state: &AppState, named: &str) -> Vec<(usize, Symbol)> {
    let found = named.split(',').take(SYMBOLS_MAX).filter_map(|text| {
        let symbol = Symbol::parse(text).ok()?;
        let listing = state.prices.find(&symbol)?;
        Some((state.prices.position(listing.stock_id)?, symbol))
    });
    found.collect()
}

/// How the reader has words and numbers.
struct Look {
    lang: Lang,
    mode: Mode,
    fmt: Format,
}

impl Look {
    fn of(state: &AppState, me: &SignedIn) -> Self {
        let (lang, mode) = (me.preferences.lang, me.preferences.mode);
        let (zone, currency) = (me.preferences.zone.clone(), state.rules.currency);
        Self { lang, mode, fmt: Format { lang, mode, zone, currency } }
    }

    fn say(&self, key: &str, arguments: &[(&str, &dyn words::Argument)]) -> String {
        words::message(self.lang, self.mode, key, arguments)
    }
}

/// A page that somebody looks at.
struct Page {
    state: AppState,
    player_id: i64,
    listener: Listener,
    cursor: Cursor,
    stocks: Vec<(usize, Symbol)>,
    shows_total: bool,
    shows_sides: bool,
    look: Look,
}

impl Reader for Page {
    async fn next(&mut self) -> Option<Vec<Event>> {
        Some(match self.listener.next().await? {
            News::Beat => vec![Event::default().comment("")],
            News::Prices(prices) => self.tell_prices(&prices).await.into_iter().collect(),
            News::Fill(fill) => self.tell_rewards(&fill).await.into_iter().collect(),
            // The next page shows what was missed.
            News::Missed(version) => {
                self.cursor = Cursor { version, part: 0, ..self.cursor };
                Vec::new()
            }
        })
    }
}

impl Page {
    async fn tell_prices(&mut self, prices: &Prices) -> Option<Event> {
        let mut html = String::new();
        for (position, symbol) in &self.stocks {
            let Some(quote) = prices.find_changed(*position, self.cursor.prices) else { continue };
            let (price, change) = (self.look.fmt.price(quote.price), quote.change());
            let way = format::direction(self.look.fmt.shown_percent(change));
            let change = self.look.fmt.change(change);
            let symbol = escaped(symbol.as_str());
            html.push_str(&format!(
                "<span id=\"px-{symbol}\" class=\"num\" hx-swap-oob=\"true\">{price}</span>\
                 <span id=\"ch-{symbol}\" class=\"num {way}\" hx-swap-oob=\"true\">{change}</span>"
            ));
            if self.shows_sides {
                let sides = prices.snapshot.sides(&quote, self.state.rules.spread_bps);
                for (id, price) in [("ask", sides.ask), ("bid", sides.bid)] {
                    let price = self.look.fmt.price(price);
                    html.push_str(&format!(
                        "<span id=\"{id}-{symbol}\" class=\"num\" hx-swap-oob=\"true\">{price}</span>"
                    ));
                }
            }
        }
        self.cursor.prices = prices.number;
        if self.shows_total {
            html.push_str(&self.total().await.unwrap_or_default());
        }
        (!html.is_empty()).then(|| event("prices", self.cursor, html))
    }

    /// What the player has at these prices; nothing when the database does not say.
    async fn total(&self) -> Option<String> {
        let json = self.state.prices.prices_json();
        let summary = self.state.store.portfolio_summary(self.player_id, &json).await.ok()?;
        let total = Money(summary.cash.0.saturating_add(summary.total_value.0));
        let total = self.look.fmt.money(total);
        Some(format!("<p id=\"total\" class=\"big num\" hx-swap-oob=\"true\">{total}</p>"))
    }

    /// What an entry unlocked and the level it reached, quietly; never the trade itself.
    async fn tell_rewards(&mut self, fill: &Fill) -> Option<Event> {
        let entry = &fill.entry;
        self.cursor = Cursor { version: entry.version, part: 0, ..self.cursor };
        let rules = &self.state.rules;
        let unlocked = fill.unlocked.iter().filter_map(|unlock| {
            let known = rules.achievements.iter().find(|rule| rule.id == unlock.achievement_id)?;
            let name = format!("<span lang=\"en\">{}</span>", escaped(&known.name));
            let xp = self.look.say("common-xp-gained", &[("xp", &unlock.xp)]);
            Some(self.toast(&format!("{} {name}", self.look.say("common-badge", &[])), &xp))
        });
        let mut toasts: Vec<String> = unlocked.collect();
        if !toasts.is_empty() {
            // It is shown now; that it was is not worth losing it for.
            let noted = self.state.store.mark_rewards_seen(self.player_id, entry.version).await;
            if let Err(error) = noted {
                tracing::warn!(%error, "cannot note that rewards were shown");
            }
        }
        if let Some(reached) = rules.levels.reached_by(entry) {
            let level = self.look.say("common-level-reached", &[("level", &reached.level)]);
            toasts.push(self.toast(&level, ""));
        }
        let html = format!("<div hx-swap-oob=\"beforeend:#toasts\">{}</div>", toasts.concat());
        (!toasts.is_empty()).then(|| event("reward", self.cursor, html))
    }

    /// `title` is HTML; `text` is a message.
    fn toast(&self, title: &str, text: &str) -> String {
        let dismiss = self.look.say("common-ok", &[]);
        format!(
            "<div class=\"toast\"><p><b>{title}</b><br><span class=\"small\">{text}</span></p>\
             <button class=\"btn s\" type=\"button\" data-dismiss data-js>{dismiss}</button></div>"
        )
    }
}

/// A text of the rules as HTML.
fn escaped(text: &str) -> String {
    text.replace('&', "&#38;").replace('<', "&#60;").replace('>', "&#62;")
}
