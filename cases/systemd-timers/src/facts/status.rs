//! `systemctl status`: what people paste (src/systemctl/systemctl-show.c, `print_status_info`).
//!
//! A block begins with a dot and the name of the unit; labels are flush right before a colon; lines of the journal follow a
//! blank line. Times are in the zone of whoever asked.

use casebook_core::{Evidence, EvidenceId, Kind, Sniff, Span, Unmodelled};
use casebook_formats::stamp::Moment;
use casebook_formats::unit::unit_suffix;

use super::listed::unit_files::EnabledState;
use super::text::{Line, Reading, Told, head_lines, lines, moment};

/// `systemctl status`.
pub static STATUS: Kind =
    Kind { name: "systemctl-status", what: "output of `systemctl status UNIT…`", sniff, refers: None, comment: None };

/// Dots in front of a name (`unit_active_state_to_glyph`), and what stands for them without UTF-8.
const DOTS: &[char] = &['●', '○', '×', '↻', '*', '◌'];

/// One output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Where.
    pub evidence: EvidenceId,
    /// One for each unit.
    pub units: Vec<UnitStatus>,
}

/// What is said of a unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitStatus {
    /// Its name.
    pub unit: Told<String>,
    /// Description, where it differs from the name.
    pub description: Option<Told<String>>,
    /// `loaded`, `masked`, `not-found`, `bad-setting`, `error`.
    pub load: Option<Told<String>>,
    /// Why it is not loaded.
    pub load_reason: Option<Told<String>>,
    /// The unit file.
    pub path: Option<Told<String>>,
    /// Whether it is enabled.
    pub enabled: Option<Told<EnabledState>>,
    /// Paths of drop-ins.
    pub drop_ins: Vec<Told<String>>,
    /// `active`, `inactive`, `failed`, `activating` …
    pub active: Option<Told<String>>,
    /// `waiting`, `running`, `elapsed`, `dead` …
    pub sub: Option<Told<String>>,
    /// `Result` of a unit that failed.
    pub result: Option<Told<String>>,
    /// Since when.
    pub since: Option<Told<Reading<Moment>>>,
    /// `Trigger:` of a timer; `n/a` is [`Reading::Unset`].
    pub trigger: Option<Told<Reading<Moment>>>,
    /// Units that a timer triggers.
    pub triggers: Vec<Told<String>>,
    /// Timers that trigger a service.
    pub triggered_by: Vec<Told<String>>,
    /// `Condition: start condition unmet at …`
    pub condition: Option<Told<String>>,
    /// Other labels, with their text.
    pub other: Vec<(String, Told<String>)>,
    /// Lines of the journal.
    pub log: Vec<Span>,
    /// From the first to the last line.
    pub span: Span,
}

/// Reads an output.
pub fn read(item: &Evidence) -> (Status, Vec<Unmodelled>) {
    let mut unmodelled = Vec::new();
    let mut status = Status { evidence: item.id, units: Vec::new() };
    let mut label = "";
    let mut in_log = false;
    for line in lines(item, &mut unmodelled) {
        if let Some(unit) = begin(&line) {
            status.units.push(unit);
            (label, in_log) = ("", false);
            continue;
        }
        let Some(unit) = status.units.last_mut() else {
            if !line.is_blank() && unmodelled.len() < super::text::MOST_GAPS {
                unmodelled.push(line.unmodelled("before the first unit"));
            }
            continue;
        };
        if line.is_blank() {
            in_log = true;
            continue;
        }
        unit.span = unit.span.to(line.span());
        if in_log {
            unit.log.push(line.span());
            continue;
        }
        match line.text.split_once(": ").or_else(|| line.text.split_once(':')).filter(|(name, _)| is_label(name)) {
            Some((name, value)) => {
                label = name.trim();
                take(unit, &line, label, value.trim());
            }
            None => take_more(unit, &line, label),
        }
    }
    (status, unmodelled)
}

fn is_label(name: &str) -> bool {
    let name = name.trim();
    name.starts_with(|first: char| first.is_ascii_uppercase())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || " -".contains(c))
}

