//! Messages are of systemd 252.39 and 262.1 in the laboratory, and of the sources named in the reader.

use std::collections::BTreeMap;

use casebook_core::{Bytes, EvidenceSet};
use casebook_formats::journal::clock::Change;
use casebook_formats::stamp::{MonotonicUs, RealtimeUs};

use super::*;

const BOOT: &str = "2d0b7d0e730e4d86a145949093f6ad30";

/// An entry of `journalctl -o json`: monotonic seconds, seconds that the clock is ahead, fields.
fn entry(second: u64, ahead: u64, fields: &str) -> String {
    let monotonic = second * 1_000_000;
    let realtime = 1_799_582_400_000_000 + monotonic + ahead * 1_000_000;
    format!(
        "{{\"__REALTIME_TIMESTAMP\":\"{realtime}\",\"__MONOTONIC_TIMESTAMP\":\"{monotonic}\",\"_BOOT_ID\":\"{BOOT}\",\
         \"__CURSOR\":\"s=81a2bf427ae94ffaa22985569b60e878;i={:x}\",{fields}}}\n",
        second + 1
    )
}

fn systemd(message: &str, more: &str) -> String {
    format!("\"SYSLOG_IDENTIFIER\":\"systemd\",\"_PID\":\"1\",\"MESSAGE\":\"{message}\"{more}")
}

