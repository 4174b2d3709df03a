//! A headless chromium with a fresh profile and the visitor's width, color scheme and languages,
//! with or without scripts.

use std::time::Duration;

use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder};
use hyper::Method;
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use testkit::chromedriver_url;
use url::{ParseError, Url};

/// Root may not use chromium's sandbox, and the tests visit only our own pages. The pipe ends the
/// browser with its driver, however the driver ends. The rest prevents background requests and the
/// use of devices that a container lacks; scrollbars, which phones lay over a page, would take
/// width from it.
const ARGUMENTS: [&str; 14] = [
    "--headless=new",
    "--hide-scrollbars",
    "--no-sandbox",
    "--remote-debugging-pipe",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--disable-sync",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--no-first-run",
    "--no-default-browser-check",
];

/// How long a window may take to have another size, or other colors.
const SETTLE_MAX: Duration = Duration::from_secs(20);

/// A slow phone connection (DevTools' "slow 3G") without a cache: milliseconds and bytes a second.
const SLOW_LATENCY_MS: u32 = 400;
const SLOW_BYTES: u32 = 50_000;

/// The value of `prefers-color-scheme`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Light,
    Dark,
}

impl Scheme {
    pub(crate) const ALL: [Self; 2] = [Self::Light, Self::Dark];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

/// How a visitor's browser is set up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    /// In CSS pixels.
    pub(crate) width: u32,
    pub(crate) scheme: Scheme,
    pub(crate) runs_scripts: bool,
    /// As in the header `Accept-Language`, without weights.
    pub(crate) languages: &'static str,
}

impl Default for Setup {
    fn default() -> Self {
        Self { width: 1280, scheme: Scheme::Light, runs_scripts: true, languages: "en" }
    }
}

pub(crate) async fn open(setup: Setup) -> Client {
    let preferences = json!({
        "intl.accept_languages": setup.languages,
        // 1 allows and 2 blocks.
        "profile.managed_default_content_settings.javascript":
            if setup.runs_scripts { 1 } else { 2 },
    });
    let Value::Object(capabilities) = json!({
        "goog:chromeOptions": { "args": ARGUMENTS, "prefs": preferences },
        "goog:loggingPrefs": { "browser": "ALL" },
    }) else {
        unreachable!("the literal above is an object")
    };
    let mut builder = ClientBuilder::new(HttpConnector::new());
    let driver = chromedriver_url();
    let client = builder.capabilities(capabilities).connect(&driver).await;
    let client = client.expect("a browser opens");
    resize(&client, setup.width, height_for(setup.width)).await;
    set_scheme(&client, setup.scheme).await;
    client
}

/// How high the window of a phone or of a desk is, in CSS pixels.
pub(crate) fn height_for(width: u32) -> u32 {
    if width < 600 { 740 } else { 900 }
}

/// Sets the size of the current tab, also below the minimum of a window.
pub(crate) async fn resize(client: &Client, width: u32, height: u32) {
    let metrics =
        json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
    devtools(client, "Emulation.setDeviceMetricsOverride", metrics).await;
    // The next page must not be painted in the old size first.
    let resized = async {
        while client.execute("return innerWidth", Vec::new()).await.expect("a width") != width {}
    };
    let resized = tokio::time::timeout(SETTLE_MAX, resized).await;
    resized.unwrap_or_else(|_| panic!("after {SETTLE_MAX:?} not yet {width} px wide"));
}

pub(crate) async fn set_scheme(client: &Client, scheme: Scheme) {
    let features = json!([{ "name": "prefers-color-scheme", "value": scheme.name() }]);
    devtools(client, "Emulation.setEmulatedMedia", json!({ "features": features })).await;
    let script = format!("return matchMedia('(prefers-color-scheme: {})').matches", scheme.name());
    let preferred =
        async { while client.execute(&script, Vec::new()).await.expect("a boolean") != true {} };
    let preferred = tokio::time::timeout(SETTLE_MAX, preferred).await;
    preferred.unwrap_or_else(|_| panic!("after {SETTLE_MAX:?} not yet {}", scheme.name()));
}

/// Makes the current tab load everything again over a slow connection.
pub(crate) async fn slow_down(client: &Client) {
    let conditions = json!({ "offline": false, "latency": SLOW_LATENCY_MS,
        "downloadThroughput": SLOW_BYTES, "uploadThroughput": SLOW_BYTES });
    devtools(client, "Network.enable", json!({})).await;
    devtools(client, "Network.setCacheDisabled", json!({ "cacheDisabled": true })).await;
    devtools(client, "Network.setBypassServiceWorker", json!({ "bypass": true })).await;
    devtools(client, "Network.emulateNetworkConditions", conditions).await;
}

/// A command of the DevTools protocol to the current tab.
pub(crate) async fn devtools(client: &Client, command: &str, parameters: Value) -> Value {
    let body = json!({ "cmd": command, "params": parameters });
    let sent = client.issue_cmd(DriverCommand { path: "goog/cdp/execute", body }).await;
    sent.unwrap_or_else(|error| panic!("{command}: {error}"))
}

/// The errors of the browser's console since the last call.
pub(crate) async fn console_errors(client: &Client) -> Vec<String> {
    let body = json!({ "type": "browser" });
    let log = client.issue_cmd(DriverCommand { path: "se/log", body }).await.expect("a log");
    let entries = log.as_array().expect("a list of entries");
    entries
        .iter()
        .filter(|entry| entry["level"] == "SEVERE")
        .map(|entry| entry["message"].as_str().unwrap_or_default().to_owned())
        .collect()
}

/// A command of chromedriver that is not in the WebDriver standard.
#[derive(Debug)]
struct DriverCommand {
    /// Relative to the session.
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for DriverCommand {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(self.body.to_string()))
    }
}
