//! What a version script says of a name by gold's rules (`Version_script_info`, gold/script.cc): names before globs, the first tag that has
//! a name, the last that has a glob, `*` last of all.

use std::collections::{HashMap, HashSet};

use crate::model::input::{Program, VersionScript};
use crate::model::names::{Fast, Name};
use crate::model::script::glob;

/// Where a pattern stands: number of the node and of the pattern in its list.
type At = (usize, usize);

#[derive(Clone, Copy, Debug)]
struct Match {
    node: usize,
    global: bool,
    at: At,
}

/// The verdict on a name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Says {
    /// Number of the node.
    pub(super) node: usize,
    pub(super) global: bool,
}

/// The lookup tables.
#[derive(Debug, Default)]
pub(super) struct Lookup {
    exact: HashMap<Name, Match, Fast>,
    /// `(pattern, node, global)`
    globs: Vec<(Vec<u8>, usize, bool)>,
    any: Option<(usize, bool)>,
    matched: HashSet<At>,
    /// Names of versions, by node.
    pub(super) tags: Vec<Option<Name>>,
    /// It has patterns for demangled names.
    pub(super) cxx: bool,
    /// What is wrong with it.
    pub(super) errors: Vec<String>,
    pub(super) is_empty: bool,
}

impl Lookup {
    /// No script.
    pub(super) fn none() -> Self {
        Self { is_empty: true, ..Self::default() }
    }

    pub(super) fn of(program: &Program) -> Self {
        let Some(script) = &program.options.versions else { return Self::none() };
        let mut lookup = Self { is_empty: script.nodes.is_empty(), ..Self::default() };
        for (number, node) in script.nodes.iter().enumerate() {
            // A version nobody else names gets a number behind those of all names.
            let unknown = Name((program.names.len() + number) as u32);
            let tag = node.name.as_ref().map(|name| program.names.get(name.as_bytes()).unwrap_or(unknown));
            lookup.tags.push(tag);
            for (patterns, global) in [(&node.local, false), (&node.global, true)] {
                for (index, pattern) in patterns.iter().enumerate() {
                    lookup.pattern(program, script, pattern, (number, index), global);
                }
            }
        }
        lookup
    }

    fn pattern(
        &mut self,
        program: &Program,
        script: &VersionScript,
        pattern: &crate::model::input::Pattern,
        at: At,
        global: bool,
    ) {
        let node = at.0;
        let tag = |node: usize| script.nodes[node].name.as_deref().unwrap_or_default();
        if pattern.text == "*" {
            if let Some((other, was_global)) = self.any
                && tag(other) == tag(node)
                && was_global != global
            {
                self.errors.push(format!(
                    "wildcard match appears as both global and local in version '{}' in script",
                    tag(node)
                ));
            }
            self.any = Some((node, global));
            return;
        }
        if pattern.cxx {
            self.cxx = true;
            return;
        }
        let Some(text) = name_of(&pattern.text, pattern.literal) else {
            // gold asks fnmatch not to take backslashes as escapes.
            let text = pattern.text.replace('\\', "\\\\").into_bytes();
            self.globs.push((text, node, global));
            return;
        };
        let Some(name) = program.names.get(text.as_bytes()) else { return };
        match self.exact.get(&name) {
            None => {
                self.exact.insert(name, Match { node, global, at });
            }
            Some(known) if tag(known.node) == tag(node) && known.global != global => {
                self.errors.push(format!(
                    "'{text}' appears as both a global and a local symbol for version '{}' in script",
                    tag(node)
                ));
            }
            Some(_) => {}
        }
    }

    /// `get_symbol_version`
    pub(super) fn find(&mut self, program: &Program, name: Name) -> Option<Says> {
        if self.is_empty {
            return None;
        }
        if let Some(found) = self.exact.get(&name) {
            if found.global {
                self.matched.insert(found.at);
            }
            return Some(Says { node: found.node, global: found.global });
        }
        let text = program.names.bytes(name);
        let found = self.globs.iter().rev().find(|(pattern, ..)| glob(pattern, text));
        match (found, self.any) {
            (Some((_, node, global)), _) => Some(Says { node: *node, global: *global }),
            (None, Some((node, global))) => Some(Says { node, global }),
            (None, None) => None,
        }
    }

    /// `symbol_is_local`
    pub(super) fn is_local(&mut self, program: &Program, name: Name) -> bool {
        self.find(program, name).is_some_and(|says| !says.global)
    }

    /// The version a script's node gives, `None` for the anonymous one.
    pub(super) fn tag(&self, says: Says) -> Option<Name> {
        self.tags.get(says.node).copied().flatten()
    }

    /// Names of `global:` lists that no symbol was looked up for and that `is_known` does not have under their version either
    /// (`check_unmatched_names`): the version and the name.
    pub(super) fn unmatched(
        &self,
        script: &VersionScript,
        is_known: &dyn Fn(&str, Option<Name>) -> bool,
    ) -> Vec<(String, String)> {
        let mut out = Vec::new();
        // With `-r` the script is forgotten when the line has been read (`main`, main.cc).
        for (number, node) in script.nodes.iter().enumerate().filter(|_| !self.is_empty) {
            let tag = self.tags.get(number).copied().flatten();
            for (index, pattern) in node.global.iter().enumerate() {
                if pattern.cxx || self.matched.contains(&(number, index)) {
                    continue;
                }
                let Some(text) = name_of(&pattern.text, pattern.literal) else { continue };
                if !is_known(&text, tag) {
                    out.push((node.name.clone().unwrap_or_default(), text));
                }
            }
        }
        out
    }
}

/// The name a pattern is, with its backslashes gone; `None` for one with a wildcard (`Version_script_info::unquote`).
fn name_of(text: &str, literal: bool) -> Option<String> {
    if literal {
        return Some(text.to_owned());
    }
    let mut out = String::with_capacity(text.len());
    let mut quoted = false;
    for c in text.chars() {
        if !quoted {
            match c {
                '?' | '[' | '*' => return None,
                '\\' => {
                    quoted = true;
                    continue;
                }
                _ => {}
            }
        }
        quoted = false;
        out.push(c);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::name_of;
    use crate::model::input::{Output, Pattern, Program, VersionNode, VersionScript};
    use crate::model::outcome::{Linker, LinkerKind, Refusal};
    use crate::model::simulate;

    /// As ld.gold 2.40 does it, given an empty object.
    #[test]
    fn a_relocatable_link_forgets_its_version_script() {
        let lacks = |output| {
            let pattern = Pattern { text: "f".into(), literal: false, cxx: false };
            let nodes = vec![VersionNode { global: vec![pattern], ..VersionNode::default() }];
            let mut program = Program::default();
            program.options.output = output;
            program.options.undefined_version = Some(false);
            program.options.versions = Some(VersionScript { nodes });
            let outcome = simulate(&program, Linker { kind: LinkerKind::Gold, version: (2, 40) });
            let lacks =
                |refusal: &Refusal| matches!(refusal, Refusal::Other(why) if why.contains("symbol not defined"));
            outcome.refusals.iter().any(lacks)
        };
        assert!(lacks(Output::Shared));
        assert!(!lacks(Output::Relocatable));
    }

    #[test]
    fn a_backslash_makes_a_wildcard_a_name() {
        assert_eq!(name_of("f", false).as_deref(), Some("f"));
        assert_eq!(name_of("f*", false), None);
        assert_eq!(name_of("f\\*", false).as_deref(), Some("f*"));
        assert_eq!(name_of("f*", true).as_deref(), Some("f*"));
    }
}
