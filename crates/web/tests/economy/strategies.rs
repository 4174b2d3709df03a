//! The strategies: each sees what every player sees (prices, their past, its own wallet) and gives
//! orders. None knows the market's seed.

use domain::{Price, Quantity, Side};
use testkit::SeededEntropy;

/// One session's ticks, in seconds after it began. At 0 prices are the closes of the session
/// before; at the last one the end of the session is near.
pub(crate) const TICKS: &[u32] = &[0, 20, 21, 22, 23, 50];
/// More of them, for less sessions.
pub(crate) const MANY_TICKS: &[u32] =
    &[0, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 50];
/// The least amount of a trade that counts, and a little more, in cents.
const COUNTED: i64 = 1_010;

/// What every player sees.
pub(crate) struct View {
    pub(crate) session: u32,
    /// The session's ticks, and which of them it is.
    pub(crate) ticks: &'static [u32],
    pub(crate) tick: usize,
    /// The prices of now, and of the tick before.
    pub(crate) prices: Vec<Price>,
    pub(crate) before: Vec<Price>,
    /// The closes seen so far, the newest last.
    pub(crate) closes: Vec<Vec<Price>>,
}

impl View {
    fn is_late(&self) -> bool {
        self.tick + 1 == self.ticks.len()
    }
}

/// What a player has.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wallet {
    /// In cents.
    pub(crate) cash: i64,
    /// Millionths of a share by stock.
    pub(crate) held: Vec<i64>,
}

/// An order that a strategy wants to give.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    pub(crate) stock: usize,
    pub(crate) side: Side,
    pub(crate) quantity: Quantity,
    pub(crate) note: Option<String>,
}

/// A way to play.
pub(crate) enum Strategy {
    /// Buys all stocks, or the cheapest one, and keeps them.
    Holder { stocks: Vec<usize> },
    /// Buys a cheap stock after a down-tick and sells it after an up-tick.
    TickChaser { stock: usize },
    /// Expects where a session's path ends from how far paths went before.
    BridgePredictor { stock: usize },
    /// Buys and sells at once.
    WashTrader { stock: usize },
    /// Buys millionths of shares for a cent each, and sells them in one.
    DustBuyer,
    /// Buys as much as a whole number of cents pays for, and sells in pieces that lose least.
    RoundingHunter { stock: usize },
    /// Buys and sells by chance.
    Random { stock: usize, chance: SeededEntropy },
    /// Trades and explains as much as earns XP, without holding anything over a close.
    XpFarmer,
    /// Explains millionths of shares with a dot.
    DotFarmer,
}

impl Strategy {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Holder { .. } => "holder",
            Self::TickChaser { .. } => "tick chaser",
            Self::BridgePredictor { .. } => "bridge predictor",
            Self::WashTrader { .. } => "wash trader",
            Self::DustBuyer => "dust buyer",
            Self::RoundingHunter { .. } => "rounding hunter",
            Self::Random { .. } => "random trader",
            Self::XpFarmer => "xp farmer",
            Self::DotFarmer => "dot farmer",
        }
    }

    /// Whether it holds stocks over a close that are worth something.
    pub(crate) fn invests(&self) -> bool {
        matches!(
            self,
            Self::Holder { .. }
                | Self::TickChaser { .. }
                | Self::BridgePredictor { .. }
                | Self::Random { .. }
        )
    }

    /// The stocks that holding is compared with, of so many.
    pub(crate) fn stocks(&self, count: usize) -> Vec<usize> {
        match self {
            Self::Holder { stocks } => stocks.clone(),
            Self::TickChaser { stock }
            | Self::BridgePredictor { stock }
            | Self::WashTrader { stock }
            | Self::RoundingHunter { stock }
            | Self::Random { stock, .. } => vec![*stock],
            Self::DustBuyer | Self::XpFarmer | Self::DotFarmer => (0..count).collect(),
        }
    }

    /// What it wants to do now, in order.
    pub(crate) fn wishes(&mut self, view: &View, wallet: &Wallet) -> Vec<Wish> {
        match self {
            Self::Holder { stocks } => hold(stocks, view, wallet),
            Self::TickChaser { stock } => chase(*stock, view, wallet),
            Self::BridgePredictor { stock } => predict(*stock, view, wallet),
            Self::WashTrader { stock } => wash(*stock, view, wallet),
            Self::DustBuyer => dust(view, wallet, None),
            Self::RoundingHunter { stock } => hunt(*stock, view, wallet),
            Self::Random { stock, chance } => gamble(*stock, chance, view, wallet),
            Self::XpFarmer => farm(view),
            Self::DotFarmer => dust(view, wallet, Some(".")),
        }
    }
}

/// As many shares as so many cents buy, with something left for bid and ask.
fn shares_for(cents: i64, price: Price) -> Quantity {
    let units = i128::from(cents) * 99_500_000 / i128::from(price.0.max(1));
    Quantity(i64::try_from(units).unwrap_or(0))
}

fn buy(stock: usize, quantity: Quantity) -> Option<Wish> {
    (quantity.0 > 0).then_some(Wish { stock, side: Side::Buy, quantity, note: None })
}

fn sell_all(stock: usize, wallet: &Wallet) -> Option<Wish> {
    let quantity = Quantity(wallet.held[stock]);
    (quantity.0 > 0).then_some(Wish { stock, side: Side::Sell, quantity, note: None })
}

