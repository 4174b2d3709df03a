//! The pages in a real browser: Debian's chromium, through its chromedriver. `stories` has what a
//! person does and sees; `checks` has what every page of `pages` must satisfy (axe, no console
//! error, no sideways scrolling). `crates/web/tests` tests the numbers and words of pages.

mod axe;
mod browser;
mod checks;
mod deeds;
mod every_page;
mod pages;
mod pictures;
mod player;
mod screenshots;
mod self_test;
mod stories;
mod visit;
