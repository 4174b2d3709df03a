//! Reading an order: the body's three members, each refused in the original's words where they
//! fit, and the `Idempotency-Key`. Everything else a body holds is ignored and never used: the
//! price, the total and the player are not the sender's to say.

use axum::http::HeaderMap;
use domain::{Note, NumberError, Quantity, Rules, Side, Symbol};
use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use crate::problem::{FieldErrors, Problem};
use crate::state::AppState;

/// The longest `Idempotency-Key`, in characters.
const KEY_LENGTH_MAX: usize = 255;

/// An order as it is sent. Numbers are kept as they were written, so that no float comes between.
#[derive(Deserialize, ToSchema)]
pub(crate) struct OrderBody {
    /// In upper or lower case.
    #[schema(value_type = String, example = "AAPL", required = true)]
    stock_symbol: Option<Box<RawValue>>,
    /// How many shares; up to six decimal places where the game trades parts of a share.
    #[schema(value_type = f64, example = 3, required = true, exclusive_minimum = 0)]
    quantity: Option<Box<RawValue>>,
    /// Why, in your own words.
    #[schema(value_type = Option<String>, max_length = 280, example = "I use their phones.")]
    note: Option<Box<RawValue>>,
}

/// An order that can be submitted.
pub(crate) struct Asked {
    pub(crate) stock_id: i64,
    pub(crate) category_id: u8,
    pub(crate) symbol: Symbol,
    pub(crate) quantity: Quantity,
    pub(crate) note: Option<Note>,
}

impl Asked {
    /// Checks all members and names everything that is wrong with them at once.
    pub(crate) fn read(body: &OrderBody, state: &AppState) -> Result<Self, Problem> {
        let mut errors = FieldErrors::default();
        let listing = read_symbol(body.stock_symbol.as_deref())
            .and_then(|symbol| state.prices.find(&symbol).ok_or_else(|| INVALID_SYMBOL.to_owned()));
        let listing = errors.keep("stock_symbol", listing);
        let quantity = read_quantity(body.quantity.as_deref(), &state.rules);
        let quantity = errors.keep("quantity", quantity);
        let note = errors.keep("note", read_note(body.note.as_deref()));
        errors.finish()?;
        let (Some(listing), Some(quantity), Some(note)) = (listing, quantity, note) else {
            return Err(Problem::internal());
        };
        Ok(Self {
            stock_id: listing.stock_id,
            category_id: listing.category_id,
            symbol: listing.symbol.clone(),
            quantity,
            note,
        })
    }
}

const INVALID_SYMBOL: &str = "The selected stock symbol is invalid.";
const REQUIRED_SYMBOL: &str = "The stock symbol field is required.";
const REQUIRED_QUANTITY: &str = "The quantity field is required.";

/// What a member of the body is.
enum Member<'a> {
    /// Not there, `null`, or a text of blanks only.
    Absent,
    Text(String),
    /// As it was written.
    Number(&'a str),
    /// `true`, `false`, a list or an object.
    Other,
}

impl<'a> Member<'a> {
    fn of(raw: Option<&'a RawValue>) -> Self {
        let Some(raw) = raw.map(RawValue::get) else {
            return Self::Absent;
        };
        match raw.as_bytes().first() {
            Some(b'n') | None => Self::Absent,
            Some(b'-' | b'0'..=b'9') => Self::Number(raw),
            Some(b'"') => match serde_json::from_str::<String>(raw) {
                Ok(text) if text.trim().is_empty() => Self::Absent,
                Ok(text) => Self::Text(text),
                // Half of a surrogate pair: no text.
                Err(_) => Self::Other,
            },
            Some(_) => Self::Other,
        }
    }
}

fn read_symbol(raw: Option<&RawValue>) -> Result<Symbol, String> {
    match Member::of(raw) {
        Member::Absent => Err(REQUIRED_SYMBOL.to_owned()),
        Member::Text(text) => Symbol::parse(&text).map_err(|_| INVALID_SYMBOL.to_owned()),
        Member::Number(_) => Err(INVALID_SYMBOL.to_owned()),
        Member::Other => Err("The stock symbol field must be a string.".to_owned()),
    }
}

fn read_note(raw: Option<&RawValue>) -> Result<Option<Note>, String> {
    match Member::of(raw) {
        Member::Absent => Ok(None),
        Member::Text(text) => parse_note(&text).map(Some),
        Member::Number(_) | Member::Other => Err("The note field must be a string.".to_owned()),
    }
}

