//! The portfolio: every holding, how it is spread, a check-up in sentences, and the curve beside
//! the market's index. Buying and selling are `stock`'s and `order`'s.

mod checkup;

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use domain::{PageRequest, QuoteSource};
use store::HoldingRow;

use self::checkup::{Finding, check};
use super::answer;
use super::chart::{self, Chart, Point, Unit};
use super::home::{Range, Worth, load_curve, load_worth};
use super::view::{Pages, Tab, View};
use super::visitor::SignedIn;
use crate::problem::Problem;
use crate::query::Query;
use crate::state::AppState;

/// Holdings a page.
const ROWS: i64 = 20;
/// How many sessions of the index are looked at.
const SESSIONS_MAX: usize = 800;

pub(crate) fn router() -> Router<AppState> {
    Router::new().route("/portfolio", get(show))
}

#[derive(Template)]
#[template(path = "portfolio.html")]
struct PortfolioPage<'a> {
    view: &'a View,
    worth: Worth,
    rows: Vec<HoldingRow>,
    total: i64,
    pages: Pages,
    spread: Option<Chart>,
    findings: Vec<Finding>,
    curve: Option<Chart>,
    /// What the dashed line is.
    benchmark: Option<&'static str>,
    range: Range,
    hides: bool,
}

impl PortfolioPage<'_> {
    #[expect(clippy::unused_self, reason = "templates reach functions through the page only")]
    fn ranges(&self) -> [Range; 5] {
        Range::all()
    }
}

async fn show(
    State(state): State<AppState>,
    me: SignedIn,
    query: Query,
) -> Result<Response, Problem> {
    let (player_id, viewer) = (me.player().player_id, me.viewer());
    let mut view = View::new(&state, &me, Tab::Portfolio, "portfolio-title");
    view.live = true;
    view.shows_total = true;
    let range = Range::of(&query);
    let points = load_curve(&state, player_id, range).await?;
    let asked = PageRequest::clamped(query.lenient_integer("page").unwrap_or(1), ROWS, ROWS);
    let prices = state.prices.prices_json();
    let (rows, total) = state.store.portfolio_page(player_id, &prices, asked).await?;
    let mix = state.store.portfolio_mix(player_id, &prices).await?;
    let benchmark = benchmark(&state, &points);
    let name = state.market.benchmark_name();
    let page = PortfolioPage {
        worth: load_worth(&state, player_id, &points).await?,
        spread: chart::allocation(&view, &view.t("portfolio-spread"), &mix.categories),
        findings: check(&mix),
        curve: chart::line(&view, &view.t("home-curve"), Unit::Money, &points, &benchmark),
        benchmark: (!benchmark.is_empty()).then_some(name),
        rows,
        total,
        pages: Pages {
            base: "/portfolio?".to_owned(),
            page: asked.page(),
            last: (total.max(1) + ROWS - 1) / ROWS,
        },
        range,
        hides: viewer.preferences.as_ref().is_some_and(|chosen| chosen.hide_amounts),
        view: &view,
    };
    Ok(answer::page(&view, &page))
}

/// The market's index on the days of a curve, as if the same money had gone into it on the first of
/// them. Empty where there is no index of its own.
fn benchmark(state: &AppState, points: &[Point]) -> Vec<Point> {
    let (Some(first), Some(last), true) =
        (points.first(), points.last(), state.market.source() != QuoteSource::Simulated)
    else {
        return Vec::new();
    };
    let now = state.clock.now();
    let finished = state.market.finished_sessions(now);
    let sessions = finished.saturating_sub(SESSIONS_MAX)..finished;
    let closes = sessions.filter_map(|session| {
        let day = state.market.session_day(now, session)?;
        let day = (first.day..=last.day).contains(&day).then_some(day)?;
        Some(Point { day, value: state.market.benchmark_close(now, session)?.0 })
    });
    let closes: Vec<Point> = closes.collect();
    let base = closes.first().map_or(1, |point| point.value.max(1));
    let scaled = |value: i64| {
        let scaled = i128::from(value) * i128::from(first.value) / i128::from(base);
        i64::try_from(scaled).unwrap_or(i64::MAX)
    };
    closes.into_iter().map(|point| Point { value: scaled(point.value), ..point }).collect()
}
