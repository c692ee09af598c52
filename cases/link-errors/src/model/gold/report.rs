//! What gold complains of at the end: relocations against what nobody defines (`relocate_section` and `issue_undefined_symbol_error` in
//! gold/target-reloc.h), what shared objects lack (`warn_about_undefined_dynobj_symbol` in gold/symtab.cc), versions without a definition
//! (`Versions::add_def` in gold/dynobj.cc), expressions that read what is not there (gold/expression.cc).

use std::collections::HashMap;

use super::gc::Live;
use super::link::{Fatal, Link};
use super::table::{Place, Source, Symbol, SymbolId};
use crate::model::input::{Definition, Output, SymbolType, Unresolved, Visibility};
use crate::model::liveness::ALLOC;
use crate::model::names::{Fast, Name};
use crate::model::outcome::{Refusal, Site, Undefined, UndefinedWhy, Unknown};

/// `SHF_TLS`
const TLS: u64 = 0x400;

/// What becomes of a relocation against a section that was discarded (`Default_comdat_behavior`).
fn is_discard_error(section: &[u8]) -> bool {
    const DEBUG: [&[u8]; 6] = [b".debug", b".zdebug", b".gnu.linkonce.wi.", b".line", b".stab", b".pdr"];
    let excused = section == b".eh_frame"
        || section == b".gcc_except_table"
        || section.starts_with(b".gnu.build.attributes")
        || DEBUG.iter().any(|prefix| section.starts_with(prefix));
    !excused
}

