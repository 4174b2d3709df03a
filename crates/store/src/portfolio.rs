//! The views of a player's portfolio, one statement each: the database computes joins, values and
//! sums at the prices passed as a parameter. Percentages and averages are computed in Rust.

use domain::{Day, MinorUnit, Money, PageRequest, Price, Quantity, Ratio, Symbol, average_price};

use crate::decode::read_day;
use crate::query::row;
use crate::statement::LazyStatement;
use crate::{Store, StoreError};

/// A holding on the portfolio page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoldingRow {
    pub stock_id: i64,
    pub symbol: Symbol,
    pub name: String,
    /// Above zero.
    pub quantity: Quantity,
    /// Average cost of a share, rounded to 1/10,000.
    pub average_price: Price,
    /// 0 if there is none.
    pub current_price: Price,
    /// Rounded down to minor units.
    pub total_value: Money,
    /// Value minus cost.
    pub profit_loss: Money,
    /// Without fees.
    pub cost_basis: Money,
}

impl HoldingRow {
    /// Profit divided by cost.
    pub fn profit_ratio(&self) -> Ratio {
        self.profit_loss.part_of(self.cost_basis)
    }
}

/// A player's position in one stock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    pub quantity: Quantity,
    pub cost_basis: Money,
    /// The market's day of the last purchase.
    pub bought_on: Day,
    pub is_watched: bool,
}

impl Position {
    /// Average cost of a share, rounded to 1/10,000; 0 without shares.
    pub fn average_price(&self, unit: MinorUnit) -> Price {
        average_price(self.cost_basis, self.quantity, unit)
    }
}

row! {
    /// The sums of a player's portfolio.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct PortfolioSummary {
        pub name: String,
        pub cash: Money,
        pub total_xp: i64,
        /// Cost of all shares.
        pub total_invested: Money,
        /// Value of all shares.
        pub total_value: Money,
    }
}

/// Cash and holdings without values, at one version of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortfolioPositions {
    /// The version of the newest included entry.
    pub version: i64,
    pub cash: Money,
    /// (stock, shares, cost) by stock, without sold-out stocks.
    pub holdings: Vec<(i64, Quantity, Money)>,
}

/// The composition of a portfolio.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortfolioMix {
    pub cash: Money,
    /// The number of stocks held.
    pub holdings: i64,
    /// The most valuable holding and its value.
    pub largest: Option<(Symbol, Money)>,
    /// The value by category, largest first, 63 at most.
    pub categories: Vec<(String, Money)>,
}

static PAGE: LazyStatement = LazyStatement::new(
    "portfolio.page",
    "WITH prices AS MATERIALIZED ({prices:$2:prices}),
     valued AS MATERIALIZED (
         SELECT h.stock_id, s.symbol, s.name, h.quantity, h.cost_basis,
             COALESCE(p.price, 0) AS price,
             COALESCE({value:h.quantity:p.price:$6}, 0) AS value
         FROM holdings h
         JOIN stocks s ON s.stock_id = h.stock_id
         LEFT JOIN prices p ON p.stock_id = h.stock_id
         WHERE h.player_id = $1 AND h.quantity > 0),
     page AS (SELECT * FROM valued
         ORDER BY CASE WHEN CAST($5 AS BIGINT) = 1 THEN value ELSE 0 END DESC, symbol
         LIMIT $3 OFFSET $4)
     SELECT t.total, v.stock_id, v.symbol, v.name, v.quantity, v.cost_basis, v.price, v.value,
         v.value - v.cost_basis AS profit
     FROM (SELECT count(*) AS total FROM valued) t
     LEFT JOIN page v ON true
     ORDER BY CASE WHEN CAST($5 AS BIGINT) = 1 THEN v.value ELSE 0 END DESC, v.symbol",
);

static POSITION: LazyStatement = LazyStatement::new(
    "portfolio.stake",
    "SELECT COALESCE(h.quantity, 0) AS quantity, COALESCE(h.cost_basis, 0) AS cost_basis,
         COALESCE(h.bought_on, h.opened_on, 0) AS bought_on,
         CAST(CASE WHEN w.stock_id IS NULL THEN 0 ELSE 1 END AS BIGINT) AS watched
     FROM players pl
     LEFT JOIN holdings h ON h.player_id = pl.player_id AND h.stock_id = $2
     LEFT JOIN watches w ON w.player_id = pl.player_id AND w.stock_id = $2
     WHERE pl.player_id = $1",
);

