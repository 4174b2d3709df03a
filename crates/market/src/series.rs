//! The series of closes that a replay plays: 20 US stocks and the S&P 500 index from 1990 to 2022,
//! embedded, or an imported market. It contains the game's future and stays private to this crate.

use std::io::Read;

use domain::{Day, Price, StockInfo, Symbol};
use flate2::read::GzDecoder;

use crate::path::NO_CLOSE;

const STOCKS: &[u8] = include_bytes!("../data/sp500_20_adjusted_close_1990-2022.csv.gz");
const INDEX: &[u8] = include_bytes!("../data/sp500_index_1990-2022.csv.gz");

/// A market that was imported: its stocks and their closes ascending by day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportedMarket {
    pub name: String,
    /// The currency of its prices (ISO 4217).
    pub currency: String,
    /// The finest step of the prices, if it is known.
    pub tick: Option<Price>,
    pub stocks: Vec<(StockInfo, Vec<(Day, Price)>)>,
}

/// A stock without a close in a session. Packed, because a sparse market has many.
#[derive(Clone, Copy, Debug)]
struct MissingClose {
    position: u32,
    /// The session of the close before.
    last: u32,
}

/// Closes of all stocks by session, and the benchmark's. A stock has [`NO_CLOSE`] before
/// its first one.
#[derive(Debug)]
pub(crate) struct PriceSeries {
    pub(crate) symbols: Vec<Symbol>,
    pub(crate) days: Vec<Day>,
    /// Row by row: `closes[session × symbols + position]`, in 1/10,000.
    closes: Vec<i64>,
    benchmark: Vec<i64>,
    /// By session: the stocks that had a close before it and have none in it.
    missing: Vec<Vec<MissingClose>>,
    /// The name of the market; `None` for the embedded one.
    pub(crate) imported: Option<String>,
}

impl PriceSeries {
    pub(crate) fn embedded() -> Self {
        let read = Self::read(&unpack(STOCKS), &unpack(INDEX));
        read.expect("invariant: the embedded series is well formed")
    }

    /// Parses the two tables; `None` if they are malformed or inconsistent.
    fn read(stocks: &str, benchmark: &str) -> Option<Self> {
        let (symbols, days, closes) = read_table(stocks)?;
        let (_, benchmark_days, benchmark) = read_table(benchmark)?;
        (days == benchmark_days).then_some(Self {
            symbols,
            days,
            closes,
            benchmark,
            missing: Vec::new(),
            imported: None,
        })
    }

    /// An imported market: a session is a day on which any stock has a close, and a stock without
    /// one keeps its last.
    pub(crate) fn imported(market: ImportedMarket) -> (Self, Vec<StockInfo>) {
        let all = market.stocks.iter().flat_map(|(_, closes)| closes.iter().map(|(day, _)| *day));
        let mut days: Vec<Day> = all.collect();
        days.sort_unstable();
        days.dedup();
        let width = market.stocks.len();
        let mut closes = vec![0; days.len() * width];
        let mut missing = vec![Vec::new(); days.len()];
        for (position, (_, known)) in market.stocks.iter().enumerate() {
            let (mut known, mut last) = (known.iter().peekable(), NO_CLOSE);
            let mut last_session = None;
            for (session, day) in days.iter().enumerate() {
                while let Some((_, close)) = known.next_if(|(known, _)| known <= day) {
                    (last, last_session) = (close.0, Some(session));
                }
                closes[session * width + position] = last;
                if let Some(last) = last_session.filter(|last| *last < session) {
                    missing[session]
                        .push(MissingClose { position: packed(position), last: packed(last) });
                }
            }
        }
        let stocks: Vec<StockInfo> = market.stocks.into_iter().map(|(stock, _)| stock).collect();
        let symbols = stocks.iter().map(|stock| stock.symbol.clone()).collect();
        let benchmark = equal_weight(&closes, days.len(), width, &missing);
        (Self { symbols, days, closes, benchmark, missing, imported: Some(market.name) }, stocks)
    }

    /// The stocks without a close in a session that had one before, ascending by position, each
    /// with the session of its last close.
    pub(crate) fn missing(&self, session: usize) -> impl Iterator<Item = (usize, usize)> {
        let found = self.missing.get(session).into_iter().flatten();
        found.map(|one| (one.position as usize, one.last as usize))
    }

    pub(crate) fn len(&self) -> usize {
        self.days.len()
    }

    /// The session of this day, or the next one after it.
    pub(crate) fn session_from(&self, day: Day) -> Option<usize> {
        let session = self.days.partition_point(|&d| d < day);
        (session < self.len()).then_some(session)
    }

