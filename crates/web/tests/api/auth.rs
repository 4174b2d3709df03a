//! Registration, login, logout and tokens: the recorded responses of the original API, and hostile
//! input.

use crate::common::App;
use serde_json::{Value, json};

fn registration(name: &str, email: &str) -> Value {
    json!({
        "name": name, "email": email,
        "password": "password123", "password_confirmation": "password123",
    })
}

fn keys(text: &str, member: &str) -> Vec<String> {
    // `serde_json::Value` sorts; the order is read from the text. The values here hold no quotes.
    let inside = text.split_once(&format!("\"{member}\":{{")).expect("the member").1;
    let inside = inside.split_once('}').expect("its end").0;
    let parts = inside.split(',').filter_map(|pair| pair.split_once("\":"));
    parts.map(|(key, _)| key.trim_start_matches('"').to_owned()).collect()
}

#[tokio::test]
async fn registration_responds_as_in_the_original_api() {
    let app = App::start().await;
    let sent = registration("Contract User", "Contract@Example.com");
    let answer = app.post("/api/auth/register", &sent).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let body = answer.json();
    assert_eq!(body["success"], true);
    let user = &body["user"];
    assert_eq!(user["name"], "Contract User");
    assert_eq!(user["email"], "Contract@Example.com");
    assert_eq!(user["balance"], "10000.00");
    assert_eq!((&user["level"], &user["experience_points"]), (&json!(1), &json!(0)));
    assert_eq!(user["created_at"], user["updated_at"]);
    assert!(user["id"].is_i64());
    assert_eq!(
        keys(&answer.text, "user"),
        [
            "name",
            "email",
            "balance",
            "level",
            "experience_points",
            "updated_at",
            "created_at",
            "id"
        ]
    );
    let token = body["token"].as_str().unwrap();
    assert!(token.starts_with("ob_") && token.len() == 41);
    assert_eq!(app.get_as(token, "/api/auth/user").await.status, 200);
    for taken in ["Contract@Example.com", "CONTRACT@EXAMPLE.COM", " contract@example.com "] {
        let answer = app.post("/api/auth/register", &registration("Another", taken)).await;
        assert_eq!(answer.status, 422);
        assert_eq!(answer.json()["message"], "The email has already been taken.");
        assert_eq!(
            answer.json()["errors"],
            json!({"email": ["The email has already been taken."]})
        );
    }
}

#[tokio::test]
async fn invalid_registrations_are_rejected_with_the_texts_of_the_original_api() {
    let app = App::start().await;
    let long = "x".repeat(256);
    let cases = [
        (
            json!({}),
            "The name field is required. (and 2 more errors)",
            json!({
                "name": ["The name field is required."],
                "email": ["The email field is required."],
                "password": ["The password field is required."],
            }),
        ),
        (
            json!({"name": 123, "email": ["a"], "password": 12345678}),
            "The name field must be a string. (and 3 more errors)",
            json!({
                "name": ["The name field must be a string."],
                "email": ["The email field must be a string.",
                    "The email field must be a valid email address."],
                "password": ["The password field must be a string."],
            }),
        ),
        (
            json!({"name": long, "email": "x", "password": "short",
                "password_confirmation": "other"}),
            "The name field must not be greater than 40 characters. (and 3 more errors)",
            json!({
                "name": ["The name field must not be greater than 40 characters."],
                "email": ["The email field must be a valid email address."],
                "password": ["The password field confirmation does not match.",
                    "The password field must be at least 8 characters."],
            }),
        ),
    ];
    for (sent, message, errors) in cases {
        let answer = app.post("/api/auth/register", &sent).await;
        assert_eq!((answer.status, &answer.json()["message"]), (422, &json!(message)));
        assert_eq!(answer.json()["errors"], errors);
        assert_eq!(answer.json()["success"], false);
    }
    let mut unconfirmed = registration("Ada", "ada@example.com");
    unconfirmed["password_confirmation"] = Value::Null;
    assert_eq!(app.post("/api/auth/register", &unconfirmed).await.status, 422);
    let mut longer = registration("Ada", "ada@example.com");
    longer["password"] = json!("p".repeat(257));
    longer["password_confirmation"] = longer["password"].clone();
    assert_eq!(app.post("/api/auth/register", &longer).await.status, 422);
}

#[tokio::test]
async fn malformed_bodies_are_rejected_without_a_server_error() {
    let app = App::start().await;
    let form = "name=Form+User&email=f%40example.com&password=password123";
    let path = "/api/auth/register";
    let kind = "application/x-www-form-urlencoded";
    assert_eq!(app.post_raw(None, path, kind, form).await.status, 415);
    assert_eq!(app.post_raw(None, path, "text/plain", "{}").await.status, 415);
    for body in ["{\"name\":", "[]", "null", "\"\\ud800\"", "{\"name\":\"\\ud800\"}"] {
        for path in ["/api/auth/register", "/api/auth/login"] {
            let answer = app.post_raw(None, path, "application/json", body).await;
            assert!(matches!(answer.status, 400 | 422), "{body}: {}", answer.text);
            assert_eq!(answer.json()["success"], false);
        }
    }
}

