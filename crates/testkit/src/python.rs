//! The Python whose packages `./test` installs beside the other tools of the tests.

use std::path::PathBuf;

/// `target/tools/python`.
///
/// # Panics
/// When `./test` has not installed it.
pub fn tools_python() -> PathBuf {
    let test = std::env::current_exe().expect("a path");
    let target = test.ancestors().nth(3).expect("target/PROFILE/deps/TEST");
    let python = target.join("tools/python/bin/python3");
    assert!(python.exists(), "{} is missing: run ./test tests once", python.display());
    python
}
