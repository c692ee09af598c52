//! A report of every era, and what each says that others do not.

use super::*;

#[test]
fn every_field_of_a_report_of_6_12_is_read() {
    let report = report(REPORT);
    assert!(report.complete && report.begins && !report.mixed);
    assert_eq!((report.lines, report.unmodelled, report.outcome), (25, 0, Outcome::Killed));
    assert_eq!(report.time.monotonic.map(|at| at.0), Some(30_100_001));
    assert_eq!(report.ended.monotonic.map(|at| at.0), Some(30_100_025));
    let invoked = report.invoked.as_ref().map(|placed| &placed.value).unwrap();
    assert_eq!((invoked.comm.as_str(), invoked.gfp_mask, invoked.order), ("hog", Some(0xcc0), Some(0)));
    assert_eq!((invoked.gfp_names.as_deref(), invoked.oom_score_adj), (Some("GFP_KERNEL"), Some(-5)));
    let cpu = report.cpu.as_ref().map(|placed| &placed.value).unwrap();
    assert_eq!((cpu.cpu, cpu.uid, cpu.pid, cpu.comm.as_str()), (Some(1), Some(1000), Some(77), "hog"));
    assert_eq!((cpu.tainted.as_ref(), cpu.build.as_str()), (None, "#1  Debian 6.12.57-1"));
    assert_eq!(
        report.release().map(|(release, place)| (release, at(REPORT, place))),
        Some(("6.12.57+deb13-amd64", "6.12.57+deb13-amd64"))
    );
    assert_eq!(report.hardware.as_ref().unwrap().value, "QEMU Standard PC (Q35 + ICH9, 2009), BIOS 1.16.2");
    assert!(
        at(REPORT, report.trace.unwrap()).starts_with("Call Trace:")
            && at(REPORT, report.trace.unwrap()).ends_with("</TASK>")
    );

    let memory = report.counter(Counter::Memory).unwrap();
    assert_eq!((memory.usage, memory.limit, memory.failcnt), (65536 << 10, 65536 << 10, 18));
    assert_eq!((at(REPORT, memory.usage_at), memory.unlimited()), ("65536kB", false));
    assert!(report.counter(Counter::Swap).unwrap().unlimited() && report.counter(Counter::Kmem).is_none());
    let stats = report.group_stats().unwrap();
    assert_eq!((stats.group.as_str(), stats.form, stats.cut), ("/web.slice", StatsForm::Lines, false));
    let row = |key| report.stat(key).map(|stat| (stat.value, stat.unit, at(REPORT, stat.at)));
    assert_eq!(row("anon"), Some((1_048_576, Unit::Bytes, "anon 1048576")));
    assert_eq!(row("pgscan"), Some((30, Unit::Count, "pgscan 30")));
    assert_eq!(row("from_tomorrow"), Some((7, Unit::Unsaid, "from_tomorrow 7")));
    assert_eq!(report.stat("pgscan").and_then(Stat::bytes), None);

    let choice = report.choice.as_ref().map(|placed| &placed.value).unwrap();
    assert_eq!((choice.constraint, choice.global), (Some(Constraint::Memcg), false));
    assert_eq!((choice.mems_allowed.as_deref(), choice.cpuset.as_deref()), (Some("0-1"), Some("/")));
    assert_eq!((choice.nodemask.as_deref(), choice.uid), (Some("(null)"), Some(1000)));
    assert_eq!(report.limit_group().map(|group| at(REPORT, group.at)), Some("/web.slice"));
    assert_eq!(report.victim_group().map(|group| group.value.as_str()), Some("/web.slice/a,b.service"));
    assert_eq!(report.victim().map(|(pid, comm, _)| (pid, comm)), Some((76, "hog")));
    let kill = &report.kills[0];
    assert_eq!(
        (kill.word, kill.memcg, kill.uid, kill.oom_score_adj),
        (KillWord::Killed, Some(true), Some(1000), Some(-5))
    );
    assert_eq!((kill.total_vm, kill.anon_rss), (Some(73696 << 10), Some(1024 << 10)));
    assert_eq!((kill.file_rss, kill.shmem_rss, kill.pgtables), (Some(1760 << 10), Some(16 << 10), Some(172 << 10)));
    assert_eq!(at(REPORT, kill.comm_at), "hog");
    let reaped = &report.reaped[0].value;
    assert_eq!((reaped.pid, reaped.able, reaped.anon_rss, reaped.file_rss), (76, true, Some(0), Some(1760 << 10)));
}

