//! What a new symbol does to the one of its name (`Symbol_table::resolve`, `should_override`, `add_from_object`; gold/resolve.cc and
//! gold/symtab.cc).

use super::link::{Fatal, Link};
use super::table::{DynamicId, Place, Source, Symbol, SymbolId};
use crate::model::input::{Binding, FileId, Output, SymbolType, Visibility};
use crate::model::names::Name;
use crate::model::outcome::{Because, Duplicate, Event, Refusal};

/// A symbol on its way into the table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Incoming {
    pub(super) source: Source,
    /// The file; none for what the linker itself defines.
    pub(super) file: Option<FileId>,
    pub(super) version: Option<Name>,
    pub(super) place: Place,
    pub(super) value: u64,
    pub(super) size: u64,
    pub(super) binding: Binding,
    pub(super) symbol_type: SymbolType,
    pub(super) visibility: Visibility,
}

impl Incoming {
    fn is_dynamic(&self) -> bool {
        matches!(self.source, Source::Dynamic(_))
    }
}

/// What a symbol is to gold's table of cases (`symbol_to_bits`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Definition,
    Reference,
    Common,
}

#[derive(Clone, Copy, Debug)]
struct Bits {
    shape: Shape,
    weak: bool,
    dynamic: bool,
}

/// What becomes of the old symbol.
#[derive(Clone, Copy, Debug, Default)]
struct Ruling {
    replaces: bool,
    common_sizes: bool,
    /// The kind of reference a shared object's definition stands for is kept in mind.
    reference_kind: bool,
    duplicate: bool,
}

fn bits(binding: Binding, dynamic: bool, place: Place) -> Bits {
    let shape = match place {
        Place::Undefined => Shape::Reference,
        Place::Common => Shape::Common,
        Place::Absolute | Place::Section(_) => Shape::Definition,
    };
    Bits { shape, weak: binding == Binding::Weak, dynamic }
}

/// The table of cases. `unused` says that the old definition is in a library under `--as-needed` that only weak references mean so far;
/// `own_default` that the new one is the default version of what the same shared object has without a version. Shared objects have no
/// common symbols here: their `.dynsym` is that of a finished link.
fn rule(to: Bits, from: Bits, unused: bool, own_default: bool) -> Ruling {
    use Shape::{Common, Definition, Reference};
    let keep = Ruling::default();
    let take = Ruling { replaces: true, ..keep };
    match (to.shape, from.shape) {
        (Definition, Definition) => match (to.dynamic, from.dynamic) {
            (false, false) if !to.weak && !from.weak => Ruling { duplicate: true, ..keep },
            (false, false) => Ruling { replaces: to.weak && !from.weak, ..keep },
            (true, false) => take,
            (false, true) => keep,
            (true, true) => Ruling { replaces: unused || (own_default && !from.weak), ..keep },
        },
        (Reference, Definition) => {
            let kind = from.dynamic && !to.dynamic && (to.weak || from.weak);
            Ruling { reference_kind: kind, ..take }
        }
        (Common, Definition) => Ruling { replaces: !from.dynamic && !from.weak, ..keep },
        (Definition, Reference) => Ruling { reference_kind: to.dynamic && !from.dynamic, ..keep },
        (Reference, Reference) => {
            let stronger = !from.dynamic && !from.weak && (to.weak || to.dynamic);
            let regular = to.dynamic && to.weak && !from.dynamic && from.weak;
            Ruling { replaces: stronger || regular, ..keep }
        }
        (Common, Reference) => keep,
        (Definition, Common) => Ruling { replaces: !from.weak && (to.weak || to.dynamic), ..keep },
        (Reference, Common) => take,
        (Common, Common) => match (to.weak, from.weak) {
            (false, false) => Ruling { common_sizes: true, ..keep },
            (true, false) => take,
            (_, true) => keep,
        },
    }
}

