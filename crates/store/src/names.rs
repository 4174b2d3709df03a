//! Names that are taken. A name or a pseudonym has keys (`domain::text::name_keys`), each of which
//! belongs to one user at a time: the primary key decides between nodes. Players whose names had
//! equal keys before there were keys keep their names, and the first of them has the keys.

use std::collections::HashSet;

use domain::UnixMicros;
use domain::text::name_keys;

use crate::backfill::{BEGIN, MOVE, PLACE};
use crate::rows::{Rows, Type};
use crate::statement::{Lazy, Statement};
use crate::transaction::Conn;
use crate::{Store, StoreError};

/// The name of the backfill that gives keys to names of the time before; it never ends, so that
/// names that an older node still registers have keys, too.
const BACKFILL: &str = "name_keys";

/// Whose name it is, and which of the two.
#[derive(Clone, Copy)]
pub(crate) struct NameOf {
    pub(crate) user_id: i64,
    pub(crate) is_pseudonym: bool,
}

// In the order of the keys, so that two users who want the same ones wait for one another in one
// direction only.
static TAKE: Lazy = Lazy::new(|| {
    Statement::with_rows(
        "names.take",
        &[("name_key", Type::Text), ("user_id", Type::Int), ("is_pseudonym", Type::Int)],
        "WITH wanted AS ({rows})
         INSERT INTO name_keys (name_key, user_id, is_pseudonym)
         SELECT name_key, user_id, is_pseudonym FROM wanted WHERE true ORDER BY name_key
         ON CONFLICT (name_key) DO NOTHING",
    )
});

static FREE: Lazy = Lazy::new(|| {
    Statement::new("names.free", "DELETE FROM name_keys WHERE user_id = $1 AND is_pseudonym = $2")
});

static TAKEN: Lazy = Lazy::new(|| {
    Statement::with_rows(
        "names.taken",
        &[("name_key", Type::Text)],
        "WITH wanted AS ({rows})
         SELECT k.name_key FROM wanted JOIN name_keys k ON k.name_key = wanted.name_key",
    )
});

static KNOWN: Lazy = Lazy::new(|| {
    Statement::new(
        "names.known",
        "SELECT u.user_id, u.name, a.pseudonym FROM users u
         LEFT JOIN players pl ON pl.user_id = u.user_id
         LEFT JOIN appearances a ON a.player_id = pl.player_id
         WHERE u.user_id > $1 ORDER BY u.user_id LIMIT $2",
    )
});

pub(crate) static STATEMENTS: &[&Lazy] = &[&TAKE, &FREE, &TAKEN, &KNOWN];

/// Gives the keys of a name to its user; whether all of them were free. The caller undoes the
/// transaction when they were not.
pub(crate) async fn take(mut conn: Conn<'_>, of: NameOf, name: &str) -> Result<bool, StoreError> {
    let keys = name_keys(name);
    let rows = Rows::new(vec![
        Rows::text(&keys, Clone::clone),
        Rows::int(&keys, |_| of.user_id),
        Rows::int(&keys, |_| i64::from(of.is_pseudonym)),
    ]);
    let taken = conn.run().execute(&TAKE, (&rows,)).await?;
    Ok(usize::try_from(taken).is_ok_and(|taken| taken == keys.len()))
}

/// Gives up the keys of the name that a user has.
pub(crate) async fn free(mut conn: Conn<'_>, of: NameOf) -> Result<(), StoreError> {
    conn.run().execute(&FREE, (of.user_id, i64::from(of.is_pseudonym))).await?;
    Ok(())
}

impl Store {
    /// Which of these names a player could take now, in their order.
    pub async fn free_names(&self, names: Vec<String>) -> Result<Vec<String>, StoreError> {
        let keys: Vec<String> = names.iter().flat_map(|name| name_keys(name)).collect();
        let rows = Rows::new(vec![Rows::text(&keys, Clone::clone)]);
        let taken: Vec<(String,)> = self.reader().fetch_all(&TAKEN, (&rows,)).await?;
        let taken: HashSet<String> = taken.into_iter().map(|(key,)| key).collect();
        let is_free = |name: &String| !name_keys(name).iter().any(|key| taken.contains(key));
        Ok(names.into_iter().filter(is_free).collect())
    }

    /// Gives keys to the names of the next users who had theirs before there were keys, at most so
    /// many; whether none is left. Several nodes may try at once: they take turns.
    ///
    /// # Errors
    /// The fault met; the step is undone then and can be tried again.
    pub async fn take_known_names(
        &self,
        users_max: i64,
        now: UnixMicros,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        tx.run().execute(&BEGIN, (BACKFILL, i64::MIN, now.0)).await?;
        let (up_to, _): (i64, i64) = tx.run().fetch_one(&PLACE, (BACKFILL,)).await?;
        let known: Vec<(i64, String, Option<String>)> =
            tx.run().fetch_all(&KNOWN, (up_to, users_max)).await?;
        let Some((last, ..)) = known.last() else { return Ok(true) };
        let rows = key_rows(&known);
        tx.run().execute(&TAKE, (&rows,)).await?;
        tx.run().execute(&MOVE, (*last, 0_i64, now.0, BACKFILL)).await?;
        tx.commit().await?;
        Ok(i64::try_from(known.len()).is_ok_and(|count| count < users_max))
    }
}

/// The keys of these users' names, then of their pseudonyms; of equal ones the first.
fn key_rows(known: &[(i64, String, Option<String>)]) -> Rows {
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
    Rows::new(vec![
        Rows::text(&keys, |(key, ..)| key.clone()),
        Rows::int(&keys, |(_, user_id, _)| *user_id),
        Rows::int(&keys, |(.., which)| *which),
    ])
}
