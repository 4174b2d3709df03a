//! `settle_batch` against a naive model that settles one request after the other.

use domain::{Day, Order, Player, Price, Quantity, QuoteSource, Side, open_player};
use proptest::prelude::*;

use super::*;
use crate::Idempotency;

const NOW: UnixMicros = UnixMicros(1_795_394_741_000_000);
const STOCK_ID: i64 = 1;
/// The key of each player that the database has, with the fingerprint 0.
const STORED_KEY: &str = "stored";

#[derive(Clone, Debug)]
struct Step {
    /// Players 1 and 2 exist, 3 does not.
    player_id: i64,
    action: Action,
    idempotency: Option<Idempotency>,
    quote: Result<Quote, Rejection>,
}

fn step() -> impl Strategy<Value = Step> {
    let order = (any::<bool>(), 1..400i64).prop_map(|(is_buy, shares)| Order {
        stock_id: STOCK_ID,
        side: if is_buy { Side::Buy } else { Side::Sell },
        quantity: Quantity(shares * Quantity::SHARE),
    });
    let note = "[a-c]{3}".prop_map(|text| Note::parse(&text).expect("a note"));
    let action = prop_oneof![
        3 => (order, prop::option::of(note.clone())).prop_map(|(order, note)| {
            Action::Trade(order, note)
        }),
        1 => (2..6i64, note).prop_map(|(about_version, note)| {
            Action::Annotate { about_version, stock_id: STOCK_ID, note }
        }),
        1 => Just(Action::Award),
    ];
    let key = prop::sample::select(vec!["a", "b", STORED_KEY]);
    let idempotency = (key, prop::bool::weighted(0.2)).prop_map(|(key, is_other)| Idempotency {
        key: key.to_owned(),
        fingerprint: [u8::from(is_other); 32],
    });
    let quote = prop_oneof![
        4 => (90_000..110_000i64).prop_map(|price| Ok(Quote {
            price: Price(price),
            tick: Price(0),
            as_of: NOW,
            market_day: Day(12_786),
            source: QuoteSource::Fixed,
        })),
        1 => Just(Err(Rejection::MarketClosed)),
    ];
    let player_id = prop_oneof![5 => Just(1), 4 => Just(2), 1 => Just(3)];
    (player_id, action, prop::option::of(idempotency), quote).prop_map(
        |(player_id, action, idempotency, quote)| Step { player_id, action, idempotency, quote },
    )
}

fn rules() -> VersionedRules {
    let rules = toml::from_str(include_str!("../../../../config/game.toml")).expect("valid rules");
    VersionedRules { version: 7, effective_from: NOW, rules }
}

fn state(rules: &VersionedRules) -> BatchState {
    let players = [1, 2].map(|id| (id, open_player(id, rules, NOW).0));
    let seen = [1, 2].map(|id| {
        let seen = StoredOutcome {
            fingerprint: vec![0; 32],
            version: None,
            rejection: Some(Rejection::InsufficientCash),
            request_id: "earlier".to_owned(),
        };
        ((id, STORED_KEY.to_owned()), seen)
    });
    BatchState { players: players.into(), seen: seen.into(), newest_rules: 7 }
}

/// What the model expects of a player's change.
#[derive(Default)]
struct ExpectedChange {
    fills: Vec<Fill>,
    notes: BTreeMap<i64, Note>,
    /// Key and request id.
    records: Vec<(String, String)>,
}

struct Model {
    players: BTreeMap<i64, Player>,
    changes: BTreeMap<i64, ExpectedChange>,
    /// Final outcomes of this batch: fingerprint, outcome and request id.
    outcomes: HashMap<(i64, String), ([u8; 32], Outcome, String)>,
}

/// What the model expects of a request.
#[derive(Debug, PartialEq)]
enum ExpectedSettlement {
    UnknownPlayer,
    StoredReplay,
    Response(Box<OrderResponse>),
}

