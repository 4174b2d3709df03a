//! The rules, the stock, the price and the clock of all ways.

use std::sync::Arc;

use domain::{
    Achievements, Action, Clock, Day, Fill, Order, Outcome, Player, Price, Quantity, Quote,
    QuoteSource, Rules, Side, UnixMicros, open_player, settle,
};
use tokio::time::Instant;

/// 2026-01-05T14:30:00Z.
const START: UnixMicros = UnixMicros(1_767_623_400_000_000);
/// The price of a share: so low that a hundred purchases at once do not exhaust a player's cash.
pub(crate) const PRICE: Price = Price(50_000);
/// What one share costs, in cents.
pub(crate) const AMOUNT: i64 = 500;
/// The market's day of the quote.
pub(crate) const DAY: Day = Day(20_458);

/// The time since the bench began, counted from a fixed instant.
#[derive(Clone, Copy)]
pub(crate) struct RunningClock(Instant);

impl RunningClock {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }
}

impl Clock for RunningClock {
    fn now(&self) -> UnixMicros {
        let micros = i64::try_from(self.0.elapsed().as_micros()).unwrap_or(i64::MAX);
        UnixMicros(START.0.saturating_add(micros))
    }
}

#[derive(Clone)]
pub(crate) struct Game {
    pub(crate) rules: Arc<Rules>,
    pub(crate) clock: RunningClock,
    pub(crate) stock_id: i64,
}

impl Game {
    /// The default rules without achievements, which are unlocked so rarely that a short
    /// measurement would overrate them.
    pub(crate) fn new(stock_id: i64) -> Self {
        let rules = toml::from_str(include_str!("../../../../config/game.toml"));
        let rules: Rules = rules.expect("the program's rules are good");
        let rules = Rules { achievements: Achievements::default(), spread_bps: 0, ..rules };
        Self { rules: Arc::new(rules), clock: RunningClock::start(), stock_id }
    }

    pub(crate) fn now(&self) -> UnixMicros {
        self.clock.now()
    }

    pub(crate) fn quote(&self) -> Quote {
        let (as_of, source) = (self.now(), QuoteSource::Fixed);
        Quote { price: PRICE, tick: Price(0), as_of, market_day: DAY, source }
    }

    /// One share.
    pub(crate) fn action(&self, side: Side) -> Action {
        let quantity = Quantity(Quantity::SHARE);
        Action::Trade(Order { stock_id: self.stock_id, side, quantity }, None)
    }

    /// Decides an order of one share.
    pub(crate) fn settle(&self, player: &mut Player, side: Side) -> Outcome {
        settle(player, &self.action(side), Ok(self.quote()), &*self.rules, self.now())
    }

    /// A player who has bought one share, with the entries of both changes.
    pub(crate) fn new_player(&self, player_id: i64) -> (Player, [Fill; 2]) {
        let (mut player, opening) = open_player(player_id, &*self.rules, self.now());
        let bought = self.settle(&mut player, Side::Buy).expect("a new player can buy a share");
        (player, [opening, bought])
    }
}
