//! A player's history is the same whether its months are in the ledger or in the archive.

use archive::{ArchiveError, History, HistoryCursor};
use domain::{EntryKind, TradeId};
use store::{LedgerFilter, LedgerRow};

use crate::fixture::{AWARDED, ENGINES, Fixture};
use crate::months::archive_store;

/// All of a player's entries, page by page; and whether some came from the archive.
async fn walk(history: &History, player_id: i64, limit: usize) -> (Vec<LedgerRow>, bool) {
    let (mut rows, mut is_archived, mut before) = (Vec::new(), false, None);
    loop {
        let page = history.page(player_id, before, limit).await.expect("readable");
        assert!(page.rows.len() <= limit);
        rows.extend(page.rows);
        is_archived |= page.is_archived;
        let Some(next) = page.next else { return (rows, is_archived) };
        assert_ne!(before, Some(next), "it goes on");
        before = Some(next);
    }
}

#[tokio::test]
async fn a_history_goes_on_in_the_archive() {
    for engine in ENGINES {
        let fixture = Fixture::open(engine).await;
        let [first, second, _] = fixture.trade_over_months().await;
        let history = History::new(fixture.store.clone(), Some(archive_store(&fixture)));
        let mut live = Vec::new();
        for player_id in &fixture.player_ids {
            let note = "INSERT INTO trade_notes (player_id, version, text, written_at) VALUES";
            fixture
                .try_by_hand(format!("{note} ({player_id}, 2, 'Because.', 0)"))
                .await
                .expect("works");
            let (rows, is_archived) = walk(&history, *player_id, 7).await;
            assert!(rows.len() > 20 && !is_archived, "{engine}");
            assert!(rows.iter().any(|row| row.note.is_some()), "{engine}");
            let awards = rows.iter().filter(|row| row.entry.kind == EntryKind::Award);
            let names: Vec<_> = awards.filter_map(|row| row.awarded.as_deref()).collect();
            // The other achievements that the higher limit of XP permits come first.
            assert!(names.len() == 1 && names[0].ends_with(AWARDED), "{engine}: {names:?}");
            let named = rows.iter().filter(|row| row.awarded.is_some()).count();
            assert_eq!(named, 1, "{engine}: only an award names achievements");
            live.push(rows);
        }
        let archiver = fixture.archiver("a");
        let same = async |what: &str| {
            for (player_id, rows) in fixture.player_ids.iter().zip(&live) {
                for limit in [7, 1000] {
                    let (found, is_archived) = walk(&history, *player_id, limit).await;
                    assert_eq!(found, *rows, "{engine}: {what}, {limit} a page");
                    assert!(is_archived, "{engine}: {what}");
                }
                for row in rows.iter().step_by(9) {
                    let id = row.entry.trade_id();
                    let found = history.find(id).await.expect("readable");
                    let is_trade = matches!(row.entry.kind, EntryKind::Buy | EntryKind::Sell);
                    assert_eq!(found.as_ref(), Some(row).filter(|_| is_trade), "{engine}: {what}");
                }
            }
        };
        for month in [first, second] {
            fixture.let_go(month).await;
            same("dropped").await;
        }
        // In the ledger are the first and the last month now.
        archiver.restore(first, |_| ()).await.expect("restores");
        same("a hole").await;
    }
}

/// All of a player's entries that a filter lets through, page by page.
async fn search(history: &History, player_id: i64, filter: LedgerFilter) -> Vec<LedgerRow> {
    let (mut rows, mut place) = (Vec::new(), None);
    loop {
        let page = history.search(player_id, filter, place, 7).await.expect("readable");
        rows.extend(page.rows);
        if page.next.is_none() {
            return rows;
        }
        assert_ne!(place, page.next, "it goes on");
        place = page.next;
    }
}

#[tokio::test]
async fn what_is_searched_for_is_found_in_the_archive_as_in_the_ledger() {
    for engine in ENGINES {
        let fixture = Fixture::open(engine).await;
        let [first, second, _] = fixture.trade_over_months().await;
        let history = History::new(fixture.store.clone(), Some(archive_store(&fixture)));
        let player_id = fixture.player_ids[0];
        let (all, _) = walk(&history, player_id, 1000).await;
        let bought = LedgerFilter { kind: Some(EntryKind::Buy), stock_id: None };
        let of_one = LedgerFilter { kind: None, stock_id: all[0].entry.stock_id };
        let same = async |what: &str| {
            for filter in [LedgerFilter::default(), bought, of_one] {
                let expected: Vec<_> =
                    all.iter().filter(|row| filter.matches(&row.entry)).cloned().collect();
                assert!(!expected.is_empty(), "{engine}");
                let found = search(&history, player_id, filter).await;
                assert_eq!(found, expected, "{engine}: {what}");
            }
        };
        same("in the ledger").await;
        let archiver = fixture.archiver("a");
        for month in [first, second] {
            fixture.let_go(month).await;
            same("dropped").await;
        }
        archiver.restore(first, |_| ()).await.expect("restores");
        same("a hole").await;
        // Nothing of the last month: the first page is the archive's.
        let below = all.iter().find(|row| row.entry.month == second).expect("some");
        let place = HistoryCursor { below: below.entry.version + 1, archived: None };
        let page = history.search(player_id, LedgerFilter::default(), Some(place), 7).await;
        let page = page.expect("readable");
        assert!(page.is_archived && page.rows.len() == 7, "{engine}: {page:?}");
    }
}

#[tokio::test]
async fn a_wrong_cursor_returns_no_wrong_history() {
    for engine in ENGINES {
        let fixture = Fixture::open(engine).await;
        let [first, second, third] = fixture.trade_over_months().await;
        let history = History::new(fixture.store.clone(), Some(archive_store(&fixture)));
        let player_id = fixture.player_ids[0];
        let (rows, _) = walk(&history, player_id, 1000).await;
        for month in [first, second] {
            fixture.let_go(month).await;
        }
        let place = rows.iter().position(|row| row.entry.month == second).expect("an entry");
        for month in [first, second, third] {
            let before = Some((month, rows[place].entry.version + 1));
            let page = history.page(player_id, before, 3).await.expect("readable");
            assert_eq!(page.rows, rows[place..place + 3], "{engine}: {}", month.0);
        }
        let none = TradeId { month: first, ..rows[0].entry.trade_id() };
        assert_eq!(history.find(none).await.expect("answers"), None, "{engine}");
    }
}

#[tokio::test]
async fn a_lost_month_is_an_error() {
    for engine in ENGINES {
        let fixture = Fixture::open(engine).await;
        let [first, ..] = fixture.trade_over_months().await;
        let history = History::new(fixture.store.clone(), Some(archive_store(&fixture)));
        let player_id = fixture.player_ids[0];
        let (rows, _) = walk(&history, player_id, 1000).await;
        fixture.let_go(first).await;
        let last = rows.iter().find(|row| row.entry.month == first).expect("an entry");
        let before = Some((first, last.entry.version + 1));
        let without = History::new(fixture.store.clone(), None);
        for lost in [without, history] {
            std::fs::remove_dir_all(fixture.archive_path()).unwrap_or_default();
            let error = lost.page(player_id, before, 5).await.expect_err("refused");
            assert!(matches!(error, ArchiveError::Missing(_)), "{engine}: {error:?}");
        }
    }
}
