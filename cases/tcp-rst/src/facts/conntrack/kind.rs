//! The kinds of evidence conntrack writes, recognised by content.

use casebook_core::{EvidenceId, Kind, Sniff};

use super::{Item, read};

/// `conntrack -E`.
pub static CONNTRACK_EVENTS: Kind = Kind {
    name: "conntrack-events",
    what: "output of `conntrack -E -o timestamp,id`",
    sniff: |sniff| first_lines(sniff, |item| matches!(item, Item::Record(record) if record.event.is_some())),
    refers: None,
    comment: None,
};

/// `conntrack -L`, `/proc/net/nf_conntrack`.
pub static CONNTRACK_LIST: Kind = Kind {
    name: "conntrack-list",
    what: "output of `conntrack -L`, or /proc/net/nf_conntrack",
    sniff: |sniff| first_lines(sniff, |item| matches!(item, Item::Record(record) if record.event.is_none())),
    refers: None,
    comment: None,
};

/// `conntrack -S`.
pub static CONNTRACK_STATS: Kind = Kind {
    name: "conntrack-stats",
    what: "output of `conntrack -S`",
    sniff: |sniff| sniff.head.starts_with(b"cpu=") && first_lines(sniff, |item| matches!(item, Item::Stats(_))),
    refers: None,
    comment: None,
};

/// True when one of the first lines is such an item and none of them is unread; a last line that the head cuts does not
/// count.
fn first_lines(sniff: &Sniff<'_>, wanted: fn(&Item) -> bool) -> bool {
    let whole = match sniff.head.iter().rposition(|byte| *byte == b'\n') {
        Some(end) if !sniff.whole => &sniff.head[..end],
        _ => sniff.head,
    };
    let mut found = false;
    for item in read(EvidenceId(0), whole).take(8) {
        if matches!(item, Item::Unread(_)) {
            // The last line of a file that is being written is cut too.
            return found;
        }
        found |= wanted(&item);
    }
    found
}
