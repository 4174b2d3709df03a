//! A player's history as CSV. A whole history is streamed, a bounded number of entries at a time,
//! from the ledger and then from the archive: memory use does not grow with the history, and no
//! transaction stays open.

use std::io;

use archive::{History, HistoryCursor};
use bytes::Bytes;
use domain::{LedgerEntry, QuoteSource};
use futures_util::stream::{self, Stream};
use store::{LedgerFilter, LedgerRow};

use crate::game::csv::{BOM, Cell, Csv};
use crate::problem::Problem;
use crate::state::AppState;

/// Entries read at a time.
const ROWS: usize = 500;

/// Which entries the file contains.
pub(crate) struct CsvRequest {
    pub(crate) player_id: i64,
    pub(crate) filter: LedgerFilter,
    /// Only the entries below it.
    pub(crate) cursor: Option<HistoryCursor>,
    /// Whether the file begins with the byte order mark by which spreadsheets recognize UTF-8.
    pub(crate) has_bom: bool,
}

/// Streams the file. If a later piece cannot be read, the stream ends with an error and the
/// connection is closed, so that the client can distinguish the file from a complete one.
///
/// # Errors
/// As for a page of the history, if the first piece cannot be read.
pub(crate) async fn stream_csv(
    state: &AppState,
    request: CsvRequest,
) -> Result<impl Stream<Item = io::Result<Bytes>> + Send + use<>, Problem> {
    let CsvRequest { player_id, filter, cursor, has_bom } = request;
    let first = state.history.search(player_id, filter, cursor, ROWS).await?;
    let history = state.history.clone();
    let begin = (Some(to_csv(&first.rows, has_bom)), first.next);
    Ok(stream::try_unfold(begin, move |(ready, next)| {
        let history = history.clone();
        async move {
            if let Some(text) = ready {
                return Ok(Some((Bytes::from(text), (None, next))));
            }
            let Some(cursor) = next else { return Ok(None) };
            let (piece, next) = read(&history, player_id, filter, cursor).await?;
            Ok::<_, io::Error>(Some((Bytes::from(piece), (None, next))))
        }
    }))
}

async fn read(
    history: &History,
    player_id: i64,
    filter: LedgerFilter,
    cursor: HistoryCursor,
) -> io::Result<(String, Option<HistoryCursor>)> {
    let found = history.search(player_id, filter, Some(cursor), ROWS).await.map_err(|error| {
        let error = error.chain();
        tracing::error!(player_id, error, "streaming a history as CSV failed midway");
        io::Error::other(error)
    })?;
    let mut csv = Csv::default();
    push_csv(&mut csv, &found.rows);
    Ok((csv.into_text(), found.next))
}

const HEADER: &str = "trade_id,version,kind,stock_symbol,quantity,price,amount,fee,xp_trade,\
    xp_achievements,cash_after,quantity_after,cost_basis_after,total_xp_after,quote_as_of,\
    market_date,quote_source,about_version,executed_at,note,canonical,hash,\
    rules_version,awarded";

/// The entries as a table with its header. The lines of the canonical text are joined by spaces, so
/// that an entry is one line of the file.
pub(crate) fn to_csv(rows: &[LedgerRow], has_bom: bool) -> String {
    let mut csv = Csv::new(HEADER);
    push_csv(&mut csv, rows);
    let bom = if has_bom { BOM } else { "" };
    format!("{bom}{}", csv.into_text())
}

pub(crate) fn push_csv(csv: &mut Csv, rows: &[LedgerRow]) {
    for row in rows {
        csv.row(cells(&row.entry, row));
    }
}

fn cells(entry: &LedgerEntry, row: &LedgerRow) -> [Cell; 24] {
    [
        Cell::plain(Some(entry.trade_id())),
        Cell::plain(Some(entry.version)),
        Cell::plain(Some(entry.kind.as_str())),
        Cell::Text(row.symbol.as_ref().map(ToString::to_string).unwrap_or_default()),
        Cell::plain(Some(entry.quantity)),
        Cell::plain(entry.price),
        Cell::plain(Some(entry.amount)),
        Cell::plain(Some(entry.fee)),
        Cell::plain(Some(entry.xp_trade)),
        Cell::plain(Some(entry.xp_achievements)),
        Cell::plain(Some(entry.cash_after)),
        Cell::plain(Some(entry.quantity_after)),
        Cell::plain(Some(entry.cost_basis_after)),
        Cell::plain(Some(entry.total_xp_after)),
        Cell::plain(entry.quote_as_of),
        Cell::plain(entry.quote_day),
        Cell::plain(entry.quote_source.map(QuoteSource::as_str)),
        Cell::plain(entry.about_version),
        Cell::plain(Some(entry.created_at)),
        Cell::Text(row.note.clone().unwrap_or_default()),
        Cell::plain(Some(entry.canonical().replace('\n', " "))),
        Cell::plain(Some(row.hash)),
        Cell::plain(entry.rules_version),
        Cell::Text(row.awarded.clone().unwrap_or_default()),
    ]
}
