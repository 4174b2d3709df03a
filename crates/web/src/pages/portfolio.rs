//! The portfolio page: holdings, their allocation, a check-up, the curve with the market's index,
//! and pending orders.

mod checkup;

use std::collections::BTreeSet;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use domain::{PageRequest, QuoteSource, divide_rounded};
use market::Halt;
use store::HoldingRow;

use self::checkup::{Finding, check};
use super::chart::{self, Chart, Point, Unit};
use super::home::{CurveRange, load_curve};
use super::pending::{self, OrderSummary};
use super::portfolio_value::PortfolioValue;
use super::response;
use super::value_part::ValuePart;
use super::view::{Pager, Tab, View};
use super::visitor::SignedIn;
use crate::http::query::Query;
use crate::problem::Problem;
use crate::state::AppState;

const ROWS: i64 = 20;

#[derive(Template)]
#[template(path = "portfolio.html")]
struct PortfolioPage<'a> {
    view: &'a View,
    value: PortfolioValue,
    rows: Vec<HoldingRow>,
    total: i64,
    pages: Pager,
    spread: Option<Chart>,
    findings: Vec<Finding>,
    curve: Option<Chart>,
    /// The name of the index.
    benchmark: Option<&'static str>,
    range: CurveRange,
    hides: bool,
    orders: Vec<OrderSummary>,
    /// Stocks that are not traded at present.
    ended: BTreeSet<i64>,
}

impl PortfolioPage<'_> {
    fn has_ended(&self, row: &HoldingRow) -> bool {
        self.ended.contains(&row.stock_id)
    }
}

pub(super) async fn show(
    State(state): State<AppState>,
    me: SignedIn,
    query: Query,
) -> Result<Response, Problem> {
    let (player_id, viewer) = (me.player().player_id, me.viewer());
    let mut view = View::new(&state, &me, Tab::Portfolio, "portfolio-title");
    view.live = true;
    view.value_parts = ValuePart::SINCE_START.to_vec();
    let range = CurveRange::of(&query);
    // One snapshot of prices for the whole page, so that sums equal their parts.
    let present = state.prices.snapshot();
    let points = load_curve(&state, &present, player_id, range).await?;
    let page_request = PageRequest::clamped(query.lenient_integer("page").unwrap_or(1), ROWS, ROWS);
    let (prices, unit) = (present.prices_json(), view.fmt.unit);
    let (rows, total) = state.store.portfolio_page(player_id, &prices, unit, page_request).await?;
    let mix = state.store.portfolio_mix(player_id, &prices, unit).await?;
    let benchmark = benchmark(&state, &points);
    let name = state.market.benchmark_name();
    let page = PortfolioPage {
        value: PortfolioValue::load(&state, &present, player_id, &points).await?,
        spread: chart::allocation(&view, &view.t("portfolio-spread"), &mix.categories),
        findings: check(&mix),
        curve: chart::line(&view, &view.t("home-curve"), Unit::Money, &points, &benchmark),
        benchmark: (!benchmark.is_empty()).then_some(name),
        orders: pending::list(&state, &view, player_id).await?,
        ended: ended(&state, &rows),
        rows,
        total,
        pages: Pager {
            base: "/portfolio?".to_owned(),
            page: page_request.page(),
            last: page_request.meta(total).last_page,
        },
        range,
        hides: viewer.preferences.as_ref().is_some_and(|chosen| chosen.hide_amounts),
        view: &view,
    };
    Ok(response::page(&view, &page))
}

/// The stocks of these rows that are not traded at present.
fn ended(state: &AppState, rows: &[HoldingRow]) -> BTreeSet<i64> {
    let present = state.prices.snapshot();
    let has_ended = |stock_id: &i64| {
        let halt = state.prices.position(*stock_id).and_then(|position| present.halt(position));
        halt == Some(Halt::NotTraded)
    };
    rows.iter().map(|row| row.stock_id).filter(has_ended).collect()
}

/// The market's index on the days of a curve, scaled to its value on the first day with a close of
/// the index. Empty for a market without an index.
fn benchmark(state: &AppState, points: &[Point]) -> Vec<Point> {
    if points.len() < 2 || state.market.source() == QuoteSource::Simulated {
        return Vec::new();
    }
    let now = state.clock.now();
    let close = |day| {
        let session = state.market.session_on(now, day)?;
        state.market.benchmark_close(now, session)
    };
    let closes = points.iter().filter_map(|point| Some((*point, close(point.day)?.0)));
    scaled(closes)
}

/// Closes of an index, scaled to the value of the first point.
fn scaled(closes: impl Iterator<Item = (Point, i64)>) -> Vec<Point> {
    let mut base = None;
    let scaled = closes.map(|(point, close)| {
        let (money, first) = *base.get_or_insert((point.value, close));
        let value = divide_rounded(i128::from(close) * i128::from(money), first.into());
        Point { day: point.day, value }
    });
    scaled.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Day;

    #[test]
    fn an_index_begins_at_the_first_value_of_the_curve() {
        let point = |day, value| Point { day: Day(day), value };
        let curve = [point(10, 1_000_000), point(40, 1_500_000), point(47, 900_000)];
        let index = scaled(curve.into_iter().zip([300, 330, 299]));
        assert_eq!(index, [point(10, 1_000_000), point(40, 1_100_000), point(47, 996_667)]);
        let later = scaled(curve.into_iter().skip(1).zip([330, 165]));
        assert_eq!(later, [point(40, 1_500_000), point(47, 750_000)]);
        assert_eq!(scaled(std::iter::once((point(1, i64::MAX), 0))), [point(1, 0)]);
    }
}
