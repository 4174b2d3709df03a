//! Runs the story of one visitor, and closes the browser also after a failure.

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::OnceLock;

use futures_util::FutureExt as _;
use testkit::Openbell;

use crate::browser::Setup;
use crate::player::Player;

/// A game for one test, with these configuration variables.
pub(crate) fn own_game(variables: &[(&str, &str)]) -> Openbell {
    Openbell::start(env!("CARGO_BIN_EXE_openbell"), variables)
}

/// The game of all tests that do not depend on other players.
pub(crate) fn shared_game() -> &'static Openbell {
    static SHARED: OnceLock<Openbell> = OnceLock::new();
    SHARED.get_or_init(|| own_game(&[]))
}

/// Opens a browser, runs `story` and closes the browser. A failed story leaves a picture of the
/// page, `NAME-failed.png`.
pub(crate) async fn visit(
    name: &str,
    game: &Openbell,
    setup: Setup,
    story: impl AsyncFnOnce(Player),
) {
    let player = Player::open(name, setup, &game.url()).await;
    let outcome = AssertUnwindSafe(story(player.clone())).catch_unwind().await;
    if outcome.is_err() {
        player.picture("failed").await;
    }
    player.close().await;
    if let Err(failure) = outcome {
        resume_unwind(failure);
    }
}
