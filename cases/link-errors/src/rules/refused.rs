//! Findings about what a linker refuses beside undefined and duplicate symbols: LNK302, LNK303, LNK305, LNK306.

use casebook_core::{EvidenceSet, Finding, FindingBuilder, Rule, rule};
use casebook_formats::elf::Class;
use serde_json::json;

use super::common::{begin, definition_place, end, file_name, input_place, line_place, symbol};
use crate::facts::resolve::of_emulation;
use crate::facts::{Attempt, Facts};
use crate::model::chain::input_of;
use crate::model::input::{Content, FileId, Unusable};
use crate::model::outcome::{LinkerKind, Refusal};

rule! {
    /// A file of the line is none the linker can take: for another machine, damaged, code of a compiler's link-time optimiser without the plugin
    /// that reads it, or an archive without its table of symbols.
    ///
    /// Mechanism: `bfd_check_format` (bfd/format.c); `elf_link_add_archive_symbols` wants an armap; "plugin needed to handle lto object".
    ///
    /// Fix: build it for this machine; `ranlib` for an archive; gcc-ar and gcc-ranlib, or the compiler as the linker's driver, for objects with -flto.
    pub UNUSABLE = "LNK302" "unusable-input" of "link-errors", Error, since "0.1.0",
    "a file of the line is for another machine, damaged, for an optimiser's plugin, or an archive without an index",
    check_files(Facts), when |facts: &Facts| !facts.attempts.is_empty() || !facts.told.is_empty()
}

rule! {
    /// A variable is thread-local in one file and not in the other: one side's declaration lacks `__thread`, `_Thread_local` or `thread_local`.
    ///
    /// Mechanism: `_bfd_elf_merge_symbol` (bfd/elflink.c), `ObjFile::postParse` (lld/ELF/InputFiles.cpp).
    ///
    /// Fix: declare it alike on both sides.
    pub TLS = "LNK303" "thread-local-mismatch" of "link-errors", Error, since "0.1.0",
    "a symbol is thread-local in one file and not in another",
    check_tls(Facts), when |facts: &Facts| !facts.attempts.is_empty() || !facts.told.is_empty()
}

rule! {
    /// A shared object needs a symbol that the executable defines and hides.
    ///
    /// Mechanism: `elf_link_output_extsym` (bfd/elflink.c): "hidden symbol … is referenced by DSO".
    ///
    /// Fix: give the definition default visibility, and let the executable export it (`-rdynamic`) where the library shall use it.
    pub HIDDEN_FROM_LIBRARY = "LNK305" "hidden-from-its-user" of "link-errors", Error, since "0.1.0",
    "a shared object refers to a symbol that the output defines and hides",
    check_hidden(Facts), when |facts: &Facts| !facts.attempts.is_empty() || !facts.told.is_empty()
}

rule! {
    /// A version script names a symbol or version that is not there.
    ///
    /// lld takes a version script at its word from LLVM 16 on: a symbol it names must be defined (`--no-undefined-version`). In a shared object, a
    /// symbol with a version in its name (`.symver`) needs that version in the script, for every linker.
    ///
    /// Mechanism: `SymbolTable::scanVersionScript`, `Symbol::parseSymbolVersion` (lld/ELF).
    ///
    /// Fix: take the name out of the script, define it, or pass `--undefined-version`.
    pub SCRIPT = "LNK306" "version-script-mismatch" of "link-errors", Error, since "0.1.0",
    "a version script names what is not defined, or a symbol names a version that no script has",
    check_script(Facts), when |facts: &Facts| !facts.attempts.is_empty() || !facts.told.is_empty()
}

