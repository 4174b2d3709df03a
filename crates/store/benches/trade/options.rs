//! The command line options.

use std::time::Duration;

/// The options; see `main`.
pub(crate) struct Options {
    pub(crate) sqlite: bool,
    pub(crate) postgres: bool,
    pub(crate) url: Option<String>,
    pub(crate) window: Duration,
    pub(crate) players: usize,
    pub(crate) concurrency: usize,
    pub(crate) runs: usize,
    /// Lanes of the desk; 0: its default.
    pub(crate) lanes: u32,
    /// A part of the names of the cells to run.
    pub(crate) only: String,
}

impl Options {
    /// Parses the arguments.
    pub(crate) fn read(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self {
            sqlite: true,
            postgres: true,
            url: None,
            window: Duration::from_secs(5),
            players: 2000,
            concurrency: 64,
            runs: 1,
            lanes: 0,
            only: String::new(),
        };
        while let Some(word) = words.next() {
            // Passed by cargo.
            if word == "--bench" {
                continue;
            }
            let value = words.next().ok_or_else(|| format!("{word} needs a value"))?;
            let number = || {
                let number = value.parse::<usize>().ok().filter(|n| (1..=1_000_000).contains(n));
                number.ok_or_else(|| format!("{word}: expected 1 to 1000000, got {value:?}"))
            };
            match word.as_str() {
                "--engine" => {
                    (options.sqlite, options.postgres) = match value.as_str() {
                        "sqlite" => (true, false),
                        "postgres" => (false, true),
                        "both" => (true, true),
                        _ => return Err(format!("no such engine: {value:?}")),
                    }
                }
                "--postgres" => options.url = Some(value),
                "--seconds" => options.window = Duration::from_secs(number()? as u64),
                "--players" => options.players = number()?,
                "--concurrency" => options.concurrency = number()?,
                "--lanes" => options.lanes = u32::try_from(number()?).unwrap_or(1),
                "--only" => options.only = value,
                "--runs" => options.runs = number()?,
                _ => return Err(format!("no such flag: {word:?}")),
            }
        }
        Ok(options)
    }
}
