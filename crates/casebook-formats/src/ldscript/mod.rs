//! Linker scripts that stand for libraries, version scripts and dynamic lists, with places.
//!
//! What a script says of inputs and symbols is read; layout (`SECTIONS`, `MEMORY`, `PHDRS`) is passed over, but symbols assigned in it are
//! collected. Grammar: ld/ldgram.y and ld/ldlex.l of binutils 2.40, lld/ELF/ScriptParser.cpp and ScriptLexer.cpp of LLVM 19,
//! elf/linker-script.cc of mold 1.10. Where they differ the reader takes what any of them takes.

mod lex;
mod script;
#[cfg(test)]
mod tests;
mod version;

pub use script::{is_script, read};
pub use version::{read_dynamic_list, read_version_script, read_version_script_apart};

/// A byte range, first byte and one past the last.
pub type Range = (usize, usize);

/// A name and where it stands, quotes included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// Without quotes. Bytes that are no UTF-8 are replaced.
    pub text: String,
    /// Where.
    pub span: Range,
    /// It was in double quotes.
    pub quoted: bool,
}

/// A linker script.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script {
    /// Commands, in order.
    pub commands: Vec<Command>,
    /// What is not covered, and what is no script: where and why.
    pub unmodelled: Vec<(Range, &'static str)>,
}

/// A command of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// `INPUT(…)` or `GROUP(…)`
    Inputs {
        /// `GROUP`: archives in it are searched until nothing new is found.
        group: bool,
        /// What it names, in order; `AS_NEEDED` ones are marked.
        list: Vec<Entry>,
        /// All of it.
        span: Range,
    },
    /// `OUTPUT_FORMAT(DEFAULT, BIG, LITTLE)` or with one name.
    OutputFormat(Vec<Text>),
    /// `OUTPUT_ARCH(NAME)`
    OutputArch(Text),
    /// `SEARCH_DIR(PATH)`
    SearchDir(Text),
    /// `ENTRY(SYMBOL)`
    Entry(Text),
    /// `EXTERN(SYMBOL …)`
    Extern(Vec<Text>),
    /// `INCLUDE FILE`
    Include(Text),
    /// `STARTUP(FILE)`: the first file of the link.
    Startup(Text),
    /// An assignment to a symbol, anywhere in the script.
    Assign(Assign),
    /// `VERSION { … }`
    Version(Versions),
    /// Layout: `SECTIONS`, `MEMORY`, `PHDRS`, `OVERWRITE_SECTIONS`.
    Layout(Range),
}

/// An assignment to a symbol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assign {
    /// The symbol.
    pub name: Text,
    /// `PROVIDE`, `PROVIDE_HIDDEN`: only where it is asked for and nobody defines it.
    pub provide: bool,
    /// `HIDDEN`, `PROVIDE_HIDDEN`
    pub hidden: bool,
    /// Symbols its value reads.
    pub reads: Vec<String>,
    /// It stands in `SECTIONS`.
    pub in_layout: bool,
}

/// What a name of an `INPUT` stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A file: `libc.so.6`, `/usr/lib/libc_nonshared.a`.
    File,
    /// `-lNAME`; the text is without `-l`.
    Library,
    /// `=PATH` or `$SYSROOT/PATH`; the text is without the prefix.
    Sysroot,
}

/// A name in `INPUT` or `GROUP`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The name.
    pub name: Text,
    /// What it stands for.
    pub kind: EntryKind,
    /// It is in `AS_NEEDED(…)`.
    pub as_needed: bool,
}

/// A version script, or the lists of a dynamic list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Versions {
    /// Nodes, in order.
    pub nodes: Vec<Node>,
    /// What is not covered, and what is no version script: where and why.
    pub unmodelled: Vec<(Range, &'static str)>,
}

/// A node of a version script.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// Its name; `None` for the anonymous node.
    pub name: Option<Text>,
    /// Patterns of `global:`, and those before any label.
    pub global: Vec<Pattern>,
    /// Patterns of `local:`
    pub local: Vec<Pattern>,
    /// Versions it is built on.
    pub parents: Vec<Text>,
}

/// Language of `extern "…"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// None, or `extern "C"`: names as they are.
    #[default]
    C,
    /// `extern "C++"`: demangled names.
    Cxx,
    /// Another one.
    Other,
}

/// A pattern of a version script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// The glob, or the name where it was quoted.
    pub name: Text,
    /// Language around it.
    pub language: Language,
}

impl Script {
    /// The first output format, which linkers compare before they take a script that a search found (`ldfile_try_open_bfd`).
    pub fn output_format(&self) -> Option<&Text> {
        self.commands.iter().find_map(|command| match command {
            Command::OutputFormat(names) => names.first(),
            _ => None,
        })
    }
}
