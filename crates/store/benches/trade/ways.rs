//! The four ways to trade one share, each durable before it counts.

use std::sync::Arc;
use std::time::Duration;

use domain::{
    EntryKind, Fill, Player, Quantity, QuoteSource, Rejection, Side, UnixMicros, genesis_hash,
};
use store::Valuation;
use testkit::SeededEntropy;
use trading::{Desk, DeskDeps, DeskError, DeskRequest, GameRules, TradingConfig};

use crate::database::{Database, Raw};
use crate::game::{AMOUNT, DAY, Game, PRICE};
use crate::rows::{HoldingRow, PlayerRow};
use crate::sql;

/// A way to trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// The player's row is locked during the transaction.
    Locked,
    /// The original's guide: the version is checked on write, with a few retries after random
    /// pauses.
    Optimistic,
    /// As few guarded statements as the engine allows. No hash chain, no XP.
    Guarded,
    /// Openbell's desk.
    Desk,
}

/// Retries of the optimistic way and their pauses in milliseconds.
const RETRIES_MAX: u32 = 3;
const RETRY_WAIT_MS: (u64, u64) = (50, 200);

/// The outcome of a trade.
pub(crate) struct Traded {
    pub(crate) accepted: bool,
    /// Statements sent, BEGIN and COMMIT among them. Openbell's are counted by its metrics.
    pub(crate) statements: u64,
}

type BenchError = Box<dyn std::error::Error + Send + Sync>;

/// One way on one database.
pub(crate) struct Trader {
    way: Way,
    game: Game,
    raw: Raw,
    chance: SeededEntropy,
    desk: Option<Desk>,
}

impl Trader {
    pub(crate) async fn new(way: Way, database: &Database, lanes: u32) -> Self {
        let (game, raw) = (database.game.clone(), database.raw.clone());
        let desk = match way {
            Way::Desk => Some(open_desk(database, lanes).await),
            _ => None,
        };
        Self { way, game, raw, chance: SeededEntropy::new(1), desk }
    }

    pub(crate) async fn close(&self) {
        if let Some(desk) = &self.desk {
            desk.close().await;
        }
    }

    /// Buys or sells one share.
    pub(crate) async fn trade(&self, player_id: i64, side: Side) -> Result<Traded, BenchError> {
        match (self.way, &self.desk) {
            (Way::Locked, _) => self.locked(player_id, side).await,
            (Way::Optimistic, _) => self.optimistic(player_id, side).await,
            (Way::Guarded, _) => self.guarded(player_id, side).await,
            (Way::Desk, Some(desk)) => self.submit(desk, player_id, side).await,
            (Way::Desk, None) => Err("there is no desk".into()),
        }
    }

    async fn locked(&self, player_id: i64, side: Side) -> Result<Traded, BenchError> {
        on_engine!(&self.raw, |pools| {
            let mut tx = pools.writer.begin_with(pools.begin).await?;
            let row: PlayerRow =
                sqlx::query_as(pools.player_for_update).bind(player_id).fetch_one(&mut *tx).await?;
            let holding: Option<HoldingRow> = sqlx::query_as(sql::HOLDING)
                .bind(player_id)
                .bind(self.game.stock_id)
                .fetch_optional(&mut *tx)
                .await?;
            let mut player = row.read(self.game.stock_id, holding);
            let before = player.balance_version;
            let Ok(fill) = self.game.settle(&mut player, side) else {
                tx.rollback().await?;
                return Ok(Traded { accepted: false, statements: 4 });
            };
            execute_player!(tx, player, before, fill);
            execute_holding!(tx, player, self.game.stock_id);
            execute_entry!(tx, fill);
            tx.commit().await?;
            Ok(Traded { accepted: true, statements: 7 })
        })
    }

    async fn optimistic(&self, player_id: i64, side: Side) -> Result<Traded, BenchError> {
        let mut statements = 0;
        for attempt in 0..=RETRIES_MAX {
            if attempt > 0 {
                let (least, most) = RETRY_WAIT_MS;
                let wait = least + self.chance.next_u64() % (most - least + 1);
                tokio::time::sleep(Duration::from_millis(wait)).await;
            }
            let (mut player, before) = self.read(player_id).await?;
            statements += 2;
            let Ok(fill) = self.game.settle(&mut player, side) else { break };
            let won = self.write_if_unmoved(&player, before, &fill).await?;
            statements += if won { 5 } else { 3 };
            if won {
                return Ok(Traded { accepted: true, statements });
            }
        }
        Ok(Traded { accepted: false, statements })
    }

    async fn read(&self, player_id: i64) -> Result<(Player, i64), BenchError> {
        on_engine!(&self.raw, |pools| {
            let mut conn = pools.reader.acquire().await?;
            let row: PlayerRow =
                sqlx::query_as(sql::PLAYER).bind(player_id).fetch_one(&mut *conn).await?;
            let holding: Option<HoldingRow> = sqlx::query_as(sql::HOLDING)
                .bind(player_id)
                .bind(self.game.stock_id)
                .fetch_optional(&mut *conn)
                .await?;
            let player = row.read(self.game.stock_id, holding);
            let before = player.balance_version;
            Ok((player, before))
        })
    }

