//! The market, one stock, and an order from the ticket to the receipt.

use std::collections::BTreeMap;

use crate::common::browser::Browser;
use crate::common::html::{HtmlPage, PAGE_SIZE_MAX};
use crate::common::{App, TestResponse};
use domain::Clock as _;
use market::{MarketConfig, SourceKind};

/// The browser of a player with this mode and language.
async fn reader<'a>(app: &'a App, mode: &str, lang: &str) -> Browser<'a> {
    let mut browser = app.browser_of(&format!("{mode}{lang}")).await;
    let page = browser.page("/settings").await;
    let looks = [("mode", mode), ("language", lang), ("zone", "UTC")];
    assert_eq!(browser.submit(&page, "/settings/looks", &looks).await.status, 303);
    browser
}

/// Submits the ticket of a page: the review, or the page with errors.
async fn order(browser: &mut Browser<'_>, path: &str, fields: &[(&str, &str)]) -> TestResponse {
    let page = browser.page(path).await;
    browser.submit(&page, "/orders/review", fields).await
}

/// The player's cash and the number of ledger entries.
async fn account(browser: &mut Browser<'_>) -> (String, usize) {
    let export = browser.get("/settings/export").await.unzipped();
    let account: serde_json::Value = serde_json::from_str(&export["account.json"]).expect("JSON");
    let cash = account["account"]["cash"].as_str().expect("it is there").to_owned();
    // Without the header.
    (cash, export["transactions.csv"].lines().count() - 1)
}

/// Confirms a review; the target of the redirect.
async fn confirm(browser: &mut Browser<'_>, review: &HtmlPage) -> String {
    let answer = browser.submit(review, "/orders", &[]).await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    answer.header("location").expect("it is there").to_owned()
}

#[tokio::test]
async fn an_invalid_character_of_a_note_is_named() {
    let app = App::start().await;
    let mut browser = reader(&app, "standard", "en").await;
    let ticket = [("quantity", "3"), ("note", "why\u{7} not")];
    let refused = order(&mut browser, "/stocks/AAPL", &ticket).await;
    assert_eq!(refused.status, 422);
    let text = browser.checked("/orders/review", refused).text();
    assert!(text.contains("can't be used here: U+0007"), "{text}");
    let long = "x".repeat(281);
    let refused = order(&mut browser, "/stocks/AAPL", &[("quantity", "3"), ("note", &long)]).await;
    let text = browser.checked("/orders/review", refused).text();
    assert!(text.contains("A note is plain text of 1 to 280 characters."), "{text}");
    let review = order(&mut browser, "/stocks/AAPL", &[("quantity", "3")]).await;
    let review = browser.checked("/orders/review", review);
    let receipt = confirm(&mut browser, &review).await;
    let page = browser.page(&receipt).await;
    let action = format!("{receipt}/note");
    let refused = browser.submit(&page, &action, &[("note", "a\u{202e}b")]).await;
    assert_eq!(refused.status, 422);
    let text = browser.checked(&action, refused).text();
    assert!(text.contains("can't be used here: U+202E"), "{text}");
}

#[tokio::test]
async fn every_page_of_an_order_is_valid_in_every_language_and_mode() {
    let app = App::start().await;
    for lang in ["en", "sn", "nd"] {
        for mode in ["kid", "standard", "easy"] {
            let mut browser = reader(&app, mode, lang).await;
            browser.page("/market").await;
            browser.page("/market?q=zzzz").await;
            for range in ["1m", "6m", "1y", "5y", "max"] {
                browser.page(&format!("/stocks/AAPL?range={range}&chart=candles")).await;
            }
            let path = if mode == "easy" { "/stocks/AAPL/buy" } else { "/stocks/AAPL" };
            let ticket = [("quantity", "3"), ("note", "I use <b>their</b> phones.")];
            let review = order(&mut browser, path, &ticket).await;
            let review = browser.checked("/orders/review", review);
            let receipt = confirm(&mut browser, &review).await;
            let page = browser.page(&receipt).await;
            assert!(page.html().contains("I use &#60;b&#62;their&#60;/b&#62; phones."));
            let held = browser.page("/stocks/AAPL").await;
            assert!(held.links().contains(&"/stocks/AAPL/sell") == (mode == "easy"));
            let wrong = order(&mut browser, path, &[("quantity", "0")]).await;
            assert_eq!(wrong.status, 422);
            browser.checked("/orders/review", wrong);
        }
    }
}

