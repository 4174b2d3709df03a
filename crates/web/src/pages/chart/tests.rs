//! Coordinates, sentences and tables of charts.

use super::*;
use crate::http::query::Query;
use crate::pages::preferences::DisplayPreferences;
use crate::pages::visitor::RequestedPage;

fn view() -> View {
    let preferences = DisplayPreferences::of(&axum::http::HeaderMap::new(), &Query::parse(""));
    let currency = (domain::Currency::USD, domain::MinorUnit::Hundredth);
    View::bare(&preferences, &RequestedPage::default(), currency, "common-home")
}

fn points(values: &[i64]) -> Vec<Point> {
    let days = values.iter().zip(0..);
    days.map(|(value, day)| Point { day: Day(day), value: *value }).collect()
}

#[test]
fn a_curve_spans_the_chart_and_has_a_sentence_and_a_table() {
    let points = points(&[10_000, 30_000, 20_000]);
    let chart = line(&view(), "Apple", Unit::Price, &points, &[]).unwrap();
    let svg = chart.svg.to_string();
    assert_eq!(drawn(&svg, "c-up"), "8,192 320,8 632,100");
    for part in ["Apple", "1 Jan 1970", "3 Jan 1970", "US$1.00", "US$2.00", "US$3.00"] {
        assert!(chart.sentence.contains(part), "{part}: {}", chart.sentence);
    }
    let rows = [["3 Jan 1970", "US$2.00"], ["2 Jan 1970", "US$3.00"], ["1 Jan 1970", "US$1.00"]];
    assert_eq!(chart.rows, rows, "the newest first");
    assert!(line(&view(), "Apple", Unit::Price, &points[..1], &[]).is_none());
}

#[test]
fn a_constant_value_is_a_level_line() {
    let chart = line(&view(), "x", Unit::Money, &points(&[5, 5]), &points(&[5, 5])).unwrap();
    let svg = chart.svg.to_string();
    assert_eq!([drawn(&svg, "c-flat"), drawn(&svg, "c-bench")], ["8,100 632,100"; 2]);
}

#[test]
fn the_largest_numbers_stay_within_the_picture() {
    let extreme = points(&[i64::MIN, i64::MAX, 0]);
    let scale = ValueAxis::of(extreme.iter().map(|point| point.value));
    let days = TimeAxis::new(Day(0), Day(2));
    assert_eq!(path(&extreme, days, scale), "8,192 320,8 632,99.9");
    let chart = line(&view(), "x", Unit::Money, &extreme, &[]).unwrap();
    assert_eq!(drawn(&chart.svg.to_string(), "c-up"), "8,192 320,8 632,99.9");
}

#[test]
fn thousands_of_points_are_thinned_out_and_the_ends_kept() {
    let many = points(&(0..5_000).collect::<Vec<i64>>());
    let thin = TimeAxis::new(Day(0), Day(4_999)).thinned(&many);
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
    let closes = [("2026-11-26", 10), ("2026-11-27", 14), ("2026-11-30", 9), ("2026-12-01", 12)]
        .map(|(text, value)| Point { day: day(text), value });
    let weeks = grouped(&closes, Span::Week);
    assert_eq!(weeks.len(), 2);
    let first = Candle { day: day("2026-11-26"), open: 10, high: 14, low: 10, close: 14 };
    let second = Candle { day: day("2026-11-30"), open: 14, high: 14, low: 9, close: 12 };
    assert_eq!(weeks, [first, second]);
    let months = grouped(&closes, Span::Month);
    assert_eq!((months[0].close, months[1].open, months[1].close), (9, 9, 12));
    let chart = candles(&view(), "Apple", &weeks, Span::Week).unwrap();
    let svg = chart.svg.to_string();
    for drawing in [
        "<path class=\"c-up\" d=\"M164 8V155.2\"/>\
         <rect class=\"c-body c-up\" x=\"60\" y=\"8\" width=\"208\" height=\"147.2\"/>",
        "<path class=\"c-down\" d=\"M476 8V192\"/>\
         <rect class=\"c-body c-down\" x=\"372\" y=\"8\" width=\"208\" height=\"73.6\"/>",
    ] {
        assert!(svg.contains(drawing), "{drawing} is not in {svg}");
    }
    let rows = [
        ["30 Nov 2026", "US$0.0014", "US$0.0014", "US$0.0009", "US$0.0012"],
        ["26 Nov 2026", "US$0.001", "US$0.0014", "US$0.001", "US$0.0014"],
    ];
    assert_eq!(chart.rows, rows);
    assert_eq!(chart.heads.len(), rows[0].len());
    assert!(grouped(&[], Span::Week).is_empty());
}

#[test]
fn parts_fill_their_bar_and_names_are_escaped() {
    let parts = [("A & <b>".to_owned(), Money(300)), ("B".to_owned(), Money(100))];
    let chart = allocation(&view(), "Mix", &parts).unwrap();
    let svg = chart.svg.to_string();
    assert!(svg.contains("x=\"480\" width=\"160\"") && svg.contains("A &amp; &lt;b&gt; 75.00%"));
    assert_eq!(chart.rows[1], ["B", "US$1.00", "25.00%"]);
    assert!(allocation(&view(), "Mix", &[("A".to_owned(), Money(0))]).is_none());
    assert_eq!((part_class(0), part_class(99)), ("c-1".to_owned(), "c-8".to_owned()));
}

