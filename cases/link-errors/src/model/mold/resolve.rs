//! Which definition a name has, and which files are part of the link (`resolve_symbols`, elf/passes.cc and elf/input-files.cc).

use std::collections::{HashMap, VecDeque};

use super::link::Link;
use super::release::{Follows, Hidden};
use super::table::{Content, Entry, Owner};
use crate::model::input::Visibility;
use crate::model::names::{Fast, Name};
use crate::model::outcome::{Because, Event};

impl Link<'_> {
    /// Ranks all definitions, takes what is asked for, and ranks anew what is left.
    pub(super) fn resolve(&mut self) {
        let all: Vec<usize> = self.objects.iter().chain(&self.shared).copied().collect();
        loop {
            loop {
                for file in &all {
                    self.define(*file);
                }
                self.rename_defaults(&all);
                self.mark();
                if self.release.hidden != Hidden::Retried || !self.pass_over_shared() {
                    break;
                }
                self.table.clear();
            }
            self.table.clear();
            self.discard_groups();
            for file in &all {
                if self.files[*file].live {
                    self.define(*file);
                }
            }
            if self.release.hidden != Hidden::RetriedAtEnd || !self.pass_over_shared() {
                break;
            }
            self.table.clear();
        }
        let alive = |link: &Self, files: &[usize]| -> Vec<usize> {
            files.iter().copied().filter(|file| link.files[*file].live).collect()
        };
        self.objects = alive(self, &self.objects);
        let waiting: Vec<usize> = self.shared.iter().copied().filter(|file| !self.files[*file].live).collect();
        self.shared = alive(self, &self.shared);
        self.trace.extend(waiting.into_iter().filter_map(|file| self.files[file].id).map(Event::Drop));
    }

    /// `get_rank`: the smaller wins. A strong definition, a weak one, a strong one in a shared object or a member that waits, a weak one
    /// there, a common symbol, a common symbol of a member that waits; of equal ones that of the file that was read first.
    fn rank(&self, file: usize, entry: &Entry) -> (u8, u32) {
        let file = &self.files[file];
        let far = file.is_shared() || !file.live;
        let rank = match (entry.common, far, entry.weak) {
            (true, false, _) => 5,
            (true, true, _) => 6,
            (false, true, false) => 3,
            (false, true, true) => 4,
            (false, false, true) => 2,
            (false, false, false) => 1,
        };
        (rank, file.priority)
    }

    /// True when the entry's section is part of the link, or it has none.
    pub(super) fn is_placed(&self, file: usize, entry: &Entry) -> bool {
        let Some(section) = entry.section else { return true };
        let file = &self.files[file];
        let Content::Object(object) = &file.content else { return true };
        let Some(own) = object.sections.get(section as usize) else { return false };
        let name = self.program.names.bytes(own.name);
        // Sections mold reads and does not keep (`initialize_sections`).
        let kept = !matches!(own.kind, 0 | 2 | 3 | 4 | 9 | 17 | 18)
            && !matches!(name, b".note.GNU-stack" | b".note.gnu.property" | b".note.gnu.build-id" | b".eh_frame");
        kept && file.gone.get(section as usize) != Some(&true)
    }

    /// `ObjectFile::resolve_symbols`, `SharedFile::resolve_symbols`
    fn define(&mut self, file: usize) {
        let shared = self.files[file].is_shared();
        for index in 0..self.files[file].symbols.len() {
            let Some(entry) = self.files[file].entry(index).filter(|entry| !entry.undefined) else { continue };
            let id = self.files[file].symbols[index];
            if !self.is_placed(file, &entry) || (shared && self.table.get(id).skip_shared) {
                continue;
            }
            let owner = Owner { file, index };
            if self.is_better(id, owner, &entry) {
                let rule = self.default_rule();
                let symbol = self.table.get_mut(id);
                symbol.owner = Some(owner);
                symbol.rule = rule;
                symbol.stands_for = None;
            }
            // `f@V`, where `f` is the default of its version.
            let Some(versioned) = self.files[file].versioned.get(index).copied().flatten() else { continue };
            if versioned != id && self.is_better(versioned, owner, &entry) {
                let symbol = self.table.get_mut(versioned);
                symbol.owner = Some(owner);
                symbol.stands_for = Some(id);
            }
        }
    }

    fn is_better(&self, id: super::table::SymbolId, new: Owner, entry: &Entry) -> bool {
        let Some(old) = self.table.get(id).owner else { return true };
        let Some(known) = self.files[old.file].entry(old.index) else { return true };
        self.rank(new.file, entry) < self.rank(old.file, &known)
    }

    /// `resolve_default_symver`: who names `f@V` and means a default version names `f`.
    fn rename_defaults(&mut self, files: &[usize]) {
        if !self.release.defaults_by_version {
            return;
        }
        for file in files {
            for id in &mut self.files[*file].symbols {
                if let Some(plain) = self.table.get(*id).stands_for {
                    *id = plain;
                }
            }
        }
    }

    /// `mark_live_objects`: from all that stands on the line, over undefined symbols, to what defines them.
    fn mark(&mut self) {
        let program = self.program;
        let options = &program.options;
        let read =
            options.defsym.iter().flat_map(|defsym| &defsym.reads).filter(|_| !self.release.defsym_asks_as_object);
        let entry = self.entry();
        let asked: Vec<Name> = options
            .undefined
            .iter()
            .copied()
            .chain(entry)
            .chain(read.copied())
            .chain(options.require_defined.iter().copied())
            .collect();
        for name in asked {
            let owner = self.table.find(name, None).and_then(|id| self.table.get(id).owner);
            if let Some(owner) = owner {
                self.take(owner.file, Because::Option(name));
            }
        }
        let all = self.objects.iter().chain(&self.shared).copied();
        let mut queue: VecDeque<usize> =
            all.filter(|file| self.files[*file].live || !self.files[*file].waits).collect();
        for file in &queue {
            self.files[*file].live = true;
        }
        while let Some(file) = queue.pop_front() {
            for index in 0..self.files[file].symbols.len() {
                let Some(entry) = self.files[file].entry(index) else { continue };
                if let Some((found, because)) = self.asks(file, index, &entry)
                    && self.take(found, because)
                {
                    queue.push_back(found);
                }
            }
        }
    }

    fn take(&mut self, file: usize, because: Because) -> bool {
        let file = &mut self.files[file];
        if file.live {
            return false;
        }
        file.live = true;
        if !file.waits {
            return true;
        }
        file.because = Some(because);
        if let Some(id) = file.id {
            self.trace.push(if file.is_shared() { Event::Keep(id, because) } else { Event::Extract(id, because) });
        }
        true
    }

    /// The file that one symbol of a file that is part of the link brings in.
    fn asks(&mut self, file: usize, index: usize, entry: &Entry) -> Option<(usize, Because)> {
        let id = self.files[file].symbols[index];
        let shared = self.files[file].is_shared();
        if !shared {
            let hides = self.files[file].hides && !entry.undefined;
            self.merge_visibility(id, if hides { Visibility::Hidden } else { entry.visibility });
        }
        let owner = self.table.get(id).owner?;
        let target = &self.files[owner.file];
        let name = self.table.get(id).name;
        let because = match self.files[file].id {
            Some(by) if entry.common => Because::Common { file: by, name },
            Some(by) => Because::Reference { file: by, name },
            None => Because::Option(name),
        };
        let asks = if shared {
            entry.undefined
                && (!entry.weak || self.release.shared_weak_asks)
                && match self.release.follows {
                    Follows::Objects => !target.is_shared(),
                    Follows::All => true,
                    Follows::ToCheck => !target.is_shared() || !self.allows_shlib_undefined(),
                }
        } else {
            // A common symbol asks for a definition that is more.
            let common = entry.common && target.entry(owner.index).is_some_and(|definition| !definition.common);
            let kept = self.release.weak_keeps_shared;
            let weak = entry.weak && (!kept || !target.is_shared());
            (entry.undefined && !weak) || (common && (!entry.weak || kept))
        };
        asks.then_some((owner.file, because))
    }

    /// `ObjectFile::merge_visibility`
    fn merge_visibility(&mut self, id: super::table::SymbolId, visibility: Visibility) {
        let visibility = if visibility == Visibility::Internal { Visibility::Hidden } else { visibility };
        let symbol = self.table.get_mut(id);
        symbol.visibility = symbol.visibility.merge(visibility);
    }

    /// True when a hidden symbol was had from a shared object, and names have to be resolved anew.
    fn pass_over_shared(&mut self) -> bool {
        let mut again = false;
        for id in self.table.ids() {
            let symbol = self.table.get(id);
            let Some(owner) = symbol.owner.filter(|_| symbol.visibility == Visibility::Hidden) else { continue };
            if self.files[owner.file].is_shared() && self.files[owner.file].live {
                self.table.get_mut(id).skip_shared = true;
                again = true;
            }
        }
        again
    }

    /// Of groups with one signature that of the file that was read first is kept; two of one file are both.
    fn discard_groups(&mut self) {
        let mut leaders: HashMap<Name, usize, Fast> = HashMap::default();
        for file in self.objects.clone() {
            let Content::Object(object) = self.files[file].content else { continue };
            if !self.files[file].live {
                continue;
            }
            let mut gone = Vec::new();
            for group in object.groups.iter().filter(|group| group.comdat) {
                // Groups of `.debug_macro` that GCC writes wrong.
                if self.program.names.bytes(group.signature).starts_with(b"wm4.")
                    || *leaders.entry(group.signature).or_insert(file) == file
                {
                    continue;
                }
                gone.resize(object.sections.len(), false);
                for section in &group.sections {
                    if let Some(gone) = gone.get_mut(*section as usize) {
                        *gone = true;
                    }
                }
            }
            self.files[file].gone = gone;
        }
    }
}
