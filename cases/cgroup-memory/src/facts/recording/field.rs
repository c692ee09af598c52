//! What is recorded of a group: one number for each [`Field`].

use crate::model::charges::Keys;

/// What the number of a field is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unit {
    /// Bytes. A limit that is not set (`max`) is [`NO_LIMIT`].
    Bytes,
    /// Events, pages or things.
    Count,
    /// Microseconds.
    Us,
    /// 0 or 1.
    Flag,
}

/// The value of a limit that is not set.
pub const NO_LIMIT: u64 = u64::MAX;

macro_rules! fields {
    ($($variant:ident = $name:literal $unit:ident $sort:ident),+ $(,)?) => {
        /// A number that is recorded. The name is the file of a group (Documentation/admin-guide/cgroup-v2.rst) and the key in it;
        /// files of v1 are recorded under the names of v2 they stand for.
        #[allow(missing_docs, reason = "each is the file and key of its name")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Field { $($variant),+ }

        impl Field {
            /// All of them.
            pub const ALL: &'static [Field] = &[$(Field::$variant),+];

            /// `memory.stat anon`.
            pub fn name(self) -> &'static str {
                match self { $(Field::$variant => $name),+ }
            }

            /// The field of a name.
            pub fn of(name: &str) -> Option<Field> {
                match name { $($name => Some(Field::$variant),)+ _ => None }
            }

            /// What its number is.
            pub fn unit(self) -> Unit {
                match self { $(Field::$variant => Unit::$unit),+ }
            }

            /// True for a counter, which never goes down while its group lives.
            pub fn is_counter(self) -> bool {
                matches!(match self { $(Field::$variant => Sort::$sort),+ }, Sort::Counter)
            }
        }
    };
}

enum Sort {
    Gauge,
    Counter,
}

fields! {
    Current = "memory.current" Bytes Gauge,
    Max = "memory.max" Bytes Gauge,
    High = "memory.high" Bytes Gauge,
    Low = "memory.low" Bytes Gauge,
    Min = "memory.min" Bytes Gauge,
    Peak = "memory.peak" Bytes Gauge,
    SwapCurrent = "memory.swap.current" Bytes Gauge,
    SwapMax = "memory.swap.max" Bytes Gauge,
    OomGroup = "memory.oom.group" Flag Gauge,
    Anon = "memory.stat anon" Bytes Gauge,
    File = "memory.stat file" Bytes Gauge,
    Kernel = "memory.stat kernel" Bytes Gauge,
    KernelStack = "memory.stat kernel_stack" Bytes Gauge,
    Pagetables = "memory.stat pagetables" Bytes Gauge,
    SecPagetables = "memory.stat sec_pagetables" Bytes Gauge,
    Percpu = "memory.stat percpu" Bytes Gauge,
    Sock = "memory.stat sock" Bytes Gauge,
    Vmalloc = "memory.stat vmalloc" Bytes Gauge,
    Shmem = "memory.stat shmem" Bytes Gauge,
    Zswap = "memory.stat zswap" Bytes Gauge,
    Zswapped = "memory.stat zswapped" Bytes Gauge,
    FileMapped = "memory.stat file_mapped" Bytes Gauge,
    FileDirty = "memory.stat file_dirty" Bytes Gauge,
    FileWriteback = "memory.stat file_writeback" Bytes Gauge,
    Swapcached = "memory.stat swapcached" Bytes Gauge,
    InactiveAnon = "memory.stat inactive_anon" Bytes Gauge,
    ActiveAnon = "memory.stat active_anon" Bytes Gauge,
    InactiveFile = "memory.stat inactive_file" Bytes Gauge,
    ActiveFile = "memory.stat active_file" Bytes Gauge,
    Unevictable = "memory.stat unevictable" Bytes Gauge,
    SlabReclaimable = "memory.stat slab_reclaimable" Bytes Gauge,
    SlabUnreclaimable = "memory.stat slab_unreclaimable" Bytes Gauge,
    Hugetlb = "memory.stat hugetlb" Bytes Gauge,
    RefaultAnon = "memory.stat workingset_refault_anon" Count Counter,
    RefaultFile = "memory.stat workingset_refault_file" Count Counter,
    Pgscan = "memory.stat pgscan" Count Counter,
    Pgsteal = "memory.stat pgsteal" Count Counter,
    Pgmajfault = "memory.stat pgmajfault" Count Counter,
    EventLow = "memory.events low" Count Counter,
    EventHigh = "memory.events high" Count Counter,
    EventMax = "memory.events max" Count Counter,
    EventOom = "memory.events oom" Count Counter,
    EventOomKill = "memory.events oom_kill" Count Counter,
    EventOomGroupKill = "memory.events oom_group_kill" Count Counter,
    LocalHigh = "memory.events.local high" Count Counter,
    LocalMax = "memory.events.local max" Count Counter,
    LocalOom = "memory.events.local oom" Count Counter,
    LocalOomKill = "memory.events.local oom_kill" Count Counter,
    PressureSomeUs = "memory.pressure some" Us Counter,
    PressureFullUs = "memory.pressure full" Us Counter,
    Populated = "cgroup.events populated" Flag Gauge,
    Pids = "pids.current" Count Gauge,
    Dying = "cgroup.stat nr_dying_descendants" Count Gauge,
    WorkingSet = "working set" Bytes Gauge,
    Rss = "rss" Bytes Gauge,
    MemTotal = "/proc/meminfo MemTotal" Bytes Gauge,
    MemAvailable = "/proc/meminfo MemAvailable" Bytes Gauge,
    MemFree = "/proc/meminfo MemFree" Bytes Gauge,
    SwapTotal = "/proc/meminfo SwapTotal" Bytes Gauge,
    SwapFree = "/proc/meminfo SwapFree" Bytes Gauge,
}

