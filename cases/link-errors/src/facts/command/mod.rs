//! Link commands: words with places, what the driver makes of them, and the line the linker gets.
//!
//! The road: a text holds [`Command`]s (`log`, words by `shell`); response files are put in (`response`); of a driver's command the words
//! become the arguments of a linker (`driver`); these become a [`LinkLine`] (`options`). Every step keeps where a word stands, so that a
//! fix can be an edit of the text.

pub mod driver;
mod gnu_words;
mod line;
mod log;
mod made;
mod options;
mod program;
mod response;
mod shell;
mod table;
mod takes;
#[cfg(test)]
mod tests;
mod tool;

use casebook_core::{Span, Unmodelled};

use crate::model::input::{Output, Unresolved};
use crate::model::outcome::LinkerKind;

pub use line::read;
pub use log::{Log, read_log};
pub use made::{Flag, How, Made};
pub use program::{Driver, Language, Program, program};
pub use response::{Included, ResponseFile, Responses};
pub use table::{KnownOption, known_options, refuses};
pub(super) use tool::linker_version;
pub use tool::{Banner, Tool};

/// A word of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// Its text, quotes removed.
    pub text: String,
    /// Where it stands, quotes included; `None` when it is in no evidence: given as an argument, or in a response file nobody kept.
    pub span: Option<Span>,
    /// How many bytes of quotes stand before the text when text and evidence agree byte by byte; `None` when they do not.
    pub quote: Option<u8>,
    /// The response file it is in, an index of [`LinkLine::responses`].
    pub response: Option<u32>,
}

impl Word {
    /// A word that is in no evidence.
    pub fn free(text: impl Into<String>) -> Self {
        Self { text: text.into(), span: None, quote: None, response: None }
    }

    /// The place of a part of its text; of the whole word when text and evidence do not agree byte by byte.
    pub fn part(&self, start: usize, end: usize) -> Option<Span> {
        let span = self.span?;
        let Some(quote) = self.quote else { return Some(span) };
        let from = span.start as usize + quote as usize;
        let inside = start <= end && from + end <= span.end as usize;
        Some(if inside { Span::new(span.evidence, from + start, from + end) } else { span })
    }
}

/// A command as it stands in a text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Command {
    /// The program and its arguments.
    pub words: Vec<Word>,
    /// `NAME=value` before the program.
    pub environment: Vec<(String, String)>,
    /// The folder it runs in, as far as the text tells.
    pub directory: Option<String>,
    /// From its first word to its last.
    pub span: Option<Span>,
    /// What is not covered.
    pub unmodelled: Vec<Unmodelled>,
    /// What the text says of the tools.
    pub banner: Banner,
}

/// An argument of the linker, and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Argument {
    /// Its text.
    pub text: String,
    /// Who put it on the line.
    pub origin: Origin,
}

/// Who put an argument on the linker's line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Bytes `start..end` of the text of a word: all of `-lz`, `-lz` of `-Wl,--as-needed,-lz`.
    Word {
        /// The first word it is written with: the one before, where option and value are two (`-l z`, `-Xlinker -s`).
        first: u32,
        /// Index of [`LinkLine::words`].
        word: u32,
        /// First byte.
        start: u32,
        /// One past the last byte.
        end: u32,
    },
    /// The driver, because of this rule.
    Rule(&'static str),
}

/// What is on when an item is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// `--as-needed`
    pub as_needed: bool,
    /// `--whole-archive`
    pub whole_archive: bool,
    /// `-Bstatic`: libraries are archives.
    pub static_only: bool,
    /// Number of the group, from 0.
    pub group: Option<u32>,
    /// `--copy-dt-needed-entries`
    pub copy_needed: bool,
    /// Number of the `--start-lib` it stands behind, from 0: objects are as members of an archive.
    pub lib: Option<u32>,
    /// `--format=binary` and the like: the file is data.
    pub binary: bool,
}

/// What an item names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ItemKind {
    /// A file by its name.
    File(String),
    /// `-lNAME`, without `-l`.
    Library(String),
    /// `-l:NAME`, without `-l:`: a file of this name in the search path.
    Exact(String),
    /// `-T FILE`
    Script(String),
    /// `--just-symbols FILE`; true when it was `-R`, which of a folder is `-rpath`.
    JustSymbols(String, bool),
    /// A source file that the driver compiles first; its object is gone.
    Source(String),
}

impl ItemKind {
    /// The name in it.
    pub fn name(&self) -> &str {
        match self {
            Self::File(name)
            | Self::Library(name)
            | Self::Exact(name)
            | Self::Script(name)
            | Self::JustSymbols(name, _)
            | Self::Source(name) => name,
        }
    }
}

/// An input of the link, in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// What it names.
    pub kind: ItemKind,
    /// What is on.
    pub state: State,
    /// Its first argument, an index of [`LinkLine::arguments`].
    pub argument: u32,
    /// Its last argument: another one where name and option are two (`-l z`).
    pub last: u32,
}

/// A value of an option, with the argument it is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given<T> {
    /// The value.
    pub value: T,
    /// Index of [`LinkLine::arguments`].
    pub argument: u32,
}

