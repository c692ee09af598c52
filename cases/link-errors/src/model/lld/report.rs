//! What lld says at the end (`Writer::finalizeSections`, lld/ELF/Writer.cpp): relocations against what nobody defines
//! (`maybeReportUndefined`, lld/ELF/Relocations.cpp), what shared objects lack; and the outcome.

use std::collections::{HashMap, HashSet};

use super::link::Link;
use super::table::{Instance, Kind, Symbol, SymbolId};
use crate::model::input::{
    Binding, Content, Definition, FileId, Object, Output, Reference, Section, SymbolType, Uses, Visibility,
};
use crate::model::names::{Fast, Name};
use crate::model::outcome::{
    Because, Linker, Needed, Outcome, Refusal, Site, Undefined, UndefinedWhy, Unknown, Verdict,
};

/// `SHF_TLS`
const TLS: u64 = 0x400;

/// What relocations told already.
#[derive(Default)]
struct Seen {
    /// Undefined symbols, and where in the outcome they are.
    undefined: HashMap<SymbolId, usize, Fast>,
    refused: HashSet<SymbolId, Fast>,
}

impl Link<'_> {
    /// `demoteSymbolsAndComputeIsPreemptible`: what waits, what is in a library that goes, and what is in a section that goes is undefined.
    /// Up to LLVM 17 the last is left alone; in 14 what waits is weak then.
    pub(super) fn demote(&mut self) {
        for id in self.table.ids() {
            let symbol = *self.table.get(id);
            match symbol.kind {
                Kind::Lazy(_) => {
                    let binding = if self.old { Binding::Weak } else { symbol.binding };
                    self.forget(id, binding);
                }
                Kind::Shared { library, .. } if !self.shared[library as usize].needed => {
                    self.forget(id, Binding::Weak);
                }
                _ if !self.demotes_early() && self.is_dead(id, &symbol) => {
                    let discarded = symbol.kind != Kind::Placed;
                    let symbol = self.table.get_mut(id);
                    symbol.kind = Kind::Undefined { discarded };
                    if symbol.binding == Binding::Weak {
                        symbol.binding = Binding::Global;
                    }
                    symbol.used = false;
                }
                _ => {}
            }
        }
    }

    fn forget(&mut self, id: SymbolId, binding: Binding) {
        let symbol = self.table.get_mut(id);
        symbol.kind = Kind::Undefined { discarded: false };
        symbol.binding = binding;
        symbol.file = None;
        symbol.instance = None;
        symbol.version_id = super::table::VersionId::Global;
    }

    fn is_dead(&self, id: SymbolId, symbol: &Symbol) -> bool {
        let Some(live) = &self.live else { return false };
        match (symbol.kind, symbol.instance) {
            (Kind::Defined { section: Some(section), .. }, Some(instance)) => !live.is_live(instance, section),
            (Kind::Placed, _) => !live.is_live_common(id),
            _ => false,
        }
    }

    /// `scanRelocations` of all sections that are kept.
    pub(super) fn scan_relocations(&mut self) {
        let mut seen = Seen::default();
        for instance in self.objects.clone() {
            let program = self.program;
            let waiting = &self.instances[instance.0 as usize];
            let (file, addresses_only) = (waiting.file, waiting.addresses_only);
            let Content::Object(object) = &program.files[file.0 as usize].content else { continue };
            if addresses_only {
                continue;
            }
            for reference in &object.references {
                let Some(section) = object.sections.get(reference.section as usize) else { continue };
                if !Self::is_allocated(section)
                    || self.is_gone(instance, reference.section)
                    || self.live.as_ref().is_some_and(|live| !live.is_live(instance, reference.section))
                {
                    continue;
                }
                match self.symbol_of(instance, object, reference.symbol) {
                    Some(id) => self.scan(file, reference, id, &mut seen),
                    None => self.scan_local(instance, file, object, reference),
                }
            }
        }
    }

    /// A relocation against a local symbol, whose section may be gone.
    fn scan_local(&mut self, instance: Instance, file: FileId, object: &Object, reference: &Reference) {
        let Some(symbol) = object.symbols.get(reference.symbol as usize) else { return };
        let Definition::Section(to) = symbol.definition else { return };
        // Frames of functions that are gone go too.
        let section = object.sections.get(reference.section as usize);
        let frame = section.is_some_and(|section| self.program.names.bytes(section.name) == b".eh_frame");
        if self.is_gone(instance, to) && !frame {
            self.failed = true;
            let site = Site { file, at: Some((reference.section, reference.offset)) };
            let why = UndefinedWhy::Discarded;
            self.undefined.push(Undefined { name: symbol.name, version: None, sites: vec![site], why });
        }
    }

    /// `maybeReportUndefined`
    fn scan(&mut self, file: FileId, reference: &Reference, id: SymbolId, seen: &mut Seen) {
        let symbol = *self.table.get(id);
        let Kind::Undefined { discarded } = symbol.kind else {
            self.scan_call(reference, id, &mut seen.refused);
            return self.scan_tls(reference, &symbol);
        };
        let (in_objects, _) = self.reports();
        let external = symbol.visibility == Visibility::Default;
        // A version in a name that is not defined is an error even where the reference is weak.
        let versioned = symbol.suffixed;
        if !versioned && (symbol.is_weak() || (!in_objects && external)) {
            return self.scan_tls(reference, &symbol);
        }
        self.failed |= versioned || !external || !self.program.options.warn_unresolved;
        let site = Site { file, at: Some((reference.section, reference.offset)) };
        if let Some(index) = seen.undefined.get(&id) {
            return self.undefined[*index].sites.push(site);
        }
        seen.undefined.insert(id, self.undefined.len());
        let why = if discarded {
            UndefinedWhy::Discarded
        } else if !external && symbol.in_shared {
            UndefinedWhy::HiddenReference
        } else {
            UndefinedWhy::Nowhere
        };
        let version = symbol.version.map(|version| version.name);
        self.undefined.push(Undefined { name: symbol.name, version, sites: vec![site], why });
    }

    /// A call of an absolute symbol, or of a thread-local one, from where it is not known how far that is
    /// (`isStaticLinkTimeConstant`, lld/ELF/Relocations.cpp). What scripts and `--defsym` define comes later and is let pass.
    fn scan_call(&mut self, reference: &Reference, id: SymbolId, refused: &mut HashSet<SymbolId, Fast>) {
        let symbol = *self.table.get(id);
        let (Kind::Defined { section, .. }, Some(_)) = (symbol.kind, symbol.file) else { return };
        let options = &self.program.options;
        let is_preemptible = options.output == Output::Shared
            && !options.symbolic
            && symbol.visibility == Visibility::Default
            && self.is_exported(id);
        if reference.uses.contains(Uses::CALL)
            && (section.is_none() || symbol.symbol_type == SymbolType::Tls)
            && self.is_pic()
            && !is_preemptible
            && refused.insert(id)
        {
            let name = self.program.names.text(symbol.name);
            let what = format!("relocation R_X86_64_PLT32 cannot refer to absolute symbol: {name}");
            self.refusals.push(Refusal::Other(what));
        }
    }

    /// lld 14 makes a local-exec access of each relocation that reads an entry of the global offset table, where the symbol is
    /// thread-local and of this executable, and needs an instruction it knows for that (`X86_64::relaxTlsIeToLe`). The input does not
    /// tell the instruction; where the relocation is no thread-local one it is odd anyway.
    fn scan_tls(&mut self, reference: &Reference, symbol: &Symbol) {
        let open = self.old
            && symbol.symbol_type == SymbolType::Tls
            && reference.uses.contains(Uses::GOT)
            && self.program.options.output != Output::Shared
            && !symbol.is_shared()
            && (symbol.is_defined() || !self.has_dynamic() || symbol.visibility != Visibility::Default);
        if open && self.unknown.is_empty() {
            let what = "an ordinary relocation of a thread-local symbol: lld 14 looks at the instruction".to_owned();
            self.unknown.push(Unknown { what, file: symbol.file });
        }
    }

    /// What shared objects lack, where all that they need is on the line.
    pub(super) fn report_shared(&mut self) {
        let (_, in_shared) = self.reports();
        if !in_shared {
            return;
        }
        let warned = self.program.options.warn_unresolved;
        let complete: Vec<bool> = self
            .shared
            .iter()
            .map(|shared| match &self.program.files[shared.file.0 as usize].content {
                Content::Shared(content) => content.needed.iter().all(|needed| self.sonames.contains_key(needed)),
                _ => false,
            })
            .collect();
        let mut known: HashMap<(Name, Option<Name>), usize, Fast> = HashMap::default();
        // Relocations against what is in a discarded section are told apart.
        let told = self.undefined.iter().enumerate().filter(|(_, one)| one.why != UndefinedWhy::Discarded);
        for (index, undefined) in told {
            known.entry((undefined.name, undefined.version)).or_insert(index);
        }
        for (library, id) in std::mem::take(&mut self.required) {
            let symbol = *self.table.get(id);
            if !complete[library as usize] || (symbol.in_shared && !self.demotes_early()) {
                continue;
            }
            let file = self.shared[library as usize].file;
            if symbol.is_undefined() && !symbol.is_weak() {
                self.failed |= !warned;
                let version = symbol.version.map(|version| version.name);
                let site = Site { file, at: None };
                match known.get(&(symbol.name, version)) {
                    Some(index) => self.undefined[*index].sites.push(site),
                    None => {
                        known.insert((symbol.name, version), self.undefined.len());
                        let why = UndefinedWhy::Nowhere;
                        self.undefined.push(Undefined { name: symbol.name, version, sites: vec![site], why });
                    }
                }
            } else if symbol.is_defined() && symbol.is_local() && !self.demotes_early() && !warned {
                let owner = symbol.file.unwrap_or(file);
                self.refusals.push(Refusal::HiddenInObject(symbol.name, owner, file));
            }
        }
    }

    /// What is met when the output is laid out and written (`setReservedSymbolSections`, lld/ELF/Writer.cpp; `Symbol::getVA`,
    /// lld/ELF/Symbols.cpp).
    pub(super) fn check_written(&mut self) {
        if self.failed || self.has_errors() {
            return;
        }
        // Objects that have a common symbol give a place to all that they name, and `--wrap` can leave one that none of them names.
        let left = self.table.iter().find(|symbol| symbol.used && symbol.is_common());
        if let Some(file) = left.map(|symbol| symbol.file) {
            let what = "a common symbol under --wrap gets no place, which lld holds for impossible".to_owned();
            return self.unknown.push(Unknown { what, file });
        }
        if self.start_alone && !self.old && !self.shared.is_empty() {
            let what =
                "__rela_iplt_start without __rela_iplt_end: lld ends by a signal if there are dynamic relocations";
            return self.unknown.push(Unknown { what: what.to_owned(), file: None });
        }
        if self.demotes_early()
            && self.live.is_some()
            && self.program.options.output != Output::Relocatable
            && let Some(file) = self.unplaced_tls()
        {
            let file = &self.program.files[file.0 as usize].name;
            let what = format!("{file} has an STT_TLS symbol but doesn't have an SHF_TLS section");
            self.refusals.push(Refusal::Other(what));
        }
    }

    /// Who defines a thread-local symbol that a section outside of memory names, where `--gc-sections` left no thread-local section.
    fn unplaced_tls(&self) -> Option<FileId> {
        let live = self.live.as_ref()?;
        let mut found = None;
        for instance in &self.objects {
            let Some((file, object)) = self.object_of(*instance) else { continue };
            let is_live = |section: u32| live.is_live(*instance, section);
            let kept = |(index, section): (usize, &Section)| section.flags & TLS != 0 && is_live(index as u32);
            if object.sections.iter().enumerate().any(kept) {
                return None;
            }
            for reference in object.references.iter().filter(|one| is_live(one.section)) {
                let Some(section) = object.sections.get(reference.section as usize) else { continue };
                if Self::is_allocated(section) || found.is_some() {
                    continue;
                }
                found = match self.symbol_of(*instance, object, reference.symbol) {
                    Some(id) => Some(self.table.get(id))
                        .filter(|symbol| symbol.is_defined() && symbol.symbol_type == SymbolType::Tls)
                        .and_then(|symbol| symbol.file),
                    None => object
                        .symbols
                        .get(reference.symbol as usize)
                        .filter(|own| own.kind == SymbolType::Tls && !own.is_undefined())
                        .map(|_| file),
                };
            }
        }
        found
    }

    pub(super) fn outcome(self, linker: Linker) -> Outcome {
        let mut needed = Vec::new();
        let mut dropped = Vec::new();
        for shared in &self.shared {
            if !shared.needed {
                dropped.push(shared.file);
                continue;
            }
            let because = match shared.because {
                Some((file, name)) => Because::Reference { file, name },
                None => Because::Line,
            };
            needed.push(Needed { soname: shared.soname, file: shared.file, because, used: shared.because.is_some() });
        }
        let mut definitions: Vec<(Name, FileId)> = self
            .table
            .iter()
            .filter(|symbol| symbol.used && (symbol.is_defined() || symbol.is_shared()))
            .filter_map(|symbol| Some((symbol.name, symbol.file?)))
            .collect();
        definitions.sort_unstable();
        definitions.dedup();
        let failed = !self.duplicates.is_empty() || !self.refusals.is_empty() || self.failed;
        let verdict = Verdict::of(failed, &self.unknown);
        Outcome {
            linker,
            verdict,
            undefined: self.undefined,
            duplicates: self.duplicates,
            dso_missing: Vec::new(),
            refusals: self.refusals,
            extracted: self.extracted,
            needed,
            dropped,
            definitions,
            unknown: self.unknown,
            trace: self.trace,
        }
    }
}