/// How many fields there are: a mask of them fits 64 bits.
pub const FIELDS: usize = Field::ALL.len();
const _: () = assert!(FIELDS <= 64);

/// Which fields of a group are known, and their numbers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fields {
    present: u64,
    numbers: [u64; FIELDS],
}

impl Default for Fields {
    fn default() -> Self {
        Self::none()
    }
}

impl std::fmt::Debug for Fields {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.iter().map(|(field, value)| (field.name(), value))).finish()
    }
}

impl Fields {
    pub(super) const fn none() -> Self {
        Self { present: 0, numbers: [0; FIELDS] }
    }

    /// The number of a field; `None` when it is not known.
    #[inline]
    pub fn get(&self, field: Field) -> Option<u64> {
        (self.present >> field as u8 & 1 == 1).then(|| self.numbers[field as usize])
    }

    /// A limit: `None` when it is not known, `Some(None)` when none is set.
    pub fn limit(&self, field: Field) -> Option<Option<u64>> {
        self.get(field).map(|limit| (limit != NO_LIMIT).then_some(limit))
    }

    /// Sets a number.
    pub fn set(&mut self, field: Field, value: u64) {
        self.present |= 1 << field as u8;
        self.numbers[field as usize] = value;
    }

    /// Known fields, in order.
    pub fn iter(&self) -> impl Iterator<Item = (Field, u64)> + '_ {
        Field::ALL.iter().filter_map(|field| Some((*field, self.get(*field)?)))
    }

    /// A bit for each field that is known.
    pub fn present(&self) -> u64 {
        self.present
    }

    pub(super) fn set_present(&mut self, mask: u64) {
        self.present = mask;
    }

    pub(super) fn numbers(&self) -> &[u64; FIELDS] {
        &self.numbers
    }

    pub(super) fn numbers_mut(&mut self) -> &mut [u64; FIELDS] {
        &mut self.numbers
    }

    /// What the model of the floor needs of it.
    pub fn keys(&self) -> Keys {
        let sum = |fields: &[Field]| {
            let known = || fields.iter().filter_map(|field| self.get(*field));
            (known().count() > 0).then(|| known().fold(0, u64::saturating_add))
        };
        let both = |fields: [Field; 2]| Some(self.get(fields[0])?.saturating_add(self.get(fields[1])?));
        Keys {
            current: self.get(Field::Current),
            anon: self.get(Field::Anon),
            file: self.get(Field::File),
            shmem: self.get(Field::Shmem),
            kernel: self.get(Field::Kernel),
            kernel_parts: sum(&[
                Field::KernelStack,
                Field::Pagetables,
                Field::SecPagetables,
                Field::Percpu,
                Field::Vmalloc,
                Field::SlabReclaimable,
                Field::SlabUnreclaimable,
            ]),
            slab_reclaimable: self.get(Field::SlabReclaimable),
            sock: self.get(Field::Sock),
            zswap: self.get(Field::Zswap),
            hugetlb: self.get(Field::Hugetlb),
            file_mapped: self.get(Field::FileMapped),
            file_dirty: self.get(Field::FileDirty),
            file_writeback: self.get(Field::FileWriteback),
            swapcached: self.get(Field::Swapcached),
            unevictable: self.get(Field::Unevictable),
            lru_anon: both([Field::InactiveAnon, Field::ActiveAnon]),
            lru_file: both([Field::InactiveFile, Field::ActiveFile]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_found() {
        assert!(Field::ALL.iter().all(|field| Field::of(field.name()) == Some(*field)));
    }

    #[test]
    fn a_limit_that_is_not_set_is_known_not_to_be() {
        let mut fields = Fields::default();
        assert_eq!(fields.limit(Field::Max), None);
        fields.set(Field::Max, NO_LIMIT);
        assert_eq!(fields.limit(Field::Max), Some(None));
        fields.set(Field::Max, 5);
        assert_eq!(fields.limit(Field::Max), Some(Some(5)));
        assert_eq!(fields.iter().collect::<Vec<_>>(), [(Field::Max, 5)]);
    }
}
