//! Submitting an order to the desk, or storing it as a pending order where it does not fill at
//! once. `domain` decides whether an order is allowed; `trading` commits it.

use domain::{
    Action, DecimalError, FillMode, Note, Order, Quantity, Rejection, Rules, Side, Symbol,
};
use sha2::{Digest, Sha256};
use store::{NewPendingOrder, OrderPlacement, PendingOrder};
use trading::{DeskError, DeskRequest, Idempotency, OrderResponse};

use crate::game::pending_orders::fill_time;
use crate::state::AppState;

/// An order that was parsed and can be submitted.
#[derive(Clone)]
pub(crate) struct OrderRequest {
    pub(crate) stock_id: i64,
    pub(crate) symbol: Symbol,
    pub(crate) quantity: Quantity,
    pub(crate) note: Option<Note>,
}

impl OrderRequest {
    pub(crate) fn into_desk_request(
        self,
        side: Side,
        player_id: i64,
        key: Option<String>,
        request_id: String,
    ) -> DeskRequest {
        let idempotency = key.map(|key| Idempotency { key, fingerprint: fingerprint(side, &self) });
        let order = Order { stock_id: self.stock_id, side, quantity: self.quantity };
        DeskRequest { player_id, action: Action::Trade(order, self.note), idempotency, request_id }
    }
}

/// The fingerprint by which a repeated order is recognized: SHA-256 of the route of the API, the
/// symbol, the quantity in its unit and the note, each on a line.
fn fingerprint(side: Side, order: &OrderRequest) -> [u8; 32] {
    let note = order.note.as_ref().map_or("", Note::as_str);
    let (side, symbol, units) = (side.as_str(), order.symbol.as_str(), order.quantity.0);
    Sha256::digest(format!("POST /api/portfolio/{side}\n{symbol}\n{units}\n{note}")).into()
}

/// The quantity, if the game's rules allow an order of it. Zero fails as a negative number does.
pub(crate) fn tradable_quantity(
    quantity: Quantity,
    rules: &Rules,
) -> Result<Quantity, DecimalError> {
    if !rules.fractional_shares && !quantity.is_whole() {
        return Err(DecimalError::TooFine);
    }
    match quantity {
        Quantity(..=0) => Err(DecimalError::Negative),
        _ if quantity > rules.quantity_max => Err(DecimalError::TooLarge),
        _ => Ok(quantity),
    }
}

pub(crate) enum Submitted {
    /// The desk's response, or a rejection at acceptance, which is not stored.
    Settled(OrderResponse),
    /// The order is stored and fills later.
    Pending { order: PendingOrder, is_replay: bool },
    /// Rejected: the player has the maximum number of pending orders.
    TooMany,
}

/// Submits an order to the desk, or stores it as pending if it does not fill at once.
pub(crate) async fn submit(state: &AppState, request: DeskRequest) -> Result<Submitted, DeskError> {
    let may_wait = state.rules().fill == FillMode::Close || state.market.is_live();
    let Action::Trade(order, note) = &request.action else {
        return state.desk.submit(request).await.map(Submitted::Settled);
    };
    if !may_wait {
        return state.desk.submit(request).await.map(Submitted::Settled);
    }
    let key = request.idempotency.as_ref().map(|idempotency| idempotency.key.as_str());
    let time = match fill_time(state, order.stock_id) {
        Ok(None) => return submit_now(state, request).await,
        Ok(Some(time)) => Ok(time),
        Err(rejection) => Err(rejection),
    };
    if let Some(known) = find_known(state, &request).await? {
        return Ok(known);
    }
    let time = match time {
        Ok(time) => time,
        Err(rejection) => return Ok(rejected(rejection)),
    };
    if let Some(rejection) = state.desk.preview(&request).await? {
        return Ok(rejected(rejection));
    }
    let new = NewPendingOrder {
        player_id: request.player_id,
        order: *order,
        note: note.as_ref(),
        client_key: key,
        fingerprint: request.idempotency.as_ref().map_or([0; 32], |known| known.fingerprint),
        request_id: &request.request_id,
        at: time.at,
        fills_at: time.fills_at,
        expires_at: time.expires_at,
    };
    let orders_max = state.rules().pending_orders_max;
    let placed = state.store.place_order(&new, orders_max, state.clock.now()).await;
    match placed.map_err(store_error)? {
        OrderPlacement::Accepted(order) => Ok(Submitted::Pending { order, is_replay: false }),
        OrderPlacement::Known(order) => Ok(replay(order, &request)),
        OrderPlacement::TooMany => Ok(Submitted::TooMany),
        OrderPlacement::UnknownPlayer => Err(DeskError::UnknownPlayer),
        OrderPlacement::KeyOfTrade => {
            // Returns the stored outcome; without one, the request is rejected and may be sent
            // again.
            let responses = state.desk.submit_at(vec![(request, Err(Rejection::Contended))]).await;
            let response = responses.into_iter().next().unwrap_or(Err(DeskError::Lost))?;
            Ok(Submitted::Settled(response))
        }
    }
}

/// Submits to the desk an order that fills at once, unless its key belongs to a pending order.
async fn submit_now(state: &AppState, request: DeskRequest) -> Result<Submitted, DeskError> {
    match state.desk.submit(request.clone()).await {
        Ok(response) => Ok(Submitted::Settled(response)),
        Err(DeskError::KeyOfOrder) => {
            find_known(state, &request).await?.ok_or(DeskError::KeyOfOrder)
        }
        Err(error) => Err(error),
    }
}

/// The order that was placed earlier with the request's key.
async fn find_known(
    state: &AppState,
    request: &DeskRequest,
) -> Result<Option<Submitted>, DeskError> {
    let Some(idempotency) = &request.idempotency else { return Ok(None) };
    let found = state.store.find_order_by_key(request.player_id, &idempotency.key).await;
    Ok(found.map_err(store_error)?.map(|order| replay(order, request)))
}

fn replay(order: PendingOrder, request: &DeskRequest) -> Submitted {
    let fingerprint = request.idempotency.as_ref().map(|known| known.fingerprint);
    if fingerprint != Some(order.fingerprint) {
        return rejected(Rejection::IdempotencyKeyReused);
    }
    Submitted::Pending { order, is_replay: true }
}

fn rejected(rejection: Rejection) -> Submitted {
    Submitted::Settled(OrderResponse { outcome: Err(rejection), first_request_id: None })
}

fn store_error(error: store::StoreError) -> DeskError {
    DeskError::Store(error.into())
}
