//! `--gc-sections` (elf/gc-sections.cc): sections that relocations lead to from what leaves the output, the entry point and sections
//! that are kept for what they are.

use std::collections::HashMap;

use super::link::Link;
use super::table::Content;
use crate::model::edges::{Edges, Tables};
use crate::model::input::{Definition, Object};
use crate::model::liveness::{ALLOC, RETAIN};
use crate::model::names::{Fast, Name};

/// What is kept, by file and section; a file without an entry keeps all.
#[derive(Clone, Debug, Default)]
pub(super) struct Kept {
    pub(super) sections: HashMap<usize, Vec<bool>, Fast>,
}

impl Kept {
    pub(super) fn is_kept(&self, file: usize, section: u32) -> bool {
        self.sections.get(&file).is_none_or(|sections| sections.get(section as usize) == Some(&true))
    }
}

impl Link<'_> {
    /// What `--gc-sections` keeps, and the shared objects that kept sections refer to.
    pub(super) fn collect(&self, tables: Tables) -> (Kept, Vec<usize>) {
        let program = self.program;
        let mut kept = Kept::default();
        let mut stack: Vec<(usize, u32)> = Vec::new();
        let mut named: HashMap<Name, Vec<(usize, u32)>, Fast> = HashMap::default();
        let mut edges: HashMap<usize, Edges, Fast> = HashMap::default();
        for file in &self.objects {
            let Content::Object(object) = self.files[*file].content else { continue };
            let mut sections = vec![false; object.sections.len()];
            for (index, section) in object.sections.iter().enumerate() {
                let name = program.names.bytes(section.name);
                let identifier = is_identifier(name);
                if section.flags & ALLOC == 0 {
                    sections[index] = true;
                    continue;
                }
                if identifier {
                    named.entry(section.name).or_default().push((*file, index as u32));
                }
                let keeps = section.flags & RETAIN != 0
                    || matches!(section.kind, 7 | 14..=16)
                    || [&b".ctors"[..], b".dtors", b".init", b".fini"].iter().any(|prefix| name.starts_with(prefix))
                    || (identifier && self.release.keeps_identifiers);
                if keeps {
                    stack.push((*file, index as u32));
                }
            }
            kept.sections.insert(*file, sections);
            let own = Edges::of(program, object, tables);
            // All that frames name beside their functions and tables is personality routines.
            stack.extend(own.personalities.iter().filter_map(|symbol| self.place(*file, object, *symbol)));
            edges.insert(*file, own);
            for id in &self.files[*file].symbols {
                let symbol = self.table.get(*id);
                if symbol.exported && symbol.owner.is_some_and(|owner| owner.file == *file) {
                    stack.extend(self.place_of(*id));
                }
            }
        }
        let options = &program.options;
        let read =
            options.defsym.iter().flat_map(|defsym| &defsym.reads).filter(|_| !self.release.defsym_asks_as_object);
        let asked = options.undefined.iter().chain(&options.require_defined).chain(read).copied().chain(self.entry());
        for name in asked {
            stack.extend(self.table.find(name, None).and_then(|id| self.place_of(id)));
        }
        let mut shared = Vec::new();
        while let Some((file, section)) = stack.pop() {
            let Content::Object(object) = self.files[file].content else { continue };
            let gone = self.files[file].gone.get(section as usize) == Some(&true);
            let known = kept.sections.get_mut(&file).and_then(|sections| sections.get_mut(section as usize));
            let Some(known) = known.filter(|known| !**known && !gone) else { continue };
            *known = true;
            let Some(edges) = edges.get(&file) else { continue };
            stack.extend(edges.tables_of(section).map(|table| (file, table)));
            for symbol in edges.from(section) {
                stack.extend(self.place(file, object, *symbol));
                let Some(id) = self.symbol_of(file, object, *symbol) else { continue };
                let known = self.table.get(id);
                if let Some(owner) = known.owner.filter(|owner| self.files[owner.file].is_shared()) {
                    shared.push(owner.file);
                }
                if !self.release.keeps_identifiers {
                    let name = program.names.bytes(known.name);
                    let bounds = name.strip_prefix(b"__start_").or_else(|| name.strip_prefix(b"__stop_"));
                    let section = bounds.and_then(|name| program.names.get(name));
                    stack.extend(section.and_then(|name| named.get(&name)).into_iter().flatten());
                }
            }
        }
        (kept, shared)
    }

    /// True where frames leave it open which function a table belongs to.
    pub(super) fn tables_are_open(&self) -> bool {
        self.objects.iter().any(|file| match self.files[*file].content {
            Content::Object(object) => Edges::of(self.program, object, Tables::Possible).is_open(),
            _ => false,
        })
    }

    /// The section a relocation leads to.
    fn place(&self, file: usize, object: &Object, symbol: u32) -> Option<(usize, u32)> {
        match self.symbol_of(file, object, symbol) {
            Some(id) => self.place_of(id),
            None => match object.symbols.get(symbol as usize)?.definition {
                Definition::Section(section) => Some((file, section)),
                _ => None,
            },
        }
    }

    fn place_of(&self, id: super::table::SymbolId) -> Option<(usize, u32)> {
        let owner = self.table.get(id).owner?;
        Some((owner.file, self.files[owner.file].entry(owner.index)?.section?))
    }

    /// The global symbol a relocation names.
    pub(super) fn symbol_of(&self, file: usize, object: &Object, symbol: u32) -> Option<super::table::SymbolId> {
        let index = symbol.checked_sub(object.first_global)? as usize;
        self.files[file].symbols.get(index).copied()
    }
}

/// `is_c_identifier`
pub(super) fn is_identifier(name: &[u8]) -> bool {
    let letter = |byte: &u8| *byte == b'_' || byte.is_ascii_alphabetic();
    name.first().is_some_and(letter) && name.iter().all(|byte| letter(byte) || byte.is_ascii_digit())
}
