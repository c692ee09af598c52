//! Links as ld.bfd 2.40 was seen to do them.

use crate::model::handmade::Line;
use crate::model::input::{Binding, Content, Definition, Output, Uses, Visibility};
use crate::model::outcome::{Linker, LinkerKind, Outcome, Refusal, Verdict};
use crate::model::simulate;

fn linked(line: &Line) -> Outcome {
    simulate(&line.0, Linker { kind: LinkerKind::Bfd, version: (2, 40) })
}

/// An object uses an absolute symbol of another.
fn absolute(output: Output, uses: Uses, visibility: Visibility) -> Outcome {
    let mut line = Line::default();
    let main = line.object("main.o", &["_start"], &[("f", Binding::Global)], None);
    if let Content::Object(object) = &mut line.0.files[main.0 as usize].content {
        object.references.iter_mut().for_each(|reference| reference.uses = uses);
    }
    let other = line.object("x.o", &["f"], &[], None);
    line.change(other, "f", |symbol| (symbol.definition, symbol.visibility) = (Definition::Absolute, visibility));
    line.put(main, |_| {});
    line.put(other, |_| {});
    line.0.options.output = output;
    linked(&line)
}

#[test]
fn calls_of_absolute_symbols_are_refused_where_the_output_moves_and_the_symbol_is_its_own() {
    let refused = |output, visibility| {
        let outcome = absolute(output, Uses::CALL, visibility);
        outcome.refusals.iter().any(|refusal| matches!(refusal, Refusal::Other(why) if why.ends_with("is disallowed")))
    };
    assert!(refused(Output::Pie, Visibility::Default));
    assert!(refused(Output::Shared, Visibility::Hidden));
    assert!(!refused(Output::Shared, Visibility::Default));
    assert!(!refused(Output::Executable, Visibility::Default));
}

#[test]
fn addresses_of_absolute_symbols_depend_on_the_relocation() {
    assert_eq!(absolute(Output::Pie, Uses::ADDRESS, Visibility::Default).verdict, Verdict::Unknown);
    assert_eq!(absolute(Output::Executable, Uses::ADDRESS, Visibility::Default).verdict, Verdict::Links);
}

#[test]
fn a_relocatable_link_names_a_default_version_beside_another_of_its_name() {
    let mut line = Line::default();
    let files = [("a.o", false), ("b.o", true)].map(|(name, default)| {
        let version = line.version("V1", default);
        let file = line.object(name, &["f"], &[], None);
        line.change(file, "f", |symbol| symbol.version = version);
        line.put(file, |_| {});
        file
    });
    line.0.options.output = Output::Relocatable;
    line.0.options.allow_multiple = true;
    let f = line.0.names.intern(b"f");
    assert_eq!(linked(&line).definitions, files.map(|file| (f, file)));
}
