//! The operator's pages: for operators only, in every language and mode.

use crate::common::browser::Browser;
use crate::common::html::PAGE_SIZE_MAX;
use crate::common::{App, PASSWORD};
use domain::Clock;
use store::Role;

#[tokio::test]
async fn the_pages_are_not_found_for_other_players() {
    let app = App::start().await;
    let mut stranger = app.browser();
    assert_eq!(stranger.get("/ops").await.status, 303, "like any page of a player");
    let mut player = app.browser_of("Ada").await;
    assert_eq!(player.get("/ops").await.status, 404);
    for path in ["/ops/people", "/ops/people/1", "/ops/people?q=ada@pages.example.com"] {
        assert_eq!(player.get(path).await.status, 404, "{path}");
    }
    let csrf = player.page("/settings").await.form("/settings/name")["csrf"].clone();
    for action in ["name", "link", "sessions"] {
        let answer = player.post(&format!("/ops/people/1/{action}"), &format!("csrf={csrf}")).await;
        assert_eq!(answer.status, 404, "{action}");
    }
    assert!(!player.page("/home").await.links().contains(&"/ops"));
}

#[tokio::test]
async fn an_operator_sees_the_node_in_every_language_and_mode() {
    let app = App::start().await;
    let mut browser = app.browser_of("Ada").await;
    let now = app.clock.now();
    assert!(app.store.set_role("ada@pages.example.com", Role::Operator, now).await.unwrap());
    for lang in ["en", "sn", "nd"] {
        for mode in ["kid", "standard", "easy"] {
            let page = browser.page("/settings").await;
            let looks = [("mode", mode), ("language", lang)];
            assert_eq!(browser.submit(&page, "/settings/looks", &looks).await.status, 303);
            let page = browser.page("/ops").await;
            assert!(page.text().contains("sqlite") && page.text().contains("fixed"));
            assert!(page.links().contains(&"/ops"));
        }
    }
}

async fn operator(app: &App) -> Browser<'_> {
    let browser = app.browser_of("Olga").await;
    let now = app.clock.now();
    assert!(
        app.store.set_role("olga@pages.example.com", Role::Operator, now).await.expect("answers")
    );
    browser
}

#[tokio::test]
async fn an_operator_finds_users_by_name_and_address_page_by_page() {
    let app = App::start().await;
    let mut browser = operator(&app).await;
    for number in 0..24 {
        let email = format!("pupil{number}@school.example.com");
        app.register_as(&format!("Pupil {number}"), &email).await;
    }
    app.register_as("<b>Zoë", "zoe@school.example.com").await;
    for lang in ["en", "sn", "nd"] {
        for mode in ["kid", "standard", "easy"] {
            let page = browser.page("/settings").await;
            let looks = [("mode", mode), ("language", lang)];
            assert_eq!(browser.submit(&page, "/settings/looks", &looks).await.status, 303);
            let page = browser.page("/ops/people").await;
            assert!(page.html().contains("&#60;b&#62;Zoë") && page.text().contains("Pupil 23"));
            browser.page("/ops/people?q=zzz").await;
            let link = page.links().into_iter().find(|link| link.starts_with("/ops/people/"));
            browser.page(link.unwrap()).await;
        }
    }
    for path in ["/ops/people", "/ops/people/1"] {
        let small = [("accept-encoding", "br")];
        let answer = browser.send("GET", path, "", &small).await;
        assert!(answer.size <= PAGE_SIZE_MAX, "{path}: {} bytes", answer.size);
    }
    let page = browser.page("/ops/people").await;
    let older = page.links().into_iter().find(|link| link.contains("below=")).unwrap();
    let older = older.replace("&#38;", "&");
    let text = browser.page(&older).await.text();
    assert!(text.contains("Olga") && text.contains("Pupil 0") && !text.contains("Pupil 23"));
    let text = browser.page("/ops/people?q=ZO%C3%8B").await.text();
    assert!(text.contains("Zoë") && !text.contains("Pupil"), "{text}");
    let answer = browser.get("/ops/people?q=OLGA@pages.example.com").await;
    assert_eq!(answer.header("location"), Some("/ops/people/1"));
    for unknown in ["/ops/people/999", "/ops/people/x", "/ops/people/%00"] {
        assert_eq!(browser.get(unknown).await.status, 404, "{unknown}");
    }
}

#[tokio::test]
async fn an_operator_renames_a_user_makes_a_link_and_ends_sessions() {
    let app = App::start().await;
    let mut browser = operator(&app).await;
    let mut ada = app.browser_of("Ada").await;
    let path = "/ops/people/2";
    let page = browser.page(path).await;
    assert!(page.text().contains("ada@pages.example.com"));
    let rename = |name| [("name", name)];
    let answer = browser.submit(&page, &format!("{path}/name"), &rename("Admin")).await;
    assert_eq!(answer.status, 422);
    browser.checked(path, answer);
    let answer = browser.submit(&page, &format!("{path}/name"), &rename("Ada L.")).await;
    assert_eq!(answer.header("location"), Some("/ops/people/2?done=1"));
    assert!(ada.page("/about").await.text().contains("Ada L."));

    let answer = browser.submit(&page, &format!("{path}/link"), &[]).await;
    assert_eq!(answer.status, 200);
    let text = browser.checked(path, answer).text();
    let link = text.split(' ').find(|word| word.starts_with("http://localhost:8080/recover/ob_"));
    let link = link.unwrap_or_else(|| panic!("{text}")).replace("http://localhost:8080", "");
    assert!(!browser.page(path).await.text().contains(&link), "it is shown once");
    assert!(ada.page("/settings").await.by_id("delete").is_some(), "a link alone ends no session");
    let mut new = app.browser();
    let page = new.page(&link).await;
    let answer = new.submit(&page, &link, &[("password", "another password")]).await;
    assert_eq!(answer.status, 303);
    assert!(ada.page("/settings").await.by_id("delete").is_none());

    let page = browser.page(path).await;
    let answer = browser.submit(&page, &format!("{path}/sessions"), &[]).await;
    assert_eq!(answer.status, 303);
    assert!(new.page("/settings").await.by_id("delete").is_none());
    let login = [("email", "ada@pages.example.com"), ("password", PASSWORD)];
    let page = ada.page("/login").await;
    assert_eq!(ada.submit(&page, "/login", &login).await.status, 422);
}
