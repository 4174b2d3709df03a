//! The section `[notify]` of the configuration.

use domain::limited;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::pagerduty::PagerDutyConfig;
use crate::smtp::SmtpConfig;
use crate::webhook::WebhookConfig;

/// The longest name of a game, in characters.
const GAME_LENGTH_MAX: usize = 64;

/// The names of the channels in the configuration and in metrics.
pub(crate) const CHANNEL_NAMES: [&str; 3] = ["pagerduty", "webhook", "smtp"];

/// When operators are notified, and how.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotifyConfig {
    /// Empty: no notifications.
    #[serde(deserialize_with = "channels")]
    pub channels: Vec<String>,
    /// The name of the game, equal on all nodes.
    #[serde(deserialize_with = "game")]
    pub game: String,
    /// The longest time of an attempt to deliver a notification, in seconds.
    #[serde(deserialize_with = "limited::<_, _, 1, 60>")]
    pub timeout_s: u64,
    /// For how long a condition must be over before its incident is resolved, in seconds.
    #[serde(deserialize_with = "limited::<_, _, 0, 3_600>")]
    pub resolve_after_s: i64,
    /// Seconds between two e-mails about an open incident; 0: one e-mail.
    #[serde(deserialize_with = "limited::<_, _, 0, 604_800>")]
    pub reminder_s: i64,
    /// For how long each condition must hold, in seconds.
    #[serde(deserialize_with = "limited::<_, _, 0, 86_400>")]
    pub circuit_open_after_s: i64,
    #[serde(deserialize_with = "limited::<_, _, 0, 86_400>")]
    pub prices_stale_after_s: i64,
    #[serde(deserialize_with = "limited::<_, _, 0, 86_400>")]
    pub database_away_after_s: i64,
    /// The free bytes of the disk of an SQLite database below which operators are notified; 0: off.
    pub disk_free_min: u64,
    /// The largest age of the newest backup in `backup.dir`, in seconds.
    #[serde(deserialize_with = "limited::<_, _, 60, 31_536_000>")]
    pub backup_age_max_s: i64,
    pub pagerduty: PagerDutyConfig,
    pub webhook: WebhookConfig,
    pub smtp: SmtpConfig,
}

impl Default for NotifyConfig {
    fn default() -> Self {
        Self {
            channels: Vec::new(),
            game: "openbell".to_owned(),
            timeout_s: 10,
            resolve_after_s: 60,
            reminder_s: 14_400,
            circuit_open_after_s: 60,
            prices_stale_after_s: 300,
            database_away_after_s: 30,
            disk_free_min: 1_073_741_824,
            backup_age_max_s: 93_600,
            pagerduty: PagerDutyConfig::default(),
            webhook: WebhookConfig::default(),
            smtp: SmtpConfig::default(),
        }
    }
}

fn channels<'de, D: Deserializer<'de>>(reader: D) -> Result<Vec<String>, D::Error> {
    let names = Vec::<String>::deserialize(reader)?;
    if let Some(name) = names.iter().find(|name| !CHANNEL_NAMES.contains(&name.as_str())) {
        let known = CHANNEL_NAMES.map(|name| format!("{name:?}")).join(", ");
        return Err(D::Error::custom(format!("expected a list of {known}, got {name:?}")));
    }
    Ok(names)
}

/// The name is a part of deduplication keys and of subjects.
fn game<'de, D: Deserializer<'de>>(reader: D) -> Result<String, D::Error> {
    let name = String::deserialize(reader)?;
    let is_name = (1..=GAME_LENGTH_MAX).contains(&name.chars().count())
        && name.trim() == name
        && !name.chars().any(char::is_control);
    if is_name {
        return Ok(name);
    }
    Err(D::Error::custom(format!("expected a name of 1 to {GAME_LENGTH_MAX} characters")))
}
