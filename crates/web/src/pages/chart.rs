//! Charts as SVG: a curve with its area, candles, a small curve for lists, and parts of a whole.
//! Each comes with a sentence and a table of the same numbers, for readers who do not see it.
//! Points stand at their days (`axes`). Coordinates are whole numbers in tenths of a unit; nothing
//! is computed with floats. What the numbers mean is told by the pages.

mod axes;
mod candles;

use std::fmt::{self, Write as _};

use askama::filters::HtmlSafe;
use domain::{Day, Money, Price, Ratio};

use self::axes::{TimeAxis, ValueAxis, path, tenth};
pub(crate) use self::candles::{Candle, Span, candles, grouped};
use super::format;
use super::view::View;

/// The size of a chart in units.
const WIDTH: i64 = 640;
const HEIGHT: i64 = 200;
/// Room at the edges, so that thick lines are whole.
const MARGIN: i64 = 8;
/// The most points of a curve, and candles; more are thinned out, since no screen shows them.
const POINTS_MAX: usize = 160;
/// The most rows of the table beside a chart.
const ROWS_MAX: usize = 30;
/// Colours of parts; further parts share the last.
const COLOURS: usize = 8;

/// A finished drawing. Everything in it was written here; texts are escaped.
#[derive(Clone, Debug, Default)]
pub(crate) struct Svg(String);

impl fmt::Display for Svg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl HtmlSafe for Svg {}

/// A drawing with what it says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chart {
    pub(crate) svg: Svg,
    pub(crate) sentence: String,
    /// The heads of the table.
    pub(crate) heads: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
}

/// A value on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Point {
    pub(crate) day: Day,
    /// In any unit; all points of a chart have the same.
    pub(crate) value: i64,
}

/// What the values are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Cents.
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

/// A curve with its area; dashed beside it, where there is one, what it is compared with, by the
/// same days and values. Points ascend by day. The sentence begins with `name`. `None` for fewer
/// than two points.
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
    let class = format::way(first.value, last.value);
    let sentence = sentence(view, name, unit, points)?;
    let mut svg = opened(&sentence);
    scale.grid(&mut svg);
    let curve = path(&thin, days, scale);
    let [start, end] = [first, last].map(|point| tenth(days.x(point.day)));
    // Writing to a text cannot fail, here and below.
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

/// A small curve without words, for a row that shows its numbers itself, over the days from the
/// first to the last. `None` for fewer than two points.
pub(crate) fn sparkline(points: &[Point], (from, to): (Day, Day)) -> Option<Svg> {
    let (first, last) = (points.first()?, points.last()?);
    if points.len() < 2 {
        return None;
    }
    let days = TimeAxis::new(from, to);
    let scale = ValueAxis::of(points.iter().map(|point| point.value));
    let class = format::way(first.value, last.value);
    let curve = path(&days.thinned(points), days, scale);
    Some(Svg(format!(
        "<svg class=\"spark\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" preserveAspectRatio=\"none\" \
         aria-hidden=\"true\"><polyline class=\"c-line c-{class}\" points=\"{curve}\"/></svg>"
    )))
}

/// Parts of a whole as one bar; each part has a name and a size. The sentence names each with its
/// share. `None` when there is nothing.
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

/// The class of the colour of a part, also for a key beside the bar.
pub(crate) fn part_class(index: usize) -> String {
    format!("c-{}", (index + 1).min(COLOURS))
}

fn opened(sentence: &str) -> String {
    let label = escaped(sentence);
    format!("<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{label}\">")
}

/// At most [`ROWS_MAX`] of them for a table, newest first.
fn rows<T>(all: &[T]) -> impl Iterator<Item = &T> {
    let chosen: Vec<usize> = evenly(all.len(), ROWS_MAX).collect();
    chosen.into_iter().rev().filter_map(|i| all.get(i))
}

/// At most `max` positions of `count`, from the first to the last.
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
