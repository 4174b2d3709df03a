//! The whole history as one CSV file. It is sent while it is read, a bounded number of entries at a
//! time, from the ledger and then from the archive: a long history needs no more memory than a
//! short one, and no transaction stays open.

use std::io;

use archive::{History, HistoryCursor};
use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use store::LedgerFilter;

use super::row::{CSV_HEADER, push_csv};
use crate::game::csv::{BOM, Csv};
use crate::http::query::Query;
use crate::problem::Problem;
use crate::state::AppState;

/// Entries of one piece.
const ROWS: usize = 500;

/// Which entries the file has, and what it is called.
pub(crate) struct CsvFile {
    pub(crate) player_id: i64,
    pub(crate) filter: LedgerFilter,
    /// Only the entries below it.
    pub(crate) place: Option<HistoryCursor>,
    /// Whether it begins with the byte order mark by which spreadsheets know UTF-8.
    pub(crate) has_bom: bool,
    /// `attachment; filename="…"`.
    pub(crate) disposition: &'static str,
}

impl CsvFile {
    /// Sends it. When a later piece cannot be read the connection breaks off, so that a client can
    /// tell such a file from a whole one.
    ///
    /// # Errors
    /// As for a page of the history, when the first piece cannot be read.
    pub(crate) async fn send(self, state: &AppState) -> Result<Response, Problem> {
        let Self { player_id, filter, place, has_bom, disposition } = self;
        let first = state.history.search(player_id, filter, place, ROWS).await?;
        let mut csv = Csv::new(&CSV_HEADER);
        push_csv(&mut csv, &first.rows);
        let bom = if has_bom { BOM } else { "" };
        let begin = (Some(format!("{bom}{}", csv.into_text())), first.next);
        let history = state.history.clone();
        let pieces = stream::try_unfold(begin, move |(ready, next)| {
            let history = history.clone();
            async move {
                if let Some(text) = ready {
                    return Ok(Some((Bytes::from(text), (None, next))));
                }
                let Some(place) = next else { return Ok(None) };
                let (piece, next) = read(&history, player_id, filter, place).await?;
                Ok::<_, io::Error>(Some((Bytes::from(piece), (None, next))))
            }
        });
        let headers = [
            (header::CONTENT_TYPE, "text/csv; charset=utf-8; header=present"),
            (header::CONTENT_DISPOSITION, disposition),
            (header::CACHE_CONTROL, "no-store"),
        ];
        let headers = headers.map(|(name, value)| (name, HeaderValue::from_static(value)));
        Ok((headers, Body::from_stream(pieces)).into_response())
    }
}

/// Reads `bom`: `0` for a file without a byte order mark. `None` for anything else than 0 and 1.
pub(crate) fn read_bom(query: &Query) -> Option<bool> {
    match query.find("bom") {
        None | Some("" | "1") => Some(true),
        Some("0") => Some(false),
        Some(_) => None,
    }
}

async fn read(
    history: &History,
    player_id: i64,
    filter: LedgerFilter,
    place: HistoryCursor,
) -> Result<(String, Option<HistoryCursor>), io::Error> {
    let found = history.search(player_id, filter, Some(place), ROWS).await.map_err(|error| {
        let error = error.chain();
        tracing::error!(player_id, error, "a CSV file of a history cannot be sent to its end");
        io::Error::other(error)
    })?;
    let mut csv = Csv::default();
    push_csv(&mut csv, &found.rows);
    Ok((csv.into_text(), found.next))
}
