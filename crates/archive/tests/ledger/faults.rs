//! An object store that is full, does not respond or truncates a response: the month keeps its
//! state, its row has the error, and the next attempt continues.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;

use archive::{ArchiveError, ArchiveStore, S3Config, verify_archived};
use domain::Secret;
use store::ArchiveState;

use crate::fixture::{ENGINES, Fixture};

#[derive(Clone)]
enum Mode {
    /// Responds with 507.
    Full,
    /// Accepts requests and does not respond.
    Silent,
    /// Sends half of a file of this directory.
    Short(PathBuf),
}

/// Starts a store that runs until the process ends.
fn archive_store(mode: Mode) -> ArchiveStore {
    let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        // A silent store keeps the connections open.
        let mut held = Vec::new();
        for stream in listener.incoming().map_while(Result::ok) {
            match &mode {
                Mode::Silent => held.push(stream),
                mode => {
                    let mode = mode.clone();
                    // The client may have disconnected.
                    std::thread::spawn(move || drop(respond(&stream, &mode)));
                }
            }
        }
    });
    let s3 = S3Config {
        endpoint: format!("http://{address}"),
        region: "us-east-1".to_owned(),
        access_key_id: "k".to_owned(),
        secret_key: Secret::new("s"),
        timeout_s: 1,
    };
    ArchiveStore::open("s3://ledger/game", &s3).expect("a good address")
}

fn respond(mut stream: &TcpStream, mode: &Mode) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let (mut request, mut length) = (String::new(), 0);
    reader.read_line(&mut request)?;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        if let Some((_, value)) = line.to_lowercase().split_once("content-length:") {
            length = value.trim().parse().unwrap_or_default();
        }
        if line.trim().is_empty() {
            break;
        }
    }
    std::io::copy(&mut reader.take(length), &mut std::io::sink())?;
    let Mode::Short(directory) = mode else {
        let body = "<Error><Code>InsufficientStorage</Code></Error>";
        let head = "HTTP/1.1 507 Insufficient Storage\r\nconnection: close\r\ncontent-length: ";
        return write!(stream, "{head}{}\r\n\r\n{body}", body.len());
    };
    let path = request.split(' ').nth(1).unwrap_or_default().split('?').next().unwrap_or_default();
    let file = std::fs::read(directory.join(path.trim_start_matches("/ledger/game/")))?;
    let modified = "last-modified: Fri, 27 Nov 2026 00:00:00 GMT\r\netag: \"x\"\r\n";
    write!(stream, "HTTP/1.1 200 OK\r\n{modified}content-length: {}\r\n\r\n", file.len())?;
    stream.write_all(&file[..file.len() / 2])
}

#[tokio::test]
async fn a_store_that_is_full_or_silent_leaves_the_month_in_its_state_with_the_error() {
    for engine in ENGINES {
        let fixture = Fixture::open(engine).await;
        let [first, ..] = fixture.trade_over_months().await;
        for (mode, expected) in [(Mode::Full, "507"), (Mode::Silent, "timed out")] {
            let archiver = fixture.archiver_at(archive_store(mode), "a");
            let error = archiver.archive(first, |_| ()).await.expect_err("refused");
            assert!(matches!(error, ArchiveError::Storage { .. }), "{engine}: {error:?}");
            let row = fixture.state(first).await;
            assert_eq!(row.state, ArchiveState::Writing, "{engine}");
            let why = row.error.expect("why");
            assert!(why.contains(expected), "{engine}: {why}");
            let refused = archiver.drop_month(first, "a test").await.expect_err("not verified");
            assert!(matches!(refused, ArchiveError::WrongState { .. }), "{engine}: {refused:?}");
        }
        fixture.archiver("a").archive(first, |_| ()).await.expect("archives");
        assert_eq!(fixture.state(first).await.error, None, "{engine}");
    }
}

#[tokio::test]
async fn a_truncated_response_is_an_error_that_names_the_file() {
    for engine in ENGINES {
        let fixture = Fixture::open(engine).await;
        let [first, ..] = fixture.trade_over_months().await;
        let archiver = fixture.archiver("a");
        let manifest = fixture.let_go(first).await;
        let short = archive_store(Mode::Short(fixture.archive_path()));
        let error =
            verify_archived(&fixture.store, &short, |_, _| ()).await.expect_err("a truncated file");
        let text = std::error::Error::source(&error).expect("why").to_string();
        assert!(text.contains(&manifest.parts[0].name), "{engine}: {text}");
        let error = fixture
            .archiver_at(short, "b")
            .restore(first, |_| ())
            .await
            .expect_err("a truncated file");
        let row = fixture.state(first).await;
        assert_eq!((row.state, row.error), (ArchiveState::Dropped, Some(error.chain())));
        archiver.restore(first, |_| ()).await.expect("restores");
    }
}

#[tokio::test]
async fn the_error_that_ended_an_attempt_is_returned_although_it_cannot_be_recorded() {
    for engine in ENGINES {
        let fixture = Fixture::open(engine).await;
        let [first, ..] = fixture.trade_over_months().await;
        let refuse_errors = match engine {
            "sqlite" => {
                "CREATE TRIGGER no_error BEFORE UPDATE ON audit_archives
                 WHEN NEW.error IS NOT NULL BEGIN SELECT RAISE(ABORT, 'not recorded'); END"
            }
            _ => "ALTER TABLE audit_archives ADD CONSTRAINT no_error CHECK (error IS NULL)",
        };
        fixture.try_by_hand(refuse_errors.to_owned()).await.expect("changes the schema");
        let archiver = fixture.archiver_at(archive_store(Mode::Full), "a");
        let error = archiver.archive(first, |_| ()).await.expect_err("refused");
        assert!(matches!(error, ArchiveError::Storage { .. }), "{engine}: {error:?}");
        assert!(error.chain().contains("507"), "{engine}: {}", error.chain());
        // The lease was given back all the same.
        let error =
            fixture.archiver_at(archive_store(Mode::Full), "b").archive(first, |_| ()).await;
        assert!(matches!(error, Err(ArchiveError::Storage { .. })), "{engine}: {error:?}");
    }
}
