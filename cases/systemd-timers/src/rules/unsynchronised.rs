//! TMR204 clock-not-synchronised
//!
//! Speaks on: fixtures/story. Silent on: fixtures/synchronised.

use casebook_core::{EvidenceSet, Finding, FindingBuilder, FixClass, Rule, Severity, Span, rule};
use serde_json::json;

use super::words::{calendars, commands, context, count, primary};
use crate::facts::Facts;

rule! {
    /// Timers go by the calendar, and nothing keeps the clock right.
    ///
    /// The time service answers with stratum 16, has no server, or is off. The clock drifts until somebody sets it, in one step; a step back
    /// loses or doubles runs (TMR201, TMR210). It says nothing about runs that are missing already: a clock that was never set has moved none.
    ///
    /// Mechanism: STA_UNSYNC (adjtimex(2)); stratum 16 is `unsynchronised` (RFC 5905, figure 11).
    ///
    /// Fix: a server that answers.
    pub UNSYNCHRONISED = "TMR204" "clock-not-synchronised" of "systemd-timers", Warning, since "0.1.0",
    "timers go by the calendar, and nothing keeps the clock right",
    check(Facts), when |facts: &Facts| signs(facts).next().is_some() || synchronised(facts)
}

/// Where a tool says that the clock is not kept right, and in which words.
fn signs(facts: &Facts) -> impl Iterator<Item = (Span, String, bool)> + '_ {
    let clock = &facts.clock;
    let stratum = clock.timesync.iter().filter_map(|one| one.stratum()).filter(|stratum| stratum.value >= 16);
    let stratum = stratum
        .map(|stratum| (stratum.span, format!("stratum {}: the server itself has no time", stratum.value), true));
    let tracking = clock
        .tracking
        .iter()
        .filter_map(|one| one.leap.as_ref())
        .filter(|leap| leap.value.to_ascii_lowercase().contains("not synchronised"));
    let tracking = tracking.map(|leap| (leap.span, "chronyd follows no server".to_owned(), true));
    let no = clock.timedate.iter().filter_map(|one| {
        let told = one.synchronized.as_ref().filter(|told| told.value.known() == Some(&false))?;
        // A machine without a time service may be kept right from outside, as containers are.
        let service = one.service.as_ref().is_some_and(|service| matches!(service.value.as_str(), "active" | "yes"));
        Some((told.span, "the kernel's clock is not synchronised".to_owned(), service))
    });
    let kernel =
        clock.kernel.iter().filter(|one| one.is_unsynchronised() == Some(true)).filter_map(|one| one.status.as_ref());
    let kernel = kernel.map(|status| (status.span, "STA_UNSYNC is set".to_owned(), false));
    stratum.chain(tracking).chain(no).chain(kernel)
}

fn synchronised(facts: &Facts) -> bool {
    facts.clock.timedate.iter().any(|one| one.synchronized.is_some())
        || !facts.clock.tracking.is_empty()
        || !facts.clock.timesync.is_empty()
}

fn check(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    let timers: Vec<_> = facts
        .accounts
        .timers
        .iter()
        .filter(|account| account.masked.is_none() && account.unit.timer.is_calendar())
        .collect();
    let mut signs: Vec<_> = signs(facts).collect();
    // The strongest sign first.
    signs.sort_by_key(|(_, _, service)| !service);
    let (Some((span, words, service)), Some(first)) = (signs.first().cloned(), timers.first()) else {
        return Vec::new();
    };
    let title = format!(
        "{} by the calendar, and the clock is not synchronised",
        if timers.len() == 1 {
            format!("{} goes", first.name)
        } else {
            format!("{} go", count(timers.len() as u64, "timer"))
        }
    );
    let mut builder = FindingBuilder::new(rule, title, primary(evidence, span, words))
        .severity(if service { Severity::Warning } else { Severity::Note })
        .because("Nothing corrects the clock, so it drifts; when it is corrected at last, it is by a step. A step back makes a waiting timer count from the future (before systemd 262), or run twice.")
        .because("This is no cause of runs that are missing already: a clock that nobody sets jumps over nothing.")
        .witness(json!({ "timers": timers.len() }), count(timers.len() as u64, "calendar timer"))
        .step("the clock is free running", None)
        .fix(commands("see what the time service sees", FixClass::Display, vec!["timedatectl timesync-status    # with chrony: chronyc sources -v".to_owned()]));
    for (span, words, _) in signs.iter().skip(1).take(2) {
        builder = builder.place(context(evidence, *span, words.clone()));
    }
    if let Some(line) = calendars(first).next() {
        builder = builder.place(context(evidence, line, "goes by this clock"));
    }
    vec![builder.build(evidence)]
}