#[tokio::test]
async fn hostile_names_are_rejected_and_real_ones_accepted() {
    let app = App::start().await;
    let hostile = [
        "Ada\nBob",
        "Ada\u{202e}kcid",
        "\u{2066}Ada",
        "A\u{200b}da",
        "A\u{0}da",
        "Z\u{335}\u{336}\u{337}\u{338}\u{334}",
        "Ada\u{e000}",
        "ada@example.com",
        "Admin",
        "Аdmіn",
        "\u{3164}\u{3164}",
        "MrFuck123",
    ];
    for (i, name) in hostile.into_iter().enumerate() {
        let sent = registration(name, &format!("h{i}@example.com"));
        let answer = app.post("/api/auth/register", &sent).await;
        assert_eq!(answer.status, 422, "{name:?}");
        assert!(answer.json()["errors"]["name"].is_array(), "{}", answer.text);
    }
    let real = ["José", "李小龙", "O'Brien", "<b>Bo</b>", "=1+1", "'; DROP TABLE users;--"];
    for (i, name) in real.into_iter().enumerate() {
        let sent = registration(name, &format!("r{i}@example.com"));
        let answer = app.post("/api/auth/register", &sent).await;
        assert_eq!((answer.status, &answer.json()["user"]["name"]), (201, &json!(name)));
    }
}

#[tokio::test]
async fn only_the_four_members_of_a_registration_are_used() {
    let app = App::start().await;
    let mut sent = registration("Ada", "ada@example.com");
    for (member, value) in [
        ("balance", json!("999999.00")),
        ("level", json!(99)),
        ("experience_points", json!(99_999)),
        ("id", json!(7_777)),
        ("balance_version", json!(50)),
        ("role", json!("admin")),
        ("email_verified_at", json!("2026-01-01")),
    ] {
        sent[member] = value;
    }
    let answer = app.post("/api/auth/register", &sent).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let token = answer.json()["token"].as_str().unwrap().to_owned();
    let user = app.get_as(&token, "/api/auth/user").await.json()["user"].clone();
    assert_eq!(user["balance"], "10000.00");
    assert_eq!((&user["level"], &user["experience_points"]), (&json!(1), &json!(0)));
    assert_ne!(user["id"], 7_777);
    assert_eq!((&user["email_verified_at"], &user["role"]), (&Value::Null, &Value::Null));
}

#[tokio::test]
async fn login_responds_as_in_the_original_api() {
    let app = App::start().await;
    app.post("/api/auth/register", &registration("Ada", "ada@example.com")).await;
    let sent = json!({"email": "ADA@example.com", "password": "password123"});
    let answer = app.post("/api/auth/login", &sent).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let order = [
        "id",
        "name",
        "email",
        "email_verified_at",
        "balance",
        "balance_version",
        "level",
        "experience_points",
        "created_at",
        "updated_at",
    ];
    assert_eq!(keys(&answer.text, "user"), order);
    let body = answer.json();
    assert_eq!(
        (&body["user"]["email"], &body["success"]),
        (&json!("ada@example.com"), &json!(true))
    );
    let own = app.get_as(body["token"].as_str().unwrap(), "/api/auth/user").await;
    assert_eq!(keys(&own.text, "user"), order);
    assert_eq!(own.json()["user"], body["user"]);
    assert_eq!(own.json()["token"], Value::Null);
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_address_have_the_same_response() {
    let app = App::start().await;
    app.post("/api/auth/register", &registration("Ada", "ada@example.com")).await;
    let login = async |email: &str, password: Value| {
        app.post("/api/auth/login", &json!({"email": email, "password": password})).await
    };
    let without_id = |answer: &crate::common::TestResponse| {
        let mut body = answer.json();
        body["request_id"] = Value::Null;
        body["instance"] = Value::Null;
        (answer.status, body)
    };
    let known = login("ada@example.com", json!("wrong")).await;
    let unknown = login("eve@example.com", json!("wrong")).await;
    assert_eq!(without_id(&known), without_id(&unknown));
    assert_eq!(known.status, 422);
    let text = "The provided credentials are incorrect.";
    assert_eq!(known.json()["errors"], json!({"email": [text]}));
    let (long, cut) = ("x".repeat(5_000), "password12");
    for wrong in [json!(long), json!(cut), json!("password123 "), json!("PASSWORD123")] {
        assert_eq!(without_id(&login("ada@example.com", wrong).await), without_id(&known));
    }
    let mistyped = login("ada@example.com", json!(["a"])).await;
    assert_eq!(mistyped.status, 422);
    let missing = app.post("/api/auth/login", &json!({})).await.json();
    assert_eq!(missing["message"], "The email field is required. (and 1 more error)");
    let bad = login("x", json!("y")).await.json();
    assert_eq!(bad["message"], "The email field must be a valid email address.");
}

#[tokio::test]
async fn malformed_tokens_are_rejected() {
    let app = App::start().await;
    let token = app.register("Ada").await;
    let swapped: String = token[3..]
        .chars()
        .map(|c| if c.is_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() })
        .collect();
    let bad = [&token[..40], &token[3..], &format!("ob_{swapped}"), &format!("{token}0"), "1|x"];
    for bad in bad {
        let answer = app.get_as(bad, "/api/auth/user").await;
        assert_eq!(answer.status, 401, "{bad}");
        assert_eq!(answer.json()["message"], "Unauthenticated.");
    }
    for path in ["/api/auth/user?token=", "/api/auth/user?access_token=", "/api/auth/user?api_key="]
    {
        assert_eq!(app.get(&format!("{path}{token}")).await.status, 401, "{path}");
    }
    assert_eq!(app.get("/api/auth/user").await.status, 401);
    assert_eq!(app.get_as(&token, "/api/auth/user").await.status, 200);
}

