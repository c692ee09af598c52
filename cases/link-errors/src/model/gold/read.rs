//! Files in the order of the line, their sections and symbols (`Read_symbols` in gold/readsyms.cc, `Archive` in gold/archive.cc,
//! `do_layout` in gold/object.cc, `add_from_relobj` and `add_from_dynobj` in gold/symtab.cc).

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::link::{Fatal, Kept, Library, Link, Regular};
use super::resolve::Incoming;
use super::table::{DynamicId, Instance, Place, Source};
use crate::model::input::{
    Archive, Binding, Content, Definition, ExcludeLibs, FileId, Group, Lto, Object, Output, Program, Shared,
    SymbolType, Unusable, Visibility,
};
use crate::model::liveness::RETAIN;
use crate::model::names::{Fast, Name};
use crate::model::outcome::{Because, Event, Extraction, Refusal, Unknown};

/// `SHT_GROUP`
const GROUP: u32 = 17;
/// `SHT_INIT_ARRAY`, `SHT_FINI_ARRAY`
const ARRAYS: [u32; 2] = [14, 15];
/// `SHF_EXCLUDE`
const EXCLUDE: u64 = 0x8000_0000;

/// An archive of the line, with what was seen of it.
struct Opened<'p> {
    file: FileId,
    archive: &'p Archive,
    whole: bool,
    /// Entries of the index that need not be looked at again.
    checked: Vec<bool>,
    taken: Vec<bool>,
    all_taken: bool,
}

impl<'p> Link<'p> {
    /// The whole line. At the end of a group its archives are searched again as long as that brings new undefined symbols.
    pub(super) fn open_all(&mut self) -> Result<(), Fatal> {
        let inputs = &self.program.inputs;
        let mut at = 0;
        while at < inputs.len() {
            let end = match inputs[at].group {
                None => at + 1,
                group => inputs[at..].iter().position(|input| input.group != group).map_or(inputs.len(), |n| at + n),
            };
            let mut seen = self.saw_undefined;
            let mut archives = Vec::new();
            for index in at..end {
                archives.extend(self.open(index)?);
            }
            let mut round = 0;
            while inputs[at].group.is_some() && seen != self.saw_undefined {
                seen = self.saw_undefined;
                round += 1;
                for archive in &mut archives {
                    self.search(archive, round)?;
                }
            }
            at = end;
        }
        Ok(())
    }

