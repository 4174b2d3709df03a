//! Forms: strict parsing of what was sent, and the values and errors to show again. [`Post`] is the
//! only way to read a form, so that the CSRF token is always checked.

use std::time::Duration;

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};

use super::csrf;
use super::visitor::Visitor;
use crate::http::body;
use crate::http::query::Query;
use crate::problem::{Problem, codes};
use crate::state::AppState;

const FIELDS_MAX: usize = 64;

/// A form with a valid CSRF token, and its visitor ([`Visitor`] or `SignedIn`).
pub(crate) struct Post<V>(pub(crate) V, pub(crate) FormData);

impl<V> FromRequest<AppState> for Post<V>
where
    V: FromRequestParts<AppState> + AsRef<Visitor> + Send,
{
    type Rejection = Response;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let visitor = V::from_request_parts(&mut parts, state).await;
        let visitor = visitor.map_err(IntoResponse::into_response)?;
        let sent = read(&parts.headers, body, state).await.map_err(IntoResponse::into_response)?;
        let token = sent.0.iter().find(|(name, _)| name == csrf::FIELD);
        let is_valid =
            token.is_some_and(|(_, token)| csrf::is_valid(&visitor.as_ref().secret, token));
        // Checked in any case: behind a proxy with another `Host`, the cookie of the token is lost.
        if csrf::is_cross_site(&parts.headers) || !is_valid {
            return Err(Problem::from(&codes::FORM_EXPIRED).into_response());
        }
        Ok(Self(visitor, sent))
    }
}

async fn read(
    headers: &HeaderMap,
    body: axum::body::Body,
    state: &AppState,
) -> Result<FormData, Problem> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = kind.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err((&codes::NOT_A_FORM).into());
    }
    let http = &state.config.http;
    let limit = Duration::from_millis(http.body_timeout_ms);
    let bytes = tokio::time::timeout(limit, body::read(body, http.body_size_max)).await;
    let bytes = bytes.map_err(|_| Problem::from(&codes::BODY_TIMEOUT))??;
    let text = str::from_utf8(&bytes).map_err(|_| Problem::from(&codes::BAD_REQUEST))?;
    let fields = Query::parse(text).into_pairs();
    if fields.len() > FIELDS_MAX {
        return Err(Problem::foreign_field());
    }
    Ok(FormData(fields))
}

pub(crate) struct FormData(Vec<(String, String)>);

impl FormData {
    /// The form with these fields, each at most once, and no others. An absent field is empty, like
    /// a checkbox that is not ticked.
    pub(crate) fn into_form(self, names: &[&'static str]) -> Result<Form, Problem> {
        let mut form = Form::new(names);
        let mut seen = Vec::new();
        for (name, value) in self.0 {
            if name == csrf::FIELD {
                continue;
            }
            let field = form.0.iter_mut().find(|field| field.name == name);
            let Some(field) = field.filter(|field| !seen.contains(&field.name)) else {
                return Err(Problem::foreign_field());
            };
            seen.push(field.name);
            field.value = value;
        }
        Ok(form)
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Form(Vec<Field>);

#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    value: String,
    /// Empty without an error.
    pub(crate) error: String,
}

impl Form {
    pub(crate) fn new(names: &[&'static str]) -> Self {
        let field =
            |name: &&'static str| Field { name, value: String::new(), error: String::new() };
        Self(names.iter().map(field).collect())
    }

    #[must_use]
    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        if let Some(field) = self.0.iter_mut().find(|field| field.name == name) {
            field.value = value.into();
        }
        self
    }

    /// The same with the fields of `other`.
    #[must_use]
    pub(crate) fn joined(mut self, other: &Self) -> Self {
        for field in &other.0 {
            if let Some(own) = self.0.iter_mut().find(|own| own.name == field.name) {
                own.clone_from(field);
            }
        }
        self
    }

    /// Empty for an absent field.
    pub(crate) fn value(&self, name: &str) -> &str {
        self.find(name).map_or("", |field| field.value.as_str())
    }

    /// Empty without an error.
    pub(crate) fn error(&self, name: &str) -> &str {
        self.find(name).map_or("", |field| field.error.as_str())
    }

    pub(crate) fn is_wrong(&self, name: &str) -> bool {
        !self.error(name).is_empty()
    }

    /// Whether the field has an error or a hint.
    pub(crate) fn is_described(&self, name: &str, hint: &str) -> bool {
        self.is_wrong(name) || !hint.is_empty()
    }

    /// The ids of the error and the hint of a field, in reading order.
    pub(crate) fn described_by(&self, name: &str, hint: &str) -> String {
        match (self.is_wrong(name), hint.is_empty()) {
            (true, false) => format!("e-{name} h-{name}"),
            (true, true) => format!("e-{name}"),
            _ => format!("h-{name}"),
        }
    }

    /// Whether a choice or a checkbox has this value.
    pub(crate) fn is(&self, name: &str, value: &str) -> bool {
        self.value(name) == value
    }

    /// Sets the error of a field, unless it has one.
    pub(crate) fn add_error(&mut self, name: &str, text: impl Into<String>) {
        if let Some(field) = self.0.iter_mut().find(|field| field.name == name)
            && field.error.is_empty()
        {
            field.error = text.into();
        }
    }

    pub(crate) fn errors(&self) -> Vec<&Field> {
        self.0.iter().filter(|field| !field.error.is_empty()).collect()
    }

    pub(crate) fn is_valid(&self) -> bool {
        self.0.iter().all(|field| field.error.is_empty())
    }

    fn find(&self, name: &str) -> Option<&Field> {
        self.0.iter().find(|field| field.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(body: &str) -> Result<Form, Problem> {
        FormData(Query::parse(body).into_pairs()).into_form(&["name", "stay"])
    }

    #[test]
    fn a_form_has_its_fields_once_and_no_others() {
        let read = form("name=Ada+L&csrf=x").unwrap();
        assert_eq!((read.value("name"), read.value("stay")), ("Ada L", ""));
        assert!(form("name=a&name=b").is_err() && form("other=1").is_err());
    }

    #[test]
    fn bodies_of_the_corpus_and_their_mutations_have_known_fields_or_are_rejected() {
        const CORPUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus/forms");
        let encode =
            |text: &str| -> String { text.bytes().map(|byte| format!("%{byte:02X}")).collect() };
        let tokens = &["&", "=", "%", "%00", "%ff", "%E2%80%8D", "+", "name", "csrf=", "[]", "é"];
        testkit::Fuzzer::new(CORPUS, tokens).by_line().run(4_096, |body| {
            let Ok(body) = str::from_utf8(body) else { return };
            let Ok(read) = form(body) else { return };
            // The form that is shown again is read as the same form.
            let (name, stay) = (encode(read.value("name")), encode(read.value("stay")));
            let again = form(&format!("name={name}&stay={stay}")).unwrap();
            assert_eq!(again.value("name"), read.value("name"));
            assert_eq!(again.value("stay"), read.value("stay"));
        });
    }

    #[test]
    fn the_first_error_of_a_field_is_kept_with_its_value() {
        let mut read = form("name=Ada").unwrap();
        assert!(read.is_valid());
        read.add_error("name", "one");
        read.add_error("name", "two");
        assert_eq!((read.value("name"), read.error("name")), ("Ada", "one"));
        assert_eq!((read.errors().len(), read.is_valid()), (1, false));
    }
}
