//! Versions of a game's rules: rules with their number and the instant from which they are in
//! force, their canonical JSON, and the differences of two versions.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::{Achievement, AmountKeys, Hash, MinorUnit, Rules, UnixMicros};

/// A version of a game's rules. It never changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionedRules {
    /// 1, 2, 3, … within a game.
    pub version: i64,
    /// When it comes into force; never before the version below it.
    pub effective_from: UnixMicros,
    /// The rules.
    pub rules: Rules,
}

impl Deref for VersionedRules {
    type Target = Rules;

    fn deref(&self) -> &Rules {
        &self.rules
    }
}

/// Rules with the number of their version, which ledger entries name. Rules that are no version of
/// a game have no number: their entries have form 1.
#[derive(Clone, Copy, Debug)]
pub struct RulesRef<'r> {
    rules: &'r Rules,
    pub(crate) version: Option<i64>,
}

impl Deref for RulesRef<'_> {
    type Target = Rules;

    fn deref(&self) -> &Rules {
        self.rules
    }
}

impl<'r> From<&'r Rules> for RulesRef<'r> {
    fn from(rules: &'r Rules) -> Self {
        Self { rules, version: None }
    }
}

impl<'r> From<&'r VersionedRules> for RulesRef<'r> {
    fn from(versioned: &'r VersionedRules) -> Self {
        Self { rules: &versioned.rules, version: Some(versioned.version) }
    }
}

/// A key whose value differs between two versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RulesDifference {
    /// As in `xp.buy`; an achievement is named by its code: `achievements.first_trade.xp`.
    pub field: String,
    /// The value before, as JSON; `None` if there was none.
    pub old: Option<String>,
    /// The value afterwards.
    pub new: Option<String>,
}

impl fmt::Display for RulesDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let written = |value: &Option<String>| value.clone().unwrap_or_else(|| "none".to_owned());
        write!(f, "{}: {} -> {}", self.field, written(&self.old), written(&self.new))
    }
}

impl Rules {
    /// The rules as JSON without blanks, with sorted keys and every default written out. Equal
    /// rules have the same text, whatever the order and the omissions of their files.
    pub fn canonical_json(&self) -> String {
        let mut text = String::with_capacity(4_096);
        write_sorted(&self.to_value(), &mut text);
        text
    }

    /// Reads new rules from JSON, and checks them like a file.
    ///
    /// # Errors
    /// The key and what was expected.
    pub fn from_json(text: &str) -> Result<Self, String> {
        parse_json(text, AmountKeys::of_new)
    }

    /// Reads [`Rules::canonical_json`], also of a program that knew one minor unit only.
    ///
    /// # Errors
    /// The key and what was expected.
    pub fn from_stored_json(text: &str) -> Result<Self, String> {
        parse_json(text, |keys| Ok(keys.of_stored()))
    }

    /// SHA-256 of the canonical JSON.
    pub fn digest(&self) -> Hash {
        Hash(Sha256::digest(self.canonical_json()).into())
    }

    /// The keys whose values differ in `new`, in ascending order.
    pub fn differences(&self, new: &Self) -> Vec<RulesDifference> {
        let (old, new) = (self.leaves(), new.leaves());
        let mut fields: Vec<&String> = old.keys().chain(new.keys()).collect();
        fields.sort();
        fields.dedup();
        let difference = |field: &String| RulesDifference {
            field: field.clone(),
            old: old.get(field).cloned(),
            new: new.get(field).cloned(),
        };
        fields.into_iter().map(difference).filter(|found| found.old != found.new).collect()
    }

    /// The keys that a game cannot change once it has players, of those that differ in `new`.
    pub fn fixed_differences(&self, new: &Self) -> Vec<&'static str> {
        let mut fixed = Vec::new();
        if self.currency != new.currency {
            fixed.push("currency");
        }
        if self.minor_unit != new.minor_unit {
            fixed.push("minor_unit");
        }
        // Gains, levels of achievements and the boards are computed from it for every player.
        if self.starting_cash != new.starting_cash {
            fixed.push("starting_cash");
        }
        let is_reused = |new: &Achievement| {
            self.achievements.iter().any(|old| (old.id == new.id) != (old.code == new.code))
        };
        if new.achievements.iter().any(is_reused) {
            fixed.push("achievements.id");
        }
        fixed
    }

    fn to_value(&self) -> Value {
        serde_json::to_value(self).expect("invariant: rules are representable as JSON")
    }

    /// Every value that is no table, by its path.
    fn leaves(&self) -> BTreeMap<String, String> {
        let mut leaves = BTreeMap::new();
        collect_leaves(&self.to_value(), "", &mut leaves);
        leaves
    }
}

