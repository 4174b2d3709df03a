//! A person at a browser, who opens pages, presses elements, fills in fields and reads. Conditions
//! are polled until a deadline. Nothing here depends on a single page.

use std::path::PathBuf;
use std::time::Duration;

use fantoccini::actions::{InputSource as _, KeyAction, KeyActions};
use fantoccini::elements::{Element, ElementRef};
use fantoccini::error::CmdError;
use fantoccini::key::Key;
use fantoccini::{Client, Locator};
use serde_json::{Value, json};
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::browser::{self, Scheme, Setup};
use crate::screenshots;

/// The longest wait for a condition, and the interval at which it is polled.
const DEADLINE: Duration = Duration::from_secs(20);
const POLL_INTERVAL: Duration = Duration::from_millis(25);

/// The key of an element's id in WebDriver.
const ELEMENT_KEY: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A visitor. Clones are the same person at the same browser.
#[derive(Clone)]
pub(crate) struct Player {
    pub(crate) client: Client,
    /// `http://127.0.0.1:PORT`.
    base: String,
    /// The beginning of the names of screenshots.
    pub(crate) name: String,
}

impl Player {
    /// Opens a browser for a visitor of the game at `base`.
    pub(crate) async fn open(name: &str, setup: Setup, base: &str) -> Self {
        let client = browser::open(setup).await;
        Self { client, base: base.to_owned(), name: name.to_owned() }
    }

    /// Closes the browser.
    pub(crate) async fn close(self) {
        self.client.close().await.expect("the browser closes");
    }

    /// Opens a path of the game, or a whole URL.
    pub(crate) async fn go(&self, path: &str) {
        let url = if path.starts_with('/') { format!("{}{path}", self.base) } else { path.into() };
        self.client.goto(&url).await.unwrap_or_else(|error| panic!("going to {path}: {error}"));
    }

    /// Reloads the page.
    pub(crate) async fn reload(&self) {
        self.client.refresh().await.expect("the page loads again");
    }

    /// The present path in the game, or the URL of another page.
    pub(crate) async fn path(&self) -> String {
        let url = self.client.current_url().await.expect("an address").to_string();
        url.strip_prefix(&self.base).unwrap_or(&url).to_owned()
    }

    /// Waits until the browser has loaded a path with this beginning: a key that is pressed before
    /// is lost.
    pub(crate) async fn arrives_at(&self, beginning: &str) {
        let arrived = async || {
            self.path().await.starts_with(beginning)
                && self.execute("return document.readyState", vec![]).await == "complete"
        };
        if !self.comes_true(arrived).await {
            let (path, words) = (self.path().await, self.text("body").await);
            panic!("{}: is at {path} and not at {beginning}; it reads: {words}", self.name);
        }
    }

    /// Presses the element of a selector, independently of the language.
    pub(crate) async fn press_at(&self, css: &str) {
        let element = self.element(css).await;
        let pressed = self.click(&element).await;
        pressed.unwrap_or_else(|error| panic!("pressing {css}: {error}"));
    }

    /// Presses the button of the form whose target begins with `action`.
    pub(crate) async fn submit(&self, action: &str) {
        self.press_at(&format!("form[action^='{action}'] button:not([type=button])")).await;
    }

    /// Fills in the field with this name.
    pub(crate) async fn fill_named(&self, name: &str, words: &str) {
        let element = self.found(name, None).await;
        self.write(&element, words).await;
    }

    /// Chooses the value of a list, a radio button or a check box with this name.
    pub(crate) async fn choose(&self, name: &str, value: &str) {
        let script = "const named = [...document.getElementsByName(arguments[0])];
            const list = named.find((element) => element.tagName === 'SELECT');
            return list ? list : null";
        let list = self.execute(script, vec![json!(name)]).await;
        let chosen = match self.as_element(&list) {
            Some(list) => list.select_by_value(value).await,
            None => self.click(&self.found(name, Some(value)).await).await,
        };
        chosen.unwrap_or_else(|error| panic!("choosing {value} of {name}: {error}"));
    }

    /// Presses keys, each down and up.
    pub(crate) async fn keys(&self, keys: &[Key]) {
        let mut actions = KeyActions::new("keyboard".to_owned());
        for key in keys {
            let value = char::from(*key);
            actions = actions.then(KeyAction::Down { value }).then(KeyAction::Up { value });
        }
        self.client.perform_actions(actions).await.expect("keys are pressed");
    }

    /// Types into the focused element.
    pub(crate) async fn types(&self, words: &str) {
        let focused = self.client.active_element().await.expect("something has the focus");
        focused.send_keys(words).await.expect("it takes text");
    }

    /// The visible text of the first element of a selector, which may be replaced at any moment.
    pub(crate) async fn text(&self, css: &str) -> String {
        self.element(css).await;
        let script = "return document.querySelector(arguments[0])?.innerText ?? ''";
        let text = self.execute(script, vec![json!(css)]).await;
        text.as_str().unwrap_or_default().to_owned()
    }

