//! Who may join a game and when, and who is ranked.

use serde::{Deserialize, Serialize};

use crate::limited::limited;
use crate::{Counts, Money, Rules, UnixMicros};

/// When players may still join, and with which cash.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LateJoin {
    /// From when on a registration is late. `None`: every one is.
    #[serde(default, with = "instant", skip_serializing_if = "Option::is_none")]
    pub from: Option<UnixMicros>,
    /// From when on registrations are rejected. `None`: they never are.
    #[serde(default, with = "instant", skip_serializing_if = "Option::is_none")]
    pub until: Option<UnixMicros>,
    /// The cash of a late player, at most the starting cash, which returns and achievements are
    /// measured by. `None`: the starting cash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cash: Option<Money>,
}

/// What a player must have done to be on the leaderboard by return.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RankingRules {
    /// Trades that count.
    #[serde(default, deserialize_with = "limited::<_, _, 0, 1_000_000>")]
    pub trades_min: i64,
    /// Notes that count.
    #[serde(default, deserialize_with = "limited::<_, _, 0, 1_000_000>")]
    pub notes_min: i64,
}

impl RankingRules {
    /// Whether every player is ranked.
    pub fn ranks_all(&self) -> bool {
        *self == Self::default()
    }

    /// The trades and notes that a player still needs; `None` for a ranked player.
    pub fn missing(&self, counts: &Counts) -> Option<(i64, i64)> {
        let trades = (self.trades_min - counts.trades).max(0);
        let notes = (self.notes_min - counts.notes).max(0);
        (trades > 0 || notes > 0).then_some((trades, notes))
    }
}

impl Rules {
    /// Whether a player may register at `now`.
    pub fn is_open_to_join(&self, now: UnixMicros) -> bool {
        self.late_join.until.is_none_or(|until| now < until)
    }

    /// The cash of a player who registers at `now`.
    pub fn opening_cash(&self, now: UnixMicros) -> Money {
        let is_late = self.late_join.from.is_none_or(|from| now >= from);
        self.late_join.cash.filter(|_| is_late).unwrap_or(self.starting_cash)
    }

    /// Checks the cash of late players.
    pub(crate) fn check_late_join(&self) -> Result<(), String> {
        let LateJoin { from, until, cash } = self.late_join;
        if let (Some(from), Some(until)) = (from, until)
            && from >= until
        {
            return Err(format!("from: expected an instant before until ({until}), got {from}"));
        }
        match cash {
            Some(cash) if cash.0 < 1 || cash > self.starting_cash => {
                let text = |money: Money| money.to_text(self.minor_unit);
                let (least, most) = (text(Money(1)), text(self.starting_cash));
                let cash = text(cash);
                Err(format!("cash: expected \"{least}\" to starting_cash ({most}), got {cash}"))
            }
            _ => Ok(()),
        }
    }
}

mod instant {
    //! An instant as `"2027-01-31T22:00:00Z"`; read also with a distance from UTC.

    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::UnixMicros;

    pub(super) fn serialize<S: Serializer>(
        instant: &Option<UnixMicros>,
        writer: S,
    ) -> Result<S::Ok, S::Error> {
        match instant {
            Some(instant) => writer.collect_str(instant),
            None => writer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        reader: D,
    ) -> Result<Option<UnixMicros>, D::Error> {
        let text = String::deserialize(reader)?;
        match text.parse::<jiff::Timestamp>() {
            Ok(instant) => Ok(Some(UnixMicros(instant.as_microsecond()))),
            Err(_) => Err(D::Error::custom(format!(
                "expected an instant like \"2027-01-31T22:00:00Z\", got {text:?}"
            ))),
        }
    }
}
