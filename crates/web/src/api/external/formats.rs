//! The response formats of two providers.

use domain::{Day, Price, Symbol};
use market::{CompanyProfile, PriceUnit, SearchHit, StockQuote};
use serde_json::{Value, json};
use store::StockRow;

use crate::game::numbers::{self, json_number, padded_price};
use crate::http::query::Query;
use crate::problem::Problem;
use crate::state::AppState;

/// The provider whose format the response has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    AlphaVantage,
    FinancialModelingPrep,
}

impl Format {
    pub(super) fn parse(query: &Query) -> Result<Self, Problem> {
        match query.find("source").unwrap_or("alphavantage") {
            "alphavantage" => Ok(Self::AlphaVantage),
            "fmp" => Ok(Self::FinancialModelingPrep),
            _ => Err(Problem::field("source", "The selected source is invalid.")),
        }
    }
}

pub(super) fn quote_in(format: Format, symbol: &Symbol, quote: &StockQuote) -> Value {
    let change = padded_price(Price(quote.price.0 - quote.previous_close.0));
    let (symbol, price) = (symbol.as_str(), padded_price(quote.price));
    match format {
        Format::AlphaVantage => {
            // Four places, as that provider writes them.
            let percent = numbers::percent_to(quote.change(), 4);
            let change_percent = format!("{percent}%");
            json!({
                "symbol": symbol, "price": price, "change": change,
                "change_percent": change_percent,
            })
        }
        Format::FinancialModelingPrep => json!({
            "symbol": symbol, "price": json_number(&price), "volume": null,
            "change": json_number(&change),
            "changesPercentage": json_number(&numbers::percent(quote.change())),
        }),
    }
}

pub(super) fn history_in(format: Format, symbol: &Symbol, closes: &[(Day, Price)]) -> Value {
    match format {
        Format::AlphaVantage => {
            let day = |(day, close): &(Day, Price)| {
                let bar = json!({
                    "1. open": null, "2. high": null, "3. low": null,
                    "4. close": padded_price(*close), "5. volume": null,
                });
                (day.to_string(), bar)
            };
            Value::Object(closes.iter().map(day).collect())
        }
        Format::FinancialModelingPrep => {
            let day = |(day, close): &(Day, Price)| {
                json!({
                    "symbol": symbol.as_str(), "date": day.to_string(),
                    "open": null, "high": null, "low": null,
                    "close": json_number(&padded_price(*close)), "volume": null,
                })
            };
            // Newest first, as that provider returns them.
            closes.iter().rev().map(day).collect()
        }
    }
}

pub(super) fn own_hit(state: &AppState, stock: &StockRow) -> SearchHit {
    SearchHit {
        symbol: stock.symbol.to_string(),
        name: stock.name.clone(),
        kind: Some("Equity".to_owned()),
        region: None,
        exchange: None,
        currency: Some(state.rules().currency.code().to_owned()),
    }
}

pub(super) fn hit_in(format: Format, hit: SearchHit) -> Value {
    let SearchHit { symbol, name, kind, region, exchange, currency } = hit;
    match format {
        Format::AlphaVantage => json!({
            "1. symbol": symbol, "2. name": name, "3. type": kind, "4. region": region,
            "8. currency": currency,
        }),
        Format::FinancialModelingPrep => json!({
            "symbol": symbol, "name": name, "currency": currency, "stockExchange": exchange,
            "exchangeShortName": exchange,
        }),
    }
}

/// The provider's profile, with the game's own texts where the provider has none.
pub(super) fn profile_of(
    state: &AppState,
    stock: &StockRow,
    profile: Option<&CompanyProfile>,
    quote: Option<StockQuote>,
) -> Value {
    let text =
        |read: fn(&CompanyProfile) -> &Option<String>| profile.and_then(|p| read(p).as_ref());
    let number = |price| json_number(&padded_price(price));
    let price = quote.map(|quote| number(quote.price));
    let change = quote.map(|quote| number(Price(quote.price.0 - quote.previous_close.0)));
    // Prices are in the currency itself where the provider quotes them in hundredths of it.
    let unit = text(|p| &p.currency).and_then(|code| PriceUnit::parse(code));
    let currency = unit.map(|unit| Value::from(unit.currency));
    json!({
        "symbol": stock.symbol.as_str(),
        "price": price,
        "changes": change,
        "companyName": profile.map_or(&stock.name, |profile| &profile.name),
        "currency": currency.unwrap_or_else(|| state.rules().currency.code().into()),
        "exchangeShortName": text(|p| &p.exchange),
        "industry": text(|p| &p.industry),
        "website": text(|p| &p.website),
        "description": text(|p| &p.description).unwrap_or(&stock.description),
        "sector": text(|p| &p.sector).unwrap_or(&stock.category),
        "country": text(|p| &p.country),
    })
}

#[cfg(test)]
mod tests {
    use domain::UnixMicros;

    use super::*;

    fn quote(price: i64, previous_close: i64) -> StockQuote {
        let previous_close = Price(previous_close);
        StockQuote { price: Price(price), previous_close, as_of: UnixMicros(0) }
    }

    #[test]
    fn a_quote_has_the_format_of_each_provider() {
        let symbol = Symbol::parse("AAPL").unwrap();
        let (up, down) = (quote(1_912_400, 1_899_500), quote(9_950, 10_000));
        let text =
            |format, quote| serde_json::to_string(&quote_in(format, &symbol, quote)).unwrap();
        assert_eq!(
            text(Format::AlphaVantage, &up),
            r#"{"change":"1.2900","change_percent":"0.6791%","price":"191.2400","symbol":"AAPL"}"#
        );
        assert_eq!(
            text(Format::FinancialModelingPrep, &down),
            r#"{"change":-0.005,"changesPercentage":-0.5,"price":0.995,"symbol":"AAPL","volume":null}"#
        );
    }

    #[test]
    fn a_previous_close_of_zero_is_no_division_by_zero() {
        assert_eq!(numbers::percent_to(quote(100, 0).change(), 4), "0.0000");
    }
}
