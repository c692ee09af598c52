//! A whole link by ld.bfd: `lang_process` (ld/ldlang.c) as far as symbols are concerned.

use std::collections::HashMap;

use super::dynamic::Seen;
use super::relocs::Wanted;
use super::statements::Statement;
use super::table::{BfdId, EntryId, Key, Kind, Place, Table};
use crate::model::input::{Content, FileId, Options, Output, Program, Shared, Unresolved};
use crate::model::names::{Fast, Name};
use crate::model::outcome::{
    Because, DsoMissing, Duplicate, Event, Extraction, Linker, Needed, Outcome, Refusal, Undefined, UndefinedWhy,
    Unknown, Verdict,
};

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
    pub(super) bfd: BfdId,
    pub(super) soname: Option<Name>,
    pub(super) class: Class,
    /// The input it stands on the line as; none for what others need.
    pub(super) input: Option<usize>,
    /// What made it stay.
    pub(super) because: Option<(FileId, Name)>,
}

/// A file that was opened.
#[derive(Clone, Debug)]
pub(super) struct Bfd {
    pub(super) file: FileId,
    /// It is a shared object.
    pub(super) dynamic: bool,
    /// Entries of an object's symbols from the first global one.
    pub(super) symbols: Vec<EntryId>,
    /// Which of its sections were discarded with their group; empty where none was.
    pub(super) gone: Vec<bool>,
}

/// Sections under a key of `.gnu.linkonce`: name, who has it, which of its sections it is.
pub(super) type Once = Vec<(Name, (BfdId, usize))>;

/// The state of the link.
pub(super) struct Link<'p> {
    pub(super) program: &'p Program,
    pub(super) table: Table,
    pub(super) bfds: Vec<Bfd>,
    pub(super) loads: Vec<Load>,
    /// The load of each input, once it is opened.
    pub(super) opened: Vec<Option<LoadId>>,
    /// `DT_NEEDED` of all shared objects, in the order they came, and who has it.
    pub(super) needed: Vec<(Name, LoadId)>,
    /// Shared objects that are part of the link.
    pub(super) loaded: Vec<LoadId>,
    /// Relocatable objects, in order.
    pub(super) objects: Vec<BfdId>,
    /// Who has the group of a signature that is kept, and which of its groups it is.
    pub(super) groups: HashMap<Name, (BfdId, usize), Fast>,
    /// `.gnu.linkonce` sections by key.
    pub(super) once: HashMap<Vec<u8>, Once>,
    pub(super) missing_file: bool,
    /// Dynamic sections were made.
    pub(super) has_dynamic: bool,
    /// Symbols the default script defines.
    pub(super) script: Vec<Statement>,
    /// What is known of the version script's patterns, by node.
    pub(super) patterns: Vec<Vec<Seen>>,
    /// What `--gc-sections` keeps, by file and section.
    pub(super) live: Option<Vec<Vec<bool>>>,
    /// Files of whose common symbols one is kept.
    pub(super) live_commons: Vec<bool>,
    /// What relocations want of each entry.
    pub(super) wanted: Vec<Wanted>,
    /// The object that owns sections the linker makes.
    pub(super) dynamic_object: Option<BfdId>,
    pub(super) duplicates: Vec<Duplicate>,
    pub(super) dso_missing: Vec<DsoMissing>,
    pub(super) refusals: Vec<Refusal>,
    pub(super) undefined: Vec<Undefined>,
    /// Something of `undefined` is an error even where unresolved symbols only make a warning.
    pub(super) hard: bool,
    pub(super) extracted: Vec<Extraction>,
    pub(super) unknown: Vec<Unknown>,
    pub(super) trace: Vec<Event>,
}

/// What ld.bfd makes of the link.
pub(in crate::model) fn simulate(program: &Program, linker: Linker) -> Outcome {
    let patterns = program.options.versions.as_ref().map_or(Vec::new(), |script| {
        script.nodes.iter().map(|node| vec![Seen::default(); node.global.len()]).collect()
    });
    let mut link = Link {
        program,
        table: Table::default(),
        bfds: Vec::new(),
        loads: Vec::new(),
        opened: vec![None; program.inputs.len()],
        needed: Vec::new(),
        loaded: Vec::new(),
        objects: Vec::new(),
        groups: HashMap::default(),
        once: HashMap::new(),
        missing_file: false,
        has_dynamic: false,
        script: Vec::new(),
        patterns,
        live: None,
        live_commons: Vec::new(),
        wanted: Vec::new(),
        dynamic_object: None,
        duplicates: Vec::new(),
        dso_missing: Vec::new(),
        refusals: Vec::new(),
        undefined: Vec::new(),
        hard: false,
        extracted: Vec::new(),
        unknown: Vec::new(),
        trace: Vec::new(),
    };
    let ended = link.run();
    link.outcome(linker, ended.is_ok())
}

