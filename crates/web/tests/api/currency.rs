//! Whole games in yen, which have no digits after the point, and in Kuwaiti dinars, which have
//! three, through API, files and pages, on both engines.

use crate::api::transactions::run_verifier;
use crate::common::browser::Browser;
use crate::common::{App, PASSWORD};
use domain::{Currency, MinorUnit, Money, Price, Quantity, Rules};
use serde_json::{Value, json};

on_both_engines!(
    a_game_in_yen_has_whole_amounts_everywhere,
    a_game_in_dinars_has_three_digits_everywhere,
    a_file_with_digits_that_the_yen_does_not_have_is_refused,
    a_stored_game_with_an_unknown_code_is_played_in_hundredths,
);

/// Members of responses that are amounts of money.
const AMOUNTS: [&str; 12] = [
    "balance",
    "new_balance",
    "total_amount",
    "fee",
    "amount",
    "cash_after",
    "cost_basis_after",
    "total_value",
    "total_invested",
    "profit_loss",
    "cash",
    "value",
];

/// The built-in rules with these keys, as a file in this currency.
fn rules_in(code: &str, cash: &str, flat: &str) -> Rules {
    let text = include_str!("../../../../config/game.toml");
    let text = text.replacen("currency = \"USD\"", &format!("currency = \"{code}\""), 1);
    let text = text.replacen("\"10000.00\"", &format!("\"{cash}\""), 1);
    let text = text.replacen("flat = \"0.00\"", &format!("flat = \"{flat}\""), 1);
    let (_, unit) = Currency::parse_active(code).expect("a currency");
    unit.in_file(|| toml::from_str(&text)).expect("rules")
}

/// Asserts that all amounts in this JSON have the digits of the unit; returns their number.
fn check_amounts(value: &Value, unit: MinorUnit) -> usize {
    match value {
        Value::Object(members) => {
            let mut found = 0;
            for (key, member) in members {
                if let (true, Some(text)) = (AMOUNTS.contains(&key.as_str()), member.as_str()) {
                    let digits = text.split_once('.').map_or(0, |(_, part)| part.len());
                    assert_eq!(digits, unit.digits() as usize, "{key}: {text}");
                    found += 1;
                }
                found += check_amounts(member, unit);
            }
            found
        }
        Value::Array(values) => values.iter().map(|value| check_amounts(value, unit)).sum(),
        _ => 0,
    }
}

/// What a purchase or sale at this price comes to, from exact products.
fn expected(price: &str, quantity: &str, is_buy: bool, unit: MinorUnit) -> i64 {
    let price = Price::parse(price).expect("a price").0;
    let quantity = Quantity::parse(quantity).expect("a quantity").0;
    let by = 10_i128.pow(10 - unit.digits());
    let product = i128::from(price) * i128::from(quantity);
    let up = if is_buy { by - 1 } else { 0 };
    i64::try_from((product + up) / by).expect("fits")
}

/// Trades through the API; returns the cash afterwards.
async fn trade(app: &App, token: &str, (side, quantity): (&str, &str), cash: Money) -> Money {
    let unit = app.rules.current().minor_unit;
    let number: Value = serde_json::from_str(quantity).expect("a number");
    let order = json!({"stock_symbol": "MSFT", "quantity": number});
    let answer = app.post_as(token, &format!("/api/portfolio/{side}"), &order).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let body = answer.json();
    assert_eq!(check_amounts(&body, unit), 3, "{body}");
    let data = &body["data"];
    let amount = |key: &str| Money::parse(data[key].as_str().expect(key), unit).expect(key).0;
    let price = data["price"].as_str().expect("a price");
    let total = expected(price, quantity, side == "buy", unit);
    assert_eq!((amount("total_amount"), amount("fee")), (total, app.rules.current().fee.flat.0));
    let moved = if side == "buy" { -total } else { total };
    let cash = cash.0 + moved - amount("fee");
    assert_eq!(amount("new_balance"), cash, "{body}");
    Money(cash)
}

/// Every text with `.00` on a page that is no percentage.
fn zero_fractions(text: &str) -> Vec<&str> {
    let bytes = text.as_bytes();
    let found = text.match_indices(".00").filter(|(at, _)| {
        let rest = text[at + 3..].trim_start_matches(|c: char| c.is_ascii_digit());
        !rest.starts_with('%') && *at > 0 && bytes[at - 1].is_ascii_digit()
    });
    found.map(|(at, _)| text.get(at.saturating_sub(20)..at + 4).unwrap_or(".00")).collect()
}

