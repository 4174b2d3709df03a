//! What earns XP and counts for achievements: trades, notes and holdings without value do not.

use domain::*;

/// The default rules at the price itself, so that amounts are round.
fn rules() -> Rules {
    let text = include_str!("../../../config/game.toml");
    let rules: Rules = toml::from_str(text).expect("the default rules are good");
    Rules { spread_bps: 0, ..rules }
}

fn now() -> UnixMicros {
    UnixMicros(1_795_394_741_000_000)
}

fn new_player() -> Player {
    open_player(1, &rules(), now()).0
}

/// A player with one holding that counts.
fn investor() -> Player {
    let mut player = new_player();
    player.invested = Invested { stocks: 1, categories: 2, since: Some(Day(12_700)) };
    player
}

fn order(side: Side, stock_id: i64, quantity: i64, note: Option<&str>) -> Action {
    let note = note.map(|text| Note::parse(text).expect("a note"));
    let quantity = Quantity(quantity);
    Action::Trade(Order { stock_id, side, quantity }, note)
}

/// Settles at 100.00 a share on a day of the market.
fn settle_on(day: i32, player: &mut Player, action: &Action) -> Fill {
    player.market_day = Day(day);
    let quote = Quote {
        price: Price(1_000_000),
        tick: Price(0),
        as_of: now(),
        market_day: Day(day),
        source: QuoteSource::Replay,
    };
    settle(player, action, Ok(quote), &rules(), now()).expect("settled")
}

fn xp_of(fill: &Fill) -> i64 {
    fill.entry.xp_trade + fill.entry.xp_achievements
}

#[test]
fn ten_purchases_of_dust_with_a_dot_as_their_note_earn_nothing() {
    let mut player = new_player();
    for stock in 1..=10 {
        let fill = settle_on(12_786, &mut player, &order(Side::Buy, stock, 1, Some(".")));
        assert_eq!((fill.entry.amount, xp_of(&fill)), (Money(-1), 0));
    }
    assert_eq!((player.trades, player.notes, player.achievements.is_empty()), (0, 0, true));
}

#[test]
fn a_trade_of_the_least_amount_earns_xp_and_one_of_a_cent_less_none() {
    let mut player = new_player();
    let fill = settle_on(1, &mut player, &order(Side::Buy, 1, 99_900, None));
    assert_eq!((fill.entry.amount, xp_of(&fill), player.trades), (Money(-999), 0, 0));
    let fill = settle_on(1, &mut player, &order(Side::Buy, 1, 100_000, None));
    assert_eq!((fill.entry.amount, xp_of(&fill), player.trades), (Money(-1_000), 60, 1));
}

#[test]
fn without_a_holding_that_counts_xp_ends_at_the_rules_limit() {
    let mut player = new_player();
    for session in 0..252 {
        for day in 0..3 {
            let at = now().plus_seconds(86_400 * (3 * i64::from(session) + day));
            for (side, stock) in [(Side::Buy, 1), (Side::Sell, 1), (Side::Buy, 2), (Side::Sell, 2)]
            {
                let text = format!("because of {session} and {stock}");
                let action = order(side, stock, Quantity::SHARE, Some(&text));
                let (price, source) = (Price(1_000_000), QuoteSource::Replay);
                let (tick, market_day) = (Price(0), Day(session));
                let quote = Quote { price, tick, as_of: at, market_day, source };
                settle(&mut player, &action, Ok(quote), &rules(), at).expect("settled");
            }
        }
    }
    assert_eq!((player.trades, player.notes), (3_024, 504));
    assert!(player.total_xp <= 100, "{} XP", player.total_xp);
    player.invested.stocks = 1;
    let fill = settle_on(999, &mut player, &order(Side::Buy, 1, Quantity::SHARE, None));
    assert!(fill.unlocked.len() > 1, "what has waited is unlocked: {fill:?}");
}

#[test]
fn an_investor_earns_beyond_the_limit() {
    let mut player = investor();
    player.total_xp = 5_000;
    let fill = settle_on(12_786, &mut player, &order(Side::Buy, 1, Quantity::SHARE, None));
    assert_eq!(fill.entry.xp_trade, 10);
}

#[test]
fn a_purchase_alone_adds_no_stock_and_no_category() {
    let mut player = new_player();
    for stock in 1..=8 {
        settle_on(12_786, &mut player, &order(Side::Buy, stock, 2 * Quantity::SHARE, None));
    }
    assert_eq!((player.stocks_bought, player.categories_bought), (0, 0));
    player.invested = Invested { stocks: 8, categories: 0b110, since: None };
    settle_on(12_788, &mut player, &order(Side::Sell, 1, Quantity::SHARE, None));
    assert_eq!((player.stocks_bought, player.categories_bought), (8, 0b110));
    player.invested = Invested { stocks: 2, categories: 0b001, since: None };
    settle_on(12_789, &mut player, &order(Side::Sell, 1, Quantity::SHARE, None));
    assert_eq!((player.stocks_bought, player.categories_bought), (8, 0b111), "what was stays");
}