#[tokio::test]
async fn a_stock_that_is_not_traded_now_is_marked_on_each_page_of_an_order() {
    let app = App::start_with_sessions(&[("OLD", 1), ("NEW", 3)]).await;
    let mut browser = reader(&app, "easy", "en").await;
    let warning = "Not traded now.";
    assert!(!browser.page("/stocks/OLD/buy").await.text().contains(warning));
    app.clock.advance_seconds(2 * 86_400);
    app.prices.publish(&app.market, app.clock.now());
    let stock = browser.page("/stocks/OLD").await;
    assert!(stock.text().contains(warning) && stock.by_id("ask-OLD").is_none());
    assert!(browser.page("/stocks/OLD/buy").await.text().contains(warning));
    let review = order(&mut browser, "/stocks/OLD/buy", &[("quantity", "1")]).await;
    assert!(review.text.contains(warning), "{}", review.text);
    let other = browser.page("/stocks/NEW").await;
    assert!(!other.text().contains(warning) && other.by_id("ask-NEW").is_some());
}

#[tokio::test]
async fn pages_are_small() {
    let app = App::start().await;
    let mut browser = reader(&app, "standard", "en").await;
    for path in ["/market", "/stocks/AAPL", "/stocks/AAPL?range=max&chart=candles"] {
        let answer = browser.send("GET", path, "", &[("accept-encoding", "br")]).await;
        assert!(answer.size <= PAGE_SIZE_MAX, "{path}: {} bytes", answer.size);
    }
}

#[tokio::test]
async fn the_market_is_searched_filtered_sorted_and_watched() {
    let app = App::start().await;
    let mut browser = app.browser_of("Ada").await.speaking("en");
    let symbols = |page: &HtmlPage| -> Vec<String> {
        let stocks = page.links().into_iter().filter_map(|link| link.strip_prefix("/stocks/"));
        stocks.map(str::to_owned).collect()
    };
    let page = browser.page("/market").await;
    assert_eq!(symbols(&page).len(), 20);
    assert!(page.text().contains("20 companies"));
    let page = browser.page("/market?q=appl").await;
    assert_eq!(symbols(&page), ["AAPL"]);
    let page = browser.page("/market?q=%25").await;
    assert!(symbols(&page).is_empty() && page.text().contains("No company matches."));
    let page = browser.page("/market?sort=symbol&category=Tech").await;
    assert!(symbols(&page).contains(&"AAPL".to_owned()) && symbols(&page).len() < 20);
    let (dear, cheap) =
        (browser.page("/market?sort=dear").await, browser.page("/market?sort=cheap").await);
    assert_eq!(symbols(&dear)[0], symbols(&cheap)[19]);

    let page = browser.page("/market?watched=on").await;
    assert!(page.text().contains("You aren't watching any companies yet."));
    let csrf = page.form("/logout")["csrf"].clone();
    let body = format!("csrf={csrf}&watch=KO&back=/market%3Fq%3Da");
    let answer = browser.post("/market/watch", &body).await;
    assert_eq!(answer.header("location"), Some("/market?q=a"));
    assert_eq!(symbols(&browser.page("/market?watched=on").await), ["KO"]);
    let body = format!("csrf={csrf}&unwatch=KO&back=https://evil.example/");
    assert_eq!(browser.post("/market/watch", &body).await.header("location"), Some("/market"));
    assert!(symbols(&browser.page("/market?watched=on").await).is_empty());
    let body = format!("csrf={csrf}&watch=NOPE&back=");
    assert_eq!(browser.post("/market/watch", &body).await.status, 404);
    let mut stranger = app.browser();
    assert_eq!(symbols(&stranger.page("/market").await).len(), 20);
}

#[tokio::test]
async fn nothing_after_the_present_of_the_market_is_shown() {
    let app = App::start().await;
    let mut browser = app.browser_of("Ada").await.speaking("en");
    let page = browser.page("/stocks/AAPL?range=max").await;
    let day = app.get("/api/stocks/AAPL").await.json()["data"]["quote"]["market_date"].to_string();
    let year: i32 = day[1..5].parse().unwrap();
    for later in year + 1..=2022 {
        assert!(!page.text().contains(&format!(" {later}")), "{later}");
    }
    assert_eq!(browser.get("/stocks/NOPE").await.status, 404);
    assert_eq!(browser.get("/stocks/%3Cb%3E").await.status, 404);
}

