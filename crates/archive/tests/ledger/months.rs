//! The states of a month, from the ledger to the archive and back, on both engines.

use archive::{
    ArchiveError, ArchiveStore, S3Config, VerifyError, verify, verify_archived, verify_month,
    verify_player,
};
use domain::Month;
use store::ArchiveState;

use crate::fixture::{ENGINES, Fixture, Hand};

async fn holds(fixture: &Fixture) -> u64 {
    let report = verify(&fixture.store, |_, _| ()).await.expect("readable");
    assert!(report.holds(), "{report}");
    report.entries
}

/// The same from the archive's first entry on.
async fn holds_wholly(fixture: &Fixture, entries: u64) {
    let report = verify_archived(&fixture.store, &archive_store(fixture), |_, _| ())
        .await
        .expect("readable");
    assert!(report.holds(), "{report}");
    assert_eq!(report.entries, entries);
}

pub(crate) fn archive_store(fixture: &Fixture) -> ArchiveStore {
    let path = fixture.archive_path().display().to_string();
    ArchiveStore::open(&path, &S3Config::default()).expect("a directory")
}

#[tokio::test]
async fn an_imported_player_is_verified_in_the_archive() {
    for engine in ENGINES {
        let fixture = Fixture::open(engine).await;
        fixture.import_player().await;
        let [first, ..] = fixture.trade_over_months().await;
        let all = holds(&fixture).await;
        let gone = fixture.let_go(first).await.entries;
        assert!(gone >= 2, "{engine}");
        assert_eq!(holds(&fixture).await, all - gone, "{engine}");
        holds_wholly(&fixture, all).await;
    }
}

#[tokio::test]
async fn a_month_is_written_verified_dropped_and_restored() {
    for engine in ENGINES {
        let fixture = Fixture::open(engine).await;
        let [first, second, _] = fixture.trade_over_months().await;
        let all = holds(&fixture).await;
        let archiver = fixture.archiver("a");
        for month in [first, second] {
            assert_eq!(fixture.state(month).await.state, ArchiveState::Due, "{engine}");
            let live = fixture.store.count_month(month).await.expect("counts");
            let manifest = archiver.archive(month, |_| ()).await.expect("archives");
            let row = fixture.state(month).await;
            assert_eq!(row.state, ArchiveState::Verified, "{engine}");
            assert_eq!(row.entries, live, "{engine}");
            assert!(manifest.parts.len() > 1, "{engine}: {manifest:?}");
            let sum: u64 = manifest.parts.iter().map(|part| part.entries).sum();
            assert_eq!(sum, manifest.entries, "{engine}");
        }
        assert_eq!(holds(&fixture).await, all, "{engine}");
        let mut gone = 0;
        for month in [first, second] {
            let cut = archiver.drop_month(month, "a test").await.expect("drops");
            gone += u64::try_from(cut.entries).expect("a count");
            assert_eq!(fixture.state(month).await.state, ArchiveState::Dropped, "{engine}");
            assert_eq!(fixture.store.count_month(month).await.expect("counts"), 0, "{engine}");
            assert_eq!(holds(&fixture).await, all - gone, "{engine}");
            holds_wholly(&fixture, all).await;
        }
        for month in [second, first] {
            let manifest = archiver.restore(month, |_| ()).await.expect("restores");
            let live = fixture.store.count_month(month).await.expect("counts");
            assert_eq!(u64::try_from(live).expect("a count"), manifest.entries, "{engine}");
            let row = fixture.state(month).await;
            assert!(row.state == ArchiveState::Verified && row.is_held && !row.is_cut, "{row:?}");
            let again = archiver.restore(month, |_| ()).await.expect("nothing to do");
            assert_eq!(again, manifest, "{engine}");
            holds(&fixture).await;
            holds_wholly(&fixture, all).await;
        }
        let held = archiver.drop_month(first, "a test").await;
        assert!(matches!(held, Err(ArchiveError::Held(month)) if month == first), "{held:?}");
        for month in [first, second] {
            let released =
                fixture.store.hold_archive(month, false, fixture.state(month).await.updated_at);
            assert!(released.await.expect("answers"));
            archiver.drop_month(month, "a test").await.expect("drops again");
        }
        assert_eq!(holds(&fixture).await, all - gone, "{engine}");
    }
}

