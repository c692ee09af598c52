//! Symbols of options and of the linker itself: `-u`, `--defsym`, bounds of sections and segments (`define_special_symbol` in
//! gold/symtab.cc, `Symbol_assignment::add_to_table` in gold/script.cc, gold/defstd.cc, `define_section_symbols` in gold/layout.cc).

use std::collections::HashSet;

use super::gc::Live;
use super::link::{Fatal, Link};
use super::resolve::{Incoming, fresh};
use super::table::{Place, Source, SymbolId};
use crate::model::input::{Binding, Content, Output, SymbolType, Visibility};
use crate::model::liveness::ALLOC;
use crate::model::names::Name;
use crate::model::outcome::Refusal;

/// Symbols gold defines where somebody asks for them and no object has them; they are hidden (gold/defstd.cc).
const HIDDEN: [&[u8]; 7] = [
    b"__preinit_array_start",
    b"__preinit_array_end",
    b"__init_array_start",
    b"__init_array_end",
    b"__fini_array_start",
    b"__fini_array_end",
    b"__ehdr_start",
];
/// The same, and others can see them.
const VISIBLE: [&[u8]; 7] = [b"__stack", b"__executable_start", b"etext", b"_etext", b"__etext", b"edata", b"end"];
/// Symbols it always defines: it is an error where an object does, too.
const ALWAYS: [&[u8]; 3] = [b"_edata", b"__bss_start", b"_end"];
/// Bounds of relocations of indirect functions, in static links (x86_64.cc).
const STATIC: [&[u8]; 2] = [b"__rela_iplt_start", b"__rela_iplt_end"];

/// How a special symbol is defined.
#[derive(Clone, Copy, Debug)]
struct Special {
    only_if_asked: bool,
    visibility: Visibility,
    /// `STB_LOCAL`
    local: bool,
    /// Whatever was there before gives way.
    force: bool,
    symbol_type: SymbolType,
}

const PROVIDED: Special = Special {
    only_if_asked: true,
    visibility: Visibility::Default,
    local: false,
    force: false,
    symbol_type: SymbolType::None,
};

