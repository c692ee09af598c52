//! A whole link by ld.bfd: `lang_process` (ld/ldlang.c) as far as symbols are concerned.

use std::collections::HashMap;

use super::table::{EntryId, Key, Kind, Table};
use crate::model::input::{Content, FileId, Options, Output, Program, Shared, Unresolved};
use crate::model::names::{Fast, Name};
use crate::model::outcome::{
    DsoMissing, Duplicate, Event, Extraction, Linker, Needed, Outcome, Refusal, Undefined, Unknown, Verdict,
};
use crate::model::script;

/// The linker stops where it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fatal;

/// How a shared object came in (`enum dynamic_lib_link_class`, bfd/elf-bfd.h).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Class {
    pub(super) as_needed: bool,
    pub(super) dt_needed: bool,
    pub(super) no_needed: bool,
    pub(super) no_add_needed: bool,
}

/// Number of a load: one file can be opened several times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct LoadId(pub(super) u32);

/// A shared object that was opened.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    pub(super) file: FileId,
    pub(super) soname: Option<Name>,
    pub(super) class: Class,
    /// The input it stands on the line as; none for what others need.
    pub(super) input: Option<usize>,
    /// What made it stay.
    pub(super) because: Option<(FileId, Name)>,
}

/// What a version script says of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ScriptSays {
    Nothing,
    Local,
    Node(String),
}

/// The state of the link.
pub(super) struct Link<'p> {
    pub(super) program: &'p Program,
    pub(super) table: Table,
    pub(super) loads: Vec<Load>,
    /// The load of each input, once it is opened.
    pub(super) opened: Vec<Option<LoadId>>,
    /// `DT_NEEDED` of all shared objects, in the order they came, and who has it.
    pub(super) needed: Vec<(Name, LoadId)>,
    /// Shared objects that are part of the link.
    pub(super) loaded: Vec<LoadId>,
    /// Relocatable objects, in order.
    pub(super) objects: Vec<FileId>,
    /// For each object the entries of its symbols from the first global one.
    pub(super) symbols: HashMap<FileId, Vec<EntryId>, Fast>,
    /// For each object which of its sections were discarded with their group.
    pub(super) discarded: HashMap<FileId, Vec<bool>, Fast>,
    /// Who has the group of a signature that is kept.
    pub(super) groups: HashMap<Name, FileId, Fast>,
    pub(super) missing_file: bool,
    pub(super) duplicates: Vec<Duplicate>,
    pub(super) dso_missing: Vec<DsoMissing>,
    pub(super) refusals: Vec<Refusal>,
    pub(super) undefined: Vec<Undefined>,
    pub(super) warned: bool,
    pub(super) extracted: Vec<Extraction>,
    pub(super) unknown: Vec<Unknown>,
    pub(super) trace: Vec<Event>,
}

/// What ld.bfd makes of the link.
pub(in crate::model) fn simulate(program: &Program, linker: Linker) -> Outcome {
    let mut link = Link {
        program,
        table: Table::default(),
        loads: Vec::new(),
        opened: vec![None; program.inputs.len()],
        needed: Vec::new(),
        loaded: Vec::new(),
        objects: Vec::new(),
        symbols: HashMap::default(),
        discarded: HashMap::default(),
        groups: HashMap::default(),
        missing_file: false,
        duplicates: Vec::new(),
        dso_missing: Vec::new(),
        refusals: Vec::new(),
        undefined: Vec::new(),
        warned: false,
        extracted: Vec::new(),
        unknown: Vec::new(),
        trace: Vec::new(),
    };
    let ended = link.run();
    link.outcome(linker, ended.is_ok())
}

