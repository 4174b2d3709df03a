//! The list of all pages, for the tests that check each. A new page is one line here.

use crate::deeds::{fill_ticket, review};
use crate::player::Player;

/// A page, with a name for its pictures.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TestPage {
    pub(crate) name: &'static str,
    pub(crate) route: PageRoute,
}

/// How a page is reached.
#[derive(Clone, Copy, Debug)]
pub(crate) enum PageRoute {
    /// By its address.
    At(&'static str),
    /// By an address that returns an error, which the console reports.
    Failing(&'static str),
    /// By sending a form of a page empty, with the address of the page and the target of the form:
    /// the page with its errors.
    Sending(&'static str, &'static str),
    /// By sending a ticket.
    Reviewing,
    /// By the link of the newest trade in the history.
    Receipt,
}

const fn page(name: &'static str, path: &'static str) -> TestPage {
    TestPage { name, route: PageRoute::At(path) }
}

/// The pages without a sign-in.
pub(crate) const PUBLIC: &[TestPage] = &[
    page("landing", "/"),
    page("register", "/register"),
    TestPage { name: "register-wrong", route: PageRoute::Sending("/register", "/register") },
    page("login", "/login"),
    TestPage { name: "login-wrong", route: PageRoute::Sending("/login", "/login") },
    page("recover", "/recover"),
    TestPage { name: "recover-wrong", route: PageRoute::Sending("/recover", "/recover") },
    TestPage { name: "link-dead", route: PageRoute::Failing("/recover/used") },
    page("zone", "/settings/zone?q=Europe"),
    page("join", "/join"),
    page("market", "/market"),
    page("stock", "/stocks/AAPL"),
    page("looks", "/settings"),
    page("about", "/about"),
    page("offline", "/offline"),
    TestPage { name: "not-found", route: PageRoute::Failing("/there-is-no-such-page") },
];

/// The pages of a player who has traded.
pub(crate) const OWN: &[TestPage] = &[
    page("home", "/home"),
    page("market", "/market"),
    page("market-none", "/market?q=zzzz"),
    page("stock", "/stocks/AAPL"),
    page("stock-candles", "/stocks/AAPL?range=all&chart=candles"),
    TestPage { name: "stock-wrong", route: PageRoute::Sending("/stocks/AAPL", "/orders/review") },
    TestPage { name: "review", route: PageRoute::Reviewing },
    TestPage { name: "receipt", route: PageRoute::Receipt },
    page("portfolio", "/portfolio"),
    page("history", "/history"),
    page("history-none", "/history?kind=sell&symbol=GE"),
    page("achievements", "/achievements"),
    page("ranks", "/ranks"),
    page("ranks-around", "/ranks?around=me"),
    page("settings", "/settings"),
    page("ops", "/ops"),
    page("people", "/ops/people"),
    page("person", "/ops/people/1"),
    page("about", "/about"),
];

/// The pages of a new player.
pub(crate) const NEW: &[TestPage] =
    &[page("home", "/home"), page("portfolio", "/portfolio"), page("history", "/history")];

/// The pages of the easy mode only.
pub(crate) const EASY: &[TestPage] =
    &[page("buy", "/stocks/AAPL/buy"), page("sell", "/stocks/AAPL/sell")];

impl TestPage {
    /// Opens the page.
    pub(crate) async fn reach(&self, player: &Player) {
        match self.route {
            PageRoute::At(path) | PageRoute::Failing(path) => player.go(path).await,
            PageRoute::Sending(path, action) => send_empty(player, path, action).await,
            PageRoute::Reviewing => {
                fill_ticket(player, "AAPL", "buy", "1").await;
                review(player).await;
            }
            PageRoute::Receipt => {
                player.go("/history").await;
                player.press_at("a[href^='/orders/t-']").await;
                player.arrives_at("/orders/t-").await;
            }
        }
    }

    /// A part of the console error that this page causes by design.
    pub(crate) fn allowed_error(&self) -> Option<&'static str> {
        match self.route {
            PageRoute::Failing(path) | PageRoute::Sending(_, path) => Some(path),
            _ => None,
        }
    }
}

async fn send_empty(player: &Player, path: &str, action: &str) {
    let easy = player.count("html[data-mode='easy']").await == 1 && action == "/orders/review";
    player.go(&if easy { format!("{path}/buy") } else { path.to_owned() }).await;
    // Without the browser's validation, which would block the request.
    let script = "const form = document.querySelector(arguments[0]);
        form.noValidate = true;
        for (const field of form.querySelectorAll('input[inputmode]')) field.value = ''";
    player.execute(script, vec![format!("form[action='{action}']").into()]).await;
    player.submit(action).await;
    let is_shown = async || player.count("#errors").await == 1;
    player.until("the errors are shown", is_shown).await;
}
