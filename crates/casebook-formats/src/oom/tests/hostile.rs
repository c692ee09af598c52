//! Anything may come in: every place is inside, and nothing grows without bound.

use proptest::prelude::*;

use super::*;
use crate::journal;

fn inside(place: Place, length: usize) {
    assert!(place.0 <= place.1 && place.1 <= length, "{place:?} of {length}");
}

/// Walks bytes and checks every place of what comes out.
fn check(bytes: &[u8], form: Form) -> u64 {
    let length = bytes.len();
    let mut reports = 0;
    let gaps = walk(&Bytes::new(bytes.to_vec()), form, |event| match event {
        Event::Report(report) => {
            reports += 1;
            inside(report.at, length);
            report.foreign.iter().for_each(|place| inside(*place, length));
            report.trace.iter().for_each(|place| inside(*place, length));
            report.usage.iter().for_each(|usage| {
                [usage.at, usage.usage_at, usage.limit_at].map(|place| inside(place, length)).into_iter().collect()
            });
            for stats in &report.stats {
                inside(stats.group_at, length);
                inside(stats.at, length);
                stats.entries.iter().for_each(|stat| inside(stat.at, length));
            }
            report.kills.iter().for_each(|kill| inside(kill.comm_at, length));
            report.table.iter().flat_map(|table| &table.tasks).for_each(|task| inside(task.at, length));
            report.limit_group().iter().for_each(|group| inside(group.at, length));
            report.victim_group().iter().for_each(|group| inside(group.at, length));
            report.release().iter().for_each(|(_, place)| inside(*place, length));
            report
                .machine
                .iter()
                .flat_map(|machine| machine.counts.iter().chain(&machine.numbers))
                .for_each(|stat| inside(stat.at, length));
        }
        Event::Systemd(seen, _)
        | Event::Suppressed(seen, ..)
        | Event::Dropped(seen, _)
        | Event::Banner(seen, _)
        | Event::Reaped(seen, _) => inside(seen.at, length),
    });
    gaps.list().iter().for_each(|gap| inside((gap.start, gap.end), length));
    reports
}

const FORMS: [Form; 5] =
    [Form::Lines, Form::Kmsg, Form::Json, Form::Journal(journal::Form::Export), Form::Journal(journal::Form::Json)];

#[test]
fn a_table_that_never_ends_is_bounded() {
    let mut text = String::from(
        "hog invoked oom-killer: gfp_mask=0xcc0, order=0, oom_score_adj=0\n[  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name\n",
    );
    for _ in 0..MAX_TASKS + 5 {
        text += "[1] 0 1 1 1 1 1 0 a\n";
    }
    let report = report(&text);
    let table = report.table.unwrap();
    assert_eq!((table.tasks.len(), table.more, report.limited), (MAX_TASKS, 5, true));
}

#[test]
fn a_report_that_never_goes_on_is_let_go() {
    let mut text = String::from("[    1.000000] hog invoked oom-killer: gfp_mask=0xcc0, order=0, oom_score_adj=0\n");
    for _ in 0..3_000 {
        text += "[    2.000000] eth0: link up\n";
    }
    let report = report(&text);
    assert_eq!((report.lines, report.foreign.len(), report.outcome), (1, 0, Outcome::Unknown));
}

proptest! {
    #[test]
    fn any_cut_and_any_damage_keeps_places_inside(from in 0usize..3000, to in 0usize..3200, changes in prop::collection::vec((0usize..3200, any::<u8>()), 0..12)) {
        let mut bytes = REPORT.as_bytes().to_vec();
        for (place, byte) in changes {
            if let Some(slot) = bytes.get_mut(place) {
                *slot = byte;
            }
        }
        let to = to.min(bytes.len());
        let part = &bytes[from.min(to)..to];
        for form in FORMS {
            check(part, form);
        }
    }

    #[test]
    fn lines_in_any_order_are_taken(order in prop::collection::vec(0usize..26, 0..80)) {
        let lines: Vec<&str> = REPORT.lines().collect();
        let text: String = order.iter().filter_map(|index| lines.get(*index)).map(|line| format!("{line}\n")).collect();
        check(text.as_bytes(), Form::Lines);
    }

    #[test]
    fn a_whole_report_behind_anything_is_found(front in "[ -~\n]{0,200}") {
        let text = format!("{front}\n{}{REPORT}", "[    1.000000] eth0: link up\n".repeat(600));
        prop_assert!(check(text.as_bytes(), Form::Lines) >= 1);
    }
}
