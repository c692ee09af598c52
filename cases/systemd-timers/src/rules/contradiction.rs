//! TMR207 impossible-state
//!
//! Leaves open: fixtures/story. Silent on: fixtures/nine-nights-262.

use casebook_core::{EvidenceSet, Finding, FindingBuilder, Rule, rule};
use serde_json::json;

use super::words::{calendars, context, primary};
use crate::facts::Facts;
use crate::facts::accounts::Account;

rule! {
    /// What is shown of a timer cannot be of one moment.
    ///
    /// A timer that is `waiting` and has a calendar time to come always has a next elapse: it is what it waits for. `Trigger: n/a` belongs to
    /// a timer that is `running` (its service has not ended), `elapsed` or `dead`. Evidence that shows both was taken at two moments, or
    /// edited.
    ///
    /// Mechanism: `timer_set_state` clears the next elapse for every state but `waiting`, and `timer_enter_waiting` enters it only with one
    /// (src/core/timer.c).
    ///
    /// Fix: `systemctl show` of the timer and its service, in one go.
    pub CONTRADICTION = "TMR207" "impossible-state" of "systemd-timers", Warning, since "0.1.0",
    "what is shown of a timer cannot be of one moment",
    check(Facts), when |facts: &Facts| facts.accounts.timers.iter().any(|account| account.shown.sub.is_some())
}

fn check(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    facts.accounts.timers.iter().filter_map(|account| finding(rule, account, evidence)).collect()
}

fn finding(rule: &'static Rule, account: &Account, evidence: &EvidenceSet) -> Option<Finding> {
    let sub = account.shown.sub.as_ref().filter(|sub| sub.value == "waiting")?;
    let none =
        account.shown.no_next.filter(|_| account.shown.next.is_none() && account.shown.next_monotonic.is_none())?;
    // Without a value that comes it would not wait; with one only of the calendar it has a next elapse.
    let timer = &account.unit.timer;
    let others = timer.on_clock_change || timer.on_timezone_change || timer.triggers.len() > timer.specs().count();
    if !timer.is_calendar() || others {
        return None;
    }
    let title =
        format!("{} is shown as waiting and as having no next elapse, which no timer is at one moment", account.name);
    let mut builder = FindingBuilder::new(rule, title, primary(evidence, none, "no next elapse: running, elapsed or dead"))
        .place(context(evidence, sub.span, "waiting: has a next elapse"))
        .because("A timer waits for the earliest of its values; one that has none to come is `elapsed`, not `waiting` (timer_enter_waiting). The next elapse is cleared in every other state (timer_set_state).")
        .because("If it is `running`, its service has not ended, and no elapse comes until it has; if it is `waiting`, when it elapses next decides.")
        .missing(format!("systemctl show {} {}    # both in one go", account.name, account.service.name))
        .witness(json!({ "timer": account.name }), "waiting, and nothing to wait for")
        .key(&account.name);
    if let Some(line) = calendars(account).next() {
        builder = builder.place(context(evidence, line, "a time that comes"));
    }
    Some(builder.build(evidence))
}
