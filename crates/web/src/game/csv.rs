//! Writes CSV (RFC 4180) that is safe to open in a spreadsheet: free text that a spreadsheet would
//! evaluate as a formula is prefixed with an apostrophe.

/// The byte order mark, by which spreadsheets recognize UTF-8.
pub(crate) const BOM: &str = "\u{feff}";

pub(crate) enum Cell {
    /// A number or a fixed word.
    Plain(String),
    /// Free text, which may need the apostrophe.
    Text(String),
}

impl Cell {
    /// An empty cell for `None`.
    pub(crate) fn plain(value: Option<impl ToString>) -> Self {
        Self::Plain(value.map(|v| v.to_string()).unwrap_or_default())
    }
}

/// A table under construction; starts with its header row.
#[derive(Default)]
pub(crate) struct Csv {
    text: String,
}

impl Csv {
    /// `header` is the first row, with plain names.
    pub(crate) fn new(header: &str) -> Self {
        Self { text: format!("{header}\r\n") }
    }

    /// Appends a row, ended by CR LF.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        for (i, cell) in cells.into_iter().enumerate() {
            if i > 0 {
                self.text.push(',');
            }
            match cell {
                Cell::Plain(value) => self.push_quoted(&value),
                Cell::Text(value) if starts_a_formula(&value) => {
                    self.push_quoted(&format!("'{value}"));
                }
                Cell::Text(value) => self.push_quoted(&value),
            }
        }
        self.text.push_str("\r\n");
    }

    pub(crate) fn into_text(self) -> String {
        self.text
    }

    fn push_quoted(&mut self, value: &str) {
        if !value.contains([',', '"', '\r', '\n']) {
            return self.text.push_str(value);
        }
        self.text.push('"');
        self.text.push_str(&value.replace('"', "\"\""));
        self.text.push('"');
    }
}

/// Whether a spreadsheet would evaluate this text. The last four are full-width forms, which some
/// spreadsheets fold to the plain ones.
fn starts_a_formula(text: &str) -> bool {
    let risky = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];
    text.starts_with(risky)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(cells: Vec<Cell>) -> String {
        let mut csv = Csv::new("a,b");
        csv.row(cells);
        csv.into_text()
    }

    proptest! {
        #[test]
        fn rows_are_read_back_by_a_csv_reader(
            rows in prop::collection::vec(
                prop::collection::vec((any::<bool>(), "[-=+@＝,\"\r\n\t a]{0,5}|.{0,8}"), 2), 0..5),
        ) {
            let mut csv = Csv::new("a,b");
            for row in &rows {
                csv.row(row.iter().cloned().map(|(is_text, value)| match is_text {
                    true => Cell::Text(value),
                    false => Cell::Plain(value),
                }));
            }
            let text = csv.into_text();
            let mut reader = csv::Reader::from_reader(text.as_bytes());
            let read: Vec<Vec<String>> = reader.deserialize().map(Result::unwrap).collect();
            let expected = rows.iter().map(|row| {
                let cell = |(is_text, value): &(bool, String)| {
                    let first = value.chars().next().filter(|_| *is_text);
                    let is_formula = first.is_some_and(|c| "=+-@\t\r\n＝＋－＠".contains(c));
                    format!("{}{value}", if is_formula { "'" } else { "" })
                };
                row.iter().map(cell).collect::<Vec<_>>()
            });
            prop_assert_eq!(read, expected.collect::<Vec<_>>());
        }
    }

    #[test]
    fn commas_quotes_and_line_breaks_are_quoted() {
        let row = vec![Cell::Text("say \"hi\", all".into()), Cell::Text("one\ntwo".into())];
        assert_eq!(written(row), "a,b\r\n\"say \"\"hi\"\", all\",\"one\ntwo\"\r\n");
    }

    #[test]
    fn text_that_looks_like_a_formula_gets_an_apostrophe() {
        for text in ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "＝1"] {
            let row = written(vec![Cell::Text(text.into()), Cell::Plain(String::new())]);
            let cell = row.trim_start_matches("a,b\r\n").trim_start_matches('"');
            assert!(cell.starts_with('\''), "{text:?} was written as {row:?}");
        }
    }

    #[test]
    fn numbers_keep_their_sign_and_none_is_an_empty_cell() {
        let row = vec![Cell::plain(Some("-5.00")), Cell::plain(None::<i64>)];
        assert_eq!(written(row), "a,b\r\n-5.00,\r\n");
    }
}
