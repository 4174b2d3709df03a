//! The OpenAPI document at `/openapi.json`, its viewer at `/docs/`, and the common members of
//! responses. Operations are described above their handlers; this file adds what they have in
//! common.

use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use domain::{PageMeta, Symbol};
use serde::Serialize;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{Content, Info, License, OpenApi, Ref, RefOr, ResponseBuilder, Schema};
use utoipa::{PartialSchema, ToSchema};
use utoipa_axum::router::OpenApiRouter;

use crate::http::etag;
use crate::http::known_parameters::{KnownParameters, reject_unknown};
use crate::http::path_segment::PathSegment;
use crate::problem::Problem;
use crate::state::AppState;

/// A response with one value.
#[derive(Serialize, ToSchema)]
pub(crate) struct Data<T> {
    /// Always `true`.
    #[schema(example = true)]
    success: bool,
    data: T,
}

impl<T> Data<T> {
    pub(crate) fn new(data: T) -> Self {
        Self { success: true, data }
    }
}

/// A response with one page of a list.
#[derive(Serialize, ToSchema)]
#[schema(as = Page)]
pub(crate) struct PageResponse<T> {
    /// Always `true`.
    #[schema(example = true)]
    success: bool,
    data: Vec<T>,
    meta: Meta,
}

impl<T> PageResponse<T> {
    pub(crate) fn new(data: Vec<T>, meta: PageMeta) -> Self {
        Self { success: true, data, meta: meta.into() }
    }
}

/// The position of a page in its list.
#[derive(Serialize, ToSchema)]
pub(crate) struct Meta {
    /// The number of this page, from 1.
    #[schema(example = 1)]
    current_page: i64,
    /// Rows a page.
    #[schema(example = 20)]
    per_page: i64,
    /// The last page, at least 1.
    #[schema(example = 1)]
    last_page: i64,
    /// The total number of rows.
    #[schema(example = 20)]
    total: i64,
}

impl From<PageMeta> for Meta {
    fn from(meta: PageMeta) -> Self {
        let PageMeta { current_page, per_page, last_page, total } = meta;
        Self { current_page, per_page, last_page, total }
    }
}

/// Serves the routes, their document and its viewer.
pub(crate) fn mount(router: OpenApiRouter<AppState>) -> Router<AppState> {
    let (router, api) = router.split_for_parts();
    let known = Arc::new(KnownParameters::of(&api));
    let router = router.layer(from_fn_with_state(known, reject_unknown));
    let text = completed(api).to_json().unwrap_or_default();
    let text: Arc<str> = text.into();
    let document = move |headers: HeaderMap| {
        let text = Arc::clone(&text);
        async move { etag::json(&headers, text.as_bytes().to_vec()) }
    };
    router
        .route("/openapi.json", get(document))
        .route("/docs", get(|| async { Redirect::permanent("/docs/") }))
        .route("/docs/", get(|| async { viewer("") }))
        .route("/docs/{*file}", get(|PathSegment(file): PathSegment| async move { viewer(&file) }))
}

/// Allows the viewer's own scripts and styles, its `data:` images, and the document. It sets styles
/// through the DOM, which needs no `unsafe-inline`.
const VIEWER_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     img-src 'self' data:; font-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; \
     base-uri 'none'; form-action 'none'";

fn viewer(file: &str) -> Response {
    let config = utoipa_swagger_ui::Config::from("/openapi.json").validator_url("none");
    let Ok(Some(file)) = utoipa_swagger_ui::serve(file, Arc::new(config)) else {
        return Problem::not_found().into_response();
    };
    let content_type = HeaderValue::from_str(&file.content_type);
    let mut headers = HeaderMap::from_iter([
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(VIEWER_POLICY)),
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600")),
    ]);
    if let Ok(content_type) = content_type {
        headers.insert(header::CONTENT_TYPE, content_type);
    }
    if file.gzpipped {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    (StatusCode::OK, headers, file.bytes.into_owned()).into_response()
}

const UNKNOWN_PARAMETER: &str = "A query parameter is unknown; `errors` names it.";

