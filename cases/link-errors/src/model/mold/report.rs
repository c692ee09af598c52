//! What mold checks once all names are resolved, in its order: it stops where a pass has found something (`ctx.checkpoint`).

use std::collections::HashMap;

use super::collect::{self, Kept};
use super::link::Link;
use super::release::{Hidden, Policy};
use super::table::{Content, Owner, SymbolId};
use crate::model::edges::Tables;
use crate::model::input::{Definition, Object, Output, Reference, Symbol, SymbolType, Visibility};
use crate::model::liveness::ALLOC;
use crate::model::names::Name;
use crate::model::outcome::{Duplicate, Refusal, Site, Undefined, UndefinedWhy};

/// Symbols of the linker itself on x86-64 (`add_synthetic_symbols`); they stand before any definition of an object.
const RESERVED: &[&[u8]] = &[
    b"__ehdr_start",
    b"__init_array_start",
    b"__init_array_end",
    b"__fini_array_start",
    b"__fini_array_end",
    b"__preinit_array_start",
    b"__preinit_array_end",
    b"_DYNAMIC",
    b"_GLOBAL_OFFSET_TABLE_",
    b"_PROCEDURE_LINKAGE_TABLE_",
    b"__bss_start",
    b"_end",
    b"_etext",
    b"_edata",
    b"__executable_start",
    b"__rela_iplt_start",
    b"__rela_iplt_end",
    b"__GNU_EH_FRAME_HDR",
    b"_TLS_MODULE_BASE_",
];

/// Those it defines where nobody else does.
const RESERVED_IF_FREE: &[&[u8]] = &[b"end", b"etext", b"edata", b"__dso_handle"];

