//! Facts about settlement over any sequence of orders: nothing is lost, created or negative. The
//! tests of `store` show that the settled rows are written.

use std::collections::BTreeMap;

use domain::*;
use proptest::prelude::*;

fn default_rules() -> Rules {
    toml::from_str(include_str!("../../../config/game.toml")).expect("the default rules are good")
}

/// The default rules without a spread, so that amounts are those of the price.
fn rules() -> Rules {
    Rules { spread_bps: 0, ..default_rules() }
}

fn now() -> UnixMicros {
    UnixMicros(1_795_394_741_000_000)
}

fn quote(price: i64) -> Result<Quote, Rejection> {
    let source = QuoteSource::Fixed;
    let (price, tick) = (Price(price), Price(0));
    Ok(Quote { price, tick, as_of: now(), market_day: Day(12_786), source })
}

fn order(side: Side, stock_id: i64, quantity: i64) -> Action {
    let quantity = Quantity(quantity);
    Action::Trade(Order { stock_id, side, quantity }, None)
}

fn whole(side: Side, stock_id: i64, shares: i64) -> Action {
    order(side, stock_id, shares * Quantity::SHARE)
}

#[test]
fn the_default_rules_are_those_of_the_original() {
    let rules = default_rules();
    assert_eq!(rules.spread_bps, 5);
    assert_eq!(rules.starting_cash, Money(1_000_000));
    assert_eq!((rules.xp.buy, rules.xp.sell, rules.xp.trades_per_day_max), (10, 15, 3));
    assert_eq!(rules.levels.needed(7), 7000);
    assert!(rules.achievements.iter().count() >= 15);
}

#[test]
fn the_first_purchase_is_settled_as_the_original_settled_it() {
    let (mut player, open) = open_player(42, &rules(), now());
    assert_eq!((open.entry.version, open.entry.amount), (1, Money(1_000_000)));
    let fill = settle(&mut player, &whole(Side::Buy, 1, 3), quote(1_899_500), &rules(), now());
    let fill = fill.expect("affordable");
    assert_eq!(fill.entry.cash_after.to_text(MinorUnit::Hundredth), "9430.15");
    assert_eq!((fill.entry.xp_trade, fill.entry.version), (10, 2));
    assert_eq!(fill.unlocked, [Unlock { achievement_id: 1, xp: 50 }]);
    assert_eq!((player.total_xp, player.cash), (60, Money(943_015)));
}

#[test]
fn a_purchase_fills_at_the_ask_and_a_sale_at_the_bid() {
    let rules = default_rules();
    let (mut player, _) = open_player(42, &rules, now());
    let at = |price, tick| quote(price).map(|q| Quote { tick: Price(tick), ..q });
    let mut trade = |side, shares, price, tick| {
        let action = whole(side, 1, shares);
        let fill = settle(&mut player, &action, at(price, tick), &rules, now()).expect("fill");
        let LedgerEntry { price, amount, cost_basis_after, .. } = fill.entry;
        let text = |money: Money| money.to_text(MinorUnit::Hundredth);
        (price.expect("a price").to_string(), text(amount), text(cost_basis_after))
    };
    let told = |price: &str, amount: &str, cost: &str| {
        (price.to_owned(), amount.to_owned(), cost.to_owned())
    };
    assert_eq!(trade(Side::Buy, 100, 9_610, 1), told("0.9613", "-96.13", "96.13"));
    assert_eq!(trade(Side::Sell, 100, 9_610, 1), told("0.9607", "96.07", "0.00"));
    assert_eq!(trade(Side::Buy, 3, 1_899_500, 100), told("190.0025", "-570.01", "570.01"));
}

#[test]
fn cash_is_compared_with_what_the_ask_costs() {
    let rules = Rules { starting_cash: Money(9_612), ..default_rules() };
    let (mut player, _) = open_player(42, &rules, now());
    let quote = quote(9_610).map(|q| Quote { tick: Price(1), ..q });
    let outcome = settle(&mut player, &whole(Side::Buy, 1, 100), quote, &rules, now());
    assert_eq!(outcome, Err(Rejection::InsufficientCash));
}

#[test]
fn a_trade_moves_the_worth_of_all_by_the_spread_only() {
    let rules = default_rules();
    let (mut player, _) = open_player(42, &rules, now());
    let quote = quote(1_000_000).map(|q| Quote { tick: Price(100), ..q });
    let worth = |player: &Player| player.cash.0 + player.holdings_value.0;
    for (side, after) in [(Side::Buy, 999_970), (Side::Sell, 999_940)] {
        settle(&mut player, &whole(side, 1, 10), quote, &rules, now()).expect("fill");
        assert_eq!(worth(&player), after);
    }
}

