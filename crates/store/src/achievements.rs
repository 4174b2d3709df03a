//! Reads and writes the achievements of the game and which player unlocked which. `domain` decides
//! what unlocks them.

use domain::{Rules, UnixMicros, Unlock};

use crate::query::{Target, row};
use crate::rows::RowSet;
use crate::statement::LazyStatement;
use crate::{Store, StoreError};

row! {
    /// An achievement and whether a player has unlocked it.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct AchievementRow {
        pub achievement_id: i64,
        pub code: String,
        pub name: String,
        pub description: String,
        pub icon: String,
        pub xp: i64,
        pub unlocked_at: Option<UnixMicros>,
    }
}

static SAVE: LazyStatement = LazyStatement::with_rows(
    "achievements.save",
    "achievement_id bigint, code text, name text, description text, icon text, xp bigint, \
     position bigint",
    "WITH wanted AS ({rows})
     INSERT INTO achievements
         (achievement_id, code, name, description, icon, xp, position)
     SELECT achievement_id, code, name, description, icon, xp, position FROM wanted
     WHERE true
     ON CONFLICT (achievement_id) DO UPDATE SET
         code = excluded.code, name = excluded.name, description = excluded.description,
         icon = excluded.icon, xp = excluded.xp, position = excluded.position",
);

static OF_PLAYER: LazyStatement = LazyStatement::new(
    "achievements.of_player",
    "SELECT a.achievement_id, a.code, a.name, a.description, a.icon, a.xp, pa.unlocked_at
     FROM achievements a
     LEFT JOIN player_achievements pa
         ON pa.achievement_id = a.achievement_id AND pa.player_id = $1
     ORDER BY a.position, a.achievement_id
     LIMIT 1000",
);

static UNLOCKED_BY: LazyStatement = LazyStatement::new(
    "achievements.unlocked_by",
    "SELECT achievement_id, xp FROM player_achievements
     WHERE player_id = $1 AND version = $2 ORDER BY achievement_id",
);

static UNLOCKS_RANGE: LazyStatement = LazyStatement::new(
    "achievements.unlocks_range",
    "SELECT player_id, version, achievement_id, xp FROM player_achievements
     WHERE player_id > $1 AND player_id <= $2 ORDER BY player_id, achievement_id",
);

pub(crate) static STATEMENTS: &[&LazyStatement] =
    &[&SAVE, &OF_PLAYER, &UNLOCKED_BY, &UNLOCKS_RANGE];

/// Saves the achievements of the rules.
pub(crate) async fn save(target: Target<'_>, rules: &Rules) -> Result<(), StoreError> {
    let all: Vec<_> = rules.achievements.iter().zip(1i64..).collect();
    let rows = RowSet::new(vec![
        RowSet::int(&all, |(a, _)| a.id),
        RowSet::text(&all, |(a, _)| a.code.clone()),
        RowSet::text(&all, |(a, _)| a.name.clone()),
        RowSet::text(&all, |(a, _)| a.description.clone()),
        RowSet::text(&all, |(a, _)| a.icon.clone()),
        RowSet::int(&all, |(a, _)| a.xp),
        RowSet::int(&all, |(_, position)| *position),
    ]);
    target.execute(&SAVE, (&rows,)).await?;
    Ok(())
}

impl Store {
    /// Saves the achievements of the rules, so that statements can join them.
    pub async fn save_achievements(&self, rules: &Rules) -> Result<(), StoreError> {
        save(self.writer(), rules).await
    }

    /// All achievements, 1,000 at most, with the player's unlocks.
    pub async fn achievements_of(&self, player_id: i64) -> Result<Vec<AchievementRow>, StoreError> {
        self.reader().fetch_all(&OF_PLAYER, (player_id,)).await
    }

    /// The achievements that one ledger entry unlocked.
    pub async fn unlocked_by(
        &self,
        player_id: i64,
        version: i64,
    ) -> Result<Vec<Unlock>, StoreError> {
        let rows: Vec<(i64, i64)> =
            self.reader().fetch_all(&UNLOCKED_BY, (player_id, version)).await?;
        Ok(rows.into_iter().map(|(achievement_id, xp)| Unlock { achievement_id, xp }).collect())
    }

    /// Unlocks of the players after `after` up to `up_to`: (player, version, achievement, XP).
    pub async fn unlocks_range(
        &self,
        after: i64,
        up_to: i64,
    ) -> Result<Vec<(i64, i64, i64, i64)>, StoreError> {
        self.scan().fetch_all(&UNLOCKS_RANGE, (after, up_to)).await
    }
}
