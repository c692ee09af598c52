//! What came of the link, in the words of [`Outcome`].

use super::link::{Kind, Link};
use super::symbols::{Content, SymbolId};
use crate::model::input::FileId;
use crate::model::names::Name;
use crate::model::outcome::{Because, Event, Extraction, Linker, Needed, Outcome, Refusal, Unknown, Verdict};

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
    /// What is found when the output is written; apart from the entry point these are errors of wild's own.
    pub(super) fn write(&mut self) {
        if self.kind == Kind::Relocatable {
            return;
        }
        if self.tls_is_open {
            let what = "a thread-local reference to a symbol that is not thread-local or nowhere, in a shared object";
            self.cannot_say(what, None);
        }
        let entry = self.entry_name().and_then(|name| self.names.get(name)).map(|id| self.definition(id));
        if entry.is_some_and(|id| self.flags(id).dynamic) {
            let what = "Entry point must be an address or absolute value.".to_owned();
            self.refusals.push(Refusal::Other(what));
        }
        // References to a version that nobody has mean symbol 0, which has no place (`canonicalise_undefined_symbols`).
        if self.flags(SymbolId::UNDEFINED).resolved {
            self.refusals.push(Refusal::Other("internal error: a version nobody defines is asked for".to_owned()));
        }
        // Weak ones to a version that is in no file that was taken mean that file's symbol all the same.
        if self.misplaced {
            self.refusals.push(Refusal::Other("internal error: a version is asked for that was not taken".to_owned()));
        }
    }

    pub(super) fn outcome(mut self, linker: Linker) -> Outcome {
        let extracted = self.extracted();
        let (needed, dropped) = self.needed();
        let definitions = self.definitions();
        let skipped = self.files.iter().filter(|file| !file.loaded && !file.is_shared());
        let skipped: Vec<Event> = skipped.filter_map(|file| file.id).map(Event::Skip).collect();
        self.trace.extend(skipped);
        self.trace.extend(dropped.iter().copied().map(Event::Drop));
        let verdict = Verdict::of(self.has_failed(), &self.unknown);
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
        let members = self.files.iter().filter(|file| file.loaded && file.member);
        members
            .filter_map(|file| Some(Extraction { member: file.id?, because: file.because.unwrap_or(Because::Whole) }))
            .collect()
    }

    fn needed(&self) -> (Vec<Needed>, Vec<FileId>) {
        let (mut needed, mut dropped) = (Vec::new(), Vec::new());
        for (number, file) in self.files.iter().enumerate().filter(|(_, file)| file.is_shared()) {
            let Some(id) = file.id else { continue };
            match file.soname.filter(|_| file.loaded && self.kind != Kind::Relocatable) {
                Some(soname) => needed.push(Needed {
                    soname,
                    file: id,
                    because: file.because.unwrap_or(Because::Line),
                    used: self.is_used(number),
                }),
                None => dropped.push(id),
            }
        }
        (needed, dropped)
    }

    /// True when an object asks for something of the shared object.
    fn is_used(&self, shared: usize) -> bool {
        self.asked().any(|(_, definition)| self.file_of(definition) == shared)
    }

    /// What objects and `--defsym` ask for, and what it means.
    fn asked(&self) -> impl Iterator<Item = (Name, SymbolId)> {
        let objects = self.files.iter().filter(|file| file.loaded && matches!(file.content, Content::Object(_)));
        let asked = objects.flat_map(|file| {
            (0..file.len()).filter_map(|index| {
                let entry = file.entry(index).filter(|entry| entry.undefined)?;
                let definition = self.definition(SymbolId(file.first + index));
                let name = self.entry(definition).map_or(entry.name, |found| found.name);
                Some((name, definition))
            })
        });
        let read = self.program.options.defsym.iter().flat_map(|defsym| defsym.reads.iter().copied());
        asked.chain(read.filter_map(|name| {
            let definition = self.names.get(name).map(|id| self.definition(id))?;
            self.flags(definition).resolved.then_some((name, definition))
        }))
    }

    fn definitions(&self) -> Vec<(Name, FileId)> {
        let mut definitions = Vec::new();
        for file in self.files.iter().filter(|file| file.loaded && !file.is_shared()) {
            for index in 0..file.len() {
                let id = SymbolId(file.first + index);
                let entry = file.entry(index).filter(|entry| !entry.undefined && !entry.local);
                let canonical = self.means.get(id.0 as usize) == Some(&id);
                if let (Some(entry), Some(by), true) = (entry, file.id, canonical) {
                    definitions.push((entry.name, by));
                }
            }
        }
        for (name, definition) in self.asked() {
            let file = &self.files[self.file_of(definition)];
            let defined = self.entry(definition).is_some_and(|entry| !entry.undefined);
            if file.is_shared() && file.loaded && defined {
                definitions.extend(file.id.map(|id| (name, id)));
            }
        }
        definitions.sort_unstable();
        definitions.dedup();
        definitions
    }
}
