//! A player's records: portfolio composition, achievements, filtered history, notes; and erasure.

use domain::StockInfo;
use domain::*;
use store::*;

use crate::support::*;

on_both_engines! {
    a_mix_has_categories_the_largest_holding_and_cash,
    an_empty_portfolio_has_only_cash,
    the_largest_holdings_are_chosen_from_all_holdings,
    counts_equal_the_progress_of_achievements,
    the_history_is_filtered_by_kind_and_stock,
    a_filtered_page_continues_at_the_cursor,
    notes_are_paged_by_trade,
    an_erased_user_leaves_a_nameless_player,
    a_note_of_an_erased_user_is_not_written,
    a_user_is_erased_once,
}

async fn a_mix_has_categories_the_largest_holding_and_cash(engine: &str) {
    let store = fresh(engine).await;
    let ada = player(&store, "Ada").await.player_id;
    let twin = StockInfo { category: "Kind of KO".to_owned(), ..new_stock("PEP") };
    let pep = store.save_stocks(&[twin]).await.expect("stocks")[0].stock_id;
    for (side, stock, shares) in [
        (Side::Buy, 1, 10),
        (Side::Buy, 2, 10),
        (Side::Buy, 3, 1),
        (Side::Sell, 3, 1),
        (Side::Buy, pep, 10),
    ] {
        assert!(commit_one(&store, ada, &trade(side, stock, shares)).await);
    }
    let prices = format!("[[1,50000],[2,20000],[3,1],[{pep},40000]]");
    let mix = store.portfolio_mix(ada, &prices, MinorUnit::Hundredth).await.expect("mix");
    assert_eq!((mix.cash, mix.holdings), (Money(1_000_000 - 1_000 - 2_000 - 4_000), 3));
    let apple = Symbol::parse("AAPL").expect("a symbol");
    assert_eq!(mix.largest, Some((apple, Money(5_000))));
    let kinds = [("Kind of KO", 6_000), ("Kind of AAPL", 5_000)];
    assert_eq!(mix.categories, kinds.map(|(kind, cents)| (kind.to_owned(), Money(cents))));
}

async fn an_empty_portfolio_has_only_cash(engine: &str) {
    let store = fresh(engine).await;
    let ada = player(&store, "Ada").await.player_id;
    let mix = store.portfolio_mix(ada, PRICES, MinorUnit::Hundredth).await.expect("mix");
    let (cash, categories) = (rules().starting_cash, vec![]);
    assert_eq!(mix, PortfolioMix { cash, holdings: 0, largest: None, categories });
    store.portfolio_mix(ada + 1, PRICES, MinorUnit::Hundredth).await.expect_err("no such player");
}

async fn the_largest_holdings_are_chosen_from_all_holdings(engine: &str) {
    let store = fresh(engine).await;
    let ada = player(&store, "Ada").await.player_id;
    let new = |n| StockInfo { category: "One".to_owned(), ..new_stock(&format!("S{n:03}")) };
    let saved = store.save_stocks(&(0..103).map(new).collect::<Vec<_>>()).await.expect("stocks");
    for stock in &saved {
        assert!(commit_one(&store, ada, &trade(Side::Buy, stock.stock_id, 1)).await);
    }
    // The last stocks by symbol are the most valuable; ties are sorted by symbol.
    let price = |place: usize| if place >= 100 { 90_000 } else { 10_000 + place };
    let prices: Vec<String> = saved
        .iter()
        .enumerate()
        .map(|(place, stock)| format!("[{},{}]", stock.stock_id, price(place)))
        .collect();
    let prices = format!("[{}]", prices.join(","));
    let (rows, total) =
        store.largest_holdings(ada, &prices, MinorUnit::Hundredth, 4).await.expect("page");
    let symbols: Vec<&str> = rows.iter().map(|row| row.symbol.as_str()).collect();
    assert_eq!((symbols, total), (vec!["S100", "S101", "S102", "S000"], 103));
    let none =
        store.largest_holdings(ada + 1, &prices, MinorUnit::Hundredth, 4).await.expect("page");
    assert_eq!(none, (vec![], 0));
}

