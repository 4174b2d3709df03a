//! The format of numbers, money, dates and times on pages: the digits of `numbers` with signs,
//! groups and symbols. The three languages format numbers alike (1,234.50) and dates differently,
//! as in CLDR 48.

mod months;

use domain::{Currency, Day, MinorUnit, Money, Price, Quantity, Ratio, UnixMicros};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use self::months::{MONTHS, SHORT_MONTHS};
use super::preferences::{Lang, Mode};
use crate::game::numbers;

/// The minus sign (U+2212), as wide as a plus.
const MINUS: char = '\u{2212}';

/// The signs of currencies.
const SIGNS: [(&str, &str); 16] = [
    ("USD", "US$"),
    ("ZWG", "ZiG"),
    ("EUR", "€"),
    ("GBP", "£"),
    ("JPY", "¥"),
    ("CNY", "CN¥"),
    ("INR", "₹"),
    ("KRW", "₩"),
    ("ZAR", "R"),
    ("CAD", "CA$"),
    ("AUD", "A$"),
    ("NZD", "NZ$"),
    ("HKD", "HK$"),
    ("BRL", "R$"),
    ("ILS", "₪"),
    ("VND", "₫"),
];

/// The formats of one reader.
#[derive(Clone, Debug)]
pub(crate) struct DisplayFormat {
    pub(crate) lang: Lang,
    pub(crate) mode: Mode,
    pub(crate) zone: TimeZone,
    pub(crate) currency: Currency,
    /// The digits of amounts.
    pub(crate) unit: MinorUnit,
}

/// A value or a reference to it: templates pass both.
pub(crate) trait Plain<T> {
    fn plain(&self) -> T;
}

macro_rules! plain {
    ($($type:ty),*) => { $(
        impl Plain<$type> for $type {
            fn plain(&self) -> $type { *self }
        }
    )* };
}

plain!(Money, Price, Quantity, Ratio, Day, UnixMicros, i64);

impl<T, A: Plain<T>> Plain<T> for &A {
    fn plain(&self) -> T {
        (**self).plain()
    }
}

impl DisplayFormat {
    /// `US$1,234.50`, `−US$0.05`.
    pub(crate) fn money(&self, money: impl Plain<Money>) -> String {
        let money = money.plain();
        format!("{}{}{}", minus(money.0), self.symbol(), magnitude(&money.to_text(self.unit)))
    }

    /// A difference: `+US$1,234.50`, `−US$0.05`, `US$0.00`.
    pub(crate) fn signed_money(&self, money: impl Plain<Money>) -> String {
        let money = money.plain();
        format!("{}{}{}", sign(money.0), self.symbol(), magnitude(&money.to_text(self.unit)))
    }

    /// `US$189.95`, with the digits of an amount, and up to four where the price has them.
    pub(crate) fn price(&self, price: impl Plain<Price>) -> String {
        format!("{}{}", self.symbol(), magnitude(&price.plain().to_text(self.unit)))
    }

    /// A change: `+1.25%`; children see one place.
    pub(crate) fn change(&self, ratio: impl Plain<Ratio>) -> String {
        let ratio = ratio.plain();
        let digits = magnitude(&numbers::percent_to(ratio, self.percent_places()));
        format!("{}{digits}%", sign(self.shown_percent(ratio)))
    }

    /// A part of a whole: `22.00%`; children see one place.
    pub(crate) fn percent(&self, ratio: impl Plain<Ratio>) -> String {
        let ratio = ratio.plain();
        let digits = magnitude(&numbers::percent_to(ratio, self.percent_places()));
        format!("{}{digits}%", minus(self.shown_percent(ratio)))
    }

    /// A percentage in units of its last displayed digit, so that a displayed 0 is neither a gain
    /// nor a loss.
    pub(crate) fn shown_percent(&self, ratio: Ratio) -> i64 {
        ratio.percent(self.percent_places())
    }

    /// A number of shares: `3`, `1,000.25`.
    pub(crate) fn shares(&self, quantity: impl Plain<Quantity>) -> String {
        let quantity = quantity.plain();
        format!("{}{}", minus(quantity.0), magnitude(&quantity.to_string()))
    }

    /// A whole number: `1,234`.
    pub(crate) fn number(&self, number: impl Plain<i64>) -> String {
        let number = number.plain();
        format!("{}{}", minus(number), magnitude(&number.to_string()))
    }

