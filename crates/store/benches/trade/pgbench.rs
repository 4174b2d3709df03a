//! TPC-B by PostgreSQL's `pgbench` in the same database, for comparison.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cell::Measured;
use crate::database::Database;

type BenchError = Box<dyn std::error::Error + Send + Sync>;

const CLIENTS: &str = "32";
const THREADS: &str = "2";
const SCALE: &str = "10";
/// A transaction of TPC-B: BEGIN, three UPDATEs, a SELECT, an INSERT, END.
const STATEMENTS: u64 = 7;

/// The program, if installed.
pub(crate) fn find() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let debian = versions.map(|version| version.path().join("bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let all = debian.chain(std::env::split_paths(&path)).map(|bin| bin.join("pgbench"));
    all.into_iter().find(|program| program.is_file())
}

/// Fills its tables.
pub(crate) fn prepare(program: &Path, database: &Database) -> Result<(), BenchError> {
    run(program, &["-i", "-q", "-s", SCALE, &database.url]).map(drop)
}

/// Runs TPC-B.
pub(crate) async fn measure(
    program: &Path,
    database: &Database,
    seconds: u64,
) -> Result<Measured, BenchError> {
    database.rest().await?;
    let before = database.wal_bytes().await?;
    let seconds = seconds.to_string();
    let words = ["-n", "-M", "prepared", "-c", CLIENTS, "-j", THREADS, "-T", &seconds];
    let log = tempfile::tempdir()?;
    let prefix = log.path().join("log").display().to_string();
    let words = [&words[..], &["-l", "--log-prefix", &prefix, &database.url]].concat();
    let text = run(program, &words)?;
    let wal = u64::try_from(database.wal_bytes().await? - before)?;
    let number = |key: &str| -> Option<u64> {
        let rest = text.lines().find_map(|line| line.strip_prefix(key))?;
        rest.trim().split(['.', ' ', '/']).next()?.parse().ok()
    };
    let done = number("number of transactions actually processed:").unwrap_or(1).max(1);
    let mut micros = latencies(log.path())?;
    micros.sort_unstable();
    Ok(Measured {
        trades_per_s: number("tps = ").ok_or("pgbench names no rate")?,
        accepted_permille: 1000,
        p50_us: crate::cell::quantile(&micros, 50),
        p99_us: crate::cell::quantile(&micros, 99),
        wal_bytes: wal / done,
        statements_x100: STATEMENTS * 100,
        readings: None,
    })
}

/// The third word of each line of its logs.
fn latencies(directory: &Path) -> Result<Vec<u64>, BenchError> {
    let mut micros = Vec::new();
    for file in std::fs::read_dir(directory)? {
        let text = std::fs::read_to_string(file?.path())?;
        micros.extend(text.lines().filter_map(|line| line.split(' ').nth(2)?.parse::<u64>().ok()));
    }
    Ok(micros)
}

fn run(program: &Path, words: &[&str]) -> Result<String, BenchError> {
    let output = Command::new(program).args(words).output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
