//! The mechanism, executable. No I/O, clock, randomness, threads or environment: versions are arguments.

pub mod build;
pub mod conntrack;
pub mod devices;
pub mod distance;
pub mod emitter;
pub mod events;
pub mod explain;
pub mod foretell;
pub mod form;
pub mod incident;
pub mod ladder;
pub mod leak;
pub mod matching;
pub mod path;
pub mod replay;
pub mod series;
pub mod timer;
pub mod words;
