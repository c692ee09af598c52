//! What holds memory: the private memory of a process, files, files in memory.

use super::super::range::Range;

/// What an object is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Private memory of a process.
    Anon,
    /// Page cache of a file on disk.
    Cache,
    /// A file in memory, or shared memory.
    Shmem,
}

/// Something that holds pages. They are charged to whoever touched them first, so one object can be charged to several groups.
#[derive(Clone, Debug)]
pub(super) struct Object {
    pub kind: Kind,
    /// Its name, for files.
    pub name: Option<String>,
    /// Bytes charged, by group.
    pub charged: Vec<(usize, Range)>,
    /// How much of it each process has locked.
    pub locks: Vec<(usize, u64)>,
    /// Not yet written to disk, at most.
    pub dirty: u64,
    /// Processes that hold it open or mapped.
    pub held_by: Vec<usize>,
    /// A name in a file system keeps it.
    pub named: bool,
}

impl Object {
    pub(super) fn new(kind: Kind, name: Option<String>) -> Self {
        Self {
            kind,
            named: name.is_some(),
            name,
            charged: Vec::new(),
            locks: Vec::new(),
            dirty: 0,
            held_by: Vec::new(),
        }
    }

    /// How much of it is locked.
    pub(super) fn locked(&self) -> u64 {
        self.locks.iter().map(|(_, bytes)| *bytes).max().unwrap_or(0)
    }

    /// All of it, whoever is charged.
    pub(super) fn bytes(&self) -> Range {
        self.charged.iter().map(|(_, range)| *range).sum()
    }

    /// Bytes charged to one group.
    pub(super) fn of(&self, group: usize) -> Range {
        self.charged.iter().find(|(one, _)| *one == group).map_or(Range::ZERO, |(_, range)| *range)
    }

    pub(super) fn charge(&mut self, group: usize, bytes: Range) {
        if bytes == Range::ZERO {
            return;
        }
        match self.charged.iter_mut().find(|(one, _)| *one == group) {
            Some((_, range)) => *range += bytes,
            None => self.charged.push((group, bytes)),
        }
    }

    /// Gives bytes back; the group that was charged last gives first.
    pub(super) fn uncharge(&mut self, mut bytes: u64) {
        for (_, range) in self.charged.iter_mut().rev() {
            let taken = bytes.min(range.hi);
            *range = Range { lo: range.lo.saturating_sub(taken), hi: range.hi - taken };
            bytes -= taken;
        }
    }

    /// True when nothing keeps it any more.
    pub(super) fn is_gone(&self) -> bool {
        !self.named && self.held_by.is_empty() && self.kind != Kind::Cache
    }
}
