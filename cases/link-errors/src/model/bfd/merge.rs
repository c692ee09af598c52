//! What becomes of a symbol that meets an entry of its name (`_bfd_elf_merge_symbol`, bfd/elflink.c): a shared object's definition against
//! an object's, common symbols against both, visibility, versions.

use super::link::{Fatal, Link};
use super::table::{BfdId, EntryId, Key, Kind, Owner, Place, Versioned};
use crate::model::input::{Binding, SymbolType, Visibility};
use crate::model::outcome::{Event, Refusal};

/// Where an incoming symbol stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Section {
    Undefined,
    Common,
    Defined(Place),
}

/// A symbol on its way into the table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Incoming {
    pub(super) owner: Owner,
    pub(super) key: Key,
    pub(super) section: Section,
    pub(super) value: u64,
    pub(super) size: u64,
    pub(super) binding: Binding,
    pub(super) symbol_type: SymbolType,
    pub(super) visibility: Visibility,
}

impl Incoming {
    fn is_function(&self) -> bool {
        is_function(self.symbol_type)
    }

    /// Its file is a shared object.
    pub(super) fn dynamic(&self) -> bool {
        self.owner.dynamic
    }

    fn bfd(&self) -> BfdId {
        self.owner.bfd
    }
}

/// What merging decided.
#[derive(Clone, Copy, Debug)]
pub(super) struct Merged {
    /// The entry of the name itself, indirect or not.
    pub(super) entry: EntryId,
    /// Who had it before.
    pub(super) old_owner: Option<Owner>,
    /// It was weak before.
    pub(super) old_weak: bool,
    /// Nothing more is done with the symbol.
    pub(super) skip: bool,
    /// The old symbol wins, and the new one is entered as what `section` says, in the name of this file.
    pub(super) overridden: Option<Owner>,
    /// The section the symbol is entered with.
    pub(super) section: Section,
    pub(super) value: u64,
    /// Old and new are the same version.
    pub(super) matched: bool,
}

pub(super) fn is_function(symbol_type: SymbolType) -> bool {
    matches!(symbol_type, SymbolType::Function | SymbolType::IFunc)
}

