//! gold's symbol table (`Symbol_table`, gold/symtab.h): a symbol for each name and version. A default version and the plain name are two
//! entries of one symbol.

use std::collections::HashMap;

use crate::model::input::{Binding, SymbolType, Visibility};
use crate::model::names::{Fast, Name};

/// Number of a symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct SymbolId(pub(super) u32);

/// Number of an object that is part of the link: one file can stand on the line twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Instance(pub(super) u32);

/// Number of a shared object, once for each soname.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct DynamicId(pub(super) u32);

/// Who a symbol is from (`Symbol::Source`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// A relocatable object.
    Regular(Instance),
    /// A shared object.
    Dynamic(DynamicId),
    /// The linker or an option defines it (`IS_CONSTANT`, `IN_OUTPUT_DATA`, `IN_OUTPUT_SEGMENT`).
    Special,
    /// An option asks for it (`IS_UNDEFINED`).
    Asked,
}

impl Source {
    /// `FROM_OBJECT`
    pub(super) fn is_object(self) -> bool {
        matches!(self, Source::Regular(_) | Source::Dynamic(_))
    }
}

/// `st_shndx`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Undefined,
    Absolute,
    Common,
    Section(u32),
}

impl Place {
    /// An index of a section, 0 for undefined included (`is_ordinary`).
    pub(super) fn is_ordinary(self) -> bool {
        matches!(self, Place::Undefined | Place::Section(_))
    }
}

/// A symbol (`Symbol` and `Sized_symbol`).
#[derive(Clone, Copy, Debug)]
pub(super) struct Symbol {
    pub(super) name: Name,
    pub(super) version: Option<Name>,
    pub(super) source: Source,
    pub(super) place: Place,
    pub(super) value: u64,
    pub(super) size: u64,
    pub(super) binding: Binding,
    pub(super) symbol_type: SymbolType,
    pub(super) visibility: Visibility,
    /// Its version is the default one (`is_def_`).
    pub(super) is_default: bool,
    /// It was seen in a relocatable object.
    pub(super) in_reg: bool,
    /// It was seen in a shared object.
    pub(super) in_dyn: bool,
    pub(super) forced_local: bool,
    /// An object defines it in a section that was discarded.
    pub(super) discarded: bool,
    /// The reference a shared object's definition stands for: `None` until there is one, then whether it is weak.
    pub(super) undef_weak: Option<bool>,
    pub(super) has_alias: bool,
    /// Who it stands for since its name turned out to be a default version's.
    pub(super) forward: Option<SymbolId>,
    /// The first object that asks for it strongly.
    pub(super) asker: Option<Instance>,
}

impl Symbol {
    pub(super) fn is_undefined(&self) -> bool {
        self.source == Source::Asked || (self.source.is_object() && self.place == Place::Undefined)
    }

    pub(super) fn is_common(&self) -> bool {
        self.source.is_object() && self.place == Place::Common
    }

    pub(super) fn is_defined(&self) -> bool {
        match self.source {
            Source::Special => true,
            Source::Asked => false,
            _ => matches!(self.place, Place::Absolute | Place::Section(_)),
        }
    }

    pub(super) fn is_dynamic(&self) -> bool {
        matches!(self.source, Source::Dynamic(_))
    }

    /// `is_undef_binding_weak`
    pub(super) fn is_asked_weakly(&self) -> bool {
        self.undef_weak == Some(true)
    }

    /// `is_weak_undefined`
    pub(super) fn is_weak_undefined(&self) -> bool {
        self.is_undefined() && (self.binding == Binding::Weak || self.is_asked_weakly())
    }

    pub(super) fn is_strong_undefined(&self) -> bool {
        self.is_undefined() && !self.is_weak_undefined()
    }

    /// `is_externally_visible`
    pub(super) fn is_visible(&self) -> bool {
        matches!(self.visibility, Visibility::Default | Visibility::Protected) && !self.forced_local
    }

    pub(super) fn is_hidden(&self) -> bool {
        matches!(self.visibility, Visibility::Hidden | Visibility::Internal)
    }

    /// A strong reference replaces what is known of a weak one, and the first of any kind counts (`set_undef_binding`).
    pub(super) fn set_asked(&mut self, binding: Binding) {
        if self.undef_weak.is_none_or(|weak| weak) {
            self.undef_weak = Some(binding == Binding::Weak);
        }
    }
}

/// The table.
#[derive(Default)]
pub(super) struct Table {
    symbols: Vec<Symbol>,
    /// Entries without a version, by number of the name.
    plain: Vec<Option<SymbolId>>,
    versioned: HashMap<(Name, Name), SymbolId, Fast>,
    /// Definitions of one shared object at one address, in a circle (`weak_aliases_`).
    pub(super) aliases: HashMap<SymbolId, SymbolId, Fast>,
}

impl Table {
    pub(super) fn new(names: usize) -> Self {
        Self { plain: vec![None; names], ..Self::default() }
    }

    /// `Symbol_table::lookup`
    pub(super) fn find(&self, name: Name, version: Option<Name>) -> Option<SymbolId> {
        match version {
            None => self.plain.get(name.0 as usize).copied().flatten(),
            Some(version) => self.versioned.get(&(name, version)).copied(),
        }
    }

    /// Makes an entry point to a symbol.
    pub(super) fn point(&mut self, name: Name, version: Option<Name>, id: SymbolId) {
        match version {
            None => {
                if let Some(entry) = self.plain.get_mut(name.0 as usize) {
                    *entry = Some(id);
                }
            }
            Some(version) => {
                self.versioned.insert((name, version), id);
            }
        }
    }

    /// Forgets the entry of a name without a version.
    pub(super) fn erase_plain(&mut self, name: Name) {
        if let Some(entry) = self.plain.get_mut(name.0 as usize) {
            *entry = None;
        }
    }

    /// A new symbol, which no entry points to yet.
    pub(super) fn push(&mut self, symbol: Symbol) -> SymbolId {
        self.symbols.push(symbol);
        SymbolId(self.symbols.len() as u32 - 1)
    }

    pub(super) fn get(&self, id: SymbolId) -> &Symbol {
        &self.symbols[id.0 as usize]
    }

    pub(super) fn get_mut(&mut self, id: SymbolId) -> &mut Symbol {
        &mut self.symbols[id.0 as usize]
    }

    /// The symbol a reference of an object means: forwarders are followed (`resolve_forwards`).
    pub(super) fn real(&self, id: SymbolId) -> SymbolId {
        self.get(id).forward.unwrap_or(id)
    }

    /// All symbols the table points to, each once or more.
    pub(super) fn entries(&self) -> impl Iterator<Item = SymbolId> {
        self.plain.iter().copied().flatten().chain(self.versioned.values().copied())
    }

    /// Number of symbols that were ever made.
    pub(super) fn len(&self) -> usize {
        self.symbols.len()
    }
}