#[test]
fn a_small_curve_needs_two_values() {
    let window = (Day(0), Day(1));
    let curve = sparkline(&points(&[3, 1]), window).unwrap().to_string();
    assert_eq!(drawn(&curve, "c-down"), "8,8 632,192");
    assert!(sparkline(&points(&[3]), window).is_none());
}

/// The points of the line with this class.
fn drawn(svg: &str, class: &str) -> String {
    let (_, rest) = svg.split_once(&format!("class=\"c-line {class}\" points=\"")).unwrap();
    rest.split_once('"').unwrap().0.to_owned()
}

#[test]
fn points_are_placed_by_their_days() {
    // A session each day, a weekend, and a month without any.
    let at = |day, value| Point { day: Day(day), value };
    let curve = [at(0, 100), at(1, 200), at(4, 300), at(39, 300)];
    let chart = line(&view(), "x", Unit::Money, &curve, &[]).unwrap();
    // 624 units for 39 days.
    assert_eq!(drawn(&chart.svg.to_string(), "c-up"), "8,192 24,100 72,8 632,8");
}

#[test]
fn points_at_one_x_are_of_the_same_day() {
    let at = |day, value| Point { day: Day(day), value };
    // After thinning out: a month apart, then a week, then each session.
    let curve: Vec<Point> =
        [0, 30, 60, 67, 74, 75, 76, 77, 78].map(|day| at(day, day.into())).into();
    // The index has no close on one of these days.
    let index: Vec<Point> = curve.iter().copied().filter(|point| point.day != Day(67)).collect();
    let svg = line(&view(), "x", Unit::Money, &curve, &index).unwrap().svg.to_string();
    let (curve, index) = (drawn(&svg, "c-up"), drawn(&svg, "c-bench"));
    let mut pairs: Vec<&str> = curve.split(' ').collect();
    assert_eq!((pairs[0], pairs[3], pairs[8]), ("8,192", "544,33.9", "632,8"));
    pairs.remove(3);
    assert_eq!(pairs, index.split(' ').collect::<Vec<_>>(), "the same values at the same places");
}

#[test]
fn curves_of_the_same_days_are_thinned_out_to_the_same_days() {
    let days = TimeAxis::new(Day(0), Day(20_000));
    let curve: Vec<Point> =
        (0..800).map(|n| Point { day: Day(n * n / 32), value: n.into() }).collect();
    let other: Vec<Point> = curve.iter().map(|p| Point { value: -p.value, ..*p }).collect();
    let of = |points: &[Point]| days.thinned(points).iter().map(|p| p.day).collect::<Vec<_>>();
    assert_eq!(of(&curve), of(&other));
    assert!(of(&curve).len() <= POINTS_MAX && of(&curve).is_sorted());
    assert_eq!(of(&curve).first().zip(of(&curve).last()), Some((&Day(0), &curve[799].day)));
}

#[test]
fn a_candle_is_placed_by_its_week_and_a_missing_week_stays_empty() {
    let at = |day, value| Point { day: Day(day), value };
    // Mondays; two weeks have no prices.
    let weeks = grouped(&[at(4, 10), at(11, 20), at(32, 20)], Span::Week);
    let svg = candles(&view(), "x", &weeks, Span::Week).unwrap().svg.to_string();
    let middles: Vec<&str> =
        svg.split("d=\"M").skip(4).map(|part| part.split(' ').next().unwrap()).collect();
    // 624 units for five weeks.
    assert_eq!(middles, ["70.4", "195.2", "569.6"]);
}

#[test]
fn many_months_are_drawn_to_the_first_one_as_longer_candles() {
    let day = |year, month| Day::from_civil(year, month, 1).unwrap();
    let months = (1980..2020).flat_map(|year| (1..=12).map(move |month| (year, month)));
    let candle = |(n, (year, month))| {
        let n: i64 = n;
        Candle { day: day(year, month), open: n, high: n + 2, low: n - 2, close: n + 1 }
    };
    let all: Vec<Candle> = (0..).zip(months).map(candle).collect();
    let chart = candles(&view(), "x", &all, Span::Month).unwrap();
    assert_eq!(chart.svg.to_string().matches("<rect").count(), POINTS_MAX);
    assert!(chart.sentence.contains("1 Jan 1980"), "{}", chart.sentence);
    let first = chart.rows.last().unwrap();
    // January to March 1980: opens at 0, closes at 3 ten-thousandths.
    assert_eq!((first[1].as_str(), first[4].as_str()), ("US$0.00", "US$0.0003"));
}

#[test]
fn a_small_curve_is_placed_by_the_days_of_the_list() {
    let at = |day, value| Point { day: Day(day), value };
    let window = (Day(100), Day(139));
    let new = sparkline(&[at(119, 5), at(120, 5), at(139, 6)], window).unwrap().to_string();
    assert!(new.contains("points=\"312,192 328,192 632,8\""), "{new}");
}
