//! Everything that is kept about a person, as one JSON file. It is written while it is sent, a
//! bounded page at a time, so a long history needs no more memory than a short one.

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use domain::PageRequest;
use futures_util::stream;
use serde_json::{Value, json};
use store::{LedgerFilter, MarketQuery, StoreError};

use crate::openapi::Shares;
use crate::pages::visitor::SignedIn;
use crate::problem::Problem;
use crate::routes::transactions::Transaction;
use crate::session::Player;
use crate::state::AppState;

/// Rows of one step.
const ROWS: i64 = 100;
const FILE: HeaderValue = HeaderValue::from_static("attachment; filename=\"openbell-export.json\"");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// Where the writing stands.
enum Stage {
    Person,
    /// Holdings from this page on.
    Holdings(i64),
    /// The ledger before this version; `None`: from its end.
    Ledger(Option<i64>),
    /// Notes about trades after this version.
    Notes(i64),
    Done,
}

pub(super) async fn send(State(state): State<AppState>, me: SignedIn) -> Result<Response, Problem> {
    let person = person(&state, &me).await?;
    let start = (Writer { state, player: me.player(), person, is_first: true }, Stage::Person);
    let body = Body::from_stream(stream::try_unfold(start, |(mut writer, stage)| async {
        let step = writer.step(stage).await;
        step.map(|step| step.map(|(text, next)| (Bytes::from(text), (writer, next))))
    }));
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (header::CONTENT_DISPOSITION, FILE),
        (header::CACHE_CONTROL, NO_STORE),
    ];
    Ok((headers, body).into_response())
}

/// What needs no paging: each of these has at most a hundred rows.
async fn person(state: &AppState, me: &SignedIn) -> Result<Value, Problem> {
    let (player, viewer) = (me.player(), me.viewer());
    let account = state.store.load_account(player.user_id).await?;
    let all = PageRequest::clamped(1, ROWS, ROWS);
    let now = state.clock.now();
    let (tokens, _) = state.store.tokens_page(player.user_id, None, now, all).await?;
    let achievements = state.store.achievements_of(player.player_id).await?;
    let watched = MarketQuery {
        player_id: Some(player.player_id),
        only_watched: true,
        ..MarketQuery::default()
    };
    let quotes = state.prices.snapshot().quotes_json();
    let (watched, _) = state.store.market_page(&watched, &quotes, all).await?;
    let preferences = viewer.preferences.clone().unwrap_or_default();
    Ok(json!({
        "exported_at": now.to_string(),
        "account": {
            "name": account.name, "email": account.email, "cash": account.cash.to_string(),
            "total_xp": account.total_xp, "role": viewer.role.as_str(),
            "created_at": account.created_at.to_string(),
        },
        "preferences": {
            "mode": preferences.mode, "language": preferences.language,
            "theme": preferences.theme, "text_size": preferences.text_size,
            "data_saver": preferences.data_saver, "hide_amounts": preferences.hide_amounts,
            "time_zone": preferences.time_zone,
        },
        "on_boards": {
            "shows": viewer.appearance.shows.as_str(), "pseudonym": viewer.appearance.pseudonym,
        },
        "tokens": tokens.iter().map(|token| json!({
            "name": token.name, "kind": token.kind.as_str(),
            "created_at": token.created_at.to_string(),
            "last_used_at": token.last_used_at.to_string(),
            "expires_at": token.expires_at.to_string(),
        })).collect::<Vec<_>>(),
        "watched": watched.iter().map(|row| row.stock.symbol.to_string()).collect::<Vec<_>>(),
        "achievements": achievements.iter().filter_map(|row| {
            let unlocked_at = row.unlocked_at?.to_string();
            Some(json!({ "code": row.code, "name": row.name, "unlocked_at": unlocked_at }))
        }).collect::<Vec<_>>(),
    }))
}

/// Writes the file step by step.
struct Writer {
    state: AppState,
    player: Player,
    person: Value,
    /// Whether the list that is being written has no row yet.
    is_first: bool,
}

impl Writer {
    /// The next piece of the file, and where to go on; `None` at its end.
    async fn step(&mut self, stage: Stage) -> Result<Option<(String, Stage)>, StoreError> {
        let (store, player_id) = (self.state.store.clone(), self.player.player_id);
        Ok(match stage {
            Stage::Person => {
                let text = self.person.to_string();
                let open = text.strip_suffix('}').unwrap_or_default();
                Some((format!("{open},\"holdings\":["), Stage::Holdings(1)))
            }
            Stage::Holdings(page) => {
                let prices = self.state.prices.prices_json();
                let asked = PageRequest::clamped(page, ROWS, ROWS);
                let (rows, total) = store.portfolio_page(player_id, &prices, asked).await?;
                let values = rows.iter().map(|row| {
                    json!({
                        "symbol": row.symbol.to_string(), "quantity": Shares(row.quantity),
                        "average_price": row.average_price.to_string(),
                    })
                });
                let text = self.rows(values);
                if page * ROWS < total {
                    Some((text, Stage::Holdings(page + 1)))
                } else {
                    Some((self.next_list(&text, "ledger"), Stage::Ledger(None)))
                }
            }
            Stage::Ledger(before) => {
                let all = LedgerFilter::default();
                let found = store.filtered_transactions_page(player_id, all, before, ROWS).await?;
                let text = self.rows(found.rows.iter().map(|row| json!(Transaction::new(row))));
                match found.next {
                    Some(next) => Some((text, Stage::Ledger(Some(next)))),
                    None => Some((self.next_list(&text, "notes"), Stage::Notes(0))),
                }
            }
            Stage::Notes(after) => {
                let rows = store.notes_page(player_id, after, ROWS).await?;
                let values = rows.iter().map(|row| {
                    let written_at = row.written_at.to_string();
                    json!({ "version": row.version, "text": row.text, "written_at": written_at })
                });
                let text = self.rows(values);
                match rows.last().filter(|_| i64::try_from(rows.len()) == Ok(ROWS)) {
                    Some(last) => Some((text, Stage::Notes(last.version))),
                    None => Some((text + "]}\n", Stage::Done)),
                }
            }
            Stage::Done => None,
        })
    }

    /// Rows of the list that is being written.
    fn rows(&mut self, rows: impl Iterator<Item = Value>) -> String {
        let mut text = String::new();
        for row in rows {
            if !std::mem::take(&mut self.is_first) {
                text.push(',');
            }
            text.push_str(&row.to_string());
        }
        text
    }

    /// Ends a list and begins the next one.
    fn next_list(&mut self, text: &str, name: &str) -> String {
        self.is_first = true;
        format!("{text}],\"{name}\":[")
    }
}
