//! Players who trade over HTTP, all at once so that their orders share commits, each order under a
//! key. Every response is recorded; `promises` verifies them.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use serde_json::{Value, json};
use testkit::FaultyDisk;

use crate::server::Server;

/// A server on a faulty disk, with a small market so that its files are small.
pub(crate) fn start_on(disk: &FaultyDisk, data: &Path) -> Server {
    Server::start_at("127.0.0.1:0", &["--data-dir", &data.display().to_string()], |command| {
        disk.put_below(command);
        // What a disk reserve allocates is not recorded.
        command.env("OPENBELL__DATABASE__DISK_RESERVE", "0");
        play_small_market(command);
    })
}

/// A few stocks with a short history.
pub(crate) fn play_small_market(command: &mut Command) {
    command.env("OPENBELL__MARKET__SOURCE", "simulated");
    command.env("OPENBELL__MARKET__SIMULATED__SYMBOLS", "8");
    command.env("OPENBELL__MARKET__SIMULATED__WARMUP_SESSIONS", "2");
}

/// Players with their tokens.
pub(crate) struct Traders {
    players: Vec<Player>,
    symbols: Vec<String>,
}

struct Player {
    token: String,
    /// How many orders the player has sent.
    orders: usize,
    /// The stock of which the player has a share.
    held: Option<String>,
}

/// An order and its response.
pub(crate) struct SentOrder {
    token: String,
    pub(crate) key: String,
    side: &'static str,
    order: Value,
    /// The length of the recording when the order was sent.
    pub(crate) sent_at: u64,
    /// The length of the recording when the response was received.
    pub(crate) answered_at: u64,
    pub(crate) answer: OrderAnswer,
}

/// The response to an order.
pub(crate) struct OrderAnswer {
    /// 0 if the connection was closed without a response.
    pub(crate) status: u16,
    /// In lower case.
    pub(crate) head: String,
    pub(crate) body: Value,
}

impl OrderAnswer {
    fn parse(text: Option<&str>) -> Self {
        let Some(text) = text else {
            return Self { status: 0, head: String::new(), body: Value::Null };
        };
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        let status = head.split(' ').nth(1).and_then(|word| word.parse().ok());
        let body = serde_json::from_str(body).expect("JSON");
        Self { status: status.expect("a status"), head: head.to_lowercase(), body }
    }

    /// Whether it is the stored response to an earlier request.
    pub(crate) fn is_replay(&self) -> bool {
        self.head.contains("\nidempotent-replayed: true")
    }

    /// The code of an error.
    pub(crate) fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }
}

impl Traders {
    /// Registers players with unused names.
    pub(crate) fn register(server: &Server, count: usize) -> Self {
        static NAMES: AtomicUsize = AtomicUsize::new(0);
        let (status, stocks) = server.get("/api/stocks");
        assert_eq!(status, 200, "{stocks}");
        let stocks = stocks["data"].as_array().expect("a list");
        let symbol = |stock: &Value| stock["symbol"].as_str().expect("a symbol").to_owned();
        let player = |_| Player {
            token: server.register(&format!("player{}", NAMES.fetch_add(1, Ordering::SeqCst))),
            orders: 0,
            held: None,
        };
        Self {
            players: (0..count).map(player).collect(),
            symbols: stocks.iter().map(symbol).collect(),
        }
    }

    /// All players send an order at once and wait for the response: they buy a share, and sell it
    /// the next time. `recorded` returns the length of the recording.
    pub(crate) fn round(
        &mut self,
        server: &Server,
        recorded: &(impl Fn() -> u64 + Sync),
    ) -> Vec<SentOrder> {
        let symbols = &self.symbols;
        thread::scope(|scope| {
            let players = self.players.iter_mut().enumerate();
            let sent: Vec<_> = players
                .map(|(number, player)| {
                    scope.spawn(move || player.trade(number, symbols, server, recorded))
                })
                .collect();
            sent.into_iter().map(|thread| thread.join().expect("an answer")).collect()
        })
    }

    /// The portfolios of all players, as they see them.
    pub(crate) fn portfolios(&self, server: &Server) -> Vec<(u16, Value)> {
        let read = |player: &Player| server.ask("GET", "/api/portfolio", &player.token, None);
        self.players.iter().map(read).collect()
    }
}

impl Player {
    fn trade(
        &mut self,
        number: usize,
        symbols: &[String],
        server: &Server,
        recorded: &impl Fn() -> u64,
    ) -> SentOrder {
        self.orders += 1;
        let (side, symbol) = match &self.held {
            Some(symbol) => ("sell", symbol.clone()),
            None => ("buy", symbols[(number + self.orders) % symbols.len()].clone()),
        };
        let key = format!("{number}-{}", self.orders);
        let mut order = json!({ "stock_symbol": symbol, "quantity": 1 });
        if self.orders.is_multiple_of(5) {
            order["note"] = json!("Because of what I have read about it.");
        }
        let token = self.token.clone();
        let sent = SentOrder::send(server, token, key, side, order, recorded);
        if sent.is_promise() {
            self.held = (side == "buy").then_some(symbol);
        }
        sent
    }
}

impl SentOrder {
    fn send(
        server: &Server,
        token: String,
        key: String,
        side: &'static str,
        order: Value,
        recorded: &impl Fn() -> u64,
    ) -> Self {
        let sent_at = recorded();
        let answer = server.try_order(side, &token, &key, &order);
        let answered_at = recorded();
        let answer = OrderAnswer::parse(answer.as_deref());
        Self { token, key, side, order, sent_at, answered_at, answer }
    }

    /// Whether the response promises that the trade is executed.
    pub(crate) fn is_promise(&self) -> bool {
        self.answer.status == 200
    }

    /// Sends the same order again.
    pub(crate) fn repeat(&self, server: &Server, recorded: &impl Fn() -> u64) -> Self {
        let (token, key) = (self.token.clone(), self.key.clone());
        Self::send(server, token, key, self.side, self.order.clone(), recorded)
    }
}
