//! Rate limits, with a clock that does not advance.

use crate::common::App;
use serde_json::json;
use web::{Limit, WebConfig};

fn limited(config: &mut WebConfig) {
    config.limits.enabled = true;
    config.limits.read = Limit { burst: 20, per_s: 60 };
    config.limits.register_per_address = Limit { burst: 3, per_s: 3_600 };
}

#[tokio::test]
async fn login_attempts_are_limited_to_ten() {
    let app = App::start_with(limited).await;
    app.register("Ada").await;
    for email in ["unknown@example.com", "absent@example.com"] {
        let sent = json!({"email": email, "password": "wrong"});
        let mut statuses = Vec::new();
        for _ in 0..40 {
            statuses.push(app.post("/api/auth/login", &sent).await.status);
        }
        assert_eq!(statuses[..10], [422; 10]);
        assert_eq!(statuses[10..], [429; 30]);
        let answer = app.post("/api/auth/login", &sent).await;
        assert_eq!(answer.header("retry-after"), Some("30"));
        assert!(answer.header("x-ratelimit-reset").is_some());
        let body = answer.json();
        assert_eq!(
            (&body["code"], &body["message"]),
            (&json!("rate_limited"), &json!("Too Many Attempts."),)
        );
        assert_eq!((&body["success"], &body["retryable"]), (&json!(false), &json!(true)));
    }
}

#[tokio::test]
async fn registrations_from_one_network_are_limited() {
    let app = App::start_with(limited).await;
    let register = async |i: u32, name: &str| {
        let sent = json!({
            "name": name, "email": format!("p{i}@example.com"),
            "password": "password123", "password_confirmation": "password123",
        });
        app.post("/api/auth/register", &sent).await.status
    };
    assert_eq!(register(0, "Admin").await, 422, "what breaks a rule is not counted");
    for i in 1..=3 {
        assert_eq!(register(i, &format!("Ada {i}")).await, 201);
    }
    assert_eq!(register(4, "Ada 4").await, 429);
}

#[tokio::test]
async fn every_response_contains_the_remaining_requests() {
    let app = App::start_with(limited).await;
    let answer = app.get("/api/stocks").await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.header("ratelimit-policy"), Some("\"read\";q=20;w=60"));
    assert_eq!(answer.header("ratelimit"), Some("\"read\";r=19;t=3"));
    assert_eq!(answer.header("x-ratelimit-limit"), Some("20"));
    assert_eq!(answer.header("x-ratelimit-remaining"), Some("19"));
    for _ in 1..20 {
        assert_eq!(app.get("/api/stocks").await.status, 200);
    }
    let refused = app.get("/api/stocks").await;
    assert_eq!(refused.status, 429);
    assert_eq!(refused.header("retry-after"), Some("3"));
    assert_eq!(refused.header("x-ratelimit-remaining"), Some("0"));
    assert_eq!(refused.header("content-type"), Some("application/problem+json"));
    assert_eq!(refused.header("ratelimit-policy"), Some("\"read\";q=20;w=60"));
}

#[tokio::test]
async fn a_rejected_registration_has_the_headers_of_its_own_quota() {
    let app = App::start_with(limited).await;
    for name in ["Ada", "Bob", "Cy"] {
        app.register(name).await;
    }
    let sent = json!({
        "name": "Dan", "email": "dan@example.com",
        "password": "password123", "password_confirmation": "password123",
    });
    let refused = app.post("/api/auth/register", &sent).await;
    assert_eq!(refused.status, 429);
    let policy = refused.header("ratelimit-policy").unwrap();
    assert!(policy.starts_with("\"register_per_address\";q=3;"), "{policy}");
    assert_eq!(refused.header("x-ratelimit-limit"), Some("3"));
}

#[tokio::test]
async fn a_token_has_its_own_quota_and_invented_tokens_have_none() {
    let app = App::start_with(limited).await;
    let token = app.register("Ada").await;
    for _ in 0..20 {
        assert_eq!(app.get_as(&token, "/api/auth/user").await.status, 200);
    }
    assert_eq!(app.get_as(&token, "/api/auth/user").await.status, 429);
    assert_eq!(app.get("/api/stocks").await.status, 200, "the network's quota is another");
    // A dead token passes the checksum as made-up ones can: it is counted by its network, too.
    let dead = app.register("Bob").await;
    app.post_as(&dead, "/api/auth/logout", &json!({})).await;
    let mut statuses = Vec::new();
    for _ in 0..20 {
        statuses.push(app.get_as(&dead, "/api/auth/user").await.status);
    }
    assert_eq!((statuses[18], statuses[19]), (401, 429));
    assert_eq!(app.get("/api/stocks").await.status, 429);
}

#[tokio::test]
async fn disabled_limits_count_no_requests() {
    let app = App::start().await;
    let answer = app.get("/api/stocks").await;
    assert_eq!((answer.status, answer.header("ratelimit")), (200, None));
    let sent = json!({"email": "unknown@example.com", "password": "wrong"});
    for _ in 0..12 {
        assert_eq!(app.post("/api/auth/login", &sent).await.status, 422);
    }
}
