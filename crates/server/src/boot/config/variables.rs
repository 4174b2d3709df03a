//! The environment variables of this program: those that set a key of the configuration, and the
//! others that begin with `OPENBELL_`. Any further such variable is a mistake and refused.

use toml::de::{DeTable, DeValue};

use super::SettingsError;
use super::nearest::join;

/// Short names of the variables that containers set most, and their keys.
const NAMED: [(&str, &str); 5] = [
    ("OPENBELL_DATABASE_URL", "database.url"),
    ("OPENBELL_DATABASE_URL_FILE", "database.url_file"),
    ("OPENBELL_REDIS_URL", "redis.url"),
    ("OPENBELL_REDIS_URL_FILE", "redis.url_file"),
    ("OPENBELL_LISTEN", "http.listen"),
];
/// `OPENBELL__SECTION__KEY` sets `section.key`.
const KEY_PREFIX: &str = "OPENBELL__";
/// What every variable of this program begins with.
const PREFIX: &str = "OPENBELL_";
/// Variables that do not belong to the configuration: of the tests, and of deploy/systemd.
const OTHERS: [&str; 3] = ["OPENBELL_TEST_", "OPENBELL_FUZZ_", "OPENBELL_LOAD_URL"];

/// Less similar names are taken for different words, not for a typing error.
const LIKENESS_MIN: f64 = 0.8;

/// A key that a variable sets.
pub(super) struct VariableSetting<'e> {
    pub(super) variable: &'e str,
    pub(super) key: String,
    pub(super) value: &'e str,
}

/// The settings in the environment, the weakest first: short names come before full ones.
pub(super) fn settings<'e>(
    environment: &'e [(String, String)],
    defaults: &str,
) -> Result<Vec<VariableSetting<'e>>, SettingsError> {
    let (mut named, mut keys) = (Vec::new(), Vec::new());
    for (variable, value) in environment {
        if let Some((_, key)) = NAMED.iter().find(|(name, _)| name == variable) {
            named.push(VariableSetting { variable, key: (*key).to_owned(), value });
        } else if let Some(key) = variable.strip_prefix(KEY_PREFIX) {
            let key = key.to_ascii_lowercase().replace("__", ".");
            if key.split('.').any(|part| part.trim_matches('_').is_empty()) {
                return Err(incomplete_variable(variable));
            }
            keys.push(VariableSetting { variable, key, value });
        } else if is_mistake(variable, value) {
            return Err(unknown_variable(variable, defaults));
        }
    }
    named.extend(keys);
    Ok(named)
}

/// Whether a variable looks like one of this program's and is not.
fn is_mistake(variable: &str, value: &str) -> bool {
    variable.to_ascii_uppercase().starts_with(PREFIX)
        && !OTHERS.iter().any(|other| variable.starts_with(other))
        && !is_of_kubernetes(variable, value)
}

/// Whether Kubernetes made the variable for a service whose name begins with `openbell`
/// (`OPENBELL_SERVICE_HOST`, `OPENBELL_DB_PORT_5432_TCP_ADDR`), as Docker does for links.
fn is_of_kubernetes(variable: &str, value: &str) -> bool {
    let protocols = ["tcp", "udp", "sctp"];
    if variable.ends_with("_SERVICE_HOST") || variable.contains("_SERVICE_PORT") {
        return true;
    }
    let is_url = |value: &str| protocols.iter().any(|p| value.starts_with(&format!("{p}://")));
    let Some((_, port)) = variable.split_once("_PORT_") else {
        return variable.ends_with("_PORT") && is_url(value);
    };
    let mut words = port.split('_');
    let is_number = words.next().is_some_and(|word| word.parse::<u16>().is_ok());
    is_number && words.next().is_some_and(|word| protocols.contains(&&*word.to_ascii_lowercase()))
}

fn incomplete_variable(variable: &str) -> SettingsError {
    SettingsError::Invalid {
        place: format!("environment variable {variable}"),
        text: format!(
            "the name has no key; {KEY_PREFIX}SECTION__KEY sets one, like {KEY_PREFIX}LOG__LEVEL, \
             and any other variable of this beginning must be removed"
        ),
    }
}

