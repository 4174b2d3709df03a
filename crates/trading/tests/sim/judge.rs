//! What is known of every request, and whether an answer may be what it is: it must stand in the
//! ledger, once, at the quote of its settling; a refusal must have a reason; a key has one outcome.
//! What an entry must say is in `account`.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use domain::{Action, EntryKind, Fill, LedgerEntry, Outcome, Quote, Rejection, Rules, Side};
use domain::{Hash, UnixMicros};
use store::StoreError;
use tokio::sync::oneshot::Receiver;
use tokio::sync::oneshot::error::TryRecvError;
use trading::{DeskError, DeskRequest, OrderResponse};

use crate::account::{Account, State, amount, fee, must};
use crate::market::{fill_price, is_sane};
use crate::trace::Trace;

/// What becomes of a request, as far as its client knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Waiting,
    Answered,
    /// Its node died before it could be written.
    Gone,
    /// It was done, but nobody was told what came of it.
    Silent,
}

/// What a node saw when it settled.
pub(crate) struct Seen {
    pub(crate) now: UnixMicros,
    pub(crate) quotes: BTreeMap<i64, Quote>,
}

pub(crate) struct Sent {
    pub(crate) request: DeskRequest,
    pub(crate) fate: Fate,
    /// Nobody listens any more.
    pub(crate) is_deaf: bool,
    answer: Receiver<Result<OrderResponse, DeskError>>,
    /// The version that was the last one when it was loaded.
    loaded: i64,
    seen: Option<Rc<Seen>>,
}

/// What is known under a key.
struct Kept {
    fingerprint: [u8; 32],
    outcome: Outcome,
    by: usize,
}

