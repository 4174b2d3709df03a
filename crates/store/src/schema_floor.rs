//! Whether a program may use a database that a newer version has migrated. A migration that older
//! programs cannot work with raises the floor: the newest migration that a program must contain
//! (docs/adr/0024-schema-compatibility-floor.md).

use std::collections::BTreeSet;

use crate::StoreError;
use crate::query::Target;
use crate::statement::LazyStatement;
use crate::transaction::Conn;

static IS_MIGRATED: LazyStatement = LazyStatement::by_engine(
    "schema.is_migrated",
    "SELECT count(*) FROM sqlite_schema WHERE name = '_sqlx_migrations'",
    "SELECT count(to_regclass('_sqlx_migrations'))",
);

static APPLIED: LazyStatement = LazyStatement::new(
    "schema.applied",
    "SELECT m.version FROM _sqlx_migrations m ORDER BY m.version",
);

static FLOOR: LazyStatement =
    LazyStatement::new("schema.floor", "SELECT f.version FROM schema_floor f WHERE f.id = 1");

static RAISE: LazyStatement = LazyStatement::new(
    "schema.raise_floor",
    "UPDATE schema_floor SET version = $1 WHERE id = 1 AND version < $1",
);

pub(crate) static STATEMENTS: &[&LazyStatement] = &[&IS_MIGRATED, &APPLIED, &FLOOR, &RAISE];

/// Refuses programs without this migration from their next start on, because the transaction writes
/// what they cannot read.
pub(crate) async fn raise(target: Target<'_>, version: i64) -> Result<(), StoreError> {
    target.execute(&RAISE, (version,)).await?;
    Ok(())
}

/// The applied migrations in ascending order; none for an empty database.
async fn applied(db: &mut Conn<'_>) -> Result<Vec<i64>, StoreError> {
    let tables: i64 = db.run().fetch_scalar(&IS_MIGRATED, ()).await?;
    if tables == 0 {
        return Ok(Vec::new());
    }
    db.run().fetch_scalars(&APPLIED, ()).await
}

/// Checks that a program that contains these migrations may use the database.
///
/// # Errors
/// `Unsuitable` if the floor is above the program's newest migration, or if an older migration is
/// not the program's.
pub(crate) async fn check(mut db: Conn<'_>, known: &BTreeSet<i64>) -> Result<(), StoreError> {
    let Some((first, newest)) = known.first().zip(known.last()) else { return Ok(()) };
    let applied = applied(&mut db).await?;
    let mut unknown =
        applied.iter().filter(|version| *version >= first && !known.contains(version));
    let Some(unknown) = unknown.next() else { return Ok(()) };
    if unknown < newest {
        return Err(StoreError::Unsuitable(format!(
            "the database was migrated by another program: this version has no migration {unknown}"
        )));
    }
    let floor: i64 = db.run().fetch_scalar(&FLOOR, ()).await?;
    if floor > *newest {
        return Err(StoreError::Unsuitable(format!(
            "this version is too old for the database, which a newer version has migrated: it needs \
             a program with migration {floor}, and this one ends with {newest}; install the newer \
             version, or restore a backup from before its migration"
        )));
    }
    tracing::info!(
        newest = applied.last(),
        known = newest,
        "a newer version has migrated the database; this version supports its schema"
    );
    Ok(())
}
