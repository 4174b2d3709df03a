//! Row sets as parameters: PostgreSQL takes one array per column (`unnest`), SQLite one JSON text
//! (`jsonb_each`). A statement has the marker `{rows}` in its place.

use std::fmt::Write as _;

use sqlx::Arguments as _;
use sqlx::error::BoxDynError;
use sqlx::postgres::PgArguments;

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

/// The columns of a row set, written as `name type, name type`, with types of PostgreSQL.
fn columns(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split(", ").map(|column| column.split_once(' ').unwrap_or((column, "")))
}

/// The SQL of `{rows}` and its number of parameters. `jsonb_each` returns a row parsed; with
/// `json_each`, each column would render and parse the whole row again.
pub(crate) fn row_set_sql_sqlite(text: &str) -> (String, usize) {
    let value = |(i, (name, kind))| match kind {
        "bytea" => format!("unhex(value ->> {i}) AS {name}"),
        _ => format!("value ->> {i} AS {name}"),
    };
    let values: Vec<String> = (0..).zip(columns(text)).map(value).collect();
    (format!("SELECT {} FROM jsonb_each($1)", values.join(", ")), 1)
}

/// The SQL of `{rows}` and its number of parameters.
pub(crate) fn row_set_sql_postgres(text: &str) -> (String, usize) {
    let array = |(i, (_, kind))| format!("${i}::{kind}[]");
    let arrays: Vec<String> = (1..).zip(columns(text)).map(array).collect();
    let names: Vec<&str> = columns(text).map(|(name, _)| name).collect();
    let sql =
        format!("SELECT * FROM unnest({}) AS set_of_rows({})", arrays.join(", "), names.join(", "));
    (sql, names.len())
}
