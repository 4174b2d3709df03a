//! Currency codes of vendors and providers, including units like pence that are not in ISO 4217.

/// A currency, and the unit of prices as a power of ten of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceUnit {
    /// The code of the currency (ISO 4217).
    pub currency: String,
    /// 0 where prices are in the currency itself, 2 for hundredths, 3 for thousandths.
    pub places: u32,
}

/// Codes of smaller units, as exchanges and vendors write them.
const SMALLER: [(&str, &str, u32); 9] = [
    ("GBX", "GBP", 2),
    ("GBp", "GBP", 2),
    ("GBpence", "GBP", 2),
    ("ZAc", "ZAR", 2),
    ("ZAC", "ZAR", 2),
    ("ILA", "ILS", 2),
    ("ILa", "ILS", 2),
    ("USX", "USD", 2),
    ("KWF", "KWD", 3),
];

impl PriceUnit {
    /// The unit of a code; `None` for an unknown code.
    pub fn parse(code: &str) -> Option<Self> {
        let code = code.trim();
        if let Some((_, currency, places)) = SMALLER.iter().find(|(small, ..)| *small == code) {
            return Some(Self { currency: (*currency).to_owned(), places: *places });
        }
        let is_code = code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_alphabetic());
        is_code.then(|| Self { currency: code.to_ascii_uppercase(), places: 0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pence_are_hundredths_of_a_pound() {
        for (code, currency, places) in [
            ("GBX", "GBP", 2),
            ("GBp", "GBP", 2),
            ("GBP", "GBP", 0),
            ("ZAc", "ZAR", 2),
            ("KWF", "KWD", 3),
            (" usd ", "USD", 0),
        ] {
            let currency = currency.to_owned();
            assert_eq!(PriceUnit::parse(code), Some(PriceUnit { currency, places }), "{code}");
        }
        for text in ["", "$", "US$", "DOLLAR", "U5D"] {
            assert_eq!(PriceUnit::parse(text), None, "{text}");
        }
    }
}