pub(crate) struct Judge {
    pub(crate) rules: Rc<Rules>,
    pub(crate) accounts: BTreeMap<i64, Account>,
    pub(crate) sent: Vec<Sent>,
    /// Whether the database fails, so that orders may go unanswered.
    pub(crate) is_failing: bool,
    kept: BTreeMap<(i64, String), Kept>,
    /// Keys whose request was refused for a reason that may pass, so that nothing is kept.
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
            kept: BTreeMap::new(),
            refused: BTreeSet::new(),
            claims: BTreeMap::new(),
        }
    }

    /// Takes note of a request that is on its way; gives its number.
    pub(crate) fn sent(
        &mut self,
        request: DeskRequest,
        answer: Receiver<Result<OrderResponse, DeskError>>,
    ) -> usize {
        let (fate, is_deaf, loaded, seen) = (Fate::Waiting, false, 1, None);
        self.sent.push(Sent { request, fate, is_deaf, answer, loaded, seen });
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
                sent.fate = Fate::Gone;
            }
        }
    }

    pub(crate) fn is_waiting(&self, number: usize) -> bool {
        self.sent[number].fate == Fate::Waiting
    }

    /// Whether there is no key of which it is not known what came of it.
    pub(crate) fn is_resolved(&self, request: &DeskRequest) -> bool {
        let is_known =
            |key: &(i64, String)| self.kept.contains_key(key) || self.refused.contains(key);
        key_of(request).is_none_or(|(key, _)| is_known(&key))
    }

    /// From now on nothing is taken for resolved by a refusal that may have passed.
    pub(crate) fn doubt_refusals(&mut self) {
        self.refused.clear();
    }

    /// Keys under which nothing may be stored.
    pub(crate) fn free_keys(&self) -> impl Iterator<Item = &(i64, String)> {
        self.refused.iter().filter(|key| !self.kept.contains_key(*key))
    }

    /// Every key with what came of it: entry, rejection and request.
    pub(crate) fn outcomes(&self) -> impl Iterator<Item = (&(i64, String), &Outcome, &str)> {
        let by = |kept: &Kept| self.sent[kept.by].request.request_id.as_str();
        self.kept.iter().map(move |(key, kept)| (key, &kept.outcome, by(kept)))
    }

    /// The request that is known to have made this entry.
    pub(crate) fn maker(&self, player_id: i64, version: i64) -> Option<&DeskRequest> {
        self.claims.get(&(player_id, version)).map(|&number| &self.sent[number].request)
    }

    /// The answers that have arrived, in the order of the requests. Those nobody hears are dropped.
    pub(crate) fn take_answers(&mut self) -> Result<Vec<(usize, OrderResponse)>, String> {
        let mut answers = Vec::new();
        for (number, sent) in self.sent.iter_mut().enumerate() {
            if sent.fate != Fate::Waiting {
                continue;
            }
            match sent.answer.try_recv() {
                Err(TryRecvError::Empty) => {}
                Err(TryRecvError::Closed) => {
                    return Err(format!("request {number} was dropped by a node that lives"));
                }
                Ok(_) if sent.is_deaf => sent.fate = Fate::Silent,
                // Its connection was reset before anything was committed.
                Ok(Err(DeskError::Store(error)))
                    if self.is_failing && matches!(*error, StoreError::Unavailable(_)) =>
                {
                    sent.fate = Fate::Gone;
                }
                Ok(Err(error)) => {
                    return Err(format!("request {number} met a fault: {}", causes(&error)));
                }
                Ok(Ok(answer)) => {
                    sent.fate = Fate::Answered;
                    answers.push((number, answer));
                }
            }
        }
        Ok(answers)
    }

    /// Takes the next row of the ledger. Somebody must have asked for it: one of those who were
    /// answered now, or one whose answer nobody heard.
    pub(crate) fn take_row(
        &mut self,
        entry: &LedgerEntry,
        hash: Hash,
        answers: &[(usize, OrderResponse)],
    ) -> Result<(), String> {
        let account = self.accounts.get_mut(&entry.player_id).expect("a player");
        account.add(entry, hash, &self.rules)?;
        let was_answered = answers.iter().any(|(_, answer)| {
            answer.outcome.as_ref().is_ok_and(|f| f.hash == hash && f.entry == *entry)
        });
        let silent =
            |sent: &Sent| sent.fate == Fate::Silent && made(sent, entry, &self.rules).is_ok();
        must(was_answered || entry.version == 1 || self.sent.iter().any(silent), || {
            format!("nobody asked for the entry {:?}", (entry.player_id, entry.version))
        })
    }

    /// Judges one answer, after the rows of its commit were taken.
    pub(crate) fn judge(
        &mut self,
        number: usize,
        answer: OrderResponse,
        trace: &Trace,
    ) -> Result<(), String> {
        let OrderResponse { outcome, first_request_id: first } = answer;
        trace.note(&format!("{} {}", tell(number, &outcome), first.as_deref().unwrap_or("")));
        let request = self.sent[number].request.clone();
        let wrong = |what: &str| Err(format!("request {number}: {what}"));
        if let Err(Rejection::Contended) = outcome {
            trace.count(|counts| counts.contended += 1);
            return must(first.is_none(), || "a kept `contended`".to_owned());
        }
        let Some((key, fingerprint)) = key_of(&request) else {
            if first.is_some() {
                return wrong("a replay without a key");
            }
            return self.take_outcome(number, &outcome, trace);
        };
        if outcome == Err(Rejection::IdempotencyKeyReused) {
            trace.count(|counts| counts.refusals += 1);
            let other = |sent: &Sent| {
                key_of(&sent.request).is_some_and(|(k, print)| k == key && print != fingerprint)
            };
            let is_reused = match self.kept.get(&key) {
                Some(kept) => kept.fingerprint != fingerprint,
                None => self.sent.iter().any(other),
            };
            return must(is_reused, || format!("request {number}: the key was not reused"));
        }
        if outcome.as_ref().is_err_and(|rejection| !rejection.is_final()) {
            must(first.is_none(), || format!("request {number}: a kept refusal that may pass"))?;
            self.refused.insert(key);
            return self.take_outcome(number, &outcome, trace);
        }
        if let Some(kept) = self.kept.get(&key) {
            trace.count(|counts| counts.replays += 1);
            let by = &self.sent[kept.by].request.request_id;
            if kept.fingerprint != fingerprint {
                return wrong("another body was answered under a key that was used");
            }
            if kept.outcome != outcome {
                return wrong("the same key and body were answered differently");
            }
            return must(first.as_deref() == Some(by), || format!("{number}: not {by}'s replay"));
        }
        let by = match first {
            None => number,
            Some(id) => match self.sent.iter().position(|sent| sent.request.request_id == id) {
                Some(by) if key_of(&self.sent[by].request) == Some((key.clone(), fingerprint)) => {
                    trace.count(|counts| counts.replays += 1);
                    must(self.sent[by].fate == Fate::Silent, || format!("{id} was no silent one"))?;
                    by
                }
                _ => return wrong("the replay of a request that was never sent"),
            },
        };
        self.take_outcome(by, &outcome, trace)?;
        self.kept.insert(key, Kept { fingerprint, outcome, by });
        Ok(())
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
                self.take_fill(number, fill).map_err(at)
            }
            Err(rejection) => {
                trace.count(|counts| counts.refusals += 1);
                self.check_refusal(&self.sent[number], *rejection).map_err(at)
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

    /// A refusal is right if it was so at some moment between loading and answering.
    fn check_refusal(&self, sent: &Sent, rejection: Rejection) -> Result<(), String> {
        let Action::Trade(order, _) = &sent.request.action else {
            return Err(format!("a note was refused: {rejection:?}"));
        };
        let seen = sent.seen.as_ref().ok_or("it was refused without being settled")?;
        let quote = seen.quotes.get(&order.stock_id).filter(|quote| is_sane(quote.price));
        let age_max = self.rules.quote_age_max_s * 1_000_000;
        let is_old = |quote: &Quote| seen.now.0 - quote.as_of.0 > age_max;
        let account = &self.accounts[&sent.request.player_id];
        let from = usize::try_from(sent.loaded).expect("a version") - 1;
        let was = |check: &dyn Fn(&State) -> bool| account.states[from..].iter().any(check);
        let quantity = order.quantity.0;
        let lacks_shares = |state: &State| {
            state.held.get(&order.stock_id).is_none_or(|(held, _)| *held < i128::from(quantity))
        };
        let lacks_cash = |state: &State| {
            let Some(quote) = quote else { return false };
            let price = fill_price(quote, order.side, &self.rules);
            let cents = amount(price.0, quantity, order.side == Side::Buy);
            let gained = if order.side == Side::Buy { -cents } else { cents };
            state.cash + gained - fee(cents, &self.rules) < 0
        };
        let is_right = match rejection {
            Rejection::QuantityTooLarge => order.quantity > self.rules.quantity_max,
            Rejection::NoQuote => quote.is_none(),
            Rejection::StaleQuote => quote.is_some_and(is_old),
            Rejection::InsufficientQuantity => order.side == Side::Sell && was(&lacks_shares),
            Rejection::InsufficientCash => was(&lacks_cash),
            _ => false,
        };
        must(is_right, || format!("there was no reason for {rejection:?}"))
    }

    /// At the end: entries nobody was told of belong to as many silent requests without a key.
    pub(crate) fn check_unclaimed(&self) -> Result<u64, String> {
        let mut free: Vec<&Sent> = self.sent.iter().collect();
        free.retain(|sent| sent.fate == Fate::Silent && sent.request.idempotency.is_none());
        let mut found = 0;
        for (entry, _) in self.accounts.values().flat_map(|account| &account.chain) {
            let place = (entry.player_id, entry.version);
            if entry.kind == EntryKind::Open || self.claims.contains_key(&place) {
                continue;
            }
            let Some(at) = free.iter().position(|sent| made(sent, entry, &self.rules).is_ok())
            else {
                return Err(format!("the entry {place:?} is nobody's"));
            };
            free.swap_remove(at);
            found += 1;
        }
        Ok(found)
    }
}

