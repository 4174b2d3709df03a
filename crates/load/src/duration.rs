//! Durations as people write them on a command line.

use std::time::Duration;

/// Reads `500ms`, `15s`, `10m` or `1h`.
///
/// # Errors
/// What was expected, for people.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("expected a duration like 500ms, 15s, 10m or 1h, got {text:?}");
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let unit_ms = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(wrong()),
    };
    let duration = number.checked_mul(unit_ms).map(Duration::from_millis);
    duration.filter(|duration| !duration.is_zero()).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_number_and_a_unit() {
        let read = |text| parse_duration(text).map(|duration| duration.as_millis());
        assert_eq!(read("500ms"), Ok(500));
        assert_eq!(read("15s"), Ok(15_000));
        assert_eq!(read("10m"), Ok(600_000));
        assert_eq!(read("1h"), Ok(3_600_000));
        for text in ["", "15", "s", "0s", "1.5s", "-1s", "1d", "99999999999999999999s"] {
            assert!(read(text).is_err(), "{text:?}");
        }
    }
}
