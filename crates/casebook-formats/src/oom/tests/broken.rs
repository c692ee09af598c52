//! Logs with pieces missing, mixed up or broken.

use super::*;

#[test]
fn lines_of_others_are_kept_apart() {
    let other = "[   30.100016] docker0: port 1(veth12) entered disabled state\n";
    let text = REPORT.replace("[   30.100017] shmem", &format!("{other}[   30.100017] shmem"));
    let report = report(&text);
    assert_eq!(report.foreign.iter().map(|place| at(&text, *place)).collect::<Vec<_>>(), [other[15..].trim_end()]);
    assert!(report.complete && report.stat("shmem").is_some());
}

#[test]
fn lines_of_others_behind_the_last_are_not_inside() {
    let text = format!("{REPORT}[   31.000000] docker0: port 1(veth12) entered disabled state\n");
    let report = report(&text);
    assert!(report.foreign.is_empty());
    assert!(at(&text, report.at).ends_with("oom_score_adj:-5"));
}

#[test]
fn an_unknown_line_inside_of_a_report_is_a_gap() {
    let text =
        REPORT.replace("[   30.100014] Mem", "[   30.100013] Memory cgroup something new 7kB\n[   30.100014] Mem");
    let (events, gaps) = events(&text, Form::Lines);
    let Event::Report(report) = &events[0] else { panic!("{events:?}") };
    assert_eq!((report.unmodelled, report.complete), (1, false));
    assert_eq!(
        gaps.list().iter().map(|gap| at(&text, (gap.start, gap.end))).collect::<Vec<_>>(),
        ["Memory cgroup something new 7kB"]
    );
}

/// The ring buffer holds what is newest: the first report of a log often has no beginning.
#[test]
fn a_report_without_its_beginning_keeps_the_rest() {
    for (from, tasks, stats) in
        [("[   30.100012]", 2, 1), ("[   30.100020]", 2, 0), ("[   30.100022]", 2, 0), ("[   30.100024]", 0, 0)]
    {
        let text = &REPORT[REPORT.find(from).unwrap()..];
        let report = report(text);
        assert!(!report.begins && !report.complete && report.outcome == Outcome::Killed, "{from}");
        assert_eq!((report.table.map_or(0, |table| table.tasks.len()), report.stats.len()), (tasks, stats), "{from}");
        assert_eq!(report.kills[0].pid, 76);
    }
}

#[test]
fn a_table_without_its_header_is_read_by_the_count_of_numbers() {
    let text = &REPORT[REPORT.find("[   30.100022]").unwrap()..];
    let table = report(text).table.unwrap();
    assert_eq!(table.header, None);
    assert_eq!(
        (table.tasks[0].rss_anon, table.tasks[0].oom_score_adj, table.tasks[0].name.as_str()),
        (Some(256), Some(-5), "hog")
    );
}

#[test]
fn a_report_without_its_end_keeps_what_there_is() {
    for to in ["[   30.100003]", "[   30.100017]", "[   30.100023]", "[   30.100025]"] {
        let text = &REPORT[..REPORT.find(to).unwrap()];
        let report = report(text);
        assert!(report.begins && !report.complete && report.outcome == Outcome::Unknown, "{to}");
        assert_eq!(report.lines, text.lines().count() as u64);
    }
    let text = &REPORT[..REPORT.find("[   30.100025]").unwrap()];
    assert_eq!(report(text).victim().map(|(pid, comm, _)| (pid, comm.to_owned())), Some((76, "hog".to_owned())));
}

