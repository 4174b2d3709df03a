//! Decimal numbers as files write them: with a point or a comma before the decimals, with groups of
//! three digits, with an exponent. What could be read in two ways is not guessed: the first number
//! that has only one meaning decides for the file, and a file without one is refused.

use domain::Price;

/// The most characters of a number.
const LENGTH_MAX: usize = 40;
/// Places of a price.
const PRICE_PLACES: u32 = 4;
/// The places with which vendors print a float32, unless they print it as float64 with more.
const NOISE_PLACES_MIN: u32 = 6;

/// What stands before the decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecimalMark {
    /// `1,234.56`
    Point,
    /// `1.234,56`
    Comma,
}

impl DecimalMark {
    fn of(byte: u8) -> Self {
        if byte == b',' { Self::Comma } else { Self::Point }
    }

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Point => "point",
            Self::Comma => "comma",
        }
    }
}

/// A number above or equal to zero, exactly as it was written: `mantissa` × 10^-`places`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Decimal {
    pub(super) mantissa: i128,
    pub(super) places: u32,
}

/// A price as it is stored, and what storing it changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stored {
    pub(super) price: Price,
    /// It was finer than a price can be.
    pub(super) is_rounded: bool,
    /// Rounding moved it by more than half a percent.
    pub(super) is_moved: bool,
}

impl Decimal {
    /// Divided by 10^`places`.
    pub(super) fn shifted(self, places: u32) -> Self {
        Self { places: self.places + places, ..self }
    }

    /// Rounded half up to a whole number; `None` where it does not fit.
    pub(super) fn whole(self) -> Option<i64> {
        i64::try_from(self.scaled(0)?).ok()
    }

    /// Rounded half up to the places of a price; `None` beyond the highest price.
    pub(super) fn stored(self) -> Option<Stored> {
        let scaled = self.scaled(PRICE_PLACES)?;
        let price = i64::try_from(scaled).ok().map(Price).filter(|price| *price <= Price::MAX)?;
        let Some(finer) = self.places.checked_sub(PRICE_PLACES).filter(|finer| *finer > 0) else {
            return Some(Stored { price, is_rounded: false, is_moved: false });
        };
        let power = 10i128.checked_pow(finer);
        let Some(back) = power.and_then(|power| scaled.checked_mul(power)) else {
            let is_rounded = self.mantissa > 0;
            return Some(Stored { price, is_rounded, is_moved: is_rounded });
        };
        let error = (back - self.mantissa).abs();
        let is_moved = error.checked_mul(200).is_none_or(|error| error > self.mantissa);
        Some(Stored { price, is_rounded: error > 0, is_moved: error > 0 && is_moved })
    }

    /// Multiplied by 10^`exponent`; `None` where it does not fit.
    pub(super) fn times(self, exponent: i32) -> Option<Self> {
        with_exponent(self, exponent)
    }

    /// The shortest decimal of a float32 if this number is the print of that float32, with six
    /// places or as float64; otherwise the number itself.
    pub(super) fn without_noise(self) -> Self {
        if self.places < NOISE_PLACES_MIN {
            return self;
        }
        self.shortest().filter(|short| short.places < self.places).unwrap_or(self)
    }

    fn shortest(self) -> Option<Self> {
        let power = 10i128.checked_pow(self.places)?;
        let (whole, fraction) = (self.mantissa / power, self.mantissa % power);
        let text = format!("{whole}.{fraction:0>width$}", width = self.places as usize);
        let single: f32 = text.parse().ok()?;
        let is_print = if self.places == NOISE_PLACES_MIN {
            format!("{single:.6}") == text
        } else {
            let double: f64 = text.parse().ok()?;
            f64::from(single).to_bits() == double.to_bits()
        };
        is_print.then(|| plain(&single.to_string()))?
    }

    fn scaled(self, places: u32) -> Option<i128> {
        if self.places <= places {
            return self.mantissa.checked_mul(10i128.checked_pow(places - self.places)?);
        }
        let Some(power) = 10i128.checked_pow(self.places - places) else { return Some(0) };
        Some(self.mantissa / power + i128::from(self.mantissa % power >= power / 2))
    }
}

/// A number with two meanings, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ambiguous {
    pub(super) line: u64,
    pub(super) text: String,
}

/// How a file writes decimals, as far as that is known.
#[derive(Debug)]
pub(super) struct Marks {
    mark: Option<DecimalMark>,
    /// The mark was found, not presumed.
    is_certain: bool,
    /// The first number that was read by presumption, and the mark it was read with.
    presumed: Option<(Ambiguous, DecimalMark)>,
}

impl Marks {
    /// Of a file with this delimiter. Where fields are parted by commas, decimals have a point
    /// unless the caller names the comma.
    pub(super) fn new(delimiter: u8, named: Option<DecimalMark>) -> Self {
        let mark = named.or((delimiter == b',').then_some(DecimalMark::Point));
        Self { mark, is_certain: named.is_some(), presumed: None }
    }

