//! Statements: one text for both engines, or two where an engine requires it, with markers:
//!
//! - `{rows}`: a row set as parameter (see `rows`); `{$1}`, `{$2}`, …: the parameters after it
//! - `{prices:$n:prices}`, `{quotes:$n:quotes}`: prices (and changes) as one JSON parameter
//! - `{for update}`, `{skip locked}`: row locks, where the engine has them
//! - `{mark}`: beside a row set, inserts the batch mark, made at `{$1}`
//! - `{json_rows}`, `{json_row}`: one JSON array of all rows, and of one
//! - `{value:quantity:price:unit}`, `{average:sum:count}`: as computed by `domain`
//! - `{bits:number}`: aggregates numbers from 0 to 62 as a bit set (PostgreSQL would sort for a sum
//!   of distinct values, and SQLite has no `BIT_OR`)
//!
//! `catalogue` lists every statement.

use std::ops::Deref;
use std::sync::OnceLock;

use crate::StoreError;
use crate::rows::{row_set_sql_postgres, row_set_sql_sqlite};

/// A statement with its text for each engine.
#[derive(Clone, Copy, Debug)]
pub struct Statement {
    /// `table.verb`, used in metrics and tests.
    pub name: &'static str,
    pub sqlite: &'static str,
    pub postgres: &'static str,
}

/// A statement whose text is expanded on first use.
pub(crate) struct LazyStatement {
    name: &'static str,
    /// Of the row set; empty without one.
    columns: &'static str,
    sqlite: &'static str,
    postgres: &'static str,
    expanded: OnceLock<Statement>,
}

impl LazyStatement {
    /// One text for both engines.
    pub(crate) const fn new(name: &'static str, text: &'static str) -> Self {
        Self::with_rows(name, "", text)
    }

    /// One text with a row set as its first parameters, whose columns are written as in
    /// `player_id bigint, key text, hash bytea`.
    pub(crate) const fn with_rows(
        name: &'static str,
        columns: &'static str,
        text: &'static str,
    ) -> Self {
        Self { name, columns, sqlite: text, postgres: text, expanded: OnceLock::new() }
    }

    pub(crate) const fn by_engine(
        name: &'static str,
        sqlite: &'static str,
        postgres: &'static str,
    ) -> Self {
        Self { name, columns: "", sqlite, postgres, expanded: OnceLock::new() }
    }
}

impl Deref for LazyStatement {
    type Target = Statement;

    fn deref(&self) -> &Statement {
        // The texts are leaked once, for the life of the program.
        self.expanded.get_or_init(|| Statement {
            name: self.name,
            sqlite: expand_sqlite(self.sqlite, self.columns).leak(),
            postgres: expand_postgres(self.postgres, self.columns).leak(),
        })
    }
}

fn expand_sqlite(text: &str, columns: &str) -> String {
    let (rows, used) = set_or_none(columns, row_set_sql_sqlite);
    formulas(&number(&text.replace("{mark}", ""), used), "SUM(DISTINCT ")
        .replace("{rows}", &rows)
        .replace("{for update}", "")
        .replace("{skip locked}", "")
        .replace("{json_rows}", "json_group_array")
        .replace("{json_row}", "json_array")
        .replace("{prices:", PRICES_SQLITE.0)
        .replace(":prices}", PRICES_SQLITE.1)
        .replace("{quotes:", QUOTES_SQLITE.0)
        .replace(":quotes}", QUOTES_SQLITE.1)
}

fn expand_postgres(text: &str, columns: &str) -> String {
    let (rows, used) = set_or_none(columns, row_set_sql_postgres);
    formulas(&number(&text.replace("{mark}", MARK_POSTGRES), used), "BIT_OR(")
        .replace("{rows}", &rows)
        .replace("{for update}", "FOR UPDATE OF p")
        .replace("{skip locked}", "SKIP LOCKED")
        .replace("{json_rows}", "json_agg")
        .replace("{json_row}", "json_build_array")
        .replace("{prices:", PRICES_POSTGRES.0)
        .replace(":prices}", PRICES_POSTGRES.1)
        .replace("{quotes:", QUOTES_POSTGRES.0)
        .replace(":quotes}", QUOTES_POSTGRES.1)
}

