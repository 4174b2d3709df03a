//! Runs what one visitor does, and sees to it that the browser closes however that ends.

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::OnceLock;

use futures_util::FutureExt as _;
use testkit::Openbell;

use crate::browser::Setup;
use crate::player::Player;

/// A game of the test's own, with these configuration variables.
pub(crate) fn own_game(variables: &[(&str, &str)]) -> Openbell {
    Openbell::start(env!("CARGO_BIN_EXE_openbell"), variables)
}

/// The game that all tests share that do not mind what others do in it.
pub(crate) fn shared_game() -> &'static Openbell {
    static SHARED: OnceLock<Openbell> = OnceLock::new();
    SHARED.get_or_init(|| own_game(&[]))
}

/// Opens a browser, lets `story` happen and closes it. A story that fails leaves a picture of
/// what the visitor saw then, `NAME-failed.png`.
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
