//! CSV as RFC 4180 has it, safe to open in a spreadsheet: free text that a spreadsheet would take
//! for a formula gets an apostrophe in front. It only writes; nothing here reads CSV.

/// What a file begins with that spreadsheets shall read as UTF-8; programs may not expect it.
pub(crate) const BOM: &str = "\u{feff}";

/// One cell of a row.
pub(crate) enum Cell {
    /// A number or a word of ours, written as it is.
    Plain(String),
    /// What somebody typed; defused before it is written.
    Text(String),
}

impl Cell {
    /// A number or a word of ours; an empty cell when there is none.
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
    /// A table with this header.
    pub(crate) fn new(header: &[&str]) -> Self {
        let mut csv = Self::default();
        csv.row(header.iter().map(|name| Cell::Plain((*name).to_owned())));
        csv
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

    /// The whole table.
    pub(crate) fn into_text(self) -> String {
        self.text
    }

    /// Writes a value, in quotes where the comma, the quote or a line break demand them.
    fn push_quoted(&mut self, value: &str) {
        if !value.contains([',', '"', '\r', '\n']) {
            return self.text.push_str(value);
        }
        self.text.push('"');
        self.text.push_str(&value.replace('"', "\"\""));
        self.text.push('"');
    }
}

/// Whether a spreadsheet would calculate this text. The last four are the full-width forms, which
/// some spreadsheets fold to the plain ones.
fn starts_a_formula(text: &str) -> bool {
    let risky = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];
    text.starts_with(risky)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(cells: Vec<Cell>) -> String {
        let mut csv = Csv::new(&["a", "b"]);
        csv.row(cells);
        csv.into_text()
    }

    #[test]
    fn commas_quotes_and_line_breaks_are_quoted() {
        let row = vec![Cell::Text("say \"hi\", all".into()), Cell::Text("one\ntwo".into())];
        assert_eq!(written(row), "a,b\r\n\"say \"\"hi\"\", all\",\"one\ntwo\"\r\n");
    }

    #[test]
    fn text_that_looks_like_a_formula_is_defused() {
        for text in ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "＝1"] {
            let row = written(vec![Cell::Text(text.into()), Cell::Plain(String::new())]);
            let cell = row.trim_start_matches("a,b\r\n").trim_start_matches('"');
            assert!(cell.starts_with('\''), "{text:?} was written as {row:?}");
        }
    }

    #[test]
    fn numbers_keep_their_sign_and_nothing_is_an_empty_cell() {
        let row = vec![Cell::plain(Some("-5.00")), Cell::plain(None::<i64>)];
        assert_eq!(written(row), "a,b\r\n-5.00,\r\n");
    }
}
