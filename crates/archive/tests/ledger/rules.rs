//! Entries of form 1 and form 2 in one chain: verified in the ledger, in the archive, and after
//! they were restored.

use archive::{ArchiveStore, S3Config, verify, verify_archived, verify_month};

use crate::fixture::{ENGINES, Fixture, Hand};

#[tokio::test]
async fn both_forms_of_entries_survive_the_archive() {
    for engine in ENGINES {
        let fixture = Fixture::open(engine).await;
        let [first, ..] = fixture.trade_over_months().await;
        let player_id = fixture.player_ids[0];
        let before = fixture.store.ledger_range((player_id, 0), player_id, 1_000).await;
        let before = before.expect("reads");
        let named = before.iter().filter(|(entry, _)| entry.rules_version == Some(1)).count();
        assert!(named > 0 && named < before.len(), "{engine}: {named} of {}", before.len());
        let form = |place: usize| before[place].0.canonical().lines().next().map(str::to_owned);
        assert_eq!(form(0).as_deref(), Some("openbell-ledger-1"), "{engine}");
        assert_eq!(form(before.len() - 1).as_deref(), Some("openbell-ledger-2"), "{engine}");

        fixture.let_go(first).await;
        let url = fixture.archive_path().display().to_string();
        let archive_store = ArchiveStore::open(&url, &S3Config::default()).expect("a directory");
        let month = verify_month(&fixture.store, Some(&archive_store), first, |_| ()).await;
        assert!(month.expect("readable").holds(), "{engine}");
        let whole = verify_archived(&fixture.store, &archive_store, |_, _| ()).await;
        assert!(whole.expect("readable").holds(), "{engine}");
        let rest = verify(&fixture.store, |_, _| ()).await.expect("readable");
        assert!(rest.holds(), "{engine}: after the archived entries: {rest}");

        fixture.archiver("a").restore(first, |_| ()).await.expect("restores");
        let after = fixture.store.ledger_range((player_id, 0), player_id, 1_000).await;
        assert_eq!(after.expect("reads"), before, "{engine}");
        let all = verify(&fixture.store, |_, _| ()).await.expect("readable");
        assert!(all.holds(), "{engine}: {all}");
    }
}

#[tokio::test]
async fn a_changed_version_of_the_rules_is_found() {
    for engine in ENGINES {
        let fixture = Fixture::open(engine).await;
        fixture.store_rules().await;
        fixture.trade(20).await;
        fixture.change_by_hand(Hand::Unlock).await;
        let sql = "UPDATE portfolio_audit SET rules_version = NULL
                   WHERE player_id = $1 AND version = 3";
        fixture.change_by_hand(Hand::Sql(sql)).await;
        let report = verify(&fixture.store, |_, _| ()).await.expect("readable");
        let found = report.difference.expect("a difference");
        assert_eq!((found.player_id, found.version), (fixture.player_ids[0], 3), "{engine}");
        assert!(found.what.starts_with("the hash is "), "{engine}: {found:?}");
    }
}
