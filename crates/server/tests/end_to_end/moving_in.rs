//! `openbell import-laravel`: from each kind of the earlier application's database into both
//! engines, with damaged rows; what is refused; and that nothing is changed unless all is imported.

mod damaged;

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _};
use testkit::{eventually, is_long_run, postgres_database};
use tokio::runtime::Handle;

use crate::earlier_application::{EarlierApplication, KINDS, PASSWORD};
use crate::log_contents::events_of;
use crate::server::{Server, error_line, openbell, run};

const TARGETS: [&str; 2] = ["sqlite", "postgres"];

/// A game that a server has prepared, and which is stopped.
struct TargetGame {
    dir: tempfile::TempDir,
    args: Vec<String>,
}

impl TargetGame {
    fn prepare(engine: &str) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let args = match engine {
            "sqlite" => ["--data-dir".to_owned(), dir.path().display().to_string()],
            _ => ["--database".to_owned(), postgres_database()],
        };
        let game = Self { dir, args: args.into() };
        game.serve().stop();
        game
    }

    fn args(&self) -> Vec<&str> {
        self.args.iter().map(String::as_str).collect()
    }

    fn serve(&self) -> Server {
        Server::start(&self.args())
    }

    fn import(&self, url: &str, flags: &[&str]) -> Output {
        self.import_command(url, flags).output().expect("it runs")
    }

    fn import_command(&self, url: &str, flags: &[&str]) -> Command {
        let report = self.report_file();
        let args = ["import-laravel", url, "--report", &report];
        openbell(&[&args[..], flags, &self.args()].concat())
    }

    fn report_file(&self) -> String {
        self.dir.path().join("report.json").display().to_string()
    }

    fn report(&self) -> Value {
        let text = std::fs::read_to_string(self.report_file()).expect("a report");
        serde_json::from_str(&text).expect("JSON")
    }

    /// Imports, which must succeed, and returns the report.
    fn import_well(&self, url: &str, flags: &[&str]) -> Value {
        let output = self.import(url, flags);
        assert!(output.status.success(), "{}", printed(&output));
        self.report()
    }

    /// Imports, which must be refused with these kinds of issues, and changes nothing.
    async fn import_refused(&self, url: &str, flags: &[&str], kinds: &[&str]) {
        let before = self.rows().await;
        let output = self.import(url, flags);
        assert_eq!(output.status.code(), Some(1), "{}", printed(&output));
        assert!(printed(&output).ends_with("nothing was imported\n"), "{}", printed(&output));
        let report = self.report();
        let issues = report["issues"].as_array().expect("a list");
        let mut refused: Vec<&str> = issues
            .iter()
            .filter(|issue| issue["effect"] == "refused")
            .map(|issue| issue["kind"].as_str().expect("a word"))
            .collect();
        refused.dedup();
        assert_eq!((refused, &report["outcome"]), (kinds.to_vec(), &json!("refused")));
        assert_eq!(self.rows().await, before);
    }

    /// The result of a statement that returns one number.
    async fn number(&self, sql: &str) -> i64 {
        let sql = AssertSqlSafe(format!("SELECT CAST(({sql}) AS BIGINT)"));
        if let [_, url] = &self.args[..]
            && url.starts_with("postgres")
        {
            let mut db = sqlx::PgConnection::connect(url).await.expect("connects");
            return sqlx::query_scalar(sql).fetch_one(&mut db).await.expect("a number");
        }
        let url = format!("sqlite:{}", self.dir.path().join("openbell.db").display());
        let mut db = sqlx::SqliteConnection::connect(&url).await.expect("connects");
        sqlx::query_scalar(sql).fetch_one(&mut db).await.expect("a number")
    }

    async fn execute(&self, sqlite: &str, postgres: &str) {
        if let [_, url] = &self.args[..]
            && url.starts_with("postgres")
        {
            let mut db = sqlx::PgConnection::connect(url).await.expect("connects");
            let sql = AssertSqlSafe(postgres.to_owned());
            sqlx::raw_sql(sql).execute(&mut db).await.expect("runs");
            return;
        }
        let url = format!("sqlite:{}", self.dir.path().join("openbell.db").display());
        let mut db = sqlx::SqliteConnection::connect(&url).await.expect("connects");
        sqlx::raw_sql(AssertSqlSafe(sqlite.to_owned())).execute(&mut db).await.expect("runs");
    }

    /// How many rows all tables have that an import writes, and the floor of the schema.
    async fn rows(&self) -> Vec<i64> {
        let mut rows = vec![self.number("SELECT version FROM schema_floor").await];
        for table in [
            "users",
            "players",
            "holdings",
            "portfolio_audit",
            "player_achievements",
            "name_keys",
            "rewards_seen",
            "imported_passwords",
        ] {
            rows.push(self.number(&format!("SELECT count(*) FROM {table}")).await);
        }
        rows
    }

    fn verify_ledger(&self) -> u64 {
        let output = run(&[&["audit", "verify", "--json"], &self.args()[..]].concat());
        let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert!(output.status.success(), "{report}");
        report["entries"].as_u64().expect("a number")
    }
}

