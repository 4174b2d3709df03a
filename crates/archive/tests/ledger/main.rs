//! The ledger as a whole on real stores of both engines: its chains, its months in the archive, the
//! seals over it, and its histories. What the single pieces compute is tested beside them.

mod chains;
mod faults;
mod fixture;
mod history;
mod months;
mod outside;
mod seals;
mod stopped;
