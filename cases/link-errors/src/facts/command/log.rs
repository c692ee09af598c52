//! Link commands in the texts that builds leave: shells, make, ninja, CMake's link.txt, libtool, rustc's notes, `-v` and `-###` of drivers.

use casebook_core::{EvidenceId, Span, Unmodelled};

use super::made::{self, Flag, MOST_MADE, Made};
use super::program::{self, Program};
use super::shell::{self, Operator, ShellWord, Token};
use super::tool::Banner;
use super::{Command, Word};

/// What a text holds of links.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Log {
    /// Commands that link, in order.
    pub commands: Vec<Command>,
    /// What was made before, in order.
    pub made: Vec<Made>,
    /// Flags that it names outside of commands that compile.
    pub flags: Vec<(Flag, Span)>,
    /// What the text says of tools, all of it.
    pub banner: Banner,
    /// What is not covered.
    pub unmodelled: Vec<Unmodelled>,
}

/// Bytes of a text that are read; a log of a large build is far smaller.
pub const MOST_BYTES: usize = 256 << 20;

/// Flags outside of commands that are kept of one text.
const MOST_FLAGS: usize = 100;

/// Commands that are kept of one text.
const MOST_COMMANDS: usize = 20_000;

/// Reads a text. `path` is where it stands: a `link.txt` of CMake runs two folders above its own.
pub fn read_log(bytes: &[u8], evidence: EvidenceId, path: &str) -> Log {
    let mut reader = Reader {
        evidence,
        out: Log::default(),
        folders: Vec::new(),
        cmake: cmake_folder(path),
        more: 0,
        part: Banner::default(),
        shell: None,
    };
    let (read, rest) = bytes.split_at(bytes.len().min(MOST_BYTES));
    reader.read(read);
    if !rest.is_empty() {
        let span = Span::new(evidence, read.len(), bytes.len());
        let why = format!("{MOST_BYTES} bytes of such a text are read");
        reader.out.unmodelled.push(Unmodelled::new(span, why));
    }
    if reader.more > 0 {
        let why = format!("{} more link commands; {MOST_COMMANDS} are kept", reader.more);
        reader.out.unmodelled.push(Unmodelled::new(Span::new(evidence, 0, 0), why));
    }
    reader.end_part();
    // What is said behind a command goes before what is said anywhere.
    let all = reader.out.banner.clone();
    for command in &mut reader.out.commands {
        command.banner = std::mem::take(&mut command.banner).or(&all);
    }
    reader.out
}

/// The folder in which CMake runs the commands of `path`, when it is a `link.txt` (cmMakefileTargetGenerator: `CMakeFiles/NAME.dir/link.txt`
/// is run by `cmake -E cmake_link_script` in the build folder).
fn cmake_folder(path: &str) -> Option<String> {
    let folder = path.strip_suffix("/link.txt").or_else(|| path.strip_suffix("/relink.txt"))?;
    let above = folder.rsplit_once('/').map_or(".", |(above, _)| above);
    let build = above.rsplit_once('/').map_or(".", |(build, _)| build);
    above.ends_with("CMakeFiles").then(|| if build.is_empty() { "/".to_owned() } else { build.to_owned() })
}

struct Reader {
    evidence: EvidenceId,
    out: Log,
    /// `make: Entering directory`, not left yet.
    folders: Vec<String>,
    cmake: Option<String>,
    /// Commands that were not kept.
    more: u64,
    /// What was said since the last command.
    part: Banner,
    /// The folder that a shell changed to, on a line of its own.
    shell: Option<String>,
}

impl Reader {
    fn read(&mut self, bytes: &[u8]) {
        let mut at = 0;
        while at < bytes.len() {
            let end = logical_end(bytes, at);
            let (start, stop) = strip_prefixes(bytes, at, end);
            self.line(bytes, start, stop);
            at = end + 1;
        }
    }

    /// Gives what was said since the last command to that command.
    fn end_part(&mut self) {
        let part = std::mem::take(&mut self.part);
        if let Some(last) = self.out.commands.last_mut() {
            last.banner = part;
        }
    }

