//! `systemctl list-timers`: the table, and `--output=json` (src/systemctl/systemctl-list-units.c, `output_timers_list`).
//!
//! In JSON all four times are microseconds since 1970, `left` and `passed` too; 0 is never, `null` is none. In the table columns
//! are as wide as their values, some of them flush right, so a row is read from its left end: a time, a length, a time, a
//! length, names. LAST is when a job was last *enqueued*; after the clock was set back it can lie in the future.

use casebook_core::{Evidence, EvidenceId, Kind, Sniff, Span, Unmodelled};
use casebook_formats::json::Node;
use casebook_formats::stamp::{self, Moment, RealtimeUs, SpanUs};

use crate::facts::text::{Line, Reading, Told, head_lines, json, lines};

/// The table.
pub static LIST_TIMERS: Kind = Kind {
    name: "list-timers",
    what: "output of `systemctl list-timers [--all]`",
    sniff: sniff_table,
    refers: None,
    comment: None,
};

/// As JSON.
pub static LIST_TIMERS_JSON: Kind = Kind {
    name: "list-timers-json",
    what: "output of `systemctl list-timers --all --output=json`",
    sniff: sniff_json,
    refers: None,
    comment: None,
};

/// One output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimerList {
    /// Where.
    pub evidence: EvidenceId,
    /// One for each timer.
    pub timers: Vec<ListedTimer>,
}

/// A row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedTimer {
    /// The timer.
    pub unit: Told<String>,
    /// When it elapses next.
    pub next: Told<Reading<Moment>>,
    /// When it last enqueued a job.
    pub last: Told<Reading<Moment>>,
    /// LEFT as the table prints it: `1 week 2 days left`; absent in JSON, where it says the same as `next`.
    pub left: Option<Told<String>>,
    /// PASSED as the table prints it. It comes from the monotonic clock since 255, from LAST before.
    pub passed: Option<Told<String>>,
    /// Units that it triggers.
    pub activates: Vec<Told<String>>,
    /// The row.
    pub span: Span,
}

/// Reads a table.
pub fn read_table(item: &Evidence) -> (TimerList, Vec<Unmodelled>) {
    let mut unmodelled = Vec::new();
    let mut list = TimerList { evidence: item.id, timers: Vec::new() };
    for line in lines(item, &mut unmodelled) {
        if line.is_blank() || is_header(line.text) || is_legend(line.text) {
            continue;
        }
        match row(&line) {
            Some(timer) => list.timers.push(timer),
            None if unmodelled.len() < crate::facts::text::MOST_GAPS => {
                unmodelled.push(line.unmodelled("no row of the table"))
            }
            None => {}
        }
    }
    (list, unmodelled)
}

fn is_header(text: &str) -> bool {
    text.split_ascii_whitespace().eq(["NEXT", "LEFT", "LAST", "PASSED", "UNIT", "ACTIVATES"])
}

fn is_legend(text: &str) -> bool {
    text.ends_with(" timers listed.") || text.ends_with(" timer listed.") || text.starts_with("Pass --all to see")
}

fn row(line: &Line<'_>) -> Option<ListedTimer> {
    let mut rest = line.text.trim_start();
    // A dot in front of a unit that is not well (`●`).
    rest = rest.strip_prefix(['●', '*']).map_or(rest, str::trim_start);
    let next = time(line, &mut rest)?;
    let left = length(line, &mut rest)?;
    let last = time(line, &mut rest)?;
    let passed = length(line, &mut rest)?;
    let mut names = rest.split([' ', ',']).filter(|name| !name.is_empty());
    let unit = names.next().filter(|name| name.ends_with(".timer"))?;
    let activates = names.filter(|name| !matches!(*name, "-" | "n/a")).map(|name| line.told(name)).collect();
    Some(ListedTimer {
        unit: line.told(unit),
        next,
        last,
        left: Some(left),
        passed: Some(passed),
        activates,
        span: line.span(),
    })
}

/// Takes `-`, `n/a` or a time.
fn time(line: &Line<'_>, rest: &mut &str) -> Option<Told<Reading<Moment>>> {
    if let Some(none) = absent(line, rest) {
        return Some(Told::new(Reading::Unset, none.span));
    }
    let (moment, length) = stamp::moment_at(rest)?;
    let (text, after) = rest.split_at_checked(length)?;
    *rest = after.trim_start();
    Some(Told::new(Reading::Is(moment), line.part(text)))
}

fn absent(line: &Line<'_>, rest: &mut &str) -> Option<Told<String>> {
    let word = rest.split(' ').next()?;
    if !matches!(word, "-" | "n/a") {
        return None;
    }
    let told = line.told(word);
    *rest = rest.get(word.len()..)?.trim_start();
    Some(told)
}

/// Takes `-`, `n/a` or `1 week 2 days left`, `8min ago`, `14min`.
fn length(line: &Line<'_>, rest: &mut &str) -> Option<Told<String>> {
    const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    if let Some(none) = absent(line, rest) {
        return Some(none);
    }
    let mut end = 0;
    let mut at = 0;
    for word in rest.split(' ') {
        let begins_next = WEEKDAYS.contains(&word) || matches!(word, "-" | "n/a") || word.contains(".timer");
        if begins_next && end > 0 {
            break;
        }
        if !word.is_empty() {
            end = at + word.len();
        }
        at += word.len() + 1;
        if matches!(word, "left" | "ago" | "now") {
            break;
        }
    }
    let (text, after) = rest.split_at_checked(end)?;
    let digits = text.starts_with(|first: char| first.is_ascii_digit()) || text == "now";
    *rest = after.trim_start();
    digits.then(|| line.told(text))
}

