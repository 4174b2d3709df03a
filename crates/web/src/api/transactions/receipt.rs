//! The receipt of a ledger entry: the quote and its age, the rounding, and the experience with its
//! reason. Only the exact product is computed here; all other numbers are those of the entry.

use domain::{
    EntryKind, LedgerEntry, MinorUnit, Price, Quantity, QuoteSource, Rules, Side, Unlock,
};
use serde::Serialize;
use store::LedgerRow;
use utoipa::ToSchema;

use crate::api::achievements::UnlockedAchievement;
use crate::api::orders::quote_side;
use crate::game::history::Transaction;
use crate::game::numbers::fixed;

/// One entry of the chain, explained.
#[derive(Serialize, ToSchema)]
pub(crate) struct Receipt {
    #[serde(flatten)]
    entry: Transaction,
    /// The quote of the trade; `null` for other entries.
    quote: Option<ReceiptQuote>,
    /// How price times quantity became an amount; `null` for other entries.
    rounding: Option<Rounding>,
    xp: ReceiptXp,
}

/// The quote of a trade.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReceiptQuote {
    /// The price of the side that the trade filled at.
    #[schema(example = "189.95")]
    price: String,
    /// `ask` (a purchase) or `bid` (a sale).
    #[schema(example = "ask")]
    side: &'static str,
    /// An explanation of that side.
    #[schema(
        example = "A purchase fills at the ask, which lies above the middle price by half a \
        tick and half the spread of the rules."
    )]
    explanation: &'static str,
    /// When the price was made.
    #[schema(example = "2026-11-23T00:45:41.000000Z")]
    as_of: String,
    /// How old the price was when the trade was settled, in seconds.
    #[schema(example = "0.250000")]
    age_seconds: String,
    /// The market's calendar day (in a replay, a day in history).
    #[schema(example = "2005-01-03")]
    market_date: String,
    /// `replay`, `simulated`, `fixed` or `live`.
    #[schema(example = "replay")]
    source: &'static str,
}

/// How price times quantity became an amount of whole minor units of the currency.
#[derive(Serialize, ToSchema)]
pub(crate) struct Rounding {
    /// Price times quantity, exactly.
    #[schema(example = "569.8500000000")]
    exact_product: String,
    /// What was charged or paid out, without the fee.
    #[schema(example = "569.85")]
    total_amount: String,
    /// The part of a minor unit between the two.
    #[schema(example = "0.0000000000")]
    difference: String,
    /// `none`, `up` (a purchase) or `down` (a sale).
    #[schema(example = "none")]
    direction: &'static str,
    /// An explanation of the rounding.
    #[schema(example = "The product is a whole amount; nothing was rounded.")]
    explanation: &'static str,
}

/// The experience that an entry earned, and the reason.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReceiptXp {
    /// For the trade itself.
    #[schema(example = 10)]
    trade: i64,
    /// Why the trade earned it.
    #[schema(example = "A purchase earns 10 XP among the first 3 trades of a day.")]
    reason: String,
    /// For all achievements together.
    #[schema(example = 50)]
    achievements: i64,
    /// What this entry unlocked.
    achievements_unlocked: Vec<UnlockedAchievement>,
    /// All experience ever earned, afterwards.
    #[schema(example = 60)]
    total_after: i64,
    /// The level afterwards.
    #[schema(example = 1)]
    level_after: i64,
}

impl Receipt {
    /// `settled_by` are the rules that the entry names, `rules` those in force.
    pub(crate) fn new(
        row: &LedgerRow,
        unlocked: &[Unlock],
        settled_by: &Rules,
        rules: &Rules,
    ) -> Self {
        let (entry, unit) = (&row.entry, settled_by.minor_unit);
        Self {
            entry: Transaction::new(row, unit),
            quote: quote(entry, unit),
            rounding: entry.price.map(|price| rounding(entry, price, unit)),
            xp: ReceiptXp {
                trade: entry.xp_trade,
                reason: reason(entry, settled_by),
                achievements: entry.xp_achievements,
                achievements_unlocked: UnlockedAchievement::list(unlocked, rules),
                total_after: entry.total_xp_after,
                level_after: rules.levels.progress(entry.total_xp_after).level,
            },
        }
    }
}

const FILLED_AT_ASK: &str = "A purchase fills at the ask, which lies above the middle price by half \
    a tick and half the spread of the rules.";
const FILLED_AT_BID: &str = "A sale fills at the bid, which lies below the middle price by half a \
    tick and half the spread of the rules.";

fn quote(entry: &LedgerEntry, unit: MinorUnit) -> Option<ReceiptQuote> {
    let as_of = entry.quote_as_of?;
    // With another node's clock the quote may be newer than the settlement: its age is 0 then.
    let age = Quantity(entry.created_at.0.saturating_sub(as_of.0).max(0));
    let (side, explanation) = match entry.kind {
        EntryKind::Sell => (Side::Sell, FILLED_AT_BID),
        EntryKind::Buy
        | EntryKind::Open
        | EntryKind::Note
        | EntryKind::TransferIn
        | EntryKind::Award => (Side::Buy, FILLED_AT_ASK),
    };
    Some(ReceiptQuote {
        price: entry.price?.to_text(unit),
        side: quote_side(side),
        explanation,
        as_of: as_of.to_string(),
        age_seconds: fixed(i128::from(age.0), 6),
        market_date: entry.quote_day?.to_string(),
        source: entry.quote_source.map(QuoteSource::as_str)?,
    })
}

