//! Charging: what does not fit below a limit is made to fit by reclaim, or it is an OOM.

use super::super::floor::HELD_BACK_PAGES;
use super::super::range::Range;
use super::objects::Kind;
use super::state::State;
use super::throttle::grow_us;
use super::{Kill, Outcome, Refusal};

/// What was charged, and to whom it can be taken back from when its owner dies on the way.
#[derive(Clone, Copy, Debug)]
pub(super) enum Charged {
    /// An object of this number, with memory that reclaim cannot take.
    Held(usize),
    /// Page cache: room for a page at a time is enough.
    Cache,
    /// Memory of the kernel.
    Kernel,
}

/// How a process asks for memory, which says what happens when nothing can be killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// A page fault: it is tried again for ever (`pagefault_out_of_memory`, mm/oom_kill.c).
    Fault,
    /// A system call: it fails.
    Call,
}

/// How a limit stands against what cannot be reclaimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    /// It fits.
    Fits,
    /// It does not.
    Exceeds,
    /// The bounds are too wide to tell.
    Close,
}

impl State {
    /// How the floor of a group stands against its limit.
    pub(super) fn fit(&self, group: usize, more: u64) -> Fit {
        let Some(max) = self.groups[group].max else { return Fit::Fits };
        let floor = self.floor(group) + Range::exact(more);
        // With swap reclaim finds something for as long as it is not full, but it gives up when it is too slow.
        let swapping = if self.swap_room(group).hi > 0 { max / 32 } else { 0 };
        // Stocks are drained before an OOM (`drain_all_stock`); pages that are just being put on the lists are not found.
        let slack = HELD_BACK_PAGES * 4096 * self.cpus + swapping;
        // Without the `io` controller the kernel does not slow a writer down for its group's sake (Documentation/admin-guide/cgroup-v2.rst,
        // "Writeback"), so all of it can be dirty, and a slow disk does not write it before reclaim gives up.
        let dirty = if self.slow_disk { self.dirty(group) / 16 * 17 } else { 0 };
        if floor.hi.saturating_add(slack).saturating_add(dirty) <= max {
            Fit::Fits
        } else if floor.lo > max.saturating_add(swapping) {
            Fit::Exceeds
        } else {
            Fit::Close
        }
    }

    /// Looks at every limit above a process after something was charged to it, and kills where it does not fit.
    /// `before` is the room each level had.
    pub(super) fn settle(&mut self, actor: Option<usize>, group: usize, charged: Charged, way: Way) -> Outcome {
        let mut outcome = match actor {
            Some(_) => self.slowed(group),
            None => Outcome::Done,
        };
        if outcome != Outcome::Done {
            return outcome;
        }
        // Every kill frees something or ends the actor; more rounds than processes are not needed.
        for _ in 0..=self.processes.len() {
            let more = if matches!(charged, Charged::Cache) { 4096 } else { 0 };
            let levels: Vec<(usize, Fit)> = self.line(group).map(|level| (level, self.fit(level, more))).collect();
            if levels.iter().all(|(_, fit)| *fit == Fit::Fits) {
                self.reclaim();
                return outcome;
            }
            if !levels.iter().any(|(_, fit)| *fit == Fit::Exceeds) {
                let close = levels.iter().find(|(_, fit)| *fit == Fit::Close).map_or(group, |(level, _)| *level);
                self.reclaim();
                return match outcome {
                    Outcome::Done => Outcome::Close(self.too_close(close)),
                    outcome => outcome,
                };
            }
            self.reclaim();
            // The level that runs full first: the one that lacks most.
            let lacks = |level: usize| self.floor(level).lo.saturating_sub(self.groups[level].max.unwrap_or(u64::MAX));
            let over = levels.iter().filter(|(_, fit)| *fit == Fit::Exceeds).map(|(level, _)| *level);
            // Of equals the lower one: charging begins there (mm/page_counter.c, `page_counter_try_charge`).
            let Some(level) = over.rev().max_by_key(|level| lacks(*level)) else { break };
            let limit = self.groups[level].max.unwrap_or(0);
            let floor = self.floor(level);
            let excess = floor.less(Range::exact(limit));
            let asker = match charged {
                // What it asks for is not all there yet when the limit is hit.
                Charged::Held(object) => actor.map(|actor| (actor, object, excess)),
                _ => None,
            };
            let Some(victims) = self.victims(level, asker) else {
                match self.release {
                    // Where nothing could be killed a charge was forced (commit a4ebf1b6ca1e, "memcg: prohibit unconditional exceeding the
                    // limit of dying tasks", 5.16): 5.10.46 of the laboratory exceeds its limit, 5.10.223 does not.
                    Some(release) if release <= (5, 10, 46) => return Outcome::Exceeded,
                    Some(release)
                        if release < (5, 16, 0) && release.0 == 5 && !(release.1 == 10 && release.2 >= 223) =>
                    {
                        return Outcome::Unknown(
                            "whether this release lets a group exceed its limit when nothing can be killed".to_owned(),
                        );
                    }
                    _ => {}
                }
                return Outcome::Refused(if way == Way::Fault { Refusal::NoVictimFault } else { Refusal::NoVictim });
            };
            let or_more = actor.is_none();
            let kill =
                |names| Kill { limit_of: self.groups[level].path.clone(), victims: names, or_more, floor, limit };
            let Some(victims) = victims else {
                return Outcome::Killed(kill(None));
            };
            let names: Vec<String> = victims.iter().map(|victim| self.processes[*victim].name.clone()).collect();
            outcome = match outcome {
                Outcome::Killed(Kill { victims: Some(mut earlier), limit_of, or_more, floor, limit }) => {
                    earlier.extend(names);
                    Outcome::Killed(Kill { victims: Some(earlier), limit_of, or_more, floor, limit })
                }
                _ => Outcome::Killed(kill(Some(names))),
            };
            if actor.is_some_and(|actor| victims.contains(&actor)) {
                // It got as far as the limit let it.
                if let Charged::Held(object) = charged {
                    self.take_back(object, group, excess);
                }
            }
            victims.iter().for_each(|victim| self.end(*victim));
            if actor.is_some_and(|actor| !self.processes[actor].alive) {
                self.reclaim();
                return outcome;
            }
        }
        outcome
    }

