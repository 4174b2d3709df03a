//! What holds for every page: axe finds no violation, the console has no error, nothing scrolls
//! sideways, there is one `h1`, and nothing moved while it loaded.

use serde::Deserialize;

use crate::axe;
use crate::browser;
use crate::player::Player;

/// How the report of a layout shift begins, and how often a page is loaded that has one. A browser
/// that was resized may still paint the next page in the old size first and shift it then; what a
/// page does by itself it does each time.
const MOVED: &str = "it moved while loading";
const LOADS_MAX: usize = 3;

/// Shifts during the load do not count after this: a busy machine paints a page in parts. The load
/// is checked by `every_page`.
const SETTLE: &str = r#"
const [done] = arguments;
requestAnimationFrame(() => requestAnimationFrame(() => {
  window.settledAt = performance.now();
  done();
}));
"#;

/// Two frames later the browser has reported all layout shifts.
const MEASURE: &str = r#"
const [done] = arguments;
const since = window.settledAt ?? 0;
const moved = [];
const at = ({ x, y, width, height }) => [x, y, width, height].map(Math.round).join(" ");
const counts = ({ hadRecentInput, startTime }) => !hadRecentInput && startTime >= since;
const note = (entries) => entries.filter(counts).forEach((entry) =>
  moved.push(...entry.sources.map(({ node, previousRect: was, currentRect: is }) =>
    `${(node?.outerHTML ?? node?.textContent ?? "a removed node").slice(0, 120)} from \
${at(was)} to ${at(is)}`)));
const observer = new PerformanceObserver((list) => note(list.getEntries()));
observer.observe({ type: "layout-shift", buffered: true });
requestAnimationFrame(() => requestAnimationFrame(() => {
  note(observer.takeRecords());
  observer.disconnect();
  const root = document.documentElement;
  const wide = [...document.body.querySelectorAll("*")].filter((element) =>
    element.getBoundingClientRect().right > root.clientWidth + 1);
  done({
    first_headings: document.querySelectorAll("h1").length,
    width: root.clientWidth,
    content_width: root.scrollWidth,
    widest: wide.map((element) => element.outerHTML.slice(0, 120)).slice(0, 3),
    moved,
  });
}));
"#;

#[derive(Deserialize)]
struct Measured {
    first_headings: usize,
    width: u32,
    content_width: u32,
    widest: Vec<String>,
    moved: Vec<String>,
}

/// Loads a page and returns what is wrong with it. `open` loads it anew each time; an error of the
/// console that contains `expected_error` does not count.
pub(crate) async fn check_load(
    player: &Player,
    open: impl AsyncFn(&Player),
    expected_error: Option<&str>,
) -> Vec<String> {
    let mut complaints = Vec::new();
    for _ in 0..LOADS_MAX {
        open(player).await;
        complaints = measure(player).await;
        if !complaints.iter().any(|text| text.starts_with(MOVED)) {
            break;
        }
    }
    let console = browser::console_errors(&player.client).await;
    let is_unexpected = |text: &String| !expected_error.is_some_and(|part| text.contains(part));
    complaints.extend(console.into_iter().filter(is_unexpected));
    complaints.extend(axe::violations(player).await);
    complaints
}

/// Counts only what moves from now on, until another page is opened.
pub(crate) async fn settle(player: &Player) {
    player.client.execute_async(SETTLE, Vec::new()).await.expect("two frames");
}

/// Returns what is wrong with the page as it is now.
pub(crate) async fn check_page(player: &Player) -> Vec<String> {
    let mut complaints = measure(player).await;
    complaints.extend(browser::console_errors(&player.client).await);
    complaints.extend(axe::violations(player).await);
    complaints
}

/// Fails with all complaints when there is one.
pub(crate) fn assert_none(complaints: &[String]) {
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
}

/// Returns what is wrong with the layout, and what moved since the page was opened.
pub(crate) async fn measure(player: &Player) -> Vec<String> {
    let measured = player.client.execute_async(MEASURE, Vec::new()).await.expect("it is measured");
    let measured: Measured = serde_json::from_value(measured).expect("the result of the script");
    let mut complaints = Vec::new();
    if measured.first_headings != 1 {
        complaints.push(format!("{} first headings", measured.first_headings));
    }
    if measured.content_width > measured.width {
        let (content, widest) = (measured.content_width, measured.widest.join("\n    "));
        complaints.push(format!("it is {content} px wide and scrolls sideways:\n    {widest}"));
    }
    complaints.extend(measured.moved.iter().map(|what| format!("{MOVED}: {what}")));
    complaints
}
