//! `settle` applies an action to a player at a quote and under the rules, and returns a ledger
//! entry or a rejection. Cash, shares and XP change nowhere else. It does no I/O.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    AchievementSet, Action, Day, EntryKind, Hash, Holding, Invested, LedgerEntry, Money, Note,
    Order, Player, Price, Quantity, Quote, Rejection, Rules, RulesRef, Side, UnixMicros, Unlock,
    XpStanding, divide_rounded, genesis_hash, invariant,
};

/// The most shares a player can hold of one stock, a hundred million, in millionths. Together with
/// [`Price::MAX`] it keeps every value that SQL computes within 64 bits.
pub(crate) const HOLDING_MAX: i64 = 100_000_000 * Quantity::SHARE;
/// The most cash and the highest cost basis in minor units: ten million millions in hundredths.
pub(crate) const MONEY_MAX: i64 = 1_000_000_000_000_000;

/// The result of an accepted action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fill {
    /// The ledger entry.
    pub entry: LedgerEntry,
    /// The hash of the entry.
    pub hash: Hash,
    /// The unlocked achievements.
    pub unlocked: Vec<Unlock>,
}

/// The outcome of an action.
pub type Outcome = Result<Fill, Rejection>;

/// A new player and the entry that opens the chain with the cash of a player who joins at `now`.
pub fn open_player<'r>(
    player_id: i64,
    rules: impl Into<RulesRef<'r>>,
    now: UnixMicros,
) -> (Player, Fill) {
    let rules = rules.into();
    let mut player = unopened_player(player_id, now);
    let mut entry = player.next_entry(EntryKind::Open, now);
    let cash = rules.opening_cash(now);
    (entry.amount, player.cash) = (cash, cash);
    let fill = player.append(entry, rules);
    (player, fill)
}

/// A player before the first entry.
pub(crate) fn unopened_player(player_id: i64, now: UnixMicros) -> Player {
    Player {
        player_id,
        cash: Money::ZERO,
        total_xp: 0,
        balance_version: 0,
        head_hash: genesis_hash(player_id),
        head_month: now.month(),
        xp_day: 0,
        xp_day_trades: 0,
        session_day: Day::default(),
        session_trades: 0,
        trades: 0,
        notes: 0,
        stocks_bought: 0,
        categories_bought: 0,
        realised_profit: Money::ZERO,
        achievements: AchievementSet::default(),
        holdings_value: Money::ZERO,
        invested: Invested::default(),
        sealed_until: UnixMicros::default(),
        market_day: Day::default(),
        sellable_session: None,
        holdings: BTreeMap::new(),
        noted: BTreeSet::new(),
        known_texts: BTreeSet::new(),
        new_texts: BTreeSet::new(),
    }
}

/// Settles one action. A rejection leaves the player unchanged. `quote` is the price of an order,
/// or why the market has none.
pub fn settle<'r>(
    player: &mut Player,
    action: &Action,
    quote: Result<Quote, Rejection>,
    rules: impl Into<RulesRef<'r>>,
    now: UnixMicros,
) -> Outcome {
    let rules = rules.into();
    match action {
        Action::Trade(order, note) => {
            let trade = Trade::check(order, quote, &rules, now)?;
            let standing = player.limit_standing(order.stock_id);
            rules.check_limits(order.side, order.stock_id, &trade.quote, &standing)?;
            match order.side {
                Side::Buy => buy(player, &trade, note.as_ref(), rules),
                Side::Sell => sell(player, &trade, note.as_ref(), rules),
            }
        }
        Action::Annotate { about_version, stock_id, note } => {
            let mut entry = player.next_entry(EntryKind::Note, now);
            entry.about_version = Some(*about_version);
            let day = player.market_day;
            player.count_note(*about_version, *stock_id, note, day, &rules);
            Ok(player.append(entry, rules))
        }
        Action::Award if player.due_achievements(&rules).is_empty() => {
            Err(Rejection::NothingToAward)
        }
        Action::Award => Ok(player.append(player.next_entry(EntryKind::Award, now), rules)),
    }
}

