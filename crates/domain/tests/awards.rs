//! Facts about awards: they unlock what a trade would at the same prices, once, and move nothing.

use domain::*;
use proptest::prelude::*;

const NOW: UnixMicros = UnixMicros(1_795_394_741_000_000);
const TODAY: Day = Day(12_786);
/// A millionth of a share: far too little to count.
const TINY: Quantity = Quantity(1);

fn default_rules() -> Rules {
    toml::from_str(include_str!("../../../config/game.toml")).expect("the default rules are good")
}

/// Rules with these achievements only, in which trades earn no XP.
fn rules_with(kinds: &[(AchievementKind, i64)]) -> Rules {
    let rules = default_rules();
    let achievement = |(id, (kind, xp)): (i64, &(AchievementKind, i64))| {
        let text = format!("a{id}");
        let (name, description, icon) = (text.clone(), text.clone(), "x".to_owned());
        Achievement { id, code: text, kind: *kind, name, description, icon, xp: *xp }
    };
    let list: Vec<Achievement> = (60..).zip(kinds).map(achievement).collect();
    let xp = XpRules { buy: 0, sell: 0, ..rules.xp.clone() };
    Rules { achievements: list.try_into().expect("unique"), xp, spread_bps: 0, ..rules }
}

fn player(rules: &Rules) -> Player {
    let (mut player, _) = open_player(42, rules, NOW);
    (player.market_day, player.trades) = (TODAY, 1);
    player
}

fn award(player: &mut Player, rules: &Rules) -> Outcome {
    // As the desk: there is no quote of an award.
    settle(player, &Action::Award, Err(Rejection::NoQuote), rules, NOW)
}

fn ids(unlocked: &[Unlock]) -> Vec<i64> {
    unlocked.iter().map(|unlock| unlock.achievement_id).collect()
}

#[test]
fn an_award_gives_the_xp_of_what_is_due_and_moves_nothing() {
    let kinds = [(AchievementKind::FirstTrade, 50), (AchievementKind::NoteWritten(1), 20)];
    let rules = rules_with(&kinds);
    let mut player = player(&rules);
    player.cash = Money(777);
    let fill = award(&mut player, &rules).expect("awarded");
    let LedgerEntry { kind, version, cash_after, xp_trade, xp_achievements, .. } = fill.entry;
    assert_eq!((kind, version, cash_after), (EntryKind::Award, 2, Money(777)));
    assert_eq!((xp_trade, xp_achievements, fill.entry.total_xp_after), (0, 50, 50));
    assert_eq!((fill.entry.amount, fill.entry.fee), (Money::ZERO, Money::ZERO));
    assert_eq!((fill.entry.quantity, fill.entry.stock_id), (Quantity(0), None));
    assert_eq!((fill.entry.quote_day, fill.entry.quote_as_of), (None, None));
    assert_eq!(fill.unlocked, [Unlock { achievement_id: 60, xp: 50 }]);
    assert_eq!((player.total_xp, player.balance_version), (50, 2));
    assert!(fill.entry.canonical().contains("\naward\n"));

    let before = player.clone();
    assert_eq!(award(&mut player, &rules), Err(Rejection::NothingToAward));
    assert_eq!(player, before, "a repeated award changes nothing");
}

#[test]
fn the_xp_of_one_achievement_reaches_the_level_of_another() {
    let rules = rules_with(&[
        (AchievementKind::LevelReached(2), 5),
        (AchievementKind::TradesCount(3), 1_000),
    ]);
    let mut player = player(&rules);
    (player.trades, player.invested.stocks) = (3, 1);
    let fill = award(&mut player, &rules).expect("awarded");
    assert_eq!((ids(&fill.unlocked), fill.entry.xp_achievements), (vec![61, 60], 1_005));
}

#[test]
fn a_player_without_a_holding_that_counts_stays_below_the_limit_of_xp() {
    let rules = rules_with(&[(AchievementKind::FirstTrade, 500)]);
    let mut player = player(&rules);
    assert_eq!(award(&mut player, &rules), Err(Rejection::NothingToAward));
    player.invested.stocks = 1;
    assert_eq!(ids(&award(&mut player, &rules).expect("awarded").unlocked), [60]);
}

#[test]
fn the_cash_of_the_opening_is_no_portfolio() {
    let kind = AchievementKind::PortfolioValue(
        Amount::parse("5000.00", MinorUnit::Hundredth).expect("an amount"),
    );
    let rules = rules_with(&[(kind, 10)]);
    let mut player = player(&rules);
    player.trades = 0;
    assert_eq!(award(&mut player, &rules), Err(Rejection::NothingToAward));
    player.trades = 1;
    award(&mut player, &rules).expect("awarded");
}

