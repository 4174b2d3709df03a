//! Imports of files of data vendors, spreadsheets and exchanges: tolerated content, rejected
//! content and arbitrary bytes.

mod random;
mod strict;
mod support;
mod vendors;
