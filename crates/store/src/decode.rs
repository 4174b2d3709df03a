//! Decodes columns into the types of `domain`, and into the enums of this crate that are stored as
//! words.

use domain::{
    Day, EntryKind, Hash, Money, Month, Price, Quantity, QuoteSource, Symbol, UnixMicros,
};

use crate::StoreError;

/// The type of a column, decoded from one that both engines have.
pub(crate) trait Column: Sized {
    type Raw;

    /// # Errors
    /// `Corrupt` for a value that the program never writes.
    fn read(raw: Self::Raw) -> Result<Self, StoreError>;
}

macro_rules! plain_columns {
    ($($type:ty),+) => {$(
        impl Column for $type {
            type Raw = Self;

            fn read(raw: Self) -> Result<Self, StoreError> {
                Ok(raw)
            }
        }
    )+};
}

macro_rules! number_columns {
    ($($type:ident),+) => {$(
        impl Column for $type {
            type Raw = i64;

            fn read(raw: i64) -> Result<Self, StoreError> {
                Ok(Self(raw))
            }
        }
    )+};
}

/// Decodes an enum from its word.
macro_rules! word_column {
    ($type:ident, $what:literal) => {
        impl crate::decode::Column for $type {
            type Raw = String;

            fn read(raw: String) -> Result<Self, crate::StoreError> {
                let unknown = || crate::StoreError::Corrupt(concat!("unknown ", $what).to_owned());
                Self::parse(&raw).ok_or_else(unknown)
            }
        }
    };
}
pub(crate) use word_column;

plain_columns!(i64, bool, String, Vec<u8>);
number_columns!(Money, Month, Price, Quantity, UnixMicros);
word_column!(EntryKind, "kind of entry in the ledger");
word_column!(QuoteSource, "source of a quote in the ledger");

impl Column for Day {
    type Raw = i64;

    fn read(raw: i64) -> Result<Self, StoreError> {
        read_day(raw)
    }
}

impl Column for Hash {
    type Raw = Vec<u8>;

    fn read(raw: Vec<u8>) -> Result<Self, StoreError> {
        read_hash(&raw)
    }
}

impl Column for Symbol {
    type Raw = String;

    fn read(raw: String) -> Result<Self, StoreError> {
        Self::parse(&raw).map_err(|_| StoreError::Corrupt(format!("the symbol {raw:?}")))
    }
}

impl<T: Column> Column for Option<T> {
    type Raw = Option<T::Raw>;

    fn read(raw: Self::Raw) -> Result<Self, StoreError> {
        raw.map(T::read).transpose()
    }
}

/// Decodes a column of a row.
pub(crate) fn column<'r, R, I, T>(row: &'r R, index: I) -> sqlx::Result<T>
where
    R: sqlx::Row,
    I: sqlx::ColumnIndex<R>,
    T: Column,
    T::Raw: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
{
    T::read(row.try_get(index)?).map_err(|error| sqlx::Error::Decode(error.into()))
}

pub(crate) fn read_hash(bytes: &[u8]) -> Result<Hash, StoreError> {
    let bytes = bytes.try_into().map_err(|_| StoreError::Corrupt("a hash is not 32 bytes".into()));
    bytes.map(Hash)
}

pub(crate) fn read_day(number: i64) -> Result<Day, StoreError> {
    let day = i32::try_from(number).map_err(|_| StoreError::Corrupt("a day out of range".into()));
    day.map(Day)
}
