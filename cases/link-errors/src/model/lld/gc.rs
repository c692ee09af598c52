//! `--gc-sections`, and which shared objects stay (`markLive`, lld/ELF/MarkLive.cpp).

use std::collections::HashMap;

use super::link::Link;
use super::table::{Instance, Kind, SymbolId};
use crate::model::input::{Definition, Object, Section};
use crate::model::liveness::{ALLOC, LINK_ORDER, RETAIN};
use crate::model::names::{Fast, Name};

const EXECUTE: u64 = 0x4;

/// Sections that are kept, by object; and common symbols.
pub(super) struct Live {
    sections: Vec<Vec<bool>>,
    commons: Vec<bool>,
}

impl Live {
    pub(super) fn is_live(&self, instance: Instance, section: u32) -> bool {
        self.sections[instance.0 as usize].get(section as usize) == Some(&true)
    }

    pub(super) fn is_live_common(&self, id: SymbolId) -> bool {
        self.commons.get(id.0 as usize) == Some(&true)
    }
}

/// What objects refer to, by section.
#[derive(Default)]
struct Edges {
    /// Indices of `Object::references` in the order of their sections.
    order: Vec<u32>,
    /// Where the references of a section begin in `order`.
    start: Vec<u32>,
    /// Sections that go with another (`SHF_LINK_ORDER`): the other, and the section; in order.
    dependents: Vec<(u32, u32)>,
    /// For each group, whether something of it is in memory: such groups stay or go as one (`handleSectionGroup`).
    whole: Vec<bool>,
    /// For each group, whether its sections are in the queue already.
    queued: Vec<bool>,
}

impl Edges {
    fn of(object: &Object, is_gone: &dyn Fn(u32) -> bool) -> Self {
        let count = object.sections.len();
        let mut start = vec![0_u32; count + 1];
        let known = || object.references.iter().enumerate().filter(|(_, one)| (one.section as usize) < count);
        known().for_each(|(_, one)| start[one.section as usize + 1] += 1);
        for at in 0..count {
            start[at + 1] += start[at];
        }
        let mut next = start.clone();
        let mut order = vec![0_u32; start[count] as usize];
        for (index, one) in known() {
            let at = &mut next[one.section as usize];
            order[*at as usize] = index as u32;
            *at += 1;
        }
        let linked = object.sections.iter().enumerate();
        let mut dependents: Vec<(u32, u32)> = linked
            .filter(|(_, section)| section.flags & LINK_ORDER != 0 && section.link != 0)
            .map(|(index, section)| (section.link, index as u32))
            .collect();
        dependents.sort_unstable();
        let in_memory = |index: &u32| {
            object.sections.get(*index as usize).is_some_and(|section| section.flags & ALLOC != 0) && !is_gone(*index)
        };
        let whole = object.groups.iter().map(|group| group.sections.iter().any(in_memory)).collect();
        Self { order, start, dependents, whole, queued: vec![false; object.groups.len()] }
    }

    /// Where in `dependents` those of a section are.
    fn dependents(&self, section: u32) -> std::ops::Range<usize> {
        let from = self.dependents.partition_point(|(on, _)| *on < section);
        let count = self.dependents[from..].iter().take_while(|(on, _)| *on == section).count();
        from..from + count
    }

    fn from(&self, section: u32) -> &[u32] {
        let at = section as usize;
        match (self.start.get(at), self.start.get(at + 1)) {
            (Some(from), Some(to)) => &self.order[*from as usize..*to as usize],
            _ => &[],
        }
    }

    fn in_group(&self, section: &Section) -> bool {
        section.group.is_some_and(|group| self.whole.get(group as usize) == Some(&true))
    }
}

/// The work that is left.
struct Marking {
    live: Live,
    edges: Vec<Edges>,
    queue: Vec<(Instance, u32)>,
    /// Shared objects that are needed: index, who refers to what.
    needed: Vec<(u32, Instance, SymbolId)>,
}

impl Marking {
    fn enqueue(&mut self, link: &Link<'_>, instance: Instance, section: u32) {
        if link.is_gone(instance, section) {
            return;
        }
        if let Some(live) = self.live.sections[instance.0 as usize].get_mut(section as usize)
            && !*live
        {
            *live = true;
            self.queue.push((instance, section));
        }
    }

