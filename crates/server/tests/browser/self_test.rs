//! Tests of the checks, on pages with planted faults.

use std::fs;
use std::path::Path;

use crate::browser::{Scheme, Setup};
use crate::checks::look;
use crate::player::Player;
use crate::visit::{shared_game, visit};

/// Planted faults, each with a part of the expected complaint.
const FAULTS: [(&str, &str); 8] = [
    ("<h1>Another</h1>", "2 first headings"),
    ("<p style='width: 2000px'>wide</p>", "scrolls sideways"),
    ("<script>throw new Error('loud')</script>", "loud"),
    ("<img src='/nowhere.png' alt='A picture'>", "nowhere.png"),
    ("<img src='data:image/gif;base64,R0lGODlhAQABAAAAACw='>", "axe image-alt"),
    ("<input>", "axe label"),
    ("<p style='color: #999; background: #fff'>pale</p>", "axe color-contrast"),
    (LATE, "moved while loading"),
];

/// A late element that pushes down the page.
const LATE: &str = "<p id='pushed'>Pushed down</p><script>
    const next = (then) => requestAnimationFrame(() => requestAnimationFrame(then));
    next(() => {
      document.getElementById('pushed').insertAdjacentHTML('beforebegin', '<p>Late</p>'.repeat(9));
      next(() => { document.body.dataset.late = '' });
    });
</script>";

/// Opens a page with this content.
async fn open(player: &Player, what: &str) {
    let html = format!(
        "<!doctype html><html lang='en'><head><meta charset='utf-8'><title>A page</title><style>\
         :root {{ color-scheme: light dark }} .night {{ color: #000; background: light-dark(#fff, \
         #111) }}</style></head><body><main><h1>A page</h1><p>Fine</p>{what}</main></body></html>"
    );
    // Several tests open pages concurrently.
    let name = format!("browser-self-test-{}.html", player.name);
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&file, html).expect("it is written");
    player.go(&format!("file://{}", file.display())).await;
}

#[tokio::test]
async fn each_check_finds_its_fault_and_nothing_else() {
    visit("self-test", shared_game(), Setup::default(), async |player| {
        open(&player, "").await;
        assert_eq!(look(&player).await, [""; 0], "nothing is wrong with a plain page");
        for (what, complaint) in FAULTS {
            open(&player, what).await;
            if what == LATE {
                let is_late = async || player.count("[data-late]").await == 1;
                player.until("the late text appears", is_late).await;
            }
            let found = look(&player).await;
            let expected = found.len() == 1 && found[0].contains(complaint);
            assert!(expected, "{what} should be complained about by {complaint}, got {found:#?}");
        }
    })
    .await;
}

#[tokio::test]
async fn the_page_has_the_emulated_scheme_and_width() {
    visit("emulation", shared_game(), Setup::default(), async |player| {
        open(&player, "<p class='night'>Black on black at night</p>").await;
        assert_eq!(look(&player).await, [""; 0]);
        player.prefer(Scheme::Dark).await;
        let found = look(&player).await;
        assert!(found.len() == 1 && found[0].contains("color-contrast"), "{found:#?}");
        player.resize(320).await;
        let width = player.execute("return document.documentElement.clientWidth", vec![]).await;
        assert_eq!(width, 320);
    })
    .await;
}

#[tokio::test]
async fn a_browser_without_scripts_runs_none() {
    let setup = Setup { runs_scripts: false, languages: "sn,en", ..Setup::default() };
    visit("no-scripts", shared_game(), setup, async |player| {
        open(&player, "<p id='text'>still</p><script>text.textContent = 'moved'</script>").await;
        assert_eq!(player.text("#text").await, "still");
        let languages = player.execute("return navigator.languages.join()", vec![]).await;
        assert_eq!(languages, "sn,en");
    })
    .await;
}
