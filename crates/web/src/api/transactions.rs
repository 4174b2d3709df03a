//! The player's history: every ledger entry, newest first, with what it takes to verify the chain;
//! the same as CSV; the receipt of one entry; and the note on a trade. Entries are never changed
//! here: a note is a new entry of its own.

mod file;
mod receipt;
mod row;

pub(crate) use self::file::{CsvFile, read_bom};
pub(crate) use self::row::{CSV_HEADER, Transaction, push_csv, to_csv};

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use domain::text::TextKind;
use domain::{Action, EntryKind, Fill, Month, Note, TradeId};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use store::{LedgerFilter, LedgerRow};
use trading::DeskRequest;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::receipt::Receipt;
use super::achievements::UnlockedAchievement;
use super::orders::read_note;
use super::stocks::Segment;
use crate::auth::sessions::{Player, RequestId};
use crate::game::csv::BOM;
use crate::http::body::Json;
use crate::http::etag;
use crate::http::query::Query;
use crate::openapi::Data;
use crate::problem::Problem;
use crate::state::AppState;

/// Entries a page when the caller does not say.
const LIMIT: i64 = 50;
/// The most entries a page.
const LIMIT_MAX: i64 = 100;
const PATH: &str = "/api/portfolio/transactions";

pub(crate) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list_transactions))
        .routes(routes!(show_receipt))
        .routes(routes!(write_note))
}

/// One page of the history.
#[derive(Serialize, ToSchema)]
pub(crate) struct History {
    /// Always `true`.
    #[schema(example = true)]
    success: bool,
    /// Newest first.
    data: Vec<Transaction>,
    meta: HistoryMeta,
}

/// Where the history goes on.
#[derive(Serialize, ToSchema)]
pub(crate) struct HistoryMeta {
    /// Hand this back as `cursor` for older entries; `null` when there are none.
    #[schema(example = "3177b.2")]
    next_cursor: Option<String>,
    /// Entries a page. With `archived`, there may be fewer although it goes on.
    #[schema(example = 50)]
    limit: i64,
    /// Whether the archive had to be read for this page, which takes longer.
    #[schema(example = false)]
    archived: bool,
}

/// A note for a trade.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoteBody {
    /// Why the trade was made, 1 to 280 characters.
    #[schema(value_type = String, required = true, min_length = 1, max_length = 280,
        example = "I use their phones every day.")]
    note: Option<Box<RawValue>>,
}

/// The answer to a note that was written.
#[derive(Serialize, ToSchema)]
pub(crate) struct NoteAnswer {
    /// Always `true`.
    #[schema(example = true)]
    success: bool,
    #[schema(example = "Note saved successfully")]
    message: &'static str,
    data: NoteSaved,
}

/// A trade's note, and what writing it earned.
#[derive(Serialize, ToSchema)]
pub(crate) struct NoteSaved {
    /// The trade the note is about.
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
/// With `format=csv` and neither `limit` nor `cursor` the answer is the whole history, sent while
/// it is read. The lines of `canonical` are joined by blanks there, a text that a spreadsheet would
/// take for a formula has an apostrophe in front, and the file begins with a byte order mark, by
/// which spreadsheets know UTF-8, unless `bom=0` is asked for.
#[utoipa::path(get, path = "/api/portfolio/transactions", tag = "portfolio",
    security(("bearer" = [])),
    params(
        ("limit" = Option<i64>, Query, description = "1 to 100; 50 unless told",
            minimum = 1, maximum = 100, example = 50),
        ("cursor" = Option<String>, Query, description = "`meta.next_cursor` of the page before"),
        ("format" = Option<String>, Query, description = "`json` unless told, or `csv`",
            example = "json"),
        ("bom" = Option<String>, Query,
            description = "`0`: CSV without a byte order mark at its beginning", example = "0"),
    ),
    responses(
        (status = 200, content((History = "application/json"), (String = "text/csv")),
            headers(("Link" = String, description = "The next page, `rel=\"next\"`."))),
        (status = 304, description = "Unchanged since the `ETag` in `If-None-Match`."),
        (status = 422, body = Problem, content_type = "application/problem+json"),
        (status = 503, body = Problem, content_type = "application/problem+json",
            description = "The history goes on in the archive, which cannot be read."),
    ))]