impl Link<'_> {
    fn run(&mut self) -> Result<(), Fatal> {
        self.place_undefined();
        self.open_all()?;
        if self.missing_file {
            return Err(Fatal);
        }
        self.close_over()?;
        self.require_defined();
        self.relocate();
        Ok(())
    }

    /// `-u`, `--require-defined` and the entry point are undefined from the start (`lang_place_undefineds`).
    fn place_undefined(&mut self) {
        let options = &self.program.options;
        let names = options.undefined.iter().chain(&options.require_defined).chain(options.entry.as_ref());
        for name in names.copied().collect::<Vec<_>>() {
            let id = self.table.intern(Key::plain(name));
            let id = self.table.real(id);
            if self.table.get(id).kind == Kind::New {
                self.table.get_mut(id).kind = Kind::Undefined;
                self.table.list(id);
            }
        }
    }

    /// `--defsym` at its place on the line: the symbol is defined, and what the expression reads is asked for
    /// (`exp_fold_tree_1`, ld/ldexp.c).
    pub(super) fn define_symbols(&mut self, from: u32, to: u32) {
        let program = self.program;
        for defsym in program.options.defsym.iter().filter(|defsym| (from..to).contains(&defsym.argument)) {
            let id = self.table.intern(Key::plain(defsym.name));
            let id = self.table.real(id);
            let entry = self.table.get_mut(id);
            if matches!(entry.kind, Kind::New | Kind::Undefined | Kind::UndefinedWeak) {
                entry.kind = Kind::Defined;
                entry.place = super::table::Place::Absolute;
                entry.by_script = true;
                entry.def_regular = true;
                entry.owner = None;
                entry.owner_dynamic = false;
            }
        }
    }

    fn require_defined(&mut self) {
        let program = self.program;
        for name in &program.options.require_defined {
            let known = self.table.find(Key::plain(*name)).map(|id| *self.table.get(self.table.real(id)));
            if !known.is_some_and(|entry| entry.is_defined()) {
                self.undefined.push(Undefined {
                    name: *name,
                    version: None,
                    sites: Vec::new(),
                    why: crate::model::outcome::UndefinedWhy::Option,
                });
            }
        }
    }

    /// The name a reference asks for under `--wrap` (`bfd_wrapped_link_hash_lookup`, bfd/linker.c).
    pub(super) fn wrapped(&self, key: Key) -> Key {
        for wrap in &self.program.options.wrap {
            if key.version.is_none() && key.name == wrap.name {
                return Key::plain(wrap.wrapped);
            }
            if key.version.is_none() && key.name == wrap.real {
                return Key::plain(wrap.name);
            }
        }
        key
    }

    /// What the version script says of a name.
    pub(super) fn script_version(&self, name: Name) -> ScriptSays {
        let Some(versions) = &self.program.options.versions else { return ScriptSays::Nothing };
        match script::find(versions, self.program.names.bytes(name)) {
            None => ScriptSays::Nothing,
            Some(script::Says::Local) => ScriptSays::Local,
            Some(script::Says::Global(node)) => ScriptSays::Node(node.unwrap_or_default().to_owned()),
        }
    }

    pub(super) fn shared(&self, file: FileId) -> Option<&Shared> {
        match &self.program.files.get(file.0 as usize)?.content {
            Content::Shared(shared) => Some(shared),
            _ => None,
        }
    }

    fn outcome(mut self, linker: Linker, went_through: bool) -> Outcome {
        let mut needed: Vec<Needed> = Vec::new();
        let mut dropped = Vec::new();
        for load in &self.loads {
            let class = load.class;
            if class.as_needed {
                if load.input.is_some() && !dropped.contains(&load.file) {
                    dropped.push(load.file);
                }
            } else if !class.no_needed
                && let Some(soname) = load.soname
                && !needed.iter().any(|known| known.soname == soname)
                && (load.input.is_some() || class.dt_needed)
            {
                let because = match load.because {
                    Some((file, name)) => crate::model::outcome::Because::Reference { file, name },
                    None => crate::model::outcome::Because::Line,
                };
                needed.push(Needed { soname, file: load.file, because, used: self.uses(load.file) });
            }
        }
        dropped.retain(|file| !needed.iter().any(|known| known.file == *file));
        let mut definitions: Vec<(Name, FileId)> = self
            .table
            .iter()
            .filter(|(_, entry)| entry.is_defined() || entry.kind == Kind::Common)
            .filter(|(_, entry)| !entry.by_script && (entry.key.version.is_none() || !entry.key.default))
            .filter_map(|(_, entry)| Some((entry.key.name, entry.owner?)))
            .collect();
        definitions.extend(self.table.iter().filter_map(|(id, entry)| match entry.kind {
            Kind::Indirect(_) if entry.key.version.is_none() => {
                let real = self.table.get(self.table.real(id));
                real.is_defined().then_some((entry.key.name, real.owner?))
            }
            _ => None,
        }));
        definitions.sort_unstable();
        definitions.dedup();
        let failed = !went_through
            || !self.duplicates.is_empty()
            || !self.dso_missing.is_empty()
            || !self.refusals.is_empty()
            || (!self.undefined.is_empty() && !self.warned);
        let verdict = match (failed, self.unknown.is_empty()) {
            (_, false) => Verdict::Unknown,
            (true, true) => Verdict::Fails,
            (false, true) => Verdict::Links,
        };
        Outcome {
            linker,
            verdict,
            undefined: std::mem::take(&mut self.undefined),
            duplicates: self.duplicates,
            dso_missing: self.dso_missing,
            refusals: self.refusals,
            extracted: self.extracted,
            needed,
            dropped,
            definitions,
            unknown: self.unknown,
            trace: self.trace,
        }
    }

    /// True when an object of the link refers to something this shared object still defines.
    fn uses(&self, file: FileId) -> bool {
        self.table.iter().any(|(_, entry)| {
            entry.is_defined() && entry.owner == Some(file) && entry.owner_dynamic && entry.ref_regular
        })
    }
}

/// What becomes of undefined symbols, in objects and in shared objects: true where they are reported.
pub(super) fn reports(options: &Options) -> (bool, bool) {
    let shared = options.output == Output::Shared;
    let (mut objects, mut libraries) = match options.unresolved {
        None => (!shared, !shared),
        Some(Unresolved::Report) => (true, true),
        Some(Unresolved::Ignore) => (false, false),
        Some(Unresolved::IgnoreInObjects) => (false, true),
        Some(Unresolved::IgnoreInShared) => (true, false),
    };
    if let Some(defs) = options.defs {
        objects = defs;
    }
    if let Some(allow) = options.allow_shlib_undefined {
        libraries = !allow;
    }
    (objects, libraries)
}
