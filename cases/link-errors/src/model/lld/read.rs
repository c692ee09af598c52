//! How lld reads files: objects, members that wait, shared objects (lld/ELF/InputFiles.cpp).

use super::link::{Link, SharedFile, Waiting};
use super::resolve::{Called, Incoming};
use super::table::{Instance, Kind};
use crate::model::input::{
    Archive, Binding, Content, Definition, FileId, Input, Object, Output, Shared, Symbol, Unusable, Version,
};
use crate::model::liveness::EXCLUDE;
use crate::model::names::Name;
use crate::model::outcome::{Because, Event, Extraction, Refusal, Unknown};

/// Where the parsing of an object stands: a member that has to be taken is parsed in between.
struct Frame {
    instance: Instance,
    /// True while the symbols of a waiting member are entered.
    lazy: bool,
    /// Definitions first, then references.
    references: bool,
    next: u32,
}

impl Link<'_> {
    fn wait(&mut self, file: FileId, lazy: bool, addresses_only: bool) -> Instance {
        let instance = Instance(self.instances.len() as u32);
        self.instances.push(Waiting { file, lazy, addresses_only, symbols: Vec::new(), discarded: Vec::new() });
        instance
    }

    /// All members of an archive wait. Up to LLVM 14 its index says for which symbols, from 15 on their own symbol tables do (D119909).
    pub(super) fn archive(&mut self, archive: &Archive) {
        let index = match &archive.index {
            Some(index) if self.old => index,
            // Up to 14 without one they are a group of objects that wait (`LazyObject`).
            _ => {
                for member in &archive.members {
                    self.object(*member, true, false);
                }
                return;
            }
        };
        let first = self.instances.len() as u32;
        for member in &archive.members {
            self.wait(*member, true, false);
        }
        self.parsing = Some(first);
        for (name, member) in index {
            if *member as usize >= archive.members.len() {
                continue;
            }
            let instance = Instance(first + *member);
            let (stem, version) = self.split(*name);
            let id = self.table.insert(stem, version);
            if let Some((member, because)) = self.lazy(id, instance, self.instances[instance.0 as usize].file, version)
            {
                self.extract(member, because);
            }
        }
        self.parsing = None;
    }

    fn split(&self, name: Name) -> (Name, Option<Version>) {
        let names = &self.program.names;
        let text = names.bytes(name);
        let Some(at) = text.iter().position(|byte| *byte == b'@') else { return (name, None) };
        let default = text.get(at + 1) == Some(&b'@');
        match (names.get(&text[..at]), names.get(&text[at + 1 + usize::from(default)..])) {
            (Some(stem), Some(version)) => (stem, Some(Version { name: version, default })),
            _ => (name, None),
        }
    }

    /// An object on the line, or one that waits.
    pub(super) fn object(&mut self, file: FileId, lazy: bool, addresses_only: bool) {
        let instance = self.wait(file, lazy, addresses_only);
        match &self.program.files[file.0 as usize].content {
            Content::Object(object) => {
                if lazy {
                    for (_, symbol) in object.globals().filter(|(_, symbol)| self.old && !symbol.is_undefined()) {
                        self.table.insert(symbol.name, symbol.version);
                    }
                } else {
                    self.begin(instance, object);
                }
                self.parse(Frame { instance, lazy, references: false, next: object.first_global });
            }
            Content::Unusable(Unusable::Bitcode(_)) => self.bitcode(file),
            // "archive member is neither ET_REL nor LLVM bitcode" is a warning.
            _ if lazy => {}
            _ => self.refusals.push(Refusal::File(file)),
        }
    }

    pub(super) fn extract(&mut self, member: Instance, because: Because) {
        if let Some(frame) = self.taken(member, because) {
            self.parse(frame);
        }
    }

    /// `Symbol::extract`: a member that waits becomes part of the link.
    fn taken(&mut self, member: Instance, because: Because) -> Option<Frame> {
        let waiting = self.instances.get_mut(member.0 as usize)?;
        if !waiting.lazy {
            return None;
        }
        waiting.lazy = false;
        let file = waiting.file;
        self.extracted.push(Extraction { member: file, because });
        self.trace.push(Event::Extract(file, because));
        match &self.program.files[file.0 as usize].content {
            Content::Object(object) => {
                self.begin(member, object);
                Some(Frame { instance: member, lazy: false, references: false, next: object.first_global })
            }
            Content::Unusable(Unusable::Bitcode(_)) => None,
            _ => {
                self.refusals.push(Refusal::File(file));
                None
            }
        }
    }

    /// `ObjFile::parse`: which of its sections take part, then its names.
    fn begin(&mut self, instance: Instance, object: &Object) {
        self.objects.push(instance);
        let mut gone: Vec<bool> = Vec::new();
        let mut discard = |section: u32| {
            gone.resize(object.sections.len(), false);
            if let Some(gone) = gone.get_mut(section as usize) {
                *gone = true;
            }
        };
        for group in object.groups.iter().filter(|group| group.comdat) {
            if *self.groups.entry(group.signature).or_insert(instance) != instance {
                group.sections.iter().for_each(|section| discard(*section));
            }
        }
        if self.program.options.output != Output::Relocatable {
            let excluded = object.sections.iter().enumerate().filter(|(_, section)| section.flags & EXCLUDE != 0);
            excluded.for_each(|(index, _)| discard(index as u32));
        }
        let symbols = object.globals().map(|(_, symbol)| self.table.insert(symbol.name, symbol.version)).collect();
        let waiting = &mut self.instances[instance.0 as usize];
        waiting.discarded = gone;
        waiting.symbols = symbols;
    }

    /// Enters the symbols of an object, and of all members that have to be taken on the way.
    fn parse(&mut self, first: Frame) {
        let program = self.program;
        let mut stack = vec![first];
        while let Some(frame) = stack.last_mut() {
            let instance = frame.instance;
            let waiting = &self.instances[instance.0 as usize];
            let file = waiting.file;
            let Content::Object(object) = &program.files[file.0 as usize].content else {
                stack.pop();
                continue;
            };
            if frame.lazy && !waiting.lazy {
                // Taken while its symbols were entered: there is nothing left to wait for.
                stack.pop();
                continue;
            }
            let Some(symbol) = object.symbols.get(frame.next as usize) else {
                if frame.lazy || frame.references {
                    stack.pop();
                } else {
                    frame.references = true;
                    frame.next = object.first_global;
                }
                continue;
            };
            frame.next += 1;
            let (lazy, references) = (frame.lazy, frame.references);
            if symbol.is_undefined() != references {
                continue;
            }
            let take = self.enter(instance, file, symbol, lazy);
            if let Some(frame) = take.and_then(|(member, because)| self.taken(member, because)) {
                stack.push(frame);
            }
        }
    }

    /// One symbol of an object (`ObjFile::initializeSymbols`, `ObjFile::parseLazy`).
    fn enter(&mut self, instance: Instance, file: FileId, symbol: &Symbol, lazy: bool) -> Option<(Instance, Because)> {
        let id = self.table.insert(symbol.name, symbol.version);
        if lazy {
            return self.lazy(id, instance, file, symbol.version);
        }
        let new = Incoming {
            file: Some(file),
            instance: Some(instance),
            from_shared: false,
            binding: symbol.binding,
            symbol_type: symbol.kind,
            visibility: symbol.visibility,
            called: Called::AsBefore,
        };
        self.table.get_mut(id).used = true;
        let section = match symbol.definition {
            Definition::Undefined => {
                let take = self.undefined(id, &new, false);
                self.table.get_mut(id).referenced = true;
                return take;
            }
            Definition::Common { size, .. } => {
                self.common(id, &new, size);
                return None;
            }
            Definition::Absolute => None,
            Definition::Section(section) => Some(section),
        };
        if self.old && section.is_some_and(|section| self.is_gone(instance, section)) {
            // It is a reference. What waits in the file that is read just now waits for nothing.
            if self.is_half_read(id) {
                self.overwrite(id, &new, Kind::Undefined { discarded: true });
                return None;
            }
            return self.undefined(id, &new, true);
        }
        let section = section.filter(|_| !self.instances[instance.0 as usize].addresses_only);
        self.defined(id, &new, section, symbol.value);
        None
    }

    fn is_half_read(&self, id: super::table::SymbolId) -> bool {
        let Kind::Lazy(member) = self.table.get(id).kind else { return false };
        match self.parsing {
            Some(first) if member.0 >= first => true,
            // An object that waited for itself and is taken; members of archives with an index are known by the archive.
            _ => {
                let waiting = &self.instances[member.0 as usize];
                !waiting.lazy && !self.is_archived(waiting.file)
            }
        }
    }

    /// It is a member of an archive with an index.
    pub(super) fn is_archived(&self, file: FileId) -> bool {
        let archive =
            self.program.files[file.0 as usize].archive.map(|archive| &self.program.files[archive.0 as usize]);
        archive.is_some_and(|archive| matches!(&archive.content, Content::Archive(archive) if archive.index.is_some()))
    }

    /// `SharedFile::parse`
    pub(super) fn shared_file(&mut self, file: FileId, shared: &Shared, input: &Input) {
        let Some(soname) = shared.soname.or(input.written) else {
            let what = "a shared object without a name".to_owned();
            return self.unknown.push(Unknown { what, file: Some(file) });
        };
        let needed = !input.as_needed;
        if let Some(known) = self.sonames.get(&soname).and_then(|index| self.shared.get_mut(*index as usize)) {
            known.needed |= needed;
            return;
        }
        let library = self.shared.len() as u32;
        self.sonames.insert(soname, library);
        self.shared.push(SharedFile { file, soname, needed, because: None });
        let (_, in_shared) = self.reports();
        for symbol in &shared.symbols {
            if symbol.binding == Binding::Local || (symbol.defined && symbol.version_local) {
                continue;
            }
            let new = Incoming {
                file: Some(file),
                instance: None,
                from_shared: true,
                binding: symbol.binding,
                symbol_type: symbol.kind,
                visibility: symbol.visibility,
                called: Called::With(None),
            };
            let version = symbol.version.map(|version| Version { default: false, ..version });
            let versioned = Incoming { called: Called::With(version), ..new };
            if !symbol.defined {
                let id = self.table.insert(symbol.name, version);
                if let Some((member, because)) = self.undefined(id, &versioned, false) {
                    self.extract(member, because);
                }
                let entry = self.table.get_mut(id);
                entry.export_dynamic = true;
                // Up to LLVM 17 it asks only for what is undefined here and now.
                let asks = self.version >= 18 || entry.is_undefined();
                if asks && symbol.binding != Binding::Weak && in_shared {
                    self.required.push((library, id));
                }
                continue;
            }
            if symbol.version.is_none_or(|version| version.default) {
                let id = self.table.insert(symbol.name, None);
                self.shared_symbol(id, &new, symbol.size, library);
            }
            if version.is_some() {
                let id = self.table.insert(symbol.name, version);
                self.shared_symbol(id, &versioned, symbol.size, library);
            }
        }
    }
}
