//! The mechanism, executable. No I/O, clock, randomness, threads or environment: versions are arguments.

pub mod account;
pub mod calendar;
pub mod schedule;
pub mod time;
pub mod timer;
pub mod version;
