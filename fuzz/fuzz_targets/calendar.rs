//! Calendar specifications and time spans: any text is a specification with elapses in order, or an error with a place inside.
#![no_main]

use std::sync::{Arc, LazyLock};

use case_systemd_timers::model::calendar::{Walk, ZoneSource, from_cron, irregular, parse};
use case_systemd_timers::model::time::{Realtime, Zone, parse_span, parse_stamp};
use case_systemd_timers::model::version::Version;
use libfuzzer_sys::fuzz_target;

static BERLIN: LazyLock<Arc<Zone>> = LazyLock::new(|| Arc::new(Zone::bundled("Europe/Berlin").unwrap_or_else(Zone::utc)));

struct One;

impl ZoneSource for One {
    fn zone(&self, name: &str) -> Option<Arc<Zone>> {
        (name == "Europe/Berlin").then(|| BERLIN.clone())
    }
}

fuzz_target!(|data: (u32, bool, &str)| {
    let (base_s, old, text) = data;
    if let Err(error) = parse_span(text, 1_000_000) {
        assert!(error.at.start <= error.at.end && error.at.end <= text.len());
    }
    parse_stamp(text, &BERLIN);
    if let Some(spec) = from_cron(text) {
        assert!(parse(&spec, &BERLIN, 0, &One).is_ok(), "{text} -> {spec}");
    }
    let spec = match parse(text, &BERLIN, i64::from(base_s), &One) {
        Ok(spec) => spec,
        Err(error) => {
            assert!(error.at.start <= error.at.end && error.at.end <= text.len());
            assert!(text.get(error.at).is_some());
            return;
        }
    };
    let normal = spec.to_string();
    let again = parse(&normal, &BERLIN, i64::from(base_s), &One);
    assert_eq!(again.map(|spec| spec.to_string()).ok().as_ref(), Some(&normal));
    let version = if old { Version::V252 } else { Version::NEWEST };
    let mut walk = Walk::new(&spec, &**BERLIN, Realtime(u64::from(base_s) * 1_000_000), version);
    let mut last = 0;
    for _ in 0..4 {
        let Ok(at) = walk.step() else { break };
        assert!(at.0 > last, "{text}");
        last = at.0;
    }
    irregular(&spec, &BERLIN, i64::from(base_s), i64::from(base_s) + 40_000_000);
});
