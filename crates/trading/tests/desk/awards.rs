//! New rules award achievements to the players who meet their condition already: each once, also
//! when nodes do it at once, while they trade, and after a full queue.

use std::sync::Arc;

use domain::{Achievement, AchievementKind, Action, EntryKind, Rejection, Rules};
use store::Valuation;
use trading::{AchievementAwards, Desk, DeskRequest, Job, Lane, TradingConfig};

use crate::fixture::{ENGINES, Fixture};
use crate::{CHEAP, buy};

/// From when a version is in force until its awards begin.
const SETTLED_S: i64 = 5;

/// Adds an achievement for so many trades. No player is invested here, so XP must have room.
fn add(rules: &mut Rules, id: i64, trades: i64, xp: i64) {
    let text = format!("added_{id}");
    let kind = AchievementKind::TradesCount(trades);
    let (name, description, icon) = (text.clone(), text.clone(), "x".to_owned());
    let mut list: Vec<Achievement> = rules.achievements.clone().into();
    list.push(Achievement { id, code: text, kind, name, description, icon, xp });
    rules.achievements = list.try_into().expect("unique");
    rules.xp.uninvested_max = 10_000;
}

fn awards(fixture: &Fixture, desk: &Desk) -> AchievementAwards {
    let deps = fixture.desk_deps();
    AchievementAwards::new(deps.store, desk.clone(), deps.rules, deps.clock, deps.valuation)
}

/// Runs until all players are finished; returns how many were awarded something.
async fn run_all(awards: &AchievementAwards) -> u64 {
    let mut awarded = 0;
    while let Some(due) = awards.find_due().await.expect("reads") {
        awarded += awards.run(due).await.expect("awards").awarded;
    }
    awarded
}

async fn trade(fixture: &Fixture, desk: &Desk, player_id: i64, trades: u32) {
    for number in 0..trades {
        let order = buy(player_id, fixture.stock_id, None, number);
        desk.submit(order).await.expect("answered").outcome.expect("filled");
    }
}

/// The unlocked ids and XP of each award of a player.
async fn awarded(fixture: &Fixture, player_id: i64) -> Vec<(Vec<i64>, i64)> {
    let chain = fixture.checked_chain_of(player_id).await;
    let mut found = Vec::new();
    for entry in chain.iter().filter(|entry| entry.kind == EntryKind::Award) {
        let unlocked = fixture.store().unlocked_by(player_id, entry.version).await;
        let ids = unlocked.expect("reads").iter().map(|unlock| unlock.achievement_id).collect();
        found.push((ids, entry.xp_achievements));
    }
    found
}

fn award(player_id: i64) -> DeskRequest {
    let request_id = "an award".to_owned();
    DeskRequest { player_id, action: Action::Award, idempotency: None, request_id }
}

#[tokio::test]
async fn players_who_meet_one_two_and_no_new_condition() {
    for engine in ENGINES {
        let fixture = Fixture::open(engine, CHEAP).await.with_players(4).await;
        let desk = fixture.desk(&TradingConfig::default());
        let [none, one, both, idle] = fixture.players[..] else { panic!("{engine}") };
        for (player_id, trades) in [(none, 1), (one, 2), (both, 3)] {
            trade(&fixture, &desk, player_id, trades).await;
        }
        let awards = awards(&fixture, &desk);
        assert_eq!(awards.find_due().await.expect("reads"), None, "{engine}: version 1 has none");
        // The second has an id beyond the mask of 62 bits.
        fixture
            .change_rules(|rules| {
                add(rules, 60, 2, 30);
                add(rules, 600, 3, 20);
            })
            .await;
        // What the dry run reads.
        let valuation = (fixture.desk_deps().valuation)();
        let (game_id, rules) = (fixture.rules.game_id(), fixture.rules.current());
        let page = fixture.store().valued_players_page(game_id, i64::MIN, 100, &valuation).await;
        let effects: Vec<Vec<i64>> =
            page.expect("reads").iter().map(|p| rules.effect_on(&rules, p).unlocked).collect();
        assert_eq!(awards.find_due().await.expect("reads"), None, "{engine}: not settled yet");
        fixture.advance_seconds(SETTLED_S);
        assert_eq!(run_all(&awards).await, 2, "{engine}");
        assert_eq!(awarded(&fixture, one).await, [(vec![60], 30)], "{engine}");
        assert_eq!(awarded(&fixture, both).await, [(vec![60, 600], 50)], "{engine}");
        for player_id in [none, idle] {
            assert_eq!(awarded(&fixture, player_id).await, [], "{engine}");
        }
        assert_eq!(effects, [vec![], vec![60], vec![60, 600], vec![]], "{engine}: as it counts");
        assert_eq!(run_all(&awards).await, 0, "{engine}: nothing is left");
        assert_eq!(fixture.verify().await.difference, None, "{engine}");
        // Only the award of the last one has this version.
        assert!(fixture.published().contains(&5), "{engine}: boards and streams receive awards");

        // An easier threshold; what is unlocked stays.
        fixture
            .change_rules(|rules| {
                let mut list: Vec<Achievement> = rules.achievements.clone().into();
                let eased = list.iter_mut().find(|known| known.id == 600).expect("added");
                eased.kind = AchievementKind::TradesCount(2);
                rules.achievements = list.try_into().expect("unique");
            })
            .await;
        fixture.advance_seconds(SETTLED_S);
        assert_eq!(run_all(&awards).await, 1, "{engine}");
        assert_eq!(awarded(&fixture, one).await, [(vec![60], 30), (vec![600], 20)], "{engine}");
        assert_eq!(fixture.verify().await.difference, None, "{engine}");
    }
}

