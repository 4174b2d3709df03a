//! The OpenAPI document against the routes: every documented route exists and every route is
//! documented, players reach their own resources only, and errors contain no internals.

use std::collections::BTreeSet;
use std::path::Path;

use crate::common::{App, TestResponse};
use serde_json::{Value, json};

/// An operation of the document.
struct Operation {
    method: String,
    path: String,
    needs_token: bool,
    statuses: BTreeSet<String>,
    has_body: bool,
}

async fn operations(app: &App) -> Vec<Operation> {
    let document = app.get("/openapi.json").await;
    assert_eq!(document.status, 200, "{}", document.text);
    let document = document.json();
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            let needs_token = operation["security"].as_array().is_some_and(|s| !s.is_empty());
            let statuses =
                operation["responses"].as_object().expect("answers").keys().cloned().collect();
            operations.push(Operation {
                method: method.to_uppercase(),
                path: path.clone(),
                needs_token,
                statuses,
                has_body: operation["requestBody"].is_object(),
            });
        }
    }
    operations
}

/// Sends an operation with these values for its path.
async fn call(
    app: &App,
    operation: &Operation,
    token: Option<&str>,
    values: &[(&str, &str)],
    body: &str,
) -> TestResponse {
    let mut path = operation.path.clone();
    for (name, value) in values {
        path = path.replace(&format!("{{{name}}}"), value);
    }
    let body = if operation.has_body { body } else { "" };
    app.send(&operation.method, token, &path, "application/json", body).await
}

#[tokio::test]
async fn the_document_is_openapi_3_1_and_lists_the_errors_of_every_operation() {
    let app = App::start().await;
    let answer = app.get("/openapi.json").await;
    let document = answer.json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    assert_eq!(document["components"]["securitySchemes"]["bearer"]["scheme"], "bearer");
    let problem = &document["components"]["schemas"]["Problem"]["properties"];
    for member in ["type", "title", "status", "detail", "instance", "success", "message", "code"] {
        assert!(problem[member].is_object(), "{member} is missing from the problem's schema");
    }
    for (path, item) in document["paths"].as_object().unwrap() {
        for operation in item.as_object().unwrap().values() {
            for (status, response) in operation["responses"].as_object().unwrap() {
                let text = response["description"].as_str().unwrap_or_default();
                assert!(!text.is_empty(), "{path}: {status} has no description");
            }
        }
    }
    for operation in operations(&app).await {
        let named = &operation.statuses;
        let what = format!("{} {}", operation.method, operation.path);
        assert!(named.contains("500") && named.contains("429"), "{what}");
        assert!(!operation.needs_token || named.contains("401"), "{what}");
        assert!(!operation.has_body || named.contains("422"), "{what}");
        assert!(named.iter().any(|status| status.starts_with('2')), "{what}");
    }
    let etag = answer.header("etag").unwrap().to_owned();
    let again = app.get_with("/openapi.json", &[("if-none-match", &etag)]).await;
    assert_eq!(again.status, 304);
}

