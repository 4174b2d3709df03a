//! The axes of charts: days from left to right, values from the lowest to the highest. Coordinates
//! are integers in tenths of a unit.

use std::fmt::Write as _;

use domain::Day;

use super::{HEIGHT, MARGIN, POINTS_MAX, Point, WIDTH};

/// Days from left to right. Days without a point keep their space.
#[derive(Clone, Copy)]
pub(super) struct TimeAxis {
    first: i64,
    last: i64,
}

impl TimeAxis {
    pub(super) fn new(first: Day, last: Day) -> Self {
        Self { first: first.0.into(), last: last.0.into() }
    }

    /// In tenths of a unit from the left; the middle for a single day.
    pub(super) fn x(self, day: Day) -> i64 {
        let (room, span) = ((WIDTH - 2 * MARGIN) * 10, self.last - self.first);
        if span <= 0 {
            return WIDTH * 10 / 2;
        }
        MARGIN * 10 + (i64::from(day.0) - self.first).clamp(0, span) * room / span
    }

    /// The part of the time that a day is in: 0 for the first day, then 1 to `parts`.
    fn part(self, day: Day, parts: i64) -> i64 {
        let (since, span) = (i64::from(day.0) - self.first, (self.last - self.first).max(1));
        (since * parts + span - 1).div_euclid(span)
    }

    /// At most [`POINTS_MAX`] points: the first, and the last of each part of the time. The choice
    /// depends on the days alone, so curves of the same days keep the same days.
    pub(super) fn thinned(self, points: &[Point]) -> Vec<Point> {
        if points.len() <= POINTS_MAX {
            return points.to_vec();
        }
        let parts = i64::try_from(POINTS_MAX - 1).unwrap_or(1);
        let mut kept: Vec<Point> = Vec::with_capacity(POINTS_MAX);
        let mut of_last = None;
        for point in points {
            let part = self.part(point.day, parts);
            if of_last.replace(part) == Some(part) {
                kept.pop();
            }
            kept.push(*point);
        }
        kept
    }
}

#[derive(Clone, Copy)]
pub(super) struct ValueAxis {
    low: i64,
    high: i64,
}

impl ValueAxis {
    pub(super) fn of(values: impl Iterator<Item = i64>) -> Self {
        let (low, high) =
            values.fold((i64::MAX, i64::MIN), |(l, h), value| (l.min(value), h.max(value)));
        Self { low, high }
    }

    /// In tenths of a unit from the top; the middle for a constant value.
    pub(super) fn y(self, value: i64) -> i64 {
        let room = i128::from((HEIGHT - 2 * MARGIN) * 10);
        let range = i128::from(self.high) - i128::from(self.low);
        if range <= 0 {
            return HEIGHT * 10 / 2;
        }
        let from_top = i128::from(self.high) - i128::from(value);
        MARGIN * 10 + i64::try_from(from_top * room / range).unwrap_or(0)
    }

    pub(super) fn grid(self, svg: &mut String) {
        for y in [MARGIN, HEIGHT / 2, HEIGHT - MARGIN] {
            // Writing to a `String` cannot fail, here and below.
            let _ = write!(svg, "<path class=\"c-grid\" d=\"M0 {y}H{WIDTH}\"/>");
        }
    }
}

/// The points as `x,y` pairs.
pub(super) fn path(points: &[Point], days: TimeAxis, scale: ValueAxis) -> String {
    let pair = |text: &mut String, point: &Point| {
        let (x, y) = (tenth(days.x(point.day)), tenth(scale.y(point.value)));
        let blank = if text.is_empty() { "" } else { " " };
        let _ = write!(text, "{blank}{x},{y}");
    };
    points.iter().fold(String::new(), |mut text, point| {
        pair(&mut text, point);
        text
    })
}

/// Tenths of a unit as a number in SVG.
pub(super) fn tenth(tenths: i64) -> String {
    match (tenths / 10, tenths % 10) {
        (whole, 0) => whole.to_string(),
        (whole, rest) => format!("{whole}.{}", rest.abs()),
    }
}
