//! The mechanism, executable. No I/O, clock, randomness, threads or environment: versions are arguments.

pub mod conntrack;
pub mod crc;
pub mod flip;
pub mod forensics;
pub mod lanes;
pub mod mistake;
pub mod sums;
pub mod translation;