#[tokio::test]
async fn logout_revokes_this_token_only() {
    let app = App::start().await;
    let sent = registration("Ada", "ada@example.com");
    let first = app.post("/api/auth/register", &sent).await.json()["token"].clone();
    let sent = json!({"email": "ada@example.com", "password": "password123"});
    let second = app.post("/api/auth/login", &sent).await.json()["token"].clone();
    let (first, second) = (first.as_str().unwrap(), second.as_str().unwrap());
    let answer = app.post_as(first, "/api/auth/logout", &json!({})).await;
    let expected = json!({"success": true, "message": "Logged out successfully"});
    assert_eq!((answer.status, answer.json()), (200, expected));
    assert_eq!(app.get_as(first, "/api/auth/user").await.status, 401);
    assert_eq!(app.post_as(first, "/api/auth/logout", &json!({})).await.status, 401);
    assert_eq!(app.get_as(second, "/api/auth/user").await.status, 200);
}

#[tokio::test]
async fn an_account_is_deleted_with_its_password_only_and_the_chain_stays() {
    let app = App::start().await;
    let sent = registration("Ada", "ada@example.com");
    let body = app.post("/api/auth/register", &sent).await.json();
    let token = body["token"].as_str().unwrap();
    let eve = app.register("Eve").await;
    let delete = async |body: Value| {
        app.send("DELETE", Some(token), "/api/auth/user", "application/json", &body.to_string())
            .await
    };
    let wrong = [json!({}), json!({"password": "password124"}), json!({"password": null})];
    for body in wrong.into_iter().chain([json!({"password": "password123", "really": true})]) {
        let answer = delete(body.clone()).await;
        assert_eq!(answer.status, 422, "{body}: {}", answer.text);
        assert_eq!(app.get_as(token, "/api/auth/user").await.status, 200);
    }
    let answer = delete(json!({"password": "password123"})).await;
    let expected = json!({"success": true, "message": "Account deleted successfully"});
    assert_eq!((answer.status, answer.json()), (200, expected));
    assert_eq!(app.get_as(token, "/api/auth/user").await.status, 401);
    let sent = json!({"email": "ada@example.com", "password": "password123"});
    assert_eq!(app.post("/api/auth/login", &sent).await.status, 422);
    assert_eq!(
        app.get_as(&eve, "/api/auth/user").await.status,
        200,
        "other players are not affected"
    );
    let entries = app.store.transactions_page(1, None, 9).await.expect("answers");
    assert_eq!(entries.len(), 1, "the ledger stays");
}

