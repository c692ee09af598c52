//! What scripts and options define: the default script, `--defsym`, bounds of sections, symbols of sections the linker makes
//! (`exp_fold_tree_1` in ld/ldexp.c, `lang_init_start_stop` in ld/ldlang.c, `bfd_elf_record_link_assignment` and
//! `_bfd_elf_define_linkage_sym` in bfd/elflink.c). Statements are evaluated several times; the last one counts.

use std::collections::HashMap;

use super::link::{Fatal, Link};
use super::table::{BfdId, EntryId, Key, Kind, Owner, Place};
use crate::model::input::{Content, Output, SymbolType, Visibility};
use crate::model::liveness::EXCLUDE;
use crate::model::names::{Fast, Name};
use crate::model::outcome::{Refusal, Undefined, UndefinedWhy};

/// A symbol that the default script defines.
#[derive(Clone, Copy, Debug)]
pub(super) struct Statement {
    name: Name,
    /// `PROVIDE`: only where somebody asks and no object has it.
    provide: bool,
    hidden: bool,
    /// A `PROVIDE` that was done once is an assignment from then on.
    provided: bool,
}

const ALWAYS: [&[u8]; 3] = [b"_edata", b"__bss_start", b"_end"];
const PROVIDED: [&[u8]; 5] = [b"__etext", b"_etext", b"etext", b"edata", b"end"];
const HIDDEN: [&[u8]; 7] = [
    b"__tdata_start",
    b"__preinit_array_start",
    b"__preinit_array_end",
    b"__init_array_start",
    b"__init_array_end",
    b"__fini_array_start",
    b"__fini_array_end",
];
const FIXED: [&[u8]; 2] = [b"__rela_iplt_start", b"__rela_iplt_end"];

