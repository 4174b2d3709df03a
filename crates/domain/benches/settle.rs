//! What settling a trade costs, with the built-in rules, and with all limits and 100 achievements.
//! It asserts nothing; the numbers are for people to compare.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use domain::{
    Action, Amount, Day, Money, Order, Player, PortfolioShare, Price, Quantity, Quote, QuoteSource,
    Rules, Side, UnixMicros, open_player, settle,
};

const NOW: UnixMicros = UnixMicros(1_795_394_741_000_000);
const TODAY: Day = Day(12_786);
const TEXT: &str = include_str!("../../../config/game.toml");
const ACHIEVEMENTS: usize = 100;

fn built_in() -> Rules {
    toml::from_str(TEXT).expect("the built-in rules are valid")
}

/// The built-in rules with all limits, and achievements of which most are not reached.
fn limited() -> Rules {
    let mut text = TEXT.replacen("day_utc_offset_min = 0", "day_zone = \"Africa/Harare\"", 1);
    for id in built_in().achievements.iter().count() + 1..=ACHIEVEMENTS {
        let kinds = [
            "kind = \"profit_amount\"\nthreshold = \"50%\"",
            "kind = \"portfolio_value\"\nthreshold = \"900%\"",
            "kind = \"trades_count\"\nthreshold = 100000",
            "kind = \"level_reached\"\nthreshold = 100",
        ];
        text.push_str(&format!(
            "\n[[achievements]]\nid = {}\ncode = \"a{id}\"\n{}\nname = \"A\"\ndescription = \"A\"\n\
             icon = \"A\"\nxp = 1\n",
            id * ACHIEVEMENTS,
            kinds[id % kinds.len()]
        ));
    }
    let mut rules: Rules = toml::from_str(&text).expect("the rules are valid");
    assert_eq!(rules.achievements.iter().count(), ACHIEVEMENTS);
    rules.categories = vec!["Tech".to_owned()];
    rules.permitted_stocks = (1..=5_000).collect();
    rules.position_max = PortfolioShare::parse("25%");
    rules.trades_per_session_max = Some(1_000_000);
    rules.price_min = Some(Price(1));
    rules.order_value_min = Some(Amount::Share(1));
    rules.holding_sessions_min = 1;
    rules
}

fn trade(side: Side) -> Action {
    let quantity = Quantity(3 * Quantity::SHARE);
    Action::Trade(Order { stock_id: 2_500, side, quantity }, None)
}

/// A player who holds shares since the day before.
fn investor(rules: &Rules) -> Player {
    let (mut player, _) = open_player(42, rules, NOW);
    let yesterday = Day(TODAY.0 - 1);
    let quote = Quote { market_day: yesterday, ..quote() };
    settle(&mut player, &trade(Side::Buy), Ok(quote), rules, NOW).expect("bought");
    player.sellable_session = Some(yesterday);
    player.holdings_value = Money(50_000);
    player
}

fn quote() -> Quote {
    Quote {
        price: Price(1_899_500),
        tick: Price(100),
        as_of: NOW,
        market_day: TODAY,
        source: QuoteSource::Replay,
    }
}

fn benches(criterion: &mut Criterion) {
    for (name, rules) in [("built-in rules", built_in()), ("limits, 100 achievements", limited())] {
        let player = investor(&rules);
        for side in [Side::Buy, Side::Sell] {
            let action = trade(side);
            criterion.bench_function(&format!("{}, {name}", side.as_str()), |bench| {
                bench.iter_batched_ref(
                    || player.clone(),
                    |player| {
                        let fill = settle(player, black_box(&action), Ok(quote()), &rules, NOW);
                        fill.expect("settled")
                    },
                    BatchSize::SmallInput,
                );
            });
        }
    }
}

criterion_group!(settling, benches);
criterion_main!(settling);
