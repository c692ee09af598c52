//! The hash table of ld.bfd: an entry for each name, with or without its version (`struct elf_link_hash_entry`, bfd/elf-bfd.h).
//!
//! A shared object under `--as-needed` is tried: its symbols are merged, and if nobody needed it, all of that is undone. The table keeps
//! what it would have to put back.

use std::collections::HashMap;

use crate::model::input::{SymbolType, Visibility};
use crate::model::names::Name;

/// Number of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct EntryId(pub(super) u32);

/// Number of a file that was opened: one file can be opened several times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct BfdId(pub(super) u32);

/// Who a symbol is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) bfd: BfdId,
    /// It is a shared object.
    pub(super) dynamic: bool,
}

/// A name as ld.bfd has it: `f`, `f@V` or `f@@V`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) name: Name,
    pub(super) version: Option<Name>,
    /// True for `@@`.
    pub(super) default: bool,
}

impl Key {
    pub(super) fn plain(name: Name) -> Self {
        Self { name, version: None, default: false }
    }
}

/// What a name stands for (`enum bfd_link_hash_type`, include/bfdlink.h).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    New,
    Undefined,
    UndefinedWeak,
    Defined,
    DefinedWeak,
    Common,
    Indirect(EntryId),
}

/// What is known of the name's version (`versioned` of `struct elf_link_hash_entry`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
pub(super) enum Versioned {
    Not,
    Default,
    Hidden,
}

/// Where a definition stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Nowhere, or not asked.
    None,
    /// `SHN_ABS`
    Absolute,
    /// A section of a relocatable object.
    Section(u32),
    /// Common once, and given its place.
    Common,
    /// A section the linker makes.
    Linker,
    /// A section of a shared object.
    Shared {
        /// It takes no bytes of the file.
        bss: bool,
    },
}

/// One entry.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) key: Key,
    pub(super) kind: Kind,
    /// Who asked first, or who defines it. An absolute symbol has lost it: its section is nobody's.
    pub(super) owner: Option<Owner>,
    /// Who an absolute symbol is from, which the linker does not know and a reader asks for.
    pub(super) absolute: Option<Owner>,
    pub(super) place: Place,
    pub(super) value: u64,
    pub(super) size: u64,
    pub(super) symbol_type: SymbolType,
    pub(super) visibility: Visibility,
    pub(super) versioned: Versioned,
    /// It is, or was, on the list of undefined symbols.
    pub(super) listed: bool,
    /// Its definition was in a section that was discarded.
    pub(super) discarded: bool,
    pub(super) ref_regular: bool,
    pub(super) ref_regular_nonweak: bool,
    pub(super) ref_dynamic: bool,
    pub(super) ref_dynamic_nonweak: bool,
    pub(super) def_regular: bool,
    pub(super) def_dynamic: bool,
    pub(super) dynamic_def: bool,
    pub(super) forced_local: bool,
    /// It has a place in `.dynsym`.
    pub(super) dynamic: bool,
    /// A script or option defines it (`ldscript_def`): objects take it for undefined.
    pub(super) by_script: bool,
    /// No ELF file has it so far: options and scripts name it.
    pub(super) non_elf: bool,
    /// The version of a shared object it is defined as, or of a script (`verinfo`).
    pub(super) has_version: bool,
    /// The node of the version script it belongs to (`verinfo.vertree`).
    pub(super) node: Option<u32>,
    /// It is a bound of sections of one name (`__start_`, `__stop_`).
    pub(super) start_stop: bool,
    /// `--gc-sections` has reached it.
    pub(super) mark: bool,
    /// Common once, and given its place (`ELF_COMMON_DEF_P`).
    pub(super) was_common: bool,
}

impl Entry {
    fn new(key: Key) -> Self {
        let versioned = match (key.version, key.default) {
            (None, _) => Versioned::Not,
            (Some(_), true) => Versioned::Default,
            (Some(_), false) => Versioned::Hidden,
        };
        Self {
            key,
            kind: Kind::New,
            owner: None,
            absolute: None,
            place: Place::None,
            value: 0,
            size: 0,
            symbol_type: SymbolType::None,
            visibility: Visibility::Default,
            versioned,
            listed: false,
            discarded: false,
            ref_regular: false,
            ref_regular_nonweak: false,
            ref_dynamic: false,
            ref_dynamic_nonweak: false,
            def_regular: false,
            def_dynamic: false,
            dynamic_def: false,
            forced_local: false,
            dynamic: false,
            by_script: false,
            non_elf: true,
            has_version: false,
            node: None,
            start_stop: false,
            mark: false,
            was_common: false,
        }
    }