/// `__ratelimit(&oom_rs)` in `oom_kill_process` leaves out reports, not kills.
#[test]
fn a_kill_without_a_report_is_one_of_its_own() {
    let text = "\
[   30.100025] Memory cgroup out of memory: Killed process 76 (hog) total-vm:4kB, anon-rss:4kB, file-rss:0kB, shmem-rss:0kB, UID:0 pgtables:4kB oom_score_adj:0
[   30.200000] Memory cgroup out of memory: Killed process 77 (hog) total-vm:4kB, anon-rss:4kB, file-rss:0kB, shmem-rss:0kB, UID:0 pgtables:4kB oom_score_adj:0
[   30.300000] oom_reaper: reaped process 77 (hog), now anon-rss:0kB, file-rss:0kB, shmem-rss:0kB
[   36.000000] oom_kill_process: 2 callbacks suppressed
[   36.100000] oom_reaper: unable to reap pid:99 (x)
";
    let (events, gaps) = events(text, Form::Lines);
    assert!(gaps.is_empty());
    let mut kinds: Vec<String> = events
        .iter()
        .map(|event| match event {
            Event::Report(report) => format!("{} {} {:?}", report.kills[0].pid, report.reaped.len(), report.is_memcg()),
            Event::Suppressed(_, function, count) => format!("{function} {count}"),
            Event::Reaped(_, reaped) => format!("{} {}", reaped.pid, reaped.able),
            other => panic!("{other:?}"),
        })
        .collect();
    kinds.sort();
    assert_eq!(kinds, ["76 0 Some(true)", "77 1 Some(true)", "99 false", "oom_kill_process 2"]);
}

#[test]
fn lost_records_make_a_report_incomplete() {
    let text =
        REPORT.replace("[   30.100017] shmem", "[   30.100016] ** 12 printk messages dropped **\n[   30.100017] shmem");
    let lossy = report(&text);
    assert_eq!((lossy.dropped, lossy.complete), (12, false));
    let (events, _) = events("[    1.000000] ** 3 printk messages dropped **\n", Form::Lines);
    assert!(matches!(events[..], [Event::Dropped(_, 3)]));
}

/// Callers are printed with CONFIG_PRINTK_CALLER: the task that prints a report is the same for all of its lines.
#[test]
fn callers_tell_two_reports_apart() {
    let line =
        |second: u32, caller: u32, text: &str| format!("[{second:5}.000000][{:>6}] {text}\n", format!("T{caller}"));
    let one: Vec<&str> = REPORT.lines().map(|line| &line[15..]).collect();
    let mut text = String::new();
    for (index, own) in one.iter().take(25).enumerate() {
        text += &line(index as u32, 77, own);
        text += &line(
            index as u32,
            99,
            &own.replace("hog", "pig").replace("pid=76", "pid=98").replace("process 76", "process 98"),
        );
    }
    let reports = reports(&text);
    let seen: Vec<_> = reports
        .iter()
        .map(|report| (report.victim().unwrap().0, report.lines, report.complete, report.mixed))
        .collect();
    assert_eq!(seen, [(76, 25, true, false), (98, 25, true, false)]);
}

#[test]
fn reports_that_nothing_tells_apart_are_marked() {
    let head = &REPORT[..REPORT.find("[   30.100005]").unwrap()];
    let reports = reports(&format!("{head}{REPORT}"));
    assert_eq!(
        reports.iter().map(|report| (report.mixed, report.complete)).collect::<Vec<_>>(),
        [(true, false), (true, false)]
    );
}

#[test]
fn machines_of_one_log_are_kept_apart() {
    let line = |host: &str, text: &str| format!("Nov 26 03:20:50 {host} kernel: {text}\n");
    let text: String = REPORT.lines().map(|own| line("a", own) + &line("b", own)).collect();
    let reports = reports(&text);
    let hosts: Vec<_> =
        reports.iter().map(|report| (report.host.as_deref().unwrap(), report.complete, report.lines)).collect();
    assert_eq!(hosts, [("a", true, 25), ("b", true, 25)]);
}

