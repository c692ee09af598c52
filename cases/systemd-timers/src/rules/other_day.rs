//! TMR110 delay-into-another-day
//!
//! Speaks on: fixtures/friday-night. Silent on: fixtures/seeded.

use casebook_core::{EvidenceSet, Finding, FindingBuilder, Rule, rule};
use serde_json::json;

use super::words::{advice, at, context, primary};
use crate::facts::Facts;
use crate::model::schedule::schedule;
use crate::model::time::{Realtime, SECOND_US};
use crate::model::timer::{Timer, Trigger, about};

rule! {
    /// A timer names a day, and its random delay can move the run into the next.
    ///
    /// `Fri 23:30` with two hours of delay runs on Saturday more often than on Friday. What asks for the day by itself, a backup's name, a report of
    /// the month, a check of freshness, sees another one.
    ///
    /// Mechanism: `add_random` (src/core/timer.c) adds to the time that was found; the day is not looked at again.
    ///
    /// Fix: an earlier time, or a shorter delay.
    pub OTHER_DAY = "TMR110" "delay-into-another-day" of "systemd-timers", Note, since "0.1.0",
    "a timer names a day, and its random delay can move the run into the next",
    check(Facts), when |facts: &Facts| facts.accounts.timers.iter().any(|account| account.unit.timer.random_us > 0)
}

fn check(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    let setting = &facts.accounts.setting;
    let now = Realtime(setting.at_s().max(0) as u64 * SECOND_US);
    let mut out = Vec::new();
    for account in facts.accounts.timers.iter().filter(|account| account.masked.is_none()) {
        let unit = &account.unit;
        let Some(delay) = unit.at("RandomizedDelaySec") else { continue };
        for (trigger, span) in unit.timer.triggers.iter().zip(&unit.triggers_at) {
            let Trigger::Calendar(spec) = trigger else { continue };
            if spec.weekdays.is_none() && spec.days.is_empty() {
                continue;
            }
            let alone = Timer { triggers: vec![trigger.clone()], ..unit.timer.clone() };
            let Some((due, latest)) = schedule(&alone, &setting.host, now).and_then(|schedule| schedule.other_day)
            else {
                continue;
            };
            let title = format!(
                "{}: the run of {} can be as late as {}, another day",
                account.name,
                at(facts, due),
                at(facts, latest)
            );
            let builder = FindingBuilder::new(rule, title, primary(evidence, *span, "names a day"))
                .place(context(evidence, delay, format!("up to {} later", about(unit.timer.random_us))))
                .because("The delay is added to the time that was found; the day is not looked at again (add_random).")
                .witness(
                    json!({ "timer": account.name, "due_us": due.0, "latest_us": latest.0 }),
                    format!("{} to {}", at(facts, due), at(facts, latest)),
                )
                .key(&account.name)
                .key(spec.to_string())
                .step(format!("{spec}: {}, and up to {} more", at(facts, due), about(unit.timer.random_us)), None)
                .fix(advice("take an earlier time or a shorter delay, if the day matters"));
            out.push(builder.build(evidence));
        }
    }
    out
}
