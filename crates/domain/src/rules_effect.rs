//! What other rules would mean for a player, as far as the player's row decides it.

use crate::achievement::UnlockLimits;
use crate::{Counts, Money, Player, Rules};

/// The effect of other rules on one player.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RulesEffect {
    /// The level by the present rules.
    pub level_before: i64,
    /// The level by the new rules.
    pub level_after: i64,
    /// The achievements that the next trade or note would unlock by the new rules and not by the
    /// present ones. Without those for holding days and portfolio values, which depend on prices.
    pub unlocked: Vec<i64>,
}

impl Rules {
    /// The effect of `new` rules on a player. The limit of players without a holding that counts
    /// (`xp.uninvested_max`) is left out, because it depends on prices.
    pub fn effect_on(&self, new: &Self, player: &Player) -> RulesEffect {
        let due_before = self.due_achievements(player);
        let mut unlocked = new.due_achievements(player);
        unlocked.retain(|id| !due_before.contains(id));
        RulesEffect {
            level_before: self.levels.progress(player.total_xp).level,
            level_after: new.levels.progress(player.total_xp).level,
            unlocked,
        }
    }

    fn due_achievements(&self, player: &Player) -> Vec<i64> {
        let counts = Counts {
            level: 0,
            trades: player.trades,
            stocks: player.stocks_bought,
            categories: i64::from(player.categories_bought.count_ones()),
            holding_days: 0,
            portfolio_value: Money::ZERO,
            profit: player.realised_profit,
            notes: player.notes,
        };
        let (mut held, mut total_xp) = (player.achievements.clone(), player.total_xp);
        let limits = UnlockLimits {
            levels: &self.levels,
            starting_cash: self.starting_cash,
            xp_max: i64::MAX,
        };
        let due = self.achievements.unlock(&mut held, &mut total_xp, &limits, counts);
        due.into_iter().map(|unlock| unlock.achievement_id).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{UnixMicros, open_player};

    #[test]
    fn levels_and_unlocks_follow_the_new_rules() {
        let text = include_str!("../../../config/game.toml");
        let rules: Rules = toml::from_str(text).expect("good");
        let (mut player, _) = open_player(1, &rules, UnixMicros(0));
        (player.total_xp, player.trades, player.notes) = (1_500, 4, 1);
        // First Trade and First Note are due by the present rules.
        assert_eq!(rules.due_achievements(&player), [1, 2]);
        let same = rules.effect_on(&rules, &player);
        assert_eq!(same, RulesEffect { level_before: 2, level_after: 2, unlocked: vec![] });
        let eased = text.replacen("step = 1000", "step = 500", 1);
        let eased = eased.replacen("threshold = 10\n", "threshold = 1\n", 1);
        let eased = eased.replacen(
            "kind = \"trades_count\"\nthreshold = 10\n",
            "kind = \"trades_count\"\nthreshold = 4\n",
            1,
        );
        let found = rules.effect_on(&toml::from_str(&eased).expect("good"), &player);
        assert_eq!(found.unlocked, [3, 16, 17]);
        assert_eq!((found.level_before, found.level_after), (2, 3));
        assert!(player.achievements.insert(3));
        let found = rules.effect_on(&toml::from_str(&eased).expect("good"), &player);
        assert_eq!(found.unlocked, [16, 17], "what is unlocked stays");
    }
}
