//! A leaderboard that differs from the database is repaired, on both engines.

use std::ops::Range;
use std::sync::Arc;

use leaderboard::{
    CheckResult, Leaderboard, LeaderboardBuilder, Leaderboards, Overlap, check_board,
};
use store::{BoardKind, DatabaseConfig, NewPlayer, NewPlayerDefaults, Store};
use testkit::{ManualClock, postgres_database};

use domain::{Clock as _, Rules};

/// More than are compared at once.
const PLAYERS: u32 = 10_500;

/// A game without players.
async fn game(engine: &str, directory: &std::path::Path) -> Store {
    let url = match engine {
        "sqlite" => format!("sqlite:{}", directory.join("test.db").display()),
        _ => postgres_database(),
    };
    let config = DatabaseConfig { url, ..DatabaseConfig::default() };
    let (store, now) = (Store::open(&config).await.expect("opens"), ManualClock::new().now());
    store.migrate().await.expect("migrates");
    store.ensure_game("fixed", now).await.expect("a game");
    store.ensure_ledger_months(now).await.expect("months");
    store
}

/// Registers a player for each number, without experience.
async fn register(store: &Store, numbers: Range<u32>, is_ranked: bool) {
    let now = ManualClock::new().now();
    let rules: Rules =
        toml::from_str(include_str!("../../../config/game.toml")).expect("good rules");
    let common = NewPlayerDefaults {
        password_hash: "-",
        token_name: "test",
        token_expires_at: now.plus_seconds(1_000),
        is_ranked,
    };
    let new = |number: u32| {
        let mut token_hash = [0; 32];
        token_hash[..4].copy_from_slice(&number.to_be_bytes());
        NewPlayer { name: "Kim".to_owned(), email: format!("{number}@example.org"), token_hash }
    };
    let new: Vec<NewPlayer> = numbers.map(new).collect();
    for some in new.chunks(1_000) {
        store.register_many(some, &common, &rules, now).await.expect("registers");
    }
}

/// Compares all players; what was found in all.
async fn check(store: &Store, board: &Leaderboard) -> CheckResult {
    let (mut sum, mut after) = (CheckResult::default(), i64::MIN);
    loop {
        let found = check_board(store, board, after).await.expect("answers");
        sum.players += found.players;
        sum.raised += found.raised;
        sum.lowered += found.lowered;
        sum.removed += found.removed;
        let Some(next) = found.next else { return sum };
        assert!(next > after, "it goes on");
        after = next;
    }
}

#[tokio::test]
async fn a_wrong_leaderboard_is_repaired_and_a_correct_one_is_unchanged() {
    for engine in ["sqlite", "postgres"] {
        let directory = tempfile::tempdir().expect("a directory");
        let store = game(engine, directory.path()).await;
        register(&store, 0..PLAYERS, true).await;
        let now = ManualClock::new().now();
        let board = Arc::new(Leaderboard::default());
        let mut builder = LeaderboardBuilder::new(now);
        while !builder.step(&store).await.expect("reads") {}
        builder.finish(&board).await.expect("sorts");
        let all = board.page(0, usize::MAX);
        assert_eq!(all.len(), 10_500, "{engine}");
        let players = u64::from(PLAYERS);
        let clean = CheckResult { players, ..CheckResult::default() };
        assert_eq!(check(&store, &board).await, clean, "{engine}");

        let id = |place: usize| all[place].0;
        // Too high, unknown to the database before, between and behind, and forgotten.
        board.apply(id(3), 500);
        board.apply(id(10_400), 7);
        for ghost in [-5, 0, id(10_499) + 1, i64::MAX] {
            board.apply(ghost, 90);
        }
        for forgotten in [0, 9_999, 10_499] {
            assert!(board.remove(id(forgotten)), "{engine}");
        }
        let found = check(&store, &board).await;
        let expected = CheckResult { players, raised: 3, lowered: 2, removed: 4, next: None };
        assert_eq!(found, expected, "{engine}");
        assert_eq!(board.page(0, usize::MAX), all, "{engine}");
        assert_eq!(check(&store, &board).await, clean, "{engine}");

        let account =
            store.find_user_id("3@example.org").await.expect("answers").expect("is there");
        let erased =
            store.find_user_details(account, now).await.expect("answers").expect("is there");
        let erased = erased.player_id;
        store.erase_user(account, now).await.expect("erases");
        let found = check(&store, &board).await;
        let fewer = players - 1;
        assert_eq!((found.players, found.removed, found.raised), (fewer, 1, 0), "{engine}");
        assert!(board.score(erased).is_none(), "the check does not bring an erased player back");
        let all: Vec<_> = all.into_iter().filter(|row| row.0 != erased).collect();
        assert_eq!(board.page(0, usize::MAX), all, "{engine}");
        let players = fewer;

        let excluded = board.page(7, 1)[0].0;
        assert!(board.exclude(excluded), "{engine}");
        let CheckResult { raised, lowered, removed, .. } = check(&store, &board).await;
        assert_eq!((raised, lowered, removed), (0, 0, 0), "an excluded player stays excluded");
        assert_eq!(board.score(excluded), None, "{engine}");

        let empty = Leaderboard::default();
        assert_eq!(check(&store, &empty).await.raised, players, "{engine}");
        assert_eq!(empty.page(0, usize::MAX), all, "{engine}");
    }
}

#[tokio::test]
async fn a_player_of_another_node_is_listed_from_the_ledger_and_only_if_ranked() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = game("postgres", directory.path()).await;
    let (board, now) = (Arc::new(Leaderboard::default()), ManualClock::new().now());
    let mut follower = LeaderboardBuilder::new(now).finish(&board).await.expect("sorts");
    let returns = Leaderboard::from_scores([]);
    let boards = Leaderboards::new(Arc::into_inner(board).expect("one owner"), returns);
    register(&store, 0..2, false).await;
    register(&store, 2..4, true).await;
    let players = store.player_scores_page(i64::MIN, 9).await.expect("page");
    let players: Vec<i64> = players.into_iter().map(|(player_id, _)| player_id).collect();
    let xp = boards.board(BoardKind::Xp);
    for player_id in &players {
        boards.raise(*player_id, 50);
    }
    assert_eq!(xp.total(), 0, "a commit lists no player, not for a moment");
    follower.follow_once(&store, xp, now, Overlap::Whole, |_| ()).await.expect("reads");
    let mut listed: Vec<i64> = xp.page(0, 9).into_iter().map(|(player_id, _)| player_id).collect();
    listed.sort_unstable();
    assert_eq!(listed, players[2..]);
    boards.raise(players[2], 50);
    assert_eq!(xp.score(players[2]), Some(50));
}
