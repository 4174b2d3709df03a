//! Checks every response: a fill is in the ledger once, at the quote of its settlement; a rejection
//! has a reason; a key has one outcome. `account` checks the entries themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use domain::{EntryKind, Fill, Hash, LedgerEntry, Outcome, Quote, Rejection, Rules, UnixMicros};
use store::StoreError;
use tokio::sync::oneshot::Receiver;
use tokio::sync::oneshot::error::TryRecvError;
use trading::{DeskError, DeskRequest, OrderResponse};

use crate::account::{Account, must};
use crate::reasons::{check_rejection, made};
use crate::trace::Trace;

/// The state of a request as its client sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Waiting,
    Responded,
    /// Its node died before it was written.
    Lost,
    /// It may be committed; its response was not received.
    Unconfirmed,
}

/// What a node saw when it settled.
pub(crate) struct Seen {
    pub(crate) now: UnixMicros,
    pub(crate) quotes: BTreeMap<i64, Quote>,
}

pub(crate) struct Sent {
    pub(crate) request: DeskRequest,
    pub(crate) fate: Fate,
    /// The client has disconnected.
    pub(crate) is_disconnected: bool,
    response: Receiver<Result<OrderResponse, DeskError>>,
    /// The newest version when it was loaded.
    pub(crate) loaded: i64,
    pub(crate) seen: Option<Rc<Seen>>,
}

/// The outcome of a key.
struct KeyOutcome {
    fingerprint: [u8; 32],
    outcome: Outcome,
    /// The request that decided it.
    by: usize,
}

pub(crate) struct Judge {
    pub(crate) rules: Rc<Rules>,
    pub(crate) accounts: BTreeMap<i64, Account>,
    pub(crate) sent: Vec<Sent>,
    /// Whether the database fails, so that orders may stay without an outcome.
    pub(crate) is_failing: bool,
    known: BTreeMap<(i64, String), KeyOutcome>,
    /// Keys whose request was rejected for a reason that may pass, so that nothing is stored.
    refused: BTreeSet<(i64, String)>,
    /// Which request made an entry.
    claims: BTreeMap<(i64, i64), usize>,
}

impl Judge {
    pub(crate) fn new(rules: &Rules, players: &[i64]) -> Self {
        Self {
            rules: Rc::new(rules.clone()),
            accounts: players.iter().map(|id| (*id, Account::new(*id))).collect(),
            sent: Vec::new(),
            is_failing: false,
            known: BTreeMap::new(),
            refused: BTreeSet::new(),
            claims: BTreeMap::new(),
        }
    }

    /// Records a request that was sent; returns its number.
    pub(crate) fn sent(
        &mut self,
        request: DeskRequest,
        response: Receiver<Result<OrderResponse, DeskError>>,
    ) -> usize {
        let (fate, is_disconnected, loaded, seen) = (Fate::Waiting, false, 1, None);
        self.sent.push(Sent { request, fate, is_disconnected, response, loaded, seen });
        self.sent.len() - 1
    }

    pub(crate) fn loaded(&mut self, numbers: &[usize]) {
        for &number in numbers {
            let sent = &mut self.sent[number];
            sent.loaded = self.accounts[&sent.request.player_id].version();
        }
    }

    pub(crate) fn settled(&mut self, numbers: &[usize], seen: &Rc<Seen>) {
        numbers.iter().for_each(|&number| self.sent[number].seen = Some(Rc::clone(seen)));
    }

    /// The requests that died with their node.
    pub(crate) fn died(&mut self, numbers: &[usize]) {
        for &number in numbers {
            let sent = &mut self.sent[number];
            if sent.fate == Fate::Waiting {
                sent.fate = Fate::Lost;
            }
        }
    }

    pub(crate) fn is_waiting(&self, number: usize) -> bool {
        self.sent[number].fate == Fate::Waiting
    }

    /// Whether the outcome of the request's key is known; true without a key.
    pub(crate) fn is_resolved(&self, request: &DeskRequest) -> bool {
        let is_known =
            |key: &(i64, String)| self.known.contains_key(key) || self.refused.contains(key);
        key_of(request).is_none_or(|(key, _)| is_known(&key))
    }

    /// Keys that were rejected for a reason that may pass are no longer resolved.
    pub(crate) fn doubt_refusals(&mut self) {
        self.refused.clear();
    }

    /// Keys under which nothing may be stored.
    pub(crate) fn free_keys(&self) -> impl Iterator<Item = &(i64, String)> {
        self.refused.iter().filter(|key| !self.known.contains_key(*key))
    }

