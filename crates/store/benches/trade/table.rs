//! Prints medians of the cells as Markdown, and the time of Openbell's batches.

use std::fmt::Write as _;

use crate::ReportLine;
use crate::cell::{Cell, Load, Measured};
use crate::options::Options;
use crate::ways::Way;

/// The notes printed with the numbers.
const NOTES: &str = "
- Each trade is durable before it counts, reads or guards player and holding, and writes player,
  holding and ledger entry. Buying and selling one share in turn; the game's rules without
  achievements.
- In rounds, all workers send at once, 20 times, each time after the last response: a burst.
  Without rounds, a worker sends again after its response, which favors (b): others wait meanwhile.
- Latencies are of all responses, rejections among them; trades/s are accepted trades only.
- (a) to (c) have 32 connections; on SQLite one connection that writes, waited for in order, as that
  is faster there than 32 which contend for the file. (b) reads on connections of its own.
- (c) writes a constant hash and no XP: one statement cannot continue the hash chain.
- (d) is the desk with its defaults. Its statements are counted by its metrics, with BEGIN and COMMIT
  of each batch.
- WAL on PostgreSQL: what the log's position moved by, after a checkpoint; on SQLite: the length of
  the log, emptied before.
";

/// The label of a cell.
pub(crate) fn name_of(cell: Cell) -> String {
    let way = match cell.way {
        Way::Locked => "(a) SELECT … FOR UPDATE",
        Way::Optimistic => "(b) optimistic, 3 retries",
        Way::Guarded => "(c) guarded statements",
        Way::Desk => "(d) Openbell",
    };
    let load = match cell.load {
        Load::Distinct => "distinct",
        Load::Popular => "one player",
        Load::Rounds => "one player, rounds",
    };
    format!("{way} | {load}, {}", cell.workers)
}

/// The output for an engine.
pub(crate) fn table(engine: &str, lines: &[ReportLine], options: &Options) -> String {
    let mut text = format!(
        "\n{engine}, {} s a cell, medians of {}, {} players\n\n",
        options.window.as_secs(),
        options.runs,
        options.players,
    );
    text.push_str(
        "| way | load, in flight | trades/s | accepted % | p50 ms | p99 ms | WAL bytes/trade | \
         statements/trade | ratio to (a) |\n|---|---|---|---|---|---|---|---|---|\n",
    );
    for line in lines {
        push_line(&mut text, line, lines);
    }
    text.push_str(NOTES);
    text.push_str("\nWhere the time of (d) goes, in milliseconds a batch:\n\n");
    for line in lines {
        push_times(&mut text, line);
    }
    text
}

fn push_line(text: &mut String, line: &ReportLine, lines: &[ReportLine]) {
    let median = |value: fn(&Measured) -> u64| median(line.runs.iter().map(value).collect());
    let rate = median(|m| m.trades_per_s);
    let load = line.cell.map_or(Load::Distinct, |cell| cell.load);
    let base = lines
        .iter()
        .find(|other| other.cell.is_some_and(|cell| cell.way == Way::Locked && cell.load == load));
    let base =
        base.map_or(0, |base| self::median(base.runs.iter().map(|m| m.trades_per_s).collect()));
    let name = if line.cell.is_some() { line.name.clone() } else { format!("{} | 32", line.name) };
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "| {name} | {rate} | {} | {} | {} | {} | {} | {} |",
        decimal(median(|m| m.accepted_permille), 10),
        decimal(median(|m| m.p50_us) / 10, 100),
        decimal(median(|m| m.p99_us) / 10, 100),
        median(|m| m.wal_bytes),
        decimal(median(|m| m.statements_x100), 100),
        (rate * 100).checked_div(base).map_or("-".to_owned(), |ratio| decimal(ratio, 100)),
    );
}

/// The batches of the last run: statements, and the rest of the commit.
fn push_times(text: &mut String, line: &ReportLine) {
    let Some(readings) = line.runs.last().and_then(|run| run.readings.as_ref()) else { return };
    let ((batches, requests), (commits, commit_us)) = (readings.batches(), readings.commits());
    let name = line.name.replace(" | ", ", ");
    let _ = write!(
        text,
        "- {name}: {batches} batches of {} requests; from BEGIN to COMMIT {}",
        requests / batches.max(1),
        decimal(commit_us / commits.max(1) / 10, 100),
    );
    for (statement, count, micros) in readings.by_name() {
        let mean = decimal(micros / count.max(1) / 10, 100);
        let _ = write!(text, "; {statement} {mean} ({count})");
    }
    text.push('\n');
}

fn median(mut values: Vec<u64>) -> u64 {
    values.sort_unstable();
    values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or(0)
}

/// `number / unit` with as many places as the unit has zeros.
fn decimal(number: u64, unit: u64) -> String {
    let places = usize::try_from(unit.ilog10()).unwrap_or(0);
    format!("{}.{:0places$}", number / unit, number % unit)
}
