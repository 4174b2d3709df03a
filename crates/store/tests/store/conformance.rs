//! Behavior that is equal on both engines.

use domain::*;
use store::*;

use crate::support::*;

on_both_engines! {
    a_new_player_has_the_starting_cash_and_a_chain_of_one_entry,
    an_address_is_unique,
    a_token_is_valid_until_idle_expiry_or_revocation,
    a_trade_is_written_completely,
    the_portfolio_page_is_valued_and_paged_without_sold_out_holdings,
    stocks_are_found_ignoring_case_and_wildcards_are_literal,
    ids_of_stocks_and_categories_never_change,
    history_is_limited_to_its_days,
    transactions_are_paged_by_version_newest_first,
    an_unlocked_achievement_is_in_the_list,
    scores_are_followed_by_cursor,
    old_keys_and_expired_tokens_are_deleted_in_bounded_steps,
    a_note_is_returned_with_its_trade_and_can_be_replaced,
}

async fn a_new_player_has_the_starting_cash_and_a_chain_of_one_entry(engine: &str) {
    let store = fresh(engine).await;
    let ada = player(&store, "Ada").await;
    let account = store.load_account(ada.user_id).await.expect("account");
    assert_eq!((account.cash, account.balance_version), (rules().starting_cash, 1));
    assert_eq!((account.name.as_str(), account.total_xp), ("Ada", 0));
    let rows = store.transactions_page(ada.player_id, None, 50).await.expect("page");
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].entry.kind, EntryKind::Open);
    assert_eq!(rows[0].hash, rows[0].entry.hash(genesis_hash(ada.player_id)));
    let heads = store.chain_heads_page(0, 10).await.expect("heads");
    assert_eq!(heads[0].head_hash, rows[0].hash);
}

async fn an_address_is_unique(engine: &str) {
    let store = fresh(engine).await;
    player(&store, "Ada").await;
    let user = NewUser {
        name: "Eve",
        email: "ADA@example.com",
        email_key: "Ada@example.com",
        password_hash: "x",
    };
    let token = NewToken {
        hash: [9; 32],
        name: "t",
        kind: TokenKind::Api,
        idle_expires_at: now(),
        expires_at: now(),
    };
    let twice = store.register(&user, &token, rules(), now()).await.expect("answers");
    assert_eq!(twice, Err(NameConflict::Email));
    assert_eq!(store.player_scores_page(0, 10).await.expect("page").len(), 1);
    assert!(store.find_credentials("Ada@example.com").await.expect("answers").is_some());
    assert!(store.find_credentials("unknown@example.com").await.expect("answers").is_none());
}

async fn a_token_is_valid_until_idle_expiry_or_revocation(engine: &str) {
    let store = fresh(engine).await;
    let ada = player(&store, "Ada").await;
    let at = |seconds| now().plus_seconds(seconds);
    let idle = NewToken {
        hash: [7; 32],
        name: "phone",
        kind: TokenKind::Api,
        idle_expires_at: at(10),
        expires_at: at(100),
    };
    let token_id = store.create_token(ada.user_id, &idle, 9, now()).await.expect("creates");
    let token_id = token_id.expect("below the limit");
    let find = async |at| {
        let tokens = [[7; 32], [8; 32]];
        store.find_sessions(&tokens, at).await.expect("answers").get(&[7; 32]).copied()
    };
    let session = find(at(9)).await.expect("lives");
    assert_eq!((session.token_id, session.player_id), (token_id, ada.player_id));
    assert_eq!(find(at(10)).await, None);
    store.touch_token(token_id, at(200), at(9)).await.expect("touches");
    assert!(find(at(99)).await.is_some());
    assert_eq!(find(at(100)).await, None);
    let page = PageRequest::clamped(1, 50, 100);
    let (tokens, total) = store.tokens_page(ada.user_id, None, now(), page).await.expect("page");
    assert_eq!((tokens[0].name.as_str(), total), ("phone", 2));
    let other = player(&store, "Eve").await;
    assert!(!store.revoke_token(other.user_id, token_id).await.expect("answers"));
    assert!(store.revoke_token(ada.user_id, token_id).await.expect("answers"));
    assert_eq!(find(at(9)).await, None);
}

