//! TMR210 ran-twice
//!
//! Speaks on: fixtures/ran-twice. Silent on: fixtures/nine-nights-262.

use casebook_core::{EvidenceSet, Finding, FindingBuilder, Rule, rule};
use serde_json::json;

use super::future_base::back;
use super::words::{advice, at, calendars, context, count, primary, version};
use crate::facts::Facts;
use crate::facts::accounts::Account;
use crate::model::time::Realtime;
use crate::model::timer::{Fire, about};

rule! {
    /// A timer ran twice for one time of the calendar, because the clock was set back over it.
    ///
    /// A waiting timer whose last run lies in the future after a step takes the run for now and looks its next time up from there: the time
    /// that was served comes again. Eight seconds are enough, just after the run.
    ///
    /// Mechanism: `timer_time_change` (src/core/timer.c).
    ///
    /// Fix: a job that may run twice; a clock that is slewed, not stepped.
    pub RAN_TWICE = "TMR210" "ran-twice" of "systemd-timers", Warning, since "0.1.0",
    "a timer ran twice for one time of the calendar, because the clock was set back over it",
    check(Facts), when |facts: &Facts| facts.accounts.timers.iter().any(|account| account.replay.is_some())
}

fn check(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    facts.accounts.timers.iter().filter_map(|account| finding(rule, facts, account, evidence)).collect()
}

fn finding(rule: &'static Rule, facts: &Facts, account: &Account, evidence: &EvidenceSet) -> Option<Finding> {
    let replay = account.replay.as_ref().filter(|replay| replay.missing.is_empty())?;
    let again: Vec<&Fire> = replay.ledger.fires.iter().filter(|fire| fire.again).collect();
    let (first, slot) = (again.first()?, again.first()?.slot?);
    let (by, step) = back(account).next()?;
    let step_at = account.life.happenings().find(|(_, one)| one.span == step).map(|(boot, one)| (boot, one.at_us))?;
    let title = format!(
        "{} ran twice for {}: the clock was set back by {} in between",
        account.name,
        at(facts, slot),
        about(by)
    );
    let mut builder = FindingBuilder::new(rule, title, primary(evidence, step, format!("before this entry the clock was set back by {}", about(by))))
        .because(format!("The last run lay in the future after the step, so {} took it for now and looked the next time up from there (timer_time_change): {} came again.", version(facts), at(facts, slot)))
        .witness(json!({ "timer": account.name, "slot_us": slot.0, "again_us": first.realtime.lo, "times": again.len() }), format!("again at {}", at(facts, Realtime(first.realtime.lo))))
        .key(&account.name)
        .step(format!("{} was served, and is served again at {}", at(facts, slot), at(facts, Realtime(first.realtime.lo))), None)
        .fix(advice("let the job bear a second run (a lock, a check for today's backup); let the time service slew (chrony: makestep 1 3, maxslewrate)"));
    if again.len() > 1 {
        builder = builder.because(format!("{} like it in all.", count(again.len() as u64, "second run")));
    }
    if let Some(line) = calendars(account).next() {
        builder = builder.place(context(evidence, line, "this time came twice"));
    }
    for (boot, one, _) in account.life.runs() {
        let when = account.life.boots[boot].realtime_at(one.at_us);
        if (boot, one.at_us) >= step_at && one.span != step && when.0.abs_diff(first.realtime.lo) < 10_000_000 {
            builder = builder.place(context(evidence, one.span, "the second run"));
            break;
        }
    }
    Some(builder.build(evidence))
}
