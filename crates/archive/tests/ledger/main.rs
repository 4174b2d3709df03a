//! The ledger on real stores of both engines: its chains, the archive of its months, its seals and
//! histories.

mod chains;
mod faults;
mod fixture;
mod history;
mod months;
mod outside;
mod rules;
mod seals;
mod stopped;
mod upgrade;
