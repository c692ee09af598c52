//! Where and when a verb stands: the machine's zone, its zone database, its time; what the program was built with where there is
//! no machine.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use casebook_core::{Arg, ArgKind, LocalTime, VerbError, VerbInput};

use crate::model::calendar::ZoneSource;
use crate::model::time::{Realtime, Zone};
use crate::model::version::Version;

/// The argument that names the machine's zone.
pub(crate) const TZ: Arg = Arg {
    name: "tz",
    kind: ArgKind::Value,
    value_name: "ZONE",
    help: "The machine's zone [default: this machine's]",
    required: false,
    many: false,
};

/// The argument that names the version of systemd.
pub(crate) const SYSTEMD: Arg = Arg {
    name: "systemd",
    kind: ArgKind::Value,
    value_name: "VERSION",
    help: "Version of systemd, as 257 [default: 262.1]",
    required: false,
    many: false,
};

/// Zones of a database, each loaded once.
pub(crate) struct Zones<'a> {
    local: Option<&'a dyn LocalTime>,
    known: RefCell<HashMap<String, Option<Arc<Zone>>>>,
}

impl<'a> Zones<'a> {
    pub(crate) fn new(local: Option<&'a dyn LocalTime>) -> Self {
        Self { local, known: RefCell::default() }
    }

    fn load(&self, name: &str) -> Option<Zone> {
        match self.local {
            Some(local) => Zone::tzif(name, &local.tzif(name)?).ok(),
            None => Zone::bundled(name),
        }
    }
}

impl ZoneSource for Zones<'_> {
    fn zone(&self, name: &str) -> Option<Arc<Zone>> {
        let mut known = self.known.borrow_mut();
        known.entry(name.to_owned()).or_insert_with(|| self.load(name).map(Arc::new)).clone()
    }
}

/// The zone of `--tz`, or the machine's.
pub(crate) fn zone(input: &VerbInput<'_>, zones: &Zones<'_>) -> Result<Arc<Zone>, VerbError> {
    if let Some(name) = input.value("tz") {
        if name.eq_ignore_ascii_case("utc") {
            return Ok(Arc::new(Zone::utc()));
        }
        return zones.zone(name).or_else(|| Zone::bundled(name).map(Arc::new)).ok_or_else(|| {
            VerbError::with_hint(
                format!("--tz: the zone `{name}` is not in the database"),
                "name it as in Europe/Berlin",
            )
        });
    }
    let own = input.local.map(LocalTime::zone);
    let zone = own.and_then(|(name, data)| data.and_then(|data| Zone::tzif(&name, &data).ok()));
    Ok(Arc::new(zone.unwrap_or_else(Zone::utc)))
}

/// Now, on the machine's clock.
pub(crate) fn now(input: &VerbInput<'_>) -> Option<Realtime> {
    input.local.map(|local| Realtime(local.now_us()))
}

/// The version of `--systemd`, or the newest.
pub(crate) fn version(input: &VerbInput<'_>) -> Result<Version, VerbError> {
    match input.value("systemd") {
        None => Ok(Version::NEWEST),
        Some(text) => Version::parse(text)
            .ok_or_else(|| VerbError::usage(format!("--systemd: `{text}` is no version, as 257 or 257.13"))),
    }
}
