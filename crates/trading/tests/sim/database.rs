//! A PostgreSQL that fails while a batch is committed: the response to a COMMIT is lost, or the
//! server crashes with the COMMIT in flight and reuses the transaction id. `simulation` draws when.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use testkit::{FaultProxy, Postgres};
use tokio::time::Instant;

/// How long a crash lasts at least: a store does not trust connections that were idle for that
/// long, and replaces those that the crash has broken.
const LASTS: Duration = Duration::from_millis(700);

pub(crate) struct Database {
    postgres: RefCell<Postgres>,
    url: String,
    proxy: FaultProxy,
    /// How many COMMITs or their responses were withheld.
    withheld: Cell<u64>,
}

impl Database {
    /// What is not committed is not written by itself, so that a crash loses it with its number.
    pub(crate) fn start() -> Self {
        let postgres = Postgres::start();
        let url = postgres.fresh_database();
        postgres.run_sql(
            &postgres.url(),
            "ALTER SYSTEM SET wal_writer_delay = '10s';
             ALTER SYSTEM SET autovacuum = off;
             SELECT pg_reload_conf();",
        );
        postgres.run_sql(&url, "CREATE TABLE numbers (taken bigint);");
        let proxy = FaultProxy::start(([127, 0, 0, 1], postgres.port()).into());
        Self { postgres: RefCell::new(postgres), url, proxy, withheld: Cell::new(0) }
    }

    /// The way to it on which it fails.
    pub(crate) fn url(&self) -> String {
        self.proxy.url_through(&self.url)
    }

    /// The next COMMIT succeeds, and its response is lost.
    pub(crate) fn lose_answer(&self) {
        self.proxy.lose_commit_answers(1);
    }

    /// Waits for the next COMMIT, which is carried out or not, and crashes before it is answered.
    /// The next `numbers` of transactions are taken before the connection is reset.
    pub(crate) async fn crash_at_commit(&self, carried_out: bool, numbers: usize) {
        if carried_out {
            self.proxy.withhold_commit_answers(1);
        } else {
            self.proxy.withhold_commits(1);
        }
        self.proxy.withheld(self.withheld.get() + 1).await;
        self.withheld.set(self.withheld.get() + 1);
        let (mut postgres, began) = (self.postgres.borrow_mut(), Instant::now());
        postgres.stop_hard();
        postgres.start_again();
        let taken = "INSERT INTO numbers VALUES (1);\n".repeat(numbers);
        postgres.run_sql(&self.url, &taken);
        while began.elapsed() < LASTS {
            postgres.run_sql(&self.url, &taken);
        }
        self.proxy.reset_all();
    }

    /// What was to come does not come any more.
    pub(crate) fn pass(&self) {
        self.proxy.lose_commit_answers(0);
        self.proxy.withhold_commits(0);
        self.proxy.withhold_commit_answers(0);
    }
}
