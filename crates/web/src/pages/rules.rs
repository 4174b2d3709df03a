//! The operator's page of the versions of the rules. Other players get 404. The API and a command
//! change the rules.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use domain::VersionedRules;
use store::{Role, StoredRules};

use super::response;
use super::view::{Tab, View};
use super::visitor::SignedIn;
use crate::problem::Problem;
use crate::state::AppState;

const PATH: &str = "/ops/rules";
/// The newest versions that the page lists, and the differences of one that it shows.
const VERSIONS: usize = 50;
const DIFFERENCES: usize = 50;

#[derive(Template)]
#[template(path = "rules.html")]
struct RulesPage<'a> {
    view: &'a View,
    versions: Vec<RulesRow>,
}

struct RulesRow {
    version: i64,
    /// The message key of its state.
    state: &'static str,
    since: String,
    author: String,
    reason: String,
    /// What differs from the version before.
    differences: Vec<String>,
}

pub(super) async fn show(State(state): State<AppState>, me: SignedIn) -> Result<Response, Problem> {
    if me.viewer().role != Role::Operator {
        return Err(Problem::route_not_found(PATH));
    }
    state.rules.refresh().await?;
    let stored = state.store.rules_after(state.rules.game_id(), 0).await?;
    let view = View::new(&state, &me, Tab::None, "ops-rules-title");
    let in_force = state.rules();
    let rows = stored.into_iter().rev().take(VERSIONS);
    let versions = rows.map(|row| RulesRow::new(&state, &view, &in_force, row)).collect();
    Ok(response::page(&view, &RulesPage { view: &view, versions }))
}

impl RulesRow {
    fn new(state: &AppState, view: &View, in_force: &VersionedRules, row: StoredRules) -> Self {
        let before = state.rules.find(row.version - 1);
        let differences = before.zip(state.rules.find(row.version)).map(|(before, rules)| {
            let found = before.differences(&rules);
            found.iter().take(DIFFERENCES).map(ToString::to_string).collect()
        });
        Self {
            version: row.version,
            state: match row.version.cmp(&in_force.version) {
                std::cmp::Ordering::Less => "ops-rules-past",
                std::cmp::Ordering::Equal => "ops-rules-now",
                std::cmp::Ordering::Greater => "ops-rules-later",
            },
            since: view.fmt.moment(row.effective_from),
            author: row.author,
            reason: row.reason,
            differences: differences.unwrap_or_default(),
        }
    }
}
