//! Random sequences of operations leave equal tables on both engines.

use domain::*;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use store::Valuation;

use crate::support::*;

fn operations() -> impl Strategy<Value = Vec<(usize, Side, i64, i64)>> {
    let side = prop_oneof![2 => Just(Side::Buy), 1 => Just(Side::Sell)];
    prop::collection::vec((0usize..3, side, 1i64..4, 1i64..3000), 1..25)
}

/// All data of a player as returned by the store.
async fn story(store: &Fresh, players: &[i64]) -> String {
    let mut text = format!("{:?}", store.chain_heads_page(0, 100).await.expect("heads"));
    let last = players.iter().copied().max().unwrap_or(0);
    text += &format!("{:?}", store.ledger_range((0, 0), last, 10_000).await.expect("ledger"));
    text += &format!("{:?}", store.holdings_range(0, last).await.expect("holdings"));
    text += &format!("{:?}", store.unlocks_range(0, last).await.expect("unlocks"));
    for player_id in players {
        let page = PageRequest::clamped(1, 100, 100);
        let rows = store
            .portfolio_page(*player_id, PRICES, MinorUnit::Hundredth, page)
            .await
            .expect("portfolio");
        text += &format!("{rows:?}");
        text += &format!("{:?}", store.achievements_of(*player_id).await.expect("list"));
        text += &format!("{:?}", store.unseen_rewards(*player_id).await.expect("rewards"));
        text += &format!(
            "{:?}",
            store.portfolio_mix(*player_id, PRICES, MinorUnit::Hundredth).await.expect("mix")
        );
        let (day, levels) = (Day(12_800), &rules().levels);
        let (held_before, holding_value_min) = (Day(12_790), Money(1_000));
        let valuation = Valuation { held_before, holding_value_min, ..valuation() };
        let counts = store.load_progress(*player_id, &valuation, levels).await.expect("counts");
        let curve = store.equity_curve(*player_id, Day(0), day).await.expect("curve");
        text += &format!("{counts:?}{curve:?}");
    }
    text
}

#[test]
fn random_operations_leave_equal_tables_on_both_engines() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mut runner = TestRunner::new(Config { cases: 12, ..Config::default() });
    let result = runner.run(&operations(), |operations| {
        let (sqlite, postgres) = runtime.block_on(async {
            let mut stories = Vec::new();
            for engine in ["sqlite", "postgres"] {
                let store = fresh(engine).await;
                let mut players = Vec::new();
                for name in ["Ada", "Eve", "Joy"] {
                    players.push(player(&store, name).await.player_id);
                }
                for (who, side, stock, shares) in &operations {
                    commit_one(&store, players[*who], &trade(*side, *stock, *shares)).await;
                }
                let closes = [1, 2, 3].map(|stock| (stock, Day(12_786), Price(stock * 12_345)));
                store.save_history(&closes).await.expect("closes");
                store
                    .snapshot_equity(Day(12_786), None, MinorUnit::Hundredth, 10)
                    .await
                    .expect("equity");
                stories.push(story(&store, &players).await);
                store.close().await;
            }
            (stories.remove(0), stories.remove(0))
        });
        prop_assert_eq!(sqlite, postgres);
        Ok(())
    });
    result.expect("equal");
}
