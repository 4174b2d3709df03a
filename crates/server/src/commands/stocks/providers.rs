//! `openbell stocks seed`, `update-prices` and `import-history`: what providers tell, kept stock by
//! stock as it comes. When the providers allow no more, the rest is left for the next time.

use std::process::ExitCode;
use std::sync::Arc;

use domain::{Clock, Currency, Day, StockInfo, Symbol};
use market::{
    CompanyProfile, PriceUnit, ProviderError, ProviderKind, Providers, StockUnits, embedded_stocks,
};
use store::{StockRow, Store, StoredQuote};

use super::failed;
use crate::boot::config::{Config, load_rules};
use crate::cli::{StocksHistoryArgs, StocksPricesArgs, StocksSeedArgs};
use crate::clock::SystemClock;
use crate::commands::progress_bar;
use crate::error::Failure;
use crate::term;

/// How far back a history goes when nobody says, in days.
const HISTORY_DAYS: i32 = 5 * 366;
/// So many refusals in a row end a command: the others would be refused, too.
const REFUSALS_MAX: u32 = 3;
/// The longest time a command waits for a provider that was asked too often, in seconds.
const WAIT_MAX_S: u64 = 70;

/// What came of a command.
#[derive(Debug, Default)]
struct Tally {
    done: u64,
    skipped: u64,
    unknown: Vec<String>,
    /// Those that do not fit into the game.
    unsuitable: u64,
    left: u64,
}

impl Tally {
    /// Prints what came of it; 1 when a stock was refused or something is left to do.
    fn finish(&self, what: &str) -> ExitCode {
        let Self { done, skipped, unknown, unsuitable, left } = self;
        let mut text = format!("{done} {what}");
        if *skipped > 0 {
            text.push_str(&format!(", {skipped} were there already"));
        }
        if !unknown.is_empty() {
            let (count, first) = (unknown.len(), unknown.iter().take(10));
            let first: Vec<&str> = first.map(String::as_str).collect();
            text.push_str(&format!(", no provider has {count} ({})", first.join(", ")));
        }
        text.push('\n');
        term::say(&text);
        if *left == 0 {
            return if *unsuitable == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE };
        }
        term::complain(&format!(
            "{left} are left: the providers allow no more now. Run it again later; it goes on from \
             here"
        ));
        ExitCode::FAILURE
    }
}

/// The configured providers, or the one that is named.
async fn providers(
    config: &Config,
    store: &Store,
    only: Option<ProviderKind>,
) -> Result<Providers, Failure> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let live = &config.market.live;
    let mut settings = live.providers.clone();
    if let Some(only) = only {
        settings.order = vec![only];
    }
    let connected = market::connect(&settings, &clock)?;
    if connected.is_empty() {
        return Err(Failure::NoProvider);
    }
    let rules = load_rules(&config.game.rules)?;
    let places = store.price_units().await.map_err(failed(config))?;
    let units = StockUnits::new(rules.currency, places);
    Ok(Providers::new(live.guard.clone(), connected, units, store, &clock))
}

/// Asks, and waits and asks again where that is soon enough.
async fn patiently<T>(ask: impl AsyncFn() -> Result<T, ProviderError>) -> Result<T, ProviderError> {
    let refusal = match ask().await {
        Err(refusal) => refusal,
        answer => return answer,
    };
    let ProviderError::RateLimited { retry_after: Some(after), .. } = &refusal else {
        return Err(refusal);
    };
    if after.as_secs() > WAIT_MAX_S {
        return Err(refusal);
    }
    tokio::time::sleep(*after + std::time::Duration::from_millis(50)).await;
    ask().await
}

/// Resets what is stored of a provider; exit code 1 if nothing is stored.
pub(super) async fn reset(
    config: &Config,
    store: &Store,
    provider: ProviderKind,
) -> Result<ExitCode, Failure> {
    let reset = market::reset_provider(store, provider, SystemClock.now()).await;
    if reset.map_err(failed(config))? {
        term::say(&format!("{} is reset and called again\n", provider.as_str()));
        return Ok(ExitCode::SUCCESS);
    }
    term::complain(&format!("nothing is stored of {}", provider.as_str()));
    Ok(ExitCode::FAILURE)
}