    async fn write_if_unmoved(
        &self,
        player: &Player,
        before: i64,
        fill: &Fill,
    ) -> Result<bool, BenchError> {
        on_engine!(&self.raw, |pools| {
            let mut tx = pools.writer.begin_with(pools.begin).await?;
            if execute_player!(tx, player, before, fill) == 0 {
                tx.rollback().await?;
                return Ok(false);
            }
            execute_holding!(tx, player, self.game.stock_id);
            execute_entry!(tx, fill);
            tx.commit().await?;
            Ok(true)
        })
    }

    async fn guarded(&self, player_id: i64, side: Side) -> Result<Traded, BenchError> {
        let pools = match &self.raw {
            Raw::Sqlite(_) => return self.guarded_in_steps(player_id, side).await,
            Raw::Postgres(pools) => pools,
        };
        let text = match side {
            Side::Buy => sql::GUARDED_BUY,
            Side::Sell => sql::GUARDED_SELL,
        };
        let (mut conn, now) = (pools.writer.acquire().await?, self.game.now());
        let written = execute!(
            conn,
            text,
            [
                player_id,
                self.game.stock_id,
                AMOUNT,
                Quantity::SHARE,
                i64::from(DAY.0),
                now.month().0,
                PRICE.0,
                now.0,
                genesis_hash(0).0.to_vec(),
            ]
        );
        Ok(Traded { accepted: written == 1, statements: 1 })
    }

    async fn guarded_in_steps(&self, player_id: i64, side: Side) -> Result<Traded, BenchError> {
        let Raw::Sqlite(pools) = &self.raw else { return Err("this is for SQLite".into()) };
        let (shares, cents, kind) = match side {
            Side::Buy => (Quantity::SHARE, AMOUNT, EntryKind::Buy),
            Side::Sell => (-Quantity::SHARE, AMOUNT, EntryKind::Sell),
        };
        let amount = if side == Side::Buy { -cents } else { cents };
        let (now, hash) = (self.game.now(), genesis_hash(0).0.to_vec());
        let mut tx = pools.writer.begin_with(pools.begin).await?;
        let paid: Option<(i64, i64, i64)> = sqlx::query_as(sql::GUARDED_CASH)
            .bind(player_id)
            .bind(amount)
            .bind(hash.clone())
            .bind(now.month().0)
            .bind(now.0)
            .fetch_optional(&mut *tx)
            .await?;
        let held: Option<(i64, i64)> = sqlx::query_as(sql::GUARDED_HOLDING)
            .bind(player_id)
            .bind(self.game.stock_id)
            .bind(shares)
            .bind(cents)
            .fetch_optional(&mut *tx)
            .await?;
        let (Some((cash, total_xp, version)), Some((quantity, cost_basis))) = (paid, held) else {
            tx.rollback().await?;
            return Ok(Traded { accepted: false, statements: 4 });
        };
        execute!(
            tx,
            sql::ENTRY,
            [
                player_id,
                version,
                now.month().0,
                kind.as_str(),
                self.game.stock_id,
                shares,
                PRICE.0,
                amount,
                0_i64,
                0_i64,
                0_i64,
                cash,
                quantity,
                cost_basis,
                total_xp,
                now.0,
                i64::from(DAY.0),
                QuoteSource::Fixed.as_str(),
                None::<i64>,
                now.0,
                hash,
            ]
        );
        tx.commit().await?;
        Ok(Traded { accepted: true, statements: 5 })
    }

    async fn submit(&self, desk: &Desk, player_id: i64, side: Side) -> Result<Traded, BenchError> {
        let request = DeskRequest {
            player_id,
            action: self.game.action(side),
            idempotency: None,
            request_id: String::new(),
        };
        let accepted = match desk.submit(request).await {
            Ok(answer) => answer.outcome.is_ok(),
            Err(DeskError::Full { .. }) => false,
            Err(error) => return Err(error.into()),
        };
        Ok(Traded { accepted, statements: 0 })
    }
}

/// A desk configured like the server's.
async fn open_desk(database: &Database, lanes: u32) -> Desk {
    let game = database.game.clone();
    let prices = format!("[[{},{}]]", game.stock_id, PRICE.0);
    let (quoting, prices) = (game.clone(), Valuation::at_prices(&prices));
    let row = database.store.ensure_game("fixed", game.now()).await.expect("a game");
    let clock = Arc::new(game.clock);
    let rules = GameRules::open(&database.store, &row, &game.rules, clock).await;
    let parts = DeskDeps {
        store: database.store.clone(),
        rules: rules.expect("rules"),
        clock: Arc::new(game.clock),
        entropy: Arc::new(SeededEntropy::new(1)),
        quotes: Arc::new(move |stock_id| {
            if stock_id == quoting.stock_id { Ok(quoting.quote()) } else { Err(Rejection::NoQuote) }
        }),
        published: tokio::sync::watch::channel(UnixMicros(0)).1,
        valuation: Arc::new(move || prices.clone()),
        on_commit: Arc::new(|_| ()),
    };
    Desk::start(&TradingConfig { lanes, ..TradingConfig::default() }, parts)
}
