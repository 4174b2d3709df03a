//! The actions of players: each leads from the page where it begins to the page where it ends, in
//! every mode and language, with or without scripts. Fields are found by their names and forms by
//! their targets, so that no word of a page matters.

use std::process::Command;

use serde_json::Value;
use testkit::Openbell;

use crate::player::Player;

pub(crate) const MODES: [&str; 3] = ["standard", "kid", "easy"];
pub(crate) const LANGUAGES: [&str; 3] = ["en", "sn", "nd"];

/// The password of all players.
pub(crate) const PASSWORD: &str = "correct horse battery";

/// The address of a player.
pub(crate) fn email_of(name: &str) -> String {
    format!("{}@example.org", name.to_lowercase())
}

/// Registers from any page, and arrives at home.
pub(crate) async fn register(player: &Player, name: &str, mode: &str) {
    player.go("/register").await;
    player.fill_named("name", name).await;
    player.fill_named("email", &email_of(name)).await;
    player.fill_named("password", PASSWORD).await;
    player.choose("mode", mode).await;
    player.submit("/register").await;
    player.arrives_at("/home").await;
}

/// Signs out through the menu.
pub(crate) async fn sign_out(player: &Player) {
    player.press_at("header .menu summary").await;
    player.submit("/logout").await;
    let is_out = async || player.path().await == "/" && player.count("a[href='/login']").await > 0;
    player.until("no player is signed in", is_out).await;
}

/// Fills the ticket of an order.
pub(crate) async fn fill_ticket(player: &Player, symbol: &str, side: &str, quantity: &str) {
    player.go(&format!("/stocks/{symbol}")).await;
    let own_page = format!("main a[href='/stocks/{symbol}/{side}']");
    if player.count(&own_page).await > 0 {
        player.press_at(&own_page).await;
        player.arrives_at(&format!("/stocks/{symbol}/{side}")).await;
    } else {
        player.choose("side", side).await;
    }
    player.fill_named("quantity", quantity).await;
}

/// Sends the ticket to its review.
pub(crate) async fn review(player: &Player) {
    player.submit("/orders/review").await;
    let is_shown = async || player.count("form[action='/orders']").await == 1;
    player.until("the order is reviewed", is_shown).await;
}

/// Confirms the reviewed order and returns the path of its receipt.
pub(crate) async fn confirm(player: &Player) -> String {
    player.submit("/orders").await;
    player.arrives_at("/orders/t-").await;
    player.path().await
}

/// Trades from the ticket to the receipt, and returns its path.
pub(crate) async fn trade(player: &Player, symbol: &str, side: &str, quantity: &str) -> String {
    fill_ticket(player, symbol, side, quantity).await;
    review(player).await;
    confirm(player).await
}

/// Buys shares through the API, from a page without an event stream.
pub(crate) async fn buy_by_api(player: &Player, name: &str, symbol: &str) {
    const BUY: &str = "const [email, password, stock_symbol, done] = arguments;
        const post = async (path, bearer, body) => (await fetch(path, {
          method: 'POST',
          headers: { 'Content-Type': 'application/json', ...bearer },
          body: JSON.stringify(body),
        })).json();
        post('/api/auth/login', {}, { email, password })
          .then(({ token }) => ({ Authorization: `Bearer ${token}` }))
          .then((bearer) => post('/api/portfolio/buy', bearer, { stock_symbol, quantity: 20 }))
          .then(({ success }) => done(success), (error) => done(String(error)))";
    player.go("/about").await;
    let arguments = vec![email_of(name).into(), PASSWORD.into(), symbol.into()];
    let bought = player.client.execute_async(BUY, arguments).await.expect("it ends");
    assert_eq!(bought, true, "a share is bought");
}

/// Chooses a mode and a language for all pages, and stays on the page of settings.
pub(crate) async fn choose_looks(player: &Player, mode: &str, language: &str) {
    player.go("/settings").await;
    player.choose("mode", mode).await;
    player.choose("language", language).await;
    player.submit("/settings/looks").await;
    let chosen = format!("html[lang='{language}'][data-mode='{mode}']");
    let is_chosen = async || player.count(&chosen).await == 1;
    player.until(&format!("the pages are {mode} in {language}"), is_chosen).await;
}

/// The values of a form's fields, with hidden ones.
pub(crate) async fn fields_of(player: &Player, action: &str) -> Value {
    let script = "return Object.fromEntries(new FormData(document.querySelector(arguments[0])))";
    player.execute(script, vec![format!("form[action='{action}']").into()]).await
}

/// Sends a form again, like a browser that reloads the response.
pub(crate) async fn send_again(player: &Player, action: &str, fields: Value) {
    let script = "const form = document.createElement('form');
        form.method = 'post';
        form.action = arguments[0];
        for (const [name, value] of Object.entries(arguments[1])) {
          form.append(Object.assign(document.createElement('input'), { name, value }));
        }
        document.body.append(form);
        form.submit()";
    player.execute(script, vec![action.into(), fields]).await;
}

/// Makes a player an operator by command.
pub(crate) fn make_operator(game: &Openbell, name: &str) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_openbell"));
    command.args(["user", "role", &email_of(name), "operator", "--data-dir"]);
    let made = command.arg(game.data_dir()).output().expect("it runs");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}
