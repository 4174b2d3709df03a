//! Rules of all pages: the layout, the choices of a visitor, the files they load, their size, and
//! errors.

use crate::common::App;
use crate::common::html::{HtmlPage, PAGE_SIZE_MAX};
use serde_json::json;

const OPEN: [&str; 6] = ["/", "/register", "/login", "/join", "/about", "/offline"];
const BROTLI: (&str, &str) = ("accept-encoding", "br");

#[tokio::test]
async fn open_pages_keep_the_rules_in_every_language_mode_and_theme() {
    let app = App::start().await;
    for lang in ["en", "sn", "nd"] {
        for mode in ["kid", "standard", "easy"] {
            let mut browser = app.browser();
            let chosen = format!("mode={mode}&lang={lang}&theme=dark&text=large&saver=off");
            browser.cookies.insert("openbell_ui".to_owned(), chosen);
            for path in OPEN {
                let page = browser.page(path).await;
                let html = page.all("html")[0];
                let shown = [html.get("lang"), html.get("data-mode"), html.get("data-theme")];
                assert_eq!(shown, [Some(lang), Some(mode), Some("dark")], "{path}");
                assert_eq!(html.get("data-text"), Some("large"), "{path}");
                for file in ["common-", "errors-", "auth-", "about-"] {
                    assert!(!page.text().contains(file), "{path} shows a key: {}", page.text());
                }
            }
        }
    }
}

#[tokio::test]
async fn the_first_load_is_small() {
    let app = App::start().await;
    let mut browser = app.browser();
    let landing = browser.send("GET", "/", "", &[BROTLI]).await;
    assert_eq!(landing.header("content-encoding"), Some("br"));
    assert!(landing.header("vary").is_some());
    let mut size = landing.size;
    let page = browser.page("/").await;
    let scripts = page.all("script").into_iter().filter_map(|tag| tag.get("src"));
    let links = page.all("link").into_iter().filter(|tag| tag.get("rel") != Some("manifest"));
    let links = links.filter(|tag| tag.get("rel") != Some("apple-touch-icon"));
    let files: Vec<&str> = scripts.chain(links.filter_map(|tag| tag.get("href"))).collect();
    assert!(files.len() >= 4, "{files:?}");
    for file in files {
        let answer = browser.send("GET", file, "", &[BROTLI]).await;
        assert_eq!((answer.status, answer.header("content-encoding")), (200, Some("br")), "{file}");
        assert!(answer.header("cache-control").unwrap().contains("immutable"));
        size += answer.size;
    }
    println!("landing: {} bytes of HTML, {size} in all", landing.size);
    assert!(size <= 30_000, "{size} bytes");
    for path in OPEN {
        let answer = browser.send("GET", path, "", &[BROTLI]).await;
        assert!(answer.size <= PAGE_SIZE_MAX, "{path}: {} bytes", answer.size);
    }
}

#[tokio::test]
async fn files_are_sent_in_an_encoding_that_the_browser_accepts() {
    let app = App::start().await;
    let page = app.browser().page("/").await;
    let style = page.all("link").into_iter().find(|tag| tag.get("rel") == Some("stylesheet"));
    let path = style.and_then(|tag| tag.get("href")).unwrap();
    for (accepted, coding) in [("br, gzip", Some("br")), ("gzip", Some("gzip")), ("", None)] {
        let answer = app.get_with(path, &[("accept-encoding", accepted)]).await;
        assert_eq!((answer.status, answer.header("content-encoding")), (200, coding));
        assert!(answer.header("content-type").unwrap().starts_with("text/css"));
        assert_eq!(answer.header("vary"), Some("Accept-Encoding"));
        assert_eq!(answer.text.contains("--brand"), coding.is_none());
    }
    assert_eq!(app.get("/static/app-000000000000.css").await.status, 404);
}

#[tokio::test]
async fn a_page_that_has_not_changed_is_not_sent_again() {
    let app = App::start().await;
    let mut browser = app.browser();
    let first = browser.get("/").await;
    let tag = first.header("etag").unwrap().to_owned();
    assert_eq!(first.header("cache-control"), Some("private, no-cache"));
    let again = browser.send("GET", "/", "", &[("if-none-match", &tag)]).await;
    assert_eq!((again.status, again.size), (304, 0));
    let other = browser.send("GET", "/?lang=sn", "", &[("if-none-match", &tag)]).await;
    assert_eq!(other.status, 200);
    let form = browser.get("/login").await;
    assert_eq!(form.header("cache-control"), Some("no-store"), "a form is one visitor's");
}

#[tokio::test]
async fn a_language_that_was_chosen_stays() {
    let app = App::start().await;
    let mut browser = app.browser().speaking("nd-ZW,nd;q=0.9,en;q=0.5");
    let lang = |page: &HtmlPage| page.all("html")[0].get("lang").unwrap().to_owned();
    assert_eq!(lang(&browser.page("/").await), "nd");
    let page = browser.page("/about").await;
    assert!(page.links().contains(&"/about?lang=sn"), "{:?}", page.links());
    assert_eq!(lang(&browser.page("/about?lang=sn").await), "sn");
    assert_eq!(lang(&browser.page("/").await), "sn");
    browser.page("/about?lang=xx").await;
    assert_eq!(lang(&browser.page("/").await), "sn");
}

