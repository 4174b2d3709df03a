//! Writes a month's files: reads its entries in pages by key and encodes them by row groups, so
//! that only a few row groups are in memory.

use std::time::Duration;

use domain::{Hash, Month};
use sha2::{Digest as _, Sha256};
use store::{ArchiveFiles, ArchiveRow, ArchiveState, Store, StoreError};
use tokio::task::{JoinHandle, spawn, spawn_blocking};
use tokio::time::sleep;

use crate::archive_store::Upload;
use crate::archiver::Archiver;
use crate::error::ArchiveError;
use crate::lease::Lease;
use crate::manifest::{ArchivePart, Manifest, hex};
use crate::part::{Entry, PartWriter, SCHEMA_VERSION};
use crate::settled_by::load_unit;

/// Entries of one page, and the pause before each page, in which trades get the processor (the
/// timer rounds it up to a millisecond). Larger pages are hardly faster.
const PAGE_ROWS: i64 = 1_000;
const PAUSE: Duration = Duration::from_micros(500);

/// Before the first key.
pub(crate) const START: (i64, i64) = (i64::MIN, i64::MIN);

/// Reads a month page by page, one page ahead.
pub(crate) struct MonthPages {
    store: Store,
    month: Month,
    next: JoinHandle<Result<Vec<Entry>, StoreError>>,
    /// The part of a page that the last row group did not need.
    left: Vec<Entry>,
}

impl MonthPages {
    pub(crate) fn new(store: &Store, month: Month) -> Self {
        let next = Self::read(store.clone(), month, START);
        Self { store: store.clone(), month, next, left: Vec::new() }
    }

    fn read(
        store: Store,
        month: Month,
        after: (i64, i64),
    ) -> JoinHandle<Result<Vec<Entry>, StoreError>> {
        spawn(async move {
            sleep(PAUSE).await;
            store.month_page(month, after, PAGE_ROWS).await
        })
    }

    /// The next page; empty at the end.
    pub(crate) async fn take(&mut self) -> Result<Vec<Entry>, ArchiveError> {
        let page = (&mut self.next).await.map_err(|_| ArchiveError::TaskAborted)??;
        let after = page.last().map_or((i64::MAX, i64::MAX), |(e, _)| (e.player_id, e.version));
        self.next = Self::read(self.store.clone(), self.month, after);
        Ok(page)
    }

    /// The next `rows` entries; fewer or none at the end.
    async fn take_group(&mut self, rows: usize) -> Result<Vec<Entry>, ArchiveError> {
        let mut group = std::mem::take(&mut self.left);
        while group.len() < rows {
            let page = self.take().await?;
            if page.is_empty() {
                return Ok(group);
            }
            group.extend(page);
        }
        self.left = group.split_off(rows);
        Ok(group)
    }
}

impl Drop for MonthPages {
    fn drop(&mut self) {
        self.next.abort();
    }
}

struct MonthTotals {
    entries: u64,
    first: Option<(i64, i64)>,
    last: (i64, i64),
    digest: Sha256,
}

impl Archiver {
    /// Writes a month from its beginning and deletes the files of earlier attempts.
    pub(crate) async fn write(
        &self,
        lease: &mut Lease,
        row: &ArchiveRow,
        progress: &mut impl FnMut(u64),
    ) -> Result<(), ArchiveError> {
        let month = row.month;
        self.transition(lease, month, row.state, ArchiveState::Writing).await?;
        let folder = format!("{}/{}", month.0, lease.fenced(month).fence);
        let (parts, totals) = self.write_parts(lease, month, &folder, progress).await?;
        let digest: [u8; 32] = totals.digest.finalize().into();
        let manifest = Manifest {
            month,
            schema: SCHEMA_VERSION,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            entries: totals.entries,
            keys: totals.first.map(|first| [first, totals.last]),
            digest: hex(digest),
            parts,
        };
        let name = format!("{folder}/manifest.json");
        let text = serde_json::to_string_pretty(&manifest)
            .map_err(|source| ArchiveError::Serialize { name: name.clone(), source })?;
        self.archive_store.put(&name, text.clone()).await?;
        let written = ArchiveFiles {
            location: self.archive_store.shown().to_owned(),
            keys: manifest.key_range(),
            manifest: text,
            entries: i64::try_from(totals.entries)
                .map_err(|_| ArchiveError::damaged(&name, &"the number of entries is too large"))?,
            digest: Hash(digest),
        };
        if !self.store.mark_archive_written(lease.fenced(month), &written).await? {
            return Err(ArchiveError::LeaseLost);
        }
        metrics::counter!("openbell_archive_rows_total").increment(totals.entries);
        self.archive_store.clear_all_but(month, &folder).await
    }

    async fn write_parts(
        &self,
        lease: &mut Lease,
        month: Month,
        folder: &str,
        progress: &mut impl FnMut(u64),
    ) -> Result<(Vec<ArchivePart>, MonthTotals), ArchiveError> {
        let mut pages = MonthPages::new(&self.store, month);
        let mut totals =
            MonthTotals { entries: 0, first: None, last: START, digest: Sha256::new() };
        let mut parts = Vec::new();
        let mut page = pages.take_group(self.part_limits.group_rows).await?;
        while !page.is_empty() {
            let name = format!("{folder}/part-{:05}.parquet", parts.len() + 1);
            let mut upload = self.archive_store.begin(&name).await?;
            let first = page.first().map_or(START, |(e, _)| (e.player_id, e.version));
            let filled =
                self.fill(lease, &mut upload, &mut pages, &mut page, &mut totals, progress).await;
            match filled {
                Ok(entries) => parts.push(upload.finish(entries, [first, totals.last]).await?),
                Err(error) => {
                    upload.abort().await;
                    return Err(error);
                }
            }
        }
        Ok((parts, totals))
    }

    /// Fills one file, beginning with `page`; afterwards `page` is the first one of the next file.
    async fn fill(
        &self,
        lease: &mut Lease,
        upload: &mut Upload,
        pages: &mut MonthPages,
        page: &mut Vec<Entry>,
        totals: &mut MonthTotals,
        progress: &mut impl FnMut(u64),
    ) -> Result<u64, ArchiveError> {
        let unit = load_unit(&self.store).await?;
        let mut writer = PartWriter::new(unit).map_err(ArchiveError::Encode)?;
        let mut entries = 0;
        while !page.is_empty() && entries < self.part_limits.part_rows {
            lease.renew().await?;
            let rows = std::mem::take(page);
            for (entry, hash) in &rows {
                totals.digest.update(hash.0);
                totals.last = (entry.player_id, entry.version);
                totals.first.get_or_insert(totals.last);
            }
            let count = rows.len() as u64;
            (entries, totals.entries) = (entries + count, totals.entries + count);
            let encoding = spawn_blocking(move || {
                let bytes = writer.add(&rows);
                (writer, bytes)
            });
            *page = pages.take_group(self.part_limits.group_rows).await?;
            let (back, bytes) = encoding.await.map_err(|_| ArchiveError::TaskAborted)?;
            writer = back;
            upload.add(bytes.map_err(ArchiveError::Encode)?).await?;
            progress(count);
        }
        upload.add(writer.finish().map_err(ArchiveError::Encode)?).await?;
        Ok(entries)
    }
}
