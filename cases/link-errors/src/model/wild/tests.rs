//! Links as wild 0.10.0 was seen to do them.

use crate::model::handmade::Line;
use crate::model::input::{Binding, Content, Defsym, Visibility};
use crate::model::outcome::{Linker, LinkerKind, Outcome, Verdict};
use crate::model::simulate;

fn linked(line: &Line) -> Outcome {
    simulate(&line.0, Linker { kind: LinkerKind::Wild, version: (0, 10) })
}

/// Names without a definition.
fn lacks(line: &Line, outcome: &Outcome) -> Vec<String> {
    outcome.undefined.iter().map(|one| line.0.names.text(one.name).into_owned()).collect()
}

/// A shared object asks for `f`, which a member that is not taken has hidden: what the code around `f` lacks is missed where `f` is
/// exported.
fn hidden_elsewhere(shown: bool) -> Vec<String> {
    let mut line = Line::default();
    let main = line.object("main.o", &["f"], &[("v", Binding::Global)], None);
    let other = line.object("x.o", &["f"], &[], None);
    line.change(other, "f", |symbol| (symbol.visibility, symbol.binding) = (Visibility::Hidden, Binding::Weak));
    let shared = line.shared("libs.so", "g", "f");
    for file in [main, shared, other] {
        line.put(file, |_| {});
    }
    if shown {
        line.script(None, &["f"], true);
    }
    lacks(&line, &linked(&line))
}

#[test]
fn what_a_script_shows_is_global_hidden_elsewhere_or_not() {
    assert_eq!(hidden_elsewhere(true), ["v"]);
    assert!(hidden_elsewhere(false).is_empty());
}

#[test]
fn a_script_that_shows_a_name_hides_its_other_versions() {
    let mut line = Line::default();
    let main = line.object("main.o", &["f"], &[("v", Binding::Global)], None);
    let version = line.version("V1", false);
    line.change(main, "f", |symbol| symbol.version = version);
    let shared = line.shared("libs.so", "g", "f");
    line.put(main, |_| {});
    line.put(shared, |_| {});
    line.script(None, &["f"], true);
    assert!(!lacks(&line, &linked(&line)).contains(&"v".to_owned()));
}

#[test]
fn defsym_asks_of_shared_objects() {
    let mut line = Line::default();
    let shared = line.shared("libs.so", "v", "w");
    line.put(shared, |_| {});
    line.0.options.allow_shlib_undefined = Some(true);
    let (name, read) = (line.0.names.intern(b"alias"), line.0.names.intern(b"v"));
    line.0.options.defsym.push(Defsym { name, reads: vec![read], argument: 2 });
    let outcome = linked(&line);
    assert_eq!(outcome.verdict, Verdict::Links);
    assert!(outcome.definitions.contains(&(read, shared)));
    assert!(outcome.needed.iter().all(|needed| needed.used));
}

/// An object has `f`, and two shared objects have `f` by default in one version.
fn raced(asked: bool) -> Outcome {
    let mut line = Line::default();
    let version = line.version("V1", true);
    let main = line.object("main.o", &["_start", "f"], &[], None);
    let ask = line.object("ask.o", &["g"], &[("f", Binding::Global)], None);
    let kept = line.object("keep.o", &[], &[("g", Binding::Global)], None);
    line.change(ask, "f", |symbol| symbol.version = version);
    line.put(main, |_| {});
    for name in ["liba.so", "libb.so"] {
        let shared = line.shared(name, "f", "w");
        if let Content::Shared(shared) = &mut line.0.files[shared.0 as usize].content {
            shared.symbols[0].version = version;
        }
        line.put(shared, |_| {});
    }
    line.0.options.allow_shlib_undefined = Some(true);
    if asked {
        line.put(ask, |_| {});
        line.put(kept, |_| {});
    }
    linked(&line)
}

#[test]
fn names_that_threads_race_for_are_open_where_it_shows() {
    assert_eq!(raced(false).verdict, Verdict::Links);
    let open = raced(true);
    assert_eq!(open.verdict, Verdict::Unknown);
    assert_eq!(open.unknown.len(), 1);
}
