//! Parses numbers with a decimal point or comma and with groups of digits. The first number with
//! only one meaning decides for the file; a file without one is rejected as ambiguous.

use super::number_shape::{DecimalMark, NumberShape, plain_space, shape};
use crate::decimal::{Decimal, LENGTH_MAX, digits, split_exponent};

/// A number with two meanings, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AmbiguousNumber {
    pub(super) line: u64,
    pub(super) text: String,
}

/// The decimal mark of a file, as far as it is known.
#[derive(Debug)]
pub(super) struct NumberReader {
    mark: Option<DecimalMark>,
    /// The mark was detected, not presumed.
    is_certain: bool,
    /// The first number that was read by presumption, and the mark it was read with.
    presumed: Option<(AmbiguousNumber, DecimalMark)>,
}

impl NumberReader {
    /// Of a file with this delimiter. Where fields are parted by commas, decimals have a point
    /// unless the caller names the comma.
    pub(super) fn new(delimiter: u8, named: Option<DecimalMark>) -> Self {
        let mark = named.or((delimiter == b',').then_some(DecimalMark::Point));
        Self { mark, is_certain: named.is_some(), presumed: None }
    }

    /// The ambiguous number that was read by presumption, if no later number has settled the mark.
    pub(super) fn finish(self) -> Option<AmbiguousNumber> {
        self.presumed.map(|(ambiguous, _)| ambiguous)
    }

    /// Reads a number. `Ok(None)` for what is no number; an error when this number has only one
    /// meaning and an earlier one was read with the other.
    pub(super) fn read(
        &mut self,
        line: u64,
        text: &str,
    ) -> Result<Option<Decimal>, AmbiguousNumber> {
        if self.mark == Some(DecimalMark::Point)
            && let Some(number) = Decimal::parse_plain(text)
        {
            if number.places > 0 && !self.is_certain {
                self.settle(DecimalMark::Point)?;
            }
            return Ok(Some(number));
        }
        if text.len() > LENGTH_MAX {
            return Ok(None);
        }
        let Some((digits, exponent)) = split_exponent(text) else { return Ok(None) };
        let digits = digits.strip_prefix('+').unwrap_or(digits);
        let digits: String = digits.chars().map(plain_space).collect();
        let number = match shape(&digits) {
            NumberShape::Bad => return Ok(None),
            NumberShape::Whole => whole(&digits),
            NumberShape::Grouped(mark) => {
                self.settle(mark)?;
                if self.mark == Some(mark) { whole(&digits) } else { None }
            }
            NumberShape::Decimals(mark, at) => {
                self.settle(mark)?;
                if self.mark == Some(mark) { decimals(&digits, at) } else { None }
            }
            NumberShape::Either(mark, at) => {
                let read_as = self.mark.unwrap_or(mark);
                if !self.is_certain && (self.mark.is_none() || mark != read_as) {
                    let ambiguous = AmbiguousNumber { line, text: text.to_owned() };
                    self.presumed.get_or_insert((ambiguous, read_as));
                } else if !self.is_certain {
                    self.settle(mark)?;
                }
                if read_as == mark { decimals(&digits, at) } else { whole(&digits) }
            }
        };
        Ok(number.and_then(|number| number.times(exponent)))
    }

    /// Reads a count. Where a mark is presumed, groups of three digits need no further proof,
    /// because counts have no decimals.
    pub(super) fn read_count(
        &mut self,
        line: u64,
        text: &str,
    ) -> Result<Option<Decimal>, AmbiguousNumber> {
        let presumed = self.mark.is_some().then(|| self.presumed.clone());
        let number = self.read(line, text)?;
        if let Some(presumed) = presumed.filter(|_| !self.is_certain) {
            self.presumed = presumed;
        }
        Ok(number)
    }

    /// A number has only one meaning: the one with this mark.
    fn settle(&mut self, mark: DecimalMark) -> Result<(), AmbiguousNumber> {
        if self.is_certain || self.mark.is_some_and(|known| known != mark) {
            return Ok(());
        }
        if let Some((ambiguous, read_as)) = self.presumed.take()
            && read_as != mark
        {
            return Err(ambiguous);
        }
        self.mark = Some(mark);
        self.is_certain = true;
        Ok(())
    }
}

fn whole(text: &str) -> Option<Decimal> {
    let mantissa = digits(text)?;
    Some(Decimal { mantissa, places: 0 })
}