impl Link<'_> {
    /// `add_undefined_symbols_from_command_line`: after all files were read.
    pub(super) fn ask_by_options(&mut self) -> Result<(), Fatal> {
        let mut names = self.program.options.undefined.clone();
        names.extend(&self.referenced);
        for name in names {
            if self.table.find(name, None).is_some() {
                continue;
            }
            let version = self.script.find(self.program, name).filter(|says| says.global);
            let version = version.and_then(|says| self.script.tag(says));
            if version.is_some_and(|version| self.table.find(name, Some(version)).is_some()) {
                return self.crash("Symbol_table::add_undefined_symbol_from_command_line");
            }
            let new = Incoming { place: Place::Undefined, ..special(Source::Asked, version, PROVIDED) };
            let id = self.table.push(fresh(name, &new));
            self.table.point(name, version, id);
            self.table.point(name, None, id);
            self.saw_undefined += 1;
        }
        Ok(())
    }

    /// `--copy-dt-needed-entries` is refused where a library needs one that is not on the line (`check_dynamic_dependencies`).
    pub(super) fn check_copied(&mut self) {
        if !self.program.options.copy_needed {
            return;
        }
        if (0..self.libraries.len()).any(|library| self.lacks(library)) {
            self.refusals.push(Refusal::Other(
                "--copy-dt-needed-entries is not supported but is required for a library in another".to_owned(),
            ));
        }
    }

    /// A library that the shared object needs is not part of the link (`has_unknown_needed_entries`).
    pub(super) fn lacks(&self, library: usize) -> bool {
        match &self.program.files[self.libraries[library].file.0 as usize].content {
            Content::Shared(shared) => {
                shared.needed.iter().any(|needed| !self.libraries.iter().any(|known| known.soname == Some(*needed)))
            }
            _ => false,
        }
    }

    /// `--no-undefined-version`
    pub(super) fn check_script(&mut self) {
        let program = self.program;
        let Some(script) =
            program.options.versions.as_ref().filter(|_| program.options.undefined_version == Some(false))
        else {
            return;
        };
        let is_known = |name: &str, version: Option<Name>| {
            // The anonymous version is looked up by its empty name, which nothing has.
            let Some(version) = version else { return false };
            program.names.get(name.as_bytes()).is_some_and(|name| self.table.find(name, Some(version)).is_some())
        };
        for (version, name) in self.script.unmatched(script, &is_known) {
            self.refusals.push(Refusal::Other(format!(
                "version script assignment of {version} to symbol {name} failed: symbol not defined"
            )));
        }
    }

    /// Everything that is defined after the files were read.
    pub(super) fn define_specials(&mut self, is_static: bool, live: Option<&Live>) -> Result<(), Fatal> {
        let program = self.program;
        let options = &program.options;
        let always = Special { only_if_asked: false, ..PROVIDED };
        if !is_static {
            let dynamic =
                Special { visibility: Visibility::Hidden, local: true, symbol_type: SymbolType::Object, ..always };
            self.define_known(&[b"_DYNAMIC"], dynamic)?;
        }
        for name in options.defsym.iter().map(|defsym| defsym.name).chain(options.script_defines.iter().copied()) {
            self.define(name, Special { force: true, ..always })?;
        }
        if options.output == Output::Relocatable {
            return Ok(());
        }
        let hidden = Special { visibility: Visibility::Hidden, ..PROVIDED };
        self.define_known(&HIDDEN, hidden)?;
        self.define_known(&VISIBLE, PROVIDED)?;
        self.define_known(&ALWAYS, always)?;
        self.define_bounds(live)?;
        // The table is made where something refers to it.
        self.define_known(&[b"_GLOBAL_OFFSET_TABLE_"], hidden)?;
        if is_static {
            self.define_known(&STATIC, hidden)?;
        }
        Ok(())
    }

    fn define_known(&mut self, names: &[&[u8]], how: Special) -> Result<(), Fatal> {
        for name in names {
            if let Some(name) = self.program.names.get(name) {
                self.define(name, how)?;
            }
        }
        Ok(())
    }

    /// `__start_NAME` and `__stop_NAME` of sections whose name is an identifier of C.
    fn define_bounds(&mut self, live: Option<&Live>) -> Result<(), Fatal> {
        let program = self.program;
        let section_of = |name: Name| {
            let text = program.names.bytes(name);
            let section = text.strip_prefix(b"__start_").or_else(|| text.strip_prefix(b"__stop_"))?;
            let is_identifier = section.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
            program.names.get(section).filter(|_| is_identifier)
        };
        let mut asked: Vec<(Name, Name)> = self
            .table
            .entries()
            .filter_map(|id| Some((self.table.get(id).name, section_of(self.table.get(id).name)?)))
            .collect();
        if asked.is_empty() {
            return Ok(());
        }
        asked.sort_unstable();
        asked.dedup();
        let mut made: HashSet<Name> = HashSet::new();
        for instance in self.instances() {
            let Some(object) = self.object_of(instance) else { continue };
            for (index, section) in object.sections.iter().enumerate() {
                let index = index as u32;
                let kept = live.is_none_or(|live| section.flags & ALLOC == 0 || live.is_live(instance, index));
                if kept && !self.is_gone(instance, index) {
                    made.insert(section.name);
                }
            }
        }
        for (name, section) in asked {
            if made.contains(&section) {
                self.define(name, PROVIDED)?;
            }
        }
        Ok(())
    }

    fn define(&mut self, name: Name, how: Special) -> Result<(), Fatal> {
        let mut version = None;
        if !how.local {
            let says = self.script.find(self.program, name).filter(|says| says.global);
            version = says.and_then(|says| self.script.tag(says));
        }
        let default = version.is_some();
        let mut old: Option<SymbolId>;
        let mut resolves_old = false;
        let mut adds = false;
        let mut adds_plain = false;
        if how.only_if_asked {
            old = self.table.find(name, version);
            if old.is_none() && default {
                old = self.table.find(name, None);
            }
            let Some(known) = old.map(|id| *self.table.get(id)) else { return Ok(()) };
            let hidden = matches!(how.visibility, Visibility::Hidden | Visibility::Internal);
            if !known.is_undefined() && (!known.is_dynamic() || (hidden && !known.in_reg)) {
                return Ok(());
            }
            if !default {
                version = known.version;
            }
        } else {
            old = self.table.find(name, version);
            let plain = if default { self.table.find(name, None) } else { None };
            if let Some(id) = old {
                if default {
                    self.define_default_version(name, id, plain)?;
                }
            } else {
                adds = true;
                match plain {
                    Some(plain) if self.table.get(plain).version.is_none() => {
                        old = Some(plain);
                        resolves_old = true;
                    }
                    _ => adds_plain = default,
                }
            }
        }
        let new = special(Source::Special, version, how);
        if adds {
            let id = self.table.push(fresh(name, &new));
            self.table.point(name, version, id);
            if adds_plain {
                self.table.point(name, None, id);
            }
            if old.is_none() {
                if how.local || self.script.is_local(self.program, name) {
                    self.force_local(id);
                } else if version.is_some() {
                    self.table.get_mut(id).is_default = true;
                }
            }
        }
        let Some(old) = old else { return Ok(()) };
        if how.force || self.special_overrides(old, &new) {
            self.replace_with_special(old, &new);
        }
        if !resolves_old && (how.local || self.script.is_local(self.program, name)) {
            self.force_local(old);
        }
        Ok(())
    }
}

fn special(source: Source, version: Option<Name>, how: Special) -> Incoming {
    Incoming {
        source,
        file: None,
        version,
        place: Place::Absolute,
        value: 0,
        size: 0,
        binding: if how.local { Binding::Local } else { Binding::Global },
        symbol_type: how.symbol_type,
        visibility: how.visibility,
    }
}
