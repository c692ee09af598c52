//! Which definition a name has among the files that were taken (`resolve_alternative_symbol_definitions`, symbol_db.rs), and what becomes
//! of references without one (`canonicalise_undefined_symbols`, resolution.rs).

use std::collections::HashMap;

use super::link::{Kind, Link};
use super::read::is_plain;
use super::symbols::{Content, Strength, SymbolId};
use crate::model::input::{Object, Visibility};
use crate::model::names::{Fast, Name};
use crate::model::outcome::{Duplicate, Event};

/// A symbol that two names lead to: threads settle names, and what it means is what the last of them says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Race {
    id: SymbolId,
    first: SymbolId,
    second: SymbolId,
}

impl Link<'_> {
    /// None when wild ends at duplicates, of which it names all; symbols that threads race for.
    pub(super) fn choose(&mut self) -> Option<Vec<Race>> {
        let mut races: Vec<Race> = Vec::new();
        let mut known: HashMap<SymbolId, SymbolId, Fast> = HashMap::default();
        for (first, others) in self.names.contested() {
            let all: Vec<SymbolId> = std::iter::once(first).chain(others).collect();
            let Some(chosen) = self.select(&all) else { continue };
            for id in &all {
                // By its name, and by its name with a version.
                if let Some(before) = known.insert(*id, chosen).filter(|before| *before != chosen) {
                    races.push(Race { id: *id, first: before, second: chosen });
                }
                self.means[id.0 as usize] = chosen;
            }
            // The most constraining of all, taken or not.
            if all.iter().any(|id| self.visibility(*id) == Visibility::Hidden) {
                for id in &all {
                    if let Some(flags) = self.flags_mut(*id) {
                        flags.local |= !flags.dynamic;
                    }
                }
            }
        }
        self.duplicates.is_empty().then_some(races)
    }

    /// The race as it ends in one of two ways.
    pub(super) fn end(&mut self, race: Race, second: bool) {
        if let Some(means) = self.means.get_mut(race.id.0 as usize) {
            *means = if second { race.second } else { race.first };
        }
    }

    /// `handle_rust_version_script`: what the script names is global, hidden elsewhere or not.
    pub(super) fn show(&mut self) {
        let plain = self.program.options.versions.iter().filter(|script| is_plain(script));
        for pattern in plain.flat_map(|script| &script.nodes).flat_map(|node| &node.global) {
            let name = self.program.names.get(pattern.text.as_bytes());
            let id = name.and_then(|name| self.names.get(name)).map(|id| self.definition(id));
            if let Some(flags) = id.and_then(|id| self.flags_mut(id)) {
                flags.local = false;
            }
        }
    }

    fn visibility(&self, id: SymbolId) -> Visibility {
        self.entry(id).map_or(Visibility::Default, |entry| entry.visibility)
    }

    fn strength(&self, id: SymbolId) -> Strength {
        let loaded = self.files[self.file_of(id)].loaded;
        self.entry(id).filter(|_| loaded).map_or(Strength::Undefined, |entry| entry.strength)
    }

    /// `select_symbol`: the first strong definition, the largest common symbol, the first weak one; then the first of a shared object.
    /// None for duplicates.
    fn select(&mut self, all: &[SymbolId]) -> Option<SymbolId> {
        let (mut strong, mut common, mut weak): (Option<SymbolId>, Option<(u64, SymbolId)>, Option<SymbolId>) =
            (None, None, None);
        for id in all.iter().filter(|id| !self.flags(**id).dynamic) {
            match self.strength(*id) {
                Strength::Undefined => {}
                Strength::Strong => {
                    if let Some(known) = strong {
                        let groups = self.is_in_group(known) && self.is_in_group(*id);
                        if !groups && !self.program.options.allow_multiple {
                            self.duplicate(known, *id);
                            return None;
                        }
                    }
                    strong.get_or_insert(*id);
                }
                Strength::Weak => {
                    weak.get_or_insert(*id);
                }
                Strength::Common(size) => {
                    if common.is_none_or(|(known, _)| size > known) {
                        common = Some((size, *id));
                    }
                }
            }
        }
        let best = strong.or(common.map(|(_, id)| id)).or(weak);
        let first = all.iter().copied().find(|id| self.strength(*id) != Strength::Undefined);
        let chosen = best.or(first).or(all.first().copied())?;
        for id in all.iter().filter(|id| **id != chosen) {
            if self.strength(*id) == Strength::Undefined {
                continue;
            }
            let (from, to) = (self.files[self.file_of(*id)].id, self.files[self.file_of(chosen)].id);
            if let (Some(from), Some(to), Some(entry)) = (from, to, self.entry(chosen)) {
                self.trace.push(Event::Override(from, to, entry.name));
            }
        }
        Some(chosen)
    }

    fn duplicate(&mut self, first: SymbolId, second: SymbolId) {
        let files = (self.files[self.file_of(first)].id, self.files[self.file_of(second)].id);
        if let ((Some(one), Some(other)), Some(entry)) = (files, self.entry(first)) {
            let duplicate = Duplicate { name: entry.name, first: one, second: other };
            if !self.duplicates.contains(&duplicate) {
                self.duplicates.push(duplicate);
            }
        }
    }

    /// In a section of a group, whichever: signatures are not looked at.
    fn is_in_group(&self, id: SymbolId) -> bool {
        const GROUP: u64 = 0x200;
        let Content::Object(object) = self.files[self.file_of(id)].content else { return false };
        let section = self.entry(id).and_then(|entry| entry.section);
        section.and_then(|section| object.sections.get(section as usize)).is_some_and(|own| own.flags & GROUP != 0)
    }

    /// `canonicalise_undefined_symbols`: of references to one name the last stands for all.
    pub(super) fn settle(&mut self) {
        let mut open = std::mem::take(&mut self.open);
        open.sort_by_key(|one| std::cmp::Reverse(one.id));
        let mut plain: HashMap<Name, SymbolId, Fast> = HashMap::default();
        let mut versioned: HashMap<(Name, Name), SymbolId, Fast> = HashMap::default();
        for one in open {
            if one.unless.is_some_and(|file| self.files[file].loaded) {
                continue;
            }
            let at = one.id.0 as usize;
            if let Some(version) = one.version {
                // The first is left as it is: number 0.
                if let Some(known) = versioned.get(&(one.name, version)) {
                    self.means[at] = *known;
                } else {
                    versioned.insert((one.name, version), one.id);
                }
                continue;
            }
            let visibility = self.visibility(one.id);
            if let Some(known) = plain.get(&one.name) {
                self.means[at] = self.definition(*known);
                self.constrain(one.name, visibility);
                continue;
            }
            let canonical = self.section_bound(one.name).unwrap_or(one.id);
            if canonical == one.id {
                let default = !matches!(visibility, Visibility::Hidden | Visibility::Protected);
                let weak = self.entry(one.id).is_some_and(|entry| entry.weak);
                let dynamic = self.kind == Kind::Shared || (self.kind != Kind::StaticExecutable && weak);
                self.flags[at].dynamic |= default && dynamic;
                self.constrain(one.name, visibility);
            }
            plain.insert(one.name, canonical);
            self.means[at] = canonical;
        }
    }

    /// `apply_visibility_to_definition`
    fn constrain(&mut self, name: Name, visibility: Visibility) {
        if visibility != Visibility::Hidden {
            return;
        }
        let Some(definition) = self.names.get(name).map(|id| self.definition(id)) else { return };
        if let Some(flags) = self.flags_mut(definition) {
            flags.local = true;
        }
    }

    /// `allocate_start_stop_symbol_id`: `__start_NAME`, where an object that was taken has a section of a name of its own.
    fn section_bound(&mut self, name: Name) -> Option<SymbolId> {
        let program = self.program;
        let text = program.names.bytes(name);
        let section = text.strip_prefix(b"__start_").or_else(|| text.strip_prefix(b"__stop_"))?;
        let section = program.names.get(section)?;
        let has = |object: &Object| {
            object.sections.iter().any(|own| own.name == section && super::reach::slot(program, own).is_custom())
        };
        let there = self.files.iter().filter(|file| file.loaded).any(|file| match file.content {
            Content::Object(object) => has(object),
            _ => false,
        });
        if !there {
            return None;
        }
        let id = SymbolId(self.means.len() as u32);
        self.means.push(id);
        self.flags.push(super::symbols::Flags::default());
        self.bounds.push((id, section));
        Some(id)
    }
}
