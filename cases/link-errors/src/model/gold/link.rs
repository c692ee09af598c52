//! A whole link by gold (`queue_initial_tasks`, `queue_middle_tasks`, `queue_final_tasks`; gold/gold.cc) as far as symbols are concerned.

use std::collections::HashMap;

use super::script::Lookup;
use super::table::{DynamicId, Instance, Source, SymbolId, Table};
use crate::model::input::{Content, FileId, Object, Output, Program};
use crate::model::names::{Fast, Name};
use crate::model::outcome::{
    Because, Duplicate, Event, Extraction, Linker, Needed, Outcome, Refusal, Undefined, Unknown, Verdict,
};

/// The linker stops where it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fatal;

/// A relocatable object of the link.
#[derive(Clone, Debug)]
pub(super) struct Regular {
    pub(super) file: FileId,
    /// Sections that are no part of the output, by index; empty where all are.
    pub(super) gone: Vec<bool>,
    /// Symbols from the first global one.
    pub(super) symbols: Vec<SymbolId>,
    pub(super) just_symbols: bool,
}

/// A shared object of the link, once for each soname.
#[derive(Clone, Copy, Debug)]
pub(super) struct Library {
    pub(super) file: FileId,
    pub(super) soname: Option<Name>,
    pub(super) as_needed: bool,
    pub(super) is_needed: bool,
    pub(super) because: Option<Because>,
}

/// Who has a signature of a group or of a `.gnu.linkonce` section (`Kept_section`).
#[derive(Clone, Copy, Debug)]
pub(super) struct Kept {
    pub(super) is_group: bool,
}

/// The state of the link.
pub(super) struct Link<'p> {
    pub(super) program: &'p Program,
    pub(super) table: Table,
    pub(super) script: Lookup,
    pub(super) objects: Vec<Regular>,
    pub(super) libraries: Vec<Library>,
    pub(super) signatures: HashMap<Name, Kept, Fast>,
    /// With `-r`, the symbols that groups had the names of when their sections were laid out (`Layout::layout_group`).
    pub(super) group_symbols: Vec<SymbolId>,
    /// How many symbols were ever found undefined in objects: where it grows, a group is searched again.
    pub(super) saw_undefined: u64,
    /// Sections `--gc-sections` begins with.
    pub(super) worklist: Vec<(Instance, u32)>,
    pub(super) gc: bool,
    /// Symbols that expressions of options read and that nobody has defined before (`symbol_references_`).
    pub(super) referenced: Vec<Name>,
    pub(super) duplicates: Vec<Duplicate>,
    pub(super) refusals: Vec<Refusal>,
    pub(super) undefined: Vec<Undefined>,
    /// Something of `undefined` is an error even where unresolved symbols only make a warning.
    pub(super) hard: bool,
    pub(super) extracted: Vec<Extraction>,
    pub(super) unknown: Vec<Unknown>,
    pub(super) trace: Vec<Event>,
}

/// What gold makes of the link.
pub(in crate::model) fn simulate(program: &Program, linker: Linker) -> Outcome {
    let mut link = Link {
        program,
        table: Table::new(program.names.len()),
        // With -r the version script is forgotten (main.cc).
        script: if program.options.output == Output::Relocatable { Lookup::none() } else { Lookup::of(program) },
        objects: Vec::new(),
        libraries: Vec::new(),
        signatures: HashMap::default(),
        group_symbols: Vec::new(),
        saw_undefined: 0,
        worklist: Vec::new(),
        gc: program.options.gc_sections == Some(true) && program.options.output != Output::Relocatable,
        referenced: referenced(program),
        duplicates: Vec::new(),
        refusals: Vec::new(),
        undefined: Vec::new(),
        hard: false,
        extracted: Vec::new(),
        unknown: Vec::new(),
        trace: Vec::new(),
    };
    let _stopped = link.run();
    link.outcome(linker)
}

/// What expressions of `--defsym` read, apart from what an earlier or a later one defines (`Script_options::add_symbol_reference`).
fn referenced(program: &Program) -> Vec<Name> {
    let defined = |name: Name| program.options.defsym.iter().any(|defsym| defsym.name == name);
    let mut out: Vec<Name> = Vec::new();
    for name in program.options.defsym.iter().flat_map(|defsym| &defsym.reads) {
        if !defined(*name) && !out.contains(name) {
            out.push(*name);
        }
    }
    out
}

