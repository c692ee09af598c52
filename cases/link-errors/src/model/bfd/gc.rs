//! `--gc-sections` (`bfd_elf_gc_sections` and what it calls, bfd/elflink.c).

use std::collections::HashMap;

use super::link::Link;
use super::table::{BfdId, EntryId, Key, Kind, Place};
use crate::model::input::{Definition, Object, Output};
use crate::model::liveness::{ALLOC, EXCLUDE, LINK_ORDER, RETAIN};
use crate::model::names::{Fast, Name};

/// `SHT_NOTE`
const NOTE: u32 = 7;

impl Link<'_> {
    /// The section was discarded with its group, or because another file has the same.
    pub(super) fn is_gone(&self, bfd: BfdId, section: u32) -> bool {
        self.bfds[bfd.0 as usize].gone.get(section as usize) == Some(&true)
    }

    /// The section is in the output.
    pub(super) fn is_in_output(&self, bfd: BfdId, section: u32) -> bool {
        !self.is_gone(bfd, section)
            && self
                .live
                .as_ref()
                .is_none_or(|live| live.get(bfd.0 as usize).and_then(|own| own.get(section as usize)) == Some(&true))
    }

    /// The entry a relocation of an object means.
    pub(super) fn entry_of(&self, bfd: BfdId, object: &Object, symbol: u32) -> Option<EntryId> {
        let index = symbol.checked_sub(object.first_global)? as usize;
        self.bfds[bfd.0 as usize].symbols.get(index).map(|id| self.table.real(*id))
    }

    pub(super) fn collect(&mut self) {
        if self.program.options.gc_sections != Some(true) {
            return;
        }
        let program = self.program;
        let relocatable = program.options.output == Output::Relocatable;
        let mut live: Vec<Vec<bool>> = vec![Vec::new(); self.bfds.len()];
        let mut from: HashMap<(BfdId, u32), Vec<u32>, Fast> = HashMap::default();
        let mut named: HashMap<Name, Vec<(BfdId, u32)>, Fast> = HashMap::default();
        self.live_commons = vec![false; self.bfds.len()];
        let mut stack = self.kept_symbols();
        for bfd in &self.objects {
            let Some(object) = self.object_of(*bfd) else { continue };
            live[bfd.0 as usize] = vec![false; object.sections.len()];
            for reference in &object.references {
                from.entry((*bfd, reference.section)).or_default().push(reference.symbol);
            }
            for (index, section) in object.sections.iter().enumerate().skip(1) {
                let at = (*bfd, index as u32);
                named.entry(section.name).or_default().push(at);
                if section.flags & EXCLUDE != 0 {
                    continue;
                }
                let name = program.names.bytes(section.name);
                let linked = section.flags & LINK_ORDER != 0;
                let array = relocatable && matches!(section.kind, 14..=16);
                let note = section.kind == NOTE && section.group.is_none() && !linked;
                if is_kept(name) || array || note || section.flags & RETAIN != 0 {
                    stack.push(at);
                }
            }
        }
        self.reach(&mut live, &from, &named, stack);
        let more = self.described(&live);
        for (bfd, section) in more {
            live[bfd.0 as usize][section as usize] = true;
        }
        let linked = self.linked(&live);
        self.reach(&mut live, &from, &named, linked);
        self.live = Some(live);
    }

    /// Sections of symbols that options name and that shared objects can see.
    fn kept_symbols(&mut self) -> Vec<(BfdId, u32)> {
        let program = self.program;
        let options = &program.options;
        let place = |link: &mut Self, id: EntryId| {
            let entry = link.table.get(id);
            match (entry.place, entry.owner) {
                (Place::Section(section), Some(owner)) if entry.is_defined() => Some((owner.bfd, section)),
                (Place::Common, Some(owner)) => {
                    link.live_commons[owner.bfd.0 as usize] = true;
                    None
                }
                _ => None,
            }
        };
        let mut out = Vec::new();
        let entry = options.entry.or_else(|| program.names.get(b"_start"));
        let known = [&b"_init"[..], b"_fini"].into_iter().filter_map(|name| program.names.get(name));
        let named: Vec<Name> =
            options.undefined.iter().chain(&options.require_defined).copied().chain(entry).chain(known).collect();
        for name in named {
            out.extend(self.table.find(Key::plain(name)).and_then(|id| place(self, id)));
        }
        if !self.has_dynamic {
            return out;
        }
        for id in self.table.ids() {
            let entry = *self.table.get(id);
            if !entry.is_defined() {
                continue;
            }
            let was_common = !entry.def_regular && !entry.def_dynamic && entry.kind == Kind::Defined;
            let exported = (entry.def_regular || was_common)
                && !entry.is_hidden()
                && (!options.output.is_executable() || options.export_dynamic);
            let hidden = |link: &mut Self| entry.key.version.is_none() && link.script_node(entry.key.name).1;
            if (entry.ref_dynamic && !entry.forced_local) || (exported && !hidden(self)) {
                out.extend(place(self, id));
            }
        }
        out
    }

    fn reach(
        &mut self,
        live: &mut [Vec<bool>],
        from: &HashMap<(BfdId, u32), Vec<u32>, Fast>,
        named: &HashMap<Name, Vec<(BfdId, u32)>, Fast>,
        mut stack: Vec<(BfdId, u32)>,
    ) {
        while let Some((bfd, section)) = stack.pop() {
            let kept = live.get_mut(bfd.0 as usize).and_then(|own| own.get_mut(section as usize));
            let Some(kept) = kept.filter(|kept| !**kept) else { continue };
            *kept = true;
            let program = self.program;
            let file = self.file(bfd);
            let crate::model::input::Content::Object(object) = &program.files[file.0 as usize].content else {
                continue;
            };
            let Some(own) = object.sections.get(section as usize) else { continue };
            if let Some(group) = own.group.and_then(|group| object.groups.get(group as usize)) {
                stack.extend(group.sections.iter().map(|section| (bfd, *section)));
            }
            if program.names.bytes(own.name) == b".eh_frame" {
                continue;
            }
            for index in from.get(&(bfd, section)).into_iter().flatten() {
                let Some(symbol) = object.symbols.get(*index as usize) else { continue };
                let Some(id) = self.entry_of(bfd, object, *index) else {
                    if let Definition::Section(to) = symbol.definition {
                        stack.push((bfd, to));
                    }
                    continue;
                };
                let was_marked = std::mem::replace(&mut self.table.get_mut(id).mark, true);
                let entry = self.table.get(id);
                if let (Place::Common, Some(owner)) = (entry.place, entry.owner) {
                    self.live_commons[owner.bfd.0 as usize] = true;
                }
                let (Place::Section(to), Some(owner), true) = (entry.place, entry.owner, entry.is_defined()) else {
                    continue;
                };
                let bounds = entry.start_stop && !entry.by_script && !was_marked;
                match object_section(program, self.file(owner.bfd), to).filter(|_| bounds) {
                    Some(name) => stack.extend(named.get(&name).into_iter().flatten()),
                    None => stack.push((owner.bfd, to)),
                }
            }
        }
    }

    /// Debug information and what has no memory and no relocations stays where something of its file does
    /// (`_bfd_elf_gc_mark_extra_sections`).
    fn described(&self, live: &[Vec<bool>]) -> Vec<(BfdId, u32)> {
        let mut out = Vec::new();
        for bfd in &self.objects {
            let Some(object) = self.object_of(*bfd) else { continue };
            let own = &live[bfd.0 as usize];
            let some = object
                .sections
                .iter()
                .zip(own)
                .any(|(section, live)| *live && section.flags & ALLOC != 0 && section.kind != NOTE);
            if !some {
                continue;
            }
            for (index, section) in object.sections.iter().enumerate().skip(1) {
                let index = index as u32;
                let relocated = object.references.iter().any(|reference| reference.section == index);
                let debugging = is_debugging(self.program.names.bytes(section.name)) && section.flags & ALLOC == 0;
                let plain = section.flags & ALLOC == 0 && !relocated;
                if (debugging || plain) && section.group.is_none() && section.flags & LINK_ORDER == 0 {
                    out.push((*bfd, index));
                }
            }
        }
        out
    }

    /// Sections that follow another one.
    fn linked(&self, live: &[Vec<bool>]) -> Vec<(BfdId, u32)> {
        let mut out = Vec::new();
        for bfd in &self.objects {
            let Some(object) = self.object_of(*bfd) else { continue };
            for (index, section) in object.sections.iter().enumerate() {
                if section.flags & LINK_ORDER != 0 && live[bfd.0 as usize].get(section.link as usize) == Some(&true) {
                    out.push((*bfd, index as u32));
                }
            }
        }
        out
    }

    /// `elf_gc_sweep_symbol`: who is only named in sections that went is named by nobody.
    pub(super) fn sweep(&mut self) {
        if self.live.is_none() {
            return;
        }
        for name in self.wanted_by_options() {
            if let Some(id) = self.table.find(Key::plain(name)) {
                let id = self.table.real(id);
                self.table.get_mut(id).mark = true;
            }
        }
        for id in self.table.ids() {
            let entry = *self.table.get(id);
            if entry.mark {
                continue;
            }
            let kept = (entry.def_regular || (!entry.def_dynamic && entry.kind == Kind::Defined))
                && match (entry.place, entry.owner) {
                    (Place::Section(section), Some(owner)) => self.is_in_output(owner.bfd, section),
                    (Place::Common, Some(owner)) => self.live_commons.get(owner.bfd.0 as usize) == Some(&true),
                    // The sections all files share are marked from the start (`BFD_FAKE_SECTION`).
                    (Place::Absolute, _) => true,
                    _ => false,
                };
            let undefined = matches!(entry.kind, Kind::Undefined | Kind::UndefinedWeak);
            if undefined || (entry.is_defined() && !kept) {
                self.hide(id);
                let entry = self.table.get_mut(id);
                entry.def_regular = false;
                entry.ref_regular = false;
                entry.ref_regular_nonweak = false;
            }
        }
    }
}