fn hold(stocks: &[usize], view: &View, wallet: &Wallet) -> Vec<Wish> {
    if view.session > 0 || view.tick > 0 {
        return Vec::new();
    }
    let each = wallet.cash / i64::try_from(stocks.len().max(1)).unwrap_or(1);
    stocks.iter().filter_map(|stock| buy(*stock, shares_for(each, view.prices[*stock]))).collect()
}

fn chase(stock: usize, view: &View, wallet: &Wallet) -> Vec<Wish> {
    if view.is_late() {
        return sell_all(stock, wallet).into_iter().collect();
    }
    // Only of neighboring seconds.
    if view.tick < 2 || view.ticks[view.tick] - view.ticks[view.tick - 1] > 1 {
        return Vec::new();
    }
    let (now, before) = (view.prices[stock], view.before[stock]);
    let wish = if now < before && wallet.held[stock] == 0 {
        buy(stock, shares_for(wallet.cash, now))
    } else if now > before {
        sell_all(stock, wallet)
    } else {
        None
    };
    wish.into_iter().collect()
}

/// A session's path is a bridge that starts at the last close. Of a path that has gone `far` after
/// `share` of the session the rest is expected to go on, or back, by how often the sessions before
/// ended far from where they began.
fn predict(stock: usize, view: &View, wallet: &Wallet) -> Vec<Wish> {
    let changes: Vec<i64> = view
        .closes
        .windows(2)
        .rev()
        .take(20)
        .map(|pair| pair[1][stock].0 - pair[0][stock].0)
        .collect();
    let (Some(close), false) = (view.closes.last(), changes.len() < 10) else {
        return Vec::new();
    };
    if view.tick == 0 {
        let cash = wallet.cash;
        return buy(stock, shares_for(cash, view.prices[stock])).into_iter().collect();
    }
    if !view.is_late() {
        return Vec::new();
    }
    let count = i64::try_from(changes.len()).unwrap_or(1);
    let mean = changes.iter().map(|change| change.abs()).sum::<i64>() / count;
    let squares = changes.iter().map(|change| change * change).sum::<i64>() / count;
    // How much more a session's end varies than the path before it, in percent.
    let ratio = squares * 100 / (mean * mean * 25 / 16).max(1);
    let far = view.prices[stock].0 - close[stock].0;
    let share = i64::from(view.ticks[view.tick]);
    let expected = far * ratio * 60 / (ratio * share + 100 * (60 - share)).max(1);
    let cost = view.prices[stock].0 / 1_500;
    if expected + cost < far { sell_all(stock, wallet).into_iter().collect() } else { Vec::new() }
}

fn wash(stock: usize, view: &View, wallet: &Wallet) -> Vec<Wish> {
    if view.tick != 1 {
        return Vec::new();
    }
    let bought = buy(stock, shares_for(wallet.cash, view.prices[stock]));
    let sold = bought.clone().map(|wish| Wish { side: Side::Sell, ..wish });
    bought.into_iter().chain(sold).collect()
}

fn dust(view: &View, wallet: &Wallet, note: Option<&str>) -> Vec<Wish> {
    let stock = usize::try_from(view.session).unwrap_or(0) % view.prices.len();
    if view.tick == 1 {
        let wish =
            Wish { stock, side: Side::Buy, quantity: Quantity(1), note: note.map(str::to_owned) };
        return vec![wish; 2];
    }
    if view.is_late() { sell_all(stock, wallet).into_iter().collect() } else { Vec::new() }
}

fn hunt(stock: usize, view: &View, wallet: &Wallet) -> Vec<Wish> {
    let price = view.prices[stock].0.max(1);
    // The most that so many cents buy, and the least that brings so many.
    let most = |cents: i64| Quantity(cents * 100_000_000 / price);
    let least = |cents: i64| Quantity((cents * 100_000_000 + price - 1) / price);
    match view.tick {
        1 => buy(stock, most(3)).into_iter().chain(buy(stock, most(7))).collect(),
        2 if wallet.held[stock] > least(1).0 => {
            let wish = Wish { stock, side: Side::Sell, quantity: least(1), note: None };
            vec![wish]
        }
        _ if view.is_late() => sell_all(stock, wallet).into_iter().collect(),
        _ => Vec::new(),
    }
}

fn gamble(stock: usize, chance: &SeededEntropy, view: &View, wallet: &Wallet) -> Vec<Wish> {
    let wish = match chance.next_u64() % 3 {
        0 => sell_all(stock, wallet),
        1 => buy(stock, shares_for(wallet.cash, view.prices[stock])),
        _ => None,
    };
    wish.into_iter().collect()
}

fn farm(view: &View) -> Vec<Wish> {
    if view.tick != 1 {
        return Vec::new();
    }
    let stock = usize::try_from(view.session).unwrap_or(0) % view.prices.len();
    let quantity = Quantity(shares_for(COUNTED * 2, view.prices[stock]).0);
    let note = |side| Some(format!("Because of reason {} to {side}", view.session));
    vec![
        Wish { stock, side: Side::Buy, quantity, note: note("buy") },
        Wish { stock, side: Side::Sell, quantity, note: note("sell") },
    ]
}
