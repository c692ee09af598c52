//! TMR103 nothing-starts-it
//!
//! Speaks on: fixtures/no-seed. Silent on: fixtures/seeded.

use casebook_core::{EvidenceSet, Finding, FindingBuilder, FixClass, Rule, Severity, rule};
use serde_json::json;

use super::words::{commands, context, primary};
use crate::facts::Facts;
use crate::facts::accounts::Account;
use crate::model::timer::{Base, Trigger};

rule! {
    /// A timer has no value that makes it elapse a first time.
    ///
    /// `OnUnitActiveSec=` and `OnUnitInactiveSec=` count from the service's last start and end. A service that has never run has
    /// neither, so a timer with nothing else stays `active (elapsed)` for ever. And one empty assignment (`OnCalendar=` in a
    /// drop-in) takes every value away, of all keys: the unit does not load.
    ///
    /// Mechanism: `timer_enter_waiting` (src/core/timer.c: `if (base <= 0) continue`), `config_parse_timer`
    /// (src/core/load-fragment.c).
    ///
    /// Fix: `OnBootSec=` or `OnActiveSec=` beside it.
    pub NOTHING_STARTS_IT = "TMR103" "nothing-starts-it" of "systemd-timers", Error, since "0.1.0",
    "a timer has no value that makes it elapse a first time",
    check(Facts), when |facts: &Facts| !facts.accounts.timers.is_empty()
}

fn check(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    let timers = facts.accounts.timers.iter().filter(|account| account.masked.is_none());
    timers.filter_map(|account| reset(rule, account, evidence).or_else(|| seedless(rule, account, evidence))).collect()
}

/// Every value was taken away, and nothing came after.
fn reset(rule: &'static Rule, account: &Account, evidence: &EvidenceSet) -> Option<Finding> {
    let unit = &account.unit;
    let (value, by) = unit.reset.last().filter(|_| unit.is_refused() && unit.ignored.is_empty())?;
    let title = format!("{} does not load: an empty assignment took its last value away", account.name);
    let mut builder = FindingBuilder::new(rule, title, primary(evidence, *by, "takes away every value before it, of all keys"))
        .place(context(evidence, *value, "the value that is gone"))
        .because("An empty assignment of any of OnCalendar=, OnBootSec= and the others resets the whole list of values (config_parse_timer). No line after it sets one, so PID 1 refuses the unit: `Timer unit lacks value setting. Refusing.`")
        .witness(json!({ "timer": account.name, "lost": unit.reset.len() }), format!("{} values reset", unit.reset.len()))
        .key(&account.name);
    for (other, _) in unit.reset.iter().rev().skip(1).take(4) {
        builder = builder.place(context(evidence, *other, "gone too"));
    }
    Some(builder.step("the list of values is empty after the last line", None).build(evidence))
}

/// Every value counts from a run.
fn seedless(rule: &'static Rule, account: &Account, evidence: &EvidenceSet) -> Option<Finding> {
    let timer = &account.unit.timer;
    let of_run =
        |trigger: &Trigger| matches!(trigger, Trigger::Monotonic { base: Base::UnitActive | Base::UnitInactive, .. });
    let only = !timer.triggers.is_empty()
        && timer.triggers.iter().all(of_run)
        && !timer.on_clock_change
        && !timer.on_timezone_change;
    // It may have been started once by hand: then it goes on.
    let goes_on = account.shown.next_monotonic.is_some()
        || account.shown.last.is_some()
        || account.shown.sub.as_ref().is_some_and(|sub| sub.value == "waiting" || sub.value == "running");
    let span = account.unit.triggers_at.first().copied().filter(|_| only && !goes_on)?;
    let elapsed = account.shown.sub.as_ref().filter(|sub| sub.value == "elapsed");
    let title = format!(
        "{} never elapses: it counts from runs of {}, and nothing makes the first",
        account.name, account.service.name
    );
    let mut builder = FindingBuilder::new(rule, title, primary(evidence, span, "counts from a run of the service"))
        .severity(if elapsed.is_some() { Severity::Error } else { Severity::Warning })
        .because(format!("{} has not been active since the machine started, so there is nothing to count from: the timer is `elapsed` at once and stays so (timer_enter_waiting).", account.service.name))
        .witness(json!({ "timer": account.name, "service": account.service.name }), "no value counts from the boot or from the timer's start")
        .key(&account.name)
        .step("every value is skipped, because its base is 0: elapsed", None)
        .fix(commands("give it a first run after each boot", FixClass::Display, vec![format!("systemctl edit {}    # [Timer] OnBootSec=5min", account.name)]));
    if let Some(elapsed) = elapsed {
        builder = builder.place(context(evidence, elapsed.span, "this is how it looks"));
    }
    Some(builder.build(evidence))
}
