//! Everything that can end the program before its work is done. Each becomes one line on stderr.

use std::io;

use leaderboard::FollowError;
use store::StoreError;

use crate::config::ConfigError;
use crate::data_dir::DataDirError;
use crate::telemetry::TelemetryError;

/// Why the program ends with a code that is not 0.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The configuration or the rules.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The data directory or its lock.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// Logs or metrics.
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
    /// The market cannot be built.
    #[error(transparent)]
    Market(#[from] market::ConfigError),
    /// The exchange's calendar.
    #[error(transparent)]
    Calendar(#[from] market::CalendarError),
    /// The providers of prices.
    #[error(transparent)]
    Providers(#[from] market::ConnectError),
    /// A live market without stocks.
    #[error(
        "a live market needs stocks: list some with `openbell stocks seed` or `openbell stocks import`"
    )]
    NoStocks,
    /// The prices and the stocks of the database do not fit together.
    #[error("cannot set up the price board")]
    Board(#[from] market::BoardError),
    /// The database, with its address as it may be shown.
    #[error("cannot use the database {0}")]
    Database(String, #[source] StoreError),
    /// The boards.
    #[error("cannot build the leaderboard")]
    Leaderboard(#[from] FollowError),
    /// The address to listen on.
    #[error("cannot listen on {0}")]
    Listen(String, #[source] io::Error),
    /// The ledger could not be read to its end; what it says is not known.
    #[error("cannot verify the ledger")]
    Verify(#[from] archive::VerifyError),
    /// Redis, with its address as it may be shown.
    #[error("cannot use the Redis {0}")]
    Redis(String, #[source] cluster::ClusterError),
    /// The accept loop ended.
    #[error("cannot serve any longer")]
    Serve(#[source] io::Error),
    /// Threads, signals, randomness.
    #[error("cannot set up the process: {0}")]
    Process(&'static str, #[source] io::Error),
}