async fn a_trade_is_written_completely(engine: &str) {
    let store = fresh(engine).await;
    let ada = player(&store, "Ada").await.player_id;
    assert!(commit_one(&store, ada, &trade(Side::Buy, 2, 100)).await);
    let heads = store.chain_heads_page(0, 10).await.expect("heads");
    assert_eq!((heads[0].cash, heads[0].balance_version), (Money(980_000), 2));
    assert_eq!((heads[0].total_xp, heads[0].trades), (60, 1));
    let rows = store.transactions_page(ada, None, 1).await.expect("page");
    let symbol = rows[0].symbol.as_ref().map(Symbol::as_str);
    assert_eq!((symbol, rows[0].entry.amount), (Some("KO"), Money(-20_000)));
    let id = rows[0].entry.trade_id();
    assert_eq!(store.find_transaction(id).await.expect("answers").as_ref(), Some(&rows[0]));
    let stranger = TradeId { player_id: ada + 1, ..id };
    assert_eq!(store.find_transaction(stranger).await.expect("answers"), None);
    let fill = store.load_fill(ada, id.month, id.version).await.expect("answers").expect("is");
    assert_eq!(fill.unlocked, [Unlock { achievement_id: 1, xp: 50 }]);
}

async fn the_portfolio_page_is_valued_and_paged_without_sold_out_holdings(engine: &str) {
    let store = fresh(engine).await;
    let ada = player(&store, "Ada").await.player_id;
    for (side, stock, shares) in
        [(Side::Buy, 1, 3), (Side::Buy, 2, 100), (Side::Buy, 3, 5), (Side::Sell, 1, 3)]
    {
        assert!(commit_one(&store, ada, &trade(side, stock, shares)).await);
    }
    let prices = "[[1,10000],[2,25000],[3,15001]]";
    let page = |page, per| PageRequest::clamped(page, per, 100);
    let (rows, total) =
        store.portfolio_page(ada, prices, MinorUnit::Hundredth, page(1, 50)).await.expect("page");
    assert_eq!((rows.len(), total), (2, 2));
    assert_eq!((rows[0].symbol.as_str(), rows[0].total_value), ("KO", Money(25_000)));
    assert_eq!((rows[0].profit_loss, rows[0].cost_basis), (Money(5_000), Money(20_000)));
    assert_eq!((rows[0].average_price, rows[0].current_price), (Price(20_000), Price(25_000)));
    assert_eq!((rows[1].total_value, rows[1].profit_loss), (Money(750), Money(-750)));
    let (rows, total) =
        store.portfolio_page(ada, prices, MinorUnit::Hundredth, page(2, 1)).await.expect("page");
    assert_eq!((rows[0].symbol.as_str(), total), ("XOM", 2));
    let (rows, total) =
        store.portfolio_page(ada, prices, MinorUnit::Hundredth, page(9, 50)).await.expect("page");
    assert_eq!((rows.len(), total), (0, 2));
    let sums = store.portfolio_summary(ada, prices, MinorUnit::Hundredth).await.expect("sums");
    assert_eq!((sums.total_invested, sums.total_value), (Money(21_500), Money(25_750)));
    let empty = store.portfolio_summary(ada, "[]", MinorUnit::Hundredth).await.expect("sums");
    assert_eq!((empty.total_invested, empty.total_value), (Money(21_500), Money(0)));
    let positions = store.load_positions(ada).await.expect("positions");
    let shares = |count: i64| Quantity(count * 1_000_000);
    let held = [(2, shares(100), Money(20_000)), (3, shares(5), Money(1_500))];
    assert_eq!((positions.version, positions.cash), (5, sums.cash));
    assert_eq!(positions.holdings, held);
    let eve = player(&store, "Eve").await.player_id;
    let positions = store.load_positions(eve).await.expect("positions");
    assert_eq!((positions.version, positions.holdings.len()), (1, 0));
    store.load_positions(eve + 1).await.expect_err("no such player");
}

