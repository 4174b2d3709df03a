//! Responses to trades: the acknowledged trade, the pending order, or the error code.

use serde::Deserialize;

use crate::amount::{money, price};

/// A trade that the server acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ack {
    /// Index of the player.
    pub(crate) player: usize,
    pub(crate) player_id: i64,
    pub(crate) month: i64,
    pub(crate) version: i64,
    /// `None` for an order that filled later: only its trade id was acknowledged.
    pub(crate) amounts: Option<AckAmounts>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AckAmounts {
    /// In ten-thousandths.
    pub(crate) price: i64,
    /// In minor units, without a sign.
    pub(crate) total: i64,
    /// In minor units.
    pub(crate) balance: i64,
}

impl Ack {
    /// The acknowledgement of the trade `t-PLAYER-MONTH-VERSION`.
    pub(crate) fn of(player: usize, trade_id: &str, amounts: Option<AckAmounts>) -> Option<Self> {
        let mut parts = trade_id.strip_prefix("t-")?.splitn(3, '-').map(|part| part.parse().ok());
        let (player_id, month) = (parts.next()??, parts.next()??);
        Some(Self { player, player_id, month, version: parts.next()??, amounts })
    }
}

/// An order that the server accepted with status 202: it fills later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PendingTrade {
    /// Index of the player.
    pub(crate) player: usize,
    pub(crate) order_id: String,
}

#[derive(Deserialize)]
struct Problem {
    code: String,
}

/// The stable code of a problem; `none` where the response has none.
pub(crate) fn code_of(body: &[u8]) -> String {
    serde_json::from_slice::<Problem>(body).map_or_else(|_| "none".to_owned(), |p| p.code)
}

#[derive(Deserialize)]
struct TradeResponse<'a> {
    #[serde(borrow)]
    data: Trade<'a>,
}

#[derive(Deserialize)]
struct Trade<'a> {
    trade_id: &'a str,
    new_balance: &'a str,
    price: &'a str,
    total_amount: &'a str,
}

pub(crate) fn read_ack(player: usize, body: &[u8]) -> Option<Ack> {
    let trade = serde_json::from_slice::<TradeResponse<'_>>(body).ok()?.data;
    let amounts = AckAmounts {
        price: price(trade.price)?,
        total: money(trade.total_amount)?,
        balance: money(trade.new_balance)?,
    };
    Ack::of(player, trade.trade_id, Some(amounts))
}

#[derive(Deserialize)]
struct AcceptedResponse {
    order: AcceptedOrder,
}

#[derive(Deserialize)]
struct AcceptedOrder {
    id: String,
}

/// The id of an order that was accepted with 202.
pub(crate) fn read_order_id(body: &[u8]) -> Option<String> {
    serde_json::from_slice::<AcceptedResponse>(body).ok().map(|response| response.order.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trade_is_read_as_it_was_acknowledged() {
        let body = br#"{"success":true,"message":"m","data":{"new_balance":"9430.15",
            "xp_earned":10,"trade_id":"t-42-202611-2","price":"189.95","total_amount":"569.85"}}"#;
        let ack = Ack {
            player: 7,
            player_id: 42,
            month: 202_611,
            version: 2,
            amounts: Some(AckAmounts { price: 1_899_500, total: 56_985, balance: 943_015 }),
        };
        assert_eq!(read_ack(7, body), Some(ack));
        assert_eq!(read_ack(7, b"{}"), None);
        assert_eq!(code_of(br#"{"code":"busy","status":503}"#), "busy");
        assert_eq!(code_of(b"<html>"), "none");
    }
}
