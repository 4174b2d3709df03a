//! The scenario `portfolio`: buys holdings before the measured time, and compares the page with the
//! summary after it.

use serde_json::Value;
use tokio::time::Instant;

use crate::HOLDINGS_MAX;
use crate::amount::money;
use crate::error::LoadError;
use crate::plan::PORTFOLIO;
use crate::report::Sums;
use crate::setup_client::SetupClient;
use crate::worker::{TradeOrder, TradeSide, Worker};

const SUMMARY: &str = "/api/portfolio/summary";
/// The most reads of the sums when prices move between them.
const TRIES: u32 = 5;

/// Buys the first player one share each of so many stocks.
pub(crate) async fn buy(worker: &mut Worker, holdings: u32) {
    let stocks = worker.common.stocks.len();
    for (stock, _) in (0..stocks).zip(0..holdings.min(HOLDINGS_MAX)) {
        worker.trade(TradeOrder { player: 0, side: TradeSide::Buy, stock }, Instant::now()).await;
    }
}

/// Compares the summary with the rows, if the rows are equal before and after it.
pub(crate) async fn compare_sums(
    client: &mut SetupClient,
    worker: &Worker,
) -> Result<Sums, LoadError> {
    let bearer = Some(&worker.common.logins[0].bearer);
    let mut before: Value = client.get(PORTFOLIO, bearer).await?;
    for _ in 0..TRIES {
        let summary: Value = client.get(SUMMARY, bearer).await?;
        let after: Value = client.get(PORTFOLIO, bearer).await?;
        if before["data"] == after["data"] {
            let total = summary["data"]["total_value"].as_str().and_then(money);
            let total = total.ok_or_else(|| unexpected(SUMMARY))?;
            let rows = sum(&after["data"]).ok_or_else(|| unexpected(PORTFOLIO))?;
            return Ok(if rows == total { Sums::Equal } else { Sums::Unequal });
        }
        before = after;
    }
    Ok(Sums::PricesMoved)
}

fn unexpected(path: &str) -> LoadError {
    LoadError::Unexpected { request: format!("GET {path}"), missing: "total_value" }
}

/// The value of all rows, in minor units; `None` if a row has none.
fn sum(rows: &Value) -> Option<i64> {
    let mut rows = rows.as_array()?.iter();
    rows.try_fold(0i64, |sum, row| sum.checked_add(money(row["total_value"].as_str()?)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn amounts_are_summed_in_minor_units() {
        let rows = json!([{ "total_value": "569.85" }, { "total_value": "0.20" }]);
        assert_eq!(sum(&rows), Some(57_005));
        assert_eq!(sum(&json!([])), Some(0));
        assert_eq!(sum(&json!([{ "value": "1.50" }])), None);
        assert_eq!(sum(&json!({})), None);
    }
}
