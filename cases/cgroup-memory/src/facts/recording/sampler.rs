//! Turns the files of a tree that is watched into [`Fields`]. `record` and `top` take their samples through it.
//!
//! To read all files of all groups at every sample costs more than the numbers are worth, so a group is asked for
//! `memory.current` and `memory.events` each time, and for the rest when one of them moved, when it is within a twentieth of
//! its limit, and every [`SLOW_US`] all the same. What was not asked for keeps its number.

use std::collections::BTreeMap;

use casebook_core::watch::{Hierarchy, Visit};

use super::field::{Field, Fields, NO_LIMIT};

/// How old a number can be of a group in which nothing moves.
pub const SLOW_US: u64 = 10_000_000;

/// How a file is read.
#[derive(Clone, Copy, Debug)]
enum Form {
    /// One number, or `max`.
    Number(Field),
    /// `key number` in each line.
    Keyed(fn(&[u8]) -> Option<Field>),
    /// Pressure (Documentation/accounting/psi.rst).
    Pressure,
}

/// When a file is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    Always,
    Moved,
    Slowly,
}

type File = (&'static str, Form, When);

const V2: [File; 16] = [
    ("memory.current", Form::Number(Field::Current), When::Always),
    ("memory.events", Form::Keyed(event), When::Always),
    ("memory.events.local", Form::Keyed(local_event), When::Moved),
    ("memory.stat", Form::Keyed(stat), When::Moved),
    ("memory.pressure", Form::Pressure, When::Moved),
    ("memory.swap.current", Form::Number(Field::SwapCurrent), When::Moved),
    ("memory.peak", Form::Number(Field::Peak), When::Moved),
    ("memory.max", Form::Number(Field::Max), When::Slowly),
    ("memory.high", Form::Number(Field::High), When::Slowly),
    ("memory.low", Form::Number(Field::Low), When::Slowly),
    ("memory.min", Form::Number(Field::Min), When::Slowly),
    ("memory.swap.max", Form::Number(Field::SwapMax), When::Slowly),
    ("memory.oom.group", Form::Number(Field::OomGroup), When::Slowly),
    ("cgroup.events", Form::Keyed(group_event), When::Slowly),
    ("pids.current", Form::Number(Field::Pids), When::Slowly),
    ("cgroup.stat", Form::Keyed(group_stat), When::Slowly),
];

/// v1 has the same under other names (Documentation/admin-guide/cgroup-v1/memory.rst).
/// `swap` of memory.stat stands for what memsw counts beside memory.
const V1: [File; 9] = [
    ("memory.usage_in_bytes", Form::Number(Field::Current), When::Always),
    ("memory.failcnt", Form::Number(Field::LocalMax), When::Always),
    ("memory.oom_control", Form::Keyed(oom_control), When::Moved),
    ("memory.stat", Form::Keyed(stat_v1), When::Moved),
    ("memory.kmem.usage_in_bytes", Form::Number(Field::Kernel), When::Moved),
    ("memory.kmem.tcp.usage_in_bytes", Form::Number(Field::Sock), When::Moved),
    ("memory.max_usage_in_bytes", Form::Number(Field::Peak), When::Moved),
    ("memory.limit_in_bytes", Form::Number(Field::Max), When::Slowly),
    ("memory.soft_limit_in_bytes", Form::Number(Field::Low), When::Slowly),
];

/// Files of each group, in the order they are asked for.
pub fn files(hierarchy: Hierarchy) -> &'static [&'static str] {
    const fn names<const N: usize>(files: &[File; N]) -> [&'static str; N] {
        let mut names = [""; N];
        let mut at = 0;
        while at < N {
            names[at] = files[at].0;
            at += 1;
        }
        names
    }
    const NAMES_V2: [&str; V2.len()] = names(&V2);
    const NAMES_V1: [&str; V1.len()] = names(&V1);
    match hierarchy {
        Hierarchy::V2 => &NAMES_V2,
        Hierarchy::V1 => &NAMES_V1,
    }
}

/// Files of the machine.
pub const MACHINE: &[&str] = &["/proc/meminfo", "/proc/pressure/memory"];

/// A group as the sampler keeps it.
#[derive(Clone, Debug)]
struct Watched {
    path: String,
    fields: Fields,
    /// Something moved in this reading.
    moved: bool,
    /// It was not there at the last reading.
    new: bool,
}

/// Hears readings of a tree, and holds the numbers of the last.
#[derive(Clone, Debug)]
pub struct Sampler {
    files: &'static [File],
    groups: BTreeMap<u32, Watched>,
    machine: Fields,
    readings: u64,
    /// Readings in [`SLOW_US`].
    slow: u64,
    /// Everything is asked for each time.
    all: bool,
}

