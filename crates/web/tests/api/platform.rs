//! Behavior of all routes: errors, headers, CORS and sessions; and the routes of operators.

use std::net::SocketAddr;

use crate::common::{App, TestResponse};
use axum::body::Body;
use axum::http::Request;
use domain::{Clock as _, UnixMicros};
use serde_json::json;
use web::Networks;

/// A request that came through a socket from this address.
fn from(peer: &str, path: &str, headers: &[(&str, &str)]) -> Request<Body> {
    let mut request = Request::builder().uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let peer: SocketAddr = format!("{peer}:40000").parse().expect("an address");
    request.extension(peer).body(Body::empty()).expect("a request")
}

fn networks(text: &str) -> Networks {
    vec![text.to_owned()].try_into().expect("a network")
}

fn assert_problem(answer: &TestResponse, status: u16, code: &str) {
    assert_eq!(answer.status, status, "{}", answer.text);
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    let body = answer.json();
    assert_eq!(body["code"], code);
    assert_eq!(body["status"], status);
    assert_eq!(body["success"], false);
    assert_eq!(body["message"], body["detail"]);
    assert_eq!(body["type"], format!("urn:openbell:error:{code}"));
    let request_id = answer.header("x-request-id").expect("a number");
    assert_eq!(body["request_id"], request_id);
    assert_eq!(body["instance"], format!("urn:openbell:request:{request_id}"));
}

#[tokio::test]
async fn unknown_paths_respond_as_in_the_original_api() {
    let app = App::start().await;
    let answer = app.get("/api/nope?token=secret").await;
    assert_problem(&answer, 404, "route_not_found");
    assert_eq!(answer.json()["message"], "The route api/nope could not be found.");
    assert!(!answer.text.contains("secret"));
    let answer = app.post("/api/stocks", &json!({})).await;
    assert_problem(&answer, 405, "method_not_allowed");
    assert!(answer.header("allow").is_some());
    let text = "The POST method is not supported for route api/stocks. \
                Supported methods: GET, HEAD.";
    assert_eq!(answer.json()["message"], text);
    let answer = app.get("/api/auth/register").await;
    let text = "The GET method is not supported for route api/auth/register. \
                Supported methods: POST.";
    assert_eq!(answer.json()["message"], text);
}

#[tokio::test]
async fn every_response_has_the_security_headers() {
    let app = App::start().await;
    for path in ["/", "/api/stocks", "/api/nope", "/api/portfolio", "/livez", "/docs/"] {
        let answer = app.get(path).await;
        let header = |name| answer.header(name).unwrap_or_else(|| panic!("{path}: no {name}"));
        assert!(header("content-security-policy").starts_with("default-src 'none'"), "{path}");
        assert!(!header("content-security-policy").contains("unsafe"), "{path}");
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("x-frame-options"), "DENY");
        assert_eq!(header("x-request-id").len(), 32);
        header("referrer-policy");
        header("cache-control");
    }
    assert_eq!(app.get("/api/portfolio").await.header("cache-control"), Some("no-store"));
    let (one, two) = (app.get("/livez").await, app.get("/livez").await);
    assert_ne!(one.header("x-request-id"), two.header("x-request-id"));
}

#[tokio::test]
async fn other_origins_may_call_the_api() {
    let app = App::start().await;
    let origin = [("origin", "https://play.example")];
    let answer = app.get_with("/api/stocks", &origin).await;
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    let preflight = [
        ("origin", "https://play.example"),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "authorization,content-type"),
    ];
    let answer = app.raw("OPTIONS", "/api/portfolio/buy", &preflight, "").await;
    assert_eq!((answer.status, answer.text.as_str()), (204, ""));
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    assert_eq!(answer.header("access-control-allow-methods"), Some("POST"));
    let headers = answer.header("access-control-allow-headers");
    assert_eq!(headers, Some("authorization,content-type"));
    let answer = app.get_with("/", &origin).await;
    assert_eq!(answer.header("access-control-allow-origin"), None);
}