#[tokio::test]
async fn a_form_that_is_sent_twice_makes_one_trade() {
    let app = App::start().await;
    let mut browser = app.browser_of("Ada").await.speaking("en");
    let review = order(&mut browser, "/stocks/AAPL", &[("quantity", "2")]).await;
    let review = browser.checked("/orders/review", review);
    assert!(review.text().contains("You BUY 2 shares of Apple"), "{}", review.text());
    assert_eq!(account(&mut browser).await.1, 1, "a review does not trade");
    let first = confirm(&mut browser, &review).await;
    let second = confirm(&mut browser, &review).await;
    assert_eq!(first, second);
    assert_eq!(account(&mut browser).await.1, 2);
    let answer = browser.submit(&review, "/orders", &[("quantity", "3")]).await;
    assert_eq!(answer.status, 409, "the key belongs to another order");
    assert!(browser.checked("/orders", answer).text().contains("confirmed before"));
    assert_eq!(account(&mut browser).await.1, 2);
}

#[tokio::test]
async fn ticket_review_and_receipt_explain_ask_and_bid() {
    let app = App::start().await;
    for (lang, spread) in
        [("en", "The middle price is"), ("sn", "Mutengo wepakati"), ("nd", "Intengo ephakathi")]
    {
        let mut browser = reader(&app, "standard", lang).await;
        let page = browser.page("/stocks/AAPL").await;
        let shown = ["ask", "bid"].map(|side| page.by_id(&format!("{side}-AAPL")).is_some());
        assert_eq!(shown, [true, true]);
        let field = page.by_id("f-quantity").expect("a ticket");
        assert_eq!([field.get("data-ask"), field.get("data-bid")], [Some("9613"), Some("9607")]);
        assert!(page.text().contains(spread), "{}", page.text());
        for (side, price, total) in
            [("buy", "US$0.9613", "US$96.13"), ("sell", "US$0.9607", "US$96.07")]
        {
            let fields = [("side", side), ("quantity", "100")];
            let review = order(&mut browser, "/stocks/AAPL", &fields).await;
            let review = browser.checked("/orders/review", review);
            let text = review.text();
            assert!(
                text.contains(spread) && text.contains(price) && text.contains(total),
                "{text}"
            );
            let receipt = confirm(&mut browser, &review).await;
            let text = browser.page(&receipt).await.text();
            let named = if side == "buy" { "ask" } else { "bid" };
            assert!(text.contains(price) && text.contains(total) && text.contains(named), "{text}");
        }
    }
}

#[tokio::test]
async fn a_market_of_known_history_is_marked_as_one_for_learning() {
    let app = App::start().await;
    for (lang, known, pill) in [
        ("en", "for learning and not a contest", "For learning"),
        ("sn", "ndewekudzidza, kwete makwikwi", "Kudzidza"),
        ("nd", "ngowokufunda, hatshi umncintiswano", "Ngokufunda"),
    ] {
        let mut browser = reader(&app, "standard", lang).await;
        for path in ["/market", "/about", "/ranks"] {
            let text = browser.page(path).await.text();
            assert!(text.contains(known), "{path}: {text}");
            assert!(path != "/ranks" || text.contains(pill), "{text}");
        }
    }
    let simulated = MarketConfig { source: SourceKind::Simulated, ..MarketConfig::default() };
    let app = App::start_on(&simulated, |_| {}).await;
    let mut browser = reader(&app, "standard", "en").await;
    for path in ["/market", "/about", "/ranks"] {
        assert!(!browser.page(path).await.text().contains("for learning"), "{path}");
    }
}

#[tokio::test]
async fn a_quantity_may_be_typed_as_the_pages_write_numbers() {
    let app = App::start().await;
    let mut browser = app.browser_of("Ada").await.speaking("en");
    for (typed, shown) in [("1.50", "1.5 shares"), ("1,0", ""), ("3,000", "3,000 shares")] {
        let answer = order(&mut browser, "/stocks/KO", &[("quantity", typed)]).await;
        let page = browser.checked("/orders/review", answer);
        match shown {
            "" => assert!(page.text().contains("If you mean it, enter 1."), "{}", page.text()),
            shown => assert!(page.text().contains(shown), "{typed}: {}", page.text()),
        }
    }
    for typed in ["3 000", "3\u{202f}000", "3’000"] {
        let answer = order(&mut browser, "/stocks/KO", &[("quantity", typed)]).await;
        let page = browser.checked("/orders/review", answer);
        assert!(page.text().contains("3,000 shares"), "{typed:?}: {}", page.text());
    }
}

