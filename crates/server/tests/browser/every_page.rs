//! Every page in every mode and language, at every width, light and dark. By default every pair of
//! these occurs; with `OPENBELL_TEST_LONG` every combination.

use testkit::{is_long_run, select_combinations};

use crate::actions::{LANGUAGES, MODES, choose_looks, make_operator, register, trade};
use crate::browser::{Scheme, Setup, slow_down};
use crate::checks::{assert_none, check_load, measure, settle};
use crate::pages::{ListedPage, NEW, OWN, PUBLIC};
use crate::player::Player;
use crate::visit::{own_game, visit};

/// Prices that do not change, so that pictures of one page are equal.
const STILL: [(&str, &str); 1] = [("OPENBELL__MARKET__SOURCE", "fixed")];

/// The least width that must work, a phone and a desktop, in CSS pixels.
const WIDTHS: [u32; 3] = [320, PHONE, 1280];
const PHONE: u32 = 360;

/// The positions of mode, language, width, color scheme and page in their lists. Modes and
/// languages come first: changing them takes two page loads.
type Combination = [usize; 5];

fn combinations(pages: &[ListedPage]) -> Vec<Combination> {
    let mut all = Vec::new();
    for (mode, name) in MODES.iter().enumerate() {
        for language in 0..LANGUAGES.len() {
            for width in 0..WIDTHS.len() {
                for scheme in 0..Scheme::ALL.len() {
                    let shown = (0..pages.len()).filter(|page| pages[*page].is_in_mode(name));
                    all.extend(shown.map(|page| [mode, language, width, scheme, page]));
                }
            }
        }
    }
    all
}

/// Checks pages in these combinations; in a long run it keeps a picture of each.
async fn check_pages(player: &Player, pages: &[ListedPage], combinations: Vec<Combination>) {
    let mut complaints = Vec::new();
    let mut looks = None;
    for [mode, language, width, scheme, page] in select_combinations(combinations) {
        if looks.replace((mode, language)) != Some((mode, language)) {
            choose_looks(player, MODES[mode], LANGUAGES[language]).await;
        }
        let (page, scheme) = (&pages[page], Scheme::ALL[scheme]);
        player.resize(WIDTHS[width]).await;
        player.prefer(scheme).await;
        let open = async |player: &Player| page.open(player).await;
        let found = check_load(player, open, page.expected_error()).await;
        let name = format!(
            "{}-{}-{}-{}-{}",
            page.name,
            MODES[mode],
            LANGUAGES[language],
            WIDTHS[width],
            scheme.name()
        );
        complaints.extend(found.into_iter().map(|text| format!("{name}: {text}")));
        if is_long_run() {
            player.picture(&name).await;
        }
    }
    assert_none(&complaints);
}

#[tokio::test]
async fn nothing_is_wrong_with_any_public_page() {
    let game = own_game(&STILL);
    visit("public", &game, Setup::default(), async |player| {
        check_pages(&player, PUBLIC, combinations(PUBLIC)).await;
    })
    .await;
}

#[tokio::test]
async fn nothing_moves_on_a_first_visit_over_a_slow_connection() {
    let game = own_game(&STILL);
    visit("slow", &game, Setup { width: PHONE, ..Setup::default() }, async |player| {
        let mut complaints = Vec::new();
        let mut check = async |pages: &[ListedPage]| {
            for page in pages.iter().filter(|page| page.is_in_mode("standard")) {
                page.open(&player).await;
                let found = measure(&player).await;
                complaints.extend(found.into_iter().map(|text| format!("{} {text}", page.name)));
            }
        };
        slow_down(&player.client).await;
        check(PUBLIC).await;
        register(&player, "Tino", "standard").await;
        trade(&player, "AAPL", "buy", "10").await;
        check(OWN).await;
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
        let mut first_looks = combinations(NEW);
        first_looks.retain(|[mode, language, ..]| [*mode, *language] == [0, 0]);
        check_pages(&player, NEW, first_looks).await;
        trade(&player, "AAPL", "buy", "10").await;
        trade(&player, "MSFT", "buy", "2.5").await;
        trade(&player, "AAPL", "sell", "4").await;
        check_pages(&player, OWN, combinations(OWN)).await;
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
