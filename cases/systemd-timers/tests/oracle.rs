//! The model against the real mechanism.
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

#[path = "oracle/calendar.rs"]
mod calendar;
#[path = "oracle/generate.rs"]
mod generate;
#[path = "oracle/manager.rs"]
mod manager;
#[path = "oracle/spans.rs"]
mod spans;
