//! The model against the real linkers, and what drivers and linkers make of a command against the programs themselves.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the case is pure, its oracle is a program: here it is started"
)]
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that meets something else than it knows fails, and says what it skipped"
)]

#[path = "oracle/driver.rs"]
mod driver;
#[path = "oracle/evidence.rs"]
mod evidence;
#[path = "oracle/options.rs"]
mod options;
#[path = "oracle/search.rs"]
mod search;
