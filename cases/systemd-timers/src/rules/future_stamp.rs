//! TMR203 stamp-in-the-future
//!
//! Speaks on: fixtures/future-stamp. Silent on: fixtures/nine-nights-262.

use casebook_core::{EvidenceSet, Finding, FindingBuilder, FixClass, Rule, rule};
use serde_json::json;

use super::words::{at, commands, context, primary};
use crate::facts::Facts;
use crate::model::timer::about;

rule! {
    /// The stamp file of a persistent timer says that it ran in the future.
    ///
    /// The stamp was written while the clock was ahead. When the timer starts it is not used (`Not using persistent file timestamp … as
    /// it is in the future`): what was missed while the machine was off is not caught up, and when the clock is set forward again a
    /// run that was done is done twice.
    ///
    /// Mechanism: `timer_start` (src/core/timer.c); systemd issues 6821 and 6823.
    ///
    /// Fix: give the stamp the time of the last good run, then restart the timer.
    pub FUTURE_STAMP = "TMR203" "stamp-in-the-future" of "systemd-timers", Warning, since "0.1.0",
    "the stamp file of a persistent timer says that it ran in the future",
    check(Facts), when |facts: &Facts| facts.accounts.timers.iter().any(|account| facts.stamp(&account.name).is_some())
}

/// Less is the time between two readings.
const SLACK_US: u64 = 60_000_000;

fn check(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    let setting = &facts.accounts.setting;
    let Some(now) = &setting.now else { return Vec::new() };
    let mut out = Vec::new();
    for account in &facts.accounts.timers {
        let Some(stamp) = facts.stamp(&account.name) else { continue };
        let Some(time) = setting.realtime(&stamp.modified.value).filter(|time| time.0 > now.value.0 + SLACK_US) else {
            continue;
        };
        let ahead = about(time.0 - now.value.0);
        let title = format!("the stamp of {} says it ran at {}, {ahead} from now", account.name, at(facts, time));
        let builder = FindingBuilder::new(rule, title, primary(evidence, stamp.modified.span, format!("{ahead} ahead of the clock")))
            .place(context(evidence, now.span, "the clock"))
            .because("When the timer starts, a stamp in the future is not used, so nothing that was missed is caught up (timer_start).")
            .because("It was written while the clock was ahead: PID 1 gives the file the time of each run.")
            .witness(json!({ "timer": account.name, "stamp_us": time.0, "now_us": now.value.0 }), at(facts, time))
            .key(&account.name)
            .step(format!("stamp {} is not before now {}", at(facts, time), at(facts, now.value)), None)
            .fix(commands(
                "give it the time of the last good run (a run that was missed since then starts at once)",
                FixClass::Display,
                vec![format!("touch -d 'LAST GOOD RUN' /var/lib/systemd/timers/stamp-{}", account.name), format!("systemctl restart {}", account.name)],
            ));
        out.push(builder.build(evidence));
    }
    out
}
