//! Which unit a message is about, and whether anybody asks for it.

use std::collections::{BTreeMap, BTreeSet};

use casebook_formats::unit::unit_suffix;

/// What a message says of its unit: a name, or what stands in the place of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    /// The name of a unit.
    Unit(String),
    /// What `Started %s.` prints: a name, `NAME - DESCRIPTION`, or the description alone (system.conf(5), `StatusUnitFormat=`).
    Shown(String),
}

/// Units whose events are kept.
#[derive(Clone, Debug, Default)]
pub struct Interest {
    /// Names; empty means all.
    units: BTreeSet<String>,
    /// Units by their description; `None` where two share one.
    descriptions: BTreeMap<String, Option<String>>,
}

impl Interest {
    /// Asks for a unit, and for its events that name only its description.
    pub fn add(&mut self, unit: &str) {
        self.units.insert(unit.to_owned());
    }

    /// Says how a unit is described.
    pub fn describe(&mut self, unit: &str, description: &str) {
        if description.is_empty() {
            return;
        }
        let known = self.descriptions.entry(description.to_owned()).or_insert_with(|| Some(unit.to_owned()));
        if known.as_deref().is_some_and(|other| other != unit) {
            *known = None;
        }
    }

    /// True when events of this unit are kept: it was asked for, it is a timer, or nothing was asked for.
    pub(super) fn wants(&self, unit: Option<&str>) -> bool {
        self.units.is_empty() || unit.is_some_and(|unit| self.units.contains(unit) || unit.ends_with(".timer"))
    }

    /// The unit of a message.
    pub(super) fn resolve(&self, subject: &Subject) -> Option<String> {
        match subject {
            Subject::Unit(unit) => Some(unit.clone()),
            Subject::Shown(shown) => {
                let first = shown.split(" - ").next().unwrap_or(shown);
                if unit_suffix(first).is_some() && !first.contains(' ') {
                    return Some(first.to_owned());
                }
                self.descriptions.get(shown.as_str()).cloned().flatten()
            }
        }
    }
}
