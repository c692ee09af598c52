//! TMR206 ran-without-work
//!
//! Speaks on: fixtures/condition. Silent on: fixtures/nine-nights-262.

use casebook_core::{EvidenceSet, Finding, FindingBuilder, FixClass, Rule, rule};
use serde_json::json;

use super::words::{at, commands, context, count, primary};
use crate::facts::Facts;
use crate::facts::accounts::Account;
use crate::model::account::Run;

rule! {
    /// A timer elapses on time, and its service does no work.
    ///
    /// LAST of `list-timers` is when the start job was queued, not when work was done. A condition that is not met, a start limit
    /// that was hit, a command that fails: LAST and NEXT look perfect.
    ///
    /// Mechanism: `timer_enter_running` writes `last_trigger` when the job is queued (src/core/timer.c).
    ///
    /// Fix: what the service says; `OnFailure=` for one that fails, a dead-man switch for one that does nothing.
    pub NO_WORK = "TMR206" "ran-without-work" of "systemd-timers", Warning, since "0.1.0",
    "a timer elapses on time, and its service does no work",
    check(Facts), when |facts: &Facts| facts.accounts.timers.iter().any(|account| account.service.result.is_some() || account.life.runs().next().is_some())
}

fn check(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    facts.accounts.timers.iter().filter_map(|account| finding(rule, facts, account, evidence)).collect()
}

fn useless(run: &Run) -> bool {
    !run.worked || run.succeeded == Some(false)
}

fn finding(rule: &'static Rule, facts: &Facts, account: &Account, evidence: &EvidenceSet) -> Option<Finding> {
    let service = &account.service.name;
    let runs: Vec<_> = account.life.runs().collect();
    // The latest runs that did nothing, without one that worked among them.
    let trailing: Vec<_> = runs.iter().rev().take_while(|(_, _, run)| useless(run)).collect();
    let result = account.service.result.as_ref().filter(|result| !matches!(result.value.as_str(), "success" | ""));
    let (place, words, since) = match (trailing.last(), result) {
        (Some((boot, one, run)), _) => {
            let words =
                if run.worked { "failed" } else { "did nothing: a condition was not met, or it was started too often" };
            (one.span, words.to_owned(), Some(account.life.boots[*boot].realtime_at(one.at_us)))
        }
        (None, Some(result)) => (result.span, format!("failed: {}", result.value), None),
        (None, None) => return None,
    };
    let number = trailing.len() as u64;
    let title = match since {
        Some(since) => format!(
            "{} elapses, and {service} has done no work since {}: the last {} of {} runs {words}",
            account.name,
            at(facts, since),
            number,
            runs.len()
        ),
        None => format!("{} elapses, and the last run of {service} {words}", account.name),
    };
    let mut builder = FindingBuilder::new(rule, title, primary(evidence, place, words.clone()))
        .because("LAST of list-timers is when the start job was queued; whether the service did its work is not in it (timer_enter_running).")
        .witness(json!({ "timer": account.name, "service": service, "runs": runs.len(), "useless": number }), count(number.max(1), "run"))
        .key(&account.name)
        .step("the job is queued, last_trigger is now; the service is inactive again; the timer waits for the next time", None)
        .fix(commands("see why", FixClass::Display, vec![format!("systemctl status {service}"), format!("journalctl -u {service} -n 50")]));
    if let Some(last) = &account.shown.last {
        builder = builder.place(context(evidence, last.span, "looks as if it had run"));
    }
    if let Some(result) = result.filter(|result| result.span != place) {
        builder = builder.place(context(evidence, result.span, "the result of the last run"));
    }
    if !account.service.tells_failure {
        builder = builder.fix(super::words::watch(account));
    }
    Some(builder.build(evidence))
}
