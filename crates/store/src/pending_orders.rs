//! Stores, reads and cancels pending orders, which fill at the close of a session or at a later
//! quote. `execution` has the statements of their execution; `web` decides when an order fills.

use domain::{
    Day, Month, Note, OrderId, OrderState, Price, Quantity, Rejection, Side, Symbol, TradeId,
    UnixMicros,
};

use crate::decode::read_day;
use crate::query::row;
use crate::statement::{LazyStatement, only};
use crate::transaction::Tx;
use crate::{Store, StoreError};

/// The fill time of an order at a close that the game's clock does not reach by its present
/// segments: the last second of the year 9999.
pub const UNPLANNED: UnixMicros = UnixMicros(253_402_300_799_000_000);

/// The price at which a pending order fills.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FillsAt {
    /// The close of the session of this day.
    Close(Day),
    /// The first quote after this instant.
    QuoteAfter(UnixMicros),
}

#[derive(Clone, Debug)]
pub struct NewPendingOrder<'a> {
    pub player_id: i64,
    pub order: domain::Order,
    pub note: Option<&'a Note>,
    /// The idempotency key.
    pub client_key: Option<&'a str>,
    pub fingerprint: [u8; 32],
    pub request_id: &'a str,
    pub at: FillsAt,
    /// The earliest time of execution.
    pub fills_at: UnixMicros,
    /// The latest time of execution.
    pub expires_at: UnixMicros,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingOrder {
    pub id: OrderId,
    pub order: domain::Order,
    pub symbol: Symbol,
    pub note: Option<String>,
    pub fingerprint: [u8; 32],
    pub request_id: String,
    pub accepted_at: UnixMicros,
    pub at: FillsAt,
    /// The earliest time of execution.
    pub fills_at: UnixMicros,
    /// The latest time of execution.
    pub expires_at: UnixMicros,
    pub state: OrderState,
    /// When it entered a final state.
    pub ended_at: Option<UnixMicros>,
    pub trade: Option<TradeId>,
    pub rejection: Option<Rejection>,
    /// The close at which it fills, once saved.
    pub close: Option<Price>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrderPlacement {
    Accepted(PendingOrder),
    /// An order with this key exists; its fingerprint shows whether the request was the same.
    Known(PendingOrder),
    /// The key belongs to an immediate trade.
    KeyOfTrade,
    /// The player has the maximum number of pending orders.
    TooMany,
    /// The player does not exist or the user was erased.
    UnknownPlayer,
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT o.order_id, o.player_id, o.stock_id, s.symbol, o.side,
                 o.quantity, o.note, o.fingerprint, o.request_id, o.accepted_at, o.session_day,
                 o.quote_after, o.fills_at, o.expires_at, o.state, o.ended_at, o.month, o.version,
                 o.rejection, c.close
             FROM pending_orders o
             JOIN stocks s ON s.stock_id = o.stock_id
             LEFT JOIN stock_history c ON c.stock_id = o.stock_id AND c.day = o.session_day ",
            $rest
        )
    };
}

mod execution;

pub use self::execution::OrderOutcome;
pub(crate) use self::execution::STATEMENTS as EXECUTION_STATEMENTS;

static LOCK: LazyStatement = LazyStatement::new(
    "pending_orders.lock_player",
    "SELECT p.player_id FROM players p
     WHERE p.player_id = $1 AND p.erased_at IS NULL {for update}",
);

static COUNT: LazyStatement = LazyStatement::new(
    "pending_orders.count",
    "SELECT count(*) FROM pending_orders o
     WHERE o.player_id = $1 AND o.state IN ('pending', 'executing')",
);

// A record without entry and rejection: the key belongs to a pending order.
static RESERVE_KEY: LazyStatement = LazyStatement::new(
    "pending_orders.reserve_key",
    "INSERT INTO idempotency (player_id, key, fingerprint, request_id, created_at)
     VALUES ($1, $2, $3, $4, $5) ON CONFLICT (player_id, key) DO NOTHING",
);

