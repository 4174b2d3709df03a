//! Every page at every width, light and dark, in every language.

use crate::browser::Setup;
use crate::checks::{assert_none, look_at};
use crate::pages::{PUBLIC, Page};
use crate::player::Player;
use crate::visit::{shared_game, visit};

/// Looks at each of the pages and tells what is wrong with them, all at once.
async fn look_at_all(player: Player, pages: &[Page]) {
    let mut complaints = Vec::new();
    for page in pages {
        complaints.extend(look_at(&player, page.path, page.is_error).await);
        player.picture(page.name).await;
    }
    assert_none(&complaints);
}

#[tokio::test]
async fn nothing_is_wrong_with_any_page_that_anybody_sees() {
    visit("public", shared_game(), Setup::default(), |player| look_at_all(player, PUBLIC)).await;
}
