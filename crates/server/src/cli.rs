//! The command line: its shape and nothing of what it does. A flag here is the last layer of the
//! configuration; see `config`.

mod stocks;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum, value_parser};
use domain::Month;
use store::Role;

pub(crate) use self::stocks::{
    ProvidersCommand, StocksDescribeArgs, StocksHistoryArgs, StocksImportArgs, StocksListArgs,
    StocksPricesArgs, StocksSeedArgs,
};

/// A paper-trading game server: pretend money, real prices of the past, no risk.
#[derive(Debug, Parser)]
#[command(name = "openbell", version, about, args_conflicts_with_subcommands = true)]
#[command(after_help = "Without a command, openbell serves.")]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: ServeArgs,
}

impl Cli {
    /// The command to run; `serve` when none was named.
    pub(crate) fn into_command(self) -> Command {
        self.command.unwrap_or(Command::Serve(self.serve))
    }
}

/// What the program can be asked to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the server (what happens without a command, too).
    Serve(ServeArgs),
    /// Bring the database to this version's schema, and end.
    Migrate(DatabaseArgs),
    /// Print the configuration in effect, with passwords hidden, and end.
    CheckConfig(ServeArgs),
    /// Look after the ledger.
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Look after the people who play.
    #[command(subcommand)]
    User(UserCommand),
    /// Look after stocks, their prices and their history.
    #[command(subcommand)]
    Stocks(StocksCommand),
    /// Copy an SQLite database into a directory, while a server may be trading.
    Backup(BackupArgs),
    /// Put a backup in the place of an SQLite database that is not there, and verify its ledger;
    /// exit code 1 when that does not hold.
    Restore(RestoreBackupArgs),
    /// Measure a running server. Its limits (limits.enabled) should be off.
    #[command(subcommand)]
    Load(LoadCommand),
}

/// What can be done with the ledger.
#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Walk every player's chain and re-derive cash, shares and XP; exit code 1 at a difference.
    Verify(VerifyArgs),
    /// How far each month is on its way into the archive.
    Status(RunArgs),
    /// Write every month that is over into the archive, and read it back.
    Archive(RunArgs),
    /// Delete months that are in the archive and older than the retention from the ledger. Refused
    /// when one of them is on hold.
    Clean(CleanArgs),
    /// Bring a deleted month back into the ledger, and lay a hold on it.
    Restore(RestoreArgs),
    /// Keep a month in the ledger, whatever its age.
    Hold(HoldArgs),
    /// Seal the heads of all chains in one hash, and add it to the file of seals.
    Seal(SealArgs),
}

/// What can be done with a user.
#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// Make somebody an operator, who sees how the server is, or a player again. The server may
    /// run meanwhile; exit code 1 when nobody has the address.
    Role(UserRoleArgs),
    /// List users, newest first.
    List(UserListArgs),
    /// Print one user: name, role, sessions, tokens, recovery codes left; exit code 1 when there is
    /// no such user.
    Show(UserShowArgs),
    /// Rename a user, by the rules that hold for players. The server may run meanwhile.
    Rename(UserRenameArgs),
    /// Print a one-time link by which a user sets a new password, or set one (--set). All sessions
    /// and tokens of the user end with the new password. The server may run meanwhile.
    Password(UserPasswordArgs),
    /// Forget somebody for good, as deleting the account does: the ledger stays, without a name.
    /// The server may run meanwhile; exit code 1 when nobody has the address, or without --yes.
    Erase(UserEraseArgs),
    /// Forget everybody again who is in a file of erasures, after an older backup was put back.
    EraseAgain(UserEraseAgainArgs),
}

