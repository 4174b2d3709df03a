//! Equity curves on both engines: a row for each saved session, with the values at its closes,
//! however short sessions are and whatever was missed.

use std::collections::BTreeSet;
use std::sync::Arc;

use domain::{Action, Clock as _, MinorUnit, Order, Price, Quantity, Quote, Rules, Side, settle};
use market::{MarketConfig, StockQuote};
use store::{
    BatchMark, DatabaseConfig, LoadKey, NewToken, NewUser, PlayerUpdate, Store, TokenKind,
    Valuation,
};
use testkit::ManualClock;

use super::snapshot::{REMEMBERED_SESSIONS, ROWS_PER_INTERVAL, drop_oldest};
use super::*;
use crate::boot::config::load_rules;
use crate::boot::history::{HistoryWriter, SavedDay};
use crate::clock::SystemEntropy;
use crate::jobs::supervisor::{JobProgress, Reconciler};

macro_rules! on_both_engines {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test] async fn $name() { super::$name("sqlite").await })*
        }
        mod postgres {
            $(#[tokio::test] async fn $name() { super::$name("postgres").await })*
        }
    };
}

on_both_engines! {
    each_session_of_a_second_has_a_row_with_the_values_of_its_closes,
    missed_sessions_are_caught_up_newest_first_and_none_before_the_game,
    many_players_are_written_in_bounded_intervals,
    curves_are_thinned_out_as_fast_as_sessions_end,
}

/// A game whose sessions last a second; players buy one of its stocks.
struct Fixture {
    store: Store,
    source: Arc<MarketSource>,
    clock: ManualClock,
    history: HistoryWriter,
    stock_id: i64,
    _directory: tempfile::TempDir,
}

async fn fixture(engine: &str) -> Fixture {
    let directory = tempfile::tempdir().expect("a directory");
    let url = match engine {
        "sqlite" => format!("sqlite:{}", directory.path().join("test.db").display()),
        _ => testkit::postgres_database(),
    };
    let config = DatabaseConfig { url, ..DatabaseConfig::default() };
    let store = Store::open(&config).await.expect("opens");
    store.migrate().await.expect("migrates");
    let clock = ManualClock::new();
    let now = clock.now();
    store.ensure_ledger_months(now).await.expect("months");
    let game = store.ensure_game("replay", now).await.expect("a game");
    store.save_achievements(&load_rules("").expect("rules")).await.expect("achievements");
    let mut config = MarketConfig::default();
    config.replay.session_seconds = 1;
    let source = Arc::new(MarketSource::new(&config, game.started_at).expect("a market"));
    let saved = store.save_stocks(&source.stocks()).await.expect("stocks");
    let ids: Vec<i64> = saved.iter().map(|stock| stock.stock_id).collect();
    let opened =
        HistoryWriter::open(store.clone(), Arc::clone(&source), ids.clone(), None, now).await;
    let mut fixture = Fixture {
        store,
        source,
        clock,
        history: opened.expect("opens"),
        stock_id: ids[0],
        _directory: directory,
    };
    fixture.save_closes().await;
    fixture
}

impl Fixture {
    /// The job of a node that has just started.
    fn snapshot_job(&self) -> SnapshotEquity {
        SnapshotEquity {
            store: self.store.clone(),
            source: Arc::clone(&self.source),
            unit: Box::new(|| MinorUnit::Hundredth),
            saved_day: self.history.saved_day(),
            clock: Arc::new(self.clock.clone()),
            written: None,
            writing: None,
            rows: 0,
        }
    }

    fn roll_up_job(&self) -> RollUpEquity {
        RollUpEquity {
            store: self.store.clone(),
            source: Arc::clone(&self.source),
            clock: Arc::new(self.clock.clone()),
            after_player_id: 0,
            rolled_up: None,
        }
    }

    async fn save_closes(&mut self) {
        let now = self.clock.now();
        while self.history.missing(now) > 0 {
            self.history.save_batch(now).await.expect("saves");
        }
    }

    /// Closes a session.
    fn pass_session(&self) {
        self.clock.advance_seconds(1);
    }

    /// Registers a player who buys shares.
    async fn buyer(&self, name: &str, shares: i64) -> i64 {
        let email = format!("{name}@example.com");
        let user = NewUser { name, email: &email, email_key: &email, password_hash: "x" };
        let (rules, now) = (load_rules("").expect("rules"), self.clock.now());
        let mut hash = [0; 32];
        hash[..name.len()].copy_from_slice(name.as_bytes());
        let later = now.plus_seconds(1000);
        let token = NewToken {
            hash,
            name: "t",
            kind: TokenKind::Api,
            idle_expires_at: later,
            expires_at: later,
        };
        let registered = self.store.register(&user, &token, &rules, now).await;
        let player_id = registered.expect("registers").expect("is free").player_id;
        self.buy(player_id, shares).await;
        player_id
    }