fn facts(texts: &[(&'static str, String)], interest: Interest) -> JournalFacts {
    let mut set = EvidenceSet::new();
    for (kind, text) in texts {
        set.add("x", Some(kind), Bytes::new(text.clone().into_bytes()));
    }
    read(&Input { evidence: &set, settings: &BTreeMap::new() }, interest, &mut Vec::new())
}

fn json(text: String) -> (&'static str, String) {
    (JOURNAL_JSON.name, text)
}

/// What one message of a sender tells, and of which unit.
fn told(sender: &str, message: &str) -> Option<(What, Option<String>)> {
    let fields =
        format!("\"SYSLOG_IDENTIFIER\":\"{sender}\",\"_PID\":\"1\",\"MESSAGE\":{}", serde_json::Value::from(message));
    let facts = facts(&[json(entry(1, 0, &fields))], Interest::default());
    facts.events.into_iter().next().map(|event| (event.what, event.unit))
}

#[test]
fn events_have_their_unit_time_and_place() {
    let text = entry(
        1,
        0,
        &systemd(
            "Started fixed.timer - fixed.",
            ",\"MESSAGE_ID\":\"39f53479d3a045ac8e11786248231fbf\",\"UNIT\":\"fixed.timer\",\"JOB_TYPE\":\"start\",\"JOB_RESULT\":\"done\",\"INVOCATION_ID\":\"000000000000000000000000000001f3\"",
        ),
    ) + &entry(
        2,
        0,
        &systemd(
            "Finished fixed.service - fixed.",
            ",\"MESSAGE_ID\":\"39f53479d3a045ac8e11786248231fbf\",\"UNIT\":\"fixed.service\"",
        ),
    ) + &entry(
        3,
        0,
        &systemd(
            "fixed.service: Failed with result 'exit-code'.",
            ",\"MESSAGE_ID\":\"d9b373ed55a64feb8242e02dbe79a49c\",\"UNIT\":\"fixed.service\",\"UNIT_RESULT\":\"exit-code\"",
        ),
    );
    let facts = facts(&[json(text)], Interest::default());
    let what: Vec<&What> = facts.events.iter().map(|event| &event.what).collect();
    assert_eq!(what, [&What::Started, &What::Finished, &What::Failed("exit-code".into())]);
    let first = &facts.events[0];
    assert_eq!((first.unit.as_deref(), first.invocation, first.of_user), (Some("fixed.timer"), Some(0x1f3), false));
    assert_eq!(
        (first.at.monotonic, first.at.realtime),
        (Some(MonotonicUs(1_000_000)), Some(RealtimeUs(1_799_582_401_000_000)))
    );
    assert_eq!(facts.of_unit("fixed.service").count(), 2);
}

#[test]
fn words_are_enough_where_there_is_no_id() {
    let unit = |text: &str| Some(text.to_owned());
    for (message, what, of) in [
        (
            "systemd 257.13-1~deb13u1 running in system mode (+PAM +AUDIT)",
            What::ManagerStarted(crate::facts::machine::SystemdVersion {
                major: 257,
                minor: Some(13),
                full: "257.13-1~deb13u1".into(),
            }),
            None,
        ),
        ("Started a.timer - Nightly.", What::Started, unit("a.timer")),
        ("Starting a.service...", What::Starting, unit("a.service")),
        ("Finished a.service - x.", What::Finished, unit("a.service")),
        ("Failed to start a.service - x.", What::StartFailed("failed".into()), unit("a.service")),
        ("a.service: Deactivated successfully.", What::Deactivated, unit("a.service")),
        (
            "a.service: Main process exited, code=exited, status=1/FAILURE",
            What::ProcessExited { code: "exited".into(), status: "1/FAILURE".into() },
            unit("a.service"),
        ),
        ("a.service: Start request repeated too quickly.", What::RepeatedTooQuickly, unit("a.service")),
        (
            "a.timer: Failed to queue unit startup job: Unit a.service is masked.",
            What::QueueFailed("Unit a.service is masked.".into()),
            unit("a.timer"),
        ),
        ("a.timer: Timer unit lacks value setting. Refusing.", What::LacksSetting, unit("a.timer")),
        (
            "/etc/systemd/system/a.timer:4: Failed to parse calendar specification, ignoring: 0 2 * * *",
            What::BadCalendar { place: "/etc/systemd/system/a.timer:4".into(), spec: "0 2 * * *".into() },
            unit("a.timer"),
        ),
        (
            "/etc/systemd/system/offset.timer:7: Unknown key 'RandomizedOffsetSec' in section [Timer], ignoring.",
            What::UnknownKey { place: "/etc/systemd/system/offset.timer:7".into(), key: "RandomizedOffsetSec".into() },
            unit("offset.timer"),
        ),
        (
            "a.service - x was skipped because of an unmet condition check (ConditionPathExists=/x).",
            What::ConditionUnmet(Some("ConditionPathExists=/x".into())),
            unit("a.service"),
        ),
        (
            "a.service - x skipped, unmet condition check ConditionPathExists=/x",
            What::ConditionUnmet(Some("ConditionPathExists=/x".into())),
            unit("a.service"),
        ),
        ("Condition check resulted in a.service being skipped.", What::ConditionUnmet(None), unit("a.service")),
        (
            "Reload requested from client PID 7 ('systemctl') (unit session-1.scope)...",
            What::ReloadRequested("client PID 7 ('systemctl') (unit session-1.scope)".into()),
            None,
        ),
        ("Reloading...", What::Reloading, None),
        ("Reexecuting.", What::Reexecuting, None),
        (
            "System time advanced to timestamp on /var/lib/systemd/timesync/clock: Tue 2027-01-19 12:00:02 UTC",
            What::TimeBumped(
                "System time advanced to timestamp on /var/lib/systemd/timesync/clock: Tue 2027-01-19 12:00:02 UTC"
                    .into(),
            ),
            None,
        ),
    ] {
        assert_eq!(told("systemd", message), Some((what, of)), "{message}");
    }
    let future = told(
        "systemd",
        "a.timer: Not using persistent file timestamp Tue 2027-01-19 12:00:02 UTC as it is in the future.",
    )
    .unwrap();
    let What::StampInFuture(time) = future.0 else { panic!() };
    assert_eq!(time.known().and_then(Moment::utc), Some(RealtimeUs(1_800_360_002_000_000)));
    assert_eq!(told("systemd", "Mounting x..."), None);
}

#[test]
fn other_senders_tell_of_the_clock() {
    for (sender, message, what) in [
        ("systemd-journald", "Time jumped backwards, rotating.", What::JumpedBackwards),
        (
            "systemd-timesyncd",
            "Initial clock synchronization to Thu 2026-11-26 00:00:09.123456 UTC.",
            What::TimesyncSynchronised("Thu 2026-11-26 00:00:09.123456 UTC".into()),
        ),
        (
            "systemd-timesyncd",
            "Contacted time server 192.0.2.1:123 (ntp.example.net).",
            What::TimesyncContacted("192.0.2.1:123 (ntp.example.net)".into()),
        ),
        ("chronyd", "System clock wrong by -777600.123456 seconds", What::ChronyWrong(-777_600.123_456)),
        ("chronyd", "System clock was stepped by -777600.123456 seconds", What::ChronyStepped(-777_600.123_456)),
        (
            "chronyd",
            "Selected source 192.0.2.1 (ntp.example.net)",
            What::ChronySelected("192.0.2.1 (ntp.example.net)".into()),
        ),
        ("chronyd", "Can't synchronise: no selectable sources", What::ChronyUnsynchronised),
        ("kernel", "PM: suspend entry (deep)", What::SuspendBegins),
        ("kernel", "PM: suspend exit", What::SuspendEnded),
        (
            "kernel",
            "uml-rtc uml-rtc.0: setting system clock to 2027-01-19T12:00:00 UTC (1800360000)",
            What::SetFromHardware(RealtimeUs(1_800_360_000_000_000)),
        ),
    ] {
        assert_eq!(told(sender, message), Some((what, None)), "{message}");
    }
    assert_eq!(told("kernel", "usb 1-1: new device"), None);
    assert_eq!(told("app", "PM: suspend exit"), None);
}

#[test]
fn an_entry_of_several_files_is_kept_once_and_in_order() {
    let one = entry(1, 0, &systemd("Started a.timer.", ""));
    let two = entry(2, 0, &systemd("Started b.timer.", ""));
    let facts = facts(&[json(two.clone() + &one), json(one + &two)], Interest::default());
    assert_eq!((facts.files.len(), facts.events.len()), (2, 2));
    assert_eq!(
        facts.events.iter().map(|event| event.unit.as_deref()).collect::<Vec<_>>(),
        [Some("a.timer"), Some("b.timer")]
    );
}

#[test]
fn the_clock_is_told_from_all_entries() {
    let text: String = (0..40)
        .map(|second| {
            let ahead = if second < 20 { 777_600 } else { 0 };
            entry(second, ahead, "\"MESSAGE\":\"x\",\"SYSLOG_IDENTIFIER\":\"app\"")
        })
        .collect();
    let facts = facts(&[json(text)], Interest::default());
    let (_, step) = facts.history.steps().next().unwrap();
    assert_eq!((step.by_us, step.change, facts.events.len()), (-777_600_000_000, Change::Set, 0));
}

#[test]
fn only_units_that_are_asked_for_are_kept() {
    let mut interest = Interest::default();
    interest.add("a.timer");
    interest.add("a.service");
    interest.describe("a.service", "Nightly backup");
    let text = [
        "Started other.service - x.",
        "Started Nightly backup.",
        "Started other.timer.",
        "a.service: Deactivated successfully.",
        "Reloading.",
    ]
    .iter()
    .enumerate()
    .map(|(second, message)| entry(second as u64, 0, &systemd(message, "")))
    .collect();
    let facts = facts(&[json(text)], interest);
    let units: Vec<Option<&str>> = facts.events.iter().map(|event| event.unit.as_deref()).collect();
    assert_eq!(units, [Some("a.service"), Some("other.timer"), Some("a.service"), None]);
}

#[test]
fn text_is_kept_apart() {
    let text = "Nov 25 09:48:45 epsilon systemd[1]: Started a.timer - x.\nNov 25 09:48:46 epsilon systemd[1]: Starting a.service - x...\n".to_owned();
    let facts = facts(&[(JOURNAL_TEXT.name, text)], Interest::default());
    assert_eq!((facts.events.len(), facts.written.len(), facts.history.boots.len()), (0, 2, 0));
    assert!(facts.written[0].at.realtime.is_none() && facts.written[0].at.written.is_some());
}

#[test]
fn a_line_of_text_that_another_journal_has_is_not_told_again() {
    let message = "Started a.timer.";
    let text = "2027-01-10T12:00:01.000000+00:00 lab systemd[1]: Started a.timer.\n2027-01-10T12:00:02.000000+00:00 lab systemd[1]: Started a.timer.\n\
                Sun 2027-01-10 12:00:01 UTC lab systemd[1]: Started a.timer.\n";
    let facts =
        facts(&[(JOURNAL_TEXT.name, text.to_owned()), json(entry(1, 0, &systemd(message, "")))], Interest::default());
    // 1799582400 is 2027-01-10 12:00:00 UTC.
    assert_eq!((facts.events.len(), facts.written.len()), (1, 1));
    assert_eq!(facts.written[0].at.realtime, Some(RealtimeUs(1_799_582_402_000_000)));
}