/// What can be done with stocks.
#[derive(Debug, Subcommand)]
pub(crate) enum StocksCommand {
    /// Bring a market in from CSV files, plain or gzip: daily bars, and texts about its stocks. All
    /// lines or none; exit code 1 when one is refused. No server may run on an SQLite file.
    Import(StocksImportArgs),
    /// Give names, categories and texts to the stocks of the game, or of an imported market, from
    /// CSV or TOML. All lines or none. The server may run meanwhile; it shows new categories after
    /// its next start.
    Describe(StocksDescribeArgs),
    /// The imported markets, or the stocks of one.
    List(StocksListArgs),
    /// List stocks for a live game, as providers describe them; without names the built-in ones. No
    /// server may run on an SQLite file.
    Seed(StocksSeedArgs),
    /// Ask the providers for the present prices of the listed stocks.
    UpdatePrices(StocksPricesArgs),
    /// Ask the providers for the daily bars of the listed stocks.
    ImportHistory(StocksHistoryArgs),
    /// What is stored of the providers of prices.
    #[command(subcommand)]
    Providers(ProvidersCommand),
}

/// What can be sent to a running server, and what it takes.
#[derive(Debug, Subcommand)]
pub(crate) enum LoadCommand {
    /// Make players and tokens straight in the database; no server may run on an SQLite file.
    Prepare(LoadPrepareArgs),
    /// Trade for many players, each worker for players of its own.
    Distinct(LoadArgs),
    /// Trade for the first player, all workers at once.
    Popular(LoadPopularArgs),
    /// The market opens: reads, trades, boards and sign-ins.
    Mixed(LoadArgs),
    /// A storm on the boards: pages at any depth, one's own surroundings, both boards. Every answer
    /// is checked (fields, ranks, order, one's own place, pages in a row); exit code 1 when one is
    /// not as it should be. The server's boards should be built when it begins.
    Board(LoadBoardArgs),
    /// As mixed without sign-ins, with an eye on the server's memory.
    Soak(LoadArgs),
    /// Ask for the portfolio of the first player.
    Portfolio(LoadPortfolioArgs),
}

/// Flags of the server.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct ServeArgs {
    /// The address to listen on, like 127.0.0.1:8080.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<String>,
    /// A Redis for what several nodes share, like redis://127.0.0.1:6379.
    #[arg(long, value_name = "URL")]
    pub(crate) redis: Option<String>,
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,
}

/// Flags that say which configuration and which database.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct DatabaseArgs {
    /// The configuration file; without it, the built-in defaults.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The directory that holds the SQLite database; made when it does not exist.
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// The database: sqlite:FILE or postgres://user:password@host/name.
    #[arg(long, value_name = "URL")]
    pub(crate) database: Option<String>,
}

/// Flags of `audit verify`.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct VerifyArgs {
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,
    /// Begin with the entries in the archive, and check all its files.
    #[arg(long)]
    pub(crate) archives: bool,
    /// Only the seals: that they follow one another, that the file says the same, and that the
    /// ledger still gives the newest so many of them.
    #[arg(long, value_name = "COUNT", num_args = 0..=1, default_missing_value = "1",
        conflicts_with_all = ["archives", "month", "player"])]
    pub(crate) seals: Option<u64>,
    /// Only the chain of this player, and what it adds up to.
    #[arg(long, value_name = "NUMBER", conflicts_with_all = ["archives", "month"])]
    pub(crate) player: Option<i64>,
    /// Only the entries of this month, like 2026-01, and its files if there are any.
    #[arg(long, value_name = "MONTH", value_parser = month, conflicts_with = "archives")]
    pub(crate) month: Option<Month>,
    /// Print the report as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Flags of `backup`.
#[derive(Clone, Debug, Args)]
pub(crate) struct BackupArgs {
    /// The directory, which is created if it does not exist. One that has a backup is refused.
    #[arg(value_name = "DIR")]
    pub(crate) directory: PathBuf,
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,
}

/// Flags of `restore`.
#[derive(Clone, Debug, Args)]
pub(crate) struct RestoreBackupArgs {
    /// The directory of the backup.
    #[arg(value_name = "DIR")]
    pub(crate) directory: PathBuf,
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,
}

