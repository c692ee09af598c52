//! What can be reached (`find_required_sections`, layout.rs), and what is found on the way: what is undefined, what shared objects
//! lack, versions that nobody defines.

use super::link::{Kind, Link};
use super::read::is_plain;
use super::symbols::{Content, Own, SymbolId};
use crate::model::edges::{Edges, Tables};
use crate::model::input::{Definition, ExcludeLibs, Object, Program, Section, SymbolType, Unresolved, Visibility};
use crate::model::liveness::RETAIN;
use crate::model::names::Name;
use crate::model::outcome::{Refusal, Site, Undefined, UndefinedWhy};

/// What becomes of a section of an object (`SectionSlot`, resolution.rs).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    /// It is not copied; nothing may refer to it.
    Discard,
    /// Frames and properties are taken apart, debug information is written at last.
    Apart,
    /// It is kept where it is reached, or always; of a name wild has no rule for, or not.
    Normal { always: bool, custom: bool },
}

impl Slot {
    /// It makes a section of the output of its own name.
    pub(super) fn is_custom(self) -> bool {
        matches!(self, Slot::Normal { custom: true, .. })
    }
}

/// `resolve_section`, with the rules of elf.rs.
pub(super) fn slot(program: &Program, section: &Section) -> Slot {
    const EXCLUDE: u64 = 0x8000_0000;
    let name = program.names.bytes(section.name);
    let starts = |prefixes: &[&[u8]]| prefixes.iter().any(|prefix| name.starts_with(prefix));
    if section.flags & EXCLUDE != 0 || name.is_empty() {
        return Slot::Discard;
    }
    let discarded: &[&[u8]] = &[b".note.GNU-stack", b".strtab", b".symtab", b".shstrtab", b".group", b".symtab_shndx"];
    if discarded.contains(&name) || starts(&[b".rela", b".crel", b".sframe"]) {
        return Slot::Discard;
    }
    if matches!(name, b".eh_frame" | b".note.gnu.property") || starts(&[b".debug_"]) {
        return Slot::Apart;
    }
    let kept: &[&[u8]] = &[b".init", b".fini", b".preinit_array", b".comment", b".note.ABI-tag"];
    let always = section.flags & RETAIN != 0
        || section.kind == 7
        || kept.contains(&name)
        || starts(&[b".init_array", b".ctors", b".fini_array", b".dtors"]);
    let known = always && section.flags & RETAIN == 0 && section.kind != 7
        || name == b".note.gnu.build-id"
        || starts(&[
            b".rodata",
            b".text",
            b".data",
            b".bss",
            b".init_array",
            b".ctors",
            b".fini_array",
            b".dtors",
            b".tdata",
            b".tbss",
            b".gcc_except_table",
        ]);
    Slot::Normal { always, custom: !known }
}

/// Work that is left.
enum Work {
    Section(usize, u32),
    Symbol(SymbolId),
}

