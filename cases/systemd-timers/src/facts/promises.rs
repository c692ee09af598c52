//! What every reader promises: no input is too much, every place is inside, and what stands before a cut is read.

use std::collections::BTreeMap;

use casebook_core::{Bytes, EvidenceSet, Input, Sniff};
use proptest::prelude::*;

use super::kinds::KINDS;
use super::{Facts, show, stamps, status};

/// Reads one text as every kind, and checks what can be said of any.
fn check(bytes: &[u8]) {
    let mut set = EvidenceSet::new();
    for path in ["etc/systemd/system/a.timer", "x/b.timer.d/c.conf", "x"] {
        for kind in KINDS {
            let sniff = Sniff { path, head: bytes, whole: true };
            let _ = (kind.sniff)(&sniff);
            set.add(path, Some(kind.name), Bytes::new(bytes.to_vec()));
        }
    }
    let settings = BTreeMap::new();
    let read = super::read(&Input { evidence: &set, settings: &settings });
    assert_eq!(read.coverage.len(), set.len());
    for line in &read.coverage {
        for gap in &line.unmodelled {
            assert!(set.text(gap.span).is_some(), "{gap:?}");
        }
    }
    let facts = read.facts.downcast_ref::<Facts>().unwrap();
    for timer in facts.timers() {
        let _ = (facts.triggered(&timer), facts.enabled(&timer), facts.version());
        if let Some(unit) = facts.unit(&timer) {
            for setting in &unit.settings {
                let assignment = setting.assignment;
                let places = [assignment.span, assignment.key_span, assignment.value_span];
                assert!(places.iter().all(|span| set.text(*span).is_some()));
            }
        }
    }
    for property in facts.shown.iter().flat_map(|show| &show.blocks).flat_map(|block| &block.properties) {
        assert_eq!(set.text(property.value.span).as_deref(), Some(property.value.value.as_str()));
    }
    for block in facts.shown.iter().flat_map(|show| &show.blocks) {
        assert!(
            block.calendars().iter().all(|one| set.text(one.spec.span).as_deref() == Some(one.spec.value.as_str()))
        );
        assert!(block.monotonics().iter().all(|one| set.text(one.value.span).is_some()));
    }
    for timer in facts.lists.iter().flat_map(|list| &list.timers) {
        assert!(
            [timer.unit.span, timer.next.span, timer.last.span, timer.span]
                .iter()
                .all(|span| set.text(*span).is_some())
        );
    }
    for stamp in facts.stamps.iter().flat_map(|stamps| &stamps.stamps) {
        assert!(set.text(stamp.span).is_some() && set.text(stamp.modified.span).is_some());
    }
    for event in facts.journal.events.iter().chain(&facts.journal.written) {
        assert!(set.text(event.span).is_some() && set.text(event.message).is_some());
    }
}

/// Words that the readers know, to get further than letters do.
const WORDS: &[&str] = &[
    "Id=",
    "TimersCalendar={ OnCalendar=",
    " ; next_elapse=",
    "}",
    "n/a",
    "-",
    "a.timer",
    "a.service",
    "● ",
    "Loaded: ",
    "Active: ",
    " since ",
    "Trigger: ",
    "(",
    ")",
    ";",
    ": ",
    "\n",
    " ",
    "Tue 2027-01-19 12:00:02 UTC",
    "1 week 2 days left",
    "@1800360002.5",
    "2027-01-19 12:00:03.470038016 +0000",
    "stamp-",
    "/var/lib/systemd/timers/",
    "  File: ",
    "Modify: ",
    "-rw-r--r-- 1 root root 0 ",
    " -> ",
    "/dev/null",
    "/etc/systemd/system/",
    "[Timer]",
    "OnCalendar=",
    "Unit=%i",
    "\\",
    "NEXT LEFT LAST PASSED UNIT ACTIVATES",
    "# ",
    "# /etc/systemd/system/a.timer",
    "[{\"next\":",
    "\"unit\":\"",
    "1",
    "0",
    "é",
    "Time zone: ",
    "offset 1 us, ",
    "└─",
    "0 2d0b7d0e730e4d86a145949093f6ad30 ",
    "^* 192.0.2.1 2 6 377 ",
    ",",
    "System time : 1 seconds slow",
    "Hw clock time : ",
    "= ",
    "lab systemd[1]: ",
    "Started ",
    "skipped, unmet condition check ",
    "process exited, code=",
    ", status=",
    "setting system clock to ",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_text_is_too_much(words in prop::collection::vec(prop::sample::select(WORDS), 0..24)) {
        check(words.concat().as_bytes());
    }

    #[test]
    fn no_bytes_are_too_much(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        check(&bytes);
    }
}

/// A text that is cut off gives what stands before the cut.
#[test]
fn a_cut_leaves_what_is_before() {
    let text = "Id=a.timer\nUnit=a.service\n\nId=b.timer\nUnit=b.service\n";
    for cut in 0..=text.len() {
        let item = super::testing::evidence(&text[..cut]);
        let whole = text[..cut].matches('\n').count() - usize::from(cut >= 26);
        let (show, _) = show::read(&item);
        assert!(show.blocks.iter().map(|block| block.properties.len()).sum::<usize>() >= whole.min(4), "{cut}");
        let _ = (status::read(&item), stamps::read(&item));
    }
}
