//! Replaces secrets in the output of the configuration.

use toml::{Table, Value};

const HIDDEN: &str = "***";

/// The last words of secret keys. A seed determines every future price of a simulated market, and
/// the headers of traces contain tokens.
const SECRET_NAMES: [&str; 7] = ["password", "secret", "token", "key", "pepper", "seed", "headers"];

/// The addresses that may contain a password.
const ADDRESSES: [&str; 3] = ["database.url", "database.read_url", "redis.url"];

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
    for (name, value) in table.iter_mut() {
        let secret = has_secret_name(name);
        match value {
            Value::Table(inner) => hide(inner),
            Value::String(text) if secret && !text.is_empty() => HIDDEN.clone_into(text),
            Value::String(text) => *text = without_password(text),
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

/// Replaces the password of an address, both before the host and as a parameter.
pub(crate) fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    // The last `@`: a password may contain an unescaped one.
    let shown = match rest.rsplit_once('@') {
        Some((user, host)) => match user.split_once(':') {
            Some((name, _)) => format!("{name}:{HIDDEN}@{host}"),
            None => rest.to_owned(),
        },
        None => rest.to_owned(),
    };
    let Some((before, parameters)) = shown.split_once('?') else {
        return format!("{scheme}://{shown}");
    };
    let parameters = parameters.split('&').map(|parameter| match parameter.split_once('=') {
        Some((name, _)) if name.contains("password") => format!("{name}={HIDDEN}"),
        _ => parameter.to_owned(),
    });
    format!("{scheme}://{before}?{}", parameters.collect::<Vec<_>>().join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_in_addresses_are_hidden() {
        for (url, shown) in [
            ("postgres://bob:p@ss:w/d@db:5432/game", "postgres://bob:***@db:5432/game"),
            ("postgres://bob@db/game?password=x&a=b", "postgres://bob@db/game?password=***&a=b"),
            ("redis://:secret@cache:6379", "redis://:***@cache:6379"),
            ("redis://cache:6379", "redis://cache:6379"),
            ("sqlite:./openbell-data/openbell.db", "sqlite:./openbell-data/openbell.db"),
        ] {
            assert_eq!(without_password(url), shown);
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
