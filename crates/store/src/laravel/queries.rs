//! The statements that read the earlier application's tables. The dialects differ in the names of
//! types and in dates only. Columns and tables that a version lacks are read as NULL and as empty.

use super::connection::SqlDialect;
use super::{
    CashDifference, LARAVEL_CENTS_END, LARAVEL_LEVEL_MAX, LARAVEL_XP_MAX, LARAVEL_XP_STEP,
    LaravelAchievement, LaravelDatabase, LaravelHolding, LaravelOrphan, LaravelShares,
    LaravelStock, LaravelTotals, LaravelUnlock, LaravelUser, PositionDifference,
};
use crate::StoreError;

/// The default of `users.balance`.
const BALANCE: &str = "10000.00";

/// Expressions in the dialect of a database.
impl SqlDialect {
    fn text(self, value: &str) -> String {
        let kind = if self == Self::MySql { "CHAR" } else { "TEXT" };
        format!("CAST({value} AS {kind})")
    }

    fn int(self, value: &str) -> String {
        let kind = if self == Self::MySql { "SIGNED" } else { "BIGINT" };
        format!("CAST({value} AS {kind})")
    }

    /// A whole number of a column; NULL for one that is no number or has more than 18 digits, which
    /// PostgreSQL refuses to convert.
    fn whole(self, value: &str) -> String {
        if self != Self::Postgres {
            return self.int(value);
        }
        let number = format!("CAST({value} AS NUMERIC)");
        format!("CASE WHEN ABS({number}) < 1e18 THEN {} END", self.int(&number))
    }

    /// Whole cents of an amount; exact for DECIMAL, and for what SQLite stores with two digits.
    fn cents(self, value: &str) -> String {
        self.whole(&format!("ROUND(({value}) * 100)"))
    }

    /// Whole cents of an amount of whole cents above 0; 0 for any other.
    fn exact_cents(self, value: &str) -> String {
        let text = format!("TRIM({})", self.text(value));
        let (number, is_decimal) = match self {
            Self::MySql => (value.to_owned(), "1 = 1".to_owned()),
            Self::Postgres => (format!("CAST({value} AS NUMERIC)"), "1 = 1".to_owned()),
            // The text, which the caller reads, has fewer digits than the float.
            Self::Sqlite => (
                format!("CAST({text} AS REAL)"),
                format!("{text} NOT GLOB '*[^0-9.]*' AND {text} NOT GLOB '*.*.*'"),
            ),
        };
        let (cents, end) = (self.cents(&number), LARAVEL_CENTS_END / 100);
        format!(
            "CASE WHEN {is_decimal} AND {number} > 0 AND {number} < {end}
                 AND ROUND({number}, 2) = {number} THEN {cents} ELSE 0 END"
        )
    }

    /// Seconds since 1970; NULL for an invalid date.
    fn seconds(self, value: &str) -> String {
        match self {
            Self::MySql => format!("TIMESTAMPDIFF(SECOND, '1970-01-01 00:00:00', {value})"),
            Self::Postgres => {
                let seconds = self.int(&format!("floor(extract(epoch FROM {value}))"));
                format!("CASE WHEN isfinite({value}) THEN {seconds} END")
            }
            Self::Sqlite => self.int(&format!("strftime('%s', {value})")),
        }
    }

    /// A sum, which is 0 over no rows.
    fn sum(self, value: &str) -> String {
        format!("COALESCE({}, 0)", self.whole(&format!("SUM({value})")))
    }
}

/// Whether a trade or an audit row adds shares (1) or removes them (-1).
const SIGN: &str = "CASE WHEN t.type = 'buy' THEN 1 WHEN t.type = 'sell' THEN -1 ELSE 0 END";

