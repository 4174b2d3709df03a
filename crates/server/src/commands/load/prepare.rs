//! `openbell load prepare`: creates players in the database, and writes their tokens to the file
//! that the load generator reads.

use std::fs::{File, OpenOptions};
use std::io;
use std::io::{BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, value_parser};
use domain::{Clock as _, UnixMicros, VersionedRules};
use store::{NewPlayer, NewPlayerDefaults, Store, UNRANKED_PLAYERS_MAX};

use crate::boot::config::{
    self, Config, DatabaseArgs, Flags, load_rules_of_game, without_password,
};
use crate::boot::data_dir::{DataDirError, with_suffix};
use crate::boot::database::{database_error, lock_database};
use crate::boot::game_rules::open_rules;
use crate::boot::start;
use crate::clock::{SystemClock, SystemEntropy, check_entropy};
use crate::error::CommandError;
use crate::term;

/// Players of one transaction.
const CHUNK: u64 = 1_000;
/// Chunks between two checkpoints of SQLite's write-ahead log.
const CHECKPOINT_EVERY: u64 = 10;
const TOKEN_NAME: &str = "load";
const TOKEN_LIFE_S: i64 = 365 * 86_400;

#[derive(Clone, Debug, Args)]
pub(crate) struct LoadPrepareArgs {
    /// How many players to create.
    #[arg(long, value_name = "COUNT", value_parser = value_parser!(u64).range(1..=10_000_000))]
    players: u64,
    #[command(flatten)]
    database: DatabaseArgs,
    /// Keep the players off the leaderboards for good: for a server where people play.
    #[arg(long)]
    unranked: bool,
    /// The file for the tokens, one player a line: TOKEN EMAIL PASSWORD.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

pub(super) async fn run(args: LoadPrepareArgs) -> Result<ExitCode, CommandError> {
    let config = config::load(&Flags::from(args.database.clone()))?.config;
    let LoadPrepareArgs { players, unranked, out, database: _ } = args;
    check_entropy().map_err(|error| CommandError::Process("no randomness", error.into()))?;
    let configured = load_rules_of_game(&config.game.rules)?;
    let _lock = lock_database(&config)?;
    let (store, game) = start::open_game(&config).await?;
    let rules = open_rules(&config, &store, &game, &configured).await?;
    let failed = database_error(&config.database);
    if unranked {
        check_unranked(store.unranked_players().await.map_err(&failed)?.len(), players)?;
    }
    let mut tokens = TokensFile::create(&out)?;
    register(&store, &rules.current(), &config, (players, !unranked), &mut tokens).await?;
    store.analyze().await.map_err(&failed)?;
    store.checkpoint().await.map_err(failed)?;
    store.close().await;
    tokens.finish()?;
    let (url, out) = (without_password(&config.database.url), out.display());
    term::print(&format!("{players} players are in {url}, their tokens in {out}\n"));
    Ok(ExitCode::SUCCESS)
}

/// Checks that the nodes can have so many more unranked players in memory.
fn check_unranked(present: usize, more: u64) -> Result<(), CommandError> {
    let most = UNRANKED_PLAYERS_MAX.unsigned_abs();
    if more <= most.saturating_sub(present as u64) {
        return Ok(());
    }
    Err(CommandError::TooManyUnranked { most, present })
}

async fn register(
    store: &Store,
    rules: &VersionedRules,
    config: &Config,
    (players, is_ranked): (u64, bool),
    tokens: &mut TokensFile,
) -> Result<(), CommandError> {
    let failed = database_error(&config.database);
    // A token is as hard to guess as a password can be.
    let (password, _) = web::new_token(&SystemEntropy);
    let hash = web::Hasher::new(&config.auth, None).hash(&password, &SystemEntropy).await;
    let hash =
        hash.map_err(|error| CommandError::Process("no password", io::Error::other(error)))?;
    let tag = unique_tag(SystemClock.now());
    let bar = term::progress_bar("preparing {wide_bar} {pos}/{len} players", players);
    let mut first = 1;
    while first <= players {
        let last = players.min(first + CHUNK - 1);
        let mut chunk = Vec::new();
        for number in first..=last {
            let (token, token_hash) = web::new_token(&SystemEntropy);
            let email = format!("load-{tag}-{number}@example.org");
            tokens.write(&format!("{token} {email} {password}\n"))?;
            chunk.push(NewPlayer { name: format!("Load {number}"), email, token_hash });
        }
        let now = SystemClock.now();
        let common = NewPlayerDefaults {
            password_hash: &hash,
            token_name: TOKEN_NAME,
            token_expires_at: now.plus_seconds(TOKEN_LIFE_S),
            is_ranked,
        };
        store.register_many(&chunk, &common, rules, now).await.map_err(&failed)?;
        if last.is_multiple_of(CHUNK * CHECKPOINT_EVERY) {
            store.checkpoint().await.map_err(&failed)?;
        }
        bar.set_position(last);
        first = last + 1;
    }
    bar.finish_and_clear();
    Ok(())
}

/// Letters, digits and hyphens that are unique to this run.
pub(super) fn unique_tag(now: UnixMicros) -> String {
    format!("{:x}-{:x}", now.0, std::process::id())
}

/// A file of tokens that gets its name when it is complete; dropped before, it is removed.
struct TokensFile {
    writer: BufWriter<File>,
    path: PathBuf,
    partial: PathBuf,
}

impl TokensFile {
    fn create(path: &Path) -> Result<Self, DataDirError> {
        let partial = with_suffix(path, ".partial");
        // A file that a killed run left would keep its own mode.
        if let Err(error) = std::fs::remove_file(&partial)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(DataDirError::Write(partial, error));
        }
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&partial);
        let file = file.map_err(|error| DataDirError::Write(path.to_owned(), error))?;
        Ok(Self { writer: BufWriter::new(file), path: path.to_owned(), partial })
    }

    fn write(&mut self, line: &str) -> Result<(), DataDirError> {
        let written = self.writer.write_all(line.as_bytes());
        written.map_err(|error| DataDirError::Write(self.path.clone(), error))
    }

    fn finish(mut self) -> Result<(), DataDirError> {
        let synced = self.writer.flush().and_then(|()| self.writer.get_ref().sync_all());
        let renamed = synced.and_then(|()| std::fs::rename(&self.partial, &self.path));
        renamed.map_err(|error| DataDirError::Write(self.path.clone(), error))
    }
}

impl Drop for TokensFile {
    fn drop(&mut self) {
        // After `finish` no file has this name.
        let _ = std::fs::remove_file(&self.partial);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_unranked_players_than_nodes_keep_in_memory_are_refused() {
        check_unranked(0, 100_000).expect("as many as permitted");
        check_unranked(99_999, 1).expect("one more");
        let error = check_unranked(99_999, 2).expect_err("too many").to_string();
        assert!(error.contains("100000 unranked players at most"), "{error}");
        check_unranked(100_001, 1).expect_err("too many already");
    }
}
