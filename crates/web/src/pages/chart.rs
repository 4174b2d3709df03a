//! Charts as SVG: a curve with its area, candles, a small curve for lists, and parts of a whole.
//! Each comes with a sentence that says the same, and with its numbers as a table, so that nobody
//! needs to see it. Coordinates are whole numbers in tenths of a unit; nothing is computed with
//! floats. What the numbers mean is the pages' to say.

use std::fmt::{self, Write as _};

use askama::filters::HtmlSafe;
use domain::{Day, Money, Price};

use super::format;
use super::view::View;

/// The size of a chart in units.
const WIDTH: i64 = 640;
const HEIGHT: i64 = 200;
/// Room at the edges, so that thick lines are whole.
const MARGIN: i64 = 8;
/// The most points of a curve; more are thinned out, since no screen shows them.
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

/// The first, highest, lowest and last price of some days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Candle {
    /// The first of the days.
    pub(crate) day: Day,
    pub(crate) open: i64,
    pub(crate) high: i64,
    pub(crate) low: i64,
    pub(crate) close: i64,
}

/// How many days one candle covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Span {
    Week,
    Month,
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

/// A curve with its area; dashed beside it, where there is one, what it is compared with. The
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
    let thin = thinned(points);
    let other = thinned(benchmark);
    let scale = Scale::of(thin.iter().chain(&other).map(|point| point.value));
    let class = format::direction(last.value - first.value);
    let sentence = sentence(view, name, unit, points)?;
    let mut svg = opened(&sentence);
    scale.grid(&mut svg);
    let curve = path(&thin, scale);
    let (start, end) = (MARGIN, WIDTH - MARGIN);
    // Writing to a text cannot fail, here and below.
    let _ = write!(
        svg,
        "<polygon class=\"c-area c-{class}\" points=\"{curve}{end},{HEIGHT} {start},{HEIGHT}\"/>\
         <polyline class=\"c-line c-{class}\" points=\"{}\"/>",
        curve.trim(),
    );
    if other.len() > 1 {
        let curve = path(&other, scale);
        let _ = write!(svg, "<polyline class=\"c-line c-bench\" points=\"{}\"/>", curve.trim());
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

/// Candles. `None` for fewer than two.
pub(crate) fn candles(view: &View, name: &str, candles: &[Candle]) -> Option<Chart> {
    if candles.len() < 2 {
        return None;
    }
    let candles = &candles[candles.len().saturating_sub(POINTS_MAX)..];
    let closes: Vec<Point> =
        candles.iter().map(|candle| Point { day: candle.day, value: candle.close }).collect();
    let scale = Scale::of(candles.iter().flat_map(|candle| [candle.high, candle.low]));
    let sentence = sentence(view, name, Unit::Price, &closes)?;
    let mut svg = opened(&sentence);
    scale.grid(&mut svg);
    let count = i64::try_from(candles.len()).unwrap_or(1);
    // In tenths of a unit: two thirds of its room are a candle's, the rest is between them.
    let room = (WIDTH - 2 * MARGIN) * 10 / count;
    let body = (room * 2 / 3).max(10);
    for (candle, i) in candles.iter().zip(0_i64..) {
        let class = format::direction(candle.close - candle.open);
        let middle = MARGIN * 10 + room * i + room / 2;
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
        rows: rows(candles).map(row).collect(),
    })
}

/// Candles from daily closes. A day before the first opens where that one closes.
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

impl Span {
    /// The number of the week or month of a day.
    fn number(self, day: Day) -> i64 {
        match self {
            // 1970-01-01 was a Thursday; weeks begin on Monday.
            Self::Week => (i64::from(day.0) + 3).div_euclid(7),
            Self::Month => day.start().month().0,
        }
    }
}