#[test]
fn rows_hold_pages_and_names_of_any_form() {
    let report = report(REPORT);
    let table = report.table.as_ref().unwrap();
    assert_eq!(table.columns.len(), 11);
    let task = &table.tasks[0];
    assert_eq!((task.pid, task.uid, task.tgid, task.total_vm, task.rss), (77, 1000, 76, 18424, 700));
    assert_eq!((task.rss_anon, task.rss_file, task.rss_shmem), (Some(256), Some(440), Some(4)));
    assert_eq!((task.pgtables_bytes, task.swapents, task.oom_score_adj), (Some(176_128), Some(3), Some(-5)));
    assert_eq!(report.task(80).map(|task| (task.name.as_str(), task.oom_score_adj)), Some((" a b) (c ", Some(-1000))));
}

/// mm/oom_kill.c and mm/memcontrol.c of 2.6.32 as Red Hat ships it: both the group's numbers and the machine's.
#[test]
fn a_report_of_2_6_32_has_the_machine_and_the_group() {
    let text = "\
hog invoked oom-killer: gfp_mask=0xd0, order=0, oom_adj=-3, oom_score_adj=-200
hog cpuset=/ mems_allowed=0
Pid: 2051, comm: hog Tainted: G        W  ---------------    2.6.32-431.el6.x86_64 #1
Call Trace:
 [<ffffffff810d05b1>] ? cpuset_print_task_mems_allowed+0x91/0xb0
 [<ffffffff811173e0>] dump_header+0x90/0x1b0
Task in /web/worker killed as a result of limit of /web
memory: usage 204800kB, limit 204800kB, failcnt 1061
memory+swap: usage 204800kB, limit 9007199254740991kB, failcnt 0
Mem-Info:
Node 0 DMA per-cpu:
CPU    0: hi:    0, btch:   1 usd:   0
active_anon:51023 inactive_anon:57 isolated_anon:0
 active_file:120 inactive_file:69 isolated_file:0
 free:3933 slab_reclaimable:1635 slab_unreclaimable:1919
Node 0 DMA free:15732kB min:248kB low:308kB high:372kB active_anon:0kB pages_scanned:0 all_unreclaimable? yes
lowmem_reserve[]: 0 3000 4010 4010
Node 0 DMA: 3*4kB 2*8kB 1*16kB = 15732kB
2071 total pagecache pages
0 pages in swap cache
Swap cache stats: add 0, delete 0, find 0/0
Free swap  = 0kB
Total swap = 1048572kB
1048575 pages RAM
67432 pages reserved
[ pid ]   uid  tgid total_vm      rss cpu oom_adj oom_score_adj name
[ 2051]   500  2051    52000    50990   1      -3          -200 hog
Memory cgroup out of memory: Kill process 2051 (hog) score 998 or sacrifice child
Killed process 2051, UID 500, (hog) total-vm:208000kB, anon-rss:203900kB, file-rss:60kB
";
    let report = report(text);
    assert!(report.complete, "{report:#?}");
    assert_eq!(report.lines, text.lines().count() as u64);
    assert_eq!(report.release().map(|(release, _)| release), Some("2.6.32-431.el6.x86_64"));
    assert_eq!(report.cpu.as_ref().unwrap().value.tainted.as_deref(), Some("G        W  ---------------"));
    assert_eq!((report.is_memcg(), report.constraint()), (Some(true), Some(Constraint::Memcg)));
    assert_eq!(report.limit_group().map(|group| at(text, group.at)), Some("/web"));
    assert_eq!(report.victim_group().map(|group| at(text, group.at)), Some("/web/worker"));
    assert!(report.counter(Counter::MemorySwap).unwrap().unlimited());
    let machine = report.machine.as_ref().unwrap();
    assert_eq!(machine.count("active_file").map(|stat| (stat.value, stat.unit)), Some((120, Unit::Pages)));
    assert_eq!(machine.number("Total swap").and_then(Stat::bytes), Some(1_048_572 << 10));
    assert_eq!(machine.number("pages RAM").map(|stat| stat.value), Some(1_048_575));
    let zone = &machine.areas[0];
    assert_eq!((zone.node, zone.zone.as_deref(), zone.all_unreclaimable), (Some(0), Some("DMA"), Some(true)));
    assert_eq!(zone.entries.iter().find(|stat| stat.key == "free").and_then(Stat::bytes), Some(15732 << 10));
    let task = report.task(2051).unwrap();
    assert_eq!((task.oom_adj, task.oom_score_adj, task.swapents), (Some(-3), Some(-200), None));
    let words: Vec<_> = report.kills.iter().map(|kill| (kill.word, kill.score, kill.uid)).collect();
    assert_eq!(words, [(KillWord::Chosen, Some(998), None), (KillWord::Killed, None, Some(500))]);
}