impl<'p> Link<'p> {
    fn run(&mut self) -> Result<(), Fatal> {
        let options = &self.program.options;
        let errors = std::mem::take(&mut self.script.errors);
        self.refusals.extend(errors.into_iter().map(Refusal::Other));
        if options.output == Output::StaticPie {
            return self.fatal("-pie and -static are incompatible");
        }
        if options.output == Output::Relocatable && options.gc_sections == Some(true) {
            self.refusals.push(Refusal::Other("cannot mix -r with --gc-sections or --icf".to_owned()));
        }
        self.open_all()?;
        self.ask_by_options()?;
        let live = if self.gc { Some(self.live()?) } else { None };
        let position_independent = matches!(options.output, Output::Shared | Output::Pie);
        let is_static = self.libraries.is_empty() && !position_independent;
        if let Some(library) = self.libraries.first().copied() {
            if options.output == Output::Static {
                self.refusals.push(Refusal::File(library.file));
            }
            if options.output == Output::Relocatable {
                self.refusals.push(Refusal::File(library.file));
                return Err(Fatal);
            }
        }
        self.check_copied();
        self.check_script();
        self.define_specials(is_static, live.as_ref())?;
        self.report(is_static, live.as_ref())
    }

    /// A failed assertion of the linker's own: "internal error in …".
    pub(super) fn crash<T>(&mut self, function: &str) -> Result<T, Fatal> {
        self.fatal(&format!("internal error in {function}"))
    }

    pub(super) fn fatal<T>(&mut self, why: &str) -> Result<T, Fatal> {
        self.refusals.push(Refusal::Other(why.to_owned()));
        Err(Fatal)
    }

    pub(super) fn file_of(&self, source: Source) -> Option<FileId> {
        match source {
            Source::Regular(instance) => self.objects.get(instance.0 as usize).map(|object| object.file),
            Source::Dynamic(library) => self.libraries.get(library.0 as usize).map(|library| library.file),
            Source::Special | Source::Asked => None,
        }
    }

    pub(super) fn object_of(&self, instance: Instance) -> Option<&'p Object> {
        let file = self.objects.get(instance.0 as usize)?.file;
        match &self.program.files.get(file.0 as usize)?.content {
            Content::Object(object) => Some(object),
            _ => None,
        }
    }

    pub(super) fn library(&self, library: DynamicId) -> &Library {
        &self.libraries[library.0 as usize]
    }

    pub(super) fn instances(&self) -> impl Iterator<Item = Instance> + use<> {
        (0..self.objects.len() as u32).map(Instance)
    }

    /// The section was discarded with its group, or is one no output has.
    pub(super) fn is_gone(&self, instance: Instance, section: u32) -> bool {
        self.objects[instance.0 as usize].gone.get(section as usize) == Some(&true)
    }

    fn outcome(self, linker: Linker) -> Outcome {
        let mut needed = Vec::new();
        let mut dropped = Vec::new();
        let mut used = vec![false; self.libraries.len()];
        let mut found: Vec<(Name, bool, FileId)> = Vec::new();
        for id in self.table.entries() {
            let symbol = self.table.get(id);
            if let Source::Dynamic(library) = symbol.source
                && symbol.is_defined()
                && symbol.in_reg
                && !symbol.is_asked_weakly()
            {
                used[library.0 as usize] = true;
            }
            if (symbol.is_defined() || symbol.is_common())
                && let Some(file) = self.file_of(symbol.source)
            {
                found.push((symbol.name, !symbol.in_reg, file));
            }
        }
        found.sort_unstable();
        found.dedup();
        // Of several versions of a name those count that an object names.
        let mut definitions: Vec<(Name, FileId)> = Vec::with_capacity(found.len());
        let mut best = None;
        for (name, unasked, file) in found {
            if best.is_none_or(|(known, _)| known != name) {
                best = Some((name, unasked));
            }
            if best == Some((name, unasked)) {
                definitions.push((name, file));
            }
        }
        for (library, used) in self.libraries.iter().zip(used) {
            if library.as_needed && !library.is_needed {
                dropped.push(library.file);
            } else if let Some(soname) = library.soname {
                let because = library.because.unwrap_or(Because::Line);
                needed.push(Needed { soname, file: library.file, because, used });
            }
        }
        let warned = self.program.options.warn_unresolved && !self.hard;
        let failed =
            !self.duplicates.is_empty() || !self.refusals.is_empty() || (!self.undefined.is_empty() && !warned);
        let verdict = Verdict::of(failed, &self.unknown);
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
