//! The numbers of a portfolio's value that a page shows, and the ids of their elements.

use super::choices::choices;

choices! {
    ValuePart {
        Total = "total",
        /// The gain since the start, in money.
        Gain = "gain",
        /// The gain since the start, in percent.
        GainPercent = "gain-percent",
        /// The change since the last close, as an amount.
        Today = "today",
        /// The change since the last close, as a sentence.
        Moved = "moved",
        Cash = "cash",
        Shares = "shares",
    }
}

impl ValuePart {
    /// The parts that do not depend on the last close.
    pub(super) const SINCE_START: [Self; 5] =
        [Self::Total, Self::Gain, Self::GainPercent, Self::Cash, Self::Shares];

    pub(crate) fn needs_last_close(self) -> bool {
        matches!(self, Self::Today | Self::Moved)
    }
}
