//! Reads the rules of the game from the built-in file or a configured one; `domain::Rules`
//! validates them.

use std::path::Path;

use domain::{AmountKeys, Rules};

use super::layers::line_at;
use super::{SettingsError, read_file};

const DEFAULTS: &str = include_str!("../../../../../config/game.toml");

/// The rules in `path`; the built-in ones if it is empty.
pub(crate) fn load_rules(path: &str) -> Result<Rules, SettingsError> {
    if path.is_empty() {
        return parse("built-in rules", DEFAULTS);
    }
    parse(path, &read_file(Path::new(path))?)
}

/// The rules in `path` beside a game that may exist: as [`load_rules`], or with amounts in
/// hundredths, as a file was parsed before other units. A new game needs [`load_rules`].
pub(crate) fn load_rules_of_game(path: &str) -> Result<Rules, SettingsError> {
    load_rules(path).or_else(|refused| {
        let text = read_file(Path::new(path)).map_err(|_| ());
        let earlier = text.and_then(|text| toml::from_str::<Rules>(&text).map_err(|_| ()));
        earlier.map_err(|()| refused)
    })
}

/// Refuses a new game in a currency of an earlier file.
pub(crate) fn check_new_game(path: &str) -> Result<(), SettingsError> {
    let rules = load_rules(path)?;
    if rules.currency.minor_unit() == Ok(rules.minor_unit) {
        return Ok(());
    }
    let code = rules.currency.code();
    let text =
        format!("minor_unit: a new game in {code} has the digits of the currency; leave it out");
    Err(SettingsError::Invalid { place: path.to_owned(), text })
}

/// Valid rules that are probably a mistake.
pub(crate) fn rule_warnings(rules: &Rules) -> Vec<String> {
    let reached = rules.achievements_reached_at_start();
    let warning = |code: &str| {
        format!(
            "achievement {code:?}: the starting cash of {} reaches its threshold, so the first trade \
             of every player unlocks it; a share like \"10%\" is meant on top of the starting cash",
            rules.starting_cash.to_text(rules.minor_unit)
        )
    };
    reached.into_iter().map(warning).collect()
}

fn parse(name: &str, text: &str) -> Result<Rules, SettingsError> {
    // Wrong texts are reported by the second pass, with their place.
    let keys: AmountKeys = toml::from_str(text).unwrap_or_default();
    let unit = keys.of_new().map_err(|text_of_error| {
        let key = text_of_error.split_once(':').map_or("", |(key, _)| key);
        let at = place_of(text, key).unwrap_or(0);
        SettingsError::Invalid {
            place: format!("{name}:{}", line_at(text, at)),
            text: text_of_error,
        }
    })?;
    unit.in_file(|| toml::from_str(text)).map_err(|error| {
        let message = error.message().to_owned();
        let at = match error.span().map_or(0, |span| span.start) {
            // An error about several fields, which begins with the key that is wrong.
            0 => message.split_once(':').and_then(|(key, _)| place_of(text, key)).unwrap_or(0),
            start => start,
        };
        let text_of = |key: String| {
            let last = key.rsplit('.').next().unwrap_or_default();
            // The message may name it already.
            if message.contains(last) { message.clone() } else { format!("{key}: {message}") }
        };
        let place = format!("{name}:{}", line_at(text, at));
        let text = key_at(text, at).map_or_else(|| message.clone(), text_of);
        SettingsError::Invalid { place, text }
    })
}

/// Where the line with this key or table begins.
fn place_of(text: &str, key: &str) -> Option<usize> {
    let is_of_key = |line: &str| {
        let line = line.trim();
        let rest = line.strip_prefix(key).map(str::trim_start);
        rest.is_some_and(|rest| rest.starts_with('=')) || line == format!("[{key}]")
    };
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        if is_of_key(line) {
            return Some(start);
        }
        start += line.len();
    }
    None
}