async fn list_transactions(
    State(state): State<AppState>,
    player: Player,
    headers: HeaderMap,
    query: Query,
) -> Result<Response, Problem> {
    let asked = Asked::read(&query)?;
    if asked.csv && asked.is_whole {
        let disposition = "attachment; filename=\"openbell-transactions.csv\"";
        let (filter, place, has_bom) = (LedgerFilter::default(), None, asked.has_bom);
        let player_id = player.player_id;
        let file = CsvFile { player_id, filter, place, has_bom, disposition };
        return file.send(&state).await;
    }
    let limit = usize::try_from(asked.limit).unwrap_or(0);
    let page = state.history.page(player.player_id, asked.before, limit).await?;
    let rows = page.rows;
    let next_cursor = page.next.map(write_cursor);
    let link = next_cursor.as_deref().and_then(|cursor| {
        let format = match (asked.csv, asked.has_bom) {
            (false, _) => "",
            (true, true) => "&format=csv",
            (true, false) => "&format=csv&bom=0",
        };
        let limit = asked.limit;
        let link = format!("<{PATH}?cursor={cursor}&limit={limit}{format}>; rel=\"next\"");
        HeaderValue::from_str(&link).ok()
    });
    let mut response = if asked.csv {
        csv_answer(&rows, asked.has_bom)
    } else {
        let data = rows.iter().map(Transaction::new).collect();
        let (limit, archived) = (asked.limit, page.is_archived);
        let meta = HistoryMeta { next_cursor, limit, archived };
        etag::private(&headers, &History { success: true, data, meta })
    };
    if let Some(link) = link {
        response.headers_mut().insert(header::LINK, link);
    }
    Ok(response)
}

/// Explains one ledger entry: the quote and its age, the rounding, the fee, the experience and why.
#[utoipa::path(get, path = "/api/portfolio/transactions/{trade_id}", tag = "portfolio",
    security(("bearer" = [])),
    params(("trade_id" = String, Path, description = "As in the trade's answer",
        example = "t-42-202611-2")),
    responses(
        (status = 200, body = Data<Receipt>),
        (status = 304, description = "Unchanged since the `ETag` in `If-None-Match`."),
        (status = 404, body = Problem, content_type = "application/problem+json",
            description = "No such trade, or not yours."),
    ))]
async fn show_receipt(
    State(state): State<AppState>,
    player: Player,
    headers: HeaderMap,
    Segment(trade_id): Segment,
) -> Result<Response, Problem> {
    let row = load_own(&state, &player, &trade_id).await?;
    let unlocked = state.store.unlocked_by(player.player_id, row.entry.version).await?;
    let receipt = Receipt::new(&row, &unlocked, &state.rules);
    Ok(etag::private(&headers, &Data::new(receipt)))
}

/// Writes or replaces the note on a trade.
///
/// The first note on a trade counts towards achievements. The same note again changes nothing.
#[utoipa::path(put, path = "/api/portfolio/transactions/{trade_id}/note", tag = "portfolio",
    security(("bearer" = [])),
    params(("trade_id" = String, Path, description = "As in the trade's answer",
        example = "t-42-202611-2")),
    request_body(content = NoteBody, example = json!({"note": "I use their phones."})),
    responses(
        (status = 200, body = NoteAnswer),
        (status = 404, body = Problem, content_type = "application/problem+json",
            description = "No such trade, or not yours."),
        (status = 422, body = Problem, content_type = "application/problem+json"),
    ))]
async fn write_note(
    State(state): State<AppState>,
    player: Player,
    request_id: RequestId,
    Segment(trade_id): Segment,
    Json(body): Json<NoteBody>,
) -> Result<Response, Problem> {
    let note = read_note(body.note.as_deref()).transpose();
    let note = note.unwrap_or_else(|| Err("The note field is required.".to_owned()));
    let note = note.map_err(|text| Problem::field("note", text))?;
    let row = load_own(&state, &player, &trade_id).await?;
    if !matches!(row.entry.kind, EntryKind::Buy | EntryKind::Sell) {
        return Err(Problem::not_found());
    }
    let text = note.as_str().to_owned();
    let mut saved =
        NoteSaved { trade_id, note: text, achievements_unlocked: Vec::new(), level: None };
    if let Some(fill) = save_note(&state, &row, note, &request_id).await? {
        saved.achievements_unlocked = UnlockedAchievement::list(&fill.unlocked, &state.rules);
        saved.level = Some(state.rules.levels.progress(fill.entry.total_xp_after).level);
    }
    let message = "Note saved successfully";
    Ok(axum::Json(NoteAnswer { success: true, message, data: saved }).into_response())
}