    fn line(&mut self, bytes: &[u8], start: usize, end: usize) {
        let line = &bytes[start..end];
        if line.is_empty() {
            return;
        }
        // All that tells of tools or folders is text; a line that is none can still hold a command.
        if line.len() < 4096 || line.starts_with(b"LIBRARY_PATH=") {
            let text = String::from_utf8_lossy(line);
            self.folder(&text);
            self.out.banner.line(&text);
            self.part.line(&text);
        }
        // What a driver says of itself looks like a command behind an assignment.
        const OWN: &[&[u8]] = &[b"COLLECT_", b"COMPILER_PATH=", b"LIBRARY_PATH=", b"OFFLOAD_", b"Configured with:"];
        if OWN.iter().any(|own| line.starts_with(own)) {
            return;
        }
        let before = (self.out.commands.len(), self.out.made.len());
        if may_link(line) || made::may_make(line) || line.starts_with(b"cd ") {
            let mut gaps = Vec::new();
            let tokens = shell::split(line, self.evidence, start, &mut gaps);
            self.commands(tokens, &gaps);
        }
        // What a compiler or a link is given is its own.
        if before == (self.out.commands.len(), self.out.made.len()) && self.out.flags.len() < MOST_FLAGS {
            self.out.flags.extend(made::stray(line, self.evidence, start));
        }
    }

    /// `make[1]: Entering directory '/x'`, with quotes of older versions too.
    fn folder(&mut self, line: &str) {
        let Some((program, rest)) = line.split_once(": ") else { return };
        let make = program.split('[').next().unwrap_or(program);
        if !make.rsplit('/').next().is_some_and(|base| base.ends_with("make") || base == "ninja") {
            return;
        }
        let quotes = ['\'', '`', '"'];
        if let Some(folder) = rest.strip_prefix("Entering directory ") {
            self.shell = None;
            if self.folders.len() < 1000 {
                self.folders.push(folder.trim().trim_matches(quotes).to_owned());
            }
        } else if rest.starts_with("Leaving directory ") {
            self.shell = None;
            self.folders.pop();
        }
    }

    /// The simple commands of one line; `cd` holds for those behind it.
    fn commands(&mut self, tokens: Vec<Token>, gaps: &[Unmodelled]) {
        let around = self.cmake.clone().or_else(|| self.folders.last().cloned());
        let mut folder = self.shell.clone().or(around);
        let mut words: Vec<ShellWord> = Vec::new();
        for token in tokens {
            match token {
                Token::Word(word) => words.push(word),
                Token::Redirection(_) => {}
                Token::Operator(operator, _) => {
                    self.simple(std::mem::take(&mut words), &mut folder, gaps);
                    if operator == Operator::End {
                        continue;
                    }
                }
            }
        }
        // `cd DIR` that is alone on its line holds for the lines behind it.
        let alone = words.len() == 2 && words[0].text == "cd";
        self.simple(words, &mut folder, gaps);
        if alone {
            self.shell = folder;
        }
    }

    fn simple(&mut self, words: Vec<ShellWord>, folder: &mut Option<String>, gaps: &[Unmodelled]) {
        let mut words = words.as_slice();
        let mut environment = Vec::new();
        // `+ cc …` of a shell's -x, `$ cc …` of a person.
        if words.len() > 1 && words.first().is_some_and(|word| matches!(word.text.as_str(), "+" | "++" | "$")) {
            words = &words[1..];
        }
        while let Some(word) = words.first().filter(|word| program::is_assignment(&word.text)) {
            let (name, value) = word.text.split_once('=').unwrap_or_default();
            environment.push((name.to_owned(), value.to_owned()));
            words = &words[1..];
        }
        if let [first, to, ..] = words
            && first.text == "cd"
        {
            *folder = Some(super::super::resolve::join(folder.as_deref(), &to.text));
            return;
        }
        let texts: Vec<&str> = words.iter().take(64).map(|word| word.text.as_str()).collect();
        let skipped = program::wrapped(&texts);
        for word in &words[..skipped.min(words.len())] {
            if let Some((name, value)) = word.text.split_once('=').filter(|_| program::is_assignment(&word.text)) {
                environment.push((name.to_owned(), value.to_owned()));
            }
        }
        let words = &words[skipped.min(words.len())..];
        if self.out.made.len() < MOST_MADE
            && let Some(made) = made::made(words, folder.as_deref())
        {
            self.out.made.push(made);
            return;
        }
        let Some(found) = words.first().and_then(|word| program::program(&word.text)) else { return };
        if !links(&found, words) {
            return;
        }
        if self.out.commands.len() >= MOST_COMMANDS {
            self.more += 1;
            return;
        }
        self.end_part();
        let span = match (words.first(), words.last()) {
            (Some(first), Some(last)) => Some(first.span.to(last.span)),
            _ => None,
        };
        let inside =
            |gap: &&Unmodelled| span.is_some_and(|span| span.start <= gap.span.start && gap.span.end <= span.end);
        let mut unmodelled: Vec<Unmodelled> = gaps.iter().filter(inside).cloned().collect();
        let (words, omitted): (Vec<&ShellWord>, Vec<&ShellWord>) =
            words.iter().partition(|word| !is_omitted(&word.text));
        let gap = |word: &ShellWord| {
            Unmodelled::new(
                word.span,
                "arguments that the tool does not show; it has an option that shows all (rustc: --verbose, Bazel: --verbose_failures)",
            )
        };
        unmodelled.extend(omitted.into_iter().map(gap));
        let word = |word: &ShellWord| Word {
            text: word.text.clone(),
            span: Some(word.span),
            quote: word.quote,
            response: None,
        };
        let words = words.into_iter().flat_map(|found| abbreviated(found).unwrap_or_else(|| vec![word(found)]));
        self.out.commands.push(Command {
            words: words.collect(),
            environment,
            directory: folder.clone(),
            span,
            unmodelled,
            banner: Banner::default(),
        });
    }
}

