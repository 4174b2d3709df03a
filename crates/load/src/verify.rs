//! Verifies over the API at the end of a run that every acknowledged trade is in its player's
//! history once and unchanged, and that cash and shares add up. `history_verifier` checks a
//! history.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::task::JoinSet;

use crate::amount::fixed;
use crate::error::LoadError;
use crate::history_entry::{EntryResponse, HistoryEntry};
use crate::history_verifier::HistoryVerifier;
use crate::trade_response::Ack;
use crate::worker::{NO_SERVER, Worker};
use crate::{ProgressCallback, RunPhase};

/// The most reads of a player whose portfolio changes between two of them.
const TRIES: u32 = 4;

#[derive(Clone, Debug, Default, Serialize)]
pub struct Verification {
    /// Players with an acknowledged trade.
    pub players: u64,
    pub acknowledged: u64,
    /// Acknowledged trades that are in the ledger.
    pub found: u64,
    /// Entries since the first of them that were not acknowledged to this run.
    pub foreign: u64,
    /// The first violation, or why the run is not verified.
    pub difference: Option<String>,
}

/// Reads and checks the histories of all players with acknowledged trades.
pub(crate) async fn verify(
    workers: Vec<Worker>,
    acks: Vec<Ack>,
    progress: ProgressCallback,
) -> Result<Verification, LoadError> {
    let acknowledged = acks.len() as u64;
    let common = workers.first().map(|worker| Arc::clone(&worker.common));
    let mut by_player: BTreeMap<usize, Vec<Ack>> = BTreeMap::new();
    for ack in acks {
        by_player.entry(ack.player).or_default().push(ack);
    }
    let players: Arc<[(usize, Vec<Ack>)]> = by_player.into_iter().collect();
    let total = players.len() as u64;
    let next = Arc::new(AtomicUsize::new(0));
    let ended = Arc::new(AtomicBool::new(false));
    let mut running = JoinSet::new();
    for mut worker in workers {
        let (players, progress) = (players.clone(), progress.clone());
        let (next, ended) = (next.clone(), ended.clone());
        running.spawn(async move {
            let mut checked = PlayerCheck::default();
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some((player, acks)) = players.get(at) else { return checked };
                check_player(&mut worker, *player, acks, &mut checked).await;
                // One violation is enough, and a server that is gone would cost a timeout each
                // time.
                if checked.difference.is_some() {
                    ended.store(true, Ordering::Relaxed);
                }
                if ended.load(Ordering::Relaxed) {
                    return checked;
                }
                progress(RunPhase::Verifying, at as u64 + 1, total);
            }
        });
    }
    let mut all = PlayerCheck::default();
    while let Some(checked) = running.join_next().await {
        all.add(checked?);
    }
    // Without acknowledged trades, nothing was read.
    let is_lost = common.is_some_and(|common| common.contact.is_lost());
    let lost = is_lost.then(|| NO_SERVER.to_owned());
    let difference = all.difference.map(|(_, text)| text).or(lost);
    Ok(Verification {
        players: total,
        acknowledged,
        found: all.found,
        foreign: all.foreign,
        difference,
    })
}

#[derive(Debug, Default)]
struct PlayerCheck {
    found: u64,
    foreign: u64,
    /// The player and the violation.
    difference: Option<(usize, String)>,
}

impl PlayerCheck {
    fn add(&mut self, other: Self) {
        self.found += other.found;
        self.foreign += other.foreign;
        self.difference = match (self.difference.take(), other.difference) {
            (Some(one), Some(two)) => Some(one.min(two)),
            (one, two) => one.or(two),
        };
    }
}

async fn check_player(worker: &mut Worker, player: usize, acks: &[Ack], checked: &mut PlayerCheck) {
    for tried in 1..=TRIES {
        let mut verifier = match HistoryVerifier::new(acks) {
            Ok(verifier) => verifier,
            Err(text) => return checked.add(difference(player, text)),
        };
        let verified = verify_history(worker, player, &mut verifier).await;
        let agreed = match verified {
            Ok(()) => compare_portfolio(worker, player, &verifier).await,
            Err(text) => Err(text),
        };
        // Others may have traded between the two reads: read again, and give up after all attempts.
        if agreed == Ok(false) && tried < TRIES {
            continue;
        }
        checked.add(PlayerCheck {
            found: verifier.found,
            foreign: verifier.foreign,
            difference: None,
        });
        if let Err(text) = agreed {
            checked.add(difference(player, text));
        }
        return;
    }
}

fn difference(player: usize, text: String) -> PlayerCheck {
    PlayerCheck { difference: Some((player, text)), ..PlayerCheck::default() }
}

#[derive(Deserialize)]
struct ListPage<T> {
    data: Vec<T>,
    meta: Meta,
}

#[derive(Deserialize)]
struct Meta {
    next_cursor: Option<String>,
    last_page: Option<u64>,
}

#[derive(Deserialize)]
struct Holding {
    stock_symbol: String,
    quantity: Box<RawValue>,
}

/// Reads a history back to the entry before the first acknowledged trade.
async fn verify_history(
    worker: &mut Worker,
    player: usize,
    verifier: &mut HistoryVerifier,
) -> Result<(), String> {
    let mut path = "/api/portfolio/transactions?limit=100".to_owned();
    loop {
        let page: ListPage<EntryResponse> = worker.read(player, &path).await?;
        for row in page.data {
            if !verifier.push(HistoryEntry::parse(row)?)? {
                return verifier.finish();
            }
        }
        let Some(cursor) = page.meta.next_cursor else { return verifier.finish() };
        path = format!("/api/portfolio/transactions?limit=100&cursor={cursor}");
    }
}

/// Whether the portfolio has the shares that the history left; `false` if another client traded.
async fn compare_portfolio(
    worker: &mut Worker,
    player: usize,
    verifier: &HistoryVerifier,
) -> Result<bool, String> {
    let mut held: HashMap<String, i64> = HashMap::new();
    for number in 1.. {
        let path = format!("/api/portfolio?per_page=100&page={number}");
        let page: ListPage<Holding> = worker.read(player, &path).await?;
        for row in page.data {
            let quantity = fixed(row.quantity.get(), 6).ok_or_else(|| {
                let (symbol, quantity) = (&row.stock_symbol, row.quantity.get());
                format!("the portfolio has {quantity:?} shares of {symbol} (player {player})")
            })?;
            held.insert(row.stock_symbol, quantity);
        }
        if page.meta.last_page.is_none_or(|last| number >= last) {
            break;
        }
    }
    let mut differing = verifier
        .newest
        .iter()
        .filter(|(symbol, quantity)| held.get(*symbol).copied().unwrap_or(0) != **quantity);
    let Some((symbol, _)) = differing.next() else { return Ok(true) };
    let head: ListPage<EntryResponse> =
        worker.read(player, "/api/portfolio/transactions?limit=1").await?;
    let head = head.data.into_iter().next().map(HistoryEntry::parse).transpose()?;
    if head.is_none_or(|head| head.version != verifier.head) {
        return Ok(false);
    }
    Err(format!("the portfolio has other shares of {symbol} than the ledger (player {player})"))
}

#[cfg(test)]
mod tests;
