//! Seals reveal changes that chains alone do not.

use archive::{ArchiveError, Seal, SealReport, SealsFile, seal, verify, verify_seals};

use domain::Clock as _;

use crate::fixture::{ENGINES, Fixture};

async fn make(fixture: &Fixture, file: &SealsFile) -> Result<Option<Seal>, ArchiveError> {
    fixture.clock.advance_seconds(3_600);
    seal(&fixture.store, Some(file), &fixture.clock).await
}

async fn look(fixture: &Fixture, file: &SealsFile) -> SealReport {
    verify_seals(&fixture.store, Some(file), 1_000).await.expect("readable")
}

fn file(fixture: &Fixture) -> SealsFile {
    SealsFile::new(fixture.archive_path().with_file_name("seals.jsonl"))
}

#[tokio::test]
async fn seals_follow_one_another_and_are_computed_again_from_the_ledger() {
    for engine in ENGINES {
        let fixture = Fixture::open(engine).await;
        let file = file(&fixture);
        let mut previous = "0".repeat(64);
        for round in 1..=3_u64 {
            fixture.trade(20).await;
            let made = make(&fixture, &file).await.expect("seals").expect("a new one");
            assert_eq!((made.players, &made.previous), (3, &previous), "{engine}");
            previous = made.hash().to_string();
            // Trades of now, and of before the instant's end, change nothing about it.
            fixture.trade(5).await;
            let report = look(&fixture, &file).await;
            let expected = SealReport { seals: round, recomputed: round, wrong: None };
            assert_eq!(report, expected, "{engine}");
        }
        let made = seal(&fixture.store, Some(&file), &fixture.clock).await.expect("answers");
        let again = seal(&fixture.store, Some(&file), &fixture.clock).await.expect("answers");
        assert!(made.is_some() && again.is_none(), "{engine}: one an instant");
    }
}

#[tokio::test]
async fn a_clock_that_steps_back_breaks_no_seal() {
    for engine in ENGINES {
        let fixture = Fixture::open(engine).await;
        let file = file(&fixture);
        fixture.trade(20).await;
        make(&fixture, &file).await.expect("seals").expect("a new one");
        fixture.clock.advance_seconds(-30 * 86_400);
        // `trade` moves the clock on, by less than it went back.
        fixture.trade(20).await;
        let report = look(&fixture, &file).await;
        assert_eq!((report.seals, report.recomputed, report.holds()), (1, 1, true), "{report}");
        let made = seal(&fixture.store, Some(&file), &fixture.clock).await.expect("answers");
        assert_eq!(made, None, "{engine}: a seal of the time before is not made");

        fixture.clock.advance_seconds(60 * 86_400);
        fixture.trade(20).await;
        make(&fixture, &file).await.expect("the first seal holds").expect("a new one");
        let report = look(&fixture, &file).await;
        assert_eq!((report.seals, report.recomputed, report.holds()), (2, 2, true), "{report}");
        let chains = verify(&fixture.store, |_, _| ()).await.expect("readable");
        assert!(chains.holds(), "{engine}: {chains}");
    }
}

#[tokio::test]
async fn a_node_whose_clock_is_ahead_of_the_database_makes_no_seal() {
    let fixture = Fixture::open("postgres").await;
    let file = file(&fixture);
    fixture.trade(5).await;
    fixture.clock.advance_seconds(100 * 365 * 86_400);
    let refused = make(&fixture, &file).await.expect_err("refused");
    assert!(matches!(refused, ArchiveError::ClockAhead), "{refused:?}");
    fixture.clock.advance_seconds(-100 * 365 * 86_400);
    make(&fixture, &file).await.expect("seals").expect("a new one");
}

#[tokio::test]
async fn seals_hold_while_months_go_into_the_archive_and_come_back() {
    for engine in ENGINES {
        let fixture = Fixture::open(engine).await;
        let file = file(&fixture);
        let [first, second, _] = fixture.trade_over_months().await;
        make(&fixture, &file).await.expect("seals").expect("a new one");
        let archiver = fixture.archiver("a");
        for month in [first, second] {
            fixture.let_go(month).await;
            let report = look(&fixture, &file).await;
            assert!(report.holds() && report.recomputed > 0, "{engine}: {report}");
            make(&fixture, &file).await.expect("seals").expect("a new one");
        }
        archiver.restore(first, |_| ()).await.expect("restores");
        let report = look(&fixture, &file).await;
        assert_eq!((report.holds(), report.recomputed), (true, 3), "{engine}: {report}");
    }
}

