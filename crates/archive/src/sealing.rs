//! Makes seals over the heads of all chains, stores each in the database and in the file of seals,
//! and verifies them. The server schedules it.

use std::fmt;

use domain::{Clock, Hash, UnixMicros};
use serde::Serialize;
use store::{SealRow, Store};

use crate::error::ArchiveError;
use crate::merkle::MerkleTree;
use crate::seal::{Seal, describe_mismatch};
use crate::seals_file::SealsFile;

/// How long after an instant its heads are sealed, in seconds: entries of nodes whose clocks are
/// behind by less keep the time of their clocks.
const LATE_S: i64 = 300;
/// Chain heads and seals of one page.
const PLAYERS: i64 = 5_000;
const SEALS: i64 = 1_000;

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SealReport {
    /// Valid seals.
    pub seals: u64,
    /// Of these, how many were computed again from the ledger.
    pub recomputed: u64,
    /// The first mismatch.
    pub wrong: Option<String>,
}

impl SealReport {
    pub fn holds(&self) -> bool {
        self.wrong.is_none()
    }
}

impl fmt::Display for SealReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seals, recomputed, wrong } = self;
        match wrong {
            None => {
                write!(f, "the seals hold: {seals}, of which {recomputed} were computed again")
            }
            Some(what) => write!(f, "the seals do not hold: {what}"),
        }
    }
}

/// Verifies the last seal against the ledger, makes the next one and appends it to the file. `None`
/// if the last one is of the same instant.
///
/// # Errors
/// `ClockAhead` if this node's clock is ahead of the database's by more than five minutes;
/// `SealMismatch` if the ledger or the file differs from the last seal.
pub async fn seal(
    store: &Store,
    file: Option<&SealsFile>,
    clock: &dyn Clock,
) -> Result<Option<Seal>, ArchiveError> {
    let now = clock.now();
    let last = store.seals_page(UnixMicros(i64::MAX), 1).await?.pop();
    let cut_at = now.plus_seconds(-LATE_S);
    if last.as_ref().is_some_and(|last| last.cut_at >= cut_at) {
        return Ok(None);
    }
    let mut previous = Hash([0; 32]);
    if let Some(last) = &last {
        let found = Seal::of(last);
        if let Some(what) = compare(store, &found).await? {
            return Err(ArchiveError::SealMismatch(what));
        }
        // A crash may have prevented the append.
        if let Some(file) = file {
            file.append(&found).await?;
        }
        previous = found.hash();
    }
    // A cut in the future would date all entries into the future, where the ledger has no month.
    if store.clock_skew(clock).await? > LATE_S * 1_000_000 {
        return Err(ArchiveError::ClockAhead);
    }
    store.announce_cut(cut_at).await?;
    let ChainHeads { players, entries, root } = ChainHeads::read(store, cut_at).await?;
    let row = SealRow { cut_at, players, entries, root, previous, made_at: now };
    if !store.add_seal(&row).await? {
        // Another node has made this seal.
        return Ok(None);
    }
    let made = Seal::of(&row);
    if let Some(file) = file {
        file.append(&made).await?;
    }
    Ok(Some(made))
}

pub async fn newest_seal(store: &Store) -> Result<Option<Seal>, ArchiveError> {
    Ok(store.seals_page(UnixMicros(i64::MAX), 1).await?.first().map(Seal::of))
}

/// Verifies that all seals follow one another, that the file has the same seals, and that the
/// newest `recompute_max` of them follow from the ledger.
pub async fn verify_seals(
    store: &Store,
    file: Option<&SealsFile>,
    recompute_max: u64,
) -> Result<SealReport, ArchiveError> {
    let mut report = SealReport { seals: 0, recomputed: 0, wrong: None };
    let mut file_seals = match file {
        Some(file) => Some(file.read().await?),
        None => None,
    };
    let mut before = UnixMicros(i64::MAX);
    let mut expected_hash: Option<String> = None;
    loop {
        let page = store.seals_page(before, SEALS).await?;
        let Some(last) = page.last() else { break };
        before = last.cut_at;
        for row in &page {
            let seal = Seal::of(row);
            if expected_hash
                .as_ref()
                .is_some_and(|expected_hash| *expected_hash != seal.hash().to_string())
            {
                report.wrong = Some(format!("the seal after {seal} names another predecessor"));
                return Ok(report);
            }
            expected_hash = Some(seal.previous.clone());
            // The newest may not have reached the file yet.
            let found = file_seals.as_mut().map(|file_seals| file_seals.remove(&seal.cut_at));
            match found {
                Some(Some(other)) if other != seal => {
                    report.wrong = Some(describe_mismatch(&other, &seal));
                    return Ok(report);
                }
                Some(None) if report.seals > 0 => {
                    report.wrong = Some(format!("the file lacks {seal}"));
                    return Ok(report);
                }
                _ => {}
            }
            if report.recomputed < recompute_max && can_be_recomputed(store, row.cut_at).await? {
                if let Some(what) = compare(store, &seal).await? {
                    report.wrong = Some(what);
                    return Ok(report);
                }
                report.recomputed += 1;
            }
            report.seals += 1;
        }
    }
    if let Some(first) =
        expected_hash.filter(|expected_hash| *expected_hash != Hash([0; 32]).to_string())
    {
        report.wrong = Some(format!("the first seal names a predecessor: {first}"));
    } else if let Some((_, left)) = file_seals.unwrap_or_default().pop_last() {
        report.wrong = Some(format!("the database lacks {left}"));
    }
    Ok(report)
}

/// Whether the ledger still has all entries up to `cut_at`.
async fn can_be_recomputed(store: &Store, cut_at: UnixMicros) -> Result<bool, ArchiveError> {
    let newest = store.dropped_archives().await?.into_iter().next();
    Ok(newest.is_none_or(|dropped| cut_at.month() > dropped.month))
}

/// Describes how the ledger differs from a seal; `None` if it does not.
async fn compare(store: &Store, seal: &Seal) -> Result<Option<String>, ArchiveError> {
    let cut_at = UnixMicros(seal.cut_at);
    if !can_be_recomputed(store, cut_at).await? {
        return Ok(None);
    }
    let ChainHeads { players, entries, root } = ChainHeads::read(store, cut_at).await?;
    if (players, entries) == (seal.players, seal.entries) && root.to_string() == seal.root {
        return Ok(None);
    }
    Ok(Some(format!(
        "{seal} was sealed; the ledger has {players} chains and {entries} entries of that time, \
         root {root}"
    )))
}

/// The heads of all chains at an instant.
struct ChainHeads {
    players: i64,
    entries: i64,
    root: Hash,
}

impl ChainHeads {
    async fn read(store: &Store, cut_at: UnixMicros) -> Result<Self, ArchiveError> {
        let (mut players, mut entries, mut tree) = (0, 0, MerkleTree::default());
        let mut after = i64::MIN;
        while let Some((last, heads)) = store.sealed_heads_page(after, cut_at, PLAYERS).await? {
            after = last;
            for head in &heads {
                let mut leaf = [0; 48];
                leaf[..8].copy_from_slice(&head.player_id.to_be_bytes());
                leaf[8..16].copy_from_slice(&head.version.to_be_bytes());
                leaf[16..].copy_from_slice(&head.hash.0);
                tree.add(&leaf);
                // Versions have no gaps, so the last one counts the chain.
                (players, entries) = (players + 1, entries + head.version);
            }
        }
        Ok(Self { players, entries, root: Hash(tree.root()) })
    }
}
