//! The range and the shape of a stock's chart.

use domain::{Day, MinorUnit, Price};
use market::PriceSnapshot;
use store::{MonthBar, StockRow, Store};

use crate::game::stocks::last_public_day;
use crate::pages::chart::{self, Candle, Chart, Point, Span, Unit};
use crate::pages::choices::choices;
use crate::pages::view::View;
use crate::problem::Problem;
use crate::state::AppState;

choices! {
    #[derive(Default)]
    ChartRange {
        Month = "1m",
        HalfYear = "6m",
        #[default]
        Year = "1y",
        FiveYears = "5y",
        Max = "max",
    }
}

choices! {
    #[derive(Default)]
    ChartShape {
        #[default]
        Line = "line",
        Candles = "candles",
    }
}

impl ChartRange {
    /// The message key of the label.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Month => "stock-range-1m",
            Self::HalfYear => "stock-range-6m",
            Self::Year => "stock-range-1y",
            Self::FiveYears => "stock-range-5y",
            Self::Max => "stock-range-max",
        }
    }

    /// In calendar days; the longest is the limit of one statement.
    fn days(self) -> i32 {
        match self {
            Self::Month => 31,
            Self::HalfYear => 183,
            Self::Year => 366,
            Self::FiveYears => 1_827,
            Self::Max => 20_000,
        }
    }
}

impl ChartShape {
    /// The message key of the label.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Line => "stock-line",
            Self::Candles => "stock-candles",
        }
    }
}

/// The prices of a range.
pub(super) struct PriceCurve {
    /// A point per session, after one per rolled-up month.
    pub(super) closes: Vec<Point>,
    /// The rolled-up months of a long range.
    months: Vec<Candle>,
}

/// The prices of a range up to the market's present. Past months of a long range are rolled up.
pub(super) async fn load(
    state: &AppState,
    present: &PriceSnapshot,
    stock_id: i64,
    range: ChartRange,
) -> Result<PriceCurve, Problem> {
    let to = last_public_day(present);
    let from = Day(to.0.saturating_sub(range.days()));
    let months = match range {
        ChartRange::Month | ChartRange::HalfYear | ChartRange::Year => Vec::new(),
        ChartRange::FiveYears | ChartRange::Max => {
            let read = |store: Store| async move { store.stock_months(stock_id, from, to).await };
            state.store.with_replica(read).await?
        }
    };
    let rest = months.last().map_or(from, |month| Day(month.last_day.0.saturating_add(1)));
    let closes = state.stock_history(stock_id, rest, to).await?;
    let closes = closes.into_iter().map(|(day, Price(value))| Point { day, value });
    let over = months.iter().map(|month| Point { day: month.last_day, value: month.close.0 });
    let candle = |month: &MonthBar| Candle {
        day: month.last_day,
        open: month.open.0,
        high: month.high.0,
        low: month.low.0,
        close: month.close.0,
    };
    Ok(PriceCurve {
        closes: over.chain(closes).collect(),
        months: months.iter().map(candle).collect(),
    })
}

pub(super) fn draw(
    view: &View,
    stock: &StockRow,
    curve: &PriceCurve,
    range: ChartRange,
    shape: ChartShape,
) -> Option<Chart> {
    match shape {
        ChartShape::Line => chart::line(view, &stock.name, Unit::Price, &curve.closes, &[]),
        ChartShape::Candles => {
            chart::candles(view, &stock.name, &candles(curve, range), candle_span(range))
        }
    }
}

/// The period of a candle, as a word for messages.
pub(super) fn span(range: ChartRange) -> &'static str {
    match candle_span(range) {
        Span::Week => "week",
        Span::Month => "month",
    }
}

fn candle_span(range: ChartRange) -> Span {
    match range {
        ChartRange::Month | ChartRange::HalfYear | ChartRange::Year => Span::Week,
        ChartRange::FiveYears | ChartRange::Max => Span::Month,
    }
}

fn candles(curve: &PriceCurve, range: ChartRange) -> Vec<Candle> {
    let span = candle_span(range);
    // The first points are those of the rolled-up months.
    let rest = curve.closes.get(curve.months.len()..).unwrap_or_default();
    curve.months.iter().copied().chain(chart::grouped(rest, span)).collect()
}

/// The candles as JSON for the script of the large chart.
pub(super) fn candles_json(curve: &PriceCurve, range: ChartRange, unit: MinorUnit) -> String {
    let rows: Vec<String> = candles(curve, range)
        .iter()
        .map(|candle| {
            let [open, high, low, close] = [candle.open, candle.high, candle.low, candle.close]
                .map(|price| Price(price).to_text(unit));
            format!("[\"{}\",{open},{high},{low},{close}]", candle.day)
        })
        .collect();
    format!("[{}]", rows.join(","))
}