    /// `7 February 2018`.
    pub(crate) fn day(&self, day: impl Plain<Day>) -> String {
        let (year, month, day) = day.plain().civil();
        self.date(i64::from(year), self.month(month, &MONTHS), i64::from(day))
    }

    /// `7 Feb 2018`, for tables and axes.
    pub(crate) fn short_day(&self, day: impl Plain<Day>) -> String {
        let (year, month, day) = day.plain().civil();
        self.date(i64::from(year), self.month(month, &SHORT_MONTHS), i64::from(day))
    }

    /// The reader's date of an instant: `7 February 2018`.
    pub(crate) fn date_of(&self, instant: impl Plain<UnixMicros>) -> String {
        self.day(self.local(instant.plain()).0)
    }

    /// The reader's time of an instant: `14:05`.
    pub(crate) fn time(&self, instant: impl Plain<UnixMicros>) -> String {
        let (_, hour, minute) = self.local(instant.plain());
        format!("{hour:02}:{minute:02}")
    }

    /// The reader's date and time of an instant: `7 Feb 2018, 14:05`.
    pub(crate) fn moment(&self, instant: impl Plain<UnixMicros>) -> String {
        let (day, hour, minute) = self.local(instant.plain());
        format!("{}, {hour:02}:{minute:02}", self.short_day(day))
    }

    /// The prefix of amounts: the currency's sign in international English (CLDR 48), or its code.
    pub(crate) fn symbol(&self) -> String {
        let code = self.currency.code();
        match SIGNS.iter().find(|(known, _)| *known == code) {
            Some((_, sign)) => (*sign).to_owned(),
            None => format!("{code}\u{a0}"),
        }
    }

    fn percent_places(&self) -> u32 {
        if self.mode == Mode::Kid { 1 } else { 2 }
    }

    fn month(&self, month: u8, names: &[[&'static str; 12]; 3]) -> &'static str {
        names[self.lang.index()][usize::from(month.clamp(1, 12) - 1)]
    }

    fn date(&self, year: i64, month: &str, day: i64) -> String {
        match self.lang {
            Lang::Sn => format!("{year} {month} {day}"),
            Lang::En | Lang::Nd => format!("{day} {month} {year}"),
        }
    }

    /// Day, hour and minute in the reader's zone.
    fn local(&self, instant: UnixMicros) -> (Day, i8, i8) {
        let stamp = Timestamp::from_microsecond(instant.0).unwrap_or(Timestamp::UNIX_EPOCH);
        let local = self.zone.to_datetime(stamp);
        let (month, day) = (u8::try_from(local.month()), u8::try_from(local.day()));
        let day = Day::from_civil(local.year().into(), month.unwrap_or(1), day.unwrap_or(1));
        (day.unwrap_or_default(), local.hour(), local.minute())
    }
}

/// The CSS class of a gain, a loss or neither.
pub(crate) fn direction(number: i64) -> &'static str {
    match number {
        1.. => "up",
        0 => "flat",
        _ => "down",
    }
}

/// The CSS class of the change between two values.
pub(crate) fn change_direction(from: i64, to: i64) -> &'static str {
    direction(to.saturating_sub(from))
}

/// The whole digits in groups of three: `1234.5` is `1,234.5`.
pub(crate) fn grouped(number: &str) -> String {
    let (whole, places) = number.split_once('.').map_or((number, None), |(w, p)| (w, Some(p)));
    let (negative, digits) = whole.strip_prefix('-').map_or((false, whole), |d| (true, d));
    let mut text = String::with_capacity(number.len() + number.len() / 3);
    if negative {
        text.push(MINUS);
    }
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if let Some(places) = places {
        text.push('.');
        text.push_str(places);
    }
    text
}

fn magnitude(number: &str) -> String {
    grouped(number.trim_start_matches('-'))
}

fn minus(number: i64) -> &'static str {
    if number < 0 { "\u{2212}" } else { "" }
}

