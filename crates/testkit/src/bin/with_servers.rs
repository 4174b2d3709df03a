//! `with-servers COMMAND…` runs a command with a temporary PostgreSQL and Redis, which its test
//! processes find in the environment, and exits with its code. `./test` runs the tests through it.

use std::process::{Command, ExitCode};

use testkit::{POSTGRES_URL_VARIABLE, Postgres, REDIS_URL_VARIABLE, RedisServer};

fn main() -> ExitCode {
    let mut words = std::env::args_os().skip(1);
    let Some(program) = words.next() else {
        panic!("usage: with-servers COMMAND [ARGUMENT…]");
    };
    let (postgres, redis) = (Postgres::start(), RedisServer::start());
    let status = Command::new(&program)
        .args(words)
        .env(POSTGRES_URL_VARIABLE, postgres.url())
        .env(REDIS_URL_VARIABLE, redis.url())
        .status()
        .unwrap_or_else(|error| panic!("running {}: {error}", program.display()));
    // No code means that a signal ended it.
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    ExitCode::from(code.unwrap_or(1))
}
