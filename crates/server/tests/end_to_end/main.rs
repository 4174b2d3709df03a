//! The real binary, end to end: command line, start, trades over HTTP, signals, crashes, restarts.
//! All tests are one program, which is linked once.

mod backup;
mod backup_postgres;
mod boards;
mod cli;
mod descriptors;
mod disk_failed;
mod disk_full;
mod ended;
mod frozen;
mod gone;
mod imports;
mod killed;
mod live;
mod load;
mod log_contents;
mod orders;
mod people;
mod power_cut;
mod promises;
mod replica;
mod serve;
mod server;
mod traders;
