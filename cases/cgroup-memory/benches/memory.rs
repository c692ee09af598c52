//! How fast trees and logs are read and judged: `cargo bench -p case-cgroup-memory --bench memory [-- LOG]`.
//!
//! Without a log, one of 64 MB is made in memory: lines of a kernel's log as machines write them, with an OOM report in every thousand
//! lines, and one that is nothing but reports.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "the case has no clock and no files; its measurement does"
)]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::Instant;

use case_cgroup_memory::{facts, rules};
use casebook_core::{Bytes, EvidenceSet, Input, Kind};
use casebook_formats::kernel_log::{self, Form, KERNEL_LOG};
use casebook_formats::oom;

/// A tree of so many groups, as `grep -r "" /sys/fs/cgroup` prints it.
fn tree(groups: usize) -> String {
    let mut out = String::new();
    for number in 0..groups {
        let path = format!("/sys/fs/cgroup/kubepods.slice/kubepods-burstable.slice/pod{}/app{number}", number / 4);
        let mut file = |name: &str, text: &str| {
            for line in text.lines() {
                out.push_str(&format!("{path}/{name}:{line}\n"));
            }
        };
        let anon = 40_000_000 + number * 4096;
        let stat = format!(
            "anon {anon}\nfile 90112000\nkernel 4521984\nkernel_stack 622592\npagetables 1548288\nsec_pagetables 0\npercpu 61200\nsock 40960\n\
             vmalloc 65536\nshmem 4096000\nzswap 0\nzswapped 0\nfile_mapped 35266560\nfile_dirty 40960\nfile_writeback 0\nswapcached 0\n\
             anon_thp 0\nfile_thp 0\nshmem_thp 0\ninactive_anon 44208128\nactive_anon 28672\ninactive_file 66789376\nactive_file 19226624\n\
             unevictable 0\nslab_reclaimable 1541736\nslab_unreclaimable 607304\nslab 2149040\nworkingset_refault_anon 0\n\
             workingset_refault_file 1212\nworkingset_activate_anon 0\nworkingset_activate_file 411\nworkingset_restore_anon 0\n\
             workingset_restore_file 66\nworkingset_nodereclaim 0\npgscan 80811\npgsteal 79982\npgscan_kswapd 0\npgscan_direct 80811\n\
             pgsteal_kswapd 0\npgsteal_direct 79982\npgfault 1822111\npgmajfault 922\npgrefill 1200\npgactivate 20110\npgdeactivate 0\n\
             pglazyfree 0\npglazyfreed 0\nzswpin 0\nzswpout 0\nthp_fault_alloc 0\nthp_collapse_alloc 0\n"
        );
        file("memory.stat", &stat);
        file("memory.current", "139264000\n");
        file("memory.max", "268435456\n");
        file("memory.high", "max\n");
        file("memory.low", "0\n");
        file("memory.min", "0\n");
        file("memory.peak", "201326592\n");
        file("memory.swap.current", "0\n");
        file("memory.swap.max", "0\n");
        file("memory.oom.group", "0\n");
        file("memory.events", "low 0\nhigh 0\nmax 12\noom 0\noom_kill 0\noom_group_kill 0\n");
        file("memory.events.local", "low 0\nhigh 0\nmax 12\noom 0\noom_kill 0\noom_group_kill 0\n");
        file(
            "memory.pressure",
            "some avg10=0.00 avg60=0.00 avg300=0.00 total=1200\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=900\n",
        );
        file("cgroup.procs", "1201\n1202\n1203\n");
        file("cgroup.stat", "nr_descendants 0\nnr_dying_descendants 0\n");
    }
    out
}