/// A small curve without words, for a row that says its numbers itself.
pub(crate) fn sparkline(values: &[i64]) -> Svg {
    let points: Vec<Point> =
        values.iter().zip(0..).map(|(value, day)| Point { day: Day(day), value: *value }).collect();
    let (Some(first), Some(last), true) = (points.first(), points.last(), points.len() > 1) else {
        return Svg::default();
    };
    let scale = Scale::of(values.iter().copied());
    let class = format::direction(last.value - first.value);
    let curve = path(&thinned(&points), scale);
    Svg(format!(
        "<svg class=\"spark\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" preserveAspectRatio=\"none\" \
         aria-hidden=\"true\"><polyline class=\"c-line c-{class}\" points=\"{}\"/></svg>",
        curve.trim()
    ))
}

/// Parts of a whole as one bar; each part has a name and a size. The sentence names each with its
/// share. `None` when there is nothing.
pub(crate) fn allocation(view: &View, name: &str, parts: &[(String, Money)]) -> Option<Chart> {
    let whole: i128 = parts.iter().map(|(_, size)| i128::from(size.0.max(0))).sum();
    if whole == 0 {
        return None;
    }
    let share = |size: i64| {
        i64::try_from((i128::from(size.max(0)) * 10_000 + whole / 2) / whole).unwrap_or(0)
    };
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

/// Where values stand between the lowest and the highest.
#[derive(Clone, Copy)]
struct Scale {
    low: i64,
    high: i64,
}

impl Scale {
    fn of(values: impl Iterator<Item = i64>) -> Self {
        let (low, high) =
            values.fold((i64::MAX, i64::MIN), |(l, h), value| (l.min(value), h.max(value)));
        Self { low, high }
    }

    /// In tenths of a unit from above; what never changes stands in the middle.
    fn y(self, value: i64) -> i64 {
        let room = i128::from((HEIGHT - 2 * MARGIN) * 10);
        let range = i128::from(self.high) - i128::from(self.low);
        if range <= 0 {
            return HEIGHT * 10 / 2;
        }
        let from_top = i128::from(self.high) - i128::from(value);
        MARGIN * 10 + i64::try_from(from_top * room / range).unwrap_or(0)
    }

    fn grid(self, svg: &mut String) {
        for y in [MARGIN, HEIGHT / 2, HEIGHT - MARGIN] {
            let _ = write!(svg, "<path class=\"c-grid\" d=\"M0 {y}H{WIDTH}\"/>");
        }
    }
}

fn opened(sentence: &str) -> String {
    let label = escaped(sentence);
    format!("<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{label}\">")
}

/// The points as `x,y` pairs, spread evenly: sessions, not days of the calendar.
fn path(points: &[Point], scale: Scale) -> String {
    let steps = i64::try_from(points.len().saturating_sub(1)).unwrap_or(1).max(1);
    points.iter().zip(0_i64..).fold(String::new(), |mut text, (point, i)| {
        let x = MARGIN * 10 + (WIDTH - 2 * MARGIN) * 10 * i / steps;
        let _ = write!(text, "{},{} ", tenth(x), tenth(scale.y(point.value)));
        text
    })
}

/// At most [`POINTS_MAX`] of them, evenly chosen, with the first and the last.
fn thinned(points: &[Point]) -> Vec<Point> {
    evenly(points.len(), POINTS_MAX).filter_map(|i| points.get(i).copied()).collect()
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

/// Tenths of a unit as a number of SVG.
fn tenth(tenths: i64) -> String {
    match (tenths / 10, tenths % 10) {
        (whole, 0) => whole.to_string(),
        (whole, rest) => format!("{whole}.{}", rest.abs()),
    }
}

fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::preferences::Preferences;
    use crate::pages::visitor::Asked;
    use crate::query::Query;

    fn view() -> View {
        let preferences = Preferences::of(&axum::http::HeaderMap::new(), &Query::parse(""));
        let currency = domain::Currency::Usd;
        View::bare(&preferences, &Asked::default(), currency, "common-home")
    }

    fn points(values: &[i64]) -> Vec<Point> {
        let days = values.iter().zip(0..);
        days.map(|(value, day)| Point { day: Day(day), value: *value }).collect()
    }

    #[test]
    fn a_curve_goes_from_edge_to_edge_and_says_what_it_shows() {
        let points = points(&[10_000, 30_000, 20_000]);
        let chart = line(&view(), "Apple", Unit::Price, &points, &[]).unwrap();
        let svg = chart.svg.to_string();
        assert!(svg.contains("class=\"c-line c-up\" points=\"8,192 320,8 632,100\""), "{svg}");
        for part in ["Apple", "1 Jan 1970", "3 Jan 1970", "US$1.00", "US$2.00", "US$3.00"] {
            assert!(chart.sentence.contains(part), "{part}: {}", chart.sentence);
        }
        assert_eq!(chart.rows[0], ["3 Jan 1970", "US$2.00"], "the newest first");
        assert!(line(&view(), "Apple", Unit::Price, &points[..1], &[]).is_none());
    }

    #[test]
    fn what_never_changes_is_a_level_line() {
        let chart = line(&view(), "x", Unit::Money, &points(&[5, 5]), &points(&[5, 5])).unwrap();
        let svg = chart.svg.to_string();
        assert!(
            svg.contains("c-line c-flat\" points=\"8,100 632,100\"") && svg.contains("c-bench")
        );
    }

    #[test]
    fn the_largest_numbers_stay_within_the_picture() {
        let extreme = points(&[i64::MIN, i64::MAX, 0]);
        let scale = Scale::of(extreme.iter().map(|point| point.value));
        assert_eq!(path(&extreme, scale).trim(), "8,192 320,8 632,99.9");
    }

    #[test]
    fn thousands_of_points_are_thinned_out_and_the_ends_kept() {
        let many = points(&(0..5_000).collect::<Vec<i64>>());
        let thin = thinned(&many);
        assert_eq!(thin.len(), POINTS_MAX);
        assert_eq!((thin.first(), thin.last()), (many.first(), many.last()));
        let chart = line(&view(), "x", Unit::Money, &many, &[]).unwrap();
        assert_eq!(chart.rows.len(), ROWS_MAX);
        assert!(chart.svg.to_string().len() < 6_000, "{}", chart.svg.to_string().len());
    }

    #[test]
    fn candles_are_made_from_closes_week_by_week_and_month_by_month() {
        let day = |text: &str| Day::parse(text).unwrap();
        // A Thursday, a Friday, the Monday after, and the next month.
        let closes =
            [("2026-11-26", 10), ("2026-11-27", 14), ("2026-11-30", 9), ("2026-12-01", 12)]
                .map(|(text, value)| Point { day: day(text), value });
        let weeks = grouped(&closes, Span::Week);
        assert_eq!(weeks.len(), 2);
        let first = Candle { day: day("2026-11-26"), open: 10, high: 14, low: 10, close: 14 };
        let second = Candle { day: day("2026-11-30"), open: 14, high: 14, low: 9, close: 12 };
        assert_eq!(weeks, [first, second]);
        let months = grouped(&closes, Span::Month);
        assert_eq!((months[0].close, months[1].open, months[1].close), (9, 9, 12));
        let chart = candles(&view(), "Apple", &weeks).unwrap();
        assert_eq!(chart.svg.to_string().matches("<rect").count(), 2);
        assert_eq!(chart.rows[0].len(), chart.heads.len());
        assert!(grouped(&[], Span::Week).is_empty());
    }

    #[test]
    fn parts_fill_their_bar_and_names_are_escaped() {
        let parts = [("A & <b>".to_owned(), Money(300)), ("B".to_owned(), Money(100))];
        let chart = allocation(&view(), "Mix", &parts).unwrap();
        let svg = chart.svg.to_string();
        assert!(
            svg.contains("x=\"480\" width=\"160\"") && svg.contains("A &amp; &lt;b&gt; 75.00%")
        );
        assert_eq!(chart.rows[1], ["B", "US$1.00", "25.00%"]);
        assert!(allocation(&view(), "Mix", &[("A".to_owned(), Money(0))]).is_none());
        assert_eq!((part_class(0), part_class(99)), ("c-1".to_owned(), "c-8".to_owned()));
    }

    #[test]
    fn a_small_curve_needs_two_values() {
        assert!(sparkline(&[3, 1]).to_string().contains("c-down"));
        assert_eq!(sparkline(&[3]).to_string(), "");
    }
}
