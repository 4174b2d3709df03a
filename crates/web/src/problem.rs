//! Error responses: `application/problem+json` (RFC 9457) with the members of the original API. A
//! [`Problem`] is an extension of the response until the outermost middleware writes its body.
//! Codes and statuses are in `codes`. No error contains SQL, file paths or panic messages.

pub(crate) mod codes;
mod conversions;

use std::borrow::Cow;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::{Rejection, UnixMicros};
use market::TradingHours;
use serde::{Serialize, Serializer};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use self::codes::Code;

const CONTENT_TYPE: HeaderValue = HeaderValue::from_static("application/problem+json");
/// `Retry-After` of an error that usually passes quickly.
const RETRY_AFTER_S: u64 = 1;

#[derive(Clone, Debug)]
pub(crate) struct Problem(Box<ProblemData>);

#[derive(Clone, Debug)]
struct ProblemData {
    code: &'static str,
    status: StatusCode,
    message: Cow<'static, str>,
    retryable: bool,
    errors: Errors,
    opens_at: Option<UnixMicros>,
    request_id: Option<String>,
    headers: HeaderMap,
}

/// Errors by field, in the order in which they were found.
#[derive(Clone, Debug, Default)]
struct Errors(Vec<(Cow<'static, str>, Vec<String>)>);

impl Serialize for Errors {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(field, texts)| (field, texts)))
    }
}

/// An error: a problem (RFC 9457) with the members of the original API's errors.
#[derive(Serialize, ToSchema)]
struct Document<'a> {
    /// The type of error, as a URN.
    #[schema(example = "urn:openbell:error:insufficient_cash")]
    r#type: String,
    /// The name of the status.
    #[schema(example = "Bad Request")]
    title: &'a str,
    /// The HTTP status.
    #[schema(example = 400)]
    status: u16,
    /// The same as `message`.
    #[schema(example = "Insufficient balance")]
    detail: &'a str,
    /// The request that failed, as a URN.
    #[schema(example = "urn:openbell:request:6f1d0c2be0b94d27a3f1c1c7a53a9c11")]
    instance: String,
    /// Always `false`.
    #[schema(example = false)]
    success: bool,
    /// What went wrong, as text.
    #[schema(example = "Insufficient balance")]
    message: &'a str,
    /// The stable code of the error.
    #[schema(example = "insufficient_cash")]
    code: &'a str,
    /// The id of the request, for support.
    #[schema(example = "6f1d0c2be0b94d27a3f1c1c7a53a9c11")]
    request_id: &'a str,
    /// The errors of each field.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<std::collections::BTreeMap<String, Vec<String>>>)]
    errors: Option<&'a Errors>,
    /// Whether the same request may succeed later.
    #[schema(example = false)]
    retryable: bool,
    /// When a closed exchange opens, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "2026-11-27T14:30:00.000000Z")]
    opens_at: Option<String>,
}

impl PartialSchema for Problem {
    fn schema() -> RefOr<Schema> {
        Document::schema()
    }
}

impl ToSchema for Problem {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        Document::schemas(schemas);
    }
}

impl From<&'static Code> for Problem {
    fn from(code: &'static Code) -> Self {
        Self(Box::new(ProblemData {
            code: code.name,
            status: code.status,
            message: code.text.into(),
            retryable: code.retryable,
            errors: Errors::default(),
            opens_at: None,
            request_id: None,
            headers: HeaderMap::new(),
        }))
    }
}

impl Problem {
    /// The error of this code with another message.
    pub(crate) fn new(code: &'static Code, message: impl Into<Cow<'static, str>>) -> Self {
        let mut problem = Self::from(code);
        problem.0.message = message.into();
        problem
    }

    /// The resource does not exist, or belongs to another player.
    pub(crate) fn not_found() -> Self {
        (&codes::NOT_FOUND).into()
    }

    /// No route has this path.
    pub(crate) fn route_not_found(path: &str) -> Self {
        let route = path.trim_start_matches('/');
        Self::new(&codes::ROUTE_NOT_FOUND, format!("The route {route} could not be found."))
    }

    /// The path has no route with this method.
    pub(crate) fn method_not_allowed(method: &Method, path: &str, allowed: &str) -> Self {
        let route = path.trim_start_matches('/');
        let allowed = allowed.split(',').map(str::trim).collect::<Vec<_>>().join(", ");
        let message = format!(
            "The {method} method is not supported for route {route}. Supported methods: {allowed}."
        );
        Self::new(&codes::METHOD_NOT_ALLOWED, message)
    }

    /// An internal error, which the caller has logged.
    pub(crate) fn internal() -> Self {
        (&codes::INTERNAL).into()
    }

    /// No token, or (`with_token`) one that is unknown, expired or revoked.
    pub(crate) fn unauthenticated(with_token: bool) -> Self {
        let challenge = if with_token {
            "Bearer realm=\"openbell\", error=\"invalid_token\""
        } else {
            "Bearer realm=\"openbell\""
        };
        let challenge = HeaderValue::from_static(challenge);
        Self::from(&codes::UNAUTHENTICATED).with_header(header::WWW_AUTHENTICATE, challenge)
    }

    /// Another player has the name; `free` are suggestions.
    pub(crate) fn name_taken(free: &[String]) -> Self {
        let mut text = codes::NAME_TAKEN.text.to_owned();
        if !free.is_empty() {
            text.push_str(&format!(" Free names: {}.", free.join(", ")));
        }
        let mut problem = Self::of_fields(vec![("name".into(), text)]);
        problem.0.code = codes::NAME_TAKEN.name;
        problem
    }

