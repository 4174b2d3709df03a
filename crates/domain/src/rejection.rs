//! Rejections of orders: expected outcomes with stable codes. Anything that fails is an error of
//! its crate; `web` maps rejections to HTTP statuses.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why a valid order was rejected. The player is unchanged.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rejection {
    /// The buyer has less cash than the order costs.
    #[error("Insufficient balance")]
    InsufficientCash,
    /// The seller holds fewer shares than the order sells.
    #[error("Insufficient stock quantity")]
    InsufficientQuantity,
    /// The stock has no price.
    #[error("This stock has no price at the moment. Please try again later.")]
    NoQuote,
    /// The newest price is older than the rules allow to trade at.
    #[error("The latest price of this stock is too old to trade at. Please try again later.")]
    StaleQuote,
    /// A new price of the stock differs so much from the last that a second source has to confirm
    /// it.
    #[error("A new price of this stock is in doubt. Orders are taken again when it is confirmed.")]
    PriceInDoubt,
    /// The exchange is closed; `web` adds the next opening.
    #[error("The market is closed. Orders are taken again when it opens.")]
    MarketClosed,
    /// The game's clock is paused; `web` adds the planned end of the pause.
    #[error("The game is paused. Orders are taken again when it continues.")]
    GamePaused,
    /// The node could not read the game's clock, so that its prices may be wrong.
    #[error("The game's clock cannot be read at the moment. Please try again later.")]
    ClockUnknown,
    /// The game trades whole shares only.
    #[error("This game trades whole shares only.")]
    FractionalNotAllowed,
    /// The order has more shares than allowed.
    #[error("The quantity is larger than one order may have.")]
    QuantityTooLarge,
    /// The game's rules do not permit purchases of the stock.
    #[error("This stock cannot be bought in this game.")]
    StockNotAllowed,
    /// The holding would be a larger share of the portfolio than the rules permit.
    #[error("The holding would be a larger share of your portfolio than this game allows.")]
    PositionLimit,
    /// The player has made as many trades in this session as the rules permit.
    #[error("You have made as many trades in this session as this game allows.")]
    SessionTradesLimit,
    /// The stock's price is below the least one that the rules permit purchases at.
    #[error("The price of this stock is below the lowest one to buy at in this game.")]
    PriceTooLow,
    /// The order's amount is below the least one of the rules.
    #[error("The order is smaller than this game allows. All shares of a stock can be sold.")]
    OrderTooSmall,
    /// The last purchase of the stock was too few finished sessions ago.
    #[error("The shares were bought too short a time ago to be sold in this game.")]
    HoldingTooShort,
    /// Cash, a holding or a total would exceed its limit.
    #[error("The trade would go beyond what an account can hold.")]
    BeyondLimits,
    /// Version conflicts with other trades of the player in every attempt.
    #[error("Trade failed due to high contention. Please try again.")]
    Contended,
    /// The idempotency key was used for another request.
    #[error("This Idempotency-Key was already used for a different request.")]
    IdempotencyKeyReused,
    /// The player has unlocked every achievement whose condition is met.
    #[error("There is no achievement to award.")]
    NothingToAward,
}

impl Rejection {
    /// Every rejection that a client can get, for the generated documentation and for tests.
    pub const ALL: [Self; 19] = [
        Self::InsufficientCash,
        Self::InsufficientQuantity,
        Self::NoQuote,
        Self::StaleQuote,
        Self::PriceInDoubt,
        Self::MarketClosed,
        Self::GamePaused,
        Self::ClockUnknown,
        Self::FractionalNotAllowed,
        Self::QuantityTooLarge,
        Self::StockNotAllowed,
        Self::PositionLimit,
        Self::SessionTradesLimit,
        Self::PriceTooLow,
        Self::OrderTooSmall,
        Self::HoldingTooShort,
        Self::BeyondLimits,
        Self::Contended,
        Self::IdempotencyKeyReused,
    ];

    /// The stable code, as in the API, metrics and idempotency records.
    pub fn code(self) -> &'static str {
        match self {
            Self::InsufficientCash => "insufficient_cash",
            Self::InsufficientQuantity => "insufficient_quantity",
            Self::NoQuote => "no_quote",
            Self::StaleQuote => "stale_quote",
            Self::PriceInDoubt => "price_in_doubt",
            Self::MarketClosed => "market_closed",
            Self::GamePaused => "game_paused",
            Self::ClockUnknown => "clock_unknown",
            Self::FractionalNotAllowed => "fractional_not_allowed",
            Self::QuantityTooLarge => "quantity_too_large",
            Self::StockNotAllowed => "stock_not_allowed",
            Self::PositionLimit => "position_limit",
            Self::SessionTradesLimit => "session_trades_limit",
            Self::PriceTooLow => "price_too_low",
            Self::OrderTooSmall => "order_too_small",
            Self::HoldingTooShort => "holding_too_short",
            Self::BeyondLimits => "beyond_limits",
            Self::Contended => "contended",
            Self::IdempotencyKeyReused => "idempotency_key_reused",
            Self::NothingToAward => "nothing_to_award",
        }
    }

    /// Whether the outcome is final and stored under the idempotency key. Other rejections are
    /// caused by the market or by other orders and may pass: nothing is stored, and a repeated
    /// request is decided again.
    pub fn is_final(self) -> bool {
        match self {
            Self::NoQuote
            | Self::StaleQuote
            | Self::PriceInDoubt
            | Self::MarketClosed
            | Self::GamePaused
            | Self::ClockUnknown
            | Self::NothingToAward
            | Self::Contended => false,
            Self::InsufficientCash
            | Self::InsufficientQuantity
            | Self::FractionalNotAllowed
            | Self::QuantityTooLarge
            | Self::StockNotAllowed
            | Self::PositionLimit
            | Self::SessionTradesLimit
            | Self::PriceTooLow
            | Self::OrderTooSmall
            | Self::HoldingTooShort
            | Self::BeyondLimits
            | Self::IdempotencyKeyReused => true,
        }
    }

    /// Whether a limit of the rules caused it, of which a player can be informed before ordering.
    pub fn is_limit(self) -> bool {
        matches!(
            self,
            Self::StockNotAllowed
                | Self::PositionLimit
                | Self::SessionTradesLimit
                | Self::PriceTooLow
                | Self::OrderTooSmall
                | Self::HoldingTooShort
        )
    }

    /// The rejection with this code.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|r| r.code() == code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_leads_back_to_its_rejection() {
        for rejection in Rejection::ALL {
            assert_eq!(Rejection::from_code(rejection.code()), Some(rejection));
        }
        assert_eq!(Rejection::from_code("nothing"), None);
    }
}
