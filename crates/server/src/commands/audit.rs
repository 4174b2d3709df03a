//! `openbell audit`: verifies, archives and seals the ledger. A server may be running, so no lock
//! is taken; a lease in the database guards what must not happen twice.

mod months;
mod seal;
mod verify;

use std::process::ExitCode;

use clap::Subcommand;
use domain::Month;

use self::months::{CleanArgs, HoldArgs, RestoreMonthArgs, RunArgs};
use self::seal::SealArgs;
use self::verify::VerifyArgs;
use crate::error::CommandError;

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Verify every player's chain and derive cash, shares and XP from it; exit code 1 at a
    /// difference.
    Verify(VerifyArgs),
    /// List the months of the ledger and their state in the archive.
    Status(RunArgs),
    /// Write every month that is over into the archive, and verify the written files.
    Archive(RunArgs),
    /// Delete archived months older than the retention from the database. Fails if one of them is
    /// on hold.
    Clean(CleanArgs),
    /// Restore a deleted month into the database, and put it on hold.
    Restore(RestoreMonthArgs),
    /// Put a month on hold: it stays in the database, whatever its age.
    Hold(HoldArgs),
    /// Seal the heads of all chains in one hash, and append it to the file of seals.
    Seal(SealArgs),
}

impl AuditCommand {
    pub(super) async fn run(self) -> Result<ExitCode, CommandError> {
        match self {
            Self::Verify(args) => verify::run(args).await,
            Self::Status(args) => months::status(args).await,
            Self::Archive(args) => months::archive(args).await,
            Self::Clean(args) => months::clean(args).await,
            Self::Restore(args) => months::restore(args).await,
            Self::Hold(args) => months::hold(args).await,
            Self::Seal(args) => seal::run(args).await,
        }
    }
}

fn parse_month(text: &str) -> Result<Month, String> {
    Month::parse(text).ok_or_else(|| "expected a month like 2026-01 or 202601".to_owned())
}