fn printed(output: &Output) -> String {
    let text = [output.stdout.as_slice(), &output.stderr].concat();
    String::from_utf8_lossy(&text).into_owned()
}

fn log_in(server: &Server, email: &str, password: &str) -> Option<String> {
    let body = json!({"email": email, "password": password});
    let (status, answer) = server.ask("POST", "/api/auth/login", "", Some(&body));
    assert!(status == 200 || status == 422, "{answer}");
    answer["token"].as_str().map(str::to_owned)
}

#[tokio::test]
async fn players_are_imported_from_every_database_into_both_engines() {
    for kind in KINDS {
        let dir = tempfile::tempdir().expect("a directory");
        let earlier = EarlierApplication::create(kind, dir.path()).await;
        for engine in TARGETS {
            let game = TargetGame::prepare(engine);
            let report = game.import_well(&earlier.url, &[]);
            check_report(&report);
            check_tables(&game).await;
            assert_eq!(game.verify_ledger(), 11, "seven openings and four transfers");
            check_play(&game);
            assert!(game.verify_ledger() > 11);
        }
    }
}

fn check_report(report: &Value) {
    assert_eq!(report["outcome"], "imported");
    assert_eq!(report["users"], json!({"read": "7", "imported": "7"}));
    assert_eq!(report["cash"], json!({"read": "39553.60", "imported": "39553.60"}));
    // 3,250, 1,500, 0, 0, 1,225,999, 10, 0.
    assert_eq!(report["xp"], json!({"read": "1230759", "imported": "1230759"}));
    assert_eq!(report["achievements"], json!({"read": "3", "imported": "2"}));
    assert_eq!(report["shares"]["AAPL"], json!({"read": "5", "imported": "5"}));
    assert_eq!(report["shares"]["KO"], json!({"read": "17", "imported": "17"}));
    let issues: Vec<String> = report["issues"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|issue| {
            let [kind, detail] = ["kind", "detail"].map(|key| issue[key].as_str().unwrap_or(""));
            format!("{} {kind} {detail}", issue["user_id"])
        })
        .collect();
    let expected = [
        "14 deleted_holding AAPL: 5 shares",
        "13 invalid_quantity MSFT: -4",
        "16 invalid_quantity MSFT: missing",
        "99 orphan_holding AAPL",
        "98 orphan_achievement achievement 1",
        "11 unknown_achievement \"Busy Trader\"",
        "12 negative_balance -5.00",
        "13 missing_xp level missing, XP missing",
        "13 replaced_name The name field must not look like a name of the staff. It is now \
         \"Investor 13\".",
        "12 no_password ",
        "17 no_password ",
        "13 missing_date users.created_at",
        "15 missing_date achievement_user.unlocked_at",
        "12 shared_name ",
        "12 level_differs level 1 with 1500 XP, imported as level 2",
    ];
    for line in expected {
        assert!(issues.iter().any(|issue| issue == line), "{line}: {issues:#?}");
    }
    let price = issues.iter().find(|issue| issue.starts_with("12 missing_price KO: 0"));
    assert!(price.is_some_and(|line| line.ends_with("imported as 63.20")), "{issues:#?}");
    let of = |kind: &str| issues.iter().filter(|issue| issue.contains(kind)).count();
    // Bob's shares, Chipo's, and two of Rudo's; Farai's missing number counts as 0.
    assert_eq!(of(" position_differs "), 3, "{issues:#?}");
    assert!(issues.contains(&"15 position_differs KO: 10 shares, 11 by transactions".to_owned()));
    assert!(issues.iter().any(|issue| issue.starts_with("15 audit_differs KO: 10")), "{issues:#?}");
    assert_eq!(of("11 cash_differs") + of("16 cash_differs"), 0, "{issues:#?}");
    assert!(issues.contains(&"14 cash_differs 0.00, 10000.00 by transactions".to_owned()));
    assert!(!report.to_string().contains("example.org"), "a report has no address");
}

