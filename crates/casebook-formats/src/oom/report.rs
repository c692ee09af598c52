//! What an OOM report says: one `dump_header` of mm/oom_kill.c, and the kills that follow it.

use crate::journal::BootId;
use crate::kernel_log::{Caller, Place, Time};

use super::kill::{Kill, KillWord, Reaped};
use super::machine::Machine;
use super::stats::{Counter, GroupStats, Protection, Stat, Usage};
use super::table::{Table, Task};

/// Something that was read, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed<T> {
    /// What it is.
    pub value: T,
    /// Byte range in the file.
    pub at: Place,
}

/// Why memory could not be had (`enum oom_constraint`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Constraint {
    /// The machine has none left.
    None,
    /// The nodes of a cpuset have none left.
    Cpuset,
    /// The nodes of a memory policy have none left.
    MemoryPolicy,
    /// A group is at its limit.
    Memcg,
}

/// `hog invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0`: who asked for memory (`dump_header`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Invoked {
    /// Name of the task that asked, which need not be the one that is killed.
    pub comm: String,
    /// Flags of the allocation, as a number.
    pub gfp_mask: Option<u64>,
    /// Flags by name (since 4.6): `GFP_HIGHUSER_MOVABLE|__GFP_ZERO`.
    pub gfp_names: Option<String>,
    /// `nodemask=` (4.9 to 4.19): `(null)`, `0`, `0-1`.
    pub nodemask: Option<String>,
    /// Order of the allocation: 2^order pages; -1 when it was asked for by hand (sysrq).
    pub order: Option<i64>,
    /// `oom_score_adj` of the task that asked.
    pub oom_score_adj: Option<i64>,
    /// `oom_adj` (before 3.7), or `oomkilladj`.
    pub oom_adj: Option<i64>,
}

/// `CPU: 1 UID: 0 PID: 7 Comm: hog Not tainted 6.12.57 #1` (lib/dump_stack.c, `dump_stack_print_info`): where it ran.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cpu {
    /// Processor.
    pub cpu: Option<u32>,
    /// Effective user (since 6.12).
    pub uid: Option<u32>,
    /// Process that asked for memory.
    pub pid: Option<u32>,
    /// Its name.
    pub comm: String,
    /// Letters of taints; `None` when it says `Not tainted`.
    pub tainted: Option<String>,
    /// Release of the kernel: `6.12.57+deb13-amd64`.
    pub release: String,
    /// Byte range of the release.
    pub release_at: Place,
    /// What follows the release: `#1 PREEMPT(lazy)`.
    pub build: String,
}

/// `hog cpuset=/ mems_allowed=0` (kernel/cgroup/cpuset.c, `cpuset_print_current_mems_allowed`; a line of its own to 4.20).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cpuset {
    /// Task.
    pub comm: String,
    /// Its cpuset; under a container's runtime often the name of the container.
    pub cpuset: String,
    /// Nodes it may use.
    pub mems_allowed: String,
}

/// `Task in A killed as a result of limit of B` (mm/memcontrol.c, `mem_cgroup_print_oom_info`; to 4.20).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitOf {
    /// The victim's group; `None` in `Memory limit reached of cgroup B`.
    pub task: Option<Placed<String>>,
    /// The group that is at its limit.
    pub limit: Placed<String>,
}

/// `oom-kill:constraint=…` (`dump_oom_victim`; since 5.0).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Why memory could not be had; `None` for a word that is not known.
    pub constraint: Option<Constraint>,
    /// `nodemask=`: `(null)` or nodes.
    pub nodemask: Option<String>,
    /// Cpuset of the task that asked.
    pub cpuset: Option<String>,
    /// Nodes that task may use.
    pub mems_allowed: Option<String>,
    /// True for `global_oom`: no group's limit.
    pub global: bool,
    /// The group that is at its limit.
    pub oom_memcg: Option<Placed<String>>,
    /// The victim's group.
    pub task_memcg: Option<Placed<String>>,
    /// The victim's name.
    pub task: Option<Placed<String>>,
    /// The victim.
    pub pid: Option<Placed<u32>>,
    /// The victim's user.
    pub uid: Option<u32>,
}

/// How a report ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// A process was killed.
    Killed,
    /// The victim had left its memory already: `OOM victim N is already exiting. Skip killing the task`.
    AlreadyExiting,
    /// `Out of memory and no killable processes...`
    NoVictim,
    /// The kernel gave up: `System is deadlocked on memory`, `panic_on_oom is enabled`.
    Panic,
    /// The end is missing.
    #[default]
    Unknown,
}

