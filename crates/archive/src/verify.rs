//! Verifies the whole ledger: every chain from its beginning, and the rows of players, holdings and
//! unlocks against the chains. Trading may continue meanwhile: a chain is verified up to the head
//! that was read before it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use domain::{Holding, Player};
use serde::Serialize;
use store::{ArchiveRow, ArchivedHead, Store, StoreError};
use thiserror::Error;

use crate::archive_store::ArchiveStore;
use crate::archived_months::{self, ArchivedMonths};
use crate::chain::{Chain, ChainViolation};
use crate::error::ArchiveError;
use crate::settled_by::{RulesVersions, load_versions};

/// Players whose chains are verified together; their holdings are in memory.
const PLAYERS: i64 = 500;
/// Ledger entries, or scores when counting players, of one page.
const ROWS: i64 = 5_000;

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Players whose chains are valid.
    pub players: u64,
    /// Valid ledger entries.
    pub entries: u64,
    /// The first difference, at which the verification ends.
    pub difference: Option<Difference>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    pub player_id: i64,
    pub version: i64,
    /// What was found, and what was expected.
    pub what: String,
}

#[derive(Debug, Error)]
pub enum VerifyError {
    #[error("cannot read the ledger")]
    Store(#[from] StoreError),
    /// The archive failed, or one of its files is damaged.
    #[error("cannot read the archive")]
    Archive(#[from] ArchiveError),
    /// A month was dropped while it was read.
    #[error("a month was deleted meanwhile; verify again")]
    Moved,
}

impl Report {
    pub fn holds(&self) -> bool {
        self.difference.is_none()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { players, entries, difference } = self;
        match difference {
            None => write!(f, "the ledger holds: {players} players, {entries} entries"),
            Some(Difference { player_id, version, what }) => write!(
                f,
                "the ledger does not hold: player {player_id}, version {version}: {what} \
                 ({players} players and {entries} entries were right before)"
            ),
        }
    }
}

/// Verifies the whole ledger up to its first difference. `progress` receives the number of verified
/// players and of all players. Chains whose first entries are archived begin with their saved
/// heads.
pub async fn verify(store: &Store, progress: impl FnMut(u64, u64)) -> Result<Report, VerifyError> {
    verify_after(store, None, progress).await
}

/// Verifies one player's chain and rows; `None` if the player does not exist.
pub async fn verify_player(store: &Store, player_id: i64) -> Result<Option<Report>, VerifyError> {
    let mut report = Report { players: 0, entries: 0, difference: None };
    let after = player_id - 1;
    loop {
        let mut heads = store.chain_heads_page(after, 1).await?;
        heads.retain(|head| head.player_id == player_id);
        if heads.is_empty() {
            return Ok(None);
        }
        let archived = store.archived_heads_range(after, player_id).await?;
        let rules = load_versions(store).await?;
        let mut page = PlayerBatch::new(after, player_id, heads, &rules);
        page.begin_after(store, &archived).await?;
        report.difference = page.verify(store, &mut report).await?;
        let is_moved = store.archived_heads_range(after, player_id).await? != archived;
        if report.holds() || !is_moved {
            return Ok(Some(report));
        }
        // A month was dropped meanwhile: the chain begins later now.
        report.entries = 0;
    }
}

/// Verifies the whole ledger with its archive: every chain from its first entry, and the files of
/// the months that are also in the database.
///
/// # Errors
/// A damaged or missing file.
pub async fn verify_archived(
    store: &Store,
    archive_store: &ArchiveStore,
    progress: impl FnMut(u64, u64),
) -> Result<Report, VerifyError> {
    let (gone, kept) = archived_months::manifests(store).await?;
    archived_months::check_files(archive_store, &kept).await?;
    let months = ArchivedMonths::open(archive_store, &gone).await?;
    verify_after(store, Some(months), progress).await
}

async fn verify_after(
    store: &Store,
    mut months: Option<ArchivedMonths<'_>>,
    mut progress: impl FnMut(u64, u64),
) -> Result<Report, VerifyError> {
    let total = count_players(store).await?;
    let mut report = Report { players: 0, entries: 0, difference: None };
    let mut after = i64::MIN;
    loop {
        let heads = store.chain_heads_page(after, PLAYERS).await?;
        let Some(last) = heads.last().map(|head| head.player_id) else {
            report.difference = find_missing_month(store).await?;
            return Ok(report);
        };
        let before = (report.players, report.entries);
        let archived = store.archived_heads_range(after, last).await?;
        let rules = load_versions(store).await?;
        let mut page = PlayerBatch::new(after, last, heads, &rules);
        report.difference = match &mut months {
            Some(months) => page.walk_archived(months, &archived, &mut report).await?,
            None => {
                page.begin_after(store, &archived).await?;
                None
            }
        };
        if report.difference.is_none() {
            report.difference = page.verify(store, &mut report).await?;
        }
        if report.difference.is_some() {
            // A month may have been dropped meanwhile: then the chains begin later now.
            if store.archived_heads_range(after, last).await? == archived {
                return Ok(report);
            }
            if months.is_some() {
                return Err(VerifyError::Moved);
            }
            (report.players, report.entries) = before;
            continue;
        }
        after = last;
        progress(report.players, total.max(report.players));
    }
}

/// The first month of which the ledger lacks entries. Chains do not reveal a restored month that is
/// missing again: they begin after its saved heads.
async fn find_missing_month(store: &Store) -> Result<Option<Difference>, StoreError> {
    for row in store.archives().await? {
        if !row.is_in_ledger() || store.count_month(row.month).await? >= row.entries {
            continue;
        }
        // It may have been dropped between the two statements.
        let row = store.find_archive(row.month).await?.filter(ArchiveRow::is_in_ledger);
        let Some(row) = row else { continue };
        let found = store.count_month(row.month).await?;
        if found >= row.entries {
            continue;
        }
        let (player_id, version) = row.keys.map_or((0, 0), |keys| keys.first);
        let (month, expected) = (row.month.0, row.entries);
        let what = format!("month {month} has {found} entries, its archive has {expected}");
        return Ok(Some(Difference { player_id, version, what }));
    }
    Ok(None)
}

async fn count_players(store: &Store) -> Result<u64, StoreError> {
    let (mut count, mut after) = (0, i64::MIN);
    loop {
        let page = store.player_scores_page(after, ROWS).await?;
        let Some(&(last, _)) = page.last() else { return Ok(count) };
        count += page.len() as u64;
        after = last;
    }
}

struct PlayerBatch {
    /// The player before the first one.
    after: i64,
    /// The last player.
    last: i64,
    chains: BTreeMap<i64, Chain>,
}

impl PlayerBatch {
    fn new(after: i64, last: i64, heads: Vec<Player>, rules: &RulesVersions) -> Self {
        let chain = |head: Player| (head.player_id, Chain::new(head, Arc::clone(rules)));
        Self { after, last, chains: heads.into_iter().map(chain).collect() }
    }

    /// Begins the chains after their dropped entries.
    async fn begin_after(
        &mut self,
        store: &Store,
        archived: &[ArchivedHead],
    ) -> Result<(), StoreError> {
        for head in archived {
            if let Some(chain) = self.chains.get_mut(&head.player_id) {
                chain.begin_after(head);
            }
        }
        for holding in store.archived_holdings_range(self.after, self.last).await? {
            if let Some(chain) = self.chains.get_mut(&holding.player_id) {
                chain.begin_with(&holding);
            }
        }
        Ok(())
    }

    /// Verifies the chains through the archive, and compares the saved heads.
    async fn walk_archived(
        &mut self,
        months: &mut ArchivedMonths<'_>,
        archived: &[ArchivedHead],
        report: &mut Report,
    ) -> Result<Option<Difference>, ArchiveError> {
        for head in archived {
            if let Some(chain) = self.chains.get_mut(&head.player_id) {
                chain.expect_archived(head);
            }
        }
        let (entries, wrong) = months.walk(&mut self.chains, self.last).await?;
        report.entries += entries;
        Ok(wrong.map(|(player_id, wrong)| difference(player_id, wrong)))
    }

    async fn verify(
        &mut self,
        store: &Store,
        report: &mut Report,
    ) -> Result<Option<Difference>, StoreError> {
        let found = self.walk(store, report).await?;
        let found = found.or_else(|| first(&self.chains, Chain::end));
        if found.is_some() {
            return Ok(found);
        }
        let holdings = self.check_holdings(store).await?;
        let found = match holdings {
            Some(found) => Some(found),
            None => self.check_unlocks(store).await?,
        };
        if found.is_none() {
            report.players += self.chains.len() as u64;
        }
        Ok(found)
    }

    /// Verifies the chains through the ledger.
    async fn walk(
        &mut self,
        store: &Store,
        report: &mut Report,
    ) -> Result<Option<Difference>, StoreError> {
        let mut after = (self.after, i64::MAX);
        loop {
            let rows = store.ledger_range(after, self.last, ROWS).await?;
            let Some((entry, _)) = rows.last() else { return Ok(None) };
            after = (entry.player_id, entry.version);
            for (entry, hash) in &rows {
                let added = match self.chains.get_mut(&entry.player_id) {
                    Some(chain) => chain.add(entry, *hash),
                    None => Err((entry.version, "there is no such player".to_owned())),
                };
                match added {
                    Ok(counted) => report.entries += u64::from(counted),
                    Err(wrong) => return Ok(Some(difference(entry.player_id, wrong))),
                }
            }
        }
    }

    /// Holdings have no versions: only those of players without new entries can be compared.
    async fn check_holdings(&self, store: &Store) -> Result<Option<Difference>, StoreError> {
        let mut held: BTreeMap<i64, BTreeMap<i64, Holding>> = BTreeMap::new();
        for (player_id, stock_id, holding) in store.holdings_range(self.after, self.last).await? {
            held.entry(player_id).or_default().insert(stock_id, holding);
        }
        let heads = store.chain_heads_page(self.after, PLAYERS).await?;
        let now: BTreeMap<i64, i64> =
            heads.into_iter().map(|head| (head.player_id, head.balance_version)).collect();
        Ok(first(&self.chains, |chain| {
            let head = &chain.head;
            if now.get(&head.player_id) != Some(&head.balance_version) {
                return Ok(());
            }
            chain.check_holdings(held.get(&head.player_id).unwrap_or(&BTreeMap::new()))
        }))
    }

    async fn check_unlocks(&self, store: &Store) -> Result<Option<Difference>, StoreError> {
        let mut unlocks: BTreeMap<i64, Vec<(i64, i64, i64)>> = BTreeMap::new();
        let rows = store.unlocks_range(self.after, self.last).await?;
        for (player_id, version, achievement_id, xp) in rows {
            unlocks.entry(player_id).or_default().push((version, achievement_id, xp));
        }
        Ok(first(&self.chains, |chain| {
            chain.check_unlocks(unlocks.get(&chain.head.player_id).map_or(&[], Vec::as_slice))
        }))
    }
}

/// The first violation in any chain.
fn first(
    chains: &BTreeMap<i64, Chain>,
    check: impl Fn(&Chain) -> Result<(), ChainViolation>,
) -> Option<Difference> {
    let found = |(player_id, chain): (&i64, &Chain)| {
        check(chain).err().map(|wrong| difference(*player_id, wrong))
    };
    chains.iter().find_map(found)
}

fn difference(player_id: i64, (version, what): ChainViolation) -> Difference {
    Difference { player_id, version, what }
}
