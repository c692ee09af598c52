//! The state: groups, processes, objects, and the sums a decision needs.

use super::super::range::Range;
use super::super::workload::{Setting, Workload};
use super::GroupCharges;
use super::objects::{Kind, Object};

/// Memory of the kernel for one process: stack, page tables, task, descriptors. Measured in the laboratory on kernels from 5.10 to 7.3:
/// 32 KiB (user-mode Linux) to 256 KiB (x86, the first of its group).
pub(super) const PROCESS_KERNEL: Range = Range { lo: 24 << 10, hi: 320 << 10 };
/// Its own memory before it does anything: its stack, its data. Measured: 132 to 186 KiB.
pub(super) const PROCESS_ANON: Range = Range { lo: 64 << 10, hi: 320 << 10 };
/// Memory of the kernel for a child that only waits, its page tables left out. Measured: 72 to 125 KiB.
pub(super) const CHILD_KERNEL: Range = Range { lo: 48 << 10, hi: 200 << 10 };
/// Memory of its own that such a child has. Measured: 13 to 20 KiB.
pub(super) const CHILD_ANON: Range = Range { lo: 8 << 10, hi: 32 << 10 };

/// A group.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub path: String,
    pub parent: Option<usize>,
    pub max: Option<u64>,
    pub high: Option<u64>,
    pub min: u64,
    pub swap_max: Option<u64>,
    pub oom_group: bool,
    pub removed: bool,
    /// Reclaim has run from here: what is below it may have been swapped out or dropped.
    pub reclaimed: bool,
    /// Memory of the kernel that is charged here, sockets and pipes included.
    pub kernel: Range,
    /// Slab that can be reclaimed.
    pub slab: Range,
}

/// A process.
#[derive(Clone, Debug)]
pub(super) struct Process {
    pub name: String,
    pub group: usize,
    pub adj: i64,
    pub alive: bool,
    /// Its private memory, an object.
    pub anon: usize,
    /// Bytes it maps of other objects.
    pub mapped: Vec<(usize, u64)>,
    /// Kernel memory that goes when it ends, by the group that is charged.
    pub kernel: Vec<(usize, Range)>,
    /// Children that only wait.
    pub children: u64,
}

/// All of it.
#[derive(Clone, Debug)]
pub struct State {
    pub(super) groups: Vec<Group>,
    pub(super) processes: Vec<Process>,
    pub(super) objects: Vec<Object>,
    pub(super) files: Vec<(String, u64)>,
    pub(super) swap_bytes: u64,
    pub(super) memory_bytes: Option<u64>,
    pub(super) cpus: u64,
    pub(super) release: Option<(u32, u32, u32)>,
    /// The disk is so slow that pages to be written are in the way when somebody asks for memory.
    pub(super) slow_disk: bool,
    /// How long a step may take before it counts as one that does not end, in microseconds.
    pub(super) patience_us: u64,
    /// What sockets hold, at most: it is charged even where it does not fit (`mem_cgroup_charge_skmem`, mm/memcontrol.c).
    pub(super) sockets: u64,
    /// The floors before the present step, by group.
    pub(super) before: Vec<Range>,
}

/// A disk that writes so many bytes a second takes what is dirty before reclaim gives up, where there is some room.
const FAST_DISK: u64 = 50 << 20;
/// A step that takes longer does not end, as far as anybody waits for it.
pub const PATIENCE_US: u64 = 10_000_000;

impl State {
    /// The state before the first step.
    pub fn new(workload: &Workload) -> Self {
        let mut state = State {
            groups: Vec::new(),
            processes: Vec::new(),
            objects: Vec::new(),
            files: workload.files.clone(),
            swap_bytes: workload.swap_bytes,
            memory_bytes: workload.memory_bytes,
            cpus: workload.cpus.max(1),
            release: workload.release,
            slow_disk: workload.disk_bytes_per_s.is_some_and(|rate| rate < FAST_DISK),
            patience_us: PATIENCE_US,
            sockets: 0,
            before: Vec::new(),
        };
        for spec in &workload.groups {
            let at = state.group(&spec.path);
            spec.settings.iter().for_each(|setting| state.set(at, *setting));
        }
        for spec in &workload.processes {
            let group = state.group(&spec.group);
            let mut anon = Object::new(Kind::Anon, None);
            anon.charge(group, PROCESS_ANON);
            let number = state.processes.len();
            anon.held_by.push(number);
            state.objects.push(anon);
            state.processes.push(Process {
                name: spec.name.clone(),
                group,
                adj: spec.adj,
                alive: true,
                anon: state.objects.len() - 1,
                mapped: Vec::new(),
                kernel: Vec::new(),
                children: 0,
            });
            state.charge_kernel(number, PROCESS_KERNEL);
        }
        state
    }