/// `pr_cont` begins a new line when another processor printed in between (kernel/printk/printk.c, `prb_reserve_in_last`).
#[test]
fn broken_lines_are_joined() {
    let text = "\
hog invoked oom-killer: gfp_mask=0x14200ca(GFP_HIGHUSER_MOVABLE), nodemask=
(null)
,  order=0, oom_score_adj=0
hog cpuset=
609e7ec068ac
 mems_allowed=0
Task in 
/docker/609e
 killed as a result of limit of 
/docker
memory: usage 524288kB, limit 524288kB, failcnt 120
Memory cgroup stats for 
/docker
:
 cache:4KB
 rss:523260KB inactive_anon:8KB
[ pid ]   uid  tgid total_vm      rss nr_ptes nr_pmds swapents oom_score_adj name
[   93]     0    93   131072   130815     262       3        0             0 hog
Memory cgroup out of memory: Kill process 93 (hog) score 999 or sacrifice child
Killed process 93 (hog) total-vm:524288kB, anon-rss:523260kB, file-rss:0kB, shmem-rss:0kB
";
    let report = report(text);
    assert!(report.complete, "{report:#?}");
    let invoked = &report.invoked.as_ref().unwrap().value;
    assert_eq!((invoked.nodemask.as_deref(), invoked.order), (Some("(null)"), Some(0)));
    assert_eq!(report.cpuset.as_ref().unwrap().value.cpuset, "609e7ec068ac");
    assert_eq!(report.limit_group().map(|group| group.value.as_str()), Some("/docker"));
    assert_eq!(report.victim_group().map(|group| group.value.as_str()), Some("/docker/609e"));
    assert_eq!(report.stat("rss").and_then(Stat::bytes), Some(523_260 << 10));
}

#[test]
fn a_broken_line_whose_rest_is_missing_is_taken_as_it_is() {
    let at = REPORT.find(",task=hog,pid").unwrap();
    let text = format!("{}\n{}", &REPORT[..at], &REPORT[REPORT.find("[   30.100025]").unwrap()..]);
    let report = report(&text);
    assert_eq!(report.limit_group().map(|group| group.value.as_str()), Some("/web.slice"));
    assert_eq!((report.choice.unwrap().value.pid, report.kills[0].pid), (None, 76));
}

/// Found by the fuzzer: the report began behind its own end.
#[test]
fn a_broken_line_begins_where_its_first_piece_begins() {
    let text = "\
[    1.000001] hog invoked oom-killer: gfp_mask=0xcc0,
[    2.000002] ** 12 printk messages dropped **
[    3.000000] Linux version 6.12.57 x
";
    let (events, gaps) = events(text, Form::Lines);
    assert!(gaps.is_empty());
    let report =
        events.iter().find_map(|event| if let Event::Report(report) = event { Some(report) } else { None }).unwrap();
    assert_eq!(at(text, report.at), text.lines().next().unwrap());
    assert_eq!(report.time.monotonic.map(|at| at.0), Some(1_000_001));
}

/// 5.3 to 6.3: `vprintk_store` keeps 991 bytes of a message (`LOG_LINE_MAX` less a zero).
#[test]
fn a_message_that_filled_its_record_is_cut() {
    let stats = |first: &str, bytes: usize| {
        let block = format!("{first}\n{}", "pgkey 123456789\n".repeat(80));
        let head = "[   30.100014] Memory cgroup stats for /a:\n[   30.100015] ";
        let tail = "[   30.100020] Tasks state (memory values in pages):\n";
        report(&format!("{head}{}\n{tail}", block[..bytes].trim_end())).stats.remove(0)
    };
    let inside_of_a_number = stats("anon 10000000000000", 991);
    assert_eq!(
        inside_of_a_number.entries.last().map(|stat| (stat.key.as_str(), stat.value, stat.cut)),
        Some(("pgkey", 12_345, true))
    );
    assert!(inside_of_a_number.cut && inside_of_a_number.entries.iter().rev().skip(1).all(|stat| !stat.cut));
    let inside_of_a_key = stats("anon 100000", 991);
    assert_eq!(inside_of_a_key.entries.last().map(|stat| (stat.value, stat.cut)), Some((123_456_789, false)));
    assert!(inside_of_a_key.cut);
    assert!(!stats("anon 100000", 900).cut);
}
