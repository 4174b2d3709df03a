//! `openbell rules apply`: makes a file the newest version of the rules, or counts the players that
//! it would affect.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::ExitCode;

use clap::Args;
use domain::{Day, Rules, UnixMicros};
use store::{Game, Store, StoreError, Valuation};
use trading::{GameRules, RulesChange, RulesError};
use web::SecurityEvent;

use super::diff;
use crate::boot::config::{DatabaseArgs, load_rules, rule_warnings};
use crate::boot::database::database_error;
use crate::boot::present_prices::read_prices;
use crate::commands::log_action;
use crate::error::CommandError;
use crate::term;

/// Players that a dry run has in memory.
const PLAYERS: i64 = 5_000;
/// The most bytes of a reason or an author.
const TEXT_MAX: usize = 500;

#[derive(Clone, Debug, Args)]
pub(crate) struct ApplyRulesArgs {
    /// A file like config/game.toml.
    #[arg(value_name = "FILE")]
    file: String,
    /// Why the rules change; stored with the version.
    #[arg(long, value_name = "TEXT", value_parser = parse_text, required_unless_present = "dry_run")]
    reason: Option<String>,
    /// Who changes them; stored with the version.
    #[arg(long, value_name = "NAME", value_parser = parse_text, default_value = "command line")]
    author: String,
    /// Count who would change level and who would unlock what at the present prices, and change
    /// nothing.
    #[arg(long)]
    dry_run: bool,
    /// Fail unless this is the newest version.
    #[arg(long, value_name = "N")]
    if_version: Option<i64>,
    /// When the version comes into force, like 2026-12-01T08:00:00Z; two seconds from now at the
    /// earliest.
    #[arg(long, value_name = "INSTANT", value_parser = parse_instant)]
    at: Option<UnixMicros>,
    #[command(flatten)]
    database: DatabaseArgs,
}

pub(super) async fn run(args: ApplyRulesArgs) -> Result<ExitCode, CommandError> {
    let rules = load_rules(&args.file)?;
    for warning in rule_warnings(&rules) {
        term::print_error(&format!("warning: {warning}"));
    }
    let (config, store, game, game_rules) = super::open_game(args.database.clone()).await?;
    let newest = game_rules.newest();
    let expected = args.if_version.unwrap_or(newest.version);
    let found = newest.differences(&rules);
    let differences = diff::lines(&found, &newest, &rules);
    if args.dry_run {
        if expected != newest.version {
            return Err(RulesError::Moved { expected, newest: newest.version }.into());
        }
        let prices = read_prices(&config, &store, &game).await?;
        let valuation = prices.valuation(&rules);
        let counted = count_effects(&store, &game, (&newest, &rules), &valuation).await;
        let counted = counted.map_err(database_error(&config.database))?;
        store.close().await;
        term::print(&format!("{differences}{}", counted.describe(&rules)));
        return Ok(ExitCode::SUCCESS);
    }
    let applied = apply(&game_rules, &args, &rules, expected).await;
    store.close().await;
    let (version, effective_from) = applied?;
    let event = SecurityEvent::of_command(None, "rules_apply");
    log_action(&config, event.with_subject(format!("version {version}")))?;
    term::print(&format!(
        "{differences}version {version} of the rules is in force from {effective_from}\n"
    ));
    Ok(ExitCode::SUCCESS)
}

async fn apply(
    game_rules: &GameRules,
    args: &ApplyRulesArgs,
    rules: &Rules,
    expected: i64,
) -> Result<(i64, UnixMicros), RulesError> {
    let change = RulesChange {
        rules,
        expected,
        author: &args.author,
        reason: args.reason.as_deref().unwrap_or_default(),
        effective_from: args.at,
    };
    let applied = game_rules.apply(change).await?;
    Ok((applied.version, applied.effective_from))
}

/// The players that other rules would affect.
#[derive(Debug, Default)]
struct EffectCounts {
    players: u64,
    higher: u64,
    lower: u64,
    /// Players by the id of the achievement that they would unlock.
    unlocks: BTreeMap<i64, u64>,
}

/// Reads all players at these prices, a bounded number at a time, as the awards of the version
/// would.
async fn count_effects(
    store: &Store,
    game: &Game,
    (old, new): (&Rules, &Rules),
    valuation: &Valuation,
) -> Result<EffectCounts, StoreError> {
    let (mut counts, mut after) = (EffectCounts::default(), i64::MIN);
    loop {
        let page = store.valued_players_page(game.game_id, after, PLAYERS, valuation);
        let players = page.await?;
        let Some(last) = players.last() else { return Ok(counts) };
        after = last.player_id;
        for player in &players {
            let effect = old.effect_on(new, player);
            counts.players += 1;
            counts.higher += u64::from(effect.level_after > effect.level_before);
            counts.lower += u64::from(effect.level_after < effect.level_before);
            for id in effect.unlocked {
                *counts.unlocks.entry(id).or_default() += 1;
            }
        }
    }
}

impl EffectCounts {
    fn describe(&self, new: &Rules) -> String {
        let Self { players, higher, lower, unlocks } = self;
        let mut text = format!(
            "{players} players: {higher} would reach a higher level, {lower} fall to a lower one\n"
        );
        for (id, count) in unlocks {
            let code = new.achievements.find(*id).map_or("", |known| known.code.as_str());
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{count} would unlock {code}");
        }
        text.push_str("nothing was changed\n");
        text
    }
}

fn parse_text(text: &str) -> Result<String, String> {
    let text = text.trim();
    let is_plain = !text.is_empty() && text.len() <= TEXT_MAX && !text.contains(char::is_control);
    is_plain
        .then(|| text.to_owned())
        .ok_or_else(|| format!("expected 1 to {TEXT_MAX} bytes without control characters"))
}

/// An instant in UTC, like 2026-12-01T08:00:00Z.
fn parse_instant(text: &str) -> Result<UnixMicros, String> {
    let expected = || "expected an instant like 2026-12-01T08:00:00Z".to_owned();
    let (day, time) = text.split_once('T').ok_or_else(expected)?;
    let day = Day::parse(day).ok_or_else(expected)?;
    let time = time.strip_suffix('Z').ok_or_else(expected)?;
    let is_part = |part: &&str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
    let parts: Vec<i64> =
        time.split(':').filter(is_part).filter_map(|part| part.parse().ok()).collect();
    match parts[..] {
        [hour, minute, second]
            if hour < 24 && minute < 60 && second < 60 && time.len() == "08:00:00".len() =>
        {
            Ok(day.start().plus_seconds(hour * 3_600 + minute * 60 + second))
        }
        _ => Err(expected()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_read_as_it_is_written() {
        let parsed = parse_instant("2026-12-01T08:09:10Z").expect("an instant");
        assert_eq!(parsed.to_string(), "2026-12-01T08:09:10.000000Z");
        for text in ["", "2026-12-01", "2026-12-01T24:00:00Z", "2026-12-01T08:00Z", "T08:00:00Z"] {
            assert!(parse_instant(text).is_err(), "{text}");
        }
        for text in ["2026-12-01T8:00:000Z", "2026-12-01T08:00:00", "2026-13-01T08:00:00Z"] {
            assert!(parse_instant(text).is_err(), "{text}");
        }
    }
}
