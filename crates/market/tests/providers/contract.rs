//! The errors that adapters map statuses and error texts to. The bodies follow the documentation
//! and known responses of each provider, with invented numbers.

use std::time::Duration;

use domain::{Clock as _, Price, UnixMicros};
use market::{ProviderError, QuotaWindow};
use testkit::{Dialect, FakeMode};

use crate::support::*;

const PLAN: ProviderError = ProviderError::PlanRestricted { symbol_only: false };
const STOCK_NOT_IN_PLAN: ProviderError = ProviderError::PlanRestricted { symbol_only: true };
const HTML: &str = "<html><body>Access denied. Get a Premium subscription.</body></html>";

fn limited(window: QuotaWindow) -> ProviderError {
    // All of the bodies below come with this wait.
    ProviderError::RateLimited { window, retry_after: Some(Duration::from_secs(9)) }
}

/// Requests a price and expects each of these errors.
async fn refuses(dialect: Dialect, table: &[(u16, &'static str, ProviderError)]) {
    let fixture = Fixture::start(dialect).await;
    for (status, body, expected) in table {
        let (status, retry_after) = (*status, Some(9));
        fixture.fake.set_mode(FakeMode::Response { status, retry_after, body });
        let error = fixture.provider.quote(&symbol("DEMO")).await;
        assert_eq!(error, Err(expected.clone()), "{dialect:?} {status} {body}");
    }
}

/// Error responses of any provider or of a proxy in front of it.
#[tokio::test]
async fn where_the_words_say_nothing_the_status_does() {
    for dialect in Dialect::ALL {
        let table = [
            (429, HTML, limited(QuotaWindow::Minute)),
            (429, "Too Many Requests", limited(QuotaWindow::Minute)),
            (429, "{}", limited(QuotaWindow::Minute)),
            (401, "", ProviderError::AuthFailed),
            (403, "{}", PLAN),
            // HTML comes from a proxy in between.
            (200, HTML, ProviderError::Transient),
            (403, HTML, ProviderError::Transient),
            (404, HTML, ProviderError::Transient),
            (408, "", ProviderError::Transient),
            (500, "{}", ProviderError::Transient),
            (502, HTML, ProviderError::Transient),
            (302, "", ProviderError::Transient),
            (200, "", ProviderError::Malformed),
            (200, "null", ProviderError::Malformed),
            (200, "5", ProviderError::Malformed),
        ];
        refuses(dialect, &table).await;
    }
}

#[tokio::test]
async fn alpha_vantage_reports_errors_in_the_body() {
    let table = [
        (
            200,
            r#"{"Note":"Thank you for using Alpha Vantage! Our standard API call frequency is 5 calls per minute and 500 calls per day."}"#,
            limited(QuotaWindow::Minute),
        ),
        (
            200,
            r#"{"Information":"Thank you for using Alpha Vantage! Please consider spreading out your free API requests more sparingly (1 request per second). You may subscribe to any of the premium plans at https://www.alphavantage.co/premium/ to lift the free key rate limit (25 requests per day), raise the per-second burst limit, and instantly unlock all premium endpoints"}"#,
            limited(QuotaWindow::Second),
        ),
        (
            200,
            r#"{"Information":"We have detected your API key as KEY and our standard API rate limit is 25 requests per day. Please subscribe to any of the premium plans at https://www.alphavantage.co/premium/ to instantly remove all daily rate limits."}"#,
            limited(QuotaWindow::Day),
        ),
        (200, r#"{"Information":"Thank you! This is a premium endpoint."}"#, PLAN),
        (
            200,
            r#"{"Information":"The **demo** API key is for demo purposes only."}"#,
            ProviderError::AuthFailed,
        ),
        (
            200,
            r#"{"Error Message":"the parameter apikey is invalid or missing. Please claim your free API key on (https://www.alphavantage.co/support/#api-key)."}"#,
            ProviderError::AuthFailed,
        ),
        (
            200,
            r#"{"Error Message":"Invalid API call. Please retry or visit the documentation (https://www.alphavantage.co/documentation/) for TIME_SERIES_DAILY."}"#,
            ProviderError::NotFound,
        ),
        (200, r#"{"Global Quote":{}}"#, ProviderError::NotFound),
        (200, r#"{"Global Quote":{"05. price":"102.4000"}}"#, ProviderError::Malformed),
    ];
    refuses(Dialect::AlphaVantage, &table).await;
}

#[tokio::test]
async fn financial_modeling_prep_reports_errors_in_text_and_in_objects() {
    let table = [
        (
            401,
            r#"{"Error Message":"Invalid API KEY. Feel free to create a Free API Key or visit https://site.financialmodelingprep.com/faqs for more information."}"#,
            ProviderError::AuthFailed,
        ),
        (
            403,
            r#"{"Error Message":"Legacy Endpoint : Due to Legacy endpoints being no longer supported - This endpoint is only available for legacy users who have valid subscriptions prior August 31, 2025."}"#,
            PLAN,
        ),
        (
            403,
            r#"{"Error Message":"Exclusive Endpoint : This endpoint is not available under your current subscription agreement."}"#,
            PLAN,
        ),
        (
            402,
            "Premium Query Parameter: 'Special Endpoint : This value set for 'symbol' is not available under your current subscription",
            STOCK_NOT_IN_PLAN,
        ),
        (
            402,
            "Restricted Endpoint: This endpoint is not available under your current subscription",
            PLAN,
        ),
        (
            429,
            r#"{"Error Message":"Limit Reach . Please upgrade your plan or visit our documentation for more details at https://site.financialmodelingprep.com/"}"#,
            limited(QuotaWindow::Day),
        ),
        (200, r#"{"Error Message":"Limit Reach . Please upgrade"}"#, limited(QuotaWindow::Day)),
        (200, r#"{"error":"Limit Reach . Please upgrade"}"#, limited(QuotaWindow::Day)),
        (
            429,
            r#"{"Error Message":"Bandwidth Limit Reach . Please upgrade your plan"}"#,
            limited(QuotaWindow::Day),
        ),
        (200, "[]", ProviderError::NotFound),
        (200, "{}", ProviderError::NotFound),
        (200, r#"[{"symbol":"DEMO","price":102.4}]"#, ProviderError::Malformed),
    ];
    refuses(Dialect::FinancialModelingPrep, &table).await;
}

#[tokio::test]
async fn finnhub_reports_errors_by_a_text_and_by_zeros() {
    let table = [
        (401, r#"{"error":"Invalid API key"}"#, ProviderError::AuthFailed),
        (401, r#"{"error":"Please use an API key."}"#, ProviderError::AuthFailed),
        (401, r#"{"error":"Unauthorized"}"#, ProviderError::AuthFailed),
        (403, r#"{"error":"You don't have access to this resource."}"#, PLAN),
        (403, r#"{"error":"Forbidden"}"#, PLAN),
        (
            429,
            r#"{"error":"API limit reached. Please try again later. Remaining Limit: 0"}"#,
            limited(QuotaWindow::Minute),
        ),
        (429, r#"{"error":"Slow down"}"#, limited(QuotaWindow::Minute)),
        (429, "API limit reached. Please sign up for a free account", limited(QuotaWindow::Minute)),
        (200, r#"{"error":"Something new"}"#, ProviderError::Transient),
        (
            200,
            r#"{"c":0,"d":null,"dp":null,"h":0,"l":0,"o":0,"pc":0,"t":0}"#,
            ProviderError::NotFound,
        ),
        (200, r#"{"c":102.4}"#, ProviderError::Malformed),
    ];
    refuses(Dialect::Finnhub, &table).await;
}

#[tokio::test]
async fn twelve_data_reports_errors_by_a_code_with_any_status() {
    let minute = r#"{"code":429,"message":"You have run out of API credits for the current minute. 9 API credits were used, with the current limit being 8. Wait for the next minute","status":"error"}"#;
    let table = [
        (429, minute, limited(QuotaWindow::Minute)),
        (200, minute, limited(QuotaWindow::Minute)),
        (
            200,
            r#"{"code":429,"message":"You have run out of API credits for the day.","status":"error"}"#,
            limited(QuotaWindow::Day),
        ),
        (
            200,
            r#"{"code":401,"message":"**apikey** parameter is incorrect or not specified.","status":"error"}"#,
            ProviderError::AuthFailed,
        ),
        (
            200,
            r#"{"code":403,"message":"/quote is available starting with the Grow plan","status":"error"}"#,
            PLAN,
        ),
        (
            404,
            r#"{"code":404,"message":"**symbol** or **figi** parameter is missing or invalid","status":"error"}"#,
            ProviderError::NotFound,
        ),
        (
            400,
            r#"{"code":400,"message":"No data is available on the specified dates.","status":"error"}"#,
            ProviderError::NotFound,
        ),
        (200, r#"{"code":500,"message":"oh dear","status":"error"}"#, ProviderError::Transient),
        // A code as text, and a missing code.
        (200, r#"{"code":"429","message":"","status":"error"}"#, limited(QuotaWindow::Minute)),
        (429, r#"{"message":"","status":"error"}"#, limited(QuotaWindow::Minute)),
        (401, r#"{"message":"","status":"error"}"#, ProviderError::AuthFailed),
        (200, r#"{"status":"ok"}"#, ProviderError::Malformed),
    ];
    refuses(Dialect::TwelveData, &table).await;
}

#[tokio::test]
async fn a_refusal_counts_even_if_its_body_cannot_be_read() {
    for dialect in Dialect::ALL {
        let fixture = Fixture::start(dialect).await;
        let modes = [FakeMode::HugeWith(429, 2_000_000), FakeMode::GarbageWith(429)];
        for mode in modes {
            fixture.fake.set_mode(mode.clone());
            let error = fixture.provider.quote(&symbol("DEMO")).await;
            let expected =
                ProviderError::RateLimited { window: QuotaWindow::Minute, retry_after: None };
            assert_eq!(error, Err(expected), "{dialect:?} {mode:?}");
        }
    }
}

#[tokio::test]
async fn twelve_data_returns_the_start_of_the_day_and_the_time_of_the_price() {
    let fixture = Fixture::start(Dialect::TwelveData).await;
    let now = fixture.clock.now();
    let response = |body| FakeMode::Response { status: 200, retry_after: None, body };
    let minute = now.plus_seconds(-60);
    // 14:30 UTC, when the session began, and a minute before the question.
    assert_eq!(minute, UnixMicros(1_794_848_340_000_000));
    let body = r#"{"symbol":"DEMO","datetime":"2026-11-16","timestamp":1794839400,"last_quote_at":1794848340,"close":"102.40000"}"#;
    fixture.fake.set_mode(response(body));
    let quote = fixture.provider.quote(&symbol("DEMO")).await.expect("a quote");
    assert_eq!((quote.as_of, quote.market_day), (minute, day_of("2026-11-16")));
    // Without it, it is as old as can be.
    let body = r#"{"symbol":"DEMO","datetime":"2026-11-16","timestamp":1794839400,"close":"1e2"}"#;
    fixture.fake.set_mode(response(body));
    let quote = fixture.provider.quote(&symbol("DEMO")).await.expect("a quote");
    assert_eq!(quote.as_of, UnixMicros(1_794_839_400_000_000));
    assert_eq!(quote.price, Price(1_000_000));
}

#[tokio::test]
async fn the_first_bar_of_a_repeated_day_wins() {
    let fixture = Fixture::start(Dialect::FinancialModelingPrep).await;
    let body = r#"[{"symbol":"DEMO","date":"2026-11-13","close":3},{"symbol":"DEMO","date":"2026-11-12","close":2},{"symbol":"DEMO","date":"2026-11-13","close":4}]"#;
    fixture.fake.set_mode(FakeMode::Response { status: 200, retry_after: None, body });
    let demo = symbol("DEMO");
    let bars = fixture.provider.history(&demo, day_of("2026-11-01"), day_of("2026-11-13"));
    let closes: Vec<Price> = bars.await.expect("bars").bars.iter().map(|bar| bar.close).collect();
    assert_eq!(closes, [Price(20_000), Price(30_000)]);
}

#[tokio::test]
async fn one_stock_may_fail_while_the_others_do_not() {
    for dialect in Dialect::ALL {
        let fixture = Fixture::start(dialect).await;
        fixture.fake.set_price("OTHER", "7.5", noon(&fixture.clock));
        fixture.fake.set_mode_of("DEMO", FakeMode::Status(500));
        let quote = async |text| fixture.provider.quote(&symbol(text)).await.map(|one| one.price);
        assert_eq!(quote("DEMO").await, Err(ProviderError::Transient), "{dialect:?}");
        assert_eq!(quote("OTHER").await, Ok(Price(75_000)), "{dialect:?}");
    }
}