async fn stocks_are_found_ignoring_case_and_wildcards_are_literal(engine: &str) {
    let store = fresh(engine).await;
    let find = async |category: Option<&str>, search: Option<&str>| {
        let page = PageRequest::clamped(1, 2, 50);
        let (rows, total) = store.stocks_page(category, search, page).await.expect("page");
        (rows.iter().map(|r| r.symbol.to_string()).collect::<Vec<_>>().join(" "), total)
    };
    assert_eq!(find(None, None).await, ("AAPL KO".into(), 3));
    assert_eq!(find(None, Some("aaPl")).await, ("AAPL".into(), 1));
    assert_eq!(find(None, Some("%_")).await, ("AAPL KO".into(), 3));
    assert_eq!(find(None, Some("0_c")).await, (String::new(), 0));
    assert_eq!(find(None, Some("a\\")).await, (String::new(), 0));
    assert_eq!(find(Some("Kind of KO"), Some("co")).await, ("KO".into(), 1));
    assert_eq!(find(Some("kind of ko"), None).await, (String::new(), 0));
    let symbol = Symbol::parse("XOM").expect("symbol");
    assert!(store.find_stock(&symbol).await.expect("answers").is_some());
}

async fn ids_of_stocks_and_categories_never_change(engine: &str) {
    let store = fresh(engine).await;
    let save = async |symbols: &[&str]| {
        let stocks: Vec<_> = symbols.iter().map(|s| new_stock(s)).collect();
        let saved = store.save_stocks(&stocks).await.expect("saves");
        saved.iter().map(|s| (s.symbol.to_string(), s.stock_id, s.category_id)).collect::<Vec<_>>()
    };
    let before = save(&["KO"]).await;
    let after = save(&["NEW", "KO"]).await;
    assert_eq!(after[1], before[0]);
    assert_eq!((after[0].0.as_str(), after[0].2), ("NEW", 3));
    assert_eq!(before[0].1, 2);
}

async fn history_is_limited_to_its_days(engine: &str) {
    let store = fresh(engine).await;
    let closes: Vec<_> = (1..=5).map(|d| (1, Day(d), Price(i64::from(d) * 100))).collect();
    store.save_history(&closes).await.expect("saves");
    store.save_history(&[(1, Day(5), Price(999))]).await.expect("changes nothing");
    let found = store.stock_history(1, Day(2), Day(4)).await.expect("answers");
    assert_eq!(found, [(Day(2), Price(200)), (Day(3), Price(300)), (Day(4), Price(400))]);
    assert_eq!(store.history_last_day(1).await.expect("answers"), Some(Day(5)));
    assert_eq!(store.history_last_day(2).await.expect("answers"), None);
    let last = store.stock_history(1, Day(5), Day(9)).await.expect("answers");
    assert_eq!(last, [(Day(5), Price(500))]);
}

async fn transactions_are_paged_by_version_newest_first(engine: &str) {
    let store = fresh(engine).await;
    let ada = player(&store, "Ada").await.player_id;
    for _ in 0..4 {
        commit_one(&store, ada, &trade(Side::Buy, 1, 1)).await;
    }
    let versions = async |before| {
        let rows = store.transactions_page(ada, before, 2).await.expect("page");
        rows.iter().map(|r| r.entry.version).collect::<Vec<_>>()
    };
    let month = now().month();
    assert_eq!(versions(None).await, [5, 4]);
    assert_eq!(versions(Some((month, 4))).await, [3, 2]);
    assert_eq!(versions(Some((month, 2))).await, [1]);
    assert_eq!(versions(Some((month, 1))).await, Vec::<i64>::new());
    let all = store.ledger_range((0, 0), ada, 100).await.expect("range");
    assert_eq!(all.len(), 5);
    let rest = store.ledger_range((ada, 3), ada, 100).await.expect("range");
    assert_eq!(rest.iter().map(|(e, _)| e.version).collect::<Vec<_>>(), [4, 5]);
}