#[tokio::test]
async fn rules_that_change_no_condition_have_no_awards() {
    for engine in ENGINES {
        let fixture = Fixture::open(engine, CHEAP).await;
        let desk = fixture.desk(&TradingConfig::default());
        trade(&fixture, &desk, fixture.player_id, 1).await;
        fixture.change_rules(|rules| rules.spread_bps = 9).await;
        fixture.advance_seconds(SETTLED_S);
        let awards = awards(&fixture, &desk);
        assert_eq!(awards.find_due().await.expect("reads"), None, "{engine}");
    }
}

#[tokio::test]
async fn two_nodes_that_award_at_once_award_each_player_once() {
    for engine in ENGINES {
        let fixture = Fixture::open(engine, CHEAP).await.with_players(40).await;
        let other = fixture.open_again().await;
        let desks = [&fixture, &other].map(|node| node.desk(&TradingConfig::default()));
        for &player_id in &fixture.players {
            trade(&fixture, &desks[0], player_id, 1).await;
        }
        fixture.change_rules(|rules| add(rules, 60, 1, 30)).await;
        other.rules.refresh().await.expect("reads");
        fixture.advance_seconds(SETTLED_S);
        let [one, two] = [(&fixture, &desks[0]), (&other, &desks[1])].map(|(f, d)| awards(f, d));
        let due = one.find_due().await.expect("reads").expect("due");
        assert_eq!(two.find_due().await.expect("reads"), Some(due), "{engine}: both begin");
        let (first, second) = tokio::join!(one.run(due), two.run(due));
        let (first, second) = (first.expect("awards"), second.expect("awards"));
        assert_eq!(first.awarded + second.awarded, 40, "{engine}: {first:?} {second:?}");
        assert_eq!(run_all(&two).await, 0, "{engine}");
        for &player_id in &fixture.players {
            assert_eq!(awarded(&fixture, player_id).await, [(vec![60], 30)], "{engine}");
        }
        assert_eq!(fixture.verify().await.difference, None, "{engine}");
    }
}

