use casebook_core::{Bytes, EvidenceSet};
use proptest::prelude::*;

use super::*;

fn read(text: &str) -> (EvidenceSet, Reconnects) {
    let mut set = EvidenceSet::new();
    let id = set.add("app.log", Some(RECONNECTS.name), Bytes::new(text.as_bytes().to_vec()));
    let facts = set.get(id).map(parse).unwrap_or_default();
    (set, facts)
}

fn gaps(facts: &Reconnects) -> Vec<i64> {
    facts.events.windows(2).map(|pair| (pair[1].time_us - pair[0].time_us) / 1_000_000).collect()
}

fn is(text: &str) -> bool {
    sniff(&Sniff { path: "x", head: text.as_bytes(), whole: true })
}

#[test]
fn lines_that_say_reset_or_reconnect_have_their_time_and_place() {
    let text = "2026-11-24T03:14:22Z app: read: Connection reset by peer\n2026-11-24T03:14:23Z app: ok\n\
                2026-11-24T15:14:23Z app: ECONNRESET, errno 104\n2026-11-25T03:14:23Z app: reconnecting to db\nno time: got RST\n";
    let (set, facts) = read(text);
    assert_eq!(gaps(&facts), [43_201, 43_200]);
    let says: Vec<Says> = facts.events.iter().map(|event| event.says).collect();
    assert_eq!(says, [Says::Reset, Says::Reset, Says::Reconnect]);
    assert_eq!(set.text(facts.events[1].time_span).unwrap(), "2026-11-24T15:14:23Z");
    assert_eq!((facts.notes.as_slice(), facts.unmodelled.len()), (&[][..], 1));
    assert!(is(text));
}

/// The story's series, as times of day alone: deltas 43201 s and 43200 s.
#[test]
fn a_bare_list_of_times_is_a_series() {
    let (_, facts) = read("03:14:22\n15:14:23\n03:14:23\n");
    assert_eq!(gaps(&facts), [43_201, 43_200]);
    assert_eq!(facts.notes, [NOTE_WALL, NOTE_DAY]);
    assert!(is("03:14:22\n15:14:23\n03:14:23\n"));
    let (_, facts) = read("# when\n2026-11-24 03:14:22\n2026-11-24 15:14:23\n");
    assert_eq!((gaps(&facts), facts.notes), (vec![43_201], vec![NOTE_WALL]));
}

#[test]
fn a_missing_year_comes_from_the_order() {
    let text = "Dec 31 15:14:23 h app[1]: connection reset\nJan  1 03:14:23 h app[1]: connection reset\nJan  1 03:14:20 h app[1]: RST\n";
    let (_, facts) = read(text);
    assert_eq!(gaps(&facts), [43_200, -3]);
    assert_eq!(facts.notes, [NOTE_WALL, NOTE_YEAR]);
}

#[test]
fn zones_that_are_only_sometimes_written_are_said() {
    let (_, facts) = read("2026-11-24T03:14:22Z RST\n2026-11-24 15:14:23 RST\n");
    assert_eq!(facts.notes, [NOTE_MIXED]);
}

#[test]
fn words_are_words() {
    let of = |text: &str| says(text.as_bytes());
    assert_eq!(of("got a RST from"), Some(Says::Reset));
    assert_eq!(of("tcp rst, retrying"), Some(Says::Reset));
    assert_eq!(of("the connection was reset"), Some(Says::Reset));
    assert_eq!(of("Reconnected in 5 ms"), Some(Says::Reconnect));
    assert_eq!(of("first burst"), None);
    assert_eq!(of("password reset for user"), None);
    assert_eq!(of("rst_stream"), None);
}

#[test]
fn other_files_are_not_taken() {
    assert!(!is("2026-11-24T03:14:22Z start\n2026-11-24T03:14:23Z stop\n2026-11-24T03:14:24Z RST\n"));
    assert!(!is("1\n2\n3\n"));
    assert!(!is("1795639086\n1795639087\n1795639088\n"));
    assert!(!is("RST\nRST\nRST\nconnection reset\n"));
    assert!(!is("reconnect = true\nconnection reset\n// RST\n// RST 2026-11-24T03:14:22Z\n"));
    assert!(!is(""));
}

proptest! {
    #[test]
    fn any_bytes_give_places_inside(bytes in prop::collection::vec(prop_oneof![
        any::<u8>().prop_map(|byte| vec![byte]),
        prop::sample::select(vec!["2026-11-24T03:14:22", "Nov 25 20:38:06", "25/Nov/2026:20:38:06", "1795639086", ".123", "Z", "+01:00", " +0100",
            "RST", "reconnect", " ", "\n", "[", "12:00:00", "\"ts\":", "Feb 29 00:00:00", "99", "ECONNRESET"])
            .prop_map(|text| text.as_bytes().to_vec()),
    ], 0..40)) {
        let bytes = bytes.concat();
        let mut set = EvidenceSet::new();
        let id = set.add("x", None, Bytes::new(bytes.clone()));
        let facts = parse(set.get(id).unwrap());
        sniff(&Sniff { path: "x", head: &bytes, whole: true });
        for event in &facts.events {
            crate::facts::testing::span(&set, event.span);
            crate::facts::testing::span(&set, event.time_span);
            prop_assert!(event.span.start <= event.time_span.start && event.time_span.end <= event.span.end);
        }
        facts.unmodelled.iter().for_each(|gap| crate::facts::testing::span(&set, gap.span));
    }
}
