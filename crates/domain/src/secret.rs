//! A secret text that never appears in `Debug` output or logs.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

/// A key or password. `Debug` and serialization write `***`, or nothing for an empty one.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Hides a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Whether the text is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The text itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    fn shown(&self) -> &'static str {
        if self.0.is_empty() { "" } else { "***" }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({})", self.shown())
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.shown())
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Serialize, Deserialize)]
    struct Held {
        key: Secret,
    }

    #[test]
    fn a_secret_is_never_shown() {
        let held: Held = toml::from_str("key = \"k3y\"").unwrap();
        assert_eq!(held.key.reveal(), "k3y");
        assert_eq!(format!("{held:?}"), "Held { key: Secret(***) }");
        assert_eq!(toml::to_string(&held).unwrap(), "key = \"***\"\n");
        assert_eq!(toml::to_string(&Held { key: Secret::default() }).unwrap(), "key = \"\"\n");
    }
}
