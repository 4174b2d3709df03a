//! Charts as SVG: a curve, candles, a small curve for lists, and the parts of a whole. Each has a
//! sentence and a table of its numbers for screen readers. Coordinates are integers in tenths of a
//! unit.

mod axes;
mod candles;

use std::fmt::{self, Write as _};

use askama::filters::HtmlSafe;
use domain::{Day, Money, Price, Ratio};

use self::axes::{TimeAxis, ValueAxis, path, tenth};
pub(crate) use self::candles::{Candle, Span, candles, grouped};
use super::format;
use super::view::View;

/// The size of a chart in SVG units.
const WIDTH: i64 = 640;
const HEIGHT: i64 = 200;
/// The margin in which thick lines end.
const MARGIN: i64 = 8;
/// The maximum of points of a curve, and of candles; more are thinned out.
const POINTS_MAX: usize = 160;
/// The maximum of rows of a table.
const ROWS_MAX: usize = 30;
/// The number of colors of parts; further parts share the last.
const COLORS: usize = 8;

/// A drawing. Its texts are escaped.
#[derive(Clone, Debug, Default)]
pub(crate) struct Svg(String);

impl fmt::Display for Svg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl HtmlSafe for Svg {}

#[derive(Clone, Debug, Default)]
pub(crate) struct Chart {
    pub(crate) svg: Svg,
    pub(crate) sentence: String,
    pub(crate) heads: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Point {
    pub(crate) day: Day,
    /// In the [`Unit`] of the chart.
    pub(crate) value: i64,
}

/// The unit of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Minor units.
    Money,
    /// Ten-thousandths of the currency's unit.
    Price,
}

impl Unit {
    fn text(self, view: &View, value: i64) -> String {
        match self {
            Self::Money => view.fmt.money(Money(value)),
            Self::Price => view.fmt.price(Price(value)),
        }
    }
}

/// A curve with its area and, dashed, a benchmark on the same axes. Points ascend by day. The
/// sentence begins with `name`. `None` for fewer than two points.
pub(crate) fn line(
    view: &View,
    name: &str,
    unit: Unit,
    points: &[Point],
    benchmark: &[Point],
) -> Option<Chart> {
    let (first, last) = (points.first()?, points.last()?);
    if points.len() < 2 {
        return None;
    }
    let days = || points.iter().chain(benchmark).map(|point| point.day);
    let days = TimeAxis::new(days().min()?, days().max()?);
    let (thin, other) = (days.thinned(points), days.thinned(benchmark));
    let scale = ValueAxis::of(thin.iter().chain(&other).map(|point| point.value));
    let class = format::change_direction(first.value, last.value);
    let sentence = sentence(view, name, unit, points)?;
    let mut svg = opened(&sentence);
    scale.grid(&mut svg);
    let curve = path(&thin, days, scale);
    let [start, end] = [first, last].map(|point| tenth(days.x(point.day)));
    // Writing to a `String` cannot fail, here and below.
    let _ = write!(
        svg,
        "<polygon class=\"c-area c-{class}\" points=\"{curve} {end},{HEIGHT} {start},{HEIGHT}\"/>\
         <polyline class=\"c-line c-{class}\" points=\"{curve}\"/>",
    );
    if other.len() > 1 {
        let curve = path(&other, days, scale);
        let _ = write!(svg, "<polyline class=\"c-line c-bench\" points=\"{curve}\"/>");
    }
    svg.push_str("</svg>");
    Some(Chart {
        svg: Svg(svg),
        sentence,
        heads: vec![view.t("common-chart-day"), view.t("common-chart-value")],
        rows: rows(points)
            .map(|point| vec![view.fmt.short_day(point.day), unit.text(view, point.value)])
            .collect(),
    })
}

