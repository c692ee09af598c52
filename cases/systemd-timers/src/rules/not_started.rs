//! TMR106 not-started
//!
//! Speaks on: fixtures/disabled. Silent on: fixtures/seeded.

use casebook_core::{EvidenceSet, Finding, FindingBuilder, FixClass, Rule, rule};
use serde_json::json;

use super::words::{commands, context, primary};
use crate::facts::Facts;
use crate::facts::listed::unit_files::EnabledState;

rule! {
    /// A timer is installed, says what should start it, and nothing does.
    ///
    /// A timer is only a file until it is enabled *and* started: `systemctl enable` starts nothing before the next boot, `start`
    /// does not last. What is not loaded is not in `list-timers`, so nothing shows the gap.
    ///
    /// Mechanism: `[Install]` is read by `systemctl enable` alone (systemd.unit(5)); timers.target pulls in what is linked into its
    /// `.wants`.
    ///
    /// Fix: `systemctl enable --now`.
    pub NOT_STARTED = "TMR106" "not-started" of "systemd-timers", Warning, since "0.1.0",
    "a timer is installed and nothing starts it",
    check(Facts), when |facts: &Facts| facts.accounts.timers.iter().any(|account| !account.installs.is_empty())
}

fn check(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    let mut out = Vec::new();
    for account in &facts.accounts.timers {
        let Some((target, install)) = account.installs.first().filter(|_| account.masked.is_none()) else { continue };
        let inactive = account.shown.active.as_ref().filter(|active| active.value == "inactive");
        let dead = account.shown.sub.as_ref().filter(|sub| sub.value == "dead");
        let enabled = facts.enabled(&account.name);
        let disabled = enabled.as_ref().filter(|state| state.value == EnabledState::Disabled);
        let (place, words) = match (disabled, inactive.or(dead)) {
            // A package ships timers that are off; they are nobody's mistake until somebody changed them.
            (Some(state), Some(_)) | (Some(state), None) if local(facts, account.file) => (state.span, "disabled"),
            (None, Some(state)) if enabled.as_ref().is_some_and(|one| one.value == EnabledState::Enabled) => {
                (state.span, "enabled, and not started")
            }
            _ => continue,
        };
        let unmet = facts
            .shown(&account.name)
            .and_then(|block| block.get("ConditionResult"))
            .filter(|one| one.value.value == "no");
        let words = if unmet.is_some() { "not started: a condition of its own is not met" } else { words };
        let title = format!("{} is {words}: nothing runs {}", account.name, account.service.name);
        let mut builder = FindingBuilder::new(rule, title, primary(evidence, place, words))
            .place(context(evidence, *install, format!("{target} would start it, once it is enabled")))
            .because("Only `systemctl enable` reads [Install], and only a start, by hand or by the target at boot, makes the timer wait.")
            .witness(json!({ "timer": account.name, "state": words }), words)
            .key(&account.name)
            .step("the timer is dead: no value is looked at", None)
            .fix(commands(if unmet.is_some() { "start it once its conditions are met" } else { "enable it and start it" }, FixClass::Display, vec![format!("systemctl enable --now {}", account.name)]));
        if let Some(unmet) = unmet {
            builder = builder.place(context(evidence, unmet.line, "Condition…= of the timer itself"));
        }
        if let Some(state) = inactive.or(dead).filter(|state| state.span != place) {
            builder = builder.place(context(evidence, state.span, "it does not run"));
        }
        out.push(builder.build(evidence));
    }
    out
}

/// True for a file the administrator wrote: not one of a package's folder.
fn local(facts: &Facts, file: Option<casebook_core::Span>) -> bool {
    file.is_some_and(|span| {
        let path = facts.path(span.evidence);
        !path.contains("/lib/systemd/") && !path.starts_with("lib/systemd/") && !path.starts_with("usr/lib/systemd/")
    })
}
