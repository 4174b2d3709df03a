//! Valid responses, and each violation planted once.

use serde_json::{Value, json};

use super::*;

const PAGE: LeaderboardQuery = LeaderboardQuery { by_return: false, page: Some(2), rows: 3 };
const AROUND: LeaderboardQuery = LeaderboardQuery { by_return: false, page: None, rows: 3 };

fn row(rank: u64, level: u64, points: u64) -> Value {
    let movement = if rank == 5 { json!(null) } else { json!(-2) };
    json!({ "rank": rank, "name": "Ada", "level": level, "experience_points": points,
        "movement": movement })
}

/// The second page of three rows of a board of eight, whose middle is the player's.
fn page() -> Value {
    json!({
        "success": true,
        "data": [row(4, 3, 10), row(5, 3, 10), row(6, 2, 90)],
        "meta": { "current_page": 2, "per_page": 3, "last_page": 3, "total": 8 },
        "me": { "rank": 5, "level": 3, "experience_points": 10, "movement": null },
        "for_learning": true,
    })
}

fn around() -> Value {
    let rows: Vec<Value> = (1..=8).map(|rank| row(rank, 2, 90 - rank)).collect();
    json!({
        "success": true,
        "data": rows,
        "meta": { "current_page": 1, "per_page": 10, "last_page": 1, "total": 8 },
        "me": { "rank": 5, "level": 2, "experience_points": 85, "movement": null },
        "for_learning": true,
    })
}

fn read_value(value: &Value, query: LeaderboardQuery) -> Result<LeaderboardPage, Violation> {
    read(value.to_string().as_bytes(), query)
}

#[test]
fn valid_responses_are_read() {
    let first = read_value(&page(), PAGE).expect("good");
    assert_eq!((first.total(), first.is_full()), (8, true));
    assert!(first.has_same_rows(&first));
    read_value(&around(), AROUND).expect("good");
    let mut unranked = around();
    (unranked["data"], unranked["me"]) = (json!([]), json!(null));
    read_value(&unranked, AROUND).expect("a board without the player");
    let mut beyond = page();
    (beyond["data"], beyond["meta"]["current_page"]) = (json!([]), json!(9));
    read_value(&beyond, LeaderboardQuery { page: Some(9), ..PAGE })
        .expect("a page after the last one");
    let mut by_return = page();
    for (at, returned) in [(0, "0.10"), (1, "0.00"), (2, "-12.34")] {
        by_return["data"][at]["return_percentage"] = json!(returned);
    }
    by_return["me"]["return_percentage"] = json!("0.00");
    // Experience is in no order there.
    by_return["data"][2]["level"] = json!(9);
    read_value(&by_return, LeaderboardQuery { by_return: true, ..PAGE }).expect("good");
    by_return["data"][2]["return_percentage"] = json!("0.01");
    let unsorted = read_value(&by_return, LeaderboardQuery { by_return: true, ..PAGE });
    assert!(matches!(unsorted, Err(Violation::Certain(_))));
}

#[test]
fn a_response_that_is_invalid_in_any_case_is_a_violation() {
    let spoilt: [fn(&mut Value); 13] = [
        |page| page["success"] = json!(false),
        |page| page["data"][1]["email"] = json!("a@b.c"),
        |page| page["me"]["player_id"] = json!(7),
        |page| page["total"] = json!(8),
        |page| page["data"][1]["return_percentage"] = json!("1.00"),
        |page| page["data"][0]["rank"] = json!(3),
        |page| page["data"][1]["rank"] = json!(6),
        |page| page["data"][2]["level"] = json!(4),
        |page| page["data"][1]["experience_points"] = json!(11),
        |page| page["meta"]["per_page"] = json!(4),
        |page| page["meta"]["last_page"] = json!(2),
        |page| page["meta"]["current_page"] = json!(1),
        |page| {
            page["data"][1].as_object_mut().expect("a row").remove("movement");
        },
    ];
    for (at, spoil) in spoilt.into_iter().enumerate() {
        let mut page = page();
        spoil(&mut page);
        let found = read_value(&page, PAGE);
        assert!(matches!(found, Err(Violation::Certain(_))), "{at}: {found:?}");
    }
    let spoilt: [fn(&mut Value); 3] = [
        |around| around["me"]["rank"] = json!(6),
        |around| around["me"]["experience_points"] = json!(84),
        |around| around["me"] = json!(null),
    ];
    for (at, spoil) in spoilt.into_iter().enumerate() {
        let mut around = around();
        spoil(&mut around);
        let found = read_value(&around, AROUND);
        assert!(found.is_err(), "{at}: {found:?}");
    }
}

#[test]
fn a_response_that_is_valid_if_a_player_moved_is_read_again() {
    let spoilt: [fn(&mut Value); 2] = [
        |page| page["me"]["rank"] = json!(4),
        |page| {
            page["data"].as_array_mut().expect("rows").pop();
        },
    ];
    for (at, spoil) in spoilt.into_iter().enumerate() {
        let mut page = page();
        spoil(&mut page);
        let found = read_value(&page, PAGE);
        assert!(matches!(found, Err(Violation::UnlessMoved(_))), "{at}: {found:?}");
    }
}

#[test]
fn two_pages_join_where_no_row_is_missing_or_doubled() {
    let first = read_value(&page(), PAGE).expect("good");
    let next = |rank: u64, level: u64| {
        let rows = vec![LeaderboardRow { rank, level, ..first.rows[2].clone() }];
        LeaderboardPage { rows, meta: first.meta.clone() }
    };
    assert_eq!(first.is_followed_by(&next(7, 2)), Ok(()));
    assert!(first.is_followed_by(&next(8, 2)).is_err());
    assert!(first.is_followed_by(&next(6, 2)).is_err());
    assert!(first.is_followed_by(&next(7, 3)).is_err());
    assert!(!first.has_same_rows(&next(7, 2)));
}
