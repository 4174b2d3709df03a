//! Tests of the configuration as a whole: the precedence of layers, and the messages for mistakes.

use std::io::Write as _;

use super::*;

fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::Builder::new().suffix(".toml").tempfile().expect("a file");
    file.write_all(text.as_bytes()).expect("written");
    file
}

fn with_file(text: &str) -> Result<Settings, String> {
    let file = file(text);
    let flags = Flags { file: Some(file.path().to_owned()), values: Vec::new() };
    let name = file.path().display().to_string();
    load_with(Vec::new(), &flags).map_err(|error| error.to_string().replace(&name, "F"))
}

fn with_file_and(text: &str, name: &str, value: &str) -> Result<Settings, String> {
    let file = file(text);
    let flags = Flags { file: Some(file.path().to_owned()), values: Vec::new() };
    let variables = vec![(name.to_owned(), value.to_owned())];
    load_with(variables, &flags).map_err(|error| error.to_string())
}

fn with_variable(name: &str, value: &str) -> Result<Settings, String> {
    let variables = vec![(name.to_owned(), value.to_owned())];
    load_with(variables, &Flags::default()).map_err(|error| error.to_string())
}

#[test]
fn the_defaults_are_valid_and_complete() {
    let settings = load_with(Vec::new(), &Flags::default()).expect("valid");
    assert_eq!(settings.config.market, market::MarketConfig::default());
    assert_eq!(settings.config.notify, notify::NotifyConfig::default());
    let database = store::DatabaseConfig::default();
    let url = "sqlite:./openbell-data/openbell.db".to_owned();
    let config = settings.config;
    assert_eq!(config.database, store::DatabaseConfig { url, ..database });
    assert_eq!(config.web(), web::WebConfig::default());
    assert_eq!(config.trading, trading::TradingConfig::default());
    assert_eq!(config.cache, cluster::CacheConfig::default());
}

#[test]
fn flags_override_the_environment_which_overrides_the_file_which_overrides_the_defaults() {
    let file =
        file("data_dir = \"./f\"\n[redis]\nurl = \"redis://file\"\n[log]\nlevel = \"warn\"\n");
    let mut flags = Flags { file: Some(file.path().to_owned()), values: Vec::new() };
    let variables = || vec![("OPENBELL_REDIS_URL".to_owned(), "redis://variable".to_owned())];
    let config = load_with(variables(), &flags).expect("valid").config;
    assert_eq!(config.log.level, "warn");
    assert_eq!(config.log.format, crate::boot::telemetry::LogFormat::Text);
    assert_eq!(config.redis.url, "redis://variable");
    assert_eq!(config.sqlite_file(), Some(PathBuf::from("./f/openbell.db")));
    flags.values.push(("--redis", "redis.url", "redis://flag".to_owned()));
    assert_eq!(load_with(variables(), &flags).expect("valid").config.redis.url, "redis://flag");
}

#[test]
fn an_unknown_key_is_rejected_with_file_line_and_the_nearest_known_key() {
    let error = with_file("# a comment\n[log]\nlevle = \"warn\"\n").expect_err("rejected");
    assert_eq!(error, "F:3: unknown key log.levle; the nearest known key is log.level");
    let error = with_file("[marcet.replay]\nstart = \"2005-01-03\"\n").expect_err("rejected");
    assert_eq!(error, "F:1: unknown key marcet; the nearest known key is market");
}

#[test]
fn a_value_of_the_wrong_kind_is_rejected_with_file_line_and_what_was_expected() {
    let error = with_file("\n[retention]\nidempotency_hours = \"24\"\n").expect_err("rejected");
    let text = "F:3: retention.idempotency_hours: expected a whole number, got a text in quotes";
    assert_eq!(error, text);
    let error = with_file("log = 5\n").expect_err("rejected");
    assert_eq!(error, "F:1: log: expected a section, got a whole number");
}

