//! `openbell doctor` on good and bad installations, on both engines.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::Value;
use sqlx::{ConnectOptions as _, Executor as _};
use testkit::{FakeMode, SmtpServer, SmtpServerKind, redis_url};

use crate::live;
use crate::server::{Server, openbell, run};

/// The exit code and the findings of a run with these flags and variables.
fn doctor(flags: &[&str], variables: &[(&str, &str)]) -> (Option<i32>, Vec<Value>) {
    let args = [&["doctor", "--json", "--listen", "127.0.0.1:0"], flags].concat();
    let output = openbell(&args).envs(variables.iter().copied()).output().expect("it runs");
    let findings = serde_json::from_slice(&output.stdout);
    (output.status.code(), findings.unwrap_or_else(|error| panic!("{error}: {output:?}")))
}

fn with_level<'f>(findings: &'f [Value], level: &str) -> Vec<&'f Value> {
    findings.iter().filter(|finding| finding["level"] == level).collect()
}

/// The one finding at this level in this area whose text contains `words`; with a remedy.
fn expect(findings: &[Value], level: &str, area: &str, words: &str) {
    let found = with_level(findings, level).into_iter().find(|finding| {
        finding["area"] == area && finding["what"].as_str().is_some_and(|what| what.contains(words))
    });
    let found = found.unwrap_or_else(|| panic!("no {level} of {area} ({words}): {findings:#?}"));
    let has_remedy = found["remedy"].as_str().is_some_and(|remedy| !remedy.is_empty());
    assert_eq!(has_remedy, level != "ok", "{found}");
}

fn data_dir(dir: &Path) -> String {
    dir.join("data").display().to_string()
}

#[test]
fn a_fresh_and_a_used_sqlite_game_have_no_errors() {
    let dir = tempfile::tempdir().expect("a directory");
    let data = data_dir(dir.path());
    let (code, findings) = doctor(&["--data-dir", &data], &[]);
    assert_eq!((code, with_level(&findings, "error").len()), (Some(0), 0), "{findings:#?}");
    expect(&findings, "ok", "database", "does not exist yet");
    assert!(!Path::new(&data).exists(), "it creates nothing");

    let server = Server::start(&["--data-dir", &data]);
    let (code, findings) = doctor(&["--data-dir", &data], &[]);
    assert_eq!((code, with_level(&findings, "error").len()), (Some(0), 0), "{findings:#?}");
    expect(&findings, "ok", "database", "SQLite");
    expect(&findings, "ok", "disk", "MiB are free in");
    server.stop();
}

#[test]
fn a_good_postgresql_and_redis_have_no_errors() {
    let url = testkit::postgres_database();
    assert!(run(&["migrate", "--database", &url]).status.success());
    let redis = redis_url();
    let (code, findings) = doctor(&["--database", &url, "--redis", &redis], &[]);
    assert_eq!((code, with_level(&findings, "error").len()), (Some(0), 0), "{findings:#?}");
    expect(&findings, "ok", "database", "PostgreSQL");
    expect(&findings, "ok", "database", "the schema is version");
    expect(&findings, "ok", "database", "differ by");
    expect(&findings, "ok", "redis", "responds");
    let areas: Vec<&str> = findings.iter().filter_map(|finding| finding["area"].as_str()).collect();
    for area in ["configuration", "process", "http", "archive", "providers"] {
        assert!(areas.contains(&area), "{areas:?}");
    }
}

#[test]
fn findings_are_lines_with_a_count_at_their_end() {
    let dir = tempfile::tempdir().expect("a directory");
    let output = openbell(&["doctor", "--data-dir", &data_dir(dir.path())])
        .env("OPENBELL__LIMITS__ENABLED", "false")
        .output()
        .expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{text}");
    let warning = "warning  configuration  limits.enabled is false: passwords can be tried \
                   without limit; delete the setting; it is for tests";
    assert!(text.lines().any(|line| line == warning), "{text}");
    assert!(text.lines().last().is_some_and(|line| line.starts_with("errors: 0, ")), "{text}");
}

#[test]
fn servers_that_do_not_respond_are_errors_without_their_passwords() {
    let closed = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound");
    let (code, findings) = doctor(
        &[
            "--database",
            &format!("postgres://bob:hunter2@{closed}/game"),
            "--redis",
            &format!("redis://:hunter2@{closed}"),
        ],
        &[
            ("OPENBELL__DATABASE__ACQUIRE_TIMEOUT_MS", "300"),
            ("OPENBELL__DATABASE__READ_URL", &format!("postgres://bob:hunter2@{closed}/copy")),
            ("OPENBELL__AUDIT__ARCHIVE_URL", "s3://ledger"),
            ("OPENBELL__AUDIT__S3__ENDPOINT", &format!("http://{closed}")),
            ("OPENBELL__AUDIT__S3__SECRET_KEY", "hunter2"),
        ],
    );
    assert_eq!(code, Some(1));
    expect(&findings, "error", "database", "Connection refused");
    expect(&findings, "warning", "replica", "Connection refused");
    expect(&findings, "error", "redis", "does not accept a connection");
    expect(&findings, "error", "archive", "s3://ledger");
    assert!(!format!("{findings:?}").contains("hunter2"), "{findings:#?}");
}

