//! Symbols of the output's `.dynsym` and their versions (`bfd_elf_size_dynamic_sections`, `_bfd_elf_fix_symbol_flags` and
//! `_bfd_elf_link_assign_sym_version` in bfd/elflink.c, `bfd_find_version_for_sym` in bfd/linker.c).

use super::link::{Fatal, Link};
use super::order;
use super::table::{Entry, EntryId, Kind, Versioned};
use crate::model::input::{Pattern, Visibility};
use crate::model::names::Name;
use crate::model::outcome::{Refusal, Unknown};
use crate::model::script::glob;

/// What is known of a pattern of a version script.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    /// A symbol was held against it and fits (`script`).
    fits: bool,
    /// An object has the symbol with the version in its name (`symver`).
    named: bool,
}

fn is_literal(pattern: &Pattern) -> bool {
    pattern.literal || !pattern.text.contains(['*', '?', '[', '\\'])
}

impl Link<'_> {
    /// The node of the version script a name belongs to, and whether that hides it. A name stands before a glob, a glob before `*`, and
    /// `global:` before `local:`; of globs the last counts.
    pub(super) fn script_node(&mut self, name: Name) -> (Option<u32>, bool) {
        let text = self.program.names.bytes(name).to_vec();
        self.script_node_of(&text)
    }

    fn script_node_of(&mut self, name: &[u8]) -> (Option<u32>, bool) {
        let program = self.program;
        let Some(script) = &program.options.versions else { return (None, false) };
        let (mut global, mut local, mut any_global, mut any_local) = (None, None, None, None);
        let mut existing = None;
        'nodes: for (number, node) in script.nodes.iter().enumerate() {
            let number = number as u32;
            if name.starts_with(b"_Z") && node.global.iter().chain(&node.local).any(|pattern| pattern.cxx) {
                self.demangles();
            }
            for (index, literal) in fitting(&node.global, name) {
                let seen = &mut self.patterns[number as usize][index];
                seen.fits = true;
                if seen.named {
                    existing = Some(number);
                }
                if node.global[index].text == "*" && !literal {
                    any_global = Some(number);
                } else {
                    global = Some(number);
                }
                if literal {
                    break 'nodes;
                }
            }
            for (index, literal) in fitting(&node.local, name) {
                if node.local[index].text == "*" && !literal {
                    any_local = Some(number);
                } else {
                    local = Some(number);
                }
                if literal {
                    (global, any_global) = (None, None);
                    break 'nodes;
                }
            }
        }
        if global.is_none() && local.is_none() {
            global = any_global;
        }
        match (global, local.or(any_local)) {
            (Some(node), _) => (Some(node), existing == Some(node)),
            (None, Some(node)) => (Some(node), true),
            (None, None) => (None, false),
        }
    }

    fn demangles(&mut self) {
        if self.unknown.is_empty() {
            let what = "a version script has extern \"C++\" patterns".to_owned();
            self.unknown.push(Unknown { what, file: None });
        }
    }

    /// The version a node stands for; empty for the anonymous one.
    pub(super) fn node_name(&self, node: u32) -> &[u8] {
        let script = self.program.options.versions.as_ref();
        let node = script.and_then(|script| script.nodes.get(node as usize));
        node.and_then(|node| node.name.as_deref()).unwrap_or_default().as_bytes()
    }

    /// A name as the linker has it, with its version.
    pub(super) fn full_name(&self, entry: &Entry) -> Vec<u8> {
        let names = &self.program.names;
        let mut text = names.bytes(entry.key.name).to_vec();
        if let Some(version) = entry.key.version {
            text.extend_from_slice(if entry.key.default { b"@@" } else { b"@" });
            text.extend_from_slice(names.bytes(version));
        }
        text
    }

    /// The order in which symbols are gone through.
    pub(super) fn traversal(&self) -> Vec<EntryId> {
        let names = self.table.iter().map(|(_, entry)| self.full_name(entry).into());
        order::traversal(names).into_iter().map(EntryId).collect()
    }

    pub(super) fn size_dynamic(&mut self) -> Result<(), Fatal> {
        if !self.has_dynamic {
            return Ok(());
        }
        let program = self.program;
        if program.options.export_dynamic {
            for id in self.table.ids() {
                let entry = *self.table.get(id);
                if matches!(entry.kind, Kind::Indirect(_)) || entry.dynamic || !(entry.def_regular || entry.ref_regular)
                {
                    continue;
                }
                let name = self.full_name(&entry);
                if !self.script_node_of(&name).1 {
                    self.make_dynamic(id);
                }
            }
        }
        self.name_versions();
        let mut homeless = Vec::new();
        for id in self.table.ids() {
            if !self.assign_version(id) {
                homeless.push(id);
            }
        }
        if let Some(first) = self.first_of(&homeless) {
            self.refusals.push(Refusal::VersionUndefined(self.table.get(first).key.name));
            return Err(Fatal);
        }
        self.check_patterns()
    }

    /// The one of these the linker comes to first.
    pub(super) fn first_of(&self, found: &[EntryId]) -> Option<EntryId> {
        match found {
            [] => None,
            [one] => Some(*one),
            _ => self.traversal().into_iter().find(|id| found.contains(id)),
        }
    }

    /// Patterns of which an object has the symbol under the version itself.
    fn name_versions(&mut self) {
        let program = self.program;
        let Some(script) = &program.options.versions else { return };
        for (number, node) in script.nodes.iter().enumerate() {
            let version = node.name.as_ref().and_then(|name| program.names.get(name.as_bytes()));
            for (index, pattern) in node.global.iter().enumerate().filter(|(_, pattern)| is_literal(pattern)) {
                let Some((name, version)) = program.names.get(pattern.text.as_bytes()).zip(version) else { continue };
                let find = |default| {
                    let key = super::table::Key { name, version: Some(version), default };
                    self.table.find(key).map(|id| *self.table.get(id)).filter(Entry::is_defined)
                };
                let found = find(false).or_else(|| find(true));
                if found.is_some_and(|entry| !entry.def_dynamic) {
                    self.patterns[number][index].named = true;
                }
            }
        }
    }

    /// `--no-undefined-version`: every name of a `global:` list is some symbol's.
    fn check_patterns(&mut self) -> Result<(), Fatal> {
        let program = self.program;
        let Some(script) =
            program.options.versions.as_ref().filter(|_| program.options.undefined_version == Some(false))
        else {
            return Ok(());
        };
        let mut failed = false;
        for (node, seen) in script.nodes.iter().zip(&self.patterns) {
            for (index, (pattern, seen)) in node.global.iter().zip(seen).enumerate() {
                // A name that stands there twice is one.
                let again = node.global[..index].iter().any(|other| is_literal(other) && other.text == pattern.text);
                if is_literal(pattern) && !again && !seen.fits && !seen.named {
                    failed = true;
                    let version = node.name.as_deref().unwrap_or_default();
                    self.refusals.push(Refusal::Other(format!("{}: undefined version: {version}", pattern.text)));
                }
            }
        }
        if failed { Err(Fatal) } else { Ok(()) }
    }

    /// `_bfd_elf_fix_symbol_flags`
    fn fix_flags(&mut self, id: EntryId) {
        let executable = self.program.options.output.is_executable();
        if self.table.get(id).non_elf {
            let id = self.table.real(id);
            let entry = self.table.get_mut(id);
            if entry.is_defined() && entry.owner.is_none() {
                entry.def_regular = true;
            } else {
                entry.ref_regular = true;
                entry.ref_regular_nonweak = true;
            }
            if !entry.dynamic && (entry.def_dynamic || entry.ref_dynamic) {
                self.make_dynamic(id);
            }
        } else {
            let entry = self.table.get_mut(id);
            if entry.is_defined() && !entry.def_regular && entry.owner.is_none() && !entry.def_dynamic {
                entry.def_regular = true;
            }
        }
        let export = self.program.options.export_dynamic;
        let entry = self.table.get_mut(id);
        if entry.kind == Kind::Defined
            && !entry.def_regular
            && entry.ref_regular
            && !entry.def_dynamic
            && entry.owner.is_some_and(|owner| !owner.dynamic)
        {
            entry.def_regular = true;
        }
        let hides = (entry.kind == Kind::Undefined && entry.discarded)
            || (entry.visibility != Visibility::Default && entry.kind == Kind::UndefinedWeak)
            || (executable
                && entry.versioned == Versioned::Hidden
                && !export
                && !entry.ref_dynamic
                && entry.def_regular);
        if hides {
            self.hide(id);
        }
    }

    /// `_bfd_elf_link_assign_sym_version`; false where a shared object gives a symbol a version that no script has.
    fn assign_version(&mut self, id: EntryId) -> bool {
        self.fix_flags(id);
        let entry = *self.table.get(id);
        let was_common = !entry.def_regular && !entry.def_dynamic && entry.kind == Kind::Defined;
        if !entry.def_regular && !was_common {
            return true;
        }
        let mut hidden = false;
        if let Some(version) = entry.key.version.filter(|_| !entry.has_version) {
            let wanted = self.program.names.bytes(version);
            let executable = self.program.options.output.is_executable();
            let script = self.program.options.versions.as_ref();
            let node = script.and_then(|script| {
                script.nodes.iter().position(|node| node.name.as_deref().unwrap_or_default().as_bytes() == wanted)
            });
            match (node, script) {
                (Some(number), Some(script)) => {
                    let name = self.program.names.bytes(entry.key.name);
                    let (global, local) = (&script.nodes[number].global, &script.nodes[number].local);
                    hidden = fitting(global, name).next().is_none()
                        && fitting(local, name).next().is_some()
                        && entry.dynamic
                        && !self.program.options.export_dynamic;
                    let entry = self.table.get_mut(id);
                    entry.node = Some(number as u32);
                    entry.has_version = true;
                    if hidden {
                        self.hide(id);
                    }
                }
                _ if executable => {
                    // An executable makes the version itself, for what it exports.
                    if entry.dynamic {
                        self.table.get_mut(id).has_version = true;
                    }
                    return true;
                }
                _ => return false,
            }
        }
        if !hidden && !self.table.get(id).has_version && self.program.options.versions.is_some() {
            let name = self.full_name(&entry);
            let (node, hides) = self.script_node_of(&name);
            if let Some(node) = node {
                let entry = self.table.get_mut(id);
                entry.node = Some(node);
                entry.has_version = true;
                if hides {
                    self.hide(id);
                }
            }
        }
        true
    }
}

/// Patterns that fit a name, names first: index and whether it is one.
fn fitting<'p>(patterns: &'p [Pattern], name: &'p [u8]) -> impl Iterator<Item = (usize, bool)> + 'p {
    let plain = |pattern: &&Pattern| !pattern.cxx;
    let literal = patterns
        .iter()
        .enumerate()
        .filter(move |(_, pattern)| plain(pattern) && is_literal(pattern) && pattern.text.as_bytes() == name)
        .take(1)
        .map(|(index, _)| (index, true));
    let globs = patterns
        .iter()
        .enumerate()
        .filter(move |(_, pattern)| plain(pattern) && !is_literal(pattern) && glob(pattern.text.as_bytes(), name))
        .map(|(index, _)| (index, false));
    literal.chain(globs)
}