impl Link<'_> {
    /// Everything after names are resolved.
    pub(super) fn finish(&mut self) {
        self.export();
        let collects = self.program.options.gc_sections == Some(true);
        if self.release.duplicates_before_collection && self.check_duplicates(None) {
            return;
        }
        if !collects {
            return self.judge(None);
        }
        let other = self.tables_are_open().then(|| {
            let mut other = self.clone();
            other.judge(Some(Tables::Possible));
            other
        });
        self.judge(Some(Tables::Sure));
        if let Some(other) = other {
            let same =
                other.undefined == self.undefined && other.duplicates == self.duplicates && other.shared == self.shared;
            if !same {
                self.cannot_say("which exception tables --gc-sections keeps", None);
            }
        }
    }

    fn judge(&mut self, tables: Option<Tables>) {
        let kept = tables.map(|tables| {
            let (kept, asked) = self.collect(tables);
            if self.release.collects_shared {
                self.drop_collected(&asked);
            }
            kept
        });
        if !self.release.duplicates_before_collection && self.check_duplicates(kept.as_ref()) {
            return;
        }
        let dynamic = self.is_dynamic();
        self.check_shared();
        self.reserve(kept.as_ref());
        if !self.aliases_are_defined() {
            return;
        }
        self.claim();
        for name in &self.program.options.require_defined {
            let known = self.table.find(*name, None).is_some_and(|id| self.table.get(id).owner.is_some());
            if !known {
                let why = UndefinedWhy::Option;
                self.undefined.push(Undefined { name: *name, version: None, sites: Vec::new(), why });
                self.failed = true;
            }
        }
        let found = self.scan(kept.as_ref(), true);
        if self.failed {
            return;
        }
        if self.versions_conflict() {
            return;
        }
        if self.policy == Policy::Error && !found.is_empty() {
            self.undefined.extend(found);
            return;
        }
        if !dynamic && self.versions_die() {
            return self
                .refuse(Refusal::Other("internal error: versions in an executable that exports nothing".to_owned()));
        }
        match self.policy {
            Policy::Ignore => {}
            // What is not in memory is looked at when it is written.
            Policy::Error => self.undefined = self.scan(kept.as_ref(), false),
            Policy::Warn => {
                self.undefined = found;
                for more in self.scan(kept.as_ref(), false) {
                    match self.undefined.iter_mut().find(|known| known.name == more.name) {
                        Some(known) => known.sites.extend(more.sites),
                        None => self.undefined.push(more),
                    }
                }
            }
        }
    }

    /// `check_duplicate_symbols`: true when mold stops.
    fn check_duplicates(&mut self, kept: Option<&Kept>) -> bool {
        if self.program.options.allow_multiple {
            return false;
        }
        let mut found = Vec::new();
        for file in &self.objects {
            let Content::Object(object) = self.files[*file].content else { continue };
            let Some(second) = self.files[*file].id else { continue };
            for (index, id) in self.files[*file].symbols.iter().enumerate() {
                let Some(entry) = self.files[*file].entry(index) else { continue };
                let symbol = self.table.get(*id);
                let Some(owner) = symbol.owner else { continue };
                let Some(first) = self.files[owner.file].id.filter(|_| owner.file != *file) else { continue };
                if entry.undefined || entry.common || entry.weak || !self.is_placed(*file, &entry) {
                    continue;
                }
                let lost = entry.section.is_some_and(|section| {
                    kept.is_some_and(|kept| !kept.is_kept(*file, section)) || is_merged(object, section)
                });
                if !lost {
                    found.push(Duplicate { name: symbol.name, first, second });
                }
            }
        }
        self.failed |= !found.is_empty();
        self.duplicates = found;
        self.failed
    }

    /// `add_synthetic_symbols`
    fn reserve(&mut self, kept: Option<&Kept>) {
        let program = self.program;
        let mut names: Vec<Name> = RESERVED.iter().filter_map(|name| program.names.get(name)).collect();
        for name in RESERVED_IF_FREE.iter().filter_map(|name| program.names.get(name)) {
            if self.table.find(name, None).is_some_and(|id| self.table.get(id).owner.is_none()) {
                names.push(name);
            }
        }
        names.extend(self.section_bounds(kept));
        let Some(own) = self.own else { return };
        for name in names {
            let Some(id) = self.table.find(name, None) else { continue };
            let index = self.files[own].symbols.len();
            self.files[own].symbols.push(id);
            if let Content::Own(defined) = &mut self.files[own].content {
                defined.push(true);
            }
            let symbol = self.table.get_mut(id);
            symbol.owner = Some(Owner { file: own, index });
            symbol.imported = false;
            symbol.exported = false;
        }
    }

    /// What `--defsym` reads has to be defined here; false when mold ends at it.
    fn aliases_are_defined(&mut self) -> bool {
        let program = self.program;
        for name in program.options.defsym.iter().flat_map(|defsym| &defsym.reads) {
            if self.table.find(*name, None).is_some_and(|id| self.table.get(id).owner.is_some()) {
                continue;
            }
            if self.release.defsym_dies {
                let text = program.names.text(*name).into_owned();
                self.refuse(Refusal::Other(format!("internal error: --defsym reads {text}, which nobody defines")));
                return false;
            }
            let why = UndefinedWhy::Option;
            self.undefined.push(Undefined { name: *name, version: None, sites: Vec::new(), why });
            self.failed = true;
        }
        true
    }

    /// `__start_NAME` and `__stop_NAME` of sections that are in the output and in memory.
    fn section_bounds(&self, kept: Option<&Kept>) -> Vec<Name> {
        let names = &self.program.names;
        let asked: Vec<(Name, Name)> = self
            .table
            .iter()
            .filter_map(|symbol| {
                let text = names.bytes(symbol.name);
                let section = text.strip_prefix(b"__start_").or_else(|| text.strip_prefix(b"__stop_"))?;
                collect::is_identifier(section).then_some(())?;
                Some((symbol.name, names.get(section)?))
            })
            .collect();
        if asked.is_empty() {
            return Vec::new();
        }
        let is_there = |wanted: Name| {
            self.objects.iter().any(|file| {
                let Content::Object(object) = self.files[*file].content else { return false };
                object.sections.iter().enumerate().any(|(index, section)| {
                    section.name == wanted
                        && section.flags & ALLOC != 0
                        && self.files[*file].gone.get(index) != Some(&true)
                        && kept.is_none_or(|kept| kept.is_kept(*file, index as u32))
                })
            })
        };
        asked.into_iter().filter(|(_, section)| is_there(*section)).map(|(name, _)| name).collect()
    }

    /// `claim_unresolved_symbols`: what nobody defines goes to the first file that asks for it. That decides whether it is left for the
    /// loader to find.
    fn claim(&mut self) {
        let options = &self.program.options;
        let shared = options.output == Output::Shared;
        let mut files = self.objects.clone();
        files.sort_by_key(|file| self.files[*file].priority);
        for file in files {
            for index in 0..self.files[file].symbols.len() {
                let id = self.files[file].symbols[index];
                if self.table.get(id).owner.is_some() {
                    continue;
                }
                let Some(entry) = self.files[file].entry(index).filter(|entry| entry.undefined) else { continue };
                let plain = self.default_of(file, index).filter(|_| !self.release.defaults_by_version);
                if let Some(plain) = plain {
                    self.files[file].symbols[index] = plain;
                    continue;
                }
                let hidden = self.table.get(id).visibility == Visibility::Hidden;
                let asks = match self.release.one_switch {
                    true => self.policy == Policy::Error,
                    false => options.defs == Some(true),
                };
                let imported = shared && !hidden && (entry.weak || !asks);
                let symbol = self.table.get_mut(id);
                symbol.owner = Some(Owner { file, index });
                symbol.imported = imported;
                symbol.exported = false;
            }
        }
    }

    /// The default version `f` of a shared object, where an object asks for `f@V`; `--wrap` is forgotten here.
    fn default_of(&self, file: usize, index: usize) -> Option<SymbolId> {
        let Content::Object(object) = self.files[file].content else { return None };
        let symbol = object.symbols.get(object.first_global as usize + index)?;
        let wanted = symbol.version.filter(|version| !version.default)?;
        let plain = self.table.find(symbol.name, None)?;
        let owner = self.table.get(plain).owner?;
        let Content::Shared(shared, kept) = &self.files[owner.file].content else { return None };
        let defined = shared.symbols.get(*kept.get(owner.index)? as usize)?.version?;
        (defined.name == wanted.name).then_some(plain)
    }

    /// `record_undef_error` for all relocations: of sections in memory, or of the others.
    fn scan(&mut self, kept: Option<&Kept>, in_memory: bool) -> Vec<Undefined> {
        let program = self.program;
        let mut known: HashMap<Name, usize> = HashMap::new();
        let mut found: Vec<Undefined> = Vec::new();
        let mut lost: Vec<(Name, Site)> = Vec::new();
        let mut dies = false;
        for file in &self.objects {
            let (Content::Object(object), Some(id)) = (&self.files[*file].content, self.files[*file].id) else {
                continue;
            };
            for reference in &object.references {
                let Some(section) = object.sections.get(reference.section as usize) else { continue };
                if (section.flags & ALLOC != 0) != in_memory
                    || self.files[*file].gone.get(reference.section as usize) == Some(&true)
                    || kept.is_some_and(|kept| !kept.is_kept(*file, reference.section))
                    || program.names.bytes(section.name) == b".eh_frame"
                {
                    continue;
                }
                let Some(symbol_id) = self.symbol_of(*file, object, reference.symbol) else { continue };
                let symbol = self.table.get(symbol_id);
                let Some(owner) = symbol.owner else {
                    let site = Site { file: id, at: Some((reference.section, reference.offset)) };
                    lost.push((symbol.name, site));
                    continue;
                };
                let own = self.files[*file].entry((reference.symbol - object.first_global) as usize);
                let Some(own) = own else { continue };
                let defined = self.files[owner.file].entry(owner.index).is_some_and(|entry| !entry.undefined);
                let told = !symbol.imported || (self.release.one_switch && self.policy == Policy::Warn);
                let nowhere = own.undefined && !own.weak && told && !defined;
                let far = self.files[owner.file].is_shared()
                    && self.release.hidden == Hidden::Reported
                    && matches!(symbol.visibility, Visibility::Protected | Visibility::Hidden);
                if !nowhere && !far {
                    continue;
                }
                let recorded = far || self.policy != Policy::Ignore || !self.release.one_switch;
                dies |= recorded && self.release.naming_dies && self.naming_dies(*file, object, reference);
                let site = Site { file: id, at: Some((reference.section, reference.offset)) };
                if let Some(index) = known.get(&symbol.name) {
                    found[*index].sites.push(site);
                    continue;
                }
                known.insert(symbol.name, found.len());
                let why = if far {
                    UndefinedWhy::HiddenReference
                } else if self.is_discarded(symbol_id) {
                    UndefinedWhy::Discarded
                } else {
                    UndefinedWhy::Nowhere
                };
                found.push(Undefined { name: symbol.name, version: None, sites: vec![site], why });
            }
        }
        self.refer_to_lost(lost);
        if dies {
            self.refuse(Refusal::Other(
                "internal error: a symbol of a discarded group where one is undefined".to_owned(),
            ));
        }
        found
    }

    /// `get_func_name`: true when a symbol without a definition comes before the function that a reference is in. Functions of shared
    /// objects are taken to have other addresses.
    fn naming_dies(&self, file: usize, object: &Object, reference: &Reference) -> bool {
        let around = |symbol: &Symbol| {
            let end = symbol.value.saturating_add(symbol.size);
            symbol.kind == SymbolType::Function
                && symbol.definition == Definition::Section(reference.section)
                && (symbol.value..end).contains(&reference.offset)
        };
        if object.symbols.iter().take(object.first_global as usize).any(around) {
            return false;
        }
        for id in &self.files[file].symbols {
            let Some(owner) = self.table.get(*id).owner else { return true };
            let Content::Object(other) = self.files[owner.file].content else { continue };
            if other.symbols.get(other.first_global as usize + owner.index).is_some_and(around) {
                return false;
            }
        }
        false
    }

    /// The output has a dynamic section (`create_synthetic_sections`).
    fn is_dynamic(&self) -> bool {
        let output = self.program.options.output;
        matches!(output, Output::Shared | Output::Pie | Output::StaticPie) || !self.shared.is_empty()
    }

    /// `VerdefSection::construct` takes it that there are dynamic symbols, which without a dynamic section only exported ones are.
    fn versions_die(&self) -> bool {
        let mut nodes = self.program.options.versions.iter().flat_map(|script| &script.nodes);
        nodes.any(|node| node.name.is_some()) && !self.table.iter().any(|symbol| symbol.exported)
    }

    /// References to what no file defines, because the one that did has lost its section: mold 1 dies there (`assert(sym.file)`).
    fn refer_to_lost(&mut self, lost: Vec<(Name, Site)>) {
        for (name, site) in lost {
            if !self.release.discarded_is_error {
                let text = self.program.names.text(name).into_owned();
                return self.refuse(Refusal::Other(format!(
                    "internal error: {text} is defined in a group that was discarded"
                )));
            }
            self.failed = true;
            match self.undefined.iter_mut().find(|known| known.name == name && known.why == UndefinedWhy::Discarded) {
                Some(known) => known.sites.push(site),
                None => {
                    let why = UndefinedWhy::Discarded;
                    self.undefined.push(Undefined { name, version: None, sites: vec![site], why });
                }
            }
        }
    }

    /// True when an object of the link has the symbol in a group that was discarded.
    fn is_discarded(&self, id: SymbolId) -> bool {
        self.objects.iter().any(|file| {
            let file = &self.files[*file];
            !file.gone.is_empty()
                && file.symbols.iter().enumerate().any(|(index, known)| {
                    *known == id && file.entry(index).is_some_and(|entry| !entry.undefined && entry.section.is_some())
                })
        })
    }
}

/// True for a section whose contents are merged piece by piece: it is no more, and its symbols are not told apart
/// (`initialize_mergeable_sections`). A section without `SHF_STRINGS` has to have an entry size, which the input leaves out.
fn is_merged(object: &Object, section: u32) -> bool {
    const MERGE: u64 = 0x10;
    object.sections.get(section as usize).is_some_and(|own| {
        own.flags & MERGE != 0 && own.size != 0 && !object.references.iter().any(|one| one.section == section)
    })
}
