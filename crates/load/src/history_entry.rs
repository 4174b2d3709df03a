//! An entry of a player's history in the API. The numbers are parsed from the canonical text, which
//! the hash covers, and compared with the other members.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::amount::{fixed, money, price};

/// The first line of the canonical text in each form, and its number of lines.
const FORMS: [(&str, usize); 2] = [("openbell-ledger-1", 21), ("openbell-ledger-2", 22)];

/// An entry as the API returns it.
#[derive(Debug, Deserialize)]
pub(crate) struct EntryResponse {
    trade_id: String,
    version: i64,
    stock_symbol: Option<String>,
    quantity: Box<RawValue>,
    price: Option<String>,
    amount: String,
    cash_after: String,
    quantity_after: Box<RawValue>,
    canonical: String,
    hash: String,
}

#[derive(Clone, Debug)]
pub(crate) struct HistoryEntry {
    pub(crate) month: i64,
    pub(crate) player_id: i64,
    pub(crate) version: i64,
    pub(crate) symbol: Option<String>,
    /// In millionths.
    pub(crate) quantity: i64,
    /// In ten-thousandths.
    pub(crate) price: Option<i64>,
    /// In minor units, as all money.
    pub(crate) amount: i64,
    pub(crate) fee: i64,
    pub(crate) cash_after: i64,
    pub(crate) quantity_after: i64,
    pub(crate) canonical: String,
    pub(crate) hash: [u8; 32],
}

impl HistoryEntry {
    /// Parses and compares an entry. The error is a sentence for the report.
    pub(crate) fn parse(row: EntryResponse) -> Result<Self, String> {
        let id = row.trade_id.clone();
        let hash = read_hash(&row.hash).ok_or_else(|| format!("{id} has no valid hash"))?;
        let shown = (
            row.version,
            fixed(row.quantity.get(), 6),
            row.price.as_deref().map(price),
            money(&row.amount),
            money(&row.cash_after),
            fixed(row.quantity_after.get(), 6),
        );
        let entry = Self::of_text(row.canonical, row.stock_symbol, hash)
            .ok_or_else(|| format!("{id} has no valid canonical text"))?;
        let hashed = (
            entry.version,
            Some(entry.quantity),
            entry.price.map(Some),
            Some(entry.amount),
            Some(entry.cash_after),
            Some(entry.quantity_after),
        );
        if shown != hashed || entry.trade_id() != id {
            return Err(format!("{id} has other numbers than its canonical text"));
        }
        Ok(entry)
    }

    fn of_text(canonical: String, symbol: Option<String>, hash: [u8; 32]) -> Option<Self> {
        let lines: Vec<&str> = canonical.lines().collect();
        let header = *lines.first()?;
        if !FORMS.contains(&(header, lines.len())) {
            return None;
        }
        let number = |at: usize| lines[at].parse::<i64>().ok();
        Some(Self {
            month: number(1)?,
            player_id: number(2)?,
            version: number(3)?,
            symbol,
            quantity: number(6)?,
            price: if lines[7] == "-" { None } else { Some(number(7)?) },
            amount: number(8)?,
            fee: number(9)?,
            cash_after: number(12)?,
            quantity_after: number(13)?,
            hash,
            canonical,
        })
    }

    pub(crate) fn trade_id(&self) -> String {
        format!("t-{}-{}-{}", self.player_id, self.month, self.version)
    }
}

fn read_hash(text: &str) -> Option<[u8; 32]> {
    let mut hash = [0; 32];
    hex::decode_to_slice(text, &mut hash).ok()?;
    Some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const CANONICAL: &str = "openbell-ledger-1\n202611\n42\n2\nbuy\n1\n1500000\n10000\n-150\n0\n0\n\
        0\n850\n1500000\n150\n10\n-\n-\n-\n-\n-";

    fn response() -> Value {
        json!({
            "trade_id": "t-42-202611-2",
            "version": 2,
            "stock_symbol": "KO",
            "quantity": 1.5,
            "price": "1.0000",
            "amount": "-1.50",
            "cash_after": "8.50",
            "quantity_after": 1.5,
            "canonical": CANONICAL,
            "hash": "0f".repeat(32),
        })
    }

    fn parse(response: &Value) -> Result<HistoryEntry, String> {
        HistoryEntry::parse(serde_json::from_str(&response.to_string()).expect("the members"))
    }

    #[test]
    fn an_entry_has_the_numbers_of_its_canonical_text() {
        let entry = parse(&response()).expect("valid");
        assert_eq!((entry.player_id, entry.month, entry.version), (42, 202_611, 2));
        assert_eq!((entry.quantity, entry.price), (1_500_000, Some(10_000)));
        assert_eq!((entry.amount, entry.fee, entry.cash_after), (-150, 0, 850));
        assert_eq!((entry.quantity_after, entry.hash), (1_500_000, [15; 32]));
    }

    #[test]
    fn an_entry_that_names_the_rules_has_a_further_line() {
        let mut response = response();
        let second = CANONICAL.replace("ledger-1", "ledger-2") + "\n3";
        response["canonical"] = json!(second);
        assert_eq!(parse(&response).expect("valid").canonical, second);
    }

    #[test]
    fn a_member_that_differs_from_the_canonical_text_is_found() {
        for (member, value) in [
            ("trade_id", json!("t-42-202611-3")),
            ("version", json!(3)),
            ("quantity", json!(2)),
            ("quantity", json!("1.5")),
            ("price", json!("1.0001")),
            ("price", json!(null)),
            ("price", json!("one")),
            ("amount", json!("-1.51")),
            ("amount", json!("1.5e0")),
            ("cash_after", json!("8.49")),
            ("quantity_after", json!(1.500001)),
        ] {
            let mut response = response();
            response[member] = value.clone();
            let error = parse(&response).expect_err(member);
            assert!(error.ends_with("has other numbers than its canonical text"), "{error}");
        }
    }

    #[test]
    fn a_malformed_hash_or_canonical_text_is_found() {
        for (member, value, words) in [
            ("hash", "0f".repeat(31), "no valid hash"),
            ("hash", "zz".repeat(32), "no valid hash"),
            ("hash", "é".repeat(32), "no valid hash"),
            ("hash", "+f".repeat(32), "no valid hash"),
            ("canonical", String::new(), "no valid canonical text"),
            ("canonical", CANONICAL.replace("ledger-1", "ledger-2"), "no valid canonical text"),
            ("canonical", CANONICAL.replace("1500000", "1.5"), "no valid canonical text"),
            ("canonical", CANONICAL.replace("850", "9".repeat(30).as_str()), "no valid canonical"),
            ("canonical", format!("{CANONICAL}\n-"), "no valid canonical text"),
        ] {
            let mut response = response();
            response[member] = json!(value);
            let error = parse(&response).expect_err(member);
            assert!(error.contains(words), "{value}: {error}");
        }
    }
}