impl LaravelDatabase {
    /// # Errors
    /// `Unsuitable` for an id above 2^63, which MySQL's unsigned numbers permit.
    pub(super) async fn check_ids(&mut self) -> Result<(), StoreError> {
        for table in ["users", "stocks"] {
            let id = self.dialect().text("MAX(t.id)");
            let rows: Vec<(Option<String>,)> =
                self.fetch(format!("SELECT {id} FROM {table} t")).await?;
            let largest = rows.into_iter().find_map(|(id,)| id);
            if let Some(id) = largest.filter(|id| id.parse::<i64>().is_err()) {
                return Err(StoreError::Unsuitable(format!(
                    "{table}.id {id} is not a number up to {}: give that row another id",
                    i64::MAX
                )));
            }
        }
        Ok(())
    }

    /// Users after this id, ascending, at most `limit`.
    pub async fn users_page(
        &mut self,
        after: i64,
        limit: i64,
    ) -> Result<Vec<LaravelUser>, StoreError> {
        let d = self.dialect();
        let (id, name, email) = (d.int("u.id"), d.text("u.name"), d.text("u.email"));
        let (password, balance) = (d.text("u.password"), d.text("u.balance"));
        let level = d.text(self.optional("users", "level", "u.level"));
        let xp = d.text(self.optional("users", "experience_points", "u.experience_points"));
        let created_at = self.date("users", "created_at", "u.created_at");
        let is_deleted = self.is_deleted("users", "u");
        self.fetch(format!(
            "SELECT {id} AS id, {name} AS name, {email} AS email, {password} AS password,
                 {balance} AS balance, {level} AS level, {xp} AS experience_points,
                 {created_at} AS created_at, {is_deleted} AS is_deleted
             FROM users u WHERE u.id > {after} ORDER BY u.id LIMIT {limit}"
        ))
        .await
    }

    /// The rows of `portfolios` of users after `after` up to `up_to`, by user and stock.
    pub async fn holdings_range(
        &mut self,
        after: i64,
        up_to: i64,
    ) -> Result<Vec<LaravelHolding>, StoreError> {
        let d = self.dialect();
        let (user_id, stock_id) = (d.int("p.user_id"), d.int("p.stock_id"));
        let (quantity, price) = (d.text("p.quantity"), d.text("p.average_price"));
        let is_deleted = self.is_deleted("portfolios", "p");
        self.fetch(format!(
            "SELECT {user_id} AS user_id, {stock_id} AS stock_id, {quantity} AS quantity,
                 {price} AS average_price, {is_deleted} AS is_deleted
             FROM portfolios p JOIN stocks s ON s.id = p.stock_id
             WHERE p.user_id > {after} AND p.user_id <= {up_to} ORDER BY p.user_id, p.stock_id"
        ))
        .await
    }

    /// The achievements of users after `after` up to `up_to`.
    pub async fn unlocks_range(
        &mut self,
        after: i64,
        up_to: i64,
    ) -> Result<Vec<LaravelUnlock>, StoreError> {
        if !self.has("achievement_user", "user_id") {
            return Ok(Vec::new());
        }
        let d = self.dialect();
        let (user_id, achievement_id) = (d.int("a.user_id"), d.int("a.achievement_id"));
        let unlocked_at = self.date("achievement_user", "unlocked_at", "a.unlocked_at");
        self.fetch(format!(
            "SELECT {user_id} AS user_id, {achievement_id} AS achievement_id,
                 {unlocked_at} AS unlocked_at
             FROM achievement_user a WHERE a.user_id > {after} AND a.user_id <= {up_to}
             ORDER BY a.user_id, a.achievement_id"
        ))
        .await
    }

    /// All stocks.
    pub async fn stocks(&mut self) -> Result<Vec<LaravelStock>, StoreError> {
        let d = self.dialect();
        let (id, symbol, price) = (d.int("s.id"), d.text("s.symbol"), d.text("s.current_price"));
        self.fetch(format!(
            "SELECT {id} AS id, {symbol} AS symbol, {price} AS current_price
             FROM stocks s ORDER BY s.id"
        ))
        .await
    }