#[tokio::test]
async fn a_chain_that_was_deleted_without_a_trace_is_found() {
    for engine in ENGINES {
        let fixture = Fixture::open(engine).await;
        let file = file(&fixture);
        fixture.trade(30).await;
        let made = make(&fixture, &file).await.expect("seals").expect("a new one");
        let off = match engine {
            "sqlite" => "DROP TRIGGER portfolio_audit_is_never_deleted".to_owned(),
            _ => {
                let month = fixture.clock.now().month().0;
                format!("ALTER TABLE portfolio_audit_{month} DISABLE TRIGGER ALL")
            }
        };
        fixture.try_by_hand(off).await.expect("works");
        let gone = fixture.player_ids[2];
        for table in ["portfolio_audit", "holdings", "player_achievements", "players"] {
            let delete = format!("DELETE FROM {table} WHERE player_id = {gone}");
            fixture.try_by_hand(delete).await.expect("works");
        }
        let chains = verify(&fixture.store, |_, _| ()).await.expect("readable");
        assert!(chains.holds() && chains.players == 2, "{engine}: {chains}");

        let wrong = look(&fixture, &file).await.wrong.expect("something");
        assert!(
            wrong.starts_with(&format!("{made} was sealed; the ledger has 2 chains")),
            "{wrong}"
        );
        let refused = make(&fixture, &file).await.expect_err("refused");
        assert!(matches!(refused, ArchiveError::SealMismatch(_)), "{engine}: {refused:?}");
    }
}

#[tokio::test]
async fn the_file_reveals_changed_and_deleted_seals() {
    for engine in ENGINES {
        let fixture = Fixture::open(engine).await;
        let file = file(&fixture);
        fixture.trade(5).await;
        let first = make(&fixture, &file).await.expect("seals").expect("a new one");
        make(&fixture, &file).await.expect("seals").expect("a new one");
        let refused = fixture.try_by_hand("UPDATE audit_seals SET players = 0".to_owned()).await;
        assert!(refused.expect_err("refused").contains("immutable"), "{engine}");
        let refused = fixture.try_by_hand("DELETE FROM audit_seals".to_owned()).await;
        assert!(refused.expect_err("refused").contains("immutable"), "{engine}");

        let text = std::fs::read_to_string(file.path()).expect("readable");
        let other = Seal { entries: first.entries + 1, ..first.clone() };
        let line = |seal: &Seal| serde_json::to_string(seal).expect("JSON");
        std::fs::write(file.path(), text.replace(&line(&first), &line(&other))).expect("writes");
        let wrong = look(&fixture, &file).await.wrong;
        assert_eq!(wrong, Some(format!("the file has {other}, the database {first}")), "{engine}");

        // No further seal is made while the file has another newest seal.
        let newest = text.lines().last().expect("a line");
        let newest: Seal = serde_json::from_str(newest).expect("a seal");
        let forged = Seal { players: newest.players + 1, ..newest.clone() };
        std::fs::write(file.path(), text.replace(&line(&newest), &line(&forged))).expect("writes");
        let refused = make(&fixture, &file).await.expect_err("refused");
        let ArchiveError::SealMismatch(what) = refused else { panic!("{engine}: {refused:?}") };
        assert_eq!(what, format!("the file has {forged}, the database {newest}"), "{engine}");

        let more = Seal { cut_at: 1, ..first.clone() };
        std::fs::write(file.path(), format!("{}\n{text}", line(&more))).expect("writes");
        let wrong = look(&fixture, &file).await.wrong;
        assert_eq!(wrong, Some(format!("the database lacks {more}")), "{engine}");

        // A crash cut the last line off: the next seal writes it again.
        std::fs::write(file.path(), &text[..text.len() - 9]).expect("writes");
        make(&fixture, &file).await.expect("seals").expect("a new one");
        let report = look(&fixture, &file).await;
        assert_eq!((report.seals, report.holds()), (3, true), "{engine}: {report}");
    }
}

#[tokio::test]
async fn changed_counts_of_the_newest_seal_are_found_without_a_file() {
    for engine in ENGINES {
        let fixture = Fixture::open(engine).await;
        fixture.trade(5).await;
        fixture.clock.advance_seconds(3_600);
        let made =
            seal(&fixture.store, None, &fixture.clock).await.expect("seals").expect("a new one");
        let off = match engine {
            "sqlite" => "DROP TRIGGER audit_seals_are_never_updated",
            _ => "ALTER TABLE audit_seals DISABLE TRIGGER ALL",
        };
        fixture.try_by_hand(off.to_owned()).await.expect("works");
        for count in ["players", "entries"] {
            let change = |by: i64| format!("UPDATE audit_seals SET {count} = {count} + {by}");
            fixture.try_by_hand(change(1)).await.expect("works");
            let report = verify_seals(&fixture.store, None, 1).await.expect("readable");
            let wrong = report.wrong.expect("something");
            let (chains, entries) = (made.players, made.entries);
            let found =
                format!("the ledger has {chains} chains and {entries} entries of that time");
            assert!(wrong.contains(&found), "{engine}: {wrong}");
            fixture.clock.advance_seconds(3_600);
            let refused = seal(&fixture.store, None, &fixture.clock).await;
            assert!(matches!(refused, Err(ArchiveError::SealMismatch(_))), "{engine}: {refused:?}");
            fixture.try_by_hand(change(-1)).await.expect("works");
        }
        let report = verify_seals(&fixture.store, None, 1).await.expect("readable");
        assert!(report.holds(), "{engine}: {report}");
    }
}
