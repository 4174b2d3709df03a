//! Pictures of whole pages below the target directory, for people. No test compares them, and none
//! is committed.

use std::fs;
use std::path::{Path, PathBuf};

use fantoccini::Client;
use serde_json::Value;

use crate::browser;

/// Longer pages are cut off here, in CSS pixels.
const HEIGHT_MAX: u32 = 6_000;

const SIZES: &str = "return [innerWidth, innerHeight, document.documentElement.scrollHeight]";

pub(crate) fn directory() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("screenshots")
}

/// Saves a picture of the whole page, for which the window gets the height of the page for a
/// moment.
pub(crate) async fn take(client: &Client, file: &Path) {
    let sizes: Value = client.execute(SIZES, Vec::new()).await.expect("the page has a size");
    let [width, height, whole]: [u32; 3] = serde_json::from_value(sizes).expect("three numbers");
    browser::resize(client, width, whole.clamp(height, HEIGHT_MAX)).await;
    take_window(client, file).await;
    browser::resize(client, width, height).await;
}

/// Keeps a picture of what the window shows.
pub(crate) async fn take_window(client: &Client, file: &Path) {
    let png = client.screenshot().await.expect("a picture");
    let parent = file.parent().expect("it lies in a directory");
    fs::create_dir_all(parent).expect("the directory can be written");
    fs::write(file, png).expect("a picture is written");
}
