//! What the rules have in common: sizes, parts of sentences, fixes.

use casebook_core::{Fix, FixClass};
pub(super) use casebook_formats::place::{context, primary};

use crate::model::floor::Floor;
use crate::model::range::Range;

pub use crate::model::words::{bytes, count, range};

/// Commands that the reader decides about.
pub(super) fn commands(title: impl Into<String>, class: FixClass, commands: Vec<String>) -> Fix {
    Fix { title: title.into(), class, edits: Vec::new(), commands }
}

/// Advice.
pub(super) fn advice(title: impl Into<String>) -> Fix {
    commands(title, FixClass::Display, Vec::new())
}

/// The floor part by part, the largest first: `shmem 66727936 + kernel 39344 = 66951600 bytes`.
pub(super) fn sum(floor: &Floor) -> String {
    let mut parts: Vec<(&str, Range)> =
        floor.parts.iter().filter(|(_, range)| range.hi > 0).map(|(part, range)| (part.words(), *range)).collect();
    parts.sort_by_key(|(_, range)| std::cmp::Reverse((range.lo, range.hi)));
    let one = |(words, range): &(&str, Range)| match range.is_exact() {
        true => format!("{words} {}", range.lo),
        false => format!("{words} {} to {}", range.lo, range.hi),
    };
    let list: Vec<String> = parts.iter().map(one).collect();
    let whole = match floor.bytes.is_exact() {
        true => floor.bytes.lo.to_string(),
        false => format!("{} to {}", floor.bytes.lo, floor.bytes.hi),
    };
    format!("{} = {whole} bytes", list.join(" + "))
}

/// A path for a shell: the folder of a group.
pub(super) fn folder(path: &str) -> String {
    if path.starts_with('/') {
        format!("/sys/fs/cgroup{}", path.trim_end_matches('/'))
    } else {
        "/sys/fs/cgroup/GROUP".to_owned()
    }
}