/// Where the line that begins at `at` ends: a backslash at its end takes the next one in, too.
fn logical_end(bytes: &[u8], mut at: usize) -> usize {
    /// Lines that a command is continued over.
    const MOST_LINES: usize = 200_000;
    for _ in 0..MOST_LINES {
        let end = bytes[at..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |found| at + found);
        let line = bytes[at..end].strip_suffix(b"\r").unwrap_or(&bytes[at..end]);
        let escapes = line.iter().rev().take_while(|byte| **byte == b'\\').count();
        if escapes % 2 == 0 || end >= bytes.len() {
            return end;
        }
        at = end + 1;
    }
    at.min(bytes.len())
}

/// The line without what log writers put before a command: colours, times, ninja's counts, rustc's note, libtool's name.
fn strip_prefixes(bytes: &[u8], mut start: usize, end: usize) -> (usize, usize) {
    // Each kind at most a few times.
    for _ in 0..8 {
        let line = &bytes[start..end];
        let cut = blanks(line)
            .or_else(|| colour(line))
            .or_else(|| count(line))
            .or_else(|| timestamp(line))
            .or_else(|| prefix(line, &[b"= note:", b"note:", b"FAILED:"]))
            .or_else(|| libtool(line))
            .or_else(|| bazel(line));
        match cut {
            // The name behind `FAILED:` is no command.
            Some(cut) if line.starts_with(b"FAILED:") => return (start + cut, start + cut),
            Some(cut) => start += cut,
            None => break,
        }
    }
    (start, end)
}

fn blanks(line: &[u8]) -> Option<usize> {
    let count = line.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    (count > 0).then_some(count)
}

/// `ESC [ … m`
fn colour(line: &[u8]) -> Option<usize> {
    let rest = line.strip_prefix(b"\x1b[")?;
    let end = rest.iter().take(16).position(|byte| byte.is_ascii_alphabetic())?;
    Some(end + 3)
}

/// ninja's `[12/340]`, CMake's `[ 50%]`, docker's `#12 3.456`.
fn count(line: &[u8]) -> Option<usize> {
    if line.first() == Some(&b'#') {
        let rest = &line[1..];
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let tail = rest.get(digits..)?;
        let number = tail.iter().skip(1).take_while(|byte| byte.is_ascii_digit() || **byte == b'.').count();
        let next = tail.get(number + 1);
        return (digits > 0 && number > 0 && tail.first() == Some(&b' ') && next == Some(&b' '))
            .then_some(digits + number + 2);
    }
    let rest = line.strip_prefix(b"[")?;
    let end = rest.iter().take(24).position(|byte| *byte == b']')?;
    let inner = &rest[..end];
    let numeric = inner.iter().all(|byte| byte.is_ascii_digit() || b"/% .".contains(byte));
    (numeric && inner.iter().any(u8::is_ascii_digit)).then_some(end + 2)
}

/// `2026-01-02T03:04:05.678Z `
fn timestamp(line: &[u8]) -> Option<usize> {
    let form = b"0000-00-00T00:00:00";
    let head = line.get(..form.len())?;
    let fits =
        head.iter().zip(form).all(|(byte, form)| if *form == b'0' { byte.is_ascii_digit() } else { byte == form });
    let tail = &line[form.len()..];
    let more = tail.iter().take_while(|byte| byte.is_ascii_digit() || b".Z+:".contains(byte)).count();
    (fits && tail.get(more) == Some(&b' ')).then_some(form.len() + more + 1)
}

