//! Backups of an SQLite database: made while players trade, restored, verified.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Output;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;

use crate::server::{Server, error_line, openbell, run, with_mount};

fn path(path: &Path) -> String {
    path.display().to_string()
}

#[test]
fn a_backup_made_while_players_trade_has_all_trades_acknowledged_before() {
    let dir = tempfile::tempdir().expect("a directory");
    let (data, copy, other) =
        (dir.path().join("data"), path(&dir.path().join("copy")), path(&dir.path().join("other")));
    std::fs::create_dir(&data).expect("makes");
    let server = Server::start_in(&data);
    let token = server.register("ada");
    let buy = || {
        let order = json!({"stock_symbol": "KO", "quantity": 1});
        server.ask("POST", "/api/portfolio/buy", &token, Some(&order)).0
    };
    for _ in 0..5 {
        assert_eq!(buy(), 200);
    }
    let is_over = AtomicBool::new(false);
    let (output, meanwhile) = std::thread::scope(|scope| {
        let trading = scope.spawn(|| {
            let mut count = 0;
            while !is_over.load(Ordering::Relaxed) {
                assert_eq!(buy(), 200, "no order waits for a backup");
                count += 1;
            }
            count
        });
        let output = run(&["backup", &copy, "--data-dir", &path(&data)]);
        is_over.store(true, Ordering::Relaxed);
        (output, trading.join().expect("trades"))
    });
    assert!(output.status.success() && meanwhile > 0, "{output:?}");
    let text = error_line(&run(&["backup", &copy, "--data-dir", &path(&data)]));
    assert!(text.ends_with("is there already, and is not overwritten"), "{text}");
    let text = error_line(&run(&["restore", &copy, "--data-dir", &path(&data)]));
    assert!(text.contains("in use by another openbell process"), "{text}");
    server.stop();
    let text = error_line(&run(&["restore", &copy, "--data-dir", &path(&data)]));
    assert!(text.ends_with("openbell.db is there already, and is not overwritten"), "{text}");

    let output = run(&["restore", &copy, "--data-dir", &other]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{output:?}");
    let entries = text.split("1 players, ").nth(1).and_then(|rest| rest.split(' ').next());
    let entries: i32 = entries.and_then(|count| count.parse().ok()).expect(&text);
    assert!((6..=6 + meanwhile).contains(&entries), "{text}");
    let again = Server::start_in(Path::new(&other));
    assert_eq!(again.ask("GET", "/api/portfolio", &token, None).0, 200);
    again.stop();
}

/// The files in a directory that other users may use.
fn open_files(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).expect("reads");
    let files = entries.map(|entry| entry.expect("an entry"));
    let open = files.filter(|file| {
        let mode = file.metadata().expect("a file").permissions().mode();
        mode & 0o077 != 0
    });
    open.map(|file| path(&file.path())).collect()
}

#[test]
fn databases_and_backups_are_for_their_owner_in_any_directory() {
    let dir = tempfile::tempdir().expect("a directory");
    let [data, copy, other] = ["data", "copy", "other"].map(|name| {
        let made = dir.path().join(name);
        std::fs::create_dir(&made).expect("makes");
        std::fs::set_permissions(&made, std::fs::Permissions::from_mode(0o755)).expect("set");
        made
    });
    let server = Server::start_in(&data);
    server.register("ada");
    let seal = ["audit", "seal", "--data-dir", &path(&data)];
    assert!(run(&seal).status.success());
    assert!(run(&["backup", &path(&copy), "--data-dir", &path(&data)]).status.success());
    assert_eq!(open_files(&data), [""; 0], "also the files of the log");
    server.stop();
    assert!(run(&["restore", &path(&copy), "--data-dir", &path(&other)]).status.success());
    for made in [copy, other] {
        assert!(made.join("seals.jsonl").exists());
        assert_eq!(open_files(&made), [""; 0]);
    }
}

#[test]
fn one_backup_at_a_time_is_written_to_a_directory() {
    let dir = tempfile::tempdir().expect("a directory");
    let (data, copy) = (path(&dir.path().join("data")), dir.path().join("copy"));
    assert!(run(&["migrate", "--data-dir", &data]).status.success());
    std::fs::create_dir(&copy).expect("makes");
    let other = std::fs::File::open(&copy).expect("opens");
    other.try_lock().expect("free");
    let backup = || run(&["backup", &path(&copy), "--data-dir", &data]);
    let text = error_line(&backup());
    assert!(text.contains("another backup is being written to"), "{text}");
    drop(other);
    assert!(backup().status.success());
}