/// An order that the rules allow, with its price and amounts.
struct Trade<'a> {
    order: &'a Order,
    quote: Quote,
    /// The price of one share: the quote's ask or bid.
    price: Price,
    amount: Money,
    fee: Money,
    /// The value of the traded shares as holdings.
    value: Money,
    now: UnixMicros,
}

impl<'a> Trade<'a> {
    fn check(
        order: &'a Order,
        quote: Result<Quote, Rejection>,
        rules: &Rules,
        now: UnixMicros,
    ) -> Result<Self, Rejection> {
        invariant!(order.quantity.0 > 0, "an order has a quantity above zero");
        if order.quantity > rules.quantity_max {
            return Err(Rejection::QuantityTooLarge);
        }
        if !rules.fractional_shares && !order.quantity.is_whole() {
            return Err(Rejection::FractionalNotAllowed);
        }
        if order.side == Side::Buy && !rules.permits_stock(order.stock_id) {
            return Err(Rejection::StockNotAllowed);
        }
        let quote = quote?;
        if quote.price.0 <= 0 || quote.price > Price::MAX {
            return Err(Rejection::NoQuote);
        }
        if quote.as_of.plus_seconds(rules.quote_age_max_s) < now {
            return Err(Rejection::StaleQuote);
        }
        let price = quote.sides(rules.spread_bps).of(order.side);
        let amount = match order.side {
            Side::Buy => price.cost_rounded_up(order.quantity, rules.minor_unit),
            Side::Sell => price.value_rounded_down(order.quantity, rules.minor_unit),
        };
        let amount = amount.ok_or(Rejection::BeyondLimits)?;
        let fee = rules.fee.on(amount).ok_or(Rejection::BeyondLimits)?;
        let value = quote.price.value_rounded_down(order.quantity, rules.minor_unit);
        let value = value.ok_or(Rejection::BeyondLimits)?;
        Ok(Self { order, quote, price, amount, fee, value, now })
    }

    /// Whether the amount is below the least one of the rules.
    fn is_too_small(&self, rules: &Rules) -> bool {
        rules.order_value_min().is_some_and(|least| self.amount < least)
    }

    fn entry(&self, player: &Player, kind: EntryKind) -> LedgerEntry {
        let mut entry = player.next_entry(kind, self.now);
        entry.stock_id = Some(self.order.stock_id);
        entry.price = Some(self.price);
        entry.fee = self.fee;
        entry.quote_as_of = Some(self.quote.as_of);
        entry.quote_day = Some(self.quote.market_day);
        entry.quote_source = Some(self.quote.source);
        entry
    }
}

fn buy(
    player: &mut Player,
    trade: &Trade<'_>,
    note: Option<&Note>,
    rules: RulesRef<'_>,
) -> Outcome {
    let total = trade.amount.checked_add(trade.fee).ok_or(Rejection::BeyondLimits)?;
    if trade.is_too_small(&rules) {
        return Err(Rejection::OrderTooSmall);
    }
    if total > player.cash {
        return Err(Rejection::InsufficientCash);
    }
    let before = player.holdings.get(&trade.order.stock_id).copied();
    let held = before.unwrap_or(Holding {
        quantity: Quantity(0),
        cost_basis: Money::ZERO,
        opened_on: trade.quote.market_day,
        bought_on: trade.quote.market_day,
        noted_on: None,
    });
    let quantity = held.quantity.0.checked_add(trade.order.quantity.0);
    let cost_basis = held.cost_basis.0.checked_add(trade.amount.0);
    let (Some(quantity), Some(cost_basis)) = (quantity, cost_basis) else {
        return Err(Rejection::BeyondLimits);
    };
    if quantity > HOLDING_MAX || cost_basis > MONEY_MAX {
        return Err(Rejection::BeyondLimits);
    }
    let holdings_value = player.holdings_value.checked_add(trade.value);
    let holdings_value = holdings_value.ok_or(Rejection::BeyondLimits)?;
    // What was worth nothing before must not pass for having been held since then. By cost, so
    // that a falling price takes no days from a holding.
    let is_held = held.quantity.0 > 0 && held.cost_basis >= rules.holding_value_min();
    let opened_on = if is_held { held.opened_on } else { trade.quote.market_day };
    let (quantity, cost_basis) = (Quantity(quantity), Money(cost_basis));
    let cash = Money(player.cash.0 - total.0);
    let value = trade.quote.price.value_rounded_down(quantity, rules.minor_unit);
    let value = value.ok_or(Rejection::BeyondLimits)?;
    rules.check_position(value, cash.checked_add(holdings_value))?;
    let bought_on = trade.quote.market_day;
    let after = Holding { quantity, cost_basis, opened_on, bought_on, noted_on: held.noted_on };

    let mut entry = trade.entry(player, EntryKind::Buy);
    entry.quantity = trade.order.quantity;
    entry.amount = Money(-trade.amount.0);
    entry.quantity_after = after.quantity;
    entry.cost_basis_after = after.cost_basis;
    player.cash = cash;
    player.holdings.insert(trade.order.stock_id, after);
    player.holdings_value = holdings_value;
    Ok(player.traded(entry, trade, note, rules))
}

