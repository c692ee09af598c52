//! lld's symbol table (`SymbolTable`, lld/ELF/SymbolTable.cpp): one symbol for each name; `f@@V` is entered as `f`, `f@V` for itself.

use std::collections::HashMap;

use crate::model::input::{Binding, FileId, SymbolType, Version, Visibility};
use crate::model::names::{Fast, Name};

/// Number of a symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct SymbolId(pub(super) u32);

/// Number of an object that was parsed or waits to be: one file can stand on the line twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Instance(pub(super) u32);

/// What a symbol is (`Symbol::Kind`, lld/ELF/Symbols.h).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Placeholder,
    /// True where it was in a section that was discarded.
    Undefined {
        discarded: bool,
    },
    Lazy(Instance),
    Shared {
        /// `st_size`
        size: u64,
        /// Index in `Link::shared`.
        library: u32,
    },
    Common {
        size: u64,
    },
    /// A common symbol that got its place (`replaceCommonSymbols`).
    Placed,
    Defined {
        section: Option<u32>,
        value: u64,
    },
}

/// What is known of a symbol's version (`Symbol::versionId`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum VersionId {
    /// `VER_NDX_LOCAL`: it does not leave the output.
    Local,
    /// `VER_NDX_GLOBAL`
    Global,
    /// A version of the script, by its index in `versionDefinitions`.
    Named(u32),
}

/// A symbol.
#[derive(Clone, Copy, Debug)]
pub(super) struct Symbol {
    pub(super) name: Name,
    /// The version in its name.
    pub(super) version: Option<Version>,
    /// There was a version in its name (`hasVersionSuffix`), which lld 14 can take out again.
    pub(super) suffixed: bool,
    pub(super) kind: Kind,
    /// Who it is from: a relocatable or shared object.
    pub(super) file: Option<FileId>,
    pub(super) instance: Option<Instance>,
    pub(super) binding: Binding,
    pub(super) symbol_type: SymbolType,
    pub(super) visibility: Visibility,
    /// `isUsedInRegularObj`
    pub(super) used: bool,
    pub(super) referenced: bool,
    pub(super) export_dynamic: bool,
    /// A shared object defines it, whether that is taken or not (`dsoDefined`).
    pub(super) in_shared: bool,
    pub(super) version_id: VersionId,
    /// The version script spoke of it (`versionScriptAssigned`).
    pub(super) assigned: bool,
}

impl Symbol {
    pub(super) fn is_weak(&self) -> bool {
        self.binding == Binding::Weak
    }

    pub(super) fn is_undefined(&self) -> bool {
        matches!(self.kind, Kind::Undefined { .. })
    }

    pub(super) fn is_defined(&self) -> bool {
        matches!(self.kind, Kind::Defined { .. } | Kind::Placed)
    }

    pub(super) fn is_common(&self) -> bool {
        matches!(self.kind, Kind::Common { .. })
    }

    pub(super) fn is_shared(&self) -> bool {
        matches!(self.kind, Kind::Shared { .. })
    }

    pub(super) fn is_lazy(&self) -> bool {
        matches!(self.kind, Kind::Lazy(_))
    }

    /// `computeBinding` gives `STB_LOCAL`: it does not leave the output.
    pub(super) fn is_local(&self) -> bool {
        self.version_id == VersionId::Local || matches!(self.visibility, Visibility::Hidden | Visibility::Internal)
    }

    /// The version of `f@V`, which is a symbol apart from `f`.
    pub(super) fn own_version(&self) -> Option<Name> {
        self.version.filter(|version| !version.default).map(|version| version.name)
    }

    /// `canBeVersioned`
    pub(super) fn can_be_versioned(&self) -> bool {
        self.is_defined() || self.is_common() || self.is_lazy()
    }
}

/// The table.
#[derive(Default)]
pub(super) struct Table {
    symbols: Vec<Symbol>,
    known: HashMap<(Name, Option<Name>), SymbolId, Fast>,
}

impl Table {
    /// `SymbolTable::insert`
    pub(super) fn insert(&mut self, name: Name, version: Option<Version>) -> SymbolId {
        let apart = version.filter(|version| !version.default).map(|version| version.name);
        if let Some(id) = self.known.get(&(name, apart)) {
            if version.is_some_and(|version| version.default) {
                let symbol = &mut self.symbols[id.0 as usize];
                symbol.version = version;
                symbol.suffixed = true;
            }
            return *id;
        }
        let id = SymbolId(self.symbols.len() as u32);
        self.symbols.push(Symbol {
            name,
            version,
            suffixed: version.is_some(),
            kind: Kind::Placeholder,
            file: None,
            instance: None,
            binding: Binding::Global,
            symbol_type: SymbolType::None,
            visibility: Visibility::Default,
            used: false,
            referenced: false,
            export_dynamic: false,
            in_shared: false,
            version_id: VersionId::Global,
            assigned: false,
        });
        self.known.insert((name, apart), id);
        id
    }

    pub(super) fn find(&self, name: Name, version: Option<Name>) -> Option<SymbolId> {
        self.known.get(&(name, version)).copied()
    }

    /// The name means another symbol from now on.
    pub(super) fn rename(&mut self, name: Name, version: Option<Name>, id: SymbolId) {
        self.known.insert((name, version), id);
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

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Symbol> {
        self.symbols.iter_mut()
    }

    pub(super) fn len(&self) -> usize {
        self.symbols.len()
    }
}
