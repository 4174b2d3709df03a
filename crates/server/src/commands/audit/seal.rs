//! `openbell audit seal`, and the job that seals the heads of all chains every hour. What a seal is
//! and says stands in `archive`.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use archive::SealsFile;
use domain::{Clock, UnixMicros};
use store::Store;

use super::open;
use crate::boot::config::Config;
use crate::cli::SealArgs;
use crate::clock::SystemClock;
use crate::commands::as_json;
use crate::error::Failure;
use crate::jobs::supervisor::{Fault, Progress, Reconciler};
use crate::term;

/// The lease's name, in the database, and for how long it is taken, in seconds.
const LEASE: &str = "seal_heads";
const LEASE_S: i64 = 900;

/// The file of the seals: the configured one, or one beside an SQLite database.
pub(crate) fn find_file(config: &Config) -> Option<SealsFile> {
    config.kept_apart(&config.audit.seals_file, "seals.jsonl").map(SealsFile::new)
}

/// Makes a seal now.
pub(super) async fn run(args: SealArgs) -> Result<ExitCode, Failure> {
    let (config, store) = open(args.database.into()).await?;
    let file = find_file(&config);
    let made = archive::seal(&store, file.as_ref(), &SystemClock).await?;
    let seal = match made {
        Some(seal) => Some(seal),
        // Another process was faster.
        None => archive::newest_seal(&store).await?,
    };
    store.close().await;
    match seal {
        seal if args.json => term::say(&as_json(&seal)),
        Some(seal) => term::say(&format!("{seal}\nhash {}\n", seal.hash())),
        None => term::say("nothing is sealed\n"),
    }
    Ok(ExitCode::SUCCESS)
}

/// Seals the heads of all chains.
pub(crate) struct SealHeads {
    pub(crate) store: Store,
    pub(crate) file: Option<SealsFile>,
    /// Seconds between two seals.
    pub(crate) every_s: i64,
    pub(crate) clock: Arc<dyn Clock>,
    /// This node, in the lease.
    pub(crate) node: String,
}

impl Reconciler for SealHeads {
    const NAME: &'static str = "seal_heads";
    const EVERY: Duration = Duration::from_secs(60);

    async fn run(&mut self) -> Result<Progress, Fault> {
        let newest = self.store.seals_page(UnixMicros(i64::MAX), 1).await?.pop();
        if let Some(newest) = &newest {
            metrics::gauge!("openbell_audit_seal_timestamp_seconds")
                .set(u32::try_from(newest.made_at.seconds()).unwrap_or(u32::MAX));
            metrics::gauge!("openbell_audit_seal_players")
                .set(u32::try_from(newest.players).unwrap_or(u32::MAX));
        }
        let now = self.clock.now();
        if newest.is_some_and(|newest| now < newest.made_at.plus_seconds(self.every_s)) {
            return Ok(Progress::done(0));
        }
        let until = now.plus_seconds(LEASE_S);
        if self.store.take_lease(LEASE, &self.node, now, until).await?.is_none() {
            return Ok(Progress::done(0));
        }
        let made = archive::seal(&self.store, self.file.as_ref(), &*self.clock).await;
        self.store.release_lease(LEASE, &self.node).await?;
        let made = made.inspect_err(|_| {
            metrics::counter!("openbell_audit_seal_failures_total").increment(1);
        })?;
        if let Some(seal) = &made {
            tracing::info!(
                players = seal.players,
                entries = seal.entries,
                root = seal.root,
                "the heads of all chains are sealed"
            );
        }
        Ok(Progress::done(u64::from(made.is_some())))
    }
}
