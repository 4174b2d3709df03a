//! Pictures of whole pages, saved below the target directory for review by people. They are neither
//! compared nor committed.

use std::fs;
use std::path::{Path, PathBuf};

use fantoccini::Client;
use serde_json::Value;

use crate::browser;

/// Longer pages are cut off at this height, in CSS pixels.
const HEIGHT_MAX: u32 = 6_000;

const SIZES: &str = "return [innerWidth, innerHeight, document.documentElement.scrollHeight]";

pub(crate) fn directory() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("screenshots")
}

/// Saves a picture of the whole page, for which the window gets the height of the page.
pub(crate) async fn take(client: &Client, file: &Path) {
    let sizes: Value = client.execute(SIZES, Vec::new()).await.expect("the page has a size");
    let [width, height, whole]: [u32; 3] = serde_json::from_value(sizes).expect("three numbers");
    browser::resize(client, width, whole.clamp(height, HEIGHT_MAX)).await;
    take_window(client, file).await;
    browser::resize(client, width, height).await;
}

/// Saves a picture of the visible part of the page.
pub(crate) async fn take_window(client: &Client, file: &Path) {
    let png = client.screenshot().await.expect("a picture");
    let parent = file.parent().expect("a file has a directory");
    fs::create_dir_all(parent).expect("the directory can be written");
    fs::write(file, png).expect("a picture is written");
}
