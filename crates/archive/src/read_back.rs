//! Reads a month's files to compare them with the ledger or to restore it.

use domain::{Hash, Month};
use sha2::{Digest as _, Sha256};
use store::ArchiveState;
use tokio::task::spawn_blocking;

use crate::archive_store::ArchiveStore;
use crate::archiver::{Archiver, parse_manifest};
use crate::error::ArchiveError;
use crate::lease::Lease;
use crate::manifest::{Manifest, hex};
use crate::part::{Entry, PartReader};
use crate::write::MonthPages;

/// A month's entries from its files, by row groups. Each file is checked as a whole before its
/// first entry is returned; the totals are checked at the end.
pub(crate) struct ArchivedEntries<'a> {
    archive_store: &'a ArchiveStore,
    manifest: &'a Manifest,
    /// The file being read.
    reader: Option<PartReader>,
    /// How many files were opened.
    begun: usize,
    entries: u64,
    last: Option<(i64, i64)>,
    digest: Sha256,
}

impl<'a> ArchivedEntries<'a> {
    pub(crate) fn new(archive_store: &'a ArchiveStore, manifest: &'a Manifest) -> Self {
        let digest = Sha256::new();
        Self { archive_store, manifest, reader: None, begun: 0, entries: 0, last: None, digest }
    }

    /// The name of the file being read.
    pub(crate) fn name(&self) -> &str {
        let part = self.begun.checked_sub(1).and_then(|part| self.manifest.parts.get(part));
        part.map_or("the manifest", |part| part.name.as_str())
    }

    /// The next entries; empty at the end.
    pub(crate) async fn read(&mut self) -> Result<Vec<Entry>, ArchiveError> {
        loop {
            if let Some(mut reader) = self.reader.take() {
                let read = spawn_blocking(move || {
                    let rows = reader.read();
                    (reader, rows)
                });
                let (reader, rows) = read.await.map_err(|_| ArchiveError::TaskAborted)?;
                let rows = rows.map_err(|error| ArchiveError::damaged(self.name(), &error))?;
                if !rows.is_empty() {
                    self.reader = Some(reader);
                    self.add(&rows)?;
                    return Ok(rows);
                }
            }
            let Some(part) = self.manifest.parts.get(self.begun) else {
                return self.end();
            };
            self.begun += 1;
            let file = self.archive_store.fetch(part).await?;
            let reader = PartReader::new(file);
            let reader = reader.map_err(|error| ArchiveError::damaged(&part.name, &error))?;
            self.reader = Some(reader);
        }
    }

    fn add(&mut self, rows: &[Entry]) -> Result<(), ArchiveError> {
        for (entry, hash) in rows {
            let key = (entry.player_id, entry.version);
            if entry.month != self.manifest.month || self.last.is_some_and(|last| key <= last) {
                let what = format!("entry {key:?} is in a wrong place");
                return Err(ArchiveError::damaged(self.name(), &what));
            }
            self.last = Some(key);
            self.digest.update(hash.0);
        }
        self.entries += rows.len() as u64;
        Ok(())
    }

    fn end(&mut self) -> Result<Vec<Entry>, ArchiveError> {
        let digest = hex(std::mem::take(&mut self.digest).finalize().into());
        let manifest = self.manifest;
        let is_whole = self.entries == manifest.entries && digest == manifest.digest;
        if is_whole && self.last == manifest.keys.map(|keys| keys[1]) {
            return Ok(Vec::new());
        }
        let what = format!("{} entries with the digest {digest}", self.entries);
        Err(ArchiveError::damaged(self.name(), &what))
    }
}

impl Archiver {
    /// Compares a month's files with the ledger, entry by entry.
    pub(crate) async fn read_back(
        &self,
        lease: &mut Lease,
        manifest: &Manifest,
        progress: &mut impl FnMut(u64),
    ) -> Result<(), ArchiveError> {
        let mut files = ArchivedEntries::new(&self.archive_store, manifest);
        let mut pages = MonthPages::new(&self.store, manifest.month);
        let mut live: Vec<Entry> = Vec::new();
        let mut used = 0;
        loop {
            lease.renew().await?;
            let rows = files.read().await?;
            if rows.is_empty() {
                break;
            }
            for row in &rows {
                if used == live.len() {
                    (live, used) = (pages.take().await?, 0);
                }
                let found = live.get(used);
                if found != Some(row) {
                    return Err(differs(files.name(), Some(row), found));
                }
                used += 1;
            }
            progress(rows.len() as u64);
        }
        if used == live.len() {
            (live, used) = (pages.take().await?, 0);
        }
        match live.get(used) {
            None => Ok(()),
            left => Err(differs(files.name(), None, left)),
        }
    }

    /// Writes a dropped month back into the ledger.
    pub(crate) async fn restore_under(
        &self,
        lease: &mut Lease,
        month: Month,
        progress: &mut impl FnMut(u64),
    ) -> Result<Manifest, ArchiveError> {
        let row = self.load_row(month).await?;
        let manifest = parse_manifest(&row)?;
        if row.state != ArchiveState::Dropped {
            // It was never dropped, or is restored already.
            return Ok(manifest);
        }
        let mut files = ArchivedEntries::new(&self.archive_store, &manifest);
        loop {
            lease.renew().await?;
            let rows = files.read().await?;
            if rows.is_empty() {
                break;
            }
            self.store.restore_entries(month, &rows).await?;
            progress(rows.len() as u64);
        }
        // The ledger may have had other entries under these keys.
        self.read_back(lease, &manifest, &mut |_| ()).await?;
        if !self.store.mark_archive_restored(lease.fenced(month)).await? {
            return Err(ArchiveError::LeaseLost);
        }
        Ok(manifest)
    }
}

fn differs(name: &str, archived: Option<&Entry>, live: Option<&Entry>) -> ArchiveError {
    let describe = |row: Option<&Entry>| match row {
        None => "nothing".to_owned(),
        Some((entry, hash)) => describe_entry(entry.player_id, entry.version, *hash),
    };
    let what = format!("the archive has {}, the ledger {}", describe(archived), describe(live));
    ArchiveError::Differs { name: name.to_owned(), what }
}

fn describe_entry(player_id: i64, version: i64, hash: Hash) -> String {
    format!("player {player_id}, version {version}, hash {hash}")
}
