//! Prices in smaller units of the game's currency, and in other currencies.

use domain::{Clock as _, Currency, Day, Price};
use market::ProviderKind::{Finnhub, TwelveData};
use market::{ProviderError, StockUnits};
use testkit::ManualClock;

use crate::support::*;

#[tokio::test]
async fn a_stated_unit_decides_and_the_unit_of_the_stock_where_none_is_stated() {
    let database = fresh_database("sqlite").await;
    let clock = ManualClock::new();
    let provider = ScriptedProvider::new(TwelveData, ScriptedResponse::Price(725_000, clock.now()));
    let pounds = Currency::parse("GBP").expect("a currency");
    let units = StockUnits::new(pounds, vec![(symbol("VOD.L"), 2)]);
    let node = node_with_units(&without_quota(), &[&provider], units, &database.store, &clock);
    let price = async |text: &str| node.quote(&symbol(text), None).await.expect("a price").1.price;
    assert_eq!(price("VOD.L").await, Price(7_250), "none is stated: in pence, as noted");
    assert_eq!(price("AAL").await, Price(725_000), "none is stated: in pounds");
    provider.state_unit("GBX");
    assert_eq!(price("VOD.L").await, Price(7_250));
    assert_eq!(price("AAL").await, Price(7_250), "stated in pence");
    let bars = node.history(&symbol("AAL"), Day(20_000), Day(20_001)).await.expect("bars");
    assert_eq!(bars.1[0].close, Price(7_250));
    provider.state_unit("GBP");
    assert_eq!(price("VOD.L").await, Price(725_000), "stated in pounds");
}

#[tokio::test]
async fn prices_stated_in_another_currency_are_refused_and_the_next_provider_is_called() {
    let database = fresh_database("sqlite").await;
    let clock = ManualClock::new();
    let canadian = ScriptedProvider::new(TwelveData, ScriptedResponse::Price(990_000, clock.now()));
    canadian.state_unit("CAD");
    let second = ScriptedProvider::new(Finnhub, ScriptedResponse::Price(725_000, clock.now()));
    let providers = [&canadian, &second];
    let node = node(&without_quota(), &providers, &database.store, &clock);
    let shop = symbol("SHOP");
    for _ in 0..3 {
        let (kind, quote) = node.quote(&shop, None).await.expect("a price");
        assert_eq!((kind, quote.price), (Finnhub, Price(725_000)));
    }
    assert_eq!(canadian.calls(), 1, "the answer is remembered");
    let bars = node.history(&shop, Day(20_000), Day(20_001)).await.expect("bars");
    assert_eq!((bars.0, bars.1[0].close), (Finnhub, Price(725_000)));
    second.respond_with(ScriptedResponse::Fail(ProviderError::NotFound));
    assert_eq!(node.quote(&shop, None).await, Err(ProviderError::NotFound));
}