/// Digits after the point of a price times a quantity.
const PRODUCT_SCALE: u32 = 10;

fn rounding(entry: &LedgerEntry, price: Price, unit: MinorUnit) -> Rounding {
    let amount = entry.amount.0.unsigned_abs();
    let exact = i128::from(price.0) * i128::from(entry.quantity.0.unsigned_abs());
    let difference = (i128::from(amount) * unit.product_units() - exact).abs();
    let bought = entry.quantity.0 > 0;
    let (direction, explanation) = match (difference, bought) {
        (0, _) => ("none", "The product is a whole amount; nothing was rounded."),
        (_, true) => (
            "up",
            "A purchase is rounded up to a whole minor unit: the part of one went to the market.",
        ),
        (_, false) => (
            "down",
            "A sale is rounded down to a whole minor unit: the part of one went to the market.",
        ),
    };
    Rounding {
        exact_product: fixed(exact, PRODUCT_SCALE),
        total_amount: fixed(i128::from(amount), unit.digits()),
        difference: fixed(difference, PRODUCT_SCALE),
        direction,
        explanation,
    }
}

fn reason(entry: &LedgerEntry, rules: &Rules) -> String {
    use EntryKind as Kind;
    let most = rules.xp.trades_per_day_max;
    let (what, xp) = match entry.kind {
        Kind::Buy => ("A purchase", rules.xp.buy),
        Kind::Sell => ("A sale", rules.xp.sell),
        Kind::Open => return "Opening an account earns no XP.".to_owned(),
        Kind::TransferIn => return "A transfer of shares earns no XP.".to_owned(),
        Kind::Award => return "An award earns the XP of its achievements.".to_owned(),
        Kind::Note => return "A note earns no XP by itself; achievements for notes do.".to_owned(),
    };
    let total_before = entry.total_xp_after.saturating_sub(entry.xp_achievements);
    match entry.xp_trade {
        0 if xp == 0 => format!("{what} earns no XP in this game."),
        0 if !rules.is_trade_counted(entry.amount) => {
            let least = rules.xp.value_min.of(rules.starting_cash).to_text(rules.minor_unit);
            format!("{what} earns XP from an amount of {least} on.")
        }
        0 if total_before.saturating_add(xp) <= rules.xp.uninvested_max => {
            format!("Only the first {most} trades of a day earn XP; this one came after them.")
        }
        0 => format!(
            "Only the first {most} trades of a day earn XP, and above {} XP only those of a player \
             who has held shares worth {} or more through a whole session.",
            rules.xp.uninvested_max,
            rules.holding_value_min().to_text(rules.minor_unit),
        ),
        earned => format!("{what} earns {earned} XP among the first {most} trades of a day."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{Money, Month, UnixMicros};

    fn entry(quantity: i64, price: i64, amount: i64) -> LedgerEntry {
        LedgerEntry {
            month: Month(202_611),
            player_id: 42,
            version: 2,
            kind: if quantity > 0 { EntryKind::Buy } else { EntryKind::Sell },
            stock_id: Some(1),
            quantity: Quantity(quantity),
            price: Some(Price(price)),
            amount: Money(amount),
            fee: Money(0),
            xp_trade: 10,
            xp_achievements: 0,
            cash_after: Money(0),
            quantity_after: Quantity(0),
            cost_basis_after: Money(0),
            total_xp_after: 10,
            quote_as_of: Some(UnixMicros(1_000_000)),
            quote_day: Some(domain::Day(12_786)),
            quote_source: Some(QuoteSource::Replay),
            about_version: None,
            created_at: UnixMicros(1_250_000),
            rules_version: None,
        }
    }

    #[test]
    fn the_rounded_part_of_a_minor_unit_is_exact() {
        // 0.333333 × 189.95 = 63.31660335
        let bought =
            rounding(&entry(333_333, 1_899_500, -6332), Price(1_899_500), MinorUnit::Hundredth);
        assert_eq!(bought.exact_product, "63.3166033500");
        assert_eq!((bought.difference.as_str(), bought.direction), ("0.0033966500", "up"));
        let sold =
            rounding(&entry(-333_333, 1_899_500, 6331), Price(1_899_500), MinorUnit::Hundredth);
        assert_eq!((sold.difference.as_str(), sold.direction), ("0.0066033500", "down"));
        let whole =
            rounding(&entry(3_000_000, 1_899_500, -56_985), Price(1_899_500), MinorUnit::Hundredth);
        assert_eq!((whole.total_amount.as_str(), whole.direction), ("569.85", "none"));
        let in_unit = |unit, amount| {
            let found = rounding(&entry(333_333, 1_899_500, amount), Price(1_899_500), unit);
            (found.total_amount, found.difference)
        };
        let shown = |total: &str, part: &str| (total.to_owned(), part.to_owned());
        assert_eq!(in_unit(MinorUnit::Whole, -64), shown("64", "0.6833966500"));
        assert_eq!(in_unit(MinorUnit::Thousandth, -63_317), shown("63.317", "0.0003966500"));
    }

    #[test]
    fn the_age_of_a_quote_is_in_seconds_and_never_negative() {
        let mut late = entry(1, 1, -1);
        assert_eq!(quote(&late, MinorUnit::Hundredth).unwrap().age_seconds, "0.250000");
        late.created_at = UnixMicros(0);
        assert_eq!(quote(&late, MinorUnit::Hundredth).unwrap().age_seconds, "0.000000");
    }
}
