//! Defects planted in the rows that the judge reads, to test that it finds them. The database is
//! not changed.

use domain::{EntryKind, Hash, LedgerEntry, Money, Quantity};

use crate::account::Account;

/// What is planted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Break {
    /// An entry that was settled as if the one before it had not happened.
    LostUpdate,
    /// An order that was carried out twice.
    Double,
    /// An entry whose hash does not include the one before it.
    SkipHash,
}

impl Break {
    pub(crate) const ALL: [Self; 3] = [Self::LostUpdate, Self::Double, Self::SkipHash];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::LostUpdate => "lost-update",
            Self::Double => "double",
            Self::SkipHash => "skip-hash",
        }
    }

    /// A part of the error that the judge must return.
    pub(crate) fn finding(self) -> &'static str {
        match self {
            Self::LostUpdate => "after it, but",
            Self::Double => "no request made",
            Self::SkipHash => "the hash does not link",
        }
    }

    /// Damages new rows of an account where possible; returns whether it was.
    pub(crate) fn plant(self, account: &Account, rows: &mut Vec<(LedgerEntry, Hash)>) -> bool {
        let Some((before, head)) = account.chain.last() else { return false };
        let Some((entry, hash)) = rows.first_mut() else { return false };
        match self {
            Self::LostUpdate => {
                if before.amount.0 == 0 || before.kind == EntryKind::Open {
                    return false;
                }
                let forgotten = before.fee.0 - before.amount.0;
                entry.cash_after = Money(entry.cash_after.0 + forgotten);
                *hash = entry.hash(*head);
            }
            Self::Double => {
                let Some((last, hash)) = rows.last().cloned() else { return false };
                let is_plain = matches!(last.kind, EntryKind::Buy | EntryKind::Note);
                if !is_plain || last.xp_trade > 0 {
                    return false;
                }
                let twin = twin_of(&last);
                if twin.cash_after.0 < 0 {
                    return false;
                }
                let hash = twin.hash(hash);
                rows.push((twin, hash));
            }
            Self::SkipHash => {
                *hash = entry.hash(domain::genesis_hash(entry.player_id));
            }
        }
        true
    }
}

/// The same purchase or note once more, in good order.
fn twin_of(entry: &LedgerEntry) -> LedgerEntry {
    LedgerEntry {
        version: entry.version + 1,
        xp_achievements: 0,
        cash_after: Money(entry.cash_after.0 + entry.amount.0 - entry.fee.0),
        quantity_after: Quantity(entry.quantity_after.0 + entry.quantity.0),
        cost_basis_after: Money(entry.cost_basis_after.0 - entry.amount.0),
        total_xp_after: entry.total_xp_after,
        ..entry.clone()
    }
}
