//! Links that releases of mold differ about, each as the releases below were seen to do it.

use crate::model::handmade::Line;
use crate::model::input::{Archive, Binding, Content};
use crate::model::outcome::{Linker, LinkerKind, Outcome, Verdict};
use crate::model::simulate;

const RELEASES: [(u16, u16); 10] =
    [(1, 10), (2, 0), (2, 4), (2, 30), (2, 33), (2, 35), (2, 37), (2, 39), (2, 40), (2, 42)];

fn linked(line: &Line) -> Vec<Outcome> {
    RELEASES.map(|version| simulate(&line.0, Linker { kind: LinkerKind::Mold, version })).into()
}

/// Releases that do what is asked, which is all from one on.
fn since(outcomes: &[Outcome], does: impl Fn(&Outcome) -> bool) -> (u16, u16) {
    let first = outcomes.iter().position(&does).unwrap();
    assert!(outcomes[first..].iter().all(does));
    outcomes[first].linker.version
}

#[test]
fn executables_are_checked_for_what_their_libraries_lack_since_2_38() {
    let mut line = Line::default();
    let main = line.object("main.o", &["_start"], &[("top", Binding::Global)], None);
    let top = line.shared("libtop.so", "top", "deep");
    line.put(main, |_| {});
    line.put(top, |_| {});
    let outcomes = linked(&line);
    assert_eq!(since(&outcomes, |outcome| outcome.verdict == Verdict::Fails), (2, 39));
    let lacks = |outcome: &Outcome| outcome.undefined.iter().any(|one| line.0.names.bytes(one.name) == b"deep");
    assert_eq!(since(&outcomes, lacks), (2, 39));
}

#[test]
fn whole_archives_that_are_named_again_are_read_again_since_2_3() {
    let mut line = Line::default();
    let main = line.object("main.o", &["_start"], &[], None);
    let archive = line.add("libx.a", Content::Archive(Archive::default()), None);
    let member = line.object("libx.a(x.o)", &["x"], &[], Some(archive));
    let x = line.0.names.intern(b"x");
    line.0.files[archive.0 as usize].content =
        Content::Archive(Archive { members: vec![member], index: Some(vec![(x, 0)]), thin: false });
    line.put(main, |_| {});
    line.put(archive, |input| input.whole_archive = true);
    line.put(archive, |input| input.whole_archive = true);
    let outcomes = linked(&line);
    assert_eq!(since(&outcomes, |outcome| outcome.verdict == Verdict::Fails), (2, 4));
    assert_eq!(since(&outcomes, |outcome| outcome.duplicates.len() == 1), (2, 4));
}

#[test]
fn weak_references_keep_a_shared_object_since_2_32() {
    let mut line = Line::default();
    let main = line.object("main.o", &["_start"], &[("top", Binding::Weak)], None);
    let top = line.shared("libtop.so", "top", "deep");
    line.put(main, |_| {});
    line.put(top, |input| input.as_needed = true);
    line.0.options.allow_shlib_undefined = Some(true);
    let outcomes = linked(&line);
    assert!(outcomes.iter().all(|outcome| outcome.verdict == Verdict::Links));
    assert_eq!(since(&outcomes, |outcome| outcome.needed.len() == 1), (2, 33));
}

#[test]
fn releases_before_1_10_are_not_guessed() {
    let mut line = Line::default();
    let main = line.object("main.o", &["_start"], &[], None);
    line.put(main, |_| {});
    let outcome = simulate(&line.0, Linker { kind: LinkerKind::Mold, version: (1, 9) });
    assert_eq!((outcome.verdict, outcome.unknown.len()), (Verdict::Unknown, 1));
}
