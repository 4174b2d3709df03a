//! The settings of a user: preferences for the pages, and what leaderboards show. `web` defines the
//! words of modes and languages.

use domain::UnixMicros;

use crate::decode::word_column;
use crate::names::{self, NameSlot};
use crate::statement::LazyStatement;
use crate::{Store, StoreError};

/// Page preferences. `None`: not chosen, the device decides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preferences {
    pub mode: Option<String>,
    pub language: Option<String>,
    pub theme: Option<String>,
    pub text_size: Option<String>,
    pub data_saver: Option<bool>,
    /// Whether amounts are hidden until revealed.
    pub hide_amounts: bool,
    /// IANA name.
    pub time_zone: Option<String>,
}

/// What leaderboards show of a player.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NameVisibility {
    #[default]
    Name,
    Pseudonym,
    Hidden,
}

impl NameVisibility {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Pseudonym => "pseudonym",
            Self::Hidden => "hidden",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        [Self::Name, Self::Pseudonym, Self::Hidden].into_iter().find(|s| s.as_str() == word)
    }
}

word_column!(NameVisibility, "appearance of a user");

/// How other players see a player.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Appearance {
    pub shows: NameVisibility,
    /// The validated pseudonym, kept while another choice is active. Required for
    /// [`NameVisibility::Pseudonym`].
    pub pseudonym: Option<String>,
}

static SAVE_PREFERENCES: LazyStatement = LazyStatement::new(
    "preferences.save",
    "INSERT INTO preferences (user_id, mode, language, theme, text_size, data_saver,
         hide_amounts, time_zone, updated_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
     ON CONFLICT (user_id) DO UPDATE SET
         mode = excluded.mode, language = excluded.language, theme = excluded.theme,
         text_size = excluded.text_size, data_saver = excluded.data_saver,
         hide_amounts = excluded.hide_amounts, time_zone = excluded.time_zone,
         updated_at = excluded.updated_at",
);

static PSEUDONYM: LazyStatement = LazyStatement::new(
    "appearances.pseudonym",
    "SELECT pl.user_id, a.pseudonym FROM players pl
     LEFT JOIN appearances a ON a.player_id = pl.player_id
     WHERE pl.player_id = $1",
);

static SAVE_APPEARANCE: LazyStatement = LazyStatement::new(
    "appearances.save",
    "INSERT INTO appearances (player_id, shows, pseudonym) VALUES ($1, $2, $3)
     ON CONFLICT (player_id) DO UPDATE SET
         shows = excluded.shows, pseudonym = excluded.pseudonym",
);

pub(crate) static STATEMENTS: &[&LazyStatement] =
    &[&SAVE_PREFERENCES, &PSEUDONYM, &SAVE_APPEARANCE];

impl Store {
    /// Saves all preferences of a user.
    pub async fn save_preferences(
        &self,
        user_id: i64,
        preferences: &Preferences,
        now: UnixMicros,
    ) -> Result<(), StoreError> {
        self.writer()
            .execute(
                &SAVE_PREFERENCES,
                (
                    user_id,
                    &preferences.mode,
                    &preferences.language,
                    &preferences.theme,
                    &preferences.text_size,
                    preferences.data_saver.map(i64::from),
                    i64::from(preferences.hide_amounts),
                    &preferences.time_zone,
                    now.0,
                ),
            )
            .await?;
        Ok(())
    }

    /// Saves the appearance of a player. Returns `false` if the pseudonym is taken or confusable
    /// with a taken name.
    ///
    /// # Errors
    /// `Query` for a missing pseudonym.
    pub async fn save_appearance(
        &self,
        player_id: i64,
        appearance: &Appearance,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        let current: Option<(i64, Option<String>)> =
            tx.run().fetch_optional(&PSEUDONYM, (player_id,)).await?;
        let changed = current.filter(|(_, current)| *current != appearance.pseudonym);
        if let Some((user_id, _)) = changed {
            let of = NameSlot { user_id, is_pseudonym: true };
            names::free(tx.conn(), of).await?;
            if let Some(pseudonym) = &appearance.pseudonym
                && !names::take(tx.conn(), of, pseudonym).await?
            {
                return Ok(false);
            }
        }
        tx.run()
            .execute(
                &SAVE_APPEARANCE,
                (player_id, appearance.shows.as_str(), &appearance.pseudonym),
            )
            .await?;
        tx.commit().await?;
        Ok(true)
    }
}