#[tokio::test]
async fn tokens_are_created_listed_and_revoked_by_their_owner_only() {
    let app = App::start().await;
    let (ada, bob) = (app.register("Ada").await, app.register("Bob").await);
    let made = app.post_as(&ada, "/api/auth/tokens", &json!({"name": "Bot"})).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let secret = made.json()["token"].as_str().unwrap().to_owned();
    let id = made.json()["data"]["id"].clone();
    assert_eq!(app.get_as(&secret, "/api/auth/user").await.status, 200);
    let list = app.get_as(&ada, "/api/auth/tokens").await;
    assert_eq!(list.json()["meta"]["total"], 2);
    assert_eq!(list.json()["data"][0]["name"], "Bot");
    assert_eq!(list.json()["data"][1]["current"], true);
    assert!(
        !list.text.contains(&secret) && !list.text.contains("ob_"),
        "secrets are returned once"
    );
    let path = format!("/api/auth/tokens/{id}");
    let end =
        async |token: &str, path: &str| app.send("DELETE", Some(token), path, "", "").await.status;
    assert_eq!(end(&bob, &path).await, 404);
    assert_eq!(app.get_as(&secret, "/api/auth/user").await.status, 200);
    assert_eq!(end(&ada, &path).await, 200);
    assert_eq!(end(&ada, &path).await, 404);
    assert_eq!(app.get_as(&secret, "/api/auth/user").await.status, 401);
    for absurd in ["0", "-1", "x", "99999999999999999999", "%00"] {
        assert_eq!(end(&ada, &format!("/api/auth/tokens/{absurd}")).await, 404, "{absurd}");
    }
    assert_eq!(app.get("/api/auth/tokens").await.status, 401);
}

#[tokio::test]
async fn requests_for_tokens_are_validated_and_bounded() {
    let app = App::start().await;
    let ada = app.register("Ada").await;
    for sent in [
        json!({}),
        json!({"name": ""}),
        json!({"name": 1}),
        json!({"name": "x".repeat(61)}),
        json!({"name": "a\nb"}),
        json!({"name": "Bot", "user_id": 2}),
        json!({"name": "Bot", "expires_at": "2099-01-01"}),
    ] {
        assert_eq!(app.post_as(&ada, "/api/auth/tokens", &sent).await.status, 422, "{sent}");
    }
    for _ in 0..49 {
        let made = app.post_as(&ada, "/api/auth/tokens", &json!({"name": "Bot"})).await;
        assert_eq!(made.status, 201);
    }
    let refused = app.post_as(&ada, "/api/auth/tokens", &json!({"name": "Bot"})).await;
    assert_eq!(refused.status, 422, "{}", refused.text);
    assert_eq!(app.get_as(&ada, "/api/auth/tokens").await.json()["meta"]["total"], 50);
}

#[tokio::test]
async fn concurrent_requests_create_no_more_tokens_than_the_limit() {
    let app = App::start().await;
    let ada = app.register("Ada").await;
    for _ in 0..47 {
        app.post_as(&ada, "/api/auth/tokens", &json!({"name": "Bot"})).await;
    }
    let body = json!({"name": "Bot"});
    let made = (0..48).map(|_| app.post_as(&ada, "/api/auth/tokens", &body));
    let answers = futures_util::future::join_all(made).await;
    let count = |status| answers.iter().filter(|answer| answer.status == status).count();
    assert_eq!((count(201), count(422)), (2, 46));
    assert_eq!(app.get_as(&ada, "/api/auth/tokens").await.json()["meta"]["total"], 50);
}

#[tokio::test]
async fn a_login_above_the_limit_revokes_the_oldest_token() {
    let app = App::start().await;
    let sent = registration("Ada", "ada@example.com");
    let first = app.post("/api/auth/register", &sent).await.json()["token"].clone();
    let first = first.as_str().unwrap();
    for _ in 0..49 {
        app.post_as(first, "/api/auth/tokens", &json!({"name": "Bot"})).await;
    }
    let sent = json!({"email": "ada@example.com", "password": "password123"});
    let last = app.post("/api/auth/login", &sent).await.json()["token"].clone();
    assert_eq!(app.get_as(first, "/api/auth/user").await.status, 401);
    let list = app.get_as(last.as_str().unwrap(), "/api/auth/tokens").await;
    assert_eq!(list.json()["meta"]["total"], 50);
}

#[tokio::test]
async fn a_name_that_resembles_another_is_taken_and_free_ones_are_suggested() {
    let app = App::start().await;
    for (i, name) in ["Tariro", "Zo\u{eb}"].into_iter().enumerate() {
        let sent = registration(name, &format!("first{i}@example.com"));
        assert_eq!(app.post("/api/auth/register", &sent).await.status, 201, "{name}");
    }
    for name in ["Tariro", "TARIRO", "\u{422}\u{430}rir\u{43e}", "Zoe\u{308}"] {
        let answer =
            app.post("/api/auth/register", &registration(name, "second@example.com")).await;
        assert_eq!(answer.status, 422, "{name}: {}", answer.text);
        let problem = answer.json();
        assert_eq!(problem["code"], "name_taken");
        let text = problem["errors"]["name"][0].as_str().unwrap();
        assert!(text.contains(" Free names: "), "{text}");
        let free = text.split(": ").nth(1).unwrap().split([',', '.']).next().unwrap();
        assert!(free.starts_with(&name.chars().next().unwrap().to_string()), "{free}");
    }
    let answer = app.post("/api/auth/register", &registration("Zoe", "second@example.com")).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
}
