//! `below dump cgroup -O json|csv --raw`, with Timestamp and Full Path among its fields.
//!
//! The names of the fields are the titles below gives them when it dumps (below/render/src/default_configs.rs,
//! `get_render_config_for_dump`); JSON nests the groups as `children`. Values are texts, `?` for what is not known. Without `--raw`
//! sizes are rounded (`1.2 GB`), and those are not taken. Events are rates there, and no counters, so they are not taken either.

use std::borrow::Cow;

use casebook_core::{Kind, Sniff};
use casebook_formats::json::{Document, Kind as JsonKind, Node};

use super::field::{Field, NO_LIMIT};
use super::gather::Gathered;
use super::stream::{Outcome, Sample, Session, Source};

/// Output of `below dump cgroup`.
pub static BELOW_DUMP: Kind = Kind {
    name: "below-dump",
    what: "`below dump cgroup -O json --raw` or `-O csv --raw`, with timestamp and full_path among its fields",
    sniff: |sniff: &Sniff<'_>| {
        let head = String::from_utf8_lossy(&sniff.head[..sniff.head.len().min(4096)]);
        let start = head.trim_start();
        let json = start.starts_with(['[', '{']) && head.contains("\"Timestamp\"") && head.contains("\"Full Path\"");
        let first = start.lines().next().unwrap_or_default();
        let titles = || first.split([',', '\t']);
        let text = titles().any(|title| title == "Timestamp") && titles().any(|title| title == "Full Path");
        (json || text) && titles().chain(head.split('"')).any(|title| field(title).is_some())
    },
    refers: None,
    comment: None,
};

/// The field of a title.
fn field(title: &str) -> Option<Field> {
    Some(match title {
        "Mem Total" | "Mem" => Field::Current,
        "Mem Swap" => Field::SwapCurrent,
        "Mem Anon" | "Anon" => Field::Anon,
        "Mem File" | "File" => Field::File,
        "Kernel" => Field::Kernel,
        "Kernel Stack" => Field::KernelStack,
        "Mem Sock" | "Sock" => Field::Sock,
        "Mem Shmem" | "Shmem" => Field::Shmem,
        "Mem Zswap" | "Zswap" => Field::Zswap,
        "Mem Zswapped" | "Zswapped" => Field::Zswapped,
        "File Mapped" => Field::FileMapped,
        "File Dirty" => Field::FileDirty,
        "File WB" => Field::FileWriteback,
        "Inactive Anon" => Field::InactiveAnon,
        "Active Anon" => Field::ActiveAnon,
        "Inactive File" => Field::InactiveFile,
        "Active File" => Field::ActiveFile,
        "Unevictable" => Field::Unevictable,
        "Slab Reclaimable" => Field::SlabReclaimable,
        "Slab Unreclaimable" => Field::SlabUnreclaimable,
        "Hugetlb" => Field::Hugetlb,
        "Mem Min" => Field::Min,
        "Mem Low" => Field::Low,
        "Mem High" => Field::High,
        "Mem Max" => Field::Max,
        "Swap Max" => Field::SwapMax,
        "Nr Dying Descendants" => Field::Dying,
        _ => return None,
    })
}

/// A value; -1 is `max` in raw form.
fn value(text: &str) -> Option<u64> {
    match text.trim() {
        "-1" | "max" => Some(NO_LIMIT),
        text => text.parse().ok(),
    }
}

const ROUNDED: &str = "sizes that are rounded; dump with --raw";
const NO_TIME: &str = "a group without Timestamp and Full Path";

