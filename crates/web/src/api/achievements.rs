//! The achievements of the game, and which of them the player has unlocked. `domain` decides that.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use domain::{Rules, Unlock};
use serde::Serialize;
use store::AchievementRow;
use utoipa::ToSchema;

use crate::auth::sessions::PlayerSession;
use crate::http::etag;
use crate::openapi::Data;
use crate::problem::Problem;
use crate::state::AppState;

/// An achievement, unlocked or not.
#[derive(Serialize, ToSchema)]
#[schema(as = Achievement)]
pub(crate) struct AchievementResponse {
    #[schema(example = 1)]
    id: i64,
    #[schema(example = "First Trade")]
    name: String,
    /// How to unlock it.
    #[schema(example = "Make your first trade.")]
    description: String,
    /// An emoji or the name of an icon.
    #[schema(example = "🎉")]
    icon: String,
    /// The XP of unlocking it.
    #[schema(example = 50)]
    xp_reward: i64,
    #[schema(example = true)]
    unlocked: bool,
    /// When it was unlocked; `null` while it is not.
    #[schema(example = "2026-11-23T00:45:41.000000Z")]
    unlocked_at: Option<String>,
    /// A stable code.
    #[schema(example = "first_trade")]
    code: String,
}

impl From<AchievementRow> for AchievementResponse {
    fn from(row: AchievementRow) -> Self {
        Self {
            id: row.achievement_id,
            name: row.name,
            description: row.description,
            icon: row.icon,
            xp_reward: row.xp,
            unlocked: row.unlocked_at.is_some(),
            unlocked_at: row.unlocked_at.map(|at| at.to_string()),
            code: row.code,
        }
    }
}

/// An achievement that one trade or note unlocked.
#[derive(Serialize, ToSchema)]
pub(crate) struct UnlockedAchievement {
    #[schema(example = 1)]
    id: i64,
    /// A stable code.
    #[schema(example = "first_trade")]
    code: String,
    #[schema(example = "First Trade")]
    name: String,
    /// An emoji or the name of an icon.
    #[schema(example = "🎉")]
    icon: String,
    /// The XP it earned.
    #[schema(example = 50)]
    xp_reward: i64,
}

impl UnlockedAchievement {
    /// One that was removed from the rules keeps its id and its XP.
    pub(crate) fn list(unlocked: &[Unlock], rules: &Rules) -> Vec<Self> {
        let describe = |unlock: &Unlock| {
            let known = rules.achievements.find(unlock.achievement_id);
            Self {
                id: unlock.achievement_id,
                code: known.map(|a| a.code.clone()).unwrap_or_default(),
                name: known.map(|a| a.name.clone()).unwrap_or_default(),
                icon: known.map(|a| a.icon.clone()).unwrap_or_default(),
                xp_reward: unlock.xp,
            }
        };
        unlocked.iter().map(describe).collect()
    }
}

/// All achievements of the game, and which of them the player has unlocked.
#[utoipa::path(get, path = "/api/achievements", tag = "progress", security(("bearer" = [])),
    responses(
        (status = 200, body = Data<Vec<AchievementResponse>>),
        (status = 304, description = "Unchanged since the `ETag` in `If-None-Match`."),
    ))]
pub(super) async fn list_achievements(
    State(state): State<AppState>,
    player: PlayerSession,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let rows = state.store.achievements_of(player.player_id).await?;
    let achievements: Vec<AchievementResponse> =
        rows.into_iter().map(AchievementResponse::from).collect();
    Ok(etag::private(&headers, &Data::new(achievements)))
}
