//! The ledger entry: one immutable row per change of a player, chained by SHA-256, with its
//! canonical text and hash. It contains no name, e-mail address or text of a player; notes are
//! stored apart, so that they can be erased without breaking the chain (docs/adr/0002).

use std::fmt;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{Day, Money, Month, Price, Quantity, UnixMicros};

/// The kind of change that a ledger entry records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// The opening of a player's account with the starting cash, or with the cash and XP of an
    /// imported player. Always version 1.
    Open,
    /// A purchase.
    Buy,
    /// A sale.
    Sell,
    /// A note about an earlier trade.
    Note,
    /// Shares with their cost basis from the application that the player was imported from. Only
    /// directly after the opening.
    TransferIn,
    /// Achievements unlocked without a trade or note, after new rules came into force.
    Award,
}

impl EntryKind {
    /// The name in the database, in the API and in the canonical text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Buy => "buy",
            Self::Sell => "sell",
            Self::Note => "note",
            Self::TransferIn => "transfer_in",
            Self::Award => "award",
        }
    }

    /// The kind of this name.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Open, Self::Buy, Self::Sell, Self::Note, Self::TransferIn, Self::Award]
            .into_iter()
            .find(|kind| kind.as_str() == word)
    }
}

/// The source of a quote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuoteSource {
    /// Replayed real history.
    Replay,
    /// A seeded simulation.
    Simulated,
    /// Fixed prices.
    Fixed,
    /// A provider of live prices.
    Live,
    /// No quote: the application that the player was imported from. Only in openings and
    /// transfers.
    Import,
}

impl QuoteSource {
    /// The name in the database, in the API and in the canonical text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Replay => "replay",
            Self::Simulated => "simulated",
            Self::Fixed => "fixed",
            Self::Live => "live",
            Self::Import => "import",
        }
    }

    /// The source of this name.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Replay, Self::Simulated, Self::Fixed, Self::Live, Self::Import]
            .into_iter()
            .find(|s| s.as_str() == word)
    }
}

/// A SHA-256 digest.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hash(pub [u8; 32]);

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The hash before the first entry of a player's chain: SHA-256 of `openbell-chain-1`, a line feed
/// and the player's number in decimal.
pub fn genesis_hash(player_id: i64) -> Hash {
    Hash(Sha256::digest(format!("openbell-chain-1\n{player_id}")).into())
}

/// One row of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerEntry {
    /// The UTC month; never decreases within a chain.
    pub month: Month,
    /// The player.
    pub player_id: i64,
    /// The position in the chain: 1, 2, 3, … without a gap.
    pub version: i64,
    /// The kind of change.
    pub kind: EntryKind,
    /// The stock traded.
    pub stock_id: Option<i64>,
    /// Shares gained (bought) or lost (sold), 0 otherwise.
    pub quantity: Quantity,
    /// The price of one share.
    pub price: Option<Price>,
    /// Cash gained or lost, without the fee.
    pub amount: Money,
    /// The fee of the trade.
    pub fee: Money,
    /// XP for the trade itself, or that an imported player opens with.
    pub xp_trade: i64,
    /// XP of the achievements it unlocked.
    pub xp_achievements: i64,
    /// Cash afterwards.
    pub cash_after: Money,
    /// Shares of this stock afterwards.
    pub quantity_after: Quantity,
    /// Cost basis of this stock afterwards.
    pub cost_basis_after: Money,
    /// Total XP afterwards.
    pub total_xp_after: i64,
    /// When the price was made.
    pub quote_as_of: Option<UnixMicros>,
    /// The market's calendar day of the price.
    pub quote_day: Option<Day>,
    /// The source of the price, or of an imported player's entry.
    pub quote_source: Option<QuoteSource>,
    /// For a note: the version of the trade it is about.
    pub about_version: Option<i64>,
    /// The time of settlement.
    pub created_at: UnixMicros,
    /// The version of the game's rules that it was settled by. `None` for entries of programs that
    /// did not store rules: their canonical text has form 1.
    pub rules_version: Option<i64>,
}

impl LedgerEntry {
    /// The canonical text that is hashed: `openbell-ledger-2` and then every member in the order of
    /// the struct as a decimal whole number or a name, one a line, `-` for `None`. An entry without
    /// `rules_version` has form 1: `openbell-ledger-1`, and no line for that member.
    pub fn canonical(&self) -> String {
        let mut text = String::with_capacity(256);
        text.push_str(match self.rules_version {
            None => "openbell-ledger-1",
            Some(_) => "openbell-ledger-2",
        });
        push_numbers(&mut text, [self.month.0, self.player_id, self.version].map(Some));
        push_word(&mut text, self.kind.as_str());
        push_numbers(
            &mut text,
            [
                self.stock_id,
                Some(self.quantity.0),
                self.price.map(|p| p.0),
                Some(self.amount.0),
                Some(self.fee.0),
                Some(self.xp_trade),
                Some(self.xp_achievements),
                Some(self.cash_after.0),
                Some(self.quantity_after.0),
                Some(self.cost_basis_after.0),
                Some(self.total_xp_after),
                self.quote_as_of.map(|at| at.0),
                self.quote_day.map(|day| i64::from(day.0)),
            ],
        );
        push_word(&mut text, self.quote_source.map_or("-", QuoteSource::as_str));
        push_numbers(&mut text, [self.about_version, Some(self.created_at.0)]);
        if self.rules_version.is_some() {
            push_numbers(&mut text, [self.rules_version]);
        }
        text
    }

