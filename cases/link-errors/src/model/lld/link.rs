//! A whole link by lld (`LinkerDriver::link`, lld/ELF/Driver.cpp): the phases in their order, and where errors end it early.

use std::collections::HashMap;

use super::gc::Live;
use super::resolve::Incoming;
use super::table::{Instance, Kind, SymbolId, Table};
use crate::model::input::{Binding, Content, FileId, Object, Output, Program, Unresolved, Unusable, Visibility};
use crate::model::names::{Fast, Name};
use crate::model::outcome::{Because, Duplicate, Event, Extraction, Linker, Outcome, Refusal, Undefined, Unknown};

/// An object on the line, or a member that waits.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub(super) file: FileId,
    pub(super) lazy: bool,
    /// It stands behind `--just-symbols`.
    pub(super) addresses_only: bool,
    /// Its symbols from the first global one on, once it is part of the link.
    pub(super) symbols: Vec<SymbolId>,
    /// Sections that went with their group; empty where none did.
    pub(super) discarded: Vec<bool>,
}

/// A shared object, once for each soname.
#[derive(Clone, Copy, Debug)]
pub(super) struct SharedFile {
    pub(super) file: FileId,
    pub(super) soname: Name,
    pub(super) needed: bool,
    pub(super) because: Option<(FileId, Name)>,
}

/// A symbol of `--wrap`, its `__real_` and its `__wrap_`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wrapped {
    pub(super) symbol: SymbolId,
    pub(super) real: SymbolId,
    pub(super) wrap: SymbolId,
    /// The three names.
    pub(super) names: (Name, Name, Name),
}

/// The state of the link.
pub(super) struct Link<'p> {
    pub(super) program: &'p Program,
    pub(super) version: u16,
    /// LLVM 14 and before, where names are resolved by `Symbol::compare` and sections are read before symbols.
    pub(super) old: bool,
    pub(super) table: Table,
    pub(super) instances: Vec<Waiting>,
    /// Objects of the link in order.
    pub(super) objects: Vec<Instance>,
    pub(super) groups: HashMap<Name, Instance, Fast>,
    pub(super) shared: Vec<SharedFile>,
    pub(super) sonames: HashMap<Name, u32, Fast>,
    /// What shared objects ask for strongly: index in `shared`, and the symbol.
    pub(super) required: Vec<(u32, SymbolId)>,
    /// The first instance of the archive whose index lld 14 reads (`ArchiveFile::parsed`).
    pub(super) parsing: Option<u32>,
    pub(super) wrapped: Vec<Wrapped>,
    pub(super) live: Option<Live>,
    pub(super) fortran_common: bool,
    /// `config->exportDynamic`
    pub(super) exports: bool,
    /// An undefined symbol ends the link: no warning, as `--warn-unresolved-symbols` makes of most.
    pub(super) failed: bool,
    /// `__rela_iplt_start` is the linker's, and `__rela_iplt_end` is not.
    pub(super) start_alone: bool,
    pub(super) duplicates: Vec<Duplicate>,
    pub(super) refusals: Vec<Refusal>,
    pub(super) undefined: Vec<Undefined>,
    pub(super) extracted: Vec<Extraction>,
    pub(super) unknown: Vec<Unknown>,
    pub(super) trace: Vec<Event>,
}

/// What lld makes of the link.
pub(in crate::model) fn simulate(program: &Program, linker: Linker) -> Outcome {
    let options = &program.options;
    let version = linker.version.0;
    let mut link = Link {
        program,
        version,
        old: version < 15,
        table: Table::default(),
        instances: Vec::new(),
        objects: Vec::new(),
        groups: HashMap::default(),
        shared: Vec::new(),
        sonames: HashMap::default(),
        required: Vec::new(),
        parsing: None,
        wrapped: Vec::new(),
        live: None,
        // Off from LLVM 15 on (D122450).
        fortran_common: options.fortran_common.unwrap_or(version < 15),
        exports: options.output == Output::Shared || options.export_dynamic,
        failed: false,
        start_alone: false,
        duplicates: Vec::new(),
        refusals: Vec::new(),
        undefined: Vec::new(),
        extracted: Vec::new(),
        unknown: Vec::new(),
        trace: Vec::new(),
    };
    link.run();
    link.outcome(linker)
}