fn sell(
    player: &mut Player,
    trade: &Trade<'_>,
    note: Option<&Note>,
    rules: RulesRef<'_>,
) -> Outcome {
    let held = player.holdings.get(&trade.order.stock_id).copied();
    let held = held.filter(|h| h.quantity >= trade.order.quantity);
    let held = held.ok_or(Rejection::InsufficientQuantity)?;
    if trade.order.quantity < held.quantity && trade.is_too_small(&rules) {
        return Err(Rejection::OrderTooSmall);
    }
    let cash = player.cash.checked_add(trade.amount).and_then(|c| c.checked_sub(trade.fee));
    let cash = cash.filter(|c| c.0 <= MONEY_MAX).ok_or(Rejection::BeyondLimits)?;
    if cash.0 < 0 {
        return Err(Rejection::InsufficientCash);
    }
    let quantity = held.quantity.0 - trade.order.quantity.0;
    let sold_basis = share_of(held.cost_basis, trade.order.quantity, held.quantity);
    // The profit of a sale that does not count may be one of rounding; its loss is taken.
    let profit = trade.amount.0 - sold_basis.0;
    let profit = if rules.is_trade_counted(trade.amount) { profit } else { profit.min(0) };
    let realised_profit = player.realised_profit.checked_add(Money(profit));
    let realised_profit = realised_profit.ok_or(Rejection::BeyondLimits)?;
    let after = Holding {
        quantity: Quantity(quantity),
        cost_basis: Money(held.cost_basis.0 - sold_basis.0),
        ..held
    };

    let mut entry = trade.entry(player, EntryKind::Sell);
    entry.quantity = Quantity(-trade.order.quantity.0);
    entry.amount = trade.amount;
    entry.quantity_after = after.quantity;
    entry.cost_basis_after = after.cost_basis;
    player.cash = cash;
    player.holdings.insert(trade.order.stock_id, after);
    player.realised_profit = realised_profit;
    player.holdings_value = Money((player.holdings_value.0 - trade.value.0).max(0));
    Ok(player.traded(entry, trade, note, rules))
}

/// The part of a cost basis that belongs to `sold` of `held` shares, rounded to the nearest minor
/// unit;
/// all of it when all are sold.
fn share_of(cost_basis: Money, sold: Quantity, held: Quantity) -> Money {
    let product = i128::from(cost_basis.0) * i128::from(sold.0);
    Money(divide_rounded(product, held.0.into()).min(cost_basis.0))
}

impl Player {
    /// The time of an entry that is made now. A clock that steps back must not date an entry into
    /// the time that a seal covers: it would look like a forged one.
    pub fn entry_time(&self, now: UnixMicros) -> UnixMicros {
        now.max(UnixMicros(self.sealed_until.0.saturating_add(1)))
    }

