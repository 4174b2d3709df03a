//! The expected account of a player: every ledger entry is computed again in plain integers,
//! without `domain::settle`. `judge` compares entries with requests.

use std::collections::BTreeMap;

use domain::{Day, EntryKind, Hash, LedgerEntry, Rules, genesis_hash};

/// One cent in units of price times quantity.
const CENT: i128 = 100_000_000;
const DAY: i64 = 86_400_000_000;

/// Cash and shares after one entry, in cents and millionths of a share.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    pub(crate) cash: i128,
    /// Quantity and cost basis by stock.
    pub(crate) held: BTreeMap<i64, (i128, i128)>,
    pub(crate) xp: i64,
    /// The day of the last trade's quote, and the trades of that session.
    pub(crate) session: (Day, i64),
}

pub(crate) struct Account {
    player_id: i64,
    /// The chain, and after each entry what it left.
    pub(crate) chain: Vec<(LedgerEntry, Hash)>,
    pub(crate) states: Vec<State>,
    xp_day: i64,
    xp_day_trades: i64,
}

/// What an amount of shares costs a buyer, or brings a seller, in cents.
pub(crate) fn amount(price: i64, quantity: i64, is_buy: bool) -> i128 {
    let product = i128::from(price) * i128::from(quantity);
    if is_buy { (product + CENT - 1) / CENT } else { product / CENT }
}

pub(crate) fn fee(amount: i128, rules: &Rules) -> i128 {
    let share = (amount * i128::from(rules.fee.rate_bps) + 9_999) / 10_000;
    share + i128::from(rules.fee.flat.0)
}

/// Whether the rules permit no order of this amount, except for all shares of a stock.
pub(crate) fn is_too_small(amount: i128, rules: &Rules) -> bool {
    rules.order_value_min().is_some_and(|least| amount < i128::from(least.0))
}

/// An error with this text unless the condition holds.
pub(crate) fn must(holds: bool, what: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what()) }
}

impl Account {
    pub(crate) fn new(player_id: i64) -> Self {
        let (chain, states) = (Vec::new(), Vec::new());
        Self { player_id, chain, states, xp_day: 0, xp_day_trades: 0 }
    }

    /// The last version.
    pub(crate) fn version(&self) -> i64 {
        i64::try_from(self.chain.len()).expect("short")
    }

    /// The entry of this version with its hash.
    pub(crate) fn entry(&self, version: i64) -> Option<&(LedgerEntry, Hash)> {
        self.chain.get(usize::try_from(version.checked_sub(1)?).ok()?)
    }

    pub(crate) fn head(&self) -> Hash {
        self.chain.last().map_or(genesis_hash(self.player_id), |(_, hash)| *hash)
    }

    pub(crate) fn last(&self) -> State {
        self.states.last().cloned().unwrap_or_default()
    }

    /// Takes the next entry, if it follows from what was before.
    pub(crate) fn add(
        &mut self,
        entry: &LedgerEntry,
        hash: Hash,
        rules: &Rules,
    ) -> Result<(), String> {
        let at = format!("player {}, version {}", entry.player_id, entry.version);
        let next = self.version() + 1;
        must(entry.player_id == self.player_id, || format!("{at}: another player's entry"))?;
        must(entry.version == next, || format!("{at}: the chain has a gap; {next} was next"))?;
        must(entry.hash(self.head()) == hash, || format!("{at}: the hash does not link"))?;
        let created = entry.created_at.month();
        let month = self.chain.last().map_or(created, |(last, _)| last.month.max(created));
        must(entry.month == month, || format!("{at}: month {:?}, not {month:?}", entry.month))?;
        let mut state = self.last();
        let xp_trade = match entry.kind {
            EntryKind::Open => {
                must(next == 1, || format!("{at}: opened twice"))?;
                must(entry.amount == rules.starting_cash, || format!("{at}: starting cash"))?;
                state.cash = i128::from(entry.amount.0);
                0
            }
            EntryKind::TransferIn => return Err(format!("{at}: no player is imported")),
            EntryKind::Note => {
                must(entry.amount.0 == 0 && entry.fee.0 == 0, || format!("{at}: a note costs"))?;
                0
            }
            EntryKind::Award => {
                let moves = (entry.amount.0, entry.fee.0, entry.quantity.0, entry.stock_id);
                must(moves == (0, 0, 0, None), || format!("{at}: an award trades"))?;
                must(next > 1, || format!("{at}: an award opens"))?;
                0
            }
            EntryKind::Buy | EntryKind::Sell => {
                trade(&mut state, entry, rules).map_err(|what| format!("{at}: {what}"))?;
                self.xp_of_trade(entry, self.last().xp, rules)
            }
        };
        state.xp += xp_trade + entry.xp_achievements;
        must(entry.xp_trade == xp_trade, || {
            format!("{at}: {} XP, not {xp_trade}", entry.xp_trade)
        })?;
        must(entry.total_xp_after == state.xp, || format!("{at}: XP does not add up"))?;
        must(state.cash >= 0, || format!("{at}: cash is negative"))?;
        let after = i128::from(entry.cash_after.0);
        must(after == state.cash, || {
            format!("{at}: cash {after} after it, but {} follows", state.cash)
        })?;
        self.chain.push((entry.clone(), hash));
        self.states.push(state);
        Ok(())
    }

