//! The section `[traces]` of the configuration.

use domain::Secret;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// The section `[traces]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TracesConfig {
    /// Where the spans are sent; empty: traces are off.
    #[serde(deserialize_with = "endpoint")]
    pub(crate) endpoint: String,
    /// Pairs of name and value, as in `authorization=Bearer abc, x-scope=games`.
    #[serde(deserialize_with = "headers")]
    headers: Secret,
    /// The share of requests and jobs that are traced.
    #[serde(deserialize_with = "sample_ratio")]
    pub(crate) sample_ratio: f64,
    pub(crate) service_name: String,
}

impl TracesConfig {
    /// The names and values of the headers.
    pub(crate) fn headers(&self) -> impl Iterator<Item = (String, String)> {
        let pairs = self.headers.reveal().split(',').filter_map(pair);
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned()))
    }
}

fn endpoint<'de, D: Deserializer<'de>>(reader: D) -> Result<String, D::Error> {
    let text = String::deserialize(reader)?;
    if text.is_empty() {
        return Ok(text);
    }
    let url = notify::parse_receiver_url(&text).map_err(D::Error::custom)?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(D::Error::custom("put credentials into traces.headers"));
    }
    if url.path().len() < 2 {
        let expected = "expected an address with a path, such as http://127.0.0.1:4318/v1/traces";
        return Err(D::Error::custom(expected));
    }
    Ok(text)
}

fn sample_ratio<'de, D: Deserializer<'de>>(reader: D) -> Result<f64, D::Error> {
    let ratio = f64::deserialize(reader)?;
    if (0.0..=1.0).contains(&ratio) {
        return Ok(ratio);
    }
    Err(D::Error::custom(format!("expected a number from 0 to 1, got {ratio}")))
}

fn headers<'de, D: Deserializer<'de>>(reader: D) -> Result<Secret, D::Error> {
    let headers = Secret::deserialize(reader)?;
    if headers.is_empty() || headers.reveal().split(',').all(|text| pair(text).is_some()) {
        return Ok(headers);
    }
    // Without the text, which is a secret.
    Err(D::Error::custom("expected headers as in NAME=VALUE, NAME=VALUE"))
}

/// A header whose name and value HTTP accepts.
fn pair(text: &str) -> Option<(&str, &str)> {
    let (name, value) = text.split_once('=')?;
    let (name, value) = (name.trim(), value.trim());
    let is_name = !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    let is_value = value.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    (is_name && is_value).then_some((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_of_a_header_may_contain_spaces_and_equals_signs() {
        let pairs: Vec<_> = "Authorization=Basic YTpi==, x-scope = games".split(',').collect();
        let pairs: Vec<_> = pairs.into_iter().map(pair).collect();
        let expected = [Some(("Authorization", "Basic YTpi==")), Some(("x-scope", "games"))];
        assert_eq!(pairs, expected);
        for text in ["", "no value", "=x", "a b=c", "a=b\nc", "a=\u{e9}"] {
            assert_eq!(pair(text), None, "{text:?}");
        }
    }
}