#[tokio::test]
async fn the_original_s_switches_still_work() {
    let app = App::start().await;
    for (path, cookie, mode) in [
        ("/set-ui/senior", "", Some("easy")),
        ("/set-ui/normal", "", Some("kid")),
        ("/set-ui/standard", "openbell_ui=senior", Some("standard")),
        ("/set-ui/bogus", "", None),
        ("/toggle-ui", "", Some("easy")),
        ("/toggle-ui", "openbell_ui=senior", Some("kid")),
    ] {
        let answer = app.get_with(path, &[("cookie", cookie)]).await;
        assert_eq!((answer.status, answer.header("location")), (302, Some("/")), "{path}");
        let set = answer.header("set-cookie");
        let kept = mode.map(|mode| format!("openbell_ui=mode={mode}&"));
        assert_eq!(set.is_some(), kept.is_some(), "{path}");
        assert!(set.zip(kept).is_none_or(|(set, kept)| set.starts_with(&kept)), "{path}: {set:?}");
    }
}

#[tokio::test]
async fn errors_are_pages_for_people_and_documents_for_programs() {
    let app = App::start().await;
    let mut browser = app.browser().speaking("sn");
    let answer = browser.get("/nowhere").await;
    assert_eq!(answer.status, 404);
    let number = answer.header("x-request-id").unwrap().to_owned();
    let page = browser.checked("/nowhere", answer);
    assert!(page.text().contains(&number) && page.text().contains("harisi pano"));
    let method = browser.send("DELETE", "/about", "", &[]).await;
    assert_eq!((method.status, method.header("allow").is_some()), (405, true));
    browser.checked("/about", method);
    let large = "a".repeat(20_000);
    assert_eq!(browser.post("/login", &large).await.status, 413);
    let json = browser.send("POST", "/login", "{}", &[("content-type", "application/json")]).await;
    assert_eq!(json.status, 415);
    browser.checked("/login", json);
    let mut player = app.browser_of("Ada").await;
    let answer = player.get("/nowhere").await;
    let page = player.checked("/nowhere", answer);
    assert!(page.links().contains(&"/market") && !page.links().contains(&"/login"));
    for (path, accept) in [("/api/nowhere", "text/html"), ("/nowhere", "application/json")] {
        let answer = app.get_with(path, &[("accept", accept)]).await;
        assert_eq!(answer.status, 404, "{path}");
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{path}");
    }
}

#[tokio::test]
async fn a_fragment_is_the_middle_of_a_page() {
    let app = App::start().await;
    let mut browser = app.browser();
    let whole = browser.get("/about").await;
    let fragment = browser.fragment("/about").await;
    assert!(whole.text.contains("<!doctype html>") && whole.text.contains("<header"));
    assert!(fragment.text.contains("<main id=\"main\"") && fragment.text.contains("<title>"));
    assert!(!fragment.text.contains("<header") && !fragment.text.contains("<html"));
    assert!(fragment.header("vary").unwrap().contains("HX-Request"));
}

#[tokio::test]
async fn the_app_can_be_installed_and_keeps_no_page_of_a_player() {
    let app = App::start().await;
    let manifest = app.get("/manifest.webmanifest").await;
    assert_eq!(manifest.header("content-type"), Some("application/manifest+json"));
    for icon in manifest.json()["icons"].as_array().unwrap() {
        let path = icon["src"].as_str().unwrap();
        assert_eq!(app.get(path).await.status, 200, "{path}");
    }
    let worker = app.get("/sw.js").await;
    assert!(worker.header("content-type").unwrap().starts_with("text/javascript"));
    let list = worker.text.split(['[', ']']).nth(1).unwrap();
    let files: Vec<&str> = list.split(',').map(|file| file.trim_matches('"')).collect();
    assert!(files.contains(&"/offline"));
    for file in files {
        assert!(file == "/offline" || file.starts_with("/static/"), "{file}");
        assert_eq!(app.get(file).await.status, 200, "{file}");
    }
    let mut browser = app.browser_of("Ada").await;
    assert!(browser.page("/about").await.text().contains("Ada"));
    assert!(!browser.page("/offline").await.text().contains("Ada"));
}

#[tokio::test]
async fn pages_are_rate_limited_like_the_api() {
    let app = App::start_with(|config| {
        config.limits.enabled = true;
        config.limits.read = web::Limit { burst: 5, per_s: 60 };
    })
    .await;
    let mut browser = app.browser();
    for _ in 0..5 {
        assert_eq!(browser.get("/about").await.status, 200);
    }
    let answer = browser.get("/about").await;
    assert_eq!((answer.status, answer.header("retry-after").is_some()), (429, true));
    browser.checked("/about", answer);
    browser.cookies.insert("__Host-openbell".to_owned(), unknown_token());
    assert_eq!(browser.get("/about").await.status, 429, "an unknown session has the same limit");
    assert_eq!(app.get("/livez").await.status, 200, "probes are not limited");
}

/// A well-formed token of no session.
fn unknown_token() -> String {
    web::new_token(&testkit::SeededEntropy::new(9)).0
}

#[tokio::test]
async fn rewards_are_shown_once_and_only_on_a_whole_page() {
    let app = App::start().await;
    let mut browser = app.browser_of("Ada").await;
    let login = json!({"email": "ada@pages.example.com", "password": crate::common::PASSWORD});
    let token = app.post("/api/auth/login", &login).await.json()["token"].to_string();
    let order = json!({"stock_symbol": "AAPL", "quantity": 20, "note": "I use it"});
    let bought = app.post_as(token.trim_matches('"'), "/api/portfolio/buy", &order).await;
    assert_eq!(bought.status, 200, "{}", bought.text);
    assert!(!browser.fragment("/about").await.text.contains("First Trade"));
    assert_eq!(browser.get("/").await.status, 303);
    let page = browser.page("/about").await;
    assert!(page.text().contains("Badge earned: First Trade"), "{}", page.text());
    assert!(!browser.page("/about").await.text().contains("First Trade"));
}
