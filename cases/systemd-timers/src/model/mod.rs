//! The mechanism, executable. No I/O, clock, randomness, threads or environment: versions are arguments.
