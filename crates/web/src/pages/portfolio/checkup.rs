//! The check-up of a portfolio: rules of thumb on its diversification.

use domain::{Money, Ratio};
use store::PortfolioMix;

/// The largest share of one company in the total, in hundredths of a percent.
const ONE_COMPANY_MAX: i64 = 4_000;
/// The largest share of one category in the holdings.
const ONE_KIND_MAX: i64 = 6_000;
const COMPANIES_MIN: i64 = 3;
/// The largest share of cash in the total.
const CASH_MAX: i64 = 8_000;

#[derive(Clone, Debug)]
pub(super) struct Finding {
    /// A message key.
    pub(super) key: &'static str,
    pub(super) is_good: bool,
    /// The number of companies.
    pub(super) number: i64,
    pub(super) share: Option<Ratio>,
    /// A symbol or a category.
    pub(super) name: String,
}

/// Empty for a portfolio without shares.
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
    fn a_diversified_portfolio_has_no_bad_findings() {
        assert_eq!(bad(&mix(2_000, 5, 2_000, &[4_000, 4_000])), Vec::<&str>::new());
        assert_eq!(check(&mix(2_000, 5, 2_000, &[4_000, 4_000])).len(), 4);
    }

    #[test]
    fn concentration_is_a_bad_finding() {
        assert_eq!(
            bad(&mix(0, 1, 8_000, &[8_000])),
            ["portfolio-few", "portfolio-one-much", "portfolio-kind-much"]
        );
        assert_eq!(bad(&mix(9_000, 3, 400, &[500, 500])), ["portfolio-cash-much"]);
    }

    #[test]
    fn a_portfolio_without_shares_has_no_findings() {
        let empty =
            PortfolioMix { cash: Money(100), holdings: 0, largest: None, categories: Vec::new() };
        assert!(check(&empty).is_empty());
    }
}
