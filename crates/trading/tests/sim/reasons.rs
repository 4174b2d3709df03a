//! Whether a request, as it was settled, explains an entry of the ledger or a rejection.

use domain::{Action, EntryKind, LedgerEntry, Quote, Rejection, Rules, Side};

use crate::account::{Account, State, amount, fee, is_too_small, must};
use crate::judge::Sent;
use crate::market::{fill_price, is_sane};

/// Whether a request, as it was settled last, can have made this entry.
pub(crate) fn made(sent: &Sent, entry: &LedgerEntry, rules: &Rules) -> Result<(), String> {
    let seen = sent.seen.as_ref().ok_or("it was never settled")?;
    let right = match &sent.request.action {
        Action::Annotate { about_version, .. } => {
            entry.kind == EntryKind::Note && entry.about_version == Some(*about_version)
        }
        Action::Award => entry.kind == EntryKind::Award,
        Action::Trade(order, _) => {
            let (kind, sign) = match order.side {
                Side::Buy => (EntryKind::Buy, 1),
                Side::Sell => (EntryKind::Sell, -1),
            };
            let quote = seen.quotes.get(&order.stock_id).ok_or("traded without a quote")?;
            must(is_sane(quote.price), || "traded at a senseless quote".to_owned())?;
            let price = fill_price(quote, order.side, rules);
            let of_quote = (Some(price), Some(quote.as_of), Some(quote.market_day));
            entry.kind == kind
                && entry.stock_id == Some(order.stock_id)
                && entry.quantity.0 == sign * order.quantity.0
                && (entry.price, entry.quote_as_of, entry.quote_day) == of_quote
        }
    };
    let right = right && entry.created_at == seen.now && entry.player_id == sent.request.player_id;
    must(right, || format!("the entry {} is not what was requested", entry.version))
}

/// A rejection is right if its reason held at some moment between loading and responding.
pub(crate) fn check_rejection(
    sent: &Sent,
    rejection: Rejection,
    account: &Account,
    rules: &Rules,
) -> Result<(), String> {
    let order = match &sent.request.action {
        Action::Trade(order, _) => order,
        // Whether there was nothing is checked at the end.
        Action::Award if rejection == Rejection::NothingToAward => return Ok(()),
        Action::Award | Action::Annotate { .. } => {
            return Err(format!("a note or an award was refused: {rejection:?}"));
        }
    };
    let seen = sent.seen.as_ref().ok_or("it was refused without being settled")?;
    let quote = seen.quotes.get(&order.stock_id).filter(|quote| is_sane(quote.price));
    let age_max = rules.quote_age_max_s * 1_000_000;
    let is_old = |quote: &Quote| seen.now.0 - quote.as_of.0 > age_max;
    let from = usize::try_from(sent.loaded).expect("a version") - 1;
    let was = |check: &dyn Fn(&State) -> bool| account.states[from..].iter().any(check);
    let quantity = order.quantity.0;
    let lacks_shares = |state: &State| {
        state.held.get(&order.stock_id).is_none_or(|(held, _)| *held < i128::from(quantity))
    };
    let lacks_cash = |state: &State| {
        let Some(quote) = quote else { return false };
        let price = fill_price(quote, order.side, rules);
        let cents = amount(price.0, quantity, order.side == Side::Buy);
        let gained = if order.side == Side::Buy { -cents } else { cents };
        state.cash + gained - fee(cents, rules) < 0
    };
    let has_traded_enough = |state: &State| {
        let (day, trades) = state.session;
        quote.is_some_and(|quote| quote.market_day == day)
            && rules.trades_per_session_max.is_some_and(|most| trades >= most)
    };
    let is_small = |state: &State| {
        let Some(quote) = quote else { return false };
        let price = fill_price(quote, order.side, rules);
        let cents = amount(price.0, quantity, order.side == Side::Buy);
        let held = state.held.get(&order.stock_id).map_or(0, |(held, _)| *held);
        let is_all = order.side == Side::Sell && held == i128::from(quantity);
        is_too_small(cents, rules) && !is_all
    };
    let is_right = match rejection {
        Rejection::QuantityTooLarge => order.quantity > rules.quantity_max,
        Rejection::NoQuote => quote.is_none(),
        Rejection::StaleQuote => quote.is_some_and(is_old),
        Rejection::InsufficientQuantity => order.side == Side::Sell && was(&lacks_shares),
        Rejection::InsufficientCash => was(&lacks_cash),
        Rejection::SessionTradesLimit => was(&has_traded_enough),
        Rejection::OrderTooSmall => was(&is_small),
        _ => false,
    };
    must(is_right, || format!("there was no reason for {rejection:?}"))
}
