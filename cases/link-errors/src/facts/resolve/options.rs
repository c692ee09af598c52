//! Options of a line, with names as numbers and the files they name read.

use casebook_core::Bytes;
use casebook_formats::ldscript::{self, Language, Versions};

use super::super::command::Given;
use super::Resolver;
use super::paths::join;
use crate::model::input::{Defsym, ExcludeLibs, Pattern, VersionNode, VersionScript, Wrap};
use crate::model::outcome::LinkerKind;

/// Puts the line's options into the program.
pub(super) fn apply(resolver: &mut Resolver<'_>) {
    let line = resolver.line;
    let given = &line.options;
    let value = |given: &Option<Given<bool>>| given.as_ref().map(|given| given.value);
    let program = &mut resolver.out.program;
    let (names, options) = (&mut program.names, &mut program.options);
    options.output = given.output;
    options.unresolved = given.unresolved.as_ref().map(|given| given.value);
    options.defs = value(&given.defs);
    options.allow_shlib_undefined = value(&given.allow_shlib_undefined);
    options.warn_unresolved = value(&given.warn_unresolved).unwrap_or(false);
    options.allow_multiple = value(&given.allow_multiple).unwrap_or(false);
    options.gc_sections = value(&given.gc_sections);
    options.undefined_version = value(&given.undefined_version);
    options.fortran_common = value(&given.fortran_common);
    options.export_dynamic = value(&given.export_dynamic).unwrap_or(false);
    options.copy_needed = value(&given.copy_needed).unwrap_or(false);
    options.symbolic = value(&given.symbolic).unwrap_or(false);
    options.interpreter = given.dynamic_linker.is_some();
    options.lto_plugin = given.plugin.is_some();
    let mut intern =
        |list: &[Given<String>]| list.iter().map(|given| names.intern(given.value.as_bytes())).collect::<Vec<_>>();
    options.require_defined = intern(&given.require_defined);
    let mut undefined = intern(&given.undefined);
    // What scripts ask for with EXTERN comes behind.
    undefined.append(&mut options.undefined);
    options.undefined = undefined;
    for wrap in &given.wrap {
        let mut with = |prefix: &str| names.intern(format!("{prefix}{}", wrap.value).as_bytes());
        let (wrapped, real) = (with("__wrap_"), with("__real_"));
        options.wrap.push(Wrap { name: with(""), wrapped, real });
    }
    if let Some(entry) = &given.entry {
        options.entry = Some(names.intern(entry.value.as_bytes()));
    }
    for defsym in &given.defsym {
        let Some((name, expression)) = defsym.value.split_once('=') else { continue };
        let read = symbols(expression);
        let reads = read.iter().map(|name| names.intern(name.as_bytes())).collect();
        let name = names.intern(name.trim().as_bytes());
        options.defsym.push(Defsym { name, reads, argument: defsym.argument });
    }
    options.exclude_libs = exclude_libs(&given.exclude_libs);
    files(resolver);
}

/// Symbols that a `--defsym` expression reads.
fn symbols(expression: &str) -> Vec<String> {
    let script = ldscript::read(format!("x = {expression};").as_bytes());
    script
        .commands
        .into_iter()
        .find_map(|command| match command {
            ldscript::Command::Assign(assign) => Some(assign.reads),
            _ => None,
        })
        .unwrap_or_default()
}

/// Names of archives are divided by commas and colons (`add_excluded_libs` of ld/ldlang.c: `strcspn (p, ",:")`); lld takes commas and colons,
/// too (`getExcludeLibs`).
fn exclude_libs(given: &[Given<String>]) -> ExcludeLibs {
    let mut out = Vec::new();
    for given in given {
        out.extend(given.value.split([',', ':']).filter(|name| !name.is_empty()).map(str::to_owned));
    }
    if out.iter().any(|name| name == "ALL") {
        return ExcludeLibs::All;
    }
    if out.is_empty() { ExcludeLibs::None } else { ExcludeLibs::Named(out) }
}

/// Version scripts and lists of exports.
fn files(resolver: &mut Resolver<'_>) {
    let given = &resolver.line.options;
    for script in &given.version_scripts {
        if let Some(bytes) = read(resolver, script) {
            let versions = match resolver.linker {
                LinkerKind::Lld | LinkerKind::Mold => ldscript::read_version_script_apart(bytes.as_slice()),
                _ => ldscript::read_version_script(bytes.as_slice()),
            };
            report(resolver, script, &versions);
            add_versions(resolver, &versions);
        }
    }
    for list in given.dynamic_lists.iter().chain(&given.export_lists) {
        let why = format!("the list of exports {} is not modelled", list.value);
        resolver.out.unknown.push((Some(list.argument), why));
    }
    for symbol in &given.export_symbols {
        let why = format!("--export-dynamic-symbol {} is not modelled", symbol.value);
        resolver.out.unknown.push((Some(symbol.argument), why));
    }
    for symbol in &given.ignore_unresolved {
        let why = format!("--ignore-unresolved-symbol {} is not modelled", symbol.value);
        resolver.out.unknown.push((Some(symbol.argument), why));
    }
}

fn read(resolver: &mut Resolver<'_>, given: &Given<String>) -> Option<Bytes> {
    let path = resolver.command_file(&given.value);
    let bytes = path.and_then(|path| resolver.open(&path).map(|found| found.bytes));
    if bytes.is_none() {
        let tried = join(resolver.line.directory.as_deref(), &given.value);
        resolver.out.unknown.push((Some(given.argument), format!("{tried} is not there")));
    }
    bytes
}

fn report(resolver: &mut Resolver<'_>, given: &Given<String>, versions: &Versions) {
    for (_, why) in &versions.unmodelled {
        resolver.out.unknown.push((Some(given.argument), format!("{}: {why}", given.value)));
    }
}

/// Adds the nodes of a version script.
pub(super) fn add_versions(resolver: &mut Resolver<'_>, versions: &Versions) {
    let nodes = versions.nodes.iter().map(|node| VersionNode {
        name: node.name.as_ref().map(|name| name.text.clone()),
        global: node.global.iter().map(pattern).collect(),
        local: node.local.iter().map(pattern).collect(),
    });
    let script = resolver.out.program.options.versions.get_or_insert_with(VersionScript::default);
    script.nodes.extend(nodes);
}

fn pattern(pattern: &ldscript::Pattern) -> Pattern {
    Pattern { text: pattern.name.text.clone(), literal: pattern.name.quoted, cxx: pattern.language == Language::Cxx }
}