    fn mark_symbol(&mut self, link: &Link<'_>, id: SymbolId) {
        let symbol = link.table.get(id);
        match (symbol.kind, symbol.instance) {
            (Kind::Defined { section: Some(section), .. }, Some(instance)) => self.enqueue(link, instance, section),
            (Kind::Placed, _) => self.live.commons[id.0 as usize] = true,
            _ => {}
        }
    }
}

impl Link<'_> {
    /// `markLive`
    pub(super) fn mark_live(&mut self) {
        if self.program.options.gc_sections != Some(true) {
            return self.judge_shared();
        }
        let mut marking = self.marking();
        self.mark_roots(&mut marking);
        while let Some((instance, section)) = marking.queue.pop() {
            self.follow(&mut marking, instance, section);
        }
        for (library, by, id) in marking.needed {
            let name = self.table.get(id).name;
            let file = self.instances[by.0 as usize].file;
            let shared = &mut self.shared[library as usize];
            shared.needed = true;
            shared.because.get_or_insert((file, name));
        }
        self.live = Some(marking.live);
    }

    /// Without `--gc-sections` a shared object stays where an object refers strongly to what it defines.
    fn judge_shared(&mut self) {
        let mut first: HashMap<Name, u32, Fast> = HashMap::default();
        for symbol in self.table.iter().filter(|symbol| symbol.used && !symbol.is_weak()) {
            let Kind::Shared { library, .. } = symbol.kind else { continue };
            let shared = &mut self.shared[library as usize];
            shared.needed = true;
            if shared.because.is_none() {
                shared.because = Some((shared.file, symbol.name));
                first.insert(symbol.name, library);
            }
        }
        for instance in &self.objects {
            if first.is_empty() {
                return;
            }
            let Some((file, object)) = self.object_of(*instance) else { continue };
            let asked: Vec<Name> = object
                .globals()
                .filter(|(_, symbol)| symbol.is_undefined() && first.contains_key(&symbol.name))
                .map(|(_, symbol)| symbol.name)
                .collect();
            for name in asked {
                if let Some(library) = first.remove(&name) {
                    self.shared[library as usize].because = Some((file, name));
                }
            }
        }
    }

    fn marking(&self) -> Marking {
        let count = self.instances.len();
        let mut live = Live { sections: vec![Vec::new(); count], commons: vec![false; self.table.len()] };
        let mut edges: Vec<Edges> = Vec::new();
        edges.resize_with(count, Edges::default);
        for instance in &self.objects {
            let Some((_, object)) = self.object_of(*instance) else { continue };
            let at = instance.0 as usize;
            if self.instances[at].addresses_only {
                continue;
            }
            live.sections[at] = vec![false; object.sections.len()];
            edges[at] = Edges::of(object, &|section| self.is_gone(*instance, section));
        }
        Marking { live, edges, queue: Vec::new(), needed: Vec::new() }
    }

    fn mark_roots(&self, marking: &mut Marking) {
        let options = &self.program.options;
        for id in self.table.ids().filter(|id| self.is_exported(*id)) {
            marking.mark_symbol(self, id);
        }
        let known = [&b"_init"[..], b"_fini"].into_iter().filter_map(|name| self.program.names.get(name));
        let named = self.entry().into_iter().chain(known);
        let read = options.defsym.iter().flat_map(|defsym| &defsym.reads);
        for name in named.chain(options.undefined.iter().chain(read).copied()) {
            if let Some(id) = self.table.find(name, None) {
                marking.mark_symbol(self, id);
            }
        }
        for instance in &self.objects {
            let Some((_, object)) = self.object_of(*instance) else { continue };
            if self.instances[instance.0 as usize].addresses_only {
                continue;
            }
            for (index, section) in object.sections.iter().enumerate() {
                let index = index as u32;
                if !self.is_gone(*instance, index) {
                    self.mark_section(marking, *instance, object, index, section);
                }
            }
        }
    }

    /// Sections that stay for themselves.
    fn mark_section(&self, marking: &mut Marking, instance: Instance, object: &Object, index: u32, section: &Section) {
        let name = self.program.names.bytes(section.name);
        let at = instance.0 as usize;
        if name == b".eh_frame" {
            marking.live.sections[at][index as usize] = true;
            return self.scan_frames(marking, instance, object, index);
        }
        if section.flags & RETAIN != 0 {
            return marking.enqueue(self, instance, index);
        }
        if section.flags & LINK_ORDER != 0 {
            return;
        }
        let in_group = marking.edges[at].in_group(section);
        if section.flags & ALLOC == 0 && !in_group {
            // Kept, and keeps nothing itself.
            marking.live.sections[at][index as usize] = true;
            for step in marking.edges[at].dependents(index) {
                let (_, dependent) = marking.edges[at].dependents[step];
                if let Some(live) = marking.live.sections[at].get_mut(dependent as usize) {
                    *live = true;
                }
            }
        }
        if is_reserved(section, name, in_group) {
            marking.enqueue(self, instance, index);
        }
    }

    /// `scanEhFrameSection`: personality routines and tables of all frames are kept. A frame's function is not, nor a table that goes with
    /// its group or its function. Which relocation is of a personality routine the input does not tell: those of global symbols are.
    fn scan_frames(&self, marking: &mut Marking, instance: Instance, object: &Object, frames: u32) {
        let references = marking.edges[instance.0 as usize].from(frames).to_vec();
        for reference in references {
            let Some(symbol) = object.references.get(reference as usize).map(|one| one.symbol) else { continue };
            if let Some(id) = self.symbol_of(instance, object, symbol) {
                self.follow_symbol(marking, instance, id);
                continue;
            }
            let Some(Definition::Section(to)) = object.symbols.get(symbol as usize).map(|own| own.definition) else {
                continue;
            };
            let Some(target) = object.sections.get(to as usize) else { continue };
            let in_group = marking.edges[instance.0 as usize].in_group(target);
            if target.flags & (EXECUTE | LINK_ORDER) == 0 && !in_group {
                marking.enqueue(self, instance, to);
            }
        }
    }

    /// `MarkLive::mark`: what a section that is kept keeps.
    fn follow(&self, marking: &mut Marking, instance: Instance, section: u32) {
        let Some((_, object)) = self.object_of(instance) else { return };
        let at = instance.0 as usize;
        for step in 0..marking.edges[at].from(section).len() {
            let reference = marking.edges[at].from(section)[step];
            let Some(symbol) = object.references.get(reference as usize).map(|one| one.symbol) else { continue };
            match self.symbol_of(instance, object, symbol) {
                Some(id) => self.follow_symbol(marking, instance, id),
                None => {
                    if let Some(Definition::Section(to)) = object.symbols.get(symbol as usize).map(|own| own.definition)
                    {
                        marking.enqueue(self, instance, to);
                    }
                }
            }
        }
        for step in marking.edges[at].dependents(section) {
            let (_, dependent) = marking.edges[at].dependents[step];
            marking.enqueue(self, instance, dependent);
        }
        let Some(own) = object.sections.get(section as usize).filter(|own| marking.edges[at].in_group(own)) else {
            return;
        };
        let Some(number) =
            own.group.filter(|group| !std::mem::replace(&mut marking.edges[at].queued[*group as usize], true))
        else {
            return;
        };
        for member in &object.groups[number as usize].sections {
            marking.enqueue(self, instance, *member);
        }
    }

    /// `resolveReloc`
    fn follow_symbol(&self, marking: &mut Marking, by: Instance, id: SymbolId) {
        let symbol = self.table.get(id);
        match symbol.kind {
            Kind::Defined { .. } | Kind::Placed => return marking.mark_symbol(self, id),
            Kind::Shared { library, .. } if !symbol.is_weak() => marking.needed.push((library, by, id)),
            _ => {}
        }
        // The linker's own bounds of sections keep these only where the sections are of a libc before 2.34 (`-z start-stop-gc`).
        let name = self.program.names.bytes(symbol.name);
        let bounds = name.strip_prefix(b"__start_").or_else(|| name.strip_prefix(b"__stop_"));
        let Some(section) = bounds.filter(|name| name.starts_with(b"__libc_")) else { return };
        for instance in &self.objects {
            let Some((_, object)) = self.object_of(*instance) else { continue };
            for (index, own) in object.sections.iter().enumerate() {
                if self.program.names.bytes(own.name) == section {
                    marking.enqueue(self, *instance, index as u32);
                }
            }
        }
    }
}

/// `isReserved`
fn is_reserved(section: &Section, name: &[u8], in_group: bool) -> bool {
    match section.kind {
        14..=16 => true,
        7 => !in_group,
        _ => {
            matches!(name, b".init" | b".fini" | b".jcr")
                || [&b".init_array"[..], b".ctors", b".dtors"].iter().any(|prefix| name.starts_with(prefix))
        }
    }
}
