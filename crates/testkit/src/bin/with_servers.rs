//! `with-servers COMMAND…` runs a command with a temporary PostgreSQL and Redis, which its test
//! processes find in the environment, and exits with its code. `./test` runs the tests through it.

use std::process::{Command, exit};

use testkit::{POSTGRES_URL_VARIABLE, Postgres, REDIS_URL_VARIABLE, RedisServer};

fn main() {
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
    // Without dropping the servers: their watchers stop them and remove the databases, which takes
    // more than a minute after a whole run. No code means that a signal ended the command.
    exit(status.code().unwrap_or(1))
}
