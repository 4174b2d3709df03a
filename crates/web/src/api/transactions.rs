//! The player's history: ledger entries with the data that verifies the chain, as JSON or CSV; the
//! receipt of one entry; and the note on a trade, which is a ledger entry of its own.

mod receipt;

use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use domain::{EntryKind, Month};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use store::LedgerFilter;
use utoipa::ToSchema;

use self::receipt::Receipt;
use super::achievements::UnlockedAchievement;
use super::orders::read_note;
use crate::auth::sessions::{PlayerSession, RequestId};
use crate::game::history::{Transaction, load_trade, save_note};
use crate::game::history_csv::{CsvRequest, stream_csv, to_csv};
use crate::http::attachment::{self, read_bom};
use crate::http::body::Json;
use crate::http::path_segment::PathSegment;
use crate::http::query::Query;
use crate::http::{etag, headers};
use crate::openapi::Data;
use crate::problem::Problem;
use crate::state::AppState;

const LIMIT: i64 = 50;
const LIMIT_MAX: i64 = 100;
const FILE_NAME: &str = "openbell-transactions.csv";
const PATH: &str = "/api/portfolio/transactions";

/// One page of the history.
#[derive(Serialize, ToSchema)]
#[schema(as = History)]
pub(crate) struct HistoryResponse {
    /// Always `true`.
    #[schema(example = true)]
    success: bool,
    /// Newest first.
    data: Vec<Transaction>,
    meta: HistoryMeta,
}

/// Where the history continues.
#[derive(Serialize, ToSchema)]
pub(crate) struct HistoryMeta {
    /// The `cursor` of the next page, with older entries; `null` on the last page.
    #[schema(example = "3177b.2")]
    next_cursor: Option<String>,
    /// Entries a page. With `archived`, a page that is not the last may have fewer.
    #[schema(example = 50)]
    limit: i64,
    /// Whether this page was read from the archive, which takes longer.
    #[schema(example = false)]
    archived: bool,
}

/// A note on a trade.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoteBody {
    /// Why the trade was made, 1 to 280 characters.
    #[schema(value_type = String, required = true, min_length = 1, max_length = 280,
        example = "I use their phones every day.")]
    note: Option<Box<RawValue>>,
}

/// The response to a note that was saved.
#[derive(Serialize, ToSchema)]
#[schema(as = NoteAnswer)]
pub(crate) struct NoteResponse {
    /// Always `true`.
    #[schema(example = true)]
    success: bool,
    #[schema(example = "Note saved successfully")]
    message: &'static str,
    data: NoteSaved,
}

/// A trade's note, and the achievements it unlocked.
#[derive(Serialize, ToSchema)]
pub(crate) struct NoteSaved {
    #[schema(example = "t-42-202611-2")]
    trade_id: String,
    #[schema(example = "I use their phones every day.")]
    note: String,
    achievements_unlocked: Vec<UnlockedAchievement>,
    /// The player's level afterwards; `null` when nothing changed.
    #[schema(example = 1)]
    level: Option<i64>,
}

/// The player's ledger entries, newest first.
///
/// Every entry carries its canonical text and its hash. A chain is verified from version 1 upwards:
/// `hash` is the SHA-256 of the previous entry's hash (32 bytes; before the first, the SHA-256 of
/// `openbell-chain-1`, a line feed and the player's number) followed by `canonical`.
///
/// With `format=csv` and neither `limit` nor `cursor` the response is the complete history,
/// streamed while it is read. In CSV, the lines of `canonical` are joined by spaces, a text that a
/// spreadsheet would evaluate as a formula is prefixed with an apostrophe, and the file begins with
/// a byte order mark, by which spreadsheets recognize UTF-8, unless `bom=0` is given.
#[utoipa::path(get, path = "/api/portfolio/transactions", tag = "portfolio",
    security(("bearer" = [])),
    params(
        ("limit" = Option<i64>, Query, description = "1 to 100; 50 by default",
            minimum = 1, maximum = 100, example = 50),
        ("cursor" = Option<String>, Query, description = "`meta.next_cursor` of the page before"),
        ("format" = Option<String>, Query, description = "`json` (the default) or `csv`",
            example = "json"),
        ("bom" = Option<String>, Query,
            description = "`0`: CSV without a byte order mark at its beginning", example = "0"),
    ),
    responses(
        (status = 200, content((HistoryResponse = "application/json"), (String = "text/csv")),
            headers(("Link" = String, description = "The next page, `rel=\"next\"`."))),
        (status = 304, description = "Unchanged since the `ETag` in `If-None-Match`."),
        (status = 422, body = Problem, content_type = "application/problem+json"),
        (status = 503, body = Problem, content_type = "application/problem+json",
            description = "The history continues in the archive, which cannot be read."),
    ))]
