//! Chains that `settle` makes, and changes of their entries.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use domain::{
    AccountTransfer, Action, Day, Fill, Order, Price, Quote, Rejection, Rules, Side,
    TransferredHolding, UnixMicros, VersionedRules, open_player, open_transferred, settle,
};

type Forgery = fn(&mut LedgerEntry);

fn rules() -> Rules {
    toml::from_str(include_str!("../../../../config/game.toml")).expect("good rules")
}

/// Opens, buys 3, buys 2, sells 4; and the player afterwards.
fn played() -> (Player, Vec<Fill>) {
    let rules = rules();
    let now = UnixMicros(1_795_394_741_000_000);
    let (mut player, open) = open_player(42, &rules, now);
    let mut fills = vec![open];
    for (side, shares, price) in [(Side::Buy, 3, 33_333), (Side::Buy, 2, 7), (Side::Sell, 4, 9)] {
        let (market_day, source) = (Day(12_786), QuoteSource::Fixed);
        let (price, tick) = (Price(price), Price(0));
        let quote = Quote { price, tick, as_of: now, market_day, source };
        let quantity = Quantity::whole(shares).unwrap();
        let order = Order { stock_id: 1, side, quantity };
        let action = Action::Trade(order, None);
        fills.push(settle(&mut player, &action, Ok(quote), &rules, now).expect("filled"));
    }
    (player, fills)
}

fn walk(player: Player, fills: &[Fill]) -> Result<(), ChainViolation> {
    let mut chain = Chain::new(player, RulesVersions::default());
    for fill in fills {
        chain.add(&fill.entry, fill.hash)?;
    }
    chain.end()
}

#[test]
fn a_played_chain_holds() {
    let (player, fills) = played();
    assert_eq!(walk(player, &fills), Ok(()));
}

#[test]
fn a_forged_entry_with_valid_hashes_violates_the_rules() {
    let changes: [(&str, Forgery); 12] = [
        ("quantity_after", |e| e.quantity.0 += 100),
        ("amount", |e| e.amount.0 += 1),
        ("amount", |e| e.price = Some(Price(7_000))),
        ("cash_after", |e| e.fee.0 -= 1),
        ("cash_after", |e| e.cash_after.0 += 1),
        ("quantity_after", |e| e.quantity_after.0 += 1),
        ("cost_basis_after", |e| e.cost_basis_after.0 += 1),
        ("total_xp_after", |e| e.xp_trade += 1),
        ("total_xp_after", |e| e.xp_achievements += 1),
        ("total_xp_after", |e| e.total_xp_after += 1),
        ("a trade has no stock", |e| e.stock_id = None),
        ("the month falls", |e| e.month.0 -= 1),
    ];
    for version in [3, 4] {
        for (what, change) in changes {
            let (mut player, mut fills) = played();
            change(&mut fills[version - 1].entry);
            let mut hash = genesis_hash(42);
            for fill in &mut fills {
                hash = fill.entry.hash(hash);
                fill.hash = hash;
            }
            player.head_hash = hash;
            let (at, found) = walk(player, &fills).expect_err(what);
            assert_eq!(at, i64::try_from(version).unwrap(), "{what}: {found}");
            assert!(found.starts_with(what), "{what}: {found}");
        }
    }
}

/// An opening with XP, two transfers of one stock, and a sale.
fn imported() -> (Player, Vec<Fill>) {
    let rules = rules();
    let now = UnixMicros(1_795_394_741_000_000);
    let held = |shares, price| TransferredHolding {
        stock_id: 1,
        quantity: Quantity(shares * Quantity::SHARE),
        average_price: Price(price),
    };
    let holdings = vec![held(3, 1_899_500), held(2, 10_000)];
    let transfer =
        AccountTransfer { cash: Money(500), total_xp: 3_250, achievement_ids: vec![1], holdings };
    let day = Day(12_786);
    let (mut player, mut fills) = open_transferred(42, &transfer, day, &rules, now);
    let (price, tick, source) = (Price(33_333), Price(0), QuoteSource::Fixed);
    let quote = Quote { price, tick, as_of: now, market_day: day, source };
    let quantity = Quantity::whole(4).unwrap();
    let action = Action::Trade(Order { stock_id: 1, side: Side::Sell, quantity }, None);
    fills.push(settle(&mut player, &action, Ok(quote), &rules, now).expect("filled"));
    (player, fills)
}

