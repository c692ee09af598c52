//! What objects say of symbols that were resolved already: `ObjFile::postParse` (lld/ELF/InputFiles.cpp) and what follows it
//! (`LinkerDriver::link`, lld/ELF/Driver.cpp), from LLVM 15 on. Before that it is told when names are resolved.

use super::link::Link;
use super::table::{Instance, Kind, SymbolId};
use crate::model::input::{Binding, Content, Definition, FileId, Symbol, SymbolType};
use crate::model::outcome::{Duplicate, Refusal};

/// What was found.
#[derive(Default)]
struct Found {
    /// Symbols whose definition is in a section that went with its group (`ctx.nonPrevailingSyms`).
    lost: Vec<SymbolId>,
    /// Definitions beside the one that counts (`ctx.duplicates`).
    twice: Vec<Twice>,
}

struct Twice {
    symbol: SymbolId,
    file: FileId,
    section: Option<u32>,
    /// `st_value`
    value: u64,
}

impl Link<'_> {
    /// Duplicates are told last: a symbol whose own definition went is none.
    pub(super) fn check_objects(&mut self) {
        let program = self.program;
        let mut found = Found::default();
        for instance in self.objects.clone() {
            let file = self.instances[instance.0 as usize].file;
            let Content::Object(object) = &program.files[file.0 as usize].content else { continue };
            for (index, (_, own)) in object.globals().enumerate() {
                if let Some(id) = self.instances[instance.0 as usize].symbols.get(index).copied() {
                    self.check_symbol((instance, file), own, id, &mut found);
                }
            }
        }
        for id in found.lost {
            self.table.get_mut(id).kind = Kind::Undefined { discarded: true };
        }
        for twice in found.twice {
            self.report_duplicate(&twice);
        }
    }

    fn check_symbol(&mut self, by: (Instance, FileId), own: &Symbol, id: SymbolId, found: &mut Found) {
        let (instance, file) = by;
        let symbol = *self.table.get(id);
        if symbol.symbol_type == SymbolType::Tls && !matches!(own.kind, SymbolType::Tls | SymbolType::None) {
            let other = symbol.file.unwrap_or(file);
            self.refusals.push(Refusal::TlsMismatch(symbol.name, other, file));
        }
        let Kind::Defined { section: kept, value } = symbol.kind else { return };
        let section = match own.definition {
            Definition::Section(section) => Some(section),
            Definition::Absolute => None,
            _ => return,
        };
        let is_own = symbol.instance == Some(instance);
        if section.is_some_and(|section| self.is_gone(instance, section)) {
            if is_own {
                found.lost.push(id);
            }
            return;
        }
        if is_own {
            // Two names of one symbol in one object: the place is that of the last.
            if section != kept && !self.instances[instance.0 as usize].addresses_only {
                self.table.get_mut(id).kind = Kind::Defined { section, value };
            }
            return;
        }
        if !symbol.is_weak() && own.binding != Binding::Weak {
            found.twice.push(Twice { symbol: id, file, section, value: own.value });
        }
    }

    /// `reportDuplicate` (lld/ELF/Symbols.cpp)
    fn report_duplicate(&mut self, twice: &Twice) {
        let symbol = *self.table.get(twice.symbol);
        let Kind::Defined { section, value } = symbol.kind else { return };
        // Absolute symbols of one value, as GNU ld allows them.
        let is_same = section.is_none() && twice.section.is_none() && value == twice.value && value != 0;
        let is_thunk = self.program.names.bytes(symbol.name) == b"__x86.get_pc_thunk.bx";
        if !self.program.options.allow_multiple && !is_same && !is_thunk {
            let first = symbol.file.unwrap_or(twice.file);
            self.duplicates.push(Duplicate { name: symbol.name, first, second: twice.file });
        }
    }
}
