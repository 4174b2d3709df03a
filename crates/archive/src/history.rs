//! A player's history across the ledger and the archive. Pages beyond the ledger read the archive's
//! files, which are checked as a whole first and take longer.

use domain::{EntryKind, Month, TradeId};
use store::{ArchiveRow, LedgerFilter, LedgerRow, Store};
use tokio::task::spawn_blocking;

use crate::archive_store::ArchiveStore;
use crate::archiver::parse_manifest;
use crate::error::ArchiveError;
use crate::manifest::ArchivePart;
use crate::part::{Entry, PartReader};

/// The most files of one page.
const FILES_MAX: usize = 6;

/// Reads histories of players.
#[derive(Clone)]
pub struct History {
    store: Store,
    archive_store: Option<ArchiveStore>,
}

/// Entries of a player, newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryPage {
    /// May be fewer than the limit, or empty, before the last page.
    pub rows: Vec<LedgerRow>,
    /// The cursor of the next page: the month to begin with, and the version to stay below. `None`
    /// after the player's first entry.
    pub next: Option<(Month, i64)>,
    /// Whether the archive was read.
    pub is_archived: bool,
}

/// Entries of a player that match a filter, newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilteredHistoryPage {
    /// May be empty before the last page.
    pub rows: Vec<LedgerRow>,
    /// `None` after the player's first entry.
    pub next: Option<HistoryCursor>,
    /// Whether the archive was read.
    pub is_archived: bool,
}

/// A position in a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryCursor {
    /// The version to stay below.
    pub below: i64,
    /// The month of the archive to begin with.
    pub archived: Option<Month>,
}

impl History {
    /// `archive_store` is `None` without an archive.
    pub fn new(store: Store, archive_store: Option<ArchiveStore>) -> Self {
        Self { store, archive_store }
    }

