//! API routes reject query parameters that the OpenAPI document does not list; pages ignore them.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use utoipa::openapi::path::ParameterIn;
use utoipa::openapi::{OpenApi, RefOr};

use crate::http::query::Query;
use crate::problem::Problem;

/// Limits on the unknown parameters in an error: their number, and the characters of each name.
const UNKNOWN_MAX: usize = 10;
const UNKNOWN_LENGTH_MAX: usize = 40;

/// The query parameters of the API's GET routes by path, from the OpenAPI document.
pub(crate) struct KnownParameters(HashMap<String, RouteParameters>);

#[derive(Default)]
struct RouteParameters {
    names: Vec<String>,
    needs_token: bool,
}

impl KnownParameters {
    pub(crate) fn of(document: &OpenApi) -> Self {
        let routes = document.paths.paths.iter().filter(|(path, _)| path.starts_with("/api/"));
        let routes = routes.filter_map(|(path, item)| {
            let operation = item.get.as_ref()?;
            let parameters = operation.parameters.iter().flatten();
            let in_query = parameters.filter_map(|parameter| match parameter {
                RefOr::T(parameter) if matches!(parameter.parameter_in, ParameterIn::Query) => {
                    Some(parameter.name.clone())
                }
                _ => None,
            });
            let needs_token = operation.security.is_some();
            Some((path.clone(), RouteParameters { names: in_query.collect(), needs_token }))
        });
        Self(routes.collect())
    }

    /// Rejects a request with a parameter that the route does not have.
    fn check(&self, route: &str, request: &Request) -> Result<(), Problem> {
        let Some(query) = request.uri().query().filter(|query| !query.is_empty()) else {
            return Ok(());
        };
        let Some(known) = self.0.get(route) else { return Ok(()) };
        // A request without a token receives 401, whatever its parameters.
        if known.needs_token && !request.headers().contains_key(header::AUTHORIZATION) {
            return Ok(());
        }
        let mut unknown: Vec<String> = Vec::new();
        for (name, _) in Query::parse(query).into_pairs() {
            // `page[]` and `page[0]` are invalid values of `page`.
            let base = name.split('[').next().unwrap_or_default();
            let name: String = name.chars().take(UNKNOWN_LENGTH_MAX).collect();
            if !known.names.iter().any(|known| known == base) && !unknown.contains(&name) {
                unknown.push(name);
            }
            if unknown.len() == UNKNOWN_MAX {
                break;
            }
        }
        if unknown.is_empty() {
            return Ok(());
        }
        Err(Problem::unknown_parameters(unknown, &known.names))
    }
}

/// Middleware of the API's routes that rejects unknown query parameters of GET requests with 422.
pub(crate) async fn reject_unknown(
    State(known): State<Arc<KnownParameters>>,
    request: Request,
    next: Next,
) -> Response {
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    let route = request.extensions().get::<MatchedPath>();
    let checked = match route.filter(|_| is_read) {
        Some(route) => known.check(route.as_str(), &request),
        None => Ok(()),
    };
    match checked {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}
