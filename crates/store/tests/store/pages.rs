//! The store as used by pages, on both engines: browser sessions, roles, settings, names on
//! leaderboards, rewards, watch lists, the market page.

use domain::StockInfo;
use domain::*;
use store::*;

use crate::support::*;

on_both_engines! {
    a_session_has_the_kind_of_its_token,
    all_tokens_but_one_are_revoked,
    the_role_of_a_user_is_set_by_address,
    a_name_and_a_password_are_changed,
    a_viewer_has_saved_settings_or_none,
    leaderboards_show_a_name_a_pseudonym_or_nothing,
    a_reward_is_unseen_until_it_is_marked,
    a_player_watches_a_hundred_stocks_and_each_once,
    the_market_is_filtered_sorted_and_paged,
    an_empty_market_page_has_the_total,
    categories_are_listed_by_name,
    closes_of_many_stocks_are_bounded_by_days_and_number,
    a_game_is_found_by_its_code_ignoring_case,
}

fn page(page: i64, per_page: i64) -> PageRequest {
    PageRequest::clamped(page, per_page, 100)
}

async fn a_session_has_the_kind_of_its_token(engine: &str) {
    let store = fresh(engine).await;
    let ada = player(&store, "Ada").await;
    let later = now().plus_seconds(9);
    let web = NewToken {
        hash: [7; 32],
        name: "Firefox",
        kind: TokenKind::Web,
        idle_expires_at: later,
        expires_at: later,
    };
    let token_id = store.create_token(ada.user_id, &web, 9, now()).await.expect("creates");
    let token_id = token_id.expect("below the limit");
    let session = store.find_sessions(&[[7; 32]], now()).await.expect("answers")[&[7; 32]];
    assert_eq!((session.token_id, session.kind), (token_id, TokenKind::Web));
    let listed = async |kind| {
        let listed = store.tokens_page(ada.user_id, kind, now(), page(1, 50)).await.expect("page");
        (listed.0.iter().map(|t| t.kind).collect::<Vec<_>>(), listed.1)
    };
    assert_eq!(listed(None).await, (vec![TokenKind::Web, TokenKind::Api], 2));
    assert_eq!(listed(Some(TokenKind::Web)).await, (vec![TokenKind::Web], 1));
    assert_eq!(listed(Some(TokenKind::Api)).await, (vec![TokenKind::Api], 1));
}

async fn all_tokens_but_one_are_revoked(engine: &str) {
    let store = fresh(engine).await;
    let (ada, eve) = (player(&store, "Ada").await, player(&store, "Eve").await);
    let later = now().plus_seconds(9);
    for number in 1..=3u8 {
        let (hash, kind) = ([number; 32], TokenKind::Web);
        let token = NewToken { hash, name: "t", kind, idle_expires_at: later, expires_at: later };
        store.create_token(ada.user_id, &token, 9, now()).await.expect("creates");
    }
    let ended = store.revoke_other_tokens(ada.user_id, ada.token_id).await.expect("ends");
    assert_eq!(ended, 3);
    for (user_id, token_id) in [(ada.user_id, ada.token_id), (eve.user_id, eve.token_id)] {
        let (left, total) =
            store.tokens_page(user_id, None, now(), page(1, 50)).await.expect("page");
        assert_eq!((left[0].token_id, total), (token_id, 1));
    }
}

async fn the_role_of_a_user_is_set_by_address(engine: &str) {
    let store = fresh(engine).await;
    let ada = player(&store, "Ada").await;
    let role = async || store.load_viewer(ada.user_id, ada.player_id).await.expect("viewer").role;
    assert_eq!(role().await, Role::Player);
    for wanted in [Role::Operator, Role::Player] {
        assert!(store.set_role("Ada@example.com", wanted, now()).await.expect("answers"));
        assert_eq!(role().await, wanted);
    }
    assert!(!store.set_role("no@example.com", Role::Operator, now()).await.expect("answers"));
}

async fn a_name_and_a_password_are_changed(engine: &str) {
    let store = fresh(engine).await;
    let (ada, eve) = (player(&store, "Ada").await, player(&store, "Eve").await);
    let later = now().plus_seconds(5);
    store.change_name(ada.user_id, "Ada L.", later).await.expect("changes");
    let change = async |old, new| {
        store.change_password(ada.user_id, (old, new), ada.token_id, later).await.expect("answers")
    };
    assert!(!change("not it", "new").await, "the password was changed concurrently");
    assert!(change("x", "new").await);
    let account = store.load_account(ada.user_id).await.expect("account");
    assert_eq!((account.name.as_str(), account.updated_at), ("Ada L.", later));
    let known = async |key| {
        store.find_credentials(key).await.expect("answers").expect("known").password_hash
    };
    assert_eq!(known("Ada@example.com").await, "new");
    assert_eq!(known("Eve@example.com").await, "x");
    assert_eq!(store.load_account(eve.user_id).await.expect("account").name, "Eve");
}