/// A report of 6.12.
fn report(at: f64, pid: u32) -> String {
    let stamp = format!("[{at:12.6}] ");
    let mut text = format!(
        "app invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0\nCPU: 1 UID: 0 PID: {pid} Comm: app Not tainted 6.12.57+deb13-amd64 #1\n\
         Hardware name: QEMU Standard PC\nCall Trace:\n <TASK>\n dump_stack_lvl+0x5d/0x80\n dump_header+0x43/0x1b0\n oom_kill_process.cold+0x8/0xf6\n \
         out_of_memory+0xee/0x580\n mem_cgroup_out_of_memory+0x131/0x140\n try_charge_memcg+0x41a/0x650\n </TASK>\n\
         memory: usage 65536kB, limit 65536kB, failcnt 35\nswap: usage 0kB, limit 0kB, failcnt 0\nMemory cgroup stats for /system.slice/app.service:\n\
         anon 184320\nfile 66727936\nkernel 196608\nkernel_stack 0\npagetables 32768\nsec_pagetables 0\npercpu 0\nsock 0\nvmalloc 0\nshmem 66727936\n\
         file_mapped 0\nfile_dirty 0\nfile_writeback 0\nswapcached 0\ninactive_anon 66908160\nactive_anon 4096\ninactive_file 0\nactive_file 0\n\
         unevictable 0\nslab_reclaimable 157264\nslab_unreclaimable 5552\nslab 162816\npgscan 0\npgsteal 0\npgfault 103\npgmajfault 0\n\
         Tasks state (memory values in pages):\n[  pid  ]   uid  tgid total_vm      rss rss_anon rss_file rss_shmem pgtables_bytes swapents oom_score_adj name\n"
    );
    for task in 0..8 {
        text.push_str(&format!(
            "[{:7}]     0 {:5}    16883      221       45      175        1    32768        0             0 app\n",
            pid + task,
            pid + task
        ));
    }
    text.push_str(&format!(
        "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/system.slice/app.service,task_memcg=/system.slice/app.service,task=app,pid={pid},uid=0\n\
         Memory cgroup out of memory: Killed process {pid} (app) total-vm:67532kB, anon-rss:180kB, file-rss:700kB, shmem-rss:4kB, UID:0 pgtables:32kB oom_score_adj:0\n"
    ));
    text.lines().map(|line| format!("{stamp}{line}\n")).collect()
}

fn log(bytes: usize, every: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes + 10_000);
    let mut number = 0usize;
    while out.len() < bytes {
        let at = number as f64 / 100.0;
        if number.is_multiple_of(every) {
            out.extend(report(at, 1000 + number as u32 % 30_000).bytes());
        }
        if every > 1 {
            out.extend(format!("[{at:12.6}] IPv6: ADDRCONF(NETDEV_CHANGE): veth{number:x}: link becomes ready, port 2(veth{number:x}) entered forwarding state\n").bytes());
        }
        number += 1;
    }
    out
}

fn best(name: &str, bytes: usize, mut work: impl FnMut() -> usize) {
    let mut least = f64::MAX;
    let mut found = 0;
    for _ in 0..5 {
        let start = Instant::now();
        found = black_box(work());
        least = least.min(start.elapsed().as_secs_f64());
    }
    println!("{name}: {:.2} ms, {:.0} MB/s, {found} found", least * 1e3, bytes as f64 / 1e6 / least);
}

/// Reads and judges evidence of one kind, as `check` does.
fn judged(bytes: &Bytes, kind: &'static Kind) -> usize {
    let mut set = EvidenceSet::new();
    set.add("bench", Some(kind.name), bytes.clone());
    let settings = BTreeMap::new();
    let facts = facts::read(&Input { evidence: &set, settings: &settings }).facts;
    let rules = rules::RULES.iter().filter(|rule| (rule.applies)(facts.as_ref()));
    rules.map(|rule| (rule.run)(rule, facts.as_ref(), &set).len()).sum()
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let walked = |bytes: &Bytes| {
        let mut reports = 0;
        oom::walk(bytes, Form::Lines, |_| reports += 1);
        reports
    };
    if let Some(path) = arguments.first() {
        let bytes = Bytes::new(std::fs::read(path).unwrap());
        best(path, bytes.as_slice().len(), || walked(&bytes));
        return;
    }
    for groups in [1000, 2000] {
        let text = Bytes::new(tree(groups).into_bytes());
        let size = text.as_slice().len();
        best(&format!("a tree of {groups} groups, read and judged"), size, || {
            judged(&text, &facts::tree::kinds::CGROUP_TREE)
        });
    }
    for (name, every) in [("a log with a report in every 1000 lines", 1000), ("a log of reports alone", 1)] {
        let text = Bytes::new(log(64 << 20, every));
        let size = text.as_slice().len();
        best(&format!("{name}, reports"), size, || walked(&text));
        best(&format!("{name}, lines"), size, || {
            let mut lines = 0;
            kernel_log::walk(&text, Form::Lines, |_| lines += 1);
            lines
        });
        best(&format!("{name}, facts and findings"), size, || judged(&text, &KERNEL_LOG));
    }
}