/// Adds to the collected document what all operations have in common.
fn completed(mut api: OpenApi) -> OpenApi {
    api.info = Info::builder()
        .title("Openbell")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "A paper-trading game. Money is a decimal string, percentages are decimal strings, \
             instants are RFC 3339 in UTC. Every error is a problem (RFC 9457) with a stable \
             `code`; every response has an `X-Request-Id`. An unknown query parameter of a GET \
             request is an error.",
        ))
        .license(Some(License::builder().name("Apache-2.0").identifier(Some("Apache-2.0")).build()))
        .build();
    let components = api.components.get_or_insert_default();
    let bearer = Http::builder()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("ob_…")
        .description(Some("The token that registration and login return."))
        .build();
    components.security_schemes.insert("bearer".to_owned(), SecurityScheme::Http(bearer).into());
    let mut schemas = vec![(Problem::name().into_owned(), Problem::schema())];
    Problem::schemas(&mut schemas);
    components.schemas.extend(schemas);
    for (path, item) in &mut api.paths.paths {
        if let Some(operation) = item.get.as_mut().filter(|_| path.starts_with("/api/")) {
            let problem = problem_response(UNKNOWN_PARAMETER);
            operation.responses.responses.entry("422".to_owned()).or_insert(problem);
        }
        for operation in operations(item) {
            add_common_errors(operation);
            for parameter in operation.parameters.iter_mut().flatten() {
                if let RefOr::T(parameter) = parameter
                    && parameter.name == "symbol"
                {
                    parameter.schema.as_mut().into_iter().for_each(restrict_to_symbols);
                }
            }
        }
    }
    let schemas = api.components.as_mut().map(|components| &mut components.schemas);
    if let Some(RefOr::T(Schema::Object(body))) = schemas.and_then(|all| all.get_mut("OrderBody")) {
        body.properties.get_mut("stock_symbol").into_iter().for_each(restrict_to_symbols);
    }
    api
}

/// Restricts a text to what [`Symbol::parse`] accepts.
fn restrict_to_symbols(schema: &mut RefOr<Schema>) {
    if let RefOr::T(Schema::Object(text)) = schema {
        text.pattern = Some(Symbol::PATTERN.to_owned());
        text.min_length = Some(1);
        text.max_length = Some(Symbol::LENGTH_MAX);
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, put, post, delete, patch, .. } = item;
    [get, put, post, delete, patch].into_iter().flatten()
}

/// Adds the errors that are common to operations of its kind, unless it describes them itself.
fn add_common_errors(operation: &mut Operation) {
    let mut errors = vec![
        ("429", "Too many requests; retry after `Retry-After`."),
        ("500", "An internal error. Include the request id when you report it."),
        ("503", "The server is unavailable; retry after `Retry-After`."),
    ];
    if operation.security.is_some() {
        errors.push(("401", "No token, or one that is unknown, expired or revoked."));
    }
    if operation.request_body.is_some() {
        errors.push(("413", "The body is too large."));
        errors.push(("415", "The body is not JSON."));
        errors.push(("422", "The body is invalid; `errors` names the fields."));
    }
    for (status, description) in errors {
        let problem = problem_response(description);
        operation.responses.responses.entry(status.to_owned()).or_insert(problem);
    }
    // OpenAPI requires a description of every response.
    for (status, response) in &mut operation.responses.responses {
        if let RefOr::T(response) = response
            && response.description.is_empty()
        {
            response.description = plain_description(status).to_owned();
        }
    }
}

fn plain_description(status: &str) -> &'static str {
    match status {
        "200" => "Success.",
        "201" => "Created.",
        "404" => "Not found.",
        "422" => "The request is invalid; `errors` names the fields.",
        _ => "See the status.",
    }
}

fn problem_response(description: &str) -> RefOr<utoipa::openapi::Response> {
    let schema = Ref::from_schema_name(Problem::name());
    let content = Content::builder().schema(Some(schema)).build();
    let builder = ResponseBuilder::new().description(description);
    builder.content("application/problem+json", content).build().into()
}

#[cfg(test)]
mod tests {
    #[test]
    fn schemas_keep_their_names_when_types_are_renamed() {
        let (_, document) = crate::api::router().split_for_parts();
        let schemas = document.components.unwrap().schemas;
        let expected = [
            "Achievement",
            "Data_Market",
            "Data_Vec_Achievement",
            "FarewellBody",
            "History",
            "Holding",
            "Leaderboard",
            "Market",
            "MarketChance",
            "Page_Holding",
            "Page_Stock",
            "Page_TokenView",
            "Place",
            "Stock",
            "StockQuote",
        ];
        for name in expected {
            assert!(schemas.contains_key(name), "{name}: {:?}", schemas.keys().collect::<Vec<_>>());
        }
    }
}
