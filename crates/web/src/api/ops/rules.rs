//! The rules of the game for operators: the newest version, and the next one. The tag of a version
//! is its number, so that two operators cannot overwrite each other.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use domain::Rules;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use store::TokenKind;
use trading::{RulesChange, RulesError};
use utoipa::ToSchema;

use super::require_operator;
use crate::auth::security_events::SecurityEvent;
use crate::auth::sessions::PlayerSession;
use crate::game::rules::{REASON_LENGTH_MAX, RULES_TAG};
use crate::http::body::Json;
use crate::openapi::Data;
use crate::problem::{Problem, codes};
use crate::state::AppState;

const PATH: &str = "/api/ops/rules";

/// A version of the rules.
#[derive(Serialize, ToSchema)]
pub(in crate::api) struct RulesDocument {
    /// 1, 2, 3, …; every ledger entry names the version that it was settled by.
    #[schema(example = 2)]
    version: i64,
    /// The version that orders are settled by now; the newest one may come into force later.
    #[schema(example = 2)]
    version_in_force: i64,
    #[schema(example = "2026-11-23T00:45:41.000000Z")]
    effective_from: String,
    #[schema(example = "user 7")]
    author: String,
    #[schema(example = "A smaller spread for the holidays.")]
    reason: String,
    /// SHA-256 of the canonical JSON: sorted keys, no blanks.
    #[schema(example = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")]
    sha256: String,
    /// The keys of config/game.toml, with every default.
    #[schema(value_type = Object)]
    rules: Box<RawValue>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct RulesBody {
    /// All rules, with the keys of config/game.toml; a missing key has its default.
    #[schema(value_type = Object)]
    rules: Box<RawValue>,
    /// Why the rules change, up to 500 characters.
    #[schema(example = "A smaller spread for the holidays.")]
    reason: String,
}

/// The newest version of the rules; for operators.
#[utoipa::path(get, path = "/api/ops/rules", tag = "operations", security(("bearer" = [])),
    responses((status = 200, body = Data<RulesDocument>,
            headers(("ETag" = String, description = "The number of the version."))),
        (status = 404, body = Problem, content_type = "application/problem+json",
            description = "The caller is not an operator.")))]
pub(in crate::api) async fn show_rules(
    State(state): State<AppState>,
    player: PlayerSession,
) -> Result<Response, Problem> {
    require_operator(&state, &player, PATH).await?;
    document(&state).await
}

/// Applies a new version of the rules; for operators.
///
/// Every node settles by it two seconds later. XP already earned stays. The currency and the
/// starting cash cannot change.
#[utoipa::path(put, path = "/api/ops/rules", tag = "operations", security(("bearer" = [])),
    params(("If-Match" = String, Header, description = "The `ETag` of the newest version.",
        example = "\"1\"")),
    request_body(content = RulesBody, example = json!({"rules": {"spread_bps": 5},
        "reason": "A smaller spread for the holidays."})),
    responses((status = 200, body = Data<RulesDocument>,
            headers(("ETag" = String, description = "The number of the version."))),
        (status = 404, body = Problem, content_type = "application/problem+json",
            description = "The caller is not an operator."),
        (status = 412, body = Problem, content_type = "application/problem+json",
            description = "Another version was applied since."),
        (status = 422, body = Problem, content_type = "application/problem+json"),
        (status = 428, body = Problem, content_type = "application/problem+json",
            description = "`If-Match` is missing.")))]
pub(in crate::api) async fn apply_rules(
    State(state): State<AppState>,
    player: PlayerSession,
    headers: HeaderMap,
    Json(body): Json<RulesBody>,
) -> Result<Response, Problem> {
    require_operator(&state, &player, PATH).await?;
    let if_match = headers.get(header::IF_MATCH).ok_or(&codes::PRECONDITION_REQUIRED)?;
    let expected = parse_tag(if_match).ok_or(&codes::PRECONDITION_FAILED)?;
    let rules = Rules::from_json(body.rules.get());
    let rules = rules.map_err(|error| Problem::field("rules", error))?;
    let reason = body.reason.trim();
    let length = reason.chars().count();
    if !(1..=REASON_LENGTH_MAX).contains(&length) || reason.contains(char::is_control) {
        let text = format!(
            "The reason must have 1 to {REASON_LENGTH_MAX} characters, without line breaks."
        );
        return Err(Problem::field("reason", text));
    }
    let author = format!("user {}", player.user_id);
    let change =
        RulesChange { rules: &rules, expected, author: &author, reason, effective_from: None };
    let applied = state.rules.apply(change).await.map_err(problem)?;
    state.cache.invalidate(RULES_TAG);
    let event = SecurityEvent::of_operator_on_game(player.user_id, "rules_apply");
    event.via(TokenKind::Api).with_subject(format!("version {}", applied.version)).log();
    document(&state).await
}

fn problem(error: RulesError) -> Problem {
    match error {
        RulesError::Moved { .. } => (&codes::PRECONDITION_FAILED).into(),
        RulesError::Store(error) => error.into(),
        RulesError::Fixed(_)
        | RulesError::Unchanged(_)
        | RulesError::Market(_)
        | RulesError::TooEarly { .. } => Problem::field("rules", error.to_string()),
    }
}

/// The version of a strong entity tag like `"3"`.
fn parse_tag(value: &HeaderValue) -> Option<i64> {
    let digits = value.to_str().ok()?.trim().strip_prefix('"')?.strip_suffix('"')?;
    digits.parse().ok()
}

async fn document(state: &AppState) -> Result<Response, Problem> {
    state.rules.refresh().await?;
    let stored = state.store.rules_after(state.rules.game_id(), 0).await?;
    let newest = stored.into_iter().next_back().ok_or_else(Problem::internal)?;
    let version = newest.version;
    let rules = RawValue::from_string(newest.text).map_err(|_| Problem::internal())?;
    let document = RulesDocument {
        version,
        version_in_force: state.rules().version,
        effective_from: newest.effective_from.to_string(),
        author: newest.author,
        reason: newest.reason,
        sha256: newest.sha256.to_string(),
        rules,
    };
    let headers =
        [(header::ETAG, format!("\"{version}\"")), (header::CACHE_CONTROL, "no-store".to_owned())];
    Ok((headers, axum::Json(Data::new(document))).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_strong_tag_names_a_version() {
        let parsed = |text| parse_tag(&HeaderValue::from_static(text));
        assert_eq!(parsed("\"12\""), Some(12));
        for text in ["*", "12", "W/\"12\"", "\"12\", \"13\"", "\"\"", "\"x\""] {
            assert_eq!(parsed(text), None, "{text}");
        }
    }
}
