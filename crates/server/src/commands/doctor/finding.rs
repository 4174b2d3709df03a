//! A finding of `openbell doctor`.

use std::fmt;

use serde::Serialize;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum FindingLevel {
    Ok,
    /// Probably a mistake; the server works.
    Warning,
    /// The server does not start, or not work as configured.
    Error,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct DoctorFinding {
    pub(super) level: FindingLevel,
    /// What was checked.
    pub(super) area: &'static str,
    pub(super) what: String,
    /// What the operator can do; empty if all is well.
    pub(super) remedy: String,
}

impl DoctorFinding {
    pub(super) fn ok(area: &'static str, what: impl Into<String>) -> Self {
        Self::new(FindingLevel::Ok, area, what.into(), String::new())
    }

    pub(super) fn warning(
        area: &'static str,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self::new(FindingLevel::Warning, area, what.into(), remedy.into())
    }

    pub(super) fn error(
        area: &'static str,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self::new(FindingLevel::Error, area, what.into(), remedy.into())
    }

    fn new(level: FindingLevel, area: &'static str, what: String, remedy: String) -> Self {
        Self { level, area, what, remedy }
    }
}

impl fmt::Display for DoctorFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            FindingLevel::Ok => "ok",
            FindingLevel::Warning => "warning",
            FindingLevel::Error => "error",
        };
        write!(f, "{level:<8} {:<14} {}", self.area, self.what)?;
        if self.remedy.is_empty() { Ok(()) } else { write!(f, "; {}", self.remedy) }
    }
}