/// Checks the text of a note.
pub(crate) fn parse_note(text: &str) -> Result<Note, String> {
    Note::parse(text).map_err(|_| {
        let max = Note::LENGTH_MAX;
        if text.trim().chars().nth(max).is_some() {
            format!("The note field must not be greater than {max} characters.")
        } else {
            "The note field must be plain text without control characters.".to_owned()
        }
    })
}

fn read_quantity(raw: Option<&RawValue>, rules: &Rules) -> Result<Quantity, String> {
    match Member::of(raw) {
        Member::Absent => Err(REQUIRED_QUANTITY.to_owned()),
        Member::Number(literal) => parse_quantity(literal, rules),
        Member::Text(_) | Member::Other => Err(not_a_quantity(rules)),
    }
}

/// Reads the number as it was written: plain digits, without an exponent and without zeros at its
/// end, since `5.0` is what a client sends that calculates with floats.
pub(crate) fn parse_quantity(literal: &str, rules: &Rules) -> Result<Quantity, String> {
    let too_small = || {
        if rules.fractional_shares {
            "The quantity field must be greater than 0.".to_owned()
        } else {
            "The quantity field must be at least 1.".to_owned()
        }
    };
    let too_large =
        || format!("The quantity field must not be greater than {}.", rules.quantity_max);
    let has_exponent = literal.contains(['e', 'E']);
    if has_exponent || literal.contains('.') && literal.ends_with('0') {
        return Err(not_a_quantity(rules));
    }
    if literal.starts_with('-') {
        return Err(too_small());
    }
    let quantity = Quantity::parse(literal).map_err(|error| match error {
        NumberError::TooLarge(_) => too_large(),
        NumberError::TooFine { .. } | NumberError::NotANumber(_) => not_a_quantity(rules),
    })?;
    if !rules.fractional_shares && !quantity.is_whole() {
        return Err(not_a_quantity(rules));
    }
    match quantity {
        Quantity(0) => Err(too_small()),
        _ if quantity > rules.quantity_max => Err(too_large()),
        _ => Ok(quantity),
    }
}

fn not_a_quantity(rules: &Rules) -> String {
    if rules.fractional_shares {
        "The quantity field must be a number in plain digits with at most 6 decimal places, \
         without zeros at its end."
            .to_owned()
    } else {
        "The quantity field must be an integer.".to_owned()
    }
}

/// The request's key: 1 to 255 visible ASCII characters, once.
pub(crate) fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut keys = headers.get_all("idempotency-key").iter();
    let Some(key) = keys.next() else {
        return Ok(None);
    };
    let visible = |key: &&str| {
        (1..=KEY_LENGTH_MAX).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic())
    };
    let key = key.to_str().ok().filter(visible).filter(|_| keys.next().is_none());
    key.map(|key| Some(key.to_owned())).ok_or_else(Problem::idempotency_key_invalid)
}

/// What makes two orders the same: SHA-256 of the route, the symbol, the quantity in its unit and
/// the note, one a line.
pub(crate) fn fingerprint(side: Side, asked: &Asked) -> [u8; 32] {
    let note = asked.note.as_ref().map_or("", Note::as_str);
    let (side, symbol, units) = (side.as_str(), asked.symbol.as_str(), asked.quantity.0);
    Sha256::digest(format!("POST /api/portfolio/{side}\n{symbol}\n{units}\n{note}")).into()
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
    fn quantities_are_read_as_they_are_written() {
        let rules = rules(true);
        for (literal, units) in [("3", 3_000_000), ("0.25", 250_000), ("0.000001", 1)] {
            assert_eq!(parse_quantity(literal, &rules), Ok(Quantity(units)));
        }
        let bad = ["0", "-1", "-0", "1e3", "5.0", "1.50", "0.0000001", "1000001", "1e400"];
        for literal in bad.into_iter().chain(["9223372036854775807", "10000000000000000000"]) {
            assert!(parse_quantity(literal, &rules).is_err(), "{literal}");
        }
    }

    #[test]
    fn a_game_of_whole_shares_speaks_as_the_original() {
        let rules = rules(false);
        let text = |literal| parse_quantity(literal, &rules).unwrap_err();
        assert_eq!(text("1.5"), "The quantity field must be an integer.");
        assert_eq!(text("0"), "The quantity field must be at least 1.");
        assert_eq!(text("-1"), "The quantity field must be at least 1.");
    }
}