async fn check_tables(game: &TargetGame) {
    // The floor, users, players, holdings, entries, unlocks, name keys, rewards, passwords.
    let rows = game.rows().await;
    assert_eq!((rows[0], &rows[1..6], rows[8]), (20, &[7, 7, 4, 11, 2][..], 1));
    let cost = "SELECT cost_basis FROM holdings h JOIN players p ON p.player_id = h.player_id
        JOIN users u ON u.user_id = p.user_id WHERE u.email_key = 'bob@example.org'";
    assert_eq!(game.number(cost).await, 7 * 6_320);
    let registered = "SELECT created_at FROM users WHERE email_key = 'ada@example.org'";
    assert_eq!(game.number(registered).await, 1_740_817_800_000_000);
    let unlocked = "SELECT unlocked_at FROM player_achievements a
        JOIN players p ON p.player_id = a.player_id
        JOIN users u ON u.user_id = p.user_id WHERE u.email_key = 'ada@example.org'";
    assert_eq!(game.number(unlocked).await, 1_740_819_600_000_000);
}

/// Signs in with the old password, trades, and reads the history.
fn check_play(game: &TargetGame) {
    let server = game.serve();
    assert_eq!(log_in(&server, "ada@example.org", "wrong horse battery"), None);
    for email in ["bob@example.org", "nyasha@example.org"] {
        for password in ["", "!", PASSWORD] {
            assert_eq!(log_in(&server, email, password), None, "{email} has no password");
        }
    }
    let token = log_in(&server, "ADA@example.org", PASSWORD).expect("the old password");
    let (_, account) = server.ask("GET", "/api/auth/user", &token, None);
    let user = &account["user"];
    assert_eq!((&user["name"], &user["balance"]), (&json!("Ada Moyo"), &json!("9430.15")));
    assert_eq!((&user["level"], &user["experience_points"]), (&json!(3), &json!(250)));
    let (_, portfolio) = server.ask("GET", "/api/portfolio", &token, None);
    let held = &portfolio["data"][0];
    let shown = ["stock_symbol", "quantity", "average_price"].map(|key| &held[key]);
    assert_eq!(shown, [&json!("AAPL"), &json!(3), &json!("189.95")]);
    let order = json!({"stock_symbol": "AAPL", "quantity": 1});
    let (status, sold) = server.ask("POST", "/api/portfolio/sell", &token, Some(&order));
    assert_eq!(status, 200, "{sold}");
    let (_, history) = server.ask("GET", "/api/portfolio/transactions", &token, None);
    let kinds: Vec<&Value> = history["data"].as_array().expect("a list").iter().collect();
    let kinds: Vec<_> =
        kinds.iter().map(|entry| (&entry["kind"], &entry["quote_source"])).collect();
    assert_eq!(
        kinds[1..],
        [(&json!("transfer_in"), &json!("import")), (&json!("open"), &json!("import")),]
    );
    check_documented_verifier(game.dir.path(), &history);
    assert!(log_in(&server, "ada@example.org", PASSWORD).is_some(), "again, by argon2id");
    server.stop();
}

/// The script of docs/verify.md accepts the chain of an imported player.
fn check_documented_verifier(dir: &Path, history: &Value) {
    let text = include_str!("../../../../docs/verify.md");
    let script = text.split("```python\n").nth(1).and_then(|rest| rest.split("```").next());
    let page = dir.join("page.json");
    std::fs::write(&page, history.to_string()).expect("writes");
    let mut python = Command::new("python3");
    let output = python.args(["-c", script.expect("a script")]).arg(page).output();
    let output = output.expect("python3 runs");
    assert!(output.status.success(), "{}", printed(&output));
}

