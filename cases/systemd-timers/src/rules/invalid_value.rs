//! TMR101 invalid-value
//!
//! Speaks on: fixtures/crontab-line. Silent on: fixtures/crontab-line-mended.

use casebook_core::{EvidenceSet, Finding, FindingBuilder, Rule, Severity, Span, rule};
use serde_json::json;

use super::words::{primary, replace};
use crate::facts::Facts;
use crate::facts::accounts::Account;
use crate::facts::typed::{Fault, Ignored};
use crate::model::calendar::from_cron;

rule! {
    /// systemd ignores a line of a timer because its value is invalid, and goes on without it.
    ///
    /// A crontab line in `OnCalendar=`, a range that passes Sunday, a step that is never taken: PID 1 logs `Failed to parse
    /// calendar specification, ignoring` and loads the rest. If another line is left the timer runs at other times than it seems
    /// to; if none is left it does not load at all (`Timer unit lacks value setting. Refusing.`). `systemd-analyze verify` exits
    /// with 0 when another line is left.
    ///
    /// Mechanism: `config_parse_timer` (src/core/load-fragment.c), `calendar_spec_from_string` (src/shared/calendarspec.c),
    /// `parse_time` (src/basic/time-util.c).
    ///
    /// Fix: the value as systemd takes it; `casebook timers calendar 'SPEC' --explain` says what one means.
    pub INVALID_VALUE = "TMR101" "invalid-value" of "systemd-timers", Warning, since "0.1.0",
    "a line of a timer is ignored because its value is invalid",
    check(Facts), when |facts: &Facts| !facts.units.is_empty()
}

fn check(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    let mut out = Vec::new();
    for account in facts.accounts.timers.iter().filter(|account| account.file.is_some() && account.masked.is_none()) {
        out.extend(account.unit.ignored.iter().filter_map(|ignored| finding(rule, account, ignored, evidence)));
    }
    out
}

fn finding(rule: &'static Rule, account: &Account, ignored: &Ignored, evidence: &EvidenceSet) -> Option<Finding> {
    let (why, at) = match &ignored.fault {
        Fault::Calendar(error) => (error.why.clone(), inside(evidence, ignored.span, &ignored.value, error.at.clone())),
        Fault::Span(why) => (why.clone(), ignored.span),
        Fault::Boolean => ("neither yes nor no".to_owned(), ignored.span),
        // What this version does not know is another matter.
        Fault::Unknown => return None,
    };
    let refused = account.unit.is_refused();
    let then = match (refused, account.unit.timer.triggers.len()) {
        (true, _) => "and the timer does not load".to_owned(),
        (false, 1) => "and the timer goes by its other value".to_owned(),
        (false, others) => format!("and the timer goes by its other {others} values"),
    };
    let title = format!("{}: systemd ignores {}={}, {then}", account.name, ignored.key, ignored.value);
    let mut builder = FindingBuilder::new(rule, title, primary(evidence, at, why.clone()))
        .severity(if refused { Severity::Error } else { Severity::Warning })
        .because(format!("The value is invalid: {why}. PID 1 logs a warning, ignores the line and loads the rest (config_parse_timer)."))
        .witness(json!({ "timer": account.name, "key": ignored.key, "value": ignored.value, "refused": refused }), format!("{}={}", ignored.key, ignored.value))
        .key(&account.name)
        .key(&ignored.key)
        .step(format!("{}={} is not parsed: {why}", ignored.key, ignored.value), None);
    if refused {
        builder = builder.because(
            "No value is left, so PID 1 refuses the unit: `Timer unit lacks value setting. Refusing.` (timer_verify).",
        );
    }
    if ignored.key == "OnCalendar" {
        builder = builder.replay(format!("casebook timers calendar '{}'", ignored.value.replace('\'', "'\\''")));
        if let Some(spec) = from_cron(&ignored.value) {
            builder = builder.fix(replace(
                "this is a crontab line; write it as a calendar specification",
                ignored.span,
                spec,
            ));
        }
    }
    Some(builder.build(evidence))
}

/// The bytes of a value's part, where the value stands in the file as it was parsed.
fn inside(evidence: &EvidenceSet, span: Span, value: &str, part: std::ops::Range<usize>) -> Span {
    if part.is_empty() || evidence.text(span).as_deref() != Some(value) {
        return span;
    }
    Span { evidence: span.evidence, start: span.start + part.start as u64, end: span.start + part.end as u64 }
}