    /// All achievements.
    pub async fn achievements(&mut self) -> Result<Vec<LaravelAchievement>, StoreError> {
        if !self.has("achievements", "name") {
            return Ok(Vec::new());
        }
        let (id, name) = (self.dialect().int("a.id"), self.dialect().text("a.name"));
        self.fetch(format!("SELECT {id} AS id, {name} AS name FROM achievements a ORDER BY a.id"))
            .await
    }

    /// Sums over all users.
    pub async fn totals(&mut self) -> Result<LaravelTotals, StoreError> {
        let d = self.dialect();
        let level = self.optional("users", "level", "u.level");
        let xp = self.optional("users", "experience_points", "u.experience_points");
        let (level_int, xp_int) = (d.whole(level), d.whole(xp));
        let users = d.int("count(*)");
        let cash = d.sum(&d.exact_cents("u.balance"));
        let half_step = LARAVEL_XP_STEP / 2;
        let xp = d.sum(&format!(
            "CASE WHEN ({level} IS NULL OR {level} = {level_int})
                 AND ({xp} IS NULL OR {xp} = {xp_int})
                 AND COALESCE({level_int}, 1) <= {LARAVEL_LEVEL_MAX}
                 AND COALESCE({xp_int}, 0) <= {LARAVEL_XP_MAX}
             THEN CASE WHEN {level_int} > 1
                     THEN {half_step} * {level_int} * ({level_int} - 1) ELSE 0 END
                 + CASE WHEN {xp_int} > 0 THEN {xp_int} ELSE 0 END
             ELSE 0 END"
        ));
        let unlocks = if self.has("achievement_user", "user_id") {
            d.int("(SELECT count(*) FROM achievement_user a JOIN users o ON o.id = a.user_id)")
        } else {
            d.int("0")
        };
        let rows = self.fetch(format!(
            "SELECT {users} AS users, {cash} AS cash_cents, {xp} AS xp, {unlocks} AS unlocks
             FROM users u"
        ));
        Ok(rows.await?.into_iter().next().unwrap_or_default())
    }

    /// The shares of each stock that users have, without rows that are deleted or have fractions.
    pub async fn shares(&mut self) -> Result<Vec<LaravelShares>, StoreError> {
        let d = self.dialect();
        let (stock_id, quantity) = (d.int("p.stock_id"), d.whole("p.quantity"));
        let is_read = format!("p.quantity > 0 AND p.quantity = {quantity}");
        let shares = d.sum(&format!("CASE WHEN {is_read} THEN {quantity} ELSE 0 END"));
        let is_deleted = self.is_deleted("portfolios", "p");
        self.fetch(format!(
            "SELECT {stock_id} AS stock_id, {shares} AS shares FROM portfolios p
             JOIN users u ON u.id = p.user_id JOIN stocks s ON s.id = p.stock_id
             WHERE {is_deleted} = 0 GROUP BY p.stock_id ORDER BY p.stock_id"
        ))
        .await
    }

    /// The positions that differ from the sum of their transactions, or of their rows in
    /// `portfolio_audit`; `None` without that table, or if it is empty.
    pub async fn position_differences(
        &mut self,
        table: TradeTable,
    ) -> Result<Option<Vec<PositionDifference>>, StoreError> {
        if !self.has_rows(table).await? {
            return Ok(None);
        }
        let (d, table) = (self.dialect(), table.as_str());
        let (user_id, stock_id) = (d.int("b.user_id"), d.int("b.stock_id"));
        let (held, traded) = (d.sum(&d.whole("b.held")), d.sum("b.traded"));
        let sum = d.sum(&format!("{} * {SIGN}", d.whole("t.quantity")));
        let is_deleted = self.is_deleted("portfolios", "p");
        // The trades are added up before they meet the positions: there are many more of them.
        let rows = self.fetch(format!(
            "SELECT c.user_id, c.stock_id, c.held, c.traded
             FROM (SELECT {user_id} AS user_id, {stock_id} AS stock_id, {held} AS held,
                       {traded} AS traded
                   FROM (SELECT p.user_id, p.stock_id, p.quantity AS held, 0 AS traded
                         FROM portfolios p WHERE {is_deleted} = 0
                         UNION ALL
                         SELECT t.user_id, t.stock_id, 0, {sum} FROM {table} t
                         WHERE t.stock_id IS NOT NULL GROUP BY t.user_id, t.stock_id) b
                   GROUP BY b.user_id, b.stock_id HAVING {held} <> {traded}) c
             JOIN users u ON u.id = c.user_id ORDER BY c.user_id, c.stock_id"
        ));
        Ok(Some(rows.await?))
    }