    /// The group of this path, made where the workload does not name it, with those above it.
    pub(super) fn group(&mut self, path: &str) -> usize {
        if let Some(at) = self.groups.iter().position(|group| group.path == path && !group.removed) {
            return at;
        }
        let parent = match path.rsplit_once('/') {
            Some((above, _)) if !above.is_empty() => Some(self.group(above)),
            _ => None,
        };
        self.groups.push(Group {
            path: path.to_owned(),
            parent,
            max: None,
            high: None,
            min: 0,
            swap_max: None,
            oom_group: false,
            removed: false,
            reclaimed: false,
            kernel: Range::ZERO,
            slab: Range::ZERO,
        });
        self.groups.len() - 1
    }

    pub(super) fn set(&mut self, group: usize, setting: Setting) {
        let group = &mut self.groups[group];
        match setting {
            Setting::Max(max) => group.max = max,
            Setting::High(high) => group.high = high,
            Setting::SwapMax(max) => group.swap_max = max,
            Setting::Min(min) => group.min = min.unwrap_or(u64::MAX),
            // Reclaim takes what `low` protects when there is nothing else (mm/vmscan.c, `memcg_low_reclaim`), so no OOM comes of it.
            Setting::Low(_) => {}
            Setting::OomGroup(on) => group.oom_group = on,
        }
    }

    pub(super) fn charge_kernel(&mut self, process: usize, bytes: Range) {
        let group = self.processes[process].group;
        self.groups[group].kernel += bytes;
        self.processes[process].kernel.push((group, bytes));
    }