static SUMMARY: LazyStatement = LazyStatement::new(
    "portfolio.summary",
    "WITH prices AS MATERIALIZED ({prices:$2:prices})
     SELECT u.name, pl.cash, pl.total_xp,
         CAST(COALESCE(SUM(h.cost_basis), 0) AS BIGINT) AS total_invested,
         CAST(COALESCE(SUM({value:h.quantity:p.price:$3}), 0) AS BIGINT) AS total_value
     FROM players pl
     JOIN users u ON u.user_id = pl.user_id
     LEFT JOIN holdings h ON h.player_id = pl.player_id AND h.quantity > 0
     LEFT JOIN prices p ON p.stock_id = h.stock_id
     WHERE pl.player_id = $1
     GROUP BY u.name, pl.cash, pl.total_xp",
);

static POSITIONS: LazyStatement = LazyStatement::new(
    "portfolio.positions",
    "SELECT pl.balance_version, pl.cash, h.stock_id, h.quantity, h.cost_basis
     FROM players pl
     LEFT JOIN holdings h ON h.player_id = pl.player_id AND h.quantity > 0
     WHERE pl.player_id = $1
     ORDER BY h.stock_id",
);

static MIX: LazyStatement = LazyStatement::new(
    "portfolio.mix",
    "WITH prices AS MATERIALIZED ({prices:$2:prices}),
     valued AS MATERIALIZED (
         SELECT s.symbol, s.category,
             COALESCE({value:h.quantity:p.price:$3}, 0) AS value
         FROM holdings h
         JOIN stocks s ON s.stock_id = h.stock_id
         LEFT JOIN prices p ON p.stock_id = h.stock_id
         WHERE h.player_id = $1 AND h.quantity > 0),
     kinds AS (
         SELECT category, CAST(SUM(value) AS BIGINT) AS value FROM valued GROUP BY category),
     largest AS (SELECT symbol, value FROM valued ORDER BY value DESC, symbol LIMIT 1)
     SELECT pl.cash, t.holdings, m.symbol AS largest, m.value AS largest_value,
         k.category, k.value
     FROM players pl
     JOIN (SELECT count(*) AS holdings FROM valued) t ON true
     LEFT JOIN largest m ON true
     LEFT JOIN kinds k ON true
     WHERE pl.player_id = $1
     ORDER BY k.value DESC, k.category LIMIT 63",
);

pub(crate) static STATEMENTS: &[&LazyStatement] = &[&PAGE, &POSITION, &SUMMARY, &POSITIONS, &MIX];

row! {
    struct ValuedHolding {
        total: i64,
        stock_id: Option<i64>,
        symbol: Option<String>,
        name: Option<String>,
        quantity: Option<i64>,
        cost_basis: Option<i64>,
        price: Option<i64>,
        value: Option<i64>,
        profit: Option<i64>,
    }
}

impl ValuedHolding {
    /// `None` for the row that carries only the total of an empty page.
    fn read(self, unit: MinorUnit) -> Option<HoldingRow> {
        let (quantity, cost_basis) = (Quantity(self.quantity?), Money(self.cost_basis?));
        Some(HoldingRow {
            stock_id: self.stock_id?,
            symbol: Symbol::parse(&self.symbol?).ok()?,
            name: self.name?,
            quantity,
            average_price: average_price(cost_basis, quantity, unit),
            current_price: Price(self.price?),
            total_value: Money(self.value?),
            profit_loss: Money(self.profit?),
            cost_basis,
        })
    }
}

row! {
    struct MixRow {
        cash: i64,
        holdings: i64,
        largest: Option<String>,
        largest_value: Option<i64>,
        category: Option<String>,
        value: Option<i64>,
    }
}

impl Store {
    /// A page of holdings by symbol, without sold-out ones, and their total number. `prices_json`
    /// is `[[stock_id, price], …]`; values are in `unit`.
    pub async fn portfolio_page(
        &self,
        player_id: i64,
        prices_json: &str,
        unit: MinorUnit,
        page: PageRequest,
    ) -> Result<(Vec<HoldingRow>, i64), StoreError> {
        self.holdings_page(player_id, (prices_json, unit), page, false).await
    }

