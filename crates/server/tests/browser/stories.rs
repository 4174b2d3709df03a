//! Whole visits of players: in each mode, without scripts, with the keyboard only, in two tabs, and
//! while prices change. `every_page` checks the single pages.

use fantoccini::key::Key;

use crate::browser::{Setup, console_errors, slow_down};
use crate::checks::{assert_none, look, settle};
use crate::deeds::{
    MODES, buy_by_api, confirm, fields_of, fill_ticket, register, review, send_again, sign_out,
};
use crate::player::Player;
use crate::visit::{own_game, shared_game, visit};

/// The maximum number of Tab stops on a page.
const STOPS_MAX: usize = 60;

/// From registering to signing out.
async fn plays(player: &Player, name: &str, mode: &str) {
    register(player, name, mode).await;
    player.go("/market?q=apple").await;
    player.press_at("main a[href='/stocks/AAPL']").await;
    player.arrives_at("/stocks/AAPL").await;
    fill_ticket(player, "AAPL", "buy", "3").await;
    player.fill_named("note", "I use their computers.").await;
    review(player).await;
    let receipt = confirm(player).await;
    player.sees("I use their computers.").await;
    player.fill_named("note", "My school has them, too.").await;
    player.submit(&format!("{receipt}/note")).await;
    player.arrives_at(&format!("{receipt}?noted=1")).await;
    player.sees("My school has them, too.").await;
    player.go("/achievements").await;
    player.sees("First Trade").await;
    assert!(player.count("main .medal").await > 0, "something is unlocked");
    player.go("/ranks").await;
    player.sees(name).await;
    player.go("/history").await;
    assert!(player.count(&format!("a[href='{receipt}']")).await == 1);
    player.go("/settings").await;
    player.choose("theme", "dark").await;
    player.submit("/settings/looks").await;
    let is_dark = async || player.count("html[data-theme='dark']").await == 1;
    player.until("the pages are dark", is_dark).await;
    sign_out(player).await;
    player.go("/home").await;
    player.arrives_at("/login").await;
}

#[tokio::test]
async fn a_player_plays_in_every_mode() {
    for mode in MODES {
        visit(mode, shared_game(), Setup::default(), async move |player| {
            plays(&player, &format!("Tendai{mode}"), mode).await;
            assert_eq!(console_errors(&player.client).await, Vec::<String>::new());
        })
        .await;
    }
}

#[tokio::test]
async fn a_player_plays_without_scripts_on_a_phone() {
    let setup = Setup { runs_scripts: false, width: 360, ..Setup::default() };
    visit("no-scripts", shared_game(), setup, async |player| {
        plays(&player, "Noscript", "standard").await;
        assert_eq!(player.count(".htmx-request, [data-js]:not([hidden])").await, 0);
    })
    .await;
}

/// Presses Tab until the element of a selector has the focus; every stop must be visible. After the
/// last stop the browser itself has the focus, and no element of the page.
async fn tab_to(player: &Player, css: &str) {
    for _ in 0..STOPS_MAX {
        player.keys(&[Key::Tab]).await;
        let script = "const at = document.activeElement, look = getComputedStyle(at);
            return [at.matches(arguments[0]), at === document.body || look.outlineStyle !== 'none'
                && parseFloat(look.outlineWidth) > 0, at.outerHTML.slice(0, 100)]";
        let focus = player.execute(script, vec![css.into()]).await;
        assert_eq!(focus[1], true, "the focus is not visible on {}", focus[2]);
        if focus[0] == true {
            return;
        }
    }
    panic!("{css} is not reached with the Tab key");
}

#[tokio::test]
async fn the_keyboard_alone_is_enough() {
    visit("keyboard", shared_game(), Setup::default(), async |player| {
        player.go("/register").await;
        for (field, words) in
            [("name", "Keys"), ("email", "keys@example.org"), ("password", "correct horse battery")]
        {
            tab_to(&player, &format!("input[name='{field}']")).await;
            player.types(words).await;
        }
        player.keys(&[Key::Enter]).await;
        player.arrives_at("/home").await;
        tab_to(&player, "a[href='/market']").await;
        player.keys(&[Key::Enter]).await;
        player.arrives_at("/market").await;
        tab_to(&player, "main a[href='/stocks/AAPL']").await;
        player.keys(&[Key::Enter]).await;
        player.arrives_at("/stocks/AAPL").await;
        tab_to(&player, "form[action='/orders/review'] button").await;
        player.keys(&[Key::Enter]).await;
        player.arrives_at("/orders/review").await;
        tab_to(&player, "form[action='/orders'] button").await;
        player.keys(&[Key::Enter]).await;
        player.arrives_at("/orders/t-").await;
    })
    .await;
}

