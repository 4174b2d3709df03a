//! Checks that a database, opened by the real store, has every trade that a response promised: in
//! the ledger with equal values, and under its key. The whole ledger is verified, too.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;

use archive::Report;
use domain::{LedgerEntry, MinorUnit, Money, TradeId};
use serde_json::Value;
use store::{DatabaseConfig, LoadKey, Store, StoreError, Valuation};

use crate::traders::SentOrder;

/// Ledger entries of one statement.
const ROWS: i64 = 5_000;

/// What is wrong with a database.
#[derive(Debug)]
pub(crate) enum Broken {
    /// It cannot be opened or read.
    Unreadable(String),
    /// The ledger contradicts itself.
    Ledger(String),
    /// A promised trade is missing or differs.
    Promise(String),
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(what) => write!(f, "it cannot be read: {what}"),
            Self::Ledger(what) => write!(f, "{what}"),
            Self::Promise(what) => write!(f, "a promise is broken: {what}"),
        }
    }
}

impl From<StoreError> for Broken {
    fn from(error: StoreError) -> Self {
        Self::Unreadable(error.to_string())
    }
}

/// As `check`, for synchronous tests.
pub(crate) fn check_blocking(data: &Path, promises: &[&SentOrder]) -> Result<Report, Broken> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(check(data, promises))
}

/// Opens the database of a data directory as a server would, and checks it.
pub(crate) async fn check(data: &Path, promises: &[&SentOrder]) -> Result<Report, Broken> {
    let url = format!("sqlite:{}", data.join("openbell.db").display());
    // Two readers suffice.
    let config = DatabaseConfig { url, connections_max: 2, ..DatabaseConfig::default() };
    let store = Store::open(&config).await?;
    let checked = check_store(&store, promises).await;
    store.close().await;
    checked
}

async fn check_store(store: &Store, promises: &[&SentOrder]) -> Result<Report, Broken> {
    store.migrate().await?;
    let report = archive::verify(store, |_, _| ()).await;
    let report = report.map_err(|error| Broken::Unreadable(error.to_string()))?;
    if !report.holds() {
        return Err(Broken::Ledger(report.to_string()));
    }
    let ledger = read_ledger(store).await?;
    for sent in promises {
        let trade = &sent.answer.body["data"];
        let id = trade["trade_id"].as_str().expect("a number");
        let Some(entry) = ledger.get(id) else {
            return Err(Broken::Promise(format!("{id} is not in the ledger")));
        };
        if let Some(member) = difference(entry, trade) {
            return Err(Broken::Promise(format!("{id} has another {member}")));
        }
    }
    check_keys(store, promises).await?;
    Ok(report)
}

async fn read_ledger(store: &Store) -> Result<HashMap<String, LedgerEntry>, StoreError> {
    let (mut ledger, mut after) = (HashMap::new(), (i64::MIN, 0));
    loop {
        let rows = store.ledger_range(after, i64::MAX, ROWS).await?;
        let Some((last, _)) = rows.last() else { return Ok(ledger) };
        after = (last.player_id, last.version);
        let rows = rows.into_iter().map(|(entry, _)| (entry.trade_id().to_string(), entry));
        ledger.extend(rows);
    }
}

/// The member of a response that differs from the ledger entry.
fn difference(entry: &LedgerEntry, trade: &Value) -> Option<&'static str> {
    let shares = trade["quantity"].as_i64().map(|shares| shares * 1_000_000);
    let text = |member: &str| trade[member].as_str().map(str::to_owned);
    let members = [
        ("side", text("side") == Some(entry.kind.as_str().to_owned())),
        ("quantity", shares == Some(entry.quantity.0.abs())),
        ("price", text("price") == entry.price.map(|price| price.to_string())),
        (
            "total_amount",
            text("total_amount") == Some(Money(entry.amount.0.abs()).to_text(MinorUnit::Hundredth)),
        ),
        ("fee", text("fee") == Some(entry.fee.to_text(MinorUnit::Hundredth))),
        (
            "new_balance",
            text("new_balance") == Some(entry.cash_after.to_text(MinorUnit::Hundredth)),
        ),
        ("xp_earned", trade["xp_earned"].as_i64() == Some(entry.xp_trade)),
        ("executed_at", text("executed_at") == Some(entry.created_at.to_string())),
    ];
    members.into_iter().find(|(_, is_equal)| !is_equal).map(|(member, _)| member)
}

/// Each key has its trade.
async fn check_keys(store: &Store, promises: &[&SentOrder]) -> Result<(), Broken> {
    let id = |sent: &SentOrder| {
        let id = sent.answer.body["data"]["trade_id"].as_str().and_then(TradeId::parse);
        id.expect("a number that can be read")
    };
    let keys: Vec<_> = promises.iter().map(|sent| (id(sent).player_id, sent.key.clone())).collect();
    let mut players: Vec<i64> = keys.iter().map(|(player_id, _)| *player_id).collect();
    players.sort_unstable();
    players.dedup();
    let load_key =
        |player_id| LoadKey { player_id, stock_id: None, about_version: None, text_key: None };
    let load_keys: Vec<_> = players.into_iter().map(load_key).collect();
    let state = store.load_batch(&load_keys, &keys, &Valuation::at_prices("[]")).await?;
    for (sent, key) in promises.iter().zip(&keys) {
        let id = id(sent);
        if state.seen.get(key).and_then(|seen| seen.version) != Some((id.month, id.version)) {
            return Err(Broken::Promise(format!("key {} does not have {id}", sent.key)));
        }
    }
    Ok(())
}
