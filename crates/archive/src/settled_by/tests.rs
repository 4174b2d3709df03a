//! What `settle` decides by any versions of the rules is computed again, and a change is found.

use domain::{
    Action, Day, Fee, Fill, Invested, Order, Player, Price, Quantity, Quote, QuoteSource, Rules,
    XpRules, open_player, settle,
};
use proptest::prelude::*;

use super::*;

const START: UnixMicros = UnixMicros(1_795_394_741_000_000);

fn versions() -> RulesVersions {
    let text = include_str!("../../../../config/game.toml");
    let first: Rules = toml::from_str(text).expect("good");
    let dear = Rules {
        fee: Fee { flat: Money(7), rate_bps: 15 },
        xp: XpRules { trades_per_day_max: 2, uninvested_max: 400, ..first.xp.clone() },
        ..first.clone()
    };
    let early = Rules {
        xp: XpRules { buy: 11, day_utc_offset_min: Some(840), ..first.xp.clone() },
        ..first.clone()
    };
    let versioned = |(version, rules)| {
        (version, VersionedRules { version, effective_from: UnixMicros(0), rules })
    };
    Arc::new([(1, first), (2, dear), (3, early)].into_iter().map(versioned).collect())
}

/// An order: whether to buy, shares, minutes later, whether the player is invested, and the version
/// of the rules, or none for a node of the version before.
type Step = (bool, i64, i64, bool, Option<i64>);

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let version = prop::option::weighted(0.8, 1i64..=3);
    prop::collection::vec((any::<bool>(), 1i64..60, 0i64..900, any::<bool>(), version), 0..60)
}

fn played(steps: &[Step]) -> Vec<Fill> {
    let versions = versions();
    let (mut player, open) = open_player(42, &versions[&1], START);
    let (mut fills, mut now) = (vec![open], START);
    for &(is_buy, shares, minutes, is_invested, version) in steps {
        now = now.plus_seconds(minutes * 60);
        player.invested = Invested { stocks: i64::from(is_invested), ..Invested::default() };
        let outcome = match version {
            Some(version) => trade(&mut player, is_buy, shares, &versions[&version], now),
            None => trade(&mut player, is_buy, shares, &versions[&1].rules, now),
        };
        fills.extend(outcome);
    }
    fills
}

fn trade<'r>(
    player: &mut Player,
    is_buy: bool,
    shares: i64,
    rules: impl Into<domain::RulesRef<'r>>,
    now: UnixMicros,
) -> Option<Fill> {
    let (price, tick, source) = (Price(20_000), Price(0), QuoteSource::Fixed);
    let quote = Quote { price, tick, as_of: now, market_day: Day(12_786), source };
    let side = if is_buy { Side::Buy } else { Side::Sell };
    let order = Order { stock_id: 1, side, quantity: Quantity::whole(shares).expect("few") };
    settle(player, &Action::Trade(order, None), Ok(quote), rules, now).ok()
}

/// Checks the entries after the first ones; those are not read.
fn check(fills: &[Fill], skipped: usize) -> Result<(), String> {
    let mut settled_by = SettledBy::new(versions());
    let mut total_xp = 0;
    for (place, Fill { entry, .. }) in fills.iter().enumerate() {
        if place + 1 == skipped {
            settled_by.skip_entries();
        } else if place >= skipped {
            settled_by.check(entry, total_xp)?;
        }
        total_xp = entry.total_xp_after;
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_settled_orders_are_computed_again(steps in steps(), skipped in 0usize..20) {
        let fills = played(&steps);
        prop_assert_eq!(check(&fills, skipped), Ok(()));
    }

    #[test]
    fn another_fee_is_found(steps in steps(), at in any::<prop::sample::Index>(), by in 1i64..99) {
        let mut fills = played(&steps);
        let at = at.index(fills.len());
        fills[at].entry.fee.0 += by;
        let is_computed = fills[at].entry.rules_version.is_some() && at > 0;
        prop_assert_eq!(check(&fills, 0).is_err(), is_computed);
    }
}

#[test]
fn xp_beyond_that_of_the_day_or_of_the_side_is_found() {
    let steps = [(true, 10, 0, false, Some(1)); 5];
    let fills = played(&steps);
    let earned: Vec<i64> = fills.iter().map(|fill| fill.entry.xp_trade).collect();
    assert_eq!(earned, [0, 10, 10, 10, 0, 0], "three trades of a day");
    for (at, xp, expected) in [(1, 0, 10), (2, 15, 10), (4, 10, 0)] {
        let mut forged = fills.clone();
        forged[at].entry.xp_trade = xp;
        let expected = format!("xp_trade is {xp}, expected {expected} by version 1 of the rules");
        assert_eq!(check(&forged, 0), Err(expected));
    }
}

#[test]
fn a_version_that_does_not_exist_is_found() {
    let mut fills = played(&[(true, 1, 0, false, Some(1))]);
    for fill in &mut fills {
        fill.entry.rules_version = Some(4);
    }
    let expected = "the entry names version 4 of the rules, which does not exist";
    assert_eq!(check(&fills, 0), Err(expected.to_owned()));
}

#[test]
fn the_xp_of_an_unlock_is_that_of_the_rules() {
    let settled_by = SettledBy::new(versions());
    assert_eq!(settled_by.check_unlock(1, 1, 50), Ok(()));
    for (version, achievement, xp) in [(1, 1, 51), (1, 50, 50), (4, 1, 50)] {
        assert!(settled_by.check_unlock(version, achievement, xp).is_err());
    }
}
