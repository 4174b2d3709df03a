//! The database of the bench: a game of any number of players, generated in the database, and the
//! queries that replace a leaderboard, run by `psql` or `sqlite3`. The times are those that the
//! command line reports.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use domain::Clock as _;
use store::{DatabaseConfig, Store};
use testkit::{ManualClock, Postgres};

use crate::BenchError;

/// Stocks that a tenth of the players hold, and their prices in 1/10,000.
pub(crate) const PRICES_JSON: &str = "[[1,1899500],[2,570000],[3,72000]]";

/// Rows as `player_id|score`, and how long they took.
pub(crate) struct TimedRows {
    pub(crate) rows: Vec<String>,
    pub(crate) took: Duration,
}

/// A database and its command line.
pub(crate) struct Game {
    pub(crate) store: Store,
    engine: Engine,
}

enum Engine {
    Postgres(Postgres, String),
    Sqlite(PathBuf),
}

impl Game {
    /// Makes a game of so many players.
    pub(crate) async fn make(engine: &str, players: u64, dir: &Path) -> Result<Self, BenchError> {
        let engine = match engine {
            "postgres" => {
                let cluster = Postgres::start();
                let url = cluster.fresh_database();
                Engine::Postgres(cluster, url)
            }
            "sqlite" => Engine::Sqlite(dir.join("bench.db")),
            _ => return Err(format!("{engine} is neither postgres nor sqlite").into()),
        };
        let url = match &engine {
            Engine::Postgres(_, url) => url.clone(),
            Engine::Sqlite(file) => format!("sqlite:{}", file.display()),
        };
        let config = DatabaseConfig { url, ..DatabaseConfig::default() };
        let (store, now) = (Store::open(&config).await?, ManualClock::new().now());
        store.migrate().await?;
        store.ensure_game("fixed", now).await?;
        let game = Self { store, engine };
        game.run(&game.filling(players))?;
        Ok(game)
    }

    /// Statements that make players of a long-running game: a fifth never traded, and of the others
    /// many have little experience and few have much. A tenth of them hold three stocks.
    fn filling(&self, players: u64) -> String {
        let (ids, hash, settle) = match &self.engine {
            Engine::Postgres(..) => (
                format!("WITH ids AS (SELECT n FROM generate_series(1, {players}) n)"),
                "decode(repeat('00', 32), 'hex')",
                "VACUUM (ANALYZE) players;\nVACUUM (ANALYZE) holdings;\nCHECKPOINT;",
            ),
            Engine::Sqlite(_) => (
                format!(
                    "WITH RECURSIVE ids (n) AS (VALUES (1) UNION ALL \
                     SELECT n + 1 FROM ids WHERE n < {players})"
                ),
                "zeroblob(32)",
                "ANALYZE;\nPRAGMA wal_checkpoint(TRUNCATE);",
            ),
        };
        // A generator of Lehmer's, which both engines reckon alike.
        let mixed = "one AS (SELECT n, n * 2654435761 % 4294967291 AS a FROM ids), \
             two AS (SELECT n, a, a * 48271 % 2147483647 AS b FROM one)";
        let holdings = [1, 2, 3].map(|stock| {
            format!(
                "{ids} INSERT INTO holdings \
                     (player_id, stock_id, quantity, cost_basis, opened_on) \
                 SELECT n, {stock}, (n % 97 + 1) * 500000, 1, 0 FROM ids WHERE n % 10 = 1;"
            )
        });
        format!(
            "{ids}, {mixed} INSERT INTO players (player_id, user_id, game_id, cash, total_xp, \
                 balance_version, head_hash, head_month, xp_day, xp_day_trades, trades, notes, \
                 stocks_bought, categories_bought, realised_profit, achievements, updated_at) \
             SELECT n, n, 1, 900000 + b % 200000, \
                 CASE WHEN n % 5 = 0 THEN 0 ELSE b % (a % 1000000 + 1) END, \
                 1, {hash}, 202601, 0, 0, 0, 0, 0, 0, 0, 0, 0 FROM two;\n{}\n{settle}\n",
            holdings.join("\n")
        )
    }

    /// Makes the index that a board in SQL would have.
    pub(crate) fn make_index(&self) -> Result<(), BenchError> {
        let index = "CREATE INDEX by_xp ON players (total_xp DESC, player_id);";
        let vacuum = match self.engine {
            Engine::Postgres(..) => "VACUUM (ANALYZE) players;",
            Engine::Sqlite(_) => "ANALYZE;",
        };
        self.run(&format!("{index}\n{vacuum}\n")).map(|_| ())
    }

    /// Pages of 50 after so many players.
    pub(crate) fn pages(&self, offsets: &[u64]) -> Result<Vec<TimedRows>, BenchError> {
        let page = |offset: &u64| {
            format!(
                "SELECT player_id, total_xp FROM players \
                 ORDER BY total_xp DESC, player_id LIMIT 50 OFFSET {offset};"
            )
        };
        self.timed(offsets.iter().map(page))
    }

    /// Counts the players before these, who have these scores.
    pub(crate) fn ranks(&self, players: &[(i64, i64)]) -> Result<Vec<TimedRows>, BenchError> {
        let rank = |(id, xp): &(i64, i64)| {
            format!(
                "SELECT (SELECT count(*) FROM players WHERE total_xp > {xp}) \
                 + (SELECT count(*) FROM players WHERE total_xp = {xp} AND player_id < {id});"
            )
        };
        self.timed(players.iter().map(rank))
    }

    /// The results of statements of one line each, one after the other over one connection.
    fn timed(
        &self,
        statements: impl Iterator<Item = String>,
    ) -> Result<Vec<TimedRows>, BenchError> {
        let (before, time) = match self.engine {
            Engine::Postgres(..) => ("\\timing on\nSELECT 0;", "Time: "),
            Engine::Sqlite(_) => (
                "PRAGMA cache_size = -8000;\nPRAGMA temp_store = MEMORY;\n.timer on\nSELECT 0;",
                "Run Time: real ",
            ),
        };
        let statements: Vec<String> = statements.collect();
        let output = self.run(&format!("{before}\n{}\n", statements.join("\n")))?;
        let (mut results, mut rows) = (Vec::new(), Vec::new());
        for line in output.lines() {
            match line.strip_prefix(time).and_then(|rest| rest.split(' ').next()) {
                Some(number) => {
                    let rows = std::mem::take(&mut rows);
                    results.push(TimedRows { rows, took: self.duration(number)? });
                }
                None => rows.push(line.to_owned()),
            }
        }
        // The first one had to open the file, or to wake the session.
        results.remove(0);
        if results.len() == statements.len() { Ok(results) } else { Err(output.into()) }
    }

    /// Milliseconds on PostgreSQL, seconds on SQLite, each with three digits.
    fn duration(&self, text: &str) -> Result<Duration, BenchError> {
        let number: u64 = text.replace('.', "").parse()?;
        Ok(match self.engine {
            Engine::Postgres(..) => Duration::from_micros(number),
            Engine::Sqlite(_) => Duration::from_millis(number),
        })
    }

    fn run(&self, sql: &str) -> Result<String, BenchError> {
        let file = match &self.engine {
            Engine::Postgres(cluster, url) => return Ok(cluster.try_sql(url, sql)?),
            Engine::Sqlite(file) => file,
        };
        let mut command = Command::new("sqlite3");
        command.args(["-batch", "-bail"]).arg(file);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        if let Some(mut input) = child.stdin.take() {
            input.write_all(sql.as_bytes())?;
        }
        let output = child.wait_with_output()?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr))? }
    }
}
