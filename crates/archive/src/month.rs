//! Verifies one month: its entries follow one another, and ledger and archive are equal. Entries
//! before the month are not read; `verify` does that.

use std::vec::IntoIter;

use domain::Month;
use store::{ArchiveState, Store};

use crate::archive_store::ArchiveStore;
use crate::archiver::parse_manifest;
use crate::error::ArchiveError;
use crate::part::Entry;
use crate::read_back::ArchivedEntries;
use crate::verify::{Difference, Report, VerifyError};
use crate::write::MonthPages;

/// Verifies a month of the ledger, of its archive, or of both. `progress` receives the number of
/// entries since its last call.
///
/// # Errors
/// A damaged or missing file; `Missing` for an archived month without an archive store.
pub async fn verify_month(
    store: &Store,
    archive_store: Option<&ArchiveStore>,
    month: Month,
    mut progress: impl FnMut(u64),
) -> Result<Report, VerifyError> {
    let row = store.find_archive(month).await?;
    let state = row.as_ref().map_or(ArchiveState::Due, |row| row.state);
    let is_archived = state >= ArchiveState::Written;
    let manifest = row.filter(|_| is_archived).map(|row| parse_manifest(&row)).transpose()?;
    let files = manifest.as_ref().zip(archive_store);
    let mut files =
        files.map(|(manifest, archive_store)| MonthEntries::archived(archive_store, manifest));
    let mut live = (state != ArchiveState::Dropped).then(|| MonthEntries::live(store, month));
    if files.is_none() && live.is_none() {
        let what = format!("month {month}, which is in the archive only,");
        return Err(ArchiveError::Missing(what).into());
    }
    let mut walk =
        MonthWalk { report: Report { players: 0, entries: 0, difference: None }, last: None };
    loop {
        let in_ledger = next(&mut live).await?;
        let in_files = next(&mut files).await?;
        if live.is_some() && files.is_some() && in_ledger != in_files {
            walk.differs(in_ledger.as_ref(), in_files.as_ref());
        }
        let Some(entry) = in_ledger.or(in_files) else { break };
        if !walk.report.holds() || !walk.add(entry) {
            break;
        }
        if walk.report.entries.is_multiple_of(1000) {
            progress(1000);
        }
    }
    Ok(walk.report)
}

async fn next(entries: &mut Option<MonthEntries<'_>>) -> Result<Option<Entry>, ArchiveError> {
    match entries {
        Some(entries) => entries.next().await,
        None => Ok(None),
    }
}

/// A month's entries, one by one in the order of their keys.
struct MonthEntries<'a> {
    source: EntrySource<'a>,
    rows: IntoIter<Entry>,
}

enum EntrySource<'a> {
    Ledger(MonthPages),
    Files(Box<ArchivedEntries<'a>>),
}

impl<'a> MonthEntries<'a> {
    fn live(store: &Store, month: Month) -> Self {
        Self {
            source: EntrySource::Ledger(MonthPages::new(store, month)),
            rows: Vec::new().into_iter(),
        }
    }

    fn archived(archive_store: &'a ArchiveStore, manifest: &'a crate::Manifest) -> Self {
        let files = Box::new(ArchivedEntries::new(archive_store, manifest));
        Self { source: EntrySource::Files(files), rows: Vec::new().into_iter() }
    }

    async fn next(&mut self) -> Result<Option<Entry>, ArchiveError> {
        if let Some(entry) = self.rows.next() {
            return Ok(Some(entry));
        }
        let rows = match &mut self.source {
            EntrySource::Ledger(pages) => pages.take().await?,
            EntrySource::Files(files) => files.read().await?,
        };
        self.rows = rows.into_iter();
        Ok(self.rows.next())
    }
}

struct MonthWalk {
    report: Report,
    last: Option<Entry>,
}

impl MonthWalk {
    /// Adds the next entry. Returns whether it follows the one before it.
    fn add(&mut self, (entry, hash): Entry) -> bool {
        let before = self.last.take().filter(|(last, _)| last.player_id == entry.player_id);
        let what = match &before {
            Some((last, _)) if entry.version != last.version + 1 => {
                Some(format!("the entry is missing before {}", entry.version))
            }
            Some((_, before)) if entry.hash(*before) != hash => {
                Some(format!("the hash is {hash}, expected {}", entry.hash(*before)))
            }
            _ => None,
        };
        if let Some(what) = what {
            let (player_id, version) = (entry.player_id, entry.version);
            self.report.difference = Some(Difference { player_id, version, what });
            return false;
        }
        self.report.players += u64::from(before.is_none());
        self.report.entries += 1;
        self.last = Some((entry, hash));
        true
    }

    fn differs(&mut self, live: Option<&Entry>, archived: Option<&Entry>) {
        let describe = |entry: Option<&Entry>| match entry {
            None => "nothing more".to_owned(),
            Some((entry, hash)) => {
                format!("player {}, version {}, hash {hash}", entry.player_id, entry.version)
            }
        };
        let what = format!("the ledger has {}, the archive {}", describe(live), describe(archived));
        let (player_id, version) =
            live.or(archived).map_or((0, 0), |(entry, _)| (entry.player_id, entry.version));
        self.report.difference = Some(Difference { player_id, version, what });
    }
}
