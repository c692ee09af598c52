//! The case's reader gives back what the files were written of.

use case_link_errors::facts::files;
use case_link_errors::model::input::*;
use case_link_errors::model::names::{Name, Names};
use casebook_core::Bytes;

use crate::features::Features;
use crate::program::{SHT_GROUP, lower};
use crate::{generate, write};

#[test]
fn what_is_written_is_read_back() {
    for seed in 0..400 {
        let (scenario, _) = generate::scenario(seed, &Features::wide());
        let program = lower(&scenario).program;
        let made = write::files(&scenario, &program);
        let at = |name: &str| made.iter().find(|(known, _)| known == name).map(|(_, bytes)| bytes.clone());
        let (mut names, mut read) = (Names::default(), vec![]);
        for (number, file) in program.files.iter().enumerate().filter(|(_, file)| file.archive.is_none()) {
            let Some(bytes) = at(&file.name) else { continue };
            let mut outside = |name: &str| at(name).map(Bytes::new);
            let added = files::add(&mut names, &mut read, &file.name, &bytes, &mut outside);
            assert!(added.faults.is_empty(), "seed {seed}, {}: {:?}", file.name, added.faults);
            for (offset, part) in added.parts.iter().enumerate() {
                let (ours, theirs) = (&program.files[number + offset], &read[part.file.0 as usize]);
                let (ours, theirs) = (text(&program.names, ours), text(&names, theirs));
                assert_eq!(ours, theirs, "seed {seed}");
            }
        }
    }
}

/// All that is told of a file, names in letters, without what the writer adds: tables and sections of relocations.
fn text(names: &Names, file: &File) -> String {
    let n = |name: Name| names.text(name).into_owned();
    let v = |version: Option<Version>| version.map(|version| (n(version.name), version.default));
    match &file.content {
        Content::Object(object) => {
            const KEPT: [u32; 3] = [0, 1, SHT_GROUP];
            let own = |section: &u32| {
                object.sections.get(*section as usize).is_some_and(|section| KEPT.contains(&section.kind))
            };
            let symbols: Vec<_> = object
                .symbols
                .iter()
                .map(|s| (n(s.name), v(s.version), s.binding, s.kind, s.visibility, s.definition, s.value, s.size))
                .collect();
            let sections: Vec<_> = object
                .sections
                .iter()
                .filter(|section| KEPT.contains(&section.kind) && n(section.name) != ".note.GNU-stack")
                .map(|s| (n(s.name), s.kind, s.flags, if s.kind == SHT_GROUP { 0 } else { s.size }, s.group))
                .collect();
            let groups: Vec<_> = object
                .groups
                .iter()
                .map(|g| (n(g.signature), g.comdat, g.sections.iter().copied().filter(own).collect::<Vec<_>>()))
                .collect();
            format!(
                "{} {symbols:#?} {} {sections:#?} {groups:?} {:?} {:?}",
                file.name, object.first_global, object.references, object.lto
            )
        }
        Content::Shared(shared) => {
            let symbols: Vec<_> = shared
                .symbols
                .iter()
                .map(|s| DynamicSymbol { name: Name(0), version: None, ..*s })
                .zip(shared.symbols.iter().map(|s| (n(s.name), v(s.version))))
                .collect();
            format!(
                "{} {:?} {:?} {:?} {symbols:#?}",
                file.name,
                shared.soname.map(n),
                shared.needed.iter().map(|name| n(*name)).collect::<Vec<_>>(),
                shared.runpath.map(n)
            )
        }
        Content::Archive(archive) => {
            let index: Option<Vec<_>> =
                archive.index.as_ref().map(|index| index.iter().map(|(name, at)| (n(*name), *at)).collect());
            format!("{} {} {index:?} {}", file.name, archive.members.len(), archive.thin)
        }
        Content::Unusable(why) => format!("{} {why:?}", file.name),
    }
}