/// 3.8 to 4.20: a line of numbers for the group and each group below it, in KiB.
#[test]
fn statistics_in_one_line_are_read_for_every_group() {
    let text = "\
[  12.000001] hog invoked oom-killer: gfp_mask=0x14200ca(GFP_HIGHUSER_MOVABLE), nodemask=(null),  order=0, oom_score_adj=0
[  12.000002] hog cpuset=609e7ec068ac mems_allowed=0
[  12.000003] CPU: 0 PID: 93 Comm: hog Not tainted 4.14.67+ #1
[  12.000004] Call Trace:
[  12.000005]  dump_stack+0x5c/0x78
[  12.000006] Task in /docker/609e killed as a result of limit of /docker
[  12.000007] memory: usage 524288kB, limit 524288kB, failcnt 120
[  12.000008] memory+swap: usage 524288kB, limit 9007199254740988kB, failcnt 0
[  12.000009] kmem: usage 1024kB, limit 9007199254740988kB, failcnt 0
[  12.000010] Memory cgroup stats for /docker: cache:0KB rss:0KB rss_huge:0KB shmem:0KB
[  12.000011] Memory cgroup stats for /docker/a: b:609e: cache:4KB rss:523260KB inactive_anon:8KB
[  12.000012] [ pid ]   uid  tgid total_vm      rss nr_ptes nr_pmds swapents oom_score_adj name
[  12.000013] [   93]     0    93   131072   130815     262       3        0             0 hog
[  12.000014] Memory cgroup out of memory: Kill process 93 (hog) score 999 or sacrifice child
[  12.000015] Killed process 93 (hog) total-vm:524288kB, anon-rss:523260kB, file-rss:0kB, shmem-rss:0kB
";
    let report = report(text);
    assert!(report.complete, "{report:#?}");
    assert_eq!(report.invoked.as_ref().unwrap().value.nodemask.as_deref(), Some("(null)"));
    assert_eq!(report.cpuset.as_ref().unwrap().value.cpuset, "609e7ec068ac");
    let groups: Vec<_> = report.stats.iter().map(|stats| (at(text, stats.group_at), stats.entries.len())).collect();
    assert_eq!(groups, [("/docker", 4), ("/docker/a: b:609e", 3)]);
    assert_eq!(report.stat("rss").map(|stat| stat.value), Some(0), "of the group at its limit");
    let rss = report.stats[1].get("rss").unwrap();
    assert_eq!((rss.bytes(), at(text, rss.at)), (Some(523_260 << 10), "rss:523260KB"));
    let task = report.task(93).unwrap();
    assert_eq!((task.nr_ptes, task.nr_pmds, task.pgtables_bytes), (Some(262), Some(3), None));
    assert!(report.counter(Counter::Kmem).is_some());
}