    fn open(&mut self, index: usize) -> Result<Option<Opened<'p>>, Fatal> {
        let program = self.program;
        let input = &program.inputs[index];
        let file = input.file;
        self.trace.push(Event::Open(file));
        match &program.files[file.0 as usize].content {
            Content::Object(object) => self.object(file, object, false, input.just_symbols)?,
            Content::Shared(_) if input.just_symbols => {
                let why = "--just-symbols does not make sense with a shared object".to_owned();
                self.refusals.push(Refusal::Other(why));
            }
            Content::Shared(shared) => self.shared(file, shared, shared.soname.or(input.written), input.as_needed)?,
            Content::Archive(archive) => {
                let mut opened = Opened {
                    file,
                    archive,
                    whole: input.whole_archive,
                    checked: vec![false; archive.index.as_ref().map_or(0, Vec::len)],
                    taken: vec![false; archive.members.len()],
                    all_taken: false,
                };
                if archive.index.is_none() && !archive.members.is_empty() && !input.whole_archive {
                    self.refusals.push(Refusal::NoIndex(file));
                }
                self.search(&mut opened, 0)?;
                return Ok(Some(opened));
            }
            Content::Unusable(Unusable::Bitcode(_)) if program.options.lto_plugin => self.bitcode(file),
            Content::Unusable(_) => self.refusals.push(Refusal::File(file)),
        }
        Ok(None)
    }

    fn bitcode(&mut self, file: FileId) {
        let what = "code for a link-time optimiser: its symbols are known to the plugin only".to_owned();
        self.unknown.push(Unknown { what, file: Some(file) });
    }

    /// `Archive::add_symbols`
    fn search(&mut self, opened: &mut Opened<'p>, round: u32) -> Result<(), Fatal> {
        let archive = opened.archive;
        if opened.whole {
            if opened.all_taken {
                return Ok(());
            }
            opened.all_taken = true;
            for member in &archive.members {
                self.member(*member, Because::Whole)?;
            }
            return Ok(());
        }
        self.trace.push(Event::Search(opened.file, round));
        let Some(index) = &archive.index else { return Ok(()) };
        loop {
            let mut added = false;
            for (number, (name, member)) in index.iter().enumerate() {
                if opened.checked[number] {
                    continue;
                }
                let Some(taken) = opened.taken.get(*member as usize) else { continue };
                if *taken {
                    opened.checked[number] = true;
                    continue;
                }
                match self.wanted(*name) {
                    Wanted::Unknown => {}
                    Wanted::No => opened.checked[number] = true,
                    Wanted::Yes(because) => {
                        opened.checked[number] = true;
                        opened.taken[*member as usize] = true;
                        self.member(archive.members[*member as usize], because)?;
                        added = true;
                    }
                }
            }
            if !added {
                return Ok(());
            }
        }
    }

    /// `Library_base::should_include_member`
    fn wanted(&mut self, name: Name) -> Wanted {
        let names = &self.program.names;
        let text = names.bytes(name);
        let (stem, found) = match text.iter().position(|byte| *byte == b'@') {
            None => (Some(name), self.table.find(name, None)),
            Some(at) => {
                let default = text.get(at + 1) == Some(&b'@');
                let stem = names.get(&text[..at]);
                let version = names.get(&text[at + 1 + usize::from(default)..]);
                let find = |version| stem.and_then(|stem| self.table.find(stem, version));
                let exact = version.and_then(|version| find(Some(version)));
                let asks = |id| {
                    let symbol = self.table.get(id);
                    symbol.is_undefined() && symbol.binding != Binding::Weak
                };
                let found = if default && !exact.is_some_and(asks) { find(None) } else { exact };
                (stem, found)
            }
        };
        let options = &self.program.options;
        let Some(stem) = stem else { return Wanted::Unknown };
        if let Some(id) = found {
            let symbol = *self.table.get(id);
            if !symbol.is_undefined() || options.defsym.iter().any(|defsym| defsym.name == stem) {
                return Wanted::No;
            }
            if options.script_defines.contains(&stem) {
                let what = format!("{} is defined by a linker script and by a member of an archive", names.text(stem));
                self.unknown.push(Unknown { what, file: None });
            }
            if symbol.binding != Binding::Weak {
                return Wanted::Yes(match self.file_of(symbol.source) {
                    Some(file) => Because::Reference { file, name: symbol.name },
                    None => Because::Option(symbol.name),
                });
            }
        }
        let entry = options.output != Output::Relocatable
            && match options.entry {
                Some(entry) => entry == stem,
                // The name is known once a file has told for which machine the link is.
                None => names.bytes(stem) == b"_start",
            };
        if options.undefined.contains(&stem) || self.referenced.contains(&stem) || entry {
            return Wanted::Yes(Because::Option(stem));
        }
        Wanted::Unknown
    }

    fn member(&mut self, member: FileId, because: Because) -> Result<(), Fatal> {
        let program = self.program;
        self.extracted.push(Extraction { member, because });
        self.trace.push(Event::Extract(member, because));
        match &program.files[member.0 as usize].content {
            Content::Object(object) => self.object(member, object, self.no_export(member), false),
            Content::Unusable(Unusable::Bitcode(_)) if program.options.lto_plugin => {
                self.bitcode(member);
                Ok(())
            }
            _ => {
                self.refusals.push(Refusal::File(member));
                Ok(())
            }
        }
    }

    /// `check_excluded_libs`: the archive's base name, with or without `.a`.
    fn no_export(&self, member: FileId) -> bool {
        let Some(archive) = self.program.files[member.0 as usize].archive else { return false };
        match &self.program.options.exclude_libs {
            ExcludeLibs::None => false,
            ExcludeLibs::All => true,
            ExcludeLibs::Named(names) => {
                let path = &self.program.files[archive.0 as usize].name;
                let base = path.rsplit('/').next().unwrap_or(path);
                names.iter().any(|name| name == base || Some(name.as_str()) == base.strip_suffix(".a"))
            }
        }
    }

    /// Sections first, then symbols.
    fn object(&mut self, file: FileId, object: &'p Object, no_export: bool, just_symbols: bool) -> Result<(), Fatal> {
        if object.lto == Lto::Slim && self.program.options.lto_plugin {
            self.bitcode(file);
        }
        let instance = Instance(self.objects.len() as u32);
        let gone = if just_symbols { vec![true; object.sections.len()] } else { self.lay_out(instance, object) };
        let symbols = Vec::with_capacity(object.symbols.len().saturating_sub(object.first_global as usize));
        self.objects.push(Regular { file, gone, symbols, just_symbols });
        let relocatable = self.program.options.output == Output::Relocatable;
        let exports = self.program.options.output == Output::Shared || self.program.options.export_dynamic;
        for (_, symbol) in object.globals() {
            let original = match symbol.definition {
                Definition::Undefined => Place::Undefined,
                Definition::Absolute => Place::Absolute,
                Definition::Common { .. } => Place::Common,
                Definition::Section(section) => Place::Section(section),
            };
            let mut place = original;
            let mut discarded = false;
            if let Place::Section(section) = original
                && self.is_gone(instance, section)
            {
                place = Place::Undefined;
                discarded = true;
            }
            // `orig_st_shndx`: undefined for all that is in no section.
            let asks = !matches!(original, Place::Section(_));
            let mut version = symbol.version.map(|version| version.name);
            let mut default = symbol.version.is_some_and(|version| version.default);
            let mut local = false;
            if version.is_none() && !self.script.is_empty && place != Place::Undefined {
                self.check_demangled(symbol.name);
                if let Some(says) = self.script.find(self.program, symbol.name) {
                    if says.global {
                        version = self.script.tag(says);
                        default = version.is_some();
                    } else {
                        local = true;
                    }
                }
            }
            if just_symbols {
                place = Place::Absolute;
            }
            let hides = no_export
                && original != Place::Undefined
                && matches!(symbol.visibility, Visibility::Default | Visibility::Protected);
            let size = match symbol.definition {
                Definition::Common { size, .. } => size,
                _ => symbol.size,
            };
            let new = Incoming {
                source: Source::Regular(instance),
                file: Some(file),
                version,
                place,
                value: symbol.value,
                size,
                binding: symbol.binding,
                symbol_type: symbol.kind,
                visibility: if hides { Visibility::Hidden } else { symbol.visibility },
            };
            let id = self.add(symbol.name, default, &new, asks)?;
            if local {
                self.force_local(id);
            }
            if self.gc && exports && !relocatable {
                let seen = self.table.get(id);
                if seen.is_visible() && !seen.is_dynamic() {
                    self.mark(id);
                }
            }
            if discarded {
                self.table.get_mut(id).discarded = true;
            }
            if let Some(own) = self.objects.last_mut() {
                own.symbols.push(id);
            }
        }
        Ok(())
    }

    /// A version script with patterns for demangled names can give a mangled name a version, which is not modelled.
    fn check_demangled(&mut self, name: Name) {
        if self.script.cxx && self.program.names.bytes(name).starts_with(b"_Z") && self.unknown.is_empty() {
            let what = "a version script has extern \"C++\" patterns".to_owned();
            self.unknown.push(Unknown { what, file: None });
        }
    }

    /// Which sections are no part of the output (the first pass of `do_layout`).
    fn lay_out(&mut self, instance: Instance, object: &Object) -> Vec<bool> {
        let program = self.program;
        let relocatable = program.options.output == Output::Relocatable;
        let warns = !relocatable && program.options.output != Output::Shared;
        let mut gone: Vec<bool> = Vec::new();
        let mut discard = |section: usize| {
            gone.resize(object.sections.len(), false);
            if let Some(gone) = gone.get_mut(section) {
                *gone = true;
            }
        };
        let mut groups = object.groups.iter();
        let mut omitted: Vec<u32> = Vec::new();
        let headers = object.sections.iter().filter(|section| section.kind == GROUP).count();
        // Groups whose section is not told stand before all sections.
        for group in groups.by_ref().take(object.groups.len().saturating_sub(headers)) {
            self.group(group, &mut omitted);
        }
        for (index, section) in object.sections.iter().enumerate().skip(1) {
            let name = program.names.bytes(section.name);
            if section.kind == GROUP {
                if let Some(group) = groups.next() {
                    self.group(group, &mut omitted);
                }
                continue;
            }
            let omit = name == b".note.GNU-stack"
                || name == b".note.gnu.property"
                || (warns && (name.starts_with(b".gnu.warning.") || name == b".note.GNU-split-stack"))
                || (!relocatable && !self.gc && section.flags & EXCLUDE != 0)
                || (!omitted.is_empty() && omitted.contains(&(index as u32)))
                || (section.group.is_none()
                    && name.starts_with(b".gnu.linkonce")
                    && !keep_once(&mut self.signatures, program, section.name));
            if omit {
                discard(index);
                continue;
            }
            if self.gc && (is_kept(name) || ARRAYS.contains(&section.kind) || section.flags & RETAIN != 0) {
                self.worklist.push((instance, index as u32));
            }
        }
        gone
    }

    /// `include_section_group`
    fn group(&mut self, group: &Group, omitted: &mut Vec<u32>) {
        if group.comdat && !keep(&mut self.signatures, group.signature, true) {
            omitted.extend(&group.sections);
        } else if self.program.options.output == Output::Relocatable {
            self.group_symbols.extend(self.table.find(group.signature, None));
        }
    }

    /// `Input_objects::add_object` and `add_from_dynobj`
    fn shared(&mut self, file: FileId, shared: &'p Shared, soname: Option<Name>, as_needed: bool) -> Result<(), Fatal> {
        if soname.is_none() {
            let what = "a shared object without a name".to_owned();
            self.unknown.push(Unknown { what, file: Some(file) });
        }
        let known = self.libraries.iter_mut().find(|known| known.soname == soname);
        if let Some(known) = known {
            known.as_needed &= as_needed;
            return Ok(());
        }
        let library = DynamicId(self.libraries.len() as u32);
        self.libraries.push(Library { file, soname, as_needed, is_needed: false, because: None });
        let mut data = Vec::new();
        for symbol in &shared.symbols {
            if symbol.binding == Binding::Local
                || matches!(symbol.visibility, Visibility::Internal | Visibility::Hidden)
                || (symbol.defined && symbol.version_local)
            {
                continue;
            }
            let own =
                symbol.version.filter(|version| !(symbol.absolute && symbol.defined && version.name == symbol.name));
            let new = Incoming {
                source: Source::Dynamic(library),
                file: Some(file),
                version: own.map(|version| version.name),
                place: match (symbol.defined, symbol.absolute) {
                    (false, _) => Place::Undefined,
                    (true, true) => Place::Absolute,
                    (true, false) => Place::Section(1),
                },
                value: symbol.value,
                size: symbol.size,
                binding: symbol.binding,
                symbol_type: if symbol.kind == SymbolType::IFunc { SymbolType::Function } else { symbol.kind },
                visibility: Visibility::Default,
            };
            let default = symbol.defined && own.is_some_and(|version| version.default);
            let id = self.add(symbol.name, default, &new, !symbol.defined)?;
            let seen = self.table.get(id);
            if symbol.defined
                && !symbol.absolute
                && new.symbol_type == SymbolType::Object
                && seen.source == new.source
                && seen.place.is_ordinary()
            {
                data.push(id);
            }
        }
        self.record_aliases(data);
        Ok(())
    }
}

