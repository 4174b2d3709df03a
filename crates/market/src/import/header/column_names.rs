//! The names of columns and units in the headers of vendors.

use crate::currency::PriceUnit;

/// What a column can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::import) enum ColumnKind {
    Date,
    Symbol,
    Open,
    High,
    Low,
    Close,
    AdjustedClose,
    Volume,
    Currency,
    Period,
    /// The kind of paper, of which only `EQ` is taken.
    PriceSeries,
    Name,
    Category,
    Industry,
    Description,
    KidDescription,
    FunFact,
}

/// The names of columns as [`plain_name`] returns them, in the order of preference.
pub(super) const NAMES: [(ColumnKind, &[&str]); 17] = [
    (
        ColumnKind::Date,
        &["date", "tradedate", "tradingdate", "day", "datetime", "datum", "data", "timestamp"],
    ),
    (ColumnKind::Symbol, &["symbol", "ticker", "stocksymbol", "stockcode", "code", "counter"]),
    (
        ColumnKind::Open,
        &["open", "openprice", "openingprice", "opening", "otwarcie", "eröffnung", "eroeffnung"],
    ),
    (ColumnKind::High, &["high", "highprice", "highestprice", "najwyzszy", "najwyższy", "hoch"]),
    (ColumnKind::Low, &["low", "lowprice", "lowestprice", "najnizszy", "najniższy", "tief"]),
    (
        ColumnKind::Close,
        &[
            "close",
            "closeprice",
            "closingprice",
            "closing",
            "close/last",
            "zamkniecie",
            "zamknięcie",
            "schluss",
            "schlusskurs",
            "price",
        ],
    ),
    (ColumnKind::AdjustedClose, &["adjclose", "adjustedclose"]),
    (
        ColumnKind::Volume,
        &[
            "volume",
            "vol",
            "volumetraded",
            "tradedvolume",
            "totalvolume",
            "wolumen",
            "volumen",
            "tottrdqty",
        ],
    ),
    // Other names contain one of `CURRENCIES`.
    (
        ColumnKind::Currency,
        &["cur", "curr", "curncy", "währung", "waehrung", "devise", "moneda", "waluta", "valuta"],
    ),
    (ColumnKind::Period, &["per", "period"]),
    (ColumnKind::PriceSeries, &["series"]),
    (ColumnKind::Name, &["name", "company", "companyname", "securityname"]),
    (ColumnKind::Category, &["category", "sector", "gicssector"]),
    (ColumnKind::Industry, &["industry", "gicssubindustry"]),
    (ColumnKind::Description, &["description", "prodescription"]),
    (ColumnKind::KidDescription, &["kidfriendlydescription", "kiddescription", "kidtext"]),
    (ColumnKind::FunFact, &["funfact"]),
];
/// What the name of a column of currencies contains.
pub(super) const CURRENCIES: [&str; 2] = ["currency", "ccy"];
/// Signs behind the name of a column of prices and the currency that each stands for, the longer
/// ones first. The plain dollar stands for several.
pub(super) const SIGNS: [(&str, Option<&str>); 11] = [
    ("US$", Some("USD")),
    ("AU$", Some("AUD")),
    ("CA$", Some("CAD")),
    ("HK$", Some("HKD")),
    ("NZ$", Some("NZD")),
    ("R$", Some("BRL")),
    ("$", None),
    ("\u{20ac}", Some("EUR")),
    ("\u{a3}", Some("GBP")),
    ("\u{20b9}", Some("INR")),
    ("z\u{142}", Some("PLN")),
];
/// Codes that are currencies behind the name of a price without brackets. `ALL` and `TOP` are left
/// out, because they are words.
const CODES: &str = "\
    AED AFN AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP \
    BYN BZD CAD CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP \
    GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES \
    KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU \
    MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON \
    RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND \
    TRY TTD TWD TZS UAH UGX USD UYU UZS VED VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWG \
    ZWL";
/// Columns of yfinance that are ignored.
pub(super) const OTHERS: [&str; 4] = ["dividends", "stocksplits", "capitalgains", "repaired?"];

/// Whether a word behind the name of a price is a currency or a smaller unit.
pub(super) fn is_unit(word: &str) -> bool {
    let is_smaller = || PriceUnit::parse(word).is_some_and(|unit| unit.places > 0);
    CODES.split_whitespace().any(|code| code == word) || is_smaller()
}

/// Whether this is the name of a column of prices.
pub(super) fn is_price(name: &str) -> bool {
    let is_price =
        |field: &ColumnKind| (ColumnKind::Open..=ColumnKind::AdjustedClose).contains(field);
    NAMES.iter().any(|(field, names)| is_price(field) && names.contains(&name))
}

/// A name in small letters without spaces, `_`, `-` and `.`, and without the brackets of Stooq.
pub(super) fn plain_name(name: &str) -> String {
    let name = name.trim().trim_start_matches('\u{feff}');
    let name = name.strip_prefix('<').and_then(|name| name.strip_suffix('>')).unwrap_or(name);
    let name = name.chars().filter(|c| !c.is_whitespace() && !matches!(c, '_' | '-' | '.'));
    name.flat_map(char::to_lowercase).collect()
}