    /// At most `limit` entries before a position (the month and the version of the last one read),
    /// newest first. A wrong month makes the page slower, not wrong.
    ///
    /// # Errors
    /// `Missing` or `Damaged` if entries of the player cannot be read.
    pub async fn page(
        &self,
        player_id: i64,
        before: Option<(Month, i64)>,
        limit: usize,
    ) -> Result<HistoryPage, ArchiveError> {
        // One more than the limit shows whether there is another page.
        let wanted = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1);
        let mut rows = self.store.transactions_page(player_id, before, wanted).await?;
        let is_full = rows.len() > limit;
        let below = before.map(|(_, version)| version);
        let unbroken = unbroken(&rows, below);
        let is_whole = unbroken == rows.len();
        let ends = rows.last().map_or(below, |row| Some(row.entry.version));
        if !is_whole || (!is_full && ends.is_none_or(|version| version > 1)) {
            let head = self.store.archived_heads_range(player_id - 1, player_id).await?.pop();
            if let Some(head) = head {
                rows.truncate(unbroken.min(limit));
                let last = rows.last().map(|row| (row.entry.month, row.entry.version));
                let (from, below) = last.or(before).unwrap_or((head.month, i64::MAX));
                let (from, below) = (from.min(head.month), below.min(head.version + 1));
                let left = limit - rows.len();
                if left == 0 || below <= 1 {
                    let next = last.filter(|(_, version)| *version > 1);
                    return Ok(HistoryPage { rows, next, is_archived: false });
                }
                return self
                    .continue_in_archive(player_id, rows, (from, below), head.month, left)
                    .await;
            }
        }
        rows.truncate(limit);
        let last = rows.last().map(|row| (row.entry.month, row.entry.version));
        Ok(HistoryPage { rows, next: last.filter(|_| is_full), is_archived: false })
    }

    /// At most `limit` entries that match a filter, newest first: those of the ledger, then those
    /// of the archive.
    ///
    /// # Errors
    /// As for [`Self::page`].
    pub async fn search(
        &self,
        player_id: i64,
        filter: LedgerFilter,
        place: Option<HistoryCursor>,
        limit: usize,
    ) -> Result<FilteredHistoryPage, ArchiveError> {
        let place = match place {
            Some(HistoryCursor { below, archived: Some(month) }) => {
                return self.search_archived(player_id, filter, (month, below), limit).await;
            }
            place => place.map(|place| place.below),
        };
        let wanted = i64::try_from(limit).unwrap_or(i64::MAX);
        let found = self.store.filtered_transactions_page(player_id, filter, place, wanted).await?;
        let (mut rows, next) = (found.rows, found.next);
        let head = self.store.archived_heads_range(player_id - 1, player_id).await?.pop();
        let in_ledger = |below| HistoryCursor { below, archived: None };
        let Some(head) = head.filter(|_| place.is_none_or(|below| below > 1)) else {
            return Ok(FilteredHistoryPage { rows, next: next.map(in_ledger), is_archived: false });
        };
        // Entries up to the saved head are read from the archive, which has all of them.
        rows.retain(|row| row.entry.version > head.version);
        if let Some(next) = next.filter(|next| *next > head.version + 1) {
            return Ok(FilteredHistoryPage {
                rows,
                next: Some(in_ledger(next)),
                is_archived: false,
            });
        }
        let below = place.unwrap_or(i64::MAX).min(head.version + 1);
        if rows.is_empty() {
            return self.search_archived(player_id, filter, (head.month, below), limit).await;
        }
        let next = HistoryCursor { below, archived: Some(head.month) };
        Ok(FilteredHistoryPage { rows, next: Some(next), is_archived: false })
    }

    async fn search_archived(
        &self,
        player_id: i64,
        filter: LedgerFilter,
        place: (Month, i64),
        limit: usize,
    ) -> Result<FilteredHistoryPage, ArchiveError> {
        let HistoryPage { mut rows, next, is_archived } =
            self.page(player_id, Some(place), limit).await?;
        rows.retain(|row| filter.matches(&row.entry));
        let next = next.map(|(month, below)| HistoryCursor { below, archived: Some(month) });
        Ok(FilteredHistoryPage { rows, next, is_archived })
    }

    /// # Errors
    /// As for [`Self::page`].
    pub async fn find(&self, id: TradeId) -> Result<Option<LedgerRow>, ArchiveError> {
        if let Some(row) = self.store.find_transaction(id).await? {
            return Ok(Some(row));
        }
        let (player_id, version) = (id.player_id, id.version);
        let head = self.store.archived_heads_range(player_id - 1, player_id).await?.pop();
        if head.is_none_or(|head| version > head.version) {
            return Ok(None);
        }
        let months = self.store.dropped_archives().await?;
        let Some(month) = months.iter().find(|month| month.month == id.month) else {
            return Ok(None);
        };
        let found = self.read(player_id, version + 1, std::slice::from_ref(month), 1).await;
        let mut entries = match found {
            Ok((entries, _)) => entries,
            // The month of the id is wrong.
            Err(ArchiveError::Missing(_)) => Vec::new(),
            Err(error) => return Err(error),
        };
        entries.retain(|(entry, _)| matches!(entry.kind, EntryKind::Buy | EntryKind::Sell));
        Ok(self.store.describe_entries(player_id, entries).await?.pop())
    }

    async fn continue_in_archive(
        &self,
        player_id: i64,
        mut rows: Vec<LedgerRow>,
        (from, below): (Month, i64),
        newest: Month,
        limit: usize,
    ) -> Result<HistoryPage, ArchiveError> {
        let months = self.store.dropped_archives().await?;
        let since = |from: Month| {
            let begin = months.iter().position(|month| month.month <= from);
            begin.map_or(&[][..], |begin| &months[begin..])
        };
        let found = match self.read(player_id, below, since(from), limit).await {
            // The caller was wrong about the month.
            Err(ArchiveError::Missing(_)) if from < newest => {
                self.read(player_id, below, since(newest), limit).await
            }
            found => found,
        };
        let (entries, next) = found?;
        rows.extend(self.store.describe_entries(player_id, entries).await?);
        Ok(HistoryPage { rows, next, is_archived: true })
    }

    /// Reads entries below a version from months, newest first, without a gap. `Missing` names the
    /// first version that is not there.
    async fn read(
        &self,
        player_id: i64,
        mut below: i64,
        months: &[ArchiveRow],
        limit: usize,
    ) -> Result<(Vec<Entry>, Option<(Month, i64)>), ArchiveError> {
        let (mut found, mut files) = (Vec::new(), 0);
        for month in months {
            if files >= FILES_MAX {
                return Ok((found, Some((month.month, below))));
            }
            let manifest = parse_manifest(month)?;
            let may_have =
                |part: &&ArchivePart| part.keys[0].0 <= player_id && player_id <= part.keys[1].0;
            for part in manifest.parts.iter().rev().filter(may_have) {
                files += 1;
                let (entries, bound) = (self.fetch(part, player_id).await?, below);
                let entries = entries.into_iter().rev();
                for entry in entries.skip_while(|(entry, _)| entry.version >= bound) {
                    if entry.0.version + 1 != below {
                        break;
                    }
                    below = entry.0.version;
                    found.push(entry);
                    if found.len() == limit || below == 1 {
                        return Ok((found, Some((month.month, below)).filter(|_| below > 1)));
                    }
                }
            }
        }
        match found.last().map(|(last, _)| last.month) {
            Some(month) => Ok((found, Some((month, below)))),
            None => Err(missing(player_id, below - 1)),
        }
    }

    async fn fetch(&self, part: &ArchivePart, player_id: i64) -> Result<Vec<Entry>, ArchiveError> {
        let archive_store =
            self.archive_store.as_ref().ok_or_else(|| ArchiveError::Missing(part.name.clone()))?;
        let file = archive_store.fetch(part).await?;
        let read = spawn_blocking(move || PartReader::new(file)?.read_player(player_id)).await;
        let read = read.map_err(|_| ArchiveError::TaskAborted)?;
        read.map_err(|error| ArchiveError::damaged(&part.name, &error))
    }
}

/// How many entries follow one another without a gap, below a version.
fn unbroken(rows: &[LedgerRow], below: Option<i64>) -> usize {
    let mut below = below;
    let follows = |row: &&LedgerRow| {
        let version = row.entry.version;
        let follows = below.is_none_or(|below| version + 1 == below);
        below = Some(version);
        follows
    };
    rows.iter().take_while(follows).count()
}

fn missing(player_id: i64, version: i64) -> ArchiveError {
    ArchiveError::Missing(format!("entry {version} of player {player_id}"))
}
