//! The limits of the rules: each is applied exactly, whatever the player did before, and a sale of
//! everything that was held long enough is always possible.

use domain::*;
use proptest::prelude::*;

const TEXT: &str = include_str!("../../../config/game.toml");
const DAY: i32 = 12_786;

fn with(lines: &str) -> Result<Rules, String> {
    toml::from_str(&TEXT.replacen("format = 2\n", &format!("{lines}\n"), 1))
        .map_err(|error| error.to_string())
}

/// The default rules without a spread and with these limits.
fn rules(lines: &str) -> Rules {
    let rules = with(&format!("format = 2\n{lines}")).expect("rules");
    Rules { spread_bps: 0, ..rules }
}

fn now() -> UnixMicros {
    UnixMicros(1_795_394_741_000_000)
}

fn quote_on(day: i32, price: i64) -> Result<Quote, Rejection> {
    let (price, tick, market_day) = (Price(price), Price(0), Day(day));
    Ok(Quote { price, tick, as_of: now(), market_day, source: QuoteSource::Fixed })
}

fn order(side: Side, stock_id: i64, quantity: Quantity) -> Action {
    Action::Trade(Order { stock_id, side, quantity }, None)
}

/// Shares of stock 1 at 10.00.
fn trade(player: &mut Player, side: Side, shares: i64, rules: &Rules) -> Result<(), Rejection> {
    let action = order(side, 1, Quantity(shares * Quantity::SHARE));
    settle(player, &action, quote_on(DAY, 100_000), rules, now()).map(|_| ())
}

fn new_player(rules: &Rules) -> Player {
    open_player(1, rules, now()).0
}

#[test]
fn a_file_of_format_1_has_no_limit_and_the_first_one_is_named() {
    for format in ["", "format = 1"] {
        assert!(with(format).is_ok_and(|rules| !rules.has_limits()));
        for (key, line) in [
            ("stocks", "stocks = [\"AAPL\"]"),
            ("categories", "categories = [\"Tech\"]"),
            ("position_max", "position_max = \"25%\""),
            ("trades_per_session_max", "trades_per_session_max = 1"),
            ("price_min", "price_min = \"1.00\""),
            ("order_value_min", "order_value_min = \"0.5%\""),
            ("holding_sessions_min", "holding_sessions_min = 1"),
        ] {
            let error = with(&format!("{format}\n{line}")).expect_err("refused");
            let expected = format!("{key}: expected format = 2 in a file with this key, got 1");
            assert!(error.contains(&expected), "{error}");
            assert!(rules(line).has_limits());
        }
    }
    assert!(with("format = 3").expect_err("refused").contains("from 1 to 2, got 3"));
}

