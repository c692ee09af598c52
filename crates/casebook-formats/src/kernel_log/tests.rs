//! The forms are those of kernel/printk/printk.c, of dmesg(1) of util-linux 2.38 and 2.41, and of journalctl(1).

use casebook_core::{Bytes, Sniff};
use proptest::prelude::*;

use super::*;
use crate::stamp::{Moment, MonotonicUs};

/// Text, seconds since boot in microseconds, caller, identifier.
type Row = (String, Option<u64>, Option<Caller>, Option<String>);

fn rows(text: &str, form: Form) -> Vec<Row> {
    let mut out = Vec::new();
    let gaps = walk(&Bytes::new(text.as_bytes().to_vec()), form, |record| {
        let place = record.at();
        if form == Form::Lines {
            assert_eq!(&text.as_bytes()[place.0..place.1], record.text());
        }
        let lossy = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let monotonic = record.time().monotonic.map(|at: MonotonicUs| at.0);
        out.push((lossy(record.text()), monotonic, record.caller, record.identifier().map(lossy)));
    });
    assert!(gaps.is_empty(), "{:?}", gaps.list());
    out
}

fn row(text: &str, monotonic: Option<u64>, caller: Option<Caller>, identifier: Option<&str>) -> Row {
    (text.to_owned(), monotonic, caller, identifier.map(str::to_owned))
}

#[test]
fn what_stands_in_front_is_told_from_the_text() {
    let text = "\
[    3.199161] plain text
[    3.199162][  T123] a: task
[    3.199163] [     C0] a: processor
<4>[    3.199164] raw
kern  :warn  : [    3.199165] decoded
[    3.199166 <    0.000001>] since the line before
[  +0.000002] only since the line before
[   13] 0 13 is a row
[   35.100000] systemd[1]: of a program
Nov 26 03:20:50 host kernel: [    3.199167] syslog
Nov 26 03:20:50 host kernel: [    3.199168][   T12] syslog and caller
Nov 26 03:20:50 host systemd[1]: a.service: Started.
Nov 26 03:20:50 host my-daemon: text
kernel: pasted
host kernel: pasted too
[    3.199169] host kernel: journalctl -o short-monotonic
2026-11-26T03:20:50,123456+00:00 dmesg: not an identifier
hog invoked oom-killer: bare
";
    let t = |us: u64| Some(3_199_000 + us);
    let kernel = Some("kernel");
    assert_eq!(
        rows(&text.replace("hog", "\n-- Reboot --\nhog"), Form::Lines),
        [
            row("plain text", t(161), None, None),
            row("a: task", t(162), Some(Caller::Task(123)), None),
            row("a: processor", t(163), Some(Caller::Cpu(0)), None),
            row("raw", t(164), None, None),
            row("decoded", t(165), None, None),
            row("since the line before", t(166), None, None),
            row("only since the line before", None, None, None),
            row("[   13] 0 13 is a row", None, None, None),
            row("of a program", Some(35_100_000), None, Some("systemd")),
            row("syslog", t(167), None, kernel),
            row("syslog and caller", t(168), Some(Caller::Task(12)), kernel),
            row("a.service: Started.", None, None, Some("systemd")),
            row("text", None, None, Some("my-daemon")),
            row("pasted", None, None, kernel),
            row("pasted too", None, None, kernel),
            row("journalctl -o short-monotonic", t(169), None, kernel),
            row("dmesg: not an identifier", None, None, None),
            row("hog invoked oom-killer: bare", None, None, None),
        ]
    );
}

#[test]
fn lines_without_a_front_continue_the_one_before() {
    let text = "first\n[    1.000000] anon 1\n file 2\r\n[    2.000000] x\n";
    let mut seen = Vec::new();
    walk(&Bytes::new(text.as_bytes().to_vec()), Form::Lines, |record| {
        seen.push((
            record.continued,
            record.time().monotonic.map(|at| at.0),
            String::from_utf8_lossy(record.text()).into_owned(),
        ));
    });
    let expected = [
        (false, None, "first"),
        (false, Some(1_000_000), "anon 1"),
        (true, Some(1_000_000), "file 2"),
        (false, Some(2_000_000), "x"),
    ];
    assert_eq!(seen, expected.map(|(continued, at, text)| (continued, at, text.to_owned())));
}

#[test]
fn wall_times_host_priority_and_boot_are_read() {
    let text = "-- Boot 6c7c6013a26343b29e964691ff25d04c --\nNov 26 03:20:50 web-1 kernel: a\n<3>b\n[Thu Nov 26 03:20:50 2026] c\n";
    let mut seen = Vec::new();
    walk(&Bytes::new(text.as_bytes().to_vec()), Form::Lines, |record| {
        let month = record
            .time()
            .wall
            .as_ref()
            .map(|wall| matches!(wall, Moment::Local { civil, .. } if civil.month == 11 && civil.day == 26));
        seen.push((month, record.host().map(<[u8]>::to_vec), record.priority, record.boot.is_some(), record.source));
    });
    assert_eq!(
        seen,
        [
            (Some(true), Some(b"web-1".to_vec()), None, true, Source::Kernel),
            (None, None, Some(3), true, Source::Kernel),
            (Some(true), None, None, true, Source::Unsaid),
        ]
    );
}

