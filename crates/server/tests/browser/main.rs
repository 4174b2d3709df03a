//! The pages in a real browser: Debian's chromium, driven through its chromedriver. One test
//! program, so that it is linked once. A test tells what a person does and sees; what a page must
//! always be (axe, no console error, no sideways scrolling) is said once, in `checks`, for every
//! page that `pages` lists. The numbers and words of a page are the affair of `crates/web/tests`.

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
