//! TMR209 run-not-told
//!
//! Leaves open: fixtures/run-not-told. Silent on: fixtures/nine-nights-262.

use casebook_core::{EvidenceSet, Finding, FindingBuilder, Rule, rule};
use serde_json::json;

use super::words::{at, calendars, count, primary, version};
use crate::facts::Facts;
use crate::facts::accounts::Account;
use crate::model::time::Realtime;

rule! {
    /// By the model the timer elapsed, and the journal tells of no run.
    ///
    /// The life of the timer was followed with every delay it can have drawn, and none of the courses has no elapse there. Either the
    /// journal lacks lines (rotated away, filtered to other units, written to another machine), or something moved the clock that the journal does
    /// not show, or the version is another.
    ///
    /// Mechanism: src/core/timer.c.
    ///
    /// Fix: the whole journal of the days.
    pub MISSING_RUN = "TMR209" "run-not-told" of "systemd-timers", Warning, since "0.1.0",
    "by the model the timer elapsed, and the journal tells of no run",
    check(Facts), when |facts: &Facts| facts.accounts.timers.iter().any(|account| account.replay.is_some())
}

fn check(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    facts.accounts.timers.iter().filter_map(|account| finding(rule, facts, account, evidence)).collect()
}

fn finding(rule: &'static Rule, facts: &Facts, account: &Account, evidence: &EvidenceSet) -> Option<Finding> {
    let replay = account.replay.as_ref()?;
    let (first, line) = (replay.missing.first()?, calendars(account).next()?);
    let (lo, hi) = (at(facts, Realtime(first.realtime.lo)), at(facts, Realtime(first.realtime.hi)));
    let title = format!("{} must have elapsed from {lo} to {hi}, and the journal tells of no run", account.name);
    let builder = FindingBuilder::new(rule, title, primary(evidence, line, "elapses there, whatever the delay"))
        .because(format!("Every course that {} can take from what the journal tells elapses in that window; {} like it {} missing.", version(facts), count(replay.missing.len() as u64, "elapse"), if replay.missing.len() == 1 { "is" } else { "are" }))
        .because("A journal that was filtered or rotated lacks the run; a clock that was set between two boots, or a version that is another, makes another course.")
        .missing(format!("journalctl -o export, unfiltered, around {lo}; systemctl --version; journalctl --list-boots of {}", account.service.name))
        .witness(json!({ "timer": account.name, "from_us": first.realtime.lo, "to_us": first.realtime.hi, "missing": replay.missing.len() }), format!("{lo} to {hi}"))
        .key(&account.name);
    Some(builder.build(evidence))
}
