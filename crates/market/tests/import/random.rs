//! Any bytes, and the corpus with mutations: no panic, and every imported bar is plausible.

use std::io::Write as _;

use domain::Day;
use flate2::Compression;
use flate2::write::GzEncoder;
use market::{ImportOptions, ImportedData};
use proptest::prelude::*;
use testkit::Fuzzer;

use crate::support::*;

/// Punctuation and words of such files.
const TOKENS: &[&str] = &[
    ",",
    ";",
    "\t",
    "|",
    "\"",
    "\r\n",
    "\r",
    ".",
    "'",
    "-",
    "+",
    "1e9",
    "0",
    "1,234.56",
    "1.234,56",
    "2013-02-08",
    "02/08/2013",
    "date",
    "close",
    "symbol",
    "currency",
    "USD",
    "GBX",
    "\u{a0}",
    "é",
    "99999999999999999999",
    "NaN",
    "sep=;",
    "<b>",
    "&amp;",
    "\0",
];

fn assert_sound(import: &ImportedData) {
    let count: usize = import.stocks.iter().map(|(_, bars)| bars.len()).sum();
    assert_eq!(u64::try_from(count).ok(), Some(import.summary.bars));
    let summary = &import.summary;
    let rows = summary.refused + summary.bad + summary.notes + summary.other_currencies;
    assert!(rows <= summary.rows, "{summary:?}");
    for (symbol, bars) in &import.stocks {
        assert!(bars.windows(2).all(|two| two[0].day < two[1].day), "{symbol}");
        for bar in bars {
            let (high, low) = (bar.high.unwrap_or(bar.close), bar.low.unwrap_or(bar.close));
            let inside = |price| (low..=high).contains(&price);
            let is_inside = bar.high.is_none()
                || bar.low.is_none()
                || inside(bar.close) && bar.open.is_none_or(inside);
            assert!(is_inside, "{symbol} {bar:?}");
            let prices = [Some(bar.close), bar.open, bar.high, bar.low];
            assert!(prices.iter().flatten().all(|p| p.0 > 0 && p.0 % import.tick.0 == 0));
            assert!(bar.volume.is_none_or(|volume| volume >= 0));
        }
    }
}

fn read_either_way(bytes: &[u8]) {
    for skip_bad in [false, true] {
        if let Ok((import, notes)) =
            read_all(ImportOptions { skip_bad, ..options() }, &[("ACME.csv", bytes)])
        {
            assert_sound(&import);
            let refused = notes.iter().filter(|note| note.is_refused).count();
            assert_eq!(u64::try_from(refused).ok(), Some(import.summary.refused));
            assert!(!skip_bad || refused == 0);
        }
    }
}

#[test]
fn files_of_the_corpus_and_their_mutations_never_panic() {
    Fuzzer::new(FILES, TOKENS).run(512, read_either_way);
}

#[test]
fn mutations_of_packed_files_never_panic() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed
        .write_all(&std::fs::read(format!("{FILES}stooq_bulk.txt")).expect("a file"))
        .expect("memory");
    std::fs::write(folder.path().join("packed"), packed.finish().expect("memory"))
        .expect("written");
    Fuzzer::new(folder.path(), TOKENS).run(256, read_either_way);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn written_bars_are_imported_unchanged(
        closes in prop::collection::vec(1i64..10_000_000_000, 1..40), is_comma in any::<bool>(),
    ) {
        let (delimiter, mark) = if is_comma { (';', ',') } else { (',', '.') };
        let mut text = format!("date{delimiter}symbol{delimiter}close\n");
        for (day, close) in (15_000..).map(Day).zip(&closes) {
            let (whole, fraction) = (close / 10_000, close % 10_000);
            text += &format!("{day}{delimiter}ACME{delimiter}{whole}{mark}{fraction:04}\n");
        }
        let (import, notes) = read(&text).expect("a file");
        prop_assert!(notes.is_empty(), "{:?}", notes);
        let found: Vec<i64> = import.stocks[0].1.iter().map(|bar| bar.close.0).collect();
        prop_assert_eq!(found, closes);
    }

    #[test]
    fn rows_of_any_characters_never_panic(rows in "[0-9,;.\"\\-eEA-Z\r\n \u{a0}é]{0,200}") {
        read_either_way(format!("date,symbol,open,high,low,close,volume\n{rows}").as_bytes());
        read_either_way(format!("date;symbol;close;currency\n{rows}").as_bytes());
        read_either_way(format!("symbol,name,description\n{rows}").as_bytes());
        read_either_way(rows.as_bytes());
    }

    #[test]
    fn any_bytes_never_panic(
        head in 0usize..6, bytes in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let heads: [&[u8]; 6] =
            [b"", b"\xff\xfe", b"\xfe\xff", b"\x1f\x8b\x08", b"\xef\xbb\xbf", b"PK"];
        read_either_way(&[heads[head], &bytes].concat());
    }
}
