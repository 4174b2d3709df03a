//! The operator's page: for operators only, in every language and mode.

mod common;

use common::App;
use domain::Clock;
use store::Role;

#[tokio::test]
async fn the_page_does_not_exist_for_anybody_but_operators() {
    let app = App::start().await;
    let mut stranger = app.browser();
    assert_eq!(stranger.get("/ops").await.status, 303, "as any page of a player");
    let mut player = app.browser_of("Ada").await;
    assert_eq!(player.get("/ops").await.status, 404);
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
