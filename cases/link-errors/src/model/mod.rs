//! The mechanism, executable. No I/O, clock, randomness, threads or environment: the linker and its version are arguments.

pub mod input;
pub mod names;
pub mod outcome;
