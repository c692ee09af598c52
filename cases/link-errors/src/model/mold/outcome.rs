//! What came of the link, in the words of [`Outcome`].

use std::collections::HashSet;

use super::link::Link;
use super::release::Policy;
use super::table::{Content, SymbolId};
use crate::model::input::{FileId, Output};
use crate::model::names::Name;
use crate::model::outcome::{Because, Event, Extraction, Linker, Needed, Outcome, UndefinedWhy, Unknown, Verdict};

/// A release the model does not cover.
pub(super) fn uncovered(linker: Linker) -> Outcome {
    Outcome {
        linker,
        verdict: Verdict::Unknown,
        undefined: Vec::new(),
        duplicates: Vec::new(),
        dso_missing: Vec::new(),
        refusals: Vec::new(),
        extracted: Vec::new(),
        needed: Vec::new(),
        dropped: Vec::new(),
        definitions: Vec::new(),
        unknown: vec![Unknown { what: format!("the model does not cover {linker}"), file: None }],
        trace: Vec::new(),
    }
}

impl Link<'_> {
    pub(super) fn outcome(mut self, linker: Linker) -> Outcome {
        let extracted = self.extracted();
        let (needed, dropped) = self.needed();
        self.trace.extend(self.passed_over());
        let definitions = self.definitions();
        let undefined_fails = |why: UndefinedWhy| self.policy == Policy::Error || why == UndefinedWhy::Option;
        let failed = self.failed || self.undefined.iter().any(|one| undefined_fails(one.why));
        let verdict = Verdict::of(failed, &self.unknown);
        Outcome {
            linker,
            verdict,
            undefined: self.undefined,
            duplicates: self.duplicates,
            dso_missing: Vec::new(),
            refusals: self.refusals,
            extracted,
            needed,
            dropped,
            definitions,
            unknown: self.unknown,
            trace: self.trace,
        }
    }

    fn extracted(&self) -> Vec<Extraction> {
        let members = self.files.iter().filter_map(|file| {
            let id = file.id.filter(|_| file.live && matches!(file.content, Content::Object(_)))?;
            self.program.files[id.0 as usize].archive?;
            Some(Extraction { member: id, because: file.because.unwrap_or(Because::Whole) })
        });
        members.collect()
    }

    fn passed_over(&self) -> Vec<Event> {
        let waiting = self.files.iter().filter(|file| !file.live && matches!(file.content, Content::Object(_)));
        waiting.filter_map(|file| file.id).map(Event::Skip).collect()
    }

    fn needed(&self) -> (Vec<Needed>, Vec<FileId>) {
        let mut dropped: Vec<FileId> = Vec::new();
        let mut needed = Vec::new();
        let used = self.used();
        for (index, file) in self.files.iter().enumerate().filter(|(_, file)| file.is_shared()) {
            let Some(id) = file.id else { continue };
            let stays = self.shared.contains(&index) && self.program.options.output != Output::Relocatable;
            let Some(soname) = file.soname.filter(|_| stays) else {
                if !self.soname_taken.contains(&index) && !dropped.contains(&id) {
                    dropped.push(id);
                }
                continue;
            };
            needed.push(Needed {
                soname,
                file: id,
                because: file.because.unwrap_or(Because::Line),
                used: used.contains(&index),
            });
        }
        dropped.retain(|file| !needed.iter().any(|kept| kept.file == *file));
        (needed, dropped)
    }

    /// Shared objects that define something an object of the link asks for.
    pub(super) fn used(&self) -> Vec<usize> {
        let mut used: Vec<usize> = self
            .objects
            .iter()
            .flat_map(|file| &self.files[*file].symbols)
            .filter_map(|id| self.table.get(*id).owner)
            .map(|owner| owner.file)
            .filter(|file| self.files[*file].is_shared())
            .collect();
        used.sort_unstable();
        used.dedup();
        used
    }

    /// Of shared objects what objects ask for.
    fn definitions(&self) -> Vec<(Name, FileId)> {
        let asked: HashSet<SymbolId> =
            self.objects.iter().flat_map(|file| self.files[*file].symbols.iter().copied()).collect();
        let mut definitions: Vec<(Name, FileId)> = self
            .table
            .ids()
            .filter_map(|id| {
                let symbol = self.table.get(id);
                let owner = symbol.owner?;
                let file = &self.files[owner.file];
                let entry = file.entry(owner.index).filter(|entry| !entry.undefined)?;
                // `-r` makes an absolute symbol of a common one.
                let lost = entry.common && self.program.options.output == Output::Relocatable;
                (!lost && (asked.contains(&id) || !file.is_shared())).then_some((symbol.name, file.id?))
            })
            .collect();
        definitions.sort_unstable();
        definitions.dedup();
        definitions
    }
}
