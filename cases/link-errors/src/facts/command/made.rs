//! What a build made before it linked: archives and objects, and with which flags. Where the files are not here, it tells what is in them.

use casebook_core::{EvidenceId, Span};

use super::program::{self, Program};
use super::shell::ShellWord;
use crate::facts::resolve::join;

/// A file that a text says was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// Its path, as far as the text tells the folder.
    pub output: String,
    /// Of what, and how.
    pub how: How,
    /// The command.
    pub span: Span,
}

/// How a file was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum How {
    /// `ar`: the objects that were put in.
    Archive(Vec<String>),
    /// A compiler with `-c`.
    Compiled {
        /// The source file, as written.
        source: String,
        /// Flags that others of the link have to agree with.
        flags: Vec<(Flag, Span)>,
    },
}

/// A flag of a compiler that decides what others can link with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flag {
    /// `-fvisibility=hidden`, `-fvisibility=internal`
    Hidden,
    /// `-D_GLIBCXX_USE_CXX11_ABI=0`
    OldStrings,
}

/// Files that are kept of one text.
pub const MOST_MADE: usize = 100_000;

/// A quick look: can something be made in this line?
pub fn may_make(line: &[u8]) -> bool {
    let has = |needle: &[u8]| memchr::memmem::find(line, needle).is_some();
    (has(b"ar ") && has(b".a")) || has(b" -c ")
}

/// Flags in a line that is no command which compiles: `make CFLAGS='-O2 -fvisibility=hidden'`, `cmake -DCMAKE_CXX_FLAGS=…`.
pub fn stray(line: &[u8], evidence: EvidenceId, start: usize) -> Option<(Flag, Span)> {
    const FLAGS: [(&[u8], Flag); 3] = [
        (b"-fvisibility=hidden", Flag::Hidden),
        (b"-fvisibility=internal", Flag::Hidden),
        (b"-D_GLIBCXX_USE_CXX11_ABI=0", Flag::OldStrings),
    ];
    FLAGS.iter().find_map(|(text, flag)| {
        let at = memchr::memmem::find(line, text)?;
        Some((*flag, Span::new(evidence, start + at, start + at + text.len())))
    })
}

/// What a simple command makes, wrappers left out.
pub fn made(words: &[ShellWord], folder: Option<&str>) -> Option<Made> {
    let (first, last) = (words.first()?, words.last()?);
    let span = first.span.to(last.span);
    let rest = &words[1..];
    let (output, how) = if is_archiver(&first.text) { archive(rest)? } else { compiled(&first.text, rest)? };
    Some(Made { output: join(folder, &output), how, span })
}

/// `ar`, `gcc-ar`, `llvm-ar-19`, `x86_64-linux-gnu-ar`
fn is_archiver(name: &str) -> bool {
    let base = name.rsplit('/').next().unwrap_or(name);
    let base = base.trim_end_matches(|letter: char| letter.is_ascii_digit() || letter == '.').trim_end_matches('-');
    base == "ar" || base.ends_with("-ar")
}

/// `rc libz.a adler32.o …` (ar(1): an operation, then the archive, then its members).
fn archive(rest: &[ShellWord]) -> Option<(String, How)> {
    let operation = rest.first()?.text.trim_start_matches('-');
    let adds = operation.len() < 12 && operation.bytes().all(|byte| byte.is_ascii_alphabetic());
    if !adds || !operation.contains(['r', 'q']) {
        return None;
    }
    let mut names = rest[1..].iter().filter(|word| !word.text.starts_with('-')).map(|word| word.text.clone());
    let output = names.next()?;
    Some((output, How::Archive(names.collect())))
}

/// `cc -c main.c -o main.o`
fn compiled(name: &str, rest: &[ShellWord]) -> Option<(String, How)> {
    let Program::Driver { .. } = program::program(name)? else { return None };
    if !rest.iter().any(|word| word.text == "-c") {
        return None;
    }
    let (mut output, mut source, mut flags) = (None, None, Vec::new());
    let mut words = rest.iter();
    while let Some(word) = words.next() {
        match word.text.as_str() {
            "-o" => output = words.next().map(|word| word.text.clone()),
            "-fvisibility=hidden" | "-fvisibility=internal" => flags.push((Flag::Hidden, word.span)),
            "-D_GLIBCXX_USE_CXX11_ABI=0" => flags.push((Flag::OldStrings, word.span)),
            // Their values are no sources.
            "-I" | "-D" | "-U" | "-MT" | "-MF" | "-MQ" | "-include" | "-isystem" | "-x" | "--param" => {
                words.next();
            }
            text if !text.starts_with('-') && text.contains('.') => source = Some(text.to_owned()),
            _ => {}
        }
    }
    let source = source?;
    // gcc(1), -c: the name of the source without its folder and with .o.
    let plain = || {
        let base = source.rsplit('/').next().unwrap_or(&source);
        format!("{}.o", base.rsplit_once('.').map_or(base, |(stem, _)| stem))
    };
    let output = output.unwrap_or_else(plain);
    Some((output, How::Compiled { source, flags }))
}
