//! Reads the entries of all dropped months in the order of their keys, to verify chains from their
//! first entry. One row group a month is in memory, and one file a month on the local disk.

use std::collections::BTreeMap;

use store::{ArchiveRow, ArchiveState, Store};

use crate::archive_store::ArchiveStore;
use crate::archiver::parse_manifest;
use crate::chain::{Chain, ChainViolation};
use crate::error::ArchiveError;
use crate::manifest::Manifest;
use crate::part::Entry;
use crate::read_back::ArchivedEntries;

/// The manifests of the dropped months, oldest first, and of those that are also in the ledger.
pub(crate) async fn manifests(
    store: &Store,
) -> Result<(Vec<Manifest>, Vec<Manifest>), ArchiveError> {
    let rows = store.archives().await?;
    let of = |state: ArchiveState| {
        let of_state = rows.iter().filter(move |row: &&ArchiveRow| row.state == state);
        of_state.map(parse_manifest).collect::<Result<Vec<_>, _>>()
    };
    Ok((of(ArchiveState::Dropped)?, of(ArchiveState::Verified)?))
}

/// Checks sizes and digests of the files of these months.
pub(crate) async fn check_files(
    archive_store: &ArchiveStore,
    months: &[Manifest],
) -> Result<(), ArchiveError> {
    for part in months.iter().flat_map(|month| &month.parts) {
        archive_store.fetch(part).await?;
    }
    Ok(())
}

pub(crate) struct ArchivedMonths<'a>(Vec<Stream<'a>>);

struct Stream<'a> {
    files: ArchivedEntries<'a>,
    rows: std::vec::IntoIter<Entry>,
    next: Option<Entry>,
}

impl<'a> ArchivedMonths<'a> {
    pub(crate) async fn open(
        archive_store: &'a ArchiveStore,
        manifests: &'a [Manifest],
    ) -> Result<Self, ArchiveError> {
        let mut streams = Vec::new();
        for manifest in manifests {
            let files = ArchivedEntries::new(archive_store, manifest);
            let mut stream = Stream { files, rows: Vec::new().into_iter(), next: None };
            stream.advance().await?;
            streams.push(stream);
        }
        Ok(Self(streams))
    }

    /// Verifies the chains of players up to `last` with the months' entries. Returns how many
    /// entries were valid, and the first violation with its player.
    pub(crate) async fn walk(
        &mut self,
        chains: &mut BTreeMap<i64, Chain>,
        last: i64,
    ) -> Result<(u64, Option<(i64, ChainViolation)>), ArchiveError> {
        let mut entries = 0;
        for stream in &mut self.0 {
            while let Some((entry, hash)) = stream.next.take_if(|(e, _)| e.player_id <= last) {
                let added = match chains.get_mut(&entry.player_id) {
                    Some(chain) => chain.add(&entry, hash),
                    None => Err((entry.version, "there is no such player".to_owned())),
                };
                match added {
                    Ok(counted) => entries += u64::from(counted),
                    Err(wrong) => return Ok((entries, Some((entry.player_id, wrong)))),
                }
                stream.advance().await?;
            }
        }
        chains.values_mut().for_each(Chain::end_of_archive);
        Ok((entries, None))
    }
}

impl Stream<'_> {
    async fn advance(&mut self) -> Result<(), ArchiveError> {
        self.next = self.rows.next();
        if self.next.is_none() {
            self.rows = self.files.read().await?.into_iter();
            self.next = self.rows.next();
        }
        Ok(())
    }
}
