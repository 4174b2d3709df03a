//! The command line, and errors of invalid input at start: one line and a code other than 0.

use std::io::Write as _;
use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use sqlx::ConnectOptions as _;
use testkit::eventually;

use crate::server::{Server, error_line, openbell, run};

fn path(path: &Path) -> String {
    path.display().to_string()
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::Builder::new().suffix(".toml").tempfile().expect("a file");
    file.write_all(text.as_bytes()).expect("written");
    file
}

#[test]
fn the_version_is_printed() {
    let output = run(&["--version"]);
    assert!(output.status.success());
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(text.trim(), format!("openbell {}", env!("CARGO_PKG_VERSION")));
}

#[test]
fn check_config_prints_the_effective_tree_without_passwords() {
    let file = file("[log]\nlevel = \"warn\"\n");
    let args = ["check-config", "--config", &path(file.path()), "--redis", "redis://:hunter2@r:1"];
    let output = openbell(&args).env("OPENBELL_LISTEN", "127.0.0.1:9").output().expect("it runs");
    assert!(output.status.success());
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let tree: toml::Table = toml::from_str(&text).expect("TOML");
    assert_eq!(tree["log"]["level"].as_str(), Some("warn"));
    assert_eq!(tree["http"]["listen"].as_str(), Some("127.0.0.1:9"));
    assert_eq!(tree["redis"]["url"].as_str(), Some("redis://***@r:1"));
    assert_eq!(tree["database"]["url"].as_str(), Some("sqlite:./openbell-data/openbell.db"));
}

#[test]
fn an_unknown_key_is_one_line_with_the_nearest_known_key() {
    let file = file("\n[http]\nlisen = \"127.0.0.1:1\"\n");
    let name = path(file.path());
    for command in ["serve", "check-config", "migrate"] {
        let text = error_line(&run(&[command, "--config", &name]));
        let error = "unknown key http.lisen; the nearest known key is http.listen";
        assert_eq!(text, format!("openbell: {name}:3: {error}"));
    }
}

#[test]
fn an_unknown_variable_is_one_line() {
    let output = openbell(&["check-config"]).env("OPENBELL__HTTP__LISEN", "x").output();
    let text = error_line(&output.expect("it runs"));
    assert!(text.contains("environment variable OPENBELL__HTTP__LISEN: unknown key"), "{text}");
}

#[test]
fn bad_rules_are_one_line_with_file_and_line() {
    let rules = file("starting_cash = \"-5\"\n");
    let config = file(&format!("[game]\nrules = \"{}\"\n", path(rules.path())));
    let dir = tempfile::tempdir().expect("a directory");
    let data = path(dir.path());
    let config = path(config.path());
    for args in [
        &["check-config", "--config", &config][..],
        &["serve", "--listen", "127.0.0.1:0", "--data-dir", &data, "--config", &config],
    ] {
        let text = error_line(&run(args));
        let start =
            format!("openbell: {}:1: starting_cash: expected a decimal number", path(rules.path()));
        assert!(text.starts_with(&start), "{text}");
    }
}

#[test]
fn a_missing_directory_is_one_line() {
    let output = run(&["serve", "--listen", "127.0.0.1:0", "--data-dir", "/nowhere/at/all"]);
    let text = error_line(&output);
    assert!(text.contains("/nowhere/at/all") && text.contains("does not exist"), "{text}");
}

#[test]
fn a_malformed_address_is_refused_before_anything_starts() {
    for address in ["foo", "127.0.0.1:99999", "127.0.0.1", ":8080", "::1:8080", "a b:1"] {
        for command in ["serve", "check-config"] {
            let text = error_line(&run(&[command, "--listen", address]));
            let expected = "--listen: http.listen: expected ADDRESS:PORT, like 127.0.0.1:8080";
            assert!(text.contains(expected) && text.contains(address), "{text}");
        }
    }
}

#[test]
fn a_port_in_use_is_one_line_with_a_remedy() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("bound").to_string();
    let dir = tempfile::tempdir().expect("a directory");
    let text = error_line(&run(&["--listen", &address, "--data-dir", &path(dir.path())]));
    let error = "(Address already in use (os error 98)); stop the program that uses the port";
    assert!(text.contains(&address) && text.contains(error), "{text}");
    assert_eq!(text.matches("already in use").count(), 1, "{text}");
}

