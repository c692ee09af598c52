//! What a new symbol does to the one of its name (`Symbol::resolve`, lld/ELF/Symbols.cpp). Where a member of an archive has to be taken for
//! it, that is the last thing that happens, and is given back to the caller.
//!
//! Up to LLVM 14 definitions are compared, and duplicates told, here (`Symbol::compare`); from 15 on `ObjFile::postParse` tells them.

use super::link::Link;
use super::table::{Instance, Kind, Symbol, SymbolId, VersionId};
use crate::model::input::{Binding, Content, Definition, FileId, SymbolType, Version, Visibility};
use crate::model::names::Name;
use crate::model::outcome::{Because, Duplicate, Event, Refusal};

/// Who an incoming symbol is from, and how it looks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Incoming {
    /// None for what options ask for, and for what the linker defines itself.
    pub(super) file: Option<FileId>,
    pub(super) instance: Option<Instance>,
    pub(super) from_shared: bool,
    pub(super) binding: Binding,
    pub(super) symbol_type: SymbolType,
    pub(super) visibility: Visibility,
    pub(super) called: Called,
}

/// The name a symbol that is replaced has from then on, in lld 14 (`Symbol::replace`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Called {
    /// That of the symbol: objects ask it for its name.
    AsBefore,
    /// With this version, or none.
    With(Option<Version>),
}

impl Incoming {
    /// What an option or the linker itself brings.
    pub(super) fn internal(binding: Binding, visibility: Visibility) -> Self {
        let symbol_type = SymbolType::None;
        let called = Called::With(None);
        Self { file: None, instance: None, from_shared: false, binding, symbol_type, visibility, called }
    }
}

/// What lld 14 makes of two definitions (`Symbol::compare`).
enum Compared {
    NewWins,
    OldStays,
    Conflict,
}