/// Lists stocks for a live game: those that are named, else the built-in ones. The exit code is 1
/// if a stock is not listed in the end.
pub(super) async fn seed(
    config: &Config,
    store: &Store,
    args: &StocksSeedArgs,
) -> Result<ExitCode, Failure> {
    let providers = providers(config, store, args.provider).await?;
    let rules = load_rules(&config.game.rules)?;
    let known = embedded_stocks();
    let wanted: Vec<Symbol> = if args.symbols.is_empty() {
        known.iter().map(|stock| stock.symbol.clone()).collect()
    } else {
        args.symbols.clone()
    };
    let bar = progress_bar("seeding {wide_bar} {pos}/{len} stocks", wanted.len() as u64);
    let (mut tally, mut refused) = (Tally::default(), 0);
    for (number, symbol) in wanted.iter().enumerate() {
        bar.set_position(number as u64);
        if store.find_stock(symbol).await.map_err(failed(config))?.is_some() {
            tally.skipped += 1;
            continue;
        }
        let told = patiently(async || providers.profile(symbol).await).await;
        let text = known.iter().find(|stock| stock.symbol == *symbol);
        match told {
            Ok((_, profile)) => {
                refused = 0;
                let places = match unit_in(&profile, rules.currency) {
                    Ok(places) => places,
                    Err(reason) => {
                        tally.unsuitable += 1;
                        term::complain(&format!("{symbol} is not listed: {reason}"));
                        continue;
                    }
                };
                if places > 0 {
                    store.save_price_unit(symbol, places).await.map_err(failed(config))?;
                }
                let stock = new_stock(symbol, Some(&profile), text);
                store.save_stocks(&[stock]).await.map_err(failed(config))?;
                tally.done += 1;
            }
            // Providers that have no profiles on their plan: what is known of it has to do.
            Err(ProviderError::Unsupported | ProviderError::PlanRestricted { .. })
                if text.is_some() && rules.currency == Currency::USD =>
            {
                let stock = new_stock(symbol, None, text);
                store.save_stocks(&[stock]).await.map_err(failed(config))?;
                tally.done += 1;
            }
            Err(ProviderError::NotFound) => tally.unknown.push(symbol.to_string()),
            Err(refusal) => {
                refused += 1;
                tally.left += 1;
                term::complain(&format!("{symbol}: {refusal}"));
            }
        }
        if refused == REFUSALS_MAX {
            tally.left += (wanted.len() - number - 1) as u64;
            break;
        }
    }
    bar.finish_and_clear();
    store.ensure_quotes().await.map_err(failed(config))?;
    let is_complete = tally.unknown.is_empty();
    let code = tally.finish("stocks were listed");
    Ok(if is_complete { code } else { ExitCode::FAILURE })
}

/// The places of the unit in which a stock is quoted, or why it does not fit into the game. A
/// provider that names no currency is believed to quote in that of the game.
fn unit_in(profile: &CompanyProfile, game: Currency) -> Result<u32, String> {
    let Some(code) = &profile.currency else { return Ok(0) };
    let game = game.code();
    match PriceUnit::parse(code) {
        Some(unit) if unit.currency == game => Ok(unit.places),
        _ => Err(format!("its prices are in {code}, and the game is played in {game}")),
    }
}

fn new_stock(
    symbol: &Symbol,
    profile: Option<&CompanyProfile>,
    text: Option<&StockInfo>,
) -> StockInfo {
    let told = |read: fn(&CompanyProfile) -> Option<&String>| profile.and_then(read).cloned();
    let name = profile.map(|profile| profile.name.clone());
    let sector = told(|profile| profile.sector.as_ref().or(profile.industry.as_ref()));
    let description = told(|profile| profile.description.as_ref());
    // What we wrote about it is made for its readers.
    let own = |read: fn(&StockInfo) -> &String| text.map(read).cloned();
    let name = own(|text| &text.name).or(name).unwrap_or_else(|| symbol.to_string());
    let description = own(|text| &text.description).or(description).unwrap_or_default();
    let description: String = description.chars().take(500).collect();
    StockInfo {
        symbol: symbol.clone(),
        name,
        category: own(|text| &text.category).or(sector).unwrap_or_else(|| "Other".to_owned()),
        kid_friendly_description: own(|text| &text.kid_friendly_description)
            .unwrap_or_else(|| description.clone()),
        fun_fact: text.and_then(|text| text.fun_fact.clone()),
        description,
    }
}