impl Link<'_> {
    fn run(&mut self) {
        let program = self.program;
        if !self.options_are_known() || !self.files_are_usable() {
            return;
        }
        for name in &program.options.undefined {
            let id = self.ask(*name, Binding::Global);
            self.table.get_mut(id).referenced = true;
        }
        for index in 0..program.inputs.len() {
            self.open(index);
        }
        self.options_ask();
        if !self.old {
            self.wrap_symbols();
            self.check_objects();
        }
        if self.has_errors() {
            return;
        }
        self.declare_symbols();
        self.exclude_libraries();
        if self.old {
            self.wrap_symbols();
        }
        let relocatable = program.options.output == Output::Relocatable;
        if !relocatable {
            self.reserved_symbols();
            self.scan_version_script();
        }
        if self.has_errors() {
            return;
        }
        self.exclude_libraries();
        self.redirect_symbols();
        self.place_commons();
        self.mark_live();
        if self.demotes_early() {
            self.demote();
        }
        if !relocatable {
            self.section_symbols();
        }
        if !self.demotes_early() {
            self.demote();
        }
        self.assign_symbols();
        if !relocatable {
            self.scan_relocations();
            self.report_shared();
        }
        self.check_written();
    }

    pub(super) fn has_errors(&self) -> bool {
        !self.duplicates.is_empty() || !self.refusals.is_empty()
    }

    /// `setUnresolvedSymbolPolicy`: true where undefined symbols are reported, in objects and in shared objects.
    pub(super) fn reports(&self) -> (bool, bool) {
        let options = &self.program.options;
        let shared = options.output == Output::Shared;
        let (mut objects, mut libraries) = match options.unresolved {
            None => (!shared, !shared),
            Some(Unresolved::Report) => (true, true),
            Some(Unresolved::Ignore) => (false, false),
            Some(Unresolved::IgnoreInObjects) => (false, true),
            Some(Unresolved::IgnoreInShared) => (true, false),
        };
        objects = options.defs.unwrap_or(objects);
        libraries = options.allow_shlib_undefined.map_or(libraries, |allow| !allow);
        (objects, libraries)
    }

    /// Up to LLVM 17 what nobody needs is undefined from `markLive` on (`demoteSharedSymbols`, `demoteSharedAndLazySymbols`), from 18 on
    /// when sections are laid out, and what is in a section that goes is too (1981b1b).
    pub(super) fn demotes_early(&self) -> bool {
        self.version < 18
    }

    /// `config->isPic`
    pub(super) fn is_pic(&self) -> bool {
        matches!(self.program.options.output, Output::Shared | Output::Pie | Output::StaticPie)
    }

    /// There is a dynamic symbol table (`config->hasDynSymTab`).
    pub(super) fn has_dynamic(&self) -> bool {
        !self.shared.is_empty() || self.is_pic() || (self.old && self.program.options.export_dynamic)
    }

    /// The name of the entry, none for `-r` (`setConfigs`).
    pub(super) fn entry(&self) -> Option<Name> {
        let options = &self.program.options;
        let default = || self.program.names.get(b"_start").filter(|_| options.output != Output::Relocatable);
        options.entry.or_else(default)
    }

    pub(super) fn object_of(&self, instance: Instance) -> Option<(FileId, &Object)> {
        let file = self.instances.get(instance.0 as usize)?.file;
        match &self.program.files[file.0 as usize].content {
            Content::Object(object) => Some((file, object)),
            _ => None,
        }
    }

    /// True for a section that is not part of the link, though its object is.
    pub(super) fn is_gone(&self, instance: Instance, section: u32) -> bool {
        self.instances[instance.0 as usize].discarded.get(section as usize) == Some(&true)
    }

    /// The symbol a relocation of the object means, where it is no local one.
    pub(super) fn symbol_of(&self, instance: Instance, object: &Object, symbol: u32) -> Option<SymbolId> {
        let index = symbol.checked_sub(object.first_global)? as usize;
        self.instances[instance.0 as usize].symbols.get(index).copied()
    }

    /// Options of others are errors (`OPT_UNKNOWN` in `ELFOptTable::parse`).
    fn options_are_known(&mut self) -> bool {
        let program = self.program;
        let unknown = [
            (program.inputs.iter().any(|input| input.copy_needed), "--copy-dt-needed-entries"),
            (!program.options.require_defined.is_empty(), "--require-defined"),
        ];
        for (_, option) in unknown.iter().filter(|(given, _)| *given) {
            self.refusals.push(Refusal::Other(format!("unknown argument '{option}'")));
        }
        self.refusals.is_empty()
    }

    /// Files that cannot be read end the link before anything is resolved (`LinkerDriver::linkerMain`).
    fn files_are_usable(&mut self) -> bool {
        for input in &self.program.inputs {
            let file = input.file;
            match &self.program.files[file.0 as usize].content {
                Content::Unusable(Unusable::Bitcode(_)) => self.bitcode(file),
                Content::Unusable(_) => self.refusals.push(Refusal::File(file)),
                Content::Shared(_)
                    if matches!(
                        self.program.options.output,
                        Output::Static | Output::StaticPie | Output::Relocatable
                    ) =>
                {
                    self.refusals.push(Refusal::File(file));
                }
                _ => {}
            }
        }
        self.refusals.is_empty()
    }

    pub(super) fn bitcode(&mut self, file: FileId) {
        let what = "code for a link-time optimiser: lld compiles it, this model does not".to_owned();
        self.unknown.push(Unknown { what, file: Some(file) });
    }

    /// `addUnusedUndefined`: an option asks for a symbol.
    pub(super) fn ask(&mut self, name: Name, binding: Binding) -> SymbolId {
        let id = self.table.insert(name, None);
        if let Some((member, because)) = self.undefined(id, &Incoming::internal(binding, Visibility::Default), false) {
            self.extract(member, because);
        }
        id
    }

    /// The entry, what `--defsym` reads, and what `-u` found. In 14 what is read comes before the entry, in 19 behind it.
    fn options_ask(&mut self) {
        let program = self.program;
        let options = &program.options;
        if !self.old {
            self.force_entry();
        }
        for name in options.defsym.iter().flat_map(|defsym| &defsym.reads) {
            let id = self.ask(*name, Binding::Global);
            let symbol = self.table.get_mut(id);
            symbol.used = true;
            symbol.referenced |= !self.old;
        }
        if self.old {
            self.force_entry();
        }
        for name in &options.undefined {
            if let Some(id) = self.table.find(*name, None).filter(|id| self.table.get(*id).is_defined()) {
                self.table.get_mut(id).used = true;
            }
        }
    }

    /// `handleUndefined`: the entry is taken from its archive.
    fn force_entry(&mut self) {
        let Some(id) = self.entry().and_then(|name| self.table.find(name, None)) else { return };
        let symbol = self.table.get_mut(id);
        symbol.used = true;
        if let Kind::Lazy(member) = symbol.kind {
            let because = Because::Option(symbol.name);
            self.extract(member, because);
        }
    }

    fn open(&mut self, index: usize) {
        let program = self.program;
        let input = &program.inputs[index];
        let file = input.file;
        self.trace.push(Event::Open(file));
        match &program.files[file.0 as usize].content {
            Content::Object(_) => self.object(file, false, input.just_symbols),
            Content::Archive(archive) if input.whole_archive => {
                for member in &archive.members {
                    let because = Because::Whole;
                    self.extracted.push(Extraction { member: *member, because });
                    self.trace.push(Event::Extract(*member, because));
                    self.object(*member, false, false);
                }
            }
            Content::Archive(archive) => self.archive(archive),
            Content::Shared(shared) => self.shared_file(file, shared, input),
            Content::Unusable(_) => {}
        }
    }
}
