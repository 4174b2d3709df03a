//! One game: the real router, desk and store on a market whose clock is moved from tick to tick,
//! and its players. What they want is decided in `strategies`; prices, orders and what came of
//! them go through the API.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use domain::{Clock as _, Money, Price, Rules, Side};
use futures_util::future::join_all;
use market::{Calendar, MarketSource};
use serde_json::{Value, json};
use testkit::SeededEntropy;
use tokio::time::Instant;

use crate::common::App;
use crate::markets::{Feed, Kind};
use crate::report::{OverHolding, Report, StrategyReport};
use crate::strategies::{MANY_TICKS, Strategy, TICKS, View, Wallet, Wish};

/// How long a session lasts where many pass within a day.
const SESSION_SECONDS: u32 = 60;
/// How long it lasts where each is a player's day.
const DAY_SECONDS: u32 = 86_400;

/// A game and its players.
pub(crate) struct Economy {
    name: &'static str,
    seed: u64,
    app: App,
    source: Arc<MarketSource>,
    session_seconds: u32,
    ticks: &'static [u32],
    feed: Option<Feed>,
    symbols: Vec<String>,
    /// The token that prices are read with.
    reader: String,
    players: Vec<Player>,
}

struct Player {
    strategy: Strategy,
    token: String,
    wallet: Wallet,
    starting_cash: i64,
    /// Cash and shares at the last close.
    worth: i64,
    /// The sum of how much of the money was in stocks at the ticks since then, in millionths.
    invested_sum: i64,
    over_holding: OverHolding,
    trades: u64,
    rejected: u64,
}

fn rules() -> Rules {
    let text = include_str!("../../../../config/game.toml");
    toml::from_str(text).expect("good rules")
}

impl Economy {
    /// A game with all strategies on a market of this kind.
    pub(crate) async fn open(kind: Kind, seed: u64) -> Self {
        let mut game = Self::start(kind.as_str(), kind, seed, SESSION_SECONDS).await;
        let prices = game.prices().await;
        let cheapest = (0..prices.len()).min_by_key(|stock| prices[*stock]).unwrap_or(0);
        let last = prices.len() - 1;
        for strategy in [
            Strategy::Holder { stocks: (0..prices.len()).collect() },
            Strategy::TickChaser { stock: cheapest },
            Strategy::BridgePredictor { stock: last },
            Strategy::WashTrader { stock: cheapest },
            Strategy::DustBuyer,
            Strategy::RoundingHunter { stock: cheapest },
            Strategy::Random { stock: cheapest, chance: SeededEntropy::new(seed) },
            Strategy::XpFarmer,
            Strategy::DotFarmer,
        ] {
            game.join(strategy).await;
        }
        game
    }

    /// A game of those who play for XP alone, in which every session is a day of its own.
    pub(crate) async fn farming(seed: u64) -> Self {
        let mut game = Self::start("a year of days", Kind::Simulated, seed, DAY_SECONDS).await;
        for strategy in [Strategy::XpFarmer, Strategy::DotFarmer] {
            game.join(strategy).await;
        }
        game
    }

    /// A game as it was before prices had fine steps, a bid and an ask.
    pub(crate) async fn planted(seed: u64) -> Self {
        let mut game = Self::start_planted(seed).await;
        let prices = game.prices().await;
        let cheapest = (0..prices.len()).min_by_key(|stock| prices[*stock]).unwrap_or(0);
        game.join(Strategy::TickChaser { stock: cheapest }).await;
        game.ticks = MANY_TICKS;
        game
    }

    async fn start(name: &'static str, kind: Kind, seed: u64, session_seconds: u32) -> Self {
        let open = |now| kind.open(seed, session_seconds, now);
        let app = App::start_game((rules(), false), open, |config| {
            config.auth.token_idle_days = 400;
            config.auth.token_absolute_days = 800;
        });
        let feed = (kind == Kind::Live).then(|| Feed::new(seed));
        Self::of(name, seed, app.await, session_seconds, feed).await
    }

    async fn start_planted(seed: u64) -> Self {
        let open = |now| Kind::open_coarse(seed, now);
        let rules = Rules { spread_bps: 0, ..rules() };
        let app = App::start_game((rules, true), open, |_| {}).await;
        Self::of("replay at whole cents", seed, app, SESSION_SECONDS, None).await
    }

