//! Timers of systemd that did not run: which base their next run was computed from, and which clock moved it.

pub mod command;
pub mod facts;
pub mod model;
pub mod page;
pub mod rules;

casebook_core::case! {
    /// The case.
    pub CASE = "systemd-timers" ("TMR", "timers"),
    "A title for systemd-timers",
    "what the case is about, in one line",
    kinds: facts::kinds::KINDS,
    wants: &[],
    settings: &[],
    rules: rules::RULES,
    verbs: command::VERBS,
    lab: &[("run.sh", include_str!("../lab/run.sh"))],
    read: facts::read,
    page: page::view,
}
