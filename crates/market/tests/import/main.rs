//! Files of data vendors, spreadsheets and exchanges, as they are imported: what is tolerated,
//! what is refused, and that nothing else happens, whatever the bytes.

mod random;
mod strict;
mod support;
mod vendors;
