//! A whole link by mold: the order of its passes, and where it stops (`ctx.checkpoint`).

use super::release::{Policy, Release};
use super::table::{File, SymbolId, Table};
use crate::model::input::{Output, Program};
use crate::model::names::Name;
use crate::model::outcome::{Duplicate, Event, Linker, Outcome, Refusal, Undefined, Unknown};

/// The state of the link.
#[derive(Clone)]
pub(super) struct Link<'p> {
    pub(super) program: &'p Program,
    pub(super) release: Release,
    pub(super) table: Table,
    /// All files, by number; their priority may be another.
    pub(super) files: Vec<File<'p>>,
    /// `ctx.objs`, the linker's own last.
    pub(super) objects: Vec<usize>,
    /// `ctx.dsos`
    pub(super) shared: Vec<usize>,
    /// `ctx.internal_obj`
    pub(super) own: Option<usize>,
    pub(super) policy: Policy,
    pub(super) duplicates: Vec<Duplicate>,
    pub(super) undefined: Vec<Undefined>,
    pub(super) refusals: Vec<Refusal>,
    pub(super) unknown: Vec<Unknown>,
    pub(super) trace: Vec<Event>,
    /// Symbols that were reported in a way that ends the link at the next checkpoint.
    pub(super) failed: bool,
    /// Shared objects that were left out because another has their soname.
    pub(super) soname_taken: Vec<usize>,
}

/// What mold makes of the link.
pub(in crate::model) fn simulate(program: &Program, linker: Linker) -> Outcome {
    let Some(release) = Release::of(linker.version) else {
        return super::outcome::uncovered(linker);
    };
    let mut link = Link {
        program,
        release,
        table: Table::default(),
        files: Vec::new(),
        objects: Vec::new(),
        shared: Vec::new(),
        own: None,
        policy: release.policy(&program.options),
        duplicates: Vec::new(),
        undefined: Vec::new(),
        refusals: Vec::new(),
        unknown: Vec::new(),
        trace: Vec::new(),
        failed: false,
        soname_taken: Vec::new(),
    };
    link.run();
    link.outcome(linker)
}

impl Link<'_> {
    fn run(&mut self) {
        if !self.read() {
            return;
        }
        let relocatable = self.program.options.output == Output::Relocatable;
        if !relocatable {
            self.own_file();
        }
        self.resolve();
        if !relocatable {
            self.finish();
        }
    }

    /// The name that `-e` gives or its default.
    pub(super) fn entry(&self) -> Option<Name> {
        self.program.options.entry.or_else(|| self.program.names.get(b"_start"))
    }

    /// `--allow-shlib-undefined`
    pub(super) fn allows_shlib_undefined(&self) -> bool {
        let default = !self.release.checks_shlib || self.program.options.output == Output::Shared;
        self.program.options.allow_shlib_undefined.unwrap_or(default)
    }

    pub(super) fn name_of(&self, id: SymbolId) -> Name {
        self.table.get(id).name
    }

    pub(super) fn refuse(&mut self, refusal: Refusal) {
        self.refusals.push(refusal);
        self.failed = true;
    }

    pub(super) fn cannot_say(&mut self, what: &str, file: Option<crate::model::input::FileId>) {
        let unknown = Unknown { what: what.to_owned(), file };
        if !self.unknown.contains(&unknown) {
            self.unknown.push(unknown);
        }
    }
}