    /// Every key with its outcome and the id of the request that decided it.
    pub(crate) fn outcomes(&self) -> impl Iterator<Item = (&(i64, String), &Outcome, &str)> {
        let by = |known: &KeyOutcome| self.sent[known.by].request.request_id.as_str();
        self.known.iter().map(move |(key, known)| (key, &known.outcome, by(known)))
    }

    /// The request that made this entry, if known.
    pub(crate) fn maker(&self, player_id: i64, version: i64) -> Option<&DeskRequest> {
        self.claims.get(&(player_id, version)).map(|&number| &self.sent[number].request)
    }

    /// The responses that have arrived, in the order of the requests. Those of disconnected clients
    /// are dropped.
    pub(crate) fn take_responses(&mut self) -> Result<Vec<(usize, OrderResponse)>, String> {
        let mut responses = Vec::new();
        for (number, sent) in self.sent.iter_mut().enumerate() {
            if sent.fate != Fate::Waiting {
                continue;
            }
            match sent.response.try_recv() {
                Err(TryRecvError::Empty) => {}
                Err(TryRecvError::Closed) => {
                    return Err(format!("request {number} was dropped by a node that lives"));
                }
                Ok(_) if sent.is_disconnected => sent.fate = Fate::Unconfirmed,
                // Its connection was reset before the COMMIT.
                Ok(Err(DeskError::Store(error)))
                    if self.is_failing && matches!(*error, StoreError::Unavailable(_)) =>
                {
                    sent.fate = Fate::Lost;
                }
                Ok(Err(error)) => {
                    return Err(format!("request {number} failed: {}", causes(&error)));
                }
                Ok(Ok(response)) => {
                    sent.fate = Fate::Responded;
                    responses.push((number, response));
                }
            }
        }
        Ok(responses)
    }

    /// Takes the next row of the ledger. A request must have made it: one with a response now,
    /// or an unconfirmed one.
    pub(crate) fn take_row(
        &mut self,
        entry: &LedgerEntry,
        hash: Hash,
        responses: &[(usize, OrderResponse)],
    ) -> Result<(), String> {
        let account = self.accounts.get_mut(&entry.player_id).expect("a player");
        account.add(entry, hash, &self.rules)?;
        let has_response = responses.iter().any(|(_, response)| {
            response.outcome.as_ref().is_ok_and(|f| f.hash == hash && f.entry == *entry)
        });
        let unconfirmed =
            |sent: &Sent| sent.fate == Fate::Unconfirmed && made(sent, entry, &self.rules).is_ok();
        must(has_response || entry.version == 1 || self.sent.iter().any(unconfirmed), || {
            format!("no request made the entry {:?}", (entry.player_id, entry.version))
        })
    }

    /// Checks one response, after the rows of its commit were taken.
    pub(crate) fn judge(
        &mut self,
        number: usize,
        response: OrderResponse,
        trace: &Trace,
    ) -> Result<(), String> {
        let OrderResponse { outcome, first_request_id: first } = response;
        trace.note(&format!("{} {}", describe(number, &outcome), first.as_deref().unwrap_or("")));
        let request = self.sent[number].request.clone();
        let wrong = |what: &str| Err(format!("request {number}: {what}"));
        if let Err(Rejection::Contended) = outcome {
            trace.count(|counts| counts.contended += 1);
            return must(first.is_none(), || "a stored `contended`".to_owned());
        }
        let Some((key, fingerprint)) = key_of(&request) else {
            if first.is_some() {
                return wrong("a replay without a key");
            }
            return self.take_outcome(number, &outcome, trace);
        };
        if outcome == Err(Rejection::IdempotencyKeyReused) {
            trace.count(|counts| counts.refusals += 1);
            let is_reused = self.is_reused(&key, fingerprint);
            return must(is_reused, || format!("request {number}: the key was not reused"));
        }
        if outcome.as_ref().is_err_and(|rejection| !rejection.is_final()) {
            must(first.is_none(), || {
                format!("request {number}: a stored rejection that may pass")
            })?;
            self.refused.insert(key);
            return self.take_outcome(number, &outcome, trace);
        }
        if let Some(known) = self.known.get(&key) {
            trace.count(|counts| counts.replays += 1);
            let by = &self.sent[known.by].request.request_id;
            if known.fingerprint != fingerprint {
                return wrong("another body was answered under a key that was used");
            }
            if known.outcome != outcome {
                return wrong("the same key and body were answered differently");
            }
            return must(first.as_deref() == Some(by), || format!("{number}: not {by}'s replay"));
        }
        let by = match first {
            None => number,
            Some(id) => match self.sent.iter().position(|sent| sent.request.request_id == id) {
                Some(by) if key_of(&self.sent[by].request) == Some((key.clone(), fingerprint)) => {
                    trace.count(|counts| counts.replays += 1);
                    must(self.sent[by].fate == Fate::Unconfirmed, || {
                        format!("{id} is not unconfirmed")
                    })?;
                    by
                }
                _ => return wrong("the replay of a request that was never sent"),
            },
        };
        self.take_outcome(by, &outcome, trace)?;
        self.known.insert(key, KeyOutcome { fingerprint, outcome, by });
        Ok(())
    }