static INSERT: LazyStatement = LazyStatement::new(
    "pending_orders.insert",
    "INSERT INTO pending_orders (player_id, stock_id, side, quantity, note,
         client_key, fingerprint, request_id, accepted_at, session_day, quote_after, fills_at,
         expires_at, state)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 'pending')
     RETURNING order_id",
);

static FIND: LazyStatement = LazyStatement::new(
    "pending_orders.find",
    select!("WHERE o.order_id = $1 AND o.player_id = $2"),
);

static FIND_BY_KEY: LazyStatement = LazyStatement::new(
    "pending_orders.find_by_key",
    select!("WHERE o.player_id = $1 AND o.client_key = $2"),
);

static PAGE: LazyStatement = LazyStatement::new(
    "pending_orders.page",
    select!(
        "WHERE o.player_id = $1 AND o.order_id < $2 AND ($3 = '' OR o.state = $3)
         ORDER BY o.order_id DESC LIMIT $4"
    ),
);

// Not after the close is public: cancelling would be a free option.
static CANCEL: LazyStatement = LazyStatement::new(
    "pending_orders.cancel",
    "UPDATE pending_orders SET state = 'cancelled', ended_at = $3
     WHERE order_id = $1 AND player_id = $2 AND state = 'pending'
         AND (session_day IS NULL OR fills_at > $3)",
);

pub(crate) static STATEMENTS: &[&LazyStatement] =
    &[&LOCK, &COUNT, &RESERVE_KEY, &INSERT, &FIND, &FIND_BY_KEY, &PAGE, &CANCEL];

row! {
    struct OrderRow {
        order_id: i64,
        player_id: i64,
        stock_id: i64,
        symbol: String,
        side: String,
        quantity: i64,
        note: Option<String>,
        fingerprint: Vec<u8>,
        request_id: String,
        accepted_at: i64,
        session_day: Option<i64>,
        quote_after: Option<i64>,
        fills_at: i64,
        expires_at: i64,
        state: String,
        ended_at: Option<i64>,
        month: Option<i64>,
        version: Option<i64>,
        rejection: Option<String>,
        close: Option<i64>,
    }
}

impl OrderRow {
    fn read(self) -> Result<PendingOrder, StoreError> {
        let corrupt = |what: &str| {
            StoreError::Corrupt(format!("pending order {}: unreadable {what}", self.order_id))
        };
        let side = match self.side.as_str() {
            "buy" => Side::Buy,
            "sell" => Side::Sell,
            _ => return Err(corrupt("side")),
        };
        let at = match (self.session_day, self.quote_after) {
            (Some(day), None) => FillsAt::Close(read_day(day)?),
            (None, Some(after)) => FillsAt::QuoteAfter(UnixMicros(after)),
            _ => return Err(corrupt("fill time")),
        };
        let (player_id, order_id) = (self.player_id, self.order_id);
        let trade = self.month.zip(self.version);
        let rejection = self
            .rejection
            .as_deref()
            .map(|code| Rejection::from_code(code).ok_or_else(|| corrupt("rejection")));
        Ok(PendingOrder {
            id: OrderId { player_id, order_id },
            order: domain::Order {
                stock_id: self.stock_id,
                side,
                quantity: Quantity(self.quantity),
            },
            symbol: Symbol::parse(&self.symbol).map_err(|_| corrupt("symbol"))?,
            fingerprint: self
                .fingerprint
                .as_slice()
                .try_into()
                .map_err(|_| corrupt("fingerprint"))?,
            accepted_at: UnixMicros(self.accepted_at),
            at,
            fills_at: UnixMicros(self.fills_at),
            expires_at: UnixMicros(self.expires_at),
            state: OrderState::parse(&self.state).ok_or_else(|| corrupt("state"))?,
            ended_at: self.ended_at.map(UnixMicros),
            trade: trade.map(|(month, version)| TradeId {
                player_id,
                month: Month(month),
                version,
            }),
            rejection: rejection.transpose()?,
            close: self.close.map(Price),
            note: self.note,
            request_id: self.request_id,
        })
    }
}