/// `● backup.timer - Nightly backup`
fn begin(line: &Line<'_>) -> Option<UnitStatus> {
    let rest = line.text.strip_prefix(DOTS)?.trim_start();
    let (name, description) = match rest.split_once(" - ") {
        Some((name, description)) => (name, Some(description)),
        None => (rest.trim_end(), None),
    };
    if unit_suffix(name).is_none() || name.contains(' ') {
        return None;
    }
    Some(UnitStatus {
        unit: line.told(name),
        description: description.map(|text| line.told(text)),
        load: None,
        load_reason: None,
        path: None,
        enabled: None,
        drop_ins: Vec::new(),
        active: None,
        sub: None,
        result: None,
        since: None,
        trigger: None,
        triggers: Vec::new(),
        triggered_by: Vec::new(),
        condition: None,
        other: Vec::new(),
        log: Vec::new(),
        span: line.span(),
    })
}

fn take(unit: &mut UnitStatus, line: &Line<'_>, label: &str, value: &str) {
    match label {
        "Loaded" => loaded(unit, line, value),
        "Active" => active(unit, line, value),
        "Trigger" => {
            let time = value.split(';').next().unwrap_or("").trim();
            unit.trigger = Some(Told::new(moment(time), line.part(time)));
        }
        "Triggers" => unit.triggers.extend(name(line, value)),
        "TriggeredBy" => unit.triggered_by.extend(name(line, value)),
        "Condition" => unit.condition = Some(line.told(value)),
        "Drop-In" => {}
        other => unit.other.push((other.to_owned(), line.told(value))),
    }
    if label == "Drop-In" {
        unit.other.push(("Drop-In".to_owned(), line.told(value)));
    }
}

/// A line without a label goes on with the one before.
fn take_more(unit: &mut UnitStatus, line: &Line<'_>, label: &str) {
    let text = line.text.trim();
    match label {
        "Triggers" => unit.triggers.extend(name(line, text)),
        "TriggeredBy" => unit.triggered_by.extend(name(line, text)),
        "Drop-In" => {
            let listed = text.strip_prefix("└─").or_else(|| text.strip_prefix("`-"));
            let Some(listed) = listed else {
                unit.other.push(("Drop-In".to_owned(), line.told(text)));
                return;
            };
            let folder =
                unit.other.iter().rev().find(|(label, _)| label == "Drop-In").map(|(_, folder)| folder.value.clone());
            for file in listed.split(", ").map(str::trim).filter(|file| !file.is_empty()) {
                let path = format!("{}/{file}", folder.as_deref().unwrap_or(""));
                unit.drop_ins.push(Told::new(path, line.part(file)));
            }
        }
        "Condition" => unit.condition = Some(line.told(text)),
        _ => {}
    }
}

fn name(line: &Line<'_>, value: &str) -> Option<Told<String>> {
    let name = value.trim_start_matches(DOTS).trim();
    (!name.is_empty()).then(|| line.told(name))
}

/// `loaded (/path; enabled; preset: enabled)`, `masked (Reason: …)`
fn loaded(unit: &mut UnitStatus, line: &Line<'_>, value: &str) {
    let (state, inside) = match value.split_once(" (") {
        Some((state, rest)) => (state, rest.strip_suffix(')').unwrap_or(rest)),
        None => (value, ""),
    };
    unit.load = Some(line.told(state));
    if let Some(reason) = inside.strip_prefix("Reason: ") {
        unit.load_reason = Some(line.told(reason));
        return;
    }
    for part in inside.split(';').map(str::trim).filter(|part| !part.is_empty()) {
        if part.contains("preset: ") {
            continue;
        }
        if part.starts_with('/') {
            unit.path = Some(line.told(part));
        } else {
            unit.enabled = Some(Told::new(EnabledState::of(part), line.part(part)));
        }
    }
}

/// `failed (Result: exit-code) since Thu …; 5min ago`, `active (waiting) since …`
fn active(unit: &mut UnitStatus, line: &Line<'_>, value: &str) {
    let (states, since) = match value.split_once(" since ") {
        Some((states, since)) => (states, Some(since)),
        None => (value, None),
    };
    let mut words = states.splitn(2, ' ');
    unit.active = words.next().map(|state| line.told(state));
    for part in words.next().unwrap_or("").split('(').filter_map(|part| part.split(')').next()) {
        if let Some(result) = part.strip_prefix("Result: ") {
            unit.result = Some(line.told(result));
        } else if !part.trim().is_empty() && unit.sub.is_none() {
            unit.sub = Some(line.told(part));
        }
    }
    let time = since.map(|since| since.split(';').next().unwrap_or("").trim());
    unit.since = time.map(|time| Told::new(moment(time), line.part(time)));
}

