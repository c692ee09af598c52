//! What findings about symbols that are defined twice share.

use casebook_core::{EvidenceSet, FindingBuilder, Rule};
use serde_json::json;

use super::common::{
    MOST_SYMBOLS, begin, bytes, definition_line, definition_place, file_name, input_place, list, symbol, taken_words,
};
use super::why;
use crate::facts::Attempt;
use crate::model::chain::input_of;
use crate::model::input::{Content, Definition, FileId, SymbolType};
use crate::model::names::Name;
use crate::model::outcome::Duplicate;

/// Why a symbol is defined twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Twice {
    /// Both definitions come from one line of one header.
    Header,
    /// It is the same file, or the same content, named twice.
    SameFile,
    /// Two Rust static libraries, each with the standard library in it.
    RustStd,
    /// Two files define it.
    Two,
}

/// Duplicates of one kind between the same two files.
pub(super) struct Pair {
    pub(super) first: FileId,
    pub(super) second: FileId,
    pub(super) kind: Twice,
    pub(super) names: Vec<Name>,
}

/// The duplicates of a link, those of the same two files and one kind together.
pub(super) fn pairs(attempt: &Attempt, evidence: &EvidenceSet) -> Vec<Pair> {
    let mut out: Vec<Pair> = Vec::new();
    for duplicate in &attempt.outcome.duplicates {
        let kind = kind(attempt, evidence, duplicate);
        let known = out
            .iter_mut()
            .find(|pair| pair.kind == kind && pair.first == duplicate.first && pair.second == duplicate.second);
        match known {
            Some(pair) if !pair.names.contains(&duplicate.name) => pair.names.push(duplicate.name),
            Some(_) => {}
            None => {
                out.push(Pair { first: duplicate.first, second: duplicate.second, kind, names: vec![duplicate.name] })
            }
        }
    }
    out
}

fn kind(attempt: &Attempt, evidence: &EvidenceSet, duplicate: &Duplicate) -> Twice {
    let (first, second) = (duplicate.first, duplicate.second);
    let same_bytes = bytes(attempt, evidence, first).is_some_and(|one| bytes(attempt, evidence, second) == Some(one));
    if first == second || same_bytes {
        return Twice::SameFile;
    }
    let name = attempt.program.names.bytes(duplicate.name);
    if is_rust_std(name) && archive_of(attempt, first) != archive_of(attempt, second) {
        return Twice::RustStd;
    }
    let line = |file: FileId| definition_line(attempt, evidence, file, duplicate.name);
    match (line(first), line(second)) {
        (Some(a), Some(b)) if a == b && is_header(&a) => Twice::Header,
        _ => Twice::Two,
    }
}

/// A source file that is included, by its name in `FILE:LINE`.
pub(super) fn is_header(line: &str) -> bool {
    let file = line.rsplit_once(':').map_or(line, |(file, _)| file);
    let extension = file.rsplit_once('.').map_or("", |(_, extension)| extension);
    matches!(extension, "h" | "hh" | "hpp" | "hxx" | "inc" | "inl" | "ipp" | "tcc" | "H")
}

/// Symbols every Rust static library brings with it.
pub(super) fn is_rust_std(name: &[u8]) -> bool {
    const NAMES: &[&[u8]] = &[
        b"rust_eh_personality",
        b"rust_begin_unwind",
        b"__rust_alloc",
        b"__rust_dealloc",
        b"__rust_realloc",
        b"__rust_alloc_zeroed",
        b"rust_panic",
        b"__rust_start_panic",
        b"__rust_panic_cleanup",
        b"__rust_drop_panic",
        b"__rust_foreign_exception",
    ];
    NAMES.contains(&name) || memchr::memmem::find(name, b"3std2").is_some() && name.starts_with(b"_R")
}

fn archive_of(attempt: &Attempt, file: FileId) -> Option<FileId> {
    attempt.program.files.get(file.0 as usize)?.archive
}

/// True for a symbol that is data, where an object tells.
pub(super) fn is_data(attempt: &Attempt, file: FileId, name: Name) -> bool {
    match &attempt.program.files[file.0 as usize].content {
        Content::Object(object) => object
            .globals()
            .find(|(_, symbol)| symbol.name == name && symbol.definition != Definition::Undefined)
            .is_some_and(|(_, symbol)| matches!(symbol.kind, SymbolType::Object | SymbolType::Tls)),
        _ => false,
    }
}

impl Pair {
    /// Their names as people read them.
    pub(super) fn words(&self, attempt: &Attempt) -> Vec<String> {
        self.names.iter().map(|name| symbol(attempt, *name)).collect()
    }

    /// A finding at the second definer, with both definitions and why each is part of the link.
    pub(super) fn finding(
        &self,
        rule: &'static Rule,
        title: String,
        attempt: &Attempt,
        evidence: &EvidenceSet,
    ) -> FindingBuilder {
        let words = self.words(attempt);
        let input = input_of(&attempt.program, self.second);
        let mut builder = begin(rule, title, attempt, input, &format!("defines {} again", list(&words)));
        if let Some(place) = input_of(&attempt.program, self.first)
            .filter(|first| Some(*first) != input)
            .and_then(|first| input_place(attempt, first, format!("defines {} first", list(&words))))
        {
            builder = builder.place(place);
        }
        if let Some(name) = self.names.first() {
            for (file, label) in [(self.first, "the first definition"), (self.second, "the second definition")] {
                if let Some(place) = definition_place(attempt, evidence, file, *name, label) {
                    builder = builder.place(place);
                }
            }
            builder = builder
                .witness(
                    json!({
                        "symbol": attempt.program.names.text(*name),
                        "symbols": self.names.iter().take(MOST_SYMBOLS).map(|one| attempt.program.names.text(*one)).collect::<Vec<_>>(),
                        "first": file_name(attempt, self.first),
                        "second": file_name(attempt, self.second),
                    }),
                    format!(
                        "`{}` of {} and of {}",
                        symbol(attempt, *name),
                        file_name(attempt, self.first),
                        file_name(attempt, self.second)
                    ),
                )
                .replay(why(attempt, evidence, *name));
        }
        for file in [self.first, self.second] {
            if let Some(taken) = taken_words(attempt, file) {
                builder = builder.because(format!("{} is part of the link because {taken}.", file_name(attempt, file)));
            }
        }
        words.iter().fold(builder, |builder, name| builder.key(name))
    }
}
