//! What of shared objects is looked at after names are resolved: what they lack (`check_shlib_undefined`, src/passes.cc), and whether they
//! are still asked for.

use std::collections::{HashMap, HashSet};

use super::link::Link;
use super::release::ShlibCheck;
use super::table::{Content, Rule};
use crate::model::input::{Output, Visibility};
use crate::model::names::Name;
use crate::model::outcome::{Duplicate, Site, Undefined, UndefinedWhy};

impl Link<'_> {
    /// `gc_sections`: shared objects after `--as-needed` that sections that are kept do not refer to.
    pub(super) fn drop_collected(&mut self, asked: &[usize]) {
        let options = &self.program.options;
        let named = options.undefined.iter().chain(&options.require_defined).copied().chain(self.entry());
        let read = options.defsym.iter().flat_map(|defsym| defsym.reads.iter().copied());
        let named: Vec<usize> = named
            .chain(read)
            .filter_map(|name| self.table.get(self.table.find(name, None)?).owner)
            .map(|owner| owner.file)
            .collect();
        self.shared.retain(|file| !self.files[*file].waits || asked.contains(file) || named.contains(file));
    }

    /// `--no-allow-shlib-undefined`
    pub(super) fn check_shared(&mut self) {
        if self.release.shlib_check == ShlibCheck::None || self.allows_shlib_undefined() {
            return;
        }
        let checked = self.checked();
        for file in &checked {
            self.check_one(*file);
        }
        let incomplete = self.release.shlib_check == ShlibCheck::AllOrNone && checked.len() < self.shared.len();
        if !self.release.drops_after_check || (incomplete && !self.release.drops_without_check) {
            return;
        }
        let used: HashSet<usize> = self.used().into_iter().collect();
        let all = self.release.drops_all_after_check;
        self.shared.retain(|file| used.contains(file) || !(all || self.files[*file].waits));
    }

    fn needed_by(&self, file: usize) -> &[Name] {
        match &self.files[file].content {
            Content::Shared(shared, _) => &shared.needed,
            _ => &[],
        }
    }

    /// The shared objects that are looked at.
    fn checked(&self) -> Vec<usize> {
        let read = self.files.iter().enumerate().filter(|(_, file)| file.is_shared()).map(|(index, _)| index);
        match self.release.shlib_check {
            ShlibCheck::None => Vec::new(),
            ShlibCheck::Each => {
                let known: HashSet<Name> = self.shared.iter().filter_map(|file| self.files[*file].soname).collect();
                let complete = |file: &&usize| self.needed_by(**file).iter().all(|name| known.contains(name));
                self.shared.iter().filter(complete).copied().collect()
            }
            ShlibCheck::EachTransitively => {
                let known: HashMap<Name, usize> =
                    read.filter_map(|file| Some((self.files[file].soname?, file))).collect();
                self.shared.iter().filter(|file| self.is_complete(**file, &known)).copied().collect()
            }
            ShlibCheck::AllOrNone => {
                let known: HashSet<Name> = read.filter_map(|file| self.files[file].soname).collect();
                let complete = |file: &usize| self.needed_by(*file).iter().all(|name| known.contains(name));
                if self.shared.iter().all(complete) { self.shared.clone() } else { Vec::new() }
            }
        }
    }

    /// True when all it needs is known, and all they need.
    fn is_complete(&self, file: usize, known: &HashMap<Name, usize>) -> bool {
        let mut seen: HashSet<usize> = HashSet::new();
        let mut stack = vec![file];
        while let Some(file) = stack.pop() {
            if !seen.insert(file) {
                continue;
            }
            for needed in self.needed_by(file) {
                let Some(file) = known.get(needed) else { return false };
                stack.push(*file);
            }
        }
        true
    }

    fn check_one(&mut self, file: usize) {
        let Some(by) = self.files[file].id else { return };
        for index in 0..self.files[file].symbols.len() {
            let id = self.files[file].symbols[index];
            if !self.files[file].entry(index).is_some_and(|entry| entry.undefined && !entry.weak) {
                continue;
            }
            let symbol = *self.table.get(id);
            let lacks = match self.release.check_sees_hidden {
                false => symbol.owner.is_none(),
                true => (symbol.owner.is_none() || symbol.visibility == Visibility::Hidden) && !self.shared_defines(id),
            };
            if !lacks {
                continue;
            }
            self.failed = true;
            let site = Site { file: by, at: None };
            match self.undefined.iter_mut().find(|known| known.name == symbol.name) {
                Some(known) => known.sites.push(site),
                None => {
                    let why = UndefinedWhy::Nowhere;
                    self.undefined.push(Undefined { name: symbol.name, version: None, sites: vec![site], why });
                }
            }
        }
    }

    /// `has_dso_definition`: a shared object of the line defines it, part of the link or not.
    fn shared_defines(&self, id: super::table::SymbolId) -> bool {
        self.files.iter().filter(|file| file.is_shared()).any(|file| {
            file.symbols
                .iter()
                .enumerate()
                .any(|(index, known)| *known == id && file.entry(index).is_some_and(|entry| !entry.undefined))
        })
    }

    /// `check_symbol_version_conflicts`: true when mold stops.
    pub(super) fn versions_conflict(&mut self) -> bool {
        let options = &self.program.options;
        if !self.release.versions_conflict || options.output != Output::Shared || options.allow_multiple {
            return false;
        }
        let mut found = Vec::new();
        for id in self.table.ids() {
            let symbol = self.table.get(id);
            let (Some(owner), Rule::Node(number)) = (symbol.owner, symbol.rule) else { continue };
            if symbol.version.is_none() || !(symbol.exported || symbol.imported) {
                continue;
            }
            let Some(plain) = self.table.find(symbol.name, None).map(|id| self.table.get(id)) else { continue };
            let Some(other) = plain.owner.filter(|_| plain.rule == Rule::Node(number)) else { continue };
            let weak =
                |owner: super::table::Owner| self.files[owner.file].entry(owner.index).is_none_or(|entry| entry.weak);
            if weak(owner) || weak(other) {
                continue;
            }
            if let (Some(first), Some(second)) = (self.files[other.file].id, self.files[owner.file].id) {
                found.push(Duplicate { name: symbol.name, first, second });
            }
        }
        self.failed |= !found.is_empty();
        self.duplicates.extend(found);
        self.failed
    }
}
