//! The appearance of a player on leaderboards: by name, by a pseudonym, or hidden.

use axum::extract::State;
use axum::response::Response;
use domain::Entropy;
use store::{Appearance, NameVisibility};

use super::{Section, page_with_errors};
use crate::auth::names;
use crate::pages::auth::{name_error, name_taken};
use crate::pages::form::{Form, Post};
use crate::pages::view::{Tab, View};
use crate::pages::visitor::SignedIn;
use crate::problem::Problem;
use crate::state::AppState;

const FIELDS: [&str; 2] = ["shows", "pseudonym"];
/// The words of proposed pseudonyms.
const FIRST: [&str; 16] = [
    "Swift", "Calm", "Bright", "Patient", "Brave", "Gentle", "Clever", "Quiet", "Sunny", "Steady",
    "Merry", "Bold", "Kind", "Nimble", "Wise", "Lucky",
];
const SECOND: [&str; 16] = [
    "Kudu",
    "Eland",
    "Sable",
    "Impala",
    "Zebra",
    "Heron",
    "Falcon",
    "Tortoise",
    "Lion",
    "Otter",
    "Giraffe",
    "Hornbill",
    "Pangolin",
    "Leopard",
    "Elephant",
    "Kingfisher",
];

pub(super) fn fill(form: Form, appearance: &Appearance) -> Form {
    form.with("shows", appearance.shows.as_str())
        .with("pseudonym", appearance.pseudonym.clone().unwrap_or_default())
}

/// A random pseudonym like `Swift Kudu 42`.
pub(super) fn propose(entropy: &dyn Entropy) -> String {
    let mut drawn = [0; 3];
    entropy.fill(&mut drawn);
    let [first, second, number] = drawn.map(usize::from);
    format!("{} {} {}", FIRST[first % FIRST.len()], SECOND[second % SECOND.len()], number % 90 + 10)
}

pub(super) async fn save(
    State(state): State<AppState>,
    Post(me, sent): Post<SignedIn>,
) -> Result<Response, Problem> {
    let mut form = sent.into_form(&FIELDS)?;
    let view = View::new(&state, &me, Tab::None, "settings-title");
    let typed = form.value("pseudonym").trim().to_owned();
    let shows = NameVisibility::parse(form.value("shows"));
    let pseudonym = if typed.is_empty() && shows != Some(NameVisibility::Pseudonym) {
        Ok(None)
    } else {
        names::check_name(&typed, &state.config.names).map(Some)
    };
    match (shows, pseudonym) {
        (Some(shows), Ok(pseudonym)) => {
            let appearance = Appearance { shows, pseudonym };
            let player_id = me.player().player_id;
            if state.store.save_appearance(player_id, &appearance).await? {
                state.player_changed(player_id);
                return Ok(Section::Board.done());
            }
            let taken = appearance.pseudonym.unwrap_or_default();
            form.add_error("pseudonym", name_taken(&state, &view, &taken).await?);
        }
        (None, _) => form.add_error("shows", view.t("settings-choice-unknown")),
        (_, Err(error)) => form.add_error("pseudonym", name_error(&view, error)),
    }
    page_with_errors(&state, &me, Section::Board, &form).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::NamesConfig;

    #[test]
    fn every_proposed_pseudonym_is_valid() {
        for first in FIRST {
            for second in SECOND {
                let name = format!("{first} {second} 99");
                assert_eq!(names::check_name(&name, &NamesConfig::default()), Ok(name.clone()));
            }
        }
    }
}