#[test]
fn rules_without_a_spread_have_the_default_one_and_absurd_ones_are_refused() {
    let text = include_str!("../../../config/game.toml");
    let with = |line: &str| toml::from_str::<Rules>(&text.replace("spread_bps = 5\n", line));
    assert_eq!(with("").map(|rules| rules.spread_bps), Ok(5));
    assert_eq!(with("spread_bps = 0\n").map(|rules| rules.spread_bps), Ok(0));
    for line in ["spread_bps = -1\n", "spread_bps = 1001\n"] {
        let error = with(line).expect_err("refused").to_string();
        assert!(error.contains("from 0 to 1000"), "{error}");
    }
}

#[test]
fn orders_fill_now_at_the_next_tick_or_at_the_close_and_in_no_other_way() {
    let text = include_str!("../../../config/game.toml");
    let with = |line: &str| toml::from_str::<Rules>(&text.replace("fill = \"now\"\n", line));
    assert_eq!(with("").map(|rules| rules.fill), Ok(FillMode::Now));
    let next = with("fill = \"next_tick\"\n");
    assert_eq!(next.map(|rules| rules.fill), Ok(FillMode::NextTick));
    let close = with("fill = \"close\"\n");
    assert_eq!(close.map(|rules| rules.fill), Ok(FillMode::Close));
    let error = with("fill = \"open\"\n").expect_err("refused").to_string();
    assert!(error.contains("expected one of `now`, `next_tick`, `close`"), "{error}");
}

#[test]
fn selling_more_than_held_is_rejected_and_changes_nothing() {
    let (mut player, _) = open_player(1, &rules(), now());
    settle(&mut player, &whole(Side::Buy, 1, 2), quote(10_000), &rules(), now()).expect("fill");
    let before = player.clone();
    for refused in [whole(Side::Sell, 1, 3), whole(Side::Sell, 2, 1)] {
        let outcome = settle(&mut player, &refused, quote(10_000), &rules(), now());
        assert_eq!(outcome, Err(Rejection::InsufficientQuantity));
    }
    let dear = settle(&mut player, &whole(Side::Buy, 1, 1), quote(1_000_000_000), &rules(), now());
    assert_eq!(dear, Err(Rejection::InsufficientCash));
    assert_eq!(player, before);
}

#[test]
fn a_quote_that_is_missing_absurd_or_old_is_not_traded_at() {
    let (mut player, _) = open_player(1, &rules(), now());
    let buy = whole(Side::Buy, 1, 1);
    let mut try_at = |q, at| settle(&mut player, &buy, q, &rules(), at);
    assert_eq!(try_at(Err(Rejection::NoQuote), now()), Err(Rejection::NoQuote));
    assert_eq!(try_at(quote(0), now()), Err(Rejection::NoQuote));
    assert_eq!(try_at(quote(Price::MAX.0 + 1), now()), Err(Rejection::NoQuote));
    let late = now().plus_seconds(901);
    assert_eq!(try_at(quote(10_000), late), Err(Rejection::StaleQuote));
    assert_eq!(try_at(Err(Rejection::MarketClosed), now()), Err(Rejection::MarketClosed));
    assert!(try_at(quote(10_000), now().plus_seconds(900)).is_ok());
}

#[test]
fn only_the_first_trades_of_a_day_earn_xp() {
    let (mut player, _) = open_player(1, &rules(), now());
    let mut xp_at = |at| {
        let q = quote(10_000).map(|q| Quote { as_of: at, ..q });
        settle(&mut player, &whole(Side::Buy, 1, 10), q, &rules(), at).expect("fill").entry.xp_trade
    };
    let earned: Vec<i64> = (0..5).map(|_| xp_at(now())).collect();
    assert_eq!(earned, [10, 10, 10, 0, 0]);
    let tomorrow = now().plus_seconds(86_400);
    assert_eq!(
        (xp_at(tomorrow), xp_at(now())),
        (10, 10),
        "a clock that steps back opens no new day"
    );
}

#[test]
fn a_stock_sold_out_can_be_bought_again() {
    let (mut player, _) = open_player(1, &rules(), now());
    for (side, after) in [(Side::Buy, 2), (Side::Sell, 0), (Side::Buy, 2)] {
        let fill = settle(&mut player, &whole(side, 1, 2), quote(10_000), &rules(), now());
        assert_eq!(fill.expect("fill").entry.quantity_after, Quantity(after * Quantity::SHARE));
    }
    assert_eq!(player.holdings[&1].cost_basis, Money(200));
}

