//! mold's symbol table and its files (`Symbol`, `InputFile`, mold.h): `f@@V` is entered as `f`, `f@V` for itself.

use std::collections::HashMap;

use crate::model::input::{Binding, Definition, FileId, Object, Shared, Visibility};
use crate::model::names::{Fast, Name};
use crate::model::outcome::Because;

/// Number of a symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct SymbolId(pub(super) u32);

/// Which definition a symbol has (`Symbol::file` and `Symbol::sym_idx`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    /// Index of the file, in the order it was read.
    pub(super) file: usize,
    /// Index in the file's list of symbols.
    pub(super) index: usize,
}

/// The version a symbol gets (`Symbol::ver_idx`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// `VER_NDX_UNSPECIFIED`, from 2.3.3 on: whether it leaves depends on what is made.
    Unsaid,
    /// `VER_NDX_LOCAL`
    Local,
    /// `VER_NDX_GLOBAL`
    Global,
    /// The number of a node of the version script.
    Node(usize),
}

/// A symbol.
#[derive(Clone, Copy, Debug)]
pub(super) struct Symbol {
    pub(super) name: Name,
    /// The version that keeps it apart.
    pub(super) version: Option<Name>,
    pub(super) owner: Option<Owner>,
    /// The most constraining of all that was seen; internal is hidden.
    pub(super) visibility: Visibility,
    pub(super) rule: Rule,
    pub(super) imported: bool,
    pub(super) exported: bool,
    /// It is hidden, and a shared object had it: those are passed over (from 2.34 on).
    pub(super) skip_shared: bool,
    /// `f@V` stands for the default version `f` of a shared object (from 2.38 on).
    pub(super) stands_for: Option<SymbolId>,
}

/// One symbol of a file (`ElfSym`).
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) undefined: bool,
    pub(super) common: bool,
    pub(super) weak: bool,
    /// Its section, for a definition in a relocatable object.
    pub(super) section: Option<u32>,
    pub(super) visibility: Visibility,
    /// A version is part of its name.
    pub(super) versioned: bool,
}

/// What a file is.
#[derive(Clone, Debug)]
pub(super) enum Content<'p> {
    Object(&'p Object),
    /// With the numbers of the symbols that are not local to it.
    Shared(&'p Shared, Vec<u32>),
    /// `ctx.internal_obj`: symbols of the linker itself; false for those it only asks for.
    Own(Vec<bool>),
}

/// A file of the link.
#[derive(Clone, Debug)]
pub(super) struct File<'p> {
    /// None for the linker's own.
    pub(super) id: Option<FileId>,
    pub(super) content: Content<'p>,
    /// Smaller is stronger among equals.
    pub(super) priority: u32,
    /// It stays out until somebody asks for it: a member of an archive, a shared object after `--as-needed`.
    pub(super) waits: bool,
    pub(super) live: bool,
    /// Why it came in, where it waited.
    pub(super) because: Option<Because>,
    /// `--exclude-libs` names its archive.
    pub(super) hides: bool,
    /// Of a shared object.
    pub(super) soname: Option<Name>,
    pub(super) symbols: Vec<SymbolId>,
    /// For the default version of a shared object's symbol: the same under its versioned name (from 2.38 on).
    pub(super) versioned: Vec<Option<SymbolId>>,
    /// Sections that lost against another group with their signature; empty where none did.
    pub(super) gone: Vec<bool>,
}

impl File<'_> {
    pub(super) fn is_shared(&self) -> bool {
        matches!(self.content, Content::Shared(..))
    }

    /// The symbol of this index.
    pub(super) fn entry(&self, index: usize) -> Option<Entry> {
        match &self.content {
            Content::Object(object) => {
                let symbol = object.symbols.get(object.first_global as usize + index)?;
                Some(Entry {
                    undefined: symbol.is_undefined(),
                    common: matches!(symbol.definition, Definition::Common { .. }),
                    weak: symbol.binding == Binding::Weak,
                    section: match symbol.definition {
                        Definition::Section(section) => Some(section),
                        _ => None,
                    },
                    visibility: symbol.visibility,
                    versioned: symbol.version.is_some(),
                })
            }
            Content::Shared(shared, kept) => {
                let symbol = shared.symbols.get(*kept.get(index)? as usize)?;
                Some(Entry {
                    undefined: !symbol.defined,
                    common: false,
                    weak: symbol.binding == Binding::Weak,
                    section: None,
                    visibility: symbol.visibility,
                    versioned: symbol.version.is_some(),
                })
            }
            Content::Own(defined) => {
                let defined = *defined.get(index)?;
                Some(Entry {
                    undefined: !defined,
                    common: false,
                    weak: false,
                    section: None,
                    visibility: Visibility::Default,
                    versioned: false,
                })
            }
        }
    }
}

/// The table.
#[derive(Clone, Default)]
pub(super) struct Table {
    symbols: Vec<Symbol>,
    known: HashMap<(Name, Option<Name>), SymbolId, Fast>,
}

impl Table {
    /// `get_symbol`
    pub(super) fn insert(&mut self, name: Name, version: Option<Name>) -> SymbolId {
        if let Some(id) = self.known.get(&(name, version)) {
            return *id;
        }
        let id = SymbolId(self.symbols.len() as u32);
        self.symbols.push(Symbol {
            name,
            version,
            owner: None,
            visibility: Visibility::Default,
            rule: Rule::Unsaid,
            imported: false,
            exported: false,
            skip_shared: false,
            stands_for: None,
        });
        self.known.insert((name, version), id);
        id
    }

    pub(super) fn find(&self, name: Name, version: Option<Name>) -> Option<SymbolId> {
        self.known.get(&(name, version)).copied()
    }

    pub(super) fn get(&self, id: SymbolId) -> &Symbol {
        &self.symbols[id.0 as usize]
    }

    pub(super) fn get_mut(&mut self, id: SymbolId) -> &mut Symbol {
        &mut self.symbols[id.0 as usize]
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = SymbolId> + use<> {
        (0..self.symbols.len() as u32).map(SymbolId)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Symbol> {
        self.symbols.iter()
    }

    /// `InputFile::clear_symbols`: only visibility is kept.
    pub(super) fn clear(&mut self) {
        for symbol in &mut self.symbols {
            symbol.owner = None;
            symbol.rule = Rule::Unsaid;
            symbol.imported = false;
            symbol.exported = false;
            symbol.stands_for = None;
        }
    }
}
