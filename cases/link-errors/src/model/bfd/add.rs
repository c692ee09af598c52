//! Entering a symbol: the table of what a new symbol does to an old one (`_bfd_generic_link_add_one_symbol`, bfd/linker.c), and the names a
//! default version brings along (`_bfd_elf_add_default_symbol`, bfd/elflink.c).

use super::link::{Fatal, Link};
use super::merge::{Incoming, Section};
use super::table::{BfdId, Entry, EntryId, Key, Kind, Owner, Place, Versioned};
use crate::model::input::{Binding, Output};
use crate::model::names::Name;
use crate::model::outcome::{Duplicate, Refusal};

/// A row of ld.bfd's table of actions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Row {
    Undefined,
    UndefinedWeak,
    Defined,
    DefinedWeak,
    Common,
}

/// Who enters a symbol, and what stands behind it.
#[derive(Clone, Copy, Debug)]
pub(super) struct By {
    pub(super) owner: Owner,
    pub(super) place: Place,
    pub(super) value: u64,
}

impl By {
    /// Writes who the entry is from. The section of absolute symbols is nobody's.
    fn owns(self, entry: &mut Entry) {
        let absolute = self.place == Place::Absolute;
        entry.owner = (!absolute).then_some(self.owner);
        entry.absolute = absolute.then_some(self.owner);
    }
}

impl Row {
    pub(super) fn of(section: Section, binding: Binding) -> Self {
        match (section, binding) {
            (Section::Undefined, Binding::Weak) => Row::UndefinedWeak,
            (Section::Undefined, _) => Row::Undefined,
            (_, Binding::Weak) => Row::DefinedWeak,
            (Section::Common, _) => Row::Common,
            (Section::Defined(_), _) => Row::Defined,
        }
    }
}

