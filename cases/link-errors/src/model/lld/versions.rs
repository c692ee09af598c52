//! Who leaves the output: `--exclude-libs` (`excludeLibs`, lld/ELF/Driver.cpp) and version scripts (`SymbolTable::scanVersionScript`,
//! lld/ELF/SymbolTable.cpp).

use super::link::Link;
use super::table::{Symbol, SymbolId, VersionId};
use crate::model::input::{ExcludeLibs, FileId, Output, Pattern, VersionScript};
use crate::model::names::Name;
use crate::model::outcome::{Refusal, Unknown};
use crate::model::script::glob;

/// An entry of `config->versionDefinitions`.
struct Version<'s> {
    name: &'s str,
    id: VersionId,
    global: Vec<&'s Pattern>,
    local: Vec<&'s Pattern>,
}

/// The script as lld keeps it: what is local and what is global without a version stand before the versions (`readAnonymousDeclaration`).
fn definitions(script: &VersionScript) -> Vec<Version<'_>> {
    let mut all = vec![
        Version { name: "local", id: VersionId::Local, global: Vec::new(), local: Vec::new() },
        Version { name: "global", id: VersionId::Global, global: Vec::new(), local: Vec::new() },
    ];
    for node in &script.nodes {
        let (global, local) = (node.global.iter(), node.local.iter());
        match node.name.as_deref() {
            None => {
                all[0].local.extend(local);
                all[1].global.extend(global);
            }
            Some(name) => {
                let id = VersionId::Named(all.len() as u32);
                all.push(Version { name, id, global: global.collect(), local: local.collect() });
            }
        }
    }
    all
}

fn has_wildcard(pattern: &Pattern) -> bool {
    !pattern.literal && pattern.text.contains(['*', '?', '['])
}