/// The single row of a writing statement. Such a statement must be run with `fetch_all`: with
/// `fetch_one` and `fetch_optional`, sqlx 0.9.0 ends it on SQLite after the first row, which
/// commits, and ignores the result of the commit.
pub(crate) fn only<T>(rows: Vec<T>) -> Result<T, StoreError> {
    rows.into_iter().next().ok_or(StoreError::Query(sqlx::Error::RowNotFound))
}

/// Inserts the batch mark, independently of all other rows.
const MARK_POSTGRES: &str = ",
         marked AS (INSERT INTO batch_marks (made_at, mark, outcome)
             VALUES ({$1}, {$2}, 'committed'))";

/// Prices as a table, around the parameter `[[stock_id, price], …]` (JSON). The cast gives the id a
/// type, without which SQLite builds no automatic index and joins 10,000 stocks in a nested loop.
const PRICES_SQLITE: (&str, &str) =
    ("SELECT CAST(value ->> 0 AS BIGINT) AS stock_id, value ->> 1 AS price FROM jsonb_each(", ")");
const PRICES_POSTGRES: (&str, &str) = (
    "SELECT (pair ->> 0)::bigint AS stock_id, (pair ->> 1)::bigint AS price \
     FROM json_array_elements(",
    "::json) AS pair",
);

/// Prices and changes as a table, around the parameter `[[stock_id, price, change], …]`.
const QUOTES_SQLITE: (&str, &str) = (
    "SELECT CAST(value ->> 0 AS BIGINT) AS stock_id, value ->> 1 AS price, \
     value ->> 2 AS change FROM jsonb_each(",
    ")",
);
const QUOTES_POSTGRES: (&str, &str) = (
    "SELECT (one ->> 0)::bigint AS stock_id, (one ->> 1)::bigint AS price, \
     (one ->> 2)::bigint AS change FROM json_array_elements(",
    "::json) AS one",
);

/// Expands `{value:…}`, `{average:…}` and `{bits:…}`. Both engines divide integers towards zero. No
/// overflow within the limits of holdings and prices.
fn formulas(text: &str, bits_aggregate: &str) -> String {
    // Quantity in millionths times price in ten-thousandths, rounded down to ten-thousandths and
    // then to the minor unit, like `Price::value_rounded_down`. `unit` is the parameter
    // `MinorUnit::price_units`. Split so that no product exceeds 64 bits.
    let text = expanded(text, "{value:", |quantity, price_and_unit| {
        let (price, unit) = price_and_unit.split_once(':').unwrap_or((price_and_unit, "1"));
        format!(
            "((({quantity} / 1000000) * {price} \
             + ({quantity} % 1000000) * {price} / 1000000) / {unit})"
        )
    });
    // Like `divide_rounded` for sums that are not negative. The cast prevents a NUMERIC division on
    // PostgreSQL.
    let text = expanded(&text, "{average:", |sum, count| {
        format!("((2 * CAST({sum} AS BIGINT) + {count}) / (2 * {count}))")
    });
    expanded(&text, "{bits:", |number, _| {
        format!("{bits_aggregate}CAST(1 AS BIGINT) << CAST({number} AS INTEGER))")
    })
}

/// Replaces each `{name:a:b}`; `marker` is `{name:`.
fn expanded(text: &str, marker: &str, formula: impl Fn(&str, &str) -> String) -> String {
    let mut parts = text.split(marker);
    let mut done = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (arguments, rest) = part.split_once('}').unwrap_or((part, ""));
        let (first, second) = arguments.split_once(':').unwrap_or((arguments, ""));
        done.push_str(&formula(first, second));
        done.push_str(rest);
    }
    done
}

fn set_or_none(columns: &str, source: fn(&str) -> (String, usize)) -> (String, usize) {
    if columns.is_empty() { (String::new(), 0) } else { source(columns) }
}

/// Numbers `{$1}`, `{$2}`, … after the first `used` parameters.
fn number(text: &str, used: usize) -> String {
    (1..=9).fold(text.to_owned(), |text, n| {
        text.replace(&format!("{{${n}}}"), &format!("${}", n + used))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_of_formulas_are_replaced_wherever_they_stand() {
        let join = |a: &str, b: &str| format!("{a}+{b}");
        assert_eq!(expanded("{x:a.b:c}, {x:d:e} f", "{x:", join), "a.b+c, d+e f");
        assert_eq!(expanded("nothing {y:a:b}", "{x:", join), "nothing {y:a:b}");
    }
}