fn sniff(sniff: &Sniff<'_>) -> bool {
    let lines = head_lines(sniff);
    let mut filled = lines.iter().filter(|line| !line.trim().is_empty());
    let first = filled.next().and_then(|line| line.strip_prefix(DOTS));
    let name = first.and_then(|rest| rest.split_ascii_whitespace().next());
    name.is_some_and(|name| unit_suffix(name).is_some())
        && filled
            .take(4)
            .any(|line| line.trim_start().starts_with("Loaded: ") || line.trim_start().starts_with("Active: "))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{evidence, text};
    use super::*;

    /// Of systemd 262.1 in the laboratory; drop-ins, a failure and a mask as the source prints them.
    const OUTPUT: &str = "× fixed.service - fixed\n     Loaded: loaded (/etc/systemd/system/fixed.service; static)\n\
    \x20    Active: failed (Result: exit-code) since Tue 2027-01-19 12:00:03 UTC; 5min ago\nTriggeredBy: ● fixed.timer\n\n\
        ● fixed.timer - fixed\n     Loaded: loaded (/etc/systemd/system/fixed.timer; enabled; preset: enabled)\n\
    \x20   Drop-In: /etc/systemd/system/fixed.timer.d\n             └─10-a.conf, 20-b.conf\n\
    \x20    Active: active (waiting) since Tue 2027-01-19 12:00:03 UTC; 1 week 1 day left\n Invocation: d1e16a6d54f745e2a0ed5428e9e1a1f8\n\
    \x20   Trigger: Mon 2027-01-11 02:21:56 UTC; 14h left\n   Triggers: ● fixed.service\n             ● other.service\n\n\
        Jan 19 12:00:03 lab-sid systemd[1]: Started fixed.timer - fixed.\n\n\
        ○ x.timer\n     Loaded: masked (Reason: Unit x.timer is masked.)\n     Active: inactive (dead)\n    Trigger: n/a\n";

    #[test]
    fn units_have_their_states_and_places() {
        let item = evidence(OUTPUT);
        let (status, unmodelled) = read(&item);
        assert_eq!((status.units.len(), unmodelled), (3, vec![]));
        let [service, timer, masked] = &status.units[..] else { panic!() };
        assert_eq!(
            (service.result.as_ref().unwrap().value.as_str(), service.triggered_by[0].value.as_str()),
            ("exit-code", "fixed.timer")
        );
        assert_eq!((service.active.as_ref().unwrap().value.as_str(), &service.sub), ("failed", &None));
        assert_eq!(timer.enabled.as_ref().unwrap().value, EnabledState::Enabled);
        assert_eq!(
            (timer.sub.as_ref().unwrap().value.as_str(), text(&item, timer.path.as_ref().unwrap().span)),
            ("waiting", "/etc/systemd/system/fixed.timer")
        );
        assert_eq!(
            timer.drop_ins.iter().map(|path| path.value.as_str()).collect::<Vec<_>>(),
            ["/etc/systemd/system/fixed.timer.d/10-a.conf", "/etc/systemd/system/fixed.timer.d/20-b.conf"]
        );
        // `date -u -d '2027-01-11 02:21:56' +%s`
        assert_eq!(
            timer.trigger.as_ref().unwrap().value.known().and_then(Moment::utc).unwrap().0,
            1_799_634_116_000_000
        );
        assert_eq!((timer.triggers.len(), timer.log.len()), (2, 1));
        assert_eq!(
            (masked.load.as_ref().unwrap().value.as_str(), masked.trigger.as_ref().unwrap().value.is_unset()),
            ("masked", true)
        );
        assert_eq!(masked.load_reason.as_ref().unwrap().value, "Unit x.timer is masked.");
    }

    #[test]
    fn outputs_are_told_by_their_first_lines() {
        let is = |text: &str| sniff_text(text);
        assert!(is(OUTPUT) && is("* a.timer - x\n   Loaded: loaded\n"));
        assert!(!is("* item\n* b.timer\n") && !is("a.timer\nLoaded: x\n"));
    }

    fn sniff_text(text: &str) -> bool {
        sniff(&Sniff { path: "x", head: text.as_bytes(), whole: true })
    }
}
