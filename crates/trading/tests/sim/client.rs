//! Draws the requests of players: orders small and too large, notes, and repeated keys with the
//! same and with another body.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use domain::{Action, Note, Order, Quantity, Side};
use trading::{DeskRequest, Idempotency};

use crate::game::SimGame;
use crate::judge::{Judge, Sent};
use crate::rng::SimRng;

/// Draws a new request of some player.
pub(crate) fn draw(game: &SimGame, judge: &Judge, rng: &SimRng) -> DeskRequest {
    let player_id = *rng.pick(&game.players);
    let earlier: Vec<&Sent> = judge
        .sent
        .iter()
        .filter(|sent| sent.request.player_id == player_id && sent.request.idempotency.is_some())
        .collect();
    if !earlier.is_empty() && rng.one_in(6) {
        let again = again(&rng.pick(&earlier).request, judge);
        if rng.one_in(2) {
            return again;
        }
        let key = again.idempotency.expect("it has a key").key;
        return request(player_id, draw_action(player_id, game, judge, rng), Some(key), judge);
    }
    if rng.one_in(12) {
        return award(player_id, judge);
    }
    let key = (!rng.one_in(3)).then(|| format!("key-{}", judge.sent.len()));
    request(player_id, draw_action(player_id, game, judge, rng), key, judge)
}

/// As the server's job requests it: without a key.
pub(crate) fn award(player_id: i64, judge: &Judge) -> DeskRequest {
    request(player_id, Action::Award, None, judge)
}

/// The same request once more.
pub(crate) fn again(earlier: &DeskRequest, judge: &Judge) -> DeskRequest {
    DeskRequest { request_id: name(judge), ..earlier.clone() }
}

fn request(player_id: i64, action: Action, key: Option<String>, judge: &Judge) -> DeskRequest {
    let fingerprint = fingerprint(&action);
    let idempotency = key.map(|key| Idempotency { key, fingerprint });
    DeskRequest { player_id, action, idempotency, request_id: name(judge) }
}

fn name(judge: &Judge) -> String {
    format!("r{}", judge.sent.len())
}

fn draw_action(player_id: i64, game: &SimGame, judge: &Judge, rng: &SimRng) -> Action {
    let account = &judge.accounts[&player_id];
    if rng.one_in(8) {
        let trades: Vec<(i64, i64)> = account
            .chain
            .iter()
            .filter_map(|(entry, _)| Some((entry.version, entry.stock_id?)))
            .collect();
        if !trades.is_empty() {
            let (about_version, stock_id) = *rng.pick(&trades);
            return Action::Annotate { about_version, stock_id, note: note(rng) };
        }
    }
    let stock_id = *rng.pick(&game.stocks);
    let held = account.last().held.get(&stock_id).map_or(0, |(held, _)| *held);
    let held = i64::try_from(held).expect("few shares");
    let side = if rng.one_in(2) { Side::Buy } else { Side::Sell };
    let quantity = match (rng.between(1, 20), side) {
        (1, _) => 1_000_001 * Quantity::SHARE,
        (2, _) => rng.between(1_000, 1_000_000) * Quantity::SHARE,
        (3..=6, _) => rng.between(1, 5 * Quantity::SHARE),
        (7..=10, Side::Sell) if held > 0 => held,
        (11..=12, Side::Sell) if held > 0 => held + 1,
        (_, Side::Sell) if held > 0 => rng.between(1, held),
        (_, _) => rng.between(1, 12) * Quantity::SHARE,
    };
    let note = rng.one_in(5).then(|| note(rng));
    Action::Trade(Order { stock_id, side, quantity: Quantity(quantity) }, note)
}

fn note(rng: &SimRng) -> Note {
    Note::parse(&format!("because of {}", rng.between(1, 3))).expect("a note")
}

/// Equal for equal actions; what the server makes of route and body is not needed here.
fn fingerprint(action: &Action) -> [u8; 32] {
    let mut hasher = DefaultHasher::new();
    format!("{action:?}").hash(&mut hasher);
    let mut print = [0; 32];
    print[..8].copy_from_slice(&hasher.finish().to_le_bytes());
    print
}

/// One line about a request.
pub(crate) fn describe(request: &DeskRequest) -> String {
    let key = request.idempotency.as_ref().map_or("no key", |i| i.key.as_str());
    let what = match &request.action {
        Action::Annotate { about_version, .. } => format!("note about {about_version}"),
        Action::Award => "award".to_owned(),
        Action::Trade(order, note) => {
            let noted = if note.is_some() { " with a note" } else { "" };
            let side = order.side.as_str();
            format!("{side} {} of stock {}{noted}", order.quantity, order.stock_id)
        }
    };
    format!("{} of player {}: {what}, {key}", request.request_id, request.player_id)
}
