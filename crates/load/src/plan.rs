//! Decides what a worker sends next, by scenario. Each worker has its own random number generator,
//! so that a seed repeats the requests.

use std::collections::HashMap;

use hyper::header::HeaderValue;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::Scenario;
use crate::client::Call;
use crate::leaderboard_scenario::{self, LeaderboardQuery};
use crate::worker::{TradeOrder, TradeSide, Worker};

/// How many of the cheapest stocks are traded.
const CHEAP_STOCKS: usize = 5;
/// The measured page of the portfolio.
pub(crate) const PORTFOLIO: &str = "/api/portfolio?per_page=50";
/// The deepest page of the board that is requested, and the players of a page.
const BOARD_PAGES: usize = 100;
const PLAYERS_A_PAGE: usize = 100;

/// A worker's players and what they bought in this run.
#[derive(Debug)]
pub(crate) struct RequestPlan {
    scenario: Scenario,
    /// The index of the worker's first player, and the distance to the next one.
    first: usize,
    step: usize,
    /// The number of the worker's players.
    count: usize,
    turn: usize,
    held: HashMap<usize, usize>,
    /// Players on the boards, by the last response.
    ranked: u64,
}

impl RequestPlan {
    /// The plan of worker `number` of `workers`, with its share of `players`.
    pub(crate) fn new(scenario: Scenario, number: usize, workers: usize, players: usize) -> Self {
        let (first, step) = match scenario {
            Scenario::Popular { .. } | Scenario::Portfolio { .. } => (0, players),
            _ => (number % players.max(1), workers),
        };
        let count = players.saturating_sub(first).div_ceil(step.max(1)).max(1);
        Self { scenario, first, step, count, turn: 0, held: HashMap::new(), ranked: 0 }
    }

    /// Sends the next request, which was due at `begun`.
    pub(crate) async fn go(&mut self, worker: &mut Worker, begun: Instant) {
        match self.scenario {
            Scenario::Distinct | Scenario::Popular { .. } => self.trade(worker, begun).await,
            Scenario::Portfolio { .. } => self.send(worker, PORTFOLIO.into(), begun).await,
            Scenario::Board { rows } => self.storm(worker, rows, begun).await,
            Scenario::Mixed => self.mix(worker, begun, true).await,
            Scenario::Soak => self.mix(worker, begun, false).await,
        }
    }

    /// Buys a share, or sells the one that the player bought before.
    async fn trade(&mut self, worker: &mut Worker, begun: Instant) {
        let player = self.first + self.step * (self.turn % self.count);
        self.turn = self.turn.wrapping_add(1);
        let held = self.held.remove(&player);
        let side = if held.is_some() { TradeSide::Sell } else { TradeSide::Buy };
        let stocks = match self.scenario {
            Scenario::Popular { .. } => 1,
            _ => CHEAP_STOCKS.min(worker.common.stocks.len()),
        };
        let stock = held.unwrap_or_else(|| worker.rng.below(stocks));
        if worker.trade(TradeOrder { player, side, stock }, begun).await && side == TradeSide::Buy {
            self.held.insert(player, stock);
        }
    }

    async fn mix(&mut self, worker: &mut Worker, begun: Instant, with_sign_ins: bool) {
        let path = match worker.rng.below(100) {
            0..15 => PORTFOLIO.to_owned(),
            15..30 => "/api/portfolio/summary".to_owned(),
            30..40 => format!("/api/stocks?page={}", worker.rng.below(3) + 1),
            40..50 => format!("/api/stocks/{}", symbol(worker)),
            50..55 => format!("/api/stocks/{}/history", symbol(worker)),
            55..60 => "/api/portfolio/transactions".to_owned(),
            60..72 => return self.send_board_page(worker, begun).await,
            72..74 if with_sign_ins => return self.sign_in(worker, begun).await,
            _ => return self.trade(worker, begun).await,
        };
        self.send(worker, path, begun).await;
    }

    /// Sends a random query to a board and validates the response.
    async fn storm(&mut self, worker: &mut Worker, rows: u32, begun: Instant) {
        let player = self.any_player(worker);
        let query = LeaderboardQuery::any(&mut worker.rng, self.ranked, rows);
        if let Some(ranked) = leaderboard_scenario::send_query(worker, player, query, begun).await {
            self.ranked = ranked;
        }
    }

    async fn send_board_page(&mut self, worker: &mut Worker, begun: Instant) {
        let path = if worker.rng.below(4) == 0 {
            "/api/leaderboard?around=me".to_owned()
        } else {
            let pages = worker.common.logins.len().div_ceil(PLAYERS_A_PAGE).min(BOARD_PAGES);
            let (page, rows) = (worker.rng.below(pages) + 1, worker.rng.below(91) + 10);
            format!("/api/leaderboard?page={page}&per_page={rows}")
        };
        self.send(worker, path, begun).await;
    }

    async fn send(&mut self, worker: &mut Worker, path: String, begun: Instant) {
        let player = self.any_player(worker);
        let call = Call::get(path, Some(&worker.common.logins[player].bearer));
        worker.send(&call, begun).await;
    }

    /// Logs in and out.
    async fn sign_in(&mut self, worker: &mut Worker, begun: Instant) {
        let player = self.any_player(worker);
        let Some((email, password)) = worker.common.logins[player].login.clone() else {
            return self.trade(worker, begun).await;
        };
        let body = json!({ "email": email, "password": password }).to_string();
        let login = Call::post("/api/auth/login", None, body);
        let Some(answer) = worker.send(&login, begun).await else { return };
        let answer: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let bearer = format!("Bearer {}", answer["token"].as_str().unwrap_or_default());
        let Ok(bearer) = HeaderValue::try_from(bearer) else { return };
        let logout = Call::post("/api/auth/logout", Some(&bearer), "{}");
        worker.send(&logout, Instant::now()).await;
    }

    fn any_player(&self, worker: &mut Worker) -> usize {
        self.first + self.step * worker.rng.below(self.count)
    }
}

/// A symbol as a segment of a path.
fn symbol(worker: &mut Worker) -> String {
    let stock = worker.rng.below(worker.common.stocks.len());
    encode(&worker.common.stocks[stock].symbol)
}

fn encode(symbol: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-.".contains(&byte);
    let encoded = symbol.bytes().map(|byte| match byte {
        byte if plain(byte) => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    });
    encoded.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_workers_share_a_player() {
        let mut seen = Vec::new();
        for number in 0..4 {
            let plan = RequestPlan::new(Scenario::Distinct, number, 4, 10);
            seen.extend((0..plan.count).map(|turn| plan.first + plan.step * turn));
        }
        seen.sort_unstable();
        assert_eq!(seen, (0..10).collect::<Vec<_>>());
    }

    #[test]
    fn all_workers_play_the_popular_player() {
        for number in 0..4 {
            let plan = RequestPlan::new(Scenario::Popular { rounds: None }, number, 4, 10);
            assert_eq!((plan.first, plan.count), (0, 1));
        }
    }
}