    pub(crate) fn row(&self, session: usize) -> &[i64] {
        let width = self.symbols.len();
        &self.closes[session * width..(session + 1) * width]
    }

    pub(crate) fn benchmark(&self, session: usize) -> Price {
        Price(self.benchmark[session])
    }

    /// The same series with other closes from `session` on; its past is equal.
    #[cfg(test)]
    pub(crate) fn with_other_future(mut self, session: usize) -> Self {
        let width = self.symbols.len();
        self.closes[session * width..].iter_mut().for_each(|close| *close = *close * 3 + 7);
        self.benchmark[session..].iter_mut().for_each(|close| *close *= 2);
        self
    }
}

/// A position or a session; both are far below 2^32.
fn packed(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// An index of all stocks with the same weight, which begins at 1,000: it moves each day by the
/// mean of the changes since their last close of those that have a close on that day.
fn equal_weight(
    closes: &[i64],
    sessions: usize,
    width: usize,
    missing: &[Vec<MissingClose>],
) -> Vec<i64> {
    /// What stands for 1 in a change.
    const ONE: i128 = 1_000_000_000_000;
    let row = |session: usize| &closes[session * width..(session + 1) * width];
    // In 1/10,000, with as many places more.
    let mut level = 1_000 * 10_000 * 10_000i128;
    // Whether each stock has a close in the session.
    let mut has_close = vec![true; width];
    let mark = |session: usize, value: bool, has_close: &mut [bool]| {
        missing[session].iter().for_each(|one| has_close[one.position as usize] = value);
    };
    let mut levels = Vec::with_capacity(sessions);
    for session in 0..sessions {
        if session > 0 {
            mark(session, false, &mut has_close);
            let pairs = row(session).iter().zip(row(session - 1)).enumerate();
            let pairs =
                pairs.filter(|(position, (_, before))| **before > 0 && has_close[*position]);
            let (sum, count) = pairs.fold((0i128, 0i128), |(sum, count), (_, (now, before))| {
                (sum + i128::from(*now) * ONE / i128::from(*before), count + 1)
            });
            if count > 0 {
                level = (level * (sum / count) / ONE).clamp(1, i128::from(i64::MAX));
            }
            mark(session, true, &mut has_close);
        }
        levels.push(i64::try_from(level / 10_000).unwrap_or(i64::MAX));
    }
    levels
}

fn unpack(packed: &[u8]) -> String {
    // Both files unpack to less than nine times their size.
    let mut text = String::with_capacity(packed.len() * 4);
    let unpacked = GzDecoder::new(packed).read_to_string(&mut text);
    unpacked.expect("invariant: the embedded series is gzip");
    text
}

/// Symbols, days and closes of a table with a header line, a day first in every line and no gaps.
fn read_table(text: &str) -> Option<(Vec<Symbol>, Vec<Day>, Vec<i64>)> {
    let mut lines = text.lines();
    let header = lines.next()?.strip_prefix("Date,")?;
    let symbols: Vec<Symbol> =
        header.split(',').map(Symbol::parse).collect::<Result<_, _>>().ok()?;
    let mut days: Vec<Day> = Vec::with_capacity(8_400);
    let mut closes = Vec::with_capacity(8_400 * symbols.len());
    for line in lines {
        let (day, row) = line.split_once(',')?;
        let day = Day::parse(day)?;
        if days.last().is_some_and(|&before| before >= day) {
            return None;
        }
        days.push(day);
        read_row(row.as_bytes(), &mut closes)?;
        if closes.len() != days.len() * symbols.len() {
            return None;
        }
    }
    Some((symbols, days, closes))
}

/// Appends the decimals of a line in units of 1/10,000; `None` unless each is above zero.
fn read_row(row: &[u8], closes: &mut Vec<i64>) -> Option<()> {
    for field in row.split(|&b| b == b',') {
        let mut units: i64 = 0;
        let mut places: Option<u32> = None;
        for &byte in field {
            match byte {
                b'0'..=b'9' => {
                    units = units.checked_mul(10)?.checked_add(i64::from(byte - b'0'))?;
                    places = places.map(|p| p + 1);
                }
                b'.' if places.is_none() => places = Some(0),
                _ => return None,
            }
        }
        let missing = 4u32.checked_sub(places.unwrap_or(0))?;
        closes.push(units.checked_mul(10i64.pow(missing))?);
        if units == 0 {
            return None;
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{FIRST_DAY, LAST_DAY, LAST_START_DAY};

    #[test]
    fn the_embedded_series_is_whole() {
        let series = PriceSeries::embedded();
        assert_eq!((series.len(), series.symbols.len()), (8_313, 20));
        assert_eq!(series.closes.len(), 8_313 * 20);
        assert_eq!(series.days.first(), Some(&FIRST_DAY));
        assert_eq!(series.days.last(), Some(&LAST_DAY));
        assert_eq!(series.days[8_311], LAST_START_DAY);
    }

    #[test]
    fn closes_are_read_exactly() {
        let series = PriceSeries::embedded();
        assert_eq!(series.row(0)[0], 2_640);
        assert_eq!(series.row(8_312)[19], 1_066_270);
        assert_eq!(series.benchmark(0), Price(3_596_900));
        let start = series.session_from(Day::parse("2005-01-03").unwrap()).unwrap();
        assert_eq!(series.row(start)[0], 9_610);
    }

    #[test]
    fn a_weekend_belongs_to_the_monday_after_it() {
        let series = PriceSeries::embedded();
        let saturday = series.session_from(Day::parse("2005-01-08").unwrap()).unwrap();
        assert_eq!(series.days[saturday].to_string(), "2005-01-10");
        assert_eq!(series.session_from(Day(LAST_DAY.0 + 1)), None);
    }

    fn imported(stocks: &[(&str, &[(&str, i64)])]) -> (PriceSeries, Vec<StockInfo>) {
        let stock = |(symbol, closes): &(&str, &[(&str, i64)])| {
            let text = StockInfo {
                symbol: Symbol::parse(symbol).unwrap(),
                name: (*symbol).to_owned(),
                category: "Other".to_owned(),
                description: String::new(),
                kid_friendly_description: String::new(),
                fun_fact: None,
            };
            let close = |(day, close): &(&str, i64)| (Day::parse(day).unwrap(), Price(*close));
            (text, closes.iter().map(close).collect())
        };
        let stocks = stocks.iter().map(stock).collect();
        PriceSeries::imported(ImportedMarket {
            name: "us".to_owned(),
            currency: "USD".to_owned(),
            tick: None,
            stocks,
        })
    }

    #[test]
    fn an_imported_stock_has_no_close_before_its_first_and_keeps_its_last() {
        let (series, stocks) = imported(&[
            ("A", &[("2013-02-08", 100), ("2013-02-12", 300)]),
            ("B", &[("2013-02-11", 50), ("2013-02-12", 100)]),
        ]);
        let days: Vec<String> = series.days.iter().map(Day::to_string).collect();
        assert_eq!(days, ["2013-02-08", "2013-02-11", "2013-02-12"]);
        assert_eq!(series.row(0), [100, NO_CLOSE]);
        assert_eq!((series.row(1), series.row(2)), (&[100, 50][..], &[300, 100][..]));
        assert_eq!(stocks[1].symbol.as_str(), "B");
        // 1,000, then no change of A, then the mean of +200 % and +100 %.
        let index = [0, 1, 2].map(|session| series.benchmark(session).0);
        assert_eq!(index, [10_000_000, 10_000_000, 25_000_000]);
    }

    #[test]
    fn an_imported_stock_has_a_missing_close_in_each_session_of_a_hole_and_after_its_end() {
        let days = ["2013-02-08", "2013-02-11", "2013-02-12", "2013-02-13"];
        let all = days.map(|day| (day, 100));
        let (series, _) = imported(&[
            ("A", &all),
            ("B", &[(days[0], 100), (days[3], 300)]),
            ("C", &[(days[1], 100)]),
        ]);
        let missing = [0, 1, 2, 3].map(|session| series.missing(session).collect::<Vec<_>>());
        assert_eq!(missing, [vec![], vec![(1, 0)], vec![(1, 0), (2, 1)], vec![(2, 1)]]);
        // B counts again with its whole change, and C not after its end.
        let index = [0, 1, 2, 3].map(|session| series.benchmark(session).0);
        assert_eq!(index, [10_000_000, 10_000_000, 10_000_000, 20_000_000]);
    }

    #[test]
    fn malformed_tables_are_refused() {
        let index = "Date,I\n2005-01-03,1.0\n";
        assert!(PriceSeries::read("Date,A\n2005-01-03,1.5\n", index).is_some());
        for bad in [
            "",
            "Day,A\n2005-01-03,1.0\n",
            "Date,A\n2005-01-03,\n",
            "Date,A\n2005-01-03,0.0\n",
            "Date,A\n2005-01-03,-1.0\n",
            "Date,A\n2005-01-03,1.0.0\n",
            "Date,A\n2005-01-03,1.00001\n",
            "Date,A\n2005-01-03,1.0,2.0\n",
            "Date,A,B\n2005-01-03,1.0\n",
            "Date,A\n2005-01-04,1.0\n",
            "Date,A\n2005-01-04,1.0\n2005-01-03,1.0\n",
        ] {
            assert!(PriceSeries::read(bad, index).is_none(), "{bad:?}");
        }
    }
}
