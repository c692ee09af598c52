//! `journalctl --list-boots`: the table, and `-o json` (src/shared/logs-show.c; before 252 without a header, with a dash between
//! the times).

use casebook_core::{Evidence, EvidenceId, Kind, Sniff, Span, Unmodelled};
use casebook_formats::journal::{BootId, boot_id};
use casebook_formats::json::Node;
use casebook_formats::stamp::{self, Moment, RealtimeUs, SpanUs};

use crate::facts::text::{Line, MOST_GAPS, Reading, Told, head_lines, json, lines};

/// `journalctl --list-boots`.
pub static LIST_BOOTS: Kind = Kind {
    name: "list-boots",
    what: "output of `journalctl --list-boots`, also with `-o json`",
    sniff,
    refers: None,
    comment: None,
};

/// A boot as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedBoot {
    /// 0 is the last one, -1 the one before.
    pub index: i64,
    /// Which.
    pub boot: Told<BootId>,
    /// Time of its first entry.
    pub first: Told<Reading<Moment>>,
    /// Time of its last entry; before `first` when the clock was set back.
    pub last: Told<Reading<Moment>>,
    /// The row.
    pub span: Span,
}

/// One output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootList {
    /// Where.
    pub evidence: EvidenceId,
    /// In the order of the list.
    pub boots: Vec<ListedBoot>,
}

/// Reads either form.
pub fn read(item: &Evidence) -> (BootList, Vec<Unmodelled>) {
    if item.as_bytes().trim_ascii_start().starts_with(b"[") {
        return read_json(item);
    }
    let mut unmodelled = Vec::new();
    let mut list = BootList { evidence: item.id, boots: Vec::new() };
    for line in lines(item, &mut unmodelled) {
        match row(&line) {
            Some(boot) => list.boots.push(boot),
            None if line.is_blank() || line.text.starts_with("IDX ") => {}
            None if unmodelled.len() < MOST_GAPS => unmodelled.push(line.unmodelled("no row of the list")),
            None => {}
        }
    }
    (list, unmodelled)
}

fn row(line: &Line<'_>) -> Option<ListedBoot> {
    let (index, rest) = line.text.trim_start().split_once(' ')?;
    let (id, rest) = rest.trim_start().split_once(' ')?;
    let boot = Told::new(boot_id(id.as_bytes())?, line.part(id));
    let mut rest = rest.trim_start();
    let first = time(line, &mut rest)?;
    rest = rest.trim_start_matches([' ', '—', '-']);
    let last = time(line, &mut rest)?;
    Some(ListedBoot { index: index.parse().ok()?, boot, first, last, span: line.span() })
}

fn time(line: &Line<'_>, rest: &mut &str) -> Option<Told<Reading<Moment>>> {
    let (moment, length) = stamp::moment_at(rest)?;
    let (text, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(Told::new(Reading::Is(moment), line.part(text)))
}

fn read_json(item: &Evidence) -> (BootList, Vec<Unmodelled>) {
    let mut unmodelled = Vec::new();
    let mut list = BootList { evidence: item.id, boots: Vec::new() };
    let document = json(item, &mut unmodelled);
    let rows: Vec<Node<'_, '_>> = document.root().map(|root| root.elements().collect()).unwrap_or_default();
    for row in rows {
        let span = |node: Node<'_, '_>| Span::new(item.id, node.span().0, node.span().1);
        let time = |key: &str| {
            let node = row.get(key)?;
            let at = RealtimeUs(node.as_u64()?);
            Some(Told::new(Reading::Is(Moment::Utc { at, precision: SpanUs(1) }), span(node)))
        };
        let id = row.get("boot_id").and_then(|node| Some(Told::new(boot_id(node.as_str()?.as_bytes())?, span(node))));
        match (row.get("index").and_then(Node::as_i64), id, time("first_entry"), time("last_entry")) {
            (Some(index), Some(boot), Some(first), Some(last)) => {
                list.boots.push(ListedBoot { index, boot, first, last, span: span(row) });
            }
            _ => unmodelled.push(Unmodelled::new(span(row), "no boot with two times")),
        }
    }
    (list, unmodelled)
}

fn sniff(sniff: &Sniff<'_>) -> bool {
    let lines = head_lines(sniff);
    let Some(first) = lines.iter().find(|line| !line.trim().is_empty()) else { return false };
    if first.trim_start().starts_with('[') {
        return first.contains("\"boot_id\"") && first.contains("\"first_entry\"");
    }
    let mut words = first.split_ascii_whitespace();
    let words = (words.next(), words.next());
    words == (Some("IDX"), Some("BOOT"))
        || words.0.is_some_and(|index| index.parse::<i64>().is_ok())
            && words.1.is_some_and(|id| boot_id(id.as_bytes()).is_some())
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::evidence;
    use super::*;

    /// systemd 252.39: the table and JSON of the laboratory; the dash of older versions.
    #[test]
    fn boots_are_read_from_all_forms() {
        let texts = [
            "IDX BOOT ID                          FIRST ENTRY                 LAST ENTRY\n  0 2d0b7d0e730e4d86a145949093f6ad30 Tue 2027-01-19 12:00:01 UTC Sun 2027-01-10 12:00:19 UTC\n",
            " 0 2d0b7d0e730e4d86a145949093f6ad30 Tue 2027-01-19 12:00:01 UTC—Sun 2027-01-10 12:00:19 UTC\n",
            "[{\"index\":0,\"boot_id\":\"2d0b7d0e730e4d86a145949093f6ad30\",\"first_entry\":1800360001000000,\"last_entry\":1799582419000000}]\n",
        ];
        for text in texts {
            let (list, unmodelled) = read(&evidence(text));
            assert_eq!((list.boots.len(), unmodelled), (1, vec![]));
            let boot = &list.boots[0];
            let at = |told: &Told<Reading<Moment>>| told.value.known().and_then(Moment::utc).unwrap().0;
            assert_eq!((at(&boot.first), at(&boot.last)), (1_800_360_001_000_000, 1_799_582_419_000_000));
            assert_eq!(boot.boot.value, BootId(0x2d0b_7d0e_730e_4d86_a145_9490_93f6_ad30));
            assert!(sniff(&Sniff { path: "x", head: text.as_bytes(), whole: true }));
        }
    }
}
