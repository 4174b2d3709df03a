//! The rules of the game that the database has. The configured file is only what the game is
//! created with: a later difference is logged and changes nothing.

use std::sync::Arc;

use domain::Rules;
use store::{Game, MAIN, Store};
use trading::GameRules;

use super::config::{Config, check_new_game, load_rules_of_game};
use super::database::database_error;
use crate::clock::SystemClock;
use crate::error::CommandError;

/// The most fields that a log line names.
const FIELDS_LOGGED: usize = 20;

/// The rules of a game; `configured` becomes their first version if there is none.
pub(crate) async fn open_rules(
    config: &Config,
    store: &Store,
    game: &Game,
    configured: &Rules,
) -> Result<Arc<GameRules>, CommandError> {
    let opened = GameRules::open(store, game, configured, Arc::new(SystemClock)).await;
    let rules = opened.map_err(database_error(&config.database))?;
    log_difference(&config.game.rules, configured, &rules);
    warn_of_unit(&rules.current());
    Ok(rules)
}

/// The same for a game whose stocks are listed: before they become the first version, configured
/// rules are refused that name others, or a currency that no new game can have.
pub(crate) async fn open_rules_of_market(
    config: &Config,
    store: &Store,
    game: &Game,
    configured: &Rules,
) -> Result<Arc<GameRules>, CommandError> {
    let failed = database_error(&config.database);
    if store.rules_after(game.game_id, 0).await.map_err(&failed)?.is_empty() {
        check_new_game(&config.game.rules)?;
        let stocks = store.all_stocks().await.map_err(failed)?;
        trading::permit_stocks(&mut configured.clone(), &stocks)
            .map_err(CommandError::RulesOfMarket)?;
    }
    open_rules(config, store, game, configured).await
}

/// The rules in force; the configured ones if the database has none yet.
pub(crate) async fn rules_in_force(config: &Config, store: &Store) -> Result<Rules, CommandError> {
    let failed = database_error(&config.database);
    let configured = load_rules_of_game(&config.game.rules)?;
    if store.schema_version().await.map_err(&failed)? < store.newest_schema() {
        return Ok(configured);
    }
    let Some(game) = store.find_game(MAIN).await.map_err(&failed)? else {
        return Ok(configured);
    };
    let found = GameRules::load(store, &game, Arc::new(SystemClock)).await.map_err(failed)?;
    Ok(found.map_or(configured, |rules| rules.current().rules.clone()))
}

/// A game keeps the unit that it began with.
fn warn_of_unit(rules: &Rules) {
    let (currency, digits) = (rules.currency.code(), rules.minor_unit.digits());
    match rules.currency.minor_unit() {
        Ok(unit) if unit == rules.minor_unit => {}
        Ok(unit) => tracing::warn!(
            currency,
            "the game began with {digits} digits after the point and keeps them; a new game in this \
             currency has {}",
            unit.digits()
        ),
        Err(error) => tracing::warn!(
            currency,
            %error,
            "the game keeps a currency that no new game can have, and {digits} digits after the point"
        ),
    }
}

fn log_difference(path: &str, configured: &Rules, rules: &GameRules) {
    let newest = rules.newest();
    let differences = newest.differences(configured);
    if differences.is_empty() {
        return;
    }
    let mut fields: Vec<&str> =
        differences.iter().take(FIELDS_LOGGED).map(|found| found.field.as_str()).collect();
    if differences.len() > FIELDS_LOGGED {
        fields.push("…");
    }
    let (fields, version) = (fields.join(", "), newest.version);
    if path.is_empty() {
        tracing::info!(
            version,
            fields,
            "the game has other rules than the built-in ones; the game's are played"
        );
        return;
    }
    tracing::warn!(
        version,
        fields,
        "the file {path} differs from the rules of the game and changes nothing; to apply it: \
         openbell rules apply {path} --reason \"…\""
    );
}
