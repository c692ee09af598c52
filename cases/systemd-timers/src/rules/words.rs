//! What the rules have in common: places, times, and parts of sentences.

use casebook_core::{Edit, Fix, FixClass, Span};
pub(super) use casebook_formats::place::{context, primary};

use crate::facts::Facts;
use crate::facts::accounts::Account;
use crate::model::time::{Realtime, SECOND_US, format_stamp};

/// A point in time in the machine's zone, to the second.
pub(super) fn at(facts: &Facts, at: Realtime) -> String {
    format_stamp(Realtime(at.0 / SECOND_US * SECOND_US), &facts.accounts.setting.host.zone)
}

/// `1 run`, `9 runs`.
pub(super) fn count(number: u64, one: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {one}s") }
}

/// A fix that replaces a stretch of text, and that the model has tried.
pub(super) fn replace(title: impl Into<String>, span: Span, text: impl Into<String>) -> Fix {
    Fix {
        title: title.into(),
        class: FixClass::Safe,
        edits: vec![Edit { span, text: text.into() }],
        commands: Vec::new(),
    }
}

/// Commands that the reader decides about.
pub(super) fn commands(title: impl Into<String>, class: FixClass, commands: Vec<String>) -> Fix {
    Fix { title: title.into(), class, edits: Vec::new(), commands }
}

/// Advice.
pub(super) fn advice(title: impl Into<String>) -> Fix {
    commands(title, FixClass::Display, Vec::new())
}

/// The version the model ran as: told by the evidence, or assumed.
pub(super) fn version(facts: &Facts) -> String {
    let setting = &facts.accounts.setting;
    match setting.version_at {
        Some(_) => format!("systemd {}", setting.host.version),
        None => format!("systemd {} (assumed: the evidence does not tell the version)", setting.host.version),
    }
}

/// Where the calendar's lines of a timer stand.
pub(super) fn calendars<'a>(account: &'a Account) -> impl Iterator<Item = Span> + 'a {
    use crate::model::timer::Trigger;
    let lines = account.unit.timer.triggers.iter().zip(&account.unit.triggers_at);
    lines.filter(|(trigger, _)| matches!(trigger, Trigger::Calendar(_))).map(|(_, span)| *span)
}

/// A watch that tells when a run is missing, whatever the cause: the one thing that would have told in time.
pub(super) fn watch(account: &Account) -> Fix {
    let service = &account.service.name;
    commands(
        format!(
            "watch for the missing run, not for a failed one: let {service} report its success to a dead-man switch (healthchecks.io, Prometheus' time()-last_success) that alarms when nothing comes"
        ),
        FixClass::Display,
        vec![format!(
            "systemctl edit {service}    # [Service] ExecStartPost=/usr/bin/curl -fsS -m 10 --retry 3 https://YOUR-DEAD-MAN-SWITCH/{}",
            account.name.trim_end_matches(".timer")
        )],
    )
}
