//! Decodes values of columns.

use domain::{Day, Hash};

use crate::StoreError;

/// Decodes a hash.
pub(crate) fn read_hash(bytes: &[u8]) -> Result<Hash, StoreError> {
    let bytes = bytes.try_into().map_err(|_| StoreError::Corrupt("a hash is not 32 bytes".into()));
    bytes.map(Hash)
}

/// Decodes a day.
pub(crate) fn read_day(number: i64) -> Result<Day, StoreError> {
    let day = i32::try_from(number).map_err(|_| StoreError::Corrupt("a day out of range".into()));
    day.map(Day)
}
