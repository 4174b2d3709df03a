//! The real binary, end to end: command line, start, trades over HTTP, signals, crashes, restarts.
//! All tests are one program, which is linked once.

mod backup;
mod backup_postgres;
mod boards;
mod cli;
mod curl;
mod descriptors;
mod disk_failed;
mod disk_full;
mod doctor;
mod ended;
mod frozen;
mod gone;
mod imports;
mod killed;
mod lame_duck;
mod live;
mod load;
mod log_output;
mod logs;
mod orders;
mod people;
mod power_cut;
mod promises;
mod replica;
mod reverse_proxy;
mod rolling;
mod serve;
mod server;
mod service_manager;
mod settings;
mod shells;
mod signals;
mod starting;
mod traders;
