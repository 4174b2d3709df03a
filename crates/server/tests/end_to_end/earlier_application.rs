//! Databases of the earlier application, made from its table definitions, on MariaDB, PostgreSQL
//! and SQLite.

use std::path::Path;

use sqlx::{AssertSqlSafe, Connection as _};
use testkit::MariaDb;

/// The password of the users with a hash.
pub(crate) const PASSWORD: &str = "correct horse battery";
/// Its bcrypt hash as libxcrypt writes it.
const HASH: &str = "$2y$04$abcdefghijklmnopqrstuuqREtd3VJD2QVZbuFskFSLk6eRIrQoOS";

/// The kinds of its database.
pub(crate) const KINDS: [&str; 3] = ["mariadb", "postgres", "sqlite"];

/// `ID`, `REF`, `MONEY` and `TIME` are replaced by the types of a database. Unlike in the
/// application, addresses are not unique and columns may be NULL, as in damaged databases.
const TABLES: &str = "
CREATE TABLE users (id ID, name VARCHAR(255), email VARCHAR(255), email_verified_at TIME,
    password VARCHAR(255), remember_token VARCHAR(100), created_at TIME, updated_at TIME,
    balance MONEY DEFAULT 10000.00, level INT DEFAULT 1, experience_points INT DEFAULT 0,
    balance_version REF DEFAULT 1);
CREATE TABLE stocks (id ID, symbol VARCHAR(255) UNIQUE, name VARCHAR(255), description TEXT,
    kid_friendly_description TEXT, fun_fact TEXT, category VARCHAR(255), current_price MONEY,
    change_percentage MONEY, logo_url VARCHAR(255), created_at TIME, updated_at TIME);
CREATE TABLE portfolios (id ID, user_id REF, stock_id REF, quantity INT, average_price MONEY,
    ledger_checkpoint_id REF, checksum VARCHAR(64), created_at TIME, updated_at TIME,
    deleted_at TIME, UNIQUE (user_id, stock_id));
CREATE TABLE transactions (id ID, user_id REF, stock_id REF, type VARCHAR(4), quantity INT,
    price MONEY, total_amount MONEY, created_at TIME, updated_at TIME);
CREATE TABLE achievements (id ID, name VARCHAR(255), description TEXT, icon VARCHAR(255),
    xp_reward INT, requirement_type VARCHAR(255), requirement_value INT, created_at TIME,
    updated_at TIME);
CREATE TABLE achievement_user (id ID, user_id REF, achievement_id REF, unlocked_at TIME,
    UNIQUE (user_id, achievement_id));
CREATE TABLE portfolio_audit (id ID, user_id REF, stock_id REF, type VARCHAR(10), quantity INT,
    price DECIMAL(14,4), total_amount DECIMAL(18,4), portfolio_snapshot TEXT, created_at TIME);
CREATE INDEX transactions_user_id ON transactions (user_id);
CREATE INDEX transactions_stock_id ON transactions (stock_id);
";

/// Seven users whose rows are damaged in every way that is imported or left out.
const ROWS: &str = "
INSERT INTO stocks (id, symbol, name, current_price) VALUES (1, 'AAPL', 'Apple', 189.95),
    (2, 'KO', 'Coca-Cola', 63.20), (3, 'MSFT', 'Microsoft', 378.50);
INSERT INTO users (id, name, email, password, created_at, balance, level, experience_points) VALUES
    (11, 'Ada Moyo', 'Ada@example.org', 'HASH', '2025-03-01 08:30:00', 9430.15, 3, 250),
    (12, 'ada  moyo', 'bob@example.org', '$argon2id$v=19$m=1,t=1,p=1$c2FsdA$aGFzaA',
        '2025-03-02 08:30:00', -5.00, 1, 1500),
    (13, 'Admin', 'chipo@example.org', 'HASH', NULL, 10000.00, NULL, NULL),
    (14, 'Tendai', 'tendai@example.org', 'HASH', '2025-03-04 00:00:00', 0.00, 1, 0),
    (15, 'Rudo', 'rudo@example.org', 'HASH', '2025-03-05 00:00:00', 123.45, 50, 999),
    (16, 'Farai', 'farai@example.org', 'HASH', '2025-03-06 00:00:00', 10000.00, 1, 10),
    (17, 'Nyasha', 'nyasha@example.org', NULL, '2025-03-07 00:00:00', 10000.00, 1, 0);
INSERT INTO portfolios (id, user_id, stock_id, quantity, average_price, deleted_at) VALUES
    (1, 11, 1, 3, 189.95, NULL), (2, 11, 2, 0, 63.20, NULL), (3, 12, 2, 7, 0, NULL),
    (4, 13, 3, -4, 378.50, NULL), (5, 14, 1, 5, 150.01, '2025-04-01 00:00:00'),
    (6, 15, 1, 2, 100.00, NULL), (7, 15, 2, 10, 60.05, NULL), (8, 16, 3, NULL, 1.00, NULL),
    (9, 99, 1, 8, 1.00, NULL);