/// Reads a dump.
pub(super) fn read(bytes: &[u8], each: &mut dyn FnMut(&Sample<'_>)) -> Outcome {
    let session = Session { source: Source::Below, tool: "below".to_owned(), ..Session::default() };
    let mut gathered = Gathered::new(session);
    match bytes.trim_ascii_start().first() {
        Some(b'[' | b'{') => json(bytes, &mut gathered),
        _ => table(bytes, &mut gathered),
    }
    gathered.play(each)
}

/// One group: its time, its path, and the values of its titles.
struct Row<'a> {
    time: Option<u64>,
    path: Option<Cow<'a, str>>,
    values: Vec<(Field, Cow<'a, str>)>,
    place: (usize, usize),
}

impl<'a> Row<'a> {
    fn new(place: (usize, usize)) -> Self {
        Self { time: None, path: None, values: Vec::new(), place }
    }

    fn take(&mut self, title: &str, text: Cow<'a, str>) {
        match title {
            "Timestamp" => self.time = text.trim().parse::<u64>().ok().and_then(|s| s.checked_mul(1_000_000)),
            // The root's is empty.
            "Full Path" if text.trim().is_empty() => self.path = Some(Cow::Borrowed("/")),
            "Full Path" => self.path = Some(text),
            _ => self.values.extend(field(title).map(|field| (field, text))),
        }
    }

    fn add(self, gathered: &mut Gathered) {
        let (Some(time), Some(path)) = (self.time, self.path) else {
            return gathered.outcome.gaps.add(self.place.0, self.place.1, NO_TIME);
        };
        let Some(group) = gathered.group(&path) else { return };
        let mut rounded = false;
        for (field, text) in self.values {
            match value(&text) {
                Some(value) => gathered.add(time, group, field, value, self.place),
                None => rounded |= text.trim() != "?",
            }
        }
        if rounded {
            gathered.outcome.gaps.add(self.place.0, self.place.1, ROUNDED);
        }
    }
}

fn json(bytes: &[u8], gathered: &mut Gathered) {
    let document = Document::parse(bytes);
    for error in document.errors() {
        gathered.outcome.gaps.add(error.at, error.at, error.message.clone());
    }
    if document.read_bytes() < bytes.len() {
        gathered.outcome.gaps.add(document.read_bytes(), bytes.len(), "text after the dump");
    }
    let mut open: Vec<Node<'_, '_>> = document.root().into_iter().collect();
    while let Some(node) = open.pop() {
        match node.kind() {
            JsonKind::Array => open.extend(node.elements()),
            JsonKind::Object => {
                // A parent that a filter left out is an object of its children alone.
                if let Some(children) = node.get("children") {
                    open.push(children);
                }
                let (start, mut end) = node.span();
                let mut row = Row::new((start, start));
                let mut any = false;
                for member in node.members() {
                    if let (Some(title), Some(text)) = (member.key.as_str(), member.value.as_str()) {
                        end = member.value.span().1;
                        any = true;
                        row.take(&title, text);
                    }
                }
                row.place = (start, end);
                if any {
                    row.add(gathered);
                }
            }
            _ => gathered.outcome.gaps.add(node.span().0, node.span().1, "no group"),
        }
    }
}

fn table(bytes: &[u8], gathered: &mut Gathered) {
    let mut at = 0;
    let mut titles: Vec<Cow<'_, str>> = Vec::new();
    let mut separator = b',';
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let place = (at, at + line.len());
        at = place.1;
        let line = line.trim_ascii_end();
        if titles.is_empty() {
            separator = if line.contains(&b'\t') { b'\t' } else { b',' };
            titles = line.split(|byte| *byte == separator).map(String::from_utf8_lossy).collect();
            continue;
        }
        let mut row = Row::new(place);
        let cells = line.split(|byte| *byte == separator).map(String::from_utf8_lossy);
        let cells: Vec<Cow<'_, str>> = cells.collect();
        if cells.iter().zip(&titles).all(|(cell, title)| cell == title) {
            // The titles again.
            continue;
        }
        // There is a separator behind the last of each, which may be cut off.
        if cells.len() + 1 < titles.len() || cells.len() > titles.len() {
            gathered.outcome.gaps.add(place.0, place.1, "a line of other columns than the first");
            continue;
        }
        titles.iter().zip(cells).for_each(|(title, cell)| row.take(title, cell));
        row.add(gathered);
    }
}
