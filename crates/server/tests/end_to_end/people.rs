//! The commands on users while a server runs: list, show, rename, and new passwords.

use std::io::Write as _;
use std::path::Path;
use std::process::{Output, Stdio};

use serde_json::json;

use crate::server::{Server, error_line, openbell, run};

const OLD: &str = "correct horse battery";

fn user(data: &Path, words: &[&str]) -> Output {
    run(&[&["user"], words, &["--data-dir", &data.display().to_string()]].concat())
}

fn printed(data: &Path, words: &[&str]) -> String {
    let output = user(data, words);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn logs_in(server: &Server, password: &str) -> bool {
    let body = json!({"email": "ada@example.org", "password": password});
    server.ask("POST", "/api/auth/login", "", Some(&body)).0 == 200
}

#[test]
fn users_are_listed_shown_and_renamed_by_command() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start_in(dir.path());
    let token = server.register("ada");
    server.register("bob");
    let text = printed(dir.path(), &["list"]);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 2);
    assert!(lines[0].starts_with("2  bob@example.org  \"bob\"  player  since "), "{text}");
    assert_eq!(printed(dir.path(), &["list", "--search", "ADA@"]).lines().count(), 1);
    assert_eq!(printed(dir.path(), &["list", "--search", "eve"]), "no user is found\n");
    let text = printed(dir.path(), &["list", "--limit", "1"]);
    assert!(text.ends_with("there are more: --limit prints more than 1\n"), "{text}");
    let listed: serde_json::Value =
        serde_json::from_str(&printed(dir.path(), &["list", "--json"])).expect("JSON");
    assert_eq!((&listed[1]["name"], &listed[1]["user_id"]), (&json!("ada"), &json!(1)));
    let text = printed(dir.path(), &["show", " Ada@Example.org"]);
    assert!(text.contains("tokens      1\n") && text.contains("codes left  0\n"), "{text}");

    let text = printed(dir.path(), &["rename", "ada@example.org", " Ada  L. "]);
    assert_eq!(text, "ada@example.org is now called \"Ada L.\"\n");
    let (_, account) = server.ask("GET", "/api/auth/user", &token, None);
    assert_eq!(account["user"]["name"], "Ada L.");
    let text = error_line(&user(dir.path(), &["rename", "ada@example.org", "Admin"]));
    assert_eq!(text, "openbell: The name field must not look like a name of the staff.");
    for words in [&["show", "eve@example.org"][..], &["rename", "eve@example.org", "Eve"]] {
        let text = error_line(&user(dir.path(), words));
        assert_eq!(text, "openbell: no user has the address eve@example.org");
    }
    server.stop();
}

#[test]
fn a_password_is_replaced_by_command() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start_in(dir.path());
    let token = server.register("ada");
    let base = ["password", "ada@example.org", "--url", "https://play.example/"];
    let text = printed(dir.path(), &base);
    let link = text.lines().next().expect("a line").strip_prefix("https://play.example");
    let link = link.expect("the given address").to_owned();
    assert!(link.starts_with("/recover/ob_"), "{text}");
    assert_eq!(server.get(&link).0, 200);
    let newer = printed(dir.path(), &["password", "ada@example.org"]);
    assert!(newer.starts_with("http://127.0.0.1:8080/recover/ob_"), "{newer}");
    assert_eq!(server.get(&link).0, 404, "the newer link replaced it");
    assert_eq!(
        server.ask("GET", "/api/portfolio", &token, None).0,
        200,
        "a link alone ends no session"
    );

    let set = |password: &str| {
        let data = dir.path().display().to_string();
        let args = ["user", "password", "ada@example.org", "--set", "--data-dir", &data];
        let mut command = openbell(&args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("starts");
        let mut stdin = child.stdin.take().expect("piped");
        writeln!(stdin, "{password}").expect("writes");
        drop(stdin);
        child.wait_with_output().expect("ends")
    };
    let text = error_line(&set("short"));
    assert_eq!(text, "openbell: The password field must be at least 8 characters.");
    assert!(logs_in(&server, OLD));
    let output = set("set by command");
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("has the new password") && !text.contains("set by"), "{text}");
    assert!(logs_in(&server, "set by command") && !logs_in(&server, OLD));
    assert_eq!(server.ask("GET", "/api/portfolio", &token, None).0, 401, "tokens end");
    let text = error_line(&user(dir.path(), &["password", "eve@example.org"]));
    assert_eq!(text, "openbell: no user has the address eve@example.org");
    server.stop();
}