#[test]
fn the_mail_server_is_checked_with_its_encryption_and_password_and_receives_nothing() {
    let server = SmtpServer::start(SmtpServerKind::Starttls);
    let dir = tempfile::tempdir().expect("a directory");
    let data = data_dir(dir.path());
    let (port, authority) = (server.port().to_string(), server.ca_file().display().to_string());
    let (user, password) = server.credentials();
    let check = |changed: &[(&'static str, &str)]| {
        let mut variables = vec![
            ("OPENBELL__NOTIFY__CHANNELS", "[\"smtp\"]"),
            ("OPENBELL__NOTIFY__SMTP__HOST", "127.0.0.1"),
            ("OPENBELL__NOTIFY__SMTP__PORT", &port),
            ("OPENBELL__NOTIFY__SMTP__CA_FILE", &authority),
            ("OPENBELL__NOTIFY__SMTP__USERNAME", user),
            ("OPENBELL__NOTIFY__SMTP__PASSWORD", password),
            ("OPENBELL__NOTIFY__SMTP__FROM", "openbell@example.org"),
            ("OPENBELL__NOTIFY__SMTP__TO", "[\"ada@example.org\"]"),
        ];
        variables.extend(changed);
        let (code, findings) = doctor(&["--data-dir", &data], &variables);
        assert!(!format!("{findings:?}").contains(password), "{findings:#?}");
        (code, findings)
    };
    let (code, findings) = check(&[]);
    assert_eq!(code, Some(0), "{findings:#?}");
    expect(&findings, "ok", "mail", "accepts the connection after STARTTLS, and the user");
    for (variable, value, words) in [
        ("OPENBELL__NOTIFY__SMTP__PASSWORD", "wrong", "the mail server returned 535"),
        (
            "OPENBELL__NOTIFY__SMTP__CA_FILE",
            "",
            "the certificate of the mail server is not trusted",
        ),
        ("OPENBELL__NOTIFY__SMTP__TLS", "tls", "cannot connect"),
    ] {
        let (code, findings) = check(&[(variable, value)]);
        assert_eq!(code, Some(1), "{findings:#?}");
        expect(&findings, "error", "mail", words);
    }
    assert_eq!(server.mails(), []);
    let (_, findings) = doctor(&["--data-dir", &data], &[]);
    assert!(findings.iter().all(|finding| finding["area"] != "mail"), "{findings:#?}");
}

#[tokio::test]
async fn a_postgresql_that_may_lose_trades_is_an_error_unless_that_is_accepted() {
    let url = testkit::postgres_database();
    let options: sqlx::postgres::PgConnectOptions = url.parse().expect("an address");
    let mut connection = options.connect().await.expect("connects");
    let name =
        url.rsplit_once('/').expect("a name").1.split('?').next().expect("a name").to_owned();
    let weaken = format!("ALTER DATABASE \"{name}\" SET synchronous_commit = off");
    connection.execute(sqlx::AssertSqlSafe(weaken)).await.expect("set");
    let (code, findings) = doctor(&["--database", &url], &[]);
    assert_eq!(code, Some(1));
    expect(&findings, "error", "database", "synchronous_commit = off");
    expect(&findings, "ok", "database", "the schema is absent");
    let accepted = [("OPENBELL__DATABASE__REQUIRE_DURABLE", "false")];
    let (code, findings) = doctor(&["--database", &url], &accepted);
    assert_eq!(code, Some(0));
    expect(&findings, "warning", "database", "synchronous_commit = off");
}

#[tokio::test]
async fn a_schema_that_this_program_is_too_old_for_is_an_error() {
    let url = testkit::postgres_database();
    assert!(run(&["migrate", "--database", &url]).status.success());
    let options: sqlx::postgres::PgConnectOptions = url.parse().expect("an address");
    let mut connection = options.connect().await.expect("connects");
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum,
                     execution_time) VALUES (9999, 'newer', true, '', 0)";
    connection.execute(newer).await.expect("inserted");
    let (code, findings) = doctor(&["--database", &url], &[]);
    assert_eq!(code, Some(0), "{findings:#?}");
    expect(&findings, "warning", "database", "newer than this program's");
    connection.execute("UPDATE schema_floor SET version = 9999").await.expect("set");
    let (code, findings) = doctor(&["--database", &url], &[]);
    assert_eq!(code, Some(1), "{findings:#?}");
    expect(&findings, "error", "database", "this version is too old for the database");
    let started = run(&["--listen", "127.0.0.1:0", "--database", &url]);
    assert!(!started.status.success(), "serve refuses it as well: {started:?}");
}

