//! Response files: `@file` is replaced by the words in the file, and those that begin with `@` again (`expandargv` of
//! libiberty/argv.c). A file that cannot be read stays as the word it is.

use casebook_core::{EvidenceId, Span};

use super::gnu_words;
use super::{LinkLine, Word};

/// Content of a response file.
#[derive(Clone, Copy, Debug)]
pub struct ResponseFile<'a> {
    /// Its bytes.
    pub bytes: &'a [u8],
    /// The evidence it is, if it is one: words in it have places then.
    pub evidence: Option<EvidenceId>,
}

/// Where response files come from: the name as written, made absolute by the folder of the command where that is known.
pub type Responses<'a> = dyn Fn(&str) -> Option<ResponseFile<'a>> + 'a;

/// What became of a response file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// Its words are on the line.
    Read,
    /// It is not there; the word stays.
    Missing,
    /// It includes itself, or files include each other deeper than [`DEEPEST`]; tools end with an error.
    Cycle,
    /// The line would have more than [`MOST_WORDS`] words.
    TooLong,
}

/// A response file on a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Included {
    /// Its name, without `@`.
    pub name: String,
    /// Where it is named.
    pub span: Option<Span>,
    /// The evidence it is.
    pub evidence: Option<EvidenceId>,
    /// What became of it.
    pub reading: Reading,
}

/// Files in files; nobody nests more.
pub const DEEPEST: usize = 32;

/// Words of one line. Chromium's longest has some 60 000.
pub const MOST_WORDS: usize = 2_000_000;

/// Puts `words` on the line, with response files replaced by what is in them.
pub(super) fn expand(line: &mut LinkLine, words: &[Word], open: &Responses<'_>) {
    let mut expander = Expander { line, open, stack: Vec::new() };
    for (index, word) in words.iter().enumerate() {
        match word.text.strip_prefix('@') {
            Some(name) if index > 0 && !name.is_empty() => expander.include(name, word),
            _ => {
                expander.push(word.clone());
            }
        }
    }
}

struct Expander<'l, 'o, 'a> {
    line: &'l mut LinkLine,
    open: &'o Responses<'a>,
    /// Names of the files that are being read.
    stack: Vec<String>,
}

impl Expander<'_, '_, '_> {
    fn push(&mut self, word: Word) -> bool {
        if self.line.words.len() >= MOST_WORDS {
            return false;
        }
        self.line.words.push(word);
        true
    }

    fn include(&mut self, name: &str, word: &Word) {
        let path = super::super::resolve::join(self.line.directory.as_deref(), name);
        let cycle = self.stack.contains(&path) || self.stack.len() >= DEEPEST;
        let file = if cycle { None } else { (self.open)(&path) };
        let number = self.line.responses.len();
        let mut included =
            Included { name: name.to_owned(), span: word.span, evidence: None, reading: Reading::Missing };
        let Some(file) = file else {
            if cycle {
                included.reading = Reading::Cycle;
            }
            self.line.responses.push(included);
            self.push(word.clone());
            return;
        };
        included.evidence = file.evidence;
        included.reading = Reading::Read;
        self.line.responses.push(included);
        self.stack.push(path);
        for found in gnu_words::split(file.bytes) {
            let word = Word {
                span: file.evidence.map(|evidence| Span::new(evidence, found.start, found.end)),
                quote: found.quote,
                response: Some(number as u32),
                text: found.text,
            };
            let pushed = match word.text.strip_prefix('@') {
                Some(name) if !name.is_empty() => {
                    self.include(name, &word);
                    true
                }
                _ => self.push(word),
            };
            if !pushed {
                self.line.responses[number].reading = Reading::TooLong;
                break;
            }
        }
        self.stack.pop();
    }
}
