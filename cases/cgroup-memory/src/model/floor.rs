//! The floor: what reclaim cannot take from a group, whatever it tries. An allocation that meets a floor as high as the limit is an OOM.
//!
//! `try_charge_memcg` (mm/memcontrol.c) reclaims from the group over its limit, up to sixteen times without progress, then calls the OOM
//! killer. Reclaim (mm/vmscan.c) takes page cache, mapped or not, active or not, after writeback where it is dirty; slab that has a shrinker;
//! anonymous memory and tmpfs only as far as there is swap. It takes nothing from the unevictable list, from page tables, stacks, per-CPU
//! memory, buffers of sockets.

use super::charges::Charges;
use super::range::Range;

/// Pages a processor keeps charged and unused for a group: `MEMCG_CHARGE_BATCH` (include/linux/memcontrol.h). Drained before an OOM, but
/// what a processor charges in the meantime is again a batch.
pub const BATCH_PAGES: u64 = 64;

/// Pages a processor holds back from the lists: `PAGEVEC_SIZE` was 15, is 31 since 6.10 (include/linux/pagevec.h), for each of the
/// kinds of batches (mm/swap.c, `cpu_fbatches`).
pub const HELD_BACK_PAGES: u64 = 31;

/// How much can be swapped out, in bytes: as far as both the group's limit and the machine allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Swap {
    /// Room for more.
    pub room: Range,
}

impl Swap {
    /// There is none.
    pub const NONE: Swap = Swap { room: Range::ZERO };

    /// Nothing is known of it.
    pub const UNKNOWN: Swap = Swap { room: Range { lo: 0, hi: u64::MAX } };

    /// Room from what `memory.swap.max`, `memory.swap.current` and the machine's free swap say; what is not known is `None`.
    pub fn of(max: Option<Option<u64>>, current: Option<u64>, free: Option<u64>) -> Self {
        let group = match (max, current) {
            (Some(Some(0)), _) => Range::ZERO,
            (Some(Some(max)), Some(current)) => Range::exact(max.saturating_sub(current)),
            (Some(Some(max)), None) => Range::up_to(max),
            (Some(None), _) | (None, _) => Range { lo: 0, hi: u64::MAX },
        };
        let free = free.map(Range::exact);
        let room = match (max, free) {
            (Some(None), Some(free)) => free,
            (_, Some(free)) => Range { lo: group.lo.min(free.lo), hi: group.hi.min(free.hi) },
            (_, None) => group,
        };
        Swap { room }
    }
}

/// A part of the floor, or of what can be reclaimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    /// Anonymous memory, without swap for it.
    Anon,
    /// tmpfs and shared memory, without swap for them.
    Shmem,
    /// Locked page cache.
    LockedCache,
    /// Memory of the kernel.
    Kernel,
    /// Buffers of sockets.
    Sock,
    /// hugetlbfs.
    Hugetlb,
    /// zswap, which shrinks only into swap.
    Zswap,
    /// Page cache that is clean.
    CleanCache,
    /// Page cache that has to be written first.
    DirtyCache,
    /// Slab with a shrinker.
    SlabReclaimable,
    /// What swap can take.
    Swappable,
    /// What no key accounts for.
    Rest,
}

impl Part {
    /// In the words of reports.
    pub fn words(self) -> &'static str {
        match self {
            Part::Anon => "anonymous memory",
            Part::Shmem => "tmpfs and shared memory (shmem)",
            Part::LockedCache => "locked page cache (unevictable)",
            Part::Kernel => "kernel memory",
            Part::Sock => "socket buffers",
            Part::Hugetlb => "huge pages of hugetlbfs",
            Part::Zswap => "zswap",
            Part::CleanCache => "clean page cache",
            Part::DirtyCache => "page cache to be written back first",
            Part::SlabReclaimable => "reclaimable slab",
            Part::Swappable => "what swap can take",
            Part::Rest => "what the keys do not account for",
        }
    }
}

/// What cannot be reclaimed and what can, in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Floor {
    /// What cannot, by part.
    pub parts: Vec<(Part, Range)>,
    /// What can, by part: now, after writeback, into swap.
    pub reclaimable: Vec<(Part, Range)>,
    /// All of what cannot.
    pub bytes: Range,
}

