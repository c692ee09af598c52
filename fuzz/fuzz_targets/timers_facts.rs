//! Any text through every reader of the timers case: as the kind it is taken for, as a kind that the first byte names, and as a unit.
#![no_main]

use std::collections::BTreeMap;

use case_systemd_timers::facts::{self, Facts, kinds::KINDS};
use casebook_core::{Bytes, EvidenceSet, Input, Sniff};
use casebook_fuzz::inside;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((first, text)) = data.split_first() else { return };
    let mut set = EvidenceSet::new();
    let sniff = Sniff { path: "etc/systemd/system/a.timer", head: text, whole: true };
    let named = KINDS[usize::from(*first) % KINDS.len()];
    for kind in KINDS.iter().filter(|kind| (kind.sniff)(&sniff)).chain([&named]) {
        set.add("etc/systemd/system/a.timer", Some(kind.name), Bytes::new(text.to_vec()));
    }
    let settings = BTreeMap::new();
    let read = facts::read(&Input { evidence: &set, settings: &settings });
    assert_eq!(read.coverage.len(), set.len());
    for line in &read.coverage {
        line.unmodelled.iter().for_each(|gap| inside(&set, gap.span));
    }
    let facts = read.facts.downcast_ref::<Facts>().expect("they are the case's own");
    for timer in facts.timers() {
        facts.triggered(&timer);
        facts.enabled(&timer);
        for setting in facts.unit(&timer).iter().flat_map(|unit| &unit.settings) {
            inside(&set, setting.assignment.span);
            inside(&set, setting.assignment.value_span);
        }
        for block in facts.shown(&timer) {
            block.calendars().iter().for_each(|one| inside(&set, one.spec.span));
            block.monotonics().iter().for_each(|one| inside(&set, one.next_elapse.span));
        }
    }
    for stamp in facts.stamps.iter().flat_map(|stamps| &stamps.stamps) {
        inside(&set, stamp.span);
    }
    for event in facts.journal.events.iter().chain(&facts.journal.written) {
        inside(&set, event.span);
        inside(&set, event.message);
    }
});