/// Asks for the prices of all stocks, or of those that are named.
pub(super) async fn update_prices(
    config: &Config,
    store: &Store,
    args: &StocksPricesArgs,
) -> Result<ExitCode, Failure> {
    let providers = providers(config, store, args.provider).await?;
    store.ensure_quotes().await.map_err(failed(config))?;
    let stocks = chosen(config, store, &args.symbols).await?;
    let bar = progress_bar("asking {wide_bar} {pos}/{len} prices", stocks.len() as u64);
    let (mut tally, mut refused) = (Tally::default(), 0);
    for (number, stock) in stocks.iter().enumerate() {
        bar.set_position(number as u64);
        let last = store.find_quote(stock.stock_id).await.map_err(failed(config))?;
        let last = last.map(|last| (last.price, last.as_of));
        match patiently(async || providers.quote(&stock.symbol, last).await).await {
            Ok((provider, quote)) => {
                let kept = StoredQuote {
                    stock_id: stock.stock_id,
                    price: quote.price,
                    previous_close: quote.previous_close,
                    as_of: quote.as_of,
                    market_day: quote.market_day,
                    volume: quote.volume,
                    provider: provider.as_str().to_owned(),
                    is_in_doubt: false,
                };
                store.save_quote(&kept, SystemClock.now()).await.map_err(failed(config))?;
                (tally.done, refused) = (tally.done + 1, 0);
            }
            Err(ProviderError::NotFound) => tally.unknown.push(stock.symbol.to_string()),
            Err(refusal) => {
                refused += 1;
                tally.left += 1;
                term::complain(&format!("{}: {refusal}", stock.symbol));
            }
        }
        if refused == REFUSALS_MAX {
            tally.left += (stocks.len() - number - 1) as u64;
            break;
        }
    }
    bar.finish_and_clear();
    Ok(tally.finish("prices are up to date"))
}

/// Asks for the daily bars of all stocks, or of those that are named, that are not kept yet.
pub(super) async fn import_history(
    config: &Config,
    store: &Store,
    args: &StocksHistoryArgs,
) -> Result<ExitCode, Failure> {
    let providers = providers(config, store, args.provider).await?;
    let today = SystemClock.now().day();
    let to = args.to.unwrap_or(Day(today.0 - 1));
    let stocks = chosen(config, store, &args.symbols).await?;
    let bar = progress_bar("asking {wide_bar} {pos}/{len} histories", stocks.len() as u64);
    let (mut tally, mut refused) = (Tally::default(), 0);
    for (number, stock) in stocks.iter().enumerate() {
        bar.set_position(number as u64);
        let kept = store.history_last_day(stock.stock_id).await.map_err(failed(config))?;
        // Without a first day it goes on where the history ends, a few days over.
        let from = args.from.or(kept.map(|day| Day(day.0 - 7)));
        let from = from.unwrap_or(Day(to.0 - HISTORY_DAYS));
        if args.from.is_none() && kept.is_some_and(|day| day >= to) {
            tally.skipped += 1;
            continue;
        }
        match patiently(async || providers.history(&stock.symbol, from, to).await).await {
            Ok((_, bars)) => {
                store.save_bars(stock.stock_id, &bars).await.map_err(failed(config))?;
                let rolled = store.roll_up_history(stock.stock_id, to, Some(from)).await;
                rolled.map_err(failed(config))?;
                (tally.done, refused) = (tally.done + 1, 0);
            }
            Err(ProviderError::NotFound) => tally.unknown.push(stock.symbol.to_string()),
            Err(refusal) => {
                refused += 1;
                tally.left += 1;
                term::complain(&format!("{}: {refusal}", stock.symbol));
            }
        }
        if refused == REFUSALS_MAX {
            tally.left += (stocks.len() - number - 1) as u64;
            break;
        }
    }
    bar.finish_and_clear();
    Ok(tally.finish("histories are up to date"))
}

/// The stocks that are named, else all.
async fn chosen(
    config: &Config,
    store: &Store,
    symbols: &[Symbol],
) -> Result<Vec<StockRow>, Failure> {
    let all = store.all_stocks().await.map_err(failed(config))?;
    if all.is_empty() {
        return Err(Failure::NoStocks);
    }
    if let Some(unknown) = symbols.iter().find(|one| all.iter().all(|row| row.symbol != **one)) {
        return Err(Failure::UnknownStock(unknown.clone()));
    }
    Ok(all.into_iter().filter(|row| symbols.is_empty() || symbols.contains(&row.symbol)).collect())
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
        assert_eq!(unit_in(&profile(Some("GBX")), gbp), Ok(2));
        assert_eq!(unit_in(&profile(Some("GBp")), gbp), Ok(2));
        assert_eq!(unit_in(&profile(Some("GBP")), gbp), Ok(0));
        assert_eq!(unit_in(&profile(None), gbp), Ok(0));
        for code in ["GBX", "CAD", "?"] {
            let reason = unit_in(&profile(Some(code)), Currency::USD).expect_err("refused");
            let expected = format!("its prices are in {code}, and the game is played in USD");
            assert_eq!(reason, expected);
        }
    }
}
