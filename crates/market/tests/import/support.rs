//! Shared by the import tests: reads files from memory and formats bars.

use domain::Day;
use market::{ImportError, ImportNote, ImportOptions, ImportedData, Importer};

pub(crate) const FILES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/import/files/");

pub(crate) fn options() -> ImportOptions {
    ImportOptions {
        currency: None,
        decimal: None,
        dates: None,
        symbol: None,
        today: Day::parse("2026-11-27").expect("a day"),
        skip_bad: false,
    }
}

/// What was read, and the rows that were not taken.
pub(crate) type Read = (ImportedData, Vec<ImportNote>);

/// Reads files of these names and bytes.
pub(crate) fn read_all(
    options: ImportOptions,
    files: &[(&str, &[u8])],
) -> Result<Read, ImportError> {
    let mut importer = Importer::new(options);
    let mut notes = Vec::new();
    for (name, bytes) in files {
        importer.read(name, *bytes, &mut |note| notes.push(note))?;
    }
    Ok((importer.finish(), notes))
}

pub(crate) fn read(text: &str) -> Result<Read, ImportError> {
    read_all(options(), &[("bars.csv", text.as_bytes())])
}

/// A file beside these tests.
pub(crate) fn file(name: &str) -> Read {
    file_with(name, options())
}

pub(crate) fn file_with(name: &str, options: ImportOptions) -> Read {
    let bytes = std::fs::read(format!("{FILES}{name}")).expect("a file");
    read_all(options, &[(name, &bytes)]).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The bars in short: symbol, day, then open, high, low, close and volume.
pub(crate) fn bars(import: &ImportedData) -> Vec<String> {
    let stocks = import.stocks.iter();
    let all = stocks.flat_map(|(symbol, bars)| bars.iter().map(move |bar| (symbol, bar)));
    let text = all.map(|(symbol, bar)| {
        let price = |price: Option<domain::Price>| price.map_or("-".to_owned(), |p| p.to_string());
        let prices = [bar.open, bar.high, bar.low, Some(bar.close)].map(price).join(" ");
        let volume = bar.volume.map_or("-".to_owned(), |volume| volume.to_string());
        format!("{symbol} {} {prices} {volume}", bar.day)
    });
    text.collect()
}

/// The lines that were refused, with their reasons.
pub(crate) fn refused(notes: &[ImportNote]) -> Vec<(u64, &str)> {
    let refused = notes.iter().filter(|note| note.is_refused);
    refused.map(|note| (note.line, note.reason.as_str())).collect()
}
