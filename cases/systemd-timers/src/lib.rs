//! systemd-timers: the mechanism in ten lines.
//!
//! Evidence states a limit and a load. A load over the limit is refused.

pub mod command;
pub mod facts;
pub mod model;
pub mod page;
pub mod rules;

use casebook_core::{Kind, Sniff};

/// A limit and a load, one `word number` a line.
pub static LIMITS: Kind = Kind {
    name: "tmr-limits",
    what: "a limit and a load, one `word number` a line",
    sniff,
    refers: None,
    comment: Some("#"),
};

fn sniff(sniff: &Sniff<'_>) -> bool {
    sniff.path.ends_with(".tmr") && sniff.head.starts_with(b"limit ")
}

casebook_core::case! {
    /// The case.
    pub CASE = "systemd-timers" ("TMR", "timers"),
    "A title for systemd-timers",
    "what the case is about, in one line",
    kinds: &[&LIMITS],
    wants: &[],
    settings: &[],
    rules: rules::RULES,
    verbs: command::VERBS,
    lab: &[("run.sh", include_str!("../lab/run.sh"))],
    read: facts::read,
    page: page::view,
}
