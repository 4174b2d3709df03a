//! Runs statements on either engine: binds the parameters, measures the time by the statement's
//! name and decodes the rows.

use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Arguments as _, FromRow};

use crate::measure::Timed as _;
use crate::pools::{Db, PoolKind};
use crate::rows::RowSet;
use crate::statement::only;
use crate::transaction::{BEGIN_SCAN, Conn, Tx, begin_whole};
use crate::{Statement, Store, StoreError};

/// Defines a struct that both engines decode from a row by the names of its fields; `..field` is
/// decoded from the same row. sqlx's own derive would compile sqlx with SQLite and TLS a second
/// time, for its macro.
macro_rules! row {
    (
        $(#[$meta:meta])*
        $vis:vis struct $name:ident {
            $($(#[$field_meta:meta])* $field_vis:vis $field:ident: $type:ty,)*
            $(..$part_vis:vis $part:ident: $part_type:ty)?
        }
    ) => {
        $(#[$meta])*
        $vis struct $name {
            $($(#[$field_meta])* $field_vis $field: $type,)*
            $($part_vis $part: $part_type,)?
        }

        impl<'r, R: sqlx::Row> sqlx::FromRow<'r, R> for $name
        where
            &'static str: sqlx::ColumnIndex<R>,
            $(<$type as crate::decode::Column>::Raw:
                sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,)*
            $($part_type: sqlx::FromRow<'r, R>,)?
        {
            fn from_row(row: &'r R) -> sqlx::Result<Self> {
                Ok(Self {
                    $($field: crate::decode::column(row, stringify!($field))?,)*
                    $($part: <$part_type>::from_row(row)?,)?
                })
            }
        }
    };
}
pub(crate) use row;

/// A row type that both engines decode.
pub(crate) trait Decoded:
    for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin
{
}

impl<T> Decoded for T where
    T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin
{
}

/// The parameters of a statement for one engine.
pub(crate) enum Arguments {
    Sqlite(SqliteArguments),
    Postgres(PgArguments),
}

/// A parameter: a value, or a set of rows, which is one parameter on SQLite and one for each column
/// on PostgreSQL.
pub(crate) trait Param: Send {
    fn add_to(self, arguments: &mut Arguments) -> Result<(), BoxDynError>;
}

macro_rules! impl_param {
    ($($type:ty),+) => {$(
        impl Param for $type {
            fn add_to(self, arguments: &mut Arguments) -> Result<(), BoxDynError> {
                match arguments {
                    Arguments::Sqlite(arguments) => arguments.add(self),
                    Arguments::Postgres(arguments) => arguments.add(self),
                }
            }
        }
    )+};
}

impl_param!(i64, &str, String, &String, Vec<u8>, Option<i64>, Option<&str>, Option<String>);
impl_param!(&[u8], &Option<String>);

impl Param for &RowSet {
    fn add_to(self, arguments: &mut Arguments) -> Result<(), BoxDynError> {
        match arguments {
            Arguments::Sqlite(arguments) => arguments.add(self.to_json()),
            Arguments::Postgres(arguments) => self.add_arrays(arguments),
        }
    }
}

/// The parameters of a statement in their order: a tuple.
pub(crate) trait Params: Send {
    fn add_to(self, arguments: &mut Arguments) -> Result<(), BoxDynError>;
}

macro_rules! impl_params {
    ($($name:ident)*) => {
        impl<$($name: Param),*> Params for ($($name,)*) {
            fn add_to(self, _arguments: &mut Arguments) -> Result<(), BoxDynError> {
                #[expect(non_snake_case, reason = "the names are those of the types")]
                let ($($name,)*) = self;
                $($name.add_to(_arguments)?;)*
                Ok(())
            }
        }
    };
}
impl_params!(A);
impl_params!(A B);
impl_params!(A B C);
impl_params!(A B C D);
impl_params!(A B C D E);
impl_params!(A B C D E F);
impl_params!(A B C D E F G);
impl_params!(A B C D E F G H);
impl_params!(A B C D E F G H I);
impl_params!(A B C D E F G H I J K);
impl_params!(A B C D E F G H I J K L M);

impl Params for () {
    fn add_to(self, _: &mut Arguments) -> Result<(), BoxDynError> {
        Ok(())
    }
}

fn sqlite_arguments(params: impl Params) -> Result<SqliteArguments, StoreError> {
    let mut arguments = Arguments::Sqlite(SqliteArguments::default());
    params.add_to(&mut arguments).map_err(sqlx::Error::Encode)?;
    let Arguments::Sqlite(arguments) = arguments else {
        unreachable!("invariant: the same engine")
    };
    Ok(arguments)
}

fn postgres_arguments(params: impl Params) -> Result<PgArguments, StoreError> {
    let mut arguments = Arguments::Postgres(PgArguments::default());
    params.add_to(&mut arguments).map_err(sqlx::Error::Encode)?;
    let Arguments::Postgres(arguments) = arguments else {
        unreachable!("invariant: the same engine")
    };
    Ok(arguments)
}

/// Where a statement runs: a pool, or one connection.
pub(crate) enum Target<'c> {
    Pool(&'c Store, PoolKind),
    Connection(Conn<'c>),
}

/// Reads for jobs that go through a whole table. On PostgreSQL each runs in a transaction of its
/// own without the planner settings of the short statements.
pub(crate) struct Scan<'s>(&'s Store);

impl Scan<'_> {
    pub(crate) async fn fetch_all<T: Decoded>(
        self,
        statement: &Statement,
        params: impl Params,
    ) -> Result<Vec<T>, StoreError> {
        let Db::Postgres(pools) = self.0.db()? else {
            return self.0.reader().fetch_all(statement, params).await;
        };
        let arguments = postgres_arguments(params)?;
        let scan = async {
            let mut tx = begin_whole(pools, BEGIN_SCAN).await?;
            let query = sqlx::query_as_with(statement.postgres, arguments);
            let rows = query.fetch_all(&mut *tx).await?;
            Ok::<_, StoreError>((rows, tx))
        };
        let (rows, tx) = scan.timed(statement).await?;
        Tx::Postgres(tx).commit().await?;
        Ok(rows)
    }

    /// The only column of the only row.
    pub(crate) async fn fetch_scalar<T>(
        self,
        statement: &Statement,
        params: impl Params,
    ) -> Result<T, StoreError>
    where
        (T,): Decoded,
    {
        let (value,) = only(self.fetch_all(statement, params).await?)?;
        Ok(value)
    }
}

/// Awaits `$call` with a connection of the engine, the statement's text and its arguments, and
/// measures it together with the wait for the connection.
macro_rules! run {
    (
        $target:expr,
        $statement:ident,
        $params:ident,
        |$db:ident, $text:ident, $args:ident| $call:expr
    ) => {
        match $target {
            Target::Connection(Conn::Sqlite($db)) => {
                let ($text, $args) = ($statement.sqlite, sqlite_arguments($params)?);
                $call.timed($statement).await
            }
            Target::Connection(Conn::Postgres($db)) => {
                let ($text, $args) = ($statement.postgres, postgres_arguments($params)?);
                $call.timed($statement).await
            }
            Target::Pool(store, kind) => match store.db()? {
                Db::Sqlite(pools) => {
                    let ($text, $args) = ($statement.sqlite, sqlite_arguments($params)?);
                    // Boxed, as sqlx does it: the futures of all callers contain this one.
                    let call = Box::pin(async {
                        let mut connection = pools.acquire(kind).await?;
                        let $db = &mut *connection;
                        $call.await
                    });
                    call.timed($statement).await
                }
                Db::Postgres(pools) => {
                    let ($text, $args) = ($statement.postgres, postgres_arguments($params)?);
                    // Boxed, as sqlx does it: the futures of all callers contain this one.
                    let call = Box::pin(async {
                        let mut connection = pools.acquire(kind).await?;
                        let $db = &mut *connection;
                        $call.await
                    });
                    call.timed($statement).await
                }
            },
        }
    };
}

impl Target<'_> {
    /// All rows.
    pub(crate) async fn fetch_all<T: Decoded>(
        self,
        statement: &Statement,
        params: impl Params,
    ) -> Result<Vec<T>, StoreError> {
        run!(self, statement, params, |db, text, args| {
            sqlx::query_as_with(text, args).fetch_all(db)
        })
    }

    /// The first row, if there is one. Not for statements with RETURNING (see `statement::only`).
    pub(crate) async fn fetch_optional<T: Decoded>(
        self,
        statement: &Statement,
        params: impl Params,
    ) -> Result<Option<T>, StoreError> {
        run!(self, statement, params, |db, text, args| {
            sqlx::query_as_with(text, args).fetch_optional(db)
        })
    }

    /// The first row, as in `fetch_optional`; without one it fails with `RowNotFound`.
    pub(crate) async fn fetch_one<T: Decoded>(
        self,
        statement: &Statement,
        params: impl Params,
    ) -> Result<T, StoreError> {
        let row = self.fetch_optional(statement, params).await?;
        row.ok_or(StoreError::Query(sqlx::Error::RowNotFound))
    }

    /// The only column of the first row; without a row it fails with `RowNotFound`.
    pub(crate) async fn fetch_scalar<T>(
        self,
        statement: &Statement,
        params: impl Params,
    ) -> Result<T, StoreError>
    where
        (T,): Decoded,
    {
        Ok(self.fetch_one::<(T,)>(statement, params).await?.0)
    }

    /// The only column of the first row, if there is one. Not for statements with RETURNING.
    pub(crate) async fn fetch_optional_scalar<T>(
        self,
        statement: &Statement,
        params: impl Params,
    ) -> Result<Option<T>, StoreError>
    where
        (T,): Decoded,
    {
        Ok(self.fetch_optional::<(T,)>(statement, params).await?.map(|(value,)| value))
    }

    /// The only column of all rows.
    pub(crate) async fn fetch_scalars<T>(
        self,
        statement: &Statement,
        params: impl Params,
    ) -> Result<Vec<T>, StoreError>
    where
        (T,): Decoded,
    {
        let rows: Vec<(T,)> = self.fetch_all(statement, params).await?;
        Ok(rows.into_iter().map(|(value,)| value).collect())
    }

    /// Runs a statement without rows and returns the number of rows it wrote.
    pub(crate) async fn execute(
        self,
        statement: &Statement,
        params: impl Params,
    ) -> Result<u64, StoreError> {
        run!(self, statement, params, |db, text, args| async {
            Ok::<_, sqlx::Error>(sqlx::query_with(text, args).execute(db).await?.rows_affected())
        })
    }
}

impl Store {
    /// Runs statements on the pool for reading.
    pub(crate) fn reader(&self) -> Target<'_> {
        Target::Pool(self, PoolKind::Reader)
    }

    /// Runs statements on the pool for writing.
    pub(crate) fn writer(&self) -> Target<'_> {
        Target::Pool(self, PoolKind::Writer)
    }

    /// Runs reads of jobs that go through a whole table.
    pub(crate) fn scan(&self) -> Scan<'_> {
        Scan(self)
    }
}

impl Conn<'_> {
    /// Runs a statement on this connection.
    pub(crate) fn run(&mut self) -> Target<'_> {
        Target::Connection(match self {
            Conn::Sqlite(conn) => Conn::Sqlite(conn),
            Conn::Postgres(conn) => Conn::Postgres(conn),
        })
    }
}

impl Tx {
    /// Runs a statement in this transaction.
    pub(crate) fn run(&mut self) -> Target<'_> {
        Target::Connection(self.conn())
    }
}
