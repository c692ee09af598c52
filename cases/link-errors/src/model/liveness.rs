//! Which sections `--gc-sections` keeps: those that can be reached from the roots over relocations. The roots differ from linker to linker
//! and are given.

use std::collections::HashMap;

use super::input::{Content, Definition, FileId, Program};
use super::names::{Fast, Name};

/// `SHF_ALLOC`
pub const ALLOC: u64 = 0x2;
/// `SHF_EXCLUDE`
pub const EXCLUDE: u64 = 0x8000_0000;
/// `SHF_LINK_ORDER`
pub const LINK_ORDER: u64 = 0x80;
/// `SHF_GNU_RETAIN`
pub const RETAIN: u64 = 0x20_0000;

/// What is alive, section by section.
#[derive(Clone, Debug, Default)]
pub struct Live {
    files: HashMap<FileId, Vec<bool>, Fast>,
}

impl Live {
    /// True when the section is kept.
    pub fn is_live(&self, file: FileId, section: u32) -> bool {
        self.files.get(&file).is_some_and(|sections| sections.get(section as usize) == Some(&true))
    }
}

/// Marks all that can be reached.
///
/// `objects` are the objects of the link; `roots` what is kept for itself; `gone` says which sections were discarded with their group, and
/// `resolve` where a global symbol (object and index) is defined: in which section of which object. Sections that are not allocated, and
/// `.eh_frame`, are kept where anything of their file is and keep nothing alive themselves, but for what global symbols they name.
pub fn mark(
    program: &Program,
    objects: &[FileId],
    roots: &[(FileId, u32)],
    gone: &dyn Fn(FileId, u32) -> bool,
    resolve: &dyn Fn(FileId, u32) -> Option<(FileId, u32)>,
) -> Live {
    let mut live = Live::default();
    for file in objects {
        if let Content::Object(object) = &program.files[file.0 as usize].content {
            live.files.insert(*file, vec![false; object.sections.len()]);
        }
    }
    let edges = Edges::of(program, objects);
    let mut stack: Vec<(FileId, u32)> = roots.to_vec();
    while let Some((file, section)) = stack.pop() {
        let Content::Object(object) = &program.files[file.0 as usize].content else { continue };
        let Some(kept) = live.files.get_mut(&file).and_then(|sections| sections.get_mut(section as usize)) else {
            continue;
        };
        if *kept || gone(file, section) {
            continue;
        }
        *kept = true;
        let Some(own) = object.sections.get(section as usize) else { continue };
        if let Some(group) = own.group.and_then(|group| object.groups.get(group as usize)) {
            stack.extend(group.sections.iter().map(|section| (file, *section)));
        }
        for dependent in edges.dependents(file, section) {
            stack.push((file, *dependent));
        }
        for reference in edges.from(file, section) {
            let Some(symbol) = object.symbols.get(reference as usize) else { continue };
            match symbol.definition {
                Definition::Section(to) if reference < object.first_global => stack.push((file, to)),
                _ => stack.extend(resolve(file, reference)),
            }
            let name = program.names.bytes(symbol.name);
            let bounds = name.strip_prefix(b"__start_").or_else(|| name.strip_prefix(b"__stop_"));
            if let Some(named) = bounds.and_then(|name| program.names.get(name)) {
                stack.extend(edges.named(named));
            }
        }
    }
    // What describes a file stays with it.
    for file in objects {
        let Content::Object(object) = &program.files[file.0 as usize].content else { continue };
        let Some(sections) = live.files.get_mut(file) else { continue };
        if !sections.iter().any(|live| *live) {
            continue;
        }
        for (index, section) in object.sections.iter().enumerate() {
            let describes = section.flags & ALLOC == 0 || program.names.bytes(section.name) == b".eh_frame";
            if describes && section.group.is_none() && !gone(*file, index as u32) {
                sections[index] = true;
            }
        }
    }
    live
}

/// References by section, and sections by what they are linked to and called.
struct Edges {
    from: HashMap<(FileId, u32), Vec<u32>, Fast>,
    dependents: HashMap<(FileId, u32), Vec<u32>, Fast>,
    named: HashMap<Name, Vec<(FileId, u32)>, Fast>,
}

impl Edges {
    fn of(program: &Program, objects: &[FileId]) -> Self {
        let mut edges = Self { from: HashMap::default(), dependents: HashMap::default(), named: HashMap::default() };
        for file in objects {
            let Content::Object(object) = &program.files[file.0 as usize].content else { continue };
            for reference in &object.references {
                edges.from.entry((*file, reference.section)).or_default().push(reference.symbol);
            }
            for (index, section) in object.sections.iter().enumerate() {
                let index = index as u32;
                if section.flags & LINK_ORDER != 0 {
                    edges.dependents.entry((*file, section.link)).or_default().push(index);
                }
                if section.flags & ALLOC != 0 {
                    edges.named.entry(section.name).or_default().push((*file, index));
                }
            }
        }
        edges
    }

    fn from<'e>(&'e self, file: FileId, section: u32) -> impl Iterator<Item = u32> + use<'e> {
        self.from.get(&(file, section)).into_iter().flatten().copied()
    }

    fn dependents(&self, file: FileId, section: u32) -> &[u32] {
        self.dependents.get(&(file, section)).map_or(&[], Vec::as_slice)
    }

    fn named(&self, name: Name) -> impl Iterator<Item = (FileId, u32)> {
        self.named.get(&name).into_iter().flatten().copied()
    }
}
