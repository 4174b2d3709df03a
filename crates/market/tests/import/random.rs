//! Any bytes, and good files with something changed in them: no panic, and where nothing is refused
//! every bar is sound.

use std::io::Write as _;

use domain::Day;
use flate2::Compression;
use flate2::write::GzEncoder;
use market::{ImportOptions, ImportedData};
use proptest::prelude::*;

use crate::support::*;

const NAMES: [&str; 10] = [
    "yfinance.csv",
    "yfinance_two.csv",
    "yfinance_by_ticker.csv",
    "BRK-B.csv",
    "yahoo_gaps.csv",
    "stooq_bulk.txt",
    "excel_semicolons.csv",
    "excel_quoted.csv",
    "price_sheet.csv",
    "stooq.csv",
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

fn changed(name: &str, changes: &[(usize, u8, u8)]) -> Vec<u8> {
    let mut bytes = std::fs::read(format!("{FILES}{name}")).expect("a file");
    for (at, what, byte) in changes {
        let at = at % (bytes.len() + 1);
        match what % 4 {
            0 if at < bytes.len() => bytes[at] = *byte,
            1 => bytes.insert(at, *byte),
            2 if at < bytes.len() => drop(bytes.remove(at)),
            _ => bytes.truncate(at.max(bytes.len() / 2)),
        }
    }
    bytes
}

/// Bytes that mean something in such files, and any other.
fn bytes() -> impl Strategy<Value = u8> {
    prop_oneof![prop::sample::select(b",;\t|\"\r\n.'-+e0189 \0\x1a\xff<&".to_vec()), any::<u8>()]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn good_files_with_changes_never_panic(
        name in prop::sample::select(NAMES.to_vec()),
        changes in prop::collection::vec((any::<usize>(), any::<u8>(), bytes()), 0..6),
    ) {
        read_either_way(&changed(name, &changes));
    }

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

    #[test]
    fn packed_files_with_changes_never_panic(at in any::<usize>(), byte in any::<u8>()) {
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(&changed("stooq_bulk.txt", &[])).expect("memory");
        let mut bytes = packed.finish().expect("memory");
        let at = at % bytes.len();
        bytes[at] = byte;
        read_either_way(&bytes);
    }
}
