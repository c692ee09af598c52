//! A whole link by lld (`LinkerDriver::link`, lld/ELF/Driver.cpp), up to the point where all names are resolved.

use std::collections::HashMap;

use super::resolve::Incoming;
use super::table::{Instance, Kind, SymbolId, Table};
use crate::model::input::{
    Archive, Binding, Content, Definition, FileId, Object, Output, Program, Shared, SymbolType, Unusable, Visibility,
};
use crate::model::names::{Fast, Name};
use crate::model::outcome::{Because, Duplicate, Event, Extraction, Linker, Outcome, Refusal, Undefined, Unknown};

/// An object on the line, or a member that waits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiting {
    pub(super) file: FileId,
    pub(super) lazy: bool,
}

/// A shared object, once for each soname.
#[derive(Clone, Copy, Debug)]
pub(super) struct SharedFile {
    pub(super) file: FileId,
    pub(super) soname: Name,
    pub(super) needed: bool,
    /// It was asked for by standing on the line without `--as-needed`.
    pub(super) by_line: bool,
    pub(super) because: Option<(FileId, Name)>,
}

/// Where the parsing of an object stands: a member that has to be taken is parsed in between.
struct Frame {
    instance: Instance,
    /// True while the symbols of a waiting member are entered.
    lazy: bool,
    /// Definitions first, then references.
    references: bool,
    next: u32,
}

/// The state of the link.
pub(super) struct Link<'p> {
    pub(super) program: &'p Program,
    pub(super) version: u16,
    pub(super) table: Table,
    pub(super) instances: Vec<Waiting>,
    /// Objects of the link in order.
    pub(super) objects: Vec<Instance>,
    /// Symbols of each object from the first global one.
    pub(super) symbols: HashMap<Instance, Vec<SymbolId>, Fast>,
    pub(super) discarded: HashMap<Instance, Vec<bool>, Fast>,
    groups: HashMap<Name, Instance, Fast>,
    pub(super) shared: Vec<SharedFile>,
    /// What shared objects ask for strongly.
    pub(super) required: Vec<(usize, SymbolId)>,
    pub(super) fortran_common: bool,
    pub(super) exports: bool,
    pub(super) duplicates: Vec<Duplicate>,
    pub(super) refusals: Vec<Refusal>,
    pub(super) undefined: Vec<Undefined>,
    pub(super) extracted: Vec<Extraction>,
    pub(super) unknown: Vec<Unknown>,
    pub(super) trace: Vec<Event>,
}

/// What lld makes of the link.
pub(in crate::model) fn simulate(program: &Program, linker: Linker) -> Outcome {
    let options = &program.options;
    let version = linker.version.0;
    let mut link = Link {
        program,
        version,
        table: Table::default(),
        instances: Vec::new(),
        objects: Vec::new(),
        symbols: HashMap::default(),
        discarded: HashMap::default(),
        groups: HashMap::default(),
        shared: Vec::new(),
        required: Vec::new(),
        // Off from LLVM 15 on (D122450).
        fortran_common: options.fortran_common.unwrap_or(version < 15),
        exports: options.output == Output::Shared || options.export_dynamic,
        duplicates: Vec::new(),
        refusals: Vec::new(),
        undefined: Vec::new(),
        extracted: Vec::new(),
        unknown: Vec::new(),
        trace: Vec::new(),
    };
    link.run();
    link.outcome(linker)
}

