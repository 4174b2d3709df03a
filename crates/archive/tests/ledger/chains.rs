//! Verification of a ledger on real stores: a traded ledger is valid, and every change by hand is
//! found and named.

use archive::{Difference, verify};
use domain::Clock as _;

use crate::fixture::{ENGINES, Fixture, Hand};

/// Makes a change by hand and returns the first difference, which must be of the first player.
async fn first_difference(engine: &str, changes: &[Hand]) -> Difference {
    let fixture = Fixture::open(engine).await;
    fixture.trade(60).await;
    for change in changes {
        fixture.change_by_hand(*change).await;
    }
    let report = verify(&fixture.store, |_, _| ()).await.expect("readable");
    assert!(!report.holds(), "{engine}");
    let text = report.to_string();
    let difference = report.difference.expect("a difference");
    assert_eq!(difference.player_id, fixture.player_ids[0], "{engine}: {difference:?}");
    assert!(text.contains(&difference.what), "{text}");
    difference
}

#[tokio::test]
async fn what_was_traded_holds() {
    for engine in ENGINES {
        let fixture = Fixture::open(engine).await;
        let none = verify(&fixture.store, |_, _| ()).await.expect("readable");
        assert_eq!((none.players, none.entries, none.holds()), (3, 3, true), "{engine}: {none}");
        let fills = fixture.trade(200).await;
        assert!(fills > 100, "{engine}: {fills}");
        let mut progress = Vec::new();
        let report = verify(&fixture.store, |done, total| progress.push((done, total))).await;
        let report = report.expect("readable");
        assert!(report.holds(), "{engine}: {report}");
        assert_eq!((report.players, report.entries), (3, 3 + fills), "{engine}");
        assert_eq!(progress, [(3, 3)], "{engine}");
        let text = format!("the ledger holds: 3 players, {} entries", 3 + fills);
        assert_eq!(report.to_string(), text);
    }
}

#[tokio::test]
async fn a_changed_amount_is_found() {
    for engine in ENGINES {
        let sql = "UPDATE portfolio_audit SET amount = amount + 1
                   WHERE player_id = $1 AND version = 3";
        let found = first_difference(engine, &[Hand::Unlock, Hand::Sql(sql)]).await;
        assert_eq!(found.version, 3, "{engine}");
        assert!(found.what.starts_with("the hash is "), "{engine}: {found:?}");
    }
}

#[tokio::test]
async fn a_changed_hash_is_found() {
    for engine in ENGINES {
        let sql = "UPDATE portfolio_audit
                   SET hash = (SELECT head_hash FROM players WHERE player_id = $1)
                   WHERE player_id = $1 AND version = 2";
        let found = first_difference(engine, &[Hand::Unlock, Hand::Sql(sql)]).await;
        assert_eq!(found.version, 2, "{engine}");
        assert!(found.what.starts_with("the hash is "), "{engine}: {found:?}");
    }
}

#[tokio::test]
async fn a_ledger_holds_without_the_people_behind_it() {
    for engine in ENGINES {
        let fixture = Fixture::open(engine).await;
        let fills = fixture.trade(60).await;
        for user_id in &fixture.user_ids {
            assert!(fixture.store.erase_user(*user_id, fixture.clock.now()).await.expect("erases"));
        }
        let report = verify(&fixture.store, |_, _| ()).await.expect("readable");
        assert!(report.holds(), "{engine}: {report}");
        assert_eq!((report.players, report.entries), (3, 3 + fills), "{engine}");
    }
}

#[tokio::test]
async fn a_removed_last_entry_is_found() {
    for engine in ENGINES {
        let sql = "DELETE FROM portfolio_audit WHERE player_id = $1 AND version =
                   (SELECT balance_version FROM players WHERE player_id = $1)";
        let found = first_difference(engine, &[Hand::Unlock, Hand::Sql(sql)]).await;
        let what = format!("the entry is missing, the head is {}", found.version);
        assert_eq!(found.what, what, "{engine}");
    }
}

#[tokio::test]
async fn a_removed_entry_in_the_middle_is_found() {
    for engine in ENGINES {
        let sql = "DELETE FROM portfolio_audit WHERE player_id = $1 AND version = 4";
        let found = first_difference(engine, &[Hand::Unlock, Hand::Sql(sql)]).await;
        assert_eq!((found.version, &*found.what), (4, "the entry is missing before 5"), "{engine}");
    }
}

#[tokio::test]
async fn changes_beside_the_ledger_are_found() {
    let changes = [
        ("UPDATE players SET cash = cash + 1 WHERE player_id = $1", "the player's cash is "),
        (
            "UPDATE players SET total_xp = total_xp + 1 WHERE player_id = $1",
            "the player's total XP is ",
        ),
        (
            "UPDATE players SET head_month = head_month + 1 WHERE player_id = $1",
            "the player's head month is ",
        ),
        (
            "UPDATE players SET achievements = 0 WHERE player_id = $1",
            "the player's set of achievements is not that of the unlocks",
        ),
        (
            "UPDATE holdings SET quantity = quantity + 1 WHERE player_id = $1",
            "the holding's quantity of stock ",
        ),
        (
            "UPDATE holdings SET cost_basis = cost_basis + 1 WHERE player_id = $1",
            "the holding's cost basis of stock ",
        ),
        (
            "UPDATE player_achievements SET xp = xp + 1 WHERE player_id = $1",
            "the XP of the unlocks is ",
        ),
        ("DELETE FROM player_achievements WHERE player_id = $1", "the XP of the unlocks is 0, "),
    ];
    for engine in ENGINES {
        for (sql, what) in changes {
            let found = first_difference(engine, &[Hand::Sql(sql)]).await;
            assert!(found.what.starts_with(what), "{engine}: {sql}: {found:?}");
        }
    }
}

#[tokio::test]
async fn an_entry_without_its_player_is_found() {
    for engine in ENGINES {
        let sql = "DELETE FROM players WHERE player_id = $1";
        let found = first_difference(engine, &[Hand::Sql(sql)]).await;
        assert_eq!((found.version, &*found.what), (1, "there is no such player"), "{engine}");
    }
}
