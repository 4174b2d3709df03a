//! Parses the body of an order and its `Idempotency-Key`. Members that name another kind of order
//! are rejected; any other unknown member is ignored, such as a total or a player.

use std::fmt;

use axum::http::HeaderMap;
use domain::text::TextKind;
use domain::{DecimalError, Note, NoteError, Quantity, Rules, Side, Symbol};
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::game::orders::{OrderRequest, tradable_quantity};
use crate::http::input::{Member, unfit};
use crate::problem::{FieldErrors, Problem, codes};
use crate::state::AppState;

const KEY_LENGTH_MAX: usize = 255;

/// The body of an order. Numbers are kept as text, so that none passes through a float.
#[derive(Default, ToSchema)]
pub(crate) struct OrderBody {
    /// In upper or lower case.
    #[schema(value_type = String, example = "AAPL", required = true)]
    stock_symbol: Option<Box<RawValue>>,
    /// The number of shares; up to six decimal places in a game with fractional shares.
    #[schema(value_type = f64, example = 3, required = true, exclusive_minimum = 0)]
    quantity: Option<Box<RawValue>>,
    /// Your reason.
    #[schema(value_type = Option<String>, max_length = 280, example = "I use their phones.")]
    note: Option<Box<RawValue>>,
    /// Members that may name another kind of order.
    #[schema(ignore)]
    terms: Vec<(String, Box<RawValue>)>,
}

/// Terms that a market order may have, and their values. Names are compared without case and
/// punctuation: `time_in_force`, `timeInForce`, `time-in-force`.
const FIXED_TERMS: [(&str, &[&str]); 7] = [
    ("type", &["market"]),
    ("ordertype", &["market"]),
    ("kind", &["market"]),
    ("orderclass", &["simple"]),
    ("timeinforce", &["day", "fok", "ioc"]),
    ("tif", &["day", "fok", "ioc"]),
    ("extendedhours", &["false"]),
];

/// Terms that a market order must not have.
#[rustfmt::skip]
const FOREIGN_TERMS: [&str; 33] = [
    "price", "limit", "limitprice", "stop", "stopprice", "stoploss", "takeprofit", "trailprice",
    "trailpercent", "trailingstop", "triggerprice", "maxprice", "minprice", "notional", "amount",
    "dollars", "currency", "exchange", "leverage", "validuntil", "validto", "goodtill",
    "goodtilldate", "goodtildate", "gtd", "expiry", "expires", "expiresat", "expiration",
    "executeat", "slippage", "maxslippage", "condition",
];

/// Terms and values of orders that are filled or rejected at once.
const AT_ONCE: ([&str; 2], [&str; 2]) = (["timeinforce", "tif"], ["fok", "ioc"]);

/// The side, which the path already contains.
const SIDE_TERM: &str = "side";

impl<'de> Deserialize<'de> for OrderBody {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Members)
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = OrderBody;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<OrderBody, A::Error> {
        let mut body = OrderBody::default();
        while let Some((name, value)) = members.next_entry::<String, Box<RawValue>>()? {
            let member = match name.as_str() {
                "stock_symbol" => &mut body.stock_symbol,
                "quantity" => &mut body.quantity,
                "note" => &mut body.note,
                _ => {
                    if is_term(&plain(&name)) {
                        body.terms.push((name, value));
                    }
                    continue;
                }
            };
            if member.replace(value).is_some() {
                return Err(A::Error::custom(format!("the member {name} is there twice")));
            }
        }
        Ok(body)
    }
}

