//! A player's history: one ledger entry as JSON, finding a trade, and the note on it.

use domain::{Action, Fill, MinorUnit, Note, QuoteSource, TradeId};
use serde::Serialize;
use store::LedgerRow;
use trading::DeskRequest;
use utoipa::ToSchema;

use crate::auth::sessions::{PlayerSession, RequestId};
use crate::game::numbers::Shares;
use crate::problem::Problem;
use crate::state::AppState;

/// One entry of the player's chain.
#[derive(Serialize, ToSchema)]
pub(crate) struct Transaction {
    /// The entry's public id.
    #[schema(example = "t-42-202611-2")]
    trade_id: String,
    /// The entry's place in the chain: 1, 2, 3, … without a gap.
    #[schema(example = 2)]
    version: i64,
    /// The UTC month it belongs to, as `YYYYMM`.
    #[schema(example = 202_611)]
    month: i64,
    /// `open`, `buy`, `sell`, `note`, `transfer_in` for shares that an imported player began with,
    /// or `award` for achievements unlocked by new rules without a trade.
    #[schema(example = "buy")]
    kind: &'static str,
    #[schema(example = 1)]
    stock_id: Option<i64>,
    #[schema(example = "AAPL")]
    stock_symbol: Option<String>,
    /// Shares gained (bought, transferred) or lost (sold, negative).
    quantity: Shares,
    /// The price of one share.
    #[schema(example = "189.95")]
    price: Option<String>,
    /// Cash gained or lost (negative), without the fee.
    #[schema(example = "-569.85")]
    amount: String,
    #[schema(example = "0.00")]
    fee: String,
    /// Experience for the trade itself, or that an imported player began with.
    #[schema(example = 10)]
    xp_trade: i64,
    /// Experience of the achievements it unlocked.
    #[schema(example = 50)]
    xp_achievements: i64,
    /// Cash afterwards.
    #[schema(example = "9430.15")]
    cash_after: String,
    /// Shares of this stock afterwards.
    quantity_after: Shares,
    /// What the shares of this stock cost, afterwards.
    #[schema(example = "569.85")]
    cost_basis_after: String,
    /// All experience ever earned, afterwards.
    #[schema(example = 60)]
    total_xp_after: i64,
    /// When the price was made.
    #[schema(example = "2026-11-23T00:45:41.000000Z")]
    quote_as_of: Option<String>,
    /// The market's calendar day of the price.
    #[schema(example = "2005-01-03")]
    market_date: Option<String>,
    /// `replay`, `simulated`, `fixed` or `live`; `import` for what an imported player began with.
    #[schema(example = "replay")]
    quote_source: Option<&'static str>,
    /// For a note: the version of the trade it is about.
    #[schema(example = 2)]
    about_version: Option<i64>,
    /// The trade's current note. It is not part of the chain.
    #[schema(example = "I use their phones.")]
    note: Option<String>,
    /// For an award: the names of the achievements that it unlocked.
    #[schema(example = "First Trade, First Note")]
    awarded: Option<String>,
    #[schema(example = "2026-11-23T00:45:41.000000Z")]
    executed_at: String,
    /// The version of the rules that it was settled by; `null` for entries of earlier servers.
    #[schema(example = 1)]
    rules_version: Option<i64>,
    /// The hashed text.
    #[schema(example = "openbell-ledger-2\n202611\n42\n2\nbuy\n…")]
    canonical: String,
    /// SHA-256 of the previous entry's hash and the canonical text, in hexadecimal.
    #[schema(example = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")]
    hash: String,
}

impl Transaction {
    /// `unit` is that of the game.
    pub(crate) fn new(row: &LedgerRow, unit: MinorUnit) -> Self {
        let entry = &row.entry;
        Self {
            trade_id: entry.trade_id().to_string(),
            version: entry.version,
            month: entry.month.0,
            kind: entry.kind.as_str(),
            stock_id: entry.stock_id,
            stock_symbol: row.symbol.as_ref().map(ToString::to_string),
            quantity: Shares(entry.quantity),
            price: entry.price.map(|price| price.to_text(unit)),
            amount: entry.amount.to_text(unit),
            fee: entry.fee.to_text(unit),
            xp_trade: entry.xp_trade,
            xp_achievements: entry.xp_achievements,
            cash_after: entry.cash_after.to_text(unit),
            quantity_after: Shares(entry.quantity_after),
            cost_basis_after: entry.cost_basis_after.to_text(unit),
            total_xp_after: entry.total_xp_after,
            quote_as_of: entry.quote_as_of.map(|at| at.to_string()),
            market_date: entry.quote_day.map(|day| day.to_string()),
            quote_source: entry.quote_source.map(QuoteSource::as_str),
            about_version: entry.about_version,
            note: row.note.clone(),
            awarded: row.awarded.clone(),
            executed_at: entry.created_at.to_string(),
            rules_version: entry.rules_version,
            canonical: entry.canonical(),
            hash: row.hash.to_string(),
        }
    }
}

/// Saves the note on a trade; `None` if it is unchanged.
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

/// The player's ledger entry with this id; an entry of another player is not found.
pub(crate) async fn load_trade(
    state: &AppState,
    player: &PlayerSession,
    trade_id: &str,
) -> Result<LedgerRow, Problem> {
    let id = TradeId::parse(trade_id).filter(|id| id.player_id == player.player_id);
    let id = id.ok_or_else(Problem::not_found)?;
    state.history.find(id).await?.ok_or_else(Problem::not_found)
}
