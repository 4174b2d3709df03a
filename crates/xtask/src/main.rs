//! `cargo xtask TASK`: the checks and generators of the workspace. It depends on no other crate of
//! the workspace, so that it runs while they do not compile.

mod assets;
mod cargo_test;
mod rules;
mod source;
mod syntax;
mod tidy;
mod violation;

use std::process::ExitCode;

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        Some("tidy") => tidy::run(),
        Some("sizes") => tidy::run_sizes(),
        Some("assets") => match tidy::root() {
            Ok(root) => assets::run(&root),
            Err(error) => tidy::fail(&error),
        },
        Some(name @ ("sim" | "economy")) => cargo_test::run(name, std::env::args().skip(2)),
        _ => {
            tidy::print("usage: cargo xtask tidy");
            tidy::print("       cargo xtask sizes");
            tidy::print("       cargo xtask assets");
            tidy::print(cargo_test::USAGE);
            ExitCode::from(2)
        }
    }
}
