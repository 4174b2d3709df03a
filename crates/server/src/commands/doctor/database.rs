//! Checks the database and its read replica: whether they respond, the settings that protect
//! committed trades, the schema, the clock and the free connections.

use domain::Clock as _;
use store::{DatabaseConfig, DatabaseReport, DatabaseServerReport, Store, StoreError};

use super::finding::DoctorFinding;
use crate::boot::config::Config;
use crate::boot::database::{database_error, open_existing};
use crate::clock::SystemClock;
use crate::error::CommandError;
use crate::term;

const AREA: &str = "database";
const REPLICA: &str = "replica";
/// A larger difference of the clocks is a warning, and an error, in milliseconds.
const SKEW_WARNING_MS: i64 = 2_000;
const SKEW_ERROR_MS: i64 = 30_000;

/// The store is returned if its schema is that of this program.
pub(super) async fn check(config: &Config) -> (Option<Store>, Vec<DoctorFinding>) {
    if let Some(file) = config.sqlite_file().filter(|file| !file.exists()) {
        let what = format!("{} does not exist yet; the server creates it", file.display());
        return (None, vec![DoctorFinding::ok(AREA, what)]);
    }
    let (mut findings, mut usable) = (Vec::new(), None);
    let error_of = database_error(&config.database);
    match open(config).await {
        Ok((store, report)) => {
            findings.extend(examine(&config.database, &report));
            findings.push(match store.check_schema().await {
                Ok(()) => check_schema(report.schema, store.newest_schema()),
                Err(error) => failed(&error_of(error)),
            });
            usable = (report.schema == Some(store.newest_schema())).then_some(store);
        }
        Err(error) => findings.push(failed(&error)),
    }
    if !config.database.read_url.is_empty() {
        findings.push(check_replica(&config.database).await);
    }
    (usable, findings)
}

fn failed(error: &CommandError) -> DoctorFinding {
    let remedy = match error {
        CommandError::Database(_, StoreError::Unsuitable(_)) => {
            "use the release that migrated the database (docs/migrations.md)"
        }
        _ => "check database.url, that the database runs, and that this user may use it",
    };
    DoctorFinding::error(AREA, term::error_chain(error), remedy)
}

async fn open(config: &Config) -> Result<(Store, DatabaseReport), CommandError> {
    let store = if config.sqlite_file().is_some() {
        open_existing(config).await?
    } else {
        open_server(&config.database, &config.database.url).await?
    };
    let report = store.inspect().await.map_err(database_error(&config.database))?;
    Ok((store, report))
}

/// Opens a PostgreSQL server whatever its durability: its settings are findings here.
async fn open_server(config: &DatabaseConfig, url: &str) -> Result<Store, CommandError> {
    let mut lenient = config.clone();
    (lenient.require_durable, lenient.url) = (false, url.to_owned());
    lenient.read_url.clear();
    Store::open(&lenient).await.map_err(database_error(&lenient))
}

fn examine(config: &DatabaseConfig, report: &DatabaseReport) -> Vec<DoctorFinding> {
    let mut findings = vec![DoctorFinding::ok(AREA, format!("{} responds", report.version))];
    let weak = report.durability.iter().filter(|(name, value)| match *name {
        "journal_mode" => value != "wal",
        _ => value == "off",
    });
    for (name, value) in weak {
        let what = format!("{name} = {value}: a power cut may lose acknowledged trades");
        let remedy = "turn it on in the database server";
        findings.push(if config.require_durable {
            DoctorFinding::error(AREA, what, remedy)
        } else {
            DoctorFinding::warning(AREA, what, remedy)
        });
    }
    if let Some(server) = &report.server {
        findings.extend(check_server(config, server));
        let skew_ms = (server.clock.0 - SystemClock.now().0) / 1_000;
        findings.push(check_clock(skew_ms));
    }
    findings
}

fn check_server(config: &DatabaseConfig, server: &DatabaseServerReport) -> Vec<DoctorFinding> {
    let mut findings = Vec::new();
    if server.is_standby {
        let what = "database.url is a standby, which accepts no writes";
        findings.push(DoctorFinding::error(AREA, what, "set the primary's address"));
    }
    let (max, used) = (server.connections_max, server.connections_used);
    let what = format!(
        "{used} of {max} connections are in use; a node takes up to {}",
        config.connections_max
    );
    // Also without this program's own connection.
    findings.push(if max - used + 1 >= i64::from(config.connections_max) {
        DoctorFinding::ok(AREA, what)
    } else {
        let remedy = "raise max_connections of the server, or lower database.connections_max";
        DoctorFinding::warning(AREA, what, remedy)
    });
    findings
}

fn check_clock(skew_ms: i64) -> DoctorFinding {
    let what = format!("the clocks of this machine and of the database differ by {skew_ms} ms");
    let remedy = "synchronize the clocks of both machines (chrony, systemd-timesyncd)";
    match skew_ms.abs() {
        skew if skew > SKEW_ERROR_MS => DoctorFinding::error(AREA, what, remedy),
        skew if skew > SKEW_WARNING_MS => DoctorFinding::warning(AREA, what, remedy),
        _ => DoctorFinding::ok(AREA, what),
    }
}

fn check_schema(found: Option<i64>, newest: i64) -> DoctorFinding {
    match found {
        Some(found) if found == newest => {
            DoctorFinding::ok(AREA, format!("the schema is version {found}"))
        }
        Some(found) if found > newest => {
            let what = format!("the schema is version {found}, newer than this program's {newest}");
            DoctorFinding::warning(AREA, what, "use the newer release (docs/migrations.md)")
        }
        found => {
            let found =
                found.map_or_else(|| "absent".to_owned(), |found| format!("version {found}"));
            let what = format!("the schema is {found}, this program's is version {newest}");
            DoctorFinding::ok(AREA, format!("{what}; the server migrates it at its start"))
        }
    }
}

async fn check_replica(config: &DatabaseConfig) -> DoctorFinding {
    let remedy = "check database.read_url; meanwhile the primary is read";
    let store = match open_server(config, &config.read_url).await {
        Ok(store) => store,
        Err(error) => return DoctorFinding::warning(REPLICA, term::error_chain(&error), remedy),
    };
    let report = store.inspect().await;
    store.close().await;
    match report {
        Ok(DatabaseReport { server: Some(server), .. }) if server.is_standby => {
            DoctorFinding::ok(REPLICA, "the standby responds")
        }
        Ok(_) => {
            let what = "database.read_url is not a standby";
            DoctorFinding::error(REPLICA, what, "set the address of a streaming standby, or none")
        }
        Err(error) => DoctorFinding::warning(REPLICA, term::error_chain(&error), remedy),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::doctor::finding::FindingLevel;

    #[test]
    fn clocks_may_differ_by_two_seconds() {
        for (skew_ms, level) in [
            (0, FindingLevel::Ok),
            (-2_000, FindingLevel::Ok),
            (2_001, FindingLevel::Warning),
            (-30_000, FindingLevel::Warning),
            (-30_001, FindingLevel::Error),
        ] {
            assert_eq!(check_clock(skew_ms).level, level, "{skew_ms}");
        }
    }

    #[test]
    fn a_newer_schema_is_a_warning_and_an_older_one_is_migrated() {
        assert_eq!(check_schema(Some(3), 3).level, FindingLevel::Ok);
        assert_eq!(check_schema(Some(4), 3).level, FindingLevel::Warning);
        assert_eq!(check_schema(Some(2), 3).level, FindingLevel::Ok);
        assert!(check_schema(None, 3).what.contains("is absent"));
    }
}
