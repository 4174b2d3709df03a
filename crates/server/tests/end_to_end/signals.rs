//! SIGHUP reloads the configuration of a running server, SIGUSR1 and SIGUSR2 do nothing, and a
//! closed terminal shuts it down in order.

use std::path::Path;
use std::process::{Command, Stdio};

use domain::UnixMicros;
use serde_json::Value;
use testkit::{Dialect, FakeMode, FakeProvider, NotificationReceiver, ReceiverMode, eventually};

use crate::live;
use crate::server::{Server, openbell};

/// A server with a configuration file and JSON logs in a file.
struct ConfiguredServer {
    server: Server,
    dir: tempfile::TempDir,
}

impl ConfiguredServer {
    fn start(config: &str) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let (file, data) = (dir.path().join("openbell.toml"), dir.path().join("data"));
        std::fs::write(&file, config).expect("written");
        let args = [
            "--config".to_owned(),
            file.display().to_string(),
            "--data-dir".to_owned(),
            data.display().to_string(),
        ];
        let args = args.each_ref().map(String::as_str);
        let server = Server::start_at("127.0.0.1:0", &args, |command| {
            command.stderr(std::fs::File::create(dir.path().join("log")).expect("a file"));
            command.env_remove("OPENBELL__LIMITS__ENABLED");
        });
        Self { server, dir }
    }

    /// Replaces the file, sends SIGHUP, and waits until the log contains `line` once more.
    fn reload(&self, config: &str, line: &str) {
        let before = self.log().matches(line).count();
        std::fs::write(self.dir.path().join("openbell.toml"), config).expect("written");
        self.server.signal("HUP");
        eventually(line, || self.log().matches(line).count() > before);
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).expect("a log")
    }

    fn line(&self, text: &str) -> String {
        let log = self.log();
        log.lines().rfind(|line| line.contains(text)).unwrap_or_default().to_owned()
    }
}

const DONE: &str = "the configuration was reloaded";
const LIMITED: &str = "[limits]\nread = { burst = 2, per_s = 3600 }\n";

/// Whether one of some requests is rejected by a rate limit.
fn is_limited(server: &Server) -> bool {
    (0..4).any(|_| server.get("/api/stocks").0 == 429)
}

#[test]
fn a_hangup_applies_levels_and_limits_and_names_the_keys_that_need_a_restart() {
    let running = ConfiguredServer::start("");
    assert!(!is_limited(&running.server));
    let config = format!("{LIMITED}[log]\nlevel = \"warn\"\n[http]\nstreams_max = 7\n");
    let refused = "these keys changed and keep their values until a restart";
    running.reload(&config, refused);
    assert!(running.line(refused).contains("http.streams_max"), "{}", running.log());
    assert!(!running.log().contains(DONE), "the new level applies: {}", running.log());
    assert!(is_limited(&running.server));
    // The level is back, and the key that needs a restart is named as long as it differs.
    running.reload("[limits]\nenabled = false\n[http]\nstreams_max = 7\n", DONE);
    let (done, refused) = (running.line(DONE), running.line(refused));
    for key in ["limits.enabled", "limits.read.burst", "limits.read.per_s", "log.level"] {
        assert!(done.contains(key), "{done}");
    }
    assert!(refused.contains("http.streams_max") && !refused.contains("limits"), "{refused}");
    assert!(done.contains("event=\"configuration_reloaded\" via=\"signal\" subject="), "{done}");
    assert!(!is_limited(&running.server));
    running.server.stop();
}

#[test]
fn a_hangup_begins_and_ends_the_access_log() {
    let access = "access: a request was answered";
    let running = ConfiguredServer::start("");
    running.server.get("/api/stocks");
    running.reload("[http]\naccess_log = true\n", DONE);
    assert!(running.line(DONE).contains("http.access_log"), "{}", running.log());
    running.server.get("/api/stocks");
    eventually("one request is logged", || running.log().matches(access).count() == 1);
    running.reload("", DONE);
    running.server.get("/api/stocks");
    running.server.signal("TERM");
    let log = running.dir.path().join("log");
    assert_eq!(running.server.wait().code(), Some(0));
    let log = std::fs::read_to_string(log).expect("a log");
    assert_eq!(log.matches(access).count(), 1, "{log}");
}

/// The configuration of a webhook that is notified of an old backup at once.
fn webhook(url: &str, more: &str) -> String {
    format!(
        "[backup]\ndir = \"/nowhere\"\n[notify]\nchannels = [\"webhook\"]\ndisk_free_min = 0\n{more}\
         [notify.webhook]\nurl = \"{url}\"\nsecret = \"{SECRET}\"\n"
    )
}

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

#[tokio::test(flavor = "multi_thread")]
async fn a_hangup_sends_what_waits_for_a_receiver_to_its_new_address() {
    let (old, new) = (NotificationReceiver::start().await, NotificationReceiver::start().await);
    old.set_mode(ReceiverMode::Status(503));
    let running = ConfiguredServer::start(&webhook(old.url(), ""));
    eventually("the old address is tried", || !old.requests().is_empty());
    running.reload(&webhook(new.url(), "game = \"school\"\n"), DONE);
    assert!(running.line(DONE).contains("notify.webhook.url"), "{}", running.log());
    let refused = running.line("these keys changed and keep their values until a restart");
    assert!(refused.contains("notify.game") && !refused.contains("webhook"), "{refused}");
    eventually("the new address receives it", || !new.requests().is_empty());
    let body = &new.requests()[0].body;
    assert!(body.contains("backup_old") && body.contains("\"game\":\"openbell\""), "{body}");
    assert!(!running.log().contains(SECRET) && !running.log().contains(new.url()));
    running.server.stop();
}