#[tokio::test]
async fn an_award_that_loses_against_a_trade_finds_nothing_to_do() {
    for engine in ENGINES {
        let fixture = Fixture::open(engine, CHEAP).await;
        let desk = fixture.desk(&TradingConfig::default());
        trade(&fixture, &desk, fixture.player_id, 1).await;
        fixture.change_rules(|rules| add(rules, 60, 1, 30)).await;
        let other = fixture.open_again().await;
        let lane = Lane::new(&TradingConfig::default(), Arc::new(other.desk_deps()), 0);
        let (job, response) = Job::new(award(fixture.player_id));
        let Ok(loaded) = lane.load(vec![job], None).await else { panic!("{engine}: loads") };
        // Between load and commit, a trade on another node unlocks it.
        let order = buy(fixture.player_id, fixture.stock_id, None, 1);
        let fill = desk.submit(order).await.expect("answered").outcome.expect("filled");
        assert_eq!(fill.unlocked.iter().map(|u| u.achievement_id).collect::<Vec<_>>(), [60]);
        let again = lane.commit(lane.settle(loaded)).await;
        assert_eq!(again.len(), 1, "{engine}: the award conflicts");
        let Ok(loaded) = lane.load(again, None).await else { panic!("{engine}: loads again") };
        assert!(lane.commit(lane.settle(loaded)).await.is_empty(), "{engine}");
        let outcome = response.await.expect("answered").expect("an outcome").outcome;
        assert_eq!(outcome, Err(Rejection::NothingToAward), "{engine}");
        assert_eq!(awarded(&fixture, fixture.player_id).await, [], "{engine}");
        assert_eq!(fixture.verify().await.difference, None, "{engine}");
    }
}

#[tokio::test]
async fn awards_wait_where_the_queue_is_full() {
    for engine in ENGINES {
        let fixture = Fixture::open(engine, CHEAP).await.with_players(3).await;
        let desk = fixture.desk(&TradingConfig::default());
        for &player_id in &fixture.players {
            trade(&fixture, &desk, player_id, 1).await;
        }
        fixture.change_rules(|rules| add(rules, 60, 1, 30)).await;
        fixture.advance_seconds(SETTLED_S);
        let narrow = TradingConfig { lanes: 1, queue_max: 1, ..TradingConfig::default() };
        let awards = awards(&fixture, &fixture.desk(&narrow));
        let due = awards.find_due().await.expect("reads").expect("due");
        let run = awards.run(due).await.expect("answers");
        assert!(run.is_interrupted && !run.is_last, "{engine}: {run:?}");
        assert_eq!(awards.find_due().await.expect("reads"), Some(due), "{engine}: it stays");
        run_all(&awards).await;
        for &player_id in &fixture.players {
            assert_eq!(awarded(&fixture, player_id).await, [(vec![60], 30)], "{engine}");
        }
        assert_eq!(fixture.verify().await.difference, None, "{engine}");
    }
}

#[tokio::test]
async fn a_page_of_players_is_loaded_as_a_batch_loads_them() {
    for engine in ENGINES {
        let fixture = Fixture::open(engine, CHEAP).await.with_players(3).await;
        let desk = fixture.desk(&TradingConfig::default());
        trade(&fixture, &desk, fixture.players[1], 2).await;
        let prices = format!("[[{},{}]]", fixture.stock_id, 2 * CHEAP);
        let valuation = Valuation {
            market_day: domain::Day(12_800),
            held_before: domain::Day(12_790),
            holding_value_min: domain::Money(1),
            ..Valuation::at_prices(&prices)
        };
        let wanted = fixture.players.iter().map(|&player_id| store::LoadKey {
            player_id,
            stock_id: None,
            about_version: None,
            text_key: None,
        });
        let wanted: Vec<_> = wanted.collect();
        let store = fixture.store();
        let batch = store.load_batch(&wanted, &[], &valuation).await.expect("loads").players;
        let game_id = fixture.rules.game_id();
        let page = async |after, limit| {
            store.valued_players_page(game_id, after, limit, &valuation).await.expect("reads")
        };
        assert_eq!(page(i64::MIN, 10).await, batch.values().cloned().collect::<Vec<_>>());
        let [first, second, third] = fixture.players[..] else { panic!("{engine}") };
        let ids = async |after, limit| {
            page(after, limit).await.iter().map(|p| p.player_id).collect::<Vec<_>>()
        };
        assert_eq!(ids(first, 1).await, [second], "{engine}");
        assert_eq!(ids(second, 5).await, [third], "{engine}");
        assert_eq!(ids(third, 5).await, [0; 0], "{engine}");
        let held = page(first, 1).await.remove(0);
        assert_eq!(held.invested.stocks, 1, "{engine}");
        assert!(held.holdings_value.0 > 0, "{engine}");
        assert_eq!(page(i64::MIN, 10).await.len(), 3, "{engine}");
        store.erase_user(fixture.users[1], fixture.now()).await.expect("erased");
        assert_eq!(ids(first, 5).await, [third], "{engine}: an erased player is left out");
    }
}
