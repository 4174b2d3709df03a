//! Which achievements a player's state unlocks, by an entry or without one: trades, notes, awards
//! and the dry run of new rules decide it here.

use crate::achievement::UnlockLimits;
use crate::{Counts, Day, Money, Player, Rules, Unlock};

impl Player {
    /// The achievements that an award would unlock at the prices and on the market's day that the
    /// player was loaded with, in the order in which it does.
    pub fn due_achievements(&self, rules: &Rules) -> Vec<Unlock> {
        let (mut unlocked, mut total_xp) = (self.achievements.clone(), self.total_xp);
        let (counts, limits) = (self.award_counts(), self.unlock_limits(rules));
        rules.achievements.unlock(&mut unlocked, &mut total_xp, &limits, counts)
    }

    /// The counts of an award. A portfolio has a value at a trade only: without one that counted,
    /// the cash of the opening unlocks nothing.
    pub(crate) fn award_counts(&self) -> Counts {
        let counts = self.counts(Some(self.market_day));
        let portfolio_value = if self.trades > 0 { counts.portfolio_value } else { Money::ZERO };
        Counts { portfolio_value, ..counts }
    }

    pub(crate) fn unlock_achievements(&mut self, counts: Counts, rules: &Rules) -> Vec<Unlock> {
        let limits = self.unlock_limits(rules);
        let (known, total_xp) = (&mut self.achievements, &mut self.total_xp);
        rules.achievements.unlock(known, total_xp, &limits, counts)
    }

    /// Without a day of the market, holdings have lasted no day.
    pub(crate) fn counts(&self, day: Option<Day>) -> Counts {
        let held_since = self.invested.since.zip(day);
        let categories = self.categories_bought | self.invested.categories;
        Counts {
            // Unlocking goes by the XP.
            level: 0,
            trades: self.trades,
            stocks: self.stocks_bought.max(self.invested.stocks),
            categories: i64::from(categories.count_ones()),
            holding_days: held_since
                .map_or(0, |(since, day)| i64::from(day.0) - i64::from(since.0)),
            // Compared with thresholds only.
            portfolio_value: Money(self.cash.0.saturating_add(self.holdings_value.0)),
            profit: self.realised_profit,
            notes: self.notes,
        }
    }

    fn unlock_limits<'r>(&self, rules: &'r Rules) -> UnlockLimits<'r> {
        UnlockLimits {
            levels: &rules.levels,
            starting_cash: rules.starting_cash,
            xp_max: rules.xp_max(self.invested.stocks > 0),
        }
    }
}

impl Rules {
    /// Whether players who meet no new condition by `self` may meet one by `new`: the achievements,
    /// the levels, or what limits unlocking differ.
    pub fn unlocks_unlike(&self, new: &Self) -> bool {
        let decided_by = |rules: &Self| {
            (rules.starting_cash, rules.xp.uninvested_max, rules.holding_value_min())
        };
        self.achievements != new.achievements
            || self.levels != new.levels
            || decided_by(self) != decided_by(new)
    }
}
