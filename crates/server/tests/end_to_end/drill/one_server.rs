//! One server on SQLite with a price provider: its disk, its backups, its open files and the quota
//! of the provider.

use std::fs::File;
use std::io::Write as _;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, UNIX_EPOCH};

use testkit::{eventually, is_long_run};

use super::exercise::Drill;
use super::save;
use crate::live::{listed, now};
use crate::server::{Server, with_mount};

const FACTOR: u32 = 60;
const QUOTA: &str = "OPENBELL__MARKET__LIVE__GUARD__QUOTA__FINNHUB";
const DISK: &str = "mount -t tmpfs -o size=96m tmpfs \"$0\"";
/// How old the newest backup is: 27 hours.
const OLD_S: i64 = 27 * 3_600;
/// How many more files the server may open.
const MORE_FILES: u64 = 40;
const CONNECTIONS: usize = 36;
const READY: &str = "curl -s -o /dev/null -w '%{http_code}\\n' $NODE/readyz";

#[tokio::test(flavor = "multi_thread")]
async fn alerts_of_a_disk_backups_files_and_a_quota_fire_and_their_remedies_resolve_them() {
    if !is_long_run() {
        return;
    }
    let mut drill = Drill::new();
    quota_and_backup(&mut drill).await;
    let data = drill.directory().join("data");
    std::fs::create_dir(&data).expect("made");
    let server = start_on_small_disk(&drill, &data);
    // The disk is in the namespace of the server.
    let disk = PathBuf::from(format!("/proc/{}/root{}", server.id(), data.display()));
    drill.name(&disk.display().to_string(), "/var/lib/openbell");
    observe(&mut drill, &server);
    files_near_limit(&mut drill, &server);
    disk_low_and_full(&mut drill, &server, &disk);
    save(&drill, "5-one-server");
    server.stop();
}

fn observe(drill: &mut Drill, server: &Server) {
    drill.set("NODE", &format!("http://{}", server.address));
    drill.name(&server.address, "node-a:8080");
    drill.observe(&[&server.address], FACTOR);
}

fn quota_of(per_day: u32) -> String {
    format!("{{ per_second = 0, per_minute = 0, per_day = {per_day}, day_zone = \"UTC\" }}")
}