    async fn of(
        name: &'static str,
        seed: u64,
        app: App,
        session_seconds: u32,
        feed: Option<Feed>,
    ) -> Self {
        let symbols = app.prices.listings().iter().map(|l| l.symbol.to_string()).collect();
        let source = Arc::clone(&app.market);
        let (reader, players, ticks) = (app.register("Reader").await, Vec::new(), TICKS);
        let mut game = Self {
            name,
            seed,
            app,
            source,
            session_seconds,
            ticks,
            feed,
            symbols,
            reader,
            players,
        };
        game.publish();
        game
    }

    async fn join(&mut self, strategy: Strategy) {
        let token = self.app.register(&next_name()).await;
        let mut player = Player {
            strategy,
            token,
            wallet: Wallet { cash: 0, held: vec![0; self.symbols.len()] },
            starting_cash: 0,
            worth: 0,
            invested_sum: 0,
            over_holding: OverHolding::default(),
            trades: 0,
            rejected: 0,
        };
        let summary = self.summary(&player).await;
        player.wallet.cash = cents(&summary["balance"]);
        (player.starting_cash, player.worth) = (player.wallet.cash, player.wallet.cash);
        self.players.push(player);
    }

    /// Plays so many sessions and returns their results.
    pub(crate) async fn play(mut self, sessions: u32) -> Report {
        let began = Instant::now();
        let first = self.prices().await;
        let (ticks, before) = (self.ticks, first.clone());
        let mut view =
            View { session: 0, ticks, tick: 0, prices: first, before, closes: Vec::new() };
        for session in 0..=sessions {
            view.session = session;
            for tick in 0..ticks.len() {
                view.tick = tick;
                self.move_to(session, tick);
                if tick == 0 {
                    let now = self.app.clock.now();
                    self.app.store.ensure_ledger_months(now).await.expect("months");
                }
                let prices = self.prices().await;
                view.before = std::mem::replace(&mut view.prices, prices);
                if tick == 0 {
                    self.close(&view);
                    view.closes.push(view.prices.clone());
                }
                // After the last close nothing is done any more.
                if session == sessions {
                    break;
                }
                self.trade(&view).await;
            }
        }
        let mut lines = Vec::new();
        for player in &self.players {
            lines.push(self.line(player).await);
        }
        Report {
            market: self.name.to_owned(),
            seed: self.seed,
            sessions,
            milliseconds: began.elapsed().as_millis(),
            lines,
        }
    }

    /// Lets the time come to a tick of a session and publishes its prices.
    fn move_to(&mut self, session: u32, tick: usize) {
        if self.feed.is_some() {
            self.move_live(tick);
        } else if session > 0 || tick > 0 {
            let ticks = self.ticks;
            let last = if tick == 0 { ticks[ticks.len() - 1] } else { ticks[tick - 1] };
            let seconds = if tick == 0 { self.session_seconds - last } else { ticks[tick] - last };
            self.app.clock.advance_seconds(i64::from(seconds));
        }
        self.publish();
    }

    /// The sessions of a live market are those of its exchange: one begins when it opens.
    fn move_live(&mut self, tick: usize) {
        if tick > 0 {
            self.app.clock.advance_seconds(60);
            return;
        }
        if let Some(feed) = &mut self.feed {
            feed.open_session();
        }
        // From the opening to an hour after the close, and on to the next opening.
        self.app.clock.advance_seconds(8 * 3_600);
        let calendar = Calendar::embedded("NYSE").expect("it is embedded");
        let opens_at = calendar.next_opening(self.app.clock.now());
        self.app.clock.set(opens_at.expect("the calendar goes on"));
    }

    fn publish(&mut self) {
        let now = self.app.clock.now();
        if let (Some(feed), Some(live)) = (&mut self.feed, self.source.feed()) {
            live.feed(&feed.tick(now));
        }
        self.app.prices.publish(&self.source, now);
    }

    async fn prices(&self) -> Vec<Price> {
        let body = self.app.get_as(&self.reader, "/api/stocks?per_page=50").await.json();
        let found = body["data"].as_array().expect("a list");
        let price = |symbol: &String| {
            let stock = found.iter().find(|stock| stock["symbol"] == **symbol).expect("listed");
            Price::parse(stock["quote"]["price"].as_str().expect("a price")).expect("a price")
        };
        self.symbols.iter().map(price).collect()
    }