/// The name of a member without case and punctuation.
fn plain(name: &str) -> String {
    let letters = name.chars().filter(|c| c.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}

fn is_term(plain: &str) -> bool {
    plain == SIDE_TERM
        || FIXED_TERMS.iter().any(|(term, _)| *term == plain)
        || FOREIGN_TERMS.contains(&plain)
}

impl OrderBody {
    /// Whether the order must be filled or rejected at once.
    pub(super) fn is_at_once(&self) -> bool {
        let (terms, values) = AT_ONCE;
        self.terms.iter().any(|(name, value)| {
            let word = match Member::of(Some(value)) {
                Member::Text(word) => word.trim().to_lowercase(),
                _ => return false,
            };
            terms.contains(&plain(name).as_str()) && values.contains(&word.as_str())
        })
    }

    /// Rejects terms of other kinds of orders: such an order must not fill at the market's price.
    fn check_kind(&self, side: Side, errors: &mut FieldErrors) {
        for (name, value) in &self.terms {
            let plain = plain(name);
            let label = name.replace(['_', '-'], " ");
            let fixed = FIXED_TERMS.iter().find(|(term, _)| *term == plain);
            let fixed = fixed.map(|(_, allowed)| *allowed);
            let allowed = if plain == SIDE_TERM { Some(&[side.as_str()][..]) } else { fixed };
            let member = Member::of(Some(value));
            let is_allowed = match (&member, allowed) {
                (Member::Absent, _) => true,
                (Member::Text(word), Some(allowed)) => {
                    allowed.iter().any(|known| known.eq_ignore_ascii_case(word.trim()))
                }
                (Member::Other, Some(allowed)) => allowed.contains(&value.get()),
                _ => false,
            };
            if is_allowed {
                continue;
            }
            let text = match allowed {
                Some(allowed) => {
                    let allowed = allowed.join(" or ");
                    format!("The {label} field of a market order must be {allowed}.")
                }
                None => format!("A market order has no {label} field: only market orders exist."),
            };
            errors.collect::<()>(name.clone(), Err(text));
        }
    }
}

/// Checks all members and reports everything that is wrong with them at once.
pub(super) fn parse_order(
    body: &OrderBody,
    side: Side,
    state: &AppState,
) -> Result<OrderRequest, Problem> {
    let mut errors = FieldErrors::default();
    let listing = read_symbol(body.stock_symbol.as_deref())
        .and_then(|symbol| state.prices.find(&symbol).ok_or_else(|| INVALID_SYMBOL.to_owned()));
    let listing = errors.collect("stock_symbol", listing);
    let quantity = read_quantity(body.quantity.as_deref(), &state.rules());
    let quantity = errors.collect("quantity", quantity);
    let note = errors.collect("note", read_note(body.note.as_deref()));
    body.check_kind(side, &mut errors);
    errors.finish()?;
    let (Some(listing), Some(quantity), Some(note)) = (listing, quantity, note) else {
        return Err(Problem::internal());
    };
    let (stock_id, symbol) = (listing.stock_id, listing.symbol.clone());
    Ok(OrderRequest { stock_id, symbol, quantity, note })
}

const INVALID_SYMBOL: &str = "The selected stock symbol is invalid.";
const REQUIRED_SYMBOL: &str = "The stock symbol field is required.";
const REQUIRED_QUANTITY: &str = "The quantity field is required.";

fn read_symbol(raw: Option<&RawValue>) -> Result<Symbol, String> {
    match Member::of(raw) {
        Member::Absent => Err(REQUIRED_SYMBOL.to_owned()),
        Member::Text(text) => Symbol::parse(&text).map_err(|_| INVALID_SYMBOL.to_owned()),
        Member::Number(_) | Member::Broken(_) => Err(INVALID_SYMBOL.to_owned()),
        Member::Other => Err("The stock symbol field must be a string.".to_owned()),
    }
}

/// Parses the member `note` of an order or of the body of a note.
pub(crate) fn read_note(raw: Option<&RawValue>) -> Result<Option<Note>, String> {
    match Member::of(raw) {
        Member::Absent => Ok(None),
        Member::Text(text) => parse_note(&text).map(Some),
        Member::Broken(error) => Err(unfit("note", error, TextKind::Note)),
        Member::Number(_) | Member::Other => Err("The note field must be a string.".to_owned()),
    }
}

fn parse_note(text: &str) -> Result<Note, String> {
    Note::parse(text).map_err(|error| match error {
        NoteError::Empty => "The note field is required.".to_owned(),
        NoteError::TooLong => {
            format!("The note field must not be greater than {} characters.", Note::LENGTH_MAX)
        }
        NoteError::Unfit(error) => unfit("note", error, TextKind::Note),
    })
}

/// Parses a number, or a string with a number.
fn read_quantity(raw: Option<&RawValue>, rules: &Rules) -> Result<Quantity, String> {
    match Member::of(raw) {
        Member::Absent => Err(REQUIRED_QUANTITY.to_owned()),
        Member::Number(literal) => parse_quantity(literal, rules),
        Member::Text(text) => parse_quantity(text.trim(), rules),
        Member::Broken(_) | Member::Other => Err(not_a_quantity(rules)),
    }
}

fn parse_quantity(text: &str, rules: &Rules) -> Result<Quantity, String> {
    let quantity = Quantity::parse_decimal(text);
    quantity.and_then(|quantity| tradable_quantity(quantity, rules)).map_err(|error| match error {
        DecimalError::TooLarge => too_large(rules),
        DecimalError::Negative => too_small(rules),
        DecimalError::NotANumber | DecimalError::TooFine | DecimalError::Ambiguous(_) => {
            not_a_quantity(rules)
        }
    })
}

fn too_small(rules: &Rules) -> String {
    if rules.fractional_shares {
        "The quantity field must be greater than 0.".to_owned()
    } else {
        "The quantity field must be at least 1.".to_owned()
    }
}

fn too_large(rules: &Rules) -> String {
    format!("The quantity field must not be greater than {}.", rules.quantity_max)
}

fn not_a_quantity(rules: &Rules) -> String {
    if rules.fractional_shares {
        "The quantity field must be a number with at most 6 decimal places.".to_owned()
    } else {
        "The quantity field must be an integer.".to_owned()
    }
}

/// Parses the key: 1 to 255 visible ASCII characters, sent once.
pub(crate) fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut keys = headers.get_all("idempotency-key").iter();
    let Some(key) = keys.next() else {
        return Ok(None);
    };
    let visible = |key: &&str| {
        (1..=KEY_LENGTH_MAX).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic())
    };
    let key = key.to_str().ok().filter(visible).filter(|_| keys.next().is_none());
    key.map(|key| Some(key.to_owned())).ok_or_else(|| (&codes::IDEMPOTENCY_KEY_INVALID).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(fractional_shares: bool) -> Rules {
        let rules = serde_json::json!({
            "starting_cash": "10000.00", "fractional_shares": fractional_shares,
            "quantity_max": 1_000_000, "quote_age_max_s": 900, "levels": {"step": 1000},
            "xp": {"buy": 10, "sell": 15, "trades_per_day_max": 3},
            "fee": {"flat": "0.00", "rate_bps": 0},
        });
        serde_json::from_value(rules).unwrap()
    }

    #[test]
    fn a_quantity_may_be_spelled_in_several_ways() {
        let rules = rules(true);
        for (literal, units) in [
            ("3", 3_000_000),
            ("5.0", 5_000_000),
            ("1.50", 1_500_000),
            ("1e-05", 10),
            ("0.000001", 1),
            ("1e3", 1_000_000_000),
        ] {
            assert_eq!(parse_quantity(literal, &rules), Ok(Quantity(units)));
        }
        let bad = ["0", "-1", "-0", "0.0000001", "1000001", "1e400", "1,5", "3,000", "NaN", ""];
        for literal in bad.into_iter().chain(["9223372036854775807", "10000000000000000000"]) {
            assert!(parse_quantity(literal, &rules).is_err(), "{literal}");
        }
    }

    #[test]
    fn a_game_of_whole_shares_has_the_texts_of_the_original_api() {
        let rules = rules(false);
        let text = |literal| parse_quantity(literal, &rules).unwrap_err();
        assert_eq!(parse_quantity("2.0", &rules), Ok(Quantity(2_000_000)));
        assert_eq!(text("1.5"), "The quantity field must be an integer.");
        assert_eq!(text("0"), "The quantity field must be at least 1.");
        assert_eq!(text("-1"), "The quantity field must be at least 1.");
    }
}
