//! The run `portfolio`: one player with some holdings, whose portfolio is asked for by several
//! workers. What the numbers become is `report`'s.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::client::{Api, LoadError};
use crate::report::{Report, Sums, Tally};
use crate::{HOLDINGS_MAX, Options};

/// The measured page; `HOLDINGS_MAX` rows fit on it.
const PORTFOLIO: &str = "/api/portfolio?per_page=50";
const SUMMARY: &str = "/api/portfolio/summary";
const STOCKS: &str = "/api/stocks?per_page=50";
const REGISTER: &str = "/api/auth/register";
const BUY: &str = "/api/portfolio/buy";
/// How often the sums are read again because a price moved meanwhile.
const TRIES: u32 = 5;

/// Registers a player, buys the holdings, sends the requests and compares the sums.
///
/// `progress` is told how many requests are done, from any worker and so not always in order.
///
/// # Errors
///
/// When the address is none, or a request of the preparation or of the check at the end fails. A
/// measured request that fails is counted in the report instead.
pub async fn portfolio(
    options: &Options,
    progress: impl Fn(u64) + Send + Sync + 'static,
) -> Result<Report, LoadError> {
    let api = register(Api::new(&options.url)?, &options.tag).await?;
    let holdings = buy(&api, options.holdings.min(HOLDINGS_MAX)).await?;
    let concurrency = options.concurrency.max(1);
    let workers = (0..concurrency).map(|_| api.on_own_connection()).collect::<Result<Vec<_>, _>>();
    let workers = workers?;
    let start = Instant::now();
    let tally = measure(workers, options.requests, Arc::new(progress)).await?;
    let elapsed = start.elapsed();
    let sums = if tally.all_good() { compare_sums(&api).await? } else { Sums::NotAsked };
    Ok(tally.report(elapsed, concurrency, holdings, sums))
}

/// The same client, signed in as a new player.
async fn register(mut api: Api, tag: &str) -> Result<Api, LoadError> {
    // Nobody logs in to this account again; its password protects pretend money of a test.
    let password = format!("load {tag}");
    let body = json!({
        "name": "Load", "email": format!("load-{tag}@example.org"),
        "password": password, "password_confirmation": password,
    });
    let answer = api.post(REGISTER, &body).await?;
    let token = answer["token"].as_str();
    api.sign_in(token.ok_or_else(|| unexpected(REGISTER, "token"))?);
    Ok(api)
}

/// Buys one share each of so many stocks that have a price; how many there were.
async fn buy(api: &Api, wanted: u32) -> Result<u32, LoadError> {
    let stocks = api.get(STOCKS).await?;
    let stocks = stocks["data"].as_array().ok_or_else(|| unexpected(STOCKS, "data"))?;
    let priced = stocks.iter().filter(|stock| !stock["current_price"].is_null());
    let mut bought = 0;
    for (stock, count) in priced.zip(1..=wanted) {
        api.post(BUY, &json!({ "stock_symbol": stock["symbol"], "quantity": 1 })).await?;
        bought = count;
    }
    Ok(bought)
}

async fn measure(
    workers: Vec<Api>,
    requests: u64,
    progress: Arc<impl Fn(u64) + Send + Sync + 'static>,
) -> Result<Tally, LoadError> {
    let (taken, done) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let mut running = JoinSet::new();
    for api in workers {
        let (taken, done, progress) = (taken.clone(), done.clone(), progress.clone());
        running.spawn(async move {
            let mut tally = Tally::default();
            while taken.fetch_add(1, Ordering::Relaxed) < requests {
                let start = Instant::now();
                let status = api.status_of(PORTFOLIO).await;
                tally.count(status.ok().map(|status| status.as_u16()), start.elapsed());
                progress(done.fetch_add(1, Ordering::Relaxed).saturating_add(1));
            }
            tally
        });
    }
    let mut all = Tally::default();
    while let Some(tally) = running.join_next().await {
        all.add(&tally?);
    }
    Ok(all)
}

/// Reads the summary between two equal readings of the rows, and compares.
async fn compare_sums(api: &Api) -> Result<Sums, LoadError> {
    let mut before = api.get(PORTFOLIO).await?["data"].take();
    for _ in 0..TRIES {
        let summary = api.get(SUMMARY).await?;
        let after = api.get(PORTFOLIO).await?["data"].take();
        if before == after {
            let total = cents(&summary["data"]["total_value"]);
            let total = total.ok_or_else(|| unexpected(SUMMARY, "total_value"))?;
            let rows = sum(&after).ok_or_else(|| unexpected(PORTFOLIO, "total_value"))?;
            return Ok(if rows == total { Sums::Equal } else { Sums::Unequal });
        }
        before = after;
    }
    Ok(Sums::PricesMoved)
}

fn unexpected(request: &'static str, missing: &'static str) -> LoadError {
    LoadError::Unexpected { request, missing }
}

/// What all rows are worth, in hundredths; `None` when one does not say.
fn sum(rows: &Value) -> Option<i64> {
    let mut rows = rows.as_array()?.iter();
    rows.try_fold(0i64, |sum, row| sum.checked_add(cents(&row["total_value"])?))
}

/// An amount like `"569.85"` in hundredths.
fn cents(amount: &Value) -> Option<i64> {
    let (whole, places) = amount.as_str()?.split_once('.')?;
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if places.len() != 2 || !digits(whole) || !digits(places) {
        return None;
    }
    format!("{whole}{places}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_summed_in_hundredths() {
        let rows = json!([{ "total_value": "569.85" }, { "total_value": "0.20" }]);
        assert_eq!(sum(&rows), Some(57_005));
        assert_eq!(sum(&json!([])), Some(0));
        assert_eq!(sum(&json!([{ "total_value": "1.5" }])), None);
        assert_eq!(sum(&json!([{ "value": "1.50" }])), None);
        assert_eq!(sum(&json!({})), None);
    }
}
