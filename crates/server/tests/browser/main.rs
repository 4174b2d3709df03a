//! The pages in a real browser: Debian's chromium, driven through its chromedriver. Tests perform a
//! player's actions and check what the page shows; `checks` has what holds for every page. Numbers
//! and texts of a page are tested in `crates/web/tests`.

mod actions;
mod axe;
mod browser;
mod checks;
mod every_page;
mod pages;
mod pictures;
mod player;
mod screenshots;
mod self_test;
mod stories;
mod visit;
