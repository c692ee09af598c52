//! Symbols by number: each symbol of each file has one, in the order of the line (`SymbolId`, symbol_db.rs). Number 0 is no symbol.

use std::collections::HashMap;

use crate::model::input::{Binding, Definition, FileId, Object, Shared, Visibility};
use crate::model::names::{Fast, Name};
use crate::model::outcome::Because;

/// Number of a symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct SymbolId(pub(super) u32);

impl SymbolId {
    /// `SymbolId::undefined`
    pub(super) const UNDEFINED: SymbolId = SymbolId(0);
}

/// What is noted of a symbol (`ValueFlags`, value_flags.rs).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Flags {
    pub(super) absolute: bool,
    pub(super) dynamic: bool,
    pub(super) local: bool,
    /// Something refers to it.
    pub(super) resolved: bool,
    pub(super) exported: bool,
}

/// Symbols of the linker itself (`Prelude`, parsing.rs).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Own {
    /// Number 0.
    Undefined,
    /// A bound of a section or segment; true when it is hidden.
    Bound(Name, bool),
    /// `-u`
    Asked(Name),
    /// `--defsym`, by its number in the options.
    Alias(Name, usize),
}

/// What a file is.
#[derive(Clone, Debug)]
pub(super) enum Content<'p> {
    Own(Vec<Own>),
    Object(&'p Object),
    Shared(&'p Shared),
}

/// A file of the link.
#[derive(Clone, Debug)]
pub(super) struct File<'p> {
    /// None for the linker's own.
    pub(super) id: Option<FileId>,
    pub(super) content: Content<'p>,
    /// Number of its first symbol.
    pub(super) first: u32,
    pub(super) loaded: bool,
    pub(super) because: Option<Because>,
    /// It is a member of an archive, `--whole-archive` or not.
    pub(super) member: bool,
    pub(super) soname: Option<Name>,
}

/// How strong a definition is (`SymbolStrength`, symbol_db.rs).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Strength {
    /// It does not count: its file is not part of the link.
    Undefined,
    Weak,
    Strong,
    Common(u64),
}

/// One symbol of a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) name: Name,
    pub(super) version: Option<Name>,
    /// It answers to the name without a version.
    pub(super) default: bool,
    pub(super) undefined: bool,
    pub(super) local: bool,
    pub(super) weak: bool,
    pub(super) absolute: bool,
    pub(super) strength: Strength,
    pub(super) visibility: Visibility,
    pub(super) section: Option<u32>,
}

impl File<'_> {
    pub(super) fn is_shared(&self) -> bool {
        matches!(self.content, Content::Shared(_))
    }

    pub(super) fn len(&self) -> u32 {
        match &self.content {
            Content::Own(symbols) => symbols.len() as u32,
            Content::Object(object) => object.symbols.len() as u32,
            // And the empty first one.
            Content::Shared(shared) => shared.symbols.len() as u32 + 1,
        }
    }

    /// The symbol of this index; none for the empty first one.
    pub(super) fn entry(&self, index: u32) -> Option<Entry> {
        let strength = |binding, common: Option<u64>| match (binding, common) {
            (Binding::Weak | Binding::Unique, _) => Strength::Weak,
            (_, Some(size)) => Strength::Common(size),
            _ => Strength::Strong,
        };
        match &self.content {
            Content::Own(_) => None,
            Content::Object(object) => {
                let symbol = object.symbols.get(index as usize).filter(|_| index != 0)?;
                Some(Entry {
                    name: symbol.name,
                    version: symbol.version.map(|version| version.name),
                    default: symbol.version.is_none_or(|version| version.default),
                    undefined: symbol.is_undefined(),
                    local: symbol.binding == Binding::Local,
                    weak: symbol.binding == Binding::Weak,
                    absolute: symbol.definition == Definition::Absolute,
                    strength: match symbol.definition {
                        Definition::Common { size, .. } => strength(symbol.binding, Some(size)),
                        _ => strength(symbol.binding, None),
                    },
                    visibility: symbol.visibility,
                    section: match symbol.definition {
                        Definition::Section(section) => Some(section),
                        _ => None,
                    },
                })
            }
            Content::Shared(shared) => {
                let symbol = shared.symbols.get(index.checked_sub(1)? as usize)?;
                Some(Entry {
                    name: symbol.name,
                    version: symbol.version.map(|version| version.name),
                    default: symbol.version.is_none_or(|version| version.default),
                    undefined: !symbol.defined,
                    local: symbol.binding == Binding::Local,
                    weak: symbol.binding == Binding::Weak,
                    absolute: symbol.absolute,
                    strength: strength(symbol.binding, None),
                    visibility: symbol.visibility,
                    section: None,
                })
            }
        }
    }
}

/// All definitions of a name, the first apart (`SymbolBucket`, symbol_db.rs).
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    plain: HashMap<Name, SymbolId, Fast>,
    versioned: HashMap<(Name, Name), SymbolId, Fast>,
    /// The others, by the first.
    others: HashMap<SymbolId, Vec<SymbolId>, Fast>,
    versioned_others: HashMap<SymbolId, Vec<SymbolId>, Fast>,
}

impl Names {
    pub(super) fn add(&mut self, name: Name, id: SymbolId) {
        match self.plain.get(&name) {
            Some(first) => self.others.entry(*first).or_default().push(id),
            None => {
                self.plain.insert(name, id);
            }
        }
    }

    pub(super) fn add_versioned(&mut self, name: Name, version: Name, id: SymbolId) {
        match self.versioned.get(&(name, version)) {
            Some(first) => self.versioned_others.entry(*first).or_default().push(id),
            None => {
                self.versioned.insert((name, version), id);
            }
        }
    }

    pub(super) fn get(&self, name: Name) -> Option<SymbolId> {
        self.plain.get(&name).copied()
    }

    pub(super) fn get_versioned(&self, name: Name, version: Name) -> Option<SymbolId> {
        self.versioned.get(&(name, version)).copied()
    }

    /// `override_name`
    pub(super) fn redirect(&mut self, name: Name, id: SymbolId) {
        self.plain.insert(name, id);
    }

    /// Other definitions of the plain name whose first this is. Those of a versioned name are not looked at, where wild looks for one
    /// that is not in a shared object (`get_non_dynamic`).
    pub(super) fn others_of(&self, first: SymbolId) -> &[SymbolId] {
        self.others.get(&first).map_or(&[], Vec::as_slice)
    }

    /// All names with more than one definition, in order.
    pub(super) fn contested(&self) -> Vec<(SymbolId, Vec<SymbolId>)> {
        let mut all: Vec<(SymbolId, Vec<SymbolId>)> =
            self.others.iter().map(|(first, others)| (*first, others.clone())).collect();
        all.sort_unstable();
        let mut versioned: Vec<(SymbolId, Vec<SymbolId>)> =
            self.versioned_others.iter().map(|(first, others)| (*first, others.clone())).collect();
        versioned.sort_unstable();
        all.extend(versioned);
        all
    }
}
