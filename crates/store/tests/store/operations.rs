//! What an operator watches, on both engines.

use domain::*;
use store::*;

use crate::support::*;

on_both_engines! {
    the_schema_version_is_the_number_of_the_newest_migration,
    only_held_leases_are_listed_with_their_holders,
    the_growth_counts_the_entries_after_an_instant,
    a_busy_writer_shows_as_a_connection_in_use,
    the_database_has_a_size,
}

async fn the_schema_version_is_the_number_of_the_newest_migration(engine: &str) {
    let store = fresh(engine).await;
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/sqlite");
    let files = std::fs::read_dir(directory).expect("a directory");
    let numbers = files.map(|file| {
        let name = file.expect("a file").file_name().into_string().expect("a text");
        name[..4].parse::<i64>().expect("a number")
    });
    assert_eq!(store.schema_version().await.expect("answers"), numbers.max().expect("one"));
}

async fn only_held_leases_are_listed_with_their_holders(engine: &str) {
    let store = fresh(engine).await;
    let until = |seconds| now().plus_seconds(seconds);
    for (name, holder, seconds) in [("seal", "a", 60), ("archive", "b", 30)] {
        store.take_lease(name, holder, now(), until(seconds)).await.expect("answers");
    }
    let held = async |at| {
        let held = store.held_leases(until(at)).await.expect("answers");
        held.into_iter().map(|lease| (lease.name, lease.holder)).collect::<Vec<_>>()
    };
    let lease = |name: &str, holder: &str| (name.to_owned(), holder.to_owned());
    assert_eq!(held(29).await, [lease("archive", "b"), lease("seal", "a")]);
    assert_eq!(held(30).await, [lease("seal", "a")]);
    assert_eq!(held(60).await, []);
}

async fn the_growth_counts_the_entries_after_an_instant(engine: &str) {
    let store = fresh(engine).await;
    let since = async |seconds| {
        store.ledger_growth_since(now().plus_seconds(seconds)).await.expect("answers")
    };
    assert_eq!(since(-86_400).await, 0, "an empty ledger");
    for name in ["Ada", "Bob"] {
        player(&store, name).await;
    }
    assert_eq!((since(-1).await, since(0).await), (2, 0));
}

async fn a_busy_writer_shows_as_a_connection_in_use(engine: &str) {
    let store = fresh(engine).await;
    let writer = |usage: Vec<PoolUsage>| {
        let of_writer = |usage: &PoolUsage| ["writer", "primary"].contains(&usage.pool);
        usage.into_iter().find(of_writer).expect("a writer")
    };
    // A connection returns to its pool some time after its last statement.
    let reaches = async |in_use, waiting| {
        let is_reached = || {
            let usage = writer(store.pool_usage());
            (usage.in_use, usage.waiting) == (in_use, waiting)
        };
        while !is_reached() {
            tokio::task::yield_now().await;
        }
    };
    reaches(0, 0).await;
    let idle = writer(store.pool_usage());
    assert!(idle.max >= idle.idle && idle.max > 0, "{idle:?}");
    // Holds every connection of the writer in a batch that is not committed.
    let mut held = Vec::new();
    for _ in 0..idle.max {
        held.push(lock(store.store.clone()).await);
    }
    let busy = writer(store.pool_usage());
    assert_eq!((busy.in_use, busy.waiting), (idle.max, 0), "{busy:?}");
    let waiting = tokio::spawn(lock(store.store.clone()));
    reaches(idle.max, 1).await;
    drop(held);
    drop(waiting.await.expect("it ran"));
    reaches(0, 0).await;
}

async fn lock(store: Store) -> LockedBatch {
    let locked = store.lock_batch(&[], &[], &valuation(), Locking::Skip).await;
    locked.expect("locks").0
}

async fn the_database_has_a_size(engine: &str) {
    let store = fresh(engine).await;
    let bytes = store.database_bytes().await.expect("answers");
    assert!(bytes > 100_000, "{bytes}");
    let months = store.ledger_month_sizes().await.expect("answers");
    if engine == "sqlite" {
        return assert_eq!(months, []);
    }
    let first = months.last().expect("the present month");
    assert_eq!(Month(first.month), now().month());
    assert!(months.iter().all(|month| month.bytes > 0 && month.entries == 0), "{months:?}");
}
