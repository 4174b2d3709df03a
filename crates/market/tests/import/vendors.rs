//! Files in the forms of common vendors and tools. All of them were made for these tests.

use std::io::Write as _;

use domain::{Price, Symbol};
use flate2::Compression;
use flate2::write::GzEncoder;
use market::{ImportOptions, PriceUnit};

use crate::support::*;

#[test]
fn yfinance_with_its_rows_of_headers() {
    let (import, notes) = file("yfinance.csv");
    assert_eq!(
        bars(&import),
        [
            "ACME 2024-01-02 67.7143 68.4014 66.8929 67.8714 158168416",
            "ACME 2024-01-03 67.00 67.8714 66.50 67.8714 129029425",
        ]
    );
    assert_eq!((import.summary.without_price, import.summary.rounded), (1, 2));
    assert_eq!((refused(&notes), import.summary.moved), (vec![], 0));
    assert_eq!(import.tick, Price(1));
}

#[test]
fn yfinance_with_two_stocks_and_gaps() {
    let (import, _) = file("yfinance_two.csv");
    assert_eq!(
        bars(&import),
        [
            "ACME 2024-01-02 10.25 11.00 10.00 10.50 1000",
            "ACME 2024-01-03 10.25 11.00 10.00 10.60 1100",
            "ACME 2024-01-04 10.25 11.00 10.00 10.70 1200",
            "M&M.NS 2024-01-02 845.00 860.00 840.00 850.25 2000",
            "M&M.NS 2024-01-04 855.00 870.00 850.00 860.25 0",
        ]
    );
    assert_eq!((import.summary.rows, import.summary.without_price), (3, 1));
    let (import, _) = file("yfinance_by_ticker.csv");
    assert_eq!(bars(&import)[3], "^IDX 2024-01-03 4720.50 4730.00 4700.00 4704.81 3950760000");
    let (import, _) = file("yfinance_old.csv");
    assert_eq!(bars(&import), ["ACME 2019-01-02 10.25 11.00 10.00 10.50 1000"]);
}

#[test]
fn a_file_of_one_stock_is_named_after_it() {
    let (import, _) = file("BRK-B.csv");
    assert_eq!(bars(&import)[0], "BRK-B 2024-01-02 356.30 363.89 355.90 363.50 5157700");
    assert_eq!(import.stocks[0].1.len(), 2);
    let text = std::fs::read(format!("{FILES}stooq.csv")).expect("a file");
    let error = read_all(options(), &[("stooq.csv", &text)]).expect_err("whose bars?").to_string();
    assert!(error.contains("no column of symbols"), "{error}");
    let symbol = Some(Symbol::parse("ACME.US").expect("a symbol"));
    let (import, _) = file_with("stooq.csv", ImportOptions { symbol, ..options() });
    assert_eq!(bars(&import)[1], "ACME.US 2024-01-03 10.25 11.00 10.00 10.60 1100");
}

#[test]
fn rows_of_nulls_are_days_without_a_price() {
    let symbol = Some(Symbol::parse("ACME").expect("a symbol"));
    let (import, notes) = file_with("yahoo_gaps.csv", ImportOptions { symbol, ..options() });
    assert_eq!(
        bars(&import),
        ["ACME 2024-01-02 10.25 11.00 10.00 10.50 1000", "ACME 2024-01-04 - 11.00 10.00 10.70 0",]
    );
    assert_eq!((import.summary.without_price, import.summary.zeros), (1, 1));
    assert_eq!(
        (notes[0].line, notes[0].is_refused, notes[0].reason.as_str()),
        (3, false, "no price")
    );
}

#[test]
fn stooq_with_its_brackets_and_fractions_of_shares() {
    let (import, _) = file("stooq_bulk.txt");
    assert_eq!(
        bars(&import),
        [
            "ACME.US 2024-01-02 10.25 11.00 10.00 10.50 98811716",
            "ACME.US 2024-01-03 10.25 11.00 10.00 10.60 12345",
        ]
    );
    let text = "<TICKER>,<PER>,<DATE>,<CLOSE>\nA,5,20240102,1\n";
    let (_, notes) = read(text).expect("reads");
    assert_eq!(refused(&notes), [(2, "expected daily bars (D), got \"5\"")]);
}

#[test]
fn spreadsheets_with_semicolons_and_decimal_commas() {
    let (import, notes) = file("excel_semicolons.csv");
    assert_eq!(
        bars(&import),
        [
            "ACME 2024-01-02 10.25 11.00 10.00 10.50 1000",
            "ACME 2024-01-03 10.25 1011.00 10.00 1010.60 1234567",
        ]
    );
    assert_eq!((import.summary.notes, refused(&notes)), (2, vec![]));
}

