//! `--wrap`, and one symbol of `f@V` and `f@@V` (`addWrappedSymbols`, `redirectSymbols`, lld/ELF/Driver.cpp; `SymbolTable::wrap`).

use std::collections::HashMap;

use super::link::{Link, Wrapped};
use super::resolve::{Called, Incoming};
use super::table::{Kind, SymbolId, VersionId};
use crate::model::input::Binding;
use crate::model::names::Fast;
use crate::model::outcome::Duplicate;

type Redirected = HashMap<SymbolId, SymbolId, Fast>;

impl Link<'_> {
    /// `addWrappedSymbols`: for each `--wrap` the symbol, its `__real_` and its `__wrap_`.
    pub(super) fn wrap_symbols(&mut self) {
        let program = self.program;
        for (at, option) in program.options.wrap.iter().enumerate() {
            let seen = program.options.wrap[..at].iter().any(|other| other.name == option.name);
            let Some(symbol) = self.table.find(option.name, None).filter(|_| !seen) else { continue };
            let binding = self.table.get(symbol).binding;
            let (real, wrap);
            if self.old {
                real = self.ask(option.real, Binding::Global);
                wrap = self.ask(option.wrapped, self.table.get(symbol).binding);
                self.table.get_mut(symbol).used = true;
                let named = self.table.get(symbol);
                if named.referenced || named.is_defined() {
                    self.table.get_mut(wrap).used = true;
                }
            } else {
                wrap = self.ask(option.wrapped, binding);
                if let Some(real) = self.table.find(option.real, None) {
                    let binding = self.table.get(symbol).binding;
                    self.ask(option.name, binding);
                    self.table.get_mut(symbol).binding = self.table.get(real).binding;
                }
                real = self.ask(option.real, Binding::Global);
            }
            let names = (option.name, option.real, option.wrapped);
            self.wrapped.push(Wrapped { symbol, real, wrap, names });
        }
    }

    /// `redirectSymbols`: objects that name `f` mean `__wrap_f`, those that name `__real_f` mean `f`.
    pub(super) fn redirect_symbols(&mut self) {
        let mut map = Redirected::default();
        for wrapped in &self.wrapped {
            map.insert(wrapped.symbol, wrapped.wrap);
            map.insert(wrapped.real, wrapped.symbol);
        }
        // From LLVM 15 on only where the script has versions.
        let versions = self.program.options.versions.iter().flat_map(|script| &script.nodes);
        let has_versions = versions.into_iter().any(|node| node.name.is_some());
        if self.old || has_versions {
            for id in self.table.ids() {
                self.combine(id, &mut map);
            }
        }
        if map.is_empty() {
            return;
        }
        for instance in &self.objects {
            for id in &mut self.instances[instance.0 as usize].symbols {
                *id = map.get(id).copied().unwrap_or(*id);
            }
        }
        for wrapped in self.wrapped.clone() {
            self.rename(&wrapped);
        }
    }

    /// `combineVersionedSymbol`: `f@V` and `f@@V` are one; where `f` and `f@V` are one place, or `f` got this version, `f@V` stays.
    fn combine(&mut self, id: SymbolId, map: &mut Redirected) {
        let symbol = *self.table.get(id);
        let Some(version) = symbol.own_version().filter(|_| symbol.version_id != VersionId::Local) else { return };
        let Some(other_id) = self.table.find(symbol.name, None) else { return };
        let other = *self.table.get(other_id);
        if !other.is_defined() {
            return;
        }
        // A symbol that is local keeps its whole name, so that nothing is seen of its version.
        let default = other.version.filter(|_| other.version_id != VersionId::Local);
        if default.is_some_and(|default| default.name == version) {
            map.entry(id).or_insert(other_id);
            self.merge(other_id, id);
            let symbol = self.table.get_mut(id);
            symbol.kind = Kind::Placeholder;
            symbol.used = false;
            return;
        }
        let Kind::Defined { section, value } = symbol.kind else { return };
        let one = match self.version_name(other.version_id) {
            Some(name) => name.as_bytes() == self.program.names.bytes(version),
            None => {
                let place = Kind::Defined { section, value };
                other.kind == place && (section.is_none() || other.instance == symbol.instance)
            }
        };
        if one {
            map.entry(other_id).or_insert(id);
            let other = self.table.get_mut(other_id);
            other.kind = Kind::Placeholder;
            other.used = false;
        }
    }

    /// `f@V` is entered into `f@@V`.
    fn merge(&mut self, into: SymbolId, from: SymbolId) {
        let (kept, symbol) = (*self.table.get(into), *self.table.get(from));
        let new = Incoming {
            file: symbol.file,
            instance: symbol.instance,
            from_shared: symbol.is_shared(),
            binding: symbol.binding,
            symbol_type: symbol.symbol_type,
            visibility: symbol.visibility,
            called: Called::AsBefore,
        };
        self.table.get_mut(into).used |= self.old && symbol.used;
        match symbol.kind {
            Kind::Defined { section, value } => {
                let same = matches!((kept.kind, section), (Kind::Defined { section: None, value: known }, None)
                    if known == value && value != 0);
                let duplicate = !self.old && !kept.is_weak() && !symbol.is_weak() && !same;
                if let (true, false, Some(second)) = (duplicate, self.program.options.allow_multiple, symbol.file) {
                    let first = kept.file.unwrap_or(second);
                    self.duplicates.push(Duplicate { name: kept.name, first, second });
                }
                self.defined(into, &new, section, value);
            }
            Kind::Common { size } => self.common(into, &new, size),
            Kind::Undefined { discarded } => {
                self.undefined(into, &new, discarded);
            }
            Kind::Shared { size, library } => self.shared_symbol(into, &new, size, library),
            Kind::Lazy(_) | Kind::Placed | Kind::Placeholder => {}
        }
    }

    /// `SymbolTable::wrap`: the names mean other symbols, and `__real_f` is gone.
    fn rename(&mut self, wrapped: &Wrapped) {
        let (name, real_name, _) = wrapped.names;
        self.table.rename(real_name, None, wrapped.symbol);
        self.table.rename(name, None, wrapped.wrap);
        let (used, real_used) = (self.table.get(wrapped.symbol).used, self.table.get(wrapped.real).used);
        if self.old {
            let exported = self.table.get(wrapped.real).export_dynamic;
            let symbol = self.table.get_mut(wrapped.symbol);
            symbol.export_dynamic |= exported;
            if !real_used && symbol.is_undefined() {
                symbol.used = false;
            }
        } else {
            self.table.get_mut(wrapped.wrap).used |= used;
            let symbol = self.table.get_mut(wrapped.symbol);
            if real_used {
                symbol.used = true;
            } else if !symbol.is_defined() {
                symbol.used = false;
            }
        }
        let mut copy = *self.table.get(wrapped.symbol);
        copy.used = false;
        *self.table.get_mut(wrapped.real) = copy;
    }
}