/// 5.0 to 5.2 set no constraint for a group's limit (fixed by 432b1de0de02).
#[test]
fn a_limit_of_a_group_is_one_even_where_the_kernel_says_none() {
    let text = "\
hog invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0
memory: usage 1kB, limit 1kB, failcnt 1
Memory cgroup stats for /foo: cache:0KB rss:1KB
[  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name
[    210]     0   210      100       50    36864        0             0 hog
oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/foo,task_memcg=/foo,task=hog,pid=210,uid=0
Memory cgroup out of memory: Killed process 210 (hog) total-vm:1kB, anon-rss:1kB, file-rss:0kB, shmem-rss:0kB
";
    let report = report(text);
    assert_eq!(report.choice.as_ref().unwrap().value.constraint, Some(Constraint::None));
    assert_eq!((report.is_memcg(), report.constraint()), (Some(true), Some(Constraint::Memcg)));
}

/// 5.3 to 6.3 print all statistics as one message; `dmesg` writes its lines without a time.
#[test]
fn lines_of_one_message_continue_it() {
    let text = "\
[    3.199161] web invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0
[    3.199291] memory: usage 65536kB, limit 65536kB, failcnt 25
[    3.199292] swap: usage 0kB, limit 0kB, failcnt 0
[    3.199293] Memory cgroup stats for /lab:
[    3.199404] anon 66908160
file 0
kernel 200704
[    3.199427] Tasks state (memory values in pages):
[    3.199433] [  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name
[    3.199534] [     88]     0    88    18424    16462   176128        0             0 web
[    3.199587] oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),oom_memcg=/lab,task_memcg=/lab,task=web,pid=88,uid=0
[    3.200402] Memory cgroup out of memory: Killed process 88 (web) total-vm:73696kB, anon-rss:65144kB, file-rss:4kB, shmem-rss:700kB, UID:0 pgtables:172kB oom_score_adj:0
";
    let report = report(text);
    let keys: Vec<_> = report.stats[0].entries.iter().map(|stat| at(text, stat.at)).collect();
    assert_eq!(keys, ["anon 66908160", "file 0", "kernel 200704"]);
    assert!(report.complete && !report.stats[0].cut);
    assert_eq!(report.choice.as_ref().unwrap().value.cpuset, None, "without CONFIG_CPUSETS");
}

/// mm/oom_kill.c of 7.1: `mem_cgroup_show_protected_memory`.
#[test]
fn protection_is_read() {
    let line = "[   30.100019] Memory cgroup min protection 2048kB -- low protection 4096kB\n";
    let text = REPORT.replace("[   30.100020] Tasks", &format!("{line}[   30.100020] Tasks"));
    let protection = report(&text).protection.unwrap();
    assert_eq!((protection.value.min, protection.value.low), (2 << 20, 4 << 20));
    assert_eq!(at(&text, protection.at), line[15..].trim_end());
}

/// mm/show_mem.c and mm/slab_common.c of 6.x, without a node in front of zones (kernels for one node).
#[test]
fn a_report_of_the_machine_is_read() {
    let text = "\
[  492.600000] kworker/0:2 invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=-1, oom_score_adj=0
[  492.600001] CPU: 0 PID: 735 Comm: kworker/0:2 Tainted: P           O       6.8.0-45-generic #45
[  492.600002] Tainted: [P]=PROPRIETARY_MODULE, [O]=OOT_MODULE
[  492.600003] Workqueue: events moom_callback
[  492.600004] Mem-Info:
[  492.600005] active_anon:968 inactive_anon:32280 isolated_anon:0
                active_file:101656 inactive_file:27096 isolated_file:768
                free:12929 free_pcp:12 free_cma:0
[  492.600006] Node 0 active_anon:968kB inactive_anon:32280kB shmem:10236kB shmem_thp: 0kB anon_thp: 4kB all_unreclaimable? no
[  492.600007] DMA free:519112kB boost:7216kB min:10428kB low:11228kB high:12028kB reserved_highatomic:0KB managed:663836kB
[  492.600008] lowmem_reserve[]: 0 0 3188 3188
[  492.600009] DMA: 142*4kB (UEC) 161*8kB (UEC) 0*4096kB = 519120kB
[  492.600010] Node 0 hugepages_total=0 hugepages_free=0 hugepages_surp=0 hugepages_size=2048kB
[  492.600011] 36861 total pagecache pages
[  492.600012] 0 pages in swap cache
[  492.600013] Free swap  = 785668kB
[  492.600014] Total swap = 785668kB
[  492.600015] 1012736 pages RAM
[  492.600016] 816128 pages HighMem/MovableOnly
[  492.600017] 30649 pages reserved
[  492.600018] 131072 pages cma reserved
[  492.600019] 0 pages hwpoisoned
[  492.600020] Memory allocations:
[  492.600021]     2.00 MiB      512 mm/slub.c:2321 func:alloc_slab_page
[  492.600022] Unreclaimable slab info:
[  492.600023] Name                      Used          Total
[  492.600024] kmalloc-8k              123KB        456KB
[  492.600025] Tasks state (memory values in pages):
[  492.600026] [  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name
[  492.600027] [    250]     0   250     5000      300    61440        0         -1000 udevd
[  492.600028] oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,task_memcg=/user.slice,task=x,pid=900,uid=1000
[  492.600029] Out of memory: Killed process 900 (x) total-vm:1024kB, anon-rss:1024kB, file-rss:0kB, shmem-rss:0kB, UID:1000 pgtables:8kB oom_score_adj:0
";
    let report = report(text);
    assert!(report.complete && report.outcome == Outcome::Killed, "{report:#?}");
    assert_eq!((report.is_memcg(), report.constraint()), (Some(false), Some(Constraint::None)));
    assert_eq!((report.limit_group(), report.victim_group().unwrap().value.as_str()), (None, "/user.slice"));
    assert_eq!(report.invoked.as_ref().unwrap().value.order, Some(-1));
    let machine = report.machine.as_ref().unwrap();
    assert_eq!(machine.count("free").map(|stat| at(text, stat.at)), Some("free:12929"));
    let zone = machine.areas.iter().find(|area| area.zone.is_some()).unwrap();
    assert_eq!((zone.node, zone.zone.as_deref(), zone.entries.len()), (None, Some("DMA"), 7));
    assert_eq!(machine.areas[0].entries.last().map(|stat| (stat.key.as_str(), stat.value)), Some(("anon_thp", 4)));
    assert_eq!(machine.number("pages HighMem/MovableOnly").map(|stat| stat.value), Some(816_128));
    assert_eq!(
        machine.slabs.iter().map(|slab| (slab.name.as_str(), slab.total)).collect::<Vec<_>>(),
        [("kmalloc-8k", 456 << 10)]
    );
}

#[test]
fn kills_of_a_group_belong_to_one_report() {
    let more = "\
[   30.100026] Tasks in /web.slice are going to be killed due to memory.oom.group set
[   30.100027] Memory cgroup out of memory: Killed process 76 (hog) total-vm:73696kB, anon-rss:1024kB, file-rss:1760kB, shmem-rss:16kB, UID:1000 pgtables:172kB oom_score_adj:-5
[   30.100028] Memory cgroup out of memory: OOM victim 80 ( a b) (c) is already exiting. Skip killing the task
";
    let text = REPORT.replace("[   30.100090]", &format!("{more}[   30.100090]"));
    let report = report(&text);
    assert_eq!(report.group_kill.as_ref().map(|group| at(&text, group.at)), Some("/web.slice"));
    let kills: Vec<_> = report.kills.iter().map(|kill| (kill.pid, kill.word, kill.comm.as_str())).collect();
    assert_eq!(kills[..2], [(76, KillWord::Killed, "hog"), (76, KillWord::Killed, "hog")]);
    assert_eq!(kills[2], (80, KillWord::AlreadyExiting, " a b) (c"));
    assert_eq!((report.outcome, report.reaped.len()), (Outcome::Killed, 1));
}

#[test]
fn ends_without_a_kill_are_told_apart() {
    let cut = REPORT.find("[   30.100024]").unwrap();
    let end = |lines: &str| report(&format!("{}{lines}", &REPORT[..cut])).outcome;
    assert_eq!(end("[   31.000000] Out of memory and no killable processes...\n"), Outcome::NoVictim);
    let panic = "[   31.000000] Out of memory and no killable processes...\n\
                 [   31.000001] Kernel panic - not syncing: System is deadlocked on memory\n";
    assert_eq!(end(panic), Outcome::Panic);
    let exiting =
        "[   31.000000] Memory cgroup out of memory: OOM victim 76 (hog) is already exiting. Skip killing the task\n";
    assert_eq!(end(exiting), Outcome::AlreadyExiting);
    assert_eq!(end(""), Outcome::Unknown);
}
