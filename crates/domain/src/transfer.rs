//! Opens a player with what the player had in an application from which the game is imported: one
//! opening with the cash and the XP, and one transfer for each holding, at its average price. No
//! cash moves with a transfer, and nothing is earned.

use std::collections::HashMap;

use crate::settle::{HOLDING_MAX, MONEY_MAX, unopened_player};
use crate::{
    AchievementSet, Day, EntryKind, Fill, Holding, MinorUnit, Money, Player, Price, Quantity,
    QuoteSource, RulesRef, UnixMicros, Unlock,
};

/// What a player had.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountTransfer {
    /// The cash.
    pub cash: Money,
    /// All XP ever earned, with that of achievements.
    pub total_xp: i64,
    /// The ids of the achievements in this game.
    pub achievement_ids: Vec<i64>,
    /// The shares.
    pub holdings: Vec<TransferredHolding>,
}

/// Shares of one stock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransferredHolding {
    /// The stock in this game.
    pub stock_id: i64,
    /// The shares, more than 0.
    pub quantity: Quantity,
    /// What one of them cost on average; 0 if it was free.
    pub average_price: Price,
}

impl TransferredHolding {
    /// The cost of the shares; `None` if shares or cost are beyond the limits of a holding.
    pub fn cost_basis(&self, unit: MinorUnit) -> Option<Money> {
        let is_possible = (1..=HOLDING_MAX).contains(&self.quantity.0)
            && (0..=Price::MAX.0).contains(&self.average_price.0);
        let cost = self.average_price.cost_rounded_up(self.quantity, unit);
        let cost = cost.filter(|_| is_possible)?;
        (cost.0 <= MONEY_MAX).then_some(cost)
    }
}

impl AccountTransfer {
    /// Whether a player of a game with this unit can have all of it.
    pub fn is_possible(&self, unit: MinorUnit) -> bool {
        let costs = self.holdings.iter().map(|holding| holding.cost_basis(unit));
        let cost = costs.into_iter().try_fold(0_i64, |sum, cost| sum.checked_add(cost?.0));
        // Rows of one stock become one holding.
        let mut shares: HashMap<i64, i64> = HashMap::new();
        for holding in &self.holdings {
            let sum = shares.entry(holding.stock_id).or_default();
            *sum = sum.saturating_add(holding.quantity.0);
        }
        (0..=MONEY_MAX).contains(&self.cash.0)
            && (0..=MONEY_MAX).contains(&self.total_xp)
            && cost.is_some_and(|cost| cost <= MONEY_MAX)
            && shares.values().all(|sum| *sum <= HOLDING_MAX)
            && self.achievement_ids.iter().all(|id| (1..=AchievementSet::ID_MAX).contains(id))
    }
}

/// Opens a player with these possessions; the holdings count as opened on `market_day`. The
/// transfer must be possible.
pub fn open_transferred<'r>(
    player_id: i64,
    transfer: &AccountTransfer,
    market_day: Day,
    rules: impl Into<RulesRef<'r>>,
    now: UnixMicros,
) -> (Player, Vec<Fill>) {
    let rules = rules.into();
    let mut player = unopened_player(player_id, now);
    let mut entry = player.next_entry(EntryKind::Open, now);
    entry.amount = transfer.cash;
    entry.xp_trade = transfer.total_xp;
    entry.quote_source = Some(QuoteSource::Import);
    player.cash = transfer.cash;
    let mut opening = player.append(entry, rules);
    for &achievement_id in &transfer.achievement_ids {
        player.achievements.insert(achievement_id);
        // Its XP is part of the total.
        opening.unlocked.push(Unlock { achievement_id, xp: 0 });
    }
    let mut fills = vec![opening];
    for holding in &transfer.holdings {
        fills.push(transfer_in(&mut player, holding, market_day, rules, now));
    }
    (player, fills)
}