impl Link<'_> {
    fn run(&mut self) {
        let program = self.program;
        let options = &program.options;
        if !self.files_are_usable() {
            return;
        }
        for name in options.undefined.iter().chain(&options.require_defined) {
            let id = self.ask(*name, Binding::Global);
            self.table.get_mut(id).referenced = true;
        }
        for index in 0..program.inputs.len() {
            self.open(index);
        }
        let entry = options.entry.or_else(|| program.names.get(b"_start"));
        let default_entry = options.output.is_executable() || options.entry.is_some();
        if let Some(id) = entry.filter(|_| default_entry).and_then(|name| self.table.find(name, None)) {
            self.force(id);
        }
        for name in options.defsym.iter().flat_map(|defsym| &defsym.reads) {
            let id = self.ask(*name, Binding::Global);
            let symbol = self.table.get_mut(id);
            symbol.used_in_object = true;
            symbol.referenced = true;
        }
        let wrapped = self.wrapped();
        self.check_objects();
        if !self.duplicates.is_empty() || !self.refusals.is_empty() {
            return;
        }
        self.finish(&wrapped);
    }

    /// Files that cannot be read end the link before anything is resolved (`LinkerDriver::linkerMain`).
    fn files_are_usable(&mut self) -> bool {
        for input in &self.program.inputs {
            let file = input.file;
            match &self.program.files[file.0 as usize].content {
                Content::Unusable(Unusable::Bitcode(_)) => {
                    let what = "code for a link-time optimiser: lld compiles it, this model does not".to_owned();
                    self.unknown.push(Unknown { what, file: Some(file) });
                }
                Content::Unusable(_) => self.refusals.push(Refusal::File(file)),
                Content::Shared(_) if self.program.options.output == Output::Static => {
                    self.refusals.push(Refusal::File(file));
                }
                _ => {}
            }
        }
        self.refusals.is_empty()
    }

    /// `addUnusedUndefined`: an option asks for a symbol.
    fn ask(&mut self, name: Name, binding: Binding) -> SymbolId {
        let id = self.table.insert(name, None);
        let new = Incoming {
            file: None,
            instance: None,
            from_shared: false,
            binding,
            symbol_type: SymbolType::None,
            visibility: Visibility::Default,
        };
        if let Some((member, because)) = self.undefined(id, &new) {
            self.extract(member, because);
        }
        id
    }

    /// `handleUndefined`: a symbol is taken from its archive.
    fn force(&mut self, id: SymbolId) {
        let symbol = self.table.get_mut(id);
        symbol.used_in_object = true;
        if let Kind::Lazy(member) = symbol.kind {
            let because = Because::Option(symbol.name);
            self.extract(member, because);
        }
    }

    fn open(&mut self, index: usize) {
        let program = self.program;
        let input = &program.inputs[index];
        let file = input.file;
        self.trace.push(Event::Open(file));
        match &program.files[file.0 as usize].content {
            Content::Object(_) => self.object(file, false),
            Content::Archive(archive) if input.whole_archive => {
                for member in &archive.members {
                    let because = Because::Whole;
                    self.extracted.push(Extraction { member: *member, because });
                    self.trace.push(Event::Extract(*member, because));
                    self.object(*member, false);
                }
            }
            Content::Archive(archive) => self.archive(file, archive),
            // `createSharedFile` in `LinkerDriver::addFile`: a name of its own, else the one on the line.
            Content::Shared(shared) => {
                self.shared_file(file, shared, shared.soname.or(input.written), !input.as_needed);
            }
            Content::Unusable(_) => {}
        }
    }

    /// All members of an archive wait. Up to LLVM 14 its index said for which symbols, from 15 on their own symbol tables do (D119909).
    fn archive(&mut self, file: FileId, archive: &Archive) {
        if self.version >= 15 {
            for member in &archive.members {
                self.object(*member, true);
            }
            return;
        }
        let Some(index) = &archive.index else {
            if !archive.members.is_empty() {
                // "archive has no index; run ranlib": from LLVM 13 on it is read as if it had.
                for member in &archive.members {
                    self.object(*member, true);
                }
            }
            return;
        };
        let _ = file;
        let instances: Vec<Instance> = archive
            .members
            .iter()
            .map(|member| {
                self.instances.push(Waiting { file: *member, lazy: true });
                Instance(self.instances.len() as u32 - 1)
            })
            .collect();
        for (name, member) in index {
            let Some(instance) = instances.get(*member as usize).copied() else { continue };
            let (stem, version) = self.split(*name);
            let id = self.table.insert(stem, version);
            if let Some((member, because)) = self.lazy(id, instance, self.instances[instance.0 as usize].file) {
                self.extract(member, because);
            }
        }
    }

    fn split(&self, name: Name) -> (Name, Option<crate::model::input::Version>) {
        let names = &self.program.names;
        let text = names.bytes(name);
        let Some(at) = text.iter().position(|byte| *byte == b'@') else { return (name, None) };
        let default = text.get(at + 1) == Some(&b'@');
        match (names.get(&text[..at]), names.get(&text[at + 1 + usize::from(default)..])) {
            (Some(stem), Some(version)) => (stem, Some(crate::model::input::Version { name: version, default })),
            _ => (name, None),
        }
    }

    fn object(&mut self, file: FileId, lazy: bool) {
        let instance = Instance(self.instances.len() as u32);
        self.instances.push(Waiting { file, lazy });
        match &self.program.files[file.0 as usize].content {
            Content::Object(object) if !lazy => {
                self.begin(instance, object);
                self.parse(Frame { instance, lazy: false, references: false, next: object.first_global });
            }
            Content::Object(object) => {
                self.parse(Frame { instance, lazy: true, references: false, next: object.first_global });
            }
            Content::Unusable(Unusable::Bitcode(_)) => {
                let what = "code for a link-time optimiser: lld compiles it, this model does not".to_owned();
                self.unknown.push(Unknown { what, file: Some(file) });
            }
            // "archive member is neither ET_REL nor LLVM bitcode" is a warning.
            _ if lazy => {}
            _ => self.refusals.push(Refusal::File(file)),
        }
    }

    fn extract(&mut self, member: Instance, because: Because) {
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

    /// `ObjFile::parse`: groups first.
    fn begin(&mut self, instance: Instance, object: &Object) {
        self.objects.push(instance);
        let mut gone: Vec<bool> = Vec::new();
        for group in object.groups.iter().filter(|group| group.comdat) {
            if *self.groups.entry(group.signature).or_insert(instance) == instance {
                continue;
            }
            gone.resize(object.sections.len(), false);
            for section in &group.sections {
                if let Some(gone) = gone.get_mut(*section as usize) {
                    *gone = true;
                }
            }
        }
        if !gone.is_empty() {
            self.discarded.insert(instance, gone);
        }
        let ids = object.globals().map(|(_, symbol)| self.table.insert(symbol.name, symbol.version)).collect();
        self.symbols.insert(instance, ids);
    }

    /// Enters the symbols of an object, and of all members that have to be taken on the way.
    fn parse(&mut self, first: Frame) {
        let program = self.program;
        let mut stack = vec![first];
        while let Some(frame) = stack.last_mut() {
            let instance = frame.instance;
            let file = self.instances[instance.0 as usize].file;
            let Content::Object(object) = &program.files[file.0 as usize].content else {
                stack.pop();
                continue;
            };
            if frame.lazy && !self.instances[instance.0 as usize].lazy {
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
            let id = self.table.insert(symbol.name, symbol.version);
            let new = Incoming {
                file: Some(file),
                instance: Some(instance),
                from_shared: false,
                binding: symbol.binding,
                symbol_type: symbol.kind,
                visibility: symbol.visibility,
            };
            let take = if lazy {
                self.lazy(id, instance, file)
            } else if references {
                let take = self.undefined(id, &new);
                let entry = self.table.get_mut(id);
                entry.used_in_object = true;
                entry.referenced = true;
                take
            } else {
                self.table.get_mut(id).used_in_object = true;
                match symbol.definition {
                    Definition::Common { size, .. } => self.common(id, &new, size),
                    Definition::Section(section) => self.defined(id, &new, Some(section), symbol.value),
                    _ => self.defined(id, &new, None, symbol.value),
                }
                None
            };
            if let Some(frame) = take.and_then(|(member, because)| self.taken(member, because)) {
                stack.push(frame);
            }
        }
    }

    /// `SharedFile::parse`
    fn shared_file(&mut self, file: FileId, shared: &Shared, soname: Option<Name>, needed: bool) {
        let Some(soname) = soname else {
            let what = "a shared object without a name".to_owned();
            return self.unknown.push(Unknown { what, file: Some(file) });
        };
        if let Some(known) = self.shared.iter_mut().find(|known| known.soname == soname) {
            known.needed |= needed;
            known.by_line |= needed;
            return;
        }
        let index = self.shared.len();
        self.shared.push(SharedFile { file, soname, needed, by_line: needed, because: None });
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
            };
            if !symbol.defined {
                let version = symbol.version.map(|version| crate::model::input::Version { default: false, ..version });
                let id = self.table.insert(symbol.name, version);
                if let Some((member, because)) = self.undefined(id, &new) {
                    self.extract(member, because);
                }
                self.table.get_mut(id).export_dynamic = true;
                if symbol.binding != Binding::Weak && in_shared {
                    self.required.push((index, id));
                }
                continue;
            }
            if symbol.version.is_none_or(|version| version.default) {
                let id = self.table.insert(symbol.name, None);
                self.shared_symbol(id, &new, symbol.size);
            }
            if let Some(version) = symbol.version {
                let version = crate::model::input::Version { default: false, ..version };
                let id = self.table.insert(symbol.name, Some(version));
                self.shared_symbol(id, &new, symbol.size);
            }
        }
    }

    /// `addWrappedSymbols`: for each `--wrap` the symbol, `__real_` and `__wrap_`.
    fn wrapped(&mut self) -> Vec<(SymbolId, SymbolId, SymbolId)> {
        let program = self.program;
        let mut out = Vec::new();
        for wrap in &program.options.wrap {
            let Some(symbol) = self.table.find(wrap.name, None) else { continue };
            if out.iter().any(|(known, _, _)| *known == symbol) {
                continue;
            }
            let binding = self.table.get(symbol).binding;
            let wrapper = self.ask(wrap.wrapped, binding);
            if let Some(real) = self.table.find(wrap.real, None) {
                let binding = self.table.get(symbol).binding;
                self.ask(wrap.name, binding);
                self.table.get_mut(symbol).binding = self.table.get(real).binding;
            }
            let real = self.ask(wrap.real, Binding::Global);
            out.push((symbol, real, wrapper));
        }
        out
    }
}