fn object_section(
    program: &crate::model::input::Program,
    file: crate::model::input::FileId,
    index: u32,
) -> Option<Name> {
    match &program.files.get(file.0 as usize)?.content {
        crate::model::input::Content::Object(object) => object.sections.get(index as usize).map(|section| section.name),
        _ => None,
    }
}

/// Sections the default script keeps (`KEEP`, scripttempl/elf.sc).
fn is_kept(name: &[u8]) -> bool {
    let first = |prefix: &[u8]| name.strip_prefix(prefix).is_some_and(|rest| rest.starts_with(b"."));
    matches!(
        name,
        b".init"
            | b".fini"
            | b".preinit_array"
            | b".init_array"
            | b".fini_array"
            | b".ctors"
            | b".dtors"
            | b".jcr"
            | b".eh_frame"
    ) || [&b".init_array"[..], b".fini_array", b".ctors", b".dtors"].into_iter().any(first)
}

/// `SEC_DEBUGGING` (`_bfd_elf_make_section_from_shdr`, bfd/elf.c)
pub(super) fn is_debugging(name: &[u8]) -> bool {
    [&b".debug"[..], b".zdebug", b".gnu.debuglto_.debug_", b".gnu.linkonce.wi.", b".line", b".stab"]
        .iter()
        .any(|prefix| name.starts_with(prefix))
        || name == b".gdb_index"
}
