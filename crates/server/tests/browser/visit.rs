//! Runs a test as one visitor, and closes the browser also when the test fails.

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::OnceLock;

use futures_util::FutureExt as _;
use testkit::Openbell;

use crate::browser::Setup;
use crate::player::Player;

/// A server for one test, with these configuration variables.
pub(crate) fn own_game(variables: &[(&str, &str)]) -> Openbell {
    Openbell::start(env!("CARGO_BIN_EXE_openbell"), variables)
}

/// The server of all tests that do not depend on what others do on it.
pub(crate) fn shared_game() -> &'static Openbell {
    static SHARED: OnceLock<Openbell> = OnceLock::new();
    SHARED.get_or_init(|| own_game(&[]))
}

/// Opens a browser, runs `story` and closes it. A story that fails leaves a picture of its last
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
