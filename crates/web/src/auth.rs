//! Who sends a request: accounts, sessions, tokens, passwords, and the names that players choose.

pub(crate) mod accounts;
pub(crate) mod bcrypt_hashes;
pub(crate) mod names;
pub(crate) mod passwords;
mod profanity;
pub(crate) mod recovery;
pub(crate) mod security_events;
pub(crate) mod session_lookup;
pub(crate) mod sessions;
pub(crate) mod tokens;