#[tokio::test]
async fn every_reference_of_the_document_resolves() {
    fn references(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(members) => {
                if let Some(Value::String(target)) = members.get("$ref") {
                    found.insert(target.clone());
                }
                members.values().for_each(|member| references(member, found));
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }
    let app = App::start().await;
    let document = app.get("/openapi.json").await.json();
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    assert!(!found.is_empty());
    for target in found {
        let pointer = target.strip_prefix('#').expect("a reference within the document");
        assert!(document.pointer(pointer).is_some(), "{target}");
    }
}

#[tokio::test]
async fn every_operation_of_the_original_is_documented() {
    let app = App::start().await;
    let documented: BTreeSet<String> = operations(&app)
        .await
        .iter()
        .map(|operation| format!("{} {}", operation.method, operation.path))
        .collect();
    for operation in [
        "GET /api/stocks",
        "GET /api/stocks/{symbol}",
        "GET /api/stocks/{symbol}/history",
        "POST /api/auth/register",
        "POST /api/auth/login",
        "GET /api/auth/user",
        "DELETE /api/auth/user",
        "POST /api/auth/logout",
        "GET /api/portfolio",
        "GET /api/portfolio/summary",
        "POST /api/portfolio/buy",
        "POST /api/portfolio/sell",
        "GET /api/achievements",
        "GET /api/leaderboard",
        "GET /api/portfolio/transactions",
        "GET /api/portfolio/transactions/{trade_id}",
        "PUT /api/portfolio/transactions/{trade_id}/note",
    ] {
        assert!(documented.contains(operation), "{operation} is missing from the document");
    }
}

#[tokio::test]
async fn every_documented_operation_is_served() {
    let app = App::start().await;
    for operation in operations(&app).await {
        let values = [("symbol", "AAPL"), ("trade_id", "t-1-202601-2"), ("token_id", "999")];
        let answer = call(&app, &operation, None, &values, "{}").await;
        let what = format!("{} {}: {}", operation.method, operation.path, answer.text);
        assert_ne!(answer.status, 405, "{what}");
        let unknown = answer.status == 404 && answer.json()["code"] == "route_not_found";
        assert!(!unknown, "{what}");
        if operation.needs_token {
            assert_eq!(answer.status, 401, "{what}");
        }
    }
}

#[tokio::test]
async fn a_get_route_of_the_api_has_the_query_parameters_of_the_document_and_no_others() {
    let app = App::start().await;
    let token = app.register("Ada").await;
    let document = app.get("/openapi.json").await.json();
    let (mut routes, mut parameters) = (0, 0);
    for (path, item) in document["paths"].as_object().expect("paths") {
        if !path.starts_with("/api/") || !item["get"].is_object() || path == "/api/events" {
            continue;
        }
        routes += 1;
        let listed = item["get"]["parameters"].as_array().into_iter().flatten();
        let listed = listed.filter(|parameter| parameter["in"] == "query");
        let names: Vec<&str> = listed.map(|one| one["name"].as_str().expect("a name")).collect();
        let place = path.replace("{symbol}", "AAPL").replace("{trade_id}", "t-1-202611-1");
        let refused = app.get_as(&token, &format!("{place}?Nonsense=1&{}", names.join("&"))).await;
        assert_eq!(refused.status, 422, "{path}: {}", refused.text);
        let problem = refused.json();
        let errors = problem["errors"].as_object().expect("errors");
        assert_eq!(errors.keys().collect::<Vec<_>>(), ["Nonsense"], "{path}");
        let message = problem["message"].as_str().expect("a message");
        assert!(message.contains("Nonsense"), "{path}: {message}");
        for name in names {
            parameters += 1;
            assert!(message.contains(name), "{path}: {message} does not name {name}");
            for query in [format!("{name}=1"), format!("{name}[]=1"), format!("{name}=")] {
                let answer = app.get_as(&token, &format!("{place}?{query}")).await;
                assert!(!answer.text.contains("is unknown"), "{path}?{query}: {}", answer.text);
            }
        }
        // A request without a token is refused as that.
        let expected = if item["get"]["security"].is_array() { 401 } else { 422 };
        assert_eq!(app.get(&format!("{place}?x=1")).await.status, expected, "{path}");
    }
    assert!(routes > 10 && parameters > 10, "{routes} routes, {parameters} parameters");
    let stream = app.get_as(&token, "/api/events?since=1").await;
    assert_eq!(stream.status, 422, "{}", stream.text);
}

#[tokio::test]
async fn pages_ignore_unknown_parameters_and_errors_repeat_few_and_short_ones() {
    let app = App::start().await;
    for path in ["/?utm_source=mail", "/market?fbclid=1", "/stocks/AAPL?utm_medium=x&ref=y"] {
        assert_eq!(app.get_with(path, &[("accept", "text/html")]).await.status, 200, "{path}");
    }
    let names: Vec<String> = (0..50).map(|n| format!("{n:0>60}")).collect();
    let answer = app.get(&format!("/api/stocks?{}", names.join("&"))).await;
    assert_eq!(answer.status, 422);
    let many = app
        .get(&format!(
            "/api/stocks?{}",
            (0..50).map(|n| format!("x{n}")).collect::<Vec<_>>().join("&")
        ))
        .await;
    assert_eq!(many.json()["errors"].as_object().expect("errors").len(), 10);
    let shown = answer.json()["errors"].as_object().expect("errors").keys().next().cloned();
    assert_eq!(shown.map(|name| name.len()), Some(40));
}

#[tokio::test]
async fn symbols_have_the_pattern_of_the_domain() {
    let app = App::start().await;
    let document = app.get("/openapi.json").await.json();
    let mut schemas =
        vec![&document["components"]["schemas"]["OrderBody"]["properties"]["stock_symbol"]];
    for item in document["paths"].as_object().expect("paths").values() {
        for operation in item.as_object().expect("operations").values() {
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            let symbols = parameters.filter(|parameter| parameter["name"] == "symbol");
            schemas.extend(symbols.map(|parameter| &parameter["schema"]));
        }
    }
    assert!(schemas.len() > 4, "{schemas:?}");
    for schema in schemas {
        assert_eq!(schema["pattern"], domain::Symbol::PATTERN, "{schema}");
        assert_eq!(schema["maxLength"], domain::Symbol::LENGTH_MAX, "{schema}");
    }
}

/// Routes that are neither operations of the API nor pages: the document, its viewer, metrics.
const OTHERS: [&str; 5] = ["/openapi.json", "/docs", "/docs/", "/docs/{*file}", "/metrics"];

/// The paths of the routes that a source file adds.
fn routes_of(file: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(file).expect("a source file");
    let text = text.split("#[cfg(test)]").next().unwrap_or_default();
    let calls = text.split(".route(\"").skip(1);
    calls.filter_map(|rest| rest.split('"').next()).map(str::to_owned).collect()
}

#[test]
fn no_route_is_undocumented() {
    fn visit(directory: &Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            // Pages are for people; their tests visit them.
            if path.file_stem().is_some_and(|name| name == "pages") {
                continue;
            }
            if path.is_dir() {
                visit(&path, found);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.extend(routes_of(&path));
            }
        }
    }
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    visit(&src, &mut found);
    assert!(found.contains(&"/openapi.json".to_owned()), "the search finds routes");
    for path in found {
        assert!(OTHERS.contains(&path.as_str()), "{path} is served, but not documented");
    }
    for file in ["pages.rs", "pages/settings.rs"] {
        let pages = routes_of(&src.join(file));
        assert!(!pages.is_empty(), "{file}");
        assert!(pages.iter().all(|path| !path.starts_with("/api")), "{file}: {pages:?}");
    }
}