    async fn buy(&self, player_id: i64, shares: i64) {
        let (rules, now, stock_id) =
            (load_rules("").expect("rules"), self.clock.now(), self.stock_id);
        // Without a spread, a purchase costs the value of the shares.
        let rules = Rules { spread_bps: 0, ..rules };
        let keys =
            [LoadKey { player_id, stock_id: Some(stock_id), about_version: None, text_key: None }];
        let mut state =
            self.store.load_batch(&keys, &[], &Valuation::at_prices("[]")).await.expect("loads");
        let mut player = state.players.remove(&player_id).expect("is loaded");
        let (version_before, head_before) = (player.balance_version, player.head_hash);
        let mut quotes: Vec<StockQuote> = Vec::new();
        self.source.prices(now, &mut quotes);
        let quote = Quote {
            price: quotes[0].price,
            tick: Price(0),
            as_of: now,
            market_day: self.source.market_day(now),
            source: self.source.source(),
        };
        let quantity = Quantity::whole(shares).expect("fits");
        let order = Order { stock_id, side: Side::Buy, quantity };
        let action = Action::Trade(order, None);
        let fill = settle(&mut player, &action, Ok(quote), &rules, now).expect("fills");
        let (fills, notes, records) = (vec![fill], vec![], vec![]);
        let update = PlayerUpdate { player, version_before, head_before, fills, notes, records };
        let mark = BatchMark::draw(&SystemEntropy);
        self.store.commit_batch(&[update], mark, now).await.expect("commits");
    }

    /// The value of shares at the closes of sessions.
    fn expected(&self, sessions: std::ops::Range<usize>, shares: i64) -> Vec<(Day, i64)> {
        let now = self.clock.now();
        let quantity = Quantity::whole(shares).expect("fits");
        let value = |session| {
            let close: Price = self.source.session_closes(now, session).expect("closes")[0];
            close.value_rounded_down(quantity, MinorUnit::Hundredth).expect("fits").0
        };
        let day = |session| self.source.session_day(now, session).expect("a day");
        sessions.map(|session| (day(session), value(session))).collect()
    }

    /// The value of the shares at each day of a player's curve.
    async fn curve(&self, player_id: i64) -> Vec<(Day, i64)> {
        let points = self.store.equity_curve(player_id, Day(0), Day(100_000)).await;
        let points = points.expect("a curve");
        points.iter().map(|point| (point.day, point.value.0 - point.cash.0)).collect()
    }
}

/// Runs a job until it waits for its next interval, and returns the changed rows.
async fn run_until_done(job: &mut impl Reconciler) -> u64 {
    let mut changed = 0;
    loop {
        let progress = job.run().await.expect("runs");
        changed += progress.changed;
        if progress.done {
            return changed;
        }
    }
}

async fn each_session_of_a_second_has_a_row_with_the_values_of_its_closes(engine: &str) {
    let mut game = fixture(engine).await;
    let mut job = game.snapshot_job();
    assert_eq!(run_until_done(&mut job).await, 0, "no player has traded yet");
    let (ada, eve) = (game.buyer("Ada", 100).await, game.buyer("Eve", 7).await);
    let first = game.source.finished_sessions(game.clock.now());
    for _ in 0..93 {
        // The closes are saved a moment after the next session has begun.
        game.pass_session();
        run_until_done(&mut job).await;
        game.save_closes().await;
        if game.clock.now().seconds() % 3 == 0 {
            run_until_done(&mut job).await;
        }
    }
    run_until_done(&mut job).await;
    assert_eq!(game.curve(ada).await, game.expected(first..first + 93, 100));
    assert_eq!(game.curve(eve).await, game.expected(first..first + 93, 7));
    assert_eq!(run_until_done(&mut job).await, 0, "each session is written once");
    assert_eq!(run_until_done(&mut game.snapshot_job()).await, 0, "and not again after a restart");
}

async fn missed_sessions_are_caught_up_newest_first_and_none_before_the_game(engine: &str) {
    let mut game = fixture(engine).await;
    let (ada, eve) = (game.buyer("Ada", 100).await, game.buyer("Eve", 7).await);
    let first = game.source.finished_sessions(game.clock.now());
    game.pass_session();
    game.save_closes().await;
    assert_eq!(
        run_until_done(&mut game.snapshot_job()).await,
        2,
        "earlier sessions precede the game"
    );
    for _ in 0..20 {
        game.pass_session();
    }
    game.save_closes().await;
    // After the pause and before the job: Eve's holdings at the closes before are lost.
    game.pass_session();
    game.buy(eve, 1).await;
    let mut job = game.snapshot_job();
    assert_eq!(job.run().await.expect("runs").changed, 2);
    let newest = game.expected(first + 20..first + 21, 100);
    assert_eq!(game.curve(ada).await[1..], newest, "the newest session comes first");
    assert_eq!(run_until_done(&mut job).await, 19, "all other sessions of Ada");
    assert_eq!(game.curve(ada).await, game.expected(first..first + 21, 100));
    assert_eq!(game.curve(eve).await.len(), 2);
    // A long pause is caught up, the newest session first, one session a step.
    for _ in 0..400 {
        game.pass_session();
    }
    game.save_closes().await;
    let saved = game.source.finished_sessions(game.clock.now());
    let mut job = game.snapshot_job();
    job.run().await.expect("runs");
    assert_eq!(game.curve(ada).await[21..], game.expected(saved - 1..saved, 100));
    run_until_done(&mut job).await;
    assert_eq!(game.curve(ada).await, game.expected(first..saved, 100));
    assert_eq!(run_until_done(&mut job).await, 0, "each session is written once");
}