#[test]
fn the_chain_of_an_imported_player_holds() {
    let (player, fills) = imported();
    assert_eq!(walk(player.clone(), &fills), Ok(()));
    let mut chain = Chain::new(player, RulesVersions::default());
    for fill in &fills {
        chain.add(&fill.entry, fill.hash).expect("verified");
    }
    assert_eq!(chain.check_unlocks(&[(1, 1, 0)]), Ok(()));
    assert!(chain.check_unlocks(&[(1, 1, 50)]).is_err(), "its XP is part of the total");
}

#[test]
fn a_forged_transfer_with_valid_hashes_violates_the_rules() {
    let changes: [(usize, &str, Forgery); 9] = [
        (0, "xp_trade", |e| e.quote_source = None),
        (0, "xp_trade", |e| (e.xp_trade, e.total_xp_after) = (-1, -1)),
        (1, "a transfer is not part", |e| e.quote_source = Some(QuoteSource::Fixed)),
        (1, "amount", |e| e.amount.0 += 1),
        (1, "xp_trade", |e| e.xp_trade += 1),
        (1, "quantity_after", |e| e.quantity_after.0 += 1),
        (2, "cost_basis_after", |e| e.cost_basis_after.0 -= 1),
        (2, "a transfer has no stock", |e| e.stock_id = None),
        (3, "a transfer is not part", |e| {
            (e.kind, e.quote_source) = (EntryKind::TransferIn, Some(QuoteSource::Import));
        }),
    ];
    for (index, what, change) in changes {
        let (mut player, mut fills) = imported();
        if index == 3 {
            // After a trade.
            fills.push(fills[3].clone());
            fills[4].entry.version += 1;
        }
        let index = if index == 3 { 4 } else { index };
        change(&mut fills[index].entry);
        let mut hash = genesis_hash(42);
        for fill in &mut fills {
            hash = fill.entry.hash(hash);
            fill.hash = hash;
        }
        (player.head_hash, player.balance_version) = (hash, fills.len().try_into().unwrap());
        let (at, found) = walk(player, &fills).expect_err(what);
        assert_eq!(at, i64::try_from(index + 1).unwrap(), "{what}: {found}");
        assert!(found.starts_with(what), "{what}: {found}");
    }
}

fn versioned() -> VersionedRules {
    VersionedRules { version: 1, effective_from: UnixMicros(0), rules: rules() }
}

/// An opening, and an award of the first trade.
fn awarded() -> (Player, Vec<Fill>) {
    let (versioned, now) = (versioned(), UnixMicros(1_795_394_741_000_000));
    let (mut player, open) = open_player(42, &versioned, now);
    player.trades = 1;
    let award = settle(&mut player, &Action::Award, Err(Rejection::NoQuote), &versioned, now);
    let award = award.expect("First Trade");
    (player, vec![open, award])
}

fn walk_awarded(player: Player, fills: &[Fill]) -> Result<Chain, ChainViolation> {
    let mut chain = Chain::new(player, Arc::new([(1, versioned())].into()));
    for fill in fills {
        chain.add(&fill.entry, fill.hash)?;
    }
    chain.end()?;
    Ok(chain)
}

#[test]
fn an_award_is_verified_with_its_unlocks() {
    let (player, fills) = awarded();
    let chain = walk_awarded(player, &fills).expect("it holds");
    assert_eq!(chain.check_unlocks(&[(2, 1, 50)]), Ok(()));
    assert!(chain.check_unlocks(&[(2, 1, 49)]).is_err(), "the XP is that of the rules");
    assert!(chain.check_unlocks(&[]).is_err());

    // Without XP, only its unlocks show that it awards something.
    let (mut player, mut fills) = awarded();
    let opened = fills[0].hash;
    let entry = &mut fills[1].entry;
    (entry.xp_achievements, entry.total_xp_after) = (0, 0);
    fills[1].hash = entry.hash(opened);
    (player.head_hash, player.total_xp) = (fills[1].hash, 0);
    player.achievements = AchievementSet::default();
    let chain = walk_awarded(player, &fills).expect("the numbers add up");
    let found = chain.check_unlocks(&[]);
    assert_eq!(found, Err((2, "the award unlocks nothing".to_owned())));
}

