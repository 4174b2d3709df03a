//! Restarts with random files: a configuration and rules that differ from those that a game was
//! created with are refused, or they change neither its prices nor what its players have.

use serde_json::{Value, json};
use testkit::{SeededEntropy, postgres_database};

use crate::killed::verify;
use crate::server::{Server, error_line, run};

const CONFIGURATION: &str = include_str!("../../../../config/openbell.toml");
const RULES: &str = include_str!("../../../../config/game.toml");
const RESTARTS: usize = 15;
/// Keys of the configuration and values for them, most of them valid.
const SETTINGS: [(&str, &[&str]); 9] = [
    ("source", &["\"simulated\"", "\"fixed\"", "\"live\"", "\"dice\""]),
    ("start", &["\"2015-06-01\"", "\"1990-01-02\""]),
    ("session_seconds", &["1", "7", "86400", "0"]),
    ("seed", &["1", "99"]),
    ("at_end", &["\"loop\"", "\"again\""]),
    ("tick", &["\"0.05\"", "\"1\"", "\"0\""]),
    ("downtime_min_s", &["0", "30", "86400", "7"]),
    ("symbols", &["5"]),
    ("day", &["\"2010-05-03\"", "\"never\""]),
];
/// The same of the rules.
const RULE_KEYS: [(&str, &[&str]); 12] = [
    ("starting_cash", &["\"50000.00\"", "\"10001.00\""]),
    ("currency", &["\"EUR\"", "\"dollars\""]),
    ("fractional_shares", &["false"]),
    ("quantity_max", &["1", "50"]),
    ("fill", &["\"close\"", "\"next_tick\"", "\"later\""]),
    ("spread_bps", &["0", "500"]),
    ("quote_age_max_s", &["60", "432000"]),
    ("buy", &["0", "1000"]),
    ("step", &["1", "100000", "0"]),
    ("flat", &["\"3.00\"", "\"0.50\""]),
    ("rate_bps", &["100", "1"]),
    ("trades_per_day_max", &["1", "10"]),
];

struct Fuzzer(SeededEntropy);

impl Fuzzer {
    fn choice<'a, T>(&self, of: &'a [T]) -> &'a T {
        let length = u64::try_from(of.len()).expect("fits");
        &of[usize::try_from(self.0.next_u64() % length).expect("fits")]
    }

    /// The text with one or two of these keys set to one of their values, wherever they are.
    fn changed(&self, text: &str, keys: &[(&str, &[&str])]) -> String {
        let mut changed = text.to_owned();
        for _ in 0..*self.choice(&[1, 2]) {
            let (key, values) = self.choice(keys);
            let set = format!("{key} = {}", self.choice(values));
            let lines = changed.lines().map(|line| {
                let is_key = line.split_once(" = ").is_some_and(|(found, _)| found == *key);
                if is_key { &set } else { line }
            });
            changed = lines.collect::<Vec<_>>().join("\n");
        }
        changed
    }
}

/// What no file may change while the clock is paused.
fn past(server: &Server, token: &str) -> Vec<Value> {
    let get = |path: &str| {
        let (status, response) = server.ask("GET", path, token, None);
        assert_eq!(status, 200, "{path}: {response}");
        response
    };
    let mut portfolio = get("/api/portfolio");
    for holding in portfolio["data"].as_array_mut().expect("a list") {
        // When a price was read, which is the present while the clock is paused.
        holding.as_object_mut().expect("an object").remove("as_of");
    }
    let mut past = vec![portfolio];
    past.extend(
        ["/api/portfolio/summary", "/api/portfolio/transactions", "/api/stocks/KO/history"]
            .map(get),
    );
    let market = get("/api/market");
    past.extend(["source", "position", "timetable"].map(|name| market["data"][name].clone()));
    past
}

/// Whether the configuration and its rules are valid; the reason is one line if they are not.
fn is_valid(configuration: &str) -> bool {
    let checked = run(&["check-config", "--config", configuration]);
    checked.status.success() || error_line(&checked).is_empty()
}

#[test]
fn no_file_at_a_restart_changes_the_past() {
    let dir = tempfile::tempdir().expect("a directory");
    let databases =
        [format!("sqlite:{}", dir.path().join("game.db").display()), postgres_database()];
    for (seed, url) in (1..).zip(&databases) {
        let fuzzer = Fuzzer(SeededEntropy::new(seed));
        let database = ["--database", url.as_str()];
        let server = Server::start(&database);
        let token = server.register("ada");
        for (symbol, quantity) in [("AAPL", "3"), ("KO", "2.25")] {
            let order = json!({"stock_symbol": symbol, "quantity": quantity});
            let (status, response) = server.ask("POST", "/api/portfolio/buy", &token, Some(&order));
            assert_eq!(status, 200, "{response}");
        }
        let paused = run(&[&["game", "pause", "--reason", "a test"][..], &database].concat());
        assert!(paused.status.success(), "{paused:?}");
        testkit::eventually("the clock is paused", || {
            let (_, market) = server.get("/api/market");
            market["data"]["paused"] == json!(true)
        });
        // The prices of a running server may be those of the step before the pause.
        server.stop();
        let server = Server::start(&database);
        let before = past(&server, &token);
        server.stop();
        let (mut refused, mut served) = (0, 0);
        let configuration = dir.path().join("openbell.toml");
        let rules = dir.path().join("game.toml");
        for _ in 0..RESTARTS {
            let text = fuzzer.changed(CONFIGURATION, &SETTINGS);
            let named = format!("rules = \"{}\"", rules.display());
            std::fs::write(&configuration, text.replacen("rules = \"\"", &named, 1))
                .expect("written");
            std::fs::write(&rules, fuzzer.changed(RULES, &RULE_KEYS)).expect("written");
            let path = configuration.display().to_string();
            if !is_valid(&path) {
                refused += 1;
                continue;
            }
            let server = Server::start(&[&["--config", path.as_str()][..], &database].concat());
            assert_eq!(past(&server, &token), before, "seed {seed}: {}", text);
            server.stop();
            served += 1;
        }
        assert!(refused > 0 && served > 2, "seed {seed}: {refused} refused, {served} served");
        verify(&database);
    }
}
