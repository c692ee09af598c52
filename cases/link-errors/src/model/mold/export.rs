//! Which symbols leave the output, which only `--gc-sections` asks for, and versions in names (`apply_version_script`,
//! `parse_symbol_version`, `compute_import_export`, elf/passes.cc).

use super::link::Link;
use super::table::{Content, Owner, Rule, SymbolId};
use crate::model::input::{Output, Pattern, Visibility};
use crate::model::outcome::Refusal;
use crate::model::script;

/// `VersionPattern`
struct Assignment<'p> {
    pattern: &'p Pattern,
    rule: Rule,
}

impl<'p> Link<'p> {
    /// True where `local: *;` or `global: *;` stands in the version script, and what it says (`ctx.default_version`).
    fn starred(&self) -> Option<Rule> {
        let mut starred = None;
        for (number, node) in self.program.options.versions.iter().flat_map(|script| &script.nodes).enumerate() {
            let rule = if node.name.is_some() { Rule::Node(number) } else { Rule::Global };
            if node.global.iter().any(is_star) {
                starred = Some(rule);
            }
            if node.local.iter().any(is_star) {
                starred = Some(Rule::Local);
            }
        }
        starred
    }

    /// `ctx.default_version`
    pub(super) fn default_rule(&self) -> Rule {
        if let Some(rule) = self.starred() {
            return rule;
        }
        let options = &self.program.options;
        match self.release.unsaid_versions {
            true => Rule::Unsaid,
            false if options.output == Output::Shared || options.export_dynamic => Rule::Global,
            false => Rule::Local,
        }
    }

    pub(super) fn export(&mut self) {
        self.apply_script();
        if self.program.options.output == Output::Shared {
            self.apply_names();
        }
        self.compute_export();
    }

    fn assignments(&self) -> Vec<Assignment<'p>> {
        let mut out = Vec::new();
        for (number, node) in self.program.options.versions.iter().flat_map(|script| &script.nodes).enumerate() {
            let rule = if node.name.is_some() { Rule::Node(number) } else { Rule::Global };
            let sides = [(&node.global, rule), (&node.local, Rule::Local)];
            for (patterns, rule) in sides {
                let patterns = patterns.iter().filter(|pattern| !is_star(pattern));
                out.extend(patterns.map(|pattern| Assignment { pattern, rule }));
            }
        }
        out
    }

    fn apply_script(&mut self) {
        let mut assignments = self.assignments();
        if assignments.iter().any(|one| one.pattern.cxx) && self.program.options.gc_sections == Some(true) {
            // What leaves the output is kept by --gc-sections, and nothing else comes of it.
            self.cannot_say("C++ patterns of a version script beside --gc-sections", None);
        }
        assignments.retain(|one| !one.pattern.cxx);
        if self.release.local_patterns_first {
            assignments.sort_by_key(|one| one.rule != Rule::Local);
        }
        let is_glob = |one: &Assignment<'_>| one.pattern.text.contains(['*', '?', '[']);
        // Until 2.4.0 all are matched in their order where one is a glob (0fdbace9); the first counted, since 2.4.1 the last (e1e16bf8).
        let (globs, exact): (Vec<_>, Vec<_>) = if self.release.exact_stands_before_glob {
            assignments.into_iter().partition(is_glob)
        } else if assignments.iter().any(is_glob) {
            (assignments, Vec::new())
        } else {
            (Vec::new(), assignments)
        };
        if !globs.is_empty() {
            for id in self.table.ids() {
                if !self.is_defined_here(id) {
                    continue;
                }
                let name = self.program.names.bytes(self.name_of(id));
                let mut found = globs.iter().filter(|one| script::glob(one.pattern.text.as_bytes(), name));
                let found = if self.release.local_patterns_first { found.next_back() } else { found.next() };
                if let Some(found) = found {
                    self.table.get_mut(id).rule = found.rule;
                }
            }
        }
        for one in exact {
            let name = self.program.names.get(one.pattern.text.as_bytes());
            if let Some(id) = name.and_then(|name| self.table.find(name, None))
                && self.is_defined_here(id)
            {
                self.table.get_mut(id).rule = one.rule;
            }
        }
    }

    /// True for a definition of an object or of the linker itself.
    fn is_defined_here(&self, id: SymbolId) -> bool {
        self.table.get(id).owner.is_some_and(|owner| !self.files[owner.file].is_shared())
    }

    /// `f@V` and `f@@V` of objects: a shared object has to define V by its version script.
    fn apply_names(&mut self) {
        let program = self.program;
        let default = self.default_rule();
        let node = |name: &[u8]| {
            let script = program.options.versions.as_ref()?;
            // The last of a name, as a map keeps it.
            script.nodes.iter().rposition(|node| node.name.as_deref().map(str::as_bytes) == Some(name))
        };
        for file in self.objects.clone() {
            let Content::Object(object) = self.files[file].content else { continue };
            for (index, (_, symbol)) in object.globals().enumerate() {
                let Some(version) = symbol.version else { continue };
                let id = self.files[file].symbols[index];
                if self.table.get(id).owner.is_none_or(|owner| owner.file != file) {
                    continue;
                }
                let Some(number) = node(program.names.bytes(version.name)) else {
                    self.refuse(Refusal::VersionUndefined(symbol.name));
                    continue;
                };
                self.table.get_mut(id).rule = Rule::Node(number);
                // `f@V` hides a plain `f` of its file.
                let Some(plain) = self.table.find(self.name_of(id), None) else { continue };
                let Some(Owner { file: by, index }) = self.table.get(plain).owner else { continue };
                let versioned = self.files[by].entry(index).is_some_and(|entry| entry.versioned);
                let rule = self.table.get(plain).rule;
                if by == file && plain != id && !versioned && (rule == default || rule == Rule::Node(number)) {
                    self.table.get_mut(plain).rule = Rule::Local;
                }
            }
        }
    }

    fn compute_export(&mut self) {
        let options = &self.program.options;
        let shared = options.output == Output::Shared;
        let (export_dynamic, symbolic) = (options.export_dynamic, options.symbolic);
        let starred = self.starred().is_some();
        // Until 2.3.2 `local: *` alone keeps in what a shared object asks for.
        let unsaid = self.release.unsaid_versions;
        let mut exported = Vec::new();
        if !shared {
            for file in &self.shared {
                for id in &self.files[*file].symbols {
                    let symbol = self.table.get(*id);
                    let local = symbol.rule == Rule::Local && (unsaid || starred);
                    if self.is_defined_here(*id) && symbol.visibility != Visibility::Hidden && !local {
                        exported.push((*id, false));
                    }
                }
            }
        }
        for file in &self.objects {
            for id in &self.files[*file].symbols {
                let symbol = self.table.get(*id);
                if symbol.owner.is_none_or(|owner| owner.file != *file) || symbol.visibility == Visibility::Hidden {
                    continue;
                }
                let leaves = match symbol.rule {
                    Rule::Local => false,
                    Rule::Unsaid if shared => !self.files[*file].hides,
                    Rule::Unsaid => export_dynamic,
                    _ => true,
                };
                if leaves {
                    exported.push((*id, shared && symbol.visibility != Visibility::Protected && !symbolic));
                }
            }
        }
        for (id, imported) in exported {
            let symbol = self.table.get_mut(id);
            symbol.exported = true;
            symbol.imported |= imported;
        }
    }
}

/// `*` alone and not quoted stands for all other symbols.
fn is_star(pattern: &Pattern) -> bool {
    pattern.text == "*" && !pattern.literal
}
