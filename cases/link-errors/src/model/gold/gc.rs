//! `--gc-sections` by gold's rules (gold/gc.h, gold/gc.cc): sections one by one, not by group; what is not allocated, and `.eh_frame`, is
//! always kept and keeps nothing alive.

use std::collections::HashMap;

use super::link::{Fatal, Link};
use super::table::{Instance, Place, Source, SymbolId};
use crate::model::input::{Content, Definition};
use crate::model::liveness::ALLOC;
use crate::model::names::{Fast, Name};

/// What is kept, section by section.
#[derive(Clone, Debug, Default)]
pub(super) struct Live {
    sections: Vec<Vec<bool>>,
}

impl Live {
    /// True when the section is reached.
    pub(super) fn is_live(&self, instance: Instance, section: u32) -> bool {
        self.sections.get(instance.0 as usize).is_some_and(|own| own.get(section as usize) == Some(&true))
    }
}

impl Link<'_> {
    /// `gc_mark_symbol`
    pub(super) fn mark(&mut self, id: SymbolId) {
        let symbol = self.table.get(id);
        if let (Source::Regular(instance), Place::Section(section)) = (symbol.source, symbol.place) {
            self.worklist.push((instance, section));
        }
    }

    /// `gc_mark_dyn_syms`: what a shared object refers to, or has too, is kept.
    pub(super) fn mark_dynamic(&mut self, id: SymbolId) {
        if self.gc && self.table.get(id).in_dyn {
            self.mark(id);
        }
    }

    /// `do_transitive_closure`, from the roots that are known by now and those of options.
    pub(super) fn live(&mut self) -> Result<Live, Fatal> {
        let program = self.program;
        let entry = program.options.entry.or_else(|| program.names.get(b"_start"));
        if let Some(id) = entry.and_then(|name| self.table.find(name, None)) {
            if !self.table.get(id).source.is_object() {
                return self.crash("Symbol::shndx");
            }
            self.mark(id);
        }
        for name in [&b"_init"[..], b"_fini"].into_iter().filter_map(|name| program.names.get(name)) {
            if let Some(id) = self.table.find(name, None).filter(|id| self.table.get(*id).is_defined()) {
                self.mark(id);
            }
        }
        let named: Vec<Name> = program.options.undefined.iter().chain(&self.referenced).copied().collect();
        for name in named {
            if let Some(id) = self.table.find(name, None) {
                self.mark(id);
            }
        }
        Ok(self.reach())
    }

    fn reach(&mut self) -> Live {
        let program = self.program;
        let mut live = Live::default();
        let mut from: HashMap<(Instance, u32), Vec<u32>, Fast> = HashMap::default();
        let mut named: HashMap<Name, Vec<(Instance, u32)>, Fast> = HashMap::default();
        for instance in self.instances() {
            let Some(object) = self.object_of(instance) else {
                live.sections.push(Vec::new());
                continue;
            };
            live.sections.push(vec![false; object.sections.len()]);
            for reference in &object.references {
                from.entry((instance, reference.section)).or_default().push(reference.symbol);
            }
            for (index, section) in object.sections.iter().enumerate() {
                if !self.is_gone(instance, index as u32) {
                    named.entry(section.name).or_default().push((instance, index as u32));
                }
            }
        }
        let mut stack = std::mem::take(&mut self.worklist);
        while let Some((instance, section)) = stack.pop() {
            let kept = live.sections.get_mut(instance.0 as usize).and_then(|own| own.get_mut(section as usize));
            let Some(kept) = kept.filter(|kept| !**kept) else { continue };
            *kept = true;
            let Some(object) = self.object_of(instance) else { continue };
            let own = object.sections.get(section as usize);
            // Relocations of what was discarded or is not allocated are not read.
            if self.is_gone(instance, section) || own.is_none_or(|own| own.flags & ALLOC == 0) {
                continue;
            }
            for index in from.get(&(instance, section)).into_iter().flatten() {
                let Some(symbol) = object.symbols.get(*index as usize) else { continue };
                let Some(global) = index.checked_sub(object.first_global) else {
                    if let Definition::Section(to) = symbol.definition {
                        stack.push((instance, to));
                    }
                    continue;
                };
                let Some(id) = self.objects[instance.0 as usize].symbols.get(global as usize) else { continue };
                let target = self.table.get(self.table.real(*id));
                let Source::Regular(to) = target.source else { continue };
                match target.place {
                    Place::Section(section) => stack.push((to, section)),
                    Place::Undefined => {}
                    Place::Absolute | Place::Common => continue,
                }
                let text = program.names.bytes(target.name);
                let bounds = text.strip_prefix(b"__start_").or_else(|| text.strip_prefix(b"__stop_"));
                if let Some(section) = bounds.and_then(|section| program.names.get(section)) {
                    stack.extend(named.get(&section).into_iter().flatten());
                }
            }
        }
        live
    }

    /// The section is in the output.
    pub(super) fn is_in_output(&self, instance: Instance, section: u32, live: Option<&Live>) -> bool {
        let file = self.objects[instance.0 as usize].file;
        let Content::Object(object) = &self.program.files[file.0 as usize].content else { return false };
        let Some(own) = object.sections.get(section as usize) else { return false };
        let is_frame = self.program.names.bytes(own.name) == b".eh_frame";
        !self.is_gone(instance, section)
            && live.is_none_or(|live| own.flags & ALLOC == 0 || is_frame || live.is_live(instance, section))
    }
}
