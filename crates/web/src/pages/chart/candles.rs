//! Candle charts by week or month.

use std::fmt::Write as _;

use domain::{Day, Price};

use super::axes::{ValueAxis, tenth};
use super::{Chart, MARGIN, POINTS_MAX, Point, Svg, Unit, WIDTH, opened, rows, sentence};
use crate::pages::format;
use crate::pages::view::View;

/// The first, highest, lowest and last price of some days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Candle {
    /// One of the days.
    pub(crate) day: Day,
    pub(crate) open: i64,
    pub(crate) high: i64,
    pub(crate) low: i64,
    pub(crate) close: i64,
}

/// The period of a candle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Span {
    Week,
    Month,
}

impl Span {
    /// The number of the week or month of a day.
    fn number(self, day: Day) -> i64 {
        match self {
            // 1970-01-01 was a Thursday; weeks begin on Monday.
            Self::Week => (i64::from(day.0) + 3).div_euclid(7),
            // 12 a year: the ledger's number of a month is 100 a year.
            Self::Month => {
                let month = day.start().month().0;
                month.div_euclid(100) * 12 + month.rem_euclid(100)
            }
        }
    }
}

/// A chart of candles. Weeks or months without prices keep their space. `None` for fewer than two
/// candles.
pub(crate) fn candles(view: &View, name: &str, candles: &[Candle], span: Span) -> Option<Chart> {
    let (places, count) = placed(candles, span);
    if places.len() < 2 {
        return None;
    }
    let candles: Vec<Candle> = places.iter().map(|(_, candle)| *candle).collect();
    let closes: Vec<Point> =
        candles.iter().map(|candle| Point { day: candle.day, value: candle.close }).collect();
    let scale = ValueAxis::of(candles.iter().flat_map(|candle| [candle.high, candle.low]));
    let sentence = sentence(view, name, Unit::Price, &closes)?;
    let mut svg = opened(&sentence);
    scale.grid(&mut svg);
    // In tenths of a unit: a candle takes two thirds of its space.
    let room = (WIDTH - 2 * MARGIN) * 10;
    let body = (room * 2 / 3 / count).max(10);
    for (place, candle) in places {
        let class = format::change_direction(candle.open, candle.close);
        let middle = MARGIN * 10 + room * (2 * place + 1) / (2 * count);
        let (top, bottom) = (candle.open.max(candle.close), candle.open.min(candle.close));
        let (top, bottom) = (scale.y(top), scale.y(bottom));
        let x = tenth(middle);
        let _ = write!(
            svg,
            "<path class=\"c-{class}\" d=\"M{x} {}V{}\"/>\
             <rect class=\"c-body c-{class}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"/>",
            tenth(scale.y(candle.high)),
            tenth(scale.y(candle.low)),
            tenth(middle - body / 2),
            tenth(top),
            tenth(body),
            tenth((bottom - top).max(10)),
        );
    }
    svg.push_str("</svg>");
    let heads = [
        "common-chart-day",
        "common-chart-open",
        "common-chart-high",
        "common-chart-low",
        "common-chart-close",
    ];
    let price = |value| view.fmt.price(Price(value));
    let row = |candle: &Candle| {
        let Candle { day, open, high, low, close } = *candle;
        vec![view.fmt.short_day(day), price(open), price(high), price(low), price(close)]
    };
    Some(Chart {
        svg: Svg(svg),
        sentence,
        heads: heads.into_iter().map(|head| view.t(head)).collect(),
        rows: rows(&candles).map(row).collect(),
    })
}

/// The candles with their positions, and the number of positions. With more than [`POINTS_MAX`]
/// positions, candles are merged over several weeks or months.
fn placed(candles: &[Candle], span: Span) -> (Vec<(i64, Candle)>, i64) {
    let (Some(first), Some(last)) = (candles.first(), candles.last()) else {
        return (Vec::new(), 1);
    };
    let first = span.number(first.day);
    let spans = span.number(last.day) - first + 1;
    let places_max = i64::try_from(POINTS_MAX).unwrap_or(1);
    let together = (spans + places_max - 1).div_euclid(places_max).max(1);
    let mut places: Vec<(i64, Candle)> = Vec::new();
    for candle in candles {
        let place = (span.number(candle.day) - first).div_euclid(together);
        match places.last_mut() {
            Some((known, merged)) if *known == place => {
                merged.high = merged.high.max(candle.high);
                merged.low = merged.low.min(candle.low);
                merged.close = candle.close;
            }
            _ => places.push((place, *candle)),
        }
    }
    let count = places.last().map_or(1, |(place, _)| place + 1);
    (places, count)
}

/// Candles of daily closes. Each opens at the close before it, the first at its own.
pub(crate) fn grouped(closes: &[Point], span: Span) -> Vec<Candle> {
    let mut found: Vec<(i64, Candle)> = Vec::new();
    let mut before = closes.first().map_or(0, |point| point.value);
    for Point { day, value } in closes.iter().copied() {
        let number = span.number(day);
        match found.last_mut() {
            Some((known, candle)) if *known == number => {
                candle.high = candle.high.max(value);
                candle.low = candle.low.min(value);
                candle.close = value;
            }
            _ => {
                let (high, low) = (before.max(value), before.min(value));
                found.push((number, Candle { day, open: before, high, low, close: value }));
            }
        }
        before = value;
    }
    found.into_iter().map(|(_, candle)| candle).collect()
}