/// Flags of `audit seal`.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct SealArgs {
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,
    /// Print the seal as JSON, as it stands in the file.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Flags of what is done to months of the ledger.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct RunArgs {
    /// Say what would be done, and do nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,
}

/// Flags of `audit clean`.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct CleanArgs {
    /// Days after its end for which a month stays, instead of audit.retention_days.
    #[arg(long, value_name = "DAYS", value_parser = value_parser!(u32).range(1..=36_525))]
    pub(crate) days: Option<u32>,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

/// Arguments of `audit restore`.
#[derive(Clone, Debug, Args)]
pub(crate) struct RestoreArgs {
    /// The month, like 2026-01.
    #[arg(value_name = "MONTH", value_parser = month)]
    pub(crate) month: Month,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

/// Arguments of `audit hold`.
#[derive(Clone, Debug, Args)]
pub(crate) struct HoldArgs {
    /// The month, like 2026-01.
    #[arg(value_name = "MONTH", value_parser = month)]
    pub(crate) month: Month,
    /// Take the hold away.
    #[arg(long)]
    pub(crate) release: bool,
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,
}

fn month(text: &str) -> Result<Month, String> {
    Month::parse(text).ok_or_else(|| "expected a month like 2026-01 or 202601".to_owned())
}

/// Arguments of `user role`.
#[derive(Clone, Debug, Args)]
pub(crate) struct UserRoleArgs {
    /// The address the person registered with.
    #[arg(value_name = "EMAIL")]
    pub(crate) email: String,
    /// What the person may be.
    pub(crate) role: RoleWord,
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,
}

/// Flags of `user list`.
#[derive(Clone, Debug, Args)]
pub(crate) struct UserListArgs {
    /// Only users whose name or address contains this, in whatever case.
    #[arg(long, value_name = "TEXT")]
    pub(crate) search: Option<String>,
    /// How many to print at most.
    #[arg(long, value_name = "COUNT", default_value_t = 50)]
    #[arg(value_parser = value_parser!(u32).range(1..=1_000_000))]
    pub(crate) limit: u32,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,
}

/// Arguments of `user show`.
#[derive(Clone, Debug, Args)]
pub(crate) struct UserShowArgs {
    /// The address the user registered with.
    #[arg(value_name = "EMAIL")]
    pub(crate) email: String,
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,
}

/// Arguments of `user rename`.
#[derive(Clone, Debug, Args)]
pub(crate) struct UserRenameArgs {
    /// The address the user registered with.
    #[arg(value_name = "EMAIL")]
    pub(crate) email: String,
    /// The new name.
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,
}

/// Arguments of `user password`.
#[derive(Clone, Debug, Args)]
pub(crate) struct UserPasswordArgs {
    /// The address the user registered with.
    #[arg(value_name = "EMAIL")]
    pub(crate) email: String,
    /// Set a password that is typed, or that is the first line of another input, instead of making
    /// a link.
    #[arg(long, conflicts_with = "url")]
    pub(crate) set: bool,
    /// Where players reach the server, like https://play.example; without it, the address that
    /// http.listen gives.
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,
}

/// Flags of `user erase`.
#[derive(Clone, Debug, Args)]
pub(crate) struct UserEraseArgs {
    /// The address the person registered with.
    #[arg(value_name = "EMAIL")]
    pub(crate) email: String,
    /// Do it. Without this, it is only said what would be done, with exit code 1.
    #[arg(long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,
}

/// Flags of `user erase-again`.
#[derive(Clone, Debug, Args)]
pub(crate) struct UserEraseAgainArgs {
    /// The file of erasures.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,
}

/// A role on the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum RoleWord {
    /// May look after the server, too.
    Operator,
    /// May play.
    Player,
}

impl From<RoleWord> for Role {
    fn from(word: RoleWord) -> Self {
        match word {
            RoleWord::Operator => Self::Operator,
            RoleWord::Player => Self::Player,
        }
    }
}