/// Writes or replaces the note about a trade; `None` when it says that already.
pub(crate) async fn save_note(
    state: &AppState,
    row: &LedgerRow,
    note: Note,
    request_id: &RequestId,
) -> Result<Option<Fill>, Problem> {
    if row.note.as_deref() == Some(note.as_str()) {
        return Ok(None);
    }
    let request = DeskRequest {
        player_id: row.entry.player_id,
        action: Action::Annotate {
            about_version: row.entry.version,
            stock_id: row.entry.stock_id.unwrap_or_default(),
            note,
        },
        idempotency: None,
        request_id: request_id.to_string(),
    };
    Ok(Some(state.desk.submit(request).await?.outcome.map_err(Problem::from)?))
}

/// The caller's trade with this number; what is not his does not exist.
pub(crate) async fn load_own(
    state: &AppState,
    player: &Player,
    trade_id: &str,
) -> Result<LedgerRow, Problem> {
    let id = TradeId::parse(trade_id).filter(|id| id.player_id == player.player_id);
    let id = id.ok_or_else(Problem::not_found)?;
    state.history.find(id).await?.ok_or_else(Problem::not_found)
}

/// What a caller of the history asked for.
struct Asked {
    limit: i64,
    before: Option<(Month, i64)>,
    csv: bool,
    /// Neither how many nor where to go on was asked for.
    is_whole: bool,
    has_bom: bool,
}

impl Asked {
    fn read(query: &Query) -> Result<Self, Problem> {
        let mut fields = query.strict();
        let limit = fields.integer("limit", 1..=LIMIT_MAX);
        let cursor = fields.text("cursor", TextKind::Line, 0..=40);
        let format = fields.text("format", TextKind::Line, 0..=10);
        fields.finish()?;
        let csv = match format.as_deref() {
            None | Some("json") => false,
            Some("csv") => true,
            Some(_) => return Err(Problem::field("format", "The selected format is invalid.")),
        };
        let before = cursor.as_deref().map(|text| {
            let invalid = || Problem::field("cursor", "The selected cursor is invalid.");
            read_cursor(text).ok_or_else(invalid)
        });
        let before = before.transpose()?;
        let has_bom = read_bom(query);
        let has_bom =
            has_bom.ok_or_else(|| Problem::field("bom", "The selected bom is invalid."))?;
        let is_whole = limit.is_none() && before.is_none();
        Ok(Self { limit: limit.unwrap_or(LIMIT), before, csv, is_whole, has_bom })
    }
}

/// Writes the place of the last entry shown, opaque to the caller.
fn write_cursor((month, version): (Month, i64)) -> String {
    format!("{:x}.{version:x}", month.0)
}

/// Reads what [`write_cursor`] wrote, and nothing else.
fn read_cursor(text: &str) -> Option<(Month, i64)> {
    let (month, version) = text.split_once('.')?;
    let number = |part: &str| i64::from_str_radix(part, 16).ok();
    let place = (Month(number(month)?), number(version)?);
    (place.1 > 0 && write_cursor(place) == text).then_some(place)
}

fn csv_answer(rows: &[LedgerRow], has_bom: bool) -> Response {
    let bom = if has_bom { BOM } else { "" };
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8; header=present"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"openbell-transactions.csv\""),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, format!("{bom}{}", to_csv(rows))).into_response()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_cursor_survives_its_text(month in 190_001i32..=999_912, version in 1i64..) {
            let place = (Month(month.into()), version);
            prop_assert_eq!(read_cursor(&write_cursor(place)), Some(place));
        }

        #[test]
        fn a_cursor_that_is_read_was_written_like_that(text in "[-+0-9a-fA-F. ]{0,24}|.{0,12}") {
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
    fn a_cursor_is_read_as_it_was_written_and_nothing_else_is() {
        let place = (Month(202_611), 42);
        assert_eq!(read_cursor(&write_cursor(place)), Some(place));
        for text in ["", ".", "x", "3177b", "3177b.", "3177B.2a", "3177b.+2", "3177b.0", "1.2.3"] {
            assert_eq!(read_cursor(text), None, "{text:?}");
        }
    }
}