impl Link<'_> {
    /// Enters a symbol of a file (`add_from_object`). `asks` says that its name is one `--wrap` may change: it is undefined, common or
    /// absolute in its file.
    pub(super) fn add(&mut self, name: Name, default: bool, new: &Incoming, asks: bool) -> Result<SymbolId, Fatal> {
        let (mut name, mut default, mut new) = (name, default, *new);
        if asks && let Some(other) = self.wrapped(name) {
            name = other;
            new.version = None;
        }
        let entry = self.table.find(name, new.version);
        let plain = if default { self.table.find(name, None) } else { None };
        if entry.is_none() && default && new.version.is_none() {
            // `--wrap` took its version, and the entry made for the name is found for that of the default version, empty as it is: gold ends
            // by a signal.
            return self.crash("Symbol_table::add_from_object");
        }
        let mut was_undefined = false;
        let id;
        if let Some(known) = entry {
            id = known;
            was_undefined = self.is_undefined_in_reg(known);
            self.resolve(known, &new, default)?;
            self.mark_dynamic(known);
            if default {
                self.define_default_version(name, known, plain)?;
            } else {
                self.unmark_default(name, known, &new);
            }
        } else {
            let mut found = None;
            if let Some(plain) = plain {
                if self.table.get(plain).version.is_some() {
                    default = false;
                } else {
                    was_undefined = self.is_undefined_in_reg(plain);
                    self.resolve(plain, &new, default)?;
                    self.mark_dynamic(plain);
                    self.table.point(name, new.version, plain);
                    found = Some(plain);
                }
            }
            id = match found {
                Some(found) => found,
                None => {
                    let id = self.table.push(fresh(name, &new));
                    self.table.point(name, new.version, id);
                    if default {
                        self.table.point(name, None, id);
                    }
                    id
                }
            };
            if default {
                self.table.get_mut(id).is_default = true;
            }
        }
        if let Source::Regular(instance) = new.source
            && new.place == Place::Undefined
            && new.binding != Binding::Weak
        {
            self.table.get_mut(id).asker.get_or_insert(instance);
        }
        if !was_undefined && self.is_undefined_in_reg(id) {
            self.saw_undefined += 1;
        }
        let symbol = self.table.get(id);
        if symbol.is_hidden() && symbol.binding != Binding::Local && self.program.options.output != Output::Relocatable
        {
            self.force_local(id);
        }
        Ok(id)
    }

    fn is_undefined_in_reg(&self, id: SymbolId) -> bool {
        let symbol = self.table.get(id);
        symbol.in_reg && symbol.is_undefined()
    }

    /// `.symver f, f@V` beside `f`, to which the version script has given the version `V`: the second is no default.
    fn unmark_default(&mut self, name: Name, id: SymbolId, new: &Incoming) {
        let symbol = self.table.get_mut(id);
        if new.version.is_some()
            && symbol.source == new.source
            && new.place.is_ordinary()
            && symbol.place == new.place
            && symbol.is_default
        {
            symbol.is_default = false;
            self.table.erase_plain(name);
        }
    }

    /// `name` and `name@V` are one symbol from here on, as far as that can be.
    pub(super) fn define_default_version(
        &mut self,
        name: Name,
        id: SymbolId,
        plain: Option<SymbolId>,
    ) -> Result<(), Fatal> {
        let Some(plain) = plain else {
            self.table.point(name, None, id);
            self.table.get_mut(id).is_default = true;
            return Ok(());
        };
        if plain == id {
            return Ok(());
        }
        let (old, new) = (*self.table.get(plain), *self.table.get(id));
        if old.version.is_some() {
            if old.version == new.version {
                return self.crash("Symbol_table::define_default_version");
            }
            return Ok(());
        }
        let apart = (new.visibility != Visibility::Default && old.is_dynamic())
            || (old.visibility != Visibility::Default && new.is_dynamic())
            || (old.is_dynamic() && new.is_dynamic() && old.is_defined() && old.source != new.source);
        if apart {
            return Ok(());
        }
        let from = Incoming {
            source: old.source,
            file: self.file_of(old.source),
            version: old.version,
            place: old.place,
            value: old.value,
            size: old.size,
            binding: old.binding,
            symbol_type: old.symbol_type,
            visibility: old.visibility,
        };
        self.resolve(id, &from, true)?;
        let symbol = self.table.get_mut(id);
        symbol.in_reg |= old.in_reg;
        symbol.in_dyn |= old.in_dyn;
        symbol.asker = symbol.asker.or(old.asker);
        symbol.is_default = true;
        self.mark_dynamic(id);
        self.table.get_mut(plain).forward = Some(id);
        self.table.point(name, None, id);
        Ok(())
    }

    /// The second and every further time a symbol is seen.
    fn resolve(&mut self, id: SymbolId, new: &Incoming, default: bool) -> Result<(), Fatal> {
        let old = *self.table.get(id);
        if old.source == new.source
            && old.is_defined()
            && new.place.is_ordinary()
            && old.place == new.place
            && old.value == new.value
        {
            return Ok(());
        }
        // An absolute symbol of the linker's own is no `SHN_ABS` one.
        if new.place == Place::Absolute && old.place == Place::Absolute && old.value == new.value {
            return Ok(());
        }
        if !new.is_dynamic() {
            if new.symbol_type == SymbolType::Common && new.place != Place::Common {
                return Ok(());
            }
            self.table.get_mut(id).in_reg = true;
        } else if new.place == Place::Undefined && old.is_hidden() {
            return Ok(());
        } else {
            self.table.get_mut(id).in_dyn = true;
        }
        let ruling = self.should_override(id, new, default);
        if ruling.replaces {
            if let (Some(from), Some(to), false) = (self.file_of(old.source), new.file, old.is_undefined()) {
                self.trace.push(Event::Override(from, to, old.name));
            }
            self.replace(id, new)?;
            let symbol = self.table.get_mut(id);
            if ruling.common_sizes {
                symbol.size = symbol.size.max(old.size);
            }
            if ruling.reference_kind {
                symbol.set_asked(old.binding);
            }
        } else {
            let symbol = self.table.get_mut(id);
            if ruling.common_sizes {
                symbol.size = symbol.size.max(new.size);
                symbol.value = symbol.value.max(new.value);
            }
            if ruling.reference_kind {
                symbol.set_asked(new.binding);
            }
            symbol.visibility = symbol.visibility.merge(new.visibility);
        }
        let symbol = *self.table.get(id);
        if let Source::Dynamic(library) = symbol.source
            && symbol.in_reg
            && !symbol.is_asked_weakly()
        {
            self.need(library, &symbol, new);
        }
        Ok(())
    }

    /// A shared object has what an object asks for strongly.
    fn need(&mut self, library: DynamicId, symbol: &Symbol, new: &Incoming) {
        let Some(entry) = self.libraries.get_mut(library.0 as usize) else { return };
        if entry.is_needed {
            return;
        }
        entry.is_needed = true;
        let file = entry.file;
        let asker = match new.source {
            Source::Regular(instance) => Some(instance),
            _ => symbol.asker,
        };
        let because = match asker.and_then(|instance| self.objects.get(instance.0 as usize)) {
            Some(object) => Because::Reference { file: object.file, name: symbol.name },
            None => Because::Line,
        };
        self.libraries[library.0 as usize].because = Some(because);
        self.trace.push(Event::Keep(file, because));
    }

    fn should_override(&mut self, id: SymbolId, new: &Incoming, default: bool) -> Ruling {
        let old = *self.table.get(id);
        let to = match old.source {
            Source::Asked => bits(old.binding, false, Place::Undefined),
            Source::Special => bits(old.binding, false, Place::Absolute),
            Source::Regular(_) => bits(old.binding, false, old.place),
            Source::Dynamic(_) => bits(old.binding, true, old.place),
        };
        let from = bits(new.binding, new.is_dynamic(), new.place);
        if (old.symbol_type == SymbolType::Tls) != (new.symbol_type == SymbolType::Tls) {
            let first = self.file_of(old.source).or(new.file);
            let second = new.file.or(first);
            if let (Some(first), Some(second)) = (first, second) {
                self.refusals.push(Refusal::TlsMismatch(old.name, first, second));
            } else {
                self.refusals.push(Refusal::Other("a thread-local symbol the linker defines".to_owned()));
            }
        }
        let unused = match old.source {
            Source::Dynamic(library) => {
                let library = &self.libraries[library.0 as usize];
                old.in_reg && old.is_asked_weakly() && library.as_needed && !library.is_needed
            }
            _ => false,
        };
        let own_default = old.source == new.source && old.version.is_none() && default;
        let ruling = rule(to, from, unused, own_default);
        if ruling.duplicate && !self.program.options.allow_multiple && !self.is_just_symbols(old.source, new.source) {
            let first = self.file_of(old.source).or(new.file);
            if let (Some(first), Some(second)) = (first, new.file.or(first)) {
                self.duplicates.push(Duplicate { name: old.name, first, second });
            } else {
                self.refusals.push(Refusal::Other("the linker and an option define the same symbol".to_owned()));
            }
        }
        ruling
    }

    fn is_just_symbols(&self, old: Source, new: Source) -> bool {
        [old, new].into_iter().any(|source| match source {
            Source::Regular(instance) => {
                self.objects.get(instance.0 as usize).is_some_and(|object| object.just_symbols)
            }
            _ => false,
        })
    }

    /// `Symbol_table::override`, aliases included.
    fn replace(&mut self, id: SymbolId, new: &Incoming) -> Result<(), Fatal> {
        let mut at = id;
        loop {
            let symbol = self.table.get_mut(at);
            if new.version.is_some() && symbol.version.is_some() && symbol.version != new.version {
                return self.crash("Symbol::override_version");
            }
            symbol.version = new.version;
            symbol.source = new.source;
            symbol.place = new.place;
            symbol.symbol_type = new.symbol_type;
            symbol.binding = new.binding;
            symbol.visibility = symbol.visibility.merge(new.visibility);
            symbol.value = new.value;
            symbol.size = new.size;
            if new.is_dynamic() {
                symbol.in_dyn = true;
            } else {
                symbol.in_reg = true;
            }
            if !symbol.has_alias {
                return Ok(());
            }
            match self.table.aliases.get(&at) {
                Some(next) if *next != id => at = *next,
                _ => return Ok(()),
            }
        }
    }

    /// A symbol of the linker's own or of an option meets one of its name (`should_override_with_special`).
    pub(super) fn special_overrides(&mut self, id: SymbolId, special: &Incoming) -> bool {
        self.should_override(id, special, false).replaces
    }

    /// `override_with_special`, aliases included.
    pub(super) fn replace_with_special(&mut self, id: SymbolId, special: &Incoming) {
        let mut at = id;
        loop {
            let symbol = self.table.get_mut(at);
            if symbol.is_undefined() {
                let binding = symbol.binding;
                symbol.set_asked(binding);
            }
            if at == id {
                symbol.version = special.version;
            }
            symbol.source = Source::Special;
            symbol.place = Place::Absolute;
            symbol.symbol_type = special.symbol_type;
            symbol.binding = special.binding;
            symbol.visibility = symbol.visibility.merge(special.visibility);
            symbol.in_reg = true;
            symbol.value = special.value;
            symbol.size = special.size;
            if !symbol.has_alias {
                break;
            }
            match self.table.aliases.get(&at) {
                Some(next) if *next != id => at = *next,
                _ => break,
            }
        }
        let symbol = self.table.get(id);
        if symbol.binding == Binding::Local
            || (symbol.is_hidden() && self.program.options.output != Output::Relocatable)
        {
            self.force_local(id);
        }
    }

    /// `Symbol_table::force_local`: only what is defined becomes local.
    pub(super) fn force_local(&mut self, id: SymbolId) {
        let symbol = self.table.get_mut(id);
        if symbol.is_defined() || symbol.is_common() {
            symbol.forced_local = true;
        }
    }

    /// The name a reference asks for under `--wrap` (`wrap_symbol`), where that is another.
    fn wrapped(&self, name: Name) -> Option<Name> {
        let wraps = &self.program.options.wrap;
        let wrapped = wraps.iter().find(|wrap| wrap.name == name).map(|wrap| wrap.wrapped);
        wrapped.or_else(|| wraps.iter().find(|wrap| wrap.real == name).map(|wrap| wrap.name))
    }

    /// Definitions of a shared object at one address are aliases where one of them is weak (`record_weak_aliases`).
    pub(super) fn record_aliases(&mut self, mut found: Vec<SymbolId>) {
        let names = &self.program.names;
        let table = &self.table;
        found.sort_by(|a, b| {
            let (a, b) = (table.get(*a), table.get(*b));
            let weak_first = (b.binding == Binding::Weak).cmp(&(a.binding == Binding::Weak));
            a.value.cmp(&b.value).then(weak_first).then_with(|| names.bytes(a.name).cmp(names.bytes(b.name)))
        });
        let mut at = 0;
        while at < found.len() {
            let first = *self.table.get(found[at]);
            if first.binding != Binding::Weak {
                at += 1;
                continue;
            }
            let count = found[at..].iter().take_while(|id| self.table.get(**id).value == first.value).count();
            let ring = &found[at..at + count];
            if count > 1 {
                for (index, id) in ring.iter().enumerate() {
                    self.table.aliases.insert(*id, ring[(index + 1) % count]);
                    self.table.get_mut(*id).has_alias = true;
                }
            }
            at += count.max(1);
        }
    }
}

/// The first time a symbol is seen (`init_object`).
pub(super) fn fresh(name: Name, new: &Incoming) -> Symbol {
    let dynamic = new.is_dynamic();
    let asker = match new.source {
        Source::Regular(instance) if new.place == Place::Undefined && new.binding != Binding::Weak => Some(instance),
        _ => None,
    };
    Symbol {
        name,
        version: new.version,
        source: new.source,
        place: new.place,
        value: new.value,
        size: new.size,
        binding: new.binding,
        symbol_type: new.symbol_type,
        visibility: new.visibility,
        is_default: false,
        in_reg: !dynamic,
        in_dyn: dynamic,
        forced_local: false,
        discarded: false,
        undef_weak: None,
        has_alias: false,
        forward: None,
        asker,
    }
}
