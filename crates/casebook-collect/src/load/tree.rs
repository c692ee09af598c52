//! Trees of control groups: a live one is read at once. The files of a copied one are files like all others.

use anyhow::{Result, bail};
use casebook_core::{Bytes, Coverage, EvidenceId, ReadStatus};

use super::{Found, Loader};
use crate::cgroup;
use crate::source::Refusal;

/// Files that say of the machine what a tree does not.
const MACHINE: [&str; 3] = ["/proc/meminfo", "/proc/mounts", "/proc/version"];
/// Files of a group that are read of a live tree that was named: those that say what it holds. `collect` reads all.
const FILES: [&str; 22] = [
    "cgroup.procs",
    "cgroup.stat",
    "memory.current",
    "memory.events",
    "memory.events.local",
    "memory.failcnt",
    "memory.high",
    "memory.limit_in_bytes",
    "memory.low",
    "memory.max",
    "memory.max_usage_in_bytes",
    "memory.memsw.limit_in_bytes",
    "memory.min",
    "memory.oom.group",
    "memory.oom_control",
    "memory.peak",
    "memory.pressure",
    "memory.stat",
    "memory.swap.current",
    "memory.swap.max",
    "memory.usage_in_bytes",
    "memory.zswap.max",
];
/// Of a tree with more processes none is read: the tree was asked for, not the machine.
const MOST_PROCESSES: usize = 64;

/// The processes a tree names, if they are few.
fn pids(text: &[u8]) -> Vec<u32> {
    let lines = text.split(|byte| *byte == b'\n').filter_map(|line| std::str::from_utf8(line).ok());
    let mut out: Vec<u32> =
        lines.filter_map(|line| line.split_once("/cgroup.procs:")?.1.parse().ok()).take(MOST_PROCESSES + 1).collect();
    if out.len() > MOST_PROCESSES {
        out.clear();
    }
    out
}

impl Loader<'_> {
    /// True when a case reads trees; otherwise their files are files like all others.
    pub(super) fn reads_trees(&self) -> bool {
        self.options.kinds.iter().any(|kind| kind.name == cgroup::KIND)
    }

    /// The live tree at a folder; `None` when the folder is on another file system.
    pub(super) fn live_tree(&mut self, path: &str) -> Result<Option<Vec<EvidenceId>>> {
        let found = match cgroup::locate_live(path).filter(|_| self.reads_trees()) {
            None => return Ok(None),
            Some(Err(why)) => bail!("{path}: {why}"),
            Some(Ok(found)) => found,
        };
        let shown = found.root.to_string_lossy().into_owned();
        if let Some(id) = self.seen.get(&shown) {
            return Ok(Some(vec![*id]));
        }
        let text = cgroup::text(&found, &FILES, self.options.max_evidence_bytes);
        if let Some(said) = text.said() {
            self.out.notices.push(format!("{shown}: {said}"));
        }
        let bytes = match text.bytes(&shown) {
            Ok(bytes) => bytes,
            Err(why) => bail!("{why}"),
        };
        let pids = pids(&bytes);
        let mut ids: Vec<EvidenceId> = self.tree(&shown, bytes, shown.clone()).into_iter().collect();
        // What a group can swap, and what its processes show, is the machine's to tell.
        let processes = pids.iter().map(|pid| format!("/proc/{pid}/status"));
        for path in MACHINE.iter().map(|path| (*path).to_owned()).chain(processes) {
            // A process that has ended meanwhile is no matter.
            if std::path::Path::new(&path).exists() {
                ids.extend(self.file(&path, Found::Referred(None)));
            }
        }
        Ok(Some(ids))
    }

    fn tree(&mut self, path: &str, text: Vec<u8>, identity: String) -> Option<EvidenceId> {
        let size = text.len() as u64;
        if self.total + size > self.options.max_total_bytes {
            self.over_total += 1;
            self.refuse(path, Refusal::new(size, "the limit on all evidence together was reached"));
            return None;
        }
        let head = &text[..text.len().min(crate::HEAD)];
        let Some(kind) = self.kind(path, head, head.len() == text.len()) else {
            let why = "files of control groups that tell nothing of memory";
            let line = Coverage::failed(path, "unknown", size, why);
            self.out.coverage.push(Coverage { status: ReadStatus::Unrecognised, ..line });
            return None;
        };
        self.total += size;
        Some(self.add(path, Some(kind), Bytes::new(text), identity))
    }
}
