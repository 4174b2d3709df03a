//! The log of the real binary, and its traces: no secret at any level, security events of commands,
//! slow statements and the metrics beside them.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};
use testkit::{Dialect, FakeMode, FakeProvider, NotificationReceiver, Postgres, eventually, poll};

use crate::live::{exchange_without_end, now};
use crate::server::{Server, openbell};

/// All levels of the program's crates, and INFO of others.
const EVERYTHING: &str = "info,openbell=trace,web=trace,store=trace,trading=trace,market=trace,\
     cluster=trace,archive=trace,leaderboard=trace,domain=trace";

/// A server whose log is a file.
struct LoggedServer {
    server: Server,
    log: PathBuf,
}

impl LoggedServer {
    fn start(dir: &Path, flags: &[&str], settings: &[(&str, &str)]) -> Self {
        let log = dir.join("log.txt");
        let file = std::fs::File::create(&log).expect("a file");
        let server = Server::start_at("127.0.0.1:0", flags, |command| {
            command.env("OPENBELL__LOG__LEVEL", EVERYTHING);
            command.envs(settings.iter().copied()).stderr(file);
        });
        Self { server, log }
    }

    fn text(&self) -> String {
        std::fs::read_to_string(&self.log).expect("text")
    }

    /// The lines that contain a text.
    fn lines(&self, text: &str) -> Vec<String> {
        self.text().lines().filter(|line| line.contains(text)).map(str::to_owned).collect()
    }

    fn assert_without(&self, secrets: &[&str]) {
        assert_without(&self.text(), secrets);
    }
}

#[track_caller]
fn assert_without(text: &str, secrets: &[&str]) {
    assert!(!text.is_empty(), "nothing is logged");
    for secret in secrets {
        let line = text.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret} is in the log");
    }
}

const NAME: &str = "Zebedee Planted";
const EMAIL: &str = "zebedee.planted@example.org";
const PASSWORD: &str = "planted password";
const NOTE: &str = "a planted note";
const STRAY: &str = "stray-planted-text";

/// Registers, signs in rightly and wrongly, trades and asks for what does not exist. Returns the
/// token.
fn play(server: &Server) -> String {
    let account = json!({"name": NAME, "email": EMAIL, "password": PASSWORD,
        "password_confirmation": PASSWORD});
    let (status, answer) = server.ask("POST", "/api/auth/register", "", Some(&account));
    assert_eq!(status, 201, "{answer}");
    let token = answer["token"].as_str().expect("a token").to_owned();
    assert_eq!(server.ask("POST", "/api/auth/register", "", Some(&account)).0, 422);
    for password in [STRAY, PASSWORD] {
        let login = json!({"email": EMAIL, "password": password});
        server.ask("POST", "/api/auth/login", "", Some(&login));
    }
    let order = json!({"stock_symbol": "AAPL", "quantity": 1, "note": NOTE});
    server.ask("POST", "/api/portfolio/buy", &token, Some(&order));
    for path in [format!("/api/stocks/{STRAY}"), format!("/{STRAY}?token={token}&q={EMAIL}")] {
        server.ask("GET", &path, &format!("{token}{STRAY}"), None);
    }
    token
}

const PROVIDER_KEY: &str = "planted-provider-key";
const TRACES_TOKEN: &str = "planted-traces-token";