/// `libtool: link: `, also of slibtool (`rdlibtool: link: `).
fn libtool(line: &[u8]) -> Option<usize> {
    let end = memchr::memmem::find(&line[..line.len().min(32)], b"libtool: ")? + "libtool: ".len();
    let rest = &line[end..];
    prefix(rest, &[b"link: ", b"relink: ", b"compile: "]).map(|length| end + length)
}

/// `… failed: error executing command /usr/bin/gcc …` of Bazel; newer: `error executing CppLink command (from target //x) …`.
fn bazel(line: &[u8]) -> Option<usize> {
    let from = memchr::memmem::find(line, b"error executing ")?;
    let command = from + memchr::memmem::find(&line[from..], b"command ")? + "command ".len();
    let rest = &line[command..];
    let target = if rest.starts_with(b"(from target ") { memchr::memchr(b')', rest)? + 1 } else { 0 };
    Some(command + target)
}

fn prefix(line: &[u8], known: &[&[u8]]) -> Option<usize> {
    known.iter().find(|prefix| line.starts_with(prefix)).map(|prefix| prefix.len())
}

/// A quick look: can a command that links be in this line at all?
fn may_link(line: &[u8]) -> bool {
    const SIGNS: &[&[u8]] = &[b".o", b".a", b".so", b"-l", b".rlib", b"@", b".c", b".lo", b".obj"];
    const NAMES: &[&[u8]] = &[b"cc", b"++", b"ld", b"clang", b"gfortran", b"collect2", b"wild"];
    let has = |needles: &[&[u8]]| needles.iter().any(|needle| memchr::memmem::find(line, needle).is_some());
    has(NAMES) && has(SIGNS)
}

/// True when this command makes its program link: nothing tells a driver to stop before, and something is there to link.
fn links(program: &Program, words: &[ShellWord]) -> bool {
    let rest = words.get(1..).unwrap_or_default();
    if let Program::Driver { .. } = program {
        let stops = |word: &ShellWord| {
            matches!(
                word.text.as_str(),
                "-c" | "-S" | "-E" | "-M" | "-MM" | "-fsyntax-only" | "--version" | "-dumpversion" | "-dumpmachine"
            ) || word.text.starts_with("-print-")
        };
        if rest.iter().any(stops) {
            return false;
        }
    }
    rest.iter().any(|word| is_input(&word.text))
}

/// A word that is something to link, by its looks.
fn is_input(word: &str) -> bool {
    if let Some(library) = word.strip_prefix("-l") {
        return !library.is_empty();
    }
    if let Some(file) = word.strip_prefix('@') {
        return !file.is_empty();
    }
    if word.starts_with('-') || word.ends_with(':') {
        return false;
    }
    const ENDS: &[&str] =
        &[".o", ".a", ".so", ".rlib", ".lo", ".obj", ".c", ".cc", ".cpp", ".cxx", ".C", ".f90", ".f", ".s", ".S"];
    ENDS.iter().any(|end| word.ends_with(end)) || word.contains(".so.")
}

/// `<2 object files omitted>` of rustc, the `...` of Bazel's `... (remaining 7 arguments skipped)`.
fn is_omitted(word: &str) -> bool {
    word == "..." || (word.starts_with('<') && word.ends_with(" omitted>"))
}

/// rustc's short form: `"<sysroot>/lib/rustlib/x86_64-unknown-linux-gnu/lib/{libstd-*,libcore-*}.rlib"` stands for one word each
/// (compiler/rustc_codegen_ssa/src/errors.rs, `LinkingFailed`).
fn abbreviated(word: &ShellWord) -> Option<Vec<Word>> {
    let (before, rest) = word.text.split_once('{')?;
    let (inner, after) = rest.split_once('}')?;
    if !inner.contains(',') || !(after.ends_with(".rlib") || after.ends_with(".o") || after.is_empty()) {
        return None;
    }
    let start = before.len() + 1;
    let mut at = start;
    let mut out = Vec::new();
    for part in inner.split(',') {
        let whole = Word { text: String::new(), span: Some(word.span), quote: word.quote, response: None };
        let span = whole.part(at, at + part.len());
        at += part.len() + 1;
        // The place is the part that differs: text and evidence do not agree byte by byte.
        out.push(Word { text: format!("{before}{part}{after}"), span, quote: None, response: None });
    }
    Some(out)
}