pub(super) async fn list_transactions(
    State(state): State<AppState>,
    player: PlayerSession,
    request_headers: HeaderMap,
    query: Query,
) -> Result<Response, Problem> {
    let request = HistoryQuery::parse(&query)?;
    if request.csv && request.is_whole {
        let (player_id, has_bom) = (player.player_id, request.has_bom);
        let filter = LedgerFilter::default();
        let csv = CsvRequest { player_id, filter, cursor: None, has_bom };
        let csv = Body::from_stream(stream_csv(&state, csv).await?);
        return Ok(attachment::csv(FILE_NAME, csv));
    }
    let limit = usize::try_from(request.limit).unwrap_or(0);
    let page = state.history.page(player.player_id, request.before, limit).await?;
    let (rows, unit) = (page.rows, state.rules().minor_unit);
    let next_cursor = page.next.map(write_cursor);
    let next_page = next_cursor.as_deref().map(|cursor| {
        let format = match (request.csv, request.has_bom) {
            (false, _) => "",
            (true, true) => "&format=csv",
            (true, false) => "&format=csv&bom=0",
        };
        format!("{PATH}?cursor={cursor}&limit={}{format}", request.limit)
    });
    let mut response = if request.csv {
        attachment::csv(FILE_NAME, to_csv(&rows, unit, request.has_bom).into())
    } else {
        let data = rows.iter().map(|row| Transaction::new(row, unit)).collect();
        let (limit, archived) = (request.limit, page.is_archived);
        let meta = HistoryMeta { next_cursor, limit, archived };
        etag::private(&request_headers, &HistoryResponse { success: true, data, meta })
    };
    if let Some(address) = next_page {
        headers::link_next(&mut response, &address);
    }
    Ok(response)
}

/// Explains one ledger entry: the quote and its age, the rounding, the fee, the experience and its
/// reason.
#[utoipa::path(get, path = "/api/portfolio/transactions/{trade_id}", tag = "portfolio",
    security(("bearer" = [])),
    params(("trade_id" = String, Path, description = "As in the response to the order",
        example = "t-42-202611-2")),
    responses(
        (status = 200, body = Data<Receipt>),
        (status = 304, description = "Unchanged since the `ETag` in `If-None-Match`."),
        (status = 404, body = Problem, content_type = "application/problem+json",
            description = "No such trade, or not yours."),
    ))]
pub(super) async fn show_receipt(
    State(state): State<AppState>,
    player: PlayerSession,
    headers: HeaderMap,
    PathSegment(trade_id): PathSegment,
) -> Result<Response, Problem> {
    let row = load_trade(&state, &player, &trade_id).await?;
    let unlocked = state.store.unlocked_by(player.player_id, row.entry.version).await?;
    let settled_by = state.rules.of_entry(row.entry.rules_version);
    let receipt = Receipt::new(&row, &unlocked, &settled_by, &state.rules());
    Ok(etag::private(&headers, &Data::new(receipt)))
}