/// The floor of these charges with so much room in swap.
pub fn floor(charges: &Charges, swap: Swap) -> Floor {
    let swappable = (charges.anon + charges.shmem).less(charges.locked_anon).min(swap.room);
    // Which of the two swap takes first is the kernel's choice; the sum is what matters, so anonymous memory is taken first here.
    let from_anon = charges.anon.less(charges.locked_anon).min(swappable);
    let from_shmem = swappable.less(from_anon);
    let parts = vec![
        (Part::Anon, charges.anon.less(from_anon)),
        (Part::Shmem, charges.shmem.less(from_shmem)),
        (Part::LockedCache, charges.locked_cache),
        (Part::Kernel, charges.kernel),
        (Part::Sock, charges.sock),
        (Part::Hugetlb, charges.hugetlb),
        (Part::Zswap, if swap.room == Range::ZERO { charges.zswap } else { Range::up_to(charges.zswap.hi) }),
        // It may be of either side.
        (Part::Rest, Range::up_to(charges.rest.hi)),
    ];
    let reclaimable = vec![
        (Part::CleanCache, charges.cache.less(charges.dirty)),
        (Part::DirtyCache, charges.dirty),
        (Part::SlabReclaimable, charges.slab_reclaimable),
        (Part::Swappable, swappable),
    ];
    // The bound that follows from the whole is often tighter than the sum of the parts: what is surely reclaimable is surely not floor.
    let surely: u64 = reclaimable.iter().map(|(_, range)| range.lo).sum();
    let sum: Range = parts.iter().map(|(_, range)| *range).sum();
    let bytes = Range { lo: sum.lo, hi: sum.hi.min(charges.all.saturating_sub(surely)).max(sum.lo) };
    Floor { parts, reclaimable, bytes }
}

impl Floor {
    /// A part of the floor.
    pub fn part(&self, part: Part) -> Range {
        self.parts
            .iter()
            .chain(&self.reclaimable)
            .find(|(known, _)| *known == part)
            .map_or(Range::ZERO, |(_, range)| *range)
    }

    /// Everything that can be reclaimed.
    pub fn reclaimable_bytes(&self) -> Range {
        self.reclaimable.iter().map(|(_, range)| *range).sum()
    }
}

/// How far `memory.current` and the lists can be off, in bytes, on a machine with so many processors.
pub fn uncertainty_bytes(cpus: u64, page_bytes: u64) -> u64 {
    (BATCH_PAGES + 3 * HELD_BACK_PAGES).saturating_mul(cpus.max(1)).saturating_mul(page_bytes)
}

#[cfg(test)]
mod tests {
    use super::super::charges::{Keys, charges};
    use super::*;

    const MIB: u64 = 1 << 20;

    fn keys() -> Keys {
        Keys {
            current: Some(64 * MIB),
            anon: Some(27 * MIB),
            file: Some(36 * MIB),
            shmem: Some(36 * MIB),
            kernel: Some(MIB),
            slab_reclaimable: Some(0),
            sock: Some(0),
            unevictable: Some(0),
            lru_file: Some(0),
            file_dirty: Some(0),
            ..Keys::default()
        }
    }

    #[test]
    fn tmpfs_without_swap_is_floor_and_clean_cache_is_not() {
        assert_eq!(floor(&charges(&keys()), Swap::NONE).bytes, Range::exact(64 * MIB));
        let clean = Keys { shmem: Some(0), lru_file: Some(36 * MIB), ..keys() };
        let floor = floor(&charges(&clean), Swap::NONE);
        assert_eq!(floor.bytes, Range::exact(28 * MIB));
        assert_eq!(floor.part(Part::CleanCache), Range::exact(36 * MIB));
    }

    #[test]
    fn swap_takes_as_much_as_there_is_room_for() {
        let some = Swap::of(Some(None), Some(0), Some(40 * MIB));
        assert_eq!(floor(&charges(&keys()), some).bytes, Range::exact(24 * MIB));
        let none = Swap::of(Some(Some(0)), None, Some(40 * MIB));
        assert_eq!(none, Swap::NONE);
        assert_eq!(Swap::of(None, None, None), Swap::UNKNOWN);
    }

    /// The story: between what is surely there and all there is lies the whole file side.
    #[test]
    fn the_floor_of_the_story_is_open() {
        let keys = Keys {
            current: Some(4_294_836_224),
            anon: Some(1_820_000_000),
            file: Some(2_390_000_000),
            ..Keys::default()
        };
        let floor = floor(&charges(&keys), Swap::NONE);
        assert_eq!(floor.bytes.lo, 1_820_000_000);
        assert!(floor.bytes.hi >= 4_294_836_224);
    }
}
