//! A temporary chromedriver, through which tests control chromium over WebDriver. All tests of a
//! process share it, and each opens its own browser. Nothing is downloaded.

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use crate::process::{Recipe, ServerProcess, installed};

pub struct Chromedriver {
    process: ServerProcess,
}

impl Chromedriver {
    /// Starts a driver; it stops when the value is dropped or the process ends, and with it the
    /// browsers that are connected by a pipe (`--remote-debugging-pipe`).
    ///
    /// # Panics
    /// When chromium or its driver is not installed, or when the driver does not start.
    pub fn start() -> Self {
        for (program, package) in [("chromium", "chromium"), ("chromedriver", "chromium-driver")] {
            assert!(installed(program), "{package} is not installed; `./test` installs it");
        }
        let recipe = Recipe {
            user: None,
            stop_signal: "TERM",
            prepare: &|_| (),
            command: &command_line,
            is_ready: &has_started,
        };
        Self { process: ServerProcess::start(&recipe) }
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.process.port())
    }
}

/// The URL of a driver that this process starts once and that ends with it.
///
/// # Panics
/// When chromium or its driver is not installed, or when the driver does not start: the test fails
/// and is not skipped.
pub fn chromedriver_url() -> String {
    static OWN: OnceLock<Chromedriver> = OnceLock::new();
    OWN.get_or_init(Chromedriver::start).url()
}

/// The browsers' profiles are in the driver's directory, so that they are removed with it.
fn command_line(dir: &Path, port: u16) -> Vec<String> {
    let dir = dir.display();
    let variables = [format!("TMPDIR={dir}"), format!("HOME={dir}")];
    let command = ["chromedriver".to_owned(), format!("--port={port}")];
    ["env".to_owned()].into_iter().chain(variables).chain(command).collect()
}

/// Unlike the port, the log cannot belong to another process.
fn has_started(dir: &Path, port: u16) -> bool {
    let log = fs::read_to_string(dir.join("log")).unwrap_or_default();
    log.contains(&format!("started successfully on port {port}"))
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;

    use super::*;

    /// Opens a browser and returns its process id. The driver does not close the connection.
    fn open_browser(driver: &Chromedriver) -> u32 {
        let body = r#"{"capabilities":{"alwaysMatch":{"goog:chromeOptions":{"args":
            ["--headless=new","--no-sandbox","--disable-gpu","--remote-debugging-pipe"]}}}}"#;
        let address = ("127.0.0.1", driver.process.port());
        let mut stream = TcpStream::connect(address).expect("the driver listens");
        let head = "POST /session HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n";
        let request = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
        stream.write_all(request.as_bytes()).expect("the request is sent");
        let mut answer = String::new();
        let mut part = [0; 4096];
        while !answer.contains("\"sessionId\"") {
            let length = stream.read(&mut part).expect("the driver responds");
            assert_ne!(length, 0, "no browser opened: {answer}");
            answer.push_str(&String::from_utf8_lossy(&part[..length]));
        }
        let (_, rest) = answer.split_once("processID\":").expect("the response has the process");
        rest.split(|c: char| !c.is_ascii_digit()).next().and_then(|id| id.parse().ok()).expect("id")
    }

    /// A zombie counts as ended.
    fn is_alive(id: u32) -> bool {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, state)| !state.starts_with(['Z', 'X']))
    }

    #[test]
    fn no_browser_and_no_file_outlives_the_driver() {
        let driver = Chromedriver::start();
        let (browser, dir) = (open_browser(&driver), driver.process.directory().to_owned());
        assert!(is_alive(browser));
        drop(driver);
        // The browser ends when its pipe closes.
        crate::eventually("the browser ends", || !is_alive(browser) && !dir.exists());
    }
}
