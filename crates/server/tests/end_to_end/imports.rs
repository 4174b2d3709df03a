//! Whole markets from files: counted, refused line by line, replayed. Where the shared market data
//! lies beside the workspace its full US and ZSE files are imported; otherwise ones of the same
//! size that are made here.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

use crate::server::{Server, complaint, openbell};

/// Bars and stocks of the US file, and of the ZSE file in Zimbabwe Gold.
const US: (usize, usize) = (619_768, 506);
const ZSE: (usize, usize) = (10_275, 40);
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs `openbell stocks …` on the database in `dir`.
fn stocks(dir: &Path, args: &[&str]) -> std::process::Output {
    let dir = dir.display().to_string();
    let args = [&["stocks"], args, &["--data-dir", &dir]].concat();
    openbell(&args).output().expect("it runs")
}

fn said(output: &std::process::Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The shared file of this name, or one that `make` writes.
fn file(dir: &Path, name: &str, make: impl FnOnce() -> String) -> PathBuf {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data").join(name);
    if shared.is_file() {
        return shared;
    }
    let path = dir.join(name);
    let file = std::fs::File::create(&path).expect("a file");
    let mut packed = GzEncoder::new(file, Compression::fast());
    packed.write_all(make().as_bytes()).expect("written");
    packed.finish().expect("written");
    path
}

/// So many bars of so many stocks, some of which are listed late.
fn made(header: &str, (bars, stocks): (usize, usize), first: &str, more: &str) -> String {
    let first = domain::Day::parse(first).expect("a day");
    let mut text = format!("{header}\n");
    let (mut written, mut day) = (0, 0);
    while written < bars {
        for stock in (0..stocks).filter(|stock| day * 7 >= *stock).take(bars - written) {
            let close = 1_000 + (stock * 37 + day * 11) % 900;
            let date = domain::Day(first.0 + i32::try_from(day).expect("few"));
            let (whole, cents) = (close / 100, close % 100);
            writeln!(
                text,
                "{date},S{stock:03},{whole}.00,{}.00,{whole}.00,{whole}.{cents:02},{day}{more}",
                whole + 1
            )
            .expect("memory");
            written += 1;
        }
        day += 1;
    }
    text
}

fn us(dir: &Path) -> PathBuf {
    let header = "date,symbol,open,high,low,close,volume";
    file(dir, "us_full_daily_2013-2018.csv.gz", || made(header, US, "2013-02-08", ""))
}

fn zse(dir: &Path) -> PathBuf {
    let header = "date,symbol,open,high,low,close,volume,currency";
    file(dir, "zse_daily_2022-2025.csv.gz", || {
        let mut text = made(header, ZSE, "2024-04-08", ",ZWG");
        text.push_str("2024-04-05,S000,9.00,10.00,9.00,9.50,1,ZWL\n");
        text
    })
}

/// The closes of a file: symbol, then day.
fn closes(path: &Path, currency: Option<&str>) -> BTreeMap<String, BTreeMap<String, String>> {
    let mut text = String::new();
    let file = std::fs::File::open(path).expect("a file");
    GzDecoder::new(file).read_to_string(&mut text).expect("packed text");
    let mut found: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for line in text.lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        if currency.is_none_or(|currency| cells.get(7) == Some(&currency)) {
            let days = found.entry(cells[1].to_owned()).or_default();
            days.insert(cells[0].to_owned(), cells[5].to_owned());
        }
    }
    found
}

/// Whole cents, and what is left of a cent dropped.
fn cents(text: &str) -> u64 {
    let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
    let rest: String = rest.chars().chain("00".chars()).take(2).collect();
    format!("{whole}{rest}").parse().expect("a number")
}

/// Replays an imported market for some sessions, and compares what became public with the file.
fn replay(
    dir: &Path,
    market: &str,
    start: &str,
    file: &BTreeMap<String, BTreeMap<String, String>>,
) {
    let data = dir.display().to_string();
    let server = Server::start_at("127.0.0.1:0", &["--data-dir", &data], |command| {
        command
            .env("OPENBELL__MARKET__REPLAY__MARKET", market)
            .env("OPENBELL__MARKET__REPLAY__START", start)
            .env("OPENBELL__MARKET__REPLAY__TICK", "0.0001")
            .env("OPENBELL__MARKET__REPLAY__SESSION_SECONDS", "1");
    });
    // The stock with the most days, so that it has some after the start.
    let (symbol, days) = file.iter().max_by_key(|(_, days)| days.len()).expect("a stock");
    let public = |after: &str| -> Vec<(String, String)> {
        let (_, answer) = server.get(&format!("/api/stocks/{symbol}/history?days=3650"));
        let closes = answer["data"].as_array().expect("a list").iter();
        let pair = closes.map(|close| {
            let day = close["date"].as_str().expect("a day")[..10].to_owned();
            (day, close["close_price"].as_str().expect("a price").to_owned())
        });
        pair.filter(|(day, _)| day.as_str() > after).collect()
    };
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while public(start).len() < 4 {
        assert!(tokio::time::Instant::now() < deadline, "no session became public");
        std::thread::park_timeout(Duration::from_millis(200));
    }
    let shown = public("");
    let (_, stock) = server.get(&format!("/api/stocks/{symbol}"));
    let today = stock["data"]["quote"]["market_date"].as_str().expect("a day").to_owned();
    assert!(shown.iter().all(|(day, _)| *day <= today), "nothing later than {today} is told");
    let mut compared = 0;
    for (day, close) in shown.iter().filter(|(day, _)| days.contains_key(day)) {
        let (told, real) = (cents(close), cents(&days[day]));
        assert!(told.abs_diff(real) <= 1, "{symbol} {day}: {close} is not {}", days[day]);
        compared += 1;
    }
    assert!(compared > 4, "{compared} days");
    let (status, page) = server.get("/market");
    assert!(status == 200 && page.as_str().is_some_and(|page| page.len() < 200_000), "a page");
    server.stop();
}