#[tokio::test]
async fn players_cannot_reach_resources_of_others() {
    let app = App::start().await;
    let (ada, bob) = (app.register("Ada").await, app.register("Bob").await);
    let order = json!({"stock_symbol": "AAPL", "quantity": 3, "note": "ada-s-secret-note"});
    let bought = app.post_as(&ada, "/api/portfolio/buy", &order).await.json();
    let trade_id = bought["data"]["trade_id"].as_str().unwrap().to_owned();
    let before = app.get_as(&ada, "/api/portfolio/transactions").await.text;
    for operation in operations(&app).await {
        // Ada is the first to register, so her token has the lowest number.
        let values = [("symbol", "AAPL"), ("trade_id", trade_id.as_str()), ("token_id", "1")];
        let owned = operation.path.contains("{trade_id}") || operation.path.contains("{token_id}");
        let body = if owned {
            r#"{"note":"bob was here"}"#
        } else {
            r#"{"stock_symbol":"GE","quantity":1,"player_id":1,"user_id":1,"id":1}"#
        };
        let token = if operation.path.ends_with("/logout") { None } else { Some(bob.as_str()) };
        let answer = call(&app, &operation, token, &values, body).await;
        let what = format!("{} {}: {}", operation.method, operation.path, answer.text);
        if owned {
            assert_eq!(answer.status, 404, "{what}");
        }
        for secret in ["ada-s-secret-note", trade_id.as_str(), "ada@"] {
            assert!(!answer.text.contains(secret), "{what}");
        }
        let status = answer.status.to_string();
        assert!(operation.statuses.contains(&status), "{status} is not documented: {what}");
    }
    assert_eq!(app.get_as(&ada, "/api/portfolio/transactions").await.text, before);
}

