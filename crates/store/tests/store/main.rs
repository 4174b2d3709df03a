//! Tests of the store on SQLite and PostgreSQL.

mod accounts;
mod batch;
mod boards;
mod catalogue;
mod conformance;
mod counted;
mod dropped;
mod equity;
mod immutable;
mod imports;
mod leases;
mod marks;
mod migrating;
mod names;
mod numbers;
mod pages;
mod pending_orders;
mod prepare;
mod provider_usage;
mod quotes;
mod records;
mod replica;
mod returning;
mod seeds;
mod support;
mod twin;
