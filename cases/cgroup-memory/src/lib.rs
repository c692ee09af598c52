//! Three days of debugging a cgroup memory accounting bug: who was killed at which limit, what could not be reclaimed there, and which
//! setting would have let it live.
//!
//! The mechanism in ten lines. Every page belongs to the group of whoever touched it first, and stays charged there until it is freed:
//! page cache, tmpfs, page tables, sockets and all. A charge that does not fit below a limit, the group's own or one above it, makes the
//! kernel reclaim from the group over its limit. Reclaim takes page cache, mapped or not, once it is written back, and slab that
//! shrinks; anonymous memory and tmpfs only as far as there is swap; nothing that is locked, and nothing else of the kernel's. What is
//! left is the floor. When the floor reaches the limit, sixteen rounds find nothing and the OOM killer takes the process with the most
//! memory below that limit, which need not be the one that asked, nor hold what fills the group: files in memory are nobody's. So clean
//! page cache never kills a group and tmpfs of the same size does, though both are called `file`; `memory.events` counts rounds, not
//! danger; and a container dies with headroom when a group above it is full, or when what fills it is not in any process.

pub mod command;
pub mod facts;
pub mod model;
pub mod page;
pub mod rules;

casebook_core::case! {
    /// The case.
    pub CASE = "cgroup-memory" ("MEM", "memory"),
    "Three days of debugging a cgroup memory accounting bug",
    "who was killed at which memory limit, what could not be reclaimed there, and which setting lets it live",
    kinds: facts::kinds::KINDS,
    wants: &[],
    settings: &[],
    rules: rules::RULES,
    verbs: command::VERBS,
    lab: &[("run.sh", include_str!("../lab/run.sh"))],
    read: facts::read,
    page: page::view,
}
