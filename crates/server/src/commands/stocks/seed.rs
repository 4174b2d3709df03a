//! `openbell stocks seed`: lists stocks in a live game.

use std::process::ExitCode;

use clap::Args;
use domain::{Currency, StockInfo, Symbol};
use market::{CompanyProfile, PriceUnit, ProviderError, ProviderKind, Providers, embedded_stocks};
use store::Store;

use super::parsers;
use super::provider_run::{self, ProviderRun, with_retry};
use crate::boot::config::{self, Config, DatabaseArgs, Flags};
use crate::boot::database::{database_error, lock_database, open_and_migrate};
use crate::error::CommandError;
use crate::term;

/// The longest description of a provider that is stored.
const DESCRIPTION_CHARS_MAX: usize = 500;

#[derive(Clone, Debug, Args)]
pub(crate) struct SeedStocksArgs {
    /// The symbols; by default the built-in stocks.
    #[arg(value_name = "SYMBOL", value_parser = parsers::symbol)]
    symbols: Vec<Symbol>,
    /// Use this provider only.
    #[arg(long, value_name = "PROVIDER", value_parser = parsers::provider)]
    provider: Option<ProviderKind>,
    #[command(flatten)]
    database: DatabaseArgs,
}

/// The exit code is 1 if a stock is not listed in the end.
pub(super) async fn run(args: SeedStocksArgs) -> Result<ExitCode, CommandError> {
    let config = config::load(&Flags::from(args.database))?.config;
    let _lock = lock_database(&config)?;
    let store = open_and_migrate(&config.database).await?;
    let seeded = seed(&config, &store, args.provider, args.symbols).await;
    store.close().await;
    seeded
}

async fn seed(
    config: &Config,
    store: &Store,
    provider: Option<ProviderKind>,
    symbols: Vec<Symbol>,
) -> Result<ExitCode, CommandError> {
    let failed = database_error(&config.database);
    let (providers, rules) = provider_run::open(config, store, provider).await?;
    let built_in = embedded_stocks();
    let symbols = if symbols.is_empty() {
        built_in.iter().map(|stock| stock.symbol.clone()).collect()
    } else {
        symbols
    };
    let mut run = ProviderRun::new("seeding {wide_bar} {pos}/{len} stocks", symbols.len());
    for symbol in &symbols {
        if !run.begin() {
            break;
        }
        if store.find_stock(symbol).await.map_err(&failed)?.is_some() {
            run.skip();
            continue;
        }
        let text = built_in.iter().find(|stock| stock.symbol == *symbol);
        match describe(&providers, symbol, text, rules.currency).await {
            Ok(DescribedStock::Suitable(stock, places)) => {
                if places > 0 {
                    store.save_price_unit(symbol, places).await.map_err(&failed)?;
                }
                store.save_stocks(&[stock]).await.map_err(&failed)?;
                run.done();
            }
            Ok(DescribedStock::Unsuitable(reason)) => {
                run.unsuitable();
                term::print_error(&format!("{symbol} is not listed: {reason}"));
            }
            Err(error) => run.fail(symbol, &error),
        }
    }
    store.ensure_quotes().await.map_err(failed)?;
    let is_complete = run.has_no_unknown();
    let code = run.finish(config, "stocks_seed", "stocks were listed")?;
    Ok(if is_complete { code } else { ExitCode::FAILURE })
}

enum DescribedStock {
    /// With the places of its price unit.
    Suitable(StockInfo, u32),
    /// Why the stock does not fit into the game.
    Unsuitable(String),
}

/// Describes a stock by a provider's profile and its built-in text.
async fn describe(
    providers: &Providers,
    symbol: &Symbol,
    text: Option<&StockInfo>,
    currency: Currency,
) -> Result<DescribedStock, ProviderError> {
    match with_retry(async || providers.profile(symbol).await).await {
        Ok((_, profile)) => Ok(match places_in(&profile, currency) {
            Ok(places) => DescribedStock::Suitable(new_stock(symbol, Some(&profile), text), places),
            Err(reason) => DescribedStock::Unsuitable(reason),
        }),
        // Without a profile, the built-in text suffices.
        Err(ProviderError::Unsupported | ProviderError::PlanRestricted { .. })
            if text.is_some() && currency == Currency::USD =>
        {
            Ok(DescribedStock::Suitable(new_stock(symbol, None, text), 0))
        }
        Err(error) => Err(error),
    }
}

/// The places of the unit in which a stock is quoted, or why it does not fit into the game. Without
/// a currency in the profile, the stock is taken to be quoted in that of the game.
fn places_in(profile: &CompanyProfile, game: Currency) -> Result<u32, String> {
    let Some(code) = &profile.currency else { return Ok(0) };
    let game = game.code();
    match PriceUnit::parse(code) {
        Some(unit) if unit.currency == game => Ok(unit.places),
        _ => Err(format!("its prices are in {code}, and the game is played in {game}")),
    }
}

/// Built-in texts come first, because they are written for the readers of the game.
fn new_stock(
    symbol: &Symbol,
    profile: Option<&CompanyProfile>,
    text: Option<&StockInfo>,
) -> StockInfo {
    let of_profile = |read: fn(&CompanyProfile) -> Option<&String>| profile.and_then(read).cloned();
    let built_in = |read: fn(&StockInfo) -> &String| text.map(read).cloned();
    let sector = of_profile(|profile| profile.sector.as_ref().or(profile.industry.as_ref()));
    let description = built_in(|text| &text.description)
        .or_else(|| of_profile(|profile| profile.description.as_ref()));
    let description: String =
        description.unwrap_or_default().chars().take(DESCRIPTION_CHARS_MAX).collect();
    StockInfo {
        symbol: symbol.clone(),
        name: built_in(|text| &text.name)
            .or_else(|| of_profile(|profile| Some(&profile.name)))
            .unwrap_or_else(|| symbol.to_string()),
        category: built_in(|text| &text.category).or(sector).unwrap_or_else(|| "Other".to_owned()),
        kid_friendly_description: built_in(|text| &text.kid_friendly_description)
            .unwrap_or_else(|| description.clone()),
        fun_fact: text.and_then(|text| text.fun_fact.clone()),
        description,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stock_in_another_currency_does_not_fit_into_the_game() {
        let profile = |currency: Option<&str>| CompanyProfile {
            symbol: Symbol::parse("VOD.L").expect("a symbol"),
            name: "Vodafone".to_owned(),
            description: None,
            exchange: None,
            currency: currency.map(str::to_owned),
            country: None,
            sector: None,
            industry: None,
            website: None,
        };
        let gbp = Currency::parse("GBP").expect("a code");
        assert_eq!(places_in(&profile(Some("GBX")), gbp), Ok(2));
        assert_eq!(places_in(&profile(Some("GBp")), gbp), Ok(2));
        assert_eq!(places_in(&profile(Some("GBP")), gbp), Ok(0));
        assert_eq!(places_in(&profile(None), gbp), Ok(0));
        for code in ["GBX", "CAD", "?"] {
            let reason = places_in(&profile(Some(code)), Currency::USD).expect_err("rejected");
            let expected = format!("its prices are in {code}, and the game is played in USD");
            assert_eq!(reason, expected);
        }
    }
}
