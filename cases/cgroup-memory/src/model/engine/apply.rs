//! Steps: what each of them makes its group hold.

use super::super::range::Range;
use super::super::workload::{Action, Setting, Step};
use super::charge::{Charged, Way};
use super::objects::{Kind, Object};
use super::state::{CHILD_ANON, CHILD_KERNEL, State};
use super::{Kill, Outcome, Refusal};

/// The kernel reads ahead of a reader: two windows of `read_ahead_kb` (mm/readahead.c), 256 KiB in the laboratory up to 7.2; 7.3 read
/// 4 MiB ahead.
const READ_AHEAD: u64 = 8 << 20;
/// Room for dirty pages that is enough on any disk.
const LITTLE_ROOM: u64 = 15 << 20;
/// A huge page.
const HUGE: u64 = 2 << 20;

impl State {
    /// Plays one step.
    pub fn apply(&mut self, step: &Step) -> Outcome {
        match step {
            Step::Nothing => Outcome::Done,
            Step::Remove(path) => self.remove(path),
            Step::Set(path, settings) => self.change(path, settings),
            Step::Process(name, action) => {
                let Some(actor) = self.processes.iter().position(|process| process.name == *name) else {
                    return Outcome::Unknown(format!("there is no process {name}"));
                };
                if !self.processes[actor].alive {
                    return Outcome::Done;
                }
                self.before = (0..self.groups.len()).map(|group| self.floor(group)).collect();
                let outcome = self.act(actor, action);
                match outcome {
                    Outcome::Done => self.machine(),
                    outcome => outcome,
                }
            }
        }
    }

    /// What becomes of the machine's own memory.
    fn machine(&self) -> Outcome {
        let Some(memory) = self.memory_bytes else { return Outcome::Done };
        let roots = (0..self.groups.len()).filter(|at| self.groups[*at].parent.is_none());
        let held: Range = roots.map(|root| self.floor(root)).sum();
        if held.lo > memory {
            let kill =
                Kill { limit_of: "the machine".to_owned(), victims: None, or_more: true, floor: held, limit: memory };
            return Outcome::Killed(kill);
        }
        // The kernel and what else runs have their part.
        match held.hi > memory / 8 * 7 {
            true => Outcome::Unknown("the machine's own memory runs out".to_owned()),
            false => Outcome::Done,
        }
    }

    fn act(&mut self, actor: usize, action: &Action) -> Outcome {
        match action {
            Action::Anon { bytes, huge } => self.anon(actor, *bytes, *huge, false),
            Action::LockAnon(bytes) => self.anon(actor, *bytes, false, true),
            Action::Free(bytes) => {
                let anon = self.processes[actor].anon;
                self.objects[anon].uncharge(*bytes);
                Outcome::Done
            }
            Action::Read(path, bytes) => self.file(actor, path, *bytes, Touch::Read),
            Action::Map(path, bytes) => self.file(actor, path, *bytes, Touch::Map),
            Action::Lock(path, bytes) => self.file(actor, path, *bytes, Touch::Lock),
            Action::Write(path, bytes) => self.file(actor, path, *bytes, Touch::Write),
            Action::MapWrite(path, bytes) => self.file(actor, path, *bytes, Touch::MapWrite),
            Action::Memfd(bytes) => self.shared(actor, *bytes, Way::Call),
            Action::ShmAnon(bytes) => self.shared(actor, *bytes, Way::Fault),
            Action::OpenUnlink(path) => {
                if let Some(object) = self.object(path) {
                    self.objects[object].held_by.push(actor);
                    self.objects[object].named = false;
                    self.objects[object].name = None;
                }
                Outcome::Done
            }
            Action::Unlink(path) => {
                if let Some(object) = self.object(path) {
                    let gone = &mut self.objects[object];
                    gone.named = false;
                    gone.name = None;
                    if gone.kind == Kind::Cache && gone.held_by.is_empty() {
                        gone.charged.clear();
                    }
                }
                self.sweep();
                Outcome::Done
            }
            Action::Close => {
                self.processes[actor].mapped.clear();
                self.release(actor);
                Outcome::Done
            }
            Action::Fork(count) => self.fork(actor, *count),
            Action::Names(count) => {
                // A dentry is 192 bytes, its name more when it is long (include/linux/dcache.h).
                let group = self.processes[actor].group;
                self.groups[group].slab += Range { lo: count * 190, hi: count * 420 + (256 << 10) };
                self.settle(Some(actor), group, Charged::Cache, Way::Call)
            }
            // Every segment has its own overhead (`truesize`). Measured for TCP: 1.0 to 1.35 bytes for a byte that is sent.
            Action::Sockets(bytes) => {
                let held = Range { lo: *bytes, hi: bytes.saturating_mul(8) / 5 + (512 << 10) };
                self.sockets = self.sockets.saturating_add(held.hi);
                self.kernel(actor, held)
            }
            Action::Pipes(bytes) => self.kernel(actor, Range { lo: *bytes, hi: bytes + bytes / 8 + (256 << 10) }),
            Action::Move(path) => {
                let group = self.group(path);
                self.processes[actor].group = group;
                Outcome::Done
            }
            Action::Exit => {
                self.end(actor);
                Outcome::Done
            }
            Action::Sync(path) => {
                if let Some(object) = self.object(path) {
                    self.objects[object].dirty = 0;
                }
                Outcome::Done
            }
            Action::Retouch => Outcome::Done,
        }
    }