async fn insert(
    tx: &mut Tx,
    new: &NewPendingOrder<'_>,
    now: UnixMicros,
) -> Result<i64, StoreError> {
    let (session_day, quote_after) = match new.at {
        FillsAt::Close(day) => (Some(i64::from(day.0)), None),
        FillsAt::QuoteAfter(after) => (None, Some(after.0)),
    };
    let params = (
        new.player_id,
        new.order.stock_id,
        new.order.side.as_str(),
        new.order.quantity.0,
        new.note.map(Note::as_str),
        new.client_key,
        &new.fingerprint[..],
        new.request_id,
        now.0,
        session_day,
        quote_after,
        new.fills_at.0,
        new.expires_at.0,
    );
    only(tx.run().fetch_scalars(&INSERT, params).await?)
}

impl Store {
    /// Stores an order and reserves its key in one transaction; writes nothing unless it returns
    /// [`OrderPlacement::Accepted`]. After `CommitLost` the order may be stored. Locks the player's
    /// row like a batch, so that concurrent orders of a player are counted one after the other and
    /// an erasure waits.
    pub async fn place_order(
        &self,
        new: &NewPendingOrder<'_>,
        orders_max: i64,
        now: UnixMicros,
    ) -> Result<OrderPlacement, StoreError> {
        let mut tx = self.begin().await?;
        let player: Option<i64> = tx.run().fetch_optional_scalar(&LOCK, (new.player_id,)).await?;
        if player.is_none() {
            return Ok(OrderPlacement::UnknownPlayer);
        }
        if let Some(key) = new.client_key {
            let known: Option<OrderRow> =
                tx.run().fetch_optional(&FIND_BY_KEY, (new.player_id, key)).await?;
            if let Some(known) = known {
                return Ok(OrderPlacement::Known(known.read()?));
            }
        }
        let count: i64 = tx.run().fetch_scalar(&COUNT, (new.player_id,)).await?;
        if count >= orders_max {
            return Ok(OrderPlacement::TooMany);
        }
        if let Some(key) = new.client_key {
            let params = (new.player_id, key, &new.fingerprint[..], new.request_id, now.0);
            let reserved = tx.run().execute(&RESERVE_KEY, params).await?;
            if reserved == 0 {
                return Ok(OrderPlacement::KeyOfTrade);
            }
        }
        let order_id = insert(&mut tx, new, now).await?;
        let stored: Option<OrderRow> =
            tx.run().fetch_optional(&FIND, (order_id, new.player_id)).await?;
        let without_stock =
            || StoreError::Corrupt(format!("pending order {order_id} has no stock"));
        let order = stored.ok_or_else(without_stock)?.read()?;
        tx.commit_once().await?;
        Ok(OrderPlacement::Accepted(order))
    }

    pub async fn find_order(&self, id: OrderId) -> Result<Option<PendingOrder>, StoreError> {
        let row: Option<OrderRow> =
            self.reader().fetch_optional(&FIND, (id.order_id, id.player_id)).await?;
        row.map(OrderRow::read).transpose()
    }

    pub async fn find_order_by_key(
        &self,
        player_id: i64,
        key: &str,
    ) -> Result<Option<PendingOrder>, StoreError> {
        let row: Option<OrderRow> =
            self.reader().fetch_optional(&FIND_BY_KEY, (player_id, key)).await?;
        row.map(OrderRow::read).transpose()
    }

    /// The player's orders below an id, newest first, in one state or all.
    pub async fn orders_page(
        &self,
        player_id: i64,
        below: Option<i64>,
        state: Option<OrderState>,
        limit: i64,
    ) -> Result<Vec<PendingOrder>, StoreError> {
        let rows: Vec<OrderRow> = self
            .reader()
            .fetch_all(
                &PAGE,
                (player_id, below.unwrap_or(i64::MAX), state.map_or("", OrderState::as_str), limit),
            )
            .await?;
        rows.into_iter().map(OrderRow::read).collect()
    }

    /// Cancels an order that is pending and, if it fills at a close, before that close. Returns
    /// whether it was cancelled.
    pub async fn cancel_order(&self, id: OrderId, now: UnixMicros) -> Result<bool, StoreError> {
        Ok(self.writer().execute(&CANCEL, (id.order_id, id.player_id, now.0)).await? > 0)
    }
}