#[test]
fn a_forged_award_with_valid_hashes_violates_the_rules() {
    let changes: [(&str, Forgery); 9] = [
        ("amount", |e| (e.amount.0, e.cash_after.0) = (100, e.cash_after.0 + 100)),
        ("fee", |e| (e.fee.0, e.cash_after.0) = (-100, e.cash_after.0 + 100)),
        ("xp_trade", |e| (e.xp_trade, e.total_xp_after) = (1, e.total_xp_after + 1)),
        ("quantity", |e| e.quantity.0 = 1),
        ("an entry without a trade", |e| e.stock_id = Some(1)),
        ("an award has a quote", |e| e.quote_day = Some(Day(12_786))),
        ("an award has a quote", |e| e.about_version = Some(1)),
        ("an award names no version", |e| e.rules_version = None),
        ("total_xp_after", |e| e.xp_achievements += 1),
    ];
    for (what, change) in changes {
        let (mut player, mut fills) = awarded();
        change(&mut fills[1].entry);
        fills[1].hash = fills[1].entry.hash(fills[0].hash);
        player.head_hash = fills[1].hash;
        let (at, found) = walk_awarded(player, &fills).expect_err(what);
        assert_eq!(at, 2, "{what}: {found}");
        assert!(found.starts_with(what), "{what}: {found}");
    }
}

#[test]
fn what_comes_after_the_head_is_left_out() {
    let (player, fills) = played();
    let mut chain = Chain::new(player, RulesVersions::default());
    chain.head.balance_version = 3;
    let counted: Vec<bool> =
        fills.iter().map(|fill| chain.add(&fill.entry, fill.hash).unwrap()).collect();
    assert_eq!(counted, [true, true, true, false]);
}

/// Orders of a few stocks: stock, whether to buy, millionths of a share, price, days later.
fn actions() -> impl Strategy<Value = Vec<(i64, bool, i64, i64, i64)>> {
    let quantity = prop_oneof![1i64..20_000_000, (1i64..50).prop_map(|n| n * Quantity::SHARE)];
    let price = prop_oneof![1i64..20, 1i64..10_000_000];
    prop::collection::vec((1i64..4, any::<bool>(), quantity, price, 0i64..40), 0..40)
}

/// Settles the orders; the player afterwards and the entries of those that filled.
fn settled(actions: &[(i64, bool, i64, i64, i64)]) -> (Player, Vec<Fill>) {
    let rules = rules();
    let mut now = UnixMicros(1_795_394_741_000_000);
    let (mut player, open) = open_player(42, &rules, now);
    let mut fills = vec![open];
    for &(stock_id, is_buy, quantity, price, days) in actions {
        now = now.plus_seconds(days * 86_400);
        let (market_day, source) = (now.day(), QuoteSource::Fixed);
        let quote = Quote { price: Price(price), tick: Price(1), as_of: now, market_day, source };
        let side = if is_buy { Side::Buy } else { Side::Sell };
        let order = Order { stock_id, side, quantity: Quantity(quantity) };
        fills.extend(settle(&mut player, &Action::Trade(order, None), Ok(quote), &rules, now));
    }
    (player, fills)
}

/// A number of an entry, whose change must be found.
const NUMBERS: [fn(&mut LedgerEntry) -> &mut i64; 11] = [
    |e| &mut e.version,
    |e| &mut e.quantity.0,
    |e| &mut e.amount.0,
    |e| &mut e.fee.0,
    |e| &mut e.xp_trade,
    |e| &mut e.xp_achievements,
    |e| &mut e.cash_after.0,
    |e| &mut e.quantity_after.0,
    |e| &mut e.cost_basis_after.0,
    |e| &mut e.total_xp_after,
    |e| &mut e.player_id,
];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn a_chain_of_any_settled_orders_holds(actions in actions()) {
        let (player, fills) = settled(&actions);
        prop_assert_eq!(walk(player, &fills), Ok(()));
    }

    #[test]
    fn an_entry_that_is_missing_or_moved_is_found(
        actions in actions(), at in any::<prop::sample::Index>(), is_swap in any::<bool>(),
    ) {
        let (player, mut fills) = settled(&actions);
        let at = at.index(fills.len());
        if is_swap && at > 0 { fills.swap(at - 1, at) } else { drop(fills.remove(at)) }
        prop_assert!(walk(player, &fills).is_err());
    }

    #[test]
    fn a_changed_number_is_found(
        actions in actions(), at in any::<prop::sample::Index>(), number in 0usize..11,
        change in prop_oneof![-3i64..0, 1i64..4, any::<i64>().prop_filter("not 0", |n| *n != 0)],
    ) {
        let (player, mut fills) = settled(&actions);
        let at = at.index(fills.len());
        let number = NUMBERS[number](&mut fills[at].entry);
        *number = number.wrapping_add(change);
        prop_assert!(walk(player, &fills).is_err());
    }
}
