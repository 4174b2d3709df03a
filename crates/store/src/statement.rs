//! Statements: one text for both engines, or two where an engine forces it. A text may hold the
//! markers `{rows}` (a set of rows as parameter, see `rows`), `{prices:$n:prices}` and
//! `{quotes:$n:quotes}` (the prices, or prices and changes, bound as one JSON text), `{$1}`,
//! `{$2}`, … (further parameters, numbered after those of the set), `{for update}` (row locks),
//! `{skip locked}` (without those that others hold) and `{mark}` (beside a set of rows: writes the
//! batch's mark, made at `{$1}`), where the engine has any, and `{json_rows}` and `{json_row}`
//! (functions that make one JSON array of all rows, and of one). `{value:q:p}` is what a quantity
//! is worth at a price and `{average:sum:count}` an average, both as `domain` computes them;
//! `{bits:number}` aggregates numbers from 0 to 62 as the bits of one (PostgreSQL sorts for a sum
//! of distinct values, and SQLite has no `BIT_OR`). Every statement is in [`CATALOGUE`], and a test
//! prepares each on both engines and looks at its plan.

use std::sync::LazyLock;

use crate::rows::{Type, source_postgres, source_sqlite};
use crate::{
    StoreError, achievements, archives, backfill, batch, changes, equity, erase, game, history,
    idempotency, imports, leases, ledger, market, markets, names, passwords, pending_orders,
    people, portfolio, prepare, provider_usage, quotes, rank_snapshots, scores, seals, seeds,
    settings, stock_texts, stocks, tokens, users, viewer, watches,
};

/// A statement of the program, with its text for each engine.
#[derive(Clone, Copy, Debug)]
pub struct Statement {
    /// `table.verb`, as in metrics and tests.
    pub name: &'static str,
    /// The text for SQLite.
    pub sqlite: &'static str,
    /// The text for PostgreSQL.
    pub postgres: &'static str,
}

/// A statement whose text is put together when it is first used.
pub(crate) type Lazy = LazyLock<Statement>;

impl Statement {
    /// One text for both engines.
    pub(crate) fn new(name: &'static str, text: &'static str) -> Self {
        Self::with_rows(name, &[], text)
    }

    /// One text with a set of rows as its first parameters.
    pub(crate) fn with_rows(
        name: &'static str,
        columns: &[(&str, Type)],
        text: &'static str,
    ) -> Self {
        let (rows_sqlite, used_sqlite) = set_or_none(columns, source_sqlite);
        let (rows_postgres, used_postgres) = set_or_none(columns, source_postgres);
        let text = arithmetic(text);
        let bits = |aggregate: &str| {
            expanded(&text, "{bits:", |number, _| {
                format!("{aggregate}CAST(1 AS BIGINT) << CAST({number} AS INTEGER))")
            })
        };
        let sqlite = number(&bits("SUM(DISTINCT ").replace("{mark}", ""), used_sqlite)
            .replace("{rows}", &rows_sqlite)
            .replace("{for update}", "")
            .replace("{skip locked}", "")
            .replace("{json_rows}", "json_group_array")
            .replace("{json_row}", "json_array")
            .replace("{prices:", PRICES_SQLITE.0)
            .replace(":prices}", PRICES_SQLITE.1)
            .replace("{quotes:", QUOTES_SQLITE.0)
            .replace(":quotes}", QUOTES_SQLITE.1);
        let postgres = number(&bits("BIT_OR(").replace("{mark}", MARK_POSTGRES), used_postgres)
            .replace("{rows}", &rows_postgres)
            .replace("{for update}", "FOR UPDATE OF p")
            .replace("{skip locked}", "SKIP LOCKED")
            .replace("{json_rows}", "json_agg")
            .replace("{json_row}", "json_build_array")
            .replace("{prices:", PRICES_POSTGRES.0)
            .replace(":prices}", PRICES_POSTGRES.1)
            .replace("{quotes:", QUOTES_POSTGRES.0)
            .replace(":quotes}", QUOTES_POSTGRES.1);
        // Statements live as long as the program; there are a few dozen.
        Self { name, sqlite: sqlite.leak(), postgres: postgres.leak() }
    }
}

/// The row that a writing statement returns. Such a statement is run with `fetch_all`: `fetch_one`
/// and `fetch_optional` of sqlx (0.9.0) end it after the first row on SQLite, which commits then,
/// and ignore the result of that.
pub(crate) fn only<T>(rows: Vec<T>) -> Result<T, StoreError> {
    rows.into_iter().next().ok_or(StoreError::Fault(sqlx::Error::RowNotFound))
}

