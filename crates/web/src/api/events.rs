//! What happens, told to programs while it happens: `GET /api/events`, as server-sent events. Who
//! is told what and when is decided in `events`; here is only how it looks.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use axum::response::sse::Event;
use domain::{EntryKind, Fill, LedgerEntry, Quantity};
use market::PriceBoard;
use serde::Serialize;
use store::{BoardKind, TokenKind};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::achievements::UnlockedAchievement;
use crate::auth::sessions::{Player, bearer};
use crate::auth::tokens;
use crate::game::numbers::Shares;
use crate::problem::Problem;
use crate::state::AppState;
use crate::stream::{
    ChangedPrice, Cursor, Listener, News, Prices, Reader, Session, event, respond,
};

pub(crate) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(stream_events))
}

/// The `data` of an event; which of them it is says the event's name.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "it exists for the document; each event is written as it is met")]
pub(crate) enum EventData {
    /// `prices`: those that changed since the last such event, the first time all of them.
    Prices(Vec<ChangedPrice>),
    /// `fill`: a trade of yours was committed.
    Fill(FillEvent),
    /// `achievement`: a trade or a note of yours unlocked it.
    Achievement(UnlockedAchievement),
    /// `level`: you reached it.
    Level(LevelEvent),
    /// `rank`: where you stand, the first time and whenever the rank is another.
    Rank(RankEvent),
    /// `reload`: more was missed than is told again; load what you show anew.
    Reload(ReloadEvent),
}

/// A trade that was committed.
#[derive(Serialize, ToSchema)]
pub(crate) struct FillEvent {
    /// The public number of this trade.
    #[schema(example = "t-42-202611-2")]
    trade_id: String,
    #[schema(example = "buy")]
    side: &'static str,
    #[schema(example = "AAPL")]
    stock_symbol: String,
    quantity: Shares,
    /// The price of one share.
    #[schema(example = "189.95")]
    price: String,
    /// Cash afterwards.
    #[schema(example = "9430.15")]
    cash_after: String,
    /// XP for the trade itself, without that of achievements.
    #[schema(example = 10)]
    xp_earned: i64,
    #[schema(example = "2026-11-23T00:45:41.000000Z")]
    executed_at: String,
}

impl FillEvent {
    /// `None` for an entry that is no trade.
    fn find(entry: &LedgerEntry, prices: &PriceBoard) -> Option<Self> {
        if !matches!(entry.kind, EntryKind::Buy | EntryKind::Sell) {
            return None;
        }
        let position = prices.position(entry.stock_id?);
        let listing = position.and_then(|position| prices.listings().get(position));
        Some(Self {
            trade_id: entry.trade_id().to_string(),
            side: entry.kind.as_str(),
            stock_symbol: listing.map(|l| l.symbol.to_string()).unwrap_or_default(),
            quantity: Shares(Quantity(entry.quantity.0.saturating_abs())),
            price: entry.price.unwrap_or_default().to_string(),
            cash_after: entry.cash_after.to_string(),
            xp_earned: entry.xp_trade,
            executed_at: entry.created_at.to_string(),
        })
    }
}

/// A level that was reached.
#[derive(Serialize, ToSchema)]
pub(crate) struct LevelEvent {
    #[schema(example = 2)]
    level: i64,
    /// Experience within the level.
    #[schema(example = 40)]
    experience_points: i64,
}

/// Where you stand on the board by experience.
#[derive(Serialize, ToSchema)]
pub(crate) struct RankEvent {
    #[schema(example = 17)]
    rank: u64,
    #[schema(example = 2)]
    level: i64,
    /// Experience within the level.
    #[schema(example = 40)]
    experience_points: i64,
}

impl RankEvent {
    /// `None` while the board is being built.
    fn find(state: &AppState, player_id: i64) -> Option<Self> {
        let board = state.boards.board(BoardKind::Xp);
        let (rank, total_xp) = board.is_ready().then(|| board.rank(player_id)).flatten()?;
        let progress = state.rules.levels.progress(total_xp);
        Some(Self { rank, level: progress.level, experience_points: progress.xp_in_level })
    }
}

/// Nothing but the event itself.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReloadEvent {}

