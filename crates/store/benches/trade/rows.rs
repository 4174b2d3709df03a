//! Reads and writes rows of the bench's statements. Macros, because the engines' connections are
//! two types.

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    AchievementSet, Day, Hash, Holding, Invested, Money, Month, Player, Quantity, UnixMicros,
};

/// Executes a statement; returns the number of affected rows.
macro_rules! execute {
    ($conn:expr, $sql:expr, [$($value:expr),* $(,)?]) => {
        sqlx::query($sql)$(.bind($value))*.execute(&mut *$conn).await?.rows_affected()
    };
}

/// Writes a ledger entry.
macro_rules! execute_entry {
    ($conn:expr, $fill:expr) => {{
        let (entry, hash) = (&$fill.entry, $fill.hash.0.to_vec());
        execute!(
            $conn,
            $crate::sql::ENTRY,
            [
                entry.player_id,
                entry.version,
                entry.month.0,
                entry.kind.as_str(),
                entry.stock_id,
                entry.quantity.0,
                entry.price.map(|price| price.0),
                entry.amount.0,
                entry.fee.0,
                entry.xp_trade,
                entry.xp_achievements,
                entry.cash_after.0,
                entry.quantity_after.0,
                entry.cost_basis_after.0,
                entry.total_xp_after,
                entry.quote_as_of.map(|at| at.0),
                entry.quote_day.map(|day| i64::from(day.0)),
                entry.quote_source.map(domain::QuoteSource::as_str),
                entry.about_version,
                entry.created_at.0,
                hash,
            ]
        )
    }};
}

/// Writes the player's holding of the game's stock.
macro_rules! execute_holding {
    ($conn:expr, $player:expr, $stock_id:expr) => {{
        let holding = $player.holdings.get(&$stock_id).expect("a trade leaves a holding");
        execute!(
            $conn,
            $crate::sql::SAVE_HOLDING,
            [
                $player.player_id,
                $stock_id,
                holding.quantity.0,
                holding.cost_basis.0,
                i64::from(holding.opened_on.0),
            ]
        )
    }};
}

/// Writes a player if the version is unchanged; returns the number of rows.
macro_rules! execute_player {
    ($conn:expr, $player:expr, $before:expr, $fill:expr) => {
        execute!(
            $conn,
            $crate::sql::SAVE_PLAYER,
            [
                $player.player_id,
                $before,
                $player.cash.0,
                $player.total_xp,
                $player.balance_version,
                $player.head_hash.0.to_vec(),
                $player.head_month.0,
                $player.xp_day,
                $player.xp_day_trades,
                $player.trades,
                $player.stocks_bought,
                $player.categories_bought,
                $player.realised_profit.0,
                $fill.entry.created_at.0,
            ]
        )
    };
}

/// Shares, cost basis and day of opening.
pub(crate) type HoldingRow = (i64, i64, i64);

/// The columns of a player.
pub(crate) struct PlayerRow {
    player_id: i64,
    cash: i64,
    total_xp: i64,
    balance_version: i64,
    head_hash: Vec<u8>,
    head_month: i64,
    xp_day: i64,
    xp_day_trades: i64,
    trades: i64,
    notes: i64,
    stocks_bought: i64,
    categories_bought: i64,
    realised_profit: i64,
    achievements: i64,
}

impl<'r, R: sqlx::Row> sqlx::FromRow<'r, R> for PlayerRow
where
    &'static str: sqlx::ColumnIndex<R>,
    i64: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
    Vec<u8>: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
{
    fn from_row(row: &'r R) -> sqlx::Result<Self> {
        Ok(Self {
            player_id: row.try_get("player_id")?,
            cash: row.try_get("cash")?,
            total_xp: row.try_get("total_xp")?,
            balance_version: row.try_get("balance_version")?,
            head_hash: row.try_get("head_hash")?,
            head_month: row.try_get("head_month")?,
            xp_day: row.try_get("xp_day")?,
            xp_day_trades: row.try_get("xp_day_trades")?,
            trades: row.try_get("trades")?,
            notes: row.try_get("notes")?,
            stocks_bought: row.try_get("stocks_bought")?,
            categories_bought: row.try_get("categories_bought")?,
            realised_profit: row.try_get("realised_profit")?,
            achievements: row.try_get("achievements")?,
        })
    }
}

impl PlayerRow {
    /// The player with this holding of the stock.
    pub(crate) fn read(self, stock_id: i64, holding: Option<HoldingRow>) -> Player {
        let holding = holding.map(|(quantity, cost_basis, opened_on)| {
            let (quantity, cost_basis) = (Quantity(quantity), Money(cost_basis));
            let opened_on = Day(i32::try_from(opened_on).expect("a day"));
            (
                stock_id,
                Holding { quantity, cost_basis, opened_on, bought_on: opened_on, noted_on: None },
            )
        });
        Player {
            player_id: self.player_id,
            cash: Money(self.cash),
            total_xp: self.total_xp,
            balance_version: self.balance_version,
            head_hash: Hash(self.head_hash.try_into().expect("32 bytes")),
            head_month: Month(self.head_month),
            xp_day: self.xp_day,
            xp_day_trades: self.xp_day_trades,
            session_day: Day::default(),
            session_trades: 0,
            trades: self.trades,
            notes: self.notes,
            stocks_bought: self.stocks_bought,
            categories_bought: self.categories_bought,
            realised_profit: Money(self.realised_profit),
            achievements: AchievementSet::from_parts(self.achievements, Vec::new()),
            holdings_value: Money::ZERO,
            invested: Invested::default(),
            sealed_until: UnixMicros::default(),
            market_day: Day::default(),
            sellable_session: None,
            holdings: BTreeMap::from_iter(holding),
            noted: BTreeSet::new(),
            known_texts: BTreeSet::new(),
            new_texts: BTreeSet::new(),
        }
    }
}