impl Link<'_> {
    fn run(&mut self) -> Result<(), Fatal> {
        if self.program.inputs.iter().any(|input| input.just_symbols) {
            self.unknown.push(Unknown { what: "--just-symbols".to_owned(), file: None });
        }
        self.script = self.default_script();
        self.place_undefined();
        self.open_all()?;
        self.run_script();
        self.close_over()?;
        self.define_bounds();
        self.define_table();
        self.assign_all();
        self.place_commons();
        self.collect();
        self.undefine_bounds();
        self.define_header();
        self.record_assignments();
        self.check_absolutes()?;
        self.size_dynamic()?;
        self.sweep();
        self.assign_all();
        self.assign_all();
        self.wanted = self.scan_relocations();
        self.export_weak();
        self.assign_finally()?;
        self.require_defined();
        if self.program.options.output == Output::Relocatable {
            return Ok(());
        }
        self.report_objects()?;
        self.write_symbols()
    }

    /// `-u`, `--require-defined` and the entry point are undefined from the start (`lang_place_undefineds`); the default entry point is for
    /// executables alone (`after_parse_default`, ld/ldemul.c).
    fn place_undefined(&mut self) {
        for name in self.wanted_by_options() {
            let id = self.table.intern(Key::plain(name));
            let id = self.table.real(id);
            if self.table.get(id).kind == Kind::New {
                self.table.get_mut(id).kind = Kind::Undefined;
                self.table.list(id);
            }
        }
    }

    pub(super) fn wanted_by_options(&self) -> Vec<Name> {
        let options = &self.program.options;
        let default = self.program.names.get(b"_start").filter(|_| options.output.is_executable());
        let entry = options.entry.or(default);
        entry.into_iter().chain(options.undefined.iter().chain(&options.require_defined).copied()).collect()
    }

    /// `__ehdr_start`, where somebody asks for it (`assign_file_positions_for_load_sections`, bfd/elf.c).
    fn define_header(&mut self) {
        let Some(name) = self.program.names.get(b"__ehdr_start") else { return };
        let Some(id) = self.table.find(Key::plain(name)) else { return };
        let id = self.table.real(id);
        let entry = self.table.get_mut(id);
        let open = matches!(entry.kind, Kind::New | Kind::Undefined | Kind::UndefinedWeak);
        if open && self.program.options.output != Output::Relocatable {
            entry.kind = Kind::Defined;
            entry.owner = None;
            entry.place = Place::Linker;
            entry.def_regular = true;
            entry.non_elf = false;
        }
    }

    fn require_defined(&mut self) {
        let program = self.program;
        for name in &program.options.require_defined {
            let known = self.table.find(Key::plain(*name)).map(|id| *self.table.get(self.table.real(id)));
            if !known.is_some_and(|entry| entry.is_defined()) {
                self.hard = true;
                let why = UndefinedWhy::Option;
                self.undefined.push(Undefined { name: *name, version: None, sites: Vec::new(), why });
            }
        }
    }

    pub(super) fn file(&self, bfd: BfdId) -> FileId {
        self.bfds[bfd.0 as usize].file
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
                    Some((file, name)) => Because::Reference { file, name },
                    None => Because::Line,
                };
                needed.push(Needed { soname, file: load.file, because, used: self.uses(load.file) });
            }
        }
        dropped.retain(|file| !needed.iter().any(|known| known.file == *file));
        let mut definitions: Vec<(Name, FileId)> = Vec::new();
        let mut collected: Vec<(Name, FileId)> = Vec::new();
        for (id, entry) in self.table.iter() {
            let real = self.table.get(self.table.real(id));
            let defined = (real.is_defined() || real.kind == Kind::Common) && real.place != Place::Linker;
            let by_object = defined && !real.by_script && !real.start_stop;
            // A default version is named by its plain name, which stands for it, but with -r (`_bfd_elf_add_default_symbol`).
            let relocatable = self.program.options.output == Output::Relocatable;
            if by_object
                && (relocatable || entry.key.version.is_none() || !entry.key.default)
                && let Some(owner) = real.origin()
            {
                let lives = match real.place {
                    Place::Section(section) => self.is_in_output(owner.bfd, section),
                    _ => true,
                };
                if lives { &mut definitions } else { &mut collected }.push((entry.key.name, self.file(owner.bfd)));
            }
        }
        // Of several versions of a name those are told that are left.
        definitions.sort_unstable();
        collected.retain(|(name, _)| definitions.binary_search_by_key(name, |(name, _)| *name).is_err());
        definitions.append(&mut collected);
        definitions.sort_unstable();
        definitions.dedup();
        let failed = !went_through
            || !self.duplicates.is_empty()
            || !self.dso_missing.is_empty()
            || !self.refusals.is_empty()
            || (!self.undefined.is_empty() && (self.hard || !self.program.options.warn_unresolved));
        let verdict = Verdict::of(failed, &self.unknown);
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
            entry.is_defined()
                && entry.ref_regular
                && entry.origin().is_some_and(|owner| owner.dynamic && self.file(owner.bfd) == file)
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
