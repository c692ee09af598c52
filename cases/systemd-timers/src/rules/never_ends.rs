//! TMR104 service-never-ends
//!
//! Speaks on: fixtures/remains. Silent on: fixtures/seeded.

use casebook_core::{EvidenceSet, Finding, FindingBuilder, FixClass, Rule, Severity, rule};
use serde_json::json;

use super::words::{at, commands, context, primary};
use crate::facts::Facts;
use crate::facts::accounts::Account;
use crate::model::timer::Trigger;

rule! {
    /// A service stays active after it has done its work, or is still running, so its timer does not elapse again.
    ///
    /// A timer goes back from `running` to `waiting` only when its service is inactive or failed. A service with
    /// `RemainAfterExit=yes` is active for ever after its first run; a `Type=oneshot` that hangs is `activating` for ever, because
    /// oneshot services have no start timeout by default. The timer looks well: `active (running)`, NEXT is `-`.
    ///
    /// Mechanism: `timer_trigger_notify` (src/core/timer.c); `service_init`: oneshot has no `TimeoutStartSec=` (src/core/service.c).
    ///
    /// Fix: no `RemainAfterExit=`; `TimeoutStartSec=` for work that can hang.
    pub NEVER_ENDS = "TMR104" "service-never-ends" of "systemd-timers", Error, since "0.1.0",
    "a service does not become inactive, so its timer does not elapse again",
    check(Facts), when |facts: &Facts| facts.accounts.timers.iter().any(|account| account.service.span.is_some())
}

fn check(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    let timers = facts.accounts.timers.iter().filter(|account| account.masked.is_none());
    timers
        .filter_map(|account| remains(rule, account, evidence).or_else(|| runs(rule, facts, account, evidence)))
        .collect()
}

/// True when the timer is meant to elapse more than once.
fn repeats(account: &Account) -> bool {
    let timer = &account.unit.timer;
    timer.triggers.iter().any(|trigger| match trigger {
        // A date with a year is one date.
        Trigger::Calendar(spec) => {
            spec.years.is_empty() || spec.years.iter().any(|year| year.stop.is_some() || year.repeat > 0)
        }
        Trigger::Monotonic { base, .. } => {
            matches!(base, crate::model::timer::Base::UnitActive | crate::model::timer::Base::UnitInactive)
        }
    })
}

fn remains(rule: &'static Rule, account: &Account, evidence: &EvidenceSet) -> Option<Finding> {
    let at = account.service.remains.filter(|_| repeats(account))?;
    let line = account.unit.triggers_at.first().copied()?;
    let title = format!(
        "{} runs {} once and never again: the service stays active after it has ended",
        account.name, account.service.name
    );
    let mut builder = FindingBuilder::new(rule, title, primary(evidence, at, "active for ever after the first run"))
        .place(context(evidence, line, "this is meant to happen again"))
        .because("A timer waits again only when its service is inactive or failed (timer_trigger_notify). With RemainAfterExit=yes the service is `active (exited)` after its first run, and the timer stays `active (running)` with no next elapse.")
        .witness(json!({ "timer": account.name, "service": account.service.name, "remain_after_exit": true }), "RemainAfterExit=yes")
        .key(&account.name)
        .step("the first elapse starts the service; the service never becomes inactive; the timer stays running", None)
        .fix(commands("let the service become inactive when its work is done", FixClass::Display, vec![format!("systemctl edit {}    # [Service] RemainAfterExit=no", account.service.name), format!("systemctl stop {}", account.service.name)]));
    if let Some(sub) = account.shown.sub.as_ref().filter(|sub| sub.value == "running") {
        builder = builder.place(context(evidence, sub.span, "and here it is"));
    } else {
        builder = builder.severity(Severity::Warning);
    }
    Some(builder.build(evidence))
}

/// The timer is `running`: its service has not ended.
fn runs(rule: &'static Rule, facts: &Facts, account: &Account, evidence: &EvidenceSet) -> Option<Finding> {
    let setting = &facts.accounts.setting;
    let sub = account.shown.sub.as_ref().filter(|sub| sub.value == "running")?;
    let now = setting.now.as_ref()?;
    // Times of the calendar that have passed since it was started are lost; one more that comes is no loss yet.
    let last = account.shown.last.as_ref()?;
    let first = crate::model::account::next_elapse(&account.unit.timer, &setting.host, last.value)?;
    if first > now.value {
        return None;
    }
    // A run that takes as long as others did is no hang; that runs are lost to it is told elsewhere.
    let age_us = now.value.0.saturating_sub(last.value.0);
    let longest = account.life.runs().filter_map(|(_, one, run)| Some(run.ended_us? - one.at_us)).max();
    if longest.is_some_and(|longest| age_us <= longest + longest / 5) {
        return None;
    }
    let state = account.service.sub.as_ref().or(account.service.active.as_ref());
    let words = account.service.active.as_ref().map_or_else(
        || "not inactive".to_owned(),
        |active| match &account.service.sub {
            Some(sub) => format!("{} ({})", active.value, sub.value),
            None => active.value.clone(),
        },
    );
    let title = format!(
        "{} has been waiting for {} to end since {}: every time since is lost",
        account.name,
        account.service.name,
        at(facts, last.value)
    );
    let mut builder = FindingBuilder::new(rule, title, primary(evidence, sub.span, "running: the service it started has not ended"))
        .place(context(evidence, last.span, "when it started the service"))
        .place(context(evidence, now.span, "the clock now"))
        .because(format!("A timer elapses again only when its service is inactive or failed, and {} is {words}. The time of {} has passed since.", account.service.name, at(facts, first)))
        .witness(json!({ "timer": account.name, "service": account.service.name, "since_us": last.value.0, "now_us": now.value.0 }), words.clone())
        .key(&account.name)
        .step(format!("elapsed at {}; the next time, {}, came while the service was active", at(facts, last.value), at(facts, first)), None);
    if let Some(state) = state {
        builder = builder.place(context(evidence, state.span, "what the service is"));
    }
    if account.service.is_oneshot && !account.service.has_timeout {
        builder = builder.because("Type=oneshot has no start timeout unless TimeoutStartSec= sets one: work that hangs is waited for, for ever.").fix(commands(
            "end what hangs, and bound the next one",
            FixClass::Display,
            vec![format!("systemctl stop {}", account.service.name), format!("systemctl edit {}    # [Service] TimeoutStartSec=6h", account.service.name)],
        ));
    } else {
        builder = builder.fix(commands(
            "end what runs, once you know what it waits for",
            FixClass::Display,
            vec![
                format!("systemctl status {}", account.service.name),
                format!("systemctl stop {}", account.service.name),
            ],
        ));
    }
    Some(builder.build(evidence))
}