/// What happens, as server-sent events: prices, your own trades, achievements, levels and rank.
///
/// Each event has a name, an `id`, and one JSON value as `data`. `prices` and `rank` come at most
/// every five seconds unless the host chose otherwise; the others at once. A comment is sent every
/// 25 seconds. Come back with `Last-Event-ID`, and what you missed of your own follows first,
/// nothing of it twice; of more than 100 entries the event `reload` is all that is told.
///
/// A stream ends when its token does, when the server does, and when you open more than six: then
/// the oldest goes. A browser's `EventSource` cannot send the token; use `fetch`.
#[utoipa::path(get, path = "/api/events", tag = "progress", security(("bearer" = [])),
    params(("Last-Event-ID" = Option<String>, Header,
        description = "The `id` of the last event that was read", example = "7.0.1795000005")),
    responses((status = 200, body = EventData, content_type = "text/event-stream",
        description = "The stream; the schema is that of an event's `data`.")))]
async fn stream_events(
    State(state): State<AppState>,
    player: Player,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let hash = bearer(&headers).and_then(tokens::hash);
    let hash = hash.ok_or_else(|| Problem::unauthenticated(true))?;
    let session = Session { player_id: player.player_id, kind: TokenKind::Api, hash };
    let (listener, cursor) = Listener::open(&state, session, Cursor::of(&headers)).await?;
    let player_id = player.player_id;
    Ok(respond(Vec::new(), Program { state, player_id, listener, cursor, rank: None }))
}

/// A program that reads.
struct Program {
    state: AppState,
    player_id: i64,
    listener: Listener,
    /// What it has been told.
    cursor: Cursor,
    /// The last rank that was told.
    rank: Option<u64>,
}

impl Reader for Program {
    async fn next(&mut self) -> Option<Vec<Event>> {
        Some(match self.listener.next().await? {
            News::Beat => vec![Event::default().comment("")],
            News::Prices(prices) => self.tell_prices(&prices),
            News::Fill(fill) => self.tell_fill(&fill),
            News::Missed(version) => {
                self.cursor = Cursor { version, part: 0, ..self.cursor };
                vec![self.event("reload", &ReloadEvent {})]
            }
        })
    }
}

impl Program {
    fn tell_prices(&mut self, prices: &Prices) -> Vec<Event> {
        let mut events = Vec::new();
        let (listings, spread_bps) = (self.state.prices.listings(), self.state.rules.spread_bps);
        let changed = prices.json_since(self.cursor.prices, listings, spread_bps);
        self.cursor.prices = prices.number;
        events.extend(changed.map(|json| event("prices", self.cursor, json)));
        let place = RankEvent::find(&self.state, self.player_id);
        if let Some(place) = place.filter(|place| Some(place.rank) != self.rank) {
            self.rank = Some(place.rank);
            events.push(self.event("rank", &place));
        }
        events
    }

    /// The events of one entry. Only the last of them says that the entry is done with, so that
    /// whoever is cut off between them gets the rest.
    fn tell_fill(&mut self, fill: &Fill) -> Vec<Event> {
        let (entry, rules) = (&fill.entry, &self.state.rules);
        let trade = FillEvent::find(entry, &self.state.prices);
        let mut told: Vec<_> = trade.iter().map(|trade| ("fill", json(trade))).collect();
        let unlocked = UnlockedAchievement::list(&fill.unlocked, rules);
        told.extend(unlocked.iter().map(|unlocked| ("achievement", json(unlocked))));
        if let Some(reached) = rules.levels.reached_by(entry) {
            let (level, experience_points) = (reached.level, reached.xp_in_level);
            told.push(("level", json(&LevelEvent { level, experience_points })));
        }
        let (known, count) = (self.cursor.part, told.len());
        let events = told.into_iter().zip(1..).skip(known).map(|((name, data), part)| {
            self.cursor.part = part;
            if part == count {
                self.cursor = Cursor { version: entry.version, part: 0, ..self.cursor };
            }
            event(name, self.cursor, data)
        });
        let events = events.collect();
        // Also where there was nothing to tell.
        self.cursor = Cursor { version: entry.version, part: 0, ..self.cursor };
        events
    }

    fn event(&self, name: &'static str, data: &impl Serialize) -> Event {
        event(name, self.cursor, json(data))
    }
}

fn json(data: &impl Serialize) -> String {
    serde_json::to_string(data).unwrap_or_default()
}
