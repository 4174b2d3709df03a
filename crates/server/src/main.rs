//! The binary `openbell`: reads the command line and the configuration, wires the crates together
//! and runs them. It holds no rule of the game, no SQL and no route.

mod boot;
mod cli;
mod clock;
mod commands;
mod error;
mod jobs;
mod term;

use std::process::ExitCode;

use clap::Parser as _;

use crate::boot::config::Flags;
use crate::boot::{config, serve};
use crate::cli::{Cli, Command, LoadCommand, UserCommand};
use crate::commands::load::prepare;
use crate::commands::user as people;
use crate::commands::user::erase as erasures;
use crate::commands::{audit, backup, load, stocks};
use crate::error::Failure;

/// The system's allocator keeps most of what password hashes and bursts of requests once needed.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match run(Cli::parse().into_command()) {
        Ok(code) => code,
        Err(failure) => {
            term::complain(&term::error_chain(&failure));
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<ExitCode, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::Process("no threads", error))?;
    match command {
        Command::Serve(args) => {
            let settings = config::load(&Flags::from(args))?;
            runtime.block_on(serve::run(settings.config))?;
        }
        Command::Migrate(args) => {
            let settings = config::load(&Flags::from(args))?;
            runtime.block_on(commands::migrate(&settings.config))?;
        }
        Command::CheckConfig(args) => {
            let settings = config::load(&Flags::from(args))?;
            let rules = config::load_rules(&settings.config.game.rules)?;
            for warning in config::rule_warnings(&rules) {
                term::complain(&format!("warning: {warning}"));
            }
            term::say(&settings.to_toml());
        }
        Command::Audit(command) => return runtime.block_on(audit::run(command)),
        Command::User(UserCommand::Role(args)) => {
            let settings = config::load(&Flags::from(args.database))?;
            let role = commands::set_role(&settings.config, &args.email, args.role.into());
            return runtime.block_on(role);
        }
        Command::User(UserCommand::List(args)) => return runtime.block_on(people::list(args)),
        Command::User(UserCommand::Show(args)) => return runtime.block_on(people::show(args)),
        Command::User(UserCommand::Rename(args)) => return runtime.block_on(people::rename(args)),
        Command::User(UserCommand::Password(args)) => {
            return runtime.block_on(people::password(args));
        }
        Command::User(UserCommand::Erase(args)) => return runtime.block_on(erasures::erase(args)),
        Command::User(UserCommand::EraseAgain(args)) => {
            return runtime.block_on(erasures::erase_again(args));
        }
        Command::Backup(args) => return runtime.block_on(backup::backup(args)),
        Command::Restore(args) => return runtime.block_on(backup::restore(args)),
        Command::Stocks(command) => return runtime.block_on(stocks::run(command)),
        Command::Load(LoadCommand::Prepare(args)) => {
            let settings = config::load(&Flags::from(args.database))?;
            runtime.block_on(prepare::run(&settings.config, args.players, &args.out))?;
        }
        Command::Load(command) => return Ok(runtime.block_on(load::run(command))),
    }
    Ok(ExitCode::SUCCESS)
}