fn decimals(text: &str, at: usize) -> Option<Decimal> {
    let places = u32::try_from(text.len() - at - 1).ok()?;
    Some(Decimal { mantissa: digits(text)?, places })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decimal::StoredPrice;
    use domain::Price;

    fn read_all(
        delimiter: u8,
        texts: &[&str],
    ) -> Result<Vec<Option<(i128, u32)>>, AmbiguousNumber> {
        let mut marks = NumberReader::new(delimiter, None);
        let mut found = Vec::new();
        for (line, text) in (2..).zip(texts) {
            let number = marks.read(line, text)?;
            found.push(number.map(|number| (number.mantissa, number.places)));
        }
        marks.finish().map_or(Ok(found), Err)
    }

    #[test]
    fn numbers_are_read_exactly() {
        for (text, mantissa, places) in [
            ("12", 12, 0),
            ("12.34", 1_234, 2),
            ("67.87142944335938", 6_787_142_944_335_938, 14),
            ("1,234.56", 123_456, 2),
            ("1,234,567", 1_234_567, 0),
            ("1 234.5", 12_345, 1),
            ("1\u{202f}234.5", 12_345, 1),
            ("1'234.5", 12_345, 1),
            ("1.5e3", 1_500, 0),
            ("1.8E-05", 18, 6),
            ("+1.5", 15, 1),
            ("0.000018", 18, 6),
            (".5", 5, 1),
            ("1,23,456.50", 12_345_650, 2),
            ("12,34,567", 1_234_567, 0),
            ("1,23,45,678.9", 123_456_789, 1),
        ] {
            assert_eq!(read_all(b',', &[text]), Ok(vec![Some((mantissa, places))]), "{text}");
        }
    }

    #[test]
    fn what_is_no_number_is_none() {
        for text in [
            "",
            "-1",
            "--1",
            "abc",
            "1.2.3",
            "1,23",
            "12,34",
            "1,2345",
            "1 23",
            ".",
            "1..2",
            "$5",
            "1,234,56",
            "1,23,45",
            "123,45,678",
            "1.23.456",
            "1,2,345",
            "..5",
            ",.5",
            "1e",
            "0x10",
            "1.234.56",
            "+-1",
            "1.+5",
            "1.-5",
            "１",
        ] {
            assert_eq!(read_all(b',', &[text]), Ok(vec![None]), "{text:?}");
        }
    }

    #[test]
    fn a_comma_is_decimal_in_a_file_with_semicolons() {
        assert_eq!(
            read_all(b';', &["12,34", "1.234,5", "1.234", "5"]),
            Ok(vec![Some((1_234, 2)), Some((12_345, 1)), Some((1_234, 0)), Some((5, 0))])
        );
        assert_eq!(read_all(b';', &["12.34", "12,34"]), Ok(vec![Some((1_234, 2)), None]));
        assert_eq!(read_all(b'\t', &["0,125"]), Ok(vec![Some((125, 3))]));
    }

    #[test]
    fn a_number_with_two_meanings_needs_one_with_a_single_meaning() {
        let ambiguous = |line, text: &str| Err(AmbiguousNumber { line, text: text.to_owned() });
        assert_eq!(read_all(b';', &["1.234", "2.345"]), ambiguous(2, "1.234"));
        assert_eq!(read_all(b';', &["5", "1.234", "2,5"]), ambiguous(3, "1.234"));
        assert_eq!(read_all(b';', &["1.234", "2.5"]), Ok(vec![Some((1_234, 3)), Some((25, 1))]));
        // In quotes, in a file whose fields are parted by commas.
        assert_eq!(read_all(b',', &["1,234"]), ambiguous(2, "1,234"));
        assert_eq!(read_all(b',', &["1,234", "2.5"]), Ok(vec![Some((1_234, 0)), Some((25, 1))]));
        assert_eq!(read_all(b',', &["1.234"]), Ok(vec![Some((1_234, 3))]));
        let mut counts = NumberReader::new(b',', None);
        let read = counts.read_count(2, "1,234");
        assert_eq!(read, Ok(Some(Decimal { mantissa: 1_234, places: 0 })));
        assert_eq!(counts.finish(), None);
        let mut counts = NumberReader::new(b';', None);
        assert!(counts.read_count(2, "1.234").is_ok());
        assert!(counts.finish().is_some());
        let mut named = NumberReader::new(b',', Some(DecimalMark::Comma));
        assert_eq!(named.read(2, "1,234"), Ok(Some(Decimal { mantissa: 1_234, places: 3 })));
        assert_eq!(named.finish(), None);
    }

    #[test]
    fn the_print_of_a_float32_is_the_shorter_decimal_that_it_came_from() {
        for (text, mantissa, places) in [
            ("4745.200195", 47_452, 1),
            ("189.949997", 18_995, 2),
            ("4745.2001953125", 47_452, 1),
            ("67.87142944335938", 6_787_143, 5),
            ("0.10000000149011612", 1, 1),
            // These are no prints of a float32.
            ("4745.200196", 4_745_200_196, 6),
            ("4745.20019", 474_520_019, 5),
            ("1.234567", 1_234_567, 6),
            ("4745.2001953126", 47_452_001_953_126, 10),
            ("0.000018", 18, 6),
            ("0.0078125", 78_125, 7),
            ("12345678901234567890.123456", 12_345_678_901_234_567_890_123_456, 6),
        ] {
            let number = NumberReader::new(b',', None).read(2, text).ok().flatten().expect(text);
            assert_eq!(number.without_noise(), Decimal { mantissa, places }, "{text}");
        }
    }

    #[test]
    fn rounding_is_counted_and_so_is_what_it_moves() {
        let stored = |mantissa, places| Decimal { mantissa, places }.stored();
        let of = |price, is_rounded, is_moved| {
            Some(StoredPrice { price: Price(price), is_rounded, is_moved })
        };
        assert_eq!(stored(1_234, 2), of(123_400, false, false));
        assert_eq!(stored(1_234_500, 6), of(12_345, false, false));
        assert_eq!(stored(6_504, 6), of(65, true, false));
        assert_eq!(stored(151, 6), of(2, true, true));
        assert_eq!(stored(18, 6), of(0, true, true));
        assert_eq!(stored(1, 60), of(0, true, true));
        assert_eq!(stored(1_000_001, 0), None);
        assert_eq!(stored(i128::MAX, 0), None);
        assert_eq!(
            Decimal { mantissa: 7_250, places: 2 }.shifted(2).stored(),
            of(7_250, false, false)
        );
    }

    #[test]
    fn numbers_at_the_end_of_what_fits_do_not_panic() {
        for text in [
            "1.70141183460469231731687303715884105727",
            "1e-2147483648",
            "1e2147483647",
            "0.1e-2147483648",
            "99999999999999999999999999999999999999",
            "0e50",
        ] {
            let mut marks = NumberReader::new(b',', None);
            if let Ok(Some(number)) = marks.read(1, text) {
                let _ = (number.stored(), number.whole(), number.shifted(3).stored());
            }
        }
    }
}