impl Link<'_> {
    pub(super) fn reach(&mut self, tables: Tables) {
        let program = self.program;
        self.kept = self
            .files
            .iter()
            .map(|file| match file.content {
                Content::Object(object) => vec![false; object.sections.len()],
                _ => Vec::new(),
            })
            .collect();
        let edges: Vec<Option<Edges>> = self
            .files
            .iter()
            .map(|file| match file.content {
                Content::Object(object) if file.loaded => Some(Edges::of(program, object, tables)),
                _ => None,
            })
            .collect();
        let mut work = Vec::new();
        self.start(&mut work);
        for (file, own) in edges.iter().enumerate().skip(1) {
            if !self.files[file].loaded {
                continue;
            }
            match self.files[file].content {
                Content::Object(object) => {
                    self.activate(file, object, own.as_ref(), &mut work);
                }
                Content::Shared(_) => self.activate_shared(file, &mut work),
                Content::Own(_) => {}
            }
        }
        while let Some(item) = work.pop() {
            match item {
                Work::Symbol(id) => self.load_symbol(id, &mut work),
                Work::Section(file, section) => {
                    let Some(edges) = edges.get(file).and_then(Option::as_ref) else { continue };
                    self.load_section(file, section, edges, &mut work);
                }
            }
        }
    }

    /// `PreludeLayoutState::activate`: the entry point, and what `--defsym` reads.
    fn start(&mut self, work: &mut Vec<Work>) {
        let program = self.program;
        let entry = self.entry_name().and_then(|name| self.names.get(name));
        if let Some(id) = entry.map(|id| self.definition(id)) {
            self.request(id, work);
        }
        let Content::Own(symbols) = self.files[0].content.clone() else { return };
        for (index, own) in symbols.iter().enumerate() {
            let Own::Alias(_, number) = own else { continue };
            let id = SymbolId(index as u32);
            if self.means[index] != id {
                continue;
            }
            self.flags[index].resolved = true;
            for name in program.options.defsym.get(*number).into_iter().flat_map(|defsym| &defsym.reads) {
                if let Some(target) = self.names.get(*name).map(|id| self.definition(id)) {
                    self.request(target, work);
                }
            }
        }
    }

    /// Notes that something refers to a symbol.
    fn request(&mut self, id: SymbolId, work: &mut Vec<Work>) {
        if let Some(flags) = self.flags_mut(id).filter(|flags| !flags.resolved) {
            flags.resolved = true;
            work.push(Work::Symbol(id));
        }
    }

    /// `ObjectLayoutState::activate`
    fn activate(&mut self, file: usize, object: &Object, edges: Option<&Edges>, work: &mut Vec<Work>) {
        let collects = self.collects();
        for (index, section) in object.sections.iter().enumerate() {
            if let Slot::Normal { always, .. } = slot(self.program, section)
                && (always || !collects)
            {
                work.push(Work::Section(file, index as u32));
            }
        }
        if self.kind == Kind::Relocatable {
            return;
        }
        for symbol in edges.into_iter().flat_map(|edges| &edges.personalities) {
            self.relocation(file, object, None, *symbol, work);
        }
        let options = &self.program.options;
        let all = match self.kind {
            Kind::Shared => !self.files[file].member || !self.is_excluded(file) || options.export_dynamic,
            Kind::DynamicExecutable => options.export_dynamic,
            Kind::StaticExecutable => options.export_dynamic && self.has_dynamic_symbols(),
            Kind::Relocatable => false,
        };
        if all {
            for index in 0..self.files[file].len() {
                self.export(SymbolId(self.files[file].first + index), work);
            }
        }
    }

    /// `OutputKind::needs_dynsym`
    fn has_dynamic_symbols(&self) -> bool {
        use crate::model::input::Output;
        match self.kind {
            Kind::StaticExecutable => matches!(self.program.options.output, Output::Pie | Output::StaticPie),
            Kind::Relocatable => false,
            _ => true,
        }
    }

    /// `--exclude-libs`, by the archive's name.
    fn is_excluded(&self, file: usize) -> bool {
        let program = self.program;
        let archive = self.files[file].id.and_then(|id| program.files[id.0 as usize].archive);
        let Some(archive) = archive else { return false };
        let path = &program.files[archive.0 as usize].name;
        let base = path.rsplit('/').next().unwrap_or(path);
        match &program.options.exclude_libs {
            ExcludeLibs::None => false,
            ExcludeLibs::All => true,
            ExcludeLibs::Named(names) => names.iter().any(|name| name == base || name == "ALL"),
        }
    }

    /// `can_export_symbol` and what follows.
    fn export(&mut self, id: SymbolId, work: &mut Vec<Work>) {
        let Some(entry) = self.entry(id) else { return };
        let flags = self.flags(id);
        if entry.undefined
            || entry.local
            || entry.visibility == Visibility::Hidden
            || self.means[id.0 as usize] != id
            || flags.local
            || self.is_discarded(id)
        {
            return;
        }
        let new = !flags.exported;
        if let Some(flags) = self.flags_mut(id) {
            flags.exported = true;
        }
        self.request(id, work);
        if new {
            self.check_version(entry.name, entry.version);
        }
    }

    fn is_discarded(&self, id: SymbolId) -> bool {
        let Content::Object(object) = self.files[self.file_of(id)].content else { return false };
        let section = self.entry(id).and_then(|entry| entry.section);
        section
            .and_then(|section| object.sections.get(section as usize))
            .is_some_and(|own| slot(self.program, own) == Slot::Discard)
    }

    /// `version_for_symbol` (version_script.rs)
    fn check_version(&mut self, name: Name, version: Option<Name>) {
        let program = self.program;
        let Some(version) = version else { return };
        let text = program.names.bytes(version);
        let script = program.options.versions.as_ref();
        if text.is_empty() || script.is_some_and(is_plain) {
            return;
        }
        let defined = script.is_some_and(|script| {
            script.nodes.iter().any(|node| node.name.as_deref().map(str::as_bytes) == Some(text))
        });
        if !defined {
            self.refusals.push(Refusal::VersionUndefined(name));
        }
    }

    /// `DynamicLayoutState::activate`: what it asks for leaves the output, and may be nowhere.
    fn activate_shared(&mut self, file: usize, work: &mut Vec<Work>) {
        let complete = self.is_enforced(file);
        let Some(by) = self.files[file].id else { return };
        for index in 0..self.files[file].len() {
            let id = SymbolId(self.files[file].first + index);
            let definition = self.definition(id);
            let flags = self.flags(definition);
            if flags.dynamic && flags.absolute {
                let entry = self.files[file].entry(index).filter(|entry| complete && !entry.weak);
                if let Some(entry) = entry {
                    self.report(entry.name, entry.version, Site { file: by, at: None }, UndefinedWhy::Nowhere);
                    if !self.program.options.warn_unresolved {
                        // It is done with this one.
                        return;
                    }
                }
            } else if definition != id {
                let owner = self.file_of(definition);
                if self.files[owner].loaded && matches!(self.files[owner].content, Content::Object(_)) {
                    self.export(definition, work);
                }
            }
        }
    }

    /// `should_enforce_undefined`: executables, and shared objects all of whose `DT_NEEDED` are on the line.
    fn is_enforced(&self, file: usize) -> bool {
        let options = &self.program.options;
        let ignored = matches!(options.unresolved, Some(Unresolved::Ignore | Unresolved::IgnoreInShared));
        let executable = matches!(self.kind, Kind::StaticExecutable | Kind::DynamicExecutable);
        if ignored || !executable || options.allow_shlib_undefined == Some(true) {
            return false;
        }
        let Content::Shared(shared) = self.files[file].content else { return false };
        shared.needed.iter().all(|needed| self.files.iter().any(|file| file.soname == Some(*needed)))
    }

    fn load_symbol(&mut self, id: SymbolId, work: &mut Vec<Work>) {
        if let Some((_, section)) = self.bounds.iter().find(|(bound, _)| *bound == id) {
            let section = *section;
            for (number, file) in self.files.iter().enumerate().filter(|(_, file)| file.loaded) {
                let Content::Object(object) = file.content else { continue };
                for (index, own) in object.sections.iter().enumerate().filter(|(_, own)| own.name == section) {
                    if slot(self.program, own).is_custom() && !self.program.names.bytes(section).starts_with(b".") {
                        work.push(Work::Section(number, index as u32));
                    }
                }
            }
            return;
        }
        let file = self.file_of(id);
        if !self.files[file].loaded {
            return;
        }
        if let Some(section) = self.entry(id).and_then(|entry| entry.section) {
            work.push(Work::Section(file, section));
        }
    }

    fn load_section(&mut self, file: usize, section: u32, edges: &Edges, work: &mut Vec<Work>) {
        let Content::Object(object) = self.files[file].content else { return };
        let Some(own) = object.sections.get(section as usize) else { return };
        match slot(self.program, own) {
            Slot::Apart => return,
            Slot::Discard => {
                let name = self.program.names.text(own.name).into_owned();
                return self
                    .refusals
                    .push(Refusal::Other(format!("Don't know what segment to put `{name}` in, but it's referenced")));
            }
            Slot::Normal { .. } => {}
        }
        let known = self.kept.get_mut(file).and_then(|sections| sections.get_mut(section as usize));
        let Some(known) = known.filter(|known| !**known) else { return };
        *known = true;
        if self.kind == Kind::Relocatable {
            return;
        }
        for symbol in edges.from(section) {
            self.relocation(file, object, Some(section), *symbol, work);
        }
        if own.size > 0 {
            work.extend(edges.tables_of(section).map(|table| Work::Section(file, table)));
        }
    }

    /// `process_relocation` and `should_emit_undefined_error`
    fn relocation(&mut self, file: usize, object: &Object, section: Option<u32>, symbol: u32, work: &mut Vec<Work>) {
        if symbol == 0 {
            return;
        }
        let definition = self.definition(SymbolId(self.files[file].first + symbol));
        self.request(definition, work);
        let is_bound = self.bounds.iter().any(|(bound, _)| *bound == definition);
        self.misplaced |= !is_bound && !self.files[self.file_of(definition)].loaded;
        let flags = self.flags(definition);
        let Some(own) = self.files[file].entry(symbol) else { return };
        let options = &self.program.options;
        let executable = matches!(self.kind, Kind::StaticExecutable | Kind::DynamicExecutable);
        let ignored = matches!(options.unresolved, Some(Unresolved::Ignore | Unresolved::IgnoreInObjects));
        let nowhere = self.entry(definition).is_some_and(|entry| entry.undefined);
        let tls = object.symbols.get(symbol as usize).is_some_and(|own| own.kind == SymbolType::Tls);
        if tls && !flags.dynamic && self.kind == Kind::Shared && !self.is_thread_local(definition) {
            // `process_got_tls_offset` refuses it, and writes nothing for what is undefined where `allocate_resolution` made room, where
            // the reference is for the offset (`R_X86_64_GOTTPOFF`). Which relocation it is is not known here.
            self.tls_is_open = true;
        }
        if !flags.absolute || own.weak || ignored || !nowhere || !options.defs.unwrap_or(executable) {
            return;
        }
        let Some(by) = self.files[file].id else { return };
        let offset = object
            .references
            .iter()
            .find(|one| Some(one.section) == section && one.symbol == symbol)
            .map_or(0, |one| one.offset);
        let why = match self.names.get(own.name).map(|id| self.file_of(id)) {
            Some(owner) if self.files[owner].is_shared() && own.visibility != Visibility::Default => {
                UndefinedWhy::HiddenReference
            }
            _ => UndefinedWhy::Nowhere,
        };
        let at = section.map(|section| (section, offset));
        self.report(own.name, own.version, Site { file: by, at }, why);
    }

    /// True for a definition of a thread-local variable.
    fn is_thread_local(&self, id: SymbolId) -> bool {
        let file = &self.files[self.file_of(id)];
        let Content::Object(object) = file.content else { return false };
        let symbol = object.symbols.get((id.0 - file.first) as usize);
        symbol.is_some_and(|symbol| symbol.kind == SymbolType::Tls && !symbol.is_undefined())
    }

    fn report(&mut self, name: Name, version: Option<Name>, site: Site, why: UndefinedWhy) {
        match self.undefined.iter_mut().find(|known| known.name == name && known.version == version) {
            Some(known) => known.sites.push(site),
            None => self.undefined.push(Undefined { name, version, sites: vec![site], why }),
        }
    }

    /// `SymbolCopyInfo::new`: what the symbol table of the output has, referred to or not.
    fn is_written(&self, id: SymbolId) -> bool {
        let file = self.file_of(id);
        let Content::Object(object) = self.files[file].content else { return false };
        let index = id.0 - self.files[file].first;
        match object.symbols.get(index as usize).map(|symbol| symbol.definition) {
            Some(Definition::Section(section)) => {
                self.kept.get(file).and_then(|sections| sections.get(section as usize)) == Some(&true)
            }
            Some(Definition::Absolute) => self.files[file].loaded,
            _ => false,
        }
    }

    /// `update_redirect_resolutions`: `--defsym` of what nobody defines, or of what was collected where its own name is defined elsewhere.
    pub(super) fn check_aliases(&mut self) {
        let program = self.program;
        for name in program.options.defsym.iter().flat_map(|defsym| &defsym.reads) {
            let target = self.names.get(*name).map(|id| self.definition(id));
            if target.is_none_or(|id| !self.flags(id).resolved && !self.is_written(id)) {
                self.undefined.push(Undefined {
                    name: *name,
                    version: None,
                    sites: Vec::new(),
                    why: UndefinedWhy::Option,
                });
                return;
            }
        }
    }
}