    /// The next entry of the chain, without amounts.
    pub(crate) fn next_entry(&self, kind: EntryKind, now: UnixMicros) -> LedgerEntry {
        let created_at = self.entry_time(now);
        LedgerEntry {
            // A clock that steps back over a month's end must not put a later version before an
            // earlier one.
            month: created_at.month().max(self.head_month),
            player_id: self.player_id,
            version: self.balance_version + 1,
            kind,
            stock_id: None,
            quantity: Quantity(0),
            price: None,
            amount: Money::ZERO,
            fee: Money::ZERO,
            xp_trade: 0,
            xp_achievements: 0,
            cash_after: Money::ZERO,
            quantity_after: Quantity(0),
            cost_basis_after: Money::ZERO,
            total_xp_after: 0,
            quote_as_of: None,
            quote_day: None,
            quote_source: None,
            about_version: None,
            created_at,
            rules_version: None,
        }
    }

    /// What decides whether the next trade earns XP.
    pub fn xp_standing(&self) -> XpStanding {
        XpStanding {
            total_xp: self.total_xp,
            xp_day: self.xp_day,
            xp_day_trades: self.xp_day_trades,
            is_invested: self.invested.stocks > 0,
        }
    }

    /// Counts a trade, its XP and its note, then appends its entry.
    fn traded(
        &mut self,
        mut entry: LedgerEntry,
        trade: &Trade<'_>,
        note: Option<&Note>,
        rules: RulesRef<'_>,
    ) -> Fill {
        // The XP day is that of the entry, so that it can be computed again from the ledger.
        let day = rules.xp.day(entry.created_at);
        let standing = self.xp_standing();
        let xp = rules.trade_xp(trade.order.side, trade.amount, &standing, entry.created_at);
        let xp = xp.earned();
        if xp > 0 {
            let earlier_trades = if day > self.xp_day { 0 } else { self.xp_day_trades };
            (self.xp_day, self.xp_day_trades) = (day.max(self.xp_day), earlier_trades + 1);
            entry.xp_trade = xp;
        }
        self.count_session_trade(trade.quote.market_day);
        self.trades += i64::from(rules.is_trade_counted(trade.amount));
        if let Some(note) = note {
            let (stock_id, day) = (trade.order.stock_id, trade.quote.market_day);
            self.count_note(entry.version, stock_id, note, day, &rules);
        }
        self.append(entry, rules)
    }

    /// Counts a note if it is long enough, its text is new, and neither its trade nor its stock has
    /// had one that counted, the stock on this market day.
    fn count_note(
        &mut self,
        about_version: i64,
        stock_id: i64,
        note: &Note,
        day: Day,
        rules: &Rules,
    ) {
        let text = note.text_key();
        let Some(holding) = self.holdings.get_mut(&stock_id) else { return };
        let is_counted = note.visible_characters() >= rules.xp.note_characters_min
            && holding.noted_on != Some(day)
            && !self.noted.contains(&about_version)
            && !self.known_texts.contains(&text);
        if is_counted {
            holding.noted_on = Some(day);
            self.noted.insert(about_version);
            self.known_texts.insert(text);
            self.new_texts.insert(text);
            self.notes += 1;
        }
    }

    /// Adds XP and achievements, fills in what is known afterwards, and moves the chain's head.
    pub(crate) fn append(&mut self, mut entry: LedgerEntry, rules: RulesRef<'_>) -> Fill {
        entry.rules_version = rules.version;
        self.stocks_bought = self.stocks_bought.max(self.invested.stocks);
        self.categories_bought |= self.invested.categories;
        self.total_xp += entry.xp_trade;
        let unlocked = match entry.kind {
            EntryKind::Open | EntryKind::TransferIn => Vec::new(),
            EntryKind::Award => self.unlock_achievements(self.award_counts(), &rules),
            EntryKind::Buy | EntryKind::Sell | EntryKind::Note => {
                self.unlock_achievements(self.counts(entry.quote_day), &rules)
            }
        };
        entry.xp_achievements = unlocked.iter().map(|u| u.xp).sum();
        entry.cash_after = self.cash;
        entry.total_xp_after = self.total_xp;
        invariant!(self.cash.0 >= 0, "cash is never negative");
        invariant!(entry.quantity_after.0 >= 0, "shares are never negative");
        let hash = entry.hash(self.head_hash);
        self.head_hash = hash;
        self.head_month = entry.month;
        self.balance_version = entry.version;
        Fill { entry, hash, unlocked }
    }
}
