//! Assignments of a timer and its service, with their types (src/core/load-fragment-gperf.gperf.in).

use std::borrow::Cow;

use casebook_core::Span;

use crate::model::calendar::{SpecError, ZoneSource, parse};
use crate::model::time::{SECOND_US, Zone, parse_span};
use crate::model::timer::{Base, Timer, Trigger};
use crate::model::version::Version;

/// One assignment of a unit, drop-ins and specifiers applied, in the order systemd reads them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// Section: `Timer`.
    pub section: &'a str,
    /// Key: `OnCalendar`.
    pub key: &'a str,
    /// Value, specifiers resolved.
    pub value: Cow<'a, str>,
    /// Where the value stands.
    pub span: Span,
}

/// Why systemd leaves a line out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The calendar specification is invalid, at these bytes of the value.
    Calendar(SpecError),
    /// The time span is invalid.
    Span(String),
    /// The value is no boolean.
    Boolean,
    /// This version does not know the key.
    Unknown,
}

/// A line systemd leaves out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ignored {
    /// Key.
    pub key: String,
    /// Value.
    pub value: String,
    /// Where the value stands.
    pub span: Span,
    /// Why.
    pub fault: Fault,
}

/// A timer with the places of what it says.
#[derive(Clone, Debug)]
pub struct TimerUnit {
    /// What it says.
    pub timer: Timer,
    /// Where each of [`Timer::triggers`] stands.
    pub triggers_at: Vec<Span>,
    /// Where each other key of `[Timer]` stands, the last assignment of each.
    pub keys_at: Vec<(&'static str, Span)>,
    /// `Unit=`, if given, and where.
    pub unit: Option<(String, Span)>,
    /// Lines left out.
    pub ignored: Vec<Ignored>,
    /// Values that an empty assignment took away, and the empty assignment.
    pub reset: Vec<(Span, Span)>,
}

impl TimerUnit {
    /// Where a key stands.
    pub fn at(&self, key: &str) -> Option<Span> {
        self.keys_at.iter().find(|(known, _)| *known == key).map(|(_, span)| *span)
    }

    /// The name of the unit it starts: `Unit=`, or its own with `.service`.
    pub fn starts(&self) -> String {
        match &self.unit {
            Some((unit, _)) => unit.clone(),
            None => format!("{}.service", self.timer.name.trim_end_matches(".timer")),
        }
    }

    /// True when systemd refuses to load it: it has no value (`timer_verify`).
    pub fn is_refused(&self) -> bool {
        self.timer.triggers.is_empty() && !self.timer.on_clock_change && !self.timer.on_timezone_change
    }
}

/// `parse_boolean` (src/basic/parse-util.c).
pub fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "yes" | "y" | "true" | "t" | "on" => Some(true),
        "0" | "no" | "n" | "false" | "f" | "off" => Some(false),
        _ => None,
    }
}

/// What reading a timer's lines needs.
pub struct Reading<'a> {
    /// The manager's zone.
    pub zone: &'a Zone,
    /// The machine's zone database.
    pub zones: &'a dyn ZoneSource,
    /// Seconds since 1970 at which it is read.
    pub at_s: i64,
    /// Version of systemd.
    pub version: Version,
    /// `DefaultTimerAccuracySec=`, microseconds.
    pub accuracy_us: u64,
}

/// Keys of `[Timer]` that have a type of their own, and the version that brought them.
const BOOLEANS: [(&str, u32); 7] = [
    ("Persistent", 212),
    ("WakeSystem", 212),
    ("RemainAfterElapse", 229),
    ("FixedRandomDelay", 247),
    ("OnClockChange", 242),
    ("OnTimezoneChange", 242),
    ("DeferReactivation", 257),
];
const SPANS: [(&str, u32); 3] = [("AccuracySec", 209), ("RandomizedDelaySec", 229), ("RandomizedOffsetSec", 258)];
const BASES: [Base; 5] = [Base::Active, Base::Boot, Base::Startup, Base::UnitActive, Base::UnitInactive];

