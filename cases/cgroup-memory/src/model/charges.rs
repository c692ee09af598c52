//! What a group is charged for, kind by kind and without overlap, from the keys of its `memory.stat`.
//!
//! The keys overlap: `shmem`, `file_mapped`, `file_dirty` are parts of `file`; `unevictable` is a part of `anon` and `file`; swap cache is
//! in `anon` while it is mapped, and in no other key but its own. What does not overlap is what a page is on: the anonymous lists, the lists of files,
//! the unevictable list, slab, other memory of the kernel, sockets. (mm/memcontrol.c, `memory_stats`; mm/vmstat.c.)

use super::range::Range;

/// The keys a model needs, in bytes; `None` is a key that the evidence does not have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keys {
    /// What all of it adds up to: `memory.current`, or `usage` of a report.
    pub current: Option<u64>,
    /// `anon`
    pub anon: Option<u64>,
    /// `file`
    pub file: Option<u64>,
    /// `shmem`
    pub shmem: Option<u64>,
    /// `kernel`
    pub kernel: Option<u64>,
    /// The parts of `kernel` there are, added up: kernels before 5.18 print nothing else.
    pub kernel_parts: Option<u64>,
    /// `slab_reclaimable`
    pub slab_reclaimable: Option<u64>,
    /// `sock`
    pub sock: Option<u64>,
    /// `zswap`
    pub zswap: Option<u64>,
    /// `hugetlb`
    pub hugetlb: Option<u64>,
    /// `file_mapped`
    pub file_mapped: Option<u64>,
    /// `file_dirty`
    pub file_dirty: Option<u64>,
    /// `file_writeback`
    pub file_writeback: Option<u64>,
    /// `swapcached`
    pub swapcached: Option<u64>,
    /// `unevictable`
    pub unevictable: Option<u64>,
    /// `inactive_anon` and `active_anon`
    pub lru_anon: Option<u64>,
    /// `inactive_file` and `active_file`
    pub lru_file: Option<u64>,
}

/// Charges that add up to the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charges {
    /// All of it.
    pub all: u64,
    /// Anonymous memory of processes.
    pub anon: Range,
    /// tmpfs, shared memory, memfd: page cache that only swap can take.
    pub shmem: Range,
    /// Page cache that reclaim can take once it is written back, the dirty part included.
    pub cache: Range,
    /// Of `cache`: not yet written back, or being written.
    pub dirty: Range,
    /// Page cache of files that reclaim does not look at: locked, or ramfs.
    pub locked_cache: Range,
    /// Of `anon` and `shmem`: locked.
    pub locked_anon: Range,
    /// Slab that reclaim can shrink.
    pub slab_reclaimable: Range,
    /// Other memory of the kernel: stacks, page tables, per-CPU, slab that stays.
    pub kernel: Range,
    /// Buffers of sockets.
    pub sock: Range,
    /// zswap.
    pub zswap: Range,
    /// Huge pages of hugetlbfs.
    pub hugetlb: Range,
    /// What the keys do not account for. Per-CPU stocks and counters that were not flushed are in it.
    pub rest: Range,
}

fn exact_or(value: Option<u64>, otherwise: Range) -> Range {
    value.map_or(otherwise, Range::exact)
}