/// A small curve without a text, over these days. `None` for fewer than two points.
pub(crate) fn sparkline(points: &[Point], (from, to): (Day, Day)) -> Option<Svg> {
    let (first, last) = (points.first()?, points.last()?);
    if points.len() < 2 {
        return None;
    }
    let days = TimeAxis::new(from, to);
    let scale = ValueAxis::of(points.iter().map(|point| point.value));
    let class = format::change_direction(first.value, last.value);
    let curve = path(&days.thinned(points), days, scale);
    Some(Svg(format!(
        "<svg class=\"spark\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" preserveAspectRatio=\"none\" \
         aria-hidden=\"true\"><polyline class=\"c-line c-{class}\" points=\"{curve}\"/></svg>"
    )))
}

/// Parts of a whole, with their names, as one bar. `None` for an empty whole.
pub(crate) fn allocation(view: &View, name: &str, parts: &[(String, Money)]) -> Option<Chart> {
    let whole: i128 = parts.iter().map(|(_, size)| i128::from(size.0.max(0))).sum();
    if whole == 0 {
        return None;
    }
    let share = |size: i64| Ratio::of(size.max(0), whole);
    let named: Vec<String> = parts
        .iter()
        .map(|(part, size)| format!("{part} {}", view.fmt.percent(share(size.0))))
        .collect();
    let sentence = format!("{name}: {}", named.join(", "));
    let mut svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} 40\" role=\"img\" aria-label=\"{}\">",
        escaped(&sentence)
    );
    let mut before: i128 = 0;
    let x = |sum: i128| i64::try_from(sum * i128::from(WIDTH * 10) / whole).unwrap_or(0);
    for (i, (_, size)) in parts.iter().enumerate() {
        let after = before + i128::from(size.0.max(0));
        let _ = write!(
            svg,
            "<rect class=\"c-part {}\" x=\"{}\" width=\"{}\" height=\"40\"/>",
            part_class(i),
            tenth(x(before)),
            tenth(x(after) - x(before)),
        );
        before = after;
    }
    svg.push_str("</svg>");
    let rows = parts.iter().map(|(part, size)| {
        vec![part.clone(), view.fmt.money(*size), view.fmt.percent(share(size.0))]
    });
    Some(Chart {
        svg: Svg(svg),
        sentence,
        heads: vec![
            view.t("common-chart-part"),
            view.t("common-chart-value"),
            view.t("common-chart-share"),
        ],
        rows: rows.collect(),
    })
}

/// The class of the color of a part.
pub(crate) fn part_class(index: usize) -> String {
    format!("c-{}", (index + 1).min(COLORS))
}

fn opened(sentence: &str) -> String {
    let label = escaped(sentence);
    format!("<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{label}\">")
}

/// At most [`ROWS_MAX`] evenly spaced rows, newest first.
fn rows<T>(all: &[T]) -> impl Iterator<Item = &T> {
    let chosen: Vec<usize> = evenly(all.len(), ROWS_MAX).collect();
    chosen.into_iter().rev().filter_map(|i| all.get(i))
}

/// At most `max` evenly spaced positions of `count`, with the first and the last.
fn evenly(count: usize, max: usize) -> impl Iterator<Item = usize> {
    let kept = count.min(max);
    (0..kept).map(move |i| if kept < 2 { i } else { i * (count - 1) / (kept - 1) })
}

fn sentence(view: &View, name: &str, unit: Unit, points: &[Point]) -> Option<String> {
    let (first, last) = (points.first()?, points.last()?);
    let low = points.iter().map(|point| point.value).min()?;
    let high = points.iter().map(|point| point.value).max()?;
    let text = |value| unit.text(view, value);
    Some(view.ta(
        "common-chart-sentence",
        &[
            ("name", &name),
            ("from", &view.fmt.short_day(first.day)),
            ("to", &view.fmt.short_day(last.day)),
            ("first", &text(first.value)),
            ("last", &text(last.value)),
            ("low", &text(low)),
            ("high", &text(high)),
        ],
    ))
}

fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.replace('"', "&quot;")
}

#[cfg(test)]
mod tests;
