//! Imports of whole markets from files: counts, rejected lines, replay. If the shared market data
//! is beside the workspace, its full US and ZSE files are imported, otherwise generated files of
//! the same size.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use testkit::eventually;

use crate::server::{Server, error_line, openbell};

/// Bars and stocks of the US file, and of the ZSE file in Zimbabwe Gold.
const US: (usize, usize) = (619_768, 506);
const ZSE: (usize, usize) = (10_275, 40);

/// Runs `openbell stocks …` on the database in `dir`.
fn stocks(dir: &Path, args: &[&str]) -> std::process::Output {
    let dir = dir.display().to_string();
    let args = [&["stocks"], args, &["--data-dir", &dir]].concat();
    openbell(&args).output().expect("it runs")
}

fn printed(output: &std::process::Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The shared file of this name, or a generated one.
fn file(dir: &Path, name: &str, generate: impl FnOnce() -> String) -> PathBuf {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data").join(name);
    if shared.is_file() {
        return shared;
    }
    let path = dir.join(name);
    let file = std::fs::File::create(&path).expect("a file");
    let mut packed = GzEncoder::new(file, Compression::fast());
    packed.write_all(generate().as_bytes()).expect("written");
    packed.finish().expect("written");
    path
}

/// A file with this many bars and stocks, some of which are listed late.
fn generated(header: &str, (bars, stocks): (usize, usize), first: &str, more: &str) -> String {
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
    file(dir, "us_full_daily_2013-2018.csv.gz", || generated(header, US, "2013-02-08", ""))
}

fn zse(dir: &Path) -> PathBuf {
    let header = "date,symbol,open,high,low,close,volume,currency";
    file(dir, "zse_daily_2022-2025.csv.gz", || {
        let mut text = generated(header, ZSE, "2024-04-08", ",ZWG");
        text.push_str("2024-04-05,S000,9.00,10.00,9.00,9.50,1,ZWL\n");
        let uneven = |line: &str| match line.split(',').collect::<Vec<_>>()[..] {
            // Less than the lowest price.
            [day, "S039", ..] => {
                let price = "0.000018";
                format!("{day},S039,{price},{price},{price},{price},0,ZWG\n")
            }
            // Finer than cents.
            [day, "S000", open, high, low, close, volume, currency] => {
                format!("{day},S000,{open},{high},{low},{close}25,{volume},{currency}\n")
            }
            _ => format!("{line}\n"),
        };
        text.lines().map(uneven).collect()
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

/// In whole cents, rounded down.
fn cents(text: &str) -> u64 {
    let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
    let rest: String = rest.chars().chain("00".chars()).take(2).collect();
    format!("{whole}{rest}").parse().expect("a number")
}

/// The built-in rules with another currency.
fn rules_in(dir: &Path, currency: &str) -> PathBuf {
    let path = dir.join("game.toml");
    let built_in = include_str!("../../../../config/game.toml");
    let from = "currency = \"USD\"";
    assert!(built_in.contains(from));
    std::fs::write(&path, built_in.replace(from, &format!("currency = {currency:?}")))
        .expect("written");
    path
}

/// Whether a price is rounded to 0, because it is below half of the lowest price, 0.0001.
fn is_too_low(text: &str) -> bool {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let fraction: String = fraction.chars().chain("00000".chars()).take(5).collect();
    whole == "0" && fraction.parse::<u32>().expect("digits") < 5
}

/// Replays an imported market for some sessions, and compares what became public with the file.
fn replay(
    dir: &Path,
    (market, currency): (&str, &str),
    start: &str,
    file: &BTreeMap<String, BTreeMap<String, String>>,
) {
    let data = dir.display().to_string();
    let server = Server::start_at("127.0.0.1:0", &["--data-dir", &data], |command| {
        command
            .env("OPENBELL__MARKET__REPLAY__MARKET", market)
            .env("OPENBELL__MARKET__REPLAY__START", start)
            .env("OPENBELL__GAME__RULES", rules_in(dir, currency))
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
    eventually("four sessions become public", || public(start).len() >= 4);
    let shown = public("");
    let (_, stock) = server.get(&format!("/api/stocks/{symbol}"));
    let today = stock["data"]["quote"]["market_date"].as_str().expect("a day").to_owned();
    assert!(shown.iter().all(|(day, _)| *day <= today), "no close after {today} is public");
    let mut compared = 0;
    for (day, close) in shown.iter().filter(|(day, _)| days.contains_key(day)) {
        let (found, real) = (cents(close), cents(&days[day]));
        assert!(found.abs_diff(real) <= 1, "{symbol} {day}: {close} is not {}", days[day]);
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
    let dry = printed(&stocks(&data, &[&import[..], &["--dry-run"]].concat()));
    let counted = format!("market us: {stocks_of} stocks; {bars} bars read");
    assert!(dry.starts_with(&format!("{counted}: {bars} new, 0 changed, 0 the same")), "{dry}");
    assert_eq!(printed(&stocks(&data, &["list"])), "no market was imported\n");
    let text = printed(&stocks(&data, &import));
    assert!(text.starts_with(&format!("{counted}: {bars} new, 0 changed, 0 the same\n")), "{text}");
    assert!(text.contains("\ncurrency: USD (no file names one); tick: 0.01\n"), "{text}");
    let text = printed(&stocks(&data, &import));
    assert!(text.starts_with(&format!("{counted}: 0 new, 0 changed, {bars} the same\n")), "{text}");
    let listed = printed(&stocks(&data, &["list", "--json"]));
    let listed: serde_json::Value = serde_json::from_str(&listed).expect("JSON");
    assert_eq!((&listed["stocks"], &listed["bars"]), (&stocks_of.into(), &bars.into()));
    replay(&data, ("us", "USD"), "2013-06-03", &closes(&path, None));
}

#[test]
fn the_zimbabwe_market_is_imported_in_one_currency_and_replayed() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = zse(dir.path());
    let data = dir.path().join("data");
    std::fs::create_dir(&data).expect("a directory");
    let (name, (bars, stocks_of)) = (path.display().to_string(), ZSE);
    let mut closes = closes(&path, Some("ZWG"));
    let too_low = closes.values().flat_map(BTreeMap::values).filter(|close| is_too_low(close));
    let too_low = too_low.count();
    closes.retain(|_, days| !days.values().all(|close| is_too_low(close)));
    let import = ["import", &*name, "--market", "zse", "--exchange", "ZSE"];
    let output = stocks(&data, &import);
    let error = String::from_utf8_lossy(&output.stderr).trim_end().to_owned();
    assert!(!output.status.success(), "{error}");
    assert!(error.ends_with("prices are in ZWG and ZWL: choose one with --currency"), "{error}");
    let report = dir.path().join("report.csv").display().to_string();
    let skipping = ["--currency", "ZWG", "--skip-bad", "--report", &report];
    let text = printed(&stocks(&data, &[&import[..], &skipping].concat()));
    let (bars, stocks_left) = (bars - too_low, closes.len());
    assert!(too_low > 0 && stocks_left < stocks_of);
    let counted = format!("market zse: {stocks_left} stocks; {bars} bars read: {bars} new");
    assert!(text.starts_with(&counted), "{text}");
    assert!(text.contains("currency: ZWG; tick: 0.0001\n"), "{text}");
    let report = std::fs::read_to_string(report).expect("a report");
    assert!(report.starts_with("file,line,what,reason\n"), "{report}");
    assert_eq!(report.matches("would become 0").count(), too_low);
    replay(&data, ("zse", "ZWG"), "2024-05-06", &closes);
}

#[test]
fn one_bad_line_is_named_and_nothing_is_imported() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("bars.csv");
    let text = "date,symbol,close\n2013-02-08,A,1.5\n2013-02-09,A,abc\n2013-02-10,A B,1\n";
    std::fs::write(&path, text).expect("written");
    let name = path.display().to_string();
    let output = stocks(dir.path(), &["import", &name, "--market", "us"]);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{errors}");
    let lines: Vec<&str> = errors.lines().collect();
    assert_eq!(lines.len(), 3, "{errors}");
    assert!(lines[0].ends_with("bars.csv:3: close is not a price: \"abc\""), "{errors}");
    assert!(lines[1].contains("bars.csv:4: expected a symbol, got \"A B\""), "{errors}");
    assert!(lines[2].contains("nothing was imported, because 2 lines are refused"), "{errors}");
    let (good, again) = (dir.path().join("good.csv"), dir.path().join("again.csv"));
    for file in [&good, &again] {
        std::fs::write(file, "date,symbol,close\n2013-02-08,A,1.5\n").expect("written");
    }
    let [good, again] = [good, again].map(|path| path.display().to_string());
    let both = stocks(dir.path(), &["import", &good, &again, "--market", "us"]);
    let errors = String::from_utf8_lossy(&both.stderr).into_owned();
    assert!(errors.contains("again.csv:2: "), "{errors}");
    assert!(errors.contains("good.csv has a bar of A of 2013-02-08 already"), "{errors}");
    let other_way = format!("{}/./good.csv", dir.path().display());
    let text = error_line(&stocks(dir.path(), &["import", &good, &other_way, "--market", "us"]));
    assert!(text.ends_with("good.csv is named twice"), "{text}");
    let link = dir.path().join("link.csv");
    std::fs::hard_link(dir.path().join("good.csv"), &link).expect("linked");
    let link = link.display().to_string();
    let text = error_line(&stocks(dir.path(), &["import", &good, &link, "--market", "us"]));
    assert!(text.ends_with("link.csv is named twice"), "{text}");
    assert!(!dir.path().join("openbell.db").exists(), "not even a database");
    let report = dir.path().join("report.csv").display().to_string();
    let skipping = ["import", &name, "--market", "us", "--skip-bad", "--report", &report];
    let text = printed(&stocks(dir.path(), &skipping));
    assert!(text.starts_with("market us: 1 stocks; 1 bars read: 1 new"), "{text}");
    assert!(text.contains("rows: 3 read; left out: 2 bad"), "{text}");
    assert_eq!(std::fs::read_to_string(report).expect("a report").lines().count(), 3);
}

#[test]
fn a_market_has_one_currency_and_a_game_is_played_in_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("bars.csv");
    let text = "date,symbol,close,currency\n2013-02-08,A,1.5,EUR\n2013-02-11,A,0.6,EUR\n";
    std::fs::write(&path, text).expect("written");
    let name = path.display().to_string();
    let output = stocks(dir.path(), &["import", &name, "--market", "eu"]);
    let text = printed(&output);
    assert!(text.contains("\ncurrency: EUR; tick: 0.01\n"), "{text}");
    let warned = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(warned.contains("warning: A: 1.50 on 2013-02-08, 0.60 on 2013-02-11"), "{warned}");
    let dollars = dir.path().join("dollars.csv");
    std::fs::write(&dollars, "date,symbol,close,currency\n2013-02-12,A,2,USD\n").expect("written");
    let dollars = dollars.display().to_string();
    let text = error_line(&stocks(dir.path(), &["import", &dollars, "--market", "eu"]));
    assert!(text.contains("the market eu has prices in EUR, and the files have prices in USD"));
    let data = dir.path().display().to_string();
    let mut command = openbell(&["serve", "--listen", "127.0.0.1:0", "--data-dir", &data]);
    command.env("OPENBELL__MARKET__REPLAY__MARKET", "eu");
    command.env("OPENBELL__MARKET__REPLAY__START", "2013-02-08");
    let text = error_line(&command.output().expect("it runs"));
    assert!(text.ends_with(
        "the market eu has prices in EUR, and the game is played in USD: set currency = \"EUR\" in \
         the file of rules that game.rules names"
    ), "{text}");
}

#[test]
fn stocks_of_any_market_are_described_from_files() {
    let dir = tempfile::tempdir().expect("a directory");
    let write = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).expect("written");
        path.display().to_string()
    };
    let texts = write("texts.csv", "symbol,name,kid_description\nAAPL,,<b>Fruit</b> phones.\n");
    for name in ["live", "simulated", "fixed"] {
        let text = error_line(&stocks(dir.path(), &["import", &texts, "--market", name]));
        assert!(text.contains("is a value of market.source"), "{text}");
        assert!(text.contains("`openbell stocks seed`"), "{text}");
    }
    let text = error_line(&stocks(dir.path(), &["import", &texts, "--market", "us"]));
    assert!(text.contains("no daily bars") && text.contains("stocks describe"), "{text}");
    assert!(!dir.path().join("openbell.db").exists(), "not even a database");
    let data = dir.path().display().to_string();
    let kid_text = |server: &Server| {
        let (_, stock) = server.get("/api/stocks/AAPL");
        stock["data"]["kid_friendly_description"].as_str().expect("a text").to_owned()
    };
    let server = Server::start(&["--data-dir", &data]);
    assert!(kid_text(&server).starts_with("Apple makes"), "the built-in text");
    server.stop();
    let unknown = write(
        "unknown.toml",
        "[[stocks]]\nsymbol = \"AAPL\"\nname = \"x\"\n[[stocks]]\n\
        symbol = \"NONE\"\nname = \"y\"\n",
    );
    let text = error_line(&stocks(dir.path(), &["describe", &unknown]));
    assert!(text.ends_with("because the game does not list 1 of the stocks: NONE"), "{text}");
    let text = printed(&stocks(dir.path(), &["describe", &texts]));
    assert_eq!(text, "1 stocks were described\n1 texts had HTML, which was removed\n");
    let server = Server::start(&["--data-dir", &data]);
    assert_eq!(kid_text(&server), "Fruit phones.", "it stays over a start");
    server.stop();
    let bars = write("AAPL.csv", "date,close\n2013-02-08,1.5\n");
    let more = write("more.csv", "symbol,fun_fact\nAAPL,x\u{202e}y\nNONE,a\nMORE,b\n");
    let text = printed(&stocks(dir.path(), &["import", &bars, &more, "--market", "us"]));
    let counted = "2 stocks have texts and no bars, and are not part of the market\n";
    assert!(text.contains(counted), "{text}");
    assert!(text.contains("1 texts had control characters, which were removed\n"), "{text}");
    let text = printed(&stocks(dir.path(), &["import", &more, "--market", "us", "--dry-run"]));
    assert!(text.contains(counted), "AAPL has bars already: {text}");
    printed(&stocks(dir.path(), &["describe", &texts, "--market", "us"]));
    let text = error_line(&stocks(dir.path(), &["describe", &texts, "--market", "zse"]));
    assert!(text.contains("there is no imported market \"zse\""), "{text}");
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
        error_line(&command.output().expect("it runs"))
    };
    let text = serve("2013-02-08");
    assert!(text.contains("there is no imported market \"us\""), "{text}");
    let path = dir.path().join("bars.csv");
    std::fs::write(&path, "date,symbol,close\n2013-02-08,A,1.5\n2013-02-11,A,2\n")
        .expect("written");
    printed(&stocks(dir.path(), &["import", &path.display().to_string(), "--market", "us"]));
    let text = serve("2005-01-03");
    assert!(
        text.contains("expected a day from 2013-02-08 to 2013-02-08, got 2005-01-03"),
        "{text}"
    );
}
