//! The signed-in user as every page's frame shows it, in one statement, and rewards not yet shown.

use domain::{Money, UnixMicros};

use crate::query::row;
use crate::statement::LazyStatement;
use crate::{Appearance, NameVisibility, Preferences, Role, Store, StoreError};

/// The data of a page's frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Viewer {
    pub name: String,
    /// As entered.
    pub email: String,
    pub role: Role,
    pub cash: Money,
    pub total_xp: i64,
    /// The number of trades and later notes: ledger entries after the opening.
    pub entries: i64,
    pub created_at: UnixMicros,
    /// `None` if never saved.
    pub preferences: Option<Preferences>,
    pub appearance: Appearance,
    /// Whether an unlocked achievement was not shown yet.
    pub has_unseen_rewards: bool,
}

row! {
    /// An unlocked achievement that was not shown yet.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct UnseenReward {
        pub achievement_id: i64,
        pub code: String,
        pub name: String,
        pub icon: String,
        pub xp: i64,
        /// The version of the ledger entry that unlocked it.
        pub version: i64,
        pub unlocked_at: UnixMicros,
    }
}

static LOAD: LazyStatement = LazyStatement::new(
    "viewer.load",
    "SELECT u.name, u.email, u.role, pl.cash, pl.total_xp,
         pl.balance_version - 1 AS entries, u.created_at,
         s.mode, s.language, s.theme, s.text_size, s.data_saver, s.hide_amounts, s.time_zone,
         a.shows, a.pseudonym,
         CAST(CASE WHEN EXISTS (
             SELECT 1 FROM player_achievements pa
             WHERE pa.player_id = pl.player_id AND pa.version > COALESCE(r.version, 0))
             THEN 1 ELSE 0 END AS BIGINT) AS unseen
     FROM players pl
     JOIN users u ON u.user_id = pl.user_id
     LEFT JOIN preferences s ON s.user_id = u.user_id
     LEFT JOIN appearances a ON a.player_id = pl.player_id
     LEFT JOIN rewards_seen r ON r.player_id = pl.player_id
     WHERE pl.player_id = $2 AND pl.user_id = $1",
);

static UNSEEN: LazyStatement = LazyStatement::new(
    "rewards.unseen",
    "SELECT a.achievement_id, a.code, a.name, a.icon, pa.xp, pa.version, pa.unlocked_at
     FROM player_achievements pa
     JOIN achievements a ON a.achievement_id = pa.achievement_id
     WHERE pa.player_id = $1 AND pa.version > COALESCE(
         (SELECT r.version FROM rewards_seen r WHERE r.player_id = $1), 0)
     ORDER BY pa.version, a.position, a.achievement_id LIMIT 100",
);

// Two open pages may report in any order.
static MARK_SEEN: LazyStatement = LazyStatement::new(
    "rewards.mark_seen",
    "INSERT INTO rewards_seen (player_id, version) VALUES ($1, $2)
     ON CONFLICT (player_id) DO UPDATE SET version = excluded.version
         WHERE excluded.version > rewards_seen.version",
);

pub(crate) static STATEMENTS: &[&LazyStatement] = &[&LOAD, &UNSEEN, &MARK_SEEN];

row! {
    struct ViewerRow {
        name: String,
        email: String,
        role: Role,
        cash: Money,
        total_xp: i64,
        entries: i64,
        created_at: UnixMicros,
        mode: Option<String>,
        language: Option<String>,
        theme: Option<String>,
        text_size: Option<String>,
        data_saver: Option<i64>,
        /// Not null in a row of settings, so it shows whether there is one.
        hide_amounts: Option<i64>,
        time_zone: Option<String>,
        shows: Option<NameVisibility>,
        pseudonym: Option<String>,
        unseen: i64,
    }
}

impl ViewerRow {
    fn read(self) -> Viewer {
        let preferences = self.hide_amounts.map(|hide_amounts| Preferences {
            mode: self.mode,
            language: self.language,
            theme: self.theme,
            text_size: self.text_size,
            data_saver: self.data_saver.map(|saves| saves != 0),
            hide_amounts: hide_amounts != 0,
            time_zone: self.time_zone,
        });
        let shows = self.shows.unwrap_or_default();
        Viewer {
            name: self.name,
            email: self.email,
            role: self.role,
            cash: self.cash,
            total_xp: self.total_xp,
            entries: self.entries,
            created_at: self.created_at,
            preferences,
            appearance: Appearance { shows, pseudonym: self.pseudonym },
            has_unseen_rewards: self.unseen != 0,
        }
    }
}

impl Store {
    /// The data of a page's frame.
    ///
    /// # Errors
    /// `Query` if the user does not have this player.
    pub async fn load_viewer(&self, user_id: i64, player_id: i64) -> Result<Viewer, StoreError> {
        let row: ViewerRow = self.reader().fetch_one(&LOAD, (user_id, player_id)).await?;
        Ok(row.read())
    }

    /// Unlocked achievements not shown yet, oldest first, at most 100.
    pub async fn unseen_rewards(&self, player_id: i64) -> Result<Vec<UnseenReward>, StoreError> {
        self.reader().fetch_all(&UNSEEN, (player_id,)).await
    }

    /// Marks the achievements unlocked up to this ledger entry as shown.
    pub async fn mark_rewards_seen(&self, player_id: i64, version: i64) -> Result<(), StoreError> {
        self.writer().execute(&MARK_SEEN, (player_id, version)).await?;
        Ok(())
    }
}