impl Link<'_> {
    /// `Symbol::overwrite`, `Symbol::replace`
    pub(super) fn overwrite(&mut self, id: SymbolId, new: &Incoming, kind: Kind) {
        let old = *self.table.get(id);
        let is_tls = |kind| kind == SymbolType::Tls;
        if self.old
            && old.kind != Kind::Placeholder
            && !matches!(kind, Kind::Lazy(_))
            && is_tls(old.symbol_type) != is_tls(new.symbol_type)
            && old.symbol_type != SymbolType::None
            && let Some(file) = new.file.or(old.file)
        {
            self.refusals.push(Refusal::TlsMismatch(old.name, new.file.unwrap_or(file), old.file.unwrap_or(file)));
        }
        let symbol = self.table.get_mut(id);
        if matches!(kind, Kind::Defined { .. }) && old.is_shared() && !self.old {
            symbol.version_id = VersionId::Global;
        }
        if let (true, Called::With(version)) = (self.old, new.called) {
            symbol.version = version;
        }
        symbol.kind = kind;
        symbol.file = new.file;
        symbol.instance = new.instance;
        symbol.binding = new.binding;
        symbol.symbol_type = new.symbol_type;
    }

    fn merge_visibility(&mut self, id: SymbolId, visibility: Visibility) {
        let symbol = self.table.get_mut(id);
        symbol.visibility = symbol.visibility.merge(visibility);
        // The constructor of lld 14's symbols says so of all of them.
        symbol.export_dynamic |= self.old && self.exports;
    }

    /// A reference. True for `discarded` where it is a definition in a section that was discarded, as lld 14 reads those.
    pub(super) fn undefined(&mut self, id: SymbolId, new: &Incoming, discarded: bool) -> Option<(Instance, Because)> {
        self.merge_visibility(id, new.visibility);
        let old = *self.table.get(id);
        if old.kind == Kind::Placeholder
            || (old.is_shared() && new.visibility != Visibility::Default)
            || (old.is_undefined() && new.binding != Binding::Weak && discarded)
        {
            self.overwrite(id, new, Kind::Undefined { discarded });
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

    /// A definition.
    pub(super) fn defined(&mut self, id: SymbolId, new: &Incoming, section: Option<u32>, value: u64) {
        self.merge_visibility(id, new.visibility);
        self.exported(id);
        let old = *self.table.get(id);
        let kind = Kind::Defined { section, value };
        let replace = if old.kind == Kind::Placeholder {
            true
        } else if self.old {
            match compare(&old, new, kind) {
                Compared::NewWins => true,
                Compared::OldStays => false,
                Compared::Conflict => {
                    self.conflict(&old, new);
                    false
                }
            }
        } else {
            match old.kind {
                Kind::Common { .. } => new.binding != Binding::Weak,
                Kind::Defined { .. } | Kind::Placed => old.binding != Binding::Global && new.binding == Binding::Global,
                _ => true,
            }
        };
        if replace {
            if let (true, Some(from), Some(to)) = (old.is_shared() || old.is_defined(), old.file, new.file) {
                self.trace.push(Event::Override(from, to, old.name));
            }
            self.overwrite(id, new, kind);
        }
    }

    fn conflict(&mut self, old: &Symbol, new: &Incoming) {
        if let (false, Some(second)) = (self.program.options.allow_multiple, new.file) {
            let first = old.file.unwrap_or(second);
            self.duplicates.push(Duplicate { name: old.name, first, second });
        }
    }

    /// A common symbol.
    pub(super) fn common(&mut self, id: SymbolId, new: &Incoming, size: u64) {
        self.merge_visibility(id, new.visibility);
        self.exported(id);
        let old = *self.table.get(id);
        let kind = Kind::Common { size };
        if self.old && matches!(old.kind, Kind::Defined { .. } | Kind::Common { .. }) {
            match compare(&old, new, kind) {
                Compared::NewWins => return self.overwrite(id, new, kind),
                Compared::OldStays => return,
                Compared::Conflict => {}
            }
        }
        match old.kind {
            Kind::Defined { .. } if !old.is_weak() => {}
            Kind::Common { size: known } => {
                if known < size {
                    let symbol = self.table.get_mut(id);
                    symbol.kind = kind;
                    symbol.file = new.file;
                    symbol.instance = new.instance;
                }
            }
            Kind::Shared { size: known, .. } => self.overwrite(id, new, Kind::Common { size: size.max(known) }),
            _ => self.overwrite(id, new, kind),
        }
    }

    /// A symbol of a member that is not taken yet, with the version the member gives it.
    pub(super) fn lazy(
        &mut self,
        id: SymbolId,
        member: Instance,
        file: FileId,
        version: Option<Version>,
    ) -> Option<(Instance, Because)> {
        self.merge_visibility(id, Visibility::Default);
        let old = *self.table.get(id);
        let internal = Incoming::internal(Binding::Global, Visibility::Default);
        let called = if self.is_archived(file) { Called::With(version) } else { Called::AsBefore };
        let new = Incoming { file: Some(file), instance: Some(member), called, ..internal };
        let asked = |name| match old.file {
            Some(file) => Because::Reference { file, name },
            None => Because::Option(name),
        };
        match old.kind {
            Kind::Placeholder => {
                self.overwrite(id, &new, Kind::Lazy(member));
                None
            }
            // lld 14 asks for the name the member has it by, the others for that of the symbol.
            Kind::Common { .. }
                if self.fortran_common
                    && self.defines(file, old.name, if self.old { version } else { old.version }) =>
            {
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
    pub(super) fn shared_symbol(&mut self, id: SymbolId, new: &Incoming, size: u64, library: u32) {
        let old = *self.table.get(id);
        {
            // lld 14 looks at the visibility (`Symbol::isExportDynamic`).
            let exports = !self.old || new.visibility == Visibility::Default;
            let symbol = self.table.get_mut(id);
            symbol.export_dynamic |= exports;
            symbol.in_shared = true;
        }
        let kind = Kind::Shared { size, library };
        match old.kind {
            Kind::Placeholder => self.overwrite(id, new, kind),
            Kind::Common { size: known } => self.table.get_mut(id).kind = Kind::Common { size: known.max(size) },
            Kind::Undefined { .. } | Kind::Lazy(_) if old.visibility == Visibility::Default => {
                self.overwrite(id, new, kind);
                self.table.get_mut(id).binding = old.binding;
            }
            _ => {}
        }
    }

    /// Definitions leave the output where it is a shared object, or `-E` is on. From LLVM 21 on that is asked later
    /// (`parseVersionAndComputeIsPreemptible`).
    fn exported(&mut self, id: SymbolId) {
        if self.exports && self.version < 21 {
            self.table.get_mut(id).export_dynamic = true;
        }
    }

    /// `isNonCommonDef` (lld/ELF/InputFiles.cpp): the member has a strong definition of it.
    fn defines(&self, member: FileId, name: Name, version: Option<Version>) -> bool {
        let Content::Object(object) = &self.program.files[member.0 as usize].content else { return false };
        let mut named = object.globals().map(|(_, symbol)| symbol);
        named.find(|symbol| symbol.name == name && symbol.version == version).is_some_and(|symbol| {
            symbol.binding == Binding::Global
                && !matches!(symbol.definition, Definition::Undefined | Definition::Common { .. })
        })
    }
}

/// `Symbol::compare` of LLVM 14: a new definition, or common symbol, against what is there.
fn compare(old: &Symbol, new: &Incoming, kind: Kind) -> Compared {
    let common = matches!(kind, Kind::Common { .. });
    if !old.is_defined() && !old.is_common() {
        return Compared::NewWins;
    }
    // `.symver f,f@@V` makes two symbols of one object: the last counts.
    if old.file == new.file && old.instance == new.instance && old.version.is_some_and(|version| version.default) {
        return Compared::NewWins;
    }
    if new.binding == Binding::Weak {
        return Compared::OldStays;
    }
    if old.is_weak() {
        return Compared::NewWins;
    }
    match (old.is_common(), common) {
        (true, true) => return Compared::Conflict,
        (true, false) => return Compared::NewWins,
        (false, true) => return Compared::OldStays,
        (false, false) => {}
    }
    // Absolute symbols of one value are no duplicates.
    let value = |kind| match kind {
        Kind::Defined { section: None, value } => Some(value),
        _ => None,
    };
    match (value(old.kind), value(kind)) {
        (Some(a), Some(b)) if a == b && new.binding == Binding::Global => Compared::OldStays,
        _ => Compared::Conflict,
    }
}