/// The timer of a unit's lines.
pub fn timer(name: &str, lines: &[Line<'_>], reading: &Reading<'_>) -> TimerUnit {
    let mut unit = TimerUnit {
        timer: Timer { accuracy_us: reading.accuracy_us, ..Timer::new(name) },
        triggers_at: Vec::new(),
        keys_at: Vec::new(),
        unit: None,
        ignored: Vec::new(),
        reset: Vec::new(),
    };
    for line in lines.iter().filter(|line| line.section == "Timer") {
        if let Err(fault) = unit.assign(line, reading) {
            unit.ignored.push(Ignored {
                key: line.key.to_owned(),
                value: line.value.to_string(),
                span: line.span,
                fault,
            });
        }
    }
    unit
}

impl TimerUnit {
    fn assign(&mut self, line: &Line<'_>, reading: &Reading<'_>) -> Result<(), Fault> {
        let value = line.value.as_ref();
        let base = BASES.into_iter().find(|base| base.key() == line.key);
        if line.key == "OnCalendar" || base.is_some() {
            // An empty assignment of any of them takes all of them away (`config_parse_timer`).
            if value.is_empty() {
                self.timer.triggers.clear();
                self.reset.extend(self.triggers_at.drain(..).map(|span| (span, line.span)));
                return Ok(());
            }
            let trigger = match base {
                None => {
                    Trigger::Calendar(parse(value, reading.zone, reading.at_s, reading.zones).map_err(Fault::Calendar)?)
                }
                Some(base) => Trigger::Monotonic { base, after_us: span(value)? },
            };
            self.timer.triggers.push(trigger);
            self.triggers_at.push(line.span);
            return Ok(());
        }
        if let Some((key, since)) = BOOLEANS.into_iter().find(|(key, _)| *key == line.key) {
            if reading.version.major < since {
                return Err(Fault::Unknown);
            }
            // An empty value is not a boolean; the default stays.
            let value = boolean(value).ok_or(Fault::Boolean)?;
            let timer = &mut self.timer;
            *match key {
                "Persistent" => &mut timer.persistent,
                "WakeSystem" => &mut timer.wake_system,
                "RemainAfterElapse" => &mut timer.remain_after_elapse,
                "FixedRandomDelay" => &mut timer.fixed_random,
                "OnClockChange" => &mut timer.on_clock_change,
                "OnTimezoneChange" => &mut timer.on_timezone_change,
                _ => &mut timer.defer_reactivation,
            } = value;
            self.note(key, line.span);
        } else if let Some((key, since)) = SPANS.into_iter().find(|(key, _)| *key == line.key) {
            if reading.version.major < since {
                return Err(Fault::Unknown);
            }
            let us = span(value)?;
            match key {
                // 0 stands for the event loop's own accuracy (`DEFAULT_ACCURACY_USEC`, sd-event.c).
                "AccuracySec" => self.timer.accuracy_us = if us == 0 { 250_000 } else { us },
                "RandomizedDelaySec" => self.timer.random_us = us,
                _ => self.timer.offset_us = us,
            }
            self.note(key, line.span);
        } else if line.key == "Unit" {
            self.unit = Some((value.to_owned(), line.span)).filter(|(name, _)| !name.is_empty());
        } else {
            return Err(Fault::Unknown);
        }
        Ok(())
    }

    fn note(&mut self, key: &'static str, span: Span) {
        self.keys_at.retain(|(known, _)| *known != key);
        self.keys_at.push((key, span));
    }
}

fn span(value: &str) -> Result<u64, Fault> {
    parse_span(value, SECOND_US).map_err(|error| Fault::Span(error.why.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use casebook_core::EvidenceId;

    use super::*;

    struct NoZones;

    impl ZoneSource for NoZones {
        fn zone(&self, _: &str) -> Option<Arc<Zone>> {
            None
        }
    }

    fn read(lines: &[(&str, &str)]) -> TimerUnit {
        let span = Span::new(EvidenceId(0), 0, 0);
        let lines: Vec<Line<'_>> = lines
            .iter()
            .map(|(key, value)| Line { section: "Timer", key, value: Cow::Borrowed(value), span })
            .collect();
        let reading = Reading {
            zone: Zone::utc_ref(),
            zones: &NoZones,
            at_s: 0,
            version: Version::V257,
            accuracy_us: 60_000_000,
        };
        timer("backup.timer", &lines, &reading)
    }

    #[test]
    fn an_empty_assignment_takes_every_value_away() {
        let unit = read(&[("OnCalendar", "daily"), ("OnBootSec", "5min"), ("OnBootSec", "")]);
        assert!(unit.is_refused());
        assert_eq!(unit.reset.len(), 2);
    }

    #[test]
    fn lines_that_are_left_out() {
        let unit = read(&[
            ("OnCalendar", "0 2 * * *"),
            ("OnCalendar", "02:00"),
            ("Persistent", "maybe"),
            ("RandomizedOffsetSec", "1h"),
            ("OnBoot", "1"),
        ]);
        assert_eq!(unit.ignored.len(), 4);
        assert_eq!(unit.timer.triggers.len(), 1);
        assert!(!unit.timer.persistent);
    }

    #[test]
    fn the_unit_it_starts() {
        assert_eq!(read(&[]).starts(), "backup.service");
        assert_eq!(read(&[("Unit", "other.service")]).starts(), "other.service");
        assert_eq!(read(&[("AccuracySec", "0")]).timer.accuracy_us, 250_000);
    }
}