async fn counts_equal_the_progress_of_achievements(engine: &str) {
    let store = fresh(engine).await;
    let ada = player(&store, "Ada").await.player_id;
    let counts = async |prices, day| {
        let valuation = Valuation {
            market_day: Day(day),
            held_before: Day(day - 1),
            holding_value_min: Money(1_000),
            ..Valuation::at_prices(prices)
        };
        store.load_progress(ada, &valuation, &rules().levels).await.expect("counts").counts
    };
    let none = counts(PRICES, 12_790).await;
    assert_eq!((none.level, none.trades, none.holding_days), (1, 0, 0));
    assert_eq!((none.portfolio_value, none.profit), (rules().starting_cash, Money(0)));
    for (side, stock) in [(Side::Buy, 1), (Side::Buy, 2), (Side::Sell, 2)] {
        assert!(commit_one(&store, ada, &trade(side, stock, 10)).await);
    }
    let some = counts("[[1,25000]]", 12_790).await;
    assert_eq!((some.trades, some.stocks, some.categories, some.notes), (3, 1, 1, 0));
    assert_eq!((some.holding_days, some.profit), (4, Money(0)));
    assert_eq!(some.portfolio_value, Money(999_000 + 2_500));
    for achievement in rules().achievements.iter() {
        let reached = achievement.kind.reached(&some);
        let wanted = achievement.kind.threshold(rules().starting_cash);
        let rows = store.achievements_of(ada).await.expect("list");
        let row = rows.iter().find(|row| row.achievement_id == achievement.id).expect("listed");
        // Prices moved since the last trade: values that depend on them alone are left out.
        if !matches!(achievement.kind, AchievementKind::HoldingDays(_)) {
            assert_eq!(row.unlocked_at.is_some(), reached >= wanted, "{}", achievement.code);
        }
    }
}

async fn the_history_is_filtered_by_kind_and_stock(engine: &str) {
    let store = fresh(engine).await;
    let ada = player(&store, "Ada").await.player_id;
    // Versions 2 to 6 follow the opening.
    for (side, stock) in
        [(Side::Buy, 1), (Side::Buy, 2), (Side::Sell, 1), (Side::Buy, 1), (Side::Sell, 2)]
    {
        assert!(commit_one(&store, ada, &trade(side, stock, 1)).await);
    }
    let found = async |kind, stock_id| {
        let filter = LedgerFilter { kind, stock_id };
        let page = store.filtered_transactions_page(ada, filter, None, 50).await.expect("page");
        assert_eq!(page.next, None);
        page.rows.iter().map(|r| r.entry.version).collect::<Vec<_>>()
    };
    assert_eq!(found(None, None).await, [6, 5, 4, 3, 2, 1]);
    assert_eq!(found(Some(EntryKind::Sell), None).await, [6, 4]);
    assert_eq!(found(None, Some(1)).await, [5, 4, 2]);
    assert_eq!(found(Some(EntryKind::Buy), Some(1)).await, [5, 2]);
    assert_eq!(found(Some(EntryKind::Note), None).await, Vec::<i64>::new());
    let no_filter = LedgerFilter::default();
    let page = store.filtered_transactions_page(ada + 1, no_filter, None, 9).await.expect("page");
    assert_eq!(page, FilteredPage { rows: vec![], next: None });
}