#[test]
fn a_primary_as_read_replica_and_too_few_connections_are_found() {
    let url = testkit::postgres_database();
    let variables = [
        ("OPENBELL__DATABASE__READ_URL", url.as_str()),
        ("OPENBELL__DATABASE__CONNECTIONS_MAX", "5000"),
    ];
    let (code, findings) = doctor(&["--database", &url], &variables);
    assert_eq!(code, Some(1));
    expect(&findings, "error", "replica", "is not a standby");
    expect(&findings, "warning", "database", "a node takes up to 5000");
}

#[test]
fn a_data_directory_of_everyone_and_a_file_in_its_place_are_found() {
    let dir = tempfile::tempdir().expect("a directory");
    let data = data_dir(dir.path());
    assert!(run(&["migrate", "--data-dir", &data]).status.success());
    std::fs::set_permissions(&data, std::fs::Permissions::from_mode(0o755)).expect("set");
    let (code, findings) = doctor(&["--data-dir", &data], &[]);
    assert_eq!(code, Some(0));
    expect(&findings, "warning", "disk", "(mode 755)");

    let file = dir.path().join("file").display().to_string();
    std::fs::write(&file, "").expect("written");
    let (code, findings) = doctor(&["--data-dir", &file], &[]);
    assert_eq!(code, Some(1));
    expect(&findings, "error", "disk", "is not a directory");
}

#[test]
fn a_secret_for_everyone_and_a_missing_directory_of_backups_are_found() {
    let dir = tempfile::tempdir().expect("a directory");
    let (data, secret) = (data_dir(dir.path()), dir.path().join("secret"));
    std::fs::write(&secret, "hunter2").expect("written");
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o644)).expect("set");
    let (secret, missing) = (secret.display().to_string(), dir.path().join("backups"));
    let variables = [
        ("OPENBELL__AUDIT__S3__SECRET_KEY_FILE", secret.as_str()),
        ("OPENBELL__BACKUP__DIR", &missing.display().to_string()),
    ];
    let (code, findings) = doctor(&["--data-dir", &data], &variables);
    assert_eq!(code, Some(1), "{findings:#?}");
    expect(&findings, "warning", "disk", "every user may read the secret in");
    expect(&findings, "error", "disk", "which is not a directory: no backup is found");
    assert!(!format!("{findings:?}").contains("hunter2"), "{findings:#?}");
}

#[test]
fn a_damaged_sqlite_file_is_an_error() {
    let dir = tempfile::tempdir().expect("a directory");
    let data = data_dir(dir.path());
    std::fs::create_dir(&data).expect("made");
    std::fs::write(dir.path().join("data/openbell.db"), "not a database. ".repeat(1000))
        .expect("written");
    let (code, findings) = doctor(&["--data-dir", &data], &[]);
    assert_eq!(code, Some(1));
    expect(&findings, "error", "database", "openbell.db");
}

#[test]
fn an_invalid_configuration_is_the_only_finding() {
    let (code, findings) = doctor(&[], &[("OPENBELL__LOG__LEVEL", "trading=loud")]);
    assert_eq!((code, findings.len()), (Some(1), 1));
    expect(&findings, "error", "configuration", "log.level");
}

#[tokio::test(flavor = "multi_thread")]
async fn providers_are_called_only_with_the_flag_online() {
    let dir = tempfile::tempdir().expect("a directory");
    let (fake, settings) = live::listed(dir.path()).await;
    let mut variables: Vec<(&str, &str)> =
        settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let data = dir.path().display().to_string();
    let calls = fake.calls();
    let (code, findings) = doctor(&["--data-dir", &data], &variables);
    assert_eq!((code, fake.calls()), (Some(0), calls), "{findings:#?}");
    expect(&findings, "ok", "providers", "with a key: finnhub");
    let (code, findings) = doctor(&["--data-dir", &data, "--online"], &variables);
    assert_eq!((code, fake.calls()), (Some(0), calls + 1), "{findings:#?}");
    expect(&findings, "ok", "providers", "finnhub responds");
    fake.set_mode(FakeMode::KeyRefused);
    let (code, findings) = doctor(&["--data-dir", &data, "--online"], &variables);
    assert_eq!(code, Some(1));
    expect(&findings, "error", "providers", "rejects the key");
    assert!(!format!("{findings:?}").contains("k3y-of-the-test"), "{findings:#?}");

    variables.push(("OPENBELL__MARKET__LIVE__PROVIDERS__FINNHUB__KEY", ""));
    let (code, findings) = doctor(&["--data-dir", &data], &variables);
    assert_eq!(code, Some(1));
    expect(&findings, "error", "providers", "no provider has a key");
}