    /// The group and those above it, itself first.
    pub(super) fn line(&self, group: usize) -> impl Iterator<Item = usize> + '_ {
        std::iter::successors(Some(group), |at| self.groups[*at].parent)
    }

    /// True when `group` is `of` or below it.
    pub(super) fn is_below(&self, group: usize, of: usize) -> bool {
        self.line(group).any(|at| at == of)
    }

    fn children(&self, of: usize) -> impl Iterator<Item = usize> + '_ {
        (0..self.groups.len()).filter(move |at| self.groups[*at].parent == Some(of))
    }

    /// Bytes of a kind that are charged to a group itself, and which of them are locked.
    fn own(&self, group: usize, kind: Kind) -> (Range, Range) {
        let (mut all, mut locked) = (Range::ZERO, Range::ZERO);
        for object in self.objects.iter().filter(|object| object.kind == kind) {
            let bytes = object.of(group);
            all += bytes;
            if object.locked() > 0 {
                // Which pages are locked is known; which of two groups is charged for them is not.
                let others: Range =
                    object.charged.iter().filter(|(one, _)| *one != group).map(|(_, range)| *range).sum();
                let least = object.locked().saturating_sub(others.hi).min(bytes.lo);
                locked += Range { lo: least, hi: object.locked().min(bytes.hi) };
            }
        }
        (all, locked)
    }

    /// What a group and those below it hold.
    pub(super) fn sum(&self, of: usize) -> GroupCharges {
        let mut out = GroupCharges::default();
        for group in (0..self.groups.len()).filter(|group| self.is_below(*group, of)) {
            let (anon, locked_anon) = self.own(group, Kind::Anon);
            let (shmem, locked_shmem) = self.own(group, Kind::Shmem);
            let (cache, locked_cache) = self.own(group, Kind::Cache);
            out.anon += anon;
            out.shmem += shmem;
            out.cache += cache;
            out.locked += locked_anon + locked_shmem + locked_cache;
            out.kernel += self.groups[group].kernel + self.groups[group].slab;
        }
        out.floor = self.floor(of);
        // What is in swap is not in memory: how much of it is known only up to the room there is.
        if self.swap_bytes > 0 && self.was_reclaimed(of) {
            out.anon.lo = out.anon.lo.saturating_sub(self.swap_bytes);
            out.shmem.lo = out.shmem.lo.saturating_sub(self.swap_bytes);
        }
        out.current = out.anon + out.shmem + out.cache + out.kernel;
        if self.swap_bytes > 0 {
            // Pages that were swapped in, or whose process is gone, stay in the swap cache for a while.
            out.current.hi = out.current.hi.saturating_add(self.swap_bytes.min(4 << 20));
        }
        let fits = |max: &u64| out.floor.lo <= *max;
        if let Some(max) = self.line(of).filter_map(|at| self.groups[at].max).min().filter(fits) {
            out.current.hi = out.current.hi.min(max.saturating_add(self.slack()).saturating_add(self.sockets));
            out.current.lo = out.current.lo.min(out.current.hi);
        }
        out
    }

    /// How far the counters can be off: a batch for each processor (`MEMCG_CHARGE_BATCH`).
    pub(super) fn slack(&self) -> u64 {
        super::super::floor::uncertainty_bytes(self.cpus, 4096)
    }

    /// What reclaim cannot take from a group and those below it.
    pub(super) fn floor(&self, of: usize) -> Range {
        let swappable = self.swappable(of);
        let room = self.swap_room(of);
        let (locked, kernel) = self.hard(of);
        let held = locked + kernel + swappable.less(room);
        // What `memory.min` protects below the group that reclaims is not taken (mm/vmscan.c, `mem_cgroup_below_min`).
        let protected: Range = self.children(of).map(|child| self.protected(child)).sum();
        Range { lo: held.lo + protected.lo, hi: held.hi.saturating_add(protected.hi) }
    }

    /// Page cache below a group that is still to be written, at most.
    pub(super) fn dirty(&self, of: usize) -> u64 {
        let objects = self.objects.iter().filter(|object| object.dirty > 0);
        let charged =
            objects.flat_map(|object| object.charged.iter().map(|(group, range)| (*group, range.hi.min(object.dirty))));
        charged.filter(|(group, _)| self.is_below(*group, of)).map(|(_, bytes)| bytes).sum()
    }

    /// Beyond its floor: what `memory.min` keeps of a group.
    fn protected(&self, group: usize) -> Range {
        let min = self.groups[group].min;
        if min == 0 {
            return Range::ZERO;
        }
        let all = self.total(group);
        all.min(Range::exact(min)).less(self.floor(group))
    }

    fn total(&self, of: usize) -> Range {
        let mut out = Range::ZERO;
        for group in (0..self.groups.len()).filter(|group| self.is_below(*group, of)) {
            for kind in [Kind::Anon, Kind::Shmem, Kind::Cache] {
                out += self.own(group, kind).0;
            }
            out += self.groups[group].kernel + self.groups[group].slab;
        }
        out
    }

    fn swappable(&self, of: usize) -> Range {
        let mut out = Range::ZERO;
        for group in (0..self.groups.len()).filter(|group| self.is_below(*group, of)) {
            for kind in [Kind::Anon, Kind::Shmem] {
                let (all, locked) = self.own(group, kind);
                out += all.less(locked);
            }
        }
        out
    }

    fn hard(&self, of: usize) -> (Range, Range) {
        let (mut locked, mut kernel) = (Range::ZERO, Range::ZERO);
        for group in (0..self.groups.len()).filter(|group| self.is_below(*group, of)) {
            for kind in [Kind::Anon, Kind::Shmem, Kind::Cache] {
                locked += self.own(group, kind).1;
            }
            kernel += self.groups[group].kernel;
        }
        (locked, kernel)
    }

    /// Room in swap for what a group holds: its own limit, those of the groups below for their parts, those above, and the machine's.
    pub(super) fn swap_room(&self, of: usize) -> Range {
        if self.swap_bytes == 0 {
            return Range::ZERO;
        }
        let below = self.swap_below(of);
        let above = self.line(of).skip(1).filter_map(|at| self.groups[at].swap_max).min().unwrap_or(u64::MAX);
        let most = below.min(above).min(self.swap_bytes);
        // What others have in swap is not known; they may have none, or all they hold.
        let others: u64 = (0..self.groups.len())
            .filter(|group| !self.is_below(*group, of))
            .map(|group| [Kind::Anon, Kind::Shmem].map(|kind| self.own(group, kind).0.hi).iter().sum::<u64>())
            .sum();
        Range { lo: most.min(self.swap_bytes.saturating_sub(others)), hi: most }
    }

    fn swap_below(&self, of: usize) -> u64 {
        let own: u64 = [Kind::Anon, Kind::Shmem].map(|kind| self.own(of, kind).0.hi).iter().sum();
        let below: u64 = self.children(of).map(|child| self.swap_below(child)).fold(own, u64::saturating_add);
        below.min(self.groups[of].swap_max.unwrap_or(u64::MAX))
    }

    /// Every group that was named, with what it holds.
    pub(super) fn charges(&self) -> Vec<GroupCharges> {
        (0..self.groups.len()).map(|group| self.sum(group)).collect()
    }

    /// Path of a group and what it holds.
    pub fn named(&self) -> impl Iterator<Item = (&str, GroupCharges)> + '_ {
        self.groups
            .iter()
            .enumerate()
            .filter(|(_, group)| !group.removed)
            .map(|(at, group)| (group.path.as_str(), self.sum(at)))
    }

    /// Groups whose floor is above `memory.high`.
    pub(super) fn throttled(&self) -> Vec<String> {
        let over = |at: &usize| {
            self.groups[*at].high.is_some_and(|high| self.floor(*at).lo > high) && !self.groups[*at].removed
        };
        (0..self.groups.len()).filter(over).map(|at| self.groups[at].path.clone()).collect()
    }
}