/// An OOM report, or what there is of one.
///
/// The kernel limits the rate of reports (ten in five seconds, `oom_rs` in `oom_kill_process`), not of kills: a kill without a
/// report is a `Report` with nothing but [`kills`](Report::kills).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// From the beginning of its first line to the end of its last.
    pub at: Place,
    /// When the first line was written.
    pub time: Time,
    /// When the last line was written, [`reaped`](Report::reaped) left out.
    pub ended: Time,
    /// The machine, where the log names it.
    pub host: Option<String>,
    /// The boot, where the log tells it.
    pub boot: Option<BootId>,
    /// The task that printed it, where callers are printed.
    pub caller: Option<Caller>,
    /// Who asked for memory.
    pub invoked: Option<Placed<Invoked>>,
    /// Where it ran, and the kernel's release.
    pub cpu: Option<Placed<Cpu>>,
    /// `Hardware name: …`
    pub hardware: Option<Placed<String>>,
    /// Cpuset of the task that asked (to 4.20).
    pub cpuset: Option<Placed<Cpuset>>,
    /// Whose limit (to 4.20).
    pub limit_of: Option<Placed<LimitOf>>,
    /// Counters of the group at its limit.
    pub usage: Vec<Usage>,
    /// What the group is protected from (6.19 has it).
    pub protection: Option<Placed<Protection>>,
    /// Statistics: of the group at its limit, to 5.2 also of each group below it.
    pub stats: Vec<GroupStats>,
    /// The machine's memory.
    pub machine: Option<Box<Machine>>,
    /// The tasks.
    pub table: Option<Table>,
    /// Whose limit and which victim (since 5.0).
    pub choice: Option<Placed<Choice>>,
    /// The kills, in order. With `memory.oom.group` the first victim comes twice.
    pub kills: Vec<Kill>,
    /// `Tasks in X are going to be killed due to memory.oom.group set`: X.
    pub group_kill: Option<Placed<String>>,
    /// What `oom_reaper` said of the victims within 64 records after the end.
    pub reaped: Vec<Placed<Reaped>>,
    /// How it ends.
    pub outcome: Outcome,
    /// It was asked for by hand (sysrq).
    pub manual: bool,
    /// Stack and registers, from the first line of them to the last.
    pub trace: Option<Place>,
    /// Lines of others between its lines, 256 at most.
    pub foreign: Vec<Place>,
    /// Lines of others beyond those.
    pub foreign_more: u64,
    /// Lines of the report, of others left out.
    pub lines: u64,
    /// Lines between its lines that are of no known form; they are in the gaps.
    pub unmodelled: u64,
    /// Records that were lost inside of it, as far as printk or journald counted them.
    pub dropped: u64,
    /// The line `… invoked oom-killer` is there.
    pub begins: bool,
    /// Begin, end and what an unbroken report of its kind has in between are there. (The table of tasks can be switched off:
    /// `vm.oom_dump_tasks`.)
    pub complete: bool,
    /// Another report began before this one ended, and nothing tells their lines apart. Since 4.2 the kernel prints one at a
    /// time (`oom_lock`), so this is an old kernel, a log of several machines, or a report whose end is lost.
    pub mixed: bool,
    /// A limit of this reader was hit: tasks, statistics or kills beyond it are counted or left out.
    pub limited: bool,
}

impl Report {
    /// True when a group is at its limit, false when it is the machine; `None` when what would tell is missing.
    pub fn is_memcg(&self) -> Option<bool> {
        if let Some(choice) = &self.choice {
            return Some(!choice.value.global && choice.value.oom_memcg.is_some());
        }
        if self.limit_of.is_some() || !self.usage.is_empty() || !self.stats.is_empty() {
            return Some(true);
        }
        if self.machine.is_some() {
            return Some(false);
        }
        self.kills.iter().find_map(|kill| kill.memcg)
    }

    /// Why memory could not be had: as the report says it, or as its parts imply it. A report before 5.0 does not tell a machine
    /// without memory from a cpuset or a policy without, unless its kill line does.
    pub fn constraint(&self) -> Option<Constraint> {
        // Kernels to 5.2 say CONSTRAINT_NONE of a group's limit too (`oc->constraint` was not set).
        if self.is_memcg() == Some(true) {
            return Some(Constraint::Memcg);
        }
        self.choice.as_ref().and_then(|choice| choice.value.constraint)
    }

    /// The group that is at its limit.
    pub fn limit_group(&self) -> Option<&Placed<String>> {
        let said = self.choice.as_ref().and_then(|choice| choice.value.oom_memcg.as_ref());
        said.or_else(|| self.limit_of.as_ref().map(|line| &line.value.limit))
    }

    /// The group the victim was in.
    pub fn victim_group(&self) -> Option<&Placed<String>> {
        let said = self.choice.as_ref().and_then(|choice| choice.value.task_memcg.as_ref());
        said.or_else(|| self.limit_of.as_ref().and_then(|line| line.value.task.as_ref()))
    }

    /// The first process that was killed, or, without a kill, the one that was chosen: process, name, place of the line.
    pub fn victim(&self) -> Option<(u32, &str, Place)> {
        let rank = |kill: &&Kill| match kill.word {
            KillWord::Killed => 0,
            KillWord::AlreadyExiting => 1,
            KillWord::Chosen | KillWord::Sharing => 2,
        };
        if let Some(kill) = self.kills.iter().min_by_key(rank) {
            return Some((kill.pid, &kill.comm, kill.at));
        }
        let choice = self.choice.as_ref()?;
        let comm = choice.value.task.as_ref().map_or("", |task| task.value.as_str());
        Some((choice.value.pid.as_ref()?.value, comm, choice.at))
    }

    /// One of the group's counters.
    pub fn counter(&self, counter: Counter) -> Option<&Usage> {
        self.usage.iter().find(|usage| usage.counter == counter)
    }

    /// Statistics of the group at its limit.
    pub fn group_stats(&self) -> Option<&GroupStats> {
        let limit = self.limit_group();
        let named = limit.and_then(|limit| self.stats.iter().find(|stats| stats.group == limit.value));
        // To 5.2 the group itself comes first, then the groups below it (`for_each_mem_cgroup_tree`).
        named.or_else(|| self.stats.first())
    }

    /// A number of the statistics of the group at its limit.
    pub fn stat(&self, key: &str) -> Option<&Stat> {
        self.group_stats()?.get(key)
    }

    /// A row of the table.
    pub fn task(&self, pid: u32) -> Option<&Task> {
        self.table.as_ref()?.tasks.iter().find(|task| task.pid == pid)
    }

    /// Release of the kernel, and its place.
    pub fn release(&self) -> Option<(&str, Place)> {
        let cpu = &self.cpu.as_ref()?.value;
        (!cpu.release.is_empty()).then_some((cpu.release.as_str(), cpu.release_at))
    }
}
