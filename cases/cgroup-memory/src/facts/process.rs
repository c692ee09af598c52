//! Processes: `/proc/PID/status`, `smaps_rollup`, `cgroup`, `oom_score_adj` (Documentation/filesystems/proc.rst).

use casebook_core::{Coverage, Evidence, Input, Kind, Span, Unmodelled};
use casebook_formats::text::{Line, MOST_GAPS, Told, head_lines, lines};

/// `/proc/PID/status`.
pub static STATUS: Kind = Kind {
    name: "proc-status",
    what: "/proc/PID/status",
    sniff: |sniff| {
        let lines = head_lines(sniff);
        let has = |key: &str| lines.iter().any(|line| line.starts_with(key));
        has("Name:\t") && has("Pid:\t") && has("State:\t")
    },
    refers: None,
    comment: None,
};

/// `/proc/PID/smaps_rollup`.
pub static ROLLUP: Kind = Kind {
    name: "smaps-rollup",
    what: "/proc/PID/smaps_rollup",
    sniff: |sniff| {
        let lines = head_lines(sniff);
        lines.first().is_some_and(|line| line.ends_with("[rollup]"))
            && lines.iter().any(|line| line.starts_with("Rss:"))
    },
    refers: None,
    comment: None,
};

/// `/proc/PID/cgroup` and `/proc/PID/oom_score_adj`, which only their path tells.
pub static BY_PATH: Kind = Kind {
    name: "proc-file",
    what: "/proc/PID/cgroup, /proc/PID/oom_score_adj",
    sniff: |sniff| sniff.whole && pid(sniff.path).is_some_and(|(_, file)| matches!(file, "cgroup" | "oom_score_adj")),
    refers: None,
    comment: None,
};

/// Kinds of evidence about processes.
pub static KINDS: &[&Kind] = &[&STATUS, &ROLLUP, &BY_PATH];

/// What one process has, in bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Process {
    /// `before/proc` for a process of `before/proc/7/status`: of which reading it is.
    pub root: String,
    /// Its number.
    pub pid: u32,
    /// `Name`.
    pub name: Option<Told<String>>,
    /// `VmRSS`: all that is mapped and in memory.
    pub rss: Option<Told<u64>>,
    /// `RssAnon`
    pub rss_anon: Option<Told<u64>>,
    /// `RssFile`
    pub rss_file: Option<Told<u64>>,
    /// `RssShmem`: tmpfs and shared memory that is mapped. What is only in a file of a tmpfs is not in it.
    pub rss_shmem: Option<Told<u64>>,
    /// `VmPTE`: its page tables.
    pub page_tables: Option<Told<u64>>,
    /// `VmSwap`
    pub swap: Option<Told<u64>>,
    /// `VmLck`: locked in memory.
    pub locked: Option<Told<u64>>,
    /// `Pss` of smaps_rollup: shared pages divided among those who map them.
    pub pss: Option<Told<u64>>,
    /// `oom_score_adj`
    pub oom_score_adj: Option<Told<i64>>,
    /// The group, as `/proc/PID/cgroup` says (v2's line, or v1's of memory).
    pub group: Option<Told<String>>,
}

/// The pid and the file of a path `…/proc/PID/FILE` or `…/PID/FILE`.
fn pid(path: &str) -> Option<(u32, &str)> {
    let mut parts = path.rsplit('/');
    let file = parts.next()?;
    Some((parts.next()?.parse().ok()?, file))
}

/// What stands before the pid in a path.
fn root(path: &str) -> &str {
    path.rsplitn(3, '/').nth(2).unwrap_or("")
}

/// Processes that are kept.
const MOST: usize = 100_000;

/// Reads all evidence about processes, in order of pid within a reading.
pub(super) fn read(input: &Input<'_>, coverage: &mut Vec<Coverage>) -> Vec<Process> {
    let mut out: std::collections::BTreeMap<(String, u32), Process> = std::collections::BTreeMap::new();
    for item in
        input.evidence.iter().filter(|item| item.kind.is_some_and(|kind| KINDS.iter().any(|one| one.name == kind)))
    {
        let mut unmodelled = Vec::new();
        let lines = lines(item, &mut unmodelled);
        // A status that was saved under another name says its pid itself.
        let number = pid(&item.path).map(|(pid, _)| pid).or_else(|| own_pid(&lines));
        match number {
            Some(number) if out.len() < MOST => {
                let key = (root(&item.path).to_owned(), number);
                let process = out.entry(key).or_insert_with(|| Process {
                    root: root(&item.path).to_owned(),
                    pid: number,
                    ..Process::default()
                });
                take(item, &lines, process, &mut unmodelled);
            }
            Some(_) => unmodelled.push(Unmodelled::new(item.span(), format!("{MOST} processes are read"))),
            None => unmodelled
                .push(Unmodelled::new(item.span(), "which process it is of is not known: keep the path proc/PID/…")),
        }
        coverage.push(Coverage::read(item, unmodelled));
    }
    out.into_values().collect()
}

