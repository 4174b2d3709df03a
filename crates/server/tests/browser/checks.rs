//! What every page must satisfy for every visitor: axe finds nothing, the console has no error,
//! nothing scrolls sideways, there is one first heading, and nothing moved while it loaded.

use serde::Deserialize;

use crate::axe;
use crate::browser::{self, Scheme};
use crate::player::Player;

/// The widths at which pages are checked: the smallest supported one, a phone, a desk.
pub(crate) const WIDTHS: [u32; 3] = [320, 360, 1280];

/// The complaint about movement, and how often a page with it is opened. A resized browser may
/// paint the next page in the old size first; a page that moves by itself does so each time.
const MOVED: &str = "it moved while loading";
const ATTEMPTS: usize = 3;

/// Movement before this does not count: a busy machine paints a page in parts. `every_page` checks
/// the load.
const SETTLE: &str = r#"
const [done] = arguments;
requestAnimationFrame(() => requestAnimationFrame(() => {
  window.settledAt = performance.now();
  done();
}));
"#;

/// After two frames the browser has reported all movement.
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

/// How thoroughly a page is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Care {
    /// At every width, with axe. Light and dark alternate from width to width; the number selects
    /// the first, so that two consecutive numbers cover every pair of width and scheme.
    Whole(usize),
    /// On a phone, in light, without axe.
    Glance,
}

impl Care {
    fn widths(self) -> &'static [u32] {
        match self {
            Self::Glance if !is_full_matrix() => &WIDTHS[1..2],
            _ => &WIDTHS,
        }
    }

    /// The schemes in which axe checks the page at the width at `index`.
    fn schemes(self, index: usize) -> &'static [Scheme] {
        match self {
            _ if is_full_matrix() => &Scheme::ALL,
            Self::Whole(number) => {
                let first = (number + index) % Scheme::ALL.len();
                &Scheme::ALL[first..=first]
            }
            Self::Glance => &[],
        }
    }
}

/// Whether every combination is checked (`./test long`), and not only every pair.
fn is_full_matrix() -> bool {
    testkit::seconds(0) > 0
}

/// Checks a page and returns the complaints. `arrive` opens it again each time; console errors that
/// contain `allowed_error` are ignored.
pub(crate) async fn look_everywhere(
    player: &Player,
    care: Care,
    arrive: impl AsyncFn(&Player),
    allowed_error: Option<&str>,
) -> Vec<String> {
    let mut complaints = Vec::new();
    for (index, width) in care.widths().iter().copied().enumerate() {
        player.resize(width).await;
        let mut found = Vec::new();
        for _ in 0..ATTEMPTS {
            arrive(player).await;
            found = measure(player).await;
            if !found.iter().any(|text| text.starts_with(MOVED)) {
                break;
            }
        }
        let console = browser::console_errors(&player.client).await;
        let is_unexpected = |text: &String| !allowed_error.is_some_and(|part| text.contains(part));
        found.extend(console.into_iter().filter(is_unexpected));
        for scheme in care.schemes(index).iter().copied() {
            player.prefer(scheme).await;
            let violations = axe::violations(player).await;
            found.extend(violations.into_iter().map(|text| format!("{}: {text}", scheme.name())));
        }
        complaints.extend(found.into_iter().map(|text| format!("at {width} px: {text}")));
    }
    complaints
}

/// Counts only movement from now on, until another page is opened.
pub(crate) async fn settle(player: &Player) {
    player.client.execute_async(SETTLE, Vec::new()).await.expect("two frames");
}

/// The complaints about the page as it is now.
pub(crate) async fn look(player: &Player) -> Vec<String> {
    let mut complaints = measure(player).await;
    complaints.extend(browser::console_errors(&player.client).await);
    complaints.extend(axe::violations(player).await);
    complaints
}

/// Fails with all complaints, if there are any.
pub(crate) fn assert_none(complaints: &[String]) {
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
}

/// The complaints about the layout, and about movement since the page was opened.
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
