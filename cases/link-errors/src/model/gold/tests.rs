//! Links that gold of binutils 2.40 dies of.

use crate::model::handmade::Line;
use crate::model::input::{Binding, Content, Definition, Group, Output, Wrap};
use crate::model::outcome::{Linker, LinkerKind, Refusal};
use crate::model::simulate;

/// The linker's own error, if it runs into one.
fn dies(line: &Line) -> Option<String> {
    let outcome = simulate(&line.0, Linker { kind: LinkerKind::Gold, version: (2, 40) });
    outcome.refusals.into_iter().find_map(|refusal| match refusal {
        Refusal::Other(why) => why.strip_prefix("internal error in ").map(str::to_owned),
        _ => None,
    })
}

#[test]
fn a_group_whose_name_became_a_default_version_in_a_relocatable_link() {
    let dies = |default, output| {
        let mut line = Line::default();
        let (asked, version) = (line.version("V1", false), line.version("V1", default));
        let main = line.object("main.o", &["_start"], &[("f", Binding::Global)], None);
        line.change(main, "f", |symbol| symbol.version = asked);
        let plain = line.object("plain.o", &[], &[("f", Binding::Global)], None);
        let group = line.object("group.o", &["f"], &[], None);
        line.change(group, "f", |symbol| symbol.version = version);
        let signature = line.0.names.intern(b"f");
        if let Content::Object(object) = &mut line.0.files[group.0 as usize].content {
            object.groups.push(Group { signature, comdat: false, sections: vec![1] });
        }
        for file in [main, plain, group] {
            line.put(file, |_| {});
        }
        line.0.options.output = output;
        dies(&line)
    };
    assert_eq!(dies(true, Output::Relocatable).as_deref(), Some("symtab_index, at symtab.h"));
    assert_eq!(dies(false, Output::Relocatable), None);
    assert_eq!(dies(true, Output::Executable), None);
}

#[test]
fn a_wrapped_absolute_symbol_that_a_script_gives_a_version() {
    let dies = |definition, version| {
        let mut line = Line::default();
        let main = line.object("main.o", &["_start", "f"], &[], None);
        line.change(main, "f", |symbol| symbol.definition = definition);
        line.put(main, |_| {});
        line.script(version, &["f"], false);
        let (name, wrapped, real) =
            (line.0.names.intern(b"f"), line.0.names.intern(b"__wrap_f"), line.0.names.intern(b"__real_f"));
        line.0.options.wrap.push(Wrap { name, wrapped, real });
        dies(&line)
    };
    assert_eq!(dies(Definition::Absolute, Some("V1")).as_deref(), Some("Symbol_table::add_from_object"));
    assert_eq!(dies(Definition::Absolute, None), None);
    assert_eq!(dies(Definition::Section(1), Some("V1")), None);
}
