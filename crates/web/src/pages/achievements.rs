//! The achievements page: the level, unlocked and locked achievements with their progress, and the
//! newest ledger entries that earned XP.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use domain::{AchievementKind, Counts, Money};
use store::{AchievementRow, LedgerFilter, LedgerRow};

use super::view::{Tab, View};
use super::visitor::SignedIn;
use super::{response, xp};
use crate::problem::Problem;
use crate::state::AppState;

/// The newest ledger entries that are searched for XP, and the number of those shown.
const ENTRIES: i64 = 40;
const SHOWN: usize = 10;

#[derive(Template)]
#[template(path = "achievements.html")]
struct AchievementsPage<'a> {
    view: &'a View,
    level: i64,
    xp: i64,
    xp_next: i64,
    what_counts: String,
    unlocked: Vec<Badge>,
    locked: Vec<Badge>,
    earned: Vec<XpEntry>,
}

struct Badge {
    name: String,
    text: String,
    xp: i64,
    when: Option<String>,
    reached: i64,
    target: i64,
    /// The progress as a text.
    progress: String,
}

/// A ledger entry that earned XP.
struct XpEntry {
    link: String,
    what: String,
    xp: i64,
}

pub(super) async fn show(State(state): State<AppState>, me: SignedIn) -> Result<Response, Problem> {
    let (player_id, viewer) = (me.player().player_id, me.viewer());
    let view = View::new(&state, &me, Tab::Achievements, "achievements-title");
    let rows = state.store.achievements_of(player_id).await?;
    let rules = state.rules();
    let valuation = state.prices.valuation(&rules);
    let standing = state.store.load_progress(player_id, &valuation, &rules.levels).await?;
    let badges = rows.into_iter().map(|row| badge(&state, &view, row, &standing.counts));
    let (unlocked, locked) = badges.partition(|badge| badge.when.is_some());
    let newest = LedgerFilter::default();
    let entries =
        state.store.filtered_transactions_page(player_id, newest, None, ENTRIES).await?.rows;
    let earned = entries.iter().filter_map(|row| earned(&view, row)).take(SHOWN);
    let progress = state.rules().levels.progress(viewer.total_xp);
    let page = AchievementsPage {
        level: progress.level,
        xp: progress.xp_in_level,
        xp_next: progress.next_level_xp,
        what_counts: xp::what_counts(&state, &view),
        unlocked,
        locked,
        earned: earned.collect(),
        view: &view,
    };
    Ok(response::page(&view, &page))
}

fn badge(state: &AppState, view: &View, row: AchievementRow, counts: &Counts) -> Badge {
    let rules = state.rules();
    let (rule, cash) = (rules.achievements.find(row.achievement_id), rules.starting_cash);
    let (reached, target) =
        rule.map_or((0, 1), |rule| (rule.kind.reached(counts), rule.kind.threshold(cash)));
    let reached = reached.clamp(0, target);
    let is_money = rule.is_some_and(|rule| {
        matches!(rule.kind, AchievementKind::PortfolioValue(_) | AchievementKind::ProfitAmount(_))
    });
    let [done, of] = [reached, target].map(|number| {
        if is_money { view.fmt.money(Money(number)) } else { view.fmt.number(number) }
    });
    Badge {
        when: row.unlocked_at.map(|at| view.fmt.date_of(at)),
        progress: view.t2("achievements-so-far", "done", done, "of", of),
        name: row.name,
        text: row.description,
        xp: row.xp,
        reached,
        target,
    }
}

fn earned(view: &View, row: &LedgerRow) -> Option<XpEntry> {
    use domain::EntryKind as Kind;
    let entry = &row.entry;
    let xp = entry.xp_trade + entry.xp_achievements;
    let symbol = row.symbol.as_ref().map(ToString::to_string).unwrap_or_default();
    let what = match entry.kind {
        Kind::Buy => view.tn("achievements-by-buying", "symbol", symbol),
        Kind::Sell => view.tn("achievements-by-selling", "symbol", symbol),
        Kind::Note => view.t("achievements-by-note"),
        Kind::Award => {
            view.tn("achievements-by-award", "names", row.awarded.clone().unwrap_or_default())
        }
        Kind::Open | Kind::TransferIn => return None,
    };
    let is_trade = matches!(entry.kind, Kind::Buy | Kind::Sell);
    let receipt = format!("/orders/{}", entry.trade_id());
    let link = if is_trade { receipt } else { "/history".to_owned() };
    (xp > 0).then_some(XpEntry { link, what, xp })
}
