//! What other rules would mean for a player.

use crate::{Player, Rules};

/// The effect of other rules on one player.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RulesEffect {
    /// The level by the present rules.
    pub level_before: i64,
    /// The level by the new rules, with the XP of what they unlock.
    pub level_after: i64,
    /// The achievements that an award by the new rules would unlock.
    pub unlocked: Vec<i64>,
}

impl Rules {
    /// The effect of `new` rules on a player who was loaded with a valuation by them.
    pub fn effect_on(&self, new: &Self, player: &Player) -> RulesEffect {
        let unlocked = player.due_achievements(new);
        let earned: i64 = unlocked.iter().map(|unlock| unlock.xp).sum();
        RulesEffect {
            level_before: self.levels.progress(player.total_xp).level,
            level_after: new.levels.progress(player.total_xp.saturating_add(earned)).level,
            unlocked: unlocked.into_iter().map(|unlock| unlock.achievement_id).collect(),
        }
    }
}
