//! One entry of a player's history as the API tells it. The numbers are taken from the canonical
//! text, which the hash covers, and compared with the members beside it.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::amount::{cents, fixed, price};

/// What the canonical text begins with, and how many lines it has.
const HEADER: &str = "openbell-ledger-1";
const LINES: usize = 21;

/// An entry as it is sent.
#[derive(Debug, Deserialize)]
pub(crate) struct EntryRow {
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

/// An entry as it is checked.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) month: i64,
    pub(crate) player_id: i64,
    pub(crate) version: i64,
    pub(crate) symbol: Option<String>,
    /// In millionths.
    pub(crate) quantity: i64,
    /// In ten-thousandths.
    pub(crate) price: Option<i64>,
    /// In hundredths, as all money.
    pub(crate) amount: i64,
    pub(crate) fee: i64,
    pub(crate) cash_after: i64,
    pub(crate) quantity_after: i64,
    pub(crate) canonical: String,
    pub(crate) hash: [u8; 32],
}

impl Entry {
    /// Reads an entry; the error says what is wrong with it.
    pub(crate) fn read(row: EntryRow) -> Result<Self, String> {
        let id = row.trade_id.clone();
        let hash = read_hash(&row.hash).ok_or_else(|| format!("{id} has no readable hash"))?;
        let shown = (
            row.version,
            fixed(row.quantity.get(), 6),
            row.price.as_deref().map(price),
            cents(&row.amount),
            cents(&row.cash_after),
            fixed(row.quantity_after.get(), 6),
        );
        let entry = Self::of_text(row.canonical, row.stock_symbol, hash)
            .ok_or_else(|| format!("{id} has no readable canonical text"))?;
        let hashed = (
            entry.version,
            Some(entry.quantity),
            entry.price.map(Some),
            Some(entry.amount),
            Some(entry.cash_after),
            Some(entry.quantity_after),
        );
        if shown != hashed || entry.trade_id() != id {
            return Err(format!("{id} shows other numbers than its canonical text"));
        }
        Ok(entry)
    }

    fn of_text(canonical: String, symbol: Option<String>, hash: [u8; 32]) -> Option<Self> {
        let lines: Vec<&str> = canonical.lines().collect();
        if lines.len() != LINES || lines[0] != HEADER {
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