impl Sampler {
    /// For trees of this interface, read at this interval.
    pub fn new(hierarchy: Hierarchy, interval_us: u64) -> Self {
        Self {
            files: match hierarchy {
                Hierarchy::V2 => &V2,
                Hierarchy::V1 => &V1,
            },
            groups: BTreeMap::new(),
            machine: Fields::default(),
            readings: 0,
            slow: (SLOW_US / interval_us.max(1)).max(1),
            all: false,
        }
    }

    /// Asks for every file at every reading.
    pub fn thorough(mut self) -> Self {
        self.all = true;
        self
    }

    /// Ends a reading.
    pub fn done(&mut self) {
        self.readings += 1;
        self.groups.values_mut().for_each(|group| (group.moved, group.new) = (false, false));
    }

    /// What is known of the machine.
    pub fn machine(&self) -> &Fields {
        &self.machine
    }

    /// The groups there are, by number and path.
    pub fn groups(&self) -> impl ExactSizeIterator<Item = (u32, &str, &Fields)> + '_ {
        self.groups.iter().map(|(id, group)| (*id, group.path.as_str(), &group.fields))
    }

    /// The group's turn for files that are asked for slowly; the groups take turns.
    fn turn(&self, group: u32) -> bool {
        self.all || (self.readings + u64::from(group)).is_multiple_of(self.slow)
    }
}

impl Visit for Sampler {
    fn appeared(&mut self, group: u32, path: &str) {
        let watched = Watched { path: path.to_owned(), fields: Fields::default(), moved: true, new: true };
        self.groups.insert(group, watched);
    }

    fn vanished(&mut self, group: u32) {
        self.groups.remove(&group);
    }

    fn wants(&mut self, group: u32, file: usize) -> bool {
        let Some((_, _, when)) = self.files.get(file).filter(|_| group != 0) else { return group == 0 };
        let Some(watched) = self.groups.get(&group) else { return false };
        match when {
            When::Always => true,
            When::Moved => watched.moved || is_near(&watched.fields) || self.turn(group),
            When::Slowly => watched.new || self.turn(group),
        }
    }

    fn read(&mut self, group: u32, file: usize, bytes: &[u8]) {
        if group == 0 {
            return match file {
                0 => keyed(bytes, &mut self.machine, meminfo, 1024),
                _ => pressure(bytes, &mut self.machine),
            };
        }
        let (Some((_, form, when)), Some(watched)) = (self.files.get(file), self.groups.get_mut(&group)) else {
            return;
        };
        let before = (*when == When::Always).then_some(watched.fields);
        match form {
            Form::Number(field) => {
                if let Some(number) = number(bytes) {
                    watched.fields.set(*field, number);
                }
            }
            Form::Keyed(key) => keyed(bytes, &mut watched.fields, *key, 1),
            Form::Pressure => pressure(bytes, &mut watched.fields),
        }
        watched.moved |= before.is_some_and(|before| before != watched.fields);
    }
}

/// True for a group that is within a twentieth of its limit, or above its high mark.
fn is_near(fields: &Fields) -> bool {
    let Some(current) = fields.get(Field::Current) else { return false };
    let above = |limit: Field, part: u64| {
        fields.get(limit).is_some_and(|limit| limit != NO_LIMIT && current >= limit - limit / part)
    };
    above(Field::Max, 20) || above(Field::High, 20)
}

/// The number of a file; `max` and the largest v1 has (`PAGE_COUNTER_MAX`) are no limit.
fn number(bytes: &[u8]) -> Option<u64> {
    let text = bytes.trim_ascii();
    if text == b"max" {
        return Some(NO_LIMIT);
    }
    let value = digits(text)?;
    // LONG_MAX in whole pages, of 64 KiB at most.
    Some(if value >= i64::MAX as u64 >> 16 << 16 { NO_LIMIT } else { value })
}

fn digits(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > 20 {
        return None;
    }
    text.iter().try_fold(0_u64, |value, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        value.checked_mul(10)?.checked_add(digit)
    })
}

/// `key number` or `key: number kB`, a line each.
fn keyed(bytes: &[u8], fields: &mut Fields, field: fn(&[u8]) -> Option<Field>, factor: u64) {
    for line in bytes.split(|byte| *byte == b'\n') {
        let mut words = line.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
        let (Some(key), Some(value)) = (words.next(), words.next()) else { continue };
        if let (Some(field), Some(value)) = (field(key), digits(value)) {
            fields.set(field, value.saturating_mul(factor));
        }
    }
}