    /// The `limit` most valuable holdings, and the total number.
    pub async fn largest_holdings(
        &self,
        player_id: i64,
        prices_json: &str,
        unit: MinorUnit,
        limit: i64,
    ) -> Result<(Vec<HoldingRow>, i64), StoreError> {
        let page = PageRequest::clamped(1, limit, limit);
        self.holdings_page(player_id, (prices_json, unit), page, true).await
    }

    async fn holdings_page(
        &self,
        player_id: i64,
        (prices_json, unit): (&str, MinorUnit),
        page: PageRequest,
        by_value: bool,
    ) -> Result<(Vec<HoldingRow>, i64), StoreError> {
        let rows: Vec<ValuedHolding> = self
            .reader()
            .fetch_all(
                &PAGE,
                (
                    player_id,
                    prices_json,
                    page.per_page(),
                    page.offset(),
                    i64::from(by_value),
                    unit.price_units(),
                ),
            )
            .await?;
        let total = rows.first().map_or(0, |row| row.total);
        Ok((rows.into_iter().filter_map(|row| row.read(unit)).collect(), total))
    }

    pub async fn load_position(
        &self,
        player_id: i64,
        stock_id: i64,
    ) -> Result<Position, StoreError> {
        let row: Option<(i64, i64, i64, i64)> =
            self.reader().fetch_optional(&POSITION, (player_id, stock_id)).await?;
        let Some((quantity, cost_basis, bought_on, watched)) = row else {
            return Ok(Position::default());
        };
        Ok(Position {
            quantity: Quantity(quantity),
            cost_basis: Money(cost_basis),
            bought_on: read_day(bought_on)?,
            is_watched: watched != 0,
        })
    }

    /// The sums of a player's portfolio.
    ///
    /// # Errors
    /// `Query` if there is no such player.
    pub async fn portfolio_summary(
        &self,
        player_id: i64,
        prices_json: &str,
        unit: MinorUnit,
    ) -> Result<PortfolioSummary, StoreError> {
        self.reader().fetch_one(&SUMMARY, (player_id, prices_json, unit.price_units())).await
    }

    /// A player's cash and holdings with the version of the ledger, from one snapshot.
    ///
    /// # Errors
    /// `Query` if there is no such player.
    pub async fn load_positions(&self, player_id: i64) -> Result<PortfolioPositions, StoreError> {
        type PositionRow = (i64, i64, Option<i64>, Option<i64>, Option<i64>);
        let rows: Vec<PositionRow> = self.reader().fetch_all(&POSITIONS, (player_id,)).await?;
        let Some((version, cash, ..)) = rows.first().copied() else {
            return Err(StoreError::Query(sqlx::Error::RowNotFound));
        };
        let read = |(.., stock_id, quantity, cost_basis): PositionRow| {
            Some((stock_id?, Quantity(quantity?), Money(cost_basis?)))
        };
        let holdings = rows.into_iter().filter_map(read).collect();
        Ok(PortfolioPositions { version, cash: Money(cash), holdings })
    }

    /// The composition of a player's portfolio.
    ///
    /// # Errors
    /// `Query` if there is no such player.
    pub async fn portfolio_mix(
        &self,
        player_id: i64,
        prices_json: &str,
        unit: MinorUnit,
    ) -> Result<PortfolioMix, StoreError> {
        let params = (player_id, prices_json, unit.price_units());
        let rows: Vec<MixRow> = self.reader().fetch_all(&MIX, params).await?;
        let Some(first) = rows.first() else {
            return Err(StoreError::Query(sqlx::Error::RowNotFound));
        };
        let (cash, holdings) = (Money(first.cash), first.holdings);
        let symbol = first.largest.as_deref().and_then(|text| Symbol::parse(text).ok());
        let largest = symbol.zip(first.largest_value.map(Money));
        let read = |row: MixRow| Some((row.category?, Money(row.value?)));
        let categories = rows.into_iter().filter_map(read).collect();
        Ok(PortfolioMix { cash, holdings, largest, categories })
    }
}
