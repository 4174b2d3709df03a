//! A live game: its providers fail and recover while players trade, and its exchange closes. The
//! providers are fakes, over real connections.

use std::path::Path;
use std::process::Command;

use domain::UnixMicros;
use serde_json::{Value, json};
use testkit::{Dialect, FakeBar, FakeMode, FakeProvider, eventually};

use crate::server::{Server, openbell};

/// Failures that open a circuit breaker in these tests.
const FAILURES_MAX: usize = 3;

/// The present time of the server.
pub(crate) fn now() -> UnixMicros {
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed().expect("after 1970");
    UnixMicros(i64::try_from(since.as_micros()).expect("before 292,000"))
}

/// Writes the calendar of the exchange of these tests.
fn exchange(dir: &Path, hours: &str) {
    let always = "[[exchange]]\nname = \"X\"\nzone = \"UTC\"\ncurrency = \"USD\"\n\
                  closes_early = \"13:00\"\nlast = \"2090-01-02\"\nearly = []\nrest = []\n";
    std::fs::write(dir.join("calendars.toml"), format!("{always}{hours}")).expect("written");
}

/// Writes the calendar of the exchange X, which is open all day, on every day.
pub(crate) fn exchange_without_end(dir: &Path) {
    let hours = "opens = \"00:00\"\ncloses = \"23:59\"\nfirst = \"2020-01-06\"\nholidays = []\n";
    exchange(dir, hours);
}

/// A live market with one provider and short intervals.
fn settings(dir: &Path, fake: &FakeProvider) -> Vec<(&'static str, String)> {
    vec![
        ("OPENBELL__MARKET__LIVE__EXCHANGE", "X".to_owned()),
        ("OPENBELL__MARKET__LIVE__CALENDAR_FILE", dir.join("calendars.toml").display().to_string()),
        ("OPENBELL__MARKET__SOURCE", "live".to_owned()),
        ("OPENBELL__MARKET__LIVE__AROUND_THE_CLOCK", "true".to_owned()),
        ("OPENBELL__MARKET__LIVE__REFRESH_INTERVAL_S", "1".to_owned()),
        ("OPENBELL__MARKET__LIVE__PROVIDERS__ORDER", "[\"finnhub\"]".to_owned()),
        ("OPENBELL__MARKET__LIVE__PROVIDERS__FINNHUB__KEY", "k3y-of-the-test".to_owned()),
        ("OPENBELL__MARKET__LIVE__PROVIDERS__FINNHUB__URL", fake.url().to_owned()),
        ("OPENBELL__MARKET__LIVE__PROVIDERS__ALLOW_PRIVATE", "[\"127.0.0.1\"]".to_owned()),
        ("OPENBELL__MARKET__LIVE__PROVIDERS__TOTAL_TIMEOUT_MS", "500".to_owned()),
        ("OPENBELL__MARKET__LIVE__GUARD__BREAKER__FAILURES_MAX", FAILURES_MAX.to_string()),
        ("OPENBELL__MARKET__LIVE__GUARD__BREAKER__OPEN_S", "3".to_owned()),
        (
            "OPENBELL__MARKET__LIVE__GUARD__QUOTA__FINNHUB",
            format!("{{ per_second = 0, per_minute = 0, per_day = 0, day_zone = {:?} }}", "UTC"),
        ),
    ]
}

fn with<'c>(command: &'c mut Command, settings: &[(&str, String)]) -> &'c mut Command {
    command.envs(settings.iter().map(|(name, value)| (*name, value.as_str())))
}

