//! The connection to the earlier application's database: one transaction that only reads.

use std::collections::BTreeSet;
use std::str::FromStr as _;

use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlRow};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgRow};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, FromRow};

use crate::StoreError;
use crate::postgres::is_postgres;

const COLUMNS_MYSQL: &str = "SELECT CAST(c.table_name AS CHAR), \
     CAST(c.column_name AS CHAR) FROM information_schema.columns c \
     WHERE c.table_schema = DATABASE()";
const COLUMNS_POSTGRES: &str = "SELECT CAST(c.table_name AS TEXT), \
     CAST(c.column_name AS TEXT) FROM information_schema.columns c \
     WHERE c.table_schema = ANY (current_schemas(false))";
const COLUMNS_SQLITE: &str = "SELECT t.name, c.name FROM sqlite_schema t \
     JOIN pragma_table_info(t.name) c WHERE t.type = 'table'";

/// An open database of the earlier application.
pub struct LaravelDatabase {
    connection: LaravelConnection,
    /// Tables and columns.
    columns: BTreeSet<(String, String)>,
}

enum LaravelConnection {
    MySql(MySqlConnection),
    Postgres(PgConnection),
    Sqlite(SqliteConnection),
}

/// Which dialect of SQL a database has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum SqlDialect {
    MySql,
    Postgres,
    Sqlite,
}

/// A row that every driver decodes.
pub(super) trait LaravelRow:
    for<'r> FromRow<'r, MySqlRow>
    + for<'r> FromRow<'r, PgRow>
    + for<'r> FromRow<'r, SqliteRow>
    + Send
    + Unpin
{
}

impl<T> LaravelRow for T where
    T: for<'r> FromRow<'r, MySqlRow>
        + for<'r> FromRow<'r, PgRow>
        + for<'r> FromRow<'r, SqliteRow>
        + Send
        + Unpin
{
}

/// What every version of the earlier application has.
const NEEDED: [(&str, &str); 12] = [
    ("users", "id"),
    ("users", "name"),
    ("users", "email"),
    ("users", "password"),
    ("users", "balance"),
    ("stocks", "id"),
    ("stocks", "symbol"),
    ("stocks", "current_price"),
    ("portfolios", "user_id"),
    ("portfolios", "stock_id"),
    ("portfolios", "quantity"),
    ("portfolios", "average_price"),
];

impl LaravelDatabase {
    /// Opens a `mysql://`, `mariadb://` or `postgres://` address, `sqlite:PATH` or the path of an
    /// SQLite file, and begins to read.
    ///
    /// # Errors
    /// `Unsuitable` for another address, and for a database without the application's tables.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        let mut connection = connect(url).await?;
        let (begin, columns) = match &connection {
            LaravelConnection::MySql(_) => {
                ("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY", COLUMNS_MYSQL)
            }
            LaravelConnection::Postgres(_) => {
                ("BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY", COLUMNS_POSTGRES)
            }
            LaravelConnection::Sqlite(_) => ("BEGIN", COLUMNS_SQLITE),
        };
        match &mut connection {
            LaravelConnection::MySql(db) => {
                sqlx::raw_sql("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                    .execute(&mut *db)
                    .await?;
                sqlx::raw_sql(begin).execute(db).await?;
            }
            LaravelConnection::Postgres(db) => _ = sqlx::raw_sql(begin).execute(db).await?,
            LaravelConnection::Sqlite(db) => _ = sqlx::raw_sql(begin).execute(db).await?,
        }
        let mut database = Self { connection, columns: BTreeSet::new() };
        database.columns = database.fetch(columns.to_owned()).await?.into_iter().collect();
        for (table, column) in NEEDED {
            if !database.has(table, column) {
                return Err(StoreError::Unsuitable(format!(
                    "the database lacks the column {table}.{column} of the earlier application"
                )));
            }
        }
        database.check_ids().await?;
        Ok(database)
    }

    /// Ends the connection.
    pub async fn close(self) {
        // Only the reading ends; the database rolls it back by itself.
        let _ = match self.connection {
            LaravelConnection::MySql(db) => db.close().await,
            LaravelConnection::Postgres(db) => db.close().await,
            LaravelConnection::Sqlite(db) => db.close().await,
        };
    }

    pub(super) fn has(&self, table: &str, column: &str) -> bool {
        self.columns.contains(&(table.to_owned(), column.to_owned()))
    }

    pub(super) fn dialect(&self) -> SqlDialect {
        match self.connection {
            LaravelConnection::MySql(_) => SqlDialect::MySql,
            LaravelConnection::Postgres(_) => SqlDialect::Postgres,
            LaravelConnection::Sqlite(_) => SqlDialect::Sqlite,
        }
    }

    /// All rows of a statement, which contains nothing but literals of `queries` and numbers.
    pub(super) async fn fetch<T: LaravelRow>(&mut self, sql: String) -> Result<Vec<T>, StoreError> {
        let query = AssertSqlSafe(sql);
        Ok(match &mut self.connection {
            LaravelConnection::MySql(db) => {
                sqlx::query_as(query).persistent(false).fetch_all(db).await?
            }
            LaravelConnection::Postgres(db) => {
                sqlx::query_as(query).persistent(false).fetch_all(db).await?
            }
            LaravelConnection::Sqlite(db) => {
                sqlx::query_as(query).persistent(false).fetch_all(db).await?
            }
        })
    }
}

async fn connect(url: &str) -> Result<LaravelConnection, StoreError> {
    let unreadable = |_| {
        StoreError::Unsuitable(
            "the address of the earlier database cannot be read (in a password @ is written %40, \
             / %2F, : %3A, ? %3F, # %23 and % %25)"
                .to_owned(),
        )
    };
    if url.starts_with("mysql://") || url.starts_with("mariadb://") {
        let options = MySqlConnectOptions::from_str(url).map_err(unreadable)?;
        let options = options.disable_statement_logging();
        return Ok(LaravelConnection::MySql(options.connect().await?));
    }
    if is_postgres(url) {
        let options = PgConnectOptions::from_str(url).map_err(unreadable)?;
        let options = options.application_name("openbell-import").disable_statement_logging();
        return Ok(LaravelConnection::Postgres(options.connect().await?));
    }
    let path = url.strip_prefix("sqlite:").unwrap_or(url);
    let path = path.strip_prefix("//").unwrap_or(path);
    if path.contains("://") || path.is_empty() {
        return Err(StoreError::Unsuitable(
            "the earlier database is given as mysql://USER:PASSWORD@HOST/NAME, \
             postgres://USER:PASSWORD@HOST/NAME or the path of an SQLite file"
                .to_owned(),
        ));
    }
    let options = SqliteConnectOptions::new().filename(path).read_only(true);
    let options = options.create_if_missing(false).disable_statement_logging();
    Ok(LaravelConnection::Sqlite(options.connect().await?))
}
