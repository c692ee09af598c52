//! What systemd and others say. The texts are those of systemd 252, 257 and 261 (src/oom, src/core).

use super::*;
use crate::stamp::SpanUs;
use systemd::{Message, OomdWhy};

fn messages(text: &str) -> Vec<Message> {
    let (events, gaps) = events(text, Form::Lines);
    assert!(gaps.is_empty());
    events
        .into_iter()
        .map(|event| if let Event::Systemd(_, message) = event { message } else { panic!("{event:?}") })
        .collect()
}

#[test]
fn messages_of_the_manager_name_their_units() {
    let text = "\
Nov 26 03:20:50 host systemd[1]: web@1.service: A process of this unit has been killed by the OOM killer.
Nov 26 03:20:50 host systemd[1]: web@1.service: Failed with result 'oom-kill'.
Nov 26 03:20:50 host systemd[1]: web@1.service: Consumed 1min 2.5s CPU time over 3h wall clock time, 64M memory peak, 1.2K memory swap peak.
Nov 26 03:20:51 host systemd[1]: b.service: systemd-oomd killed 3 process(es) in this unit.
Nov 26 03:20:52 host systemd[1]: c.service: systemd-oomd killed some process(es) in this unit.
Nov 26 03:20:52 host systemd[1]: c.service: Consumed 12ms CPU time.
[   12.345678] systemd[1]: d.service: A process of this unit has been killed by the OOM killer.
e.service: Failed with result 'oom-kill'.
";
    let messages = messages(text);
    let units: Vec<&str> = messages
        .iter()
        .map(|message| match message {
            Message::OomKilled { unit }
            | Message::Failed { unit }
            | Message::Consumed { unit, .. }
            | Message::OomdKilled { unit, .. } => {
                assert_eq!(at(text, unit.at), unit.value);
                unit.value.as_str()
            }
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        units,
        ["web@1.service", "web@1.service", "web@1.service", "b.service", "c.service", "d.service", "e.service"]
    );
    let Message::Consumed { peak: Some(peak), swap_peak: Some(swap), .. } = &messages[2] else {
        panic!("{messages:?}")
    };
    assert_eq!((peak.bytes, peak.precision, at(text, peak.at)), (64 << 20, (1u64 << 20).div_ceil(10), "64M"));
    // 1.2K is printed for 1229 to 1331 bytes: tenths are cut off.
    assert_eq!((swap.bytes, swap.precision), (1229, 103));
    assert!(
        matches!(messages[3], Message::OomdKilled { processes: Some(3), .. })
            && matches!(messages[4], Message::OomdKilled { processes: None, .. })
    );
}

#[test]
fn kills_by_oomd_say_why() {
    let text = "\
Nov 26 03:20:50 host systemd-oomd[600]: Killed /user.slice/a.scope due to memory pressure for /user.slice being 51.07% > 50.00% for > 20s with reclaim activity
Nov 26 03:20:50 host systemd-oomd[600]: Marked /a for killing due to memory pressure for / being 7.00% > 5.50% for > 1min 30s with reclaim activity
Nov 26 03:20:51 host systemd-oomd[600]: Killed /b due to memory used (8000000000) / total (8232886272) and swap used (990) / total (1000) being more than 90.00%
Nov 26 03:20:51 host systemd-oomd[600]: Killed /c due to swap used (990) / total (1000) being more than 90.00%
";
    let found = messages(text);
    let kills: Vec<_> =
        found.iter().map(|message| if let Message::Oomd(kill) = message { kill } else { panic!() }).collect();
    assert_eq!(
        kills.iter().map(|kill| (at(text, kill.group.at), kill.killed)).collect::<Vec<_>>(),
        [("/user.slice/a.scope", true), ("/a", false), ("/b", true), ("/c", true)]
    );
    let OomdWhy::Pressure { of, now, limit, lasting } = &kills[0].why else { panic!() };
    assert_eq!((at(text, of.at), *now, *limit, *lasting), ("/user.slice", 5107, 5000, Some(SpanUs(20_000_000))));
    assert!(matches!(kills[1].why, OomdWhy::Pressure { now: 700, limit: 550, lasting: Some(SpanUs(90_000_000)), .. }));
    assert_eq!(
        kills[2].why,
        OomdWhy::Swap {
            memory_used: Some(8_000_000_000),
            memory_total: Some(8_232_886_272),
            swap_used: Some(990),
            swap_total: Some(1000),
            limit: Some(9000)
        }
    );
    assert_eq!(
        kills[3].why,
        OomdWhy::Swap {
            memory_used: None,
            memory_total: None,
            swap_used: Some(990),
            swap_total: Some(1000),
            limit: Some(9000)
        }
    );
}

#[test]
fn pasted_messages_without_a_sender_are_heard() {
    let quiet = "nothing of interest\n".repeat(100);
    let text = format!(
        "{quiet}Killed /c due to swap used (990) / total (1000) being more than 90.00%\n{quiet}Considered 3 cgroups for killing, top candidates were:\n"
    );
    let found = messages(&text);
    assert!(matches!(found[..], [Message::Oomd(_), Message::Considered(_)]), "{found:?}");
}

#[test]
fn what_oomd_considered_is_one_message() {
    let text = "\
Nov 26 03:20:50 host systemd-oomd[600]: Considered 12 cgroups for killing, top candidates were:
                                                Path: /user.slice/a.scope
                                                        Memory Pressure Limit: 50.00%
                                                        Pressure: Avg10: 51.07, Avg60: 20.00, Avg300: 5.00, Total: 13s
                                                        Current Memory Usage: 1.2G
                                                Path: /user.slice/b.scope
                                                        Swap Usage: 64M
Nov 26 03:20:50 host systemd-oomd[600]: Killed /user.slice/a.scope due to memory pressure for /user.slice being 51.07% > 50.00% for > 20s with reclaim activity
";
    let found = messages(text);
    let [Message::Considered(considered), Message::Oomd(_)] = &found[..] else { panic!("{found:?}") };
    assert_eq!((considered.groups, considered.candidates.len()), (Some(12), 2));
    let first = &considered.candidates[0];
    assert_eq!((at(text, first.group.at), first.entries.len()), ("/user.slice/a.scope", 3));
    assert_eq!((first.entries[2].0.as_str(), at(text, first.entries[2].1.at)), ("Current Memory Usage", "1.2G"));
}

#[test]
fn runtimes_and_journald_are_heard() {
    let text = "\
Nov 26 03:20:50 host kubelet[900]: W1126 event: System OOM encountered, victim process: my hog, pid: 77
Nov 26 03:20:50 host containerd[901]: time=\"2026-11-26\" level=info msg=\"TaskOOM event container_id:\\\"a\\\"\"
Nov 26 03:20:50 host kubelet[900]: reason: OOMKilled
";
    let found = messages(text);
    let Message::SystemOom { comm, pid } = &found[0] else { panic!() };
    assert_eq!((at(text, comm.at), *pid), ("my hog", Some(77)));
    assert!(matches!(&found[1], Message::Container { word } if word.value == "TaskOOM"));
    assert!(matches!(&found[2], Message::Container { word } if word.value == "OOMKilled"));
    let (events, _) = events("Nov 26 03:20:50 host systemd-journald[5]: Missed 12 kernel messages\n", Form::Lines);
    assert!(matches!(events[..], [Event::Dropped(_, 12)]));
}

#[test]
fn a_banner_ends_what_is_open() {
    let head = &REPORT[..REPORT.find("[   30.100012]").unwrap()];
    let text = format!("{head}[    0.000000] Linux version 6.12.57+deb13-amd64 (a@b) (gcc 14) #1 SMP\n");
    let (events, gaps) = events(&text, Form::Lines);
    assert!(gaps.is_empty());
    let [Event::Report(report), Event::Banner(_, release)] = &events[..] else { panic!("{events:?}") };
    assert_eq!((report.outcome, at(&text, release.at)), (Outcome::Unknown, "6.12.57+deb13-amd64"));
}
