//! Settling a batch, the pure part: requests in the order of their arrival against the state that
//! was loaded for them gives a verdict each, and what is to be written. It loads, writes and waits
//! for nothing; that is `lane`.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use domain::{Action, Fill, Month, Note, Outcome, Quote, Rejection, Rules, UnixMicros, settle};
use store::{BatchState, IdempotencyRecord, LoadKey, PlayerUpdate, SeenKey};

use crate::{Answer, Request};

/// What becomes of one request.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly every verdict is the large one")]
pub(crate) enum Verdict {
    /// The player is not there (any more).
    UnknownPlayer,
    /// The answer holds once the player's change is committed.
    Settled(Answer),
    /// It was done before: the kept answer is given again.
    Replay(Kept),
}

/// What is kept under an idempotency key.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    /// The ledger entry of a fill.
    pub(crate) version: Option<(Month, i64)>,
    /// The rejection of a refusal. With neither, the key belongs to a pending order.
    pub(crate) rejection: Option<Rejection>,
    /// The request that did it.
    pub(crate) request_id: String,
}

/// A settled batch.
#[derive(Debug)]
pub(crate) struct Settled {
    /// One for each request, in their order.
    pub(crate) verdicts: Vec<Verdict>,
    /// What is to be written, by player.
    pub(crate) changes: Vec<PlayerUpdate>,
}

/// What has to be loaded for these requests, each once and in the order of keys.
pub(crate) fn wanted(requests: &[&Request]) -> (Vec<LoadKey>, Vec<(i64, String)>) {
    let wanted = requests.iter().map(|request| {
        let (stock_id, about_version, note) = match &request.action {
            Action::Trade(order, note) => (Some(order.stock_id), None, note.as_ref()),
            Action::Annotate { about_version, stock_id, note } => {
                (Some(*stock_id), Some(*about_version), Some(note))
            }
        };
        let text_key = note.map(Note::text_key);
        LoadKey { player_id: request.player_id, stock_id, about_version, text_key }
    });
    let wanted: BTreeSet<LoadKey> = wanted.collect();
    let keys: BTreeSet<(i64, &str)> = requests.iter().filter_map(|r| key_of(r)).collect();
    let keys = keys.into_iter().map(|(player_id, key)| (player_id, key.to_owned()));
    (wanted.into_iter().collect(), keys.collect())
}

/// Settles the requests in their order; those of one player see each other. `quotes` gives the
/// quote of the request at a place, or why there is none.
pub(crate) fn settle_batch(
    requests: &[&Request],
    state: BatchState,
    quotes: &dyn Fn(usize) -> Result<Quote, Rejection>,
    rules: &Rules,
    now: UnixMicros,
) -> Settled {
    let changes = state.players.into_iter().map(|(player_id, player)| {
        let (version_before, head_before) = (player.balance_version, player.head_hash);
        let (fills, notes, records) = (Vec::new(), Vec::new(), Vec::new());
        (player_id, PlayerUpdate { player, version_before, head_before, fills, notes, records })
    });
    let mut batch = Batch { seen: state.seen, changes: changes.collect(), firsts: HashMap::new() };
    let verdicts = requests.iter().enumerate();
    let verdicts = verdicts.map(|(place, request)| {
        let quote = || quotes(place);
        batch.decide(request, &quote, rules, now)
    });
    let verdicts = verdicts.collect();
    let changes = batch.changes.into_values();
    let changes = changes.filter(|c| !c.fills.is_empty() || !c.records.is_empty()).collect();
    Settled { verdicts, changes }
}

/// The state of a batch while it is settled.
struct Batch<'a> {
    seen: HashMap<(i64, String), SeenKey>,
    changes: BTreeMap<i64, PlayerUpdate>,
    /// The first request of each key in this batch with a final outcome.
    firsts: HashMap<(i64, &'a str), (&'a Request, Outcome)>,
}

impl<'a> Batch<'a> {
    fn decide(
        &mut self,
        request: &'a Request,
        quote: &dyn Fn() -> Result<Quote, Rejection>,
        rules: &Rules,
        now: UnixMicros,
    ) -> Verdict {
        if !self.changes.contains_key(&request.player_id) {
            return Verdict::UnknownPlayer;
        }
        if let Some(known) = self.find_known(request) {
            return known;
        }
        let Some(change) = self.changes.get_mut(&request.player_id) else {
            return Verdict::UnknownPlayer;
        };
        let action = &request.action;
        let outcome = settle(&mut change.player, action, quote(), rules, now);
        if let Ok(fill) = &outcome {
            change.fills.push(fill.clone());
            if let Some((version, note)) = note_of(action, fill) {
                // One row a trade: the last note of a batch is the one that is written.
                change.notes.retain(|(about, _)| *about != version);
                change.notes.push((version, note.clone()));
            }
        }
        let is_final = outcome.as_ref().err().is_none_or(|rejection| rejection.is_final());
        if let Some(key) = key_of(request).filter(|_| is_final) {
            change.records.extend(record(request, &outcome));
            self.firsts.insert(key, (request, outcome.clone()));
        }
        Verdict::Settled(Answer { outcome, first_request_id: None })
    }

    /// What is already known of a request with a key: from the database, or from this batch.
    fn find_known(&self, request: &Request) -> Option<Verdict> {
        let idempotency = request.idempotency.as_ref()?;
        let reused = Verdict::Settled(Answer {
            outcome: Err(Rejection::IdempotencyKeyReused),
            first_request_id: None,
        });
        let key = (request.player_id, idempotency.key.clone());
        if let Some(seen) = self.seen.get(&key) {
            if seen.fingerprint[..] != idempotency.fingerprint[..] {
                return Some(reused);
            }
            return Some(Verdict::Replay(Kept {
                version: seen.version,
                rejection: seen.rejection,
                request_id: seen.request_id.clone(),
            }));
        }
        let (first, outcome) = self.firsts.get(&(request.player_id, idempotency.key.as_str()))?;
        if first.idempotency.as_ref().map(|i| i.fingerprint) != Some(idempotency.fingerprint) {
            return Some(reused);
        }
        Some(Verdict::Settled(Answer {
            outcome: outcome.clone(),
            first_request_id: Some(first.request_id.clone()),
        }))
    }
}

fn key_of(request: &Request) -> Option<(i64, &str)> {
    request.idempotency.as_ref().map(|i| (request.player_id, i.key.as_str()))
}

/// The note to write, and the version of the trade it is about.
fn note_of<'n>(action: &'n Action, fill: &Fill) -> Option<(i64, &'n Note)> {
    match action {
        Action::Trade(_, note) => note.as_ref().map(|note| (fill.entry.version, note)),
        Action::Annotate { about_version, note, .. } => Some((*about_version, note)),
    }
}

/// What is kept of an outcome under the request's key.
fn record(request: &Request, outcome: &Outcome) -> Option<IdempotencyRecord> {
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
