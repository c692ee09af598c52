//! What a new symbol does to the one of its name (`Symbol::resolve`, lld/ELF/Symbols.cpp). Where a member of an archive has to be taken for
//! it, that is the last thing that happens, and is given back to the caller.

use super::link::Link;
use super::table::{Instance, Kind, SymbolId};
use crate::model::input::{Binding, Content, Definition, FileId, SymbolType, Visibility};
use crate::model::outcome::{Because, Event};

/// Who an incoming symbol is from, and how it looks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Incoming {
    /// None for what options ask for.
    pub(super) file: Option<FileId>,
    pub(super) instance: Option<Instance>,
    pub(super) from_shared: bool,
    pub(super) binding: Binding,
    pub(super) symbol_type: SymbolType,
    pub(super) visibility: Visibility,
}

impl Link<'_> {
    fn overwrite(&mut self, id: SymbolId, new: &Incoming, kind: Kind) {
        let symbol = self.table.get_mut(id);
        symbol.kind = kind;
        symbol.file = new.file;
        symbol.instance = new.instance;
        symbol.binding = new.binding;
        symbol.symbol_type = new.symbol_type;
    }

    fn merge_visibility(&mut self, id: SymbolId, visibility: Visibility) {
        let symbol = self.table.get_mut(id);
        symbol.visibility = symbol.visibility.merge(visibility);
    }

    /// A reference.
    pub(super) fn undefined(&mut self, id: SymbolId, new: &Incoming) -> Option<(Instance, Because)> {
        self.merge_visibility(id, new.visibility);
        let old = *self.table.get(id);
        if old.kind == Kind::Placeholder || (old.is_shared() && new.visibility != Visibility::Default) {
            self.overwrite(id, new, Kind::Undefined { discarded: false });
            return None;
        }
        if let Kind::Lazy(member) = old.kind {
            if new.binding == Binding::Weak {
                let symbol = self.table.get_mut(id);
                symbol.binding = Binding::Weak;
                symbol.symbol_type = new.symbol_type;
                return None;
            }
            let because = match new.file {
                Some(file) => Because::Reference { file, name: old.name },
                None => Because::Option(old.name),
            };
            return Some((member, because));
        }
        if new.from_shared {
            return None;
        }
        if (old.is_undefined() || old.is_shared()) && (new.binding != Binding::Weak || !old.referenced) {
            self.table.get_mut(id).binding = new.binding;
        }
        None
    }

    /// A definition in a relocatable object.
    pub(super) fn defined(&mut self, id: SymbolId, new: &Incoming, section: Option<u32>, value: u64) {
        self.merge_visibility(id, new.visibility);
        self.exported(id);
        let old = *self.table.get(id);
        let replace = match old.kind {
            Kind::Common { .. } => new.binding != Binding::Weak,
            Kind::Defined { .. } => old.binding != Binding::Global && new.binding == Binding::Global,
            _ => true,
        };
        if replace {
            if let (true, Some(from), Some(to)) = (old.is_shared() || old.is_defined(), old.file, new.file) {
                self.trace.push(Event::Override(from, to, old.name));
            }
            self.overwrite(id, new, Kind::Defined { section, value });
        }
    }

    /// A common symbol.
    pub(super) fn common(&mut self, id: SymbolId, new: &Incoming, size: u64) {
        self.merge_visibility(id, new.visibility);
        self.exported(id);
        let old = *self.table.get(id);
        match old.kind {
            Kind::Defined { .. } if !old.is_weak() => {}
            Kind::Common { size: known } => {
                if known < size {
                    let symbol = self.table.get_mut(id);
                    symbol.kind = Kind::Common { size };
                    symbol.file = new.file;
                    symbol.instance = new.instance;
                }
            }
            Kind::Shared { size: known } => self.overwrite(id, new, Kind::Common { size: size.max(known) }),
            _ => self.overwrite(id, new, Kind::Common { size }),
        }
    }

    /// A symbol of a member that is not taken yet.
    pub(super) fn lazy(&mut self, id: SymbolId, member: Instance, file: FileId) -> Option<(Instance, Because)> {
        let old = *self.table.get(id);
        let new = Incoming {
            file: Some(file),
            instance: Some(member),
            from_shared: false,
            binding: Binding::Global,
            symbol_type: SymbolType::None,
            visibility: Visibility::Default,
        };
        let asked = |name| match old.file {
            Some(file) => Because::Reference { file, name },
            None => Because::Option(name),
        };
        match old.kind {
            Kind::Placeholder => {
                self.overwrite(id, &new, Kind::Lazy(member));
                None
            }
            Kind::Common { .. } if self.fortran_common && self.defines(file, id) => {
                let because = match old.file {
                    Some(file) => Because::Common { file, name: old.name },
                    None => Because::Option(old.name),
                };
                self.overwrite(id, &new, Kind::Lazy(member));
                Some((member, because))
            }
            Kind::Undefined { .. } if old.is_weak() => {
                self.overwrite(id, &new, Kind::Lazy(member));
                let symbol = self.table.get_mut(id);
                symbol.symbol_type = old.symbol_type;
                symbol.binding = Binding::Weak;
                None
            }
            Kind::Undefined { .. } => Some((member, asked(old.name))),
            _ => None,
        }
    }

    /// A definition in a shared object.
    pub(super) fn shared_symbol(&mut self, id: SymbolId, new: &Incoming, size: u64) {
        let old = *self.table.get(id);
        {
            let symbol = self.table.get_mut(id);
            symbol.export_dynamic = true;
            symbol.in_shared = true;
        }
        match old.kind {
            Kind::Placeholder => self.overwrite(id, new, Kind::Shared { size }),
            Kind::Common { size: known } => self.table.get_mut(id).kind = Kind::Common { size: known.max(size) },
            Kind::Undefined { .. } | Kind::Lazy(_) if old.visibility == Visibility::Default => {
                self.overwrite(id, new, Kind::Shared { size });
                self.table.get_mut(id).binding = old.binding;
            }
            _ => {}
        }
    }

    /// Definitions leave the output where it is a shared object, or `-E` is on.
    fn exported(&mut self, id: SymbolId) {
        if self.exports {
            self.table.get_mut(id).export_dynamic = true;
        }
    }

    /// `isNonCommonDef` (lld/ELF/InputFiles.cpp): the member has a strong definition of it.
    fn defines(&self, member: FileId, id: SymbolId) -> bool {
        let wanted = self.table.get(id).name;
        let Content::Object(object) = &self.program.files[member.0 as usize].content else { return false };
        object.globals().find(|(_, symbol)| symbol.name == wanted).is_some_and(|(_, symbol)| {
            symbol.binding == Binding::Global
                && !matches!(symbol.definition, Definition::Undefined | Definition::Common { .. })
        })
    }
}