#[test]
fn an_absurd_limit_is_refused_with_what_was_expected() {
    for (line, expected) in [
        ("stocks = [\"A B\"]", "a symbol is 1 to 20 characters"),
        ("position_max = \"0%\"", "expected a share like \"25%\", at most \"100%\", got \"0%\""),
        ("position_max = \"101%\"", "at most \"100%\", got \"101%\""),
        ("trades_per_session_max = 0", "from 1 to 1000000, got 0"),
        ("price_min = \"0.00\"", "expected a price from \"0.0001\" to \"1000000.00\""),
        ("order_value_min = \"0%\"", "expected an amount above zero"),
        ("holding_sessions_min = 61", "from 0 to 60, got 61"),
    ] {
        let error = with(&format!("format = 2\n{line}")).expect_err("refused");
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn only_permitted_stocks_are_bought_and_all_are_sold() {
    let mut rules = rules("stocks = [\"AAPL\"]\ncategories = [\"Energy\"]");
    let symbol = |text| Symbol::parse(text).expect("a symbol");
    let (apple, ford, shell) = (symbol("AAPL"), symbol("F"), symbol("SHEL"));
    assert!(!rules.permits_stock(1), "nothing is permitted in an unknown market");
    let market = [(1, &ford, "Cars"), (2, &apple, "Tech"), (3, &shell, "Energy")];
    rules.permit_stocks_of(market).expect("all are there");
    assert_eq!([1, 2, 3].map(|stock_id| rules.permits_stock(stock_id)), [false, true, true]);

    let mut player = new_player(&rules);
    let before = Rules { stocks: vec![], categories: vec![], ..rules.clone() };
    trade(&mut player, Side::Buy, 2, &before).expect("bought before the rule");
    assert_eq!(trade(&mut player, Side::Buy, 1, &rules), Err(Rejection::StockNotAllowed));
    let closed = settle(
        &mut player,
        &order(Side::Buy, 1, Quantity(1)),
        Err(Rejection::MarketClosed),
        &rules,
        now(),
    );
    assert_eq!(closed, Err(Rejection::StockNotAllowed), "whether there is a price or not");
    assert_eq!(trade(&mut player, Side::Sell, 2, &rules), Ok(()));
}

#[test]
fn a_stock_or_category_that_the_market_does_not_have_is_named() {
    let apple = Symbol::parse("AAPL").expect("a symbol");
    let market = [(2, &apple, "Tech")];
    let refused = |line| rules(line).permit_stocks_of(market).expect_err("refused");
    assert_eq!(refused("stocks = [\"F\"]"), "stocks: expected stocks of the market, got F");
    let text = refused("categories = [\"Cars\"]");
    assert_eq!(text, "categories: expected categories of Tech, got Cars");
}

#[test]
fn a_holding_that_grew_over_the_limit_stays_and_can_be_sold() {
    let rules = rules("position_max = \"25%\"");
    let mut player = new_player(&rules);
    assert_eq!(trade(&mut player, Side::Buy, 251, &rules), Err(Rejection::PositionLimit));
    trade(&mut player, Side::Buy, 250, &rules).expect("a quarter");
    assert_eq!(trade(&mut player, Side::Buy, 1, &rules), Err(Rejection::PositionLimit));
    // The price doubles: 5,000 of 12,500.
    player.holdings_value = Money(500_000);
    let at = |side, shares| {
        let action = order(side, 1, Quantity(shares * Quantity::SHARE));
        settle(&mut player.clone(), &action, quote_on(DAY, 200_000), &rules, now()).map(|_| ())
    };
    assert_eq!(at(Side::Buy, 1), Err(Rejection::PositionLimit));
    assert_eq!(at(Side::Sell, 1), Ok(()));
    assert_eq!(at(Side::Sell, 250), Ok(()));
}

#[test]
fn trades_are_counted_by_session() {
    let rules = rules("trades_per_session_max = 2");
    let mut player = new_player(&rules);
    let mut on = |day, side| {
        let action = order(side, 1, Quantity(Quantity::SHARE));
        settle(&mut player, &action, quote_on(day, 100_000), &rules, now()).map(|_| ())
    };
    assert_eq!(on(DAY, Side::Sell), Err(Rejection::InsufficientQuantity), "is not counted");
    assert_eq!([on(DAY, Side::Buy), on(DAY, Side::Sell)], [Ok(()), Ok(())]);
    for side in [Side::Buy, Side::Sell] {
        assert_eq!(on(DAY, side), Err(Rejection::SessionTradesLimit));
    }
    assert_eq!([on(DAY + 1, Side::Buy), on(DAY + 1, Side::Buy)], [Ok(()), Ok(())]);
    assert_eq!(on(DAY + 1, Side::Buy), Err(Rejection::SessionTradesLimit));
    // A market that starts over.
    assert_eq!(on(DAY - 100, Side::Buy), Ok(()));
}

#[test]
fn cheap_stocks_are_not_bought_and_small_orders_not_accepted() {
    let limited = rules("price_min = \"10.00\"\norder_value_min = \"1%\"");
    let mut player = new_player(&limited);
    let mut at = |side, price, shares| {
        let action = order(side, 1, Quantity(shares * Quantity::SHARE));
        settle(&mut player, &action, quote_on(DAY, price), &limited, now()).map(|_| ())
    };
    assert_eq!(at(Side::Buy, 99_999, 100), Err(Rejection::PriceTooLow));
    assert_eq!(at(Side::Buy, 100_000, 9), Err(Rejection::OrderTooSmall));
    assert_eq!(at(Side::Buy, 100_000, 10), Ok(()));
    assert_eq!(at(Side::Sell, 100_000, 9), Err(Rejection::OrderTooSmall));
    assert_eq!(at(Side::Sell, 1_000, 10), Ok(()), "everything can be sold at any price");
}

#[test]
fn shares_are_sold_once_enough_sessions_ended_since_the_last_purchase() {
    let rules = rules("holding_sessions_min = 2");
    let mut player = new_player(&rules);
    let mut on = |day: i32, sellable: Option<i32>, side| {
        player.sellable_session = sellable.map(Day);
        let action = order(side, 1, Quantity(Quantity::SHARE));
        settle(&mut player, &action, quote_on(day, 100_000), &rules, now()).map(|_| ())
    };
    assert_eq!(on(DAY, Some(DAY - 2), Side::Buy), Ok(()));
    assert_eq!(on(DAY, Some(DAY - 2), Side::Sell), Err(Rejection::HoldingTooShort));
    assert_eq!(on(DAY + 1, Some(DAY - 1), Side::Buy), Ok(()));
    assert_eq!(on(DAY + 2, Some(DAY), Side::Sell), Err(Rejection::HoldingTooShort));
    assert_eq!(on(DAY + 2, None, Side::Sell), Err(Rejection::HoldingTooShort));
    assert_eq!(on(DAY + 3, Some(DAY + 1), Side::Sell), Ok(()));
    // In a market that started over, all sessions of the purchase's pass are over.
    assert_eq!(on(DAY - 500, Some(DAY - 502), Side::Sell), Ok(()));
    assert_eq!(on(DAY - 500, Some(DAY - 502), Side::Sell), Err(Rejection::InsufficientQuantity));
}

#[derive(Clone, Debug)]
struct Step {
    side: Side,
    stock: i64,
    quantity: i64,
    price: i64,
    days_later: i32,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let side = prop_oneof![Just(Side::Buy), Just(Side::Sell)];
    let step = (side, 1i64..4, 1i64..400_000_000, 1i64..300_000, 0i32..2);
    let step = step.prop_map(|(side, stock, quantity, price, days_later)| Step {
        side,
        stock,
        quantity,
        price,
        days_later,
    });
    prop::collection::vec(step, 1..60)
}

fn limits() -> impl Strategy<Value = Rules> {
    let share = prop::option::of(1i64..100);
    let (trades, price, value) = (
        prop::option::of(1i64..4),
        prop::option::of(1i64..200_000),
        prop::option::of(1i64..50_000),
    );
    (share, trades, price, value, 0i64..4, prop::bool::ANY).prop_map(
        |(share, trades, price, value, sessions, is_listed)| {
            let mut rules = rules("");
            rules.position_max = share.and_then(|n| PortfolioShare::parse(&format!("{n}%")));
            rules.trades_per_session_max = trades;
            rules.price_min = price.map(Price);
            rules.order_value_min = value.map(|cents| Amount::Fixed(Money(cents)));
            rules.holding_sessions_min = sessions;
            if is_listed {
                rules.categories = vec!["Tech".to_owned()];
                rules.permitted_stocks = [1, 2].into();
            }
            rules
        },
    )
}

/// What a purchase or a sale has done so far, counted without `settle`.
#[derive(Clone, Copy, Default)]
struct Seen {
    day: i32,
    trades: i64,
    last_purchase: [i32; 4],
}

/// The limit that an order breaks, by the words of the rules; every day is a session.
fn broken(step: &Step, day: i32, seen: &Seen, player: &Player, rules: &Rules) -> Option<Rejection> {
    let stock = usize::try_from(step.stock).expect("small");
    let held = player.holdings.get(&step.stock).map_or(0, |holding| holding.quantity.0);
    let cents = |quantity: i64| (i128::from(step.price) * i128::from(quantity)) / 100_000_000;
    if step.side == Side::Buy && !rules.categories.is_empty() && step.stock > 2 {
        return Some(Rejection::StockNotAllowed);
    }
    let trades = if seen.day == day { seen.trades } else { 0 };
    if rules.trades_per_session_max.is_some_and(|most| trades >= most) {
        return Some(Rejection::SessionTradesLimit);
    }
    let least = rules.order_value_min.map_or(0, |amount| amount.of(rules.starting_cash).0);
    if step.side == Side::Sell {
        let sessions = i64::from(day - seen.last_purchase[stock]);
        if held > 0 && sessions < rules.holding_sessions_min {
            return Some(Rejection::HoldingTooShort);
        }
        let is_small = cents(step.quantity) < i128::from(least) && step.quantity < held;
        return (held >= step.quantity && is_small).then_some(Rejection::OrderTooSmall);
    }
    if rules.price_min.is_some_and(|least| step.price < least.0) {
        return Some(Rejection::PriceTooLow);
    }
    None
}

proptest! {
    #[test]
    fn each_limit_rejects_what_it_says_and_nothing_else(steps in steps(), rules in limits()) {
        let mut player = new_player(&rules);
        let (mut day, mut seen) = (DAY, Seen::default());
        let sessions = i32::try_from(rules.holding_sessions_min).expect("small");
        for step in &steps {
            day += step.days_later;
            player.sellable_session = Some(Day(day - sessions));
            let before = player.clone();
            let expected = broken(step, day, &seen, &player, &rules);
            let action = order(step.side, step.stock, Quantity(step.quantity));
            let outcome = settle(&mut player, &action, quote_on(day, step.price), &rules, now());
            match (&outcome, expected) {
                // Two limits may be broken at once.
                (Err(Rejection::PositionLimit), Some(_)) => {}
                (_, Some(limit)) => prop_assert_eq!(outcome.as_ref().err(), Some(&limit)),
                (Err(rejection), None) => {
                    let is_of_size =
                        matches!(rejection, Rejection::PositionLimit | Rejection::OrderTooSmall);
                    let is_purchase = step.side == Side::Buy;
                    prop_assert!(!rejection.is_limit() || (is_of_size && is_purchase));
                }
                (Ok(fill), None) => {
                    let price = Price(step.price);
                    let value = |held| price.value_rounded_down(held, rules.minor_unit);
                    let worth = value(fill.entry.quantity_after).expect("fits").0;
                    let all = player.cash.0 + player.holdings_value.0;
                    if let (Side::Buy, Some(most)) = (step.side, rules.position_max) {
                        let most = most.ratio().percent(0);
                        prop_assert!(i128::from(worth) * 100 <= i128::from(all) * i128::from(most));
                    }
                    let trades = if seen.day == day { seen.trades } else { 0 };
                    (seen.day, seen.trades) = (day, trades + 1);
                    if step.side == Side::Buy {
                        seen.last_purchase[usize::try_from(step.stock).expect("small")] = day;
                    }
                }
            }
            if outcome.is_err() {
                prop_assert_eq!(&player, &before, "a rejection changes nothing");
            }
        }
    }

    /// What the ticket shows before an order is entered holds for orders of every size.
    #[test]
    fn a_limit_that_is_known_before_an_order_rejects_all_orders_of_its_side(
        steps in steps(), rules in limits(), quantity in 1i64..400_000_000, price in 1i64..300_000,
        stock_id in 1i64..4,
    ) {
        let mut player = new_player(&rules);
        for step in &steps {
            let action = order(step.side, step.stock, Quantity(step.quantity));
            settle(&mut player, &action, quote_on(DAY, step.price), &rules, now()).ok();
        }
        let held = player.holdings.get(&stock_id);
        let standing = LimitStanding {
            portfolio_value: Money(player.cash.0 + player.holdings_value.0),
            session_day: player.session_day,
            session_trades: player.session_trades,
            held: held.map_or(Quantity(0), |held| held.quantity),
            bought_on: held.map_or(Day(0), |held| held.bought_on),
            sellable_session: None,
        };
        let quote = quote_on(DAY, price).expect("a quote");
        for side in [Side::Buy, Side::Sell] {
            if let Err(limit) = rules.check_limits(side, stock_id, &quote, &standing) {
                let action = order(side, stock_id, Quantity(quantity));
                let outcome = settle(&mut player.clone(), &action, Ok(quote), &rules, now());
                prop_assert_eq!(outcome.err(), Some(limit));
            }
        }
    }

    #[test]
    fn everything_can_be_sold_whatever_it_is_worth(steps in steps(), rules in limits()) {
        let mut player = new_player(&rules);
        for step in steps {
            let action = order(step.side, step.stock, Quantity(step.quantity));
            settle(&mut player, &action, quote_on(DAY, step.price), &rules, now()).ok();
        }
        player.sellable_session = Some(Day(DAY));
        player.session_trades = 0;
        let rules = Rules { trades_per_session_max: None, ..rules };
        for (stock_id, holding) in player.holdings.clone() {
            if holding.quantity.0 > 0 {
                let action = order(Side::Sell, stock_id, holding.quantity);
                let outcome = settle(&mut player, &action, quote_on(DAY, 1), &rules, now());
                prop_assert!(outcome.is_ok(), "{:?}", outcome);
            }
        }
    }
}
