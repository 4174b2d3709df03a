//! The pages of a player: home, portfolio, history, achievements and ranks.

use crate::common::App;
use crate::common::browser::Browser;
use crate::common::html::PAGE_SIZE_MAX;
use domain::Clock as _;
use serde_json::json;

const PAGES: [&str; 8] = [
    "/home",
    "/home?range=max",
    "/portfolio",
    "/history",
    "/history?kind=buy&symbol=AAPL",
    "/achievements",
    "/ranks",
    "/ranks?around=me",
];

/// A bearer token of a player who registered through the pages.
async fn token_of(app: &App, name: &str) -> String {
    let email = format!("{}@pages.example.com", name.to_lowercase());
    let login = json!({ "email": email, "password": crate::common::PASSWORD });
    let login = app.post("/api/auth/login", &login).await.json();
    login["token"].as_str().expect("it is there").to_owned()
}

async fn trade(app: &App, token: &str, side: &str, symbol: &str, shares: i64) {
    let order = json!({ "stock_symbol": symbol, "quantity": shares, "note": "why <i>not</i>" });
    let answer = app.post_as(token, &format!("/api/portfolio/{side}"), &order).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

async fn choose_looks(browser: &mut Browser<'_>, mode: &str, lang: &str) {
    let page = browser.page("/settings").await;
    let looks = [("mode", mode), ("language", lang)];
    assert_eq!(browser.submit(&page, "/settings/looks", &looks).await.status, 303);
}

#[tokio::test]
async fn every_page_is_valid_for_newcomers_and_players_in_every_language_and_mode() {
    let app = App::start().await;
    let mut newcomer = app.browser_of("Noni").await;
    let mut player = app.browser_of("Ada").await;
    let token = token_of(&app, "Ada").await;
    for symbol in ["AAPL", "KO", "JNJ", "XOM", "MSFT", "WMT"] {
        trade(&app, &token, "buy", symbol, 3).await;
    }
    trade(&app, &token, "sell", "KO", 1).await;
    for lang in ["en", "sn", "nd"] {
        for mode in ["kid", "standard", "easy"] {
            for browser in [&mut newcomer, &mut player] {
                choose_looks(browser, mode, lang).await;
                for path in PAGES {
                    browser.page(path).await;
                }
            }
        }
    }
}

#[tokio::test]
async fn pages_are_small_with_fifty_holdings() {
    let app = App::start().await;
    let mut browser = app.browser_of("Ada").await;
    let token = token_of(&app, "Ada").await;
    let stocks = app.get("/api/stocks?per_page=50").await.json();
    for stock in stocks["data"].as_array().unwrap() {
        trade(&app, &token, "buy", stock["symbol"].as_str().unwrap(), 1).await;
    }
    for path in PAGES {
        let answer = browser.send("GET", path, "", &[("accept-encoding", "br")]).await;
        assert!(answer.size <= PAGE_SIZE_MAX, "{path}: {} bytes", answer.size);
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
    }
}

#[tokio::test]
async fn home_and_portfolio_show_the_sums_of_the_api() {
    let app = App::start().await;
    let mut browser = app.browser_of("Ada").await.speaking("en");
    assert!(browser.page("/home").await.text().contains("Where to begin"));
    assert!(browser.page("/portfolio").await.text().contains("You have no shares yet."));
    let token = token_of(&app, "Ada").await;
    trade(&app, &token, "buy", "AAPL", 1000).await;
    trade(&app, &token, "buy", "KO", 10).await;
    let home = browser.page("/home").await;
    assert!(!home.text().contains("Where to begin") && home.text().contains("US$9,999.62"));
    assert!(home.by_id("total").is_some());
    let text = browser.page("/portfolio").await.text();
    for expected in ["1,000 shares", "10 shares", "You have shares of 2 companies only."] {
        assert!(text.contains(expected), "{expected} is not in {text}");
    }
    let page = browser.page("/settings").await;
    browser.submit(&page, "/settings/looks", &[("amounts", "on")]).await;
    let home = browser.page("/home").await;
    assert!(home.text().contains("Show amounts") && home.all("details").len() > 1);
}

/// Writes the value of all players on these days.
async fn save_equity(app: &App, days: &[&str]) {
    for day in days {
        let day = domain::Day::parse(day).expect("a day");
        assert!(
            app.store
                .snapshot_equity(day, None, domain::MinorUnit::Hundredth, 100)
                .await
                .expect("writes")
                .is_done
        );
    }
}

#[tokio::test]
async fn the_curve_and_the_index_show_the_saved_values() {
    let app = App::start().await;
    let mut browser = app.browser_of("Ada").await.speaking("en");
    let token = token_of(&app, "Ada").await;
    trade(&app, &token, "buy", "AAPL", 100).await;
    assert!(browser.page("/portfolio").await.all("polyline").is_empty(), "there is no curve yet");
    save_equity(&app, &["2004-12-23", "2004-12-28", "2004-12-30"]).await;
    // Cash of 9,903.87 and 100 shares at 0.972, 0.974 and 0.984; the index stands at 1,210.13,
    // 1,213.54 and 1,213.55, which makes 10,001.07, 10,029.25 and 10,029.33.
    let page = browser.page("/portfolio?range=1m").await;
    assert_eq!(page.line_points("c-up"), "8,192 453.7,190.6 632,184.1");
    assert_eq!(page.line_points("c-bench"), "8,192 453.7,8.5 632,8");
    let text = page.text();
    let rows = "30 Dec 2004 US$10,002.27 28 Dec 2004 US$10,001.27 23 Dec 2004 US$10,001.07";
    assert!(text.contains(rows), "{text}");
    assert!(text.contains("The dashed line is the index S&P 500"), "{text}");
    let home = browser.page("/home?range=1m").await;
    assert_eq!(home.line_points("c-up"), "8,192 453.7,161.3 632,8");
    assert!(home.text().contains(rows), "{}", home.text());
}

#[tokio::test]
async fn the_curve_and_the_index_have_points_on_the_same_days_after_thinning_out() {
    let app = App::start().await;
    let mut browser = app.browser_of("Ada").await.speaking("en");
    let token = token_of(&app, "Ada").await;
    trade(&app, &token, "buy", "AAPL", 100).await;
    // Sessions of the S&P 500 half a year apart, as thinning out leaves them, and a Sunday, which
    // has no close.
    let days = ["2003-06-30", "2003-12-31", "2004-05-28", "2004-12-23", "2004-12-26", "2004-12-31"];
    save_equity(&app, &days).await;
    let page = browser.page("/portfolio?range=max").await;
    let [curve, index] = ["c-up", "c-bench"].map(|class| page.line_points(class).split(' '));
    let [curve, index] = [curve, index].map(Iterator::collect::<Vec<&str>>);
    let x = |points: &[&str]| -> Vec<String> {
        points.iter().filter_map(|point| Some(point.split_once(',')?.0.to_owned())).collect()
    };
    // 550 days over 624 units.
    assert_eq!(x(&curve), ["8", "216.7", "385.8", "622.9", "626.3", "632"]);
    assert_eq!(x(&index), ["8", "216.7", "385.8", "622.9", "632"], "no close on the Sunday");
    assert_eq!(index[0], curve[0], "the index begins where the curve does");
}

#[tokio::test]
async fn the_history_is_filtered_paged_and_downloaded_as_a_file() {
    let app = App::start().await;
    let mut browser = app.browser_of("Ada").await.speaking("en");
    let token = token_of(&app, "Ada").await;
    for _ in 0..25 {
        trade(&app, &token, "buy", "AAPL", 1).await;
    }
    trade(&app, &token, "sell", "AAPL", 2).await;
    let page = browser.page("/history").await;
    assert!(page.html().contains("why &#60;i&#62;"));
    // 25 purchases at 0.9613 cost 0.97 each; two shares sold at 0.9607 bring 1.92.
    let text = page.text();
    for part in ["Sold 2 AAPL", "at US$0.9607", "+US$1.92", "US$9,977.67", "US$9,975.75"] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    let older = page.links().into_iter().find(|link| link.contains("before=")).unwrap().to_owned();
    let page = browser.page(&older).await;
    assert!(page.text().contains("Started to play") && !page.text().contains("Sold 2 AAPL"));
    let page = browser.page("/history?kind=sell").await;
    assert_eq!(page.links().iter().filter(|link| link.starts_with("/orders/t-")).count(), 1);
    assert!(browser.page("/history?symbol=KO").await.text().contains("Nothing here yet."));
    assert!(browser.page("/history?kind=%3Cb%3E&before=x").await.text().contains("Sold 2"));
    let file = browser.get("/history.csv?kind=sell").await;
    assert_eq!(file.header("content-type"), Some("text/csv; charset=utf-8; header=present"));
    assert_eq!(file.text.lines().count(), 2, "{}", file.text);
    assert!(file.text.starts_with("\u{feff}trade_id,"), "spreadsheets need it to read UTF-8");
    let plain = browser.get("/history.csv?kind=sell&bom=0").await;
    assert_eq!(format!("\u{feff}{}", plain.text), file.text);
    let mut stranger = app.browser();
    for path in ["/history", "/history.csv", "/home", "/portfolio", "/ranks", "/achievements"] {
        assert_eq!(stranger.get(path).await.status, 303, "{path}");
    }
}

#[tokio::test]
async fn achievements_show_their_progress() {
    let app = App::start().await;
    let mut browser = app.browser_of("Ada").await.speaking("en");
    let before = browser.page("/achievements").await;
    assert!(before.text().contains("None yet.") && before.text().contains("0 of 1"));
    let token = token_of(&app, "Ada").await;
    trade(&app, &token, "buy", "AAPL", 1).await;
    let after = browser.page("/achievements").await;
    assert!(!after.text().contains("None yet.") && after.text().contains("Bought AAPL"));
    assert!(after.all("progress").len() < before.all("progress").len());
}

#[tokio::test]
async fn every_page_of_ranks_shows_the_readers_rank_and_escapes_names() {
    let app = App::start().await;
    let mut browser = app.browser_of("Ada").await.speaking("en");
    let token = token_of(&app, "Ada").await;
    trade(&app, &token, "buy", "AAPL", 1).await;
    for number in 0..24 {
        let email = format!("p{number}@example.com");
        assert_eq!(app.register_as(&format!("P<i>{number}"), &email).await.status, 201);
    }
    let page = browser.page("/ranks").await;
    assert!(page.text().contains("1 of 25"), "{}", page.text());
    assert!(page.html().contains("<bdi>P&#60;i&#62;0</bdi>"));
    let page = browser.page("/ranks?page=2").await;
    assert!(page.text().contains("1 of 25") && page.text().contains("Page 2 of 2"));
    assert!(browser.page("/ranks?page=99").await.text().contains("Page 2 of 2"));
    let page = browser.page("/ranks?around=me").await;
    assert_eq!(page.all("tr").len(), 7, "the head, me, and five after me");
    for private in ["@example.com", "@pages.example.com"] {
        assert!(!page.html().contains(private));
    }
}

#[tokio::test]
async fn ranks_by_return_show_movements() {
    use store::BoardKind::{Return, Xp};
    let app = App::start().await;
    let mut browser = app.browser_of("Ada").await.speaking("en");
    app.browser_of("Bob").await;
    for kind in [Xp, Return] {
        let (board, now) = (app.boards.board(kind), app.clock.now());
        let begun = leaderboard::RankSnapshotWriter::begin(&app.store, board, kind, now).await;
        let mut writer = begun.expect("begins");
        while app.boards.snapshot(kind).is_none() {
            app.boards.set_snapshot(kind, writer.step(&app.store).await.expect("steps"));
        }
    }
    app.browser_of("Eve").await;
    let token = token_of(&app, "Bob").await;
    trade(&app, &token, "buy", "AAPL", 1).await;
    let page = browser.page("/ranks").await;
    let text = page.text();
    assert!(text.contains("1 place down today"), "{text}");
    assert!(text.contains("1 place up today") && text.contains("+1"), "{text}");
    assert!(text.contains("new"), "Eve was not there then: {text}");
    let marked =
        page.html().matches("class=\"chip\" href=\"/ranks\" aria-current=\"true\"").count();
    assert_eq!(marked, 2, "the board and its range");
    let page = browser.page("/ranks?board=return&around=me").await;
    let text = page.text();
    assert!(text.contains("1 of 3") && text.contains("0.00% since the start"), "{text}");
    assert!(text.contains("The same place as at the start of the day"), "{text}");
    assert!(page.html().contains("href=\"/ranks?board=return\""));
    assert_eq!(browser.get("/ranks?board=luck").await.status, 404, "there is no such board");
}