#[tokio::test]
async fn the_database_refuses_what_is_not_verified_or_is_on_hold() {
    for engine in ENGINES {
        let fixture = Fixture::open(engine).await;
        let [first, second, _] = fixture.trade_over_months().await;
        let delete =
            |month: Month| format!("DELETE FROM portfolio_audit WHERE month = {}", month.0);
        let refused = async |sql: String| {
            let error = fixture.try_by_hand(sql.clone()).await.expect_err(&sql);
            assert!(error.contains("the ledger is immutable"), "{engine}: {sql}: {error}");
        };
        refused(delete(first)).await;
        let archiver = fixture.archiver("a");
        archiver.archive(first, |_| ()).await.expect("archives");
        archiver.archive(second, |_| ()).await.expect("archives");
        let now = fixture.state(first).await.updated_at;
        assert!(fixture.store.hold_archive(first, true, now).await.expect("answers"));
        refused(delete(first)).await;
        refused("UPDATE portfolio_audit SET amount = 0".to_owned()).await;
        if engine == "postgres" {
            refused(format!("SELECT drop_ledger_month({})", first.0)).await;
            refused(format!("TRUNCATE portfolio_audit_{}", first.0)).await;
            refused("TRUNCATE portfolio_audit".to_owned()).await;
        }
        // The month after a held one stays, too: what is left of a chain is one piece.
        let error = archiver.drop_month(second, "a test").await.expect_err("refused");
        assert!(error.to_string().contains("an older month is still in the ledger"), "{error}");
        let cut =
            format!("INSERT INTO audit_cuts (month, reason, cut_at) VALUES ({}, '', 0)", first.0);
        let error = fixture.try_by_hand(cut).await.expect_err("refused");
        assert!(error.contains("the month is on hold"), "{engine}: {error}");
        assert_eq!(fixture.state(first).await.state, ArchiveState::Verified, "{engine}");
    }
}

#[tokio::test]
async fn one_process_archives_at_a_time_and_an_old_fence_changes_nothing() {
    for engine in ENGINES {
        let fixture = Fixture::open(engine).await;
        let [first, ..] = fixture.trade_over_months().await;
        let now = domain::Clock::now(&fixture.clock);
        let lease = fixture.store.take_lease("archive", "other", now, now.plus_seconds(60)).await;
        assert!(lease.expect("answers").is_some());
        let busy = fixture.archiver("a").archive(first, |_| ()).await;
        assert!(matches!(busy, Err(ArchiveError::Busy)), "{engine}: {busy:?}");
        fixture.clock.advance_seconds(61);
        fixture.archiver("a").archive(first, |_| ()).await.expect("archives");
        let row = fixture.state(first).await;
        let old = store::FencedMonth { month: first, fence: row.fence - 1, now };
        let (from, to) = (ArchiveState::Verified, ArchiveState::Dropped);
        assert!(!fixture.store.move_archive(old, from, to, None).await.expect("answers"));
        assert!(!fixture.store.cut_month(old, "").await.expect("answers"));
        assert_eq!(fixture.state(first).await, row, "{engine}");
    }
}

#[tokio::test]
async fn a_damaged_or_missing_file_is_named() {
    for engine in ENGINES {
        let fixture = Fixture::open(engine).await;
        let [first, ..] = fixture.trade_over_months().await;
        let archiver = fixture.archiver("a");
        let manifest = fixture.let_go(first).await;
        let name = &manifest.parts[1].name;
        let path = fixture.archive_path().join(name);
        let good = std::fs::read(&path).expect("readable");
        let mut bad = good.clone();
        bad[good.len() / 2] ^= 1;
        std::fs::write(&path, &bad).expect("writable");
        let error = archiver.restore(first, |_| ()).await.expect_err("damaged");
        let text = error.to_string();
        let found = verify_archived(&fixture.store, &archive_store(&fixture), |_, _| ()).await;
        let found = found.map(|report| report.holds());
        let named =
            std::error::Error::source(&found.expect_err("damaged")).map(ToString::to_string);
        assert_eq!(named, Some(text.clone()), "{engine}");
        assert!(text.starts_with(&format!("{name} is damaged: its SHA-256 is ")), "{text}");
        assert!(fixture.state(first).await.error.expect("recorded").contains(name));
        std::fs::write(&path, &good[..good.len() - 1]).expect("writable");
        let error = archiver.restore(first, |_| ()).await.expect_err("too short").to_string();
        assert!(error.starts_with(&format!("{name} is damaged: it has ")), "{error}");
        std::fs::remove_file(&path).expect("removable");
        let error = archiver.restore(first, |_| ()).await.expect_err("missing").to_string();
        assert_eq!(error, format!("{name} is missing in the archive"));
        std::fs::write(&path, &good).expect("writable");
        archiver.restore(first, |_| ()).await.expect("restores");
        let row = fixture.state(first).await;
        assert_eq!((row.state, row.error), (ArchiveState::Verified, None), "{engine}");
        holds(&fixture).await;
    }
}

