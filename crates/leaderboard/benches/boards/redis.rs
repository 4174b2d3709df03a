//! The part of Redis's protocol that the bench needs: requests of words, replies of numbers, words
//! and flat lists, over one connection to a temporary server.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;

use testkit::RedisServer;

use crate::BenchError;

/// The sorted set.
const BOARD: &str = "board";
/// Members sent in one command, and commands sent before their replies are read.
const MEMBERS: usize = 500;
const COMMANDS: usize = 64;

/// A server and a connection to it.
pub(crate) struct BenchRedis {
    input: BufReader<TcpStream>,
    output: TcpStream,
    _server: RedisServer,
}

impl BenchRedis {
    pub(crate) fn open() -> Result<Self, BenchError> {
        let server = RedisServer::start();
        let url = server.url();
        let address = url.trim_start_matches("redis://").trim_end_matches('/');
        let output = TcpStream::connect(address)?;
        output.set_nodelay(true)?;
        Ok(Self { input: BufReader::new(output.try_clone()?), output, _server: server })
    }

    /// Puts all players into the set.
    pub(crate) fn load(&mut self, players: &[(i64, i64)]) -> Result<(), BenchError> {
        for some in players.chunks(MEMBERS * COMMANDS) {
            let mut sent = Vec::new();
            for members in some.chunks(MEMBERS) {
                let mut words = vec!["ZADD".to_owned(), BOARD.to_owned()];
                words.extend(members.iter().flat_map(|(id, xp)| [xp.to_string(), id.to_string()]));
                write_words(&mut sent, &words);
            }
            self.output.write_all(&sent)?;
            for _ in some.chunks(MEMBERS) {
                self.read()?;
            }
        }
        Ok(())
    }

    /// Members and scores of a page.
    pub(crate) fn page(&mut self, offset: u64, limit: u64) -> Result<Vec<String>, BenchError> {
        let (first, last) = (offset.to_string(), (offset + limit - 1).to_string());
        self.send(&["ZREVRANGE", BOARD, &first, &last, "WITHSCORES"])
    }

    /// The place from 0.
    pub(crate) fn rank(&mut self, player_id: i64) -> Result<u64, BenchError> {
        let reply = self.send(&["ZREVRANK", BOARD, &player_id.to_string()])?;
        Ok(reply.first().ok_or("no rank")?.parse()?)
    }

    pub(crate) fn update(&mut self, player_id: i64, xp: i64) -> Result<(), BenchError> {
        self.send(&["ZADD", BOARD, &xp.to_string(), &player_id.to_string()])?;
        Ok(())
    }

    /// Bytes that the server has taken for what it holds.
    pub(crate) fn memory(&mut self) -> Result<u64, BenchError> {
        let reply = self.send(&["INFO", "memory"])?.concat();
        let line = reply.lines().find_map(|line| line.strip_prefix("used_memory:"));
        Ok(line.ok_or("no used_memory")?.trim().parse()?)
    }

    fn send(&mut self, words: &[&str]) -> Result<Vec<String>, BenchError> {
        let mut sent = Vec::new();
        write_words(&mut sent, words);
        self.output.write_all(&sent)?;
        self.read()
    }

    fn read(&mut self) -> Result<Vec<String>, BenchError> {
        let mut found = Vec::new();
        let mut missing = 1;
        while missing > 0 {
            missing -= 1;
            let mut line = String::new();
            self.input.read_line(&mut line)?;
            let line = line.trim_end();
            match line.split_at_checked(1) {
                Some(("*", count)) => missing += count.parse::<usize>()?,
                Some(("$", length)) => {
                    let mut word = vec![0; length.parse::<usize>()? + 2];
                    self.input.read_exact(&mut word)?;
                    word.truncate(word.len() - 2);
                    found.push(String::from_utf8(word)?);
                }
                Some((":" | "+", word)) => found.push(word.to_owned()),
                _ => return Err(format!("unexpected reply of Redis: {line}").into()),
            }
        }
        Ok(found)
    }
}

fn write_words(out: &mut Vec<u8>, words: &[impl AsRef<str>]) {
    out.extend(format!("*{}\r\n", words.len()).into_bytes());
    for word in words {
        let word = word.as_ref();
        out.extend(format!("${}\r\n{word}\r\n", word.len()).into_bytes());
    }
}