impl VersionedRules {
    /// The version of a stored text.
    ///
    /// # Errors
    /// The version, the key and what was expected.
    pub fn parse(version: i64, effective_from: UnixMicros, text: &str) -> Result<Self, String> {
        let rules = Rules::from_stored_json(text).map_err(|error| {
            format!("version {version} of the rules cannot be read by this program: {error}")
        })?;
        Ok(Self { version, effective_from, rules })
    }
}

fn parse_json(
    text: &str,
    unit: impl FnOnce(&AmountKeys) -> Result<MinorUnit, String>,
) -> Result<Rules, String> {
    let keys: AmountKeys = serde_json::from_str(text).map_err(|error| error.to_string())?;
    unit(&keys)?.in_file(|| serde_json::from_str(text)).map_err(|error| error.to_string())
}

/// Writes JSON without blanks. The keys are sorted here, because `serde_json` may keep their order.
fn write_sorted(value: &Value, text: &mut String) {
    match value {
        Value::Object(members) => {
            let sorted: BTreeMap<&String, &Value> = members.iter().collect();
            text.push('{');
            for (place, (key, member)) in sorted.into_iter().enumerate() {
                text.push_str(if place == 0 { "" } else { "," });
                text.push_str(&Value::from(key.as_str()).to_string());
                text.push(':');
                write_sorted(member, text);
            }
            text.push('}');
        }
        Value::Array(values) => {
            text.push('[');
            for (place, value) in values.iter().enumerate() {
                text.push_str(if place == 0 { "" } else { "," });
                write_sorted(value, text);
            }
            text.push(']');
        }
        leaf => text.push_str(&leaf.to_string()),
    }
}

