//! The active codes of ISO 4217 by their minor unit, sorted: list one as published by SIX, the
//! maintenance agency, with the amendments in force in November 2026 (without `ANG`, `BGN`, `CUC`,
//! `HRK`, `SLL` and `ZWL`, which are withdrawn).

use crate::MinorUnit;

/// Codes without a minor unit: their amounts are whole.
const WHOLE: [&str; 17] = [
    "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND",
    "VUV", "XAF", "XOF", "XPF",
];

const HUNDREDTHS: [&str; 139] = [
    "AED", "AFN", "ALL", "AMD", "AOA", "ARS", "AUD", "AWG", "AZN", "BAM", "BBD", "BDT", "BMD",
    "BND", "BOB", "BOV", "BRL", "BSD", "BTN", "BWP", "BYN", "BZD", "CAD", "CDF", "CHE", "CHF",
    "CHW", "CNY", "COP", "COU", "CRC", "CUP", "CVE", "CZK", "DKK", "DOP", "DZD", "EGP", "ERN",
    "ETB", "EUR", "FJD", "FKP", "GBP", "GEL", "GHS", "GIP", "GMD", "GTQ", "GYD", "HKD", "HNL",
    "HTG", "HUF", "IDR", "ILS", "INR", "IRR", "JMD", "KES", "KGS", "KHR", "KPW", "KYD", "KZT",
    "LAK", "LBP", "LKR", "LRD", "LSL", "MAD", "MDL", "MGA", "MKD", "MMK", "MNT", "MOP", "MRU",
    "MUR", "MVR", "MWK", "MXN", "MXV", "MYR", "MZN", "NAD", "NGN", "NIO", "NOK", "NPR", "NZD",
    "PAB", "PEN", "PGK", "PHP", "PKR", "PLN", "QAR", "RON", "RSD", "RUB", "SAR", "SBD", "SCR",
    "SDG", "SEK", "SGD", "SHP", "SLE", "SOS", "SRD", "SSP", "STN", "SVC", "SYP", "SZL", "THB",
    "TJS", "TMT", "TOP", "TRY", "TTD", "TWD", "TZS", "UAH", "USD", "USN", "UYU", "UZS", "VED",
    "VES", "WST", "XAD", "XCD", "XCG", "YER", "ZAR", "ZMW", "ZWG",
];

const THOUSANDTHS: [&str; 7] = ["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"];

/// Codes with four digits: units of account that are indexed to prices.
const TEN_THOUSANDTHS: [&str; 2] = ["CLF", "UYW"];

/// Metals, baskets of currencies, test codes: the list has no minor unit for them.
const NOT_APPLICABLE: [&str; 13] =
    ["XAG", "XAU", "XBA", "XBB", "XBC", "XBD", "XDR", "XPD", "XPT", "XSU", "XTS", "XUA", "XXX"];

/// What the list has for a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Listed {
    Unit(MinorUnit),
    /// Four digits, more than an amount can have.
    TooFine,
    /// No minor unit: no money.
    NotApplicable,
    /// Not an active code.
    Unknown,
}

pub(super) fn find(code: &str) -> Listed {
    let is_in = |codes: &[&str]| codes.binary_search(&code).is_ok();
    if is_in(&HUNDREDTHS) {
        Listed::Unit(MinorUnit::Hundredth)
    } else if is_in(&WHOLE) {
        Listed::Unit(MinorUnit::Whole)
    } else if is_in(&THOUSANDTHS) {
        Listed::Unit(MinorUnit::Thousandth)
    } else if is_in(&TEN_THOUSANDTHS) {
        Listed::TooFine
    } else if is_in(&NOT_APPLICABLE) {
        Listed::NotApplicable
    } else {
        Listed::Unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_code_is_listed_once_and_found() {
        let lists = [&WHOLE[..], &HUNDREDTHS, &THOUSANDTHS, &TEN_THOUSANDTHS, &NOT_APPLICABLE];
        let codes: Vec<&str> = lists.concat();
        assert_eq!(codes.iter().collect::<BTreeSet<_>>().len(), codes.len());
        for code in codes {
            assert!(code.len() == 3 && code.bytes().all(|b| b.is_ascii_uppercase()), "{code}");
            assert_ne!(find(code), Listed::Unknown, "{code}: the lists are sorted");
        }
    }
}
