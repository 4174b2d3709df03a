//! Parses dates. An ambiguous date is rejected unless the options define the order of day and
//! month.

use domain::Day;

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// The order of day and month in dates like `02/08/2013`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DateOrder {
    /// 2 August 2013.
    DayFirst,
    /// 8 February 2013.
    MonthFirst,
}

impl DateOrder {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DayFirst => "day-first",
            Self::MonthFirst => "month-first",
        }
    }
}

/// A day: `2013-02-08`, `2013/02/08`, `20130208`, `8.2.2013` (the day is first unless `order` names
/// another one), with the name of the month, or, if `order` is given, `8/2/2013` and `8-2-2013`. A
/// time may follow; the day is that of the exchange, so that a time zone changes nothing.
///
/// # Errors
/// What was expected.
pub(super) fn read_day(text: &str, order: Option<DateOrder>) -> Result<Day, String> {
    let expected = |hint: &str| format!("expected a date like 2013-02-08, got {text:?}{hint}");
    if let Some(day) = read_with_year_first(text) {
        return Ok(day);
    }
    let date = text.split_once([' ', 'T']).filter(|(_, time)| is_time(time));
    let date = date.map_or(text, |(date, _)| date);
    for (mark, own_order) in
        [('.', order.or(Some(DateOrder::DayFirst))), ('/', order), ('-', order)]
    {
        let Some(numbers) = read_numbers(date, mark) else { continue };
        let (day, month) = match own_order {
            Some(DateOrder::DayFirst) => (numbers[0], numbers[1]),
            Some(DateOrder::MonthFirst) => (numbers[1], numbers[0]),
            None => return Err(expected(" (--dates day-first or --dates month-first)")),
        };
        let day = Day::from_civil(i32::from(numbers[2]), small(month), small(day));
        return day.ok_or_else(|| expected(""));
    }
    read_with_month_name(text).ok_or_else(|| expected(""))
}

/// The number of a day or month; 0, which is invalid, if it is too large.
fn small(number: u16) -> u8 {
    u8::try_from(number).unwrap_or_default()
}

fn read_with_year_first(text: &str) -> Option<Day> {
    if text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Day::parse(&format!("{}-{}-{}", &text[..4], &text[4..6], &text[6..]));
    }
    if !text.is_ascii() || text.len() < 10 || !text.as_bytes()[..4].iter().all(u8::is_ascii_digit) {
        return None;
    }
    let (date, time) = text.split_at(10);
    let is_date = time.is_empty() || time.starts_with([' ', 'T']) && is_time(&time[1..]);
    if !is_date {
        return None;
    }
    Day::parse(date).or_else(|| Day::parse(&date.replace('/', "-")))
}

fn is_time(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit() || b":.+-Z ".contains(&byte))
}

/// The numbers of a date that ends with a year of four digits.
fn read_numbers(text: &str, mark: char) -> Option<[u16; 3]> {
    let parts: Vec<&str> = text.split(mark).collect();
    let [first, second, year] = parts[..] else { return None };
    let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let is_short = |part: &str| (1..=2).contains(&part.len()) && is_number(part);
    if !is_short(first) || !is_short(second) || year.len() != 4 || !is_number(year) {
        return None;
    }
    Some([first.parse().ok()?, second.parse().ok()?, year.parse().ok()?])
}

/// A date like `8 Feb 2013`, `Feb 8, 2013` or `08-Feb-2013`.
fn read_with_month_name(text: &str) -> Option<Day> {
    let parts: Vec<&str> =
        text.split([' ', '-', ',', '.']).filter(|part| !part.is_empty()).collect();
    let [first, second, year] = parts[..] else { return None };
    let (month, day) = if first.bytes().all(|byte| byte.is_ascii_digit()) {
        (second, first)
    } else {
        (first, second)
    };
    let name = month.get(..3)?.to_ascii_lowercase();
    let known = MONTHS.iter().position(|known| *known == name)?;
    if year.len() != 4 || !(1..=2).contains(&day.len()) {
        return None;
    }
    Day::from_civil(year.parse().ok()?, u8::try_from(known + 1).ok()?, day.parse().ok()?)
}
