//! TMR102 never-elapses
//!
//! Speaks on: fixtures/impossible-date. Silent on: fixtures/crontab-line-mended.

use casebook_core::{EvidenceSet, Finding, FindingBuilder, Rule, rule};
use serde_json::json;

use super::words::{at, primary};
use crate::facts::Facts;
use crate::model::calendar::{Never, Spec, Walk};
use crate::model::time::Realtime;
use crate::model::timer::Trigger;

rule! {
    /// A calendar specification is valid and never elapses.
    ///
    /// `*-02-30`, a year that has passed, a weekday that contradicts a fixed date: systemd accepts the line without a word, and the
    /// timer waits for nothing. Some specifications in zones with changes make the search run in circles; PID 1 gives up after
    /// 1000 rounds (`Infinite loop in calendar calculation`), which comes to the same.
    ///
    /// Mechanism: `find_next` (src/shared/calendarspec.c).
    ///
    /// Fix: a date that exists; the last day of a month is `*-*~1`.
    pub NEVER_ELAPSES = "TMR102" "never-elapses" of "systemd-timers", Error, since "0.1.0",
    "a calendar specification is valid and never elapses",
    check(Facts), when |facts: &Facts| facts.accounts.timers.iter().any(|account| account.unit.timer.is_calendar())
}

fn check(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    let setting = &facts.accounts.setting;
    let now = Realtime(setting.at_s().max(0) as u64 * 1_000_000);
    let mut out = Vec::new();
    for account in facts.accounts.timers.iter().filter(|account| account.masked.is_none()) {
        for (trigger, span) in account.unit.timer.triggers.iter().zip(&account.unit.triggers_at) {
            let Trigger::Calendar(spec) = trigger else { continue };
            let mut walk = Walk::new(spec, &*setting.host.zone, now, setting.host.version);
            let Err(never) = walk.step() else { continue };
            // A date of the past is how a timer that runs once looks after it ran.
            if never == Never::Past
                && elapsed(spec, now, setting.host.version, &setting.host.zone)
                && setting.now.is_none()
            {
                continue;
            }
            let why = match never {
                Never::Past if elapsed(spec, now, setting.host.version, &setting.host.zone) => {
                    format!("the last time it names has passed; the clock shows {}", at(facts, now))
                }
                Never::Past => "no such date exists up to the year 2199".to_owned(),
                Never::Stuck => {
                    "the search for the next time does not end: PID 1 gives up after 1000 rounds".to_owned()
                }
                Never::Range => "the next time is past what systemd can express".to_owned(),
            };
            let title = format!(
                "{} waits for a time that does not come: OnCalendar={}",
                account.name,
                evidence.text(*span).unwrap_or_default()
            );
            let builder = FindingBuilder::new(rule, title, primary(evidence, *span, why.clone()))
                .because(format!("{spec} is valid, so nothing complains; {why}."))
                .witness(json!({ "timer": account.name, "normal": spec.to_string() }), spec.to_string())
                .key(&account.name)
                .replay(format!("casebook timers calendar '{spec}'"))
                .step(format!("{spec} after {}: {never:?}", at(facts, now)), None);
            out.push(builder.build(evidence));
        }
    }
    out
}

/// True when it has elapsed before.
fn elapsed(
    spec: &Spec,
    now: Realtime,
    version: crate::model::version::Version,
    zone: &crate::model::time::Zone,
) -> bool {
    Walk::new(spec, zone, Realtime(0), version).step().is_ok_and(|first| first <= now)
}