/// `some avg10=0.00 avg60=0.00 avg300=0.00 total=0`.
fn pressure(bytes: &[u8], fields: &mut Fields) {
    for line in bytes.split(|byte| *byte == b'\n') {
        let mut words = line.split(|byte| *byte == b' ');
        let field = match words.next() {
            Some(b"some") => Field::PressureSomeUs,
            Some(b"full") => Field::PressureFullUs,
            _ => continue,
        };
        if let Some(total) = words.find_map(|word| digits(word.strip_prefix(b"total=")?)) {
            fields.set(field, total);
        }
    }
}

fn meminfo(key: &[u8]) -> Option<Field> {
    Some(match key {
        b"MemTotal:" => Field::MemTotal,
        b"MemAvailable:" => Field::MemAvailable,
        b"MemFree:" => Field::MemFree,
        b"SwapTotal:" => Field::SwapTotal,
        b"SwapFree:" => Field::SwapFree,
        _ => return None,
    })
}

fn event(key: &[u8]) -> Option<Field> {
    Some(match key {
        b"low" => Field::EventLow,
        b"high" => Field::EventHigh,
        b"max" => Field::EventMax,
        b"oom" => Field::EventOom,
        b"oom_kill" => Field::EventOomKill,
        b"oom_group_kill" => Field::EventOomGroupKill,
        _ => return None,
    })
}

fn local_event(key: &[u8]) -> Option<Field> {
    Some(match key {
        b"high" => Field::LocalHigh,
        b"max" => Field::LocalMax,
        b"oom" => Field::LocalOom,
        b"oom_kill" => Field::LocalOomKill,
        _ => return None,
    })
}

fn group_event(key: &[u8]) -> Option<Field> {
    (key == b"populated").then_some(Field::Populated)
}

fn group_stat(key: &[u8]) -> Option<Field> {
    (key == b"nr_dying_descendants").then_some(Field::Dying)
}

/// `oom_kill` of v1 counts those of the group alone (mm/memcontrol-v1.c `mem_cgroup_oom_control_read`).
fn oom_control(key: &[u8]) -> Option<Field> {
    (key == b"oom_kill").then_some(Field::LocalOomKill)
}

fn stat(key: &[u8]) -> Option<Field> {
    Some(match key {
        b"anon" => Field::Anon,
        b"file" => Field::File,
        b"kernel" => Field::Kernel,
        b"kernel_stack" => Field::KernelStack,
        b"pagetables" => Field::Pagetables,
        b"sec_pagetables" => Field::SecPagetables,
        b"percpu" => Field::Percpu,
        b"sock" => Field::Sock,
        b"vmalloc" => Field::Vmalloc,
        b"shmem" => Field::Shmem,
        b"zswap" => Field::Zswap,
        b"zswapped" => Field::Zswapped,
        b"file_mapped" => Field::FileMapped,
        b"file_dirty" => Field::FileDirty,
        b"file_writeback" => Field::FileWriteback,
        b"swapcached" => Field::Swapcached,
        b"inactive_anon" => Field::InactiveAnon,
        b"active_anon" => Field::ActiveAnon,
        b"inactive_file" => Field::InactiveFile,
        b"active_file" => Field::ActiveFile,
        b"unevictable" => Field::Unevictable,
        b"slab_reclaimable" => Field::SlabReclaimable,
        b"slab_unreclaimable" => Field::SlabUnreclaimable,
        b"hugetlb" => Field::Hugetlb,
        b"workingset_refault_anon" => Field::RefaultAnon,
        b"workingset_refault_file" => Field::RefaultFile,
        b"pgscan" => Field::Pgscan,
        b"pgsteal" => Field::Pgsteal,
        b"pgmajfault" => Field::Pgmajfault,
        _ => return None,
    })
}

