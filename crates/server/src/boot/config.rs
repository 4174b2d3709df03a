//! The configuration: one typed tree of the built-in defaults (`config/openbell.toml`), a file, the
//! environment and the flags; later layers override earlier ones. Only this file reads the
//! environment. Each section has a type of the crate that uses it.

mod flags;
mod layers;
mod memory;
mod nearest;
mod rules;
mod secret_files;
mod secrets;
#[cfg(test)]
mod tests;
mod text_file;
mod tree;
mod variables;

use std::path::{Path, PathBuf};

use domain::limited;
use serde::Deserialize;

use self::layers::{Layers, Origin};
use super::telemetry::LogConfig;
use super::traces_config::TracesConfig;

pub(crate) use flags::{DatabaseArgs, Flags, ServeArgs};
pub(crate) use rules::{check_new_game, load_rules, load_rules_of_game, rule_warnings};
pub(crate) use secrets::without_password;
pub(crate) use tree::ConfigTree;

/// The commented file that has every key with its default.
const DEFAULTS: &str = include_str!("../../../../config/openbell.toml");

/// Why the configuration or the rules cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    #[error("cannot read {}", .0.display())]
    Read(PathBuf, #[source] std::io::Error),
    #[error("{place}: {text}")]
    Invalid {
        /// File and line, variable or flag.
        place: String,
        /// What is wrong and what was expected.
        text: String,
    },
    #[error(transparent)]
    Notify(#[from] notify::NotifierError),
}

/// An error at a span of the texts of all layers, which `layers` locates.
struct LayerError {
    span: std::ops::Range<usize>,
    text: String,
}

/// The whole configuration.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// The directory of the SQLite database and its lock.
    pub(crate) data_dir: PathBuf,
    /// Bytes that bound password hashing, caches and connections together; 0 leaves each to its own
    /// setting.
    #[serde(deserialize_with = "memory::memory_max")]
    pub(crate) memory_max: u64,
    pub(crate) log: LogConfig,
    pub(crate) metrics: MetricsConfig,
    pub(crate) traces: TracesConfig,
    pub(crate) http: web::HttpConfig,
    pub(crate) limits: web::LimitsConfig,
    pub(crate) auth: web::AuthConfig,
    pub(crate) names: web::NamesConfig,
    pub(crate) database: store::DatabaseConfig,
    pub(crate) redis: RedisConfig,
    pub(crate) cache: cluster::CacheConfig,
    pub(crate) game: GameConfig,
    pub(crate) market: market::MarketConfig,
    pub(crate) trading: trading::TradingConfig,
    pub(crate) retention: RetentionConfig,
    pub(crate) audit: archive::AuditConfig,
    pub(crate) backup: BackupConfig,
    pub(crate) notify: notify::NotifyConfig,
}

/// The section `[metrics]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MetricsConfig {
    pub(crate) enabled: bool,
}

/// The section `[backup]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BackupConfig {
    /// The directory that contains the backups; empty if this server does not see them.
    pub(crate) dir: PathBuf,
}

/// The section `[redis]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RedisConfig {
    /// Empty if the node shares nothing.
    pub(crate) url: String,
    /// Certificates of the trusted authorities; empty for the public ones.
    pub(crate) ca_file: PathBuf,
}

/// The section `[game]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GameConfig {
    /// A file of rules; empty for the built-in ones.
    pub(crate) rules: String,
    /// Seconds without a server after which the market waits for one, 30 to 86,400; 0: it never
    /// waits.
    #[serde(deserialize_with = "downtime_min_s")]
    pub(crate) downtime_min_s: i64,
}

fn downtime_min_s<'de, D: serde::Deserializer<'de>>(reader: D) -> Result<i64, D::Error> {
    // More than a heartbeat and the time that nodes trust it.
    let seconds = i64::deserialize(reader)?;
    if seconds == 0 || (30..=86_400).contains(&seconds) {
        return Ok(seconds);
    }
    Err(serde::de::Error::custom(format!("expected 0 or 30 to 86400 seconds, got {seconds}")))
}

