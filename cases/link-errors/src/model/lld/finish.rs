//! What lld checks once all names are resolved: definitions met twice (`ObjFile::postParse`), relocations against what nobody defines
//! (`maybeReportUndefined`, lld/ELF/Relocations.cpp), what shared objects lack (`Writer::finalizeSections`), and which of them stay.

use std::collections::HashMap;

use super::link::Link;
use super::table::{Instance, Kind, SymbolId};
use crate::model::input::{
    Binding, Content, Definition, ExcludeLibs, FileId, Object, Output, SymbolType, Unresolved, Visibility,
};
use crate::model::liveness::{self, Live, RETAIN};
use crate::model::names::Name;
use crate::model::outcome::{
    Because, Duplicate, Linker, Needed, Outcome, Refusal, Site, Undefined, UndefinedWhy, Verdict,
};
use crate::model::{reserved, script};

impl Link<'_> {
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

    pub(super) fn object_of(&self, instance: Instance) -> Option<(FileId, &Object)> {
        let file = self.instances.get(instance.0 as usize)?.file;
        match &self.program.files[file.0 as usize].content {
            Content::Object(object) => Some((file, object)),
            _ => None,
        }
    }

    fn is_gone(&self, instance: Instance, section: u32) -> bool {
        self.discarded.get(&instance).is_some_and(|gone| gone.get(section as usize) == Some(&true))
    }

    /// `ObjFile::postParse` of all objects.
    pub(super) fn check_objects(&mut self) {
        let program = self.program;
        let mut lost = Vec::new();
        for instance in self.objects.clone() {
            let Some(file) = self.instances.get(instance.0 as usize).map(|waiting| waiting.file) else { continue };
            let Content::Object(object) = &program.files[file.0 as usize].content else { continue };
            let Some(ids) = self.symbols.get(&instance) else { continue };
            for ((_, own), id) in object.globals().zip(ids) {
                let symbol = self.table.get(*id);
                if symbol.symbol_type == SymbolType::Tls && !matches!(own.kind, SymbolType::Tls | SymbolType::None) {
                    let other = symbol.file.unwrap_or(file);
                    self.refusals.push(Refusal::TlsMismatch(symbol.name, other, file));
                }
                let Kind::Defined { section: kept, value } = symbol.kind else { continue };
                let section = match own.definition {
                    Definition::Section(section) => Some(section),
                    Definition::Absolute => None,
                    _ => continue,
                };
                if section.is_some_and(|section| self.is_gone(instance, section)) {
                    if symbol.instance == Some(instance) {
                        lost.push(*id);
                    }
                    continue;
                }
                if symbol.instance == Some(instance)
                    || symbol.is_weak()
                    || own.binding == Binding::Weak
                    || program.options.allow_multiple
                    || program.names.bytes(symbol.name) == b"__x86.get_pc_thunk.bx"
                {
                    continue;
                }
                // Absolute symbols of one value, as GNU ld allows them.
                if kept.is_none() && section.is_none() && value == own.value && value != 0 {
                    continue;
                }
                let first = symbol.file.unwrap_or(file);
                self.duplicates.push(Duplicate { name: symbol.name, first, second: file });
            }
        }
        for id in lost {
            self.table.get_mut(id).kind = Kind::Undefined { discarded: true };
        }
    }

    /// Everything after names are resolved without error.
    pub(super) fn finish(&mut self, wrapped: &[(SymbolId, SymbolId, SymbolId)]) {
        if self.program.options.output == Output::Relocatable {
            return;
        }
        self.localise();
        self.redirect(wrapped);
        for defsym in &self.program.options.defsym {
            let id = self.table.insert(defsym.name, None);
            let symbol = self.table.get_mut(id);
            symbol.kind = Kind::Defined { section: None, value: 0 };
            symbol.file = None;
            symbol.instance = None;
        }
        let live = (self.program.options.gc_sections == Some(true)).then(|| self.live());
        self.judge_shared(live.as_ref());
        self.demote();
        self.report_objects(live.as_ref());
        self.report_shared();
    }

    /// `--exclude-libs` and `local:` of version scripts.
    fn localise(&mut self) {
        let program = self.program;
        let excluded = |file: FileId| {
            let archive = program.files[file.0 as usize].archive?;
            let path = &program.files[archive.0 as usize].name;
            let base = path.rsplit('/').next().unwrap_or(path);
            match &program.options.exclude_libs {
                ExcludeLibs::None => None,
                ExcludeLibs::All => Some(()),
                ExcludeLibs::Named(names) => names.iter().any(|name| name == base).then_some(()),
            }
        };
        for id in self.table.ids() {
            let symbol = self.table.get(id);
            let defined = matches!(symbol.kind, Kind::Defined { .. } | Kind::Common { .. });
            let by_library = defined && symbol.file.is_some_and(|file| excluded(file).is_some());
            let by_script = (defined || matches!(symbol.kind, Kind::Lazy(_)))
                && program.options.versions.as_ref().is_some_and(|versions| {
                    script::find(versions, program.names.bytes(symbol.name)) == Some(script::Says::Local)
                });
            if by_library || by_script {
                self.table.get_mut(id).local = true;
            }
        }
        self.undefined_versions();
    }

    /// A version of a script that names a symbol nobody defines is an error from LLVM 16 on, and so is a version in a name that no script
    /// defines, in a shared object.
    fn undefined_versions(&mut self) {
        let program = self.program;
        let options = &program.options;
        let named = |name: &[u8]| {
            options.versions.as_ref().is_some_and(|versions| {
                versions.nodes.iter().any(|node| node.name.as_deref().map(str::as_bytes) == Some(name))
            })
        };
        if options.output == Output::Shared {
            let found: Vec<Name> = self
                .table
                .iter()
                .filter(|symbol| symbol.is_defined() && !symbol.local)
                .filter(|symbol| symbol.version.is_some_and(|version| !named(program.names.bytes(version.name))))
                .map(|symbol| symbol.name)
                .collect();
            self.refusals.extend(found.into_iter().map(Refusal::VersionUndefined));
        }
        let strict = options.undefined_version.map_or(self.version >= 16, |allowed| !allowed);
        let Some(versions) = options.versions.as_ref().filter(|_| strict) else { return };
        let mut found = Vec::new();
        for node in &versions.nodes {
            for pattern in node.global.iter().chain(&node.local).filter(|pattern| !pattern.cxx) {
                if !pattern.literal && pattern.text.contains(['*', '?', '[']) {
                    continue;
                }
                let symbol = program.names.get(pattern.text.as_bytes()).and_then(|name| self.table.find(name, None));
                let versioned = symbol.map(|id| self.table.get(id)).is_some_and(|symbol| {
                    matches!(symbol.kind, Kind::Defined { .. } | Kind::Common { .. } | Kind::Lazy(_))
                });
                if !versioned {
                    found.push(Refusal::Other(format!(
                        "version script assignment of '{}' to symbol '{}' failed: symbol not defined",
                        node.name.as_deref().unwrap_or("global"),
                        pattern.text
                    )));
                }
            }
        }
        self.refusals.extend(found);
    }

    /// `redirectSymbols`: objects that name `f` mean `__wrap_f`, and those that name `__real_f` mean `f`.
    fn redirect(&mut self, wrapped: &[(SymbolId, SymbolId, SymbolId)]) {
        if wrapped.is_empty() {
            return;
        }
        for ids in self.symbols.values_mut() {
            for id in ids.iter_mut() {
                if let Some((_, _, wrap)) = wrapped.iter().find(|(symbol, _, _)| symbol == id) {
                    *id = *wrap;
                } else if let Some((symbol, _, _)) = wrapped.iter().find(|(_, real, _)| real == id) {
                    *id = *symbol;
                }
            }
        }
        for (symbol, real, wrap) in wrapped {
            let (asked, really) = (self.table.get(*symbol).used_in_object, self.table.get(*real).used_in_object);
            let is_defined = self.table.get(*symbol).is_defined();
            if asked {
                self.table.get_mut(*wrap).used_in_object = true;
            }
            let symbol = self.table.get_mut(*symbol);
            if really {
                symbol.used_in_object = true;
            } else if !is_defined {
                symbol.used_in_object = false;
            }
            self.table.get_mut(*real).used_in_object = false;
        }
    }

    fn symbol_of(&self, instance: Instance, object: &Object, symbol: u32) -> Option<SymbolId> {
        let index = symbol.checked_sub(object.first_global)? as usize;
        self.symbols.get(&instance)?.get(index).copied()
    }

    /// `markLive`
    fn live(&self) -> Live {
        let program = self.program;
        let options = &program.options;
        let place = |id: SymbolId| {
            let symbol = self.table.get(id);
            match symbol.kind {
                Kind::Defined { section: Some(section), .. } => Some((symbol.file?, section)),
                _ => None,
            }
        };
        let mut roots = Vec::new();
        for id in self.table.ids() {
            let symbol = self.table.get(id);
            let defined = matches!(symbol.kind, Kind::Defined { .. });
            if defined && symbol.export_dynamic && !symbol.is_local() {
                roots.extend(place(id));
            }
        }
        let entry = options.entry.or_else(|| program.names.get(b"_start"));
        let named = options.undefined.iter().chain(&options.require_defined).copied().chain(entry);
        let read = options.defsym.iter().flat_map(|defsym| defsym.reads.iter().copied());
        let known = [&b"_init"[..], b"_fini"].into_iter().filter_map(|name| program.names.get(name));
        for name in named.chain(read).chain(known) {
            roots.extend(self.table.find(name, None).and_then(place));
        }
        let by_file: HashMap<FileId, Instance> =
            self.objects.iter().map(|instance| (self.instances[instance.0 as usize].file, *instance)).collect();
        let files: Vec<FileId> = self.objects.iter().map(|instance| self.instances[instance.0 as usize].file).collect();
        for instance in &self.objects {
            let Some((file, object)) = self.object_of(*instance) else { continue };
            for (index, section) in object.sections.iter().enumerate() {
                let name = program.names.bytes(section.name);
                if section.flags & RETAIN != 0
                    || matches!(section.kind, 14..=16)
                    || (section.kind == 7 && section.group.is_none())
                    || is_reserved(name)
                {
                    roots.push((file, index as u32));
                }
                if name != b".eh_frame" || self.is_gone(*instance, index as u32) {
                    continue;
                }
                // Personality routines and language-specific data of all frames are kept (`scanEhFrameSection`).
                for reference in object.references.iter().filter(|one| one.section == index as u32) {
                    let Some(symbol) = object.symbols.get(reference.symbol as usize) else { continue };
                    match self.symbol_of(*instance, object, reference.symbol) {
                        Some(id) => roots.extend(place(id)),
                        None => {
                            let Definition::Section(to) = symbol.definition else { continue };
                            let Some(target) = object.sections.get(to as usize) else { continue };
                            if target.flags & (0x4 | liveness::LINK_ORDER) == 0 && target.group.is_none() {
                                roots.push((file, to));
                            }
                        }
                    }
                }
            }
        }
        let gone = |file: FileId, section| by_file.get(&file).is_some_and(|instance| self.is_gone(*instance, section));
        liveness::mark(program, &files, &roots, &gone, &|file, symbol| {
            let instance = by_file.get(&file)?;
            let (_, object) = self.object_of(*instance)?;
            self.symbol_of(*instance, object, symbol).and_then(place)
        })
    }

    /// Which shared objects stay: those an object refers to strongly, from a section that is kept.
    fn judge_shared(&mut self, live: Option<&Live>) {
        let mut found: Vec<(FileId, FileId, Name)> = Vec::new();
        if live.is_none() {
            for symbol in self.table.iter() {
                if symbol.is_shared() && symbol.used_in_object && !symbol.is_weak() {
                    found.extend(symbol.file.map(|file| (file, file, symbol.name)));
                }
            }
        } else {
            for instance in &self.objects {
                let Some((file, object)) = self.object_of(*instance) else { continue };
                for reference in &object.references {
                    let alive = live.is_none_or(|live| live.is_live(file, reference.section));
                    let allocated = object
                        .sections
                        .get(reference.section as usize)
                        .is_some_and(|section| section.flags & liveness::ALLOC != 0);
                    if !alive || !allocated {
                        continue;
                    }
                    let Some(id) = self.symbol_of(*instance, object, reference.symbol) else { continue };
                    let symbol = self.table.get(id);
                    if symbol.is_shared() && !symbol.is_weak() {
                        found.extend(symbol.file.map(|shared| (shared, file, symbol.name)));
                    }
                }
            }
        }
        for (shared, by, name) in found {
            let by = if by == shared { self.first_reference(name).unwrap_or(by) } else { by };
            if let Some(known) = self.shared.iter_mut().find(|known| known.file == shared) {
                known.needed = true;
                known.because.get_or_insert((by, name));
            }
        }
    }

    fn first_reference(&self, name: Name) -> Option<FileId> {
        self.objects.iter().filter_map(|instance| self.object_of(*instance)).find_map(|(file, object)| {
            object.globals().any(|(_, symbol)| symbol.name == name && symbol.is_undefined()).then_some(file)
        })
    }

    /// `demoteSymbolsAndComputeIsPreemptible`: what waits, and what is in a library that goes, is undefined.
    fn demote(&mut self) {
        for id in self.table.ids() {
            let symbol = *self.table.get(id);
            let dropped = symbol.is_shared()
                && !self.shared.iter().any(|shared| Some(shared.file) == symbol.file && shared.needed);
            if dropped || matches!(symbol.kind, Kind::Lazy(_)) {
                let symbol = self.table.get_mut(id);
                if dropped {
                    symbol.binding = Binding::Weak;
                }
                symbol.kind = Kind::Undefined { discarded: false };
                symbol.file = None;
            }
        }
    }

    fn report_objects(&mut self, live: Option<&Live>) {
        let program = self.program;
        let (in_objects, _) = self.reports();
        let mut known: HashMap<SymbolId, usize> = HashMap::new();
        let mut found: Vec<Undefined> = Vec::new();
        for instance in &self.objects {
            let Some((file, object)) = self.object_of(*instance) else { continue };
            for reference in &object.references {
                let Some(section) = object.sections.get(reference.section as usize) else { continue };
                if section.flags & liveness::ALLOC == 0
                    || self.is_gone(*instance, reference.section)
                    || live.is_some_and(|live| !live.is_live(file, reference.section))
                {
                    continue;
                }
                let site = Site { file, at: Some((reference.section, reference.offset)) };
                let Some(id) = self.symbol_of(*instance, object, reference.symbol) else {
                    let Some(symbol) = object.symbols.get(reference.symbol as usize) else { continue };
                    let Definition::Section(to) = symbol.definition else { continue };
                    let frame = program.names.bytes(section.name) == b".eh_frame";
                    if self.is_gone(*instance, to) && !frame {
                        let why = UndefinedWhy::Discarded;
                        found.push(Undefined { name: symbol.name, version: None, sites: vec![site], why });
                    }
                    continue;
                };
                let symbol = self.table.get(id);
                let Kind::Undefined { discarded } = symbol.kind else { continue };
                // A version in a name that is not defined is an error even where the reference is weak.
                let versioned = symbol.version.is_some_and(|version| !version.default);
                if !versioned && (symbol.is_weak() || (!in_objects && symbol.visibility == Visibility::Default)) {
                    continue;
                }
                if reserved::is_reserved(program, symbol.name) {
                    continue;
                }
                match known.get(&id) {
                    Some(index) => found[*index].sites.push(site),
                    None => {
                        known.insert(id, found.len());
                        let why = if discarded {
                            UndefinedWhy::Discarded
                        } else if symbol.visibility != Visibility::Default && symbol.in_shared {
                            UndefinedWhy::HiddenReference
                        } else {
                            UndefinedWhy::Nowhere
                        };
                        let version = symbol.version.map(|version| version.name);
                        found.push(Undefined { name: symbol.name, version, sites: vec![site], why });
                    }
                }
            }
        }
        for name in &program.options.require_defined {
            let defined = self.table.find(*name, None).is_some_and(|id| self.table.get(id).is_defined());
            if !defined {
                found.push(Undefined { name: *name, version: None, sites: Vec::new(), why: UndefinedWhy::Option });
            }
        }
        self.undefined.extend(found);
    }

    /// What shared objects lack, where all that they need is on the line.
    fn report_shared(&mut self) {
        let (_, in_shared) = self.reports();
        if !in_shared {
            return;
        }
        let sonames: Vec<Name> = self.shared.iter().map(|shared| shared.soname).collect();
        let complete: Vec<bool> = self
            .shared
            .iter()
            .map(|shared| match &self.program.files[shared.file.0 as usize].content {
                Content::Shared(content) => content.needed.iter().all(|needed| sonames.contains(needed)),
                _ => false,
            })
            .collect();
        for (index, id) in self.required.clone() {
            if !complete[index] {
                continue;
            }
            let file = self.shared[index].file;
            let symbol = *self.table.get(id);
            if symbol.in_shared {
                continue;
            }
            if symbol.is_undefined() && !symbol.is_weak() {
                let version = symbol.version.map(|version| version.name);
                let site = Site { file, at: None };
                match self.undefined.iter_mut().find(|one| one.name == symbol.name && one.version == version) {
                    Some(known) => known.sites.push(site),
                    None => self.undefined.push(Undefined {
                        name: symbol.name,
                        version,
                        sites: vec![site],
                        why: UndefinedWhy::Nowhere,
                    }),
                }
            } else if symbol.is_defined() && symbol.is_local() && self.version >= 17 {
                let owner = symbol.file.unwrap_or(file);
                self.refusals.push(Refusal::HiddenInObject(symbol.name, owner, file));
            }
        }
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
            .filter(|symbol| matches!(symbol.kind, Kind::Defined { .. } | Kind::Common { .. } | Kind::Shared { .. }))
            .filter_map(|symbol| Some((symbol.name, symbol.file?)))
            .collect();
        definitions.sort_unstable();
        definitions.dedup();
        let warned = self.program.options.warn_unresolved;
        let failed = !self.duplicates.is_empty()
            || !self.refusals.is_empty()
            || self.undefined.iter().any(|one| !warned || one.why != UndefinedWhy::Nowhere);
        let verdict = match (failed, self.unknown.is_empty()) {
            (_, false) => Verdict::Unknown,
            (true, true) => Verdict::Fails,
            (false, true) => Verdict::Links,
        };
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

/// `isReserved` (lld/ELF/MarkLive.cpp)
fn is_reserved(name: &[u8]) -> bool {
    matches!(name, b".init" | b".fini" | b".jcr")
        || [&b".init_array"[..], b".ctors", b".dtors"].iter().any(|prefix| name.starts_with(prefix))
}
