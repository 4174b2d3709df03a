//! Row sets as parameters: PostgreSQL takes one array per column (`unnest`), SQLite one JSON text
//! (`json_each`). A statement has the marker `{rows}` in its place.

use std::fmt::Write as _;

use sqlx::Arguments as _;
use sqlx::error::BoxDynError;
use sqlx::postgres::PgArguments;

#[derive(Clone, Copy, Debug)]
pub(crate) enum ColumnType {
    Int,
    Text,
    Bytes,
}

#[derive(Clone, Debug)]
pub(crate) enum ColumnValues {
    Int(Vec<Option<i64>>),
    Text(Vec<Option<String>>),
    Bytes(Vec<Vec<u8>>),
}

/// A set of rows, stored by column.
#[derive(Clone, Debug, Default)]
pub(crate) struct RowSet {
    columns: Vec<ColumnValues>,
}

impl RowSet {
    /// The columns must have equal lengths.
    pub(crate) fn new(columns: Vec<ColumnValues>) -> Self {
        Self { columns }
    }

    pub(crate) fn int<T>(items: &[T], value: impl Fn(&T) -> i64) -> ColumnValues {
        ColumnValues::Int(items.iter().map(|item| Some(value(item))).collect())
    }

    pub(crate) fn optional_int<T>(items: &[T], value: impl Fn(&T) -> Option<i64>) -> ColumnValues {
        ColumnValues::Int(items.iter().map(value).collect())
    }

    pub(crate) fn text<T>(items: &[T], value: impl Fn(&T) -> String) -> ColumnValues {
        ColumnValues::Text(items.iter().map(|item| Some(value(item))).collect())
    }

    pub(crate) fn optional_text<T>(
        items: &[T],
        value: impl Fn(&T) -> Option<String>,
    ) -> ColumnValues {
        ColumnValues::Text(items.iter().map(value).collect())
    }

    pub(crate) fn bytes<T>(items: &[T], value: impl Fn(&T) -> Vec<u8>) -> ColumnValues {
        ColumnValues::Bytes(items.iter().map(value).collect())
    }

    fn length(&self) -> usize {
        match self.columns.first() {
            Some(ColumnValues::Int(values)) => values.len(),
            Some(ColumnValues::Text(values)) => values.len(),
            Some(ColumnValues::Bytes(values)) => values.len(),
            None => 0,
        }
    }

    /// Adds one array per column.
    pub(crate) fn add_arrays(&self, arguments: &mut PgArguments) -> Result<(), BoxDynError> {
        self.columns.iter().try_for_each(|column| match column {
            ColumnValues::Int(values) => arguments.add(values),
            ColumnValues::Text(values) => arguments.add(values),
            ColumnValues::Bytes(values) => arguments.add(values),
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

impl ColumnValues {
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
                json.push_str(&hex::encode(&values[row]));
                json.push('"');
            }
        }
    }
}

/// The SQL of `{rows}` and its number of parameters.
pub(crate) fn row_set_sql_sqlite(columns: &[(&str, ColumnType)]) -> (String, usize) {
    let mut text = "SELECT ".to_owned();
    for (i, (name, kind)) in columns.iter().enumerate() {
        let comma = if i == 0 { "" } else { ", " };
        let value = match kind {
            ColumnType::Bytes => format!("unhex(value ->> {i})"),
            ColumnType::Int | ColumnType::Text => format!("value ->> {i}"),
        };
        write!(text, "{comma}{value} AS {name}").unwrap_or_default();
    }
    text.push_str(" FROM json_each($1)");
    (text, 1)
}

/// The SQL of `{rows}` and its number of parameters.
pub(crate) fn row_set_sql_postgres(columns: &[(&str, ColumnType)]) -> (String, usize) {
    let (mut parameters, mut names) = (String::new(), String::new());
    for (i, (name, kind)) in columns.iter().enumerate() {
        let comma = if i == 0 { "" } else { ", " };
        let array = match kind {
            ColumnType::Int => "bigint[]",
            ColumnType::Text => "text[]",
            ColumnType::Bytes => "bytea[]",
        };
        write!(parameters, "{comma}${}::{array}", i + 1).unwrap_or_default();
        write!(names, "{comma}{name}").unwrap_or_default();
    }
    (format!("SELECT * FROM unnest({parameters}) AS set_of_rows({names})"), columns.len())
}
