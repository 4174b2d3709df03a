//! `cargo xtask TASK`: the workspace's own chores. It is no part of the product and depends on
//! none of its crates, so that it runs while they do not compile.

mod rules;
mod sim;
mod source;
mod tidy;

use std::process::ExitCode;

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        Some("tidy") => tidy::run(),
        Some("sim") => sim::run(std::env::args().skip(2)),
        _ => {
            tidy::say("usage: cargo xtask tidy");
            tidy::say(sim::USAGE);
            ExitCode::from(2)
        }
    }
}