fn collect_leaves(value: &Value, path: &str, leaves: &mut BTreeMap<String, String>) {
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                collect_leaves(member, &below(key), leaves);
            }
        }
        Value::Array(values) if values.iter().any(Value::is_object) => {
            for (place, value) in values.iter().enumerate() {
                let code = value.get("code").and_then(Value::as_str);
                let key = code.map_or_else(|| place.to_string(), str::to_owned);
                collect_leaves(value, &below(&key), leaves);
                // The order of a list is a rule as well: the order of display and of unlocking.
                leaves.insert(format!("{}.position", below(&key)), (place + 1).to_string());
            }
        }
        leaf => {
            leaves.insert(path.to_owned(), leaf.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    use crate::{
        Amount, Currency, Fee, FillMode, LateJoin, Levels, Money, PortfolioShare, Price, Quantity,
        RankingRules, Symbol, XpRules,
    };
    use proptest::prelude::*;

    const TEXT: &str = include_str!("../../../config/game.toml");

    fn built_in() -> Rules {
        toml::from_str(TEXT).expect("good")
    }

    fn changed(from: &str, to: &str) -> Rules {
        assert!(TEXT.contains(from), "{from}");
        toml::from_str(&TEXT.replacen(from, to, 1)).expect("good")
    }

    fn amount() -> impl Strategy<Value = Amount> {
        prop_oneof![
            (0i64..1_000_000_000).prop_map(|cents| Amount::Fixed(Money(cents))),
            (0i64..1_000_000_000).prop_map(Amount::Share),
        ]
    }

    prop_compose! {
        fn rules()(
            letters in prop::array::uniform3(b'A'..=b'Z'), cash in 1i64..=100_000_000_000,
            shares in 1i64..=100_000_000, age in 1i64..=1_000_000_000, fill in 0usize..3,
            now_age in prop::option::of(1i64..=1_000), orders in 1i64..=1_000,
            flags: [bool; 1], spread in 0i64..=1_000, fee in (0i64..=1_000_000, 0i64..=10_000),
            (buy, sell, offset) in (0i64..=100_000, 0i64..=100_000, -720i64..=840),
            (trade_min, holding_min) in (amount(), amount()),
            thresholds in prop::collection::vec(1i64..=1_000_000, 0..5), step in 1i64..=1_000_000,
            kept in prop::collection::vec(any::<bool>(), 18), digits in 0usize..3,
        ) -> Rules {
            let built_in = built_in();
            let code = String::from_utf8(letters.to_vec()).expect("letters");
            let achievements = built_in.achievements.iter().zip(kept).filter(|(_, keep)| *keep);
            let achievements: Vec<_> = achievements.map(|(one, _)| one.clone()).collect();
            let share = PortfolioShare::parse(&format!("{}%", 1 + spread % 100));
            Rules {
                format: 2,
                stocks: ["AAPL", "KO"].map(|text| Symbol::parse(text).expect("a symbol")).into(),
                categories: vec![code.clone()],
                permitted_stocks: BTreeSet::new(),
                position_max: share.filter(|_| flags[0]),
                trades_per_session_max: now_age,
                price_min: Some(Price(orders)).filter(|_| flags[0]),
                order_value_min: Some(trade_min).filter(|_| !flags[0]),
                holding_sessions_min: spread % 60,
                late_join: LateJoin {
                    from: None,
                    until: now_age.map(|seconds| UnixMicros(seconds * 1_000_000)),
                    cash: Some(Money(cash.min(orders))).filter(|_| flags[0]),
                },
                ranking: RankingRules { trades_min: orders, notes_min: spread },
                currency: Currency::parse(&code).expect("three letters"),
                minor_unit: [MinorUnit::Whole, MinorUnit::Hundredth, MinorUnit::Thousandth][digits],
                starting_cash: Money(cash),
                fractional_shares: flags[0],
                quantity_max: Quantity::whole(shares).expect("few"),
                quote_age_max_s: age.max(now_age.unwrap_or(1)),
                fill: [FillMode::Now, FillMode::NextTick, FillMode::Close][fill],
                now_age_max_s: now_age,
                pending_orders_max: orders,
                spread_bps: spread,
                fee: Fee { flat: Money(fee.0), rate_bps: fee.1 },
                xp: XpRules {
                    buy, sell, day_utc_offset_min: Some(offset).filter(|_| flags[0]),
                    value_min: trade_min,
                    holding_value_min: holding_min, ..built_in.xp
                },
                levels: Levels::new(step, thresholds).expect("good"),
                achievements: achievements.try_into().expect("unique"),
            }
        }
    }

    proptest! {
        #[test]
        fn rules_survive_their_canonical_json(rules in rules(), other in rules()) {
            let text = rules.canonical_json();
            let read = Rules::from_stored_json(&text);
            prop_assert_eq!(read.as_ref(), Ok(&rules));
            prop_assert_eq!(text == other.canonical_json(), rules == other);
            prop_assert_eq!(read.expect("good").canonical_json(), text);
            prop_assert_eq!(rules.differences(&other).is_empty(), rules == other);
        }
    }

    #[test]
    fn the_canonical_json_has_sorted_keys_and_no_blank_or_float() {
        let text = built_in().canonical_json();
        assert!(text.starts_with(r#"{"achievements":[{"code":"first_trade","description":"#));
        assert!(text.contains(r#""fee":{"flat":"0.00","rate_bps":0}"#), "{text}");
        assert!(text.ends_with(r#""note_characters_min":10,"sell":15,"trades_per_day_max":3,"uninvested_max":100,"value_min":"0.10%"}}"#), "{text}");
    }

    #[test]
    fn omitted_defaults_and_another_order_give_the_same_text() {
        let short = TEXT
            .replacen("currency = \"USD\"\n", "", 1)
            .replacen("spread_bps = 5\n", "", 1)
            .replacen("fill = \"now\"\n", "", 1)
            .replacen("value_min = \"0.1%\"\n", "", 1)
            .replacen("fractional_shares = true\n", "", 1)
            .replacen("starting_cash =", "fractional_shares = true\nstarting_cash =", 1);
        let short: Rules = toml::from_str(&short).expect("good");
        assert_eq!(short.canonical_json(), built_in().canonical_json());
        assert_eq!(short.digest(), built_in().digest());
        assert_ne!(changed("spread_bps = 5", "spread_bps = 6").digest(), short.digest());
    }

    #[test]
    fn a_difference_names_the_field_and_both_values() {
        let new = changed("\nxp = 25\n", "\nxp = 30\n");
        let found: Vec<String> =
            built_in().differences(&new).iter().map(ToString::to_string).collect();
        assert_eq!(found, ["achievements.first_note.xp: 25 -> 30"]);
        let new = changed("now_age_max_s = 60\n", "");
        let found: Vec<String> =
            built_in().differences(&new).iter().map(ToString::to_string).collect();
        assert_eq!(found, ["now_age_max_s: 60 -> none"]);
    }

    #[test]
    fn what_a_game_cannot_change_is_named() {
        let fixed = |new: &Rules| built_in().fixed_differences(new);
        assert_eq!(fixed(&changed("spread_bps = 5", "spread_bps = 6")), Vec::<&str>::new());
        assert_eq!(fixed(&changed("currency = \"USD\"", "currency = \"EUR\"")), ["currency"]);
        assert_eq!(fixed(&changed("\"10000.00\"", "\"10.00\"")), ["starting_cash"]);
        assert_eq!(fixed(&changed("\"first_note\"", "\"other\"")), ["achievements.id"]);
        assert_eq!(fixed(&changed("id = 2\n", "id = 50\n")), ["achievements.id"]);
    }

    /// The built-in rules in this currency, as a file of the game.
    fn json_in(code: &str, cash: &str, flat: &str, more: &str) -> String {
        let text = built_in().canonical_json();
        let text = text.replacen("\"USD\"", &format!("\"{code}\"{more}"), 1);
        let text = text.replacen("\"10000.00\"", &format!("\"{cash}\""), 1);
        text.replacen("\"flat\":\"0.00\"", &format!("\"flat\":\"{flat}\""), 1)
    }

    #[test]
    fn amounts_of_new_rules_have_the_digits_of_the_currency() {
        for (code, cash, flat, unit) in [
            ("JPY", "1000000", "5", MinorUnit::Whole),
            ("EUR", "10000.00", "0.05", MinorUnit::Hundredth),
            ("KWD", "1000.000", "0.005", MinorUnit::Thousandth),
        ] {
            let rules = Rules::from_json(&json_in(code, cash, flat, "")).expect(code);
            assert_eq!((rules.minor_unit, rules.fee.flat), (unit, Money(5)));
            assert_eq!(rules.starting_cash, Money(1_000_000));
            let written = rules.canonical_json();
            assert!(written.contains(&format!("\"starting_cash\":\"{cash}\"")), "{written}");
            assert_eq!(Rules::from_stored_json(&written).as_ref(), Ok(&rules));
            assert_eq!(Rules::from_json(&written).as_ref(), Ok(&rules));
        }
        let refused = |text: &str| Rules::from_json(text).expect_err("refused");
        let yen = refused(&json_in("JPY", "1000000.00", "0", ""));
        assert!(yen.contains("no digits after the point, got \"1000000.00\""), "{yen}");
        for code in ["XAU", "CLF", "ZWL", "ABC"] {
            let error = refused(&json_in(code, "1", "0", ""));
            assert!(error.starts_with("currency: ") && error.contains(code), "{error}");
        }
        let other = refused(&json_in("JPY", "1", "0", ",\"minor_unit\":3"));
        assert!(other.starts_with("minor_unit: expected 0 (JPY)"), "{other}");
        let four = refused(&json_in("JPY", "1", "0", ",\"minor_unit\":4"));
        assert!(four.starts_with("expected 0, 2 or 3, got 4"), "{four}");
    }

    #[test]
    fn rules_from_before_minor_units_keep_hundredths_in_every_currency() {
        for code in ["JPY", "KWD", "XAU", "ABC"] {
            let text = json_in(code, "10000.00", "0.05", "");
            let stored = VersionedRules::parse(1, UnixMicros(0), &text).expect(code);
            assert_eq!((stored.minor_unit, stored.fee.flat), (MinorUnit::Hundredth, Money(5)));
            assert_eq!(stored.canonical_json(), text, "the text and its SHA-256 stay");
            // A file that changes such a game names the unit.
            let text = json_in(code, "10000.00", "0.06", ",\"minor_unit\":2");
            let changed = Rules::from_json(&text).expect(code);
            assert_eq!(stored.fixed_differences(&changed), Vec::<&str>::new());
        }
        let yen = Rules::from_json(&json_in("JPY", "1000000", "5", "")).expect("yen");
        let stored = json_in("JPY", "10000.00", "0.05", "");
        let stored = Rules::from_stored_json(&stored).expect("yen in hundredths");
        assert_eq!(stored.fixed_differences(&yen), ["minor_unit"]);
    }

    #[test]
    fn stored_rules_are_checked_like_a_file() {
        let text =
            built_in().canonical_json().replacen("\"spread_bps\":5", "\"spread_bps\":5000", 1);
        let refused = VersionedRules::parse(7, UnixMicros(0), &text).expect_err("refused");
        assert!(refused.starts_with("version 7 of the rules"), "{refused}");
        assert!(refused.contains("from 0 to 1000, got 5000"), "{refused}");
    }
}
