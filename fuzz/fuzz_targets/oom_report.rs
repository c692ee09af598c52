//! OOM reports and messages on kills: every place is inside, and what is kept is bounded.
//!
//! The first byte of the input chooses the form.
#![no_main]

use casebook_core::Bytes;
use casebook_formats::journal;
use casebook_formats::kernel_log::Form;
use casebook_formats::oom::{self, Event, Report};
use libfuzzer_sys::fuzz_target;

const FORMS: [Form; 5] =
    [Form::Lines, Form::Kmsg, Form::Json, Form::Journal(journal::Form::Export), Form::Journal(journal::Form::Json)];

fuzz_target!(|data: &[u8]| {
    let Some((first, data)) = data.split_first() else { return };
    let form = FORMS[usize::from(*first) % FORMS.len()];
    let inside = |place: (usize, usize)| assert!(place.0 <= place.1 && place.1 <= data.len(), "{place:?}");
    let gaps = oom::walk(&Bytes::new(data.to_vec()), form, |event| match event {
        Event::Report(report) => check(&report, inside),
        Event::Reaped(seen, _) | Event::Suppressed(seen, ..) | Event::Dropped(seen, _) => inside(seen.at),
        Event::Systemd(seen, message) => {
            inside(seen.at);
            if let oom::systemd::Message::Consumed { peak, swap_peak, .. } = message {
                peak.iter().chain(&swap_peak).for_each(|amount| inside(amount.at));
            }
        }
        Event::Banner(seen, release) => {
            inside(seen.at);
            inside(release.at);
        }
    });
    gaps.list().iter().for_each(|gap| inside((gap.start, gap.end)));
});

fn check(report: &Report, inside: impl Fn((usize, usize))) {
    inside(report.at);
    report.foreign.iter().chain(&report.trace).for_each(|place| inside(*place));
    for usage in &report.usage {
        [usage.at, usage.usage_at, usage.limit_at].into_iter().for_each(&inside);
    }
    for stats in &report.stats {
        inside(stats.group_at);
        inside(stats.at);
        stats.entries.iter().for_each(|stat| inside(stat.at));
    }
    if let Some(machine) = &report.machine {
        inside(machine.at);
        let areas = machine.areas.iter().flat_map(|area| &area.entries);
        machine.counts.iter().chain(&machine.numbers).chain(areas).for_each(|stat| inside(stat.at));
        machine.slabs.iter().for_each(|slab| inside(slab.at));
    }
    if let Some(table) = &report.table {
        assert!(table.tasks.len() <= oom::MAX_TASKS);
        table.tasks.iter().for_each(|task| inside(task.at));
    }
    for kill in &report.kills {
        inside(kill.at);
        inside(kill.comm_at);
    }
    [report.limit_group(), report.victim_group()].into_iter().flatten().for_each(|group| inside(group.at));
    report.release().iter().for_each(|(_, place)| inside(*place));
    report.reaped.iter().for_each(|reaped| inside(reaped.at));
    assert!(!report.complete || report.begins && report.unmodelled == 0);
}