    fn anon(&mut self, actor: usize, bytes: u64, huge: bool, locked: bool) -> Outcome {
        let (group, anon) = (self.processes[actor].group, self.processes[actor].anon);
        let most = if huge { bytes.next_multiple_of(HUGE) } else { bytes };
        self.objects[anon].charge(group, Range { lo: bytes, hi: most });
        if locked {
            let already = self.objects[anon].locked();
            self.objects[anon].locks = vec![(actor, already + bytes)];
        }
        self.page_tables(actor, bytes);
        self.settle(Some(actor), group, Charged::Held(anon), Way::Fault)
    }

    /// 8 bytes for a page of 4 KiB, and a few tables above them.
    fn page_tables(&mut self, actor: usize, bytes: u64) {
        self.charge_kernel(actor, Range { lo: 0, hi: bytes / 512 + (24 << 10) });
    }

    fn kernel(&mut self, actor: usize, bytes: Range) -> Outcome {
        let group = self.processes[actor].group;
        self.charge_kernel(actor, bytes);
        self.settle(Some(actor), group, Charged::Kernel, Way::Call)
    }

    fn fork(&mut self, actor: usize, count: u64) -> Outcome {
        let group = self.processes[actor].group;
        let tables = self.objects[self.processes[actor].anon].bytes().hi / 512;
        let one = Range { lo: CHILD_KERNEL.lo, hi: CHILD_KERNEL.hi + tables };
        self.charge_kernel(actor, Range { lo: one.lo.saturating_mul(count), hi: one.hi.saturating_mul(count) });
        let anon = self.processes[actor].anon;
        self.objects[anon]
            .charge(group, Range { lo: CHILD_ANON.lo.saturating_mul(count), hi: CHILD_ANON.hi.saturating_mul(count) });
        self.processes[actor].children += count;
        self.settle(Some(actor), group, Charged::Kernel, Way::Call)
    }

    fn shared(&mut self, actor: usize, bytes: u64, way: Way) -> Outcome {
        let group = self.processes[actor].group;
        let mut object = Object::new(Kind::Shmem, None);
        object.held_by.push(actor);
        object.charge(group, Range::exact(bytes));
        self.objects.push(object);
        let number = self.objects.len() - 1;
        if way == Way::Fault {
            self.processes[actor].mapped.push((number, bytes));
            self.page_tables(actor, bytes);
        }
        self.settle(Some(actor), group, Charged::Held(number), way)
    }

    fn object(&self, path: &str) -> Option<usize> {
        self.objects.iter().position(|object| object.name.as_deref() == Some(path))
    }