INSERT INTO transactions (user_id, stock_id, type, quantity, price, total_amount) VALUES
    (11, 1, 'buy', 3, 189.95, 569.85), (15, 1, 'buy', 5, 100.00, 500.00),
    (15, 1, 'sell', 3, 110.00, 330.00), (15, 2, 'buy', 11, 60.05, 660.55);
INSERT INTO portfolio_audit (user_id, stock_id, type, quantity, price, total_amount) VALUES
    (11, 1, 'buy', 3, 189.95, 569.85);
INSERT INTO achievements (id, name, xp_reward) VALUES (1, 'First Trade', 50),
    (2, 'Busy Trader', 100);
INSERT INTO achievement_user (user_id, achievement_id, unlocked_at) VALUES
    (11, 1, '2025-03-01 09:00:00'), (11, 2, '2025-03-01 10:00:00'), (15, 1, NULL),
    (98, 1, '2025-03-01 10:00:00');
";

/// A database of the earlier application.
pub(crate) struct EarlierApplication {
    pub(crate) url: String,
    kind: &'static str,
}

impl EarlierApplication {
    /// Creates the tables with the damaged rows.
    pub(crate) async fn create(kind: &'static str, dir: &Path) -> Self {
        let earlier = Self::create_empty(kind, dir).await;
        earlier.run(&ROWS.replace("HASH", HASH)).await;
        earlier
    }

    pub(crate) async fn create_empty(kind: &'static str, dir: &Path) -> Self {
        let url = match kind {
            "mariadb" => MariaDb::shared().fresh_database(),
            "postgres" => testkit::postgres_database(),
            _ => format!("sqlite:{}", dir.join("earlier.sqlite").display()),
        };
        let (id, reference, money, time) = match kind {
            "mariadb" => (
                "BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY",
                "BIGINT UNSIGNED",
                "DECIMAL(10,2)",
                "TIMESTAMP NULL",
            ),
            "postgres" => ("BIGSERIAL PRIMARY KEY", "BIGINT", "NUMERIC(10,2)", "TIMESTAMP(0)"),
            _ => ("INTEGER PRIMARY KEY AUTOINCREMENT", "INTEGER", "NUMERIC", "DATETIME"),
        };
        let earlier = Self { url, kind };
        let words = [("(id ID", format!("(id {id}")), (" REF", format!(" {reference}"))];
        let words = words.into_iter().chain([
            (" MONEY", format!(" {money}")),
            (" TIME,", format!(" {time},")),
            (" TIME)", format!(" {time})")),
        ]);
        let tables = words.fold(TABLES.to_owned(), |sql, (from, to)| sql.replace(from, &to));
        earlier.run(&tables).await;
        earlier
    }

    /// Runs statements.
    pub(crate) async fn run(&self, sql: &str) {
        let sql = AssertSqlSafe(sql.to_owned());
        match self.kind {
            "mariadb" => {
                let mut db = sqlx::MySqlConnection::connect(&self.url).await.expect("connects");
                sqlx::raw_sql(sql).execute(&mut db).await.expect("runs");
            }
            "postgres" => {
                let mut db = sqlx::PgConnection::connect(&self.url).await.expect("connects");
                sqlx::raw_sql(sql).execute(&mut db).await.expect("runs");
            }
            _ => {
                let url = format!("{}?mode=rwc", self.url);
                let mut db = sqlx::SqliteConnection::connect(&url).await.expect("connects");
                sqlx::raw_sql(sql).execute(&mut db).await.expect("runs");
            }
        }
    }

    /// Fills MariaDB with `users` users. Each has three holdings, and `trades` transactions that
    /// add up to them.
    pub(crate) async fn fill(&self, users: u32, trades: u32) {
        assert_eq!(self.kind, "mariadb", "it has tables of sequences");
        let buys = trades / 3;
        self.run(&format!(
            "INSERT INTO stocks (id, symbol, name, current_price) VALUES (1, 'AAPL', 'Apple', 189.95),
                 (2, 'KO', 'Coca-Cola', 63.20), (3, 'MSFT', 'Microsoft', 378.50);
             INSERT INTO users (id, name, email, password, created_at, balance, level,
                 experience_points)
             SELECT seq, CONCAT('User ', seq), CONCAT('user', seq, '@example.org'), '{HASH}',
                 '2025-01-01 00:00:00', 10000.00 - {trades} * 1.25, 1 + seq % 50, seq % 1000
             FROM seq_1_to_{users};
             INSERT INTO portfolios (user_id, stock_id, quantity, average_price)
             SELECT u.seq, s.seq, {buys}, 1.25 FROM seq_1_to_{users} u JOIN seq_1_to_3 s;
             INSERT INTO transactions (user_id, stock_id, type, quantity, price, total_amount)
             SELECT u.seq, 1 + t.seq % 3, 'buy', 1, 1.25, 1.25
             FROM seq_1_to_{users} u JOIN seq_1_to_{trades} t;
             INSERT INTO achievements (id, name, xp_reward) VALUES (1, 'First Trade', 50);
             INSERT INTO achievement_user (user_id, achievement_id, unlocked_at)
             SELECT seq, 1, '2025-02-01 00:00:00' FROM seq_1_to_{users};"
        ))
        .await;
    }
}
