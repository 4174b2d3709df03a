//! The server as a player sees it: an address, a token and JSON. It measures nothing and knows no
//! route.

use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, Url};
use serde_json::Value;

/// How long an answer may take before the request counts as failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The address is none, or not one for plain HTTP.
    #[error("{0} is not an address like http://127.0.0.1:8080")]
    Url(String),
    /// The HTTP client cannot be set up.
    #[error("cannot set up the HTTP client")]
    Client(#[source] reqwest::Error),
    /// A request of the preparation or of the check got no answer.
    #[error("no answer to {0}")]
    NoAnswer(String, #[source] reqwest::Error),
    /// A request of the preparation or of the check was refused.
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
        request: &'static str,
        /// What was looked for.
        missing: &'static str,
    },
    /// A worker ended before its work was done.
    #[error("a worker ended early")]
    Worker(#[from] tokio::task::JoinError),
}

/// One client with a pool of connections of its own.
#[derive(Clone, Debug)]
pub(crate) struct Api {
    client: Client,
    base: String,
    token: String,
}

impl Api {
    /// A client of this server that is nobody yet.
    pub(crate) fn new(url: &str) -> Result<Self, LoadError> {
        let parsed = Url::parse(url).ok().filter(|parsed| parsed.scheme() == "http");
        if parsed.is_none() {
            return Err(LoadError::Url(url.to_owned()));
        }
        let base = url.trim_end_matches('/').to_owned();
        Ok(Self { client: new_client()?, base, token: String::new() })
    }

    /// The same server and player, with connections of its own.
    pub(crate) fn on_own_connection(&self) -> Result<Self, LoadError> {
        Ok(Self { client: new_client()?, ..self.clone() })
    }

    /// Speaks for the owner of this token from now on.
    pub(crate) fn sign_in(&mut self, token: &str) {
        token.clone_into(&mut self.token);
    }

    /// Asks, and gives the JSON of a good answer.
    pub(crate) async fn get(&self, path: &str) -> Result<Value, LoadError> {
        self.json(Method::GET, path, None).await
    }

    /// Sends JSON, and gives the JSON of a good answer.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Value, LoadError> {
        self.json(Method::POST, path, Some(body)).await
    }

    /// Asks and reads the answer to its end, whatever it is.
    pub(crate) async fn status_of(&self, path: &str) -> Result<StatusCode, reqwest::Error> {
        let response = self.request(Method::GET, path).send().await?;
        let status = response.status();
        response.bytes().await?;
        Ok(status)
    }

    async fn json(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, LoadError> {
        let asked = format!("{method} {path}");
        let request = self.request(method, path);
        let request = if let Some(body) = body { request.json(body) } else { request };
        match request.send().await {
            Ok(response) if response.status().is_success() => {
                response.json().await.map_err(|error| LoadError::NoAnswer(asked, error))
            }
            Ok(response) => Err(refusal(asked, response).await),
            Err(error) => Err(LoadError::NoAnswer(asked, error)),
        }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.base));
        let request = request.header(ACCEPT, "application/json");
        if self.token.is_empty() {
            return request;
        }
        request.header(AUTHORIZATION, format!("Bearer {}", self.token))
    }
}

/// A client that takes no way around over a proxy and follows no redirect.
fn new_client() -> Result<Client, LoadError> {
    let builder = Client::builder().no_proxy().timeout(PATIENCE);
    let builder = builder.redirect(reqwest::redirect::Policy::none()).tcp_nodelay(true);
    builder.build().map_err(LoadError::Client)
}

async fn refusal(request: String, response: Response) -> LoadError {
    let status = response.status().as_u16();
    let body: Value = response.json().await.unwrap_or_default();
    let message = body["message"].as_str().unwrap_or("without a word").to_owned();
    LoadError::Refused { request, status, message }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_http_is_an_address() {
        for url in ["", "here", "127.0.0.1:8080", "https://127.0.0.1"] {
            assert!(matches!(Api::new(url), Err(LoadError::Url(told)) if told == url));
        }
        assert_eq!(Api::new("http://[::1]:1/").expect("good").base, "http://[::1]:1");
    }
}