#[test]
fn a_second_process_on_the_same_directory_is_one_line() {
    let dir = tempfile::tempdir().expect("a directory");
    let first = Server::start_in(dir.path());
    let data = path(dir.path());
    for args in [
        &["serve", "--listen", "127.0.0.1:0", "--data-dir", &data][..],
        &["migrate", "--data-dir", &data],
    ] {
        let text = error_line(&run(args));
        assert!(text.contains("in use by another openbell process"), "{text}");
    }
    first.stop();
}

#[test]
fn a_role_is_set_by_address_while_the_server_runs() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start_in(dir.path());
    server.register("ada");
    let data = path(dir.path());
    let role = |email, role| run(&["user", "role", email, role, "--data-dir", &data]);
    for word in ["operator", "player"] {
        let output = role(" Ada@Example.org", word);
        assert!(output.status.success(), "{output:?}");
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(printed, format!("ada@example.org is now: {word}\n"));
    }
    let text = error_line(&role("eve@example.org", "operator"));
    assert_eq!(text, "openbell: no user has the address eve@example.org");
    assert!(!role("ada@example.org", "king").status.success());
    server.stop();
}

#[tokio::test]
async fn a_command_waits_for_another_writer() {
    let dir = tempfile::tempdir().expect("a directory");
    assert!(run(&["migrate", "--data-dir", &path(dir.path())]).status.success());
    let file = sqlx::sqlite::SqliteConnectOptions::new().filename(dir.path().join("openbell.db"));
    let mut other = file.connect().await.expect("opens");
    sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.expect("locks the file");
    let args = ["user", "role", "eve@example.org", "player", "--data-dir", &path(dir.path())];
    let mut command = openbell(&args);
    // The command waits longer than this lock timeout of requests.
    command.env("OPENBELL__DATABASE__LOCK_TIMEOUT_MS", "50");
    let mut command = tokio::task::spawn_blocking(move || command.output().expect("it runs"));
    let early = tokio::time::timeout(Duration::from_secs(1), &mut command).await;
    assert!(early.is_err(), "it waits: {early:?}");
    sqlx::query("ROLLBACK").execute(&mut other).await.expect("unlocks the file");
    let text = error_line(&command.await.expect("ends"));
    assert_eq!(text, "openbell: no user has the address eve@example.org");
}