#[tokio::test]
async fn a_login_replaces_the_imported_hash() {
    let dir = tempfile::tempdir().expect("a directory");
    let earlier = EarlierApplication::create("sqlite", dir.path()).await;
    let game = TargetGame::prepare("sqlite");
    game.import_well(&earlier.url, &[]);
    let bcrypt = "SELECT count(*) FROM users WHERE password_hash LIKE '$2y$04$%'";
    let argon2 = "SELECT count(*) FROM users WHERE password_hash LIKE '$argon2id$%'";
    assert_eq!((game.number(bcrypt).await, game.number(argon2).await), (5, 0));
    let server = game.serve();
    assert!(log_in(&server, "ada@example.org", "wrong horse battery").is_none());
    assert!(log_in(&server, "ada@example.org", PASSWORD).is_some());
    server.stop();
    assert_eq!((game.number(bcrypt).await, game.number(argon2).await), (4, 1));
}

#[tokio::test]
async fn a_dry_run_changes_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let earlier = EarlierApplication::create("mariadb", dir.path()).await;
    for engine in TARGETS {
        let game = TargetGame::prepare(engine);
        let before = game.rows().await;
        let report = game.import_well(&earlier.url, &["--dry-run"]);
        assert_eq!((&report["outcome"], &report["dry_run"]), (&json!("dry_run"), &json!(true)));
        assert_eq!(report["users"]["imported"], "7");
        assert_eq!(game.rows().await, before);
    }
}

/// Numbers that only SQLite stores; users who are left out, for which nothing else is refused; and
/// two users with one address, the first of which cannot be imported.
const LEFT_OUT: &str = "
ALTER TABLE users ADD COLUMN deleted_at DATETIME;
INSERT INTO users (id, name, email, balance, level, experience_points, deleted_at) VALUES
    (21, 'Gone', 'gone@example.org', NULL, 20000, 0, '2025-04-01 00:00:00'),
    (22, 'Two', 'two@example.org', 1.005, 1, 0, NULL),
    (23, 'Three', 'three@example.org', 1.00, 1.5, 70, NULL),
    (24, 'Four', 'four@example.org', 1.00, 1, 4294967296, NULL),
    (25, 'Five', 'five@example.org', 1e15, 1, 0, NULL),
    (26, 'Six', 'six@example.org', 1e300, 1, 0, NULL),
    (27, 'Seven', 'SEVEN@example.org', NULL, 1, 0, NULL),
    (28, 'Seven', 'seven@example.org', 0.1 + 0.2, 1, 0, NULL),
    (29, 'Nine', 'nine@example.org', 'much', 1, 0, NULL);
INSERT INTO stocks (id, symbol, name, current_price) VALUES (7, 'OLD', 'Old Ltd.', 12.34);
INSERT INTO portfolios (user_id, stock_id, quantity, average_price) VALUES
    (21, 7, 4, 10.00), (22, 7, 4, 10.00), (28, 1, 1.5, 1.00), (28, 2, 2, 1.00);
";

#[tokio::test]
async fn damage_of_users_who_are_left_out_does_not_refuse_the_others() {
    let dir = tempfile::tempdir().expect("a directory");
    let earlier = EarlierApplication::create("sqlite", dir.path()).await;
    earlier.run(LEFT_OUT).await;
    for engine in TARGETS {
        let game = TargetGame::prepare(engine);
        let damaged = ["unreadable_balance", "unreadable_xp"];
        game.import_refused(&earlier.url, &[], &damaged).await;
        let report = game.import_well(&earlier.url, &["--skip-damaged"]);
        assert_eq!(report["users"], json!({"read": "16", "imported": "8"}));
        // Those of the seven users, 0.30 of one, and 1.00 each of two who are left out.
        assert_eq!(report["cash"], json!({"read": "39555.90", "imported": "39553.90"}));
        assert_eq!(report["shares"]["OLD"], json!({"read": "8", "imported": "0"}));
        assert_eq!(report["shares"]["AAPL"], json!({"read": "5", "imported": "5"}));
        assert_eq!(report["shares"]["KO"], json!({"read": "19", "imported": "19"}));
        let counts = &report["counts"];
        let counted = ["deleted_user", "unreadable_balance", "unreadable_xp", "unknown_stock"];
        let counted = counted.map(|kind| counts[kind].as_u64().unwrap_or_default());
        assert_eq!(counted, [1, 5, 2, 0], "{counts}");
        assert_eq!(counts["duplicate_email"], Value::Null);
        game.verify_ledger();
    }
}

