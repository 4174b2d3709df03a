//! Each adapter against a server that speaks its provider's dialect: what it makes of good answers,
//! of each provider's own way to say no, and of everything that can go wrong on the way.

mod contract;
mod faults;
mod responses;
mod support;
