//! `memory.stat`: what is charged, by kind.
//!
//! Keys appear and go with kernels, and in the middle of the file, so they are read by name (Documentation/admin-guide/cgroup-v2.rst,
//! "memory.stat"; mm/memcontrol.c, `memory_stats` and, for v1, mm/memcontrol-v1.c, `memcg1_stats`).

use casebook_formats::text::Told;

use crate::model::charges::Keys;

macro_rules! keys {
    ($($(#[$doc:meta])* $variant:ident = $name:literal),+ $(,)?) => {
        /// A key of `memory.stat` that is understood. Values are bytes, but for those of [`Key::is_count`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Key { $($(#[$doc])* $variant),+ }

        impl Key {
            /// All of them.
            pub const ALL: &'static [Key] = &[$(Key::$variant),+];

            /// Its name in the file.
            pub fn name(self) -> &'static str {
                match self { $(Key::$variant => $name),+ }
            }

            /// The key of this name.
            pub fn of(name: &str) -> Option<Key> {
                match name { $($name => Some(Key::$variant),)+ _ => None }
            }
        }
    };
}

keys! {
    /// Anonymous memory that is mapped.
    Anon = "anon",
    /// Page cache, tmpfs and shared memory included.
    File = "file",
    /// All kernel memory (since 5.18).
    Kernel = "kernel",
    /// Stacks of threads in the kernel.
    KernelStack = "kernel_stack",
    /// Page tables.
    Pagetables = "pagetables",
    /// Page tables of virtual machines and IOMMUs (since 6.0).
    SecPagetables = "sec_pagetables",
    /// Memory of which each processor has a copy.
    Percpu = "percpu",
    /// Buffers of sockets.
    Sock = "sock",
    /// vmalloc.
    Vmalloc = "vmalloc",
    /// Of `file`: what only swap can take: tmpfs, shared memory, memfd.
    Shmem = "shmem",
    /// Compressed swap in memory.
    Zswap = "zswap",
    /// What zswap holds, before it was compressed.
    Zswapped = "zswapped",
    /// Of `file`: what is mapped by a process.
    FileMapped = "file_mapped",
    /// Of `file`: not yet written back.
    FileDirty = "file_dirty",
    /// Of `file`: being written back.
    FileWriteback = "file_writeback",
    /// Swapped in, and still in swap.
    Swapcached = "swapcached",
    /// Of `anon`: huge pages.
    AnonThp = "anon_thp",
    /// On the inactive list of memory that swap takes.
    InactiveAnon = "inactive_anon",
    /// On the active list of memory that swap takes.
    ActiveAnon = "active_anon",
    /// On the inactive list of page cache.
    InactiveFile = "inactive_file",
    /// On the active list of page cache.
    ActiveFile = "active_file",
    /// What reclaim does not look at: mlock(2), ramfs, SHM_LOCK.
    Unevictable = "unevictable",
    /// Slab that reclaim can shrink: dentries, inodes.
    SlabReclaimable = "slab_reclaimable",
    /// Slab that it cannot.
    SlabUnreclaimable = "slab_unreclaimable",
    /// Both.
    Slab = "slab",
    /// Huge pages of hugetlbfs, where they are charged (since 6.7, a mount option).
    Hugetlb = "hugetlb",
    /// Pages of page cache that came back soon after they were taken.
    RefaultFile = "workingset_refault_file",
    /// Pages scanned by reclaim.
    Pgscan = "pgscan",
    /// Pages taken by reclaim.
    Pgsteal = "pgsteal",
    /// Faults that read from disk.
    Pgmajfault = "pgmajfault",
    /// v1: page cache.
    Cache = "cache",
    /// v1: anonymous memory and swap cache.
    Rss = "rss",
    /// v1: page cache that is mapped.
    MappedFile = "mapped_file",
    /// v1: not yet written back.
    Dirty = "dirty",
    /// v1: being written back.
    Writeback = "writeback",
    /// v1: swapped out.
    Swap = "swap",
    /// v1: the tightest limit of the group and those above it.
    HierarchicalLimit = "hierarchical_memory_limit",
    /// v1: the same of memory and swap together.
    HierarchicalMemsw = "hierarchical_memsw_limit",
}

impl Key {
    /// True when the value counts events or pages, and is no size.
    pub fn is_count(self) -> bool {
        matches!(self, Key::RefaultFile | Key::Pgscan | Key::Pgsteal | Key::Pgmajfault)
    }
}

/// Keys that are not understood and kept by name; more are counted as unmodelled by the reader.
const MOST_OTHERS: usize = 256;

/// The values of one `memory.stat`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stat {
    known: Vec<(Key, Told<u64>)>,
    /// Keys this reader does not know, as they stand.
    pub others: Vec<(String, Told<u64>)>,
}