#[test]
fn a_seal_is_made_by_command_and_verified_with_its_file() {
    let dir = tempfile::tempdir().expect("a directory");
    let data = path(dir.path());
    assert!(run(&["migrate", "--data-dir", &data]).status.success());
    let printed = |args: &[&str]| {
        let output = run(&[args, &["--data-dir", &data]].concat());
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    for count in 1..=2 {
        let (done, text) = printed(&["audit", "seal", "--json"]);
        let line: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert!(done && line["players"] == 0, "{text}");
        let (holds, text) = printed(&["audit", "verify", "--seals", "10"]);
        let expected = format!("the seals hold: {count}, of which {count} were computed again\n");
        assert_eq!((holds, text), (true, expected));
    }
    let file = dir.path().join("seals.jsonl");
    let text = std::fs::read_to_string(&file).expect("a file");
    assert_eq!(text.lines().count(), 2);
    std::fs::write(&file, text.lines().next().expect("a line").to_owned() + "\n").expect("writes");
    assert!(printed(&["audit", "verify", "--seals"]).0, "the newest may not have reached the file");
    std::fs::write(&file, text.replace("\"players\":0", "\"players\":1")).expect("writes");
    let (holds, text) = printed(&["audit", "verify", "--seals"]);
    assert!(!holds && text.starts_with("the seals do not hold: the file has"), "{text}");
}

#[test]
fn one_player_is_verified_by_number() {
    let dir = tempfile::tempdir().expect("a directory");
    let data = path(dir.path());
    let server = Server::start_in(dir.path());
    server.register("ada");
    let verify = |number| run(&["audit", "verify", "--player", number, "--data-dir", &data]);
    let output = verify("1");
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(text, "the ledger holds: 1 players, 1 entries\n");
    assert_eq!(error_line(&verify("7")), "openbell: there is no player 7");
    server.stop();
}

#[test]
fn a_user_is_erased_by_address_while_the_server_runs() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start_in(dir.path());
    let token = server.register("ada");
    let data = path(dir.path());
    let erase = |words: &[&str]| run(&[&["user", "erase"], words, &["--data-dir", &data]].concat());
    let printed = |words: &[&str]| {
        let output = erase(words);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    assert_eq!(
        error_line(&erase(&["Ada@example.org"])),
        "openbell: ada@example.org would be erased for good: confirm with --yes"
    );
    assert_eq!(server.ask("GET", "/api/portfolio", &token, None).0, 200);
    let text = printed(&["Ada@example.org", "--yes"]);
    assert_eq!(text, "ada@example.org is erased; the ledger stays, without a name\n");
    assert_eq!(server.ask("GET", "/api/portfolio", &token, None).0, 401);
    let text = error_line(&erase(&["ada@example.org", "--yes"]));
    assert_eq!(text, "openbell: no user has the address ada@example.org");
    let nowhere = path(&dir.path().join("nowhere.jsonl"));
    let text = error_line(&run(&["user", "erase-again", &nowhere, "--data-dir", &data]));
    assert!(text.starts_with(&format!("openbell: cannot read {nowhere}")), "{text}");
    let output = run(&["audit", "verify", "--data-dir", &data]);
    assert_eq!(output.stdout, b"the ledger holds: 1 players, 1 entries\n");
    server.stop();
}

#[test]
fn a_role_creates_no_database() {
    let dir = tempfile::tempdir().expect("a directory");
    let data = path(dir.path());
    let output = run(&["user", "role", "ada@example.org", "operator", "--data-dir", &data]);
    assert!(error_line(&output).contains("openbell.db"), "{output:?}");
    assert!(!dir.path().join("openbell.db").exists());
}

#[test]
fn a_damaged_database_is_one_line() {
    let dir = tempfile::tempdir().expect("a directory");
    let data = path(dir.path());
    assert!(run(&["migrate", "--data-dir", &data]).status.success());
    let database = dir.path().join("openbell.db");
    let mut bytes = std::fs::read(&database).expect("made");
    // All but the first page, so that the header is still valid.
    bytes.iter_mut().skip(4096).for_each(|byte| *byte = 0xA5);
    std::fs::write(&database, bytes).expect("written");
    let text = error_line(&run(&["--listen", "127.0.0.1:0", "--data-dir", &data]));
    assert!(text.contains("damaged") && text.contains("openbell.db"), "{text}");
}

#[test]
fn a_file_that_is_no_database_is_one_line() {
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::write(dir.path().join("openbell.db"), "not a database. ".repeat(1000)).expect("made");
    let text = error_line(&run(&["--listen", "127.0.0.1:0", "--data-dir", &path(dir.path())]));
    assert!(text.contains("openbell.db"), "{text}");
}

#[test]
fn migrating_twice_is_as_good_as_once() {
    let dir = tempfile::tempdir().expect("a directory");
    let data = path(&dir.path().join("data"));
    for _ in 0..2 {
        assert!(run(&["migrate", "--data-dir", &data]).status.success());
    }
}

#[test]
fn verifying_a_missing_database_is_one_line_and_creates_none() {
    let dir = tempfile::tempdir().expect("a directory");
    let text = error_line(&run(&["audit", "verify", "--data-dir", &path(dir.path())]));
    assert!(text.contains("there is no database at"), "{text}");
    assert_eq!(std::fs::read_dir(dir.path()).expect("there").count(), 0);
}

#[test]
fn an_unreachable_database_server_is_one_line_without_its_password() {
    let closed = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound");
    let url = format!("postgres://bob:hunter2@{closed}/game");
    let mut command = openbell(&["migrate", "--database", &url]);
    command.env("OPENBELL__DATABASE__ACQUIRE_TIMEOUT_MS", "300");
    let text = error_line(&command.output().expect("it runs"));
    assert!(text.contains("postgres://***@") && !text.contains("hunter2"), "{text}");
    assert!(text.contains("Connection refused") && !text.contains("pool"), "{text}");
}

#[test]
fn a_mistyped_address_is_never_printed_with_its_password() {
    let dir = tempfile::tempdir().expect("a directory");
    let data = path(dir.path());
    assert!(run(&["migrate", "--data-dir", &data]).status.success());
    for (variable, address) in [
        ("OPENBELL_DATABASE_URL", "host=db user=bob password=hunter2 dbname=x"),
        ("OPENBELL_DATABASE_URL", "postgres:/bob:hunter2@h/d"),
        ("OPENBELL_DATABASE_URL", "postgres://bob:hunter2/d"),
        ("OPENBELL_REDIS_URL", "redis:/:hunter2@h:6379"),
        ("OPENBELL_REDIS_URL", ":hunter2@h:6379"),
        ("OPENBELL_REDIS_URL", "redis://hunter2@127.0.0.1:1"),
        ("OPENBELL_REDIS_URL", "redis://127.0.0.1:1/?pass=hunter2"),
    ] {
        for command in ["check-config", "doctor", "migrate"] {
            let mut command = openbell(&[command, "--data-dir", &data]);
            command.env("OPENBELL__DATABASE__ACQUIRE_TIMEOUT_MS", "300");
            let output = command.env(variable, address).output().expect("it runs");
            assert!(!format!("{output:?}").contains("hunter2"), "{address}: {output:?}");
        }
    }
    for address in ["mysql:/u:hunter2@h/db", "u:hunter2@h/db", "mysql://u:hunter2/db"] {
        let text = error_line(&run(&["import-laravel", address, "--data-dir", &data]));
        assert!(!text.contains("hunter2"), "{text}");
    }
}

#[test]
fn an_error_of_the_database_has_no_lines_of_its_source() {
    let url = testkit::postgres_database();
    let (server, _) = url.rsplit_once('/').expect("a name");
    let text = error_line(&run(&["migrate", "--database", &format!("{server}/nowhere")]));
    assert!(text.contains("\"nowhere\" does not exist (3D000)"), "{text}");
    assert!(!text.contains(" at line "), "{text}");
    let text = error_line(&run(&["migrate", "--database", "postgres://bob:a@b/c@db/game"]));
    assert!(text.contains("in a password @ is written %40"), "{text}");
}

#[test]
fn migrating_a_current_schema_logs_nothing_on_postgres() {
    let url = testkit::postgres_database();
    let server = Server::start_at("127.0.0.1:0", &["--database", &url], |_| ());
    server.stop();
    let log = tempfile::NamedTempFile::new().expect("a file");
    let stderr = log.reopen().expect("opens");
    let child = openbell(&["serve", "--listen", "127.0.0.1:0", "--database", &url])
        .env("OPENBELL__LOG__FORMAT", "json")
        .stderr(stderr)
        .stdout(std::process::Stdio::piped())
        .spawn();
    let mut child = child.expect("starts");
    let read = || std::fs::read_to_string(log.path()).expect("a log");
    eventually("the server is open", || read().contains("openbell is open"));
    let id = child.id().to_string();
    let sent = std::process::Command::new("kill").args(["-s", "TERM", &id]).status();
    assert!(sent.expect("kill runs").success());
    let mut printed = String::new();
    let mut stdout = child.stdout.take().expect("piped");
    std::io::Read::read_to_string(&mut stdout, &mut printed).expect("text");
    assert!(child.wait().expect("ends").success());
    assert_eq!(printed, "", "with JSON logs the banner is an event");
    for line in read().lines() {
        let event: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let message = event["fields"]["message"].as_str().unwrap_or_default().to_owned();
        assert!(!message.contains("already exists"), "{line}");
        if message == "openbell is open" {
            assert!(event["fields"]["urls"].as_str().expect("a text").starts_with("http://"));
        }
    }
}

#[test]
fn a_server_on_all_networks_prints_addresses_that_others_reach() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start_at("0.0.0.0:0", &["--data-dir", &path(dir.path())], |_| ());
    assert!(!server.banner.contains("0.0.0.0"), "{}", server.banner);
    assert_eq!(server.get("/livez").0, 200, "{}", server.banner);
    server.stop();
}

#[test]
fn an_archive_that_cannot_be_meant_is_refused_before_anything_starts() {
    for url in ["s3:/ledger", "gs://ledger", "s3://"] {
        for command in ["check-config", "serve"] {
            let mut command = openbell(&[command]);
            command.env("OPENBELL__AUDIT__ARCHIVE_URL", url);
            let text = error_line(&command.output().expect("it runs"));
            let expected = format!("expected a directory or s3://bucket/prefix, got {url:?}");
            assert!(text.ends_with(&expected), "{text}");
        }
    }
}

#[test]
fn months_are_taken_in_both_forms_and_printed_in_one() {
    let dir = tempfile::tempdir().expect("a directory");
    let data = path(dir.path());
    assert!(run(&["migrate", "--data-dir", &data]).status.success());
    for month in ["2024-02", "202402"] {
        let output = run(&["audit", "hold", month, "--data-dir", &data]);
        assert_eq!(String::from_utf8_lossy(&output.stdout), "2024-02 is on hold\n", "{output:?}");
    }
    let output = run(&["audit", "status", "--data-dir", &data]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.starts_with("2024-02 "), "{text}");
    let output = run(&["audit", "hold", "2024-13", "--data-dir", &data]);
    assert!(!output.status.success());
}