/// Flags of `load prepare`.
#[derive(Clone, Debug, Args)]
pub(crate) struct LoadPrepareArgs {
    /// How many players to make.
    #[arg(long, value_name = "COUNT", value_parser = value_parser!(u64).range(1..=10_000_000))]
    pub(crate) players: u64,
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,
    /// The file for the tokens, one player a line: TOKEN EMAIL PASSWORD.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

/// Flags of every load run. Its end is exit code 1 unless all is as it should be.
#[derive(Clone, Debug, Args)]
pub(crate) struct LoadArgs {
    /// The server, like http://127.0.0.1:8080; several times for several servers.
    #[arg(long = "url", value_name = "URL", required = true)]
    pub(crate) urls: Vec<String>,
    /// The file of tokens that `load prepare` wrote.
    #[arg(long, value_name = "FILE")]
    pub(crate) tokens: PathBuf,
    /// How many workers send, each on a connection of its own.
    #[arg(long, value_name = "COUNT", default_value_t = 50)]
    #[arg(value_parser = value_parser!(u32).range(1..=10_000))]
    pub(crate) concurrency: u32,
    /// How long to measure, like 500ms, 15s, 10m or 1h.
    #[arg(long, value_name = "TIME", default_value = "15s", value_parser = load::parse_duration)]
    pub(crate) duration: Duration,
    /// Requests due a second, whether the last ones are answered or not; without it, a worker
    /// sends when its last request is answered.
    #[arg(long, value_name = "COUNT", value_parser = value_parser!(u64).range(1..=1_000_000))]
    pub(crate) rate: Option<u64>,
    /// Where chance comes from.
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Send trades without an Idempotency-Key.
    #[arg(long)]
    pub(crate) no_keys: bool,
    /// Write the report to this file, too, as JSON.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Keep the report in this directory, and compare it with the last one kept there: exit code 1
    /// when throughput fell below 80 %, or p99 rose by half.
    #[arg(long, value_name = "DIR")]
    pub(crate) keep: Option<PathBuf>,
}

/// Flags of `load popular`.
#[derive(Clone, Debug, Args)]
pub(crate) struct LoadPopularArgs {
    #[command(flatten)]
    pub(crate) run: LoadArgs,
    /// Send so many times from all workers at the same instant, instead of for a time.
    #[arg(long, value_name = "COUNT", conflicts_with = "rate")]
    #[arg(value_parser = value_parser!(u64).range(1..=1_000_000))]
    pub(crate) rounds: Option<u64>,
}

/// Flags of `load board`.
#[derive(Clone, Debug, Args)]
pub(crate) struct LoadBoardArgs {
    #[command(flatten)]
    pub(crate) run: LoadArgs,
    /// Rows a page. One's own surroundings are always 11.
    #[arg(long, value_name = "COUNT", default_value_t = 50)]
    #[arg(value_parser = value_parser!(u32).range(1..=i64::from(load::ROWS_MAX)))]
    pub(crate) rows: u32,
}

/// Flags of `load portfolio`.
#[derive(Clone, Debug, Args)]
pub(crate) struct LoadPortfolioArgs {
    #[command(flatten)]
    pub(crate) run: LoadArgs,
    /// How many stocks to buy a share of, as far as so many are listed.
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    #[arg(value_parser = value_parser!(u32).range(0..=i64::from(load::HOLDINGS_MAX)))]
    pub(crate) holdings: u32,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn no_command_is_serve_with_the_same_flags() {
        for line in [
            &["openbell", "--listen", "[::1]:0"][..],
            &["openbell", "serve", "--listen", "[::1]:0"],
        ] {
            let command = Cli::try_parse_from(line).expect("good").into_command();
            let Command::Serve(args) = command else { panic!("not serve") };
            assert_eq!(args.listen.as_deref(), Some("[::1]:0"));
        }
    }

    #[test]
    fn flags_before_a_command_are_refused_instead_of_ignored() {
        assert!(Cli::try_parse_from(["openbell", "--listen", "[::1]:0", "migrate"]).is_err());
    }
}
