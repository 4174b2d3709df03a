//! The bars of all files of an import by stock, at most one a day.

use std::collections::btree_map::Entry as DayEntry;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};

use domain::{DailyBar, Price, Symbol};

/// One cent, in units of 0.0001.
const COARSEST_TICK: Price = Price(100);

#[derive(Debug)]
pub(super) struct JoinedBars {
    /// By the text of a symbol, as files write it.
    positions: HashMap<String, usize>,
    stocks: Vec<StockBars>,
    tick: Price,
}

#[derive(Debug)]
struct StockBars {
    symbol: Symbol,
    bars: Vec<DailyBar>,
    /// The index of the file in which each day is.
    days: BTreeMap<i32, usize>,
}

impl Default for JoinedBars {
    fn default() -> Self {
        Self { positions: HashMap::new(), stocks: Vec::new(), tick: COARSEST_TICK }
    }
}

impl JoinedBars {
    /// Adds a bar of the file with this index in `files`.
    pub(super) fn add(
        &mut self,
        symbol: &str,
        bar: DailyBar,
        file: usize,
        files: &[String],
    ) -> Result<(), String> {
        let position = self.position(symbol)?;
        let stock = &mut self.stocks[position];
        match stock.days.entry(bar.day.0) {
            DayEntry::Vacant(free) => {
                free.insert(file);
            }
            DayEntry::Occupied(taken) => {
                let other = *taken.get();
                let other = if other == file { "the file" } else { &files[other] };
                let (symbol, day) = (&stock.symbol, bar.day);
                return Err(format!("{other} has a bar of {symbol} of {day} already"));
            }
        }
        stock.bars.push(bar);
        self.tick = self.tick.min(tick_of(&bar));
        Ok(())
    }

    /// The stocks by symbol with their bars by day, and the finest step of their prices.
    pub(super) fn finish(self) -> (Vec<(Symbol, Vec<DailyBar>)>, Price) {
        let mut stocks: Vec<(Symbol, Vec<DailyBar>)> =
            self.stocks.into_iter().map(|stock| (stock.symbol, stock.bars)).collect();
        stocks.retain(|(_, bars)| !bars.is_empty());
        stocks.sort_unstable_by(|(one, _), (two, _)| one.cmp(two));
        for (_, bars) in &mut stocks {
            bars.sort_unstable_by_key(|bar| bar.day);
        }
        (stocks, self.tick)
    }

    /// The position of a stock, which is added where it is new.
    fn position(&mut self, text: &str) -> Result<usize, String> {
        if let Some(position) = self.positions.get(text) {
            return Ok(*position);
        }
        let symbol = Symbol::parse(text)
            .map_err(|error| format!("expected a symbol, got {text:?}: {error}"))?;
        let position = match self.positions.entry(symbol.to_string()) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(free) => {
                let position = self.stocks.len();
                free.insert(position);
                self.stocks.push(StockBars { symbol, bars: Vec::new(), days: BTreeMap::new() });
                position
            }
        };
        self.positions.insert(text.to_owned(), position);
        Ok(position)
    }
}

/// The finest step of a bar's prices.
fn tick_of(bar: &DailyBar) -> Price {
    let prices = [Some(bar.close), bar.open, bar.high, bar.low];
    let steps = prices.into_iter().flatten().map(|price| match price.0 {
        price if price % 100 == 0 => 100,
        price if price % 10 == 0 => 10,
        _ => 1,
    });
    Price(steps.min().unwrap_or(COARSEST_TICK.0))
}
