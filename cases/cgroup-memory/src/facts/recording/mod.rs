//! Recordings of memory over time.
//!
//! `casebook memory record` writes `casebook.memory-recording/1`, an append-only file:
//!
//! - the first line is `casebook.memory-recording/1`;
//! - records follow: the bytes C5 4D 52, a tag, length and CRC-32 of tag and content (32 bits each, little endian), content.
//!   A record that breaks off or is damaged is passed over, and reading goes on at the next whole one;
//! - `H` begins a run of the recorder: JSON with kernel, boot, page size, processors, interval, interface, and the names of
//!   the fields in the order of their columns. A recorder that is started again on the same file adds another run;
//! - `B` is a block of samples, deflated: see [`block`](self) in the source for the integers inside. It is written every 30
//!   s, every 5 s while something is near its limit, and at once when an OOM counter moves, so what a crash can lose is the
//!   time since. Every twentieth block is a key frame, from which reading can begin;
//! - `E` ends a run that was ended, not killed.
//!
//! What is recorded is worth it: `memory.current` and limits (who is how full), the keys of `memory.stat` that the floor is made
//! of and those that say what reclaim does, events, pressure totals, processes; of the machine what is available and swap that
//! is free. Left out are keys that follow from others or tell nothing of an OOM (`pgfault`, `thp_*`, `*_thp`). Numbers are exact;
//! those of a group in which nothing moves can be [`SLOW_US`](sampler::SLOW_US) old.
//!
//! The same samples come out of recordings of others: [`below`], [`prometheus`], [`kubelet`]. Their numbers are as those give
//! them, and what they do not give is not known.

pub mod below;
mod block;
pub mod field;
mod frame;
mod gather;
pub mod kubelet;
pub mod prometheus;
mod read;
pub mod sampler;
pub mod stream;
mod varint;
pub mod write;

#[cfg(test)]
mod foreign;
#[cfg(test)]
mod tests;

use casebook_core::{Evidence, Kind, Sniff};

pub use field::{Field, Fields, NO_LIMIT, Unit};
pub use stream::{Group, Note, Outcome, Sample, Session, Source, Time, What};

/// A recording of `casebook memory record`.
pub static MEMORY_RECORDING: Kind = Kind {
    name: "memory-recording",
    what: "a recording of `casebook memory record`",
    sniff: |sniff: &Sniff<'_>| sniff.head.starts_with(frame::MAGIC),
    refers: None,
    comment: None,
};

/// The kinds of recordings.
pub static KINDS: &[&Kind] =
    &[&MEMORY_RECORDING, &below::BELOW_DUMP, &prometheus::PROMETHEUS_MEMORY, &kubelet::KUBELET_SUMMARY];

/// Reads a recording of any kind, sample by sample; `None` for evidence of another kind.
pub fn read(item: &Evidence, each: &mut dyn FnMut(&Sample<'_>)) -> Option<Outcome> {
    let bytes = item.as_bytes();
    match item.kind? {
        "memory-recording" => Some(read::read(bytes, each)),
        "below-dump" => Some(below::read(bytes, each)),
        "prometheus-memory" => Some(prometheus::read(bytes, each)),
        "kubelet-summary" => Some(kubelet::read(bytes, each)),
        _ => None,
    }
}

/// Reads bytes as a recording of `casebook memory record`.
pub fn read_recording(bytes: &[u8], each: &mut dyn FnMut(&Sample<'_>)) -> Outcome {
    read::read(bytes, each)
}