#[test]
fn orders_beyond_the_rules_are_rejected() {
    let mut whole_only = rules();
    whole_only.fractional_shares = false;
    let (mut player, _) = open_player(1, &whole_only, now());
    let half = order(Side::Buy, 1, 500_000);
    let outcome = settle(&mut player, &half, quote(10_000), &whole_only, now());
    assert_eq!(outcome, Err(Rejection::FractionalNotAllowed));
    let huge = order(Side::Buy, 1, i64::MAX);
    let outcome = settle(&mut player, &huge, quote(10_000), &whole_only, now());
    assert_eq!(outcome, Err(Rejection::QuantityTooLarge));
}

#[test]
fn a_later_entry_never_belongs_to_an_earlier_month() {
    let (mut player, _) = open_player(1, &rules(), now());
    let earlier = now().plus_seconds(-60 * 86_400);
    let q = quote(10_000).map(|q| Quote { as_of: earlier, ..q });
    let fill = settle(&mut player, &whole(Side::Buy, 1, 1), q, &rules(), earlier).expect("fill");
    assert_eq!(fill.entry.month, now().month());
}

#[test]
fn notes_are_plain_text_of_bounded_length() {
    let note = Note::parse(" because it is cheap\r\nand good ");
    assert_eq!(note.as_ref().map(Note::as_str), Ok("because it is cheap\nand good"));
    for bad in ["", "   ", "a\u{0}b", "a\u{202e}b", &"x".repeat(281)] {
        assert!(Note::parse(bad).is_err(), "{bad:?}");
    }
}

#[derive(Clone, Debug)]
struct Step {
    side: Side,
    stock: i64,
    quantity: i64,
    price: i64,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let side = prop_oneof![Just(Side::Buy), Just(Side::Sell)];
    let step = (side, 1i64..4, 1i64..200_000_000, 1i64..5_000_000)
        .prop_map(|(side, stock, quantity, price)| Step { side, stock, quantity, price });
    prop::collection::vec(step, 1..60)
}

fn play(player_id: i64, steps: &[Step], rules: &Rules) -> (Player, Vec<Fill>) {
    let (mut player, open) = open_player(player_id, rules, now());
    let mut fills = vec![open];
    for step in steps {
        let action = order(step.side, step.stock, step.quantity);
        fills.extend(settle(&mut player, &action, quote(step.price), rules, now()));
    }
    (player, fills)
}

proptest! {
    #[test]
    fn cash_and_shares_are_conserved_and_never_negative(
        steps in steps(), flat in 0i64..500, rate_bps in 0i64..300,
    ) {
        let mut rules = rules();
        rules.fee = Fee { flat: Money(flat), rate_bps };
        let (player, fills) = play(7, &steps, &rules);
        let (mut cash, mut xp, mut shares) = (0, 0, BTreeMap::<i64, i64>::new());
        for (fill, version) in fills.iter().zip(1..) {
            let entry = &fill.entry;
            cash += entry.amount.0 - entry.fee.0;
            xp += entry.xp_trade + entry.xp_achievements;
            prop_assert_eq!(entry.version, version);
            prop_assert_eq!((entry.cash_after.0, entry.total_xp_after), (cash, xp));
            prop_assert!(cash >= 0);
            if let Some(stock) = entry.stock_id {
                let held = shares.entry(stock).or_default();
                *held += entry.quantity.0;
                prop_assert_eq!(entry.quantity_after.0, *held);
                prop_assert!(*held >= 0 && entry.cost_basis_after.0 >= 0);
                prop_assert!(*held > 0 || entry.cost_basis_after.0 == 0);
            }
        }
        prop_assert_eq!((player.cash.0, player.total_xp), (cash, xp));
        for (stock, held) in shares {
            prop_assert_eq!(player.holdings[&stock].quantity.0, held);
        }
    }

    #[test]
    fn trading_back_and_forth_at_one_price_never_makes_money(
        price in 1i64..5_000_000, quantities in prop::collection::vec(1i64..50_000_000, 1..20),
        tick in 0i64..200, spread_bps in 0i64..=1_000,
    ) {
        let rules = Rules { spread_bps, ..rules() };
        let quote = quote(price).map(|q| Quote { tick: Price(tick), ..q });
        let (mut player, _) = open_player(7, &rules, now());
        for quantity in quantities {
            let buy = order(Side::Buy, 1, quantity);
            let bought = settle(&mut player, &buy, quote, &rules, now());
            if bought.is_ok() {
                settle(&mut player, &order(Side::Sell, 1, quantity), quote, &rules, now())
                    .expect("just bought");
            }
            prop_assert!(player.cash <= rules.starting_cash);
        }
    }

    #[test]
    fn the_chain_verifies_and_a_changed_entry_breaks_it(steps in steps(), at in 0usize..60) {
        let (player, mut fills) = play(7, &steps, &rules());
        let heads = |fills: &[Fill]| fills.iter().fold(genesis_hash(7), |h, f| f.entry.hash(h));
        prop_assert_eq!(heads(&fills), player.head_hash);
        let at = at % fills.len();
        fills[at].entry.amount.0 ^= 1;
        prop_assert_ne!(heads(&fills), player.head_hash);
    }

    #[test]
    fn orders_of_different_players_commute(a in steps(), b in steps()) {
        let rules = rules();
        let (first, _) = play(1, &a, &rules);
        let (second, _) = play(2, &b, &rules);
        // Interleaved, one order of each in turn.
        let (mut one, _) = open_player(1, &rules, now());
        let (mut two, _) = open_player(2, &rules, now());
        for i in 0..a.len().max(b.len()) {
            for (player, steps) in [(&mut two, &b), (&mut one, &a)] {
                if let Some(s) = steps.get(i) {
                    let action = order(s.side, s.stock, s.quantity);
                    settle(player, &action, quote(s.price), &rules, now()).ok();
                }
            }
        }
        prop_assert_eq!((one, two), (first, second));
    }
}