#[test]
fn a_value_outside_its_limits_is_rejected_with_file_and_line() {
    let error = with_file("[retention]\nidempotency_hours = 23\n").expect_err("rejected");
    let text = "F:2: retention.idempotency_hours: \
                expected a whole number from 24 to 8784, got 23";
    assert_eq!(error, text);
    let error = with_file("[game]\ndowntime_min_s = 29\n").expect_err("rejected");
    assert_eq!(error, "F:2: game.downtime_min_s: expected 0 or 30 to 86400 seconds, got 29");
    let error = with_file("[log]\nlevel = \"trading=loud\"\n").expect_err("rejected");
    let text = "F:2: log.level: expected a level or a filter like \"info,trading=debug\"";
    assert_eq!(error, text);
    let error = with_file("[database]\nread_lag_max_ms = 2999\n").expect_err("rejected");
    let text = "F:2: database.read_lag_max_ms: \
                expected a whole number from 3000 to 600000, got 2999";
    assert_eq!(error, text);
    let error = with_file("[http]\nlame_duck_s = 301\n").expect_err("rejected");
    let text = "F:2: http.lame_duck_s: expected a whole number from 0 to 300, got 301";
    assert_eq!(error, text);
    let error = with_file("[database]\nslow_statement_ms = -1\n").expect_err("rejected");
    assert!(error.starts_with("F:2: database.slow_statement_ms: "), "{error}");
    let error = with_file("[notify]\ntimeout_s = 61\n").expect_err("rejected");
    assert_eq!(error, "F:2: notify.timeout_s: expected a whole number from 1 to 60, got 61");
    let error = with_file("[notify]\ngame = \"a\\nb\"\n").expect_err("rejected");
    assert_eq!(error, "F:2: notify.game: expected a name of 1 to 64 characters");
    let error = with_file("[traces]\nendpoint = \"http://collector:4318/v1/traces\"\n");
    let text = "F:2: traces.endpoint: \
                expected https://HOST/PATH, or http:// for a receiver on this machine";
    assert_eq!(error.expect_err("rejected"), text);
    let error =
        with_file("[traces]\nendpoint = \"http://127.0.0.1:4318\"\n").expect_err("rejected");
    let text = "F:2: traces.endpoint: \
                expected an address with a path, such as http://127.0.0.1:4318/v1/traces";
    assert_eq!(error, text);
    let error = with_file("[traces]\nendpoint = \"https://me:hunter2@host/v1/traces\"\n");
    let text = "F:2: traces.endpoint: put credentials into traces.headers";
    assert_eq!(error.expect_err("rejected"), text);
    let error = with_file("[traces]\nsample_ratio = 1.5\n").expect_err("rejected");
    assert_eq!(error, "F:2: traces.sample_ratio: expected a number from 0 to 1, got 1.5");
    let error = with_file("[traces]\nheaders = \"hunter2\"\n").expect_err("rejected");
    assert_eq!(error, "F:2: traces.headers: expected headers as in NAME=VALUE, NAME=VALUE");
    let error = with_file("[market]\nsource = \"lively\"\n").expect_err("rejected");
    assert!(error.starts_with("F:2: market.source: unknown variant `lively`"), "{error}");
    let error = with_file("[market.replay]\nstart = \"1066-10-14\"\n").expect_err("rejected");
    assert!(error.starts_with("F:2: market.replay.start: market: expected a day"), "{error}");
}

#[test]
fn a_file_that_is_not_toml_is_rejected_with_its_line() {
    let error = with_file("[log]\nlevel = warn\n").expect_err("rejected");
    assert!(error.starts_with("F:2: "), "{error}");
}

#[test]
fn variables_take_the_syntax_of_toml_and_fall_back_to_text() {
    let config = |name, value| with_variable(name, value).expect("valid").config;
    let name = "OPENBELL__RETENTION__IDEMPOTENCY_HOURS";
    assert_eq!(config(name, "48").retention.idempotency_hours, 48);
    assert_eq!(config("OPENBELL__TRACES__SAMPLE_RATIO", "1").traces.sample_ratio, 1.0);
    assert_eq!(config("OPENBELL__LOG__LEVEL", "warn").log.level, "warn");
    assert_eq!(config("OPENBELL__LOG__LEVEL", "\"warn\"").log.level, "warn");
    // A text that looks like a date or a number is still a text.
    let start = config("OPENBELL__MARKET__REPLAY__START", "1999-12-31").market.replay.start;
    assert_eq!(start.to_string(), "1999-12-31");
    assert_eq!(config("OPENBELL__DATA_DIR", "7").data_dir, Path::new("7"));
}

#[test]
fn an_unknown_or_bad_variable_is_rejected_by_its_name() {
    let error = with_variable("OPENBELL__LOG__LEVLE", "warn").expect_err("rejected");
    let text = "environment variable OPENBELL__LOG__LEVLE: \
                unknown key log.levle; the nearest known key is log.level";
    assert_eq!(error, text);
    let error = with_variable("OPENBELL__TRADING__LANES", "many").expect_err("rejected");
    let text = "environment variable OPENBELL__TRADING__LANES: \
                trading.lanes: expected a whole number, got a text";
    assert_eq!(error, text);
    let name = "OPENBELL__HTTP__TRUSTED_PROXIES";
    let error = with_variable(name, "127.0.0.1").expect_err("rejected");
    let text =
        "http.trusted_proxies: expected a list, got a text; write a list like [\"…\", \"…\"]";
    assert_eq!(error, format!("environment variable {name}: {text}"));
    with_variable(name, "[\"127.0.0.1\"]").expect("a list");
    with_variable("OPENBELL_TEST_SOMETHING", "1").expect("is ignored");
}

