//! The same report in every form of a log.

use super::*;
use crate::journal;

/// What a report says, without places and times.
fn facts(text: &str, form: Form) -> String {
    let (events, gaps) = events(text, form);
    assert!(gaps.is_empty(), "{form:?}: {:?}", gaps.list());
    let [Event::Report(report)] = &events[..] else { panic!("{form:?}: {events:?}") };
    let stats: Vec<String> = report
        .group_stats()
        .unwrap_or_else(|| panic!("{text}\n{report:?}"))
        .entries
        .iter()
        .map(|stat| {
            let written = at(text, stat.at);
            let number = stat.value.to_string();
            assert!(
                written.contains(&stat.key) && written.contains(&number) || form == Form::Journal(journal::Form::Json),
                "{written}"
            );
            format!("{}={}", stat.key, stat.value)
        })
        .collect();
    let tasks: Vec<_> =
        report.table.as_ref().unwrap().tasks.iter().map(|task| (task.pid, task.rss, task.name.clone())).collect();
    assert!(report.complete, "{text}\n{report:?}");
    format!(
        "{:?} {stats:?} {tasks:?} {:?} {}",
        report.victim().map(|victim| (victim.0, victim.1)),
        report.limit_group().map(|group| &group.value),
        report.lines
    )
}

/// The lines of the report without their stamps; the statistics are one message.
fn messages() -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for line in REPORT.lines() {
        let text = &line[15..];
        match out.last_mut() {
            Some(last) if last.starts_with("anon ") && text.split(' ').count() == 2 && !text.starts_with('[') => {
                last.push('\n');
                last.push_str(text);
            }
            _ => out.push(text.to_owned()),
        }
    }
    out
}

#[test]
fn all_forms_say_the_same() {
    let expected = facts(REPORT, Form::Lines);
    let messages = messages();
    let lines = |front: fn(usize) -> String, more: &str| -> String {
        messages
            .iter()
            .enumerate()
            .map(|(index, text)| format!("{}{}\n", front(index), text.replace('\n', &format!("\n{more}"))))
            .collect()
    };
    let same = |name: &str, text: &str| assert_eq!(facts(text, Form::Lines), expected, "{name}");
    same("dmesg", &lines(|index| format!("[{index:5}.000000] "), ""));
    same("dmesg -T", &lines(|index| format!("[Thu Nov 26 03:20:{index:02} 2026] "), "                           "));
    same("dmesg -T in German", &lines(|index| format!("[Do Nov 26 03:20:{index:02} 2026] "), "    "));
    same("dmesg -x", &lines(|index| format!("kern  :info  : [{index:5}.000000] "), ""));
    same(
        "dmesg -e",
        &lines(|index| if index == 0 { "[Nov26 03:20] ".into() } else { "[  +0.000001] ".into() }, "    "),
    );
    same("dmesg --time-format iso", &lines(|index| format!("2026-11-26T03:20:{index:02},123456+00:00 "), ""));
    same("dmesg -r", &lines(|index| format!("<6>[{index:5}.000000] "), "<6>[    1.000000] "));
    same("console with callers", &lines(|index| format!("[{index:5}.000000][   T76] "), "[    1.000000][   T76] "));
    same("bare", &lines(|_| String::new(), ""));
    same(
        "syslog",
        &lines(|index| format!("Nov 26 03:20:50 host kernel: [{index:5}.000000] "), "Nov 26 03:20:50 host kernel: "),
    );
    same(
        "rsyslog",
        &lines(|index| format!("2026-11-26T03:20:50.123456+00:00 host kernel: [{index:5}.000000] "), "#012")
            .replace("\n#012", "#012"),
    );
    same("journalctl -k", &lines(|_| "Nov 26 03:20:50 host kernel: ".into(), "                              "));
    same(
        "journalctl -o short-monotonic",
        &lines(|index| format!("[{index:5}.000000] host kernel: "), "                   "),
    );
    same(
        "a container's log",
        &lines(
            |index| format!("2026-11-26T03:20:50.123456789Z stdout F [{index:5}.000000] "),
            "2026-11-26T03:20:50.123456789Z stdout F ",
        ),
    );
    same("pasted", &lines(|index| format!("kernel: [{index:5}.000000] "), "kernel: "));
}