#[test]
fn only_what_decides_about_unlocks_makes_rules_unlock_unlike() {
    let text = include_str!("../../../config/game.toml");
    let rules = default_rules();
    for (from, to, is_unlike) in [
        ("spread_bps = 5", "spread_bps = 9", false),
        ("flat = \"0.00\"", "flat = \"1.00\"", false),
        ("threshold = 10\n", "threshold = 9\n", true),
        ("step = 1000", "step = 500", true),
        ("uninvested_max = 100", "uninvested_max = 200", true),
    ] {
        assert!(text.contains(from), "{from}");
        let changed = toml::from_str(&text.replacen(from, to, 1)).expect("good rules");
        assert_eq!(rules.unlocks_unlike(&changed), is_unlike, "{to}");
    }
}

#[test]
fn the_effect_of_rules_is_what_they_award() {
    let present = rules_with(&[(AchievementKind::TradesCount(5), 40)]);
    let eased =
        rules_with(&[(AchievementKind::TradesCount(2), 40), (AchievementKind::FirstTrade, 30)]);
    let mut player = player(&present);
    (player.trades, player.invested.stocks, player.total_xp) = (3, 1, 950);
    let effect = present.effect_on(&eased, &player);
    assert_eq!((effect.level_before, effect.level_after), (1, 2), "with the XP of the awards");
    assert_eq!(effect.unlocked, ids(&award(&mut player, &eased).expect("awarded").unlocked));
    assert_eq!(present.effect_on(&eased, &player).unlocked, [0; 0], "what is unlocked stays");
}

fn kind() -> impl Strategy<Value = AchievementKind> {
    prop_oneof![
        Just(AchievementKind::FirstTrade),
        (1..9i64).prop_map(AchievementKind::TradesCount),
        (1..5i64).prop_map(AchievementKind::DistinctStocks),
        (1..5i64).prop_map(AchievementKind::DistinctCategories),
        (1..9i64).prop_map(AchievementKind::HoldingDays),
        (1..4i64).prop_map(AchievementKind::LevelReached),
        (1..4i64).prop_map(AchievementKind::NoteWritten),
        (9..13i64).prop_map(|thousands| {
            let amount = Amount::parse(&format!("{thousands}000.00"), MinorUnit::Hundredth)
                .expect("an amount");
            AchievementKind::PortfolioValue(amount)
        }),
        (1..9i64).prop_map(|hundreds| {
            let amount = Amount::parse(&format!("{hundreds}00.00"), MinorUnit::Hundredth)
                .expect("an amount");
            AchievementKind::ProfitAmount(amount)
        }),
    ]
}

proptest! {
    /// A trade that is too small to count changes nothing that achievements are measured by, apart
    /// from the cent that it costs.
    #[test]
    fn an_award_unlocks_what_a_trade_at_the_same_prices_would(
        kinds in prop::collection::vec((kind(), 0..1_200i64), 1..12),
        (trades, stocks, categories, notes) in (1..9i64, 0..5i64, 0..16i64, 0..4i64),
        (invested, held_days, xp) in (0..4i64, 0..12i32, 0..3_000i64),
        (holdings, profit) in (0..500_000i64, -100_000..100_000i64),
        unlocked in prop::collection::vec(60..72i64, 0..4),
    ) {
        let rules = rules_with(&kinds);
        let mut traded = player(&rules);
        (traded.trades, traded.stocks_bought, traded.categories_bought) =
            (trades, stocks, categories);
        (traded.notes, traded.total_xp) = (notes, xp);
        let since = (invested > 0).then_some(Day(TODAY.0 - held_days));
        traded.invested = Invested { stocks: invested, categories: 1 << invested, since };
        // No threshold is within a cent.
        traded.holdings_value = Money(holdings / 100 * 100 + 50);
        traded.realised_profit = Money(profit);
        for id in unlocked {
            traded.achievements.insert(id);
        }
        let mut awarded = traded.clone();
        let due = ids(&awarded.due_achievements(&rules));
        let quote = Quote {
            price: Price(10_000),
            tick: Price(0),
            as_of: NOW,
            market_day: TODAY,
            source: QuoteSource::Fixed,
        };
        let order = Order { stock_id: 1, side: Side::Buy, quantity: TINY };
        let trade = settle(&mut traded, &Action::Trade(order, None), Ok(quote), &rules, NOW);
        let by_trade = trade.expect("affordable").unlocked;
        prop_assert_eq!(&due, &ids(&by_trade));
        match award(&mut awarded, &rules) {
            Ok(fill) => prop_assert_eq!(&fill.unlocked, &by_trade),
            Err(rejection) => {
                prop_assert_eq!(rejection, Rejection::NothingToAward);
                prop_assert!(by_trade.is_empty());
            }
        }
        prop_assert_eq!(&awarded.achievements, &traded.achievements);
        prop_assert_eq!(awarded.total_xp, traded.total_xp);
    }
}
