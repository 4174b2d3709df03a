//! Leaderboards on one and on two nodes, while players trade and Redis is flushed, paused and
//! killed: after any sequence, pages and ranks equal a sort of the players' summaries, and each
//! node shows and publishes what happens on the other.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};
use testkit::{RedisServer, SeededEntropy, postgres_database, seconds};
use tokio::time::Instant;

use crate::server::Server;

const PLAYERS: usize = 13;
/// Rows a page: few, so that there are several.
const ROWS: usize = 5;
/// Far longer than a board may lag, on a busy machine, too.
const DEADLINE: Duration = Duration::from_secs(30);
const STOCKS: [&str; 4] = ["AAPL", "KO", "MSFT", "XOM"];

/// A row of a leaderboard, without the rank.
#[derive(Clone, Debug, PartialEq, Eq)]
struct BoardRow {
    name: String,
    level: i64,
    xp: i64,
}

/// A game with a fee, so that each trade lowers a player's value.
struct Fixture {
    nodes: Vec<Server>,
    redis: RedisServer,
    random: SeededEntropy,
    /// Tokens in the order of registration.
    players: Vec<String>,
    _directory: tempfile::TempDir,
}

impl Fixture {
    fn start(nodes: usize, seed: u64) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let rules = include_str!("../../../../config/game.toml")
            .replace("rate_bps = 0", "rate_bps = 150")
            .replace("trades_per_day_max = 3", "trades_per_day_max = 1000");
        let file = directory.path().join("rules.toml");
        std::fs::write(&file, rules).expect("writes");
        let redis = RedisServer::start();
        let database = match nodes {
            1 => format!("sqlite:{}", directory.path().join("one.db").display()),
            _ => postgres_database(),
        };
        let flags = ["--database", &database, "--redis", &redis.url()].map(str::to_owned);
        let start = |_| {
            let flags = flags.each_ref().map(String::as_str);
            Server::start_at("127.0.0.1:0", &flags, |command| {
                command
                    .env("OPENBELL__MARKET__SOURCE", "fixed")
                    .env("OPENBELL__GAME__RULES", &file);
            })
        };
        let nodes = (0..nodes).map(start).collect();
        let random = SeededEntropy::new(seed);
        Self { nodes, redis, random, players: Vec::new(), _directory: directory }
    }

    fn below(&self, bound: usize) -> usize {
        let bound = u64::try_from(bound).expect("small");
        usize::try_from(self.random.next_u64() % bound).expect("small")
    }

    fn node(&self) -> &Server {
        &self.nodes[self.below(self.nodes.len())]
    }

    fn join(&mut self) {
        let token = self.node().register(&format!("P{}", self.players.len()));
        self.players.push(token);
    }

    /// An action of a player, or a failure of Redis.
    fn step(&mut self) {
        match self.below(20) {
            0 if self.players.len() < PLAYERS => self.join(),
            1 => self.redis.flush(),
            2 => self.redis.pause(Duration::from_millis(300)),
            3 => {
                self.redis.kill();
                self.trade();
                self.redis.restart();
            }
            _ => self.trade(),
        }
    }

    fn trade(&self) {
        let token = &self.players[self.below(self.players.len())];
        let side = ["buy", "buy", "sell"][self.below(3)];
        let order = json!({"stock_symbol": STOCKS[self.below(4)], "quantity": self.below(9) + 1});
        let path = format!("/api/portfolio/{side}");
        let (status, answer) = self.node().ask("POST", &path, token, Some(&order));
        // The player may not have the shares.
        assert!(status == 200 || answer["code"] == "insufficient_quantity", "{answer}");
    }

    /// The players' summaries, sorted by experience and by value.
    fn sorted(&self) -> [Vec<BoardRow>; 2] {
        let mut players = Vec::new();
        for (number, token) in self.players.iter().enumerate() {
            let (_, answer) = self.node().ask("GET", "/api/portfolio/summary", token, None);
            let of = &answer["data"];
            let row = BoardRow {
                name: of["name"].as_str().expect("a name").to_owned(),
                level: of["level"].as_i64().expect("a level"),
                xp: of["experience_points"].as_i64().expect("experience"),
            };
            let cents = |field: &str| {
                let text = of[field].as_str().expect("an amount").replace('.', "");
                text.parse::<i64>().expect("an amount")
            };
            players.push((number, row, cents("balance") + cents("total_value")));
        }
        let rows =
            |players: &[(usize, BoardRow, i64)]| players.iter().map(|p| p.1.clone()).collect();
        players.sort_by_key(|(number, row, _)| (-row.level, -row.xp, *number));
        let by_xp = rows(&players);
        players.sort_by_key(|(number, _, value)| (-*value, *number));
        [by_xp, rows(&players)]
    }

    /// All pages of a board on a node, and the rank of each player.
    fn board(&self, node: &Server, board: &str) -> (Vec<BoardRow>, Vec<i64>) {
        let (mut rows, mut has_gap) = (Vec::new(), false);
        let path = |rest: &str| format!("/api/leaderboard?board={board}&{rest}");
        let read = |page: usize| {
            let path = path(&format!("per_page={ROWS}&page={page}"));
            node.ask("GET", &path, &self.players[0], None).1
        };
        for page in 1..=self.players.len().div_ceil(ROWS) {
            for row in read(page)["data"].as_array().expect("rows") {
                // Until a node has received the erasure of a player, the row is left out.
                has_gap |= row["rank"] != json!(rows.len() + 1);
                rows.push(BoardRow {
                    name: row["name"].as_str().expect("a name").to_owned(),
                    level: row["level"].as_i64().expect("a level"),
                    xp: row["experience_points"].as_i64().expect("experience"),
                });
            }
        }
        let rank = |token: &String| {
            let answer = node.ask("GET", &path("around=me"), token, None).1;
            // A player who registered on another node is on the board a moment later.
            answer["me"]["rank"].as_i64().unwrap_or(0)
        };
        if has_gap {
            rows.clear();
        }
        (rows, self.players.iter().map(rank).collect())
    }

    /// Waits until every page and every rank on every node equals the sort.
    fn check(&self) {
        let sorted = self.sorted();
        for (board, expected) in ["xp", "return"].into_iter().zip(sorted) {
            let rank = |number: usize| {
                let name = format!("P{number}");
                let position = expected.iter().position(|row| row.name == name);
                i64::try_from(position.expect("a row") + 1).expect("few")
            };
            let ranks: Vec<i64> = (0..self.players.len()).map(rank).collect();
            for (number, node) in self.nodes.iter().enumerate() {
                let began = Instant::now();
                loop {
                    let found = self.board(node, board);
                    if found == (expected.clone(), ranks.clone()) {
                        break;
                    }
                    let late = began.elapsed() > DEADLINE;
                    assert!(!late, "{board} of node {number}: {found:#?}\nnot {expected:#?}");
                }
            }
        }
    }
}

