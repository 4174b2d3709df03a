//! Pending orders: their public numbers and states. The rules' fill mode decides when they fill,
//! `store` stores them, and `trading` executes them.

use std::fmt;

/// The state of an order that does not fill at once. `Pending` and `Executing` are open; the other
/// states are final.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OrderState {
    /// Accepted; its price does not exist yet. The player can cancel it.
    Pending,
    /// Claimed for execution; its outcome is not recorded yet.
    Executing,
    /// It became a trade.
    Filled,
    /// Rejected at execution.
    Rejected,
    /// Cancelled by the player.
    Cancelled,
    /// Not executed in time.
    Expired,
}

impl OrderState {
    /// All states.
    pub const ALL: [Self; 6] = [
        Self::Pending,
        Self::Executing,
        Self::Filled,
        Self::Rejected,
        Self::Cancelled,
        Self::Expired,
    ];

    /// The name in the database, the API and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Executing => "executing",
            Self::Filled => "filled",
            Self::Rejected => "rejected",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }

    /// The state of this name.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    /// Whether the order may still become a trade.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::Executing)
    }
}

/// The public number of a pending order, `o-<player>-<number>`; only its owner can look it up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OrderId {
    /// The owner.
    pub player_id: i64,
    /// The number among all orders; never reused.
    pub order_id: i64,
}

impl OrderId {
    /// Parses the spelling of [`fmt::Display`] only.
    pub fn parse(text: &str) -> Option<Self> {
        let (player_id, order_id) = text.strip_prefix("o-")?.split_once('-')?;
        let found = Self { player_id: player_id.parse().ok()?, order_id: order_id.parse().ok()? };
        (found.to_string() == text).then_some(found)
    }

    /// The idempotency key under which the order is executed. It contains a space, which the key
    /// of a request cannot.
    pub fn execution_key(self) -> String {
        format!("order {}", self.order_id)
    }
}

impl fmt::Display for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "o-{}-{}", self.player_id, self.order_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_number_is_read_as_it_is_written_and_nothing_else_is() {
        let id = OrderId { player_id: 42, order_id: 7 };
        assert_eq!(id.to_string(), "o-42-7");
        assert_eq!(OrderId::parse("o-42-7"), Some(id));
        for text in ["", "o-", "o-42", "o-042-7", "o-42-+7", "o-42-7-1", "t-42-7", "o-42-7 "] {
            assert_eq!(OrderId::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn every_state_is_found_by_its_word() {
        for state in OrderState::ALL {
            assert_eq!(OrderState::parse(state.as_str()), Some(state));
        }
        assert_eq!(OrderState::parse("Pending"), None);
    }
}