fn sign(number: i64) -> &'static str {
    if number > 0 { "+" } else { minus(number) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::preferences::zone;

    fn format(lang: Lang, mode: Mode) -> DisplayFormat {
        let zone = zone("Africa/Harare").unwrap();
        let unit = MinorUnit::Hundredth;
        DisplayFormat { lang, mode, zone, currency: Currency::USD, unit }
    }

    #[test]
    fn money_has_its_currency_and_a_minus_sign() {
        let usd = format(Lang::En, Mode::Standard);
        assert_eq!(usd.money(Money(123_456_789)), "US$1,234,567.89");
        assert_eq!(usd.money(Money(-5)), "\u{2212}US$0.05");
        assert_eq!(usd.signed_money(Money(100_000)), "+US$1,000.00");
        assert_eq!(usd.signed_money(Money(0)), "US$0.00");
        assert_eq!(usd.money(Money(i64::MIN)), "\u{2212}US$92,233,720,368,547,758.08");
        assert_eq!(usd.price(Price(9_575)), "US$0.9575");
        for (code, text) in
            [("ZWG", "ZiG1,234.50"), ("GBP", "£1,234.50"), ("CHF", "CHF\u{a0}1,234.50")]
        {
            let currency = Currency::parse(code).unwrap();
            let other = DisplayFormat { currency, ..usd.clone() };
            assert_eq!(other.money(Money(123_450)), text);
        }
        for (code, texts) in [
            ("JPY", ["¥1,234,500", "+¥1,234,500", "¥1,500", "¥0.9575"]),
            (
                "KWD",
                [
                    "KWD\u{a0}1,234.500",
                    "+KWD\u{a0}1,234.500",
                    "KWD\u{a0}1,500.000",
                    "KWD\u{a0}0.9575",
                ],
            ),
        ] {
            let (currency, unit) = Currency::parse_active(code).unwrap();
            let other = DisplayFormat { currency, unit, ..usd.clone() };
            let money = Money(1_234_500);
            let shown = [other.money(money), other.signed_money(money)];
            assert_eq!(shown, texts[..2]);
            assert_eq!([15_000_000, 9_575].map(|p| other.price(Price(p))), texts[2..]);
        }
    }

    #[test]
    fn percentages_have_two_places_and_one_for_children() {
        let adult = format(Lang::En, Mode::Standard);
        let child = format(Lang::En, Mode::Kid);
        let both = |part| {
            let ratio = Ratio::of(part, 1_000_000);
            (adult.change(ratio), child.change(ratio))
        };
        let shown = |adult: &str, child: &str| (adult.to_owned(), child.to_owned());
        assert_eq!(both(12_500), shown("+1.25%", "+1.3%"));
        assert_eq!(both(12_451), shown("+1.25%", "+1.2%"));
        assert_eq!(both(-500), shown("\u{2212}0.05%", "\u{2212}0.1%"));
        assert_eq!((both(0), both(-49)), (shown("0.00%", "0.0%"), shown("0.00%", "0.0%")));
        assert_eq!(adult.percent(Ratio::of(123_456, 10_000)), "1,234.56%");
        assert_eq!(adult.percent(Ratio::of(-1, 1_000_000)), "0.00%");
        assert_eq!(adult.shares(Quantity(1_000_250_000)), "1,000.25");
        assert_eq!(adult.number(-1_234), "\u{2212}1,234");
    }

    #[test]
    fn a_displayed_zero_has_no_direction() {
        let (adult, child) = (format(Lang::En, Mode::Standard), format(Lang::En, Mode::Kid));
        let way = |format: &DisplayFormat, part| {
            direction(format.shown_percent(Ratio::of(part, 1_000_000)))
        };
        assert_eq!([49, -49, 50, -50].map(|p| way(&adult, p)), ["flat", "flat", "up", "down"]);
        assert_eq!([499, -499, 500].map(|p| way(&child, p)), ["flat", "flat", "up"]);
    }

    #[test]
    fn dates_are_written_as_each_language_writes_them() {
        let day = Day::parse("2026-11-23").unwrap();
        let long = |lang| format(lang, Mode::Standard).day(day);
        assert_eq!(long(Lang::En), "23 November 2026");
        assert_eq!(long(Lang::Sn), "2026 Mbudzi 23");
        assert_eq!(long(Lang::Nd), "23 Lwezi 2026");
        assert_eq!(format(Lang::En, Mode::Standard).short_day(day), "23 Nov 2026");
    }

    #[test]
    fn times_are_the_reader_s() {
        let midnight = Day::parse("2026-11-23").unwrap().start().plus_seconds(-60);
        let here = format(Lang::En, Mode::Standard);
        assert_eq!(here.moment(midnight), "23 Nov 2026, 01:59");
        assert_eq!(
            (here.time(midnight), here.date_of(midnight)),
            ("01:59".into(), here.day(Day::parse("2026-11-23").unwrap()))
        );
        let there = DisplayFormat { zone: zone("America/New_York").unwrap(), ..here };
        assert_eq!(there.moment(midnight), "22 Nov 2026, 18:59");
    }
}