async fn a_viewer_has_saved_settings_or_none(engine: &str) {
    let store = fresh(engine).await;
    let (ada, eve) = (player(&store, "Ada").await, player(&store, "Eve").await);
    let viewer = store.load_viewer(ada.user_id, ada.player_id).await.expect("viewer");
    assert_eq!((viewer.name.as_str(), viewer.email.as_str()), ("Ada", "Ada@example.com"));
    assert_eq!((viewer.cash, viewer.total_xp, viewer.entries), (rules().starting_cash, 0, 0));
    assert_eq!((viewer.preferences, viewer.appearance), (None, Appearance::default()));
    assert_eq!((viewer.created_at, viewer.has_unseen_rewards), (now(), false));
    let all = Preferences {
        mode: Some("kid".into()),
        language: Some("sn".into()),
        theme: Some("dark".into()),
        text_size: Some("large".into()),
        data_saver: Some(false),
        hide_amounts: true,
        time_zone: Some("Africa/Harare".into()),
    };
    for saved in [all.clone(), Preferences::default(), all] {
        store.save_preferences(ada.user_id, &saved, now()).await.expect("saves");
        let viewer = store.load_viewer(ada.user_id, ada.player_id).await.expect("viewer");
        assert_eq!(viewer.preferences, Some(saved));
    }
    let other = store.load_viewer(eve.user_id, eve.player_id).await.expect("viewer");
    assert_eq!(other.preferences, None);
    store.load_viewer(ada.user_id, eve.player_id).await.expect_err("not her player");
}

async fn leaderboards_show_a_name_a_pseudonym_or_nothing(engine: &str) {
    let store = fresh(engine).await;
    let (ada, eve) = (player(&store, "Ada").await, player(&store, "Eve").await);
    let pseudonym = || Some("Fox".to_owned());
    let shown = |shows, pseudonym| Appearance { shows, pseudonym };
    for (appearance, expected) in [
        (shown(NameVisibility::Pseudonym, pseudonym()), PublicName::Known("Fox".to_owned())),
        (shown(NameVisibility::Hidden, pseudonym()), PublicName::Hidden),
        (shown(NameVisibility::Name, None), PublicName::Known("Ada".to_owned())),
    ] {
        store.save_appearance(ada.player_id, &appearance).await.expect("saves");
        let shown = store.player_labels(&[ada.player_id, eve.player_id], 0).await.expect("names");
        assert_eq!(shown[&ada.player_id].name, expected);
        assert_eq!(shown[&eve.player_id].name, PublicName::Known("Eve".to_owned()));
        let viewer = store.load_viewer(ada.user_id, ada.player_id).await.expect("viewer");
        assert_eq!(viewer.appearance, appearance);
    }
    let unnamed = shown(NameVisibility::Pseudonym, None);
    store.save_appearance(ada.player_id, &unnamed).await.expect_err("no pseudonym to show");
}

async fn a_reward_is_unseen_until_it_is_marked(engine: &str) {
    let store = fresh(engine).await;
    let ada = player(&store, "Ada").await;
    let unseen = async || {
        let viewer = store.load_viewer(ada.user_id, ada.player_id).await.expect("viewer");
        let rewards = store.unseen_rewards(ada.player_id).await.expect("rewards");
        assert_eq!(viewer.has_unseen_rewards, !rewards.is_empty());
        rewards.into_iter().map(|r| (r.code, r.version, r.xp)).collect::<Vec<_>>()
    };
    assert_eq!(unseen().await, []);
    commit_one(&store, ada.player_id, &trade(Side::Buy, 1, 10)).await;
    for _ in 0..2 {
        assert_eq!(unseen().await, [("first_trade".to_owned(), 2, 50)]);
    }
    store.mark_rewards_seen(ada.player_id, 2).await.expect("marks");
    assert_eq!(unseen().await, []);
    store.mark_rewards_seen(ada.player_id, 1).await.expect("never goes back");
    assert_eq!(unseen().await, []);
}

async fn a_player_watches_a_hundred_stocks_and_each_once(engine: &str) {
    let store = fresh(engine).await;
    let ada = player(&store, "Ada").await.player_id;
    let stocks: Vec<_> = (0..101)
        .map(|n| StockInfo { category: "Many".to_owned(), ..new_stock(&format!("S{n}")) })
        .collect();
    let saved = store.save_stocks(&stocks).await.expect("stocks");
    let watch = async |stock_id| store.watch(ada, stock_id, now()).await.expect("answers");
    for stock in &saved[..100] {
        assert!(watch(stock.stock_id).await);
    }
    assert!(!watch(saved[100].stock_id).await, "a hundred are watched");
    assert!(watch(saved[0].stock_id).await, "what is watched can be watched again");
    assert!(!watch(999_999).await, "no such stock");
    for _ in 0..2 {
        store.unwatch(ada, saved[0].stock_id).await.expect("answers");
    }
    assert!(watch(saved[100].stock_id).await);
    let watched = MarketQuery { player_id: Some(ada), only_watched: true, ..Default::default() };
    let (_, total) = store.market_page(&watched, "[]", page(1, 1)).await.expect("page");
    assert_eq!(total, 100);
}

