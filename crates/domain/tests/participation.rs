//! Who may join and with what, who is ranked, and when a day of XP begins, as files of rules state
//! it.

use domain::*;

const TEXT: &str = include_str!("../../../config/game.toml");

/// The built-in rules with this text in front of the table `[xp]` and these lines in it.
fn with(format: &str, tables: &str, xp: &str) -> Result<Rules, String> {
    let text = TEXT.replacen("format = 2\n", &format!("{format}\n"), 1);
    let text = text.replacen("day_utc_offset_min = 0\n", &format!("{xp}\n"), 1);
    let text = text.replacen("\n[xp]\n", &format!("\n{tables}\n[xp]\n"), 1);
    toml::from_str(&text).map_err(|error| error.to_string())
}

fn joining(lines: &str) -> Result<Rules, String> {
    with("format = 2", &format!("[late_join]\n{lines}"), "")
}

fn at(seconds: i64) -> UnixMicros {
    UnixMicros(1_800_000_000_000_000).plus_seconds(seconds)
}

#[test]
fn a_file_of_format_1_names_the_table_that_needs_format_2() {
    for (key, tables, xp) in [
        ("late_join", "[late_join]\ncash = \"1.00\"", ""),
        ("ranking", "[ranking]\ntrades_min = 1", ""),
        ("day_zone", "", "day_zone = \"Africa/Harare\""),
    ] {
        let error = with("format = 1", tables, xp).expect_err("refused");
        let expected = format!("{key}: expected format = 2 in a file with this key, got 1");
        assert!(error.contains(&expected), "{error}");
        assert!(with("format = 2", tables, xp).is_ok());
    }
}

#[test]
fn joining_ends_and_late_players_have_the_cash_of_the_rules() {
    // 2027-01-15T08:00:00Z, written in another zone.
    let rules = joining(
        "from = \"2027-01-15T10:00:00+02:00\"\nuntil = \"2027-01-15T09:00:00Z\"\ncash = \"0.01\"",
    );
    let rules = rules.expect("rules");
    assert_eq!([-1, 0, 3599].map(|s| rules.opening_cash(at(s)).0), [1_000_000, 1, 1]);
    assert_eq!([-1, 3599, 3600].map(|s| rules.is_open_to_join(at(s))), [true, true, false]);
    let (player, fill) = open_player(1, &rules, at(0));
    assert_eq!((player.cash, fill.entry.amount, fill.entry.cash_after), {
        let cash = Money(1);
        (cash, cash, cash)
    });
    let always = joining("cash = \"5000.00\"").expect("rules");
    assert!(always.is_open_to_join(UnixMicros(i64::MAX)));
    assert_eq!(always.opening_cash(UnixMicros(0)), Money(500_000));
    let never_less = joining("until = \"2027-01-15T09:00:00Z\"").expect("rules");
    assert_eq!(never_less.opening_cash(at(0)), Money(1_000_000));
}

#[test]
fn the_terms_of_joining_are_written_as_they_are_read() {
    for terms in [
        LateJoin::default(),
        LateJoin { from: None, until: Some(at(3_600)), cash: Some(Money(500_000)) },
        LateJoin { from: Some(UnixMicros(at(0).0 + 1)), until: Some(at(3_600)), cash: None },
    ] {
        let text = toml::to_string(&terms).expect("written");
        assert_eq!(toml::from_str(&text), Ok(terms), "{text}");
    }
}

#[test]
fn absurd_terms_of_joining_are_refused() {
    for (lines, expected) in [
        (
            "cash = \"10000.01\"",
            "cash: expected \"0.01\" to starting_cash (10000.00), got 10000.01",
        ),
        ("cash = \"0.00\"", "cash: expected \"0.01\" to starting_cash (10000.00), got 0.00"),
        ("until = \"tomorrow\"", "expected an instant like \"2027-01-31T22:00:00Z\""),
        ("until = \"2027-01-31T22:00:00\"", "expected an instant like \"2027-01-31T22:00:00Z\""),
        (
            "from = \"2027-02-01T00:00:00Z\"\nuntil = \"2027-02-01T00:00:00Z\"",
            "from: expected an instant before until",
        ),
        ("open = true", "unknown field `open`"),
    ] {
        let error = joining(lines).expect_err("refused");
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_player_is_told_what_is_missing_until_ranked() {
    let rules = with("format = 2", "[ranking]\ntrades_min = 3\nnotes_min = 1", "").expect("rules");
    let missing = |trades, notes| {
        rules.ranking.missing(&Counts {
            level: 1,
            trades,
            stocks: 0,
            categories: 0,
            holding_days: 0,
            portfolio_value: Money(0),
            profit: Money(0),
            notes,
        })
    };
    assert_eq!([missing(0, 0), missing(2, 5)], [Some((3, 1)), Some((1, 0))]);
    assert_eq!([missing(3, 0), missing(3, 1)], [Some((0, 1)), None]);
    let error = with("format = 2", "[ranking]\ntrades_min = -1", "").expect_err("refused");
    assert!(error.contains("from 0 to 1000000, got -1"), "{error}");
}

#[test]
fn a_day_begins_in_a_zone_or_at_an_offset_and_not_at_both() {
    let error = with("format = 2", "", "day_zone = \"Zimbabwe\"").expect_err("refused");
    let expected = "expected a time zone of the IANA database like \"Africa/Harare\"";
    assert!(error.contains(expected), "{error}");
    let both = "day_zone = \"Africa/Harare\"\nday_utc_offset_min = 0";
    let error = with("format = 2", "", both).expect_err("refused");
    assert!(error.contains("day_zone: expected either day_zone or day_utc_offset_min"), "{error}");
}

#[test]
fn each_local_day_has_as_many_trades_with_xp_when_clocks_change() {
    let rules = with("format = 2", "", "day_zone = \"Europe/Berlin\"").expect("rules");
    let rules = Rules { spread_bps: 0, ..rules };
    let most = rules.xp.trades_per_day_max;
    // Every quarter of 96 hours from the midnights of 2026-10-23 and 2027-03-26: with a day of 25
    // hours, and with one of 23 and so the first hour of a fifth day.
    for (start, days) in [(1_792_706_400_i64, 4), (1_806_015_600, 5)] {
        let (mut player, _) = open_player(1, &rules, UnixMicros(start * 1_000_000));
        // Without a limit on the XP of players who hold nothing.
        player.invested = Invested { stocks: 1, categories: 1, since: None };
        let mut earned = std::collections::BTreeMap::<i64, i64>::new();
        for quarter in 0..4 * 96 {
            let now = UnixMicros((start + quarter * 900) * 1_000_000);
            let side = if quarter % 2 == 0 { Side::Buy } else { Side::Sell };
            let order = Order { stock_id: 1, side, quantity: Quantity(10 * Quantity::SHARE) };
            let quote = Quote {
                price: Price(100_000),
                tick: Price(0),
                as_of: now,
                market_day: Day(12_786),
                source: QuoteSource::Fixed,
            };
            let fill = settle(&mut player, &Action::Trade(order, None), Ok(quote), &rules, now);
            let is_earned = fill.expect("settled").entry.xp_trade > 0;
            *earned.entry(rules.xp.day(now)).or_default() += i64::from(is_earned);
        }
        assert_eq!(earned.into_values().collect::<Vec<_>>(), vec![most; days], "from {start}");
    }
}
