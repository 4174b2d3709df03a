//! The pages there are, for the tests that look at each. A new page is one line here.

use crate::deeds::{fill_ticket, review};
use crate::player::Player;

/// A page, with a name for its pictures.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Page {
    pub(crate) name: &'static str,
    pub(crate) way: Way,
}

/// How a page is reached.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Way {
    /// By its address.
    At(&'static str),
    /// By an address that answers with an error, which the console tells of.
    Failing(&'static str),
    /// By sending the first form of the page at an address that posts to another one, empty: the
    /// page that points out what is wrong with it.
    Sending(&'static str, &'static str),
    /// By a ticket for the first stock.
    Reviewing,
    /// By the newest trade in the history.
    Receipt,
}

const fn page(name: &'static str, path: &'static str) -> Page {
    Page { name, way: Way::At(path) }
}

/// What anybody may see.
pub(crate) const PUBLIC: &[Page] = &[
    page("landing", "/"),
    page("register", "/register"),
    Page { name: "register-wrong", way: Way::Sending("/register", "/register") },
    page("login", "/login"),
    Page { name: "login-wrong", way: Way::Sending("/login", "/login") },
    page("recover", "/recover"),
    Page { name: "recover-wrong", way: Way::Sending("/recover", "/recover") },
    Page { name: "link-dead", way: Way::Failing("/recover/used") },
    page("zone", "/settings/zone?q=Europe"),
    page("join", "/join"),
    page("market", "/market"),
    page("stock", "/stocks/AAPL"),
    page("looks", "/settings"),
    page("about", "/about"),
    page("offline", "/offline"),
    Page { name: "not-found", way: Way::Failing("/there-is-no-such-page") },
];

/// What a player sees who has traded.
pub(crate) const OWN: &[Page] = &[
    page("home", "/home"),
    page("market", "/market"),
    page("market-none", "/market?q=zzzz"),
    page("stock", "/stocks/AAPL"),
    page("stock-candles", "/stocks/AAPL?range=all&chart=candles"),
    Page { name: "stock-wrong", way: Way::Sending("/stocks/AAPL", "/orders/review") },
    Page { name: "review", way: Way::Reviewing },
    Page { name: "receipt", way: Way::Receipt },
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

/// What somebody sees who has only just begun.
pub(crate) const NEW: &[Page] =
    &[page("home", "/home"), page("portfolio", "/portfolio"), page("history", "/history")];

/// Pages that are there in the easy mode only.
pub(crate) const EASY: &[Page] =
    &[page("buy", "/stocks/AAPL/buy"), page("sell", "/stocks/AAPL/sell")];

impl Page {
    /// Goes there.
    pub(crate) async fn reach(&self, player: &Player) {
        match self.way {
            Way::At(path) | Way::Failing(path) => player.go(path).await,
            Way::Sending(path, action) => send_empty(player, path, action).await,
            Way::Reviewing => {
                fill_ticket(player, "AAPL", "buy", "1").await;
                review(player).await;
            }
            Way::Receipt => {
                player.go("/history").await;
                player.press_at("a[href^='/orders/t-']").await;
                player.arrives_at("/orders/t-").await;
            }
        }
    }

    /// A part of what the console says of this page although nothing is wrong with it.
    pub(crate) fn may_say(&self) -> Option<&'static str> {
        match self.way {
            Way::Failing(path) | Way::Sending(_, path) => Some(path),
            _ => None,
        }
    }
}

async fn send_empty(player: &Player, path: &str, action: &str) {
    let easy = player.count("html[data-mode='easy']").await == 1 && action == "/orders/review";
    player.go(&if easy { format!("{path}/buy") } else { path.to_owned() }).await;
    // The browser's own check stands before the server's.
    let script = "const form = document.querySelector(arguments[0]);
        form.noValidate = true;
        for (const field of form.querySelectorAll('input[inputmode]')) field.value = ''";
    player.execute(script, vec![format!("form[action='{action}']").into()]).await;
    player.submit(action).await;
    let is_pointed_out = async || player.count("#errors").await == 1;
    player.until("it is pointed out what is wrong", is_pointed_out).await;
}
