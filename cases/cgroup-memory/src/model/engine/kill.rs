//! Who is killed: the process with the most memory below the limit, moved by its `oom_score_adj`, with its whole group where
//! `memory.oom.group` says so (mm/oom_kill.c, `oom_badness`, `select_bad_process`; mm/memcontrol.c, `mem_cgroup_get_oom_group`).

use super::super::range::Range;
use super::objects::Kind;
use super::state::State;

/// `OOM_SCORE_ADJ_MIN`: never killed.
const NEVER: i64 = -1000;

impl State {
    /// Numbers of the processes that are killed by the limit of this group. `None`: there is none that can be. `Some(None)`: two are too
    /// close to tell.
    /// `asker`: who asks, for which object, and how much of it is not there yet.
    pub(super) fn victims(&self, level: usize, asker: Option<(usize, usize, Range)>) -> Option<Option<Vec<usize>>> {
        let candidates: Vec<(usize, [i64; 2])> = (0..self.processes.len())
            .filter(|at| self.processes[*at].alive && self.is_below(self.processes[*at].group, level))
            .filter(|at| self.processes[*at].adj != NEVER)
            .map(|at| {
                (
                    at,
                    self.points(
                        at,
                        level,
                        asker.filter(|(asker, ..)| *asker == at).map(|(_, object, lacks)| (object, lacks)),
                    ),
                )
            })
            .collect();
        let (best, [least, _]) = candidates.iter().max_by_key(|(_, points)| points[0])?;
        let rivals = candidates.iter().filter(|(at, points)| at != best && points[1] >= *least).count();
        // A child that was forked has the memory of its parent mapped, too.
        let forked = candidates.iter().any(|(at, _)| self.processes[*at].children > 0);
        let domain = self.kill_domain(self.processes[*best].group, level);
        if let Some(domain) = domain {
            let same = |at: usize| self.kill_domain(self.processes[at].group, level) == Some(domain);
            let rivals_agree =
                candidates.iter().filter(|(at, points)| at != best && points[1] >= *least).all(|(at, _)| same(*at));
            if rivals == 0 && !forked || rivals_agree {
                let members = (0..self.processes.len()).filter(|at| {
                    let process = &self.processes[*at];
                    process.alive && process.adj != NEVER && self.is_below(process.group, domain)
                });
                return Some(Some(members.collect()));
            }
        }
        Some((rivals == 0 && !forked).then(|| vec![*best]))
    }

    /// The topmost group with `memory.oom.group` between a victim's group and the one whose limit was hit.
    fn kill_domain(&self, group: usize, level: usize) -> Option<usize> {
        let mut found = None;
        for at in self.line(group) {
            if self.groups[at].oom_group {
                found = Some(at);
            }
            if at == level {
                break;
            }
        }
        found
    }

    /// Bounds of the points of a process, in pages.
    fn points(&self, at: usize, level: usize, lacks: Option<(usize, Range)>) -> [i64; 2] {
        let process = &self.processes[at];
        let mut bytes = self.objects[process.anon].bytes();
        for (object, mapped) in &process.mapped {
            let object = &self.objects[*object];
            // Page cache that was reclaimed is not mapped any more.
            let least = if object.kind == Kind::Cache { object.bytes().lo.min(*mapped) } else { *mapped };
            bytes += Range { lo: least, hi: *mapped };
        }
        if let Some((object, lacks)) = lacks
            && (object == process.anon || process.mapped.iter().any(|(mapped, _)| *mapped == object))
        {
            bytes = bytes.less(lacks);
        }
        // Its page tables, its text and libraries.
        bytes += Range { lo: bytes.lo / 512 + (16 << 10), hi: bytes.hi / 512 + (1 << 20) };
        // `mem_cgroup_get_max`: the limit, and what swap the group may use.
        let swap = self.groups[level].swap_max.unwrap_or(u64::MAX).min(self.swap_bytes);
        let total = self.groups[level].max.unwrap_or(0).saturating_add(swap) / 4096;
        let adjust = process.adj * (total as i64 / 1000).max(0);
        [(bytes.lo / 4096) as i64 + adjust, (bytes.hi / 4096) as i64 + adjust]
    }

    /// A process ends: what only it held is given back.
    pub(super) fn end(&mut self, at: usize) {
        let process = &mut self.processes[at];
        if !process.alive {
            return;
        }
        process.alive = false;
        let kernel = std::mem::take(&mut process.kernel);
        process.mapped.clear();
        process.children = 0;
        for (group, bytes) in kernel {
            let held = &mut self.groups[group].kernel;
            // Stacks and page tables are freed a little later than the process is gone.
            *held = Range { lo: held.lo.saturating_sub(bytes.lo), hi: held.hi.saturating_sub(bytes.lo) };
        }
        self.release(at);
    }

    /// Lets go of everything a process holds; of its private memory too when it has ended.
    pub(super) fn release(&mut self, at: usize) {
        let private = self.processes[at].alive.then_some(self.processes[at].anon);
        for (_, object) in self.objects.iter_mut().enumerate().filter(|(number, _)| Some(*number) != private) {
            object.held_by.retain(|holder| *holder != at);
            object.locks.retain(|(holder, _)| *holder != at);
        }
        self.sweep();
    }

    /// Objects that nothing keeps any more are not charged any more.
    pub(super) fn sweep(&mut self) {
        for object in self.objects.iter_mut().filter(|object| object.is_gone()) {
            object.charged.clear();
        }
    }
}