    /// The number that was read by presumption and could mean something else, at the end.
    pub(super) fn finish(self) -> Option<Ambiguous> {
        self.presumed.map(|(ambiguous, _)| ambiguous)
    }

    /// Reads a number. `Ok(None)` for what is no number; an error when this number has only one
    /// meaning and an earlier one was read with the other.
    pub(super) fn read(&mut self, line: u64, text: &str) -> Result<Option<Decimal>, Ambiguous> {
        if self.mark == Some(DecimalMark::Point)
            && let Some(number) = plain(text)
        {
            if number.places > 0 && !self.is_certain {
                self.settle(DecimalMark::Point)?;
            }
            return Ok(Some(number));
        }
        if text.len() > LENGTH_MAX {
            return Ok(None);
        }
        let (digits, exponent) = match text.split_once(['e', 'E']) {
            Some((digits, exponent)) => match exponent.parse::<i32>() {
                Ok(exponent) => (digits, exponent),
                Err(_) => return Ok(None),
            },
            None => (text, 0),
        };
        let digits = digits.strip_prefix('+').unwrap_or(digits);
        let digits: String = digits.chars().map(plain_space).collect();
        let number = match shape(&digits) {
            Shape::Bad => return Ok(None),
            Shape::Whole => whole(&digits),
            Shape::Grouped(mark) => {
                self.settle(mark)?;
                if self.mark == Some(mark) { whole(&digits) } else { None }
            }
            Shape::Decimals(mark, at) => {
                self.settle(mark)?;
                if self.mark == Some(mark) { decimals(&digits, at) } else { None }
            }
            Shape::Either(mark, at) => {
                let read_as = self.mark.unwrap_or(mark);
                if !self.is_certain && (self.mark.is_none() || mark != read_as) {
                    let ambiguous = Ambiguous { line, text: text.to_owned() };
                    self.presumed.get_or_insert((ambiguous, read_as));
                } else if !self.is_certain {
                    self.settle(mark)?;
                }
                if read_as == mark { decimals(&digits, at) } else { whole(&digits) }
            }
        };
        Ok(number.and_then(|number| with_exponent(number, exponent)))
    }

    /// Reads a number that counts things. Where a mark is presumed, groups of three digits need no
    /// further proof: there are no parts of things.
    pub(super) fn read_count(
        &mut self,
        line: u64,
        text: &str,
    ) -> Result<Option<Decimal>, Ambiguous> {
        let presumed = self.mark.is_some().then(|| self.presumed.clone());
        let number = self.read(line, text)?;
        if let Some(presumed) = presumed.filter(|_| !self.is_certain) {
            self.presumed = presumed;
        }
        Ok(number)
    }