    /// How many elements a selector finds now.
    pub(crate) async fn count(&self, css: &str) -> usize {
        self.client.find_all(Locator::Css(css)).await.expect("a valid selector").len()
    }

    /// Waits until the page shows these words.
    pub(crate) async fn sees(&self, words: &str) {
        let seen = async || self.visible_text().await.contains(words);
        if !self.comes_true(seen).await {
            let (path, all) = (self.path().await, self.visible_text().await);
            panic!("{}: {path} does not show {words:?}; it reads: {all}", self.name);
        }
    }

    /// Waits until a condition holds; `what` is the message of a failure.
    pub(crate) async fn until(&self, what: &str, holds: impl AsyncFnMut() -> bool) {
        assert!(self.comes_true(holds).await, "{}: it never came true that {what}", self.name);
    }

    /// Sets the width of the browser.
    pub(crate) async fn resize(&self, width: u32) {
        browser::resize(&self.client, width, browser::height_for(width)).await;
    }

    /// Sets the preferred colour scheme.
    pub(crate) async fn prefer(&self, scheme: Scheme) {
        browser::set_scheme(&self.client, scheme).await;
    }

    /// Opens and enters a second tab, and returns the handle of the first.
    pub(crate) async fn open_tab(&self, setup: Setup) -> fantoccini::wd::WindowHandle {
        let first = self.client.window().await.expect("a tab");
        let second = self.client.new_window(true).await.expect("a tab opens").handle;
        self.client.switch_to_window(second).await.expect("it is there");
        self.resize(setup.width).await;
        self.prefer(setup.scheme).await;
        first
    }

    /// Enters another tab, and returns the handle of this one.
    pub(crate) async fn switch_tab(
        &self,
        to: fantoccini::wd::WindowHandle,
    ) -> fantoccini::wd::WindowHandle {
        let left = self.client.window().await.expect("a tab");
        self.client.switch_to_window(to).await.expect("it is there");
        left
    }

    /// Saves a picture of the whole page.
    pub(crate) async fn picture(&self, name: &str) {
        screenshots::take(&self.client, &self.picture_file(name)).await;
    }

    /// Saves a picture of the visible part of the page.
    pub(crate) async fn snapshot(&self, name: &str) {
        screenshots::take_window(&self.client, &self.picture_file(name)).await;
    }

    fn picture_file(&self, name: &str) -> PathBuf {
        screenshots::directory().join(format!("{}-{name}.png", self.name))
    }

    /// Runs a script in the page, also where the page may run none.
    pub(crate) async fn execute(&self, script: &str, arguments: Vec<Value>) -> Value {
        let ran = self.client.execute(script, arguments).await;
        ran.unwrap_or_else(|error| panic!("{}: a script of the test: {error}", self.name))
    }

    /// The visible text of the page.
    async fn visible_text(&self) -> String {
        let text = self.execute("return document.body.innerText", Vec::new()).await;
        text.as_str().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Presses an element after scrolling it to the centre, where nothing covers it.
    async fn click(&self, element: &Element) -> Result<(), CmdError> {
        let id = serde_json::to_value(element).expect("an element has an id");
        self.execute("arguments[0].scrollIntoView({ block: 'center' })", vec![id]).await;
        element.click().await
    }

    async fn write(&self, element: &Element, words: &str) {
        let list = element.tag_name().await.expect("a field") == "select";
        let written = if list {
            element.select_by_label(words).await
        } else {
            element.clear().await.expect("it can be emptied");
            element.send_keys(words).await
        };
        written.unwrap_or_else(|error| panic!("filling in {words:?}: {error}"));
    }

    /// Waits until `find.js` finds an element.
    async fn found(&self, wanted: &str, value: Option<&str>) -> Element {
        let mut found = None;
        let looks = async || {
            let arguments = vec![json!(wanted), json!(value)];
            found = self.as_element(&self.execute(include_str!("find.js"), arguments).await);
            found.is_some()
        };
        if !self.comes_true(looks).await {
            let (path, all) = (self.path().await, self.visible_text().await);
            panic!("{}: no field {wanted:?} at {path}; it reads: {all}", self.name);
        }
        found.expect("it came true that it is found")
    }

    async fn element(&self, css: &str) -> Element {
        let wait = self.client.wait().at_most(DEADLINE).every(POLL_INTERVAL);
        match wait.for_element(Locator::Css(css)).await {
            Ok(element) => element,
            Err(error) => {
                let (path, all) = (self.path().await, self.visible_text().await);
                panic!("{}: {css} at {path}: {error}; it reads: {all}", self.name)
            }
        }
    }

    fn as_element(&self, value: &Value) -> Option<Element> {
        let id = value.get(ELEMENT_KEY)?.as_str()?.to_owned();
        Some(Element::from_element_id(self.client.clone(), ElementRef::from(id)))
    }

    async fn comes_true(&self, mut holds: impl AsyncFnMut() -> bool) -> bool {
        let mut polls = interval(POLL_INTERVAL);
        polls.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let coming = async {
            while !holds().await {
                polls.tick().await;
            }
        };
        timeout(DEADLINE, coming).await.is_ok()
    }
}