const QUOTES: &str = "[[1,10000,-250],[2,20000,0],[3,10000,125]]";

async fn the_market_is_filtered_sorted_and_paged(engine: &str) {
    let store = fresh(engine).await;
    let ada = player(&store, "Ada").await.player_id;
    let eve = player(&store, "Eve").await.player_id;
    assert!(store.watch(ada, 3, now()).await.expect("answers"));
    let shown = async |query: &MarketQuery<'_>| {
        let (rows, total) = store.market_page(query, QUOTES, page(1, 2)).await.expect("page");
        (rows.iter().map(|r| r.stock.symbol.to_string()).collect::<Vec<_>>().join(" "), total)
    };
    let all = MarketQuery { player_id: Some(ada), ..Default::default() };
    for (sort, ascending, descending) in [
        (MarketSort::Symbol, "AAPL KO", "XOM KO"),
        (MarketSort::Name, "AAPL KO", "XOM KO"),
        (MarketSort::Price, "AAPL XOM", "KO AAPL"),
        (MarketSort::Change, "AAPL KO", "XOM KO"),
    ] {
        let query = MarketQuery { sort, ..all };
        assert_eq!(shown(&query).await, (ascending.to_owned(), 3), "{sort:?}");
        let query = MarketQuery { descending: true, ..query };
        assert_eq!(shown(&query).await, (descending.to_owned(), 3), "{sort:?} descending");
    }
    let only = MarketQuery { only_watched: true, ..all };
    assert_eq!(shown(&only).await, ("XOM".to_owned(), 1));
    assert_eq!(shown(&MarketQuery { player_id: Some(eve), ..only }).await.1, 0);
    assert_eq!(shown(&MarketQuery { player_id: None, ..only }).await.1, 0);
    assert_eq!(shown(&MarketQuery { search: Some("kO 1"), ..all }).await, ("KO".to_owned(), 1));
    assert_eq!(shown(&MarketQuery { search: Some("0_c"), ..all }).await.1, 0);
    let kind = MarketQuery { category: Some("Kind of XOM"), ..all };
    assert_eq!(shown(&kind).await, ("XOM".to_owned(), 1));
    let (rows, _) = store.market_page(&all, QUOTES, page(2, 2)).await.expect("page");
    let row = &rows[0];
    assert_eq!((row.price, row.is_watched), (Price(10_000), true));
    assert_eq!(row.stock.name, "XOM 100%_Co");
}

async fn an_empty_market_page_has_the_total(engine: &str) {
    let store = fresh(engine).await;
    let query = MarketQuery::default();
    let (rows, total) = store.market_page(&query, QUOTES, page(9, 2)).await.expect("page");
    assert_eq!((rows.len(), total), (0, 3));
    let (rows, total) = store.market_page(&query, "[]", page(1, 1)).await.expect("page");
    assert_eq!((rows[0].price, rows[0].is_watched, total), (Price(0), false, 3));
}

async fn categories_are_listed_by_name(engine: &str) {
    let store = fresh(engine).await;
    store.save_stocks(&[new_stock("ABC")]).await.expect("stocks");
    let categories = store.stock_categories().await.expect("list");
    assert_eq!(categories, ["Kind of AAPL", "Kind of ABC", "Kind of KO", "Kind of XOM"]);
}

async fn closes_of_many_stocks_are_bounded_by_days_and_number(engine: &str) {
    let store = fresh(engine).await;
    let closes: Vec<_> = (1..=300)
        .flat_map(|d| [1, 2].map(|stock| (stock, Day(d), Price(i64::from(d) * 100 + stock))))
        .collect();
    store.save_history(&closes).await.expect("saves");
    let recent = async |stocks: &[i64], from, to| {
        store.recent_closes(stocks, Day(from), Day(to)).await.expect("closes")
    };
    let found = recent(&[2, 1, 3], 4, 5).await;
    assert_eq!(found.len(), 2, "the third has no close");
    assert_eq!(found[&1], [(Day(4), Price(401)), (Day(5), Price(501))]);
    assert_eq!(found[&2], [(Day(4), Price(402)), (Day(5), Price(502))]);
    let long = recent(&[1, 2], 1, 300).await;
    assert_eq!((long[&2].len(), long[&2][0].0, long[&2][99].0), (100, Day(201), Day(300)));
    let many: Vec<i64> = (100..120).chain([1]).collect();
    assert!(recent(&many, 1, 300).await.is_empty(), "the twenty-first is left out");
    assert!(recent(&[], 1, 300).await.is_empty());
}

async fn a_game_is_found_by_its_code_ignoring_case(engine: &str) {
    let store = fresh(engine).await;
    let game = store.find_game("MaIn").await.expect("answers").expect("is there");
    assert_eq!((game.code.as_str(), game.market.as_str()), ("main", "fixed"));
    assert_eq!(store.find_game("main ").await.expect("answers"), None);
}
