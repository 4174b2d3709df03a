//! The progress of a player: what achievements and the XP of the next trade depend on.

use domain::{Counts, Levels, LimitStanding, Money, XpStanding};

use crate::decode::read_day;
use crate::query::row;
use crate::statement::LazyStatement;
use crate::{Store, StoreError, Valuation};

/// A player's progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlayerProgress {
    /// For achievements.
    pub counts: Counts,
    /// For the XP of the next trade.
    pub xp: XpStanding,
    /// For the limits of orders of one stock, of which the position is not included.
    pub limits: LimitStanding,
}

static PROGRESS: LazyStatement = LazyStatement::new(
    "portfolio.standing",
    // Counts for achievements as in `batch.players`.
    "WITH prices AS MATERIALIZED ({prices:$2:prices}),
     valued AS (
         SELECT h.opened_on, s.category_id, {value:h.quantity:p.price:$5} AS value
         FROM holdings h
         JOIN stocks s ON s.stock_id = h.stock_id
         LEFT JOIN prices p ON p.stock_id = h.stock_id
         WHERE h.player_id = $1 AND h.quantity > 0)
     SELECT pl.cash, pl.total_xp, pl.xp_day, pl.xp_day_trades, pl.session_day,
         pl.session_trades, pl.trades, pl.notes,
         pl.stocks_bought, pl.categories_bought, pl.realised_profit,
         CAST(COALESCE(SUM(v.value), 0) AS BIGINT) AS value,
         COUNT(*) FILTER (WHERE v.value >= $3 AND v.opened_on < $4) AS invested_stocks,
         CAST(COALESCE({bits:v.category_id}
             FILTER (WHERE v.value >= $3 AND v.opened_on < $4), 0) AS BIGINT)
             AS invested_categories,
         MIN(v.opened_on) FILTER (WHERE v.value >= $3) AS invested_since
     FROM players pl
     LEFT JOIN valued v ON true
     WHERE pl.player_id = $1
     GROUP BY pl.player_id",
);

pub(crate) static STATEMENTS: &[&LazyStatement] = &[&PROGRESS];

row! {
    struct ProgressRow {
        cash: i64,
        total_xp: i64,
        xp_day: i64,
        xp_day_trades: i64,
        session_day: Option<i64>,
        session_trades: Option<i64>,
        trades: i64,
        notes: i64,
        stocks_bought: i64,
        categories_bought: i64,
        realised_profit: i64,
        value: i64,
        invested_stocks: i64,
        invested_categories: i64,
        invested_since: Option<i64>,
    }
}

impl Store {
    /// The numbers that achievements and the XP of the next trade depend on.
    ///
    /// # Errors
    /// `Query` if there is no such player.
    pub async fn load_progress(
        &self,
        player_id: i64,
        valuation: &Valuation,
        levels: &Levels,
    ) -> Result<PlayerProgress, StoreError> {
        let row: ProgressRow = self
            .reader()
            .fetch_one(
                &PROGRESS,
                (
                    player_id,
                    &*valuation.prices_json,
                    valuation.holding_value_min.0,
                    i64::from(valuation.held_before.0),
                    valuation.minor_unit.price_units(),
                ),
            )
            .await?;
        let overflow =
            || StoreError::Corrupt(format!("the portfolio of player {player_id} overflows"));
        let portfolio_value = Money(row.cash.checked_add(row.value).ok_or_else(overflow)?);
        let market_day = i64::from(valuation.market_day.0);
        let categories = row.categories_bought | row.invested_categories;
        let counts = Counts {
            level: levels.progress(row.total_xp).level,
            trades: row.trades,
            stocks: row.stocks_bought.max(row.invested_stocks),
            categories: i64::from(categories.count_ones()),
            holding_days: row.invested_since.map_or(0, |day| market_day - day),
            portfolio_value,
            profit: Money(row.realised_profit),
            notes: row.notes,
        };
        let xp = XpStanding {
            total_xp: row.total_xp,
            xp_day: row.xp_day,
            xp_day_trades: row.xp_day_trades,
            is_invested: row.invested_stocks > 0,
        };
        let limits = LimitStanding {
            portfolio_value,
            session_day: row.session_day.map(read_day).transpose()?.unwrap_or_default(),
            session_trades: row.session_trades.unwrap_or(0),
            sellable_session: valuation.sellable_session,
            ..LimitStanding::default()
        };
        Ok(PlayerProgress { counts, xp, limits })
    }
}
