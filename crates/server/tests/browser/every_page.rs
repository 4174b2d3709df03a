//! Every page at every width, light and dark, in every language and mode. One visitor opens all of
//! them; the page of settings changes mode and language.

use crate::browser::{Setup, slow_down};
use crate::checks::{Care, WIDTHS, assert_none, look_everywhere, measure, settle};
use crate::deeds::{LANGUAGES, MODES, choose_looks, make_operator, register, trade};
use crate::pages::{EASY, NEW, OWN, PUBLIC, TestPage};
use crate::player::Player;
use crate::visit::{own_game, visit};

/// Fixed prices, so that pictures do not differ by them.
const STILL: [(&str, &str); 1] = [("OPENBELL__MARKET__SOURCE", "fixed")];

/// The width of a phone, in CSS pixels.
const PHONE: u32 = 360;

/// Checks each of the pages and returns the complaints. Of thoroughly checked pages a picture is
/// kept.
async fn look_at_all(player: &Player, care: Care, pages: &[TestPage], looks: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    for page in pages {
        let found = look_everywhere(
            player,
            care,
            async |player| page.reach(player).await,
            page.allowed_error(),
        );
        let found = found.await;
        complaints.extend(found.into_iter().map(|text| format!("{} {looks} {text}", page.name)));
        if matches!(care, Care::Whole(_)) {
            player.picture(&format!("{looks}-{}", page.name)).await;
        }
    }
    complaints
}

/// Checks pages in each mode and language.
async fn look_in_all_looks(player: &Player, pages: &[TestPage]) {
    let mut complaints = Vec::new();
    for (number, (mode, closely)) in MODES.into_iter().zip(LANGUAGES).enumerate() {
        for language in LANGUAGES {
            // Every mode and every language is thoroughly checked once.
            let care = if language == closely { Care::Whole(number) } else { Care::Glance };
            choose_looks(player, mode, language).await;
            let looks = format!("{mode}-{language}");
            complaints.extend(look_at_all(player, care, pages, &looks).await);
            if mode == "easy" && pages.len() == OWN.len() {
                complaints.extend(look_at_all(player, care, EASY, &looks).await);
            }
        }
    }
    assert_none(&complaints);
}

#[tokio::test]
async fn nothing_is_wrong_with_any_public_page() {
    let game = own_game(&STILL);
    visit("public", &game, Setup::default(), async |player| {
        look_in_all_looks(&player, PUBLIC).await;
    })
    .await;
}

#[tokio::test]
async fn nothing_moves_on_a_first_visit_over_a_slow_connection() {
    let game = own_game(&STILL);
    visit("slow", &game, Setup { width: PHONE, ..Setup::default() }, async |player| {
        let mut complaints = Vec::new();
        let mut look_at = async |pages: &[TestPage]| {
            for page in pages {
                page.reach(&player).await;
                let found = measure(&player).await;
                complaints.extend(found.into_iter().map(|text| format!("{} {text}", page.name)));
            }
        };
        slow_down(&player.client).await;
        look_at(PUBLIC).await;
        register(&player, "Tino", "standard").await;
        trade(&player, "AAPL", "buy", "10").await;
        look_at(OWN).await;
        assert_none(&complaints);
    })
    .await;
}

#[tokio::test]
async fn nothing_is_wrong_with_any_page_of_a_player() {
    let game = own_game(&STILL);
    visit("own", &game, Setup::default(), async |player| {
        register(&player, "Rudo", "standard").await;
        make_operator(&game, "Rudo");
        for number in 0..2 {
            assert_none(&look_at_all(&player, Care::Whole(number), NEW, "new").await);
        }
        trade(&player, "AAPL", "buy", "10").await;
        trade(&player, "MSFT", "buy", "2.5").await;
        trade(&player, "AAPL", "sell", "4").await;
        look_in_all_looks(&player, OWN).await;
    })
    .await;
}

#[tokio::test]
async fn the_longest_name_without_a_blank_fits_on_the_smallest_screen() {
    const NAME: &str = "Wolfeschlegelsteinhausenbergerdorffwelch";
    assert_eq!(NAME.len(), 40);
    let game = own_game(&STILL);
    visit("long-name", &game, Setup { width: WIDTHS[0], ..Setup::default() }, async |player| {
        register(&player, NAME, "standard").await;
        make_operator(&game, NAME);
        trade(&player, "AAPL", "buy", "10").await;
        let mut complaints = Vec::new();
        for mode in MODES {
            choose_looks(&player, mode, "en").await;
            for path in ["/home", "/ranks", "/settings", "/ops/people", "/ops/people/1"] {
                player.go(path).await;
                settle(&player).await;
                let found = measure(&player).await;
                complaints.extend(found.into_iter().map(|text| format!("{mode} {path} {text}")));
                if ["/home", "/ranks"].contains(&path) {
                    player.press_at("header .menu summary").await;
                    let found = measure(&player).await;
                    let found = found.into_iter().map(|text| format!("{mode} {path} menu {text}"));
                    complaints.extend(found);
                }
            }
        }
        assert_none(&complaints);
    })
    .await;
}
