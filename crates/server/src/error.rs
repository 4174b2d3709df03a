//! The errors that end a command. Each is printed as one line on stderr.

use std::io;
use std::path::PathBuf;

use domain::Symbol;
use store::StoreError;

use crate::boot::config::SettingsError;
use crate::boot::data_dir::DataDirError;
use crate::boot::telemetry::TelemetryError;

/// Why a command fails.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
    #[error(transparent)]
    Market(#[from] market::MarketConfigError),
    #[error(transparent)]
    GameMarket(#[from] market::GameMarketError),
    #[error(transparent)]
    Calendar(#[from] market::CalendarError),
    #[error("there is no imported market {0:?}: `openbell stocks list` prints those that exist")]
    NoMarket(String),
    #[error("a market's name is 1 to 32 of a to z, 0 to 9 and hyphen, got {0:?}")]
    BadName(String),
    #[error(
        "{0:?} is a value of market.source, which plays no imported market: choose another name to \
         play the files with market.source = \"replay\", or list the stocks of a live game with \
         `openbell stocks seed`"
    )]
    ReservedName(String),
    #[error("cannot read {}", .0.display())]
    ReadFile(PathBuf, #[source] io::Error),
    #[error("cannot import {}", .0.display())]
    Import(PathBuf, #[source] market::ImportError),
    #[error("{} is named twice", .0.display())]
    FileTwice(PathBuf),
    #[error(
        "there are no daily bars in the files and no imported market {0:?}: `openbell stocks \
         describe` sets the texts of the stocks of a game"
    )]
    NoBars(String),
    /// The files differ from the market, whose currency is fixed.
    #[error(
        "the market {name} has prices in {stored}, and the files have prices in {currency}: import \
         them into a market of another name"
    )]
    ImportCurrency { name: String, stored: String, currency: String },
    #[error("cannot import prices of a currency that no game can be played in")]
    MarketOfCurrency(#[source] domain::CurrencyError),
    #[error(
        "the game counts amounts with {digits} digits after the point ({currency}), and the earlier \
         application had two: import into a game of such a currency"
    )]
    LaravelMinorUnit { currency: String, digits: u32 },
    #[error(
        "the market {name} has prices in {currency}, and the game is played in {game}: set \
         currency = \"{currency}\" in the file of rules that game.rules names"
    )]
    MarketCurrency { name: String, currency: String, game: String },
    #[error(
        "the game {code} plays the market {name} and starts over after its last day: more days \
         would move it; import the files into a market of another name"
    )]
    MarketStartsOver { name: String, code: String },
    #[error(
        "the market {name} has ended for the game {code}, and the seed of its prices is public: \
         import the files into a market of another name"
    )]
    MarketEnded { name: String, code: String },
    #[error("cannot write the report {}", .0.display())]
    Report(PathBuf, #[source] io::Error),
    #[error("cannot write the manual pages into {}", .0.display())]
    ManPages(PathBuf, #[source] io::Error),
    #[error("there is no stock {0}")]
    UnknownStock(Symbol),
    #[error("no provider has a key: set one under market.live.providers")]
    NoProvider,
    #[error(transparent)]
    Providers(#[from] market::ConnectError),
    #[error(
        "a live market needs stocks: list some with `openbell stocks seed` or `openbell stocks import`"
    )]
    NoStocks,
    #[error("cannot set up the price board")]
    Board(#[from] market::PriceBoardError),
    /// With the address of the database, without its password.
    #[error("cannot use the database {0}")]
    Database(String, #[source] StoreError),
    /// With the address, without its password.
    #[error("cannot read the earlier database {0}")]
    EarlierDatabase(String, #[source] StoreError),
    #[error(
        "the database has no game: start the server once with its configuration, stop it, and \
         repeat the command"
    )]
    NoGame,
    #[error(
        "the database has the schema of an older version: run `openbell migrate`, and repeat the \
         command"
    )]
    OlderSchema,
    #[error("cannot read the schedule {}: {}", .0.display(), .1)]
    ClockSchedule(PathBuf, market::ScheduleError),
    #[error(transparent)]
    ClockRefused(#[from] domain::ClockRefusal),
    #[error("the clock of the game is damaged: {0}")]
    Clock(domain::ClockError),
    #[error("the clock was changed {0} times meanwhile: repeat the command")]
    ClockBusy(usize),
    #[error("a live market has the clock of its exchange: `game {0}` is for other markets")]
    LiveClock(&'static str),
    /// A stock or category that the market does not have.
    #[error("the file of rules that game.rules names does not suit the market: {0}")]
    RulesOfMarket(String),
    #[error("the rules are not applied")]
    Rules(#[from] trading::RulesError),
    #[error("the game has no version {0} of its rules")]
    NoRulesVersion(i64),
    #[error("cannot listen on {} ({}); {}", .0, .1, listen_remedy(.1))]
    Listen(String, #[source] io::Error),
    /// The verification was not completed.
    #[error("cannot verify the ledger")]
    Verify(#[from] archive::VerifyError),
    #[error(transparent)]
    Archive(#[from] archive::ArchiveError),
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// With the address of Redis, without its password.
    #[error("cannot use the Redis {0}")]
    Redis(String, #[source] cluster::ClusterError),
    #[error(transparent)]
    Notifier(#[from] notify::NotifierError),
    #[error("there is no channel to notify: list pagerduty, webhook or smtp in notify.channels")]
    NoChannel,
    #[error(
        "http.listen is {0}, whose port is chosen at the start of the server: pass the server's URL \
         with --url"
    )]
    NoFixedPort(String),
    #[error(transparent)]
    Probe(#[from] load::LoadError),
    #[error("cannot serve any longer")]
    Serve(#[source] io::Error),
    #[error(
        "a server has {most} unranked players at most, and this one has {present}; use the file of \
         an earlier `openbell load prepare --unranked` again"
    )]
    TooManyUnranked { most: u64, present: usize },
    /// Threads, signals, randomness.
    #[error("cannot set up the process: {0}")]
    Process(&'static str, #[source] io::Error),
}

/// What the operator can do if the server cannot listen on its address.
pub(crate) fn listen_remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "stop the program that uses the port, which `ss -ltnp` lists, or set another port in \
             http.listen"
        }
        io::ErrorKind::AddrNotAvailable => {
            "http.listen must be an address of this machine, or 0.0.0.0 for all of them"
        }
        io::ErrorKind::PermissionDenied => {
            "set a port of 1024 or more in http.listen, behind a reverse proxy"
        }
        _ => "set http.listen to an address of this machine and a free port, like 127.0.0.1:8080",
    }
}

/// Why a backup cannot be made or restored.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BackupError {
    #[error("backup and restore are for SQLite; for PostgreSQL see docs/backup.md")]
    NotSqlite,
    #[error("{} is there already, and is not overwritten", .0.display())]
    Exists(PathBuf),
    #[error("another backup is being written to {}", .0.display())]
    Busy(PathBuf),
    #[error("cannot use {}", .0.display())]
    File(PathBuf, #[source] io::Error),
    /// The manifest is missing or malformed.
    #[error("{} is no backup: {}", .0.display(), .1)]
    NoBackup(PathBuf, String),
    #[error("{} is damaged: its SHA-256 is {}, expected {}", .0.display(), .1, .2)]
    Damaged(PathBuf, String, String),
}