impl Stat {
    /// Sets a key; of one that comes twice the last value holds. v1 prints the group alone and, with `total_`, the group with those
    /// below it: the totals are what a limit is held against, so they replace the others.
    pub fn set(&mut self, name: &str, value: Told<u64>) {
        let (name, total) = match name.strip_prefix("total_") {
            Some(name) => (name, true),
            None => (name, false),
        };
        let Some(key) = Key::of(name) else {
            if self.others.len() < MOST_OTHERS {
                self.others.push((if total { format!("total_{name}") } else { name.to_owned() }, value));
            }
            return;
        };
        match self.known.iter_mut().find(|(known, _)| *known == key) {
            Some(slot) => slot.1 = value,
            None => self.known.push((key, value)),
        }
    }

    /// The value of a key, with its place.
    pub fn get(&self, key: Key) -> Option<Told<u64>> {
        self.known.iter().find(|(known, _)| *known == key).map(|(_, value)| *value)
    }

    /// The value of a key.
    pub fn value(&self, key: Key) -> Option<u64> {
        self.get(key).map(|told| told.value)
    }

    /// Keys and values in order of the text.
    pub fn iter(&self) -> impl Iterator<Item = (Key, Told<u64>)> + '_ {
        self.known.iter().copied()
    }

    /// What the model needs of it. `current` is what all of it adds up to, `kmem` what v1 counts as the kernel's.
    pub fn keys(&self, current: Option<u64>, kmem: Option<u64>) -> Keys {
        let value = |key| self.value(key);
        let sum = |keys: &[Key]| {
            let values: Vec<u64> = keys.iter().filter_map(|key| self.value(*key)).collect();
            (!values.is_empty()).then(|| values.iter().fold(0, |sum, value| u64::saturating_add(sum, *value)))
        };
        let both = |keys: [Key; 2]| keys.iter().all(|key| self.get(*key).is_some()).then(|| sum(&keys)).flatten();
        let slab = both([Key::SlabReclaimable, Key::SlabUnreclaimable]).or(value(Key::Slab));
        let parts = sum(&[Key::KernelStack, Key::Pagetables, Key::SecPagetables, Key::Percpu, Key::Vmalloc]);
        let parts = match (parts, slab) {
            (Some(parts), Some(slab)) => Some(parts.saturating_add(slab)),
            (parts, slab) => parts.or(slab),
        };
        Keys {
            current,
            anon: value(Key::Anon).or(value(Key::Rss)),
            file: value(Key::File).or(value(Key::Cache)),
            shmem: value(Key::Shmem),
            kernel: value(Key::Kernel).or(kmem),
            kernel_parts: parts,
            slab_reclaimable: value(Key::SlabReclaimable),
            sock: value(Key::Sock),
            zswap: value(Key::Zswap),
            hugetlb: value(Key::Hugetlb),
            file_mapped: value(Key::FileMapped).or(value(Key::MappedFile)),
            file_dirty: value(Key::FileDirty).or(value(Key::Dirty)),
            file_writeback: value(Key::FileWriteback).or(value(Key::Writeback)),
            // v1 counts swap cache as rss alone.
            swapcached: value(Key::Swapcached).filter(|_| !self.is_v1()),
            unevictable: value(Key::Unevictable),
            lru_anon: both([Key::InactiveAnon, Key::ActiveAnon]),
            lru_file: both([Key::InactiveFile, Key::ActiveFile]),
        }
    }

    /// True when nothing was read.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty() && self.others.is_empty()
    }

    /// True for keys of v1, which v2 does not have.
    pub fn is_v1(&self) -> bool {
        self.get(Key::Cache).is_some() || self.get(Key::Rss).is_some()
    }
}

#[cfg(test)]
mod tests {
    use casebook_core::{EvidenceId, Span};

    use super::*;

    fn told(value: u64) -> Told<u64> {
        Told::new(value, Span::new(EvidenceId(0), 0, 0))
    }

    #[test]
    fn totals_of_v1_replace_the_values_of_the_group_alone() {
        let mut stat = Stat::default();
        for (name, value) in [("cache", 1), ("rss", 2), ("brand_new_key", 3), ("total_cache", 10), ("total_odd", 4)] {
            stat.set(name, told(value));
        }
        assert_eq!((stat.value(Key::Cache), stat.value(Key::Rss), stat.is_v1()), (Some(10), Some(2), true));
        assert_eq!(
            stat.others.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
            ["brand_new_key", "total_odd"]
        );
    }

    #[test]
    fn every_key_is_found_by_its_name() {
        assert!(Key::ALL.iter().all(|key| Key::of(key.name()) == Some(*key)));
    }
}