#[test]
fn the_whole_us_market_is_imported_and_replayed() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = us(dir.path());
    let data = dir.path().join("data");
    std::fs::create_dir(&data).expect("a directory");
    let (name, (bars, stocks_of)) = (path.display().to_string(), US);
    let import = ["import", &*name, "--market", "us", "--exchange", "NYSE"];
    let dry = said(&stocks(&data, &[&import[..], &["--dry-run"]].concat()));
    let told = format!("market us: {stocks_of} stocks; {bars} bars read");
    assert!(dry.starts_with(&format!("{told}: {bars} new, 0 changed, 0 the same")), "{dry}");
    assert_eq!(said(&stocks(&data, &["list"])), "no market was imported\n");
    let text = said(&stocks(&data, &import));
    assert_eq!(text, format!("{told}: {bars} new, 0 changed, 0 the same\n"));
    let text = said(&stocks(&data, &import));
    assert_eq!(text, format!("{told}: 0 new, 0 changed, {bars} the same\n"));
    let listed = said(&stocks(&data, &["list", "--json"]));
    let listed: serde_json::Value = serde_json::from_str(&listed).expect("JSON");
    assert_eq!((&listed["stocks"], &listed["bars"]), (&stocks_of.into(), &bars.into()));
    replay(&data, "us", "2013-06-03", &closes(&path, None));
}

#[test]
fn the_zimbabwe_market_is_imported_in_one_currency_and_replayed() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = zse(dir.path());
    let data = dir.path().join("data");
    std::fs::create_dir(&data).expect("a directory");
    let (name, (bars, stocks_of)) = (path.display().to_string(), ZSE);
    let import = ["import", &*name, "--market", "zse", "--exchange", "ZSE"];
    let refused = complaint(&stocks(&data, &import));
    assert!(refused.ends_with("the file has prices in ZWG and ZWL: name one currency"));
    let text = said(&stocks(&data, &[&import[..], &["--currency", "ZWG"]].concat()));
    let told = format!("market zse: {stocks_of} stocks; {bars} bars read: {bars} new");
    assert!(text.starts_with(&told), "{text}");
    replay(&data, "zse", "2024-05-06", &closes(&path, Some("ZWG")));
}

#[test]
fn one_bad_line_is_named_and_nothing_is_imported() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("bars.csv");
    let text = "date,symbol,close\n2013-02-08,A,1.5\n2013-02-09,A,abc\n2013-02-10,A B,1\n";
    std::fs::write(&path, text).expect("written");
    let name = path.display().to_string();
    let output = stocks(dir.path(), &["import", &name, "--market", "us"]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{told}");
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines.len(), 3, "{told}");
    assert!(lines[0].ends_with("bars.csv:3: close is not a price: \"abc\""), "{told}");
    assert!(lines[1].ends_with("bars.csv:4: expected a symbol, got \"A B\""), "{told}");
    assert!(lines[2].ends_with("nothing was imported, because 2 lines are refused"), "{told}");
    let (good, again) = (dir.path().join("good.csv"), dir.path().join("again.csv"));
    for file in [&good, &again] {
        std::fs::write(file, "date,symbol,close\n2013-02-08,A,1.5\n").expect("written");
    }
    let [good, again] = [good, again].map(|path| path.display().to_string());
    let text = complaint(&stocks(dir.path(), &["import", &good, &again, "--market", "us"]));
    assert!(text.ends_with("two files have A of 2013-02-08"), "{text}");
    assert!(!dir.path().join("openbell.db").exists(), "not even a database");
}

#[test]
fn a_market_that_was_not_imported_or_has_no_such_day_is_one_line() {
    let dir = tempfile::tempdir().expect("a directory");
    let data = dir.path().display().to_string();
    let serve = |start: &str| {
        let args = ["serve", "--listen", "127.0.0.1:0", "--data-dir", &data];
        let mut command = openbell(&args);
        command.env("OPENBELL__MARKET__REPLAY__MARKET", "us");
        command.env("OPENBELL__MARKET__REPLAY__START", start);
        complaint(&command.output().expect("it runs"))
    };
    let text = serve("2013-02-08");
    assert!(text.contains("there is no imported market \"us\""), "{text}");
    let path = dir.path().join("bars.csv");
    std::fs::write(&path, "date,symbol,close\n2013-02-08,A,1.5\n2013-02-11,A,2\n")
        .expect("written");
    said(&stocks(dir.path(), &["import", &path.display().to_string(), "--market", "us"]));
    let text = serve("2005-01-03");
    assert!(
        text.contains("expected a day from 2013-02-08 to 2013-02-08, got 2005-01-03"),
        "{text}"
    );
}
