//! The texts follow the formats in the kernel's source of each release; numbers are made up.

use casebook_core::Bytes;

use super::*;
use crate::kernel_log::Form;

mod broken;
mod eras;
mod forms;
mod hostile;
mod services;

/// The reports of a text, which must hold nothing that is not known.
fn reports(text: &str) -> Vec<Report> {
    let (events, gaps) = events(text, Form::Lines);
    assert!(gaps.is_empty(), "{:?}", gaps.list());
    events
        .into_iter()
        .filter_map(|event| if let Event::Report(report) = event { Some(*report) } else { None })
        .collect()
}

/// The only report of a text.
fn report(text: &str) -> Report {
    let mut reports = reports(text);
    assert_eq!(reports.len(), 1);
    reports.remove(0)
}

fn events(text: &str, form: Form) -> (Vec<Event>, Gaps) {
    let mut events = Vec::new();
    let gaps = walk(&Bytes::new(text.as_bytes().to_vec()), form, |event| events.push(event));
    (events, gaps)
}

/// The text at a place.
fn at(text: &str, place: Place) -> &str {
    &text[place.0..place.1]
}

/// A report of 6.12 as `dmesg` prints it.
const REPORT: &str = "\
[   30.100001] hog invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=-5
[   30.100002] CPU: 1 UID: 1000 PID: 77 Comm: hog Not tainted 6.12.57+deb13-amd64 #1  Debian 6.12.57-1
[   30.100003] Hardware name: QEMU Standard PC (Q35 + ICH9, 2009), BIOS 1.16.2
[   30.100004] Call Trace:
[   30.100005]  <TASK>
[   30.100006]  dump_stack_lvl+0x64/0x80
[   30.100007]  ? srso_return_thunk+0x5/0x5f
[   30.100008] RIP: 0033:0x7f1c0a6b1a3c
[   30.100009] Code: Unable to access opcode bytes at 0x7f1c0a6b1a12.
[   30.100010] RSP: 002b:00007ffd3b1f2a50 EFLAGS: 00010206
[   30.100011]  </TASK>
[   30.100012] memory: usage 65536kB, limit 65536kB, failcnt 18
[   30.100013] swap: usage 0kB, limit 9007199254740988kB, failcnt 0
[   30.100014] Memory cgroup stats for /web.slice:
[   30.100015] anon 1048576
[   30.100016] file 66060288
[   30.100017] shmem 66060288
[   30.100018] pgscan 30
[   30.100019] from_tomorrow 7
[   30.100020] Tasks state (memory values in pages):
[   30.100021] [  pid  ]   uid  tgid total_vm      rss rss_anon rss_file rss_shmem pgtables_bytes swapents oom_score_adj name
[   30.100022] [     77]  1000    76    18424      700      256      440        4   176128        3            -5 hog
[   30.100023] [     80]     0    80     1024       16        1       15        0    36864        0         -1000  a b) (c 
[   30.100024] oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0-1,oom_memcg=/web.slice,task_memcg=/web.slice/a,b.service,task=hog,pid=76,uid=1000
[   30.100025] Memory cgroup out of memory: Killed process 76 (hog) total-vm:73696kB, anon-rss:1024kB, file-rss:1760kB, shmem-rss:16kB, UID:1000 pgtables:172kB oom_score_adj:-5
[   30.100090] oom_reaper: reaped process 76 (hog), now anon-rss:0kB, file-rss:1760kB, shmem-rss:16kB
";
