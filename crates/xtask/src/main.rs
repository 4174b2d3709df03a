//! `cargo xtask TASK`: the workspace's own chores. It is no part of the product and depends on
//! none of its crates, so that it runs while they do not compile.

mod assets;
mod cargo_test;
mod rules;
mod source;
mod tidy;

use std::process::ExitCode;

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        Some("tidy") => tidy::run(),
        Some("assets") => tidy::root().map_or_else(fail, |root| assets::run(&root)),
        Some(name @ ("sim" | "economy")) => cargo_test::run(name, std::env::args().skip(2)),
        _ => {
            tidy::say("usage: cargo xtask tidy");
            tidy::say("       cargo xtask assets");
            tidy::say(cargo_test::USAGE);
            ExitCode::from(2)
        }
    }
}

/// Says why the repository was not found.
#[expect(clippy::needless_pass_by_value, reason = "what `map_or_else` hands over")]
fn fail(error: String) -> ExitCode {
    tidy::say(&format!("looking for the root with git failed: {error}"));
    ExitCode::FAILURE
}
