//! Requests before and after the measured time: the stocks, portfolio sums. They are not counted,
//! and have no retries.

use std::sync::Arc;

use bytes::Bytes;
use hyper::header::HeaderValue;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::amount;
use crate::client::{Call, Client, ServerAddress};
use crate::error::LoadError;

/// The most pages of stocks that are read.
const STOCK_PAGES_MAX: u32 = 20;

/// A stock that can be bought.
#[derive(Clone, Debug)]
pub(crate) struct TradableStock {
    pub(crate) symbol: String,
    /// In ten-thousandths.
    pub(crate) price: i64,
    /// The order for one share.
    pub(crate) order: Bytes,
}

/// A client whose requests are not measured.
#[derive(Debug)]
pub(crate) struct SetupClient {
    client: Client,
    tries: usize,
}

impl SetupClient {
    pub(crate) fn new(addresses: &Arc<[ServerAddress]>) -> Self {
        Self { client: Client::new(addresses, 0), tries: addresses.len() }
    }

    /// The JSON of a response with status 200.
    pub(crate) async fn get<T: DeserializeOwned>(
        &mut self,
        path: &str,
        bearer: Option<&HeaderValue>,
    ) -> Result<T, LoadError> {
        let request = format!("GET {path}");
        let call = Call::get(path, bearer);
        for _ in 0..self.tries {
            let Ok(answer) = self.client.send(&call).await else { continue };
            if answer.status != 200 {
                let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
                let message = body["message"].as_str().unwrap_or("no message").to_owned();
                return Err(LoadError::Refused { request, status: answer.status, message });
            }
            let unexpected = |_| LoadError::Unexpected { request, missing: "JSON of the API" };
            return serde_json::from_slice(&answer.body).map_err(unexpected);
        }
        Err(LoadError::NoAnswer { request, cause: self.client.cause().to_owned() })
    }

    /// The stocks that have a price, the cheapest first.
    pub(crate) async fn stocks(&mut self) -> Result<Vec<TradableStock>, LoadError> {
        let mut stocks = Vec::new();
        for page in 1..=STOCK_PAGES_MAX {
            let path = format!("/api/stocks?per_page=50&page={page}");
            let answer: Value = self.get(&path, None).await?;
            let Some(rows) = answer["data"].as_array() else {
                let request = format!("GET {path}");
                return Err(LoadError::Unexpected { request, missing: "data" });
            };
            stocks.extend(rows.iter().filter_map(read_stock));
            if answer["meta"]["last_page"].as_u64().is_none_or(|last| u64::from(page) >= last) {
                break;
            }
        }
        stocks.sort_by(|a, b| (a.price, &a.symbol).cmp(&(b.price, &b.symbol)));
        if stocks.is_empty() { Err(LoadError::NoStocks) } else { Ok(stocks) }
    }
}

fn read_stock(row: &Value) -> Option<TradableStock> {
    let symbol = row["symbol"].as_str()?.to_owned();
    let price = amount::price(row["current_price"].as_str()?)?;
    let order = json!({ "stock_symbol": symbol, "quantity": 1 }).to_string().into();
    Some(TradableStock { symbol, price, order })
}
