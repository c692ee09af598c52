//! What the manager shows of a timer: `systemctl show`, `list-timers`, `status`.

use std::borrow::Cow;

use casebook_core::Span;
use casebook_formats::stamp::Moment;

use super::Setting;
use crate::facts::Facts;
use crate::facts::show::Block;
use crate::facts::stamps::Stamp;
use crate::facts::text::{Reading as Read, Told};
use crate::facts::typed::{Line, Reading, TimerUnit, timer};
use crate::model::account::Standing;
use crate::model::time::Realtime;

/// What is shown of a timer.
#[derive(Clone, Debug, Default)]
pub struct Shown {
    /// `ActiveState`.
    pub active: Option<Told<String>>,
    /// `SubState`.
    pub sub: Option<Told<String>>,
    /// `Result`.
    pub result: Option<Told<String>>,
    /// `LoadState`.
    pub load: Option<Told<String>>,
    /// When it elapses next.
    pub next: Option<Told<Realtime>>,
    /// Where it says that it does not elapse: `n/a`, `-`.
    pub no_next: Option<Span>,
    /// When it elapsed last.
    pub last: Option<Told<Realtime>>,
    /// When it was started.
    pub entered: Option<Told<Realtime>>,
    /// When it elapses next on CLOCK_MONOTONIC, as shown.
    pub next_monotonic: Option<Told<String>>,
    /// It is in `list-timers`.
    pub is_listed: bool,
    /// Where what is shown of it stands.
    pub span: Option<Span>,
}

/// A timer as `systemctl show` prints it, for one whose files are not there.
pub(super) fn unit(name: &str, block: &Block, reading: &Reading<'_>) -> TimerUnit {
    let mut lines: Vec<Line<'_>> = Vec::new();
    let mut add = |key: &'static str, value: String, span: Span| {
        lines.push(Line { section: "Timer", key, value: Cow::Owned(value), span })
    };
    for calendar in block.calendars() {
        add("OnCalendar", calendar.spec.value.clone(), calendar.spec.span);
    }
    for monotonic in block.monotonics() {
        let key = match monotonic.base.value.as_str() {
            "OnActiveUSec" => "OnActiveSec",
            "OnBootUSec" => "OnBootSec",
            "OnStartupUSec" => "OnStartupSec",
            "OnUnitActiveUSec" => "OnUnitActiveSec",
            "OnUnitInactiveUSec" => "OnUnitInactiveSec",
            _ => continue,
        };
        if let Some(value) = monotonic.value.value.known() {
            add(key, format!("{}us", value.0), monotonic.line);
        }
    }
    for (property, key) in [
        ("AccuracyUSec", "AccuracySec"),
        ("RandomizedDelayUSec", "RandomizedDelaySec"),
        ("RandomizedOffsetUSec", "RandomizedOffsetSec"),
    ] {
        if let Some(span) = block.time_span(property)
            && let Some(us) = span.value.known()
        {
            add(key, format!("{}us", us.0), span.span);
        }
    }
    for key in [
        "Persistent",
        "WakeSystem",
        "RemainAfterElapse",
        "FixedRandomDelay",
        "OnClockChange",
        "OnTimezoneChange",
        "DeferReactivation",
    ] {
        if let Some(property) = block.get(key) {
            add(key, property.value.value.clone(), property.value.span);
        }
    }
    timer(name, &lines, reading)
}

pub(super) fn of(facts: &Facts, setting: &Setting, name: &str) -> Shown {
    let mut shown = Shown::default();
    let mut next: Vec<(u64, Told<Realtime>)> = Vec::new();
    let mut last: Vec<(u64, Told<Realtime>)> = Vec::new();
    let finest = |list: Vec<(u64, Told<Realtime>)>| {
        list.into_iter().min_by_key(|(precision, _)| *precision).map(|(_, told)| told)
    };
    let read = |told: &Told<Read<Moment>>| Some((told.value.known()?.precision().0, setting.reading(told)?));
    if let Some(block) = facts.shown(name) {
        let told = |key: &str| block.get(key).map(|property| Told::new(property.value.value.clone(), property.line));
        (shown.active, shown.sub, shown.result, shown.load) =
            (told("ActiveState"), told("SubState"), told("Result"), told("LoadState"));
        let at = |key: &str| block.moment(key);
        next.extend(at("NextElapseUSecRealtime").as_ref().and_then(read));
        last.extend(at("LastTriggerUSec").as_ref().and_then(read));
        shown.entered = at("InactiveExitTimestamp").as_ref().and_then(|told| setting.reading(told));
        shown.next_monotonic = told("NextElapseUSecMonotonic")
            .filter(|told| !matches!(told.value.as_str(), "" | "0" | "infinity" | "n/a"));
        shown.no_next = at("NextElapseUSecRealtime").filter(|told| told.value.is_unset()).map(|told| told.span);
        shown.span = block.get("Id").map(|property| property.line);
    }
    for list in &facts.lists {
        for row in list.timers.iter().filter(|row| row.unit.value == name) {
            shown.is_listed = true;
            next.extend(read(&row.next));
            last.extend(read(&row.last));
            if row.next.value.is_unset() {
                shown.no_next = shown.no_next.or(Some(row.next.span));
            }
            shown.span = shown.span.or(Some(row.span));
        }
    }
    if let Some(status) = facts.status(name) {
        shown.active = shown.active.or_else(|| status.active.clone());
        shown.sub = shown.sub.or_else(|| status.sub.clone());
        shown.result = shown.result.or_else(|| status.result.clone());
        shown.load = shown.load.or_else(|| status.load.clone());
        match &status.trigger {
            Some(trigger) if trigger.value.is_unset() => shown.no_next = Some(trigger.span),
            Some(trigger) => next.extend(read(trigger)),
            None => {}
        }
        shown.entered = shown.entered.or_else(|| status.since.as_ref().and_then(|told| setting.reading(told)));
        shown.span = shown.span.or(Some(status.span));
    }
    (shown.next, shown.last) = (finest(next), finest(last));
    if shown.next.is_some() {
        shown.no_next = None;
    }
    shown
}

impl Shown {
    /// What the model asks of a timer that waits for a time of the calendar.
    pub(super) fn standing(&self, setting: &Setting, stamp: Option<&Stamp>) -> Option<Standing> {
        let waits = self.sub.as_ref().is_none_or(|sub| sub.value == "waiting");
        let next = self.next.as_ref().filter(|_| waits && self.next_monotonic.is_none())?;
        Some(Standing {
            now: setting.now.as_ref()?.value,
            last: self.last.as_ref().map(|told| told.value),
            entered: self.entered.as_ref().map(|told| told.value),
            next: next.value,
            stamp: stamp.and_then(|stamp| setting.realtime(&stamp.modified.value)),
        })
    }
}
