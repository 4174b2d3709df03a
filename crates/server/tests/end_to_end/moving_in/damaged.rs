//! Damaged rows of the earlier application: refused, or left out and reported by user.

use serde_json::json;

use super::{TARGETS, TargetGame, log_in};
use crate::earlier_application::{EarlierApplication, PASSWORD};
use crate::server::error_line;

/// Users who cannot be imported, and a stock that the game does not have.
const BROKEN: &str = "
INSERT INTO users (id, name, email, password, balance, level, experience_points) VALUES
    (21, 'One', 'RUDO@example.org', NULL, 1.00, 1, 0), (22, 'Two', 'no address', NULL, 1.00, 1, 0),
    (23, 'Three', NULL, NULL, 1.00, 1, 0), (24, 'Four', 'four@example.org', NULL, NULL, 1, 0),
    (25, 'Five', 'five@example.org', NULL, 1.00, 20000, 0),
    (26, 'Six', 'six@example.org', NULL, 1.00, 1, 0);
INSERT INTO stocks (id, symbol, name, current_price) VALUES (7, 'OLD', 'Old Ltd.', 12.34);
INSERT INTO portfolios (id, user_id, stock_id, quantity, average_price) VALUES
    (21, 11, 7, 4, 10.00), (22, 26, 1, 2000000000, 1.00);
";

#[tokio::test]
async fn damaged_users_and_unknown_stocks_are_refused_unless_accepted() {
    let dir = tempfile::tempdir().expect("a directory");
    for (kind, engine) in [("mariadb", TARGETS[0]), ("mariadb", TARGETS[1]), ("sqlite", TARGETS[0])]
    {
        let earlier = EarlierApplication::create(kind, dir.path()).await;
        earlier.run(BROKEN).await;
        let game = TargetGame::prepare(engine);
        let damaged = [
            "invalid_email",
            "duplicate_email",
            "unreadable_balance",
            "unreadable_xp",
            "beyond_limits",
        ];
        let all = [&["unknown_stock"], &damaged[..]].concat();
        game.import_refused(&earlier.url, &[], &all).await;
        game.import_refused(&earlier.url, &["--dry-run"], &all).await;
        let convert = "--convert-unknown-to-cash";
        game.import_refused(&earlier.url, &[convert], &damaged).await;
        game.import_refused(&earlier.url, &["--skip-damaged"], &["unknown_stock"]).await;
        let report = game.import_well(&earlier.url, &[convert, "--skip-damaged"]);
        assert_eq!(report["users"], json!({"read": "13", "imported": "7"}));
        assert_eq!(report["cash_converted"], "49.36");
        assert_eq!(report["shares"]["OLD"], json!({"read": "4", "imported": "0"}));
        game.verify_ledger();
        let server = game.serve();
        let token = log_in(&server, "ada@example.org", PASSWORD).expect("the old password");
        let (_, account) = server.ask("GET", "/api/auth/user", &token, None);
        assert_eq!(account["user"]["balance"], "9479.51");
        server.stop();
    }
}

/// Values that PostgreSQL stores and cannot convert to whole numbers or dates.
const UNCONVERTIBLE: &str = "
ALTER TABLE users ALTER COLUMN balance TYPE NUMERIC, ALTER COLUMN level TYPE NUMERIC;
ALTER TABLE portfolios ALTER COLUMN quantity TYPE NUMERIC;
ALTER TABLE transactions ALTER COLUMN quantity TYPE NUMERIC, ALTER COLUMN total_amount TYPE NUMERIC;
UPDATE users SET created_at = 'infinity' WHERE id = 14;
UPDATE users SET balance = 'NaN' WHERE id = 16;
UPDATE users SET level = 'NaN' WHERE id = 17;
UPDATE users SET balance = 1e25 WHERE id = 13;
UPDATE portfolios SET quantity = 'NaN' WHERE id = 8;
UPDATE portfolios SET quantity = 1e300 WHERE id = 3;
UPDATE transactions SET total_amount = 'NaN', quantity = 1e30 WHERE user_id = 11;
";

#[tokio::test]
async fn values_that_postgresql_cannot_convert_are_issues_of_their_users() {
    let dir = tempfile::tempdir().expect("a directory");
    let earlier = EarlierApplication::create("postgres", dir.path()).await;
    earlier.run(UNCONVERTIBLE).await;
    let game = TargetGame::prepare(TARGETS[0]);
    let report = game.import_well(&earlier.url, &["--skip-damaged"]);
    let issues = report["issues"].as_array().expect("a list");
    let has = |user: i64, kind: &str| {
        issues.iter().any(|issue| issue["user_id"] == user && issue["kind"] == kind)
    };
    assert!(has(14, "missing_date"), "{issues:#?}");
    for user in [13, 16] {
        assert!(has(user, "unreadable_balance"), "{user}: {issues:#?}");
    }
    assert!(has(17, "unreadable_xp"), "{issues:#?}");
    assert!(has(12, "invalid_quantity"), "{issues:#?}");
    assert_eq!(report["users"], json!({"read": "7", "imported": "4"}));
}

#[tokio::test]
async fn ids_beyond_signed_numbers_are_refused_by_name() {
    let dir = tempfile::tempdir().expect("a directory");
    let earlier = EarlierApplication::create("mariadb", dir.path()).await;
    earlier.run("UPDATE users SET id = 18446744073709551610 WHERE id = 17").await;
    let game = TargetGame::prepare(TARGETS[0]);
    let line = error_line(&game.import(&earlier.url, &["--skip-damaged"]));
    assert!(line.contains("users.id 18446744073709551610"), "{line}");
}