#[tokio::test]
async fn a_rejected_order_states_why_and_changes_nothing() {
    let app = App::start().await;
    let mut browser = app.browser_of("Ada").await.speaking("en");
    let before = account(&mut browser).await;
    for quantity in ["", "0", "-1", "1.0000001", "1e-7", "two", "99999999999999999999"] {
        let answer = order(&mut browser, "/stocks/AAPL", &[("quantity", quantity)]).await;
        assert_eq!(answer.status, 422, "{quantity}");
        let page = browser.checked("/orders/review", answer);
        assert!(page.text().contains("Enter a number of shares"), "{quantity}");
        assert_eq!(page.form("/orders/review")["quantity"], quantity, "it is kept");
    }
    let long = "x".repeat(281);
    let answer = order(&mut browser, "/stocks/AAPL", &[("note", long.as_str())]).await;
    assert_eq!(answer.status, 422);
    for (side, why) in [("buy", "enough cash"), ("sell", "that many shares")] {
        let fields = [("side", side), ("quantity", "999999")];
        let review = order(&mut browser, "/stocks/AAPL", &fields).await;
        let review = browser.checked("/orders/review", review);
        let answer = browser.submit(&review, "/orders", &[]).await;
        assert_eq!(answer.status, 409);
        let again = browser.checked("/orders", answer);
        assert!(again.text().contains(why), "{}", again.text());
        assert_ne!(again.form("/orders")["key"], review.form("/orders")["key"]);
    }
    let csrf = browser.page("/about").await.form("/logout")["csrf"].clone();
    let body = format!("csrf={csrf}&symbol=AAPL&side=buy&quantity=1&note=&key=x");
    assert_eq!(browser.post("/orders", &body).await.status, 422, "no key, no order");
    let body = "symbol=AAPL&side=buy&quantity=1&note=&key=00000000000000000000000000000000";
    assert_eq!(browser.post("/orders", body).await.status, 403);
    assert_eq!(account(&mut browser).await, before);
}

#[tokio::test]
async fn a_receipt_is_its_owners_and_takes_a_note() {
    let app = App::start().await;
    let mut browser = app.browser_of("Ada").await.speaking("en");
    let review = order(&mut browser, "/stocks/KO", &[("quantity", "4")]).await;
    let review = browser.checked("/orders/review", review);
    let receipt = confirm(&mut browser, &review).await;
    let page = browser.page(&receipt).await;
    assert!(page.text().contains("You bought 4 shares of") && page.text().contains("+10 XP"));
    let action = format!("{receipt}/note");
    let answer = browser.submit(&page, &action, &[("note", " ")]).await;
    assert_eq!(answer.status, 422);
    let answer = browser.submit(&page, &action, &[("note", "Everybody drinks it.")]).await;
    assert_eq!(answer.status, 303);
    let page = browser.page(&format!("{receipt}?noted=1")).await;
    assert!(page.text().contains("Everybody drinks it.") && page.text().contains("Saved."));
    let mut stranger = app.browser_of("Eve").await;
    assert_eq!(stranger.get(&receipt).await.status, 404);
    let csrf = stranger.page("/about").await.form("/logout")["csrf"].clone();
    let body = format!("csrf={csrf}&note=mine");
    assert_eq!(stranger.post(&action, &body).await.status, 404);
    assert_eq!(stranger.get("/orders/t-1-1-1").await.status, 404);
    let mut signed_out = app.browser();
    assert_eq!(signed_out.get(&receipt).await.header("location").map(|l| &l[..6]), Some("/login"));
}

#[tokio::test]
async fn several_reviewed_orders_of_a_player_are_all_executed() {
    let app = App::start().await;
    let mut browser = app.browser_of("Ada").await.speaking("en");
    let mut reviews = Vec::new();
    for _ in 0..5 {
        let review = order(&mut browser, "/stocks/AAPL", &[("quantity", "1")]).await;
        reviews.push(browser.checked("/orders/review", review));
    }
    let mut done = BTreeMap::new();
    for review in &reviews {
        done.insert(confirm(&mut browser, review).await, ());
    }
    assert_eq!((done.len(), account(&mut browser).await.1), (5, 6));
}

