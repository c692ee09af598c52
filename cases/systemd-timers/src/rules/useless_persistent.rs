//! TMR108 persistent-without-calendar
//!
//! Speaks on: fixtures/no-seed. Silent on: fixtures/seeded.

use casebook_core::{EvidenceSet, Finding, FindingBuilder, Rule, rule};
use serde_json::json;

use super::words::{advice, context, primary};
use crate::facts::Facts;

rule! {
    /// `Persistent=yes` on a timer without `OnCalendar=` does nothing.
    ///
    /// The stamp file keeps when the timer last elapsed, and only a calendar can say whether a time was missed since. Timers that
    /// count from boot or from a run start over at each boot.
    ///
    /// Mechanism: `timer_start` loads the stamp into `last_trigger.realtime`, which monotonic values do not look at
    /// (src/core/timer.c); systemd issue 39641.
    ///
    /// Fix: `OnCalendar=` for what must be caught up.
    pub USELESS_PERSISTENT = "TMR108" "persistent-without-calendar" of "systemd-timers", Warning, since "0.1.0",
    "Persistent=yes on a timer without OnCalendar= does nothing",
    check(Facts), when |facts: &Facts| facts.accounts.timers.iter().any(|account| account.unit.timer.persistent)
}

fn check(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    let mut out = Vec::new();
    for account in facts.accounts.timers.iter().filter(|account| account.masked.is_none() && account.file.is_some()) {
        let unit = &account.unit;
        let without = unit.timer.persistent && !unit.timer.is_calendar() && !unit.timer.triggers.is_empty();
        let Some(span) = unit.at("Persistent").filter(|_| without) else { continue };
        let mut builder = FindingBuilder::new(rule, format!("{}: Persistent=yes catches nothing up, because there is no OnCalendar=", account.name), primary(evidence, span, "acts on OnCalendar= only"))
            .because("The stamp is compared with times of the calendar; values that count from the boot or from a run do not look at it (timer_enter_waiting).")
            .witness(json!({ "timer": account.name }), "no OnCalendar=")
            .key(&account.name)
            .step("the stamp is loaded, and no value reads it", None)
            .fix(advice("say with OnCalendar= what must be caught up after the machine was off"));
        for line in unit.triggers_at.iter().take(2) {
            builder = builder.place(context(evidence, *line, "counts on the monotonic clock"));
        }
        out.push(builder.build(evidence));
    }
    out
}
