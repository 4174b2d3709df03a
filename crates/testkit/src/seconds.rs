//! How long a test without a natural end runs.

use crate::process::environment;

/// The seconds that such tests run, for longer runs than those of `./test`.
pub const SECONDS_VARIABLE: &str = "OPENBELL_TEST_SECONDS";

/// The seconds of the variable, or the default of the test.
///
/// # Panics
/// If the variable is not a whole number.
pub fn seconds(default: u64) -> u64 {
    let read = |text: String| {
        text.parse().unwrap_or_else(|_| panic!("{SECONDS_VARIABLE} is not a whole number: {text}"))
    };
    environment(SECONDS_VARIABLE).map_or(default, read)
}