    /// Whether the key belongs to a request with another fingerprint.
    fn is_reused(&self, key: &(i64, String), fingerprint: [u8; 32]) -> bool {
        let is_other = |sent: &Sent| {
            key_of(&sent.request)
                .is_some_and(|(other, print)| other == *key && print != fingerprint)
        };
        match self.known.get(key) {
            Some(known) => known.fingerprint != fingerprint,
            None => self.sent.iter().any(is_other),
        }
    }

    /// A first outcome of the request with this number.
    fn take_outcome(
        &mut self,
        number: usize,
        outcome: &Outcome,
        trace: &Trace,
    ) -> Result<(), String> {
        let at = |what: String| format!("request {number}: {what}");
        match outcome {
            Ok(fill) => {
                trace.count(|counts| counts.fills += 1);
                let is_award = fill.entry.kind == EntryKind::Award;
                trace.count(|counts| counts.awards += u64::from(is_award));
                self.take_fill(number, fill).map_err(at)
            }
            Err(rejection) => {
                trace.count(|counts| counts.refusals += 1);
                let sent = &self.sent[number];
                let account = &self.accounts[&sent.request.player_id];
                check_rejection(sent, *rejection, account, &self.rules).map_err(at)
            }
        }
    }

    fn take_fill(&mut self, number: usize, fill: &Fill) -> Result<(), String> {
        let (player, version) = (fill.entry.player_id, fill.entry.version);
        let sent = &self.sent[number];
        must(sent.request.player_id == player, || "another player's entry".to_owned())?;
        let stands = self.accounts[&player].entry(version);
        must(stands == Some(&(fill.entry.clone(), fill.hash)), || {
            format!("its entry {version} is not in the ledger as it was answered")
        })?;
        made(sent, &fill.entry, &self.rules)?;
        let xp: i64 = fill.unlocked.iter().map(|unlock| unlock.xp).sum();
        must(xp == fill.entry.xp_achievements, || "XP of achievements".to_owned())?;
        match self.claims.insert((player, version), number) {
            None => Ok(()),
            Some(other) => Err(format!("its entry {version} is request {other}'s")),
        }
    }

    /// At the end: entries without a response belong to as many unconfirmed requests without a key.
    pub(crate) fn check_unclaimed(&self) -> Result<u64, String> {
        let mut free: Vec<&Sent> = self.sent.iter().collect();
        free.retain(|sent| sent.fate == Fate::Unconfirmed && sent.request.idempotency.is_none());
        let mut found = 0;
        for (entry, _) in self.accounts.values().flat_map(|account| &account.chain) {
            let place = (entry.player_id, entry.version);
            if entry.kind == EntryKind::Open || self.claims.contains_key(&place) {
                continue;
            }
            let Some(at) = free.iter().position(|sent| made(sent, entry, &self.rules).is_ok())
            else {
                return Err(format!("no request made the entry {place:?}"));
            };
            free.swap_remove(at);
            found += 1;
        }
        Ok(found)
    }
}

/// The request's key with its player, and the fingerprint.
fn key_of(request: &DeskRequest) -> Option<((i64, String), [u8; 32])> {
    let idempotency = request.idempotency.as_ref()?;
    Some(((request.player_id, idempotency.key.clone()), idempotency.fingerprint))
}

/// The error with its sources.
fn causes(error: &dyn std::error::Error) -> String {
    error.source().map_or(error.to_string(), |source| format!("{error}: {}", causes(source)))
}

fn describe(number: usize, outcome: &Outcome) -> String {
    match outcome {
        Ok(Fill { entry, .. }) => {
            let (player, version, cash) = (entry.player_id, entry.version, entry.cash_after.0);
            format!("request {number}: entry {version} of player {player}, {cash} cents")
        }
        Err(rejection) => format!("request {number}: {}", rejection.code()),
    }
}
