//! Opening files in the order of the line, and their symbols one by one (`open_input_bfds` in ld/ldlang.c;
//! `elf_link_add_object_symbols` and `elf_link_add_archive_symbols` in bfd/elflink.c).

use super::add::{By, Row};
use super::link::{Class, Fatal, Link, Load, LoadId};
use super::merge::{Incoming, Section, is_function};
use super::table::{EntryId, Key, Kind, Place};
use crate::model::input::{
    Archive, Binding, Content, Definition, ExcludeLibs, FileId, Object, Output, Symbol, SymbolType, Unusable,
    Visibility,
};
use crate::model::names::Name;
use crate::model::outcome::{Because, Event, Extraction, Refusal, Unknown};

impl Link<'_> {
    /// The whole line. A group is gone through again as long as it brings new undefined symbols.
    pub(super) fn open_all(&mut self) -> Result<(), Fatal> {
        let mut at = 0;
        let inputs = &self.program.inputs;
        let mut defined_to = 0;
        while at < inputs.len() {
            let end = match inputs[at].group {
                None => at + 1,
                group => inputs[at..].iter().position(|input| input.group != group).map_or(inputs.len(), |n| at + n),
            };
            self.define_symbols(defined_to, inputs[at].argument);
            defined_to = inputs[at].argument;
            if inputs[at].group.is_none() {
                self.open(at)?;
            } else {
                let mut round = 0;
                loop {
                    let before = self.table.listed();
                    for index in at..end {
                        if round == 0 {
                            self.open(index)?;
                        } else {
                            self.again(index, round)?;
                        }
                    }
                    if self.table.listed() == before {
                        break;
                    }
                    round += 1;
                }
            }
            at = end;
        }
        self.define_symbols(defined_to, u32::MAX);
        Ok(())
    }

    fn open(&mut self, index: usize) -> Result<(), Fatal> {
        let program = self.program;
        let input = &program.inputs[index];
        let file = input.file;
        self.trace.push(Event::Open(file));
        match &program.files[file.0 as usize].content {
            Content::Object(object) => self.object(file, object),
            Content::Archive(archive) if input.whole_archive => {
                for member in &archive.members {
                    self.member(*member, Because::Whole)?;
                }
                Ok(())
            }
            Content::Archive(archive) => self.archive(file, archive, 0),
            Content::Shared(shared) => {
                if program.options.output == Output::Relocatable {
                    self.refusals.push(Refusal::File(file));
                    return Err(Fatal);
                }
                let class = Class { as_needed: input.as_needed, no_add_needed: !input.copy_needed, ..Class::default() };
                let load = LoadId(self.loads.len() as u32);
                let soname = shared.soname;
                self.loads.push(Load { file, soname, class, input: Some(index), because: None });
                self.opened[index] = Some(load);
                self.shared_object(load)
            }
            Content::Unusable(Unusable::Missing) => {
                self.refusals.push(Refusal::File(file));
                self.missing_file = true;
                Ok(())
            }
            Content::Unusable(Unusable::Bitcode(_)) => self.bitcode(file),
            Content::Unusable(_) => {
                self.refusals.push(Refusal::File(file));
                Err(Fatal)
            }
        }
    }

    /// A further round of a group: archives are searched, and libraries that were dropped are tried.
    fn again(&mut self, index: usize, round: u32) -> Result<(), Fatal> {
        let program = self.program;
        let input = &program.inputs[index];
        match &program.files[input.file.0 as usize].content {
            Content::Archive(archive) if !input.whole_archive => self.archive(input.file, archive, round),
            Content::Shared(_) => match self.opened[index] {
                Some(load) if input.as_needed && self.loads[load.0 as usize].class.as_needed => {
                    self.shared_object(load)
                }
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }

    fn bitcode(&mut self, file: FileId) -> Result<(), Fatal> {
        if self.program.options.lto_plugin {
            let what = "code for a link-time optimiser: its symbols are known to the plugin only".to_owned();
            self.unknown.push(Unknown { what, file: Some(file) });
            return Ok(());
        }
        self.refusals.push(Refusal::File(file));
        Err(Fatal)
    }

    fn member(&mut self, member: FileId, because: Because) -> Result<(), Fatal> {
        self.extracted.push(Extraction { member, because });
        self.trace.push(Event::Extract(member, because));
        let program = self.program;
        match &program.files[member.0 as usize].content {
            Content::Object(object) => self.object(member, object),
            Content::Unusable(Unusable::Bitcode(_)) => self.bitcode(member),
            _ => {
                self.refusals.push(Refusal::File(member));
                Err(Fatal)
            }
        }
    }

    /// One visit to an archive: its index is gone through again as long as members bring new undefined symbols.
    fn archive(&mut self, file: FileId, archive: &Archive, round: u32) -> Result<(), Fatal> {
        let Some(index) = &archive.index else {
            if archive.members.is_empty() {
                return Ok(());
            }
            self.refusals.push(Refusal::NoIndex(file));
            return Err(Fatal);
        };
        self.trace.push(Event::Search(file, round));
        let mut passed = vec![false; index.len()];
        loop {
            let mut again = false;
            let mut last = None;
            for (number, (name, member)) in index.iter().enumerate() {
                if passed[number] {
                    continue;
                }
                if last == Some(*member) {
                    passed[number] = true;
                    continue;
                }
                let Some(id) = self.lookup(*name) else { continue };
                let entry = *self.table.get(id);
                let because = match entry.kind {
                    Kind::Undefined if entry.discarded => continue,
                    Kind::Undefined => match entry.owner {
                        Some(file) => Because::Reference { file, name: entry.key.name },
                        None => Because::Option(entry.key.name),
                    },
                    Kind::Common if self.defines_data(archive.members[*member as usize], *name) => match entry.owner {
                        Some(file) => Because::Common { file, name: entry.key.name },
                        None => continue,
                    },
                    Kind::Common | Kind::UndefinedWeak => continue,
                    _ => {
                        passed[number] = true;
                        continue;
                    }
                };
                let before = self.table.listed();
                self.member(archive.members[*member as usize], because)?;
                again |= self.table.listed() != before;
                let mut mark = number;
                loop {
                    passed[mark] = true;
                    if mark == 0 {
                        break;
                    }
                    mark -= 1;
                    if index[mark].1 != *member {
                        break;
                    }
                }
                last = Some(*member);
            }
            if !again {
                return Ok(());
            }
        }
    }

    /// `_bfd_elf_archive_symbol_lookup`: a default version in an archive answers to the plain name too.
    fn lookup(&self, name: Name) -> Option<EntryId> {
        let names = &self.program.names;
        let text = names.bytes(name);
        let Some(at) = text.iter().position(|byte| *byte == b'@') else {
            return self.table.find(Key::plain(name)).map(|id| self.table.real(id));
        };
        let default = text.get(at + 1) == Some(&b'@');
        let stem = names.get(&text[..at])?;
        let version = names.get(&text[at + 1 + usize::from(default)..]);
        let versioned = |default| version.map(|version| Key { name: stem, version: Some(version), default });
        let find = |key: Option<Key>| key.and_then(|key| self.table.find(key));
        let found = find(versioned(default));
        let found = if default {
            found.or_else(|| find(versioned(false))).or_else(|| find(Some(Key::plain(stem))))
        } else {
            found
        };
        found.map(|id| self.table.real(id))
    }

    /// `elf_link_is_defined_archive_symbol`: a common symbol brings in a member that defines it as data, strongly.
    fn defines_data(&self, member: FileId, name: Name) -> bool {
        let Content::Object(object) = &self.program.files[member.0 as usize].content else { return false };
        let first = object.globals().find(|(_, symbol)| symbol.name == name);
        first.is_some_and(|(_, symbol)| {
            symbol.binding == Binding::Global
                && !is_function(symbol.kind)
                && !matches!(symbol.definition, Definition::Undefined | Definition::Common { .. })
        })
    }

    /// Groups and `.gnu.linkonce` sections of which another file has one already go (`_bfd_elf_section_already_linked`).
    fn discard_groups(&mut self, file: FileId, object: &Object) {
        if self.program.options.output == Output::Relocatable {
            return;
        }
        let mut gone: Vec<bool> = Vec::new();
        for group in object.groups.iter().filter(|group| group.comdat) {
            let kept = *self.groups.entry(group.signature).or_insert(file);
            if kept != file {
                gone.resize(object.sections.len(), false);
                for section in &group.sections {
                    if let Some(gone) = gone.get_mut(*section as usize) {
                        *gone = true;
                    }
                }
            }
        }
        for (index, section) in object.sections.iter().enumerate() {
            if section.group.is_none()
                && self.program.names.bytes(section.name).starts_with(b".gnu.linkonce.")
                && *self.groups.entry(section.name).or_insert(file) != file
            {
                gone.resize(object.sections.len(), false);
                gone[index] = true;
            }
        }
        if !gone.is_empty() {
            self.discarded.insert(file, gone);
        }
    }

    fn object(&mut self, file: FileId, object: &Object) -> Result<(), Fatal> {
        if object.lto == crate::model::input::Lto::Slim {
            self.bitcode(file)?;
        }
        self.discard_groups(file, object);
        self.objects.push(file);
        let no_export = self.no_export(file);
        let mut entries = Vec::with_capacity(object.symbols.len().saturating_sub(object.first_global as usize));
        let mut nondefault = Vec::new();
        for (_, symbol) in object.globals() {
            let gone = match symbol.definition {
                Definition::Section(section) => {
                    self.discarded.get(&file).is_some_and(|gone| gone.get(section as usize) == Some(&true))
                }
                _ => false,
            };
            let incoming = incoming(file, symbol, gone, no_export);
            let id = self.regular(&incoming, gone)?;
            let key = incoming.key;
            if key.version.is_some() && !key.default && matches!(incoming.section, Section::Defined(_)) {
                nondefault.push(id);
            }
            entries.push(id);
        }
        self.symbols.insert(file, entries);
        if self.program.options.output != Output::Relocatable {
            self.join_versions(file, &nondefault);
        }
        Ok(())
    }

    /// `.symver f, f@V` beside `f`: relocations against `f` become ones against `f@V`.
    fn join_versions(&mut self, file: FileId, nondefault: &[EntryId]) {
        for id in nondefault {
            let versioned = *self.table.get(*id);
            if !versioned.is_defined() {
                continue;
            }
            let Some(plain) = self.table.find(Key::plain(versioned.key.name)) else { continue };
            let seen = *self.table.get(plain);
            if seen.kind == versioned.kind
                && seen.value == versioned.value
                && seen.place == versioned.place
                && seen.owner == versioned.owner
            {
                self.hide(plain);
                self.table.get_mut(plain).kind = Kind::Indirect(*id);
                self.copy_indirect(*id, plain);
                if let Some(entries) = self.symbols.get_mut(&file) {
                    entries.iter_mut().filter(|entry| **entry == plain).for_each(|entry| *entry = *id);
                }
            }
        }
    }

    /// `--exclude-libs`: what members of the archive define is hidden.
    fn no_export(&self, file: FileId) -> bool {
        let Some(archive) = self.program.files[file.0 as usize].archive else { return false };
        match &self.program.options.exclude_libs {
            ExcludeLibs::None => false,
            ExcludeLibs::All => true,
            ExcludeLibs::Named(names) => {
                let path = &self.program.files[archive.0 as usize].name;
                let base = path.rsplit('/').next().unwrap_or(path);
                names.iter().any(|name| name == base)
            }
        }
    }

    /// A symbol of a relocatable object.
    fn regular(&mut self, new: &Incoming, gone: bool) -> Result<EntryId, Fatal> {
        let merged = self.merge(new, None)?;
        if merged.skip {
            return Ok(self.table.real(merged.entry));
        }
        let mut definition = matches!(new.section, Section::Defined(_));
        if merged.overridden.is_some() && merged.matched {
            definition = false;
        }
        let row = Row::of(merged.section, new.binding);
        let place = match merged.section {
            Section::Defined(place) => place,
            _ => Place::None,
        };
        let by = By { file: new.file, dynamic: false, place, value: new.value };
        self.enter(merged.entry, row, by, merged.value);
        let hi = merged.entry;
        let h = self.table.real(hi);
        if gone {
            self.table.get_mut(h).discarded = true;
        }
        {
            let weak = new.binding == Binding::Weak;
            let entry = self.table.get_mut(h);
            if definition {
                entry.def_regular = true;
                if entry.def_dynamic {
                    entry.def_dynamic = false;
                    entry.ref_dynamic = true;
                }
            } else {
                entry.ref_regular = true;
                if !weak {
                    entry.ref_regular_nonweak = true;
                }
            }
        }
        let seen = *self.table.get(h);
        let mut dynsym = !(h != hi && self.table.get(hi).forced_local)
            && (self.program.options.output == Output::Shared || seen.def_dynamic || seen.ref_dynamic);
        let mut old_owner = merged.old_owner;
        if definition || (merged.overridden.is_none() && seen.kind == Kind::Common) {
            self.add_default(new, h, &mut dynsym, &mut old_owner)?;
        }
        self.describe(h, new, definition, gone, merged.old_weak);
        if dynsym && !self.table.get(h).dynamic {
            self.make_dynamic(h);
        } else {
            self.hide_if_hidden(h);
        }
        Ok(h)
    }

    /// Size, type and visibility of the entry after a symbol was entered.
    fn describe(&mut self, h: EntryId, new: &Incoming, definition: bool, gone: bool, old_weak: bool) {
        let weak = new.binding == Binding::Weak;
        let entry = self.table.get_mut(h);
        let undefined = gone || new.section == Section::Undefined;
        if new.size != 0 && !undefined && entry.kind != Kind::Common && (definition || entry.size == 0) {
            entry.size = new.size;
        }
        if new.symbol_type != SymbolType::None
            && ((definition && !weak)
                || (old_weak && entry.kind == Kind::Common)
                || entry.symbol_type == SymbolType::None)
        {
            entry.symbol_type = match new.symbol_type {
                SymbolType::IFunc if new.dynamic => SymbolType::Function,
                other => other,
            };
        }
        if !new.dynamic {
            entry.visibility = entry.visibility.merge(new.visibility);
        }
    }

    /// A shared object: under `--as-needed` it is tried, and all it brought is undone if nobody to its left needed it.
    pub(super) fn shared_object(&mut self, load: LoadId) -> Result<(), Fatal> {
        let program = self.program;
        let Load { file, soname, class, .. } = self.loads[load.0 as usize];
        let Content::Shared(shared) = &program.files[file.0 as usize].content else { return Ok(()) };
        self.needed.extend(shared.needed.iter().map(|name| (*name, load)));
        if soname.is_some() && self.loaded.iter().any(|known| self.loads[known.0 as usize].soname == soname) {
            return Ok(());
        }
        let mut add_needed = !(class.as_needed || class.dt_needed || class.no_needed);
        if class.as_needed {
            self.table.begin();
        }
        for symbol in &shared.symbols {
            if symbol.binding == Binding::Local {
                continue;
            }
            let symbol_type = symbol.kind;
            let versioned =
                symbol.version.filter(|_| !(symbol.defined && symbol.absolute && !is_function(symbol_type)));
            let key = Key {
                name: symbol.name,
                version: versioned.map(|version| version.name),
                default: symbol.defined && versioned.is_some_and(|version| version.default),
            };
            let section = match (symbol.defined, symbol.absolute) {
                (false, _) => Section::Undefined,
                (true, true) => Section::Defined(Place::Absolute),
                (true, false) => Section::Defined(Place::Shared { bss: symbol.in_bss }),
            };
            let new = Incoming {
                file,
                dynamic: true,
                key,
                section,
                value: symbol.value,
                size: symbol.size,
                binding: symbol.binding,
                symbol_type,
                visibility: symbol.visibility,
            };
            self.of_shared(&new, load, &mut add_needed)?;
        }
        if self.loads[load.0 as usize].class.as_needed {
            self.table.undo();
            self.trace.push(Event::Drop(file));
            // The list of what it needs stays, and counts only once it is loaded itself.
            return Ok(());
        }
        self.table.keep();
        if add_needed {
            self.loaded.push(load);
        } else if self.loads[load.0 as usize].class.dt_needed {
            self.loads[load.0 as usize].class.no_needed = true;
        }
        Ok(())
    }

    fn of_shared(&mut self, new: &Incoming, load: LoadId, add_needed: &mut bool) -> Result<(), Fatal> {
        let merged = self.merge(new, None)?;
        if merged.skip {
            return Ok(());
        }
        let mut definition = matches!(new.section, Section::Defined(_));
        if merged.overridden.is_some() && merged.matched {
            definition = false;
        }
        let row = Row::of(merged.section, new.binding);
        let place = match merged.section {
            Section::Defined(place) => place,
            _ => Place::None,
        };
        let owner = merged.overridden.unwrap_or(new.file);
        let by = By { file: owner, dynamic: owner == new.file, place, value: new.value };
        self.enter(merged.entry, row, by, merged.value);
        let hi = merged.entry;
        let h = self.table.real(hi);
        for id in [h, hi] {
            let entry = self.table.get_mut(id);
            if definition {
                entry.def_dynamic = true;
            } else {
                entry.ref_dynamic = true;
            }
        }
        let seen = *self.table.get(h);
        let mut dynsym = !(h != hi && self.table.get(hi).forced_local) && (seen.def_regular || seen.ref_regular);
        let mut old_owner = merged.old_owner;
        let hidden_name = hi != h && self.table.get(hi).versioned == super::table::Versioned::Hidden;
        if (definition || (merged.overridden.is_none() && seen.kind == Kind::Common)) && !hidden_name {
            self.add_default(new, h, &mut dynsym, &mut old_owner)?;
        }
        self.describe(h, new, definition, false, merged.old_weak);
        if dynsym && !self.table.get(h).dynamic {
            self.make_dynamic(h);
        } else if self.hide_if_hidden(h) {
            dynsym = false;
        }
        let seen = *self.table.get(h);
        if *add_needed || !merged.matched || !definition || matches!(seen.kind, Kind::Indirect(_)) {
            return Ok(());
        }
        let Load { soname, class, file, .. } = self.loads[load.0 as usize];
        let by_regular = dynsym && seen.ref_regular_nonweak;
        let by_shared = seen.ref_dynamic_nonweak && class.as_needed && !self.on_needed_list(soname, self.needed.len());
        if !by_regular && !by_shared {
            return Ok(());
        }
        if old_owner.is_some() && class.no_needed {
            self.dso_missing.push(crate::model::outcome::DsoMissing { name: new.key.name, shared: file });
            return Err(Fatal);
        }
        let because = old_owner.map(|owner| (owner, new.key.name));
        let because_event = match because {
            Some((file, name)) => Because::Reference { file, name },
            None => Because::Option(new.key.name),
        };
        self.trace.push(Event::Keep(file, because_event));
        let load = &mut self.loads[load.0 as usize];
        load.class.as_needed = false;
        load.because = because;
        *add_needed = true;
        Ok(())
    }

    /// `on_needed_list`: a library that will be loaded needs this soname itself, so that it comes in anyway.
    fn on_needed_list(&self, soname: Option<Name>, before: usize) -> bool {
        let Some(soname) = soname else { return false };
        (0..before).any(|index| {
            let (name, by) = self.needed[index];
            let by = self.loads[by.0 as usize];
            name == soname && (!by.class.as_needed || self.on_needed_list(by.soname, index))
        })
    }
}

fn incoming(file: FileId, symbol: &Symbol, gone: bool, no_export: bool) -> Incoming {
    let section = match symbol.definition {
        Definition::Undefined => Section::Undefined,
        _ if gone => Section::Undefined,
        Definition::Common { .. } => Section::Common,
        Definition::Absolute => Section::Defined(Place::Absolute),
        Definition::Section(section) => Section::Defined(Place::Section(section)),
    };
    let size = match symbol.definition {
        Definition::Common { size, .. } => size,
        _ => symbol.size,
    };
    let hides = no_export && section != Section::Undefined && symbol.visibility != Visibility::Internal;
    Incoming {
        file,
        dynamic: false,
        key: Key {
            name: symbol.name,
            version: symbol.version.map(|version| version.name),
            default: symbol.version.is_some_and(|version| version.default),
        },
        section,
        // What ELF calls the size of a common symbol is its value here.
        value: if section == Section::Common { size } else { symbol.value },
        size,
        binding: symbol.binding,
        symbol_type: symbol.kind,
        visibility: if hides { Visibility::Hidden } else { symbol.visibility },
    }
}