/// What an archive is asked.
enum Wanted {
    No,
    Yes(Because),
    /// Not now.
    Unknown,
}

/// `Layout::find_or_add_kept_section`
fn keep(signatures: &mut HashMap<Name, Kept, Fast>, name: Name, is_group: bool) -> bool {
    let known = signatures.entry(name);
    match known {
        Entry::Vacant(entry) => {
            entry.insert(Kept { is_group });
            true
        }
        Entry::Occupied(entry) if entry.get().is_group => false,
        Entry::Occupied(mut entry) if is_group => {
            entry.get_mut().is_group = true;
            false
        }
        Entry::Occupied(_) => true,
    }
}

/// `include_linkonce_section`: by the name of the symbol, which is the last part of the section's, and by the section's own.
fn keep_once(signatures: &mut HashMap<Name, Kept, Fast>, program: &Program, name: Name) -> bool {
    let text = program.names.bytes(name);
    let symbol = text.strip_prefix(b".gnu.linkonce.t.").or_else(|| text.rsplit(|byte| *byte == b'.').next());
    // A name nothing else has is no signature of a group either.
    let symbol = symbol.and_then(|symbol| program.names.get(symbol));
    let first = symbol.is_none_or(|symbol| keep(signatures, symbol, false));
    let second = keep(signatures, name, true);
    first && second
}

/// `Relobj::is_section_name_included`
fn is_kept(name: &[u8]) -> bool {
    const PREFIXES: [&[u8]; 8] =
        [b".ctors", b".dtors", b".note", b".init", b".fini", b".gcc_except_table", b".jcr", b".preinit_array"];
    let holds = |part: &[u8]| name.windows(part.len()).any(|window| window == part);
    PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        || ([&b".text"[..], b".data", b".sdata", b".gnu.linkonce.d"].iter().any(|prefix| name.starts_with(prefix))
            && holds(b"personality"))
        || (name.starts_with(b".rodata") && holds(b"nptl_version"))
}
