//! The case's own verbs: facts in, report out.

mod duration;
mod flows;
mod predict;
mod probe;
mod respond;
mod trace;

use std::io::Write;

use casebook_core::{OutputFormat, Verb, VerbError, VerbInput};
use serde_json::json;

use crate::facts::timer::{Ending, Measures, Refresh};
use crate::model::devices::{Afterwards, DEVICES, Device};
use crate::model::path::show;

pub use flows::FLOWS;
pub use predict::PREDICT;
pub use probe::PROBE;
pub use respond::RESPOND;
pub use trace::TRACE;

/// Every verb of the case.
pub static VERBS: &[Verb] = &[FLOWS, TRACE, PREDICT, PROBE, RESPOND, DEVICES_VERB];

/// `casebook rst devices`.
const DEVICES_VERB: Verb = Verb {
    name: "devices",
    about: "List the known devices, their timers, and where those are written",
    long: "The names are what `device = ` in a path.toml takes.\n\nExamples:\n  casebook rst devices\n  \
           casebook rst devices --format json",
    args: &[],
    run: devices,
};

fn devices(input: &VerbInput<'_>, out: &mut dyn Write) -> Result<u8, VerbError> {
    if input.format == OutputFormat::Json {
        let list: Vec<_> = DEVICES.iter().map(device_json).collect();
        writeln!(out, "{}", json!({ "devices": list }))?;
        return Ok(0);
    }
    for device in DEVICES {
        let settable = match device.settable {
            Some((low, high)) => format!(", settable from {} to {}", show(low), show(high)),
            None => String::new(),
        };
        writeln!(out, "{:<26} {:>9}  {}", device.name, show(device.after), device.what)?;
        writeln!(out, "{:<38}{}; {}{settable}", "", measures(device), ending(device))?;
        writeln!(out, "{:<38}source: {}", "", device.source)?;
    }
    Ok(0)
}

fn device_json(device: &Device) -> serde_json::Value {
    json!({
        "name": device.name,
        "what": device.what,
        "after_us": device.after.0,
        "settable_us": device.settable.map(|(low, high)| [low.0, high.0]),
        "measures": measures(device),
        "ends": ending(device),
        "source": device.source,
    })
}

fn measures(device: &Device) -> &'static str {
    match (device.measures, device.refresh) {
        (Measures::Idle, Refresh::Segment) => "idle, started anew by any segment",
        (Measures::Idle, Refresh::Payload) => "idle, started anew by payload",
        (Measures::Idle, Refresh::Message) => "idle, started anew by a message",
        (Measures::Idle, Refresh::Nothing) => "idle",
        (Measures::Lifetime, _) => "lifetime",
        (Measures::LifetimeAtMessage, _) => "lifetime, ends with the next message",
        (Measures::Step | Measures::HalfClosed | Measures::Keepalive, _) => "one step",
    }
}

fn ending(device: &Device) -> &'static str {
    match (device.ending, device.afterwards) {
        (Ending::Silent, Afterwards::Resets) => "forgets in silence and resets who speaks next",
        (Ending::Silent, Afterwards::Drops) => "forgets in silence and drops what comes next",
        (Ending::Silent, Afterwards::Unsaid) => "forgets in silence",
        (Ending::Fin | Ending::FinOneWay | Ending::FinThenRst, _) => "closes with FIN",
        (Ending::AnswerAndFin, _) => "answers and closes with FIN",
        (Ending::Rst, _) => "sends RST to both ends",
    }
}