#[test]
fn an_invalid_file_changes_nothing_and_is_logged() {
    let running = ConfiguredServer::start(LIMITED);
    let error = "the configuration was not reloaded and nothing changed";
    running.reload("[limits]\nenabled = false\n[log]\nlevle = \"warn\"\n", error);
    let line = running.line(error);
    assert!(
        line.contains("ERROR") && line.contains("the nearest known key is log.level"),
        "{line}"
    );
    assert!(is_limited(&running.server));
    running.reload("[limits]\nenabled = false\n", DONE);
    assert!(!is_limited(&running.server));
    running.server.stop();
}

#[test]
fn user_signals_are_ignored() {
    let running = ConfiguredServer::start("");
    for name in ["USR1", "USR2"] {
        running.server.signal(name);
    }
    // The signals were delivered before this one.
    running.reload("", DONE);
    assert_eq!(running.server.get("/readyz").0, 200);
    running.server.stop();
}

/// The keys that a fake of Alpha Vantage has received, which takes them in the query.
fn keys(fake: &FakeProvider) -> Vec<String> {
    let key = |request: &String| Some(request.split_once("apikey=")?.1.to_owned());
    fake.requests().iter().filter_map(key).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotated_provider_key_is_used_at_once_after_the_former_was_rejected() {
    let dir = tempfile::tempdir().expect("a directory");
    let (_finnhub, settings) = live::listed(dir.path()).await;
    let fake = FakeProvider::start(Dialect::AlphaVantage).await;
    fake.set_price("AAPL", "190.25", UnixMicros(1_700_000_000_000_000));
    fake.set_mode(FakeMode::KeyRefused);
    let key = dir.path().join("key");
    std::fs::write(&key, "f1rst\n").expect("written");
    let section = "OPENBELL__MARKET__LIVE__PROVIDERS__";
    let quota = "{ per_second = 0, per_minute = 0, per_day = 0, day_zone = \"UTC\" }";
    let server = Server::start_at("127.0.0.1:0", &["--data-dir", &text(dir.path())], |command| {
        command.envs(settings.iter().map(|(name, value)| (*name, value.as_str())));
        command.env(format!("{section}ORDER"), "[\"alpha_vantage\"]");
        command.env(format!("{section}ALPHA_VANTAGE__KEY_FILE"), &key);
        command.env(format!("{section}ALPHA_VANTAGE__URL"), fake.url());
        command.env("OPENBELL__MARKET__LIVE__GUARD__QUOTA__ALPHA_VANTAGE", quota);
    });
    eventually("the key is rejected", || keys(&fake).contains(&"f1rst".to_owned()));
    fake.set_mode(FakeMode::Healthy);
    std::fs::write(&key, "sec0nd\n").expect("written");
    server.signal("HUP");
    eventually("the new key is sent", || keys(&fake).contains(&"sec0nd".to_owned()));
    server.stop();
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

#[test]
fn a_closed_terminal_shuts_the_server_down_in_order() {
    let dir = tempfile::tempdir().expect("a directory");
    let (data, log) = (text(&dir.path().join("data")), dir.path().join("log"));
    let command = openbell(&["serve", "--listen", "127.0.0.1:0", "--data-dir", &data]);
    let words: Vec<String> = std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let line = format!("exec {} 2>{}", words.join(" "), log.display());
    let mut terminal = Command::new("script")
        .args(["-qec", &line, "/dev/null"])
        .env("OPENBELL__LOG__FORMAT", "json")
        .env_remove("OPENBELL_TEST_SECONDS")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .expect("script runs");
    let read = || std::fs::read_to_string(&log).unwrap_or_default();
    eventually("the server is open", || read().contains("openbell is open"));
    terminal.kill().expect("it runs");
    terminal.wait().expect("it was started");
    eventually("the server has ended", || {
        read().contains("\"signal\":\"SIGHUP\"")
            && !crate::server::run(&["migrate", "--data-dir", &data]).stdout.is_empty()
    });
    let stopped: Vec<Value> = read()
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|event| event["fields"]["signal"] == "SIGHUP")
        .collect();
    assert_eq!(stopped.len(), 1, "{}", read());
}

#[test]
fn a_pipe_or_a_device_in_place_of_a_file_is_refused_and_delays_no_shutdown() {
    let running = ConfiguredServer::start("");
    let (pipe, file) = (running.dir.path().join("pipe"), running.dir.path().join("openbell.toml"));
    let made = Command::new("mkfifo").arg(&pipe).status().expect("it runs");
    assert!(made.success());
    let error = "the configuration was not reloaded and nothing changed";
    let secret = format!("[notify.smtp]\npassword_file = \"{}\"\n", pipe.display());
    running.reload(&secret, error);
    let line = running.line(error);
    assert!(line.contains("notify.smtp.password_file") && line.contains("not a regular"), "{line}");
    std::fs::remove_file(&file).expect("it exists");
    std::os::unix::fs::symlink("/dev/zero", &file).expect("linked");
    let before = running.log().matches(error).count();
    running.server.signal("HUP");
    eventually("the error", || running.log().matches(error).count() > before);
    assert!(running.line(error).contains("it is not a regular file"), "{}", running.log());
    running.server.stop();
}
