//! TMR105 service-cannot-start
//!
//! Speaks on: fixtures/masked-service. Silent on: fixtures/seeded.

use casebook_core::{EvidenceSet, Finding, FindingBuilder, FixClass, Rule, rule};
use serde_json::json;

use super::words::{commands, context, primary};
use crate::facts::Facts;

rule! {
    /// The service a timer starts is masked or does not exist.
    ///
    /// PID 1 refuses to start such a timer (`unit_test_trigger_loaded`), and a timer that was started before the service was masked
    /// fails at its next elapse (`Failed to queue unit startup job`): it is `failed`, and stays so.
    ///
    /// Mechanism: `timer_start`, `timer_enter_running` (src/core/timer.c).
    ///
    /// Fix: `systemctl unmask`, or `Unit=` with the right name; a failed timer needs a start.
    pub REFUSED_SERVICE = "TMR105" "service-cannot-start" of "systemd-timers", Error, since "0.1.0",
    "the service a timer starts is masked or does not exist",
    check(Facts), when |facts: &Facts| facts.accounts.timers.iter().any(|account| account.service.span.is_some())
}

fn check(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    let mut out = Vec::new();
    // A timer nobody starts needs no service.
    let wanted = |account: &&crate::facts::accounts::Account| {
        let off = facts.enabled(&account.name).is_some_and(|state| {
            use crate::facts::listed::unit_files::EnabledState as State;
            matches!(state.value, State::Disabled | State::Masked)
        });
        account.masked.is_none() && !off && (account.file.is_some() || account.shown.span.is_some())
    };
    for account in facts.accounts.timers.iter().filter(wanted) {
        let Some(why) = &account.service.refused else { continue };
        let service = &account.service.name;
        let title = format!("{} cannot start {service}: {}", account.name, why.value);
        let mut builder = FindingBuilder::new(rule, title, primary(evidence, why.span, why.value.clone()))
            .because("A timer whose unit cannot be loaded is not started (unit_test_trigger_loaded); one that is waiting fails at its next elapse and does not wait again (timer_enter_running).")
            .witness(json!({ "timer": account.name, "service": service, "why": why.value }), format!("{service}: {}", why.value))
            .key(&account.name)
            .step("the start job cannot be queued: failed", None);
        if let Some((_, span)) = &account.unit.unit {
            builder = builder.place(context(evidence, *span, "the name of the unit"));
        } else if let Some(span) = account.unit.triggers_at.first() {
            builder = builder.place(context(evidence, *span, "what it should run at"));
        }
        if why.value.contains("masked") {
            builder = builder.fix(commands(
                "unmask it, and start the timer",
                FixClass::Display,
                vec![format!("systemctl unmask {service}"), format!("systemctl start {}", account.name)],
            ));
        }
        out.push(builder.build(evidence));
    }
    out
}
