//! Links of which only the line is here, and none of its files: a log that somebody sent.

use casebook_core::{EvidenceId, Span};

use super::Facts;
use super::command::{LinkLine, Made};
use crate::model::outcome::{Linker, LinkerKind};

/// A link without its files.
#[derive(Debug)]
pub struct Unseen {
    /// The text with the command.
    pub evidence: EvidenceId,
    /// Where the command stands in it.
    pub span: Span,
    /// The line.
    pub line: LinkLine,
    /// The linker.
    pub linker: Linker,
    /// True when something says that it is this linker.
    pub told: bool,
    /// What its linker said, by index of [`Facts::told`].
    pub said: Vec<usize>,
}

/// The line of a message, whether its files are here or not.
#[derive(Clone, Copy, Debug)]
pub struct SaidOf<'f> {
    /// Number of the link: first those with files, then the others.
    pub number: usize,
    /// The line.
    pub line: &'f LinkLine,
    /// The linker.
    pub linker: Linker,
    /// True when something says that it is this linker.
    pub told: bool,
    /// Where the command stands.
    pub span: Span,
}

impl SaidOf<'_> {
    /// True for linkers that look through an archive once, when they come to it (GNU ld, and gold but for its own table of lazy names).
    pub fn looks_once(&self) -> bool {
        matches!(self.linker.kind, LinkerKind::Bfd | LinkerKind::Gold)
    }
}

impl Facts {
    /// The link a message is of.
    pub fn link_of(&self, message: usize) -> Option<SaidOf<'_>> {
        let seen = self.attempts.iter().enumerate().find(|(_, attempt)| attempt.said.contains(&message));
        if let Some((number, one)) = seen {
            return Some(SaidOf { number, line: &one.line, linker: one.linker, told: one.told, span: one.span });
        }
        let (number, one) = self.unseen.iter().enumerate().find(|(_, one)| one.said.contains(&message))?;
        let number = self.attempts.len() + number;
        Some(SaidOf { number, line: &one.line, linker: one.linker, told: one.told, span: one.span })
    }

    /// Lines of all links, of those without files too.
    pub fn lines(&self) -> impl Iterator<Item = &LinkLine> {
        self.attempts.iter().map(|one| &one.line).chain(self.unseen.iter().map(|one| &one.line))
    }

    /// What the texts say was made under a name that `fits`.
    pub fn made(&self, mut fits: impl FnMut(&str) -> bool) -> impl Iterator<Item = &Made> {
        self.made.iter().filter(move |made| fits(&made.output))
    }
}