#[tokio::test]
async fn an_import_is_a_security_event_and_a_dry_run_is_not() {
    let dir = tempfile::tempdir().expect("a directory");
    let earlier = EarlierApplication::create("sqlite", dir.path()).await;
    let game = TargetGame::prepare("sqlite");
    assert!(events_of(&mut game.import_command(&earlier.url, &["--dry-run"])).is_empty());
    let event = json!({"event": "operator_action", "via": "command", "action": "import_laravel",
        "subject": "7"});
    assert_eq!(events_of(&mut game.import_command(&earlier.url, &[])), [event]);
}

#[tokio::test]
async fn a_report_is_replaced_by_a_complete_one_only() {
    let dir = tempfile::tempdir().expect("a directory");
    let earlier = EarlierApplication::create("sqlite", dir.path()).await;
    let game = TargetGame::prepare("sqlite");
    game.import_well(&earlier.url, &["--dry-run"]);
    error_line(&game.import("oracle://host/db", &[]));
    assert_eq!(game.report()["outcome"], "dry_run", "the former report is still there");
    // After the import the report cannot replace a directory.
    std::fs::remove_file(game.report_file()).expect("removed");
    std::fs::create_dir(game.report_file()).expect("a directory");
    let output = game.import(&earlier.url, &[]);
    let text = printed(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(
        text.contains("imported 7 players") && text.contains("cannot write the report"),
        "{text}"
    );
    assert_eq!(game.number("SELECT count(*) FROM players").await, 7);
    assert!(!Path::new(&format!("{}.new", game.report_file())).exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_starts_during_an_import_waits_for_its_end() {
    let dir = tempfile::tempdir().expect("a directory");
    let earlier = EarlierApplication::create("sqlite", dir.path()).await;
    let game = TargetGame::prepare("postgres");
    // The import stops at its first holding until the table is dropped.
    game.execute(
        "",
        "CREATE TABLE pause (); CREATE FUNCTION pauses() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN
             WHILE EXISTS (SELECT FROM pg_class WHERE oid = to_regclass('pause'))
             LOOP PERFORM pg_sleep(0.01); END LOOP;
             RETURN NEW;
         END $$;
         CREATE TRIGGER pauses BEFORE INSERT ON holdings FOR EACH ROW EXECUTE FUNCTION pauses()",
    )
    .await;
    let session = |condition: &str| {
        let sql = format!(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
             AND application_name = 'openbell' AND {condition}"
        );
        tokio::task::block_in_place(|| Handle::current().block_on(game.number(&sql))) > 0
    };
    let server = std::thread::scope(|scope| {
        let import = scope.spawn(|| game.import_well(&earlier.url, &[]));
        eventually("the import stops", || session("wait_event = 'PgSleep'"));
        let server = scope.spawn(|| game.serve());
        eventually("the node waits", || session("query LIKE '%pg_try_advisory_lock%'"));
        tokio::task::block_in_place(|| {
            Handle::current().block_on(game.execute("", "DROP TABLE pause"));
        });
        assert_eq!(import.join().expect("it succeeds")["users"]["imported"], "7");
        server.join().expect("it starts")
    });
    assert!(log_in(&server, "ada@example.org", PASSWORD).is_some());
    server.stop();
}

#[tokio::test]
async fn an_address_of_a_player_of_the_game_refuses_the_import() {
    let dir = tempfile::tempdir().expect("a directory");
    let earlier = EarlierApplication::create("postgres", dir.path()).await;
    for engine in TARGETS {
        let game = TargetGame::prepare(engine);
        let server = game.serve();
        server.register("tendai");
        let output = game.import(&earlier.url, &[]);
        let line = error_line(&output);
        let expected = if engine == "sqlite" { "in use by another" } else { "stop all nodes" };
        assert!(line.contains(expected), "{line}");
        server.stop();
        game.import_refused(&earlier.url, &["--skip-damaged"], &["taken_email"]).await;
        assert_eq!(game.report()["counts"]["taken_email"], 1);
        // A second import of the same users is refused as well.
        earlier.run("DELETE FROM users WHERE id = 14").await;
        game.import_well(&earlier.url, &[]);
        game.import_refused(&earlier.url, &[], &["taken_email"]).await;
        earlier
            .run(
                "INSERT INTO users (id, name, email, created_at) VALUES (14, 'Tendai',
                 'tendai@example.org', '2025-03-04 00:00:00')",
            )
            .await;
    }
}

#[tokio::test]
async fn an_import_that_fails_half_way_changes_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let earlier = EarlierApplication::create_empty("mariadb", dir.path()).await;
    earlier.fill(1_500, 6).await;
    earlier.run("UPDATE portfolios SET quantity = 777 WHERE user_id = 1400 AND stock_id = 2").await;
    for engine in TARGETS {
        let game = TargetGame::prepare(engine);
        let before = game.rows().await;
        game.execute(
            "CREATE TRIGGER fails BEFORE INSERT ON holdings WHEN NEW.quantity = 777000000
             BEGIN SELECT RAISE(ABORT, 'the disk is gone'); END",
            "CREATE FUNCTION fails() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN RAISE EXCEPTION 'the disk is gone'; END $$;
             CREATE TRIGGER fails BEFORE INSERT ON holdings FOR EACH ROW
                 WHEN (NEW.quantity = 777000000) EXECUTE FUNCTION fails()",
        )
        .await;
        let line = error_line(&game.import(&earlier.url, &[]));
        assert!(line.contains("the disk is gone"), "{line}");
        assert_eq!(game.rows().await, before);
        game.execute("DROP TRIGGER fails", "DROP TRIGGER fails ON holdings").await;
        let report = game.import_well(&earlier.url, &[]);
        assert_eq!(report["users"], json!({"read": "1500", "imported": "1500"}));
        assert_eq!(report["counts"]["position_differs"], 1);
    }
}

#[test]
fn other_databases_and_missing_games_are_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("empty.sqlite");
    std::fs::write(&file, "").expect("a file");
    let (file, data) = (file.display().to_string(), dir.path().join("data"));
    let line =
        error_line(&run(&["import-laravel", &file, "--data-dir", &data.display().to_string()]));
    assert!(line.starts_with("openbell: there is no database at") && !data.exists(), "{line}");
    let game = TargetGame::prepare("sqlite");
    let import = |url: &str| error_line(&game.import(url, &[]));
    let line = import("oracle://scott:tiger@host/db");
    assert!(line.contains("mysql://USER:PASSWORD@HOST/NAME") && !line.contains("tiger"), "{line}");
    let line = import(&file);
    assert!(line.ends_with("lacks the column users.id of the earlier application"), "{line}");
    let line = import(&dir.path().join("missing.sqlite").display().to_string());
    assert!(line.starts_with("openbell: cannot read the earlier database"), "{line}");
    let line = import("mysql://root:secret@127.0.0.1:9/app");
    assert!(line.contains("mysql://***@127.0.0.1:9") && !line.contains("secret"), "{line}");
}

