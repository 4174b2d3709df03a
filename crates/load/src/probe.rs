//! One GET request to a server, for health checks.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::client::{Call, Client, Response, ServerAddress};
use crate::error::LoadError;

/// The response to a request of a health check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeResponse {
    pub status: u16,
    /// The message of an error of the API; empty without one.
    pub message: String,
    /// `alive` or `ready`; empty for what is not a server of this program.
    pub state: String,
}

/// Requests a path of the server at a base URL like `http://127.0.0.1:8080`.
///
/// # Errors
/// The URL is malformed, or there is no response within `timeout`.
pub async fn probe(url: &str, path: &str, timeout: Duration) -> Result<ProbeResponse, LoadError> {
    let tls = crate::tls::connector(None)?;
    let addresses: Arc<[ServerAddress]> = Arc::new([ServerAddress::parse(url, &tls)?]);
    let mut client = Client::new(&addresses, 0);
    let call = Call::get(path, None);
    let sent = tokio::time::timeout(timeout, client.send(&call)).await;
    let cause = match sent {
        Ok(Ok(response)) => return Ok(probe_response(&response)),
        Ok(Err(_)) => client.cause().to_owned(),
        Err(_) => format!("nothing within {} s", timeout.as_secs()),
    };
    Err(LoadError::NoAnswer { request: format!("GET {}{path}", url.trim_end_matches('/')), cause })
}

fn probe_response(response: &Response) -> ProbeResponse {
    let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
    let text = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
    ProbeResponse { status: response.status, message: text("message"), state: text("status") }
}