    /// A number has only one meaning: the one with this mark.
    fn settle(&mut self, mark: DecimalMark) -> Result<(), Ambiguous> {
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

/// What a number can mean by its marks alone.
enum Shape {
    Bad,
    /// No mark but spaces or apostrophes between groups.
    Whole,
    /// Groups only, by the mark that does not stand before decimals.
    Grouped(DecimalMark),
    /// Decimals from this byte on, behind this mark.
    Decimals(DecimalMark, usize),
    /// Decimals behind this mark at this byte, or one group of three.
    Either(DecimalMark, usize),
}

fn shape(text: &str) -> Shape {
    let is_mark = |byte: &u8| matches!(byte, b'.' | b',');
    let bytes = text.as_bytes();
    let Some(last) = bytes.iter().rposition(is_mark) else {
        return if is_grouped(text, &[' ', '\'']) { Shape::Whole } else { Shape::Bad };
    };
    let mark = bytes[last];
    let (before, after) = (&text[..last], &text[last + 1..]);
    if !after.bytes().all(|byte| byte.is_ascii_digit()) {
        return Shape::Bad;
    }
    let other = if mark == b',' { '.' } else { ',' };
    if before.bytes().any(|byte| byte == mark) {
        // A mark that stands twice parts groups.
        let of_groups = if mark == b',' { DecimalMark::Point } else { DecimalMark::Comma };
        let is_whole = is_grouped(text, &[char::from(mark)]);
        return if is_whole { Shape::Grouped(of_groups) } else { Shape::Bad };
    }
    if !(before.is_empty() && !after.is_empty() || is_grouped(before, &[other, ' ', '\''])) {
        return Shape::Bad;
    }
    let could_be_group = after.len() == 3
        && (1..=3).contains(&before.len())
        && before.bytes().all(|byte| byte.is_ascii_digit())
        && !before.starts_with('0');
    let of_decimals = DecimalMark::of(mark);
    if could_be_group {
        Shape::Either(of_decimals, last)
    } else {
        Shape::Decimals(of_decimals, last)
    }
}

/// Digits, or groups of three with one and the same of `marks` between them.
fn is_grouped(text: &str, marks: &[char]) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let Some(mark) = text.chars().find(|c| marks.contains(c)) else { return digits(text) };
    let mut groups = text.split(mark);
    let first = groups.next().unwrap_or_default();
    digits(first) && first.len() <= 3 && groups.all(|group| digits(group) && group.len() == 3)
        || mark == ',' && is_grouped_by_lakh(text)
}

/// Groups of two digits before the last one of three, as India writes them: `1,23,456`.
fn is_grouped_by_lakh(text: &str) -> bool {
    let groups: Vec<&str> = text.split(',').collect();
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let [first, middle @ .., last] = &groups[..] else { return false };
    (1..=2).contains(&first.len())
        && !middle.is_empty()
        && middle.iter().all(|group| group.len() == 2)
        && last.len() == 3
        && groups.iter().all(|group| digits(group))
}

/// Spaces that do not break, of which there are several, as a plain one; typographic apostrophes
/// likewise.
fn plain_space(c: char) -> char {
    match c {
        '\u{a0}' | '\u{202f}' | '\u{2009}' => ' ',
        '\u{2019}' => '\'',
        c => c,
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

/// The digits of a text as one number.
fn digits(text: &str) -> Option<i128> {
    let mut digits = text.bytes().filter(u8::is_ascii_digit);
    digits.try_fold(0i128, |number, digit| {
        number.checked_mul(10)?.checked_add(i128::from(digit - b'0'))
    })
}

fn with_exponent(number: Decimal, exponent: i32) -> Option<Decimal> {
    let places = i32::try_from(number.places).ok()?.checked_sub(exponent)?;
    if let Ok(places) = u32::try_from(places) {
        return Some(Decimal { places, ..number });
    }
    if number.mantissa == 0 {
        return Some(Decimal { mantissa: 0, places: 0 });
    }
    let power = 10i128.checked_pow(places.unsigned_abs())?;
    Some(Decimal { mantissa: number.mantissa.checked_mul(power)?, places: 0 })
}

/// `123` or `123.45` of at most 18 digits, which is how nearly all numbers are written.
fn plain(text: &str) -> Option<Decimal> {
    if text.len() > 18 {
        return None;
    }
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if whole.is_empty() || fraction.is_empty() && whole.len() != text.len() {
        return None;
    }
    let (whole, places) = (unsigned(whole)?, u32::try_from(fraction.len()).ok()?);
    let fraction = if fraction.is_empty() { 0 } else { unsigned(fraction)? };
    let mantissa = whole * 10i64.pow(places) + fraction;
    Some(Decimal { mantissa: i128::from(mantissa), places })
}

/// Digits alone, without a sign.
fn unsigned(text: &str) -> Option<i64> {
    if text.starts_with('+') || text.starts_with('-') {
        return None;
    }
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(delimiter: u8, texts: &[&str]) -> Result<Vec<Option<(i128, u32)>>, Ambiguous> {
        let mut marks = Marks::new(delimiter, None);
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
        let ambiguous = |line, text: &str| Err(Ambiguous { line, text: text.to_owned() });
        assert_eq!(read_all(b';', &["1.234", "2.345"]), ambiguous(2, "1.234"));
        assert_eq!(read_all(b';', &["5", "1.234", "2,5"]), ambiguous(3, "1.234"));
        assert_eq!(read_all(b';', &["1.234", "2.5"]), Ok(vec![Some((1_234, 3)), Some((25, 1))]));
        // In quotes, in a file whose fields are parted by commas.
        assert_eq!(read_all(b',', &["1,234"]), ambiguous(2, "1,234"));
        assert_eq!(read_all(b',', &["1,234", "2.5"]), Ok(vec![Some((1_234, 0)), Some((25, 1))]));
        assert_eq!(read_all(b',', &["1.234"]), Ok(vec![Some((1_234, 3))]));
        let mut counts = Marks::new(b',', None);
        let read = counts.read_count(2, "1,234");
        assert_eq!(read, Ok(Some(Decimal { mantissa: 1_234, places: 0 })));
        assert_eq!(counts.finish(), None);
        let mut counts = Marks::new(b';', None);
        assert!(counts.read_count(2, "1.234").is_ok());
        assert!(counts.finish().is_some());
        let mut named = Marks::new(b',', Some(DecimalMark::Comma));
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
            let number = Marks::new(b',', None).read(2, text).ok().flatten().expect(text);
            assert_eq!(number.without_noise(), Decimal { mantissa, places }, "{text}");
        }
    }

    #[test]
    fn rounding_is_counted_and_so_is_what_it_moves() {
        let stored = |mantissa, places| Decimal { mantissa, places }.stored();
        let of = |price, is_rounded, is_moved| {
            Some(Stored { price: Price(price), is_rounded, is_moved })
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
            let mut marks = Marks::new(b',', None);
            if let Ok(Some(number)) = marks.read(1, text) {
                let _ = (number.stored(), number.whole(), number.shifted(3).stored());
            }
        }
    }
}