/// Opens the pages that show money.
async fn check_pages(browser: &mut Browser<'_>, trade_id: &str, unit: MinorUnit, shown: &str) {
    let receipt = format!("/orders/{trade_id}");
    let own = ["/home", "/portfolio", "/history", "/achievements", "/ranks", "/market", "/about"];
    let stock = ["/stocks/MSFT", "/stocks/MSFT?chart=candles", "/stocks/MSFT/sell", &receipt];
    let settings = ["/settings", "/", "/ranks?by=xp"];
    for path in own.into_iter().chain(stock).chain(settings) {
        let page = browser.page(path).await;
        if unit == MinorUnit::Whole {
            assert_eq!(zero_fractions(page.html()), Vec::<&str>::new(), "{path}");
            assert_eq!(zero_fractions(&page.text()), Vec::<&str>::new(), "{path}");
        }
        assert!(!page.text().contains("US$"), "{path}");
    }
    let page = browser.page("/portfolio").await;
    assert!(page.text().contains(shown), "{shown}: {}", page.text());
    let page = browser.page("/stocks/MSFT").await;
    let field = page.by_id("f-quantity").expect("a field");
    assert_eq!(field.get("data-digits"), Some(unit.digits().to_string().as_str()));
    let answer = browser.submit(&page, "/orders/review", &[("quantity", "1.5")]).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let review = browser.checked("/orders/review", answer);
    if unit == MinorUnit::Whole {
        assert_eq!(zero_fractions(review.html()), Vec::<&str>::new());
    }
    assert_eq!(browser.submit(&review, "/orders", &[]).await.status, 303);
}

/// All pages of the history, newest first.
async fn history(app: &App, token: &str) -> Vec<Value> {
    let (mut pages, mut path) = (Vec::new(), "/api/portfolio/transactions?limit=3".to_owned());
    loop {
        let body = app.get_as(token, &path).await.json();
        let cursor = body["meta"]["next_cursor"].as_str().map(str::to_owned);
        pages.push(body);
        let Some(cursor) = cursor else { return pages };
        path = format!("/api/portfolio/transactions?limit=3&cursor={cursor}");
    }
}

/// The chain holds for the server and for the program of docs/verify.md.
async fn verify(app: &App, token: &str, unit: MinorUnit) -> usize {
    let pages = history(app, token).await;
    let amounts: usize = pages.iter().map(|page| check_amounts(page, unit)).sum();
    assert_eq!(amounts, 5 * 4, "four of each entry");
    let directory = tempfile::tempdir().expect("a directory");
    let (holds, output) = run_verifier(directory.path(), &pages);
    assert!(holds, "{output}");
    let report = archive::verify(&app.store, |_, _| ()).await.expect("readable");
    assert!(report.difference.is_none(), "{report:?}");
    pages.iter().map(|page| page["data"].as_array().expect("a list").len()).sum()
}

async fn check_files(app: &App, token: &str, unit: MinorUnit) {
    let csv = app.get_as(token, "/api/portfolio/transactions?format=csv").await.text;
    let (head, rows) = csv.trim_start_matches('\u{feff}').split_once('\n').expect("rows");
    let columns: Vec<&str> = head.trim().split(',').collect();
    for row in rows.lines() {
        for (column, cell) in columns.iter().zip(row.split(',')) {
            if AMOUNTS.contains(column) {
                let digits = cell.split_once('.').map_or(0, |(_, part)| part.len());
                assert_eq!(digits, unit.digits() as usize, "{column}: {row}");
            }
        }
    }
    let response = app.get_as(token, "/api/auth/user/export").await;
    assert_eq!(response.status, 200, "{}", response.text);
    let files = response.unzipped();
    let account: Value = serde_json::from_str(&files["account.json"]).expect("JSON");
    assert_eq!(check_amounts(&account["account"], unit), 1);
    let history: Value = serde_json::from_str(&files["transactions.json"]).expect("JSON");
    assert_eq!(check_amounts(&history, unit), 4 * 4, "four of each entry");
    let curve = files["equity.csv"].lines().nth(1).expect("a session").to_owned();
    for cell in curve.trim().split(',').skip(1) {
        let digits = cell.split_once('.').map_or(0, |(_, part)| part.len());
        assert_eq!(digits, unit.digits() as usize, "{curve}");
    }
}

async fn log_in(app: &App) -> String {
    let login = json!({ "email": "eve@pages.example.com", "password": PASSWORD });
    let login = app.post("/api/auth/login", &login).await.json();
    login["token"].as_str().expect("a token").to_owned()
}

