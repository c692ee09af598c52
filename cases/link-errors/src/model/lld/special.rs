//! Symbols that lld defines itself: `--defsym` and scripts (`LinkerScript::declareSymbols`, `processSymbolAssignments`), bounds of segments
//! and sections (`addReservedSymbols`, `addStartEndSymbols`, `addStartStopSymbols`, lld/ELF/Writer.cpp).

use std::collections::HashSet;

use super::link::Link;
use super::resolve::Incoming;
use super::table::{Kind, SymbolId};
use crate::model::input::{Binding, Definition, Output, SymbolType, Visibility};
use crate::model::liveness::{ALLOC, EXCLUDE};
use crate::model::names::{Fast, Name};
use crate::model::outcome::{Refusal, Undefined, UndefinedWhy};

const SHT_GROUP: u32 = 17;

impl Link<'_> {
    /// `declareSymbols`: they hide what the files define.
    pub(super) fn declare_symbols(&mut self) {
        let options = &self.program.options;
        let names = options.script_defines.iter().copied().chain(options.defsym.iter().map(|defsym| defsym.name));
        for name in names {
            let place = Kind::Defined { section: None, value: 0 };
            self.assign(name, place, SymbolType::None);
        }
    }

    fn assign(&mut self, name: Name, kind: Kind, symbol_type: SymbolType) -> SymbolId {
        let id = self.table.insert(name, None);
        let new = Incoming { symbol_type, ..Incoming::internal(Binding::Global, Visibility::Default) };
        self.overwrite(id, &new, kind);
        let symbol = self.table.get_mut(id);
        symbol.used = true;
        // lld 14 merges the properties of the new symbol (`mergeProperties`).
        symbol.export_dynamic |= self.exports && self.version < 21;
        id
    }

    /// `processSymbolAssignments`: what the expressions read must be defined here; a shared object's symbol has no value.
    pub(super) fn assign_symbols(&mut self) {
        let program = self.program;
        for defsym in &program.options.defsym {
            let mut value = (Kind::Defined { section: None, value: 0 }, SymbolType::None);
            for name in &defsym.reads {
                match self.table.find(*name, None).map(|id| *self.table.get(id)) {
                    Some(read) if read.is_defined() => {
                        if defsym.reads.len() == 1 {
                            value.1 = read.symbol_type;
                        }
                    }
                    _ => {
                        self.failed = true;
                        let why = UndefinedWhy::Option;
                        self.undefined.push(Undefined { name: *name, version: None, sites: Vec::new(), why });
                    }
                }
            }
            self.assign(defsym.name, value.0, value.1);
        }
    }

    /// `addOptionalRegular`: where somebody asks for it and nobody defines it.
    fn provide(&mut self, name: &[u8], visibility: Visibility) -> bool {
        let Some(id) = self.program.names.get(name).and_then(|name| self.table.find(name, None)) else { return false };
        let symbol = self.table.get(id);
        if symbol.is_defined() || (symbol.is_common() && !self.old) {
            return false;
        }
        self.defined(id, &Incoming::internal(Binding::Global, visibility), None, 0);
        self.table.get_mut(id).used = true;
        true
    }

    /// `addReservedSymbols`
    pub(super) fn reserved_symbols(&mut self) {
        let names = &self.program.names;
        let table = names.get(b"_GLOBAL_OFFSET_TABLE_").and_then(|name| self.table.find(name, None));
        if let Some(id) = table {
            let symbol = self.table.get(id);
            if symbol.is_defined() {
                let file = symbol.file.map_or("<internal>", |file| &self.program.files[file.0 as usize].name);
                let what = format!("{file} cannot redefine linker defined symbol '_GLOBAL_OFFSET_TABLE_'");
                return self.refusals.push(Refusal::Other(what));
            }
            self.defined(id, &Incoming::internal(Binding::Global, Visibility::Hidden), None, 0);
        }
        for name in [&b"__ehdr_start"[..], b"__executable_start", b"__dso_handle"] {
            self.provide(name, Visibility::Hidden);
        }
        for name in [&b"__bss_start"[..], b"end", b"_end", b"etext", b"_etext", b"edata", b"_edata"] {
            self.provide(name, Visibility::Default);
        }
    }

    /// What is known when sections are laid out: bounds of arrays and of sections that have names of C, `_DYNAMIC`, bounds of `.rela.iplt`.
    pub(super) fn section_symbols(&mut self) {
        for array in ["__preinit_array", "__init_array", "__fini_array"] {
            for end in ["_start", "_end"] {
                self.provide(format!("{array}{end}").as_bytes(), Visibility::Hidden);
            }
        }
        for name in self.c_names() {
            let text = String::from_utf8_lossy(self.program.names.bytes(name)).into_owned();
            for bound in ["__start_", "__stop_"] {
                self.provide(format!("{bound}{text}").as_bytes(), Visibility::Protected);
            }
        }
        if let Some(name) = self.program.names.get(b"_DYNAMIC").filter(|_| self.has_dynamic()) {
            let id = self.table.insert(name, None);
            self.defined(id, &Incoming::internal(Binding::Weak, Visibility::Hidden), None, 0);
            self.table.get_mut(id).used = true;
        }
        if !self.is_pic() {
            let start = self.provide(b"__rela_iplt_start", Visibility::Hidden);
            let end = self.provide(b"__rela_iplt_end", Visibility::Hidden);
            self.start_alone = start && !end;
        }
        let module = self.program.names.get(b"_TLS_MODULE_BASE_").and_then(|name| self.table.find(name, None));
        if let Some(id) = module.filter(|id| self.table.get(*id).is_undefined()) {
            let new = Incoming::internal(Binding::Global, Visibility::Hidden);
            self.defined(id, &Incoming { symbol_type: SymbolType::Tls, ..new }, None, 0);
        }
    }

    /// Sections of the output whose names are identifiers of C, where bounds of sections are asked for at all.
    fn c_names(&self) -> HashSet<Name, Fast> {
        let names = &self.program.names;
        let asked = self.table.iter().any(|symbol| {
            let name = names.bytes(symbol.name);
            name.starts_with(b"__start_") || name.starts_with(b"__stop_")
        });
        let mut out: HashSet<Name, Fast> = HashSet::default();
        if !asked {
            return out;
        }
        for instance in &self.objects {
            let Some((_, object)) = self.object_of(*instance) else { continue };
            for (index, section) in object.sections.iter().enumerate().skip(1) {
                let kept = section.kind != SHT_GROUP
                    && (section.flags & EXCLUDE == 0 || self.program.options.output == Output::Relocatable)
                    && !self.is_gone(*instance, index as u32)
                    && self.live.as_ref().is_none_or(|live| live.is_live(*instance, index as u32));
                if kept && is_c_name(names.bytes(section.name)) {
                    out.insert(section.name);
                }
            }
        }
        out
    }

    /// `replaceCommonSymbols`: common symbols that objects name get a place.
    pub(super) fn place_commons(&mut self) {
        for instance in self.objects.clone() {
            let Some((_, object)) = self.object_of(instance) else { continue };
            let commons = object.globals().any(|(_, symbol)| matches!(symbol.definition, Definition::Common { .. }));
            if !commons {
                continue;
            }
            for index in 0..self.instances[instance.0 as usize].symbols.len() {
                let id = self.instances[instance.0 as usize].symbols[index];
                let symbol = self.table.get_mut(id);
                if symbol.is_common() {
                    symbol.kind = Kind::Placed;
                }
            }
        }
    }

    /// True where the section is in memory at run time.
    pub(super) fn is_allocated(section: &crate::model::input::Section) -> bool {
        section.flags & ALLOC != 0
    }
}

/// `isValidCIdentifier`
fn is_c_name(name: &[u8]) -> bool {
    let is_first = |byte: &u8| byte.is_ascii_alphabetic() || *byte == b'_';
    name.first().is_some_and(is_first) && name.iter().all(|byte| is_first(byte) || byte.is_ascii_digit())
}
