//! Files in the formats of common vendors and tools, all composed for these tests.

use std::io::Write as _;

use domain::{Price, Symbol};
use flate2::Compression;
use flate2::write::GzEncoder;
use market::{DateOrder, ImportNote, ImportOptions, ImportedData, PriceUnit};

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

#[test]
fn a_column_of_currencies_is_found_by_many_names() {
    for name in [
        "currency",
        "Currency Code",
        "currency_code",
        "currencyCode",
        "Trading Currency",
        "Trade-Currency",
        "Quote Currency",
        "Price Currency",
        "Curr.",
        "Ccy.",
        "Cur",
        "Currency ISO",
        "iso_currency",
        "CURRENCY_CD",
        "Curncy",
        "W\u{e4}hrung",
        "W\u{c4}HRUNG",
        "Devise",
        "Moneda",
    ] {
        let text = format!("date,symbol,close,{name}\n2024-01-02,VOD.L,72.5,GBX\n");
        let (import, notes) = read(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(refused(&notes), [], "{name}");
        assert_eq!(import.currency.as_deref(), Some("GBP"), "{name}");
        assert_eq!(import.stocks[0].1[0].close, Price(7_250), "{name}");
    }
    let two = "date,symbol,close,Currency,Quote Currency\n2024-01-02,VOD.L,72.5,GBP,GBX\n";
    let error = read(two).expect_err("two").to_string();
    let expected = "the header has two columns of currencies: \"currency\" and \"quotecurrency\"";
    assert_eq!(error, expected);
}

fn of_acme(text: &str, dates: Option<DateOrder>) -> (ImportedData, Vec<ImportNote>) {
    let symbol = Some(Symbol::parse("ACME").expect("a symbol"));
    let found =
        read_all(ImportOptions { symbol, dates, ..options() }, &[("acme.csv", text.as_bytes())]);
    found.unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn headers_of_vendors_in_other_words_are_known() {
    let expected = "ACME 2024-01-02 10.25 11.00 10.00 10.50 1000";
    for (text, dates) in [
        (
            "Data,Otwarcie,Najwyzszy,Najnizszy,Zamkniecie,Wolumen\n\
             2024-01-02,10.25,11,10,10.5,1000\n",
            None,
        ),
        (
            "Datum;Er\u{f6}ffnung;Hoch;Tief;Schlusskurs;Volumen\n02.01.2024;10,25;11;10;10,5;1000\n",
            None,
        ),
        ("Datum;Eroeffnung;Hoch;Tief;Schluss;Volumen\n02.01.2024;10,25;11;10;10,5;1000\n", None),
        (
            "Date,Close/Last,Volume,Open,High,Low\n01/02/2024,$10.50,1000,$10.25,$11.00,$10.00\n",
            Some(DateOrder::MonthFirst),
        ),
        (
            "\"Date\",\"Price\",\"Open\",\"High\",\"Low\",\"Vol.\",\"Change %\"\n\
             \"01/02/2024\",\"10.50\",\"10.25\",\"11.00\",\"10.00\",\"1.00K\",\"-0.50%\"\n",
            Some(DateOrder::MonthFirst),
        ),
    ] {
        let (import, notes) = of_acme(text, dates);
        assert_eq!((bars(&import), refused(&notes)), (vec![expected.to_owned()], vec![]), "{text}");
    }
}

#[test]
fn bhavcopies_of_nse_have_their_date_last_and_only_series_eq_is_taken() {
    let text = "SYMBOL,SERIES,OPEN,HIGH,LOW,CLOSE,LAST,PREVCLOSE,TOTTRDQTY,TOTTRDVAL,TIMESTAMP,\
                TOTALTRADES,ISIN,\n\
                ACME,EQ,10.25,11,10,10.5,10.4,10,1000,10500,02-JAN-2024,7,INE000000001,\n\
                ACME,BL,10.25,11,10,10.6,10.4,10,1000,10500,02-JAN-2024,7,INE000000001,\n\
                BOND,GB,100,100,100,100,100,100,1,100,02-JAN-2024,7,IN0000000001,\n";
    let (import, notes) = read(text).expect("reads");
    assert_eq!(bars(&import), ["ACME 2024-01-02 10.25 11.00 10.00 10.50 1000"]);
    assert_eq!((refused(&notes), import.summary.other_series), (vec![], 2));
}

#[test]
fn a_unit_behind_the_name_of_a_price_is_its_currency() {
    for (name, currency) in [
        ("Close \u{20ac}", Some("EUR")),
        ("Close\u{20ac}", Some("EUR")),
        ("Close EUR", Some("EUR")),
        ("close_EUR", Some("EUR")),
        ("Close (US$)", Some("USD")),
        ("Close US$", Some("USD")),
        ("Close Price GBX", Some("GBP")),
        ("Close ($)", None),
        ("Close $", None),
    ] {
        let text = format!("date,symbol,{name}\n2024-01-02,A,1000\n");
        let (import, _) = read(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(import.currency.as_deref(), currency, "{name}");
        let expected = if name.ends_with("GBX") { 100_000 } else { 10_000_000 };
        assert_eq!(import.stocks[0].1[0].close, Price(expected), "{name}");
    }
    let text = "DATE,SYMBOL,OPEN,OPEN INT,CLOSE\n2024-01-02,A,1,5,1\n";
    assert_eq!(read(text).expect("reads").0.currency, None, "open interest is no currency");
}

#[test]
fn numbers_of_vendors_are_read_exactly_and_two_meanings_stay_refused() {
    let head = "date,symbol,close,volume\n";
    for (row, expected) in [
        ("2024-01-02,A,.5,1.2M", "A 2024-01-02 - - - 0.50 1200000"),
        ("2024-01-02,A,\"1,23,456.50\",350.5K", "A 2024-01-02 - - - 123456.50 350500"),
        ("2024-01-02,A,$192.42,2.5B", "A 2024-01-02 - - - 192.42 2500000000"),
        ("2024-01-02,A,4745.200195,-", "A 2024-01-02 - - - 4745.20 -"),
    ] {
        let (import, notes) = read(&format!("{head}{row}\n")).expect(row);
        assert_eq!((bars(&import), refused(&notes)), (vec![expected.to_owned()], vec![]), "{row}");
        assert_eq!(import.tick, Price(100), "{row}");
    }
    let error = read(&format!("{head}2024-01-02,A,5,\"1,234M\"\n")).expect_err("two").to_string();
    assert!(error.contains("\"1,234\" can be read in two ways"), "{error}");
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
        (Vec::new(), "the file is empty"),
        (packed(b""), "the file is empty"),
        (b"\xef\xbb\xbf".to_vec(), "the file is empty"),
        (b" \n".to_vec(), "expected a header"),
        (packed(&whole), "gzip within gzip"),
        (packed(b"PK\x03\x04rest"), "a zip archive or a spreadsheet"),
        (b"BZh91AY&SY".to_vec(), "a bzip2 file"),
        (b"\xfd7zXZ\0\0\x04".to_vec(), "an xz file"),
        (b"PAR1\x15\0".to_vec(), "a Parquet file"),
        (b"\x28\xb5\x2f\xfd".to_vec(), "a Zstandard file"),
    ] {
        let error = read_all(options(), &[("bars.csv", &bytes)]).expect_err(expected).to_string();
        assert!(error.contains(expected), "{expected}: {error}");
    }
}