fn unknown_variable(variable: &str, defaults: &str) -> SettingsError {
    let place = format!("environment variable {variable}");
    let mut known: Vec<String> = NAMED.iter().map(|(name, _)| (*name).to_owned()).collect();
    if let Ok(tree) = DeTable::parse(defaults) {
        collect_names(tree.get_ref(), "", &mut known);
    }
    let mut nearest = (LIKENESS_MIN, None);
    for name in &known {
        let likeness = strsim::jaro_winkler(&bare(variable), &bare(name));
        if likeness > nearest.0 {
            nearest = (likeness, Some(name));
        }
    }
    let text = nearest.1.map_or_else(
        || {
            let names = NAMED.map(|(name, _)| name).join(", ");
            format!("unknown variable; known ones are {names} and {KEY_PREFIX}SECTION__KEY")
        },
        |name| format!("unknown variable; the nearest known one is {name}"),
    );
    SettingsError::Invalid { place, text }
}

/// A name without its prefix, and with single underscores.
fn bare(variable: &str) -> String {
    let upper = variable.to_ascii_uppercase().replace("__", "_");
    upper.strip_prefix(PREFIX).unwrap_or(&upper).to_owned()
}

/// The variables of all keys in a section.
fn collect_names(table: &DeTable<'_>, section: &str, names: &mut Vec<String>) {
    for (key, value) in table {
        let dotted = join(section, key.get_ref());
        if let DeValue::Table(inner) = value.get_ref() {
            collect_names(inner, &dotted, names);
        }
        let name = dotted.to_ascii_uppercase().replace('.', "__");
        names.push(format!("{KEY_PREFIX}{name}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(variable: &str, value: &str) -> Result<Vec<String>, String> {
        let environment = [(variable.to_owned(), value.to_owned())];
        let found = settings(&environment, "data_dir = ''\n[log]\nlevel = 'info'");
        let found = found.map_err(|error| error.to_string())?;
        Ok(found.into_iter().map(|setting| setting.key).collect())
    }

    #[test]
    fn a_misspelled_variable_is_refused_with_the_nearest_known_one() {
        for (wrong, nearest) in [
            ("OPENBELL_DATABSE_URL", "OPENBELL_DATABASE_URL"),
            ("OPENBELL_REDIS", "OPENBELL_REDIS_URL"),
            ("OPENBELL_LOG_LEVEL", "OPENBELL__LOG__LEVEL"),
            ("OPENBELL_DATA_DIR", "OPENBELL__DATA_DIR"),
            ("openbell_listen", "OPENBELL_LISTEN"),
        ] {
            let error = check(wrong, "x").expect_err(wrong);
            let text = format!("unknown variable; the nearest known one is {nearest}");
            assert_eq!(error, format!("environment variable {wrong}: {text}"));
        }
        let error = check("OPENBELL_FROBNICATE", "x").expect_err("unknown");
        assert!(error.contains("known ones are OPENBELL_DATABASE_URL, "), "{error}");
    }

    #[test]
    fn a_variable_without_a_key_is_refused_with_the_form_of_one() {
        for name in ["OPENBELL__", "OPENBELL___", "OPENBELL__LOG__", "OPENBELL____LEVEL"] {
            let error = check(name, "x").expect_err(name);
            let text = "the name has no key; OPENBELL__SECTION__KEY sets one";
            assert!(error.starts_with(&format!("environment variable {name}: {text}")), "{error}");
        }
    }

    #[test]
    fn variables_of_keys_tests_other_programs_and_kubernetes_are_accepted() {
        assert_eq!(check("OPENBELL__LOG__LEVEL", "x").expect("known"), ["log.level"]);
        assert_eq!(check("OPENBELL_REDIS_URL_FILE", "x").expect("known"), ["redis.url_file"]);
        for (other, value) in [
            ("OPENBELL_TEST_SECONDS", "9"),
            ("OPENBELL_LOAD_URL", "http://x"),
            ("OPENBELL_SERVICE_HOST", "10.0.0.1"),
            ("OPENBELL_SERVICE_PORT_HTTP", "80"),
            ("OPENBELL_PORT", "tcp://10.0.0.1:80"),
            ("OPENBELL_DB_PORT_5432_TCP_ADDR", "10.0.0.1"),
            ("OPENBELLS", "x"),
            ("RUST_LOG", "x"),
        ] {
            assert_eq!(check(other, value).expect(other), [""; 0], "{other}");
        }
        assert!(check("OPENBELL_PORT", "8080").is_err());
    }
}
