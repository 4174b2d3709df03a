//! Replaces secrets in the output of the configuration.

use toml::{Table, Value};

use super::nearest::join;

const HIDDEN: &str = "***";
const HIDDEN_USER: &str = "***@";

/// The last words of secret keys. A seed determines every future price of a simulated market, and
/// the headers of traces contain tokens.
const SECRET_NAMES: [&str; 7] = ["password", "secret", "token", "key", "pepper", "seed", "headers"];

/// The addresses that may contain a password.
const ADDRESSES: [&str; 3] = ["database.url", "database.read_url", "redis.url"];

/// The address whose path may be a secret.
const WEBHOOK: &str = "notify.webhook.url";

/// Whether the value of a key is a secret that can be read from a file.
pub(super) fn is_secret(dotted: &str) -> bool {
    let name = dotted.rsplit('.').next().unwrap_or_default();
    has_secret_name(name) || ADDRESSES.contains(&dotted)
}

fn has_secret_name(name: &str) -> bool {
    SECRET_NAMES.iter().any(|end| name == *end || name.ends_with(&format!("_{end}")))
}

/// Replaces every secret that is set, and the passwords in addresses.
pub(super) fn hide(table: &mut Table) {
    hide_section(table, "");
}

fn hide_section(table: &mut Table, section: &str) {
    for (name, value) in table.iter_mut() {
        let (secret, dotted) = (has_secret_name(name), join(section, name));
        match value {
            Value::Table(inner) => hide_section(inner, &dotted),
            Value::String(text) if text.is_empty() => {}
            Value::String(text) if secret => HIDDEN.clone_into(text),
            Value::String(text) if dotted == WEBHOOK => *text = origin(text),
            Value::String(text) if ADDRESSES.contains(&&*dotted) || text.contains("://") => {
                *text = without_password(text);
            }
            Value::Integer(number) if secret && *number != 0 => {
                *value = Value::String(HIDDEN.to_owned())
            }
            _ => {}
        }
    }
}

pub(super) fn set(tree: &mut Table, section: &str, key: &str, text: &str) {
    if let Some(Value::Table(section)) = tree.get_mut(section) {
        section.insert(key.to_owned(), Value::String(text.to_owned()));
    }
}

/// An address without its user, password and parameters. What is not a well-formed address is
/// hidden as a whole, because any part of it may be the password.
pub(crate) fn without_password(url: &str) -> String {
    if url.starts_with("sqlite:") {
        return url.to_owned();
    }
    let Some((scheme, rest)) = split_scheme(url) else { return HIDDEN.to_owned() };
    let (address, parameters) = match rest.find(['?', '#']) {
        Some(at) => (&rest[..at], &rest[at..]),
        None => (rest, ""),
    };
    // The last `@`: a password may contain an unescaped one.
    let (user, place) = match address.rsplit_once('@') {
        Some((_, place)) => (HIDDEN_USER, place),
        None => ("", address),
    };
    let hosts = place.split('/').next().unwrap_or_default();
    // A `?` before the last `@` may belong to the password.
    if parameters.contains('@') || !hosts.split(',').all(is_host) {
        return format!("{scheme}://{HIDDEN}");
    }
    let parameters = if parameters.is_empty() { "" } else { "?***" };
    format!("{scheme}://{user}{place}{parameters}")
}

/// The scheme and the host of an address.
fn origin(url: &str) -> String {
    let shown = without_password(url);
    let Some((scheme, rest)) = shown.split_once("://") else { return shown };
    match rest.split_once('/') {
        Some((host, path)) if !path.is_empty() => format!("{scheme}://{host}/{HIDDEN}"),
        _ => shown,
    }
}

fn split_scheme(url: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = url.split_once("://")?;
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.chars().all(|one| one.is_ascii_alphanumeric() || "+-.".contains(one));
    is_scheme.then_some((scheme, rest))
}

/// Whether a text is a host with or without a port; empty for a local socket.
fn is_host(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port),
        _ => (text, "0"),
    };
    let is_name = |one: char| one.is_ascii_alphanumeric() || "-._%".contains(one);
    let is_ip6 = host.starts_with('[') && host.ends_with(']');
    port.parse::<u16>().is_ok() && (is_ip6 || host.chars().all(is_name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_in_addresses_are_hidden() {
        for (url, shown) in [
            ("postgres://bob:p@ss:w/d@db:5432/game", "postgres://***@db:5432/game"),
            ("postgres://bob@db/game?password=x&a=b", "postgres://***@db/game?***"),
            ("postgres://bob:a?b@db/game", "postgres://***"),
            ("postgres://db/game?user=bob&password=a@b", "postgres://***"),
            ("postgres://bob:hunter2/game", "postgres://***"),
            ("postgres:/bob:hunter2@db/game", "***"),
            ("host=db user=bob password=hunter2", "***"),
            ("host=db options=x://y password=hunter2", "***"),
            ("postgres:///game?host=/run/postgresql", "postgres:///game?***"),
            ("redis://:secret@cache:6379", "redis://***@cache:6379"),
            ("redis://hunter2@cache", "redis://***@cache"),
            ("redis://cache/?pass=hunter2", "redis://cache/?***"),
            ("redis://cache/#hunter2", "redis://cache/?***"),
            (":hunter2@cache:6379", "***"),
            ("redis://cache:6379", "redis://cache:6379"),
            (
                "redis+sentinel://a:26379,[::1]:26379/main",
                "redis+sentinel://a:26379,[::1]:26379/main",
            ),
            ("sqlite:./openbell-data/openbell.db", "sqlite:./openbell-data/openbell.db"),
        ] {
            assert_eq!(without_password(url), shown);
        }
    }

    #[test]
    fn only_the_host_of_a_webhook_is_shown() {
        for (url, shown) in [
            ("https://hooks.example.org/T0/hunter2", "https://hooks.example.org/***"),
            ("https://u:hunter2@example.org", "https://***@example.org"),
            ("hunter2", "***"),
        ] {
            assert_eq!(origin(url), shown);
        }
    }

    #[test]
    fn keys_and_seeds_are_hidden_and_ordinary_numbers_are_not() {
        let text = "seed = 7\nsigning_key = 'abc'\napi_key = ''\nkeyboard = 'x'\nlanes = 3\n";
        let mut table: Table = toml::from_str(text).expect("valid");
        hide(&mut table);
        assert_eq!(table["seed"].as_str(), Some(HIDDEN));
        assert_eq!(table["signing_key"].as_str(), Some(HIDDEN));
        assert_eq!(table["api_key"].as_str(), Some(""));
        assert_eq!(table["keyboard"].as_str(), Some("x"));
        assert_eq!(table["lanes"].as_integer(), Some(3));
    }
}