    /// SHA-256 of the previous entry's hash (32 bytes) followed by the canonical text (UTF-8).
    pub fn hash(&self, previous: Hash) -> Hash {
        let mut sha = Sha256::new();
        sha.update(previous.0);
        sha.update(self.canonical());
        Hash(sha.finalize().into())
    }

    /// The public number of this entry.
    pub fn trade_id(&self) -> TradeId {
        TradeId { player_id: self.player_id, month: self.month, version: self.version }
    }
}

fn push_word(text: &mut String, word: &str) {
    text.push('\n');
    text.push_str(word);
}

fn push_numbers<const N: usize>(text: &mut String, numbers: [Option<i64>; N]) {
    for number in numbers {
        match number {
            // Writing to a String cannot fail.
            Some(n) => write!(text, "\n{n}").unwrap_or_default(),
            None => push_word(text, "-"),
        }
    }
}

/// The public number of a trade, `t-<player>-<month>-<version>`; only its owner can look it up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TradeId {
    /// The owner.
    pub player_id: i64,
    /// The ledger month.
    pub month: Month,
    /// The version within the chain.
    pub version: i64,
}

impl TradeId {
    /// Parses the spelling of [`fmt::Display`] only.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.strip_prefix("t-")?.splitn(3, '-').map(|p| p.parse::<i64>().ok());
        let (player_id, month, version) = (parts.next()??, parts.next()??, parts.next()??);
        let found = Self { player_id, month: Month(month), version };
        (found.to_string() == text).then_some(found)
    }
}

impl fmt::Display for TradeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "t-{}-{}-{}", self.player_id, self.month.0, self.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entry() -> LedgerEntry {
        LedgerEntry {
            month: Month(202_611),
            player_id: 42,
            version: 2,
            kind: EntryKind::Buy,
            stock_id: Some(1),
            quantity: Quantity(3_000_000),
            price: Some(Price(1_899_500)),
            amount: Money(-56_985),
            fee: Money(0),
            xp_trade: 10,
            xp_achievements: 50,
            cash_after: Money(943_015),
            quantity_after: Quantity(3_000_000),
            cost_basis_after: Money(56_985),
            total_xp_after: 60,
            quote_as_of: Some(UnixMicros(1)),
            quote_day: Some(Day(12_786)),
            quote_source: Some(QuoteSource::Replay),
            about_version: None,
            created_at: UnixMicros(2),
            rules_version: None,
        }
    }

    #[test]
    fn the_canonical_text_is_fixed_for_ever() {
        let text = "openbell-ledger-1\n202611\n42\n2\nbuy\n1\n3000000\n1899500\n-56985\n0\n10\n50\n\
                    943015\n3000000\n56985\n60\n1\n12786\nreplay\n-\n2";
        assert_eq!(entry().canonical(), text);
        assert_eq!(
            entry().hash(genesis_hash(42)).to_string(),
            "7d05b1c48517ed14efdcd14d4ed9f2343263c18fe81b7ae09b37b089d6c94aba"
        );
        let named = LedgerEntry { rules_version: Some(3), ..entry() };
        let second = text.replacen("ledger-1", "ledger-2", 1) + "\n3";
        assert_eq!(named.canonical(), second);
        assert_eq!(
            genesis_hash(42).to_string(),
            "f3e0540a5fb4e0e311e208ff437244c689070c66b14e6ce599ca5710e1123683"
        );
    }

    #[test]
    fn a_trade_id_survives_its_text_and_nothing_else_is_one() {
        let id = entry().trade_id();
        assert_eq!(id.to_string(), "t-42-202611-2");
        assert_eq!(TradeId::parse("t-42-202611-2"), Some(id));
        for text in ["", "t-42-202611", "t-042-202611-2", "t-42-202611-+2", "t-42-202611-2-1"] {
            assert_eq!(TradeId::parse(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_flipped_bit_of_the_text_or_the_previous_hash_changes_the_hash(
            byte in 0usize..1000, bit in 0u8..8,
        ) {
            let previous = genesis_hash(42);
            let text = entry().canonical();
            let mut input = previous.0.to_vec();
            input.extend_from_slice(text.as_bytes());
            prop_assert_eq!(Hash(Sha256::digest(&input).into()), entry().hash(previous));
            let at = byte % input.len();
            input[at] ^= 1 << bit;
            prop_assert_ne!(Hash(Sha256::digest(&input).into()), entry().hash(previous));
        }

        #[test]
        fn any_changed_member_changes_the_text(which in 0usize..15, by in 1i64..1_000_000) {
            let mut changed = entry();
            let Day(day) = Day(12_786);
            match which {
                0 => changed.month.0 += by,
                1 => changed.player_id += by,
                2 => changed.version += by,
                3 => changed.kind = EntryKind::Sell,
                4 => changed.quantity.0 += by,
                5 => changed.amount.0 += by,
                6 => changed.fee.0 += by,
                7 => changed.xp_trade += by,
                8 => changed.xp_achievements += by,
                9 => changed.cash_after.0 += by,
                10 => changed.stock_id = None,
                11 => changed.quote_day = Some(Day(day + 1)),
                12 => changed.about_version = Some(by),
                13 => changed.rules_version = Some(by),
                _ => changed.created_at.0 += by,
            }
            prop_assert_ne!(changed.canonical(), entry().canonical());
        }
    }
}