    /// Whether `memory.high` of the group or one above keeps the step from ending, before a limit does.
    fn slowed(&self, group: usize) -> Outcome {
        let (mut least, mut most) = (0u64, 0u64);
        for level in self.line(group) {
            let Some(high) = self.groups[level].high else { continue };
            let (before, after) = (self.before.get(level).copied().unwrap_or(Range::ZERO), self.floor(level));
            let limit = self.line(group).filter_map(|at| self.groups[at].max).min().unwrap_or(u64::MAX);
            // The laboratory's kernels were within a tenth of the formula.
            least = least.max(grow_us(high, before.hi, after.lo.min(limit)) / 4 * 3);
            most = most.max(grow_us(high, before.lo, after.hi.min(limit)).saturating_mul(3) / 2);
        }
        if least > self.patience_us {
            Outcome::Throttled
        } else if most > self.patience_us {
            Outcome::Unknown("how long memory.high holds it up is close to the patience".to_owned())
        } else {
            Outcome::Done
        }
    }

    fn take_back(&mut self, object: usize, group: usize, excess: Range) {
        if let Some((_, range)) = self.objects[object].charged.iter_mut().find(|(one, _)| *one == group) {
            *range = Range {
                lo: range.lo.saturating_sub(excess.hi.saturating_add(1 << 20)),
                hi: range.hi.saturating_sub(excess.lo),
            };
            range.lo = range.lo.min(range.hi);
        }
    }

    /// After a charge: where more is held than a limit lets be, page cache went, and how much of whose is not known.
    pub(super) fn reclaim(&mut self) {
        for level in 0..self.groups.len() {
            if !self.is_over(level) {
                continue;
            }
            self.groups[level].reclaimed = true;
            let below: Vec<usize> = (0..self.groups.len()).filter(|group| self.is_below(*group, level)).collect();
            for object in self.objects.iter_mut().filter(|object| object.kind == Kind::Cache) {
                let locked = object.locked();
                for (group, range) in &mut object.charged {
                    if below.contains(group) {
                        range.lo = range.lo.min(locked);
                    }
                }
            }
            for group in below {
                self.groups[group].slab.lo = 0;
            }
        }
    }

    /// True when reclaim has run from a group, or from one above or below it.
    pub(super) fn was_reclaimed(&self, of: usize) -> bool {
        (0..self.groups.len())
            .any(|level| self.groups[level].reclaimed && (self.is_below(of, level) || self.is_below(level, of)))
    }

    fn is_over(&self, level: usize) -> bool {
        let limit = [self.groups[level].max, self.groups[level].high].into_iter().flatten().min();
        limit.is_some_and(|limit| self.hold(level).saturating_add(self.slack()) > limit)
    }

    /// The most that a group and those below it can hold.
    fn hold(&self, of: usize) -> u64 {
        let below = |group: &usize| self.is_below(*group, of);
        let objects = self.objects.iter().flat_map(|object| &object.charged).filter(|(group, _)| below(group));
        let kernel =
            (0..self.groups.len()).filter(below).map(|group| self.groups[group].kernel.hi + self.groups[group].slab.hi);
        objects.map(|(_, range)| range.hi).chain(kernel).fold(0, u64::saturating_add)
    }

    fn too_close(&self, level: usize) -> String {
        let floor = self.floor(level);
        format!(
            "what {} cannot give up is {} to {} bytes, and its limit is {}",
            self.groups[level].path,
            floor.lo,
            floor.hi,
            self.groups[level].max.unwrap_or(u64::MAX)
        )
    }
}
