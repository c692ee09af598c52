//! A whole link by wild (`load_inputs_and_link`, lib.rs).

use super::symbols::{Entry, File, Flags, Names, SymbolId};
use crate::model::edges::{Edges, Tables};
use crate::model::input::{FileId, Output, Program};
use crate::model::names::Name;
use crate::model::outcome::{Duplicate, Event, Linker, Outcome, Refusal, Undefined, UndefinedWhy, Unknown, Verdict};

/// `OutputKind` (output_kind.rs)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    StaticExecutable,
    DynamicExecutable,
    Shared,
    Relocatable,
}

/// A reference that nobody answered yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Open {
    pub(super) id: SymbolId,
    /// It is answered after all when this file was taken.
    pub(super) unless: Option<usize>,
    pub(super) name: Name,
    pub(super) version: Option<Name>,
}

/// The state of the link.
#[derive(Clone)]
pub(super) struct Link<'p> {
    pub(super) program: &'p Program,
    pub(super) kind: Kind,
    /// The linker's own first.
    pub(super) files: Vec<File<'p>>,
    pub(super) names: Names,
    /// What each symbol means.
    pub(super) means: Vec<SymbolId>,
    pub(super) flags: Vec<Flags>,
    pub(super) open: Vec<Open>,
    /// `__start_` and `__stop_` symbols, by their number and section.
    pub(super) bounds: Vec<(SymbolId, Name)>,
    /// Sections that are kept, by file.
    pub(super) kept: Vec<Vec<bool>>,
    /// A section that is kept refers to a file that is not part of the link.
    pub(super) misplaced: bool,
    /// A section that is kept has a thread-local reference whose relocation decides.
    pub(super) tls_is_open: bool,
    pub(super) duplicates: Vec<Duplicate>,
    pub(super) undefined: Vec<Undefined>,
    pub(super) refusals: Vec<Refusal>,
    pub(super) unknown: Vec<Unknown>,
    pub(super) trace: Vec<Event>,
}

/// What wild makes of the link.
pub(in crate::model) fn simulate(program: &Program, linker: Linker) -> Outcome {
    if linker.version != (0, 10) {
        return super::outcome::uncovered(linker);
    }
    let link = Link {
        program,
        kind: Kind::StaticExecutable,
        files: Vec::new(),
        names: Names::default(),
        means: Vec::new(),
        flags: Vec::new(),
        open: Vec::new(),
        bounds: Vec::new(),
        kept: Vec::new(),
        misplaced: false,
        tls_is_open: false,
        duplicates: Vec::new(),
        undefined: Vec::new(),
        refusals: Vec::new(),
        unknown: Vec::new(),
        trace: Vec::new(),
    };
    link.run(linker)
}

/// Symbols that threads race for: with more than this, what comes of it is not looked into.
const RACES: usize = 4;

impl Link<'_> {
    fn run(mut self, linker: Linker) -> Outcome {
        if !self.read() {
            return self.outcome(linker);
        }
        self.wrap();
        self.resolve();
        let Some(races) = self.choose() else { return self.outcome(linker) };
        if races.is_empty() {
            self.lay_out();
            return self.outcome(linker);
        }
        let ways = if races.len() > RACES { 1 } else { 1_u32 << races.len() };
        let mut outcomes = (0..ways).map(|way| {
            let mut link = self.clone();
            for (number, race) in races.iter().enumerate().filter(|_| ways > 1) {
                link.end(*race, way & (1 << number) != 0);
            }
            link.lay_out();
            link.outcome(linker)
        });
        let mut outcome = outcomes.next().unwrap_or_else(|| super::outcome::uncovered(linker));
        if races.len() > RACES || outcomes.any(|other| differ(&other, &outcome)) {
            let what = "a default version that is defined twice, by its name and with its version".to_owned();
            outcome.verdict = Verdict::Unknown;
            outcome.unknown.push(Unknown { what, file: None });
        }
        outcome
    }

    /// From the definitions to the output (`resolve_sections_and_canonicalise_undefined`, `layout::compute`).
    fn lay_out(&mut self) {
        self.show();
        self.settle();
        let other = self.tables_are_open().then(|| {
            let mut other = self.clone();
            other.reach(Tables::Possible);
            other
        });
        self.reach(Tables::Sure);
        if let Some(other) = other
            && (other.undefined != self.undefined || other.refusals != self.refusals)
        {
            self.cannot_say("which exception tables are kept", None);
        }
        if !self.has_failed() {
            self.check_aliases();
        }
        if !self.has_failed() {
            self.write();
        }
    }

    pub(super) fn has_failed(&self) -> bool {
        let warns = self.program.options.warn_unresolved;
        !self.duplicates.is_empty()
            || !self.refusals.is_empty()
            || self.undefined.iter().any(|one| !warns || one.why == UndefinedWhy::Option)
    }

    fn tables_are_open(&self) -> bool {
        self.collects()
            && self.files.iter().filter(|file| file.loaded).any(|file| match file.content {
                super::symbols::Content::Object(object) => Edges::of(self.program, object, Tables::Possible).is_open(),
                _ => false,
            })
    }

    /// `--gc-sections`, which is the default.
    pub(super) fn collects(&self) -> bool {
        self.program.options.gc_sections.unwrap_or(true) && self.program.options.output != Output::Relocatable
    }

    pub(super) fn file_of(&self, id: SymbolId) -> usize {
        self.files.partition_point(|file| file.first <= id.0).saturating_sub(1)
    }

    /// The symbol of a number; none for the linker's own.
    pub(super) fn entry(&self, id: SymbolId) -> Option<Entry> {
        let file = self.files.get(self.file_of(id))?;
        file.entry(id.0.checked_sub(file.first)?)
    }

    /// `SymbolDb::definition`: two steps, as what a symbol means may have been chosen since it was looked up.
    pub(super) fn definition(&self, id: SymbolId) -> SymbolId {
        let step = self.means.get(id.0 as usize).copied().unwrap_or(SymbolId::UNDEFINED);
        self.means.get(step.0 as usize).copied().unwrap_or(SymbolId::UNDEFINED)
    }

    pub(super) fn flags(&self, id: SymbolId) -> Flags {
        self.flags.get(id.0 as usize).copied().unwrap_or_default()
    }

    pub(super) fn flags_mut(&mut self, id: SymbolId) -> Option<&mut Flags> {
        self.flags.get_mut(id.0 as usize)
    }

    /// The name that `-e` gives or its default.
    pub(super) fn entry_name(&self) -> Option<Name> {
        self.program.options.entry.or_else(|| self.program.names.get(b"_start"))
    }

    pub(super) fn cannot_say(&mut self, what: &str, file: Option<FileId>) {
        let unknown = Unknown { what: what.to_owned(), file };
        if !self.unknown.contains(&unknown) {
            self.unknown.push(unknown);
        }
    }
}

/// Not the same, whatever the steps were; of a link that fails, what is said counts alone.
fn differ(one: &Outcome, other: &Outcome) -> bool {
    let said = |outcome: &Outcome| (outcome.verdict, outcome.undefined.clone(), outcome.refusals.clone());
    let made = |outcome: &Outcome| (outcome.needed.clone(), outcome.definitions.clone());
    said(one) != said(other) || (one.verdict != Verdict::Fails && made(one) != made(other))
}
