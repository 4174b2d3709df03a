//! `memory_max`: one bound for what takes most memory (password hashes, the cache, SQLite's page
//! caches), for small machines and containers.

use serde::Deserialize;

use super::Config;

const MIB: u64 = 1024 * 1024;
/// The program takes some 40 MiB besides, more while a market is loaded.
const MIN: u64 = 96 * MIB;
/// One password hash (argon2id), and the page cache of one SQLite connection.
const HASH: u64 = 19 * MIB;
const PAGES: u64 = 8 * MIB;

pub(super) fn memory_max<'de, D: serde::Deserializer<'de>>(reader: D) -> Result<u64, D::Error> {
    let bytes = u64::deserialize(reader)?;
    if bytes == 0 || bytes >= MIN {
        return Ok(bytes);
    }
    Err(serde::de::Error::custom(format!("expected 0 or at least {MIN} bytes, got {bytes}")))
}

/// Lowers the settings that `memory_max` bounds: a quarter is for hashes, a quarter for SQLite's
/// connections, an eighth for the cache. Lower settings stay.
pub(super) fn bound(config: &mut Config, tree: &mut toml::Table) {
    let max = config.memory_max;
    if max == 0 {
        return;
    }
    let hashes = usize::try_from((max / 4 / HASH).max(1)).unwrap_or(usize::MAX);
    config.auth.hash_concurrency_max = config.auth.hash_concurrency_max.min(hashes);
    config.cache.memory_bytes_max = config.cache.memory_bytes_max.min(max / 8);
    let connections = u32::try_from((max / 4 / PAGES).max(2)).unwrap_or(u32::MAX);
    config.database.connections_max = config.database.connections_max.min(connections);
    set(tree, "auth", "hash_concurrency_max", config.auth.hash_concurrency_max as u64);
    set(tree, "cache", "memory_bytes_max", config.cache.memory_bytes_max);
    set(tree, "database", "connections_max", config.database.connections_max.into());
}

/// Sets a value that `check-config` prints.
fn set(tree: &mut toml::Table, section: &str, key: &str, value: u64) {
    let section = tree.get_mut(section).and_then(toml::Value::as_table_mut);
    if let (Some(section), Ok(value)) = (section, i64::try_from(value)) {
        section.insert(key.to_owned(), value.into());
    }
}
