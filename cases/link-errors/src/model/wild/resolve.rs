//! Which files are taken (resolution.rs): a reference goes to the first definition of its name, and takes the file that has it.

use std::collections::VecDeque;

use super::link::{Link, Open};
use super::symbols::{Content, Entry, Own, Strength, SymbolId};
use crate::model::input::Visibility;
use crate::model::names::Name;
use crate::model::outcome::{Because, Event};

impl Link<'_> {
    /// `resolve_symbols_and_select_archive_entries`
    pub(super) fn resolve(&mut self) {
        let mut queue: VecDeque<usize> = (1..self.files.len()).filter(|file| self.files[*file].loaded).collect();
        self.ask_by_options(&mut queue);
        while let Some(file) = queue.pop_front() {
            for index in 0..self.files[file].len() {
                let Some(entry) = self.files[file].entry(index).filter(|entry| entry.undefined) else { continue };
                if self.files[file].is_shared() && entry.visibility == Visibility::Hidden {
                    continue;
                }
                self.refer(file, SymbolId(self.files[file].first + index), &entry, &mut queue);
            }
        }
    }

    /// `load_prelude`
    fn ask_by_options(&mut self, queue: &mut VecDeque<usize>) {
        let program = self.program;
        let mut ask = |link: &mut Self, name: Name| {
            let id = link.names.get(name)?;
            link.take(link.file_of(id), Because::Option(name), queue);
            Some(id)
        };
        if let Some(name) = self.entry_name() {
            ask(self, name);
        }
        let Content::Own(symbols) = self.files[0].content.clone() else { return };
        for (index, own) in symbols.iter().enumerate() {
            match own {
                Own::Asked(name) => {
                    if let Some(id) = ask(self, *name) {
                        self.means[index] = id;
                    }
                }
                Own::Alias(_, number) => {
                    for name in program.options.defsym.get(*number).into_iter().flat_map(|defsym| &defsym.reads) {
                        ask(self, *name);
                    }
                }
                _ => {}
            }
        }
    }

    fn take(&mut self, file: usize, because: Because, queue: &mut VecDeque<usize>) {
        let shared = self.files[file].is_shared();
        let known = &mut self.files[file];
        if known.loaded {
            return;
        }
        known.loaded = true;
        known.because = Some(because);
        if let Some(id) = known.id {
            self.trace.push(if shared { Event::Keep(id, because) } else { Event::Extract(id, because) });
        }
        queue.push_back(file);
    }

    /// `resolve_symbol`
    fn refer(&mut self, file: usize, id: SymbolId, entry: &Entry, queue: &mut VecDeque<usize>) {
        let open = Open { id, unless: None, name: entry.name, version: entry.version };
        let Some(found) = self.look_up(entry) else {
            return self.open.push(open);
        };
        self.means[id.0 as usize] = found;
        if entry.visibility == Visibility::Hidden
            && let Some(flags) = self.flags_mut(found)
        {
            flags.local = true;
        }
        let owner = self.file_of(found);
        if owner != file && !entry.weak {
            // Shared objects do not keep shared objects.
            if (!self.files[file].is_shared() || !self.files[owner].is_shared())
                && let Some(by) = self.files[file].id
            {
                self.take(owner, Because::Reference { file: by, name: entry.name }, queue);
            }
        } else if owner != 0 {
            self.open.push(Open { unless: Some(owner), ..open });
        }
    }

    /// `SymbolDb::get`: only default visibility reaches shared objects.
    fn look_up(&self, entry: &Entry) -> Option<SymbolId> {
        let found = match entry.version {
            Some(version) => self.names.get_versioned(entry.name, version),
            None => self.names.get(entry.name),
        }?;
        if entry.visibility == Visibility::Default || !self.files[self.file_of(found)].is_shared() {
            return Some(found);
        }
        let mut best: Option<(u8, u64, SymbolId)> = None;
        for other in self.names.others_of(found) {
            let file = self.file_of(*other);
            let Some(entry) = self.entry(*other).filter(|_| !self.files[file].is_shared()) else { continue };
            let (rank, size) = match entry.strength {
                Strength::Strong => (2, 0),
                Strength::Common(size) => (1, size),
                _ => (0, 0),
            };
            if best.is_none_or(|(known, largest, _)| (rank, size) > (known, largest)) {
                best = Some((rank, size, *other));
            }
        }
        best.map(|(_, _, id)| id)
    }
}
