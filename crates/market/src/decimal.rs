//! Exact decimal numbers in files and in responses of providers, rounded once to the places of a
//! price. No value passes through a float.

use domain::Price;

/// The longest number that is parsed, in characters.
pub(crate) const LENGTH_MAX: usize = 40;
pub(crate) const PRICE_PLACES: u32 = 4;
/// The decimal places with which vendors print a float32; a float64 has more.
const NOISE_PLACES_MIN: u32 = 6;

/// A decimal number exactly as it is written: `mantissa` × 10^-`places`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Decimal {
    pub(crate) mantissa: i128,
    pub(crate) places: u32,
}

/// A price rounded to the places in which it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StoredPrice {
    pub(crate) price: Price,
    /// The number has more than four decimal places.
    pub(crate) is_rounded: bool,
    /// Rounding changes it by more than 0.5 %.
    pub(crate) is_moved: bool,
}

impl Decimal {
    /// Parses digits with an optional sign, point and exponent, of at most [`LENGTH_MAX`]
    /// characters.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.len() > LENGTH_MAX {
            return None;
        }
        let (number, exponent) = split_exponent(text)?;
        let (is_negative, number) = match number.strip_prefix('-') {
            Some(number) => (true, number),
            None => (false, number.strip_prefix('+').unwrap_or(number)),
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !is_digits(whole) || !is_digits(fraction) {
            return None;
        }
        let size = digits(number)?;
        let mantissa = if is_negative { -size } else { size };
        Self { mantissa, places: u32::try_from(fraction.len()).ok()? }.times(exponent)
    }

    /// Parses `123` or `123.45` of at most 18 characters: the common form, without an allocation.
    pub(crate) fn parse_plain(text: &str) -> Option<Self> {
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
        Some(Self { mantissa: i128::from(mantissa), places })
    }

    /// The number / 10^`places`.
    pub(crate) fn shifted(self, places: u32) -> Self {
        Self { places: self.places + places, ..self }
    }

    /// The nearest whole number; `None` beyond 64 bits.
    pub(crate) fn whole(self) -> Option<i64> {
        i64::try_from(self.rounded_to(0)?).ok()
    }

    /// The nearest price; `None` above [`Price::MAX`].
    pub(crate) fn stored(self) -> Option<StoredPrice> {
        let scaled = self.rounded_to(PRICE_PLACES)?;
        let price = i64::try_from(scaled).ok().map(Price).filter(|price| *price <= Price::MAX)?;
        let Some(finer) = self.places.checked_sub(PRICE_PLACES).filter(|finer| *finer > 0) else {
            return Some(StoredPrice { price, is_rounded: false, is_moved: false });
        };
        let power = 10i128.checked_pow(finer);
        let Some(back) = power.and_then(|power| scaled.checked_mul(power)) else {
            let is_rounded = self.mantissa > 0;
            return Some(StoredPrice { price, is_rounded, is_moved: is_rounded });
        };
        let error = (back - self.mantissa).abs();
        let is_moved = error.checked_mul(200).is_none_or(|error| error > self.mantissa);
        Some(StoredPrice { price, is_rounded: error > 0, is_moved: error > 0 && is_moved })
    }

    /// The number × 10^`exponent`; `None` beyond 128 bits.
    pub(crate) fn times(self, exponent: i32) -> Option<Self> {
        let places = i64::from(self.places) - i64::from(exponent);
        if let Ok(places) = u32::try_from(places) {
            return Some(Self { places, ..self });
        }
        if self.mantissa == 0 {
            return Some(Self { mantissa: 0, places: 0 });
        }
        let power = 10i128.checked_pow(u32::try_from(-places).ok()?)?;
        Some(Self { mantissa: self.mantissa.checked_mul(power)?, places: 0 })
    }

    /// The shortest decimal of a float32 if this number is the print of that float32, with six
    /// places or as float64; otherwise the number itself.
    pub(crate) fn without_noise(self) -> Self {
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
        is_print.then(|| Self::parse_plain(&single.to_string()))?
    }

    /// The number × 10^`places`, rounded half away from zero; `None` beyond 128 bits.
    pub(crate) fn rounded_to(self, places: u32) -> Option<i128> {
        if self.places <= places {
            return self.mantissa.checked_mul(10i128.checked_pow(places - self.places)?);
        }
        let Some(power) = 10i128.checked_pow(self.places - places) else { return Some(0) };
        // The remainder is compared, because the mantissa plus one half may overflow.
        let is_up = (self.mantissa % power).abs() >= power / 2;
        Some(self.mantissa / power + if is_up { self.mantissa.signum() } else { 0 })
    }
}

/// Splits a number from its exponent, which is 0 if it is missing.
pub(crate) fn split_exponent(text: &str) -> Option<(&str, i32)> {
    match text.split_once(['e', 'E']) {
        Some((number, exponent)) => Some((number, exponent.parse().ok()?)),
        None => Some((text, 0)),
    }
}

/// The digits of a text as one number; other characters are skipped.
pub(crate) fn digits(text: &str) -> Option<i128> {
    let mut digits = text.bytes().filter(u8::is_ascii_digit);
    digits.try_fold(0i128, |number, digit| {
        number.checked_mul(10)?.checked_add(i128::from(digit - b'0'))
    })
}

/// Digits without a sign.
fn unsigned(text: &str) -> Option<i64> {
    if text.starts_with(['+', '-']) { None } else { text.parse().ok() }
}
