//! How long a test that could go on for ever does so. It measures no time itself.

use crate::process::environment;

/// Says how many seconds such tests run, for those who want to look longer than `./test` does.
pub const SECONDS_VARIABLE: &str = "OPENBELL_TEST_SECONDS";

/// The seconds that the variable says, or else the test's own default.
///
/// # Panics
/// When the variable is no whole number.
pub fn seconds(default: u64) -> u64 {
    let read = |text: String| {
        text.parse().unwrap_or_else(|_| panic!("{SECONDS_VARIABLE} is no whole number: {text}"))
    };
    environment(SECONDS_VARIABLE).map_or(default, read)
}