fn check_files(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    let mut out = Vec::new();
    for attempt in &facts.attempts {
        if let Some(finding) = no_such_output(rule, attempt, evidence) {
            out.push(finding);
            continue;
        }
        // Members of one archive are told of once.
        let mut archives: Vec<FileId> = Vec::new();
        for refusal in &attempt.outcome.refusals {
            if let Refusal::File(file) = refusal
                && let Some(archive) = attempt.program.files[file.0 as usize].archive
            {
                if archives.contains(&archive) {
                    continue;
                }
                archives.push(archive);
            }
            let (file, what, reason) = match refusal {
                Refusal::NoIndex(file) => (
                    *file,
                    "has no table of symbols".to_owned(),
                    "Members are taken by the archive's table of symbols; `ranlib` or `ar s` makes one. lld and mold read the members themselves.".to_owned(),
                ),
                Refusal::File(file) => match &attempt.program.files[file.0 as usize].content {
                    Content::Unusable(unusable) => match unusable_words(unusable) {
                        Some((what, reason)) => (*file, what, reason),
                        None => continue,
                    },
                    Content::Shared(_) => (
                        *file,
                        "is a shared object, and the link is static".to_owned(),
                        "With -static or -r only objects and archives can be linked.".to_owned(),
                    ),
                    _ => (*file, "cannot be taken".to_owned(), "The linker refuses it.".to_owned()),
                },
                _ => continue,
            };
            let name = file_name(attempt, file).to_owned();
            let input = input_of(&attempt.program, file);
            let mut builder = begin(rule, format!("{name} {what}"), attempt, input, &what)
                .because(reason)
                .witness(json!({"file": name}), name.clone())
                .key(&name);
            if matches!(refusal, Refusal::NoIndex(_)) {
                builder = builder.fix(super::file_fixes::index(attempt, &name));
            }
            out.push(end(builder, attempt, evidence));
        }
    }
    out.extend(super::each(facts, |attempt, diagnosis| {
        let crate::model::causes::Cause::Lto { file } = diagnosis.cause else { return None };
        let symbols = super::undefined::Symbols::of(attempt, evidence, diagnosis);
        let title = format!(
            "{}: {} holds the compiler's code for link-time optimisation and nothing else, which this link has no plugin for",
            symbols.are_undefined(),
            file_name(attempt, file)
        );
        let builder = symbols.at_user(rule, title).because(
            "Objects of -flto define nothing a linker sees by itself: link with the compiler that made them as driver and without -fno-lto, or compile with -ffat-lto-objects.",
        );
        Some(symbols.end(builder, Some(file), false))
    }));
    out.extend(super::told::unusable(rule, facts, evidence));
    out
}

/// wild makes output for 64-bit machines and nothing else: `-m` with another emulation ends it (`parse_emulation`, libwild/src/args/elf.rs).
fn no_such_output(rule: &'static Rule, attempt: &Attempt, evidence: &EvidenceSet) -> Option<Finding> {
    let emulation = attempt.line.options.emulation.as_ref()?;
    let machine = of_emulation(&emulation.value)?;
    if attempt.linker.kind != LinkerKind::Wild || machine.class == Class::Elf64 {
        return None;
    }
    let title = format!("{} links for no machine of 32 bits: {}", attempt.linker, emulation.value);
    let place = match attempt.line.span(emulation.argument) {
        Some(span) => casebook_core::Place::primary(casebook_core::At::Text(span), "the output's machine"),
        None => line_place(attempt, "the link"),
    };
    let builder = FindingBuilder::new(rule, title.clone(), place)
        .because("Another linker can: -fuse-ld=bfd, gold, lld or mold.")
        .witness(json!({"emulation": emulation.value}), emulation.value.clone())
        .key(&title);
    Some(end(builder, attempt, evidence))
}

fn unusable_words(unusable: &Unusable) -> Option<(String, String)> {
    Some(match unusable {
        Unusable::Missing => return None,
        Unusable::Foreign(what) => (
            format!("is for another machine: {what}"),
            "Every input must be for the machine of the output.".to_owned(),
        ),
        Unusable::Damaged(what) => (format!("is no input a linker can read: {what}"), "It is damaged, cut off, or of another kind.".to_owned()),
        Unusable::Bitcode(what) => (
            format!("holds {what}, which this linker cannot read without its plugin"),
            "Objects of -flto hold the compiler's own code: link with the same compiler as driver, and make archives with gcc-ar or llvm-ar.".to_owned(),
        ),
    })
}

fn check_tls(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    let mut out = two_files(
        rule,
        facts,
        evidence,
        |refusal| match refusal {
            Refusal::TlsMismatch(name, first, second) => Some((*name, *first, *second)),
            _ => None,
        },
        |name, first, second| format!("`{name}` is thread-local in one of {first} and {second}, and not in the other"),
        "A thread-local variable has an address for each thread, another one has one: both sides must agree (__thread, _Thread_local, thread_local).",
    );
    out.extend(super::told::tls(rule, facts, evidence));
    out
}

