//! What gold complains of at the end: relocations against what nobody defines (`relocate_section` and `issue_undefined_symbol_error` in
//! gold/target-reloc.h), what shared objects lack (`warn_about_undefined_dynobj_symbol` in gold/symtab.cc), versions without a definition
//! (`Versions::add_def` in gold/dynobj.cc), expressions that read what is not there (gold/expression.cc).

use std::collections::HashMap;

use super::gc::Live;
use super::link::Link;
use super::table::{Source, Symbol, SymbolId};
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
    pub(super) fn report(&mut self, is_static: bool, live: Option<&Live>) {
        self.report_expressions();
        if self.program.options.output == Output::Relocatable {
            return;
        }
        let asked = self.report_objects(is_static, live);
        self.report_versions(&asked);
        self.report_libraries();
    }

    /// Symbols that `--defsym` reads must be defined.
    fn report_expressions(&mut self) {
        let program = self.program;
        for name in program.options.defsym.iter().flat_map(|defsym| &defsym.reads) {
            let id = self.table.find(*name, None);
            let symbol = id.map(|id| self.table.get(id));
            if symbol.is_some_and(|symbol| symbol.is_defined() || symbol.is_common())
                || self.undefined.iter().any(|known| known.name == *name)
            {
                continue;
            }
            self.hard = true;
            let why = UndefinedWhy::Option;
            self.undefined.push(Undefined { name: *name, version: None, sites: Vec::new(), why });
        }
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

    /// All relocations of sections that are in the output. Gives back the symbols some allocated section refers to.
    fn report_objects(&mut self, is_static: bool, live: Option<&Live>) -> Vec<bool> {
        let program = self.program;
        let mut asked = vec![false; self.table.len()];
        let mut known: HashMap<SymbolId, usize, Fast> = HashMap::default();
        let mut found: Vec<Undefined> = Vec::new();
        let mut weak_tls: Option<Name> = None;
        let mut has_tls = false;
        for instance in self.instances() {
            let Some(object) = self.object_of(instance) else { continue };
            let file = self.objects[instance.0 as usize].file;
            let kept: Vec<bool> =
                (0..object.sections.len() as u32).map(|section| self.is_in_output(instance, section, live)).collect();
            has_tls |= object.sections.iter().zip(&kept).any(|(section, kept)| *kept && section.flags & TLS != 0);
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
                        found.push(Undefined { name: symbol.name, version: None, sites: vec![site], why });
                    }
                    continue;
                };
                let Some(id) = self.objects[instance.0 as usize].symbols.get(global as usize) else { continue };
                let id = self.table.real(*id);
                if section.flags & ALLOC != 0 {
                    asked[id.0 as usize] = true;
                }
                let symbol = self.table.get(id);
                let (mut version, mut why) = (symbol.version, UndefinedWhy::Nowhere);
                if symbol.discarded && symbol.is_undefined() && complains {
                    self.hard = true;
                    (version, why) = (None, UndefinedWhy::Discarded);
                } else if self.is_reported(symbol) {
                } else if symbol.visibility != Visibility::Default
                    && (symbol.is_strong_undefined() || symbol.is_dynamic())
                {
                    self.hard = true;
                    version = None;
                    if symbol.is_dynamic() && !symbol.is_undefined() {
                        why = UndefinedWhy::HiddenReference;
                    }
                } else {
                    let thread_local = symbol.symbol_type == SymbolType::Tls && section.flags & ALLOC != 0;
                    if thread_local && symbol.is_undefined() {
                        weak_tls = Some(symbol.name);
                    }
                    continue;
                }
                match known.get(&id) {
                    Some(index) => found[*index].sites.push(site),
                    None => {
                        known.insert(id, found.len());
                        let version = version.filter(|version| (version.0 as usize) < program.names.len());
                        found.push(Undefined { name: symbol.name, version, sites: vec![site], why });
                    }
                }
            }
        }
        self.undefined.extend(found);
        let failed = !self.duplicates.is_empty() || !self.refusals.is_empty() || !self.undefined.is_empty();
        if let Some(name) = weak_tls.filter(|_| is_static && !has_tls && !failed) {
            // R_X86_64_GOTTPOFF goes through, R_X86_64_TPOFF32 and R_X86_64_TLSGD end in an assertion (relocate_tls in x86_64.cc).
            let what = format!("{} is thread-local, weak and undefined: it depends on its relocation", program.names.text(name));
            self.unknown.push(Unknown { what, file: None });
        }
        asked
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
                let refers = symbol.is_undefined() && asked.get(id.0 as usize) == Some(&true);
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