    /// One invalid field.
    pub(crate) fn field(field: &'static str, message: impl Into<String>) -> Self {
        Self::of_fields(vec![(field.into(), message.into())])
    }

    /// Query parameters that the route does not have; `known` are those it has.
    pub(crate) fn unknown_parameters(unknown: Vec<String>, known: &[String]) -> Self {
        let known = match known {
            [] => "This route has no query parameters.".to_owned(),
            known => format!("Known parameters: {}.", known.join(", ")),
        };
        let text = |name: &str| format!("The query parameter {name} is unknown. {known}");
        let message = unknown.first().map(|name| text(name)).unwrap_or_default();
        let mut problem = Self::new(&codes::VALIDATION_FAILED, message);
        let errors = unknown.into_iter().map(|name| (text(&name), name));
        problem.0.errors.0 = errors.map(|(text, name)| (name.into(), vec![text])).collect();
        problem
    }

    fn of_fields(found: Vec<(Cow<'static, str>, String)>) -> Self {
        let first = found.first().map(|(_, text)| text.clone()).unwrap_or_default();
        let message = match found.len() {
            0 | 1 => first,
            2 => format!("{first} (and 1 more error)"),
            count => format!("{first} (and {} more errors)", count - 1),
        };
        let mut problem = Self::new(&codes::VALIDATION_FAILED, message);
        let errors = &mut problem.0.errors.0;
        for (field, text) in found {
            match errors.iter_mut().find(|(known, _)| *known == field) {
                Some((_, texts)) => texts.push(text),
                None => errors.push((field, vec![text])),
            }
        }
        problem
    }

    /// A form has a field that its page does not have, or has one twice.
    pub(crate) fn foreign_field() -> Self {
        let text = "The form has a field that its page does not have, or has one twice.";
        Self::new(&codes::BODY_INVALID, text)
    }

    pub(crate) fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.insert(name, value);
        self
    }

    pub(crate) fn retry_after(self, seconds: u64) -> Self {
        self.with_header(header::RETRY_AFTER, seconds.into())
    }

    /// A rejected order; if the exchange is closed or the clock paused, with the time when it opens
    /// or continues.
    pub(crate) fn refused(rejection: Rejection, hours: TradingHours, now: UnixMicros) -> Self {
        let mut problem = Self::from(rejection);
        let opens_at = match (rejection, hours) {
            (Rejection::MarketClosed, TradingHours::Closed { opens_at }) => opens_at,
            (Rejection::GamePaused, TradingHours::Paused { resumes_at }) => resumes_at,
            _ => None,
        };
        if let Some(at) = opens_at {
            problem.0.opens_at = Some(at);
            let seconds = at.seconds().saturating_sub(now.seconds()).max(1);
            problem = problem.retry_after(u64::try_from(seconds).unwrap_or(RETRY_AFTER_S));
        }
        problem
    }

    /// The stored error of an earlier request.
    pub(crate) fn of_request(mut self, request_id: &str) -> Self {
        self.0.request_id = Some(request_id.to_owned());
        self
    }

    /// The status and the stable code.
    pub(crate) fn kind(&self) -> (StatusCode, &'static str) {
        (self.0.status, self.0.code)
    }

    /// Writes the body of the response that was created from the problem.
    pub(crate) fn write(&self, response: &mut Response, request_id: &str) {
        let data = &*self.0;
        let request_id = data.request_id.as_deref().unwrap_or(request_id);
        let document = Document {
            r#type: format!("urn:openbell:error:{}", data.code),
            title: data.status.canonical_reason().unwrap_or("Error"),
            status: data.status.as_u16(),
            detail: &data.message,
            // Not the path: it is text of the client and may contain ids of other players.
            instance: format!("urn:openbell:request:{request_id}"),
            success: false,
            message: &data.message,
            code: data.code,
            request_id,
            errors: (!data.errors.0.is_empty()).then_some(&data.errors),
            retryable: data.retryable,
            opens_at: data.opens_at.map(|at| at.to_string()),
        };
        let body = serde_json::to_vec(&document).unwrap_or_default();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, CONTENT_TYPE);
        headers.insert(header::CONTENT_LENGTH, body.len().into());
        *response.body_mut() = Body::from(body);
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.0.status.into_response();
        response.headers_mut().extend(self.0.headers.clone());
        response.extensions_mut().insert(self);
        response
    }
}

/// Collects the errors of all fields of a request.
#[derive(Default)]
pub(crate) struct FieldErrors(Vec<(Cow<'static, str>, String)>);

impl FieldErrors {
    /// Adds the error, if the result is one.
    pub(crate) fn collect<T>(
        &mut self,
        field: impl Into<Cow<'static, str>>,
        result: Result<T, String>,
    ) -> Option<T> {
        result.map_err(|text| self.0.push((field.into(), text))).ok()
    }

    pub(crate) fn finish(self) -> Result<(), Problem> {
        if self.0.is_empty() { Ok(()) } else { Err(Problem::of_fields(self.0)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_counts_further_errors() {
        let mut errors = FieldErrors::default();
        for (field, text) in [("a", "One."), ("b", "Two."), ("a", "Three.")] {
            errors.collect::<()>(field, Err(text.to_owned()));
        }
        let problem = errors.finish().unwrap_err();
        assert_eq!(problem.0.message, "One. (and 2 more errors)");
        let written = serde_json::to_string(&problem.0.errors).unwrap();
        assert_eq!(written, r#"{"a":["One.","Three."],"b":["Two."]}"#);
        assert!(FieldErrors::default().finish().is_ok());
    }
}