impl Model {
    fn apply(
        &mut self,
        step: &Step,
        request_id: &str,
        rules: &VersionedRules,
    ) -> ExpectedSettlement {
        let Some(player) = self.players.get_mut(&step.player_id) else {
            return ExpectedSettlement::UnknownPlayer;
        };
        let response = |outcome, first: Option<&String>| {
            ExpectedSettlement::Response(Box::new(OrderResponse {
                outcome,
                first_request_id: first.cloned(),
            }))
        };
        let key = step.idempotency.as_ref().map(|i| (step.player_id, i.key.clone()));
        if let (Some(key), Some(idempotency)) = (&key, &step.idempotency) {
            let is_stored = key.1 == STORED_KEY;
            let first = self.outcomes.get(key);
            let known = if is_stored { Some([0; 32]) } else { first.map(|first| first.0) };
            if known.is_some_and(|known| known != idempotency.fingerprint) {
                return response(Err(Rejection::IdempotencyKeyReused), None);
            }
            if is_stored {
                return ExpectedSettlement::StoredReplay;
            }
            if let Some((_, outcome, first_request_id)) = first {
                return response(outcome.clone(), Some(first_request_id));
            }
        }
        let outcome = settle(player, &step.action, step.quote, rules, NOW);
        let change = self.changes.entry(step.player_id).or_default();
        if let Ok(fill) = &outcome {
            change.fills.push(fill.clone());
            match &step.action {
                Action::Trade(_, Some(note)) => {
                    change.notes.insert(fill.entry.version, note.clone());
                }
                Action::Annotate { about_version, note, .. } => {
                    change.notes.insert(*about_version, note.clone());
                }
                Action::Trade(_, None) | Action::Award => {}
            }
        }
        let is_final = outcome.as_ref().err().is_none_or(|rejection| rejection.is_final());
        if let (Some(key), Some(idempotency), true) = (key, &step.idempotency, is_final) {
            change.records.push((key.1.clone(), request_id.to_owned()));
            let outcome = (idempotency.fingerprint, outcome.clone(), request_id.to_owned());
            self.outcomes.insert(key, outcome);
        }
        response(outcome, None)
    }
}

fn check(steps: &[Step]) -> Result<(), TestCaseError> {
    let rules = rules();
    let requests: Vec<DeskRequest> = steps
        .iter()
        .enumerate()
        .map(|(index, step)| DeskRequest {
            player_id: step.player_id,
            action: step.action.clone(),
            idempotency: step.idempotency.clone(),
            request_id: index.to_string(),
        })
        .collect();
    let before = state(&rules).players;
    let mut model =
        Model { players: before.clone(), changes: BTreeMap::new(), outcomes: HashMap::new() };
    let borrowed: Vec<&DeskRequest> = requests.iter().collect();
    let settled = settle_batch(&borrowed, state(&rules), &|index| steps[index].quote, &rules, NOW);
    prop_assert_eq!(settled.settlements.len(), steps.len());
    for ((step, request), settlement) in steps.iter().zip(&requests).zip(settled.settlements) {
        let settlement = match settlement {
            Settlement::UnknownPlayer => ExpectedSettlement::UnknownPlayer,
            Settlement::Settled(response) => ExpectedSettlement::Response(Box::new(response)),
            Settlement::Replay(stored) => {
                let stored = (stored.version, stored.rejection, stored.request_id);
                let expected = (None, Some(Rejection::InsufficientCash), "earlier".to_owned());
                prop_assert_eq!(stored, expected);
                ExpectedSettlement::StoredReplay
            }
        };
        prop_assert_eq!(settlement, model.apply(step, &request.request_id, &rules));
    }
    let is_written =
        |change: &ExpectedChange| !change.fills.is_empty() || !change.records.is_empty();
    let expected = model.changes.iter().filter(|(_, change)| is_written(change));
    let written: Vec<i64> = settled.changes.iter().map(|change| change.player.player_id).collect();
    prop_assert_eq!(&written, &expected.clone().map(|(id, _)| *id).collect::<Vec<_>>());
    for (change, (player_id, expected)) in settled.changes.into_iter().zip(expected) {
        prop_assert_eq!(&change.player, &model.players[player_id]);
        let version = (change.version_before, change.head_before);
        let first = &before[player_id];
        prop_assert_eq!(version, (first.balance_version, first.head_hash));
        prop_assert_eq!(&change.fills, &expected.fills);
        let notes = change.notes.len();
        prop_assert_eq!(&change.notes.into_iter().collect::<BTreeMap<_, _>>(), &expected.notes);
        prop_assert_eq!(notes, expected.notes.len(), "one note for each trade");
        let records = change.records.into_iter().map(|record| (record.key, record.request_id));
        prop_assert_eq!(&records.collect::<Vec<_>>(), &expected.records);
    }
    Ok(())
}

proptest! {
    #[test]
    fn a_batch_settles_as_its_requests_one_after_the_other(
        steps in prop::collection::vec(step(), 0..30),
    ) {
        check(&steps)?;
    }
}