/// The section `[retention]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RetentionConfig {
    /// Hours for which idempotency records are kept, 24 to 8,784.
    #[serde(deserialize_with = "limited::<_, _, 24, 8_784>")]
    pub(crate) idempotency_hours: i64,
    /// Rows deleted in one statement.
    #[serde(deserialize_with = "limited::<_, _, 1, 100_000>")]
    pub(crate) delete_rows_max: i64,
    /// Days for which ended pending orders are kept.
    #[serde(deserialize_with = "limited::<_, _, 1, 3_650>")]
    pub(crate) order_days: i64,
    /// Days of the market of which daily closes are kept; 0 keeps all.
    #[serde(deserialize_with = "history_days")]
    pub(crate) history_days: i32,
}

fn history_days<'de, D: serde::Deserializer<'de>>(reader: D) -> Result<i32, D::Error> {
    // The pages draw a year of daily closes.
    let days = i32::deserialize(reader)?;
    if days == 0 || (366..=36_525).contains(&days) {
        return Ok(days);
    }
    Err(serde::de::Error::custom(format!("expected 0 or 366 to 36525 days, got {days}")))
}

/// A configuration, its tree of keys, and the files that its secrets were read from.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) config: Config,
    pub(crate) tree: ConfigTree,
    pub(crate) secret_files: Vec<PathBuf>,
}

/// Reads the configuration of this process.
pub(crate) fn load(flags: &Flags) -> Result<Settings, SettingsError> {
    // `vars_os`, because `vars` panics on a variable that is not text.
    let variables = std::env::vars_os().map(|(name, value)| {
        (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned())
    });
    load_with(variables.collect(), flags)
}

fn load_with(
    mut environment: Vec<(String, String)>,
    flags: &Flags,
) -> Result<Settings, SettingsError> {
    let mut layers = Layers::new(DEFAULTS);
    if let Some(path) = &flags.file {
        layers.push(Origin::File(path.clone()), "", &read_file(path)?);
    }
    environment.sort_unstable();
    for setting in variables::settings(&environment, DEFAULTS)? {
        layers.push(Origin::Variable(setting.variable.to_owned()), &setting.key, setting.value);
    }
    for (flag, key, value) in &flags.values {
        layers.push(Origin::Flag(flag), key, value);
    }
    let (mut config, mut tree, secret_files) = layers.read::<Config>()?;
    if config.database.url.is_empty() {
        let file = config.data_dir.join("openbell.db");
        config.database.url = format!("sqlite:{}", file.display());
        secrets::set(&mut tree, "database", "url", &config.database.url);
    }
    memory::bound(&mut config, &mut tree);
    check_certificates(&config)?;
    notify::check_config(&config.notify)?;
    Ok(Settings { config, tree: ConfigTree(tree), secret_files })
}

pub(crate) fn read_file(path: &Path) -> Result<String, SettingsError> {
    let text = text_file::read_text(path, text_file::SIZE_MAX);
    text.map_err(|error| SettingsError::Read(path.to_owned(), error))
}

/// Checks the files of certificates, which other crates read, if they exist.
fn check_certificates(config: &Config) -> Result<(), SettingsError> {
    for path in [&config.redis.ca_file, &config.notify.smtp.ca_file] {
        if path.exists() {
            read_file(path)?;
        }
    }
    Ok(())
}

impl Config {
    /// The sections that `web` reads.
    pub(crate) fn web(&self) -> web::WebConfig {
        web::WebConfig {
            http: self.http.clone(),
            limits: self.limits.clone(),
            auth: self.auth.clone(),
            names: self.names.clone(),
        }
    }

    /// The SQLite file, unless the database is a server.
    pub(crate) fn sqlite_file(&self) -> Option<PathBuf> {
        let path = self.database.url.strip_prefix("sqlite:")?;
        let path = path.strip_prefix("//").unwrap_or(path);
        let path = path.split_once('?').map_or(path, |(path, _)| path);
        Some(PathBuf::from(path))
    }

    /// A file that is kept apart from the database: the configured one, or one of this name beside
    /// an SQLite database.
    pub(crate) fn kept_apart(&self, set: &str, name: &str) -> Option<PathBuf> {
        if set.is_empty() {
            return self.sqlite_file().map(|file| file.with_file_name(name));
        }
        Some(PathBuf::from(set))
    }
}