impl Link<'_> {
    /// The statements of the default script that somebody can notice (ld/scripttempl/elf.sc).
    pub(super) fn default_script(&self) -> Vec<Statement> {
        let output = self.program.options.output;
        if output == Output::Relocatable {
            return Vec::new();
        }
        let shared = output == Output::Shared;
        let fixed = matches!(output, Output::Executable | Output::Static);
        let mut out = Vec::new();
        let mut add = |names: &[&[u8]], provide, hidden| {
            for name in names.iter().filter_map(|name| self.program.names.get(name)) {
                out.push(Statement { name, provide, hidden, provided: false });
            }
        };
        if !shared {
            add(&[b"__executable_start"], true, false);
            add(&HIDDEN, true, true);
        }
        if fixed {
            add(&FIXED, true, true);
        }
        add(&PROVIDED, true, false);
        add(&ALWAYS, shared, false);
        for name in &self.program.options.script_defines {
            out.push(Statement { name: *name, provide: false, hidden: false, provided: false });
        }
        out
    }

    /// `--defsym` at its place on the line, between arguments.
    pub(super) fn define_symbols(&mut self, from: u32, to: u32) {
        let program = self.program;
        for defsym in program.options.defsym.iter().filter(|defsym| (from..to).contains(&defsym.argument)) {
            self.evaluate(defsym.name, &defsym.reads);
        }
    }

    /// All `--defsym`, then the script.
    pub(super) fn assign_all(&mut self) {
        self.define_symbols(0, u32::MAX);
        self.run_script();
    }

    /// An expression is worth something where all it reads is defined; who is not yet known is undefined from then on.
    fn evaluate(&mut self, name: Name, reads: &[Name]) {
        let mut valid = true;
        for read in reads {
            let id = self.read(*read);
            let kind = self.table.get(id).kind;
            valid &= matches!(kind, Kind::Defined | Kind::DefinedWeak);
            if kind == Kind::New {
                let entry = self.table.get_mut(id);
                entry.kind = Kind::Undefined;
                entry.owner = None;
                self.table.list(id);
            }
        }
        // `f = f + 1` waits for the end.
        if reads.contains(&name) {
            return;
        }
        let id = self.table.intern(Key::plain(name));
        let id = self.table.real(id);
        if valid || self.table.get(id).kind == Kind::New {
            let source = self.source(reads).filter(|_| valid);
            self.set(id, source);
        }
    }

    /// The symbol an expression reads: `--wrap` counts.
    fn read(&mut self, name: Name) -> EntryId {
        let key = self.wrapped(Key::plain(name));
        let id = self.table.intern(key);
        self.table.real(id)
    }

    /// The symbol an expression stands for, where it is nothing else.
    fn source(&mut self, reads: &[Name]) -> Option<EntryId> {
        match reads {
            [one] => Some(self.read(*one)),
            _ => None,
        }
    }

    /// An assignment: the name of another symbol stands for its place and has its type and visibility.
    fn set(&mut self, id: EntryId, source: Option<EntryId>) {
        let source = source.map(|source| *self.table.get(source));
        let entry = self.table.get_mut(id);
        entry.kind = Kind::Defined;
        entry.place = Place::Absolute;
        entry.owner = None;
        entry.absolute = None;
        entry.value = 0;
        entry.by_script = true;
        if let Some(source) = source {
            if source.is_defined() {
                entry.place = source.place;
                entry.owner = source.owner;
            }
            entry.symbol_type = source.symbol_type;
            entry.visibility = entry.visibility.merge(source.visibility);
        }
    }

    /// The default script, once.
    pub(super) fn run_script(&mut self) {
        let mut script = std::mem::take(&mut self.script);
        for statement in &mut script {
            let known = self.table.find(Key::plain(statement.name)).map(|id| self.table.real(id));
            if statement.provide && !statement.provided {
                let Some(id) = known else { continue };
                let kind = self.table.get(id).kind;
                if !matches!(kind, Kind::New | Kind::Undefined | Kind::UndefinedWeak) {
                    continue;
                }
                statement.provided = true;
            }
            let id = known.unwrap_or_else(|| self.table.intern(Key::plain(statement.name)));
            self.set(id, None);
            if statement.hidden {
                self.hide(id);
                let entry = self.table.get_mut(id);
                entry.def_dynamic = false;
                entry.ref_dynamic = false;
                entry.dynamic_def = false;
            }
        }
        self.script = script;
    }

    /// The last evaluation (`lang_final_phase_enum`): what is read must be there.
    pub(super) fn assign_finally(&mut self) -> Result<(), Fatal> {
        let program = self.program;
        for defsym in &program.options.defsym {
            let mut resolvable = true;
            for read in &defsym.reads {
                let id = self.read(*read);
                let entry = *self.table.get(id);
                if !entry.is_defined() {
                    let why = UndefinedWhy::Option;
                    self.undefined.push(Undefined { name: *read, version: None, sites: Vec::new(), why });
                    return Err(Fatal);
                }
                if matches!(entry.place, Place::Shared { .. }) && !self.has_address(id) {
                    let name = program.names.text(*read);
                    let what = format!("unresolvable symbol `{name}' referenced in expression");
                    self.refusals.push(Refusal::Other(what));
                    resolvable = false;
                }
            }
            if !resolvable {
                continue;
            }
            let id = self.table.intern(Key::plain(defsym.name));
            let id = self.table.real(id);
            let source = self.source(&defsym.reads);
            self.set(id, source);
            let entry = self.table.get_mut(id);
            if entry.place != Place::Absolute {
                // It is in a section of the output now.
                entry.place = Place::Linker;
            }
        }
        Ok(())
    }

    /// ELF is told of all assignments (`ldelf_find_exp_assignment`).
    pub(super) fn record_assignments(&mut self) {
        let defsyms = self.program.options.defsym.iter().map(|defsym| (defsym.name, false, false));
        let script = self.script.iter().map(|one| (one.name, one.provide, one.hidden));
        for (name, provide, hidden) in defsyms.chain(script).collect::<Vec<_>>() {
            self.record_assignment(name, provide, hidden);
        }
    }

    /// `bfd_elf_record_link_assignment`
    fn record_assignment(&mut self, name: Name, provide: bool, hidden: bool) {
        let id = match self.table.find(Key::plain(name)) {
            Some(id) => id,
            None if provide => return,
            None => self.table.intern(Key::plain(name)),
        };
        self.table.get_mut(id).non_elf = false;
        match self.table.get(id).kind {
            Kind::Undefined | Kind::UndefinedWeak => self.table.get_mut(id).kind = Kind::New,
            Kind::Indirect(_) => {
                let target = self.table.real(id);
                self.table.get_mut(id).kind = Kind::Undefined;
                self.table.get_mut(target).kind = Kind::Indirect(id);
                self.copy_indirect(id, target);
            }
            _ => {}
        }
        let shared = self.program.options.output == Output::Shared;
        let relocatable = self.program.options.output == Output::Relocatable;
        let entry = self.table.get_mut(id);
        if entry.def_dynamic && !entry.def_regular {
            if provide {
                entry.kind = Kind::Undefined;
            }
            entry.has_version = false;
        }
        entry.mark = true;
        entry.def_regular = true;
        if hidden {
            if entry.visibility != Visibility::Internal {
                entry.visibility = Visibility::Hidden;
            }
            self.hide(id);
        }
        let entry = self.table.get_mut(id);
        if !relocatable && entry.dynamic && entry.is_hidden() {
            entry.forced_local = true;
        }
        if (entry.def_dynamic || entry.ref_dynamic || shared) && !entry.forced_local && !entry.dynamic {
            self.make_dynamic(id);
        }
    }

    /// Dynamic sections are made, and with them their symbols.
    pub(super) fn create_dynamic(&mut self, bfd: BfdId) {
        if self.has_dynamic || self.program.options.output == Output::Relocatable {
            return;
        }
        self.has_dynamic = true;
        self.dynamic_object = Some(bfd);
        self.define_linkage(b"_DYNAMIC", bfd);
        self.define_linkage(b"_GLOBAL_OFFSET_TABLE_", bfd);
    }

    /// `_bfd_elf_define_linkage_sym`
    fn define_linkage(&mut self, name: &[u8], bfd: BfdId) {
        let Some(name) = self.program.names.get(name) else { return };
        let id = self.table.intern(Key::plain(name));
        let dynamic = self.bfds[bfd.0 as usize].dynamic;
        let entry = self.table.get_mut(id);
        entry.kind = Kind::Defined;
        entry.owner = Some(Owner { bfd, dynamic });
        entry.absolute = None;
        entry.place = Place::Linker;
        entry.value = 0;
        entry.by_script = false;
        entry.def_regular = true;
        entry.non_elf = false;
        entry.symbol_type = SymbolType::Object;
        if entry.visibility != Visibility::Internal {
            entry.visibility = Visibility::Hidden;
        }
        self.hide(id);
    }

    /// Without dynamic sections the table is made where something refers to it.
    pub(super) fn define_table(&mut self) {
        let Some(name) = self.program.names.get(b"_GLOBAL_OFFSET_TABLE_") else { return };
        let asked = self
            .table
            .find(Key::plain(name))
            .is_some_and(|id| matches!(self.table.get(id).kind, Kind::Undefined | Kind::UndefinedWeak));
        if let (true, Some(bfd)) = (asked && !self.has_dynamic, self.objects.first().copied()) {
            self.define_linkage(b"_GLOBAL_OFFSET_TABLE_", bfd);
        }
    }

    /// `__start_NAME` and `__stop_NAME` of the first section of a name that is an identifier of C.
    pub(super) fn define_bounds(&mut self) {
        let names = &self.program.names;
        let bounded = |name: Name| {
            let text = names.bytes(name);
            let section = text.strip_prefix(b"__start_").or_else(|| text.strip_prefix(b"__stop_"))?;
            let is_identifier = section.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
            names.get(section).filter(|_| is_identifier)
        };
        let asked: Vec<(EntryId, Name)> = self
            .table
            .iter()
            .filter(|(_, entry)| entry.key.version.is_none())
            .filter_map(|(id, entry)| Some((id, bounded(entry.key.name)?)))
            .collect();
        if asked.is_empty() {
            return;
        }
        let mut first: HashMap<Name, (BfdId, u32), Fast> = HashMap::default();
        for bfd in &self.objects {
            let Some(object) = self.object_of(*bfd) else { continue };
            for (index, section) in object.sections.iter().enumerate().skip(1) {
                first.entry(section.name).or_insert((*bfd, index as u32));
            }
        }
        for (id, section) in asked {
            let id = self.table.real(id);
            let Some((bfd, index)) = first.get(&section).copied() else { continue };
            let seen = *self.table.get(id);
            let open = matches!(seen.kind, Kind::Undefined | Kind::UndefinedWeak)
                || ((seen.ref_regular || seen.def_dynamic) && !seen.def_regular && seen.kind != Kind::Common);
            if seen.by_script || !open {
                continue;
            }
            let entry = self.table.get_mut(id);
            entry.has_version = false;
            entry.kind = Kind::Defined;
            entry.owner = Some(Owner { bfd, dynamic: false });
            entry.place = Place::Section(index);
            entry.value = 0;
            entry.def_regular = true;
            entry.def_dynamic = false;
            entry.start_stop = true;
            if entry.visibility == Visibility::Default {
                entry.visibility = Visibility::Protected;
            }
            if seen.ref_dynamic || seen.def_dynamic {
                self.make_dynamic(id);
            }
        }
    }

    /// Bounds of sections that did not come into the output are undefined again (`lang_undef_start_stop`).
    pub(super) fn undefine_bounds(&mut self) {
        let bounds: Vec<EntryId> =
            self.table.iter().filter(|(_, entry)| entry.start_stop && !entry.by_script).map(|(id, _)| id).collect();
        for id in bounds {
            let entry = *self.table.get(id);
            let (Some(owner), Place::Section(index)) = (entry.owner, entry.place) else { continue };
            let Some(name) = self.object_of(owner.bfd).and_then(|object| object.sections.get(index as usize)) else {
                continue;
            };
            let name = name.name;
            let made = self.objects.iter().any(|bfd| {
                self.object_of(*bfd).is_some_and(|object| {
                    object.sections.iter().enumerate().any(|(index, section)| {
                        section.name == name && section.flags & EXCLUDE == 0 && self.is_in_output(*bfd, index as u32)
                    })
                })
            });
            if made {
                continue;
            }
            let was_forced = entry.forced_local;
            self.hide(id);
            let entry = self.table.get_mut(id);
            entry.kind = if entry.ref_regular_nonweak { Kind::Undefined } else { Kind::UndefinedWeak };
            entry.owner = None;
            entry.def_regular = false;
            entry.forced_local = was_forced;
        }
    }

    /// Common symbols get their place (`lang_common`).
    pub(super) fn place_commons(&mut self) {
        if self.program.options.output == Output::Relocatable {
            return;
        }
        let commons: Vec<EntryId> =
            self.table.iter().filter(|(_, entry)| entry.kind == Kind::Common).map(|(id, _)| id).collect();
        for id in commons {
            let entry = self.table.get_mut(id);
            entry.kind = Kind::Defined;
            entry.place = Place::Common;
            entry.was_common = true;
        }
    }

    pub(super) fn object_of(&self, bfd: BfdId) -> Option<&crate::model::input::Object> {
        match &self.program.files.get(self.file(bfd).0 as usize)?.content {
            Content::Object(object) => Some(object),
            _ => None,
        }
    }
}