#[tokio::test]
async fn one_player_and_one_month_are_verified_by_themselves() {
    for engine in ENGINES {
        let fixture = Fixture::open(engine).await;
        let [first, second, _] = fixture.trade_over_months().await;
        let (store, archive_store) = (&fixture.store, archive_store(&fixture));
        let month = async |month: Month, archive_store: Option<&ArchiveStore>| {
            verify_month(store, archive_store, month, |_| ()).await
        };
        let player = async || {
            let report = verify_player(store, fixture.player_ids[1]).await.expect("readable");
            report.expect("a player")
        };
        let whole = player().await;
        assert!(whole.holds() && whole.players == 1 && whole.entries > 20, "{engine}: {whole}");
        let live = month(first, None).await.expect("readable");
        let count = u64::try_from(store.count_month(first).await.expect("counts")).expect("fits");
        assert_eq!((live.holds(), live.entries, live.players), (true, count, 3), "{engine}");
        assert!(verify_player(store, 1_000_000).await.expect("readable").is_none());

        let archiver = fixture.archiver("a");
        archiver.archive(first, |_| ()).await.expect("archives");
        assert_eq!(month(first, Some(&archive_store)).await.expect("readable"), live, "{engine}");
        archiver.drop_month(first, "a test").await.expect("drops");
        assert_eq!(month(first, Some(&archive_store)).await.expect("readable"), live, "{engine}");
        let gone = month(first, None).await.expect_err("it is not in the ledger");
        assert!(matches!(gone, VerifyError::Archive(ArchiveError::Missing(_))), "{gone:?}");
        assert!(player().await.holds() && player().await.entries < whole.entries, "{engine}");

        // An entry of the second month is deleted by hand.
        let at = fixture.store.month_page(second, (0, 0), 3).await.expect("answers")[1].0.clone();
        let off = match engine {
            "sqlite" => "DROP TRIGGER portfolio_audit_is_never_deleted".to_owned(),
            _ => format!("ALTER TABLE portfolio_audit_{} DISABLE TRIGGER ALL", second.0),
        };
        fixture.try_by_hand(off).await.expect("works");
        let (player_id, version) = (at.player_id, at.version);
        let delete = "DELETE FROM portfolio_audit WHERE player_id =";
        let delete = format!("{delete} {player_id} AND version = {version}");
        assert_eq!(fixture.try_by_hand(delete).await, Ok(1), "{engine}");
        let report = month(second, Some(&archive_store)).await.expect("readable");
        let found = report.difference.expect("a difference");
        assert_eq!((found.player_id, found.version), (player_id, version + 1), "{found:?}");
        assert_eq!(found.what, format!("the entry is missing before {}", version + 1));
    }
}

#[tokio::test]
async fn a_restored_month_that_is_missing_again_is_found_without_the_archive() {
    for engine in ENGINES {
        let fixture = Fixture::open(engine).await;
        let [first, ..] = fixture.trade_over_months().await;
        let manifest = fixture.let_go(first).await;
        fixture.archiver("a").restore(first, |_| ()).await.expect("restores");
        assert!(fixture.state(first).await.is_held, "{engine}");
        holds(&fixture).await;
        // What the owner of the tables can do in spite of the hold.
        let sql = match engine {
            "sqlite" => {
                fixture.change_by_hand(Hand::Unlock).await;
                format!("DELETE FROM portfolio_audit WHERE month = {}", first.0)
            }
            _ => format!("DROP TABLE portfolio_audit_{}", first.0),
        };
        fixture.try_by_hand(sql).await.expect("deletes");
        let report = verify(&fixture.store, |_, _| ()).await.expect("readable");
        let found = report.difference.expect("a difference");
        let (month, entries) = (first.0, manifest.entries);
        let what = format!("month {month} has 0 entries, its archive has {entries}");
        assert_eq!(found.what, what, "{engine}");
    }
}