#[test]
fn a_database_on_a_read_only_mount_is_verified_and_backed_up() {
    let dir = tempfile::tempdir().expect("a directory");
    let data = dir.path().join("data");
    let server = Server::start_in(&data);
    let token = server.register("ada");
    let order = json!({"stock_symbol": "KO", "quantity": 1});
    assert_eq!(server.ask("POST", "/api/portfolio/buy", &token, Some(&order)).0, 200);
    // After a kill the trade is in the write-ahead log; after a stop there is no log.
    server.kill();
    for (copy, stopped) in [("first", false), ("second", true)] {
        if stopped {
            Server::start_in(&data).stop();
        }
        let copy = path(&dir.path().join(copy));
        for words in [&["audit", "verify"][..], &["backup", &copy]] {
            let output = run_on_read_only(&data, words);
            let text = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{words:?}, stopped: {stopped}: {text}");
        }
        let restored = path(&dir.path().join(format!("{stopped}")));
        let output = run(&["restore", &copy, "--data-dir", &restored]);
        let warning = String::from_utf8_lossy(&output.stderr).into_owned();
        let missing = format!("warning: there is no {restored}/erasures.jsonl. People who were");
        assert!(warning.contains(&missing), "{warning}");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(text.contains("1 players, 2 entries"), "{text}");
    }
}

/// Runs the binary with its data directory mounted read-only.
fn run_on_read_only(data: &Path, words: &[&str]) -> Output {
    let command = openbell(&[words, &["--data-dir", &path(data)]].concat());
    let script = r#"mount --bind "$0" "$0" && mount -o remount,ro,bind "$0""#;
    with_mount(&command, script, data).output().expect("unshare runs")
}

#[test]
fn a_changed_or_missing_backup_is_not_restored() {
    let dir = tempfile::tempdir().expect("a directory");
    let (data, copy) = (path(&dir.path().join("data")), dir.path().join("copy"));
    let other = dir.path().join("other");
    assert!(run(&["migrate", "--data-dir", &data]).status.success());
    let restore = || error_line(&run(&["restore", &path(&copy), "--data-dir", &path(&other)]));
    assert!(restore().contains("copy is no backup"), "{}", restore());
    assert!(run(&["backup", &path(&copy), "--data-dir", &data]).status.success());
    let file = copy.join("openbell.db");
    let mut bytes = std::fs::read(&file).expect("readable");
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&file, &bytes).expect("writes");
    let text = restore();
    assert!(text.contains("openbell.db is damaged: its SHA-256 is"), "{text}");
    assert!(!other.join("openbell.db").exists(), "nothing was restored");
}

#[test]
fn erasures_after_a_backup_are_repeated_by_its_restore() {
    let dir = tempfile::tempdir().expect("a directory");
    let (data, copy) = (dir.path().join("data"), path(&dir.path().join("copy")));
    std::fs::create_dir(&data).expect("makes");
    let server = Server::start_in(&data);
    let (ada, bob) = (server.register("ada"), server.register("bob"));
    assert!(run(&["backup", &copy, "--data-dir", &path(&data)]).status.success());
    // The id of a later user belongs to no user of the backup.
    server.register("eve");
    for name in ["ada", "eve"] {
        let address = format!("{name}@example.org");
        let words = ["user", "erase", &address, "--yes", "--data-dir", &path(&data)];
        assert!(run(&words).status.success(), "{name}");
    }
    server.stop();
    let kept = std::fs::read_to_string(data.join("erasures.jsonl")).expect("a file");
    assert_eq!(kept.lines().count(), 2, "{kept}");
    assert!(!kept.contains("ada"), "ids and instants only: {kept}");
    for file in ["openbell.db", "openbell.db-wal", "openbell.db-shm"] {
        // The last connection removes the log.
        let _ = std::fs::remove_file(data.join(file));
    }
    // Nothing is restored if an erasure cannot be repeated.
    std::fs::write(data.join("erasures.jsonl"), format!("{kept}garbage\n")).expect("writes");
    let text = error_line(&run(&["restore", &copy, "--data-dir", &path(&data)]));
    assert!(text.contains("erasures.jsonl, line 3,"), "{text}");
    assert!(!data.join("openbell.db").exists(), "nothing was restored");
    std::fs::write(data.join("erasures.jsonl"), &kept).expect("writes");
    let output = run(&["restore", &copy, "--data-dir", &path(&data)]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{output:?}");
    assert!(text.contains("\n1 person was erased again\n"), "{text}");
    assert_eq!(output.stderr, b"", "the file of erasures exists");
    let server = Server::start_in(&data);
    let status = |token| server.ask("GET", "/api/portfolio", token, None).0;
    assert_eq!((status(&ada), status(&bob)), (401, 200));
    // A new user with the id of an erased one is another person.
    let new = server.register("kim");
    let file = path(&data.join("erasures.jsonl"));
    let output = run(&["user", "erase-again", &file, "--data-dir", &path(&data)]);
    assert_eq!(output.stdout, b"0 people were erased again\n", "{output:?}");
    assert_eq!(server.ask("GET", "/api/portfolio", &new, None).0, 200);
    server.stop();
}
