//! What the rules have in common: places, times, and parts of sentences.

use casebook_core::{At, Edit, EvidenceSet, Fix, FixClass, Place, Span};
use casebook_formats::journal::{JOURNAL_EXPORT, JOURNAL_FILE, JOURNAL_JSON};

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

/// A place in evidence. An entry of a journal is a record, and its message stands for it.
fn somewhere(evidence: &EvidenceSet, span: Span) -> At {
    let item = evidence.get(span.evidence);
    let before = item.map_or(&[][..], |item| &item.as_bytes()[..(span.start as usize).min(item.as_bytes().len())]);
    let index = match item.and_then(|item| item.kind) {
        Some(kind) if kind == JOURNAL_JSON.name => before.iter().filter(|byte| **byte == b'\n').count() as u64,
        Some(kind) if kind == JOURNAL_EXPORT.name => before.windows(2).filter(|pair| *pair == b"\n\n").count() as u64,
        // Entries of a binary journal are not numbered in its order; where one lies names it.
        Some(kind) if kind == JOURNAL_FILE.name => span.start,
        _ => return At::Text(span),
    };
    At::Record { index, pointer: String::new(), span }
}

/// The message of a journal's entry, or what its bytes say.
fn message(text: &str) -> &str {
    let (start, end) = match (text.find("\"MESSAGE\":\""), text.find("MESSAGE=")) {
        (Some(at), _) => (at + 11, "\","),
        (None, Some(at)) => (at + 8, "\n"),
        (None, None) => (0, "\n"),
    };
    let rest = &text[start..];
    &rest[..rest.find(end).unwrap_or(rest.len())]
}

fn shown(evidence: &EvidenceSet, span: Span, place: Place) -> Place {
    if !matches!(place.at, At::Record { .. }) {
        return place;
    }
    let text = evidence.text(span).unwrap_or_default();
    let text: String = message(&text).chars().filter(|c| !c.is_control()).take(160).collect();
    place.shown_as(text)
}

/// The place a finding is about.
pub(super) fn primary(evidence: &EvidenceSet, span: Span, label: impl Into<String>) -> Place {
    shown(evidence, span, Place::primary(somewhere(evidence, span), label))
}

/// A place that explains.
pub(super) fn context(evidence: &EvidenceSet, span: Span, label: impl Into<String>) -> Place {
    shown(evidence, span, Place::context(somewhere(evidence, span), label))
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
