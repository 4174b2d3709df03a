//! The rules, one module a subject. Each takes text and returns findings; none reads a file.

pub(crate) mod dependencies;
pub(crate) mod layout;
pub(crate) mod literals;
pub(crate) mod text;
