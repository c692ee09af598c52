//! Calendar specifications, `OnCalendar=`: what they say and when they elapse (systemd.time(7), src/shared/calendarspec.c).

mod cron;
mod explain;
mod irregular;
mod lexis;
mod next;
mod normal;
mod parse;
#[cfg(test)]
mod tests;

pub use cron::from_cron;
pub use explain::explain;
pub use irregular::{Change, Irregular, irregular};
pub use next::{Never, Walk};
pub use parse::{SpecError, ZoneSource, parse};

use std::sync::Arc;

use super::time::{Zone, ZoneRef};

/// First year of specifications.
pub const MIN_YEAR: i32 = 1970;
/// Last year of specifications: past it nothing elapses.
pub const MAX_YEAR: i32 = 2199;

/// One element of a list, `start[..stop][/repeat]`. Seconds count in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Component {
    /// First value.
    pub start: i32,
    /// Last value.
    pub stop: Option<i32>,
    /// Step; 0 for none.
    pub repeat: i32,
}

/// The zone a specification names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SpecZone {
    /// None: the manager's own zone.
    Manager,
    /// The manager's own zone, with or without daylight saving: `CET`, `CEST`.
    ManagerDst(bool, String),
    /// UTC.
    Utc,
    /// A zone of the database.
    Named(Arc<Zone>),
}

/// A calendar specification, normalised. A list that is empty holds for every value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    /// Days of the week, bit 0 for Monday; `None` for every day.
    pub weekdays: Option<u8>,
    /// Years.
    pub years: Vec<Component>,
    /// Months, from 1.
    pub months: Vec<Component>,
    /// Days of the month, from 1; counted from the month's end with [`Spec::end_of_month`].
    pub days: Vec<Component>,
    /// `~`: day 1 is the last of the month.
    pub end_of_month: bool,
    /// Hours.
    pub hours: Vec<Component>,
    /// Minutes.
    pub minutes: Vec<Component>,
    /// Seconds, in microseconds.
    pub micros: Vec<Component>,
    /// The zone.
    pub zone: SpecZone,
}

impl Spec {
    /// The zone its times are in, where the manager's is `manager`.
    pub fn zone<'a>(&'a self, manager: impl Into<ZoneRef<'a>>) -> ZoneRef<'a> {
        match &self.zone {
            SpecZone::Manager | SpecZone::ManagerDst(..) => manager.into(),
            SpecZone::Utc => Zone::utc_ref().into(),
            SpecZone::Named(zone) => ZoneRef::Borrowed(zone),
        }
    }
}
