//! An archiver that is dropped at any poll is continued by the next one: no entry is missing or
//! stored twice.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use archive::{ArchiveError, verify, verify_archived};
use domain::Month;
use store::{ArchiveState, StoreError};
use testkit::SeededEntropy;

use crate::fixture::{ENGINES, Fixture};

/// The time limit of a step that is not stopped.
const PATIENCE: Duration = Duration::from_secs(60);

/// Polls a future at most so many times and drops it; returns its output if it completed.
async fn stopped_after<T>(polls: u64, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let mut left = polls;
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        future.as_mut().poll(context).map(Some)
    })
    .await
}

/// Brings a month one way or the other, and is stopped on the way.
async fn step(
    fixture: &Fixture,
    month: Month,
    polls: u64,
    holder: &str,
    goal: ArchiveState,
) -> bool {
    let archiver = fixture.archiver(holder);
    let work = async {
        match goal {
            ArchiveState::Dropped => {
                archiver.archive(month, |_| ()).await?;
                archiver.drop_month(month, "a test").await.map(|_| ())
            }
            _ => archiver.restore(month, |_| ()).await.map(|_| ()),
        }
    };
    let ended = tokio::time::timeout(PATIENCE, stopped_after(polls, work)).await;
    let ended = ended.unwrap_or_else(|_| panic!("{month:?} to {goal:?} does not go on"));
    match ended {
        None => false,
        Some(Ok(())) => true,
        // The one before had the lease when it was stopped.
        Some(Err(ArchiveError::Busy)) => false,
        // What was stopped a moment ago may still hold a lock in the database, or come to its end.
        Some(Err(ArchiveError::Store(StoreError::Conflict(_)) | ArchiveError::LeaseLost)) => false,
        Some(Err(error)) => {
            let row = fixture.store.archives().await.expect("answers");
            panic!("{month:?} to {goal:?}: {}: {row:#?}", error.chain())
        }
    }
}

#[tokio::test]
async fn what_is_stopped_at_fifty_moments_ends_with_every_entry_once() {
    for engine in ENGINES {
        let fixture = Fixture::open(engine).await;
        let [first, second, _] = fixture.trade_over_months().await;
        let all = verify(&fixture.store, |_, _| ()).await.expect("readable").entries;
        let rng = SeededEntropy::new(11);
        let mut stopped = 0;
        while stopped < 50 {
            for (month, goal) in [
                (first, ArchiveState::Dropped),
                (second, ArchiveState::Dropped),
                (second, ArchiveState::Verified),
                (first, ArchiveState::Verified),
            ] {
                // Another process goes on where one was stopped, when its lease is over.
                let mut tries = 0_u64;
                while !step(
                    &fixture,
                    month,
                    1 + rng.next_u64() % (60 + 20 * tries),
                    &tries.to_string(),
                    goal,
                )
                .await
                {
                    (tries, stopped) = (tries + 1, stopped + 1);
                    fixture.clock.advance_seconds(61);
                    assert!(tries < 200, "{engine}: it never ends");
                }
                check(&fixture, all).await;
            }
            for month in [first, second] {
                let now = fixture.state(month).await.updated_at;
                assert!(fixture.store.hold_archive(month, false, now).await.expect("answers"));
            }
        }
        assert!(stopped >= 50, "{engine}: {stopped}");
    }
}

async fn check(fixture: &Fixture, all: u64) {
    let without = verify(&fixture.store, |_, _| ()).await.expect("readable");
    assert!(without.holds(), "{without}");
    let archive_store = crate::months::archive_store(fixture);
    let whole = verify_archived(&fixture.store, &archive_store, |_, _| ()).await.expect("readable");
    assert!(whole.holds(), "{whole}");
    assert_eq!(whole.entries, all);
}

#[tokio::test]
async fn an_archive_that_cannot_be_written_leaves_the_month_in_its_state_with_the_error() {
    for engine in ENGINES {
        let fixture = Fixture::open(engine).await;
        let [first, ..] = fixture.trade_over_months().await;
        let archiver = fixture.archiver("a");
        let path = fixture.archive_path();
        std::fs::remove_dir_all(&path).expect("removable");
        std::fs::write(&path, "no directory").expect("writable");
        let error = archiver.archive(first, |_| ()).await.expect_err("refused");
        assert!(matches!(error, ArchiveError::Storage { .. }), "{engine}: {error:?}");
        let row = fixture.state(first).await;
        assert_eq!(row.state, ArchiveState::Writing, "{engine}");
        assert_eq!(row.error, Some(error.chain()), "{engine}");
        let refused = archiver.drop_month(first, "a test").await;
        assert!(matches!(refused, Err(ArchiveError::WrongState { .. })), "{engine}: {refused:?}");
        std::fs::remove_file(&path).expect("removable");
        std::fs::create_dir(&path).expect("makes");
        archiver.archive(first, |_| ()).await.expect("archives");
        let row = fixture.state(first).await;
        assert_eq!((row.state, row.error), (ArchiveState::Verified, None), "{engine}");
    }
}