/// Options of the whole link; what `model::input::Options` holds, with text instead of numbers, and files not read yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LineOptions {
    /// What is made.
    pub output: Output,
    /// `-o`
    pub output_file: Option<Given<String>>,
    /// `-soname`
    pub soname: Option<Given<String>>,
    /// `-m`
    pub emulation: Option<Given<String>>,
    /// `--dynamic-linker`
    pub dynamic_linker: Option<Given<String>>,
    /// `--unresolved-symbols`
    pub unresolved: Option<Given<Unresolved>>,
    /// `-z defs`, `--no-undefined` (true), `-z undefs` (false).
    pub defs: Option<Given<bool>>,
    /// `--allow-shlib-undefined` (true), `--no-allow-shlib-undefined` (false).
    pub allow_shlib_undefined: Option<Given<bool>>,
    /// `--warn-unresolved-symbols` (true), `--error-unresolved-symbols` (false).
    pub warn_unresolved: Option<Given<bool>>,
    /// `--allow-multiple-definition`, `-z muldefs`
    pub allow_multiple: Option<Given<bool>>,
    /// `--gc-sections`
    pub gc_sections: Option<Given<bool>>,
    /// `--wrap`
    pub wrap: Vec<Given<String>>,
    /// `-u`
    pub undefined: Vec<Given<String>>,
    /// `--require-defined`
    pub require_defined: Vec<Given<String>>,
    /// `--defsym`, `NAME=EXPRESSION`
    pub defsym: Vec<Given<String>>,
    /// `-e`
    pub entry: Option<Given<String>>,
    /// `--exclude-libs`, not split
    pub exclude_libs: Vec<Given<String>>,
    /// `--version-script`
    pub version_scripts: Vec<Given<String>>,
    /// `--dynamic-list`
    pub dynamic_lists: Vec<Given<String>>,
    /// `--export-dynamic-symbol-list`
    pub export_lists: Vec<Given<String>>,
    /// `--export-dynamic-symbol`
    pub export_symbols: Vec<Given<String>>,
    /// `--retain-symbols-file`
    pub retain_symbols: Vec<Given<String>>,
    /// `--undefined-version` (true), `--no-undefined-version` (false).
    pub undefined_version: Option<Given<bool>>,
    /// `--fortran-common`
    pub fortran_common: Option<Given<bool>>,
    /// `-E`
    pub export_dynamic: Option<Given<bool>>,
    /// `--copy-dt-needed-entries`, by the last that was given; [`State::copy_needed`] is what holds where a file stands.
    pub copy_needed: Option<Given<bool>>,
    /// `-Bsymbolic`
    pub symbolic: Option<Given<bool>>,
    /// `-Bsymbolic-functions`
    pub symbolic_functions: Option<Given<bool>>,
    /// `--plugin`
    pub plugin: Option<Given<String>>,
    /// `--ignore-unresolved-symbol`
    pub ignore_unresolved: Vec<Given<String>>,
    /// `-nostdlib`: folders of the line only.
    pub nostdlib: bool,
    /// `--sysroot`
    pub sysroot: Option<Given<String>>,
}

/// A link as its linker gets it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinkLine {
    /// The words of the command, response files put in, the program first.
    pub words: Vec<Word>,
    /// The linker's arguments, without the program.
    pub arguments: Vec<Argument>,
    /// Which driver and which linker.
    pub tool: Tool,
    /// Inputs in their order.
    pub items: Vec<Item>,
    /// `-L`, in order, as written.
    pub search: Vec<Given<String>>,
    /// `-rpath`, in order, split at `:`.
    pub rpath: Vec<Given<String>>,
    /// `-rpath-link`, in order, split at `:`.
    pub rpath_link: Vec<Given<String>>,
    /// Arguments that end a group without inputs.
    pub empty_groups: Vec<u32>,
    /// Options of the whole link.
    pub options: LineOptions,
    /// The folder it runs in.
    pub directory: Option<String>,
    /// Response files, in the order they were met.
    pub responses: Vec<Included>,
    /// Arguments that are source files: the driver compiles them first.
    pub(super) sources: Vec<u32>,
    /// True when it is not known whether the driver passes `--as-needed` by itself: both are to be tried ([`driver::Host::as_needed`]).
    pub as_needed_unknown: bool,
    /// Options the linker refuses because it does not know them, by name: it ends with an error.
    pub refused: Vec<Given<String>>,
    /// What is not covered, with a place.
    pub unmodelled: Vec<Unmodelled>,
    /// What is not covered and stands in no evidence: rules of a driver, words of a response file.
    pub unknown: Vec<String>,
    /// How many gaps there were before the options were read.
    pub(super) gaps_before: (usize, usize),
}

impl LinkLine {
    /// Where an argument stands; `None` for what the driver added.
    pub fn span(&self, argument: u32) -> Option<Span> {
        match self.arguments.get(argument as usize)?.origin {
            Origin::Word { first, word, start, end } => {
                let part = self.words.get(word as usize)?.part(start as usize, end as usize)?;
                let option = if first == word { None } else { self.words.get(first as usize)?.span };
                Some(option.map_or(part, |option| option.to(part)))
            }
            Origin::Rule(_) => None,
        }
    }

    /// Where an item stands, its option included.
    pub fn item_span(&self, item: &Item) -> Option<Span> {
        let first = self.span(item.argument)?;
        Some(self.span(item.last).map_or(first, |last| first.to(last)))
    }

    /// The rule by which the driver added an argument.
    pub fn rule(&self, argument: u32) -> Option<&'static str> {
        match self.arguments.get(argument as usize)?.origin {
            Origin::Rule(rule) => Some(rule),
            Origin::Word { .. } => None,
        }
    }

    /// The kind of the linker where it is known.
    pub fn linker(&self) -> Option<LinkerKind> {
        self.tool.linker
    }

    /// Says that something is not covered, where it stands.
    pub(super) fn gap(&mut self, argument: u32, why: impl Into<String>) {
        const MOST: usize = 256;
        let why = why.into();
        match self.span(argument) {
            Some(span) if self.unmodelled.len() < MOST => self.unmodelled.push(Unmodelled::new(span, why)),
            None if self.unknown.len() < MOST => self.unknown.push(why),
            _ => {}
        }
    }
}