impl Link<'_> {
    /// Merges `new` into the entry of its name. `for_default` is set where the name is the one without a version that a default version
    /// brings along.
    pub(super) fn merge(&mut self, new: &Incoming, for_default: Option<bool>) -> Result<Merged, Fatal> {
        let is_undefined = new.section == Section::Undefined;
        let key = if is_undefined { self.wrapped(new.key) } else { new.key };
        let entry = self.table.intern(key);
        let h = self.table.real(entry);
        let default_symbol = for_default.unwrap_or(false);
        let mut merged = Merged {
            entry,
            old_owner: None,
            old_weak: false,
            skip: false,
            overridden: None,
            section: new.section,
            value: new.value,
            matched: default_symbol,
        };
        if !merged.matched {
            merged.matched = entry == h || self.table.get(h).kind == Kind::New || self.same_version(entry, h);
        }
        let old = *self.table.get(h);
        merged.old_owner = if matches!(old.kind, Kind::New) { None } else { old.owner };
        let mut new_weak = new.binding == Binding::Weak;
        let mut old_weak = matches!(old.kind, Kind::DefinedWeak | Kind::UndefinedWeak);
        merged.old_weak = old_weak;
        if new.dynamic() {
            if is_undefined {
                if !new_weak {
                    self.table.get_mut(h).ref_dynamic_nonweak = true;
                    self.table.get_mut(entry).ref_dynamic_nonweak = true;
                }
            } else {
                if merged.matched {
                    self.table.get_mut(h).dynamic_def = true;
                }
                self.table.get_mut(entry).dynamic_def = true;
            }
        }
        if old.kind == Kind::New {
            self.table.get_mut(h).non_elf = false;
            return Ok(merged);
        }
        if merged.old_owner == Some(new.owner) && (new_weak || old_weak) && (!new.dynamic() || !old.def_regular) {
            return Ok(merged);
        }
        let old_dynamic = merged.old_owner.is_some_and(|owner| owner.dynamic);
        let mut new_defines = !matches!(new.section, Section::Undefined | Section::Common);
        let mut old_defines = matches!(old.kind, Kind::Defined | Kind::DefinedWeak | Kind::Indirect(_));
        let new_function = new.is_function();
        let old_function = is_function(old.symbol_type);

        // A definition of another type: a `time` variable must not meet the function of that name in a library.
        if !(new_function && old_function)
            && new.symbol_type != old.symbol_type
            && new.symbol_type != SymbolType::None
            && old.symbol_type != SymbolType::None
            && (new_defines || new.section == Section::Common)
            && (old_defines || old.kind == Kind::Common)
        {
            if new.dynamic() && !old_dynamic {
                merged.skip = true;
                return Ok(merged);
            }
            if entry != h && !new.dynamic() && old_dynamic {
                let listed = self.table.get(entry).listed;
                let direct = self.table.get_mut(entry);
                direct.dynamic = false;
                direct.forced_local = false;
                direct.ref_dynamic = false;
                direct.def_dynamic = false;
                direct.dynamic_def = false;
                direct.kind = if listed { Kind::Undefined } else { Kind::New };
                direct.owner = listed.then_some(new.owner);
                direct.absolute = None;
                return Ok(merged);
            }
        }

        if let Some(owner) = merged.old_owner
            && new.symbol_type != old.symbol_type
            && (new.symbol_type == SymbolType::Tls || old.symbol_type == SymbolType::Tls)
        {
            let (first, second) = (self.file(owner.bfd), self.file(new.bfd()));
            self.refusals.push(Refusal::TlsMismatch(new.key.name, first, second));
            return Err(Fatal);
        }

        if new.dynamic() && old.visibility != Visibility::Default && !is_undefined {
            merged.skip = true;
            self.table.get_mut(h).ref_dynamic = true;
            self.table.get_mut(entry).ref_dynamic = true;
            if old.visibility == Visibility::Protected {
                self.make_dynamic(h);
            }
            return Ok(merged);
        }
        if !new.dynamic() && new.visibility != Visibility::Default && old.def_dynamic {
            self.forget_shared_definition(new, entry, h);
            return Ok(merged);
        }

        if new_defines && !new.dynamic() && (old_dynamic || old.by_script) {
            new_weak = false;
        }
        if old_defines && new.dynamic() {
            old_weak = false;
        }
        let new_dynamic_common = new.dynamic()
            && new_defines
            && !new_weak
            && new.section == Section::Defined(Place::Shared { bss: true })
            && new.size > 0
            && !new_function;
        let old_dynamic_common = old_dynamic
            && old_defines
            && old.kind == Kind::Defined
            && old.def_dynamic
            && old.place == (Place::Shared { bss: true })
            && old.size > 0
            && !old_function;

        if old_defines
            && !old_dynamic
            && !old_weak
            && new_defines
            && !new.dynamic()
            && !new_weak
            && !default_symbol
            && old.def_regular
        {
            self.duplicate(h, new.bfd(), new.section, new.value);
            merged.skip = true;
            return Ok(merged);
        }

        let mut new_dynamic_common = new_dynamic_common;
        if new.dynamic() && new_defines && (old_defines || (old.kind == Kind::Common && (new_weak || new_function))) {
            merged.overridden = Some(new.owner);
            new_defines = false;
            new_dynamic_common = false;
            merged.section = Section::Undefined;
        }
        if new_dynamic_common && old.kind == Kind::Common {
            merged.overridden = old.owner;
            new_defines = false;
            merged.value = new.size;
            merged.section = Section::Common;
        }
        if new_defines && old_defines && new_weak {
            new_defines = false;
            merged.skip = true;
            if !new.dynamic() {
                let seen = self.table.get_mut(h);
                seen.visibility = seen.visibility.merge(new.visibility);
            }
            self.hide_if_hidden(h);
        }

        // An object's definition takes the place of a shared object's, wherever it stands.
        let mut flip = None;
        let is_common = merged.section == Section::Common;
        if !new.dynamic()
            && (new_defines || (is_common && (old_weak || old_function)))
            && old_dynamic
            && old_defines
            && old.def_dynamic
        {
            if let (Some(from), false) = (old.owner, is_undefined) {
                let (from, to) = (self.file(from.bfd), self.file(new.bfd()));
                self.trace.push(Event::Override(from, to, new.key.name));
            }
            let seen = self.table.get_mut(h);
            seen.kind = Kind::Undefined;
            old_defines = false;
            if is_common && old_function {
                seen.def_dynamic = false;
                seen.symbol_type = SymbolType::None;
            }
            flip = self.flips(entry, h);
        }
        if !new.dynamic() && is_common && old_dynamic_common && old_defines {
            merged.value = merged.value.max(old.size);
            self.table.get_mut(h).kind = Kind::Undefined;
            flip = self.flips(entry, h);
        }
        if let Some(flipped) = flip {
            let seen = *self.table.get(h);
            {
                let direct = self.table.get_mut(flipped);
                direct.kind = seen.kind;
                direct.owner = seen.owner;
                direct.absolute = seen.absolute;
            }
            self.table.get_mut(h).kind = Kind::Indirect(flipped);
            self.copy_indirect(flipped, h);
            if self.table.get(h).def_dynamic {
                self.table.get_mut(h).def_dynamic = false;
                self.table.get_mut(flipped).ref_dynamic = true;
            }
        }
        Ok(merged)
    }

    /// A definition of a shared object went. Behind an indirection, the indirection is turned round; otherwise its version goes too.
    fn flips(&mut self, entry: EntryId, h: EntryId) -> Option<EntryId> {
        if matches!(self.table.get(entry).kind, Kind::Indirect(_)) {
            return Some(entry);
        }
        let seen = self.table.get_mut(h);
        seen.has_version = false;
        seen.node = None;
        None
    }

    /// The entry behind an indirection and the one before it name one version.
    fn same_version(&self, entry: EntryId, h: EntryId) -> bool {
        let (new, old) = (self.table.get(entry), self.table.get(h));
        if old.versioned != Versioned::Hidden && new.versioned != Versioned::Hidden {
            return true;
        }
        let version = if old.versioned >= Versioned::Default { old.key.version } else { None };
        version == new.key.version
    }

    /// An object asks for a symbol that only it can have (hidden, internal or protected): a shared object's definition is forgotten.
    fn forget_shared_definition(&mut self, new: &Incoming, entry: EntryId, mut h: EntryId) {
        let protected = new.visibility == Visibility::Protected;
        if matches!(self.table.get(entry).kind, Kind::Indirect(_)) {
            if self.table.get(h).ref_regular {
                let seen = *self.table.get(h);
                {
                    let direct = self.table.get_mut(entry);
                    direct.kind = seen.kind;
                    direct.owner = seen.owner;
                    direct.absolute = seen.absolute;
                }
                self.table.get_mut(h).kind = Kind::Indirect(entry);
                self.copy_indirect(entry, h);
                let seen = self.table.get_mut(h);
                if protected {
                    seen.ref_dynamic = true;
                } else {
                    seen.dynamic = false;
                    seen.forced_local = false;
                    seen.ref_dynamic = false;
                }
                seen.def_dynamic = false;
                seen.size = 0;
                seen.symbol_type = SymbolType::None;
            }
            h = entry;
        }
        let seen = self.table.get_mut(h);
        if seen.listed {
            seen.kind = Kind::Undefined;
            seen.owner = Some(new.owner);
        } else {
            seen.kind = Kind::New;
            seen.owner = None;
        }
        seen.absolute = None;
        if protected {
            seen.ref_dynamic = true;
        } else {
            seen.dynamic = false;
            seen.forced_local = false;
            seen.ref_dynamic = false;
        }
        seen.def_dynamic = false;
        seen.size = 0;
        seen.symbol_type = SymbolType::None;
    }

    /// `_bfd_elf_link_hash_copy_indirect`: what was seen under one name holds for the name it now stands for.
    pub(super) fn copy_indirect(&mut self, to: EntryId, from: EntryId) {
        let other = *self.table.get(from);
        let into = self.table.get_mut(to);
        // Hidden versions keep references from shared objects to themselves.
        if into.versioned != Versioned::Hidden {
            into.ref_dynamic |= other.ref_dynamic;
        }
        into.ref_regular |= other.ref_regular;
        into.ref_regular_nonweak |= other.ref_regular_nonweak;
        if matches!(other.kind, Kind::Indirect(_)) && other.dynamic {
            into.dynamic = true;
            self.table.get_mut(from).dynamic = false;
        }
    }

    /// Gives a symbol a place in `.dynsym` (`bfd_elf_link_record_dynamic_symbol`); one that is hidden and defined becomes local instead.
    pub(super) fn make_dynamic(&mut self, id: EntryId) {
        let entry = self.table.get_mut(id);
        if entry.dynamic {
            return;
        }
        let hidden = matches!(entry.visibility, Visibility::Internal | Visibility::Hidden);
        if hidden && !matches!(entry.kind, Kind::Undefined | Kind::UndefinedWeak) {
            entry.forced_local = true;
        } else {
            entry.dynamic = true;
        }
    }

    /// A symbol in `.dynsym` whose visibility has become hidden leaves it.
    pub(super) fn hide_if_hidden(&mut self, id: EntryId) -> bool {
        let entry = self.table.get(id);
        let hidden = entry.dynamic && matches!(entry.visibility, Visibility::Internal | Visibility::Hidden);
        if hidden {
            self.hide(id);
        }
        hidden
    }

    /// `_bfd_elf_link_hash_hide_symbol`
    pub(super) fn hide(&mut self, id: EntryId) {
        let entry = self.table.get_mut(id);
        entry.forced_local = true;
        entry.dynamic = false;
    }
}