/// Runs a command on the database in `dir`; whether it succeeded, and its output.
fn command(args: &[&str], dir: &Path, settings: &[(&str, String)]) -> (bool, String) {
    let dir = dir.display().to_string();
    let args = [args, &["--data-dir", &dir]].concat();
    let mut command = openbell(&args);
    // Without the security events of what the command changes.
    command.env("OPENBELL__LOG__LEVEL", "warn");
    let output = with(&mut command, settings).output().expect("it runs");
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

fn start(dir: &Path, settings: &[(&str, String)]) -> Server {
    let dir = dir.display().to_string();
    Server::start_at("127.0.0.1:0", &["--data-dir", &dir], |command| {
        with(command, settings);
    })
}

fn quote(server: &Server, symbol: &str) -> Value {
    let (status, answer) = server.get(&format!("/api/stocks/{symbol}"));
    assert_eq!(status, 200, "{answer}");
    answer["data"]["quote"].clone()
}

fn buy(server: &Server, token: &str) -> (u16, Value) {
    let order = json!({"stock_symbol": "AAPL", "quantity": 1});
    server.ask("POST", "/api/portfolio/buy", token, Some(&order))
}

/// A provider with two stocks, and a database in which both are listed with their prices.
pub(crate) async fn listed(dir: &Path) -> (FakeProvider, Vec<(&'static str, String)>) {
    listed_in(dir, None).await
}

/// The same in a database of PostgreSQL.
pub(crate) async fn listed_in(
    dir: &Path,
    url: Option<String>,
) -> (FakeProvider, Vec<(&'static str, String)>) {
    listed_at(dir, url, now()).await
}

/// The same with prices of this time.
pub(crate) async fn listed_at(
    dir: &Path,
    url: Option<String>,
    made_at: UnixMicros,
) -> (FakeProvider, Vec<(&'static str, String)>) {
    let fake = FakeProvider::start(Dialect::Finnhub).await;
    fake.set_price("AAPL", "190.25", made_at);
    fake.set_price("MSFT", "410.5", made_at);
    exchange_without_end(dir);
    let mut settings = settings(dir, &fake);
    settings.extend(url.map(|url| ("OPENBELL_DATABASE_URL", url)));
    let (is_done, text) = command(&["stocks", "seed", "AAPL", "MSFT", "NOPE"], dir, &settings);
    assert!(
        !is_done && text.starts_with("2 stocks were listed, no provider has 1 (NOPE)"),
        "{text}"
    );
    let (is_done, text) = command(&["stocks", "seed", "AAPL", "MSFT"], dir, &settings);
    assert!(is_done && text == "0 stocks were listed, 2 were there already\n", "{text}");
    let (is_done, text) = command(&["stocks", "update-prices"], dir, &settings);
    assert!(is_done && text == "2 prices are up to date\n", "{text}");
    (fake, settings)
}

#[tokio::test(flavor = "multi_thread")]
async fn players_trade_at_the_last_price_while_the_provider_is_down() {
    let dir = tempfile::tempdir().expect("a directory");
    let (fake, settings) = listed(dir.path()).await;
    let server = start(dir.path(), &settings);
    let token = server.register("ada");
    assert_eq!(quote(&server, "AAPL")["price"], "190.25");
    let (status, answer) = buy(&server, &token);
    assert_eq!((status, &answer["data"]["quote"]["source"]), (200, &"live".into()), "{answer}");

    eventually("the price moves and is fresh", || {
        fake.set_price("AAPL", "191.5", now());
        let quote = quote(&server, "AAPL");
        quote["price"] == "191.50" && quote["stale"] == false
    });

    fake.set_mode(FakeMode::Hang);
    let before = fake.calls();
    eventually("the price is marked stale", || quote(&server, "AAPL")["stale"] == true);
    let kept = quote(&server, "AAPL");
    assert_eq!(kept["price"], "191.50", "the last good price stays");
    let age = "openbell_market_quote_age_seconds{market=\"live\"}";
    eventually("the age of the oldest quote grows", || server.metric(age) >= 2);
    for _ in 0..20 {
        let (status, answer) = buy(&server, &token);
        assert_eq!((status, &answer["data"]["price"]), (200, &"191.5529".into()), "{answer}");
        assert_eq!(answer["data"]["quote"]["stale"], true, "{answer}");
    }
    let (_, holdings) = server.ask("GET", "/api/portfolio", &token, None);
    assert_eq!(holdings["data"][0]["stale"], true, "{holdings}");
    assert_eq!(holdings["data"][0]["as_of"], kept["as_of"], "{holdings}");
    eventually("the breaker opens", || {
        server.metric("openbell_provider_breaker_state{provider=\"finnhub\"}") == 2
    });
    // Those that open the breaker, and one probe each time that it is half-open.
    let calls = fake.calls() - before;
    assert!((FAILURES_MAX..FAILURES_MAX + 4).contains(&calls), "{calls} requests");
    assert_eq!(quote(&server, "AAPL")["as_of"], kept["as_of"], "its age is shown");

    assert_operators_see_the_open_breaker(&server, &token, dir.path());

    fake.set_price("AAPL", "192.75", now());
    fake.set_mode(FakeMode::Healthy);
    eventually("the price moves again", || {
        // With a new time, as in a market.
        fake.set_price("AAPL", "192.75", now());
        let quote = quote(&server, "AAPL");
        quote["price"] == "192.75" && quote["stale"] == false
    });
    let (status, answer) = buy(&server, &token);
    assert_eq!((status, &answer["data"]["price"]), (200, &"192.8032".into()), "{answer}");
    let closed = "openbell_provider_breaker_state{provider=\"finnhub\"} 0";
    eventually("the breaker closes", || {
        server.get("/metrics").1.as_str().is_some_and(|text| text.contains(closed))
    });
    server.stop();
    let (holds, text) = command(&["audit", "verify"], dir.path(), &[]);
    assert!(holds, "{text}");
}

fn assert_operators_see_the_open_breaker(server: &Server, token: &str, dir: &Path) {
    let (is_done, text) = command(&["user", "role", "ada@example.org", "operator"], dir, &[]);
    assert!(is_done, "{text}");
    let (status, answer) = server.ask("GET", "/api/ops/providers", token, None);
    let provider = &answer["data"][0];
    assert_eq!((status, &provider["provider"]), (200, &"finnhub".into()), "{answer}");
    assert_ne!(provider["breaker"]["state"], "closed", "{answer}");
    assert_eq!(provider["last_refusal"], "transient", "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_price_survives_a_restart_without_providers_and_is_traded_at_until_it_is_too_old() {
    let dir = tempfile::tempdir().expect("a directory");
    let (fake, settings) = listed(dir.path()).await;
    fake.set_mode(FakeMode::Close);
    let server = start(dir.path(), &settings);
    let token = server.register("ada");
    assert_eq!(buy(&server, &token).0, 200);
    server.stop();
    // By these rules a price is too old after a second.
    let text = include_str!("../../../../config/game.toml");
    let line = text.lines().find(|line| line.starts_with("quote_age_max_s")).expect("the rule");
    let rules = dir.path().join("game.toml");
    let text = text.replace(line, "quote_age_max_s = 1").replace("now_age_max_s = 60\n", "");
    std::fs::write(&rules, text).expect("written");
    let rules = rules.display().to_string();
    let apply = ["rules", "apply", &rules, "--reason", "prices of a second"];
    let (is_done, text) = command(&apply, dir.path(), &settings);
    assert!(is_done, "{text}");
    let server = start(dir.path(), &settings);
    eventually("the price is too old", || buy(&server, &token).0 == 503);
    let (_, answer) = buy(&server, &token);
    assert_eq!(answer["code"], "stale_quote", "{answer}");
    assert_eq!(quote(&server, "AAPL")["price"], "190.25", "it is still shown");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_price_in_doubt_stops_trading_on_every_node_until_it_is_withdrawn() {
    let dir = tempfile::tempdir().expect("a directory");
    let (fake, settings) = listed_in(dir.path(), Some(testkit::postgres_database())).await;
    let nodes = [start(dir.path(), &settings), start(dir.path(), &settings)];
    let token = nodes[0].register("ada");
    for node in &nodes {
        assert_eq!(buy(node, &token).0, 200);
    }
    // A split that one provider has reported so far.
    fake.set_price("AAPL", "47.56", now());
    for node in &nodes {
        eventually("the price is in doubt", || {
            fake.set_price("AAPL", "47.56", now());
            quote(node, "AAPL")["in_doubt"] == true
        });
        let (status, answer) = buy(node, &token);
        assert_eq!((status, &answer["code"]), (503, &"price_in_doubt".into()), "{answer}");
        let quote = quote(node, "AAPL");
        assert_eq!((&quote["price"], &quote["in_doubt"]), (&"190.25".into(), &true.into()));
        let (_, page) = node.get("/stocks/AAPL");
        assert!(page.as_str().is_some_and(|page| page.contains("is being checked")), "{page}");
    }
    for node in &nodes {
        eventually("the price is not in doubt any more", || {
            fake.set_price("AAPL", "190.50", now());
            quote(node, "AAPL")["in_doubt"] == false
        });
        let (status, answer) = buy(node, &token);
        assert_eq!(status, 200, "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_are_rejected_while_the_exchange_is_closed() {
    let dir = tempfile::tempdir().expect("a directory");
    let (_fake, mut settings) = listed(dir.path()).await;
    // Closed on all days but one in decades.
    let day = |text| domain::Day::parse(text).expect("a day").0;
    let holidays = day("2020-01-07")..=day("2090-01-01");
    let holidays: Vec<String> = holidays.map(|day| format!("\"{}\"", domain::Day(day))).collect();
    let hours = "opens = \"09:30\"\ncloses = \"16:00\"\nfirst = \"2020-01-06\"\n";
    exchange(dir.path(), &format!("{hours}holidays = [{}]\n", holidays.join(", ")));
    settings.retain(|(name, _)| !name.ends_with("AROUND_THE_CLOCK"));
    let server = start(dir.path(), &settings);
    let token = server.register("ada");
    let order = json!({"stock_symbol": "AAPL", "quantity": 1});
    let rejected = server.try_order("buy", &token, "monday", &order).expect("answered");
    assert!(rejected.starts_with("HTTP/1.1 409 "), "{rejected}");
    assert!(rejected.to_lowercase().contains("\r\nretry-after: "), "{rejected}");
    let (status, answer) = buy(&server, &token);
    assert_eq!((status, &answer["code"]), (409, &"market_closed".into()), "{answer}");
    assert_eq!(answer["opens_at"], "2090-01-02T09:30:00.000000Z", "{answer}");
    assert_eq!(quote(&server, "AAPL")["price"], "190.25", "prices are shown");
    let (status, page) = server.get("/stocks/AAPL");
    let page = page.as_str().expect("a page");
    assert!(status == 200 && page.contains("The exchange is closed"), "{page}");
    server.stop();
    // In the next session the same request is executed.
    settings.push(("OPENBELL__MARKET__LIVE__AROUND_THE_CLOCK", "true".to_owned()));
    let server = start(dir.path(), &settings);
    let filled = server.try_order("buy", &token, "monday", &order).expect("answered");
    assert!(filled.starts_with("HTTP/1.1 200 "), "{filled}");
    assert!(!filled.to_lowercase().contains("\r\nidempotent-replayed: "), "{filled}");
    let again = server.try_order("buy", &token, "monday", &order).expect("answered");
    assert!(again.to_lowercase().contains("idempotent-replayed: true"), "{again}");
}

#[tokio::test(flavor = "multi_thread")]
async fn histories_are_imported_from_providers() {
    let dir = tempfile::tempdir().expect("a directory");
    let (fake, mut settings) = listed(dir.path()).await;
    let history = FakeProvider::start(Dialect::TwelveData).await;
    let day = |text| domain::Day::parse(text).expect("a day");
    let bar = |text, close| FakeBar { day: day(text), prices: ["9", "12", "8", close], volume: 5 };
    history.set_bars("AAPL", vec![bar("2026-09-30", "10"), bar("2026-10-30", "11")]);
    for (name, value) in [
        ("OPENBELL__MARKET__LIVE__PROVIDERS__ORDER", "[\"finnhub\", \"twelve_data\"]"),
        ("OPENBELL__MARKET__LIVE__PROVIDERS__TWELVE_DATA__KEY", "k3y-of-the-test"),
        ("OPENBELL__MARKET__LIVE__PROVIDERS__TWELVE_DATA__URL", history.url()),
    ] {
        settings.retain(|(known, _)| *known != name);
        settings.push((name, value.to_owned()));
    }
    let quotes = fake.calls();
    let args =
        ["stocks", "import-history", "AAPL", "MSFT", "--from", "2026-09-01", "--to", "2026-11-20"];
    let (is_done, text) = command(&args, dir.path(), &settings);
    assert!(is_done, "{text}");
    assert_eq!(text, "1 histories are up to date, no provider has 1 (MSFT)\n");
    assert_eq!(fake.calls(), quotes, "a provider without histories gets no request");
    let server = start(dir.path(), &settings);
    let (_, answer) = server.get("/api/stocks/AAPL/history?days=3650");
    let closes: Vec<&str> = answer["data"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|close| close["close_price"].as_str())
        .take(2)
        .collect();
    assert_eq!(closes, ["10.00", "11.00"], "{answer}");
    let (_, page) = server.get("/stocks/AAPL?range=max&chart=candles");
    assert!(page.as_str().is_some_and(|page| page.contains("12.00")), "the month's highest");
}
