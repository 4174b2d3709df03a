//! The end of a run: running batches are finished, requests without an outcome are sent again, and
//! then the stored state must equal the responses. `simulation` has the steps before it.

use std::collections::{BTreeMap, BTreeSet};

use domain::{Action, Clock as _, EntryKind, Note, TradeId};
use store::{LoadKey, Valuation};
use trading::DeskRequest;

use crate::account::must;
use crate::client;
use crate::simulation::Simulation;

/// More rounds than any drained queue or kept key needs.
const ROUNDS_MAX: usize = 1_000;

/// What is known of the last note of a trade.
enum Known<'a> {
    No,
    Note(Option<&'a Note>),
}

impl Simulation<'_> {
    /// Lets every node finish, has every key resolved, and compares all that is stored.
    pub(crate) async fn end(&mut self) -> Result<(), String> {
        self.trace.step("the end: every queue is drained and every key resolved".to_owned());
        self.set_clocks(self.game.clock.now());
        self.drain().await?;
        self.judge.doubt_refusals();
        // No node loses every time once they work one after the other.
        for round in 0..ROUNDS_MAX {
            must(round + 1 < ROUNDS_MAX, || "the queues never drain".to_owned())?;
            self.drain().await?;
            // One body after the other: the key may have been used for any that was lost.
            let open = self.judge.sent.iter().map(|sent| &sent.request);
            let mut open: Vec<_> = open.filter(|r| !self.judge.is_resolved(r)).collect();
            let Some(first) = open.first().copied() else { break };
            let key_of = |r: &DeskRequest| r.idempotency.as_ref().map(|i| i.key.clone());
            open.retain(|r| r.player_id == first.player_id && key_of(r) == key_of(first));
            open.sort_by_key(|r| r.idempotency.as_ref().map(|i| i.fingerprint));
            open.dedup_by_key(|r| r.idempotency.as_ref().map(|i| i.fingerprint));
            let request = client::again(open[round % open.len()], &self.judge);
            self.send(0, &request);
        }
        for player_id in self.game.players.clone() {
            let award = client::award(player_id, &self.judge);
            self.send(0, &award);
        }
        self.drain().await?;
        let unknown = self.judge.check_unclaimed()?;
        self.trace.note(&format!("{unknown} entries without a response"));
        self.compare_players().await?;
        self.compare_awards().await?;
        self.compare_keys().await?;
        self.compare_notes().await?;
        let report = archive::verify(&self.game.store, |_, _| {}).await;
        let report = report.map_err(|error| format!("verifying: {error}"))?;
        let entries: usize = self.judge.accounts.values().map(|account| account.chain.len()).sum();
        must(report.holds(), || report.to_string())?;
        must(report.entries == entries as u64, || {
            format!("{} entries are stored, {entries} are known", report.entries)
        })?;
        self.game.store.close().await;
        Ok(())
    }

    async fn drain(&mut self) -> Result<(), String> {
        for node in 0..self.nodes.len() {
            for line in 0..self.nodes[node].lines.len() {
                while self.nodes[node].lines[line].has_work() {
                    self.advance_line(node, line).await?;
                }
            }
        }
        Ok(())
    }

    /// Players and holdings as stored, against the accounts.
    async fn compare_players(&self) -> Result<(), String> {
        let store = &self.game.store;
        let describe = |error| format!("reading players: {error}");
        let mut stored: BTreeMap<i64, BTreeMap<i64, (i128, i128)>> = BTreeMap::new();
        for (player, stock, held) in store.holdings_range(0, i64::MAX).await.map_err(describe)? {
            let pair = (i128::from(held.quantity.0), i128::from(held.cost_basis.0));
            stored.entry(player).or_default().insert(stock, pair);
        }
        let heads = store.chain_heads_page(0, 100).await.map_err(describe)?;
        must(heads.len() == self.judge.accounts.len(), || "the number of players".to_owned())?;
        for head in heads {
            let account = &self.judge.accounts[&head.player_id];
            let last = account.last();
            let found = (i128::from(head.cash.0), head.total_xp, head.balance_version);
            must(found == (last.cash, last.xp, account.version()), || {
                format!("player {}: {found:?} is stored, not {last:?}", head.player_id)
            })?;
            must(head.head_hash == account.head(), || format!("head of {}", head.player_id))?;
            let held = stored.remove(&head.player_id).unwrap_or_default();
            must(held == last.held, || {
                format!("player {}: {held:?} is stored, not {:?}", head.player_id, last.held)
            })?;
        }
        Ok(())
    }

    /// Every player has each achievement that the run added, if it is in force and the player has
    /// made its trades.
    async fn compare_awards(&self) -> Result<(), String> {
        let unlocks = self.game.store.unlocks_range(0, i64::MAX).await;
        let unlocks = unlocks.map_err(|error| format!("reading unlocks: {error}"))?;
        let unlocked: BTreeSet<(i64, i64)> =
            unlocks.into_iter().map(|(player_id, _, id, _)| (player_id, id)).collect();
        for (id, trades) in self.game.added_achievements() {
            for (player_id, account) in &self.judge.accounts {
                let is_due = account.counted_trades(&self.judge.rules) >= trades;
                must(unlocked.contains(&(*player_id, id)) == is_due, || {
                    format!("player {player_id}: achievement {id} of {trades} trades, {is_due}")
                })?;
            }
        }
        Ok(())
    }

    /// Idempotency records as stored, against what was answered.
    async fn compare_keys(&self) -> Result<(), String> {
        let kept = self.judge.outcomes().map(|(key, ..)| key);
        let keys: Vec<_> = kept.chain(self.judge.free_keys()).cloned().collect();
        let wanted = self.game.players.iter().map(|&player_id| LoadKey {
            player_id,
            stock_id: None,
            about_version: None,
            text_key: None,
        });
        let wanted: Vec<LoadKey> = wanted.collect();
        let state = self.game.store.load_batch(&wanted, &keys, &Valuation::at_prices("[]")).await;
        let state = state.map_err(|error| format!("reading keys: {error}"))?;
        for key in self.judge.free_keys() {
            must(!state.seen.contains_key(key), || format!("{key:?} is kept, and may pass"))?;
        }
        for (key, outcome, by) in self.judge.outcomes() {
            let seen = state.seen.get(key).ok_or_else(|| format!("{key:?} is not kept"))?;
            let version = outcome.as_ref().ok().map(|f| (f.entry.month, f.entry.version));
            let found = (seen.version, seen.rejection, seen.request_id.as_str());
            must(found == (version, outcome.as_ref().err().copied(), by), || {
                format!("{key:?}: {found:?} is kept, not {outcome:?}")
            })?;
        }
        Ok(())
    }
    /// The note of every trade as stored, against the last one in the chain. What is not known to
    /// be a certain request's is left out.
    async fn compare_notes(&self) -> Result<(), String> {
        let mut notes: BTreeMap<(i64, i64), (TradeId, Known<'_>)> = BTreeMap::new();
        for (player_id, account) in &self.judge.accounts {
            for (entry, _) in &account.chain {
                let action = self.judge.maker(*player_id, entry.version).map(|r| &r.action);
                let about = entry.about_version.unwrap_or(entry.version);
                let Some((trade, _)) = account.entry(about) else { continue };
                let (place, id) = ((*player_id, about), trade.trade_id());
                match (entry.kind, action) {
                    (EntryKind::Open | EntryKind::Award, _) | (_, Some(Action::Award)) => {}
                    (_, None) => drop(notes.insert(place, (id, Known::No))),
                    (_, Some(Action::Trade(_, note))) => {
                        notes.insert(place, (id, Known::Note(note.as_ref())));
                    }
                    (_, Some(Action::Annotate { note, .. })) => {
                        notes.insert(place, (id, Known::Note(Some(note))));
                    }
                }
            }
        }
        for (id, known) in notes.into_values() {
            let Known::Note(expected) = known else { continue };
            let found = self.game.store.find_transaction(id).await;
            let found = found.map_err(|error| format!("reading {id}: {error}"))?;
            let found = found.ok_or_else(|| format!("{id} is not there"))?.note;
            must(found.as_deref() == expected.map(Note::as_str), || {
                format!("{id}: the note {found:?} is stored, not {expected:?}")
            })?;
        }
        Ok(())
    }
}
