//! The check-up of a portfolio: what an experienced friend would say of how it is spread. Rules of
//! thumb, not advice; what each finding is called is the catalogue's.

use domain::{Money, Ratio};
use store::PortfolioMix;

/// Above this share one company is a lot, in hundredths of a percent.
const ONE_COMPANY_MAX: i64 = 4_000;
/// Above this share of the holdings one kind of business is a lot.
const ONE_KIND_MAX: i64 = 6_000;
/// Fewer companies than this are few.
const COMPANIES_MIN: i64 = 3;
/// Above this share most of the money waits.
const CASH_MAX: i64 = 8_000;

/// One sentence of the check-up.
#[derive(Clone, Debug)]
pub(super) struct Finding {
    /// The key of its sentence.
    pub(super) key: &'static str,
    pub(super) is_good: bool,
    /// A number of companies.
    pub(super) number: i64,
    /// A share, where the sentence is about one.
    pub(super) share: Option<Ratio>,
    /// A company or a kind of business.
    pub(super) name: String,
}

/// Nothing for a portfolio without shares.
pub(super) fn check(mix: &PortfolioMix) -> Vec<Finding> {
    let shares: i64 = mix.categories.iter().map(|(_, value)| value.0).sum();
    if mix.holdings == 0 || shares <= 0 {
        return Vec::new();
    }
    let all = Money(shares.saturating_add(mix.cash.0));
    let finding = |key, is_good, share, name: &str| Finding {
        key,
        is_good,
        number: mix.holdings,
        share,
        name: name.to_owned(),
    };
    let mut found = Vec::new();
    let few = mix.holdings < COMPANIES_MIN;
    let key = if few { "portfolio-few" } else { "portfolio-many" };
    found.push(finding(key, !few, None, ""));
    if let Some((symbol, value)) = &mix.largest {
        let share = value.part_of(all);
        let much = share.percent(2) > ONE_COMPANY_MAX;
        let key = if much { "portfolio-one-much" } else { "portfolio-one-fine" };
        found.push(finding(key, !much, Some(share), symbol.as_str()));
    }
    if let Some((kind, value)) = mix.categories.first() {
        let share = value.part_of(Money(shares));
        let much = share.percent(2) > ONE_KIND_MAX;
        let key = if much { "portfolio-kind-much" } else { "portfolio-kind-fine" };
        found.push(finding(key, !much, Some(share), kind));
    }
    let waiting = mix.cash.part_of(all);
    let much = waiting.percent(2) > CASH_MAX;
    let key = if much { "portfolio-cash-much" } else { "portfolio-cash-fine" };
    found.push(finding(key, !much, Some(waiting), ""));
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Symbol;

    fn mix(cash: i64, holdings: i64, largest: i64, kinds: &[i64]) -> PortfolioMix {
        let kinds = kinds.iter().map(|value| ("Tech".to_owned(), Money(*value)));
        PortfolioMix {
            cash: Money(cash),
            holdings,
            largest: Some((Symbol::parse("AAPL").unwrap(), Money(largest))),
            categories: kinds.collect(),
        }
    }

    fn bad(mix: &PortfolioMix) -> Vec<&'static str> {
        check(mix).into_iter().filter(|f| !f.is_good).map(|f| f.key).collect()
    }

    #[test]
    fn a_spread_portfolio_has_nothing_to_point_out() {
        assert_eq!(bad(&mix(2_000, 5, 2_000, &[4_000, 4_000])), Vec::<&str>::new());
        assert_eq!(check(&mix(2_000, 5, 2_000, &[4_000, 4_000])).len(), 4);
    }

    #[test]
    fn what_is_too_much_in_one_place_is_pointed_out() {
        assert_eq!(
            bad(&mix(0, 1, 8_000, &[8_000])),
            ["portfolio-few", "portfolio-one-much", "portfolio-kind-much"]
        );
        assert_eq!(bad(&mix(9_000, 3, 400, &[500, 500])), ["portfolio-cash-much"]);
    }

    #[test]
    fn without_shares_there_is_nothing_to_say() {
        let empty =
            PortfolioMix { cash: Money(100), holdings: 0, largest: None, categories: Vec::new() };
        assert!(check(&empty).is_empty());
    }
}