/// Writes or replaces the note on a trade.
///
/// The first note on a trade counts towards achievements. The same note again changes nothing.
#[utoipa::path(put, path = "/api/portfolio/transactions/{trade_id}/note", tag = "portfolio",
    security(("bearer" = [])),
    params(("trade_id" = String, Path, description = "As in the response to the order",
        example = "t-42-202611-2")),
    request_body(content = NoteBody, example = json!({"note": "I use their phones."})),
    responses(
        (status = 200, body = NoteResponse),
        (status = 404, body = Problem, content_type = "application/problem+json",
            description = "No such trade, or not yours."),
        (status = 422, body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn write_note(
    State(state): State<AppState>,
    player: PlayerSession,
    request_id: RequestId,
    PathSegment(trade_id): PathSegment,
    Json(body): Json<NoteBody>,
) -> Result<Response, Problem> {
    let note = read_note(body.note.as_deref()).transpose();
    let note = note.unwrap_or_else(|| Err("The note field is required.".to_owned()));
    let note = note.map_err(|text| Problem::field("note", text))?;
    let row = load_trade(&state, &player, &trade_id).await?;
    if !matches!(row.entry.kind, EntryKind::Buy | EntryKind::Sell) {
        return Err(Problem::not_found());
    }
    let text = note.as_str().to_owned();
    let mut saved =
        NoteSaved { trade_id, note: text, achievements_unlocked: Vec::new(), level: None };
    if let Some(fill) = save_note(&state, &row, note, &request_id).await? {
        saved.achievements_unlocked = UnlockedAchievement::list(&fill.unlocked, &state.rules());
        saved.level = Some(state.rules().levels.progress(fill.entry.total_xp_after).level);
    }
    let message = "Note saved successfully";
    Ok(axum::Json(NoteResponse { success: true, message, data: saved }).into_response())
}

struct HistoryQuery {
    limit: i64,
    before: Option<(Month, i64)>,
    csv: bool,
    /// Neither `limit` nor `cursor` is given.
    is_whole: bool,
    has_bom: bool,
}

impl HistoryQuery {
    fn parse(query: &Query) -> Result<Self, Problem> {
        let mut fields = query.strict();
        let limit = fields.integer("limit", 1..=LIMIT_MAX);
        let csv = fields.parsed("format", 10, |format| match format {
            "json" => Some(false),
            "csv" => Some(true),
            _ => None,
        });
        let before = fields.parsed("cursor", 40, read_cursor);
        fields.finish()?;
        let has_bom = read_bom(query);
        let has_bom =
            has_bom.ok_or_else(|| Problem::field("bom", "The selected bom is invalid."))?;
        let is_whole = limit.is_none() && before.is_none();
        let (limit, csv) = (limit.unwrap_or(LIMIT), csv.unwrap_or(false));
        Ok(Self { limit, before, csv, is_whole, has_bom })
    }
}

/// The cursor of the last entry of a page, opaque to the client.
fn write_cursor((month, version): (Month, i64)) -> String {
    format!("{:x}.{version:x}", month.0)
}

/// Parses the output of [`write_cursor`], and no other spelling of it.
fn read_cursor(text: &str) -> Option<(Month, i64)> {
    let (month, version) = text.split_once('.')?;
    let number = |part: &str| i64::from_str_radix(part, 16).ok();
    let place = (Month(number(month)?), number(version)?);
    (place.1 > 0 && write_cursor(place) == text).then_some(place)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_cursor_round_trips(month in 190_001i32..=999_912, version in 1i64..) {
            let place = (Month(month.into()), version);
            prop_assert_eq!(read_cursor(&write_cursor(place)), Some(place));
        }

        #[test]
        fn a_parsed_cursor_has_one_spelling(text in "[-+0-9a-fA-F. ]{0,24}|.{0,12}") {
            if let Some(place) = read_cursor(&text) {
                prop_assert_eq!(write_cursor(place), text);
            }
        }
    }

    #[test]
    fn cursors_of_the_corpus_and_their_mutations_are_read_in_one_spelling() {
        const CORPUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus/history_cursors");
        let tokens = &[".", "-", "+", "0", "f", "F", "7fffffffffffffff", "%2e"];
        testkit::Fuzzer::new(CORPUS, tokens).by_line().run(4_096, |text| {
            let Ok(text) = str::from_utf8(text) else { return };
            if let Some(place) = read_cursor(text) {
                assert_eq!(write_cursor(place), text);
            }
        });
    }

    #[test]
    fn malformed_cursors_are_rejected() {
        let place = (Month(202_611), 42);
        assert_eq!(read_cursor(&write_cursor(place)), Some(place));
        for text in ["", ".", "x", "3177b", "3177b.", "3177B.2a", "3177b.+2", "3177b.0", "1.2.3"] {
            assert_eq!(read_cursor(text), None, "{text:?}");
        }
    }
}