fn own_pid(lines: &[Line<'_>]) -> Option<u32> {
    lines.iter().filter_map(|line| line.pair(':')).find(|(key, _)| *key == "Pid")?.1.parse().ok()
}

fn take(item: &Evidence, lines: &[Line<'_>], process: &mut Process, unmodelled: &mut Vec<Unmodelled>) {
    match pid(&item.path).map(|(_, file)| file) {
        Some("oom_score_adj") => {
            let line = lines.first();
            process.oom_score_adj =
                line.and_then(|line| Some(Told::new(line.text.trim().parse().ok()?, line.part(line.text.trim()))));
        }
        Some("cgroup") => process.group = group(lines),
        _ => {
            for line in lines.iter().filter(|line| !line.is_blank() && !line.text.ends_with("[rollup]")) {
                let Some((key, value)) = line.pair(':') else {
                    if unmodelled.len() < MOST_GAPS {
                        unmodelled.push(line.unmodelled("no `Key: value`"));
                    }
                    continue;
                };
                field(process, key, value, line.part(value));
            }
        }
    }
}

/// `0::/a/b` of v2; where memory is a hierarchy of v1, its line: `4:memory:/a/b`.
fn group(lines: &[Line<'_>]) -> Option<Told<String>> {
    let path = |line: &Line<'_>, of: fn(&str) -> bool| {
        let mut parts = line.text.splitn(3, ':');
        let (number, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
        (of(controllers) && (number == "0" || !controllers.is_empty())).then(|| line.told(path))
    };
    let v1 = lines.iter().find_map(|line| path(line, |names| names.split(',').any(|name| name == "memory")));
    v1.or_else(|| lines.iter().find_map(|line| path(line, str::is_empty)))
}

fn field(process: &mut Process, key: &str, value: &str, span: Span) {
    let bytes = || {
        let number = value.strip_suffix("kB").map_or(value, str::trim_end);
        Some(Told::new(number.parse::<u64>().ok()?.checked_mul(1024)?, span))
    };
    match key {
        "Name" => process.name = Some(Told::new(value.to_owned(), span)),
        "VmRSS" => process.rss = bytes(),
        "RssAnon" => process.rss_anon = bytes(),
        "RssFile" => process.rss_file = bytes(),
        "RssShmem" => process.rss_shmem = bytes(),
        "VmPTE" => process.page_tables = bytes(),
        "VmSwap" => process.swap = bytes(),
        "VmLck" => process.locked = bytes(),
        "Pss" => process.pss = bytes(),
        "Rss" if process.rss.is_none() => process.rss = bytes(),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use casebook_core::{Bytes, EvidenceSet};

    use super::*;

    #[test]
    fn files_of_one_process_are_put_together() {
        let mut set = EvidenceSet::new();
        let mut add = |path: &str, kind: &'static Kind, text: &str| {
            set.add(path, Some(kind.name), Bytes::new(text.as_bytes().to_vec()))
        };
        add("proc/7/status", &STATUS, "Name:\tapp server\nState:\tS\nPid:\t7\nVmRSS:\t    1024 kB\nRssShmem:\t 8 kB\n");
        add(
            "proc/7/smaps_rollup",
            &ROLLUP,
            "00400000-7fff r--p 00000000 00:00 0 [rollup]\nRss:  1028 kB\nPss: 900 kB\n",
        );
        add("proc/7/cgroup", &BY_PATH, "4:memory:/v1\n0::/v2\n");
        add("proc/7/oom_score_adj", &BY_PATH, "-998\n");
        add("saved.txt", &STATUS, "Name:\tx\nState:\tS\nPid:\t9\nVmRSS:\t4 kB\n");
        let mut coverage = Vec::new();
        let settings = std::collections::BTreeMap::new();
        let all = read(&Input { evidence: &set, settings: &settings }, &mut coverage);
        assert_eq!(all.iter().map(|one| one.pid).collect::<Vec<_>>(), [9, 7]);
        let seven = &all[1];
        assert_eq!(seven.name.as_ref().map(|name| name.value.as_str()), Some("app server"));
        assert_eq!(
            (seven.rss.map(|rss| rss.value), seven.pss.map(|pss| pss.value)),
            (Some(1024 * 1024), Some(900 * 1024))
        );
        assert_eq!(seven.group.as_ref().map(|group| group.value.as_str()), Some("/v1"));
        assert_eq!(seven.oom_score_adj.map(|adj| adj.value), Some(-998));
    }
}