/// The settings of a live market with secrets of every kind, which traces all requests.
fn planted<'u>(provider: &'u str, collector: &'u str) -> [(&'static str, &'u str); 16] {
    [
        ("OPENBELL__MARKET__SOURCE", "live"),
        ("OPENBELL__MARKET__LIVE__AROUND_THE_CLOCK", "true"),
        ("OPENBELL__MARKET__LIVE__REFRESH_INTERVAL_S", "1"),
        ("OPENBELL__MARKET__LIVE__PROVIDERS__ORDER", "[\"finnhub\"]"),
        ("OPENBELL__MARKET__LIVE__PROVIDERS__FINNHUB__KEY", PROVIDER_KEY),
        ("OPENBELL__MARKET__LIVE__PROVIDERS__FINNHUB__URL", provider),
        ("OPENBELL__MARKET__LIVE__PROVIDERS__ALLOW_PRIVATE", "[\"127.0.0.1\"]"),
        ("OPENBELL__HTTP__ACCESS_LOG", "true"),
        ("OPENBELL__TRACES__ENDPOINT", collector),
        ("OPENBELL__TRACES__HEADERS", "authorization=planted-traces-token"),
        ("OPENBELL__TRACES__SAMPLE_RATIO", "1"),
        // Refused at once.
        ("OPENBELL_REDIS_URL", "redis://:planted-redis-password@127.0.0.1:1"),
        ("OPENBELL__AUDIT__ARCHIVE_URL", "s3://bucket/prefix"),
        ("OPENBELL__AUDIT__S3__ENDPOINT", "https://127.0.0.1:1"),
        ("OPENBELL__AUDIT__S3__ACCESS_KEY_ID", "planted-access-key"),
        ("OPENBELL__AUDIT__S3__SECRET_KEY", "planted-secret-key"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_of_a_player_or_a_provider_is_logged_or_traced() {
    let collector = NotificationReceiver::start().await;
    let fake = FakeProvider::start(Dialect::Finnhub).await;
    fake.set_price("AAPL", "190.25", now());
    let dir = tempfile::tempdir().expect("a directory");
    let data = dir.path().join("data").display().to_string();
    // The provider is called at any time of day.
    exchange_without_end(dir.path());
    let calendar = dir.path().join("calendars.toml").display().to_string();
    let mut live = planted(fake.url(), collector.url()).to_vec();
    live.push(("OPENBELL__MARKET__LIVE__EXCHANGE", "X"));
    live.push(("OPENBELL__MARKET__LIVE__CALENDAR_FILE", &calendar));
    let command = |words: &[&str]| {
        let mut command = openbell(&[words, &["--data-dir", &data]].concat());
        command
            .envs(live.iter().copied())
            .env("OPENBELL__LOG__LEVEL", EVERYTHING)
            .output()
            .expect("it runs")
    };
    let seeded = command(&["stocks", "seed", "AAPL"]);
    assert!(seeded.status.success(), "{seeded:?}");
    let node = LoggedServer::start(dir.path(), &["--data-dir", &data], &live);
    let token = play(&node.server);
    node.server.ask("GET", "/api/external/stocks/search?q=planted-search", &token, None);
    let link = String::from_utf8(command(&["user", "password", EMAIL]).stdout).expect("text");
    let secret = link.split_whitespace().find_map(|word| word.split_once("/recover/"));
    let (_, secret) = secret.expect("a link");
    assert_eq!(node.server.get(&format!("/recover/{secret}")).0, 200);
    // The provider repeats the key from now on, and is suspended after the first time.
    let calls = fake.calls();
    fake.set_mode(FakeMode::KeyRefused);
    eventually("the provider refuses the key", || fake.calls() > calls);
    assert_without(&printed(&command(&["stocks", "update-prices"])), &[PROVIDER_KEY]);
    assert!(!node.lines(" INFO access: ").is_empty());
    let LoggedServer { server, log } = node;
    server.stop();
    let text = std::fs::read_to_string(log).expect("text");
    let secrets = [
        NAME,
        EMAIL,
        PASSWORD,
        NOTE,
        STRAY,
        &token,
        secret,
        PROVIDER_KEY,
        "planted-redis-password",
        "planted-search",
        "planted-access-key",
        "planted-secret-key",
    ];
    assert_without(&text, &secrets);
    assert_without(&text, &[TRACES_TOKEN, "batch{", "statement{"]);
    assert_traced_without(&collector, &secrets);
}

/// Spans were sent, with the configured header and without the secrets.
fn assert_traced_without(collector: &NotificationReceiver, secrets: &[&str]) {
    let requests = collector.requests();
    assert!(requests.iter().all(|request| request.headers["authorization"] == TRACES_TOKEN));
    // Texts are in the protobuf messages as they are.
    let spans: String = requests.iter().map(|request| request.body.as_str()).collect();
    for name in ["POST /api/portfolio/buy", "users.credentials", "finnhub quote", "COMMIT"] {
        assert!(spans.contains(name), "no span {name} was sent");
    }
    assert_without(&spans, secrets);
}

#[test]
fn no_password_of_a_database_is_logged() {
    let postgres = Postgres::start();
    // It accepts any password.
    let password = "planted-database-password";
    let url = postgres.fresh_database().replace("postgres@", &format!("postgres:{password}@"));
    assert!(url.contains(password), "{url}");
    let dir = tempfile::tempdir().expect("a directory");
    let node = LoggedServer::start(dir.path(), &["--database", &url], &[]);
    let token = play(&node.server);
    node.assert_without(&[NAME, EMAIL, PASSWORD, NOTE, STRAY, &token, password]);
    node.server.stop();

    let away = format!("postgres://user:{password}@127.0.0.1:1/game");
    for args in [&["serve"][..], &["user", "list"]] {
        let args = [args, &["--database", &away]].concat();
        let mut command = openbell(&args);
        command.env("OPENBELL__DATABASE__ACQUIRE_TIMEOUT_MS", "200");
        command.env("OPENBELL__LOG__LEVEL", EVERYTHING);
        let output = command.output().expect("it runs");
        assert!(!output.status.success());
        assert_without(&printed(&output), &[password]);
    }
}

fn printed(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

/// The security events that a command logs.
pub(crate) fn events_of(command: &mut Command) -> Vec<Value> {
    let output = command.env("OPENBELL__LOG__FORMAT", "json").output().expect("it runs");
    let text = String::from_utf8(output.stderr).expect("text");
    let parsed = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let event = |line: Value| {
        assert_eq!((&line["target"], &line["level"]), (&json!("security"), &json!("INFO")));
        let mut fields = line["fields"].clone();
        fields.as_object_mut().expect("fields").remove("message").expect("a message");
        fields
    };
    parsed.map(event).collect()
}

#[test]
fn what_an_operator_does_by_command_is_a_security_event_without_names() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start_in(dir.path());
    server.register("ada");
    let data = dir.path().display().to_string();
    let user = |words: &[&str]| {
        events_of(&mut openbell(&[&["user"], words, &["--data-dir", &data]].concat()))
    };
    let action = |name: &str| json!({"event": "operator_action", "via": "command", "user_id": 1, "action": name});
    let email = "ada@example.org";
    let mut role = action("role");
    role["role"] = json!("operator");
    assert_eq!(user(&["role", email, "operator"]), [role]);
    assert_eq!(user(&["rename", email, "Ada L."]), [action("rename")]);
    assert_eq!(user(&["password", email]), [action("one_time_link")]);
    assert_eq!(user(&["list"]), [Value::Null; 0]);
    assert_eq!(user(&["erase", email, "--yes"]), [action("erase")]);
    server.stop();
}

#[test]
fn what_a_command_changes_in_the_ledger_or_the_market_is_a_security_event() {
    let dir = tempfile::tempdir().expect("a directory");
    let data = dir.path().display().to_string();
    Server::start_in(dir.path()).stop();
    let events =
        |words: &[&str]| events_of(&mut openbell(&[words, &["--data-dir", &data]].concat()));
    let about = |action: &str, subject: &str| json!({"event": "operator_action", "via": "command", "action": action, "subject": subject});
    assert_eq!(events(&["audit", "hold", "2024-02"]), [about("audit_hold", "2024-02")]);
    let release = ["audit", "hold", "2024-02", "--release"];
    assert_eq!(events(&release), [about("audit_release", "2024-02")]);
    let mut seal = about("audit_seal", "");
    seal.as_object_mut().expect("fields").remove("subject");
    assert_eq!(events(&["audit", "seal"]), [seal]);
    let texts = dir.path().join("texts.toml").display().to_string();
    std::fs::write(&texts, "[[stocks]]\nsymbol = \"AAPL\"\nfun_fact = \"A fact.\"\n")
        .expect("written");
    let describe = ["stocks", "describe", &texts];
    assert_eq!(events(&describe), [about("stocks_describe", "the game")]);
    let bars = dir.path().join("AAPL.csv").display().to_string();
    std::fs::write(&bars, "Date,Open,High,Low,Close,Volume\n2024-01-02,9,12,8,10,5\n")
        .expect("written");
    let import = ["stocks", "import", &bars, "--market", "old"];
    let tried = openbell(&[&import[..], &["--dry-run", "--data-dir", &data]].concat()).output();
    let tried = tried.expect("it runs");
    assert!(tried.status.success() && tried.stderr.is_empty(), "{tried:?}");
    assert_eq!(events(&import), [about("stocks_import", "old")]);
    for words in [&["audit", "verify"][..], &["audit", "status"], &["stocks", "list"]] {
        assert_eq!(events(words), [Value::Null; 0], "{words:?}");
    }
}

#[test]
fn a_slow_statement_is_logged_by_its_name_only_once_a_reload_has_set_the_time() {
    let postgres = Postgres::start();
    let url = postgres.fresh_database();
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("openbell.toml");
    let set = |slow_ms: u32| {
        std::fs::write(&file, format!("[database]\nslow_statement_ms = {slow_ms}\n"))
            .expect("written");
    };
    set(0);
    let settings = [
        ("OPENBELL__DATABASE__LOCK_TIMEOUT_MS", "30000"),
        ("OPENBELL__DATABASE__STATEMENT_TIMEOUT_MS", "30000"),
    ];
    let config = file.display().to_string();
    let flags = ["--database", &url, "--config", &config];
    let node = LoggedServer::start(dir.path(), &flags, &settings);
    node.server.register("ada");
    set(50);
    node.server.signal("HUP");
    eventually("it is reloaded", || {
        let reloaded = node.lines("configuration_reloaded");
        reloaded.iter().any(|line| line.contains("database.slow_statement_ms"))
    });
    std::thread::scope(|scope| {
        // The lock is held until the statement of the login has waited for it longer than that.
        let lock = "BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE;
            DO $$ BEGIN
                WHILE NOT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'
                    AND query LIKE '%email_key%' AND clock_timestamp() > query_start + interval '60 ms')
                LOOP PERFORM pg_sleep(0.01), pg_stat_clear_snapshot(); END LOOP;
            END $$; COMMIT;";
        let locked = scope.spawn(|| postgres.run_sql(&url, lock));
        let held = "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted
            AND relation = 'users'::regclass;";
        eventually("the table is locked", || postgres.run_sql(&url, held) == "1");
        let login = json!({"email": "ada@example.org", "password": "correct horse battery"});
        assert_eq!(node.server.ask("POST", "/api/auth/login", "", Some(&login)).0, 200);
        locked.join().expect("no panic");
    });
    let name = "statement=\"users.credentials\" duration_ms=";
    let slow = poll("the slow statement is logged", || node.lines(name).pop());
    assert!(slow.contains(" WARN ") && slow.contains("slow statement; check locks"), "{slow}");
    let duration = slow.rsplit('=').next().and_then(|ms| ms.parse::<u64>().ok());
    assert!(duration.is_some_and(|ms| ms >= 50), "{slow}");
    node.assert_without(&["ada@example.org", "SELECT"]);
    node.server.stop();
}

#[test]
fn the_sizes_of_both_leaderboards_follow_their_players() {
    let dir = tempfile::tempdir().expect("a directory");
    for database in
        [format!("sqlite:{}", dir.path().join("one.db").display()), testkit::postgres_database()]
    {
        let server = Server::start(&["--database", &database]);
        for players in 0..3 {
            for board in ["xp", "return"] {
                let of = |family: &str| {
                    server.metric(&format!("openbell_board_{family}{{board=\"{board}\"}}"))
                };
                eventually("the size follows", || of("players") == players);
                assert!(players == 0 || of("bytes") > 0, "{board}");
            }
            server.register(&format!("p{players}"));
        }
        server.stop();
    }
}

#[test]
fn metrics_of_sign_ins_limits_connections_and_the_clock_exist_from_the_start() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start_in(dir.path());
    let (_, metrics) = server.get("/metrics");
    let metrics = metrics.as_str().expect("text").to_owned();
    for line in [
        "openbell_security_events_total{event=\"sign_in_failed\"} 0",
        "openbell_security_events_total{event=\"throttled\"} 0",
        "openbell_rate_limited_total{quota=\"login_per_account\"} 0",
        "openbell_password_hash_queue_length 0",
        "openbell_streams_open 0",
        "openbell_clock_skew_seconds 0",
        // That of this request.
        "openbell_http_connections_open 1",
        "# HELP openbell_security_events_total Security events by kind",
    ] {
        assert!(
            metrics.lines().any(|found| found.starts_with(line)),
            "{line} is not in\n{metrics}"
        );
    }
    let login = json!({"email": "ada@example.org", "password": "wrong password"});
    server.ask("POST", "/api/auth/login", "", Some(&login));
    assert_eq!(server.metric("openbell_security_events_total{event=\"sign_in_failed\"}"), 1);
    server.stop();
}
