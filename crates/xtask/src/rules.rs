//! The rules, one module per subject. Each takes text and returns violations; none reads a file.

pub(crate) mod dependencies;
pub(crate) mod layout;
pub(crate) mod literals;
pub(crate) mod modules;
pub(crate) mod sizes;
pub(crate) mod text;
pub(crate) mod types;
pub(crate) mod words;
