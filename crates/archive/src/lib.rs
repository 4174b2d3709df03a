//! What is done with the whole ledger at once: so far, verifying it. It changes nothing and mends
//! nothing; what it finds is reported.

mod chain;
mod verify;

pub use verify::{Difference, Report, VerifyError, verify};