/// Whether a request, as it was settled last, can have made this entry.
fn made(sent: &Sent, entry: &LedgerEntry, rules: &Rules) -> Result<(), String> {
    let seen = sent.seen.as_ref().ok_or("it was never settled")?;
    let right = match &sent.request.action {
        Action::Annotate { about_version, .. } => {
            entry.kind == EntryKind::Note && entry.about_version == Some(*about_version)
        }
        Action::Trade(order, _) => {
            let (kind, sign) = match order.side {
                Side::Buy => (EntryKind::Buy, 1),
                Side::Sell => (EntryKind::Sell, -1),
            };
            let quote = seen.quotes.get(&order.stock_id).ok_or("traded without a quote")?;
            must(is_sane(quote.price), || "traded at a senseless quote".to_owned())?;
            let price = fill_price(quote, order.side, rules);
            let of_quote = (Some(price), Some(quote.as_of), Some(quote.market_day));
            entry.kind == kind
                && entry.stock_id == Some(order.stock_id)
                && entry.quantity.0 == sign * order.quantity.0
                && (entry.price, entry.quote_as_of, entry.quote_day) == of_quote
        }
    };
    let right = right && entry.created_at == seen.now && entry.player_id == sent.request.player_id;
    must(right, || format!("the entry {} is not what was asked for", entry.version))
}

/// The player's key and what was asked under it.
fn key_of(request: &DeskRequest) -> Option<((i64, String), [u8; 32])> {
    let idempotency = request.idempotency.as_ref()?;
    Some(((request.player_id, idempotency.key.clone()), idempotency.fingerprint))
}

/// The error with what lies beneath it.
fn causes(error: &dyn std::error::Error) -> String {
    error.source().map_or(error.to_string(), |source| format!("{error}: {}", causes(source)))
}

fn tell(number: usize, outcome: &Outcome) -> String {
    match outcome {
        Ok(Fill { entry, .. }) => {
            let (player, version, cash) = (entry.player_id, entry.version, entry.cash_after);
            format!("request {number}: entry {version} of player {player}, cash {cash}")
        }
        Err(rejection) => format!("request {number}: {}", rejection.code()),
    }
}
