//! Each adapter against a fake of its provider's API: successful, error and faulty responses.

mod contract;
mod faults;
mod random;
mod responses;
mod support;
