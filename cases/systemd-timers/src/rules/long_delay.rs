//! TMR107 delay-over-period
//!
//! Speaks on: fixtures/long-delay. Silent on: fixtures/seeded.

use casebook_core::{EvidenceSet, Finding, FindingBuilder, FixClass, Rule, Severity, rule};
use serde_json::json;

use super::words::{at, calendars, commands, context, primary, version};
use crate::facts::Facts;
use crate::model::schedule::schedule;
use crate::model::time::{Realtime, SECOND_US};
use crate::model::timer::about;

rule! {
    /// A random delay is as long as the time between two elapses, or longer: runs are skipped.
    ///
    /// The delay is drawn anew for each elapse and added to it. While it lasts, the times of the calendar that pass are lost: the
    /// next one is looked up from the run. Every boot, reload and restart draws again (unless the delay is fixed), so a machine that is restarted more often
    /// than the delay lasts can go without a run for ever.
    ///
    /// Mechanism: `add_random`, `timer_enter_waiting` (src/core/timer.c); systemd issue 21166.
    ///
    /// Fix: a delay shorter than the period; `FixedRandomDelay=yes`, or `RandomizedOffsetSec=` from systemd 258 on, which no reboot draws
    /// again.
    pub LONG_DELAY = "TMR107" "delay-over-period" of "systemd-timers", Warning, since "0.1.0",
    "a random delay is as long as the time between two elapses",
    check(Facts), when |facts: &Facts| facts.accounts.timers.iter().any(|account| account.unit.timer.random_us > 0)
}

fn check(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    let setting = &facts.accounts.setting;
    let now = Realtime(setting.at_s().max(0) as u64 * SECOND_US);
    let mut out = Vec::new();
    for account in facts.accounts.timers.iter().filter(|account| account.masked.is_none()) {
        let timer = &account.unit.timer;
        let (Some(delay), Some(line)) = (account.unit.at("RandomizedDelaySec"), calendars(account).next()) else {
            continue;
        };
        let Some((schedule, gap)) =
            schedule(timer, &setting.host, now).and_then(|schedule| Some((schedule, schedule.gap_us?)))
        else {
            continue;
        };
        let Some((first, second)) = schedule.closest.filter(|_| timer.random_us > gap.lo) else { continue };
        // A delay that is the same for ever moves every time alike: none is skipped.
        let fixed = timer.fixed_random;
        let (random, period) = (about(timer.random_us), about(gap.lo));
        let title = if fixed {
            format!("{} is delayed by up to {random}, longer than the {period} between two of its times", account.name)
        } else {
            format!(
                "{} skips runs: its delay of up to {random} is longer than the {period} between two of its times",
                account.name
            )
        };
        let mut builder = FindingBuilder::new(rule, title, primary(evidence, delay, format!("up to {random}")))
            .severity(if fixed { Severity::Note } else { Severity::Warning })
            .place(context(evidence, line, format!("{period} apart at the closest")))
            .witness(
                json!({ "timer": account.name, "random_us": timer.random_us, "gap_us": gap.lo, "first_us": first.0, "second_us": second.0 }),
                format!("due at {}, delayed past {}", at(facts, first), at(facts, second)),
            )
            .key(&account.name)
            .replay(format!("casebook timers simulate {} --seed 1", facts.path(delay.evidence)))
            .step(format!("the time of {} is delayed to as late as {}; the one of {} passes meanwhile", at(facts, first), at(facts, Realtime(first.0 + timer.random_us - 1)), at(facts, second)), None)
            .because(format!("The next time is looked up from the run, so what passes during the delay is lost ({}, timer_enter_waiting).", version(facts)));
        if !fixed {
            builder = builder
                .because("Every boot, reload, restart and step of the clock draws the delay again, from the same time of the calendar.")
                .fix(commands("draw the delay once for this machine", FixClass::Display, vec![format!("systemctl edit {}    # [Timer] FixedRandomDelay=yes", account.name)]));
        }
        out.push(builder.build(evidence));
    }
    out
}
