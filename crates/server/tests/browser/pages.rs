//! The list of pages that `every_page` checks. A new page is one line here.

use crate::actions::{fill_ticket, review};
use crate::player::Player;

/// A page of the list, with a name for its pictures.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ListedPage {
    pub(crate) name: &'static str,
    path: &'static str,
    opening: Opening,
}

/// How a page is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Opening {
    Path,
    /// By its path, in the easy mode only.
    EasyPath,
    /// By its path, which responds with an error that the console shows.
    ErrorPath,
    /// By sending the form of the page with this action empty: the page with its errors.
    EmptyForm(&'static str),
    /// By a ticket for the first stock.
    Review,
    /// By the newest trade in the history.
    Receipt,
}

const fn page(name: &'static str, path: &'static str) -> ListedPage {
    ListedPage { name, path, opening: Opening::Path }
}

const fn easy_page(name: &'static str, path: &'static str) -> ListedPage {
    ListedPage { name, path, opening: Opening::EasyPath }
}

const fn error_page(name: &'static str, path: &'static str) -> ListedPage {
    ListedPage { name, path, opening: Opening::ErrorPath }
}

const fn empty_form(name: &'static str, path: &'static str, action: &'static str) -> ListedPage {
    ListedPage { name, path, opening: Opening::EmptyForm(action) }
}

/// Pages for visitors who are not signed in.
pub(crate) const PUBLIC: &[ListedPage] = &[
    page("landing", "/"),
    page("register", "/register"),
    empty_form("register-wrong", "/register", "/register"),
    page("login", "/login"),
    empty_form("login-wrong", "/login", "/login"),
    page("recover", "/recover"),
    empty_form("recover-wrong", "/recover", "/recover"),
    error_page("link-dead", "/recover/used"),
    page("zone", "/settings/zone?q=Europe"),
    page("join", "/join"),
    page("market", "/market"),
    page("stock", "/stocks/AAPL"),
    page("looks", "/settings"),
    page("about", "/about"),
    page("offline", "/offline"),
    error_page("not-found", "/there-is-no-such-page"),
];

/// Pages of an operator who has traded.
pub(crate) const OWN: &[ListedPage] = &[
    page("home", "/home"),
    page("market", "/market"),
    page("market-none", "/market?q=zzzz"),
    page("stock", "/stocks/AAPL"),
    page("stock-candles", "/stocks/AAPL?range=all&chart=candles"),
    easy_page("buy", "/stocks/AAPL/buy"),
    easy_page("sell", "/stocks/AAPL/sell"),
    empty_form("stock-wrong", "/stocks/AAPL", "/orders/review"),
    ListedPage { name: "review", path: "/orders/review", opening: Opening::Review },
    ListedPage { name: "receipt", path: "/orders/t-", opening: Opening::Receipt },
    page("portfolio", "/portfolio"),
    page("history", "/history"),
    page("history-none", "/history?kind=sell&symbol=GE"),
    page("achievements", "/achievements"),
    page("ranks", "/ranks"),
    page("ranks-around", "/ranks?around=me"),
    page("settings", "/settings"),
    page("ops", "/ops"),
    page("rules", "/ops/rules"),
    page("people", "/ops/people"),
    page("person", "/ops/people/1"),
    page("about", "/about"),
];

/// Pages that differ for a player who has not traded yet.
pub(crate) const NEW: &[ListedPage] =
    &[page("home", "/home"), page("portfolio", "/portfolio"), page("history", "/history")];

impl ListedPage {
    pub(crate) fn is_in_mode(&self, mode: &str) -> bool {
        self.opening != Opening::EasyPath || mode == "easy"
    }

    pub(crate) async fn open(&self, player: &Player) {
        match self.opening {
            Opening::Path | Opening::EasyPath | Opening::ErrorPath => player.go(self.path).await,
            Opening::EmptyForm(action) => send_empty(player, self.path, action).await,
            Opening::Review => {
                fill_ticket(player, "AAPL", "buy", "1").await;
                review(player).await;
            }
            Opening::Receipt => {
                player.go("/history").await;
                player.press_at(&format!("a[href^='{}']", self.path)).await;
                player.arrives_at(self.path).await;
            }
        }
    }

    /// A part of the console error that the browser reports for this page.
    pub(crate) fn expected_error(&self) -> Option<&'static str> {
        match self.opening {
            Opening::ErrorPath => Some(self.path),
            Opening::EmptyForm(action) => Some(action),
            _ => None,
        }
    }
}

async fn send_empty(player: &Player, path: &str, action: &str) {
    let easy = player.count("html[data-mode='easy']").await == 1 && action == "/orders/review";
    player.go(&if easy { format!("{path}/buy") } else { path.to_owned() }).await;
    // The check of the browser comes before the server's.
    let script = "const form = document.querySelector(arguments[0]);
        form.noValidate = true;
        for (const field of form.querySelectorAll('input[inputmode]')) field.value = ''";
    player.execute(script, vec![format!("form[action='{action}']").into()]).await;
    player.submit(action).await;
    let has_errors = async || player.count("#errors").await == 1;
    player.until("the page shows the errors of the form", has_errors).await;
}
