//! Logs with times of resets: any bytes give events with places inside.
#![no_main]

use case_tcp_rst::facts::reconnects;
use casebook_core::Sniff;
use casebook_fuzz::{evidence, inside};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let (set, root) = evidence(reconnects::RECONNECTS.name, data);
    let Some(item) = set.get(root) else { return };
    (reconnects::RECONNECTS.sniff)(&Sniff { path: "x", head: data, whole: true });
    let facts = reconnects::parse(item);
    for event in &facts.events {
        inside(&set, event.span);
        inside(&set, event.time_span);
    }
    facts.unmodelled.iter().for_each(|gap| inside(&set, gap.span));
});
