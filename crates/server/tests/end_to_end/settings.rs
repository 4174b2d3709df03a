//! The environment and secrets from files, as a started process reads them.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::server::{Server, error_line, openbell, run};

fn check_config(variables: &[(&str, &str)]) -> std::process::Output {
    openbell(&["check-config"]).envs(variables.iter().copied()).output().expect("it runs")
}

fn write(dir: &Path, name: &str, text: &str) -> String {
    let path = dir.join(name);
    std::fs::write(&path, text).expect("written");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("set");
    path.display().to_string()
}

#[test]
fn a_misspelled_variable_ends_the_start_and_creates_no_game() {
    let dir = tempfile::tempdir().expect("a directory");
    let data = dir.path().join("data");
    let mut command = openbell(&["serve", "--data-dir", &data.display().to_string()]);
    command.env("OPENBELL_DATABSE_URL", "postgres://db/game");
    let text = error_line(&command.output().expect("it runs"));
    let expected = "openbell: environment variable OPENBELL_DATABSE_URL: \
                    unknown variable; the nearest known one is OPENBELL_DATABASE_URL";
    assert_eq!(text, expected);
    assert!(!data.exists());
}

#[test]
fn variables_that_kubernetes_sets_for_a_service_of_the_name_are_accepted() {
    let output = check_config(&[
        ("OPENBELL_SERVICE_HOST", "10.3.2.1"),
        ("OPENBELL_SERVICE_PORT", "80"),
        ("OPENBELL_PORT", "tcp://10.3.2.1:80"),
        ("OPENBELL_PORT_80_TCP_PROTO", "tcp"),
    ]);
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn the_address_of_the_database_comes_from_a_file() {
    let dir = tempfile::tempdir().expect("a directory");
    let url = testkit::postgres_database();
    let file = write(dir.path(), "database-url", &format!("{url}\n"));
    let server = Server::start_at("127.0.0.1:0", &[], |command| {
        command.env("OPENBELL_DATABASE_URL_FILE", &file);
    });
    server.register("ada");
    server.stop();
    let output = run(&["audit", "verify", "--database", &url]);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "the ledger holds: 1 players, 1 entries\n");
}

#[test]
fn a_secret_file_that_cannot_be_used_is_one_line_without_the_secret() {
    let dir = tempfile::tempdir().expect("a directory");
    let secret = write(dir.path(), "secret", "hunter2\r\n");
    let empty = write(dir.path(), "empty", "\n");
    let missing = dir.path().join("missing").display().to_string();
    let name = "OPENBELL__AUDIT__S3__SECRET_KEY_FILE";
    let rejected = |variables: &[(&str, &str)]| {
        let text = error_line(&check_config(variables));
        assert!(!text.contains("hunter2"), "{text}");
        text
    };
    let both = rejected(&[(name, &secret), ("OPENBELL__AUDIT__S3__SECRET_KEY", "hunter2")]);
    let place = format!("openbell: environment variable {name}: audit.s3.secret_key_file: ");
    assert_eq!(both, format!("{place}audit.s3.secret_key is set as well; remove one of the two"));
    let text = rejected(&[(name, &empty)]);
    assert_eq!(text, format!("{place}{empty} is empty; write the secret into it"));
    let text = rejected(&[(name, &missing)]);
    let remedy = "create the file, and let the user of this process read it";
    let error = "No such file or directory (os error 2)";
    assert_eq!(text, format!("{place}cannot read {missing} ({error}); {remedy}"));

    let output = check_config(&[(name, &secret)]);
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && shown.contains("secret_key = \"***\""), "{shown}");
    assert!(!shown.contains("hunter2") && !shown.contains("secret_key_file"), "{shown}");
}
