//! What ld.bfd complains of at the end: references of relocations (`RELOC_FOR_GLOBAL_SYMBOL`, bfd/elf-bfd.h), references into sections that
//! were discarded (`elf_link_input_bfd`, bfd/elflink.c), and symbols that cannot be written (`elf_link_output_extsym`).

use std::collections::HashMap;

use super::gc::is_debugging;
use super::link::{Fatal, Link, reports};
use super::table::{Entry, EntryId, Key, Kind, Place};
use crate::model::input::{Content, Definition, Output, Uses, Visibility};
use crate::model::liveness::{ALLOC, EXCLUDE};
use crate::model::names::Fast;
use crate::model::outcome::{Refusal, Site, Undefined, UndefinedWhy, Unknown};

/// Where the linker stops writing symbols.
enum Stop {
    /// The backend has no address for an entry of the GOT, and says nothing.
    NoAddress,
    /// An internal check of its own fails.
    Aborts,
    HiddenInObject,
    NotDefined,
    NoVersion,
}

impl Link<'_> {
    pub(super) fn report_objects(&mut self) -> Result<(), Fatal> {
        let program = self.program;
        let (in_objects, _) = reports(&program.options);
        let mut found: HashMap<EntryId, usize, Fast> = HashMap::default();
        for bfd in self.output_order() {
            let file = self.file(bfd);
            let Content::Object(object) = &program.files[file.0 as usize].content else { continue };
            for reference in &object.references {
                let index = reference.section;
                let Some(section) = object.sections.get(index as usize) else { continue };
                let name = program.names.bytes(section.name);
                if !self.is_in_output(bfd, index) || is_dropped(name) || section.flags & EXCLUDE != 0 {
                    continue;
                }
                let site = Site { file, at: Some((index, reference.offset)) };
                let Some(id) = self.entry_of(bfd, object, reference.symbol) else {
                    let Some(symbol) = object.symbols.get(reference.symbol as usize) else { continue };
                    let Definition::Section(to) = symbol.definition else { continue };
                    let known = object.sections.get(to as usize);
                    let complains = complains(name, section.flags) && known.is_some_and(|known| known.kind != GROUP);
                    if complains && !self.is_in_output(bfd, to) {
                        let why = UndefinedWhy::Discarded;
                        self.undefined.push(Undefined { name: symbol.name, version: None, sites: vec![site], why });
                    }
                    continue;
                };
                if section.flags & ALLOC != 0 && reference.uses.contains(Uses::TLS) && self.is_not_thread_local(id) {
                    self.refusals.push(Refusal::Other("internal error in elf_x86_64_relocate_section".to_owned()));
                    return Err(Fatal);
                }
                if self.is_unresolvable(id, reference.uses, (name, section.flags)) {
                    let name = String::from_utf8_lossy(&self.full_name(self.table.get(id))).into_owned();
                    let what = format!("unresolvable relocation against symbol `{name}'");
                    self.refusals.push(Refusal::Other(what));
                    return Err(Fatal);
                }
                let entry = *self.table.get(id);
                if entry.kind != Kind::Undefined || (!in_objects && entry.visibility == Visibility::Default) {
                    continue;
                }
                match found.get(&id) {
                    Some(index) => self.undefined[*index].sites.push(site),
                    None => {
                        found.insert(id, self.undefined.len());
                        let why = if entry.visibility != Visibility::Default && self.in_shared(entry.key) {
                            UndefinedWhy::HiddenReference
                        } else {
                            UndefinedWhy::Nowhere
                        };
                        self.hard |= entry.visibility != Visibility::Default;
                        let (name, version) = (entry.key.name, entry.key.version);
                        self.undefined.push(Undefined { name, version, sites: vec![site], why });
                    }
                }
            }
        }
        Ok(())
    }

    /// A shared object of the line defines the symbol, for those who may see it.
    fn in_shared(&self, key: Key) -> bool {
        self.loads.iter().filter(|load| !load.class.as_needed).any(|load| {
            self.shared(load.file)
                .is_some_and(|shared| shared.symbols.iter().any(|symbol| symbol.defined && symbol.name == key.name))
        })
    }

    /// Writes local symbols, then global ones. The first that cannot be written ends it.
    pub(super) fn write_symbols(&mut self) -> Result<(), Fatal> {
        if self.program.options.output == Output::Relocatable {
            return Ok(());
        }
        let in_shared = reports(&self.program.options).1;
        // The room is that of all symbols together, and the last of them finds none.
        let lacking_room = self.table.ids().find(|id| self.lacks_room(*id));
        for local in [true, false] {
            let ids: Vec<EntryId> = self.table.ids().filter(|id| self.table.get(*id).forced_local == local).collect();
            let stopping: Vec<EntryId> = ids.iter().copied().filter(|id| self.stops(*id).is_some()).collect();
            let lacking: Vec<EntryId> =
                ids.iter().copied().filter(|id| in_shared && self.lacks(self.table.get(*id))).collect();
            if stopping.is_empty() {
                lacking.into_iter().for_each(|id| self.report_lack(id));
                continue;
            }
            for id in self.traversal() {
                if lacking.contains(&id) {
                    self.report_lack(id);
                }
                if stopping.contains(&id) {
                    if lacking_room.is_some() {
                        self.room_is_open();
                    }
                    return self.stop_at(id);
                }
            }
        }
        if let Some(id) = lacking_room {
            let name = String::from_utf8_lossy(&self.full_name(self.table.get(id))).into_owned();
            self.refusals.push(Refusal::Other(format!("internal error over {name}")));
            if self.table.ids().any(|id| self.may_leave_room(id)) {
                self.room_is_open();
            }
        }
        Ok(())
    }

    fn room_is_open(&mut self) {
        let what = "an absolute symbol that is not exported has an entry in the GOT: whether its relocation finds room depends on others";
        self.unknown.push(Unknown { what: what.to_owned(), file: None });
    }

    /// A shared object asks for it, and no object does whose relocations were looked at.
    fn lacks(&self, entry: &Entry) -> bool {
        entry.kind == Kind::Undefined
            && entry.ref_dynamic_nonweak
            && (!entry.ref_regular || self.program.options.gc_sections == Some(true))
            && !matches!(self.has_hidden_version(entry), Ok(true) | Err(Fatal))
    }

    fn report_lack(&mut self, id: EntryId) {
        let entry = *self.table.get(id);
        let site = match entry.owner {
            Some(owner) if !entry.ref_regular => Some(Site { file: self.file(owner.bfd), at: None }),
            _ => None,
        };
        let (name, version) = (entry.key.name, entry.key.version);
        match self.undefined.iter_mut().find(|known| known.name == name && known.version == version) {
            Some(known) => known.sites.extend(site),
            None => {
                let why = UndefinedWhy::Nowhere;
                self.undefined.push(Undefined { name, version, sites: site.into_iter().collect(), why });
            }
        }
    }

    /// Why the symbol cannot be written.
    fn stops(&self, id: EntryId) -> Option<Stop> {
        let entry = self.table.get(id);
        let executable = self.program.options.output.is_executable();
        if entry.kind == Kind::Undefined && entry.ref_dynamic_nonweak && !entry.ref_regular {
            match self.has_hidden_version(entry) {
                Err(Fatal) => return Some(Stop::Aborts),
                Ok(_) if entry.discarded => return None,
                Ok(_) => {}
            }
        }
        if entry.kind == Kind::Undefined && entry.discarded {
            return None;
        }
        if executable
            && entry.forced_local
            && entry.ref_dynamic
            && entry.def_regular
            && !entry.dynamic_def
            && entry.ref_dynamic_nonweak
        {
            match self.has_hidden_version(entry) {
                Err(Fatal) => return Some(Stop::Aborts),
                Ok(true) => {}
                Ok(false) => return Some(Stop::HiddenInObject),
            }
        }
        let unmentioned = (entry.def_dynamic || entry.ref_dynamic || entry.kind == Kind::New)
            && !entry.def_regular
            && !entry.ref_regular;
        if matches!(entry.kind, Kind::Indirect(_)) || (unmentioned && !entry.dynamic && !entry.forced_local) {
            return None;
        }
        if entry.kind == Kind::New {
            return Some(Stop::Aborts);
        }
        let written_undefined = matches!(entry.kind, Kind::Undefined | Kind::UndefinedWeak)
            || (entry.is_defined() && matches!(entry.place, Place::Shared { .. }));
        let weak = match entry.kind {
            _ if entry.forced_local => false,
            _ if written_undefined && entry.ref_regular => !entry.ref_regular_nonweak,
            Kind::UndefinedWeak | Kind::DefinedWeak => true,
            _ => false,
        };
        if self.lacks_address(id) {
            return Some(Stop::NoAddress);
        }
        if entry.visibility != Visibility::Default
            && !entry.forced_local
            && !weak
            && entry.kind == Kind::Undefined
            && !entry.def_regular
        {
            return Some(Stop::NotDefined);
        }
        let lacks_version = entry.dynamic
            && self.has_dynamic
            && !entry.has_version
            && (!executable || entry.ref_dynamic || !entry.def_regular)
            && entry.key.version.is_some();
        lacks_version.then_some(Stop::NoVersion)
    }

    fn stop_at(&mut self, id: EntryId) -> Result<(), Fatal> {
        let entry = *self.table.get(id);
        let name = String::from_utf8_lossy(&self.full_name(&entry)).into_owned();
        let refusal = match self.stops(id) {
            None => return Ok(()),
            Some(Stop::Aborts) => Refusal::Other(format!("internal error over {name}")),
            Some(Stop::NoAddress) => {
                self.hard = true;
                return Err(Fatal);
            }
            Some(Stop::HiddenInObject) => {
                let real = self.table.get(self.table.real(id));
                if real.owner.is_none() {
                    // `elf_link_check_versioned_symbol` wants to know whose it is.
                    self.refusals.push(Refusal::Other("internal error: assertion fail in elflink.c".to_owned()));
                }
                let owner = real.origin().map(|owner| self.file(owner.bfd));
                match (owner, self.who_asks(entry.key)) {
                    (Some(owner), asks) => Refusal::HiddenInObject(entry.key.name, owner, asks.unwrap_or(owner)),
                    (None, Some(asks)) => Refusal::HiddenInObject(entry.key.name, asks, asks),
                    (None, None) => Refusal::Other(format!("local symbol `{name}' in output is referenced by DSO")),
                }
            }
            Some(Stop::NotDefined) => {
                let kind = match entry.visibility {
                    Visibility::Protected => "protected",
                    Visibility::Internal => "internal",
                    _ => "hidden",
                };
                Refusal::Other(format!("{kind} symbol `{name}' isn't defined"))
            }
            Some(Stop::NoVersion) => Refusal::VersionUndefined(entry.key.name),
        };
        self.refusals.push(refusal);
        Err(Fatal)
    }

    fn who_asks(&self, key: Key) -> Option<crate::model::input::FileId> {
        self.loads.iter().filter(|load| !load.class.as_needed).map(|load| load.file).find(|file| {
            self.shared(*file)
                .is_some_and(|shared| shared.symbols.iter().any(|symbol| !symbol.defined && symbol.name == key.name))
        })
    }

    /// `elf_link_check_versioned_symbol`: another loaded library has the name under a hidden version, the first of its own. A version that
    /// is not hidden should have been found before, and the linker aborts.
    fn has_hidden_version(&self, entry: &Entry) -> Result<bool, Fatal> {
        let mut real = *entry;
        for _ in 0..16 {
            match real.kind {
                Kind::Indirect(to) => real = *self.table.get(to),
                _ => break,
            }
        }
        if matches!(real.kind, Kind::Undefined | Kind::UndefinedWeak) {
            let by_closure = real
                .owner
                .is_some_and(|owner| self.loads.iter().any(|load| load.bfd == owner.bfd && load.class.dt_needed));
            if !by_closure {
                return Ok(false);
            }
        }
        if real.key.version.is_some() {
            return Ok(false);
        }
        for load in self.loaded.iter().rev().map(|load| self.loads[load.0 as usize]) {
            if real.owner.is_some_and(|owner| owner.bfd == load.bfd) {
                continue;
            }
            let Some(shared) = self.shared(load.file) else { continue };
            if !shared.symbols.iter().any(|symbol| symbol.version.is_some() || symbol.base_version) {
                continue;
            }
            for symbol in shared.symbols.iter().filter(|symbol| symbol.defined && symbol.name == real.key.name) {
                let hidden = symbol.version.is_some_and(|version| !version.default);
                let kept = real.def_regular && real.forced_local;
                if !hidden && !kept {
                    return Err(Fatal);
                }
                let first = symbol.version.is_none_or(|version| Some(version.name) == shared.first_version);
                if first {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }
}

/// `SHT_GROUP`
const GROUP: u32 = 17;

/// A reference from this section into one that was discarded is an error (`_bfd_elf_default_action_discarded`).
fn complains(name: &[u8], flags: u64) -> bool {
    let debugging = flags & ALLOC == 0 && is_debugging(name);
    !debugging && name != b".eh_frame" && name != b".gcc_except_table"
}

/// Sections the default script throws away (`/DISCARD/`, scripttempl/elf.sc).
fn is_dropped(name: &[u8]) -> bool {
    name == b".note.GNU-stack" || name == b".gnu_debuglink" || name.starts_with(b".gnu.lto_")
}
