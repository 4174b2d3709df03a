//! The check from outside at the end of a run: every acknowledged trade is in its player's history
//! once, as it was acknowledged, and cash and shares add up. What is checked of a history stands in
//! `chain`; here it is read.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::amount::fixed;
use crate::chain::Chain;
use crate::client::Call;
use crate::entry::{Entry, EntryRow};
use crate::error::LoadError;
use crate::worker::{Ack, Worker};
use crate::{Progress, RunPhase};

/// How often a player is read again because others traded meanwhile.
const TRIES: u32 = 4;

/// What the check came to.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Verification {
    /// Players with an acknowledged trade.
    pub players: u64,
    /// Acknowledged trades.
    pub acknowledged: u64,
    /// Acknowledged trades that are in the ledger.
    pub found: u64,
    /// Entries since the first of them that were not acknowledged to this run.
    pub foreign: u64,
    /// The first thing that does not hold.
    pub difference: Option<String>,
}

/// Reads and checks the histories of all players with acknowledged trades.
pub(crate) async fn verify(
    workers: Vec<Worker>,
    acks: Vec<Ack>,
    progress: Progress,
) -> Result<Verification, LoadError> {
    let acknowledged = acks.len() as u64;
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
                // One difference is enough; a server that is away would be waited for each time.
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
    let difference = all.difference.map(|(_, text)| text);
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
    /// The player and what does not hold.
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
        let mut chain = match Chain::new(acks) {
            Ok(chain) => chain,
            Err(text) => return checked.add(difference(player, text)),
        };
        let walked = walk(worker, player, &mut chain).await;
        let agreed = match walked {
            Ok(()) => agrees(worker, player, &chain).await,
            Err(text) => Err(text),
        };
        // Others may have traded between the readings; that is looked at again, and left at last.
        if agreed == Ok(false) && tried < TRIES {
            continue;
        }
        checked.add(PlayerCheck { found: chain.found, foreign: chain.foreign, difference: None });
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
struct Page<T> {
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
async fn walk(worker: &mut Worker, player: usize, chain: &mut Chain) -> Result<(), String> {
    let mut path = "/api/portfolio/transactions?limit=100".to_owned();
    loop {
        let page: Page<EntryRow> = read(worker, player, &path).await?;
        for row in page.data {
            if !chain.push(Entry::read(row)?)? {
                return chain.finish();
            }
        }
        let Some(cursor) = page.meta.next_cursor else { return chain.finish() };
        path = format!("/api/portfolio/transactions?limit=100&cursor={cursor}");
    }
}

/// Whether the portfolio has the shares that the history left; `false` when others traded.
async fn agrees(worker: &mut Worker, player: usize, chain: &Chain) -> Result<bool, String> {
    let mut held: HashMap<String, i64> = HashMap::new();
    for number in 1.. {
        let path = format!("/api/portfolio?per_page=100&page={number}");
        let page: Page<Holding> = read(worker, player, &path).await?;
        for row in page.data {
            let quantity = fixed(row.quantity.get(), 6).unwrap_or(i64::MIN);
            held.insert(row.stock_symbol, quantity);
        }
        if page.meta.last_page.is_none_or(|last| number >= last) {
            break;
        }
    }
    let mut differing = chain
        .newest
        .iter()
        .filter(|(symbol, quantity)| held.get(*symbol).copied().unwrap_or(0) != **quantity);
    let Some((symbol, _)) = differing.next() else { return Ok(true) };
    let head: Page<EntryRow> = read(worker, player, "/api/portfolio/transactions?limit=1").await?;
    let head = head.data.into_iter().next().map(Entry::read).transpose()?;
    if head.is_none_or(|head| head.version != chain.head) {
        return Ok(false);
    }
    Err(format!("the portfolio has other shares of {symbol} than the ledger (player {player})"))
}

async fn read<T: DeserializeOwned>(
    worker: &mut Worker,
    player: usize,
    path: &str,
) -> Result<T, String> {
    let call = Call::get(path, Some(&worker.common.logins[player].bearer));
    let answer = worker.ask(&call, Instant::now()).await;
    let answer = answer.ok_or_else(|| {
        if worker.common.contact.is_lost() {
            return "no server answers any more: the run ended early and is not verified"
                .to_owned();
        }
        format!("no good answer to GET {path} (player {player})")
    })?;
    let parsed = serde_json::from_slice(&answer.body);
    parsed.map_err(|_| format!("the answer to GET {path} cannot be read (player {player})"))
}