#[tokio::test]
async fn any_symbol_of_an_exchange_is_traded_from_page_to_page() {
    let symbols = ["M&M.NS", "BAJAJ-AUTO.NS", "^GSPC", "EURUSD=X", "X&LT.NS", "ABC+"];
    let encoded = ["M%26M.NS", "BAJAJ-AUTO.NS", "%5EGSPC", "EURUSD%3DX", "X%26LT.NS", "ABC%2B"];
    let app = App::start_with_symbols(&symbols).await;
    let mut browser = reader(&app, "standard", "en").await;
    let token = app.register("Tariro").await;
    let market = browser.page("/market").await;
    for (symbol, encoded) in symbols.iter().zip(encoded) {
        let path = format!("/stocks/{encoded}");
        assert!(market.html().contains(&format!("href=\"{path}\"")), "{symbol}");
        assert!(market.html().contains(encoded), "{symbol} is in the stream");
        let stock = app.get(&format!("/api/stocks/{encoded}")).await;
        assert_eq!((stock.status, &stock.json()["data"]["symbol"]), (200, &(*symbol).into()));
        let review = order(&mut browser, &path, &[("quantity", "2"), ("note", "")]).await;
        let review = browser.checked("/orders/review", review);
        let receipt = confirm(&mut browser, &review).await;
        assert!(browser.page(&receipt).await.html().contains(&format!("href=\"{path}\"")));
        let history = browser.page(&format!("/history?symbol={encoded}")).await;
        assert!(history.html().contains(&symbol.replace('&', "&#38;")), "{symbol}");
        let body = serde_json::json!({ "stock_symbol": symbol, "quantity": 1 });
        assert_eq!(app.post_as(&token, "/api/portfolio/buy", &body).await.status, 200, "{symbol}");
        let page = browser.page(&path).await;
        let watched = browser.submit(&page, "/market/watch", &[]).await;
        assert_eq!(watched.status, 303, "{symbol}");
        let back = watched.header("location").expect("it is there").to_owned();
        assert!(browser.page(&back).await.html().contains("Company"), "{back}");
        let visitor = app.get(&path).await.text;
        assert!(visitor.contains(&format!("next=/stocks/{encoded}")), "{symbol}");
    }
    let holdings = browser.get("/settings/export").await.unzipped();
    for symbol in symbols {
        assert!(holdings["holdings.csv"].contains(symbol), "{symbol}");
    }
    let holdings = app.get_as(&token, "/api/portfolio").await.json();
    assert_eq!(holdings["data"].as_array().map(Vec::len), Some(symbols.len()));
}

#[tokio::test]
async fn the_ticket_and_the_review_state_what_a_trade_earns_and_why_nothing() {
    let app = App::start().await;
    let mut browser = app.browser_of("Ada").await.speaking("en");
    let ticket = browser.page("/stocks/AAPL").await.text();
    assert!(ticket.contains("A trade of US$10.00 or more earns XP."), "{ticket}");
    assert!(ticket.contains("A note of 10 or more letters or symbols"), "{ticket}");
    let mut review = async |quantity| {
        let review = order(&mut browser, "/stocks/AAPL", &[("quantity", quantity)]).await;
        let review = browser.checked("/orders/review", review);
        let text = review.text();
        (confirm(&mut browser, &review).await, text)
    };
    let (receipt, small) = review("2").await;
    assert!(small.contains("No XP: only trades of US$10.00 or more earn it."), "{small}");
    for _ in 0..3 {
        let (_, large) = review("20").await;
        assert!(large.contains("This trade earns 10 XP."), "{large}");
    }
    let (_, late) = review("20").await;
    assert!(late.contains("No XP: the first 3 trades of your day have earned theirs."), "{late}");
    let receipt = browser.page(&receipt).await.text();
    assert!(receipt.contains("No XP: only trades of US$10.00 or more earn it."), "{receipt}");
    let ticket = browser.page("/stocks/AAPL").await.text();
    assert!(ticket.contains("No XP: the first 3 trades"), "{ticket}");
    let achievements = browser.page("/achievements").await.text();
    assert!(achievements.contains("Without such shares, your XP stops at 100."), "{achievements}");
    for (language, small) in [("sn", "Kutengeserana kwe US$10.00"), ("nd", "okungu-US$10.00")] {
        let mut browser = reader(&app, "standard", language).await;
        let ticket = browser.page("/stocks/AAPL").await.text();
        assert!(ticket.contains(small), "{language}: {ticket}");
    }
}

#[tokio::test]
async fn without_shares_held_through_a_session_xp_ends_and_the_ticket_states_so() {
    let app = App::start().await;
    let mut browser = app.browser_of("Ada").await.speaking("en");
    for _ in 0..3 {
        for _ in 0..3 {
            let review = order(&mut browser, "/stocks/AAPL", &[("quantity", "20")]).await;
            let review = browser.checked("/orders/review", review);
            confirm(&mut browser, &review).await;
        }
        app.clock.advance_seconds(86_400);
        app.prices.publish(&app.market, app.clock.now());
    }
    let ticket = browser.page("/stocks/AAPL").await.text();
    let wanted = "No XP yet: first hold shares worth US$100.00 or more through a whole market day.";
    assert!(ticket.contains(wanted), "{ticket}");
}
