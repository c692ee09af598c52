//! ELF files and archives: every place is inside of the bytes, and every index leads to something.

use case_link_errors::facts::files::{self, Held};
use case_link_errors::facts::source::{self, Source};
use case_link_errors::model::input::{Content, Definition, File, Object};
use case_link_errors::model::names::Names;
use casebook_formats::ar::{Archive, Contents};
use casebook_formats::elf::Elf;
use casebook_formats::gap::Gaps;

/// Reads all that the reader of ELF files reads.
pub fn elf(bytes: &[u8]) {
    let mut gaps = Gaps::default();
    if let Some(elf) = Elf::read(bytes, &mut gaps) {
        for table in [elf.symbols(&mut gaps), elf.dynamic_symbols(&mut gaps)].into_iter().flatten() {
            for index in 0..table.len() {
                assert!(table.get(index, &mut gaps).is_some());
                let (start, end) = table.place(index);
                assert!(start <= end && end <= bytes.len());
            }
        }
        for group in elf.groups(&mut gaps) {
            assert!(group.members.iter().all(|member| elf.section(*member).is_some()));
        }
        for table in elf.relocations(&mut gaps) {
            assert!(table.iter().count() <= table.most());
        }
        if let Some(versions) = elf.versions(&mut gaps) {
            for symbol in 0..64 {
                versions.index(symbol).map(|index| (versions.meaning(index, true), versions.meaning(index, false)));
            }
        }
        elf.dynamic(&mut gaps).map(|dynamic| dynamic.entries().count());
        elf.notes(&mut gaps);
        elf.segments(&mut gaps);
        elf.sections().iter().for_each(|section| drop(elf.contents(section, &mut gaps)));
    }
    inside(&gaps, bytes);
}

/// Reads all that the reader of archives reads.
pub fn archive(bytes: &[u8]) {
    let mut gaps = Gaps::default();
    if let Some(archive) = Archive::read(bytes, &mut gaps) {
        let mut members = archive.members();
        while let Some(member) = members.next(&mut gaps) {
            if let Contents::Inside { start, bytes: inside } = member.contents {
                assert_eq!(bytes.get(start..start + inside.len()), Some(inside));
            }
            assert_eq!(archive.member_at(member.at as u64, &mut gaps), Some(member));
        }
        for (_, offset) in archive.index().into_iter().flat_map(|index| index.iter()) {
            archive.member_at(offset, &mut gaps);
        }
    }
    inside(&gaps, bytes);
}

fn inside(gaps: &Gaps, bytes: &[u8]) {
    gaps.list().iter().for_each(|gap| assert!(gap.start <= gap.end && gap.end <= bytes.len(), "{gap:?}"));
}

/// Adds a file to a program, and asks for the source of all its places.
pub fn program(bytes: &[u8]) {
    let (mut names, mut files) = (Names::default(), Vec::<File>::new());
    let added = files::add(&mut names, &mut files, "x", bytes, &mut |_| None);
    assert_eq!(added.parts.len(), files.len());
    for fault in &added.faults {
        assert!(fault.at.start <= fault.at.end && fault.at.end <= bytes.len() as u64, "{fault:?}");
    }
    for (part, file) in added.parts.iter().zip(&files) {
        match &file.content {
            Content::Object(object) => {
                consistent(object);
                if let Some(Held::Here(range)) = &part.held {
                    places(&bytes[range.start as usize..range.end as usize], object);
                }
            }
            Content::Archive(archive) => {
                assert!(
                    archive.index.iter().flatten().all(|(_, member)| archive.members.get(*member as usize).is_some())
                );
            }
            Content::Shared(_) | Content::Unusable(_) => {}
        }
    }
}

fn consistent(object: &Object) {
    let (sections, symbols) = (object.sections.len(), object.symbols.len());
    assert!(object.first_global as usize <= symbols);
    for symbol in &object.symbols {
        assert!(!matches!(symbol.definition, Definition::Section(section) if section as usize >= sections));
    }
    for found in &object.references {
        assert!((found.section as usize) < sections && (found.symbol as usize) < symbols);
    }
    assert!(object.groups.iter().flat_map(|group| &group.sections).all(|section| (*section as usize) < sections));
    assert!(
        object.sections.iter().filter_map(|section| section.group).all(|group| (group as usize) < object.groups.len())
    );
}

fn places(bytes: &[u8], object: &Object) {
    let Some(source) = Source::read(bytes) else { return };
    for found in object.references.iter().take(64) {
        source.line(found.section, found.offset);
        if let Some(around) = source::enclosing(object, found.section, found.offset) {
            assert!((around as usize) < object.symbols.len());
        }
    }
    for (index, symbol) in (0u32..).zip(&object.symbols).take(64) {
        source.definition(index, symbol);
    }
}
