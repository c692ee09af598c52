//! TMR211 rtc-offset
//!
//! Exonerates on: fixtures/story. Silent on: fixtures/synchronised.

use casebook_core::{EvidenceSet, Finding, FindingBuilder, Rule, Span, rule};
use serde_json::json;

use super::overdue::overdue;
use super::words::{context, count, primary};
use crate::facts::Facts;
use crate::model::timer::about;

rule! {
    /// The RTC differs from the clock by less than could have lost the runs that are missing.
    ///
    /// An RTC that is minutes off is easy to see and easy to blame. When the clock is set by it, or from it, the step loses the one time it jumps over, or
    /// runs one twice. To lose nine nights it would have to be nine nights off.
    ///
    /// Mechanism: `timer_time_change`, `timer_enter_waiting` (src/core/timer.c).
    ///
    /// Fix: none; look elsewhere.
    pub CLOCK_OFFSET = "TMR211" "rtc-offset" of "systemd-timers", Note, since "0.1.0",
    "the RTC differs from the clock by less than could have lost the runs that are missing",
    check(Facts), when |facts: &Facts| rtc_offset(facts).is_some()
}

/// RTC less clock, in microseconds, where both are shown, and where the RTC's time stands. Less than two seconds are the time it takes to read.
pub(super) fn rtc_offset(facts: &Facts) -> Option<(i64, Span)> {
    let setting = &facts.accounts.setting;
    let of_timedate = facts.clock.timedate.iter().find_map(|one| {
        let rtc = setting.reading(one.rtc.as_ref()?)?;
        let system = setting.reading(one.universal.as_ref().or(one.local.as_ref())?)?;
        Some((rtc.value.since(system.value), rtc.span))
    });
    let of_hardware = || {
        facts.clock.hardware.iter().find_map(|one| {
            let rtc = setting.reading(one.time.as_ref()?)?;
            let system = setting.reading(one.system.as_ref()?)?;
            Some((rtc.value.since(system.value), rtc.span))
        })
    };
    of_timedate.or_else(of_hardware).filter(|(offset, _)| offset.abs() >= 2_000_000)
}

fn check(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    let Some((offset_us, span)) = rtc_offset(facts) else { return Vec::new() };
    let mut out = Vec::new();
    for account in &facts.accounts.timers {
        let Some(due) = overdue(facts, account) else { continue };
        let size = offset_us.unsigned_abs();
        let missing_us = facts.accounts.setting.now.as_ref().map_or(0, |now| now.value.0.saturating_sub(due.first.0));
        if size >= missing_us / 2 {
            continue;
        }
        let way = if offset_us > 0 { "ahead of" } else { "behind" };
        let title = format!(
            "the RTC, {} {way} the clock, did not cost {} {}",
            about(size),
            account.name,
            count(due.count, "run")
        );
        let builder =
            FindingBuilder::new(rule, title, primary(evidence, span, format!("{} {way} the clock", about(size))))
                .exonerated()
                .place(context(evidence, due.last.span, format!("{} since", count(due.count, "time"))))
                .because(format!(
                    "A step of {} jumps over one time at most; {} are missing, over {}.",
                    about(size),
                    due.count,
                    about(missing_us)
                ))
                .witness(json!({ "timer": account.name, "rtc_offset_us": offset_us, "times": due.count }), about(size))
                .key(&account.name)
                .step(format!("{} is less than the {} that are missing", about(size), about(missing_us)), None);
        out.push(builder.build(evidence));
    }
    out
}
