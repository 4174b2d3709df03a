//! Unique names. A name or pseudonym has keys (`domain::text::name_keys`), each owned by one user;
//! the primary key decides between nodes. Users whose names had equal keys before keys existed keep
//! their names; the first of them owns the keys.

use std::collections::HashSet;

use domain::UnixMicros;
use domain::text::name_keys;

use crate::backfill::{BEGIN, MOVE, PLACE};
use crate::rows::RowSet;
use crate::statement::LazyStatement;
use crate::transaction::Conn;
use crate::{Store, StoreError};

/// The backfill of keys for older names. It never ends, because an older node may still register
/// names without keys.
const BACKFILL: &str = "name_keys";

/// A user's name or pseudonym.
#[derive(Clone, Copy)]
pub(crate) struct NameSlot {
    pub(crate) user_id: i64,
    pub(crate) is_pseudonym: bool,
}

// In key order, to avoid deadlocks between users who choose the same keys.
static TAKE: LazyStatement = LazyStatement::with_rows(
    "names.take",
    "name_key text, user_id bigint, is_pseudonym bigint",
    "WITH wanted AS ({rows})
     INSERT INTO name_keys (name_key, user_id, is_pseudonym)
     SELECT name_key, user_id, is_pseudonym FROM wanted WHERE true ORDER BY name_key
     ON CONFLICT (name_key) DO NOTHING",
);

static FREE: LazyStatement = LazyStatement::new(
    "names.free",
    "DELETE FROM name_keys WHERE user_id = $1 AND is_pseudonym = $2",
);

static TAKEN: LazyStatement = LazyStatement::with_rows(
    "names.taken",
    "name_key text",
    "WITH wanted AS ({rows})
     SELECT k.name_key FROM wanted JOIN name_keys k ON k.name_key = wanted.name_key",
);

static KNOWN: LazyStatement = LazyStatement::new(
    "names.known",
    "SELECT u.user_id, u.name, a.pseudonym FROM users u
     LEFT JOIN players pl ON pl.user_id = u.user_id
     LEFT JOIN appearances a ON a.player_id = pl.player_id
     WHERE u.user_id > $1 ORDER BY u.user_id LIMIT $2",
);

pub(crate) static STATEMENTS: &[&LazyStatement] = &[&TAKE, &FREE, &TAKEN, &KNOWN];

/// Assigns the keys of a name to its user and returns whether all were free. If not, the caller
/// must roll back.
pub(crate) async fn take(mut conn: Conn<'_>, of: NameSlot, name: &str) -> Result<bool, StoreError> {
    let keys = name_keys(name);
    let rows = RowSet::new(vec![
        RowSet::text(&keys, Clone::clone),
        RowSet::int(&keys, |_| of.user_id),
        RowSet::int(&keys, |_| i64::from(of.is_pseudonym)),
    ]);
    let taken = conn.run().execute(&TAKE, (&rows,)).await?;
    Ok(usize::try_from(taken).is_ok_and(|taken| taken == keys.len()))
}

/// Releases the keys of a user's name or pseudonym.
pub(crate) async fn free(mut conn: Conn<'_>, of: NameSlot) -> Result<(), StoreError> {
    conn.run().execute(&FREE, (of.user_id, i64::from(of.is_pseudonym))).await?;
    Ok(())
}

impl Store {
    /// The names that are free now, in the given order.
    pub async fn free_names(&self, names: Vec<String>) -> Result<Vec<String>, StoreError> {
        let keys: Vec<String> = names.iter().flat_map(|name| name_keys(name)).collect();
        let rows = RowSet::new(vec![RowSet::text(&keys, Clone::clone)]);
        let taken: Vec<String> = self.reader().fetch_scalars(&TAKEN, (&rows,)).await?;
        let taken: HashSet<String> = taken.into_iter().collect();
        let is_free = |name: &String| !name_keys(name).iter().any(|key| taken.contains(key));
        Ok(names.into_iter().filter(is_free).collect())
    }

    /// Assigns keys to the next `users_max` users whose names predate keys; returns whether none is
    /// left. Concurrent calls take turns.
    ///
    /// # Errors
    /// The step is rolled back and can be repeated.
    pub async fn take_known_names(
        &self,
        users_max: i64,
        now: UnixMicros,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        tx.run().execute(&BEGIN, (BACKFILL, i64::MIN, now.0)).await?;
        let (up_to, was_done): (i64, i64) = tx.run().fetch_one(&PLACE, (BACKFILL,)).await?;
        let known: Vec<(i64, String, Option<String>)> =
            tx.run().fetch_all(&KNOWN, (up_to, users_max)).await?;
        if known.is_empty() && was_done != 0 {
            return Ok(true);
        }
        let rows = key_rows(&known);
        tx.run().execute(&TAKE, (&rows,)).await?;
        let last = known.last().map_or(up_to, |(user_id, ..)| *user_id);
        let is_done = i64::try_from(known.len()).is_ok_and(|count| count < users_max);
        tx.run().execute(&MOVE, (last, i64::from(is_done), now.0, BACKFILL)).await?;
        tx.commit().await?;
        Ok(is_done)
    }
}

/// Keys of these users' names, then of their pseudonyms; the first of equal keys wins.
fn key_rows(known: &[(i64, String, Option<String>)]) -> RowSet {
    let names = known.iter().map(|(user_id, name, _)| (*user_id, 0, name.as_str()));
    let pseudonyms = known
        .iter()
        .filter_map(|(user_id, _, pseudonym)| Some((*user_id, 1, pseudonym.as_deref()?)));
    let mut seen = HashSet::new();
    let keys: Vec<(String, i64, i64)> = names
        .chain(pseudonyms)
        .flat_map(|(user_id, which, name)| {
            name_keys(name).into_iter().map(move |key| (key, user_id, which))
        })
        .filter(|(key, ..)| seen.insert(key.clone()))
        .collect();
    RowSet::new(vec![
        RowSet::text(&keys, |(key, ..)| key.clone()),
        RowSet::int(&keys, |(_, user_id, _)| *user_id),
        RowSet::int(&keys, |(.., which)| *which),
    ])
}