async fn an_unlocked_achievement_is_in_the_list(engine: &str) {
    let store = fresh(engine).await;
    let ada = player(&store, "Ada").await.player_id;
    let before = store.achievements_of(ada).await.expect("list");
    assert_eq!(before.len(), rules().achievements.iter().count());
    assert!(before.iter().all(|a| a.unlocked_at.is_none()));
    commit_one(&store, ada, &trade(Side::Buy, 1, 10)).await;
    let after = store.achievements_of(ada).await.expect("list");
    let unlocked: Vec<_> =
        after.iter().filter(|a| a.unlocked_at.is_some()).map(|a| a.code.as_str()).collect();
    assert_eq!(unlocked, ["first_trade"]);
    let range = store.unlocks_range(0, ada).await.expect("range");
    assert_eq!(range, [(ada, 2, 1, 50)]);
}

async fn scores_are_followed_by_cursor(engine: &str) {
    let store = fresh(engine).await;
    let (ada, eve) = (player(&store, "Ada").await.player_id, player(&store, "Eve").await.player_id);
    commit_one(&store, eve, &trade(Side::Buy, 1, 10)).await;
    assert_eq!(store.player_scores_page(0, 1).await.expect("page"), [(ada, 0)]);
    assert_eq!(store.player_scores_page(ada, 9).await.expect("page"), [(eve, 60)]);
    let mut cursor = ScoreCursor::default();
    let mut seen = Vec::new();
    while let [(player_id, xp, next)] =
        store.scores_changed_after(cursor, 1).await.expect("page")[..]
    {
        seen.push((player_id, xp));
        cursor = next;
    }
    assert_eq!(seen, [(ada, Some(0)), (eve, Some(0)), (eve, Some(60))]);
    let shown = store.player_labels(&[eve, ada, 999], 0).await.expect("names");
    assert_eq!((shown.len(), &shown[&eve].name), (3, &PublicName::Known("Eve".to_owned())));
    assert_eq!(shown[&999], PlayerLabel { name: PublicName::Former, snapshot_rank: None });
}

async fn old_keys_and_expired_tokens_are_deleted_in_bounded_steps(engine: &str) {
    let store = fresh(engine).await;
    let ada = player(&store, "Ada").await;
    for key in ["a", "b", "c"] {
        let mut change = settle_one(&store, ada.player_id, &trade(Side::Sell, 1, 1)).await;
        change.records.push(IdempotencyRecord { version: None, ..record(key, 0) });
        store.commit_batch(&[change], mark(), now()).await.expect("commits");
    }
    let later = now().plus_seconds(1);
    let forget =
        async |before, max| store.delete_idempotency_before(before, max).await.expect("deletes");
    assert_eq!(forget(now(), 10).await, 0);
    assert_eq!((forget(later, 2).await, forget(later, 2).await), (2, 1));
    let dead = now().plus_seconds(1000);
    assert_eq!(store.delete_expired_tokens(now(), 10).await.expect("deletes"), 0);
    assert_eq!(store.delete_expired_tokens(dead, 10).await.expect("deletes"), 1);
}

async fn a_note_is_returned_with_its_trade_and_can_be_replaced(engine: &str) {
    let store = fresh(engine).await;
    let ada = player(&store, "Ada").await.player_id;
    commit_one(&store, ada, &trade(Side::Buy, 1, 1)).await;
    for text in ["first thought", "second 'thought' \"with\" quotes ✓"] {
        let note = Note::parse(text).expect("a note");
        let action = Action::Annotate { about_version: 2, stock_id: 1, note: note.clone() };
        let mut change = settle_one(&store, ada, &action).await;
        change.notes.push((2, note));
        store.commit_batch(&[change], mark(), now()).await.expect("commits");
        let rows = store.transactions_page(ada, None, 50).await.expect("page");
        let row = rows.iter().find(|r| r.entry.version == 2).expect("the trade");
        assert_eq!(row.note.as_deref(), Some(text));
        let heads = store.chain_heads_page(0, 1).await.expect("heads");
        assert_eq!(heads[0].notes, 1, "a trade is explained once, however often");
    }
}
