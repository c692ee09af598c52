//! What relocations want of a symbol, and whether they get it (`elf_x86_64_scan_relocs`, `elf_x86_64_relocate_section` in
//! bfd/elf64-x86-64.c; `elf_x86_allocate_dynrelocs`, `_bfd_x86_elf_adjust_dynamic_symbol` in bfd/elfxx-x86.c). Other processors' ways are alike.

use super::gc::is_debugging;
use super::link::{Fatal, Link};
use super::table::{BfdId, Entry, EntryId, Kind, Place};
use crate::model::input::{Content, Definition, Output, Section, SymbolType, Uses, Visibility};
use crate::model::liveness::{ALLOC, EXCLUDE};
use crate::model::outcome::{Refusal, Unknown};

/// `SHF_EXECINSTR`
const CODE: u64 = 4;
/// `SHF_WRITE`
const WRITE: u64 = 1;
/// `SHF_TLS`
const TLS: u64 = 0x400;

/// All that sections of the output with memory want of a symbol.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wanted {
    pub(super) uses: Uses,
    /// Code has its address.
    in_code: bool,
}

impl Link<'_> {
    /// The output can be moved.
    pub(super) fn is_pic(&self) -> bool {
        matches!(self.program.options.output, Output::Shared | Output::Pie | Output::StaticPie)
    }

    /// By entry.
    pub(super) fn scan_relocations(&self) -> Vec<Wanted> {
        let mut wanted = vec![Wanted::default(); self.table.len()];
        for bfd in &self.objects {
            let Some(object) = self.object_of(*bfd) else { continue };
            for reference in &object.references {
                let Some(section) = object.sections.get(reference.section as usize) else { continue };
                if section.flags & ALLOC == 0
                    || section.flags & EXCLUDE != 0
                    || !self.is_in_output(*bfd, reference.section)
                {
                    continue;
                }
                let Some(id) = self.entry_of(*bfd, object, reference.symbol) else { continue };
                let wanted = &mut wanted[id.0 as usize];
                wanted.uses = wanted.uses.and(reference.uses);
                wanted.in_code |= section.flags & CODE != 0 && reference.uses.contains(Uses::ADDRESS);
            }
        }
        wanted
    }

    /// A reference to an absolute symbol that is relative to the place is refused where the output can be moved and the symbol cannot be
    /// another's (`_bfd_elf_x86_valid_reloc_p`, bfd/elfxx-x86.c). It ends the link.
    pub(super) fn check_absolutes(&mut self) -> Result<(), Fatal> {
        if !self.is_pic() {
            return Ok(());
        }
        let program = self.program;
        for bfd in self.objects.clone() {
            let Content::Object(object) = &program.files[self.file(bfd).0 as usize].content else { continue };
            for reference in &object.references {
                let Some(section) = object.sections.get(reference.section as usize) else { continue };
                if section.flags & ALLOC == 0
                    || section.flags & EXCLUDE != 0
                    || !self.is_in_output(bfd, reference.section)
                {
                    continue;
                }
                let name = match self.entry_of(bfd, object, reference.symbol).map(|id| self.table.get(id)) {
                    Some(entry) => {
                        let absolute = entry.is_defined() && entry.place == Place::Absolute && !entry.by_script;
                        (absolute && self.refers_local(entry)).then(|| self.full_name(entry))
                    }
                    None => object
                        .symbols
                        .get(reference.symbol as usize)
                        .filter(|symbol| symbol.definition == Definition::Absolute)
                        .map(|symbol| program.names.bytes(symbol.name).to_vec()),
                };
                let Some(name) = name else { continue };
                let name = String::from_utf8_lossy(&name).into_owned();
                if reference.uses.contains(Uses::CALL) || reference.uses.contains(Uses::TLS) {
                    let what = format!("relocation against absolute symbol `{name}' is disallowed");
                    self.refusals.push(Refusal::Other(what));
                    return Err(Fatal);
                }
                if reference.uses.contains(Uses::ADDRESS) || reference.uses.contains(Uses::UNKNOWN) {
                    // R_X86_64_64 goes through, R_X86_64_PC32 does not.
                    let what = format!("a reference to the absolute symbol {name}: it depends on its relocation");
                    self.unknown.push(Unknown { what, file: None });
                }
            }
        }
        Ok(())
    }

    /// `SYMBOL_REFERENCES_LOCAL`
    fn refers_local(&self, entry: &Entry) -> bool {
        let options = &self.program.options;
        if entry.is_hidden() || entry.forced_local {
            return true;
        }
        if !entry.was_common && !entry.def_regular {
            return false;
        }
        let bound = options.output.is_executable() || options.symbolic || entry.start_stop;
        let function = matches!(entry.symbol_type, SymbolType::Function | SymbolType::IFunc);
        !entry.dynamic || bound || (entry.visibility == Visibility::Protected && !function)
    }

    /// A weak reference that code calls or that has an entry of the GOT gets a place in `.dynsym`.
    pub(super) fn export_weak(&mut self) {
        let output = self.program.options.output;
        if !self.has_dynamic || output == Output::StaticPie {
            return;
        }
        for id in self.table.ids() {
            let entry = self.table.get(id);
            if entry.kind != Kind::UndefinedWeak
                || entry.dynamic
                || entry.forced_local
                || entry.visibility != Visibility::Default
            {
                continue;
            }
            let Wanted { uses, in_code } = self.wanted_of(id);
            if uses.contains(Uses::UNKNOWN) && entry.key.version.is_some() {
                let name = String::from_utf8_lossy(&self.full_name(entry)).into_owned();
                let what = format!("{name} is weak and undefined: it depends on its relocation");
                self.unknown.push(Unknown { what, file: None });
            }
            if (uses.contains(Uses::CALL) || uses.contains(Uses::GOT)) && !in_code {
                self.make_dynamic(id);
            }
        }
    }

    fn wanted_of(&self, id: EntryId) -> Wanted {
        self.wanted.get(id.0 as usize).copied().unwrap_or_default()
    }

    /// `SYMBOL_CALLS_LOCAL`
    fn calls_local(&self, entry: &Entry) -> bool {
        entry.is_hidden()
            || ((entry.def_regular || entry.was_common)
                && (entry.forced_local
                    || !entry.dynamic
                    || self.program.options.output.is_executable()
                    || self.program.options.symbolic
                    || entry.visibility != Visibility::Default))
    }

    /// `WILL_CALL_FINISH_DYNAMIC_SYMBOL`
    fn is_finished(&self, entry: &Entry, shared: bool) -> bool {
        self.has_dynamic && (shared || !entry.forced_local) && (entry.dynamic || entry.forced_local)
    }

    /// The symbol has an entry in the procedure linkage table.
    pub(super) fn has_plt(&self, id: EntryId) -> bool {
        let (entry, wanted) = (self.table.get(id), self.wanted_of(id));
        self.has_dynamic
            && wanted.uses.contains(Uses::CALL)
            && !self.calls_local(entry)
            && (entry.visibility == Visibility::Default || entry.kind != Kind::UndefinedWeak)
            && (self.is_pic() || self.is_finished(entry, false))
    }

    /// A symbol of a shared object stands for something in the output: an entry of the procedure linkage table, or a copy.
    pub(super) fn has_address(&mut self, id: EntryId) -> bool {
        if !self.program.options.output.is_executable() {
            return false;
        }
        let uses = self.wanted_of(id).uses;
        if (uses.contains(Uses::ADDRESS) || uses.contains(Uses::UNKNOWN)) && !self.has_plt(id) {
            let what = "--defsym reads a symbol of a shared object that may be copied".to_owned();
            self.unknown.push(Unknown { what, file: None });
        }
        self.has_plt(id)
    }

    /// Objects in the order they are written: who has something in the first section of the output, in the second, and so on.
    pub(super) fn output_order(&self) -> Vec<BfdId> {
        let rank = |bfd: BfdId| {
            if self.dynamic_object == Some(bfd) {
                return 0;
            }
            let object = self.object_of(bfd);
            let sections = object.map_or(&[][..], |object| &object.sections).iter().enumerate().skip(1);
            let written =
                sections.filter(|(index, section)| section.kind != 0 && self.is_in_output(bfd, *index as u32));
            let rank = |section: &Section| {
                let name = self.program.names.bytes(section.name);
                match section.flags & (ALLOC | CODE | WRITE) {
                    _ if name == b".init" => 1,
                    flags if flags & ALLOC == 0 => 7,
                    flags if flags & CODE != 0 && (name == b".text" || name.starts_with(b".text.")) => 2,
                    flags if flags & CODE != 0 => 3,
                    flags if flags & WRITE == 0 => 4,
                    _ if section.flags & TLS != 0 => 5,
                    _ => 6,
                }
            };
            written.map(|(_, section)| rank(section)).min().unwrap_or(8)
        };
        let mut order: Vec<(u32, BfdId)> = self.objects.iter().map(|bfd| (rank(*bfd), *bfd)).collect();
        order.sort_by_key(|(rank, _)| *rank);
        order.into_iter().map(|(_, bfd)| bfd).collect()
    }

    /// The symbol has an entry in the GOT that should hold an address known now, and there is none: `elf_x86_64_finish_dynamic_symbol`
    /// gives up without a word.
    pub(super) fn lacks_address(&self, id: EntryId) -> bool {
        let (entry, wanted) = (self.table.get(id), self.wanted_of(id));
        let known = entry.def_regular || entry.by_script || entry.was_common || entry.place == Place::Linker;
        self.is_pic()
            && self.is_finished(entry, entry.visibility == Visibility::Default || entry.kind != Kind::UndefinedWeak)
            && wanted.uses.contains(Uses::GOT)
            && entry.is_hidden()
            && entry.kind != Kind::UndefinedWeak
            && !known
    }

    /// No room was made for the dynamic relocation of a hidden absolute symbol's entry in the GOT, and it is written all the same.
    pub(super) fn lacks_room(&self, id: EntryId) -> bool {
        let entry = self.table.get(id);
        self.is_pic()
            && self.has_dynamic
            && self.wanted_of(id).uses.contains(Uses::GOT)
            && entry.is_defined()
            && entry.place == Place::Absolute
            && !entry.by_script
            && entry.forced_local
            && !entry.dynamic
    }

    /// Room was made for the relocation of this one's entry in the GOT, which is not always written.
    pub(super) fn may_leave_room(&self, id: EntryId) -> bool {
        let entry = self.table.get(id);
        self.wanted_of(id).uses.contains(Uses::GOT)
            && entry.is_defined()
            && entry.place != Place::Absolute
            && self.refers_local(entry)
    }

    /// A function is used as a thread-local variable, which only an assignment can bring about: `elf_x86_64_tls_transition` leaves it alone,
    /// and there is no entry in the GOT.
    pub(super) fn is_not_thread_local(&self, id: EntryId) -> bool {
        let entry = self.table.get(id);
        matches!(entry.symbol_type, SymbolType::Function | SymbolType::IFunc)
            && self.program.options.output.is_executable()
            && entry.is_defined()
            && !entry.dynamic
    }

    /// A relocation against a symbol of a shared object that nothing stands for in the output ("unresolvable").
    pub(super) fn is_unresolvable(&self, id: EntryId, uses: Uses, section: (&[u8], u64)) -> bool {
        let entry = self.table.get(id);
        if !entry.is_defined() || !matches!(entry.place, Place::Shared { .. }) {
            return false;
        }
        let (name, flags) = section;
        let allocated = flags & ALLOC != 0;
        if !allocated && is_debugging(name) && entry.def_dynamic {
            return false;
        }
        let plt = self.has_plt(id);
        let plt_is_address = plt && !entry.def_regular && self.program.options.output.is_executable();
        if plt_is_address {
            return false;
        }
        let resolved_locally = !self.is_finished(entry, self.is_pic()) || (self.is_pic() && self.calls_local(entry));
        (uses.contains(Uses::ADDRESS) && !allocated)
            || (uses.contains(Uses::CALL) && !plt)
            || (uses.contains(Uses::GOT) && resolved_locally)
    }
}