#[tokio::test]
async fn two_tabs_make_one_trade_of_one_order_and_show_the_same_money() {
    visit("tabs", shared_game(), Setup::default(), async |player| {
        register(&player, "Tabitha", "standard").await;
        let before = player.text("#cash").await;
        let first = player.open_tab(Setup::default()).await;
        fill_ticket(&player, "KO", "buy", "5").await;
        review(&player).await;
        let order = fields_of(&player, "/orders").await;
        let receipt = confirm(&player).await;
        let second = player.switch_tab(first).await;
        let has_changed = async || player.text("#cash").await != before;
        player.until("the page that was open shows the cash after the trade", has_changed).await;
        let after = player.text("#cash").await;
        player.reload().await;
        assert_eq!(player.text("#cash").await, after);
        send_again(&player, "/orders", order).await;
        player.arrives_at(&receipt).await;
        player.switch_tab(second).await;
        player.go("/home").await;
        assert_eq!(player.text("#cash").await, after, "it was executed once");
    })
    .await;
}

#[tokio::test]
async fn a_badge_is_shown_and_put_away_without_moving_the_page() {
    visit("badge", shared_game(), Setup::default(), async |player| {
        register(&player, "Medal", "standard").await;
        buy_by_api(&player, "Medal", "AAPL").await;
        // The page is painted before its scripts are loaded, as on a first visit.
        slow_down(&player.client).await;
        player.go("/home").await;
        assert_eq!(player.count(".toast").await, 1, "the first trade has its badge");
        assert_none(&look(&player).await);
        player.press_at(".toast [data-dismiss]").await;
        assert_eq!(player.count(".toast").await, 0);
        player.reload().await;
        assert_eq!(player.count(".toast").await, 0, "it is shown once");
    })
    .await;
}

#[tokio::test]
async fn the_estimate_of_an_order_is_the_total_of_its_review() {
    let game = own_game(&[("OPENBELL__MARKET__SOURCE", "fixed")]);
    visit("estimate", &game, Setup::default(), async |player| {
        register(&player, "Penny", "standard").await;
        for (quantity, side) in [("1", "buy"), ("1.37", "buy"), ("0.5", "sell")] {
            fill_ticket(&player, "AAPL", side, quantity).await;
            let estimate = player.text("#est").await;
            review(&player).await;
            let total = player.text("dl.pairs > div:nth-of-type(2) dd").await;
            assert_eq!(estimate, total, "{side} {quantity}");
            if side == "buy" {
                confirm(&player).await;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn prices_change_in_place_on_an_open_page() {
    let quick = [
        ("OPENBELL__MARKET__REPLAY__SESSION_SECONDS", "2"),
        ("OPENBELL__HTTP__STREAM_PRICES_INTERVAL_MS", "200"),
    ];
    let game = own_game(&quick);
    visit("stream", &game, Setup::default(), async |player| {
        register(&player, "Lively", "standard").await;
        for (path, place) in [("/stocks/XOM", "#px-XOM"), ("/market", "#px-JNJ")] {
            player.go(path).await;
            settle(&player).await;
            player.execute("window.isTheSamePage = true", Vec::new()).await;
            let before = player.text(place).await;
            let has_changed = async || player.text(place).await != before;
            player.until(&format!("{place} changes"), has_changed).await;
            let same = player.execute("return window.isTheSamePage === true", Vec::new()).await;
            assert_eq!(same, true, "the page was not reloaded");
            assert_none(&look(&player).await);
        }
        fill_ticket(&player, "XOM", "buy", "1").await;
        review(&player).await;
        confirm(&player).await;
        player.go("/home").await;
        let before = player.text("#total").await;
        let has_changed = async || player.text("#total").await != before;
        player.until("the total follows the prices", has_changed).await;
        assert_eq!(console_errors(&player.client).await, Vec::<String>::new());
    })
    .await;
}