#[test]
fn spreadsheets_with_quoted_numbers_and_dates_in_words() {
    let (import, _) = file("excel_quoted.csv");
    assert_eq!(
        bars(&import),
        [
            "ACME 2024-01-02 1234.50 1240.00 1230.00 1234.56 1000",
            "ACME 2024-01-03 1234.50 1250.00 1230.00 1245.00 12000",
            "ACME 2024-01-04 - - - 1250.00 -",
        ]
    );
}

#[test]
fn price_sheets_of_an_exchange_with_titles_cents_and_footnotes() {
    let (import, notes) = file("price_sheet.csv");
    assert_eq!(
        bars(&import),
        [
            "ACME 2024-01-02 2.1991 2.25 2.1991 2.2005 1200",
            "ACME 2024-01-03 2.2005 - - 2.2005 0",
            "BOLT 2024-01-02 10.15 10.20 10.10 10.165 300",
            "BOLT 2024-01-04 10.165 10.20 10.10 10.19 100",
        ]
    );
    assert_eq!((import.currency.as_deref(), import.tick), (Some("ZWG"), Price(1)));
    assert_eq!((import.summary.notes, refused(&notes)), (4, vec![]));
}

#[test]
fn prices_in_pence_are_prices_in_pounds() {
    let text = "date,symbol,close,currency\n2024-01-02,VOD.L,72.5,GBX\n2024-01-03,VOD.L,0.73,GBP\n";
    let (import, _) = read(text).expect("reads");
    assert_eq!(bars(&import), ["VOD.L 2024-01-02 - - - 0.725 -", "VOD.L 2024-01-03 - - - 0.73 -"]);
    assert_eq!(import.currency.as_deref(), Some("GBP"));
    let named = ImportOptions { currency: PriceUnit::parse("GBp"), ..options() };
    let plain = "date,symbol,close\n2024-01-02,VOD.L,72.5\n";
    let (import, _) = read_all(named, &[("bars.csv", plain.as_bytes())]).expect("reads");
    assert_eq!(import.stocks[0].1[0].close, Price(7_250));
}

fn packed(text: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(text).expect("memory");
    packed.finish().expect("memory")
}

fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    [0xfeff].into_iter().chain(text.encode_utf16()).flat_map(bytes).collect()
}

#[test]
fn what_tools_do_to_bytes_is_undone() {
    let text = "date,symbol,close\n2024-01-02,A,1.5\n2024-01-03,A,1.6\n";
    let expected = ["A 2024-01-02 - - - 1.50 -", "A 2024-01-03 - - - 1.60 -"];
    let (first, rest) = text.as_bytes().split_at(30);
    let members = [packed(first), packed(rest)].concat();
    let padded = [members.clone(), vec![0; 700]].concat();
    for (what, bytes) in [
        ("plain", text.as_bytes().to_vec()),
        ("a byte order mark", [b"\xef\xbb\xbf", text.as_bytes()].concat()),
        ("carriage returns", text.replace('\n', "\r\n").into_bytes()),
        ("only carriage returns", text.replace('\n', "\r").into_bytes()),
        ("no line break at the end", text.trim_end().as_bytes().to_vec()),
        ("an end-of-file character", [text.as_bytes(), b"\x1a"].concat()),
        ("tabs", text.replace(',', "\t").into_bytes()),
        ("bars", text.replace(',', "|").into_bytes()),
        ("UTF-16, little end first", utf16(text, u16::to_le_bytes)),
        ("UTF-16, big end first", utf16(text, u16::to_be_bytes)),
        ("gzip without that name", packed(text.as_bytes())),
        ("gzip of several members", members),
        ("gzip with zeros at the end", padded),
        ("gzip of UTF-16", packed(&utf16(text, u16::to_le_bytes))),
    ] {
        let found = read_all(options(), &[("bars.csv", &bytes)]);
        let (import, _) = found.unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(bars(&import), expected, "{what}");
    }
}

#[test]
fn bytes_that_are_no_whole_text_are_refused() {
    let text = "date,symbol,close\n2024-01-02,A,1.5\n";
    let whole = packed(text.as_bytes());
    let utf16_units = utf16(text, u16::to_le_bytes);
    for (bytes, expected) in [
        (whole[..whole.len() - 9].to_vec(), "cannot be read"),
        ([whole.clone(), b"junk".to_vec()].concat(), "cannot be read"),
        (utf16_units[2..].to_vec(), "NUL characters"),
        (utf16_units[..utf16_units.len() - 1].to_vec(), "cannot be read"),
        (b"PK\x03\x04rest".to_vec(), "a zip archive or a spreadsheet"),
        (text.replace('A', "\u{c4}").chars().map(|c| c as u8).collect(), "line 2 is not UTF-8"),
        (Vec::new(), "expected a header"),
    ] {
        let error = read_all(options(), &[("bars.csv", &bytes)]).expect_err(expected).to_string();
        assert!(error.contains(expected), "{expected}: {error}");
    }
}
