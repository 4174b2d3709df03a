//! Other programs with the archive: a Parquet reader finds the same numbers, and a server with the
//! S3 API stores the same files. Both are Python programs that `./test` installs.

use std::process::Command;

use archive::{ArchiveError, ArchiveStore, S3Config, verify_archived};
use domain::Secret;
use store::ArchiveState;
use testkit::{S3Server, tools_python};

use crate::fixture::{ENGINES, Fixture};

const SUMS: &str = "
import sys, pyarrow.parquet as pq, pyarrow as pa, pyarrow.compute as pc
t = pa.concat_tables(pq.read_table(name) for name in sys.argv[1:])
assert t.schema.field('hash').type == pa.binary(32), t.schema
assert t.schema.field('created_at').type == pa.timestamp('us', tz='UTC'), t.schema
sums = [pc.sum(t[name]).as_py() for name in ('amount', 'cash_after', 'price', 'quantity_after')]
print(t.num_rows, *sums, pc.sum(t['version']).as_py(), pc.count_distinct(t['hash']).as_py())
";

fn run(script: &str, arguments: &[String]) -> String {
    let output = Command::new(tools_python()).arg("-c").arg(script).args(arguments).output();
    let output = output.expect("starts");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}");
    String::from_utf8(output.stdout).expect("text").trim().to_owned()
}

/// A whole number with so many of its digits behind the point.
fn decimal(number: i64, digits: u32) -> String {
    let one = 10_i64.pow(digits);
    let sign = if number < 0 { "-" } else { "" };
    let (whole, part) = (number.abs() / one, number.abs() % one);
    format!("{sign}{whole}.{part:0width$}", width = digits as usize)
}

#[tokio::test]
async fn another_reader_finds_equal_rows_and_sums() {
    for engine in ENGINES {
        let fixture = Fixture::open(engine).await;
        let [first, ..] = fixture.trade_over_months().await;
        let manifest = fixture.archiver("a").archive(first, |_| ()).await.expect("archives");
        let path = |name: &String| fixture.archive_path().join(name).display().to_string();
        let names: Vec<_> = manifest.parts.iter().map(|part| path(&part.name)).collect();
        let rows = fixture.store.month_page(first, (0, 0), 100_000).await.expect("answers");
        let sum = |value: fn(&domain::LedgerEntry) -> i64| -> i64 {
            rows.iter().map(|(entry, _)| value(entry)).sum()
        };
        let expected = [
            rows.len().to_string(),
            decimal(sum(|e| e.amount.0), 2),
            decimal(sum(|e| e.cash_after.0), 2),
            decimal(sum(|e| e.price.map_or(0, |price| price.0)), 4),
            decimal(sum(|e| e.quantity_after.0), 6),
            sum(|e| e.version).to_string(),
            rows.len().to_string(),
        ];
        assert_eq!(run(SUMS, &names), expected.join(" "), "{engine}");
    }
}

fn archive_store(server: &S3Server, bucket: &str) -> ArchiveStore {
    let s3 = S3Config {
        endpoint: server.url(),
        region: "us-east-1".to_owned(),
        access_key_id: "k".to_owned(),
        secret_key: Secret::new("s"),
        ..S3Config::default()
    };
    ArchiveStore::open(&format!("s3://{bucket}/of/our/game"), &s3).expect("a good address")
}

#[tokio::test]
async fn a_month_goes_to_a_store_like_s3_and_comes_back() {
    let server = S3Server::start();
    for engine in ENGINES {
        let fixture = Fixture::open(engine).await;
        let [first, ..] = fixture.trade_over_months().await;
        let archiver = fixture.archiver_at(archive_store(&server, S3Server::BUCKET), "a");
        let manifest = archiver.archive(first, |_| ()).await.expect("archives");
        assert!(manifest.parts.len() > 1, "{engine}");
        archiver.drop_month(first, "a test").await.expect("drops");
        let report =
            verify_archived(&fixture.store, &archive_store(&server, S3Server::BUCKET), |_, _| ())
                .await;
        let report = report.expect("readable");
        assert!(report.holds(), "{engine}: {report}");
        archiver.restore(first, |_| ()).await.expect("restores");
        assert_eq!(fixture.state(first).await.state, ArchiveState::Verified, "{engine}");
    }
}

#[tokio::test]
async fn a_bucket_that_does_not_exist_differs_from_a_missing_file() {
    let server = S3Server::start();
    let fixture = Fixture::open("sqlite").await;
    let [first, ..] = fixture.trade_over_months().await;
    let archiver = fixture.archiver_at(archive_store(&server, "another"), "a");
    let error = archiver.archive(first, |_| ()).await.expect_err("refused");
    assert!(matches!(error, ArchiveError::NoBucket), "{error:?}");
    assert_eq!(error.to_string(), "audit.archive_url: the bucket does not exist");
}

#[tokio::test]
async fn an_unreachable_store_is_an_error_that_changes_nothing() {
    let server = S3Server::start();
    let store = archive_store(&server, S3Server::BUCKET);
    drop(server);
    let fixture = Fixture::open("sqlite").await;
    let [first, ..] = fixture.trade_over_months().await;
    let error = fixture.archiver_at(store, "a").archive(first, |_| ()).await.expect_err("refused");
    assert!(matches!(error, ArchiveError::Storage { .. }), "{error:?}");
    let row = fixture.state(first).await;
    assert_eq!((row.state, row.error), (ArchiveState::Writing, Some(error.chain())));
}
