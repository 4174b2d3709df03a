//! The effective configuration as a tree of keys: printed by `check-config`, and compared when a
//! running server reloads it.

use toml::{Table, Value};

use super::nearest::join;
use super::secrets;

/// Every key with its effective value, secrets included.
#[derive(Clone)]
pub(crate) struct ConfigTree(pub(super) Table);

impl std::fmt::Debug for ConfigTree {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.to_toml())
    }
}

impl ConfigTree {
    /// The tree as TOML, with secrets replaced.
    pub(crate) fn to_toml(&self) -> String {
        let mut tree = self.0.clone();
        secrets::hide(&mut tree);
        // A table of strings, numbers and tables always has a text.
        toml::to_string(&tree).unwrap_or_default()
    }

    /// The dotted keys whose values differ.
    pub(crate) fn changed_keys(&self, other: &Self) -> Vec<String> {
        let mut keys = Vec::new();
        compare(&self.0, &other.0, "", &mut keys);
        keys
    }

    /// Sets the value of a dotted key to that of another tree.
    pub(crate) fn adopt(&mut self, other: &Self, key: &str) {
        let (mut target, mut source) = (&mut self.0, &other.0);
        let (sections, name) = key.rsplit_once('.').unwrap_or(("", key));
        for section in sections.split('.').filter(|section| !section.is_empty()) {
            let (Some(Value::Table(below)), Some(Value::Table(other))) =
                (target.get_mut(section), source.get(section))
            else {
                return;
            };
            (target, source) = (below, other);
        }
        if let Some(value) = source.get(name) {
            target.insert(name.to_owned(), value.clone());
        }
    }
}

fn compare(one: &Table, other: &Table, section: &str, keys: &mut Vec<String>) {
    let added = other.keys().filter(|name| !one.contains_key(*name));
    for name in one.keys().chain(added) {
        let dotted = join(section, name);
        match (one.get(name), other.get(name)) {
            (Some(Value::Table(one)), Some(Value::Table(other))) => {
                compare(one, other, &dotted, keys);
            }
            (one, other) if one == other => {}
            _ => keys.push(dotted),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(text: &str) -> ConfigTree {
        ConfigTree(toml::from_str(text).expect("TOML"))
    }

    #[test]
    fn changed_keys_are_dotted_and_adopted_one_by_one() {
        let mut old = tree("a = 1\n[log]\nlevel = 'info'\n[limits.read]\nburst = 1\nper_s = 2");
        let new = tree("a = 2\n[log]\nlevel = 'warn'\n[limits.read]\nburst = 3\nper_s = 2");
        assert_eq!(old.changed_keys(&new), ["a", "limits.read.burst", "log.level"]);
        old.adopt(&new, "limits.read.burst");
        old.adopt(&new, "a");
        assert_eq!(old.changed_keys(&new), ["log.level"]);
    }
}
