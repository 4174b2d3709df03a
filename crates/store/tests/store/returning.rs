//! Statements with RETURNING: the row is acknowledged only after its COMMIT.

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, SqliteConnection};
use store::BoardKind;

use crate::support::*;

on_both_engines! {
    a_row_whose_commit_fails_is_not_acknowledged,
}

/// Tables written with RETURNING outside of an explicit transaction.
const TABLES: [&str; 2] = ["leases", "board_closes"];

/// Makes the COMMIT of every transaction that inserts into the table fail.
async fn fail_commits(engine: &str, url: &str, table: &str) {
    let broken = format!(
        "CREATE TABLE broken_{table} (of BIGINT REFERENCES players (player_id)
             DEFERRABLE INITIALLY DEFERRED);"
    );
    let insert = format!("INSERT INTO broken_{table} VALUES (-1);");
    if engine == "sqlite" {
        let mut other = SqliteConnection::connect(url).await.expect("connects");
        let trigger = format!("CREATE TRIGGER t AFTER INSERT ON {table} BEGIN {insert} END;");
        other.execute(AssertSqlSafe(broken + &trigger)).await.expect("defines");
    } else {
        let mut other = PgConnection::connect(url).await.expect("connects");
        let trigger = format!(
            "CREATE FUNCTION break_{table}() RETURNS trigger LANGUAGE plpgsql
                 AS $$ BEGIN {insert} RETURN NEW; END $$;
             CREATE TRIGGER t AFTER INSERT ON {table} FOR EACH ROW
                 EXECUTE FUNCTION break_{table}();"
        );
        other.execute(AssertSqlSafe(broken + &trigger)).await.expect("defines");
    }
}

async fn a_row_whose_commit_fails_is_not_acknowledged(engine: &str) {
    for table in TABLES {
        let store = fresh(engine).await;
        fail_commits(engine, &store.url, table).await;
        let lease = store.take_lease("refresh", "a", now(), now().plus_seconds(30)).await;
        let snapshot = store.begin_rank_snapshot(BoardKind::Xp, 1, now()).await;
        assert_eq!(lease.is_err(), table == "leases", "{engine}: {lease:?}");
        assert_eq!(snapshot.is_err(), table == "board_closes", "{engine}: {snapshot:?}");
        let holder = store.find_lease_holder("refresh", now()).await.expect("answers");
        assert_eq!(holder.is_none(), table == "leases", "{engine}");
    }
}
