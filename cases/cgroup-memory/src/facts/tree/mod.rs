//! Groups as the kernel shows them: the files of a cgroup tree, each with its place, whatever form they came in.

pub mod file;
pub mod forms;
pub mod kinds;
#[cfg(test)]
mod tests;

use casebook_core::{Coverage, EvidenceId, Input};
use casebook_formats::text::Told;

use super::stat::Stat;

/// A limit or a protection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Limit {
    /// So many bytes.
    Bytes(u64),
    /// `max`; in v1 the largest number of pages there is.
    Max,
}

impl Limit {
    /// The number of bytes, if there is one.
    pub fn bytes(self) -> Option<u64> {
        match self {
            Limit::Bytes(bytes) => Some(bytes),
            Limit::Max => None,
        }
    }
}

/// Which interface of the kernel a group was read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Interface {
    /// cgroup v1: a hierarchy of its own for memory.
    V1,
    /// cgroup v2.
    V2,
}

/// `memory.events` and `memory.events.local`: counters (cgroup-v2.rst).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Events {
    /// Reclaimed although below its protection.
    pub low: Option<Told<u64>>,
    /// Throttled at `memory.high`.
    pub high: Option<Told<u64>>,
    /// Rounds of reclaim because the limit was about to be exceeded.
    pub max: Option<Told<u64>>,
    /// The limit was reached and an allocation was about to fail.
    pub oom: Option<Told<u64>>,
    /// Processes killed.
    pub oom_kill: Option<Told<u64>>,
    /// Whole groups killed (`memory.oom.group`).
    pub oom_group_kill: Option<Told<u64>>,
}

impl Events {
    /// True when nothing was read.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Pressure stall information: what was stalled in all, in microseconds, and the share of the last ten seconds in hundredths of a percent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stall {
    /// `avg10`, in hundredths of a percent.
    pub avg10_bp: u32,
    /// `avg300`, in hundredths of a percent.
    pub avg300_bp: u32,
    /// `total`, in microseconds.
    pub total_us: u64,
}

/// `memory.pressure`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pressure {
    /// Some task waited.
    pub some: Option<Told<Stall>>,
    /// All tasks waited.
    pub full: Option<Told<Stall>>,
}

/// One group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its path below the root of the tree: `/system.slice/app.service`; `/` for the root itself.
    pub path: String,
    /// v1 or v2.
    pub interface: Interface,
    /// The file it was first read from.
    pub evidence: EvidenceId,
    /// `memory.current`, bytes.
    pub current: Option<Told<u64>>,
    /// `memory.peak`, bytes (since 5.19).
    pub peak: Option<Told<u64>>,
    /// `memory.max`.
    pub max: Option<Told<Limit>>,
    /// `memory.high`.
    pub high: Option<Told<Limit>>,
    /// `memory.low`.
    pub low: Option<Told<Limit>>,
    /// `memory.min`.
    pub min: Option<Told<Limit>>,
    /// `memory.swap.current`, bytes.
    pub swap_current: Option<Told<u64>>,
    /// `memory.swap.max`; in v1 what memory and swap together may be, less the limit of memory.
    pub swap_max: Option<Told<Limit>>,
    /// `memory.zswap.max`.
    pub zswap_max: Option<Told<Limit>>,
    /// `memory.oom.group`.
    pub oom_group: Option<Told<bool>>,
    /// `memory.stat`.
    pub stat: Stat,
    /// `memory.events`, of the group and those below it.
    pub events: Events,
    /// `memory.events.local`, of the group alone.
    pub events_local: Events,
    /// `memory.pressure`.
    pub pressure: Pressure,
    /// Processes, `cgroup.procs`.
    pub procs: Vec<Told<u32>>,
    /// `nr_descendants` of `cgroup.stat`.
    pub descendants: Option<Told<u64>>,
    /// `nr_dying_descendants` of `cgroup.stat`: removed, and still charged.
    pub dying: Option<Told<u64>>,
}

impl Group {
    /// A group of which nothing is known.
    pub fn new(path: &str, interface: Interface, evidence: EvidenceId) -> Self {
        Self {
            path: path.to_owned(),
            interface,
            evidence,
            current: None,
            peak: None,
            max: None,
            high: None,
            low: None,
            min: None,
            swap_current: None,
            swap_max: None,
            zswap_max: None,
            oom_group: None,
            stat: Stat::default(),
            events: Events::default(),
            events_local: Events::default(),
            pressure: Pressure::default(),
            procs: Vec::new(),
            descendants: None,
            dying: None,
        }
    }
}

/// All groups that were read below one root at one time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    /// What stands before the paths of its groups: `before/sys/fs/cgroup`, empty when the groups are named without.
    pub root: String,
    /// Groups in order of path, parents before children.
    pub groups: Vec<Group>,
}

impl Tree {
    /// The group of this path.
    pub fn group(&self, path: &str) -> Option<&Group> {
        self.groups.binary_search_by(|group| group.path.as_str().cmp(path)).ok().and_then(|at| self.groups.get(at))
    }

    /// The groups directly below `path`, as far as they were read.
    pub fn children<'a>(&'a self, path: &'a str) -> impl Iterator<Item = &'a Group> + 'a {
        self.below(path).filter(move |group| parent(&group.path) == Some(path))
    }

    /// All groups below `path`.
    pub fn below<'a>(&'a self, path: &'a str) -> impl Iterator<Item = &'a Group> + 'a {
        let prefix = if path == "/" { "/".to_owned() } else { format!("{path}/") };
        let from = self.groups.partition_point(|group| group.path.as_str() < prefix.as_str());
        let rest = self.groups.get(from..).unwrap_or_default();
        rest.iter().take_while(move |group| group.path.starts_with(&prefix)).filter(|group| group.path != "/")
    }

    /// The group and those above it, as far as they were read, the group first.
    pub fn line<'a>(&'a self, path: &'a str) -> impl Iterator<Item = &'a Group> + 'a {
        std::iter::successors(Some(path), |path| parent(path)).filter_map(|path| self.group(path))
    }
}

/// The path of the group above; `None` for the root.
pub fn parent(path: &str) -> Option<&str> {
    if path == "/" || path.is_empty() {
        return None;
    }
    match path.rsplit_once('/') {
        Some(("", _)) => Some("/"),
        Some((above, _)) => Some(above),
        None => None,
    }
}

/// Reads all evidence of the tree's kinds.
pub(super) fn read(input: &Input<'_>, coverage: &mut Vec<Coverage>) -> Vec<Tree> {
    let mut forest = forms::Forest::default();
    for item in input.evidence.iter().filter(|item| item.kind.is_some_and(kinds::is_of_tree)) {
        let mut unmodelled = Vec::new();
        forms::read(item, &mut forest, &mut unmodelled);
        coverage.push(Coverage::read(item, unmodelled));
    }
    forest.finish()
}