/// Reads JSON.
pub fn read_json(item: &Evidence) -> (TimerList, Vec<Unmodelled>) {
    let mut unmodelled = Vec::new();
    let mut list = TimerList { evidence: item.id, timers: Vec::new() };
    let document = json(item, &mut unmodelled);
    let rows: Vec<Node<'_, '_>> = document.root().map(|root| root.elements().collect()).unwrap_or_default();
    for row in rows {
        let span = |node: Node<'_, '_>| Span::new(item.id, node.span().0, node.span().1);
        let Some((node, unit)) = row.get("unit").and_then(|node| Some((node, node.as_str()?))) else {
            unmodelled.push(Unmodelled::new(span(row), "a timer without a name"));
            continue;
        };
        let time = |key: &str| match row.get(key) {
            None => Told::new(Reading::Unset, span(row)),
            Some(node) => Told::new(json_time(node), span(node)),
        };
        list.timers.push(ListedTimer {
            unit: Told::new(unit.into_owned(), span(node)),
            next: time("next"),
            last: time("last"),
            left: None,
            passed: None,
            activates: row.get("activates").map(|node| names(item.id, node)).unwrap_or_default(),
            span: span(row),
        });
    }
    (list, unmodelled)
}

fn json_time(node: Node<'_, '_>) -> Reading<Moment> {
    match node.as_u64() {
        Some(0 | u64::MAX) => Reading::Unset,
        Some(us) => Reading::Is(Moment::Utc { at: RealtimeUs(us), precision: SpanUs(1) }),
        None if node.is_null() => Reading::Unset,
        None => Reading::Unknown(String::from_utf8_lossy(node.source()).into_owned()),
    }
}

fn names(evidence: EvidenceId, node: Node<'_, '_>) -> Vec<Told<String>> {
    let told = |node: Node<'_, '_>| {
        let name = node.as_str().filter(|name| !name.is_empty())?;
        Some(Told::new(name.into_owned(), Span::new(evidence, node.span().0, node.span().1)))
    };
    told(node).into_iter().chain(node.elements().filter_map(told)).collect()
}

fn sniff_table(sniff: &Sniff<'_>) -> bool {
    head_lines(sniff).into_iter().find(|line| !line.trim().is_empty()).is_some_and(is_header)
}

fn sniff_json(sniff: &Sniff<'_>) -> bool {
    let head = casebook_formats::sniff::head(sniff);
    let first = head.get(..head.len().min(4096)).unwrap_or(head);
    first.trim_start().starts_with('[')
        && ["\"next\"", "\"left\"", "\"unit\"", ".timer\""].iter().all(|key| first.contains(key))
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{evidence, text};
    use super::*;

    /// Tables of systemd 252.39 and 262.1 in the laboratory; the third row as 257.13 prints one after the clock was set back.
    const TABLE: &str = "NEXT                        LEFT               LAST                        PASSED      UNIT          ACTIVATES\n\
        Wed 2027-01-20 02:00:00 UTC 1 week 2 days left -                           -           keep.timer    keep.service\n\
        Sun 2027-01-10 12:15:00 UTC              14min -                           -           a.timer       a.service\n\
        Wed 2027-01-20 02:00:00 CET 8h left            Tue 2027-01-19 02:00:00 CET 1 week left b.timer       b.service, c.service\n\
        -                           -                  -                           -           fstrim.timer  \n\
        \n11 timers listed.\nPass --all to see loaded but inactive timers, too.\n";

    #[test]
    fn rows_are_read_whatever_the_width_of_the_columns() {
        let item = evidence(TABLE);
        let (list, unmodelled) = read_table(&item);
        assert_eq!((list.timers.len(), unmodelled), (4, vec![]));
        let keep = &list.timers[0];
        assert_eq!(keep.next.value.known().and_then(Moment::utc).unwrap().0, 1_800_410_400_000_000);
        assert_eq!(
            (keep.left.as_ref().unwrap().value.as_str(), keep.last.value.is_unset()),
            ("1 week 2 days left", true)
        );
        assert_eq!(
            (text(&item, keep.activates[0].span), text(&item, list.timers[1].left.as_ref().unwrap().span)),
            ("keep.service", "14min")
        );
        let back = &list.timers[2];
        assert_eq!((back.passed.as_ref().unwrap().value.as_str(), back.activates.len()), ("1 week left", 2));
        assert!(matches!(back.last.value, Reading::Is(Moment::Local { .. })));
        assert!(list.timers[3].activates.is_empty() && list.timers[3].next.value.is_unset());
    }

    #[test]
    fn json_has_absolute_times() {
        let json = "[{\"next\":1799583300419983,\"left\":1799583300419983,\"last\":0,\"passed\":0,\"unit\":\"a.timer\",\
            \"activates\":\"a.service\"},{\"next\":null,\"left\":null,\"last\":17,\"passed\":0,\"unit\":\"b.timer\",\"activates\":[\"x\",\"y\"]}]";
        let item = evidence(json);
        let (list, unmodelled) = read_json(&item);
        assert_eq!((list.timers.len(), unmodelled), (2, vec![]));
        assert_eq!(list.timers[0].next.value.known().and_then(Moment::utc), Some(RealtimeUs(1_799_583_300_419_983)));
        assert!(list.timers[0].last.value.is_unset() && list.timers[1].next.value.is_unset());
        assert_eq!((list.timers[1].activates.len(), text(&item, list.timers[0].unit.span)), (2, "\"a.timer\""));
        assert!(sniff_json(&Sniff { path: "x", head: json.as_bytes(), whole: true }));
        assert!(sniff_table(&Sniff { path: "x", head: TABLE.as_bytes(), whole: true }));
    }
}
