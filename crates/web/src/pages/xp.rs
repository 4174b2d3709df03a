//! Texts on the XP that a trade and a note will earn. `domain` decides what they do earn.

use domain::{Money, Rules, Side, TradeXp};
use store::PlayerProgress;

use super::view::View;
use crate::problem::Problem;
use crate::state::AppState;

/// The XP that a trade of this amount would earn now, or why none. Without an amount: a trade that
/// is just large enough.
pub(super) fn outlook(
    state: &AppState,
    view: &View,
    progress: &PlayerProgress,
    side: Side,
    amount: Option<Money>,
) -> String {
    let rules = state.rules();
    let value_min = rules.xp.value_min.of(rules.starting_cash);
    let now = state.clock.now();
    let trade_xp = rules.trade_xp(side, amount.unwrap_or(value_min), &progress.xp, now);
    let money = |amount| view.fmt.money(amount);
    match trade_xp {
        TradeXp::Earned(_) if amount.is_none() => view.tn("order-xp-from", "min", money(value_min)),
        TradeXp::Earned(xp) => view.tn("order-xp-earns", "xp", xp),
        TradeXp::NotInRules => view.t("order-xp-rules"),
        TradeXp::AmountTooSmall => view.tn("order-xp-small", "min", money(value_min)),
        TradeXp::DayLimitReached => view.tn("order-xp-day", "max", rules.xp.trades_per_day_max),
        TradeXp::NotInvested => view.tn("order-xp-invest", "min", money(rules.holding_value_min())),
    }
}

/// What the XP and the limits of the next trade depend on.
pub(super) async fn load_progress(
    state: &AppState,
    player_id: i64,
) -> Result<PlayerProgress, Problem> {
    let rules = state.rules();
    let valuation = state.prices.valuation(&rules);
    Ok(state.store.load_progress(player_id, &valuation, &rules.levels).await?)
}

/// The minimum length of notes that earn XP.
pub(super) fn note_rule(state: &AppState, view: &View) -> String {
    view.tn("order-note-counts", "min", state.rules().xp.note_characters_min)
}

/// Why a trade that was settled by these rules earned no XP.
pub(super) fn why_none(rules: &Rules, view: &View, amount: Money) -> String {
    if rules.is_trade_counted(amount) {
        return view.t("order-xp-none");
    }
    let value_min = rules.xp.value_min.of(rules.starting_cash);
    view.tn("order-xp-small", "min", view.fmt.money(value_min))
}

/// The rules of what counts for achievements.
pub(super) fn what_counts(state: &AppState, view: &View) -> String {
    let rules = state.rules();
    let trade = view.fmt.money(rules.xp.value_min.of(rules.starting_cash));
    let holding = view.fmt.money(rules.holding_value_min());
    let (note, max) = (rules.xp.note_characters_min, rules.xp.uninvested_max);
    view.ta(
        "achievements-what-counts",
        &[("trade", &trade), ("holding", &holding), ("note", &note), ("max", &max)],
    )
}