/// The key whose value begins on the line of this position, like `fee.rate_bps`.
fn key_at(text: &str, at: usize) -> Option<String> {
    let before = text.get(..at)?;
    let line = text.lines().nth(before.matches('\n').count())?;
    let (key, _) = line.split_once('=')?;
    let mut headers = before.lines().rev().filter_map(|line| line.trim().strip_prefix('['));
    let header = headers.next().map(|rest| rest.trim_start_matches('['));
    let table = header.and_then(|rest| rest.split(']').next()).unwrap_or_default().trim();
    let key = key.trim();
    Some(if table.is_empty() { key.to_owned() } else { format!("{table}.{key}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rejected(from: &str, to: &str) -> String {
        assert!(DEFAULTS.contains(from), "{from}");
        parse("my.toml", &DEFAULTS.replacen(from, to, 1)).expect_err("rejected").to_string()
    }

    fn line_of(text: &str) -> usize {
        line_at(DEFAULTS, DEFAULTS.find(text).expect("exists"))
    }

    #[test]
    fn the_built_in_rules_are_valid() {
        let rules = load_rules("").expect("valid");
        assert_eq!(rules.starting_cash, domain::Money(1_000_000));
        assert!(rules.achievements.iter().count() >= 15);
        let mut texts = rules.achievements.iter().flat_map(|one| [&one.name, &one.description]);
        assert!(texts.all(|text| !text.contains('\'')), "apostrophes are typographic");
    }

    #[test]
    fn a_bad_rule_is_rejected_with_file_line_and_what_was_expected() {
        let expected = format!(
            "my.toml:{}: fee.rate_bps: expected a whole number from 0 to 10000, got 10001",
            line_of("rate_bps = 0")
        );
        assert_eq!(rejected("rate_bps = 0", "rate_bps = 10001"), expected);
        let text = rejected("starting_cash = \"10000.00\"", "starting_cash = 10000");
        let line = line_of("starting_cash");
        assert!(text.starts_with(&format!("my.toml:{line}: ")), "{text}");
        assert!(text.contains(": starting_cash: ") && text.contains("expected a string"), "{text}");
    }

    #[test]
    fn amounts_have_the_digits_of_the_currency_of_the_file() {
        let of = |code: &str, cash: &str, flat: &str| {
            let text =
                DEFAULTS.replacen("currency = \"USD\"", &format!("currency = \"{code}\""), 1);
            let text = text.replacen("\"10000.00\"", &format!("\"{cash}\""), 1);
            let text = text.replacen("flat = \"0.00\"", &format!("flat = \"{flat}\""), 1);
            parse("my.toml", &text).map_err(|error| error.to_string())
        };
        let line = line_of("starting_cash");
        let no_digits = "starting_cash: expected no digits after the point, got \"1000000.00\"";
        assert_eq!(of("JPY", "1000000.00", "0"), Err(format!("my.toml:{line}: {no_digits}")));
        let fee = of("JPY", "1000000", "10.5").expect_err("refused");
        let line = line_of("flat = \"0.00\"");
        assert_eq!(
            fee,
            format!("my.toml:{line}: fee.flat: expected no digits after the point, got \"10.5\"")
        );
        let threshold = rejected("threshold = \"1%\"", "threshold = \"12000.555\"");
        assert!(
            threshold.contains("expected a threshold like \"12000.00\" or \"20%\""),
            "{threshold}"
        );
        let dinar = of("KWD", "1000.000", "0.005").expect("dinars");
        assert_eq!(
            (dinar.starting_cash, dinar.fee.flat),
            (domain::Money(1_000_000), domain::Money(5))
        );
        let line = line_of("currency = ");
        for (code, expected) in [
            ("XAU", "currency: expected a currency with a minor unit (ISO 4217); XAU has none"),
            (
                "ABC",
                "currency: expected the code of a currency in use (ISO 4217) like \"USD\", got \"ABC\"",
            ),
        ] {
            assert_eq!(of(code, "1", "0"), Err(format!("my.toml:{line}: {expected}")));
        }
        let small = of("usd", "1", "0").expect_err("refused");
        let is_placed = small.starts_with(&format!("my.toml:{line}: expected the code"));
        assert!(is_placed && small.ends_with("got \"usd\""), "{small}");
    }

    #[test]
    fn a_game_that_exists_starts_with_an_earlier_file_and_a_new_one_does_not() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("my-game.toml");
        let path = path.to_str().expect("UTF-8");
        let hundredths = domain::MinorUnit::Hundredth;
        for code in ["JPY", "ABC"] {
            let text =
                DEFAULTS.replacen("currency = \"USD\"", &format!("currency = \"{code}\""), 1);
            std::fs::write(path, &text).expect("written");
            load_rules(path).expect_err("refused");
            check_new_game(path).expect_err("refused");
            let earlier = load_rules_of_game(path).expect("parsed as before");
            assert_eq!((earlier.minor_unit, earlier.starting_cash.0), (hundredths, 1_000_000));
            let named = text.replacen("format = 2", "format = 2\nminor_unit = 2", 1);
            std::fs::write(path, named).expect("written");
            assert_eq!(load_rules(path).expect("valid"), earlier);
            check_new_game(path).expect_err("for a game that exists");
        }
        std::fs::write(path, "starting_cash = 1").expect("written");
        load_rules_of_game(path).expect_err("refused");
        check_new_game("").expect("dollars");
    }

    #[test]
    fn fields_that_exclude_each_other_are_rejected_at_the_line_of_the_wrong_one() {
        let text = rejected("now_age_max_s = 60", "now_age_max_s = 901");
        let line = line_of("now_age_max_s = 60");
        let expected = "now_age_max_s: expected at most quote_age_max_s (900), got 901";
        assert_eq!(text, format!("my.toml:{line}: {expected}"));
        let newer = "format = 1\nposition_max = \"25%\"\n";
        let text = rejected("format = 2\n", newer);
        let line = line_of("format = 2") + 1;
        let expected = "position_max: expected format = 2 in a file with this key, got 1";
        assert_eq!(text, format!("my.toml:{line}: {expected}"));
    }

    #[test]
    fn an_unknown_rule_is_rejected_with_the_known_ones() {
        let text = rejected("fractional_shares = true", "fractional_share = true");
        let line = line_of("fractional_shares = true");
        assert!(text.starts_with(&format!("my.toml:{line}: unknown field")), "{text}");
        assert!(text.contains("fractional_shares"), "{text}");
    }

    #[test]
    fn a_bad_achievement_is_rejected_at_its_lines() {
        let text = rejected("kind = \"first_trade\"", "kind = \"first_blood\"");
        let line = line_of("[[achievements]]");
        assert!(text.starts_with(&format!("my.toml:{line}: achievement")), "{text}");
        assert!(text.contains("expected one of first_trade"), "{text}");
    }

    #[test]
    fn a_threshold_that_the_starting_cash_reaches_causes_a_warning() {
        assert_eq!(rule_warnings(&load_rules("").expect("valid")), Vec::<String>::new());
        let rich = DEFAULTS.replacen("\"10000.00\"", "\"100000.00\"", 1);
        let relative = parse("my.toml", &rich).expect("valid");
        assert_eq!(rule_warnings(&relative), Vec::<String>::new());
        let absolute = rich.replacen("threshold = \"10%\"", "threshold = \"11000.00\"", 1);
        let warnings = rule_warnings(&parse("my.toml", &absolute).expect("valid"));
        let [warning] = &warnings[..] else { panic!("{warnings:?}") };
        assert!(warning.starts_with("achievement \"value_11000\": the starting cash of 100000.00"));
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = load_rules("/nowhere/game.toml").expect_err("rejected");
        assert_eq!(error.to_string(), "cannot read /nowhere/game.toml");
    }
}
