//! What a compiler driver makes of its command: the linker's line. GCC's follows its specs (`gcc -dumpspecs`), clang's
//! clang/lib/Driver/ToolChains/Gnu.cpp.

mod clang;
mod folders;
mod gcc;
mod host;
mod words;

pub use host::{At, Gcc, Host, Look, passes_as_needed, vendor_of};
pub use words::Width;

use super::program::{Driver, Language};
use super::{Argument, LinkLine, Origin};
use words::{PartKind, Words};

/// Puts the linker's arguments on the line.
pub(super) fn arguments(line: &mut LinkLine, driver: Driver, language: Language, host: &Host<'_>) {
    let words = words::read(line);
    let mut out = Out { arguments: Vec::new(), sources: Vec::new(), unknown: Vec::new(), as_needed_unknown: false };
    match driver {
        Driver::Clang => clang::arguments(&mut out, &words, language, host),
        Driver::System if host.clang.is_some() => clang::arguments(&mut out, &words, language, host),
        Driver::Gcc | Driver::System => gcc::arguments(&mut out, &words, language, host),
    }
    line.arguments = out.arguments;
    line.sources = out.sources;
    line.as_needed_unknown = out.as_needed_unknown;
    line.unknown.extend(out.unknown);
    for word in &words.unknown {
        let Some(word) = line.words.get(*word as usize) else { continue };
        let why = "an option of the driver that is not known";
        match word.span {
            Some(span) => line.unmodelled.push(casebook_core::Unmodelled::new(span, why)),
            None => line.unknown.push(format!("{why}: {}", word.text)),
        }
    }
}

/// The line as it grows.
struct Out {
    arguments: Vec<Argument>,
    /// Those that are source files.
    sources: Vec<u32>,
    as_needed_unknown: bool,
    unknown: Vec<String>,
}

impl Out {
    /// An argument the driver adds.
    fn add(&mut self, text: impl Into<String>, rule: &'static str) {
        self.arguments.push(Argument { text: text.into(), origin: Origin::Rule(rule) });
    }

    /// Several of them.
    fn all(&mut self, texts: &[&str], rule: &'static str) {
        for text in texts {
            self.add(*text, rule);
        }
    }

    /// An argument that a word asks for.
    fn word(&mut self, text: impl Into<String>, origin: Origin) {
        self.arguments.push(Argument { text: text.into(), origin });
    }

    /// Files and what stands between them.
    fn parts<'w>(&mut self, parts: impl Iterator<Item = &'w words::Part>) {
        for part in parts {
            if part.kind == PartKind::Source {
                self.sources.push(self.arguments.len() as u32);
            }
            self.word(part.text.clone(), part.origin);
        }
    }
}

/// True when something is there to link: without it a driver's language adds no libraries.
fn has_files(words: &Words) -> bool {
    words.parts.iter().any(|part| matches!(part.kind, PartKind::File | PartKind::Source | PartKind::Library))
}