impl Link<'_> {
    pub(super) fn report(&mut self, is_static: bool, live: Option<&Live>) -> Result<(), Fatal> {
        self.report_expressions()?;
        if self.program.options.output == Output::Relocatable {
            // One that became a default version's is in no symbol table (`Output_section::write_header`).
            return match self.group_symbols.iter().any(|id| self.table.real(*id) != *id) {
                true => self.crash("symtab_index, at symtab.h"),
                false => Ok(()),
            };
        }
        let asked = self.asked(live);
        self.report_versions(&asked);
        self.report_libraries();
        self.report_objects(is_static, live)
    }

    /// Symbols that `--defsym` reads must be defined, and not by a shared object.
    fn report_expressions(&mut self) -> Result<(), Fatal> {
        let program = self.program;
        for name in program.options.defsym.iter().flat_map(|defsym| &defsym.reads) {
            let id = self.table.find(*name, None);
            let symbol = id.map(|id| self.table.get(id));
            if symbol.is_some_and(|symbol| symbol.is_dynamic() && matches!(symbol.place, Place::Section(_))) {
                return self.crash("output_section, at symtab.cc");
            }
            // Common symbols get their place before, but for -r.
            let relocatable = program.options.output == Output::Relocatable;
            if symbol.is_some_and(|symbol| symbol.is_defined() || (symbol.is_common() && !relocatable))
                || self.undefined.iter().any(|known| known.name == *name)
            {
                continue;
            }
            self.hard = true;
            let why = UndefinedWhy::Option;
            self.undefined.push(Undefined { name: *name, version: None, sites: Vec::new(), why });
        }
        Ok(())
    }

    /// `issue_undefined_symbol_error`
    fn is_reported(&self, symbol: &Symbol) -> bool {
        if !symbol.is_undefined()
            || symbol.is_weak_undefined()
            || symbol.discarded
            || self.program.names.bytes(symbol.name) == b"__tls_get_addr"
        {
            return false;
        }
        let options = &self.program.options;
        match options.unresolved {
            Some(Unresolved::Ignore) => return false,
            Some(Unresolved::Report) => return true,
            Some(Unresolved::IgnoreInObjects) if !symbol.in_dyn => return false,
            Some(Unresolved::IgnoreInShared) if !symbol.in_reg => return false,
            _ => {}
        }
        symbol.visibility == Visibility::Hidden || options.output != Output::Shared || options.defs == Some(true)
    }

    /// Symbols that relocations of allocated sections in the output refer to.
    fn asked(&self, live: Option<&Live>) -> Vec<bool> {
        let mut asked = vec![false; self.table.len()];
        for instance in self.instances() {
            let Some(object) = self.object_of(instance) else { continue };
            let symbols = &self.objects[instance.0 as usize].symbols;
            for reference in &object.references {
                let allocated =
                    object.sections.get(reference.section as usize).is_some_and(|own| own.flags & ALLOC != 0);
                let id = reference.symbol.checked_sub(object.first_global).and_then(|at| symbols.get(at as usize));
                if let Some(id) = id
                    && allocated
                    && self.is_in_output(instance, reference.section, live)
                {
                    asked[self.table.real(*id).0 as usize] = true;
                }
            }
        }
        asked
    }

    /// Something was an error by now.
    fn failed(&self) -> bool {
        let unresolved = !self.undefined.is_empty() && (self.hard || !self.program.options.warn_unresolved);
        !self.duplicates.is_empty() || !self.refusals.is_empty() || unresolved
    }

    /// A segment for thread-local data is made.
    fn has_tls(&self, live: Option<&Live>) -> bool {
        let in_section =
            self.instances().any(|instance| {
                self.object_of(instance).is_some_and(|object| {
                    object.sections.iter().enumerate().any(|(index, section)| {
                        section.flags & TLS != 0 && self.is_in_output(instance, index as u32, live)
                    })
                })
            });
        in_section
            || self.table.entries().any(|id| {
                let symbol = self.table.get(id);
                symbol.is_common() && symbol.symbol_type == SymbolType::Tls
            })
    }

    /// All relocations of sections that are in the output.
    fn report_objects(&mut self, is_static: bool, live: Option<&Live>) -> Result<(), Fatal> {
        let program = self.program;
        let mut known: HashMap<(SymbolId, UndefinedWhy), usize, Fast> = HashMap::default();
        let has_tls = self.has_tls(live);
        let executable = matches!(program.options.output, Output::Executable | Output::Static);
        for instance in self.instances() {
            let Some(object) = self.object_of(instance) else { continue };
            let file = self.objects[instance.0 as usize].file;
            let kept: Vec<bool> =
                (0..object.sections.len() as u32).map(|section| self.is_in_output(instance, section, live)).collect();
            for reference in &object.references {
                let (Some(section), Some(true)) =
                    (object.sections.get(reference.section as usize), kept.get(reference.section as usize))
                else {
                    continue;
                };
                let site = Site { file, at: Some((reference.section, reference.offset)) };
                let complains = is_discard_error(program.names.bytes(section.name));
                let Some(global) = reference.symbol.checked_sub(object.first_global) else {
                    let Some(symbol) = object.symbols.get(reference.symbol as usize) else { continue };
                    let Definition::Section(to) = symbol.definition else { continue };
                    if complains && kept.get(to as usize) == Some(&false) {
                        self.hard = true;
                        let why = UndefinedWhy::Discarded;
                        self.undefined.push(Undefined { name: symbol.name, version: None, sites: vec![site], why });
                    }
                    continue;
                };
                let Some(id) = self.objects[instance.0 as usize].symbols.get(global as usize) else { continue };
                let id = self.table.real(*id);
                let symbol = *self.table.get(id);
                let is_tls =
                    object.symbols.get(reference.symbol as usize).is_some_and(|own| own.kind == SymbolType::Tls);
                if is_tls && section.flags & ALLOC != 0 && executable && !has_tls && !self.failed() {
                    self.check_tls(&symbol, is_static)?;
                }
                for (version, why) in self.complaints(&symbol, complains) {
                    match known.get(&(id, why)) {
                        Some(index) => self.undefined[*index].sites.push(site),
                        None => {
                            known.insert((id, why), self.undefined.len());
                            let version = version.filter(|version| (version.0 as usize) < program.names.len());
                            self.undefined.push(Undefined { name: symbol.name, version, sites: vec![site], why });
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// What is said of a relocation against the symbol.
    fn complaints(
        &mut self,
        symbol: &Symbol,
        complains: bool,
    ) -> impl Iterator<Item = (Option<Name>, UndefinedWhy)> + use<> {
        let discarded = symbol.discarded && symbol.is_undefined() && complains;
        let reported = self.is_reported(symbol);
        let hides = !reported
            && symbol.visibility != Visibility::Default
            && (symbol.is_strong_undefined() || symbol.is_dynamic());
        self.hard |= discarded || hides;
        let elsewhere = symbol.is_dynamic() && !symbol.is_undefined();
        let hidden = if elsewhere { UndefinedWhy::HiddenReference } else { UndefinedWhy::Nowhere };
        let first = discarded.then_some((None, UndefinedWhy::Discarded));
        let second = reported.then_some((symbol.version, UndefinedWhy::Nowhere));
        let third = hides.then_some((None, hidden));
        first.into_iter().chain(second).chain(third)
    }

    /// Thread-local references without any thread-local data run into an assertion (`relocate_tls` in x86_64.cc).
    fn check_tls(&mut self, symbol: &Symbol, is_static: bool) -> Result<(), Fatal> {
        if symbol.is_undefined() {
            if symbol.is_weak_undefined() && is_static {
                // R_X86_64_GOTTPOFF goes through, R_X86_64_TPOFF32 and R_X86_64_TLSGD do not.
                let name = self.program.names.text(symbol.name);
                let what = format!("{name} is thread-local, weak and undefined: it depends on its relocation");
                self.unknown.push(Unknown { what, file: None });
            }
            return Ok(());
        }
        if symbol.is_dynamic() { Ok(()) } else { self.crash("relocate_tls, at x86_64.cc") }
    }

    /// A shared object that gives a symbol a version no script defines.
    fn report_versions(&mut self, asked: &[bool]) {
        if self.program.options.output != Output::Shared {
            return;
        }
        let mut known: Vec<Name> = self.script.tags.iter().copied().flatten().collect();
        let mut found: Vec<(Name, Name)> = self
            .table
            .entries()
            .filter_map(|id| {
                let symbol = self.table.get(id);
                let exported = !symbol.is_undefined() && symbol.is_visible();
                // `needs_dynsym_entry`: of a relocation, or of a name objects and shared objects have.
                let both = symbol.in_reg && symbol.in_dyn && symbol.is_visible();
                let refers = symbol.is_undefined() && (both || asked.get(id.0 as usize) == Some(&true));
                let counts = !symbol.is_dynamic() && !symbol.forced_local && (exported || refers);
                Some((symbol.name, symbol.version.filter(|_| counts)?))
            })
            .collect();
        found.sort_unstable();
        // One message for each version.
        for (name, version) in found {
            if !known.contains(&version) {
                known.push(version);
                self.refusals.push(Refusal::VersionUndefined(name));
            }
        }
    }

    /// What a shared object asks for and nobody has. Libraries are asked only where all they need is part of the link.
    fn report_libraries(&mut self) {
        let program = self.program;
        let options = &program.options;
        if options.allow_shlib_undefined.unwrap_or(options.output == Output::Shared) {
            return;
        }
        let lacks: Vec<bool> = (0..self.libraries.len()).map(|library| self.lacks(library)).collect();
        let mut found: Vec<(Name, Option<Name>, Site)> = Vec::new();
        for id in self.table.entries() {
            let symbol = self.table.get(id);
            let Source::Dynamic(library) = symbol.source else { continue };
            let file = self.library(library).file;
            if symbol.is_undefined()
                && symbol.binding != crate::model::input::Binding::Weak
                && !lacks[library.0 as usize]
                && !is_of_system(&program.files[file.0 as usize].name)
                && program.names.bytes(symbol.name) != b"__tls_get_addr"
            {
                found.push((symbol.name, symbol.version, Site { file, at: None }));
            }
        }
        found.sort_unstable_by_key(|(name, version, site)| (site.file, *name, *version));
        found.dedup();
        for (name, version, site) in found {
            match self.undefined.iter_mut().find(|known| known.name == name && known.version == version) {
                Some(known) => known.sites.push(site),
                None => {
                    let why = UndefinedWhy::Nowhere;
                    self.undefined.push(Undefined { name, version, sites: vec![site], why });
                }
            }
        }
    }
}

/// Libraries of the system's folders are taken to be whole (`is_in_system_directory`).
fn is_of_system(path: &str) -> bool {
    path.starts_with("/lib/") || path.starts_with("/usr/lib/")
}
