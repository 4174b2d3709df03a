//! The meanings that the separators of a number allow: decimals, groups of three digits, or both.

/// The character before the decimals.
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

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Point => "point",
            Self::Comma => "comma",
        }
    }
}

/// What a number can mean by its marks alone.
pub(super) enum NumberShape {
    Bad,
    /// Without a mark, apart from spaces or apostrophes between groups.
    Whole,
    /// Groups only, by the mark that does not stand before decimals.
    Grouped(DecimalMark),
    /// Decimals from this byte on, behind this mark.
    Decimals(DecimalMark, usize),
    /// Decimals behind this mark at this byte, or one group of three.
    Either(DecimalMark, usize),
}

pub(super) fn shape(text: &str) -> NumberShape {
    let is_mark = |byte: &u8| matches!(byte, b'.' | b',');
    let bytes = text.as_bytes();
    let Some(last) = bytes.iter().rposition(is_mark) else {
        return if is_grouped(text, &[' ', '\'']) { NumberShape::Whole } else { NumberShape::Bad };
    };
    let mark = bytes[last];
    let (before, after) = (&text[..last], &text[last + 1..]);
    if !after.bytes().all(|byte| byte.is_ascii_digit()) {
        return NumberShape::Bad;
    }
    let other = if mark == b',' { '.' } else { ',' };
    if before.bytes().any(|byte| byte == mark) {
        // A mark that occurs twice separates groups.
        let of_groups = if mark == b',' { DecimalMark::Point } else { DecimalMark::Comma };
        let is_whole = is_grouped(text, &[char::from(mark)]);
        return if is_whole { NumberShape::Grouped(of_groups) } else { NumberShape::Bad };
    }
    if !(before.is_empty() && !after.is_empty() || is_grouped(before, &[other, ' ', '\''])) {
        return NumberShape::Bad;
    }
    let could_be_group = after.len() == 3
        && (1..=3).contains(&before.len())
        && before.bytes().all(|byte| byte.is_ascii_digit())
        && !before.starts_with('0');
    let of_decimals = DecimalMark::of(mark);
    if could_be_group {
        NumberShape::Either(of_decimals, last)
    } else {
        NumberShape::Decimals(of_decimals, last)
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

/// Replaces non-breaking spaces by a space and typographic apostrophes by plain ones.
pub(super) fn plain_space(c: char) -> char {
    match c {
        '\u{a0}' | '\u{202f}' | '\u{2009}' => ' ',
        '\u{2019}' => '\'',
        c => c,
    }
}