    /// The trades that count for achievements: of a thousandth of the starting cash or more.
    pub(crate) fn counted_trades(&self, rules: &Rules) -> usize {
        let is_counted = |entry: &LedgerEntry| {
            matches!(entry.kind, EntryKind::Buy | EntryKind::Sell) && !is_small(entry, rules)
        };
        self.chain.iter().filter(|(entry, _)| is_counted(entry)).count()
    }

    /// The first trades of a player's day earn XP, if they are worth a thousandth of the starting
    /// cash, up to the limit of players who are not invested; the day never goes back.
    fn xp_of_trade(&mut self, entry: &LedgerEntry, xp_before: i64, rules: &Rules) -> i64 {
        let day = entry.created_at.0.div_euclid(DAY);
        if day > self.xp_day {
            (self.xp_day, self.xp_day_trades) = (day, 0);
        }
        let xp = if entry.kind == EntryKind::Buy { rules.xp.buy } else { rules.xp.sell };
        let is_busy = self.xp_day_trades >= rules.xp.trades_per_day_max;
        if is_small(entry, rules) || is_busy || xp_before + xp > rules.xp.uninvested_max {
            return 0;
        }
        self.xp_day_trades += 1;
        xp
    }
}

fn is_small(entry: &LedgerEntry, rules: &Rules) -> bool {
    entry.amount.0.abs() * 1_000 < rules.starting_cash.0
}

fn trade(state: &mut State, entry: &LedgerEntry, rules: &Rules) -> Result<(), String> {
    let (Some(stock), Some(price), Some(as_of)) = (entry.stock_id, entry.price, entry.quote_as_of)
    else {
        return Err("a trade without a stock or a quote".to_owned());
    };
    let old = entry.created_at.0 - as_of.0 > rules.quote_age_max_s * 1_000_000;
    must(!old, || "traded at a stale quote".to_owned())?;
    let session = entry.quote_day.ok_or("a trade without a session")?;
    let earlier_trades = if state.session.0 == session { state.session.1 } else { 0 };
    state.session = (session, earlier_trades + 1);
    let most = rules.trades_per_session_max.unwrap_or(i64::MAX);
    must(earlier_trades < most, || format!("trade {} of a session", earlier_trades + 1))?;
    let (is_buy, quantity) = (entry.kind == EntryKind::Buy, entry.quantity.0.abs());
    must(price.0 > 0 && quantity > 0, || "price or quantity is not positive".to_owned())?;
    let cents = amount(price.0, quantity, is_buy);
    let charged = fee(cents, rules);
    let (held, basis) = state.held.entry(stock).or_default();
    let is_all = !is_buy && *held == i128::from(quantity);
    must(is_all || !is_too_small(cents, rules), || format!("an order of {cents} cents"))?;
    let sign = if is_buy { 1 } else { -1 };
    let basis_moved = if is_buy {
        cents
    } else {
        must(*held >= i128::from(quantity), || "more sold than held".to_owned())?;
        (*basis * i128::from(quantity) + *held / 2) / *held
    };
    *held += sign * i128::from(quantity);
    *basis += sign * basis_moved;
    state.cash -= sign * cents + charged;
    let moved = i128::from(entry.quantity.0) == sign * i128::from(quantity);
    must(moved, || "shares move the wrong way".to_owned())?;
    must(i128::from(entry.amount.0) == -sign * cents, || {
        format!("amount {} instead of {}", entry.amount.0, -sign * cents)
    })?;
    must(i128::from(entry.fee.0) == charged, || format!("fee {}, not {charged}", entry.fee.0))?;
    let after = (i128::from(entry.quantity_after.0), i128::from(entry.cost_basis_after.0));
    must(after == (*held, *basis), || {
        format!("shares and basis {after:?} after it, but {:?} follows", (*held, *basis))
    })
}