impl Link<'_> {
    /// `excludeLibs`: what members of these archives define stays in the output.
    pub(super) fn exclude_libraries(&mut self) {
        let program = self.program;
        if program.options.exclude_libs == ExcludeLibs::None {
            return;
        }
        let excluded = |file: FileId| {
            let Some(archive) = program.files[file.0 as usize].archive else { return false };
            let path = &program.files[archive.0 as usize].name;
            let base = path.rsplit('/').next().unwrap_or(path);
            match &program.options.exclude_libs {
                ExcludeLibs::None => false,
                ExcludeLibs::All => true,
                ExcludeLibs::Named(names) => names.iter().any(|name| name == base),
            }
        };
        for symbol in self.table.iter_mut() {
            let here = symbol.is_defined() || symbol.is_common();
            if here && symbol.file.is_some_and(excluded) {
                symbol.version_id = VersionId::Local;
            }
        }
    }

    /// `SymbolTable::scanVersionScript`, and `Symbol::parseSymbolVersion` of all that have a version in their name.
    pub(super) fn scan_version_script(&mut self) {
        let program = self.program;
        if let Some(script) = &program.options.versions {
            self.check_demangled(script);
            let definitions = definitions(script);
            self.assign_exact(&definitions);
            self.assign_wildcards(&definitions);
        }
        self.parse_versions();
    }

    /// `extern "C++"` patterns are held against demangled names (`getDemangledSyms`), which a name that is not mangled is itself. What they
    /// do to mangled ones is not modelled.
    fn check_demangled(&mut self, script: &VersionScript) {
        let mut patterns = script.nodes.iter().flat_map(|node| node.global.iter().chain(&node.local));
        if !patterns.any(|pattern| pattern.cxx) {
            return;
        }
        let names = &self.program.names;
        let is_mangled = |name: &[u8]| name.starts_with(b"_Z") || name.starts_with(b"_R") || name.starts_with(b"_D");
        let mangled =
            self.table.iter().find(|symbol| symbol.can_be_versioned() && is_mangled(names.bytes(symbol.name)));
        if let Some(file) = mangled.map(|symbol| symbol.file) {
            let what = "a version script has extern \"C++\" patterns".to_owned();
            self.unknown.push(Unknown { what, file });
        }
    }

    fn assign_exact(&mut self, definitions: &[Version<'_>]) {
        // It is an error from LLVM 16 on (D135402).
        let strict = self.program.options.undefined_version.map_or(self.version >= 16, |allowed| !allowed);
        for version in definitions {
            let sides = [(&version.global, version.id, version.name), (&version.local, VersionId::Local, "local")];
            for (patterns, id, text) in sides {
                for pattern in patterns.iter().filter(|pattern| !has_wildcard(pattern)) {
                    let found = self.assign_name(pattern, version, id);
                    if !found && strict {
                        self.refusals.push(Refusal::Other(format!(
                            "version script assignment of '{text}' to symbol '{}' failed: symbol not defined",
                            pattern.text
                        )));
                    }
                }
            }
        }
    }

    /// `assignExactVersion` for `f` and for `f@V`; true where there is such a symbol.
    fn assign_name(&mut self, pattern: &Pattern, version: &Version<'_>, id: VersionId) -> bool {
        let names = &self.program.names;
        let Some(name) = names.get(pattern.text.as_bytes()) else { return false };
        let plain = self.table.find(name, None);
        let apart = names.get(version.name.as_bytes()).and_then(|version| self.table.find(name, Some(version)));
        let mut found = false;
        for (symbol, with_version) in [(plain, false), (apart, true)] {
            let Some(symbol) = symbol.map(|id| self.table.get_mut(id)).filter(|symbol| symbol.can_be_versioned())
            else {
                continue;
            };
            found = true;
            // A version in a name stands before that of the script.
            let named = !with_version && id != VersionId::Local && symbol.version.is_some();
            if !named && !symbol.assigned {
                symbol.assigned = true;
                symbol.version_id = id;
            }
        }
        found
    }

    /// Patterns with wildcards, the last definition first, `*` behind all others; in lld 14 the first `*` counts.
    fn assign_wildcards(&mut self, definitions: &[Version<'_>]) {
        let backwards = (0..definitions.len()).rev();
        let stars: Vec<usize> = if self.old { (0..definitions.len()).collect() } else { backwards.clone().collect() };
        let order = backwards.map(|at| (at, false)).chain(stars.into_iter().map(|at| (at, true)));
        for (at, star) in order {
            let version = &definitions[at];
            for (patterns, id) in [(&version.global, version.id), (&version.local, VersionId::Local)] {
                for pattern in patterns.iter().filter(|pattern| has_wildcard(pattern) && (pattern.text == "*") == star)
                {
                    self.assign_wildcard(pattern, version.name, id);
                }
            }
        }
    }

    fn assign_wildcard(&mut self, pattern: &Pattern, version: &str, id: VersionId) {
        let names = &self.program.names;
        let with_version = format!("{}@{version}", pattern.text);
        let all = pattern.text == "*";
        let mut full = Vec::new();
        for symbol in self.table.iter_mut().filter(|symbol| !symbol.assigned && symbol.can_be_versioned()) {
            let name = names.bytes(symbol.name);
            let fits = match symbol.version {
                None => all || glob(pattern.text.as_bytes(), name),
                // `f@@V` is left to its name.
                Some(own) if own.default => false,
                Some(own) => {
                    full.clear();
                    full.extend_from_slice(name);
                    full.push(b'@');
                    full.extend_from_slice(names.bytes(own.name));
                    glob(with_version.as_bytes(), &full)
                }
            };
            if fits {
                symbol.assigned = true;
                symbol.version_id = id;
            }
        }
    }

    /// `Symbol::parseSymbolVersion`: a version in the name of a definition must be one of the script, in a shared object.
    fn parse_versions(&mut self) {
        let program = self.program;
        let nodes = program.options.versions.as_ref().map_or(&[][..], |script| &script.nodes);
        let named = |name: Name| -> Option<u32> {
            let name = program.names.bytes(name);
            let mut versions = nodes.iter().filter_map(|node| node.name.as_deref());
            versions.position(|version| version.as_bytes() == name).map(|at| at as u32 + 2)
        };
        let mut unknown = Vec::new();
        for symbol in self.table.iter_mut() {
            let Some(version) = symbol.version.filter(|_| symbol.version_id != VersionId::Local) else { continue };
            if !symbol.is_defined() {
                continue;
            }
            match named(version.name) {
                Some(at) => symbol.version_id = VersionId::Named(at),
                None => unknown.push(symbol.name),
            }
        }
        if program.options.output == Output::Shared {
            self.refusals.extend(unknown.into_iter().map(Refusal::VersionUndefined));
        }
    }

    /// The name of a version of the script.
    pub(super) fn version_name(&self, id: VersionId) -> Option<&str> {
        let VersionId::Named(at) = id else { return None };
        let script = self.program.options.versions.as_ref()?;
        script.nodes.iter().filter_map(|node| node.name.as_deref()).nth(at.checked_sub(2)? as usize)
    }

    /// True where it leaves the output, so that it is a root and can be taken from outside (`includeInDynsym`; `isExported` from 21 on).
    pub(super) fn is_exported(&self, id: SymbolId) -> bool {
        let symbol = self.table.get(id);
        !symbol.is_local() && (symbol.export_dynamic || self.exports_late(symbol))
    }

    fn exports_late(&self, symbol: &Symbol) -> bool {
        self.version >= 21 && self.exports && self.has_dynamic() && symbol.file.is_some()
    }
}