#[test]
fn secrets_are_replaced_in_the_output() {
    let file = "[database]\nurl = \"postgres://bob:hunter2@db/game\"\n\
                read_url = \"postgres://eve:hunter2@copy/game\"\n\
                 [market.simulated]\nseed = 777\n\
                 [notify.smtp]\npassword = \"hunter2\"\n\
                 [notify.pagerduty]\nrouting_key = \"hunter2\"\n\
                 [notify.webhook]\nsecret = \"hunter2\"\n\
                 url = \"https://example.org/hunter2\"\n\
                 [traces]\nheaders = \"authorization=hunter2\"\n";
    let shown = with_file(file).expect("valid").tree.to_toml();
    assert!(shown.contains("postgres://***@db/game"), "{shown}");
    assert!(shown.contains("postgres://***@copy/game"), "{shown}");
    assert!(!shown.contains("hunter2") && !shown.contains("777"), "{shown}");
}

#[test]
fn a_secret_is_read_from_the_file_that_a_key_or_a_variable_names() {
    let secret = file("hunter2\n");
    let path = secret.path().display();
    let text = format!("[market.live.providers.finnhub]\nkey_file = \"{path}\"\n");
    let settings = with_file(&text).expect("valid");
    assert_eq!(settings.config.market.live.providers.finnhub.key.reveal(), "hunter2");
    assert!(!settings.tree.to_toml().contains("hunter2"));
    let headers = file("authorization=Bearer hunter2\n");
    let path = headers.path().display();
    let settings = with_file(&format!("[traces]\nheaders_file = \"{path}\"\n")).expect("valid");
    let expected = ("authorization".to_owned(), "Bearer hunter2".to_owned());
    assert_eq!(settings.config.traces.headers().collect::<Vec<_>>(), [expected]);
    let error = with_file("\n[redis]\nurl = \"redis://x\"\nurl_file = \"/x\"\n").expect_err("both");
    assert_eq!(error, "F:4: redis.url_file: redis.url is set as well; remove one of the two");
    let text = "\n[redis]\nurl_file = \"/absent\"\n";
    let file_and_flag = |value: &str| with_file_and(text, "OPENBELL_REDIS_URL", value);
    let settings = file_and_flag("redis://stronger").expect("the file is not read");
    assert_eq!(settings.config.redis.url, "redis://stronger");
    let settings = with_file_and(
        "\n[redis]\nurl = \"redis://weaker\"\n",
        "OPENBELL_REDIS_URL_FILE",
        &secret.path().display().to_string(),
    );
    assert_eq!(settings.expect("valid").config.redis.url, "hunter2");
    // A file of digits only is a path, too.
    let error = with_variable("OPENBELL_REDIS_URL_FILE", "7").expect_err("no such file");
    assert!(error.contains("redis.url_file: cannot read 7 ("), "{error}");
    assert!(with_variable("OPENBELL_REDIS_URL_FILE", "").is_ok(), "an empty name is no file");
}

#[test]
fn only_secrets_have_files() {
    for key in ["[http]\nlisten_file = \"x\"", "[log]\nlevel_file = \"x\"", "url_file = \"x\""] {
        let error = with_file(key).expect_err("rejected");
        assert!(error.contains("unknown key"), "{error}");
    }
    let error = with_file("[market.simulated]\nseed_file = \"x\"").expect_err("rejected");
    assert!(error.contains("unknown key market.simulated.seed_file"), "{error}");
    let error = with_file("[redis]\nurl_file = 7\n").expect_err("rejected");
    assert_eq!(error, "F:2: redis.url_file: expected a text in quotes, got a whole number");
}

#[test]
fn a_missing_file_is_named() {
    let flags = Flags { file: Some("/nowhere/openbell.toml".into()), values: Vec::new() };
    let error = load_with(Vec::new(), &flags).expect_err("rejected");
    assert_eq!(error.to_string(), "cannot read /nowhere/openbell.toml");
}

#[test]
fn memory_max_lowers_what_takes_most_memory_and_raises_nothing() {
    let mib = 1024 * 1024;
    let read =
        |text: String| with_file(&text).map(|settings| (settings.tree.to_toml(), settings.config));
    let (shown, config) = read(format!("memory_max = {}", 128 * mib)).expect("valid");
    assert_eq!(config.auth.hash_concurrency_max, 1);
    assert_eq!(config.cache.memory_bytes_max, 16 * mib);
    assert_eq!(config.database.connections_max, 4);
    assert!(shown.contains("memory_bytes_max = 16777216"), "{shown}");
    let text = format!("memory_max = {}\n[cache]\nmemory_bytes_max = 7", 1024 * mib);
    let (_, config) = read(text).expect("valid");
    assert_eq!((config.auth.hash_concurrency_max, config.cache.memory_bytes_max), (2, 7));
    let error = read("memory_max = 1000".to_owned()).expect_err("rejected");
    assert!(error.contains("expected 0 or at least 100663296 bytes, got 1000"), "{error}");
}