#[tokio::test]
async fn a_token_must_be_valid_and_sent_once() {
    let app = App::start().await;
    let ada = app.register("Ada").await;
    let path = "/api/portfolio";
    let answer = app.get(path).await;
    assert_problem(&answer, 401, "unauthenticated");
    assert_eq!(answer.json()["message"], "Unauthenticated.");
    assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"openbell\""));
    let other = format!("ob_{}", "x".repeat(ada.len() - 3));
    for bad in ["x", "ob_", "1|abcdef", &other, &ada[..ada.len() - 1]] {
        let answer = app.get_as(bad, path).await;
        assert_problem(&answer, 401, "unauthenticated");
        let challenge = "Bearer realm=\"openbell\", error=\"invalid_token\"";
        assert_eq!(answer.header("www-authenticate"), Some(challenge), "{bad}");
    }
    for none in ["Bearer", "Bearer ", "Basic YTpi"] {
        let answer = app.raw("GET", path, &[("authorization", none)], "").await;
        let challenge = answer.header("www-authenticate");
        assert_eq!((answer.status, challenge), (401, Some("Bearer realm=\"openbell\"")), "{none}");
    }
    let bearer = format!("Bearer {ada}");
    let twice = [("authorization", bearer.as_str()), ("authorization", bearer.as_str())];
    assert_eq!(app.raw("GET", path, &twice, "").await.status, 401);
    assert_eq!(app.get(&format!("{path}?token={ada}")).await.status, 401);
    assert_eq!(app.get_as(&ada, path).await.status, 200);
    // On every route, the response to a revoked token differs from that to a missing one.
    assert_eq!(app.post_as(&ada, "/api/auth/logout", &json!({})).await.status, 200);
    let document = app.get("/openapi.json").await.json();
    let mut routes = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, route) in methods.as_object().unwrap() {
            if !route["security"].is_array() {
                continue;
            }
            let path = path.replace(['{', '}'], "");
            let method = method.to_uppercase();
            let answer = app.send(&method, Some(&ada), &path, "application/json", "{}").await;
            let challenge = answer.header("www-authenticate").unwrap_or_default();
            assert!(
                answer.status == 401 && challenge.contains("error=\"invalid_token\""),
                "{method} {path}: {} {challenge:?}",
                answer.status
            );
            let exposed = answer.header("access-control-expose-headers").unwrap_or_default();
            assert!(exposed.contains("WWW-Authenticate"), "{exposed}");
            routes += 1;
        }
    }
    assert!(routes > 20, "{routes}");
}

#[tokio::test]
async fn a_used_token_stays_valid_and_an_idle_one_expires() {
    let app = App::start().await;
    let (ada, bob) = (app.register("Ada").await, app.register("Bob").await);
    for _ in 0..3 {
        app.clock.advance_seconds(20 * 86_400);
        assert_eq!(app.get_as(&ada, "/api/portfolio").await.status, 200);
    }
    assert_eq!(app.get_as(&bob, "/api/portfolio").await.status, 401);
    app.clock.advance_seconds(366 * 86_400);
    assert_eq!(app.get_as(&ada, "/api/portfolio").await.status, 401);
}

#[tokio::test]
async fn head_responds_as_get_without_a_body() {
    let app = App::start().await;
    for path in ["/api/stocks", "/livez", "/api/nope", "/api/portfolio"] {
        let (get, head) = (app.get(path).await, app.raw("HEAD", path, &[], "").await);
        assert_eq!((head.status, head.text.as_str()), (get.status, ""), "{path}");
        assert_eq!(head.header("content-type"), get.header("content-type"), "{path}");
    }
}

#[tokio::test]
async fn readiness_ends_with_the_desk_and_liveness_does_not() {
    let app = App::start().await;
    for path in ["/livez", "/readyz", "/up"] {
        assert_eq!(app.get(path).await.status, 200, "{path}");
    }
    app.desk.close().await;
    assert_eq!(app.get("/livez").await.status, 200);
    for path in ["/readyz", "/up"] {
        let answer = app.get(path).await;
        assert_problem(&answer, 503, "closing");
        assert_eq!(answer.header("retry-after"), Some("1"));
    }
}

#[tokio::test]
async fn a_node_whose_clock_is_off_is_not_ready_until_it_is_corrected() {
    let app = App::start_on_engine("postgres").await;
    assert_eq!(app.get("/readyz").await.status, 200, "not measured yet");
    // The clock of the tests stands in the past.
    let skew = app.store.clock_skew(&app.clock).await.expect("measured");
    for path in ["/readyz", "/up"] {
        let answer = app.get(path).await;
        assert_problem(&answer, 503, "clock_skew");
        assert_eq!(answer.header("retry-after"), Some("60"));
    }
    assert_eq!(app.get("/livez").await.status, 200);
    app.clock.set(UnixMicros(app.clock.now().0 - skew));
    app.store.clock_skew(&app.clock).await.expect("measured");
    assert_eq!(app.get("/readyz").await.status, 200);
}