fn play(nodes: usize, seed: u64) {
    let mut game = Fixture::start(nodes, seed);
    for _ in 0..PLAYERS / 2 {
        game.join();
    }
    let (began, duration) = (Instant::now(), Duration::from_secs(seconds(6)));
    let mut rounds = 0;
    while rounds < 3 || began.elapsed() < duration {
        (0..12).for_each(|_| game.step());
        game.check();
        rounds += 1;
    }
    let repairs = |kind: &str| {
        let metric = format!("openbell_board_repairs_total{{kind=\"{kind}\"");
        game.nodes.iter().map(|node| node.metric(&metric)).sum::<u64>()
    };
    assert_eq!((repairs("lowered"), repairs("removed")), (0, 0));
    game.nodes.into_iter().for_each(Server::stop);
}

#[test]
fn on_one_node_pages_and_ranks_equal_a_sort_while_redis_fails() {
    play(1, 11);
}

#[test]
fn on_two_nodes_pages_and_ranks_equal_a_sort_while_redis_fails() {
    play(2, 12);
}

/// Reads a stream until an event of this name, and returns its data.
fn next_event(events: &mut BufReader<TcpStream>, name: &str) -> Value {
    let (mut line, mut matches) = (String::new(), false);
    loop {
        line.clear();
        let length = events.read_line(&mut line).expect("an open stream");
        assert!(length > 0, "the stream has ended");
        if let Some(event) = line.trim_end().strip_prefix("event: ") {
            matches = event == name;
        }
        if let Some(data) = line.trim_end().strip_prefix("data: ")
            && matches
        {
            return serde_json::from_str(data).expect("JSON");
        }
    }
}

fn open_stream(node: &Server, token: &str) -> BufReader<TcpStream> {
    let mut stream = TcpStream::connect(&node.address).expect("connects");
    stream.set_read_timeout(Some(DEADLINE)).expect("a time-out");
    let head = format!(
        "GET /api/events HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\n\r\n",
        node.address
    );
    stream.write_all(head.as_bytes()).expect("sends");
    BufReader::new(stream)
}

#[test]
fn each_node_publishes_and_shows_what_happens_on_the_other_with_and_without_redis() {
    let mut game = Fixture::start(2, 13);
    (0..2).for_each(|_| game.join());
    game.check();
    let (here, there) = (&game.nodes[0], &game.nodes[1]);
    let (ada, bob) = (&game.players[0], &game.players[1]);
    let mut events = open_stream(there, ada);
    next_event(&mut events, "prices");
    let buy = |quantity: u32| {
        let order = json!({"stock_symbol": "AAPL", "quantity": quantity});
        let (status, answer) = here.ask("POST", "/api/portfolio/buy", ada, Some(&order));
        assert_eq!(status, 200, "{answer}");
    };
    // After an erasure the player leaves the boards of the other node as well.
    let names = |node: &Server| {
        let (_, board) = node.ask("GET", "/api/leaderboard", bob, None);
        board["data"].as_array().expect("rows").iter().map(|row| row["name"].clone()).collect()
    };
    let shown_there = |expected: &[&str]| {
        let began = Instant::now();
        loop {
            let found: Vec<Value> = names(there);
            if found == expected {
                return;
            }
            assert!(began.elapsed() < DEADLINE, "{found:?}, not {expected:?}");
        }
    };
    buy(1);
    assert_eq!(next_event(&mut events, "fill")["quantity"], 1, "through Redis");
    shown_there(&["P0", "P1"]);
    game.redis.kill();
    buy(2);
    assert_eq!(next_event(&mut events, "fill")["quantity"], 2, "through the database");
    let password = json!({"password": "correct horse battery"});
    let (status, answer) = here.ask("DELETE", "/api/auth/user", ada, Some(&password));
    assert_eq!(status, 200, "{answer}");
    shown_there(&["P1"]);
    for board in ["", "?board=return"] {
        let (_, board) = there.ask("GET", &format!("/api/leaderboard{board}"), bob, None);
        assert_eq!((&board["me"]["rank"], &board["meta"]["total"]), (&json!(1), &json!(1)));
    }
}