    /// Who it is from, absolute symbols included.
    pub(super) fn origin(&self) -> Option<Owner> {
        self.owner.or(self.absolute)
    }

    pub(super) fn is_hidden(&self) -> bool {
        matches!(self.visibility, Visibility::Hidden | Visibility::Internal)
    }

    /// It is defined, weakly or not.
    pub(super) fn is_defined(&self) -> bool {
        matches!(self.kind, Kind::Defined | Kind::DefinedWeak)
    }
}

/// What has to be put back when a library is dropped.
struct Journal {
    /// Entries as they were, each at most once.
    before: Vec<(EntryId, Entry)>,
    saved: Vec<bool>,
    /// Number of entries at the beginning.
    entries: usize,
    undefined: u64,
}

/// The table.
#[derive(Default)]
pub(super) struct Table {
    entries: Vec<Entry>,
    known: HashMap<Key, EntryId, crate::model::names::Fast>,
    /// How many symbols were ever put on the list of undefined ones: where it grows, archives are searched again.
    undefined: u64,
    journal: Option<Journal>,
}

impl Table {
    /// The entry of `key`, made if need be.
    pub(super) fn intern(&mut self, key: Key) -> EntryId {
        if let Some(id) = self.known.get(&key) {
            return *id;
        }
        let id = EntryId(self.entries.len() as u32);
        self.entries.push(Entry::new(key));
        self.known.insert(key, id);
        id
    }

    /// The entry of `key`, if there is one.
    pub(super) fn find(&self, key: Key) -> Option<EntryId> {
        self.known.get(&key).copied()
    }

    /// Number of entries.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn get(&self, id: EntryId) -> &Entry {
        &self.entries[id.0 as usize]
    }

    pub(super) fn get_mut(&mut self, id: EntryId) -> &mut Entry {
        if let Some(journal) = &mut self.journal {
            let index = id.0 as usize;
            if index < journal.entries && !journal.saved[index] {
                journal.saved[index] = true;
                journal.before.push((id, self.entries[index]));
            }
        }
        &mut self.entries[id.0 as usize]
    }

    /// Follows indirect entries to the real one.
    pub(super) fn real(&self, mut id: EntryId) -> EntryId {
        // An indirect symbol never points back (the linker refuses loops); the bound only keeps a mistake from hanging.
        for _ in 0..16 {
            match self.get(id).kind {
                Kind::Indirect(to) => id = to,
                _ => break,
            }
        }
        id
    }

    /// Puts an entry on the list of undefined symbols (`bfd_link_add_undef`).
    pub(super) fn list(&mut self, id: EntryId) {
        self.get_mut(id).listed = true;
        self.undefined += 1;
    }

    /// Length of that list; entries never leave it.
    pub(super) fn listed(&self) -> u64 {
        self.undefined
    }

    /// All entries by number, in the order they came.
    pub(super) fn ids(&self) -> impl Iterator<Item = EntryId> + use<> {
        (0..self.entries.len() as u32).map(EntryId)
    }

    /// All entries, in the order they came.
    pub(super) fn iter(&self) -> impl Iterator<Item = (EntryId, &Entry)> {
        self.entries.iter().enumerate().map(|(index, entry)| (EntryId(index as u32), entry))
    }

    /// From here on changes can be undone.
    pub(super) fn begin(&mut self) {
        self.journal = Some(Journal {
            before: Vec::new(),
            saved: vec![false; self.entries.len()],
            entries: self.entries.len(),
            undefined: self.undefined,
        });
    }

    /// What was changed stays.
    pub(super) fn keep(&mut self) {
        self.journal = None;
    }

    /// Everything is as it was at `begin`.
    pub(super) fn undo(&mut self) {
        let Some(journal) = self.journal.take() else { return };
        for entry in self.entries.drain(journal.entries..) {
            self.known.remove(&entry.key);
        }
        for (id, entry) in journal.before {
            self.entries[id.0 as usize] = entry;
        }
        self.undefined = journal.undefined;
    }
}