#[test]
fn records_of_dev_kmsg_are_read_with_their_escapes() {
    let text: String = messages()
        .iter()
        .enumerate()
        .map(|(index, text)| {
            format!(
                "6,{index},{}000000,-;{}\n SUBSYSTEM=pci\n DEVICE=+pci:0000:00:1f.2\n",
                index,
                text.replace('\n', "\\x0a")
            )
        })
        .collect();
    assert_eq!(facts(&text, Form::Kmsg), facts(REPORT, Form::Lines));
}

#[test]
fn dmesg_json_is_read_with_its_escapes() {
    let records: Vec<String> = messages()
        .iter()
        .enumerate()
        .map(|(index, text)| {
            format!(
                "{{\n \"pri\":6,\n \"time\":{index:12}.000000,\n \"msg\":{}\n }}",
                serde_json::to_string(text).unwrap()
            )
        })
        .collect();
    let text = format!("{{\n \"dmesg\": [\n{}\n ]\n}}\n", records.join(","));
    assert_eq!(facts(&text, Form::Json), facts(REPORT, Form::Lines));
}

#[test]
fn journals_are_read() {
    let expected = facts(REPORT, Form::Lines);
    let messages = messages();
    let mut export = Vec::new();
    let mut json = String::new();
    for (index, text) in messages.iter().enumerate() {
        export.extend(format!("__CURSOR=s=1;i={index:x}\n__REALTIME_TIMESTAMP=1795663250{index:06}\n__MONOTONIC_TIMESTAMP={index}\n_BOOT_ID=6c7c6013a26343b29e964691ff25d04c\n_TRANSPORT=kernel\nSYSLOG_IDENTIFIER=kernel\n").into_bytes());
        if text.contains('\n') {
            export.extend(b"MESSAGE\n");
            export.extend((text.len() as u64).to_le_bytes());
            export.extend(text.as_bytes());
            export.extend(b"\n\n");
        } else {
            export.extend(format!("MESSAGE={text}\n\n").into_bytes());
        }
        let message =
            if index % 2 == 0 { serde_json::to_string(text).unwrap() } else { format!("{:?}", text.as_bytes()) };
        json += &format!(
            "{{\"__REALTIME_TIMESTAMP\":\"1795663250{index:06}\",\"_TRANSPORT\":\"kernel\",\"SYSLOG_IDENTIFIER\":\"kernel\",\"MESSAGE\":{message}}}\n"
        );
    }
    let export = String::from_utf8(export).unwrap();
    assert_eq!(facts(&export, Form::Journal(journal::Form::Export)), expected);
    assert_eq!(facts(&json, Form::Journal(journal::Form::Json)), expected);
    let (events, _) = events(&export, Form::Journal(journal::Form::Export));
    let Event::Report(report) = &events[0] else { panic!() };
    assert_eq!(report.boot.map(|boot| boot.0 >> 96), Some(0x6c7c_6013));
    assert_eq!(report.time.wall.as_ref().and_then(|wall| wall.utc()).map(|at| at.0), Some(1_795_663_250_000_000));
}

/// The place of a number inside of a message with escapes is its place in the file.
#[test]
fn places_inside_of_escaped_messages_are_those_of_the_file() {
    let text = r#"{"__REALTIME_TIMESTAMP":"1795663250000000","SYSLOG_IDENTIFIER":"kernel","MESSAGE":"Memory cgroup stats for /\u00e9\"b:"}
{"__REALTIME_TIMESTAMP":"1795663250000000","SYSLOG_IDENTIFIER":"kernel","MESSAGE":"anon 12\nfile 34\nshmem 5"}
{"__REALTIME_TIMESTAMP":"1795663250000000","SYSLOG_IDENTIFIER":"kernel","MESSAGE":[112,103,115,99,97,110,32,55]}
"#;
    let (events, _) = events(text, Form::Journal(journal::Form::Json));
    let [Event::Report(report)] = &events[..] else { panic!("{events:?}") };
    let stats = &report.stats[0];
    assert_eq!((stats.group.as_str(), at(text, stats.group_at)), ("/é\"b", r#"/\u00e9\"b"#));
    assert_eq!(
        stats.entries.iter().map(|stat| at(text, stat.at)).collect::<Vec<_>>(),
        ["anon 12", "file 34", "shmem 5", "112,103,115,99,97,110,32,55"]
    );
}