async fn play(engine: &str, rules: Rules, shown: &str) {
    let unit = rules.minor_unit;
    let starting_cash = rules.starting_cash;
    let app = App::start_replay(engine, |default| *default = rules).await;
    let mut browser = app.browser_of("Eve").await.speaking("en");
    let token = log_in(&app).await;
    app.pass_seconds(10).await;
    let cash = trade(&app, &token, ("buy", "3"), starting_cash).await;
    let cash = trade(&app, &token, ("buy", "0.333333"), cash).await;
    let cash = trade(&app, &token, ("sell", "0.5"), cash).await;

    let summary = app.get_as(&token, "/api/portfolio/summary").await.json();
    assert_eq!(check_amounts(&summary, unit), 4, "{summary}");
    assert_eq!(summary["data"]["balance"], json!(cash.to_text(unit)));
    let price = app.prices.find(&domain::Symbol::parse("MSFT").expect("a symbol"));
    let price = app.prices.quote(price.expect("listed").stock_id).expect("a quote").price;
    let worth = expected(&price.to_text(unit), "2.833333", false, unit);
    assert_eq!(summary["data"]["total_value"], json!(Money(worth).to_text(unit)));
    let holdings = app.get_as(&token, "/api/portfolio").await.json();
    assert_eq!(check_amounts(&holdings, unit), 2, "{holdings}");
    let mine = app.get_as(&token, "/api/auth/user").await.json();
    assert_eq!(check_amounts(&mine, unit), 1, "{mine}");

    let mut round = leaderboard::ReturnValuation::new(
        app.prices.prices_json(),
        unit,
        domain::RankingRules::default(),
    );
    while !round.step(&app.store).await.expect("values") {}
    let board = app.boards.board(store::BoardKind::Return);
    round.finish(board).await.expect("sorts");
    let player_id: i64 = history(&app, &token).await[0]["data"][0]["canonical"]
        .as_str()
        .and_then(|text| text.lines().nth(2)?.parse().ok())
        .expect("a player");
    assert_eq!(board.score(player_id), Some(cash.0 + worth));

    app.pass_seconds(120).await;
    let day = domain::Day::parse("2004-12-30").expect("a day");
    let step = app.store.snapshot_equity(day, None, unit, 100).await.expect("writes");
    assert!(step.is_done);
    let curve = app.store.equity_curve(player_id, day, day).await.expect("a curve");
    assert_eq!(curve[0].cash, cash);
    check_files(&app, &token, unit).await;

    let entries = history(&app, &token).await;
    let trade_id = entries[0]["data"][0]["trade_id"].as_str().expect("an id").to_owned();
    let receipt =
        app.get_as(&token, &format!("/api/portfolio/transactions/{trade_id}")).await.json();
    assert!(check_amounts(&receipt, unit) >= 5, "{receipt}");
    check_pages(&mut browser, &trade_id, unit, shown).await;
    assert_eq!(verify(&app, &token, unit).await, 5, "an opening and four trades");
    app.archive().await;
    // The token has expired meanwhile.
    let token = log_in(&app).await;
    assert_eq!(verify(&app, &token, unit).await, 5, "in the archive");
}

async fn a_game_in_yen_has_whole_amounts_everywhere(engine: &str) {
    play(engine, rules_in("JPY", "1000000", "7"), "¥").await;
}

async fn a_game_in_dinars_has_three_digits_everywhere(engine: &str) {
    play(engine, rules_in("KWD", "10000.000", "0.007"), "KWD ").await;
}

async fn a_file_with_digits_that_the_yen_does_not_have_is_refused(engine: &str) {
    let app = App::start_replay(engine, |rules| *rules = rules_in("JPY", "1000000", "0")).await;
    let rules = app.rules.current().rules.canonical_json();
    let refused = rules.replacen("\"flat\":\"0\"", "\"flat\":\"10.5\"", 1);
    let error = Rules::from_json(&refused).expect_err("refused");
    assert!(error.contains("no digits after the point, got \"10.5\""), "{error}");
    let hundredths = rules.replacen("\"minor_unit\":0,", "\"minor_unit\":2,", 1);
    let hundredths = Rules::from_json(&hundredths).expect("rules of an earlier game");
    let change = trading::RulesChange {
        rules: &hundredths,
        expected: 1,
        author: "a test",
        reason: "hundredths",
        effective_from: None,
    };
    app.register("Ada").await;
    let error = app.rules.apply(change).await.expect_err("refused").to_string();
    assert!(error.contains("minor_unit"), "{error}");
}

/// The rules are read from the database, as the next start reads them.
async fn a_stored_game_with_an_unknown_code_is_played_in_hundredths(engine: &str) {
    let unknown = Currency::parse("ABC").expect("three letters");
    let app = App::start_replay(engine, |rules| rules.currency = unknown).await;
    let token = app.register("Ada").await;
    app.pass_seconds(10).await;
    app.rules.reload().await.expect("readable");
    assert_eq!(app.rules.current().minor_unit, MinorUnit::Hundredth);
    trade(&app, &token, ("buy", "3"), Money(1_000_000)).await;
    let mut browser = app.browser_of("Eve").await.speaking("en");
    let text = browser.page("/portfolio").await.text();
    assert!(text.contains("ABC 10,000.00"), "{text}");
}