/// `price` times `quantity` in minor units, digit by digit as in school: the whole part, and
/// whether anything was left. Independent of the arithmetic of `domain`.
fn exact_product(price: i64, quantity: i64, digits: usize) -> (i64, bool) {
    let mut product = [0_u32; 48];
    for (i, a) in price.to_string().bytes().rev().enumerate() {
        for (j, b) in quantity.to_string().bytes().rev().enumerate() {
            product[i + j] += u32::from(a - b'0') * u32::from(b - b'0');
        }
    }
    for i in 1..product.len() {
        product[i] += product[i - 1] / 10;
        product[i - 1] %= 10;
    }
    // A product has four digits of the price and six of the quantity after the point.
    let (left, whole) = product.split_at(10 - digits);
    let whole = whole.iter().rev().fold(0_i64, |sum, digit| sum * 10 + i64::from(*digit));
    (whole, left.iter().any(|digit| *digit > 0))
}

/// The rules of a game with this unit, and a fee.
fn rules_in(unit: MinorUnit, flat: i64, rate_bps: i64) -> Rules {
    let fee = Fee { flat: Money(flat), rate_bps };
    let achievements = Achievements::default();
    let starting_cash = Money(100_000_000_000);
    Rules { minor_unit: unit, fee, achievements, starting_cash, ..default_rules() }
}

proptest! {
    #[test]
    fn amounts_fees_and_cost_are_exact_decimal_arithmetic_in_every_unit(
        unit in prop_oneof![
            Just(MinorUnit::Whole), Just(MinorUnit::Hundredth), Just(MinorUnit::Thousandth),
        ],
        (flat, rate_bps) in (0i64..500, 0i64..200),
        prices in (1i64..40_000_000, 1i64..40_000_000),
        bought in 1i64..5_000_000_000, part in 1i64..=1_000,
    ) {
        let rules = rules_in(unit, flat, rate_bps);
        let digits = unit.digits() as usize;
        let (mut player, _) = open_player(1, &rules, now());
        let rules = Rules { spread_bps: 0, ..rules };
        let fee = |amount: i64| flat + (amount * rate_bps + 9_999) / 10_000;
        let (whole, is_more) = exact_product(prices.0, bought, digits);
        let cost = whole + i64::from(is_more);
        let cash = rules.starting_cash.0 - cost - fee(cost);
        let action = order(Side::Buy, 1, bought);
        let outcome = settle(&mut player, &action, quote(prices.0), &rules, now());
        if cash < 0 {
            prop_assert_eq!(outcome, Err(Rejection::InsufficientCash));
            return Ok(());
        }
        let entry = outcome.expect("affordable").entry;
        prop_assert_eq!((entry.amount.0, entry.fee.0), (-cost, fee(cost)));
        prop_assert_eq!((entry.cash_after.0, entry.cost_basis_after.0), (cash, cost));
        prop_assert_eq!(player.holdings_value.0, whole);

        let sold = (bought * part / 1_000).max(1);
        let (amount, _) = exact_product(prices.1, sold, digits);
        let action = order(Side::Sell, 1, sold);
        let outcome = settle(&mut player, &action, quote(prices.1), &rules, now());
        if cash + amount < fee(amount) {
            prop_assert_eq!(outcome, Err(Rejection::InsufficientCash));
            return Ok(());
        }
        let entry = outcome.expect("held").entry;
        prop_assert_eq!((entry.amount.0, entry.fee.0), (amount, fee(amount)));
        prop_assert_eq!(entry.cash_after.0, cash + amount - fee(amount));
        let average = average_price(Money(cost), Quantity(bought), unit).0;
        let (from_average, _) = exact_product(average, bought, digits);
        let tolerance = 1 + bought / 1_000_000 * 10_i64.pow(unit.digits()) / 10_000;
        prop_assert!((from_average - cost).abs() <= tolerance);
    }
}
