//! Forgetting people by command, and keeping the record of it apart from the database. What is
//! deleted is `store::erase`'s, what the file is stands in `archive`.

use std::fs::File;
use std::process::ExitCode;
use std::time::Duration;

use archive::ErasuresFile;
use domain::Clock as _;
use store::Store;

use crate::boot::config::{self, Config, Flags, without_password};
use crate::cli::{UserEraseAgainArgs, UserEraseArgs};
use crate::clock::SystemClock;
use crate::commands::connect_existing;
use crate::error::Failure;
use crate::jobs::supervisor::{Fault, Progress, Reconciler};
use crate::term;

/// The file of erasures: the configured one, or one beside an SQLite database.
pub(crate) fn find_file(config: &Config) -> Option<ErasuresFile> {
    config.kept_apart(&config.audit.erasures_file, "erasures.jsonl").map(ErasuresFile::new)
}

/// Forgets the user of this address; 1 when there is none. A server may run meanwhile: it looks up
/// every token, and reads every name, anew.
pub(crate) async fn erase(args: UserEraseArgs) -> Result<ExitCode, Failure> {
    let config = config::load(&Flags::from(args.database))?.config;
    let store = connect_existing(&config).await?;
    let key = domain::text::email_key(&args.email);
    let found = if args.yes {
        store.erase_user_by_email(&key, SystemClock.now()).await
    } else {
        store.find_credentials(&key).await.map(|found| found.is_some())
    };
    let database = || without_password(&config.database.url);
    let found = found.map_err(|error| Failure::Database(database(), error))?;
    if let Some(file) = find_file(&config).filter(|_| args.yes) {
        file.keep(&store, i64::MIN).await?;
    }
    store.close().await;
    if !found {
        term::complain(&format!("no user has the address {key}"));
        return Ok(ExitCode::FAILURE);
    }
    if args.yes {
        term::say(&format!("{key} is erased; the ledger stays, without a name\n"));
        return Ok(ExitCode::SUCCESS);
    }
    // Nothing was done, which a script must not take for success.
    term::complain(&format!("{key} would be erased for good: confirm with --yes"));
    Ok(ExitCode::FAILURE)
}

/// Forgets everybody again who is in a file of erasures.
pub(crate) async fn erase_again(args: UserEraseAgainArgs) -> Result<ExitCode, Failure> {
    // A file that is not there yet is an empty one to whoever adds to it, and a mistake here.
    File::open(&args.file).map_err(|error| Failure::ReadFile(args.file.clone(), error))?;
    let config = config::load(&Flags::from(args.database))?.config;
    let store = connect_existing(&config).await?;
    let erased = ErasuresFile::new(args.file).erase_again(&store).await?;
    store.close().await;
    term::say(&say_again(erased));
    Ok(ExitCode::SUCCESS)
}

/// How many people were erased again, as a line.
pub(crate) fn say_again(erased: u64) -> String {
    match erased {
        1 => "1 person was erased again\n".to_owned(),
        count => format!("{count} people were erased again\n"),
    }
}

/// Copies what was recorded into the file.
pub(crate) struct KeepErasures {
    pub(crate) store: Store,
    pub(crate) file: ErasuresFile,
    /// From when on it looks.
    pub(crate) since: i64,
}

impl KeepErasures {
    pub(crate) fn new(store: Store, file: ErasuresFile) -> Self {
        Self { store, file, since: i64::MIN }
    }
}

impl Reconciler for KeepErasures {
    const NAME: &'static str = "keep_erasures";
    const EVERY: Duration = Duration::from_secs(60);

    async fn run(&mut self) -> Result<Progress, Fault> {
        let (added, since) = self.file.keep(&self.store, self.since).await?;
        self.since = since;
        Ok(Progress::done(added))
    }
}
