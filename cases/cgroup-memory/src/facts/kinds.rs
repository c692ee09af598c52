//! The kinds of evidence the case reads, the most specific first.

use casebook_core::Kind;
use casebook_formats::journal::{JOURNAL_EXPORT, JOURNAL_FILE, JOURNAL_JSON, JOURNAL_TEXT};
use casebook_formats::kernel_log::KERNEL_LOG;

use super::{host, process, recording, tree, workload};

/// All of them.
pub static KINDS: &[&Kind] = &[
    &recording::MEMORY_RECORDING,
    &recording::below::BELOW_DUMP,
    &recording::prometheus::PROMETHEUS_MEMORY,
    &recording::kubelet::KUBELET_SUMMARY,
    &JOURNAL_FILE,
    &JOURNAL_EXPORT,
    &JOURNAL_JSON,
    &workload::WORKLOAD,
    &tree::kinds::MEMORY_STAT,
    &tree::kinds::MEMORY_EVENTS,
    &tree::kinds::CGROUP_FILE,
    &process::STATUS,
    &process::ROLLUP,
    &process::BY_PATH,
    &host::MEMINFO,
    &host::MOUNTS,
    &host::KERNEL_VERSION,
    &tree::kinds::CGROUP_TREE,
    &KERNEL_LOG,
    &JOURNAL_TEXT,
];