impl Link<'_> {
    /// Enters a symbol under `id`, following indirections where the table says so.
    pub(super) fn enter(&mut self, mut id: EntryId, row: Row, by: By, size: u64) {
        for _ in 0..16 {
            let old = *self.table.get(id);
            // A definition by an option or script gives way as if it were a reference.
            let kind = if old.by_script { Kind::Undefined } else { old.kind };
            match (row, kind) {
                (_, Kind::Indirect(to)) => {
                    match row {
                        Row::Defined if self.table.get(to).kind != Kind::DefinedWeak => {
                            return self.duplicate(id, by.owner.bfd, Section::Defined(by.place), by.value);
                        }
                        Row::Defined => {}
                        Row::DefinedWeak => return,
                        Row::Undefined | Row::UndefinedWeak | Row::Common => {
                            self.table.get_mut(id).listed = true;
                        }
                    }
                    id = to;
                    continue;
                }
                (Row::Undefined, Kind::New | Kind::UndefinedWeak) => {
                    let entry = self.table.get_mut(id);
                    entry.kind = Kind::Undefined;
                    entry.owner = Some(by.owner);
                    self.table.list(id);
                }
                (Row::UndefinedWeak, Kind::New) => {
                    let entry = self.table.get_mut(id);
                    entry.kind = Kind::UndefinedWeak;
                    entry.owner = Some(by.owner);
                }
                (Row::Undefined | Row::UndefinedWeak, Kind::Defined | Kind::DefinedWeak) => {
                    self.table.get_mut(id).listed = true;
                }
                (Row::Defined, Kind::Defined) => {
                    self.duplicate(id, by.owner.bfd, Section::Defined(by.place), by.value);
                }
                (Row::Defined, _) => self.define(id, Kind::Defined, by),
                (Row::DefinedWeak, Kind::New | Kind::Undefined | Kind::UndefinedWeak) => {
                    self.define(id, Kind::DefinedWeak, by);
                }
                (Row::Common, Kind::New | Kind::Undefined | Kind::UndefinedWeak | Kind::DefinedWeak) => {
                    if kind == Kind::New {
                        self.table.list(id);
                    }
                    self.define(id, Kind::Common, by);
                    self.table.get_mut(id).size = size;
                }
                (Row::Common, Kind::Common) if size > old.size => {
                    let entry = self.table.get_mut(id);
                    entry.size = size;
                    entry.owner = Some(by.owner);
                }
                _ => {}
            }
            return;
        }
    }

    fn define(&mut self, id: EntryId, kind: Kind, by: By) {
        let entry = self.table.get_mut(id);
        entry.kind = kind;
        by.owns(entry);
        entry.place = by.place;
        entry.value = by.value;
        entry.by_script = false;
    }

    /// Makes `id` stand for `target` (the row of indirect symbols). A weak definition of `f@@V` after a shared object's makes it stand for
    /// itself, and the linker never ends.
    fn enter_indirect(&mut self, mut id: EntryId, target: EntryId, by: By) -> Result<(), Fatal> {
        for _ in 0..16 {
            let old = *self.table.get(id);
            let kind = if old.by_script { Kind::Undefined } else { old.kind };
            match kind {
                Kind::New | Kind::Undefined | Kind::UndefinedWeak | Kind::DefinedWeak | Kind::Common => {
                    if self.table.get(target).kind == Kind::Indirect(id) {
                        return Ok(());
                    }
                    if id == target {
                        let name = String::from_utf8_lossy(&self.full_name(&old)).into_owned();
                        self.refusals.push(Refusal::Other(format!("internal error: it never ends over {name}")));
                        return Err(Fatal);
                    }
                    if self.table.get(target).kind == Kind::New {
                        let entry = self.table.get_mut(target);
                        entry.kind = Kind::Undefined;
                        entry.owner = Some(by.owner);
                        self.table.list(target);
                    }
                    self.table.get_mut(id).kind = Kind::Indirect(target);
                    if kind != Kind::New && !old.by_script {
                        // The reference goes down to what it stands for now.
                        self.table.get_mut(id).listed = true;
                        self.enter(target, Row::Undefined, by, 0);
                    }
                    return Ok(());
                }
                Kind::Indirect(to) => {
                    if self.table.get(to).kind == Kind::DefinedWeak {
                        id = to;
                        continue;
                    }
                    if to != target {
                        self.duplicate(id, by.owner.bfd, Section::Defined(by.place), by.value);
                    }
                    return Ok(());
                }
                Kind::Defined => {
                    self.duplicate(id, by.owner.bfd, Section::Defined(by.place), by.value);
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// A second definition (`multiple_definition`, ld/ldmain.c): an error, but for absolute symbols of one value.
    pub(super) fn duplicate(&mut self, id: EntryId, second: BfdId, section: Section, value: u64) {
        let entry = *self.table.get(id);
        if self.program.options.allow_multiple {
            return;
        }
        let absolute = Section::Defined(Place::Absolute);
        let both = entry.kind == Kind::Defined && entry.place == Place::Absolute && section == absolute;
        if both && entry.value == value {
            return;
        }
        let first = self.table.get(self.table.real(id)).origin().map_or(second, |owner| owner.bfd);
        let (first, second) = (self.file(first), self.file(second));
        self.duplicates.push(Duplicate { name: entry.key.name, first, second });
    }

    /// A definition of a default version, `f@@V`, is also `f` and `f@V`.
    pub(super) fn add_default(
        &mut self,
        new: &Incoming,
        h: EntryId,
        dynsym: &mut bool,
        old_owner: &mut Option<Owner>,
    ) -> Result<(), Fatal> {
        let versioned = self.table.get(h).versioned;
        if matches!(versioned, Versioned::Not | Versioned::Hidden) || !new.key.default {
            return Ok(());
        }
        let Some(version) = new.key.version else { return Ok(()) };
        let place = match new.section {
            Section::Defined(place) => place,
            _ => Place::None,
        };
        let by = By { owner: new.owner, place, value: new.value };
        let plain = Incoming { key: Key::plain(new.key.name), ..*new };
        let merged = self.merge(&plain, Some(true))?;
        *old_owner = old_owner.or(merged.old_owner);
        let mut hi = merged.entry;
        let mut plain_applies = !merged.skip;
        if plain_applies {
            let seen = self.table.get(hi);
            if (seen.def_regular || (!seen.def_dynamic && seen.kind == Kind::Defined))
                && self.other_version(new.key.name, version, hi)
            {
                plain_applies = false;
            }
        }
        if plain_applies {
            if merged.overridden.is_none() {
                if self.program.options.output != Output::Relocatable {
                    self.enter_indirect(hi, h, by)?;
                }
            } else {
                // An object has `f` already: `f@@V` of the shared object stands for that.
                hi = self.table.real(hi);
                if hi != h {
                    self.table.get_mut(h).kind = Kind::Indirect(hi);
                    if self.table.get(h).def_dynamic {
                        self.table.get_mut(h).def_dynamic = false;
                        let seen = self.table.get_mut(hi);
                        seen.ref_dynamic = true;
                        if seen.ref_regular || seen.def_regular {
                            self.make_dynamic(hi);
                        }
                    }
                }
                hi = h;
            }
            if let Kind::Indirect(target) = self.table.get(hi).kind {
                self.behind(target, hi, new.dynamic());
                let seen = *self.table.get(hi);
                if !*dynsym {
                    *dynsym = if new.dynamic() {
                        seen.ref_regular
                    } else {
                        !self.program.options.output.is_executable() || seen.def_dynamic || seen.ref_dynamic
                    };
                }
            }
        }
        let single = Incoming { key: Key { default: false, ..new.key }, ..*new };
        let merged = self.merge(&single, Some(merged.matched))?;
        *old_owner = old_owner.or(merged.old_owner);
        let hi = merged.entry;
        if merged.skip {
            let weak_again = !new.dynamic()
                && self.table.get(h).kind == Kind::DefinedWeak
                && self.table.get(hi).kind == Kind::Defined;
            if !weak_again {
                return Ok(());
            }
            let strong = *self.table.get(hi);
            let entry = self.table.get_mut(h);
            entry.kind = Kind::Defined;
            entry.owner = strong.owner;
            entry.absolute = strong.absolute;
            entry.place = strong.place;
            entry.value = strong.value;
            self.table.get_mut(hi).kind = Kind::Indirect(h);
        } else if merged.overridden.is_some() {
            return Ok(());
        } else {
            self.enter_indirect(hi, h, by)?;
        }
        if self.table.get(hi).kind == Kind::Indirect(h) {
            self.behind(h, hi, new.dynamic());
            let seen = *self.table.get(hi);
            if !*dynsym {
                *dynsym = if new.dynamic() {
                    seen.ref_regular
                } else {
                    !self.program.options.output.is_executable() || seen.ref_dynamic
                };
            }
        }
        Ok(())
    }

    /// What was seen under `from` holds for `to`, which it stands for now.
    fn behind(&mut self, to: EntryId, from: EntryId, dynamic: bool) {
        self.copy_indirect(to, from);
        let other = *self.table.get(from);
        let entry = self.table.get_mut(to);
        if !dynamic {
            entry.visibility = entry.visibility.merge(other.visibility);
        }
        entry.ref_dynamic_nonweak |= other.ref_dynamic_nonweak;
        let defined = entry.dynamic_def;
        self.table.get_mut(from).dynamic_def |= defined;
    }

    /// The version script gives the plain name another version than `version`, or hides it.
    fn other_version(&mut self, name: Name, version: Name, hi: EntryId) -> bool {
        if self.table.get(hi).node.is_none() {
            let (node, hides) = self.script_node(name);
            let entry = self.table.get_mut(hi);
            entry.node = node;
            entry.has_version |= node.is_some();
            if node.is_some() && hides {
                self.hide(hi);
                return true;
            }
        }
        let Some(node) = self.table.get(hi).node else { return false };
        self.node_name(node) != self.program.names.bytes(version)
    }
}
