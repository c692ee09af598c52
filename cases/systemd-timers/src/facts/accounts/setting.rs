//! The machine: its zone, its version of systemd, its clock at the time of the evidence.

use std::sync::Arc;

use casebook_core::Span;
use casebook_formats::stamp::{Moment, ZoneName};

use crate::facts::Facts;
use crate::facts::text::{Reading, Told};
use crate::model::calendar::ZoneSource;
use crate::model::time::{Realtime, Tm, Zone};
use crate::model::timer::Host;
use crate::model::version::Version;

/// The machine.
#[derive(Debug)]
pub struct Setting {
    /// What the model needs of it.
    pub host: Host,
    /// Where the version is told; `None` when it is not, and [`Setting::host`] has an assumed one.
    pub version_at: Option<Span>,
    /// Where the zone is told; `None` when it is not, and times are taken to be UTC.
    pub zone_at: Option<Span>,
    /// The clock at the time of the evidence.
    pub now: Option<Told<Realtime>>,
}

impl Default for Setting {
    fn default() -> Self {
        Setting { host: super::unknown_host(), version_at: None, zone_at: None, now: None }
    }
}

impl Setting {
    /// Seconds since 1970 of the evidence; of a fixed day where nothing tells.
    pub fn at_s(&self) -> i64 {
        self.now.as_ref().map_or(1_795_651_200, |now| now.value.seconds())
    }

    /// A point in time as text tells it, in the machine's zone.
    pub fn realtime(&self, moment: &Moment) -> Option<Realtime> {
        realtime(moment, &self.host.zone, self.zone_at.is_some())
    }

    /// A reading that has a value.
    pub fn reading(&self, reading: &Told<Reading<Moment>>) -> Option<Told<Realtime>> {
        Some(Told::new(self.realtime(reading.value.known()?)?, reading.span))
    }
}

/// An abbreviation decides between the two times of a fold, and must be one of the zone.
fn realtime(moment: &Moment, zone: &Zone, zone_known: bool) -> Option<Realtime> {
    let (civil, name) = match moment {
        Moment::Utc { at, .. } => return Some(Realtime(at.0)),
        Moment::Local { civil, zone, .. } => (civil, zone),
    };
    let tm = Tm {
        year: civil.year?,
        month: i32::from(civil.month),
        day: i32::from(civil.day),
        hour: i32::from(civil.hour),
        minute: i32::from(civil.minute),
        second: i32::from(civil.second),
        dst: None,
    };
    let wall = tm.wall();
    let offsets = [zone.offset_s(wall - 90_000), zone.offset_s(wall + 90_000)];
    let found = offsets.into_iter().find(|offset| {
        let at_s = wall - offset;
        let fits = zone.offset_s(at_s) == *offset;
        fits && match name {
            ZoneName::Abbreviation(name) => zone.abbreviation(at_s) == name,
            ZoneName::Unsaid => zone_known,
        }
    })?;
    Some(Realtime(u64::try_from(wall - found).ok()? * 1_000_000 + u64::from(civil.micros)))
}

/// Zones of the evidence's machine, and those the program was built with.
pub struct Databases<'a> {
    facts: &'a Facts,
}

impl<'a> Databases<'a> {
    /// The zones the evidence has.
    pub fn new(facts: &'a Facts) -> Self {
        Self { facts }
    }
}

impl ZoneSource for Databases<'_> {
    fn zone(&self, name: &str) -> Option<Arc<Zone>> {
        let file = self.facts.machine.zone_files.iter().find(|file| file.name.as_deref() == Some(name));
        let own = file.and_then(|file| Zone::tzif(name, file.bytes.as_slice()).ok());
        own.or_else(|| Zone::bundled(name)).map(Arc::new)
    }
}

/// The zone and where it is told. The name says more than the data: it is printed.
fn zone(facts: &Facts) -> Option<(Zone, Span)> {
    let mut names = facts.machine.zones.iter().chain(facts.clock.timedate.iter().filter_map(|one| one.zone.as_ref()));
    let shown = facts.clock.timedate_shown.iter().find_map(|shown| shown.block.get("Timezone"));
    let name = names.next().or(shown.map(|property| &property.value)).filter(|name| !name.value.is_empty());
    let file = facts.machine.local_zone();
    let loaded =
        file.and_then(|file| Zone::tzif(name.map_or("localtime", |name| &name.value), file.bytes.as_slice()).ok());
    match (loaded, file, name) {
        (Some(zone), Some(file), name) => Some((zone, name.map_or(Span::new(file.evidence, 0, 4), |name| name.span))),
        (None, _, Some(name)) if matches!(name.value.as_str(), "UTC" | "Etc/UTC" | "Universal") => {
            Some((Zone::utc(), name.span))
        }
        (None, _, Some(name)) => Some((Zone::bundled(&name.value)?, name.span)),
        _ => None,
    }
}

/// The latest reading of the clock.
fn now(facts: &Facts, zone: &Zone, zone_known: bool) -> Option<Told<Realtime>> {
    let read =
        |told: &Told<Reading<Moment>>| Some(Told::new(realtime(told.value.known()?, zone, zone_known)?, told.span));
    let mut found: Vec<Told<Realtime>> = Vec::new();
    for one in &facts.clock.timedate {
        found.extend(one.universal.as_ref().or(one.local.as_ref()).and_then(read));
    }
    for shown in &facts.clock.timedate_shown {
        found.extend(shown.block.moment("TimeUSec").as_ref().and_then(read));
    }
    for one in facts.clock.now.iter().flat_map(|now| &now.times) {
        found.extend(realtime(&one.value, zone, zone_known).map(|at| Told::new(at, one.span)));
    }
    let latest = found.into_iter().max_by_key(|told| told.value);
    // Where no tool tells, the journal's last entry is the latest that is known.
    latest.or_else(|| {
        let last = facts.journal.history.boots.last()?.last();
        Some(Told::new(Realtime(last.realtime.0), last.span))
    })
}

pub(super) fn of(facts: &Facts) -> Setting {
    let found = zone(facts);
    let zone_at = found.as_ref().map(|(_, span)| *span);
    let zone = found.map_or_else(Zone::utc, |(zone, _)| zone);
    let version = facts.version();
    let number = version.as_ref().map(|told| Version { major: told.value.major, minor: told.value.minor.unwrap_or(0) });
    let machine_id = facts.machine.ids.last().map(|id| id.value.to_be_bytes());
    let now = now(facts, &zone, zone_at.is_some());
    let unknown = super::unknown_host();
    let host = Host { version: number.unwrap_or(unknown.version), zone: Arc::new(zone), machine_id, user: None };
    Setting { host, version_at: version.map(|told| told.span), zone_at, now }
}
