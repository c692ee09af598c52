//! Opening files in the order of the line, and their symbols one by one (`open_input_bfds` in ld/ldlang.c;
//! `elf_link_add_object_symbols` in bfd/elflink.c).

use std::collections::HashMap;

use super::add::{By, Row};
use super::archive::Opened;
use super::link::{Bfd, Class, Fatal, Link, Load, LoadId};
use super::merge::{Incoming, Section, is_function};
use super::table::{BfdId, EntryId, Key, Kind, Owner, Place, Versioned};
use crate::model::input::{
    Binding, Content, Definition, FileId, Input, Object, Output, Symbol, SymbolType, Unusable, Visibility,
};
use crate::model::names::Name;
use crate::model::outcome::{Because, Event, Refusal, Unknown};

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
            // Where a file was missing, the end of a group ends the link, though nothing be in it.
            let behind = |group: &u32| at > 0 && (inputs[at - 1].argument..inputs[at].argument).contains(group);
            if self.missing_file && self.program.empty_groups.iter().any(behind) {
                return Err(Fatal);
            }
            self.define_symbols(defined_to, inputs[at].argument);
            defined_to = inputs[at].argument;
            if inputs[at].group.is_none() {
                self.open(at)?;
            } else {
                let mut archives: Vec<Option<Opened>> = Vec::new();
                let mut round = 0;
                loop {
                    let before = self.table.listed();
                    for index in at..end {
                        if round == 0 {
                            let opened = self.open(index)?;
                            archives.push(opened);
                        } else {
                            self.again(index, round, &mut archives[index - at])?;
                        }
                    }
                    if self.missing_file {
                        return Err(Fatal);
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
        if self.missing_file { Err(Fatal) } else { Ok(()) }
    }

    fn open(&mut self, index: usize) -> Result<Option<Opened>, Fatal> {
        let program = self.program;
        let input = &program.inputs[index];
        let file = input.file;
        self.trace.push(Event::Open(file));
        match &program.files[file.0 as usize].content {
            Content::Object(object) => self.object(file, object)?,
            Content::Archive(archive) if input.whole_archive => self.whole_archive(archive)?,
            Content::Archive(archive) => {
                let mut opened = Opened::new(file, archive);
                self.archive(&mut opened, archive, 0)?;
                return Ok(Some(opened));
            }
            Content::Shared(shared) => {
                if program.options.output == Output::Relocatable {
                    self.refusals.push(Refusal::File(file));
                    return Err(Fatal);
                }
                let class = Class { as_needed: input.as_needed, no_add_needed: !input.copy_needed, ..Class::default() };
                let soname = shared.soname.or(input.written);
                if soname.is_none() {
                    let what = "a shared object without a name".to_owned();
                    self.unknown.push(Unknown { what, file: Some(file) });
                }
                let load = self.load(file, soname, class, Some(index));
                self.opened[index] = Some(load);
                self.shared_object(load)?;
            }
            Content::Unusable(Unusable::Missing) => {
                self.refusals.push(Refusal::File(file));
                self.missing_file = true;
            }
            Content::Unusable(Unusable::Bitcode(_)) => self.bitcode(file)?,
            Content::Unusable(_) => {
                self.refusals.push(Refusal::File(file));
                return Err(Fatal);
            }
        }
        Ok(None)
    }

    /// A further round of a group: archives are searched, and libraries that were dropped are tried.
    fn again(&mut self, index: usize, round: u32, opened: &mut Option<Opened>) -> Result<(), Fatal> {
        let program = self.program;
        let Input { file, as_needed, .. } = program.inputs[index];
        match (&program.files[file.0 as usize].content, opened) {
            (Content::Archive(archive), Some(opened)) => self.archive(opened, archive, round),
            (Content::Shared(_), _) => match self.opened[index] {
                Some(load) if as_needed && self.loads[load.0 as usize].class.as_needed => self.shared_object(load),
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }

    /// Opens a file (`bfd_openr`).
    pub(super) fn bfd(&mut self, file: FileId, dynamic: bool) -> BfdId {
        self.bfds.push(Bfd { file, dynamic, symbols: Vec::new(), gone: Vec::new() });
        BfdId(self.bfds.len() as u32 - 1)
    }

    pub(super) fn load(&mut self, file: FileId, soname: Option<Name>, class: Class, input: Option<usize>) -> LoadId {
        let bfd = self.bfd(file, true);
        self.loads.push(Load { file, bfd, soname, class, input, because: None });
        LoadId(self.loads.len() as u32 - 1)
    }

    pub(super) fn bitcode(&mut self, file: FileId) -> Result<(), Fatal> {
        if self.program.options.lto_plugin {
            let what = "code for a link-time optimiser: its symbols are known to the plugin only".to_owned();
            self.unknown.push(Unknown { what, file: Some(file) });
            return Ok(());
        }
        self.refusals.push(Refusal::File(file));
        Err(Fatal)
    }

    /// Groups and `.gnu.linkonce` sections of which another file has one already go (`_bfd_elf_section_already_linked`).
    fn discard_groups(&mut self, bfd: BfdId, object: &Object) {
        let names = &self.program.names;
        let mut gone: Vec<bool> = Vec::new();
        for (index, group) in object.groups.iter().enumerate().filter(|(_, group)| group.comdat) {
            let single = group.sections.len() == 1;
            if *self.groups.entry(group.signature).or_insert((bfd, index)) != (bfd, index) {
                gone.resize(object.sections.len(), false);
                for section in &group.sections {
                    if let Some(gone) = gone.get_mut(*section as usize) {
                        *gone = true;
                    }
                }
            } else if single && self.once.contains_key(names.bytes(group.signature)) {
                // It goes where the two sections define the same symbols.
                let what = "a .gnu.linkonce section and a section group of one name".to_owned();
                self.unknown.push(Unknown { what, file: Some(self.file(bfd)) });
            }
        }
        for (index, section) in object.sections.iter().enumerate() {
            let Some(rest) = names.bytes(section.name).strip_prefix(b".gnu.linkonce.") else { continue };
            if section.group.is_some() {
                continue;
            }
            let key = rest.iter().position(|byte| *byte == b'.').map_or(&[][..], |at| &rest[at + 1..]);
            let same = self.once.get(key).and_then(|known| known.iter().find(|(name, _)| *name == section.name));
            let kept = match same {
                Some((_, first)) => *first == (bfd, index),
                None => {
                    let grouped = names.get(key).is_some_and(|key| self.groups.contains_key(&key));
                    if grouped {
                        let what = "a .gnu.linkonce section and a section group of one name".to_owned();
                        self.unknown.push(Unknown { what, file: Some(self.file(bfd)) });
                    }
                    let known = self.once.entry(key.to_vec()).or_default();
                    // What goes with the code another file has is not kept: `.gnu.linkonce.r.F` beside `.gnu.linkonce.t.F`.
                    let code = |name: Name| names.bytes(name).starts_with(b".gnu.linkonce.t.");
                    let orphan = rest.starts_with(b"r.")
                        && known.iter().find(|(name, _)| code(*name)).is_some_and(|(_, (first, _))| *first != bfd);
                    known.push((section.name, (bfd, index)));
                    !orphan
                }
            };
            if !kept {
                gone.resize(object.sections.len(), false);
                gone[index] = true;
            }
        }
        self.bfds[bfd.0 as usize].gone = gone;
    }

    pub(super) fn object(&mut self, file: FileId, object: &Object) -> Result<(), Fatal> {
        if object.lto == crate::model::input::Lto::Slim {
            self.bitcode(file)?;
        }
        let bfd = self.bfd(file, false);
        self.discard_groups(bfd, object);
        self.objects.push(bfd);
        if matches!(self.program.options.output, Output::Shared | Output::Pie | Output::StaticPie) {
            self.create_dynamic(bfd);
        }
        let no_export = self.no_export(file);
        let mut entries = Vec::with_capacity(object.symbols.len().saturating_sub(object.first_global as usize));
        let mut nondefault = Vec::new();
        for (_, symbol) in object.globals() {
            let gone = match symbol.definition {
                Definition::Section(section) => self.is_gone(bfd, section),
                _ => false,
            };
            let incoming = incoming(Owner { bfd, dynamic: false }, symbol, gone, no_export);
            let (id, passed) = self.regular(&incoming, gone)?;
            let key = incoming.key;
            let hidden = key.version.is_some() && !key.default && matches!(incoming.section, Section::Defined(_));
            if hidden && !passed {
                nondefault.push(id);
            }
            entries.push(id);
        }
        self.bfds[bfd.0 as usize].symbols = entries;
        if self.program.options.output != Output::Relocatable {
            self.join_versions(bfd, &nondefault);
        }
        Ok(())
    }

    /// `.symver f, f@V` beside `f`: relocations against `f` become ones against `f@V`.
    fn join_versions(&mut self, bfd: BfdId, nondefault: &[EntryId]) {
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
                let entries = &mut self.bfds[bfd.0 as usize].symbols;
                if let Some(entry) = entries.iter_mut().find(|entry| **entry == plain) {
                    *entry = *id;
                }
            }
        }
    }

    /// A symbol of a relocatable object: its entry, and whether it was passed over.
    fn regular(&mut self, new: &Incoming, gone: bool) -> Result<(EntryId, bool), Fatal> {
        let merged = self.merge(new, None)?;
        if merged.skip {
            return Ok((merged.entry, true));
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
        let by = By { owner: new.owner, place, value: new.value };
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
        let hidden_name = hi != h && self.table.get(hi).versioned == Versioned::Hidden;
        if (definition || (merged.overridden.is_none() && seen.kind == Kind::Common)) && !hidden_name {
            self.add_default(new, h, &mut dynsym, &mut old_owner)?;
        }
        self.describe(h, new, definition, gone, merged.old_weak);
        if dynsym && !self.table.get(h).dynamic {
            self.make_dynamic(h);
        } else {
            self.hide_if_hidden(h);
        }
        Ok((h, false))
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
                SymbolType::IFunc if new.dynamic() => SymbolType::Function,
                other => other,
            };
        }
        if !new.dynamic() {
            entry.visibility = entry.visibility.merge(new.visibility);
        }
    }

    /// A shared object: under `--as-needed` it is tried, and all it brought is undone if nobody to its left needed it.
    pub(super) fn shared_object(&mut self, load: LoadId) -> Result<(), Fatal> {
        let program = self.program;
        let Load { file, bfd, soname, class, .. } = self.loads[load.0 as usize];
        let Content::Shared(shared) = &program.files[file.0 as usize].content else { return Ok(()) };
        self.needed.extend(shared.needed.iter().map(|name| (*name, load)));
        if soname.is_some() && self.loaded.iter().any(|known| self.loads[known.0 as usize].soname == soname) {
            return Ok(());
        }
        let mut add_needed = !(class.as_needed || class.dt_needed || class.no_needed);
        if add_needed {
            self.create_dynamic(bfd);
        }
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
                owner: Owner { bfd, dynamic: true },
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
        let by = By { owner: merged.overridden.unwrap_or(new.owner), place, value: new.value };
        let real = self.table.real(merged.entry);
        if definition && new.key.version.is_some() && self.table.get(real).versioned != Versioned::Not {
            self.table.get_mut(real).has_version = true;
        }
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
        let hidden_name = hi != h && self.table.get(hi).versioned == Versioned::Hidden;
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
        let by_shared = seen.ref_dynamic_nonweak
            && class.as_needed
            && !self.on_needed_list(soname, self.needed.len(), &mut HashMap::new());
        if !by_regular && !by_shared {
            return Ok(());
        }
        if old_owner.is_some() && class.no_needed {
            self.dso_missing.push(crate::model::outcome::DsoMissing { name: new.key.name, shared: file });
            return Err(Fatal);
        }
        let because = old_owner.map(|owner| (self.file(owner.bfd), new.key.name));
        let because_event = match because {
            Some((file, name)) => Because::Reference { file, name },
            None => Because::Option(new.key.name),
        };
        self.trace.push(Event::Keep(file, because_event));
        let load = &mut self.loads[load.0 as usize];
        load.class.as_needed = false;
        load.because = because;
        *add_needed = true;
        self.create_dynamic(new.owner.bfd);
        Ok(())
    }

    /// `on_needed_list`: a library that will be loaded needs this soname itself, so that it comes in anyway.
    fn on_needed_list(&self, soname: Option<Name>, before: usize, known: &mut HashMap<(Name, usize), bool>) -> bool {
        let Some(soname) = soname else { return false };
        if let Some(known) = known.get(&(soname, before)) {
            return *known;
        }
        let found = (0..before).any(|index| {
            let (name, by) = self.needed[index];
            let by = self.loads[by.0 as usize];
            name == soname && (!by.class.as_needed || self.on_needed_list(by.soname, index, known))
        });
        known.insert((soname, before), found);
        found
    }
}

fn incoming(owner: Owner, symbol: &Symbol, gone: bool, no_export: bool) -> Incoming {
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
        owner,
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