/// Texts that reveal internals.
const INSIDE: [&str; 16] = [
    "select ",
    "insert ",
    "update ",
    "sqlite",
    "sqlx",
    "postgres",
    "panicked",
    "thread '",
    "backtrace",
    ".rs:",
    "/src/",
    "/work/",
    "/tmp/",
    "/home/",
    "unwrap",
    "serde",
];

#[tokio::test]
async fn no_error_contains_internals() {
    let app = App::start().await;
    let ada = app.register("Ada").await;
    let strange = ["%00", "%27%3B--", "..%2f..%2fetc%2fpasswd", "%F0%9F%92%A5", "%FF", "0", "-1"];
    let bodies =
        ["", "{", "[]", "null", "{\"stock_symbol\":{\"$gt\":\"\"}}", "\u{0}", "{\"note\":1}"];
    let queries = ["page=%00", "search=%27%20OR%201=1--", "limit=%FF", "cursor=%27", "days=%FF"];
    let mut seen = 0;
    for operation in operations(&app).await {
        if operation.path.ends_with("/logout") {
            continue;
        }
        for value in strange {
            let values = [("symbol", value), ("trade_id", value), ("token_id", value)];
            for body in bodies {
                let answer = call(&app, &operation, Some(&ada), &values, body).await;
                seen += usize::from(assert_no_internals(&operation, &answer));
                if !operation.has_body {
                    break;
                }
            }
        }
        for query in queries.into_iter().filter(|_| operation.method == "GET") {
            let path = format!("{}?{query}", operation.path.replace("{symbol}", "AAPL"));
            let answer = app.get_as(&ada, &path).await;
            seen += usize::from(assert_no_internals(&operation, &answer));
        }
    }
    assert!(seen > 50, "only {seen} errors were met");
}

/// Whether it was an error at all.
fn assert_no_internals(operation: &Operation, answer: &TestResponse) -> bool {
    let what = format!("{} {}: {}", operation.method, operation.path, answer.text);
    assert!(answer.status < 500, "{what}");
    let is_error = answer.status >= 400;
    if is_error {
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{what}");
        let text = answer.text.to_lowercase();
        for word in INSIDE {
            assert!(!text.contains(word), "{word:?} in {what}");
        }
    }
    is_error
}

#[tokio::test]
async fn the_viewer_works_offline_and_without_unsafe_scripts() {
    let app = App::start().await;
    assert!(matches!(app.get("/docs").await.status, 301 | 303 | 307 | 308));
    let page = app.get("/docs/").await;
    assert_eq!(page.status, 200);
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("script-src 'self'") && !policy.contains("unsafe"), "{policy}");
    let files = ["swagger-ui.css", "index.css", "swagger-ui-bundle.js", "swagger-initializer.js"];
    for file in files {
        let answer = app.get(&format!("/docs/{file}")).await;
        assert_eq!(answer.status, 200, "{file}");
    }
    let start = app.get("/docs/swagger-initializer.js").await;
    assert!(start.text.contains("/openapi.json") && !start.text.contains("petstore"));
    assert_eq!(app.get("/docs/nowhere.js").await.status, 404);
}