#[test]
fn the_last_session_before_a_gap_is_kept_in_memory() {
    let next = |day: Day| Some(Day(day.0 + 1));
    let mut written: BTreeSet<Day> = (1..=500).map(Day).collect();
    drop_oldest(&mut written, next);
    assert_eq!((written.len(), written.first()), (140, Some(&Day(361))));
    let mut written: BTreeSet<Day> = (1..=500).filter(|day| *day != 4).map(Day).collect();
    drop_oldest(&mut written, next);
    assert_eq!(written.first(), Some(&Day(3)), "day 4 is missing");
    let mut written: BTreeSet<Day> = (0..=30_000).map(|day| Day(day * 2)).collect();
    drop_oldest(&mut written, next);
    assert_eq!(written.len(), REMEMBERED_SESSIONS, "memory is bounded");
}

async fn many_players_are_written_in_bounded_intervals(engine: &str) {
    let mut game = fixture(engine).await;
    let ada = game.buyer("Ada", 1).await;
    let mut job = game.snapshot_job();
    let first = game.source.finished_sessions(game.clock.now());
    game.pass_session();
    game.save_closes().await;
    run_until_done(&mut job).await;
    for _ in 0..5 {
        game.pass_session();
    }
    game.save_closes().await;
    // As after a session of many players: the interval ends with the session that is being written.
    job.rows = ROWS_PER_INTERVAL - 1;
    assert_eq!(run_until_done(&mut job).await, 1);
    assert_eq!(run_until_done(&mut job).await, 4);
    assert_eq!(game.curve(ada).await, game.expected(first..first + 6, 1));
}

async fn curves_are_thinned_out_as_fast_as_sessions_end(engine: &str) {
    let mut game = fixture(engine).await;
    let ada = game.buyer("Ada", 1).await;
    let mut job = game.snapshot_job();
    let mut roll_up = game.roll_up_job();
    let mut most = 0;
    for _ in 0..5 * DAILY_SESSIONS {
        game.pass_session();
        game.save_closes().await;
        run_until_done(&mut job).await;
        if game.clock.now().seconds() % 10 == 0 {
            run_until_done(&mut roll_up).await;
            most = most.max(game.curve(ada).await.len());
        }
    }
    // Seventy sessions, as many new ones, and the weeks before them.
    let weeks = 4 * DAILY_SESSIONS / 4;
    assert!(most <= 2 * DAILY_SESSIONS + 10 + weeks, "{most} rows");
    let curve = game.curve(ada).await;
    let finished = game.source.finished_sessions(game.clock.now());
    let newest = game.expected(finished - DAILY_SESSIONS..finished, 1);
    assert_eq!(
        curve[curve.len() - DAILY_SESSIONS..],
        newest,
        "all of the newest sessions are kept"
    );
}

#[tokio::test]
async fn nothing_is_written_before_closes_are_saved() {
    let game = fixture("sqlite").await;
    let mut job = SnapshotEquity { saved_day: SavedDay::default(), ..game.snapshot_job() };
    assert_eq!(job.run().await.expect("runs"), JobProgress::done(0));
    assert!(job.written.is_none());
}

#[tokio::test]
async fn a_round_ends_and_waits_for_the_next_session() {
    let game = fixture("sqlite").await;
    let mut job = game.roll_up_job();
    assert_eq!(job.run().await.expect("runs"), JobProgress::done(0));
    let due = |job: &RollUpEquity| job.is_due(game.clock.now());
    assert!(!due(&job));
    game.clock.advance_seconds(69);
    assert!(!due(&job));
    game.clock.advance_seconds(1);
    assert!(due(&job), "seventy sessions have closed");
}

#[test]
fn seventy_sessions_are_kept_whole_and_five_hundred_and_twenty_by_week() {
    let start = UnixMicros(1_795_000_000_000_000);
    let source = MarketSource::new(&MarketConfig::default(), start).expect("a market");
    let finished = source.finished_sessions(start);
    let kept = retention(&source, start).expect("a long history");
    let day = |session| source.session_day(start, session).expect("finished");
    assert_eq!(kept.newest, day(finished - 1));
    assert_eq!(kept.daily_from, day(finished - 70));
    assert_eq!(kept.weekly_from, day(finished - 520));
}
