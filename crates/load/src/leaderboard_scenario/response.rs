//! Validates a leaderboard response: the documented fields and no others, ranks without a gap, rows
//! in order, and the player's own row at the rank in `me`.

use serde::{Deserialize, Deserializer};

use crate::amount::fixed;
use crate::leaderboard_scenario::LeaderboardQuery;

/// Rows on either side of the player's own, and the default rows a page.
const EACH_SIDE: u64 = 5;
const ROWS: u64 = 10;

/// Why a response is invalid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Violation {
    Certain(String),
    /// Valid only if a player moved while the response was made.
    UnlessMoved(String),
}

#[derive(Clone, Debug)]
pub(super) struct LeaderboardPage {
    rows: Vec<LeaderboardRow>,
    meta: PageMeta,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    success: bool,
    data: Vec<LeaderboardRow>,
    meta: PageMeta,
    #[serde(deserialize_with = "present")]
    me: Option<OwnRank>,
    #[serde(rename = "for_learning")]
    _for_learning: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct LeaderboardRow {
    rank: u64,
    name: String,
    level: u64,
    experience_points: u64,
    #[serde(default, deserialize_with = "percentage")]
    return_percentage: Option<i64>,
    #[serde(deserialize_with = "present")]
    movement: Option<i64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct OwnRank {
    rank: u64,
    level: u64,
    experience_points: u64,
    #[serde(default, deserialize_with = "percentage")]
    return_percentage: Option<i64>,
    #[serde(deserialize_with = "present")]
    movement: Option<i64>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PageMeta {
    current_page: u64,
    per_page: u64,
    last_page: u64,
    total: u64,
}

/// A field that may be `null` and may not be missing.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<T>, D::Error> {
    Option::deserialize(from)
}

/// A percentage, in hundredths.
fn percentage<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
    let text = <&str>::deserialize(from)?;
    let number = fixed(text, 2).ok_or_else(|| serde::de::Error::custom("not a percentage"))?;
    Ok(Some(number))
}

/// Parses a response and checks everything that it shows alone.
pub(super) fn read(body: &[u8], query: LeaderboardQuery) -> Result<LeaderboardPage, Violation> {
    let body: Body = serde_json::from_slice(body).map_err(|error| certain(error.to_string()))?;
    if !body.success {
        return Err(certain("`success` is false"));
    }
    check_meta(&body, query)?;
    for pair in body.data.windows(2) {
        check_neighbors(&pair[0], &pair[1]).map_err(Violation::Certain)?;
    }
    let shown = body.data.iter().map(|row| row.return_percentage);
    let shown = shown.chain(body.me.iter().map(|place| place.return_percentage));
    if shown.into_iter().any(|shown| shown.is_some() != query.by_return) {
        return Err(certain("it shows returns on the wrong board"));
    }
    check_own_rank(&body, query)?;
    Ok(LeaderboardPage { rows: body.data, meta: body.meta })
}

fn certain(what: impl Into<String>) -> Violation {
    Violation::Certain(what.into())
}

fn check_meta(body: &Body, query: LeaderboardQuery) -> Result<(), Violation> {
    let PageMeta { current_page, per_page, last_page, total } = body.meta;
    let rows_requested = query.page.map_or(ROWS, |_| u64::from(query.rows));
    if per_page != rows_requested || last_page != total.div_ceil(rows_requested).max(1) {
        return Err(certain("its `meta` is inconsistent"));
    }
    let own = body.me.as_ref().map_or(1, |me| me.rank.saturating_sub(1) / per_page + 1);
    if current_page != query.page.unwrap_or(own) {
        return Err(certain(format!("`current_page` is {current_page}")));
    }
    let first_rank = body.data.first().map_or(1, |row| row.rank);
    let (first_expected, count_expected) = match (query.page, &body.me) {
        (Some(page), _) => {
            let before = (page - 1) * per_page;
            (before + 1, per_page.min(total.saturating_sub(before)))
        }
        (None, None) => (1, 0),
        (None, Some(me)) => {
            let first = me.rank.saturating_sub(EACH_SIDE).max(1);
            (first, (me.rank + EACH_SIDE).min(total) + 1 - first)
        }
    };
    let count = body.data.len() as u64;
    if count > 0 && first_rank != first_expected {
        return Err(certain(format!("it begins with rank {first_rank}, not {first_expected}")));
    }
    // A player may have registered after the rows were read.
    if count != count_expected {
        return Err(Violation::UnlessMoved(format!("it has {count} rows, not {count_expected}")));
    }
    Ok(())
}

/// Whether a row may follow another.
fn check_neighbors(row: &LeaderboardRow, next: &LeaderboardRow) -> Result<(), String> {
    if next.rank != row.rank + 1 {
        return Err(format!("rank {} follows rank {}", next.rank, row.rank));
    }
    let is_sorted = match (row.return_percentage, next.return_percentage) {
        (Some(before), Some(after)) => before >= after,
        _ => (row.level, row.experience_points) >= (next.level, next.experience_points),
    };
    if is_sorted {
        Ok(())
    } else {
        Err(format!("rank {} is better than the one before", next.rank))
    }
}

/// Checks that the row at the rank of `me` is the player's. The rank of a player outside of the
/// page is read after the rows, when the player may have moved onto the page.
fn check_own_rank(body: &Body, query: LeaderboardQuery) -> Result<(), Violation> {
    let Some(me) = &body.me else {
        return if query.page.is_some() || body.data.is_empty() {
            Ok(())
        } else {
            Err(certain("it has rows around the player but no `me`"))
        };
    };
    let row = body.data.iter().find(|row| row.rank == me.rank);
    let is_own = row.is_some_and(|row| {
        let (level, points) = (row.level, row.experience_points);
        let of_row = (level, points, row.return_percentage, row.movement);
        of_row == (me.level, me.experience_points, me.return_percentage, me.movement)
    });
    let what = || format!("the row of rank {} differs from `me`", me.rank);
    match (query.page, row) {
        _ if is_own => Ok(()),
        (Some(_), None) => Ok(()),
        // Experience is read apart from the board by return.
        (Some(_), Some(_)) => Err(Violation::UnlessMoved(what())),
        (None, Some(_)) if query.by_return => Err(Violation::UnlessMoved(what())),
        (None, _) => Err(Violation::Certain(what())),
    }
}

impl LeaderboardPage {
    pub(super) fn total(&self) -> u64 {
        self.meta.total
    }

    pub(super) fn is_full(&self) -> bool {
        self.meta.current_page < self.meta.last_page
    }

    pub(super) fn has_same_rows(&self, other: &Self) -> bool {
        self.rows == other.rows && self.meta.total == other.meta.total
    }

    /// Checks that `next` can be the next page.
    pub(super) fn is_followed_by(&self, next: &Self) -> Result<(), String> {
        match (self.rows.last(), next.rows.first()) {
            (Some(last), Some(first)) => check_neighbors(last, first),
            _ => Err("no row follows its last one".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests;
