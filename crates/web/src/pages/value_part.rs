//! The numbers of a portfolio's value that a page shows, and the ids of their elements.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ValuePart {
    Total,
    /// The gain since the start, in money.
    Gain,
    /// The gain since the start, in percent.
    GainPercent,
    /// The change since the last close, as an amount.
    Today,
    /// The change since the last close, as a sentence.
    Moved,
    Cash,
    Shares,
}

impl ValuePart {
    const ALL: [Self; 7] = [
        Self::Total,
        Self::Gain,
        Self::GainPercent,
        Self::Today,
        Self::Moved,
        Self::Cash,
        Self::Shares,
    ];

    /// The parts that do not depend on the last close.
    pub(super) const SINCE_START: [Self; 5] =
        [Self::Total, Self::Gain, Self::GainPercent, Self::Cash, Self::Shares];

    pub(crate) fn find(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|part| part.as_str() == id)
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Total => "total",
            Self::Gain => "gain",
            Self::GainPercent => "gain-percent",
            Self::Today => "today",
            Self::Moved => "moved",
            Self::Cash => "cash",
            Self::Shares => "shares",
        }
    }

    pub(crate) fn needs_last_close(self) -> bool {
        matches!(self, Self::Today | Self::Moved)
    }
}
