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

#[path = "oracle/capture.rs"]
mod capture;

use case_tcp_rst::model::refused;

/// The source of each expected value is the comparison itself; replace it by runs of the real mechanism.
#[test]
fn the_model_agrees_at_the_edges() {
    for (limit, load, expected) in [(0, 0, false), (0, 1, true), (u64::MAX, u64::MAX, false)] {
        assert_eq!(refused(limit, load), expected, "limit {limit}, load {load}");
    }
}
