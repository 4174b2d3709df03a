//! Settling a batch, without I/O: requests in order of arrival and the loaded state give the
//! outcome of each request and the changes to write.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use domain::{Action, Fill, Note, Outcome, Quote, Rejection, UnixMicros, VersionedRules, settle};
use store::{BatchState, IdempotencyRecord, LoadKey, PlayerUpdate, StoredOutcome};

use crate::{DeskRequest, OrderResponse};

/// The result of one request.
#[derive(Debug)]
pub(crate) enum Settlement {
    /// The player does not exist.
    UnknownPlayer,
    /// Valid once the player's change is committed.
    Settled(OrderResponse),
    /// The key was used before: the stored outcome is returned (idempotent replay).
    Replay(StoredOutcome),
}

/// A settled batch.
#[derive(Debug)]
pub(crate) struct SettledBatch {
    /// One for each request, in order.
    pub(crate) settlements: Vec<Settlement>,
    /// The changes to write, by player.
    pub(crate) changes: Vec<PlayerUpdate>,
}

/// The rows and idempotency keys to load for these requests, sorted and without duplicates.
pub(crate) fn load_keys(requests: &[&DeskRequest]) -> (Vec<LoadKey>, Vec<(i64, String)>) {
    let load_keys = requests.iter().map(|request| {
        let (stock_id, about_version, note) = match &request.action {
            Action::Trade(order, note) => (Some(order.stock_id), None, note.as_ref()),
            Action::Annotate { about_version, stock_id, note } => {
                (Some(*stock_id), Some(*about_version), Some(note))
            }
            Action::Award => (None, None, None),
        };
        let text_key = note.map(Note::text_key);
        LoadKey { player_id: request.player_id, stock_id, about_version, text_key }
    });
    let load_keys: BTreeSet<LoadKey> = load_keys.collect();
    let keys: BTreeSet<(i64, &str)> = requests.iter().filter_map(|r| key_of(r)).collect();
    let keys = keys.into_iter().map(|(player_id, key)| (player_id, key.to_owned()));
    (load_keys.into_iter().collect(), keys.collect())
}

/// Settles the requests in order; a later request of a player sees the earlier ones. `quotes`
/// returns the quote for the request at an index, or why there is none.
pub(crate) fn settle_batch(
    requests: &[&DeskRequest],
    state: BatchState,
    quotes: &dyn Fn(usize) -> Result<Quote, Rejection>,
    rules: &VersionedRules,
    now: UnixMicros,
) -> SettledBatch {
    let changes = state.players.into_iter().map(|(player_id, player)| {
        let (version_before, head_before) = (player.balance_version, player.head_hash);
        let (fills, notes, records) = (Vec::new(), Vec::new(), Vec::new());
        (player_id, PlayerUpdate { player, version_before, head_before, fills, notes, records })
    });
    let mut batch =
        BatchInProgress { seen: state.seen, changes: changes.collect(), firsts: HashMap::new() };
    let settlements = requests.iter().enumerate();
    let settlements = settlements.map(|(place, request)| {
        let quote = || quotes(place);
        batch.decide(request, &quote, rules, now)
    });
    let settlements = settlements.collect();
    let changes = batch.changes.into_values();
    let changes = changes.filter(|c| !c.fills.is_empty() || !c.records.is_empty()).collect();
    SettledBatch { settlements, changes }
}

/// The state of a batch while it is settled.
struct BatchInProgress<'a> {
    seen: HashMap<(i64, String), StoredOutcome>,
    changes: BTreeMap<i64, PlayerUpdate>,
    /// The first request of each key in this batch, if its outcome is final.
    firsts: HashMap<(i64, &'a str), (&'a DeskRequest, Outcome)>,
}

impl<'a> BatchInProgress<'a> {
    fn decide(
        &mut self,
        request: &'a DeskRequest,
        quote: &dyn Fn() -> Result<Quote, Rejection>,
        rules: &VersionedRules,
        now: UnixMicros,
    ) -> Settlement {
        if !self.changes.contains_key(&request.player_id) {
            return Settlement::UnknownPlayer;
        }
        if let Some(known) = self.find_known(request) {
            return known;
        }
        let Some(change) = self.changes.get_mut(&request.player_id) else {
            return Settlement::UnknownPlayer;
        };
        let action = &request.action;
        let outcome = settle(&mut change.player, action, quote(), rules, now);
        if let Ok(fill) = &outcome {
            change.fills.push(fill.clone());
            if let Some((version, note)) = note_of(action, fill) {
                // One row for each trade: the last note of a batch is written.
                change.notes.retain(|(about, _)| *about != version);
                change.notes.push((version, note.clone()));
            }
        }
        let is_final = outcome.as_ref().err().is_none_or(|rejection| rejection.is_final());
        if let Some(key) = key_of(request).filter(|_| is_final) {
            change.records.extend(record(request, &outcome));
            self.firsts.insert(key, (request, outcome.clone()));
        }
        Settlement::Settled(OrderResponse { outcome, first_request_id: None })
    }

    /// The outcome of the request's key, from the database or from this batch.
    fn find_known(&self, request: &DeskRequest) -> Option<Settlement> {
        let idempotency = request.idempotency.as_ref()?;
        let reused = Settlement::Settled(OrderResponse {
            outcome: Err(Rejection::IdempotencyKeyReused),
            first_request_id: None,
        });
        let key = (request.player_id, idempotency.key.clone());
        if let Some(seen) = self.seen.get(&key) {
            if seen.fingerprint[..] != idempotency.fingerprint[..] {
                return Some(reused);
            }
            return Some(Settlement::Replay(seen.clone()));
        }
        let (first, outcome) = self.firsts.get(&(request.player_id, idempotency.key.as_str()))?;
        if first.idempotency.as_ref().map(|i| i.fingerprint) != Some(idempotency.fingerprint) {
            return Some(reused);
        }
        Some(Settlement::Settled(OrderResponse {
            outcome: outcome.clone(),
            first_request_id: Some(first.request_id.clone()),
        }))
    }
}

fn key_of(request: &DeskRequest) -> Option<(i64, &str)> {
    request.idempotency.as_ref().map(|i| (request.player_id, i.key.as_str()))
}

/// The note to write, and the version of the trade it is about.
fn note_of<'n>(action: &'n Action, fill: &Fill) -> Option<(i64, &'n Note)> {
    match action {
        Action::Trade(_, note) => note.as_ref().map(|note| (fill.entry.version, note)),
        Action::Annotate { about_version, note, .. } => Some((*about_version, note)),
        Action::Award => None,
    }
}

/// The record to store under the request's key.
fn record(request: &DeskRequest, outcome: &Outcome) -> Option<IdempotencyRecord> {
    let idempotency = request.idempotency.as_ref()?;
    let fill = outcome.as_ref().ok();
    Some(IdempotencyRecord {
        key: idempotency.key.clone(),
        fingerprint: idempotency.fingerprint,
        version: fill.map(|fill| (fill.entry.month, fill.entry.version)),
        rejection: outcome.as_ref().err().copied(),
        request_id: request.request_id.clone(),
    })
}

#[cfg(test)]
mod tests;
