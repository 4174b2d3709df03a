//! `GET /api/events`: prices, the player's trades, achievements, levels and rank as server-sent
//! events.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use axum::response::sse::Event;
use domain::{EntryKind, Fill, LedgerEntry, MinorUnit, Quantity};
use market::{ClockReading, PriceBoard, PriceSnapshot};
use serde::Serialize;
use store::{BoardKind, TokenKind};
use utoipa::ToSchema;

use super::achievements::UnlockedAchievement;
use crate::auth::sessions::{PlayerSession, bearer};
use crate::auth::tokens;
use crate::game::numbers::Shares;
use crate::problem::Problem;
use crate::state::AppState;
use crate::stream::{
    ChangedPrice, Cursor, Prices, Reader, StreamItem, StreamSession, StreamSubscriber, event,
    respond,
};

/// The `data` of an event; the event's name selects the variant.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[expect(
    dead_code,
    reason = "it exists for the OpenAPI document; each event is serialized by itself"
)]
pub(crate) enum EventData {
    /// `prices`: the prices that changed since the last `prices` event; all of them in the first.
    Prices(Vec<ChangedPrice>),
    /// `market`: the game's clock, once at the beginning and after every change.
    Market(MarketEvent),
    /// `fill`: a trade of yours was committed.
    Fill(FillEvent),
    /// `achievement`: unlocked by one of your trades or notes.
    Achievement(UnlockedAchievement),
    /// `level`: you reached a new level.
    Level(LevelEvent),
    /// `rank`: your rank, once at the beginning and after every change.
    Rank(RankEvent),
    /// `reload`: more events were missed than are sent again; reload your data.
    Reload(ReloadEvent),
}

/// The game's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct MarketEvent {
    /// Whether prices stand still and orders are rejected.
    paused: bool,
    /// Real seconds of a session; while the clock is paused, of the session after it.
    #[schema(example = 60)]
    session_seconds: u32,
}

impl MarketEvent {
    fn new(snapshot: &PriceSnapshot) -> Self {
        let ClockReading { session_seconds, is_paused, .. } = snapshot.clock;
        Self { paused: is_paused, session_seconds }
    }
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
    /// `None` for an entry that is not a trade.
    fn find(entry: &LedgerEntry, prices: &PriceBoard, unit: MinorUnit) -> Option<Self> {
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
            price: entry.price.unwrap_or_default().to_text(unit),
            cash_after: entry.cash_after.to_text(unit),
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

/// Your rank on the leaderboard by experience.
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
        let progress = state.rules().levels.progress(total_xp);
        Some(Self { rank, level: progress.level, experience_points: progress.xp_in_level })
    }
}

/// An empty object.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReloadEvent {}

/// Server-sent events: prices, your own trades, achievements, levels and rank.
///
/// Each event has a name, an `id`, and one JSON value as `data`. By default, `prices`, `rank` and
/// `market` are sent at most every five seconds, all other events immediately, and a comment every
/// 25 seconds. After a reconnect with `Last-Event-ID`, the events of your ledger entries that you
/// missed are sent first, each once; if you missed more than 100 entries, only the event `reload`
/// is sent.
///
/// A stream ends when its token expires or is revoked, when the server shuts down, and when you
/// open a seventh stream: then the oldest is closed. A browser's `EventSource` cannot send the
/// token; use `fetch`.
#[utoipa::path(get, path = "/api/events", tag = "progress", security(("bearer" = [])),
    params(("Last-Event-ID" = Option<String>, Header,
        description = "The `id` of the last event that was read", example = "7.0.1795000005")),
    responses((status = 200, body = EventData, content_type = "text/event-stream",
        description = "The stream; the schema is that of an event's `data`.")))]
pub(super) async fn stream_events(
    State(state): State<AppState>,
    player: PlayerSession,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let hash = bearer(&headers).and_then(tokens::hash);
    let hash = hash.ok_or_else(|| Problem::unauthenticated(true))?;
    let session = StreamSession { player_id: player.player_id, kind: TokenKind::Api, hash };
    let (subscriber, cursor) =
        StreamSubscriber::open(&state, session, Cursor::of(&headers)).await?;
    let player_id = player.player_id;
    Ok(respond(ApiStream { state, player_id, subscriber, cursor, rank: None, market: None }))
}

struct ApiStream {
    state: AppState,
    player_id: i64,
    subscriber: StreamSubscriber,
    /// The position after the events sent so far.
    cursor: Cursor,
    /// The last rank that was sent.
    rank: Option<u64>,
    /// The last state of the clock that was sent.
    market: Option<MarketEvent>,
}

impl Reader for ApiStream {
    async fn next(&mut self) -> Option<Vec<Event>> {
        Some(match self.subscriber.next().await? {
            StreamItem::Beat => vec![Event::default().comment("")],
            StreamItem::Prices(prices) => self.price_events(&prices),
            StreamItem::Fill(fill) => self.fill_events(&fill),
            StreamItem::Missed(version) => {
                self.cursor = Cursor { version, part: 0, ..self.cursor };
                vec![self.event("reload", &ReloadEvent {})]
            }
        })
    }
}

impl ApiStream {
    fn price_events(&mut self, prices: &Prices) -> Vec<Event> {
        let mut events = Vec::new();
        let (listings, rules) = (self.state.prices.listings(), self.state.rules());
        let changed =
            prices.json_since(self.cursor.prices, listings, (rules.spread_bps, rules.minor_unit));
        self.cursor.prices = prices.number;
        events.extend(changed.map(|json| event("prices", self.cursor, json)));
        let market = MarketEvent::new(&prices.snapshot);
        if self.market.replace(market) != Some(market) {
            events.push(self.event("market", &market));
        }
        let rank = RankEvent::find(&self.state, self.player_id);
        if let Some(rank) = rank.filter(|rank| Some(rank.rank) != self.rank) {
            self.rank = Some(rank.rank);
            events.push(self.event("rank", &rank));
        }
        events
    }

    /// The events of one entry. Only the last of them moves the cursor past the entry, so that a
    /// client that was disconnected in between receives the rest.
    fn fill_events(&mut self, fill: &Fill) -> Vec<Event> {
        let (entry, rules) = (&fill.entry, &self.state.rules());
        let trade = FillEvent::find(entry, &self.state.prices, rules.minor_unit);
        let mut named: Vec<_> = trade.iter().map(|trade| ("fill", json(trade))).collect();
        let unlocked = UnlockedAchievement::list(&fill.unlocked, rules);
        named.extend(unlocked.iter().map(|unlocked| ("achievement", json(unlocked))));
        if let Some(reached) = rules.levels.reached_by(entry) {
            let (level, experience_points) = (reached.level, reached.xp_in_level);
            named.push(("level", json(&LevelEvent { level, experience_points })));
        }
        let (sent, count) = (self.cursor.part, named.len());
        let events = named.into_iter().zip(1..).skip(sent).map(|((name, data), part)| {
            self.cursor.part = part;
            if part == count {
                self.cursor = Cursor { version: entry.version, part: 0, ..self.cursor };
            }
            event(name, self.cursor, data)
        });
        let events = events.collect();
        // Also for an entry without events.
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