#[test]
fn dev_kmsg_gives_priority_caller_and_escapes() {
    let text = "6,339,5140900,-,caller=T1;a \\x5c b\\x0ac\n SUBSYSTEM=pci\n30,340,5141000,-;systemd[1]: d\n";
    let seen = rows(text, Form::Kmsg);
    assert_eq!(
        seen,
        [
            row("a \\ b", Some(5_140_900), Some(Caller::Task(1)), None),
            row("c", Some(5_140_900), Some(Caller::Task(1)), None),
            row("d", Some(5_141_000), None, Some("systemd")),
        ]
    );
    let mut places = Vec::new();
    walk(&Bytes::new(text.as_bytes().to_vec()), Form::Kmsg, |record| {
        places.push((&text[record.at().0..record.at().1], record.source, record.priority));
    });
    assert_eq!(
        places,
        [("a \\x5c b", Source::Kernel, Some(6)), ("c", Source::Kernel, Some(6)), ("d", Source::Program, Some(6))]
    );
}

#[test]
fn dmesg_json_gives_callers_and_escapes() {
    let text = r#"{ "dmesg": [ { "pri": 6, "time":     1.000002, "caller": "T7", "msg": "a\tb\u00e9\nc" },{ "fac":"kern","pri":"3", "time":2.000000,"msg":"{}[]" } ] }"#;
    assert_eq!(
        rows(text, Form::Json),
        [
            row("a\tb\u{e9}", Some(1_000_002), Some(Caller::Task(7)), None),
            row("c", Some(1_000_002), Some(Caller::Task(7)), None),
            row("{}[]", Some(2_000_000), None, None),
        ]
    );
}

#[test]
fn a_line_too_long_and_a_file_cut_off_are_gaps() {
    let mut text = "x".repeat(LONGEST_LINE + 1);
    text += "\n[    1.000000] y\n";
    let mut count = 0;
    let gaps = walk(&Bytes::new(text.into_bytes()), Form::Lines, |_| count += 1);
    assert_eq!((count, gaps.list().len()), (1, 1));
    let gaps = walk(&Bytes::new(br#"{"dmesg":[{"pri":6,"msg":"a"#.to_vec()), Form::Json, |_| {});
    assert_eq!(gaps.list().len(), 1);
    let gaps = walk(&Bytes::new(b"no record\n".to_vec()), Form::Kmsg, |_| {});
    assert_eq!(gaps.list().len(), 1);
}

#[test]
fn logs_are_told_by_content_and_nothing_else_is_one() {
    let form = |text: &str| form_of(&Sniff { path: "x", head: text.as_bytes(), whole: true });
    assert_eq!(form("[    0.000000] Linux version 6.12.57\n[    0.000000] Command line: x\n"), Some(Form::Lines));
    assert_eq!(form("[    1.0] x\n"), None);
    assert_eq!(form("[Thu Nov 26 03:20:50 2026] Linux\n[Thu Nov 26 03:20:50 2026] x\n"), Some(Form::Lines));
    assert_eq!(form("kern  :info  : [    0.000000] Linux\n"), Some(Form::Lines));
    assert_eq!(form("<6>[    0.000000] Linux\n<6>x\n"), Some(Form::Lines));
    assert_eq!(form("6,1,0,-;Linux version\n SUBSYSTEM=pci\n"), Some(Form::Kmsg));
    assert_eq!(form("{\n   \"dmesg\": [\n"), Some(Form::Json));
    assert_eq!(
        form("hog invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0\nmemory: usage 1kB\n"),
        Some(Form::Lines)
    );
    // Journals, configuration, code, prose.
    for other in [
        "Nov 26 03:20:50 host kernel: hog invoked oom-killer: gfp_mask=0xcc0, order=0, oom_score_adj=0\n",
        "[    1.000000] host systemd[1]: Started a.service.\n[    2.000000] host kernel: x\n",
        "{\"__REALTIME_TIMESTAMP\":\"1\",\"MESSAGE\":\"x\"}\n",
        "__CURSOR=s=1\nMESSAGE=x\n\n",
        "[Unit]\nDescription=x\n[Service]\n",
        "net.ipv4.ip_forward = 1\n",
        "anon 1\nfile 2\n",
        "if (x) {\n  pr_warn(\"%s invoked oom-killer: gfp_mask=%#x\");\n}\n",
        "It said: hog invoked oom-killer, and then it died.\n",
        "",
        "a;b\nc;d\n",
    ] {
        assert_eq!(form(other), None, "{other}");
    }
    assert!((KERNEL_LOG.sniff)(&Sniff { path: "x", head: b"[    0.000000] Linux\n", whole: true }));
}

proptest! {
    #[test]
    fn every_place_is_inside_and_in_order(bytes in prop::collection::vec(
        prop_oneof![any::<u8>(), Just(b'['), Just(b']'), Just(b'\n'), Just(b' '), Just(b'1'), Just(b'.'), Just(b':'), Just(b'\\'), Just(b'x'), Just(b'"'), Just(b'{'), Just(b','), Just(b';'), Just(b'#')],
        0..160,
    )) {
        for form in [Form::Lines, Form::Kmsg, Form::Json] {
            let mut last = 0;
            let gaps = walk(&Bytes::new(bytes.clone()), form, |record| {
                let at = record.at();
                assert!(record.start <= at.0 && at.0 <= at.1 && at.1 <= bytes.len());
                assert!(last <= record.start);
                last = record.start;
                for from in 0..=record.text().len().min(40) {
                    let place = record.place(from, record.text().len());
                    assert!(at.0 <= place.0 && place.0 <= place.1 && place.1 <= at.1, "{place:?} {at:?}");
                }
            });
            for gap in gaps.list() {
                prop_assert!(gap.start <= gap.end && gap.end <= bytes.len());
            }
        }
    }
}