    /// Lets every player do what it wants, all at the same time.
    async fn trade(&mut self, view: &View) {
        let (app, symbols) = (&self.app, &self.symbols);
        let play = self.players.iter_mut().map(async |player| {
            for wish in player.strategy.wishes(view, &player.wallet) {
                player.order(app, symbols, &wish).await;
            }
            player.invested_sum += player.invested(&view.prices);
        });
        join_all(play).await;
    }

    /// Compares what every player gained in a session with what holding the same stocks with as
    /// much of the money did.
    fn close(&mut self, view: &View) {
        let Some(before) = view.closes.last() else { return };
        let ticks = i64::try_from(self.ticks.len()).unwrap_or(1);
        for player in &mut self.players {
            let stocks = player.strategy.stocks(before.len());
            let count = i64::try_from(stocks.len().max(1)).unwrap_or(1);
            let change = |stock: &usize| {
                let (from, to) = (before[*stock].0, view.prices[*stock].0);
                (to - from) * 1_000_000 / from
            };
            let held = stocks.iter().map(change).sum::<i64>() / count;
            let holding = held * (player.invested_sum / ticks) / 1_000_000;
            let worth = player.worth_at(&view.prices);
            let gain = (worth - player.worth) * 1_000_000 / player.worth.max(1);
            player.over_holding.add(gain - holding);
            (player.worth, player.invested_sum) = (worth, 0);
        }
    }

    async fn summary(&self, player: &Player) -> Value {
        self.app.get_as(&player.token, "/api/portfolio/summary").await.json()["data"].clone()
    }

    async fn line(&self, player: &Player) -> StrategyReport {
        let summary = self.summary(player).await;
        let worth = cents(&summary["balance"]) + cents(&summary["total_value"]);
        let levels = rules().levels;
        let number = |field: &str| summary[field].as_i64().expect("a number");
        StrategyReport {
            strategy: player.strategy.name(),
            invests: player.strategy.invests(),
            gain: Money(worth - player.starting_cash)
                .part_of(Money(player.starting_cash))
                .percent(2),
            over_holding: player.over_holding,
            trades: player.trades,
            rejected: player.rejected,
            xp: levels.total_xp(number("level"), number("experience_points")),
        }
    }
}

impl Player {
    /// Gives an order and takes over what came of it.
    async fn order(&mut self, app: &App, symbols: &[String], wish: &Wish) {
        let symbol = &symbols[wish.stock];
        let note = wish.note.as_ref().map_or(Value::Null, |note| json!(note));
        let body =
            format!(r#"{{"stock_symbol":"{symbol}","quantity":{},"note":{note}}}"#, wish.quantity);
        let path = match wish.side {
            Side::Buy => "/api/portfolio/buy",
            Side::Sell => "/api/portfolio/sell",
        };
        let answer = app.send("POST", Some(&self.token), path, "application/json", &body).await;
        if answer.status != 200 {
            self.rejected += 1;
            return;
        }
        let data = &answer.json()["data"];
        self.wallet.cash = cents(&data["new_balance"]);
        let sign = if wish.side == Side::Buy { 1 } else { -1 };
        self.wallet.held[wish.stock] += sign * wish.quantity.0;
        self.trades += 1;
    }

    /// What the shares are worth, in cents.
    fn inside(&self, prices: &[Price]) -> i64 {
        let value =
            |(held, price): (&i64, &Price)| i128::from(*held) * i128::from(price.0) / 100_000_000;
        let inside: i128 = self.wallet.held.iter().zip(prices).map(value).sum();
        i64::try_from(inside).unwrap_or(0)
    }

    fn worth_at(&self, prices: &[Price]) -> i64 {
        self.wallet.cash + self.inside(prices)
    }

    /// How much of the money is in stocks, in millionths.
    fn invested(&self, prices: &[Price]) -> i64 {
        self.inside(prices) * 1_000_000 / self.worth_at(prices).max(1)
    }
}

/// An amount of the API in cents.
fn cents(value: &Value) -> i64 {
    Money::parse(value.as_str().expect("an amount"), domain::MinorUnit::Hundredth)
        .expect("an amount")
        .0
}

/// A name that no other player of this process has.
fn next_name() -> String {
    static PLAYERS: AtomicU64 = AtomicU64::new(0);
    format!("Trader{}", PLAYERS.fetch_add(1, Ordering::Relaxed))
}