    fn file(&mut self, actor: usize, path: &str, bytes: u64, touch: Touch) -> Outcome {
        let in_memory = path.starts_with("/tmp/");
        let writes = matches!(touch, Touch::Write | Touch::MapWrite);
        let number = match self.object(path) {
            Some(number) => number,
            None => {
                let kind = if in_memory { Kind::Shmem } else { Kind::Cache };
                self.objects.push(Object::new(kind, Some(path.to_owned())));
                self.objects.len() - 1
            }
        };
        let group = self.processes[actor].group;
        let size = self.files.iter().find(|(name, _)| name == path).map(|(_, size)| *size);
        let end = if writes { bytes } else { bytes.min(size.unwrap_or(if in_memory { u64::MAX } else { 0 })) };
        let there = self.objects[number].bytes();
        let room = self.room_in(path);
        let full = writes && in_memory && end.saturating_sub(there.lo) > room;
        let end = if full { there.lo.saturating_add(room) } else { end };
        let ahead = match (in_memory, writes) {
            (true, _) | (_, true) => end,
            _ => size.unwrap_or(end).min(end.saturating_add(READ_AHEAD)),
        };
        // A file in memory has no pages that were not written; reading it gets none.
        let new = match in_memory && !writes {
            true => Range::ZERO,
            false => Range { lo: end.saturating_sub(there.hi), hi: ahead.saturating_sub(there.lo) },
        };
        self.objects[number].charge(group, new);
        if writes && !in_memory {
            self.objects[number].dirty = end;
        }
        if writes && !in_memory && size.is_none() {
            self.files.push((path.to_owned(), bytes));
        }
        if !in_memory {
            // The tree that finds the pages, the inode, extents (fs/ext4).
            // A page that was written has a `buffer_head` of 104 bytes, too.
            let share = if writes { 24 } else { 128 };
            self.groups[group].slab += Range { lo: 0, hi: new.hi / share + (128 << 10) };
        }
        let mapped = matches!(touch, Touch::Map | Touch::Lock | Touch::MapWrite);
        if mapped {
            self.processes[actor].mapped.push((number, end));
            self.objects[number].held_by.push(actor);
            self.page_tables(actor, end);
        }
        if touch == Touch::Lock {
            self.objects[number].locks.push((actor, end));
        }
        let held = in_memory || touch == Touch::Lock;
        let way = if mapped { Way::Fault } else { Way::Call };
        let outcome = self.settle(Some(actor), group, if held { Charged::Held(number) } else { Charged::Cache }, way);
        if writes && !in_memory && matches!(outcome, Outcome::Done | Outcome::Close(_)) && self.little_room(group, end)
        {
            return Outcome::Slow;
        }
        if full && outcome == Outcome::Done {
            return Outcome::Refused(Refusal::Full);
        }
        if touch == Touch::Lock && outcome == Outcome::Done {
            // Pages that another group was charged for count there.
            let owners: Vec<usize> =
                self.objects[number].charged.iter().map(|(owner, _)| *owner).filter(|owner| *owner != group).collect();
            for owner in owners {
                let outcome = self.settle(None, owner, Charged::Kernel, way);
                if outcome != Outcome::Done {
                    return Outcome::Unknown(
                        "locked pages are charged to another group, which they may fill".to_owned(),
                    );
                }
            }
        }
        outcome
    }

    /// True when a write has so little room beside the floor that dirty pages can fill it before they are written: in the laboratory
    /// writers died with 9 MiB, and never with more.
    fn little_room(&self, group: usize, bytes: u64) -> bool {
        let room = |level: usize| self.groups[level].max.map(|max| max.saturating_sub(self.floor(level).hi));
        let least = self.line(group).filter_map(room).min();
        // On a slow disk all of what is written is in the way.
        least.is_some_and(|room| bytes > room / 2 && room < LITTLE_ROOM || self.slow_disk && bytes + bytes / 16 > room)
    }

    /// Room in the file system in memory a path is in: `/tmp/32m/x` is in one of 32 MiB, `/tmp/x` in one without a bound.
    fn room_in(&self, path: &str) -> u64 {
        let Some(folder) = path.strip_prefix("/tmp/").and_then(|rest| rest.split_once('/')).map(|(folder, _)| folder)
        else {
            return u64::MAX;
        };
        let Some(size) = crate::facts::workload::size(folder) else { return u64::MAX };
        let prefix = format!("/tmp/{folder}/");
        let within = |object: &&Object| object.name.as_ref().is_some_and(|name| name.starts_with(&prefix));
        size.saturating_sub(self.objects.iter().filter(within).map(|object| object.bytes().lo).sum())
    }

    fn remove(&mut self, path: &str) -> Outcome {
        let Some(group) = self.groups.iter().position(|group| group.path == path && !group.removed) else {
            return Outcome::Done;
        };
        let busy = self.processes.iter().any(|process| process.alive && self.is_below(process.group, group));
        if !busy {
            // What it was charged with stays charged, to the group above (`memcg_offline_kmem`, `mem_cgroup_css_offline`).
            let removed = &mut self.groups[group];
            removed.removed = true;
            (removed.max, removed.high, removed.min) = (None, None, 0);
        }
        Outcome::Done
    }

    /// `memory_max_write` (mm/memcontrol.c): a limit below what is held makes room by reclaim, then by killing.
    fn change(&mut self, path: &str, settings: &[Setting]) -> Outcome {
        let group = self.group(path);
        settings.iter().for_each(|setting| self.set(group, *setting));
        if !settings.iter().any(|setting| matches!(setting, Setting::Max(Some(_)))) {
            return Outcome::Done;
        }
        match self.settle(None, group, Charged::Kernel, Way::Call) {
            Outcome::Refused(_) => Outcome::Done,
            outcome => outcome,
        }
    }
}

/// What a process does with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Touch {
    Read,
    Map,
    Lock,
    Write,
    MapWrite,
}
