//! Request to view, both JSON, for the page of the post: a timer on a machine whose clock steps, and what becomes of its nights.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::model::calendar::{ZoneSource, parse};
use crate::model::time::{DAY_US, Realtime, SECOND_US, Zone, format_stamp, parse_span};
use crate::model::timer::{Action, Boot, Draw, Engine, Host, Job, Scenario, Timer, Trigger, Window};
use crate::model::version::Version;

struct Bundled;

impl ZoneSource for Bundled {
    fn zone(&self, name: &str) -> Option<Arc<Zone>> {
        Zone::bundled(name).map(Arc::new)
    }
}

/// The first boot of the page's machine: 2027-01-10 13:00 UTC.
const START: Realtime = Realtime(1_799_586_000_000_000);

/// `{"calendar": "02:30", "delay": "45min", "persistent": true, "zone": "Europe/Berlin", "systemd": "257", "ahead_s": 777600,
/// "step_after_s": 480, "days": 14}` to `{"runs": [{"from", "to", "slot"}], "lost": [{"count", "first", "last", "why"}]}`; times are text of
/// the zone. What is left out has the values shown, but for `zone`, which is UTC.
pub fn view(request: &str) -> String {
    let request: Value = serde_json::from_str(request).unwrap_or_default();
    answer(&request).unwrap_or_else(|why| json!({ "error": why })).to_string()
}

fn answer(request: &Value) -> Result<Value, String> {
    let text = |key: &str, default: &'static str| request[key].as_str().unwrap_or(default).to_owned();
    let zone = match text("zone", "UTC").as_str() {
        "UTC" => Zone::utc(),
        name => Zone::bundled(name).ok_or("there is no such zone")?,
    };
    let spec = parse(&text("calendar", "02:30"), &zone, START.seconds(), &Bundled).map_err(|error| error.why)?;
    let random_us = parse_span(&text("delay", "45min"), SECOND_US).map_err(|error| error.why.to_owned())?;
    let version = Version::parse(&text("systemd", "257")).ok_or("this is no version of systemd")?;
    let ahead_s = request["ahead_s"].as_i64().unwrap_or(777_600).clamp(-400_000_000, 400_000_000);
    let step_after_s = request["step_after_s"].as_u64().unwrap_or(480).min(400_000_000);
    let days = request["days"].as_u64().unwrap_or(14).clamp(1, 400);
    let timer = Timer {
        triggers: vec![Trigger::Calendar(spec)],
        random_us: random_us.min(3660 * DAY_US),
        persistent: request["persistent"].as_bool().unwrap_or(true),
        ..Timer::new("backup.timer")
    };
    let host = Host { version, zone: Arc::new(zone), machine_id: None, user: None };
    let boot = Boot {
        realtime: START.shift(ahead_s * SECOND_US as i64),
        userspace_us: SECOND_US,
        timers_us: Window::at(2 * SECOND_US),
    };
    let actions = vec![(step_after_s * SECOND_US, Action::Step(-ahead_s * SECOND_US as i64))];
    let scenario = Scenario { boot, stamp: None, actions, end: days * DAY_US };
    let ledger = Engine::new(&timer, Job::runs(0, 60 * SECOND_US), &host, boot, None, Draw::All).run(&scenario);
    let show = |at: u64| format_stamp(Realtime(at / SECOND_US * SECOND_US), &host.zone);
    let runs = ledger.fires.iter().take(1000).map(|fire| json!({ "from": show(fire.realtime.lo), "to": show(fire.realtime.hi), "slot": fire.slot.map(|slot| show(slot.0)) }));
    let lost = ledger.losses.iter().map(|loss| json!({ "count": loss.count, "first": show(loss.first.0), "last": show(loss.last.0), "why": loss.why() }));
    Ok(json!({ "runs": runs.collect::<Vec<_>>(), "lost": lost.collect::<Vec<_>>() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_runs_the_model() {
        let nine: Value = serde_json::from_str(&view("{}")).unwrap();
        assert_eq!(nine["lost"][0]["count"], 9);
        let none: Value = serde_json::from_str(&view("{\"systemd\": \"262\"}")).unwrap();
        assert_eq!(none["lost"].as_array().map(Vec::len), Some(0));
        assert!(view("{\"calendar\": \"x\"}").contains("error"));
        assert!(view("x").contains("lost"));
    }
}