    /// The balances that differ from the default balance and the transactions.
    pub async fn cash_differences(&mut self) -> Result<Vec<CashDifference>, StoreError> {
        if !self.has_rows(TradeTable::Transactions).await? {
            return Ok(Vec::new());
        }
        let d = self.dialect();
        let (user_id, balance) = (d.int("u.id"), d.cents("u.balance"));
        let traded = format!("({} + COALESCE(b.traded, 0))", d.cents(BALANCE));
        let amounts = d.sum(&format!("-({SIGN}) * {}", d.cents("t.total_amount")));
        self.fetch(format!(
            "SELECT {user_id} AS user_id, COALESCE({balance}, 0) AS balance, {traded} AS traded
             FROM users u
             LEFT JOIN (SELECT t.user_id, {amounts} AS traded FROM transactions t
                        GROUP BY t.user_id) b ON b.user_id = u.id
             WHERE COALESCE({balance}, 0) <> {traded} ORDER BY u.id"
        ))
        .await
    }

    /// The rows of a table whose user, or whose stock or achievement, does not exist.
    pub async fn orphans(&mut self, table: OwnedTable) -> Result<Vec<LaravelOrphan>, StoreError> {
        let (table, column, other) = match table {
            OwnedTable::Holdings => ("portfolios", "stock_id", "stocks"),
            OwnedTable::Unlocks => ("achievement_user", "achievement_id", "achievements"),
        };
        if !self.has(table, column) || !self.has(other, "id") {
            return Ok(Vec::new());
        }
        let d = self.dialect();
        let (user_id, other_id) = (d.int("t.user_id"), d.int(&format!("t.{column}")));
        self.fetch(format!(
            "SELECT COALESCE({user_id}, 0) AS user_id, COALESCE({other_id}, 0) AS other_id
             FROM {table} t LEFT JOIN users u ON u.id = t.user_id
             LEFT JOIN {other} o ON o.id = t.{column}
             WHERE u.id IS NULL OR o.id IS NULL ORDER BY t.user_id, t.{column}"
        ))
        .await
    }

    /// Whether a table exists and is not empty.
    async fn has_rows(&mut self, table: TradeTable) -> Result<bool, StoreError> {
        if !self.has(table.as_str(), "user_id") {
            return Ok(false);
        }
        let (one, table) = (self.dialect().int("1"), table.as_str());
        let rows: Vec<(i64,)> = self.fetch(format!("SELECT {one} FROM {table} LIMIT 1")).await?;
        Ok(!rows.is_empty())
    }

    fn optional<'a>(&self, table: &str, column: &str, value: &'a str) -> &'a str {
        if self.has(table, column) { value } else { "NULL" }
    }

    /// A date in seconds.
    fn date(&self, table: &str, column: &str, value: &str) -> String {
        let d = self.dialect();
        if self.has(table, column) { d.seconds(value) } else { d.int("NULL") }
    }

    /// 1 for a row of `alias` that is marked as deleted, else 0.
    fn is_deleted(&self, table: &str, alias: &str) -> String {
        let d = self.dialect();
        if self.has(table, "deleted_at") {
            d.int(&format!("CASE WHEN {alias}.deleted_at IS NULL THEN 0 ELSE 1 END"))
        } else {
            d.int("0")
        }
    }
}

/// A table of trades.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TradeTable {
    Transactions,
    Audit,
}

impl TradeTable {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Transactions => "transactions",
            Self::Audit => "portfolio_audit",
        }
    }
}

/// A table whose rows belong to a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnedTable {
    Holdings,
    Unlocks,
}
