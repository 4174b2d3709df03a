//! Errors before and after a run. Errors within the measured time are counted in the report.

use std::path::PathBuf;

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("{0} is not a URL like http://127.0.0.1:8080 or https://play.example.org")]
    Url(String),
    #[error("{0} is not a PEM file of authorities")]
    Authorities(PathBuf),
    #[error("no server is given")]
    NoAddress,
    #[error("the file of tokens has no token; make some with `openbell load prepare`")]
    NoPlayers,
    #[error("line {0} of the tokens is not TOKEN, or TOKEN EMAIL PASSWORD")]
    Tokens(usize),
    /// A request of the preparation or of a health check got no response.
    #[error("no response to {request}: {cause}")]
    NoAnswer {
        /// Method and path.
        request: String,
        cause: String,
    },
    /// A request of the preparation was rejected.
    #[error("{request} returned {status}: {message}")]
    Refused {
        /// Method and path.
        request: String,
        status: u16,
        message: String,
    },
    /// A response is not that of the API.
    #[error("the response to {request} has no {missing}; is this an openbell server?")]
    Unexpected {
        /// Method and path.
        request: String,
        missing: &'static str,
    },
    #[error("{players} players are too few for {concurrency} workers that do not share players")]
    TooFewPlayers { players: usize, concurrency: u32 },
    #[error("no stock has a price")]
    NoStocks,
    #[error("a worker panicked")]
    Worker(#[from] tokio::task::JoinError),
}
