//! Tests of the store on its real engines: one list of facts, run on SQLite and on PostgreSQL.

mod catalogue;
mod conformance;
mod immutable;
mod pages;
mod prepare;
mod support;
mod twin;