/// Charges from keys. What is missing becomes a range as wide as the others leave it.
pub fn charges(keys: &Keys) -> Charges {
    let all = keys.current.unwrap_or_else(|| {
        [keys.anon, keys.file, keys.kernel.or(keys.kernel_parts), keys.sock, keys.zswap].iter().flatten().sum()
    });
    let sock = exact_or(keys.sock, Range::ZERO);
    let zswap = exact_or(keys.zswap, Range::ZERO);
    let hugetlb = exact_or(keys.hugetlb, Range::ZERO);
    // What the keys that are there leave for those that are not.
    let known = [keys.anon, keys.file, keys.kernel.or(keys.kernel_parts)];
    let unknown = Range::up_to(all.saturating_sub(known.iter().flatten().sum::<u64>()));
    let anon = exact_or(keys.anon, unknown);
    // Swap cache is charged, and in neither `anon` nor `file` unless it is mapped: it is of what is left.
    let files = exact_or(keys.file, unknown);
    let unevictable = keys.unevictable;
    let shmem = shmem(keys, files);
    // Files that are not shmem: on the lists of files, or unevictable.
    let plain = files.less(shmem);
    let locked_cache = match (unevictable, keys.lru_file) {
        (Some(0), _) => Range::ZERO,
        (Some(unevictable), Some(lru_file)) => plain.less(Range::exact(lru_file)).meet(Range::up_to(unevictable)),
        (Some(unevictable), None) => {
            let least = Range::exact(unevictable).less(anon + shmem).lo;
            Range::between(least, unevictable).min(plain)
        }
        (None, Some(lru_file)) => plain.less(Range::exact(lru_file)),
        (None, None) => Range::up_to(plain.hi),
    };
    let locked_anon = match (unevictable, keys.lru_anon) {
        (Some(0), _) => Range::ZERO,
        (_, Some(lru_anon)) => {
            (anon + shmem).less(Range::exact(lru_anon)).meet(Range::up_to(unevictable.unwrap_or(u64::MAX)))
        }
        (Some(unevictable), None) => Range::exact(unevictable).less(locked_cache),
        (None, None) => Range::up_to(anon.hi.saturating_add(shmem.hi)),
    };
    let cache = plain.less(locked_cache);
    let dirty = match (keys.file_dirty, keys.file_writeback) {
        (Some(dirty), writeback) => {
            // A page that is being written can be dirty again.
            let writeback = writeback.unwrap_or(0);
            let most = dirty.saturating_add(writeback).min(cache.hi);
            Range { lo: dirty.max(writeback).min(most), hi: most }
        }
        (None, _) => Range::up_to(cache.hi),
    };
    let slab = exact_or(keys.slab_reclaimable, Range::ZERO);
    let (kernel_all, slab_reclaimable) = match (keys.kernel, keys.kernel_parts) {
        (Some(kernel), _) => (Range::exact(kernel), slab),
        // Before 5.18 pages of the kernel (pipes, page tables) are in no key: what is left is theirs.
        (None, Some(parts)) => match (keys.current, keys.anon, keys.file) {
            (Some(current), Some(anon), Some(_)) => {
                let left = Range::exact(current).less(Range::exact(anon) + files + sock + zswap + hugetlb);
                (Range { lo: left.lo.max(parts), hi: left.hi.max(parts) }, slab)
            }
            _ => (Range::exact(parts), slab),
        },
        // No key of the kernel's memory: all that is left may be it.
        (None, None) => (unknown, Range::up_to(unknown.hi)),
    };
    let kernel = kernel_all.less(slab_reclaimable);
    let sum = anon + files + kernel_all + sock + zswap + hugetlb;
    let rest = Range::exact(all).less(sum);
    Charges {
        all,
        anon,
        shmem,
        cache,
        dirty,
        locked_cache,
        locked_anon,
        slab_reclaimable,
        kernel,
        sock,
        zswap,
        hugetlb,
        rest,
    }
}

/// tmpfs is charged as `file` and stands on the lists of anonymous memory, so those lists tell of it where its own key is missing.
fn shmem(keys: &Keys, files: Range) -> Range {
    if let Some(shmem) = keys.shmem {
        return Range::exact(shmem);
    }
    match (keys.anon, keys.lru_anon) {
        (Some(anon), Some(lru_anon)) => {
            let on_lists = lru_anon.saturating_sub(anon);
            Range::between(on_lists, on_lists.saturating_add(keys.unevictable.unwrap_or(files.hi)))
                .meet(Range::up_to(files.hi))
        }
        _ => match keys.lru_file {
            // What is not on the lists of files is shmem or locked.
            Some(lru_file) => Range::up_to(files.less(Range::exact(lru_file)).hi),
            None => Range::up_to(files.hi),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn all_keys_leave_nothing_open() {
        let keys = Keys {
            current: Some(100 * MIB),
            anon: Some(30 * MIB),
            file: Some(60 * MIB),
            shmem: Some(36 * MIB),
            kernel: Some(8 * MIB),
            slab_reclaimable: Some(2 * MIB),
            sock: Some(MIB),
            unevictable: Some(4 * MIB),
            lru_anon: Some(66 * MIB),
            lru_file: Some(20 * MIB),
            file_dirty: Some(MIB),
            file_writeback: Some(0),
            ..Keys::default()
        };
        let charges = charges(&keys);
        assert_eq!(charges.locked_cache, Range::exact(4 * MIB));
        assert_eq!(charges.cache, Range::exact(20 * MIB));
        assert_eq!((charges.kernel, charges.rest), (Range::exact(6 * MIB), Range::exact(MIB)));
        assert_eq!((charges.locked_anon, charges.dirty), (Range::ZERO, Range::exact(MIB)));
    }

    /// The figures of the story: 4 GiB, and four keys.
    #[test]
    fn the_keys_of_the_story_leave_the_file_side_open() {
        let keys = Keys {
            current: Some(4_294_836_224),
            anon: Some(1_820_000_000),
            file: Some(2_390_000_000),
            file_mapped: Some(84_000_000),
            ..Keys::default()
        };
        let charges = charges(&keys);
        assert_eq!(charges.anon, Range::exact(1_820_000_000));
        assert_eq!(charges.shmem, Range::up_to(2_390_000_000));
        assert_eq!(charges.cache, Range::up_to(2_390_000_000));
        assert_eq!(charges.kernel.hi, 84_836_224);
    }

    #[test]
    fn lists_tell_of_shmem_where_its_key_is_missing() {
        let keys =
            Keys { anon: Some(10), file: Some(100), lru_anon: Some(70), unevictable: Some(0), ..Keys::default() };
        assert_eq!(charges(&keys).shmem, Range::exact(60));
    }
}