/// With `./test long`: 100,000 users with 2,100,000 transactions.
#[tokio::test]
async fn many_users_are_imported_within_bounded_memory() {
    let (users, trades) = if is_long_run() { (100_000, 21) } else { (3_000, 6) };
    let dir = tempfile::tempdir().expect("a directory");
    let earlier = EarlierApplication::create_empty("mariadb", dir.path()).await;
    earlier.fill(users, trades).await;
    for engine in TARGETS {
        let game = TargetGame::prepare(engine);
        let (report, peak) = game.import_measured(&earlier.url);
        assert_eq!(report["users"]["imported"], json!(users.to_string()));
        let shares = (users * (trades / 3)).to_string();
        assert_eq!(report["shares"]["KO"]["imported"], json!(shares));
        assert!(report["counts"].as_object().expect("a map").is_empty(), "{}", report["counts"]);
        // Fewer users never need as much.
        assert!(!is_long_run() || peak < 300 * 1024, "{engine}, peak memory: {peak} KiB");
        assert_eq!(game.verify_ledger(), u64::from(users) * 4);
    }
}

impl TargetGame {
    /// Imports, and returns the report and the peak of the resident memory in KiB.
    fn import_measured(&self, url: &str) -> (Value, u64) {
        let command = self.import_command(url, &[]);
        let mut python = Command::new("python3");
        let measure = "import resource, subprocess, sys\n\
            code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode\n\
            print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)\n\
            sys.exit(code)";
        python.args(["-c", measure]).arg(command.get_program()).args(command.get_args());
        for (name, _) in command.get_envs() {
            python.env_remove(name);
        }
        let output = python.output().expect("python3 runs");
        assert!(output.status.success(), "{}", printed(&output));
        let peak = String::from_utf8_lossy(&output.stdout);
        (self.report(), peak.trim().parse().expect("a number"))
    }
}