fn start_live(drill: &Drill, address: &str, settings: &[(&'static str, String)]) -> Server {
    let data = drill.directory().join("live").display().to_string();
    Server::start_at(address, &["--data-dir", &data], |command| {
        let log = File::options().create(true).append(true).open(drill.log_file("node-a"));
        command.stderr(log.expect("a log"));
        command.envs(settings.iter().map(|(name, value)| (*name, value)));
    })
}

async fn quota_and_backup(drill: &mut Drill) {
    let data = drill.directory().join("live");
    std::fs::create_dir(&data).expect("made");
    let (provider, mut settings) = listed(&data).await;
    drill.set_quietly("OPENBELL__DATA_DIR", &data.display().to_string());
    drill.name(&data.display().to_string(), "/var/lib/openbell");
    drill.set("DATABASE", &format!("sqlite:{}", data.join("openbell.db").display()));
    settings.push((QUOTA, quota_of(40)));
    settings.push(("OPENBELL__BACKUP__DIR", drill.backups().display().to_string()));
    make_backup(drill, 0);
    let server = start_live(drill, "127.0.0.1:0", &settings);
    observe(drill, &server);
    drill.begin(
        "ProviderQuotaHigh",
        "The quota is 40 requests a day, and two stocks are refreshed each second.",
    );
    drill.fires("ProviderQuotaHigh");
    drill.run("curl -s $NODE/metrics | grep -E '^openbell_provider_quota_(used|limit)'");
    drill.note("The requests continue until the quota is used up.");
    drill.turn_to("ProviderQuotaExhausted");
    drill.fires("ProviderQuotaExhausted");
    let calls = "curl -s $NODE/metrics | grep '^openbell_provider_calls_total' | grep -E 'held_back|answered' | grep -v ' 0$'";
    drill.run(calls);
    drill
        .note("Remedy: the plan is enlarged, the setting is corrected, and the node is restarted.");
    let address = server.address.clone();
    server.stop();
    settings.push((QUOTA, quota_of(4_000)));
    let server = start_live(drill, &address, &settings);
    drill.resolves("ProviderQuotaExhausted");
    drill.resolves("ProviderQuotaHigh");
    eventually("prices are fresh", || {
        provider.set_price("AAPL", "190.25", now());
        provider.set_price("MSFT", "410.5", now());
        let age = server.metric("openbell_market_quote_age_seconds{market=\"live\"}");
        server.metric("openbell_provider_quota_used") > 40 && age < 5
    });
    drill.run("curl -s $NODE/metrics | grep '^openbell_market_quote_age_seconds'");
    let fired = ["ProviderQuotaExhausted", "ProviderQuotaHigh"].map(|alert| drill.is_active(alert));
    assert_eq!(fired, [false, false], "the alerts stay resolved");
    backup_too_old(drill);
    server.stop();
}

/// The newest backup, which was finished this many seconds ago.
fn make_backup(drill: &Drill, age_s: i64) {
    let newest = drill.backups().join("newest");
    std::fs::create_dir_all(&newest).expect("made");
    let manifest = File::create(newest.join("backup.json")).expect("made");
    let then = now().plus_seconds(-age_s).seconds().unsigned_abs();
    manifest.set_modified(UNIX_EPOCH + Duration::from_secs(then)).expect("set");
}

/// A server on a file system of 96 MB.
fn start_on_small_disk(drill: &Drill, data: &Path) -> Server {
    let flags = ["--data-dir", &data.display().to_string()];
    Server::start_at("127.0.0.1:0", &flags, |command: &mut Command| {
        command.env("OPENBELL__MARKET__SOURCE", "fixed");
        command.env("OPENBELL__DATABASE__DISK_RESERVE", "4194304");
        // A connection stays open until the alert has fired.
        command.env("OPENBELL__HTTP__FIRST_BYTE_TIMEOUT_MS", "60000");
        *command = with_mount(command, DISK, data);
        command
            .stdout(Stdio::piped())
            .stderr(File::create(drill.log_file("node-a")).expect("a log"));
    })
}

fn backup_too_old(drill: &mut Drill) {
    drill.begin("BackupTooOld", "The newest backup is 27 hours old.");
    make_backup(drill, OLD_S);
    drill.fires("BackupTooOld");
    drill.run("ls -lt $BACKUPS | head");
    drill.run("curl -s $NODE/metrics | grep -E '^openbell_backup_timestamp_seconds|last_success.*name=\"sample_metrics\"'");
    drill.note("Remedy: a backup is made.");
    drill.run("openbell backup $BACKUPS/$(date +%F-%H%M) --database $DATABASE");
    drill.resolves("BackupTooOld");
    drill.run("curl -s $NODE/metrics | grep '^openbell_backup_timestamp_seconds'");
}

fn files_near_limit(drill: &mut Drill, server: &Server) {
    drill.begin(
        "FilesNearLimit",
        "Clients open many connections, and the limit on open files is low.",
    );
    let open = server.metric("process_open_fds");
    let original = limit_files(server, open + MORE_FILES);
    let connect = |_| TcpStream::connect(&server.address).expect("accepted");
    let connections: Vec<TcpStream> = (0..CONNECTIONS).map(connect).collect();
    drill.fires("FilesNearLimit");
    drill.run("curl -s $NODE/metrics | grep -E '^process_(open|max)_fds|^openbell_(streams_open|http_connections_refused_total)'");
    drill.note("Remedy: the limit is raised to what it was.");
    limit_files(server, original);
    drop(connections);
    drill.resolves("FilesNearLimit");
    drill.run("curl -s $NODE/metrics | grep -E '^process_(open|max)_fds'");
}

/// Sets the soft limit on open files and returns the former one.
fn limit_files(server: &Server, limit: u64) -> u64 {
    let former = server.metric("process_max_fds");
    let (id, limit) = (server.id().to_string(), format!("--nofile={limit}:"));
    let set = Command::new("prlimit").args(["--pid", &id, &limit]).status();
    assert!(set.expect("prlimit runs").success());
    former
}

fn disk_low_and_full(drill: &mut Drill, server: &Server, disk: &Path) {
    drill.begin("DiskLow", "A file fills the file system of the database to 95 %.");
    let filler = disk.join("filler");
    let free = server.metric("openbell_disk_free_bytes");
    fill(&filler, free - server.metric("openbell_disk_size_bytes") / 20);
    drill.fires("DiskLow");
    drill.run("curl -s $NODE/metrics | grep -E '^openbell_(disk|database_bytes|ledger_growth)'");
    drill.note("Then the file takes the rest, and players trade.");
    drill.turn_to("DiskFull");
    let mut number = 0;
    eventually("the disk is full", || {
        // A checkpoint may have made room again.
        fill(&filler, u64::MAX);
        number += 1;
        let body = serde_json::json!({
            "name": format!("p{number}"), "email": format!("p{number}@example.org"),
            "password": "correct horse battery", "password_confirmation": "correct horse battery",
        });
        server.ask("POST", "/api/auth/register", "", Some(&body)).0 == 503
    });
    drill.fires("DiskFull");
    drill.run("curl -s $NODE/readyz");
    drill.run("curl -s $NODE/metrics | grep '^openbell_disk'");
    drill.note("Remedy: the file is deleted. No restart is needed.");
    std::fs::remove_file(&filler).expect("removed");
    drill.resolves("DiskFull");
    drill.resolves("DiskLow");
    eventually("the server is ready", || server.get("/readyz").0 == 200);
    assert_eq!(drill.run(READY), "200\n");
}

/// Makes a file larger by this many bytes, or as large as the disk permits.
fn fill(path: &Path, bytes: u64) {
    let mut file = File::options().create(true).append(true).open(path).expect("made");
    let block = vec![1; 64 * 1024];
    let mut left = bytes;
    while left > 0 {
        let part = usize::try_from(left).map_or(block.len(), |left| left.min(block.len()));
        if file.write_all(&block[..part]).is_err() {
            break;
        }
        left -= part as u64;
    }
}
