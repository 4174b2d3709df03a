//! The real binary, end to end: command line, start, trades over HTTP, signals, crashes, restarts.
//! One test program, so that it is linked once.

mod cli;
mod gone;
mod killed;
mod load;
mod serve;
mod server;
