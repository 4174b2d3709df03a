//! Sets of rows as parameters: PostgreSQL takes one array a column (`unnest`), SQLite one JSON text
//! (`json_each`). A statement writes `{rows}` where the set stands; everything else is one text.

use std::fmt::Write as _;

use sqlx::Arguments as _;
use sqlx::error::BoxDynError;
use sqlx::postgres::PgArguments;

/// The type of a column of a row set.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Type {
    Int,
    Text,
    Bytes,
}

/// One column with its values.
#[derive(Clone, Debug)]
pub(crate) enum Column {
    Int(Vec<Option<i64>>),
    Text(Vec<Option<String>>),
    Bytes(Vec<Vec<u8>>),
}

/// Rows, column by column.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rows {
    columns: Vec<Column>,
}

impl Rows {
    /// A set of rows of these columns, all of one length.
    pub(crate) fn new(columns: Vec<Column>) -> Self {
        Self { columns }
    }

    /// A column of numbers.
    pub(crate) fn int<T>(items: &[T], value: impl Fn(&T) -> i64) -> Column {
        Column::Int(items.iter().map(|item| Some(value(item))).collect())
    }

    /// A column of numbers or nothing.
    pub(crate) fn maybe<T>(items: &[T], value: impl Fn(&T) -> Option<i64>) -> Column {
        Column::Int(items.iter().map(value).collect())
    }

    /// A column of texts.
    pub(crate) fn text<T>(items: &[T], value: impl Fn(&T) -> String) -> Column {
        Column::Text(items.iter().map(|item| Some(value(item))).collect())
    }

    /// A column of texts or nothing.
    pub(crate) fn maybe_text<T>(items: &[T], value: impl Fn(&T) -> Option<String>) -> Column {
        Column::Text(items.iter().map(value).collect())
    }

    /// A column of bytes.
    pub(crate) fn bytes<T>(items: &[T], value: impl Fn(&T) -> Vec<u8>) -> Column {
        Column::Bytes(items.iter().map(value).collect())
    }

    fn length(&self) -> usize {
        match self.columns.first() {
            Some(Column::Int(values)) => values.len(),
            Some(Column::Text(values)) => values.len(),
            Some(Column::Bytes(values)) => values.len(),
            None => 0,
        }
    }

    /// Adds one array for each column.
    pub(crate) fn add_arrays(&self, arguments: &mut PgArguments) -> Result<(), BoxDynError> {
        self.columns.iter().try_for_each(|column| match column {
            Column::Int(values) => arguments.add(values),
            Column::Text(values) => arguments.add(values),
            Column::Bytes(values) => arguments.add(values),
        })
    }

    /// The rows as a JSON array of arrays; bytes as hexadecimal text.
    pub(crate) fn to_json(&self) -> String {
        let mut json = String::with_capacity(16 + self.length() * self.columns.len() * 8);
        json.push('[');
        for row in 0..self.length() {
            json.push_str(if row == 0 { "[" } else { ",[" });
            for (i, column) in self.columns.iter().enumerate() {
                if i > 0 {
                    json.push(',');
                }
                column.write_json(row, &mut json);
            }
            json.push(']');
        }
        json.push(']');
        json
    }
}

impl Column {
    fn write_json(&self, row: usize, json: &mut String) {
        // Writing to a String cannot fail.
        match self {
            Self::Int(values) => match values[row] {
                Some(n) => write!(json, "{n}").unwrap_or_default(),
                None => json.push_str("null"),
            },
            Self::Text(values) => match &values[row] {
                Some(text) => json.push_str(&serde_json::Value::from(text.as_str()).to_string()),
                None => json.push_str("null"),
            },
            Self::Bytes(values) => {
                json.push('"');
                for byte in &values[row] {
                    write!(json, "{byte:02x}").unwrap_or_default();
                }
                json.push('"');
            }
        }
    }
}

/// The text that stands for `{rows}`, and how many parameters it takes.
pub(crate) fn source_sqlite(columns: &[(&str, Type)]) -> (String, usize) {
    let mut text = "SELECT ".to_owned();
    for (i, (name, kind)) in columns.iter().enumerate() {
        let comma = if i == 0 { "" } else { ", " };
        let value = match kind {
            Type::Bytes => format!("unhex(value ->> {i})"),
            Type::Int | Type::Text => format!("value ->> {i}"),
        };
        write!(text, "{comma}{value} AS {name}").unwrap_or_default();
    }
    text.push_str(" FROM json_each($1)");
    (text, 1)
}

/// The text that stands for `{rows}`, and how many parameters it takes.
pub(crate) fn source_postgres(columns: &[(&str, Type)]) -> (String, usize) {
    let (mut parameters, mut names) = (String::new(), String::new());
    for (i, (name, kind)) in columns.iter().enumerate() {
        let comma = if i == 0 { "" } else { ", " };
        let array = match kind {
            Type::Int => "bigint[]",
            Type::Text => "text[]",
            Type::Bytes => "bytea[]",
        };
        write!(parameters, "{comma}${}::{array}", i + 1).unwrap_or_default();
        write!(names, "{comma}{name}").unwrap_or_default();
    }
    (format!("SELECT * FROM unnest({parameters}) AS set_of_rows({names})"), columns.len())
}