/// Writes the mark of a batch. It hangs on no other row and nothing waits for it.
const MARK_POSTGRES: &str = ",
         marked AS (INSERT INTO batch_marks (made_at, mark, outcome)
             VALUES ({$1}, {$2}, 'committed'))";

/// Prices as a table, before and after the parameter that holds `[[stock_id, price], …]` as JSON.
/// SQLite makes itself an index for joins with it, which it does only when the number's type is
/// known: without the cast a market of 10,000 stocks is compared with itself.
const PRICES_SQLITE: (&str, &str) =
    ("SELECT CAST(value ->> 0 AS BIGINT) AS stock_id, value ->> 1 AS price FROM json_each(", ")");
const PRICES_POSTGRES: (&str, &str) = (
    "SELECT (pair ->> 0)::bigint AS stock_id, (pair ->> 1)::bigint AS price \
     FROM json_array_elements(",
    "::json) AS pair",
);

/// Prices and changes as a table, around the parameter `[[stock_id, price, change], …]`.
const QUOTES_SQLITE: (&str, &str) = (
    "SELECT CAST(value ->> 0 AS BIGINT) AS stock_id, value ->> 1 AS price, \
     value ->> 2 AS change FROM json_each(",
    ")",
);
const QUOTES_POSTGRES: (&str, &str) = (
    "SELECT (one ->> 0)::bigint AS stock_id, (one ->> 1)::bigint AS price, \
     (one ->> 2)::bigint AS change FROM json_array_elements(",
    "::json) AS one",
);

/// Replaces the markers of what is computed, alike on both engines, which divide whole numbers
/// alike: towards zero. None of it overflows for what a holding and a price may be.
fn arithmetic(text: &str) -> String {
    // Quantity in millionths times price in ten-thousandths, in whole cents, rounded down: as
    // `Price::value_rounded_down`, split so that no product is larger than the result.
    let text = expanded(text, "{value:", |quantity, price| {
        format!(
            "(({quantity} / 100000000) * {price} \
             + ({quantity} % 100000000) * {price} / 100000000)"
        )
    });
    // As `divide_rounded` for a sum that is not negative. PostgreSQL sums as NUMERIC, which would
    // be divided with a fraction.
    expanded(&text, "{average:", |sum, count| {
        format!("((2 * CAST({sum} AS BIGINT) + {count}) / (2 * {count}))")
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

fn set_or_none(
    columns: &[(&str, Type)],
    source: impl Fn(&[(&str, Type)]) -> (String, usize),
) -> (String, usize) {
    if columns.is_empty() { (String::new(), 0) } else { source(columns) }
}

/// Numbers the further parameters after the `used` ones.
fn number(text: &str, used: usize) -> String {
    (1..=9).fold(text.to_owned(), |text, n| {
        text.replace(&format!("{{${n}}}"), &format!("${}", n + used))
    })
}

/// Every statement of the program.
pub static CATALOGUE: LazyLock<Vec<Statement>> = LazyLock::new(|| {
    let lists: [&[&Lazy]; 36] = [
        achievements::STATEMENTS,
        archives::STATEMENTS,
        backfill::STATEMENTS,
        batch::STATEMENTS,
        batch::MARK_STATEMENTS,
        scores::STATEMENTS,
        changes::STATEMENTS,
        rank_snapshots::STATEMENTS,
        equity::STATEMENTS,
        erase::STATEMENTS,
        game::STATEMENTS,
        history::STATEMENTS,
        idempotency::STATEMENTS,
        imports::STATEMENTS,
        leases::STATEMENTS,
        ledger::STATEMENTS,
        market::STATEMENTS,
        markets::STATEMENTS,
        names::STATEMENTS,
        passwords::STATEMENTS,
        pending_orders::STATEMENTS,
        pending_orders::EXECUTION_STATEMENTS,
        people::STATEMENTS,
        portfolio::STATEMENTS,
        prepare::STATEMENTS,
        provider_usage::STATEMENTS,
        quotes::STATEMENTS,
        seals::STATEMENTS,
        seeds::STATEMENTS,
        settings::STATEMENTS,
        stock_texts::STATEMENTS,
        stocks::STATEMENTS,
        tokens::STATEMENTS,
        users::STATEMENTS,
        viewer::STATEMENTS,
        watches::STATEMENTS,
    ];
    lists.iter().flat_map(|list| list.iter().map(|statement| ***statement)).collect()
});

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
