//! Takes the pictures of the README from a game with some players and trades. `docs/pictures/make`
//! runs this and saves them; `./test` runs it too, so that it keeps working.

use crate::browser::{Scheme, Setup};
use crate::deeds::{make_operator, register, sign_out, trade};
use crate::visit::{own_game, visit};

/// A day takes three seconds, so that the curves soon have points. A busy machine may not write
/// the equity of shorter days.
const QUICK: [(&str, &str); 1] = [("OPENBELL__MARKET__REPLAY__SESSION_SECONDS", "3")];

/// A symbol and how many shares.
type Purchase = (&'static str, &'static str);

/// The players, with their modes and purchases.
const PLAYERS: [(&str, &str, &[Purchase]); 5] = [
    ("Rudo", "kid", &[("AAPL", "500"), ("KO", "20")]),
    ("Farai", "standard", &[("XOM", "30"), ("JNJ", "25"), ("MSFT", "40")]),
    ("Sipho", "easy", &[("KO", "50")]),
    ("Nomsa", "standard", &[("MSFT", "60"), ("JNJ", "10")]),
    ("Tariro", "standard", &[("AAPL", "2000"), ("KO", "40"), ("JNJ", "20"), ("XOM", "40")]),
];

/// The width of a phone, in CSS pixels.
const PHONE: u32 = 390;

/// The least number of days of a curve worth showing, and how many the page shows.
const DAYS_MIN: u64 = 5;
const POINTS: &str = "return document.querySelector('main figure polyline')\
    ?.points.numberOfItems ?? 0";

#[tokio::test]
async fn the_game_can_be_shown() {
    let game = own_game(&QUICK);
    visit("readme", &game, Setup::default(), async |player| {
        for (name, mode, orders) in PLAYERS {
            if player.count("header .menu summary").await > 0 {
                sign_out(&player).await;
            }
            register(&player, name, mode).await;
            for (symbol, quantity) in orders {
                trade(&player, symbol, "buy", quantity).await;
            }
        }
        let is_long = async || {
            player.go("/home").await;
            player.execute(POINTS, Vec::new()).await.as_u64() >= Some(DAYS_MIN)
        };
        player.until("the curve shows some days", is_long).await;
        player.resize(PHONE).await;
        player.go("/home").await;
        player.snapshot("home").await;
        player.go("/stocks/AAPL").await;
        player.prefer(Scheme::Dark).await;
        player.snapshot("stock").await;
        player.prefer(Scheme::Light).await;
        player.go("/ranks").await;
        player.snapshot("ranks").await;
        player.resize(Setup::default().width).await;
        make_operator(&game, "Tariro");
        player.go("/ops").await;
        player.snapshot("operator").await;
    })
    .await;
}
