//! axe-core, which finds barriers for people with disabilities. The published file
//! (`axe/README.md`) is run in the page through WebDriver, to which the page's content security
//! policy does not apply.

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::player::Player;

const AXE: &str = include_str!("axe/axe.min.js");
const ABOUT: &str = include_str!("axe/README.md");

/// WCAG 2.2 at level AA, and the best practices of axe.
const RUN: &str = r#"
const done = arguments[arguments.length - 1];
const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
const described = (node) => `${node.target.join(" ")}\n    ${node.html}\n    ${node.failureSummary}`;
axe.run(document, { runOnly: { type: "tag", values: tags }, resultTypes: ["violations"] })
  .then(({ violations }) => violations.flatMap(({ id, help, nodes }) =>
    nodes.map((node) => `axe ${id} (${help}): ${described(node)}`)))
  .then(done, (error) => done([`axe itself failed: ${error}`]));
"#;

/// The violations that axe finds on the page as it is now, one text for each element.
pub(crate) async fn violations(player: &Player) -> Vec<String> {
    let present = player.execute("return typeof axe === 'object'", Vec::new()).await;
    if present != Value::Bool(true) {
        player.execute(AXE, Vec::new()).await;
    }
    let ran = player.client.execute_async(RUN, Vec::new()).await.expect("axe runs");
    serde_json::from_value(ran).expect("a list of texts")
}

#[test]
fn axe_is_as_it_was_published() {
    for (name, bytes) in
        [("axe.min.js", AXE.as_bytes()), ("LICENSE", include_bytes!("axe/LICENSE").as_slice())]
    {
        let digest: String =
            Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(ABOUT.contains(&format!("| `{name}` | `{digest}` |")), "{name}: {digest}");
    }
}
