//! Parsers of arguments.

use domain::{Day, Symbol};
use market::{DateOrder, DecimalMark, PriceUnit, ProviderKind};

pub(super) fn symbol(text: &str) -> Result<Symbol, String> {
    Symbol::parse(text).map_err(|error| error.to_string())
}

pub(super) fn price_unit(text: &str) -> Result<PriceUnit, String> {
    PriceUnit::parse(text).ok_or_else(|| "expected a currency like USD or GBX".to_owned())
}

pub(super) fn date_order(text: &str) -> Result<DateOrder, String> {
    let known = [DateOrder::DayFirst, DateOrder::MonthFirst];
    let found = known.into_iter().find(|order| order.as_str() == text);
    found.ok_or_else(|| "expected day-first or month-first".to_owned())
}

pub(super) fn decimal_mark(text: &str) -> Result<DecimalMark, String> {
    let known = [DecimalMark::Point, DecimalMark::Comma];
    let found = known.into_iter().find(|mark| mark.as_str() == text);
    found.ok_or_else(|| "expected point or comma".to_owned())
}

pub(super) fn day(text: &str) -> Result<Day, String> {
    Day::parse(text).ok_or_else(|| "expected a day like 2026-11-27".to_owned())
}

pub(super) fn provider(text: &str) -> Result<ProviderKind, String> {
    let names = ProviderKind::ALL.map(ProviderKind::as_str).join(", ");
    ProviderKind::parse(text).ok_or_else(|| format!("expected one of {names}"))
}
