//! The model against the real mechanism.

use case_systemd_timers::model::refused;

/// The source of each expected value is the comparison itself; replace it by runs of the real mechanism.
#[test]
fn the_model_agrees_at_the_edges() {
    for (limit, load, expected) in [(0, 0, false), (0, 1, true), (u64::MAX, u64::MAX, false)] {
        assert_eq!(refused(limit, load), expected, "limit {limit}, load {load}");
    }
}