#[test]
fn a_holding_opens_when_it_has_cost_enough() {
    let mut player = new_player();
    let opened = |player: &Player| player.holdings[&1].opened_on.0;
    settle_on(1, &mut player, &order(Side::Buy, 1, 1, None));
    settle_on(365, &mut player, &order(Side::Buy, 1, Quantity::SHARE, None));
    assert_eq!(opened(&player), 365, "a year with dust is no year");
    settle_on(400, &mut player, &order(Side::Buy, 1, Quantity::SHARE, None));
    assert_eq!(opened(&player), 365, "a holding that grows stays as old as it is");
    settle_on(500, &mut player, &order(Side::Sell, 1, 2 * Quantity::SHARE - 10, None));
    settle_on(600, &mut player, &order(Side::Buy, 1, Quantity::SHARE, None));
    assert_eq!(opened(&player), 600, "what was nearly sold out opens again");
}

#[test]
fn holding_days_are_those_of_the_oldest_holding_that_counts() {
    let mut player = investor();
    player.total_xp = 1_000;
    let fill = settle_on(12_729, &mut player, &order(Side::Buy, 1, Quantity::SHARE, None));
    assert!(!fill.unlocked.iter().any(|u| u.achievement_id == 8));
    let fill = settle_on(12_730, &mut player, &order(Side::Buy, 1, Quantity::SHARE, None));
    assert!(fill.unlocked.iter().any(|u| u.achievement_id == 8), "30 days");
}

#[test]
fn a_note_counts_when_it_is_long_enough_and_new() {
    let mut player = new_player();
    let mut count = |day, stock, text: &str| {
        let before = player.notes;
        settle_on(day, &mut player, &order(Side::Buy, stock, 100_000, Some(text)));
        player.notes - before
    };
    assert_eq!(count(1, 1, "too short"), 0);
    assert_eq!(count(1, 1, "long enough"), 1);
    assert_eq!(count(1, 1, "another reason"), 0, "one for a stock and session");
    assert_eq!(count(1, 2, "LONG  enough"), 0, "the same text");
    assert_eq!(count(1, 2, "another reason"), 1, "one that did not count is new");
    assert_eq!(count(2, 1, "a third reason"), 1, "another session");
    assert_eq!(count(3, 1, "long enough"), 0, "the same text for ever");
    assert_eq!(player.new_texts.len(), 3);
}

#[test]
fn a_later_note_counts_by_the_same_rules() {
    let mut player = new_player();
    for (day, text) in [(1, None), (1, Some("short")), (2, Some("good reasons"))] {
        settle_on(day, &mut player, &order(Side::Buy, 1, 100_000, text));
    }
    assert_eq!(player.notes, 1);
    let mut annotate = |day, about_version, text: &str| {
        let before = player.notes;
        let note = Note::parse(text).expect("a note");
        let action = Action::Annotate { about_version, stock_id: 1, note };
        settle_on(day, &mut player, &action);
        player.notes - before
    };
    assert_eq!(annotate(2, 2, "I found out later"), 0, "one for a stock and session");
    assert_eq!(annotate(3, 2, "Good  Reasons"), 0, "the same text");
    assert_eq!(annotate(3, 2, "."), 0);
    assert_eq!(annotate(3, 2, "I found out later"), 1);
    assert_eq!(annotate(4, 2, "And changed my mind"), 0, "a trade is explained once");
    assert_eq!(annotate(4, 3, "It was short before"), 1, "one that was too short is made good");
    assert_eq!(annotate(5, 4, "Other words for it"), 0, "its trade had one that counted");
}

#[test]
fn profit_of_sales_that_do_not_count_is_not_added_up() {
    let mut player = new_player();
    let at = |price, player: &mut Player, action: &Action| {
        let (market_day, source) = (Day(1), QuoteSource::Replay);
        let (price, tick) = (Price(price), Price(0));
        let quote = Quote { price, tick, as_of: now(), market_day, source };
        settle(player, action, Ok(quote), &rules(), now()).expect("settled");
        player.realised_profit.0
    };
    at(10_000, &mut player, &order(Side::Buy, 1, 100 * Quantity::SHARE, None));
    assert_eq!(at(20_000, &mut player, &order(Side::Sell, 1, Quantity::SHARE, None)), 0);
    assert_eq!(at(5_000, &mut player, &order(Side::Sell, 1, Quantity::SHARE, None)), -50);
    assert_eq!(at(20_000, &mut player, &order(Side::Sell, 1, 5 * Quantity::SHARE, None)), 450);
}