#[tokio::test]
async fn metrics_are_served_to_this_machine_and_configured_networks() {
    let app = App::start_with(|config| {
        config.http.metrics_from = networks("192.0.2.0/24");
        config.http.trusted_proxies = networks("10.0.0.1");
    })
    .await;
    let cases = [
        ("127.0.0.1", None, 200),
        ("192.0.2.77", None, 200),
        ("198.51.100.1", None, 404),
        ("127.0.0.1", Some("127.0.0.1"), 404),
        ("198.51.100.1", Some("127.0.0.1"), 404),
        ("10.0.0.1", Some("192.0.2.5"), 200),
        ("10.0.0.1", Some("198.51.100.1"), 404),
    ];
    for (peer, forwarded, status) in cases {
        let headers: Vec<_> = forwarded.map(|to| ("x-forwarded-for", to)).into_iter().collect();
        let answer = app.send_request(from(peer, "/metrics", &headers)).await;
        assert_eq!(answer.status, status, "{peer} for {forwarded:?}");
    }
    assert_problem(&app.get("/metrics").await, 404, "route_not_found");
}

#[tokio::test]
async fn only_a_trusted_proxy_sets_the_request_id() {
    let app = App::start_with(|config| {
        config.http.trusted_proxies = networks("10.0.0.1");
    })
    .await;
    let number = [("x-request-id", "edge-7")];
    let answer = app.send_request(from("10.0.0.1", "/livez", &number)).await;
    assert_eq!(answer.header("x-request-id"), Some("edge-7"));
    let answer = app.send_request(from("198.51.100.1", "/livez", &number)).await;
    assert_ne!(answer.header("x-request-id"), Some("edge-7"));
}

#[tokio::test]
async fn only_a_trusted_proxy_sets_the_host() {
    let app = App::start_with(|config| config.http.trusted_proxies = networks("10.0.0.1")).await;
    // Cookies of a request to this machine are secure, as browsers allow there.
    let headers = [("host", "127.0.0.1:8080"), ("x-forwarded-host", "play.example")];
    for (peer, is_secure) in [("10.0.0.1", false), ("198.51.100.1", true)] {
        let answer = app.send_request(from(peer, "/login", &headers)).await;
        let cookie = answer.header("set-cookie").expect("a cookie");
        assert_eq!(cookie.contains("Secure"), is_secure, "{peer}: {cookie}");
    }
}

#[tokio::test]
async fn hsts_is_sent_where_a_trusted_proxy_uses_https() {
    let app = App::start_with(|config| config.http.trusted_proxies = networks("10.0.0.1")).await;
    let proto = |proto| [("x-forwarded-proto", proto)];
    let answer = app.send_request(from("10.0.0.1", "/livez", &proto("https"))).await;
    let policy = answer.header("strict-transport-security");
    assert_eq!(policy, Some("max-age=31536000; includeSubDomains"));
    for (peer, proto) in [("10.0.0.1", proto("http")), ("198.51.100.1", proto("https"))] {
        let answer = app.send_request(from(peer, "/livez", &proto)).await;
        assert_eq!(answer.header("strict-transport-security"), None, "{peer}");
    }
}

/// An order whose body never arrives.
fn endless(token: &str) -> Request<Body> {
    let body = futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>();
    let request = Request::post("/api/portfolio/buy").header("content-type", "application/json");
    let request = request.header("authorization", format!("Bearer {token}"));
    request.body(Body::from_stream(body)).expect("a request")
}

#[tokio::test]
async fn slow_bodies_and_slow_responses_time_out() {
    let app = App::start_with(|config| config.http.body_timeout_ms = 20).await;
    let ada = app.register("Ada").await;
    assert_problem(&app.send_request(endless(&ada)).await, 408, "body_timeout");
    let app = App::start_with(|config| config.http.request_timeout_ms = 2_000).await;
    let ada = app.register("Ada").await;
    let answer = app.send_request(endless(&ada)).await;
    assert_problem(&answer, 504, "timed_out");
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
}