/// The totals of v1: the group and all below it, which is what its limit is held against.
fn stat_v1(key: &[u8]) -> Option<Field> {
    Some(match key.strip_prefix(b"total_")? {
        b"rss" => Field::Anon,
        b"cache" => Field::File,
        b"shmem" => Field::Shmem,
        b"mapped_file" => Field::FileMapped,
        b"dirty" => Field::FileDirty,
        b"writeback" => Field::FileWriteback,
        b"swap" => Field::SwapCurrent,
        b"inactive_anon" => Field::InactiveAnon,
        b"active_anon" => Field::ActiveAnon,
        b"inactive_file" => Field::InactiveFile,
        b"active_file" => Field::ActiveFile,
        b"unevictable" => Field::Unevictable,
        b"workingset_refault_anon" => Field::RefaultAnon,
        b"workingset_refault_file" => Field::RefaultFile,
        b"pgmajfault" => Field::Pgmajfault,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads the files of one group by name.
    fn reading(sampler: &mut Sampler, contents: &[(&str, &str)]) -> Vec<&'static str> {
        let names: Vec<&'static str> = sampler.files.iter().map(|file| file.0).collect();
        let mut asked = Vec::new();
        for (file, name) in names.iter().enumerate() {
            if sampler.wants(1, file) {
                asked.push(*name);
                if let Some((_, content)) = contents.iter().find(|(known, _)| known == name) {
                    sampler.read(1, file, content.as_bytes());
                }
            }
        }
        sampler.done();
        asked
    }

    #[test]
    fn a_group_in_which_nothing_moves_is_asked_for_little() {
        let mut sampler = Sampler::new(Hierarchy::V2, 1_000_000);
        sampler.appeared(1, "/a");
        let quiet = [("memory.current", "4096\n"), ("memory.max", "max\n"), ("memory.events", "max 0\n")];
        let first = reading(&mut sampler, &quiet);
        assert!(first.contains(&"memory.stat") && first.contains(&"memory.max"), "{first:?}");
        assert_eq!(reading(&mut sampler, &quiet), ["memory.current", "memory.events"]);
        let moved = reading(&mut sampler, &[("memory.current", "8192\n")]);
        assert!(moved.contains(&"memory.stat") && !moved.contains(&"memory.max"), "{moved:?}");
        let fields = sampler.groups().next().unwrap().2;
        assert_eq!((fields.get(Field::Current), fields.limit(Field::Max)), (Some(8192), Some(None)));
        let asked: Vec<bool> = (0..10).map(|_| reading(&mut sampler, &quiet[1..]).contains(&"memory.max")).collect();
        assert_eq!(asked.iter().filter(|asked| **asked).count(), 1, "once in ten seconds");
    }

    #[test]
    fn a_group_near_its_limit_is_asked_for_all_that_moves() {
        let mut sampler = Sampler::new(Hierarchy::V2, 1_000_000);
        sampler.appeared(1, "/a");
        let full = [("memory.current", "99\n"), ("memory.max", "100\n")];
        reading(&mut sampler, &full);
        assert!(reading(&mut sampler, &full).contains(&"memory.stat"));
    }

    #[test]
    fn files_are_read_by_key_and_what_is_odd_is_passed_by() {
        let mut sampler = Sampler::new(Hierarchy::V2, 1_000_000);
        sampler.appeared(1, "/a");
        reading(
            &mut sampler,
            &[
                ("memory.stat", "anon 1\nnew_key 7\nfile 2x\nshmem\n\nsock 99999999999999999999999\n"),
                ("memory.pressure", "some avg10=0.00 total=12\nfull avg10=0.00 total=3\n"),
                ("memory.events", "low 0\nhigh 1\nmax 2\noom 3\noom_kill 4\n"),
                ("cgroup.events", "populated 1\nfrozen 0\n"),
                ("memory.high", "what\n"),
            ],
        );
        sampler.read(0, 0, b"MemTotal:       16 kB\nMemAvailable:    8 kB\n");
        let fields = sampler.groups().next().unwrap().2;
        let known: Vec<(&str, u64)> = fields.iter().map(|(field, value)| (field.name(), value)).collect();
        assert_eq!(
            known,
            [
                ("memory.stat anon", 1),
                ("memory.events low", 0),
                ("memory.events high", 1),
                ("memory.events max", 2),
                ("memory.events oom", 3),
                ("memory.events oom_kill", 4),
                ("memory.pressure some", 12),
                ("memory.pressure full", 3),
                ("cgroup.events populated", 1),
            ]
        );
        assert_eq!(sampler.machine().get(Field::MemAvailable), Some(8192));
    }

    #[test]
    fn v1_is_recorded_under_the_names_of_v2() {
        let mut sampler = Sampler::new(Hierarchy::V1, 1_000_000);
        sampler.appeared(1, "/a");
        reading(
            &mut sampler,
            &[
                ("memory.usage_in_bytes", "4096\n"),
                ("memory.limit_in_bytes", "9223372036854771712\n"),
                ("memory.stat", "cache 1\nrss 2\ntotal_cache 10\ntotal_rss 20\ntotal_swap 5\n"),
                ("memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n"),
            ],
        );
        let fields = sampler.groups().next().unwrap().2;
        assert_eq!(fields.limit(Field::Max), Some(None));
        let known = [Field::Current, Field::File, Field::Anon, Field::SwapCurrent, Field::LocalOomKill];
        assert_eq!(known.map(|field| fields.get(field)), [4096, 10, 20, 5, 3].map(Some));
    }
}