async fn a_filtered_page_continues_at_the_cursor(engine: &str) {
    let store = fresh(engine).await;
    let ada = player(&store, "Ada").await.player_id;
    for stock in [1, 2, 1, 2, 1] {
        assert!(commit_one(&store, ada, &trade(Side::Buy, stock, 1)).await);
    }
    let filter = LedgerFilter { kind: None, stock_id: Some(1) };
    let (mut seen, mut before) = (Vec::new(), None);
    loop {
        let page = store.filtered_transactions_page(ada, filter, before, 2).await.expect("page");
        assert!(page.rows.len() <= 2);
        seen.extend(page.rows.iter().map(|row| row.entry.version));
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    assert_eq!(seen, [6, 4, 2]);
    // Far above the player's entries nothing is in range, and the page returns a cursor.
    let far = store.filtered_transactions_page(ada, filter, Some(15_000), 2).await.expect("page");
    assert_eq!((far.rows.len(), far.next), (0, Some(5_000)));
}

/// Buys a share with a note.
async fn buy_and_explain(store: &Store, player_id: i64, text: &str) {
    let mut change = settle_one(store, player_id, &trade(Side::Buy, 1, 1)).await;
    change.notes.push((change.fills[0].entry.version, Note::parse(text).expect("a note")));
    store.commit_batch(&[change], mark(), now()).await.expect("commits");
}

async fn notes_are_paged_by_trade(engine: &str) {
    let store = fresh(engine).await;
    let (ada, eve) = (player(&store, "Ada").await.player_id, player(&store, "Eve").await.player_id);
    for text in ["one", "two", "three"] {
        buy_and_explain(&store, ada, text).await;
    }
    buy_and_explain(&store, eve, "not hers").await;
    let notes = async |after, limit| {
        let rows = store.notes_page(ada, after, limit).await.expect("page");
        rows.into_iter().map(|row| (row.version, row.text)).collect::<Vec<_>>()
    };
    assert_eq!(notes(0, 2).await, [(2, "one".to_owned()), (3, "two".to_owned())]);
    assert_eq!(notes(3, 2).await, [(4, "three".to_owned())]);
    assert_eq!(notes(4, 2).await, []);
}

async fn an_erased_user_leaves_a_nameless_player(engine: &str) {
    let store = fresh(engine).await;
    let (ada, eve) = (player(&store, "Ada").await, player(&store, "Eve").await);
    for (one, pseudonym) in [(&ada, "Owl"), (&eve, "Fox")] {
        buy_and_explain(&store, one.player_id, "because").await;
        store.save_preferences(one.user_id, &Preferences::default(), now()).await.expect("saves");
        let (shows, pseudonym) = (NameVisibility::Pseudonym, Some(pseudonym.to_owned()));
        let appearance = Appearance { shows, pseudonym };
        store.save_appearance(one.player_id, &appearance).await.expect("saves");
        assert!(store.watch(one.player_id, 1, now()).await.expect("watches"));
        store.mark_rewards_seen(one.player_id, 2).await.expect("marks");
    }
    store.snapshot_equity(Day(1), None, MinorUnit::Hundredth, 10).await.expect("writes");
    assert!(store.erase_user(ada.user_id, now()).await.expect("erases"));

    store.load_account(ada.user_id).await.expect_err("gone");
    assert!(store.find_credentials("Ada@example.com").await.expect("answers").is_none());
    let hash = |name: &str| {
        let mut hash = [0; 32];
        hash[..3].copy_from_slice(name.as_bytes());
        hash
    };
    let sessions = store.find_sessions(&[hash("Ada"), hash("Eve")], now()).await.expect("answers");
    assert_eq!(sessions.keys().copied().collect::<Vec<_>>(), [hash("Eve")]);
    let shown = store.player_labels(&[ada.player_id, eve.player_id], 0).await.expect("names");
    assert_eq!(shown[&ada.player_id].name, PublicName::Former);
    assert_eq!(shown[&eve.player_id].name, PublicName::Known("Fox".to_owned()));
    let watched = async |player_id| {
        let query =
            MarketQuery { player_id: Some(player_id), only_watched: true, ..Default::default() };
        let page = PageRequest::clamped(1, 9, 9);
        store.market_page(&query, "[]", page).await.expect("page").1
    };
    let notes = async |player_id| store.notes_page(player_id, 0, 9).await.expect("page").len();
    let curve =
        async |player_id| store.equity_curve(player_id, Day(0), Day(9)).await.expect("curve").len();
    for (player_id, left) in [(ada.player_id, 0), (eve.player_id, 1)] {
        assert_eq!(watched(player_id).await, i64::try_from(left).expect("fits"));
        assert_eq!((notes(player_id).await, curve(player_id).await), (left, left));
        let rows = store.transactions_page(player_id, None, 9).await.expect("page");
        assert_eq!(rows.len(), 2, "the ledger stays");
    }
    assert_eq!(store.holdings_range(0, eve.player_id).await.expect("holdings").len(), 2);
    store.snapshot_equity(Day(2), None, MinorUnit::Hundredth, 10).await.expect("writes");
    assert_eq!((curve(ada.player_id).await, curve(eve.player_id).await), (0, 2));
    player(&store, "Ada").await;
}

async fn a_note_of_an_erased_user_is_not_written(engine: &str) {
    let store = fresh(engine).await;
    let ada = player(&store, "Ada").await;
    let mut late = settle_one(&store, ada.player_id, &trade(Side::Buy, 1, 1)).await;
    late.notes.push((2, Note::parse("because").expect("a note")));
    assert!(store.erase_user(ada.user_id, now()).await.expect("erases"));
    let committed = store.commit_batch(&[late], mark(), now()).await.expect("commits");
    assert!(committed.conflicted.is_empty(), "an accepted order is carried out");
    assert_eq!(store.notes_page(ada.player_id, 0, 9).await.expect("page"), []);
}

async fn a_user_is_erased_once(engine: &str) {
    let store = fresh(engine).await;
    let ada = player(&store, "Ada").await;
    assert!(store.erase_user(ada.user_id, now()).await.expect("erases"));
    assert!(!store.erase_user(ada.user_id, now()).await.expect("answers"));
}
