//! The flags of the command line that select the configuration, and its strongest layer.

use std::path::PathBuf;

use clap::Args;

/// Flags of every command that uses a database.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct DatabaseArgs {
    /// The configuration file; the built-in defaults without it.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The directory of the SQLite database; created if it does not exist.
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// The database: sqlite:FILE or postgres://user:password@host/name.
    #[arg(long, value_name = "URL")]
    pub(crate) database: Option<String>,
}

/// Flags of the server.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct ServeArgs {
    /// The address to listen on, like 127.0.0.1:8080.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<String>,
    /// The Redis that several nodes share, like redis://127.0.0.1:6379.
    #[arg(long, value_name = "URL")]
    pub(crate) redis: Option<String>,
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,
}

/// The layer of the flags.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flags {
    pub(super) file: Option<PathBuf>,
    /// Flag, key and value.
    pub(super) values: Vec<(&'static str, &'static str, String)>,
}

impl From<DatabaseArgs> for Flags {
    fn from(args: DatabaseArgs) -> Self {
        let data_dir = args.data_dir.map(|dir| dir.to_string_lossy().into_owned());
        let values = [
            data_dir.map(|text| ("--data-dir", "data_dir", text)),
            args.database.map(|text| ("--database", "database.url", text)),
        ];
        Self { file: args.config, values: values.into_iter().flatten().collect() }
    }
}

impl From<ServeArgs> for Flags {
    fn from(args: ServeArgs) -> Self {
        let mut flags = Self::from(args.database);
        flags.values.extend(args.listen.map(|text| ("--listen", "http.listen", text)));
        flags.values.extend(args.redis.map(|text| ("--redis", "redis.url", text)));
        flags
    }
}
