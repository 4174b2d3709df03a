//! Everything that can end the program before its work is done. Each becomes one line on stderr.

use std::io;
use std::path::PathBuf;

use domain::Symbol;
use leaderboard::FollowError;
use store::StoreError;

use crate::boot::config::ConfigError;
use crate::boot::data_dir::DataDirError;
use crate::boot::telemetry::TelemetryError;
use crate::commands::backup::BackupError;

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
    /// A market that was not imported.
    #[error("there is no imported market {0:?}: `openbell stocks list` tells which there are")]
    NoMarket(String),
    /// A name that no market can have.
    #[error("a market's name is 1 to 32 of a to z, 0 to 9 and hyphen, got {0:?}")]
    BadName(String),
    /// A name that stands for a source of prices.
    #[error(
        "{0:?} is a value of market.source, which plays no imported market: choose another name to \
         play the files with market.source = \"replay\", or list the stocks of a live game with \
         `openbell stocks seed`"
    )]
    ReservedName(String),
    /// A file that cannot be opened.
    #[error("cannot read {}", .0.display())]
    ReadFile(PathBuf, #[source] io::Error),
    /// A file that cannot be imported.
    #[error("cannot import {}", .0.display())]
    Import(PathBuf, #[source] market::ImportError),
    /// A file that is given twice.
    #[error("{} is named twice", .0.display())]
    FileTwice(PathBuf),
    /// Texts without a market.
    #[error(
        "there are no daily bars in the files and no imported market {0:?}: `openbell stocks \
         describe` gives texts to the stocks of a game"
    )]
    NoBars(String),
    /// A market has its currency for good.
    #[error(
        "the market {name} has prices in {stored}, and the files have prices in {currency}: import \
         them into a market of another name"
    )]
    ImportCurrency {
        /// The market.
        name: String,
        /// Its currency.
        stored: String,
        /// That of the files.
        currency: String,
    },
    /// A game and its market have different currencies.
    #[error(
        "the market {name} has prices in {currency}, and the game is played in {game}: set \
         currency = \"{currency}\" in the file of rules that game.rules names"
    )]
    MarketCurrency {
        /// The market.
        name: String,
        /// Its currency.
        currency: String,
        /// That of the game.
        game: String,
    },
    /// The report of an import.
    #[error("cannot write the report {}", .0.display())]
    Report(PathBuf, #[source] io::Error),
    /// A stock that is not listed.
    #[error("there is no stock {0}")]
    UnknownStock(Symbol),
    /// Nobody to ask.
    #[error("no provider has a key: set one under market.live.providers")]
    NoProvider,
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
    Board(#[from] market::PriceBoardError),
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
    /// The archive of the ledger, or a month on its way there.
    #[error(transparent)]
    Archive(#[from] archive::ArchiveError),
    /// A backup.
    #[error(transparent)]
    Backup(#[from] BackupError),
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
