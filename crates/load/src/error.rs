//! Why there is no report. What goes wrong within the measured time is counted in the report
//! instead.

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The address is none, or not one for plain HTTP.
    #[error("{0} is not an address like http://127.0.0.1:8080")]
    Url(String),
    /// No address was given.
    #[error("there is no address of a server")]
    NoAddress,
    /// The file of tokens has none.
    #[error("there is no token to play with; make some with `openbell load prepare`")]
    NoPlayers,
    /// A line of the file of tokens is none.
    #[error("line {0} of the tokens is not TOKEN, or TOKEN EMAIL PASSWORD")]
    Tokens(usize),
    /// A request of the preparation got no answer.
    #[error("no answer to {0}")]
    NoAnswer(String),
    /// A request of the preparation was refused.
    #[error("{request} was answered {status}: {message}")]
    Refused {
        /// Method and path.
        request: String,
        /// The answer's status.
        status: u16,
        /// The server's own words, if it had any.
        message: String,
    },
    /// An answer lacks what the API promises.
    #[error("the answer to {request} has no {missing}; is this an openbell server?")]
    Unexpected {
        /// Method and path.
        request: String,
        /// What was looked for.
        missing: &'static str,
    },
    /// Two workers would have to share a player.
    #[error("{players} players are too few for {concurrency} workers that share none")]
    TooFewPlayers {
        /// Tokens in the file.
        players: usize,
        /// Workers.
        concurrency: u32,
    },
    /// No stock can be bought.
    #[error("no stock has a price at the moment")]
    NoStocks,
    /// A worker ended before its work was done.
    #[error("a worker ended early")]
    Worker(#[from] tokio::task::JoinError),
}