fn transfer_in(
    player: &mut Player,
    transferred: &TransferredHolding,
    market_day: Day,
    rules: RulesRef<'_>,
    now: UnixMicros,
) -> Fill {
    let mut entry = player.next_entry(EntryKind::TransferIn, now);
    let nothing = Holding {
        quantity: Quantity(0),
        cost_basis: Money::ZERO,
        opened_on: market_day,
        bought_on: market_day,
        noted_on: None,
    };
    let holding = player.holdings.entry(transferred.stock_id).or_insert(nothing);
    holding.quantity.0 += transferred.quantity.0;
    let cost =
        transferred.cost_basis(rules.minor_unit).expect("invariant: the transfer is possible");
    holding.cost_basis.0 += cost.0;
    entry.stock_id = Some(transferred.stock_id);
    entry.quantity = transferred.quantity;
    entry.price = Some(transferred.average_price);
    entry.quote_source = Some(QuoteSource::Import);
    entry.quantity_after = holding.quantity;
    entry.cost_basis_after = holding.cost_basis;
    player.append(entry, rules)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rules;

    fn held(stock_id: i64, shares: i64, price: i64) -> TransferredHolding {
        let quantity = Quantity(shares * Quantity::SHARE);
        TransferredHolding { stock_id, quantity, average_price: Price(price) }
    }

    #[test]
    fn an_imported_player_has_exactly_what_was_transferred() {
        let rules: Rules = toml::from_str(include_str!("../../../config/game.toml")).expect("good");
        let holdings = vec![held(7, 3, 1_899_500), held(9, 1, 0), held(7, 2, 10_000)];
        let transfer = AccountTransfer {
            cash: Money(943_015),
            total_xp: 3_250,
            achievement_ids: vec![1, 18],
            holdings,
        };
        assert!(transfer.is_possible(MinorUnit::Hundredth));
        let now = UnixMicros(1_795_394_741_000_000);
        let (player, fills) = open_transferred(42, &transfer, Day(12_786), &rules, now);
        assert_eq!((player.cash, player.total_xp), (Money(943_015), 3_250));
        assert_eq!((player.achievements.mask(), player.trades), (1 << 1 | 1 << 18, 0));
        let has = |id| (player.holdings[&id].quantity.0, player.holdings[&id].cost_basis.0);
        assert_eq!(has(7), (5_000_000, 57_185));
        assert_eq!(has(9), (1_000_000, 0));
        let kinds: Vec<_> = fills.iter().map(|fill| fill.entry.kind.as_str()).collect();
        assert_eq!(kinds, ["open", "transfer_in", "transfer_in", "transfer_in"]);
        let changes = fills[1..].iter().all(|fill| {
            let entry = &fill.entry;
            entry.amount == Money::ZERO && entry.cash_after == player.cash && entry.xp_trade == 0
        });
        assert!(changes, "no cash and no XP moves with shares");
        assert_eq!(player.head_hash, fills[3].hash);
    }

    #[test]
    fn what_no_player_can_have_is_not_possible() {
        let with = |holding| AccountTransfer { holdings: vec![holding], ..Default::default() };
        assert!(with(held(1, 100_000_000, 1)).is_possible(MinorUnit::Hundredth));
        for holding in [held(1, 100_000_001, 1), held(1, 0, 1), held(1, -1, 1), held(1, 1, -1)] {
            assert!(!with(holding).is_possible(MinorUnit::Hundredth), "{holding:?}");
        }
        assert!(
            !with(held(1, 100_000_000, 1_000_000_001)).is_possible(MinorUnit::Hundredth),
            "a cost beyond the limit"
        );
        assert!(
            !AccountTransfer { cash: Money(-1), ..Default::default() }
                .is_possible(MinorUnit::Hundredth)
        );
        let twice = |stock_id| AccountTransfer {
            holdings: vec![held(1, 60_000_000, 1), held(stock_id, 60_000_000, 1)],
            ..Default::default()
        };
        let possible = |transfer: AccountTransfer| transfer.is_possible(MinorUnit::Hundredth);
        assert!(possible(twice(2)) && !possible(twice(1)), "rows of one stock add up");
    }
}