fn check_hidden(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    let mut out = two_files(
        rule,
        facts,
        evidence,
        |refusal| match refusal {
            Refusal::HiddenInObject(name, owner, user) => Some((*name, *owner, *user)),
            _ => None,
        },
        |name, owner, user| format!("{user} needs `{name}`, which {owner} defines and hides"),
        "A hidden symbol does not leave the output, so that the library will not find it when the program starts.",
    );
    out.extend(super::told::hidden(rule, facts, evidence));
    out
}

fn two_files(
    rule: &'static Rule,
    facts: &Facts,
    evidence: &EvidenceSet,
    pick: impl Fn(&Refusal) -> Option<(crate::model::names::Name, FileId, FileId)>,
    title: impl Fn(&str, &str, &str) -> String,
    reason: &str,
) -> Vec<Finding> {
    let mut out = Vec::new();
    for attempt in &facts.attempts {
        let mut seen = Vec::new();
        for (name, first, second) in attempt.outcome.refusals.iter().filter_map(&pick) {
            if seen.contains(&name) {
                continue;
            }
            seen.push(name);
            let words = symbol(attempt, name);
            let title = title(&words, file_name(attempt, first), file_name(attempt, second));
            let input = input_of(&attempt.program, second);
            let mut builder = begin(rule, title, attempt, input, &format!("names `{words}`"));
            if let Some(place) = input_of(&attempt.program, first)
                .filter(|other| Some(*other) != input)
                .and_then(|input| input_place(attempt, input, format!("names `{words}`, too")))
            {
                builder = builder.place(place);
            }
            for file in [first, second] {
                if let Some(place) = definition_place_if(attempt, evidence, file, name) {
                    builder = builder.place(place);
                }
            }
            builder = builder
                .because(reason)
                .witness(json!({"symbol": attempt.program.names.text(name), "files": [file_name(attempt, first), file_name(attempt, second)]}), format!("`{words}`"))
                .key(&words);
            out.push(end(builder, attempt, evidence));
        }
    }
    out
}

fn definition_place_if(
    attempt: &Attempt,
    evidence: &EvidenceSet,
    file: FileId,
    name: crate::model::names::Name,
) -> Option<casebook_core::Place> {
    let defines = match &attempt.program.files[file.0 as usize].content {
        Content::Object(object) => object.globals().any(|(_, symbol)| symbol.name == name && !symbol.is_undefined()),
        _ => false,
    };
    defines.then(|| definition_place(attempt, evidence, file, name, "the definition")).flatten()
}

/// What ld.bfd says between a name of a version script and its node.
const UNDEFINED_VERSION: &str = ": undefined version: ";

fn check_script(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    let mut out = Vec::new();
    for attempt in &facts.attempts {
        for refusal in &attempt.outcome.refusals {
            let (title, reason) = match refusal {
                Refusal::VersionUndefined(name) => (
                    format!("`{}` has a version in its name that no version script defines", symbol(attempt, *name)),
                    "`.symver` gave it a version; a shared object's versions are those of its version script."
                        .to_owned(),
                ),
                Refusal::Other(words) if words.starts_with("version script") => (
                    words.clone(),
                    format!(
                        "{} wants every symbol that a version script names to be defined (--no-undefined-version is its default from LLVM 16 on).",
                        attempt.linker
                    ),
                ),
                // `GLOBAL: undefined version: NODE` of ld.bfd.
                Refusal::Other(words) if words.contains(UNDEFINED_VERSION) => {
                    let (name, node) = words.split_once(UNDEFINED_VERSION).unwrap_or((words, ""));
                    (
                        format!("the version script names `{name}` (version {node}), which nothing defines"),
                        "With --no-undefined-version every symbol that a version script names must be defined."
                            .to_owned(),
                    )
                }
                _ => continue,
            };
            let span = attempt.line.options.version_scripts.first().and_then(|given| attempt.line.span(given.argument));
            let mut builder = begin(rule, title.clone(), attempt, None, "the link");
            if let Some(span) = span {
                builder =
                    builder.place(casebook_core::Place::context(casebook_core::At::Text(span), "the version script"));
            }
            out.push(end(
                builder.because(reason).witness(json!({"says": title}), title.clone()).key(&title),
                attempt,
                evidence,
            ));
        }
    }
    out.extend(super::told::script(rule, facts, evidence));
    out
}
