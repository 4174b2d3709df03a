//! The section `[audit]` of the configuration: retention of the ledger, archive, seals.

use domain::{Secret, limited};
use serde::Deserialize;
use serde::de::Error as _;

/// How months of the ledger are archived and dropped.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditConfig {
    /// Days after its end that a month stays in the database; 0: forever.
    #[serde(deserialize_with = "limited::<_, _, 0, 36_525>")]
    pub retention_days: u32,
    /// The archive: a directory or `s3://bucket/prefix`. Empty: all months stay in the database.
    #[serde(deserialize_with = "archive_url")]
    pub archive_url: String,
    /// The time of day (UTC) at which months are archived and dropped, `HH:MM`.
    pub clean_at: TimeOfDay,
    /// The largest random delay of a node, in seconds.
    #[serde(deserialize_with = "limited::<_, _, 0, 14_400>")]
    pub clean_jitter_s: u32,
    /// The most entries of one file.
    #[serde(deserialize_with = "limited::<_, _, 100, 10_000_000>")]
    pub part_rows: u32,
    /// The most entries of one row group, which is in memory as a whole.
    #[serde(deserialize_with = "limited::<_, _, 100, 100_000>")]
    pub row_group_rows: u32,
    /// The file to which seals are added; empty: `seals.jsonl` in the data directory of an SQLite
    /// database, none beside PostgreSQL.
    pub seals_file: String,
    /// The file to which erasures are added; empty as for seals.
    pub erasures_file: String,
    /// Seconds between two seals; 0: no seals.
    #[serde(deserialize_with = "limited::<_, _, 0, 86_400>")]
    pub seal_every_s: u32,
    pub s3: S3Config,
}

/// A store with the S3 API.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct S3Config {
    /// The URL; empty: that of the region.
    pub endpoint: String,
    pub region: String,
    pub access_key_id: String,
    pub secret_key: Secret,
    /// The read timeout, in seconds.
    #[serde(deserialize_with = "limited::<_, _, 1, 300>")]
    pub timeout_s: u32,
}

impl Default for S3Config {
    fn default() -> Self {
        Self {
            endpoint: String::new(),
            region: String::new(),
            access_key_id: String::new(),
            secret_key: Secret::default(),
            timeout_s: 30,
        }
    }
}

/// A time of day in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeOfDay {
    /// Seconds since midnight.
    pub seconds: i64,
}

impl<'de> Deserialize<'de> for TimeOfDay {
    fn deserialize<D: serde::Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        let text = String::deserialize(reader)?;
        let number = |text: &str, most: i64| {
            let digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse::<i64>().ok().filter(|number| digits && *number <= most)
        };
        let (hours, minutes) = text.split_once(':').unwrap_or_default();
        let time = number(hours, 23).zip(number(minutes, 59));
        let seconds = time.map(|(hours, minutes)| hours * 3600 + minutes * 60);
        let wrong = || D::Error::custom(format!("expected a time like \"02:00\", got \"{text}\""));
        Ok(Self { seconds: seconds.ok_or_else(wrong)? })
    }
}

impl Default for AuditConfig {
    fn default() -> Self {
        Self {
            retention_days: 730,
            archive_url: String::new(),
            clean_at: TimeOfDay { seconds: 7200 },
            clean_jitter_s: 1800,
            part_rows: 2_000_000,
            row_group_rows: 4_000,
            seals_file: String::new(),
            erasures_file: String::new(),
            seal_every_s: 3_600,
            s3: S3Config { region: "us-east-1".to_owned(), ..S3Config::default() },
        }
    }
}

/// The parsed URL of an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Address<'a> {
    Directory(&'a str),
    Bucket { bucket: &'a str, prefix: &'a str },
}

impl<'a> Address<'a> {
    pub(crate) fn parse(url: &'a str) -> Result<Self, String> {
        let bad = || format!("expected a directory or s3://bucket/prefix, got \"{url}\"");
        if let Some(place) = url.strip_prefix("s3://") {
            let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
            return if bucket.is_empty() {
                Err(bad())
            } else {
                Ok(Self::Bucket { bucket, prefix })
            };
        }
        let path = match url.strip_prefix("file:") {
            // file:///var/x is a path from the root, as file:/var/x is.
            Some(path) => path.strip_prefix("//").unwrap_or(path),
            // "s3:/x" and "gs://x" are typing errors, not directories.
            None if has_scheme(url) => return Err(bad()),
            None => url,
        };
        if path.is_empty() { Err(bad()) } else { Ok(Self::Directory(path)) }
    }
}

/// Whether a text begins like a URL: letters and digits, and a colon.
fn has_scheme(url: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    url.split_once(':').is_some_and(|(scheme, _)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic()) && scheme.chars().all(is_part)
    })
}

fn archive_url<'de, D: serde::Deserializer<'de>>(reader: D) -> Result<String, D::Error> {
    let url = String::deserialize(reader)?;
    if !url.is_empty() {
        Address::parse(&url).map_err(D::Error::custom)?;
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Result<i64, String> {
        let table: toml::Table = toml::from_str(&format!("at = {text:?}")).expect("TOML");
        let read = TimeOfDay::deserialize(table["at"].clone());
        read.map(|time| time.seconds).map_err(|error| error.to_string())
    }

    #[test]
    fn an_archive_is_a_directory_or_a_bucket_and_no_other_scheme() {
        for (url, path) in [
            ("/var/archive", "/var/archive"),
            ("./a:b", "./a:b"),
            ("archive", "archive"),
            ("file:/var/x", "/var/x"),
            ("file:///var/x", "/var/x"),
        ] {
            assert_eq!(Address::parse(url), Ok(Address::Directory(path)), "{url}");
        }
        let bucket = Address::Bucket { bucket: "b", prefix: "of/game" };
        assert_eq!(Address::parse("s3://b/of/game"), Ok(bucket));
        assert_eq!(Address::parse("s3://b"), Ok(Address::Bucket { bucket: "b", prefix: "" }));
        for bad in ["", "file:", "s3:/x", "s3:x", "s3://", "s3:///x", "S3://b", "gs://b", "http:x"]
        {
            let error = Address::parse(bad).expect_err(bad);
            assert_eq!(error, format!("expected a directory or s3://bucket/prefix, got {bad:?}"));
        }
    }

    #[test]
    fn a_time_of_day_has_two_digits_and_two() {
        assert_eq!(time("02:00"), Ok(7200));
        assert_eq!(time("23:59"), Ok(86_340));
        for wrong in ["", "2:00", "24:00", "12:60", "12", "-1:00", "+1:00", "ab:cd"] {
            let found = time(wrong).unwrap_err();
            assert!(found.contains("expected a time like \"02:00\""), "{wrong}: {found}");
        }
    }
}
