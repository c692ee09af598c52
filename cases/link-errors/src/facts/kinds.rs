//! The kinds of evidence the case reads, and which files each refers to.

use casebook_core::{Evidence, Kind, Reference, Sniff};
use casebook_formats::elf::Elf;
use casebook_formats::gap::Gaps;

use super::command::driver::Host;
use super::command::{self, ItemKind, LinkLine, read_log};
use super::resolve::{join, references_of_line, references_of_needed, references_of_response, references_of_script};
use super::usual;

/// A text with link commands, or with what linkers said.
pub static LINK_TEXT: Kind = Kind {
    name: "link-text",
    what: "a link command (CMake's link.txt, `cc -###`), a build log (make, ninja, cargo), or what a linker said",
    sniff: sniff_text,
    refers: Some(text_refers),
    comment: None,
};

/// An object, a shared object or an executable.
pub static ELF: Kind = Kind {
    name: "elf",
    what: "an object or shared object that a link command names",
    sniff: |sniff| sniff.head.starts_with(b"\x7fELF"),
    refers: Some(elf_refers),
    comment: None,
};

/// An archive.
pub static ARCHIVE: Kind = Kind {
    name: "archive",
    what: "an archive of objects that a link command names",
    sniff: |sniff| casebook_formats::ar::is_archive(sniff.head),
    refers: Some(archive_refers),
    comment: None,
};

/// A linker script that stands for libraries.
pub static SCRIPT: Kind = Kind {
    name: "linker-script",
    what: "a linker script that a link command names as a library (libc.so)",
    sniff: sniff_script,
    refers: Some(|item| references_of_script(item.as_bytes(), &item.path)),
    comment: None,
};

/// All of them.
pub static KINDS: &[&Kind] = &[&ELF, &ARCHIVE, &SCRIPT, &LINK_TEXT];

/// Bytes of a text in which linkers have said something, if it is what they said.
const SAID_WITHIN: usize = 64 << 10;

/// What only linkers say.
const SAID: &[&[u8]] = &[
    b"undefined reference to `",
    b"undefined reference to symbol '",
    b"undefined symbol: ",
    b"multiple definition of `",
    b"duplicate symbol: ",
    b"DSO missing from command line",
    b"error adding symbols",
    b"cannot find -l",
    b"unable to find library -l",
    b"library not found: ",
    b"ld returned 1 exit status",
    b"error: linking with `",
    b"ld.lld: error: ",
    b"rust-lld: error: ",
    b"mold: error: ",
    b"wild: error: ",
    b"linker command failed with exit code",
    b"recompile with -fPIC",
    b"COLLECT_GCC_OPTIONS=",
];

fn sniff_text(sniff: &Sniff<'_>) -> bool {
    if sniff.head.contains(&0) {
        return false;
    }
    if sniff.path == super::LIVE {
        return true;
    }
    if is_said(sniff.head) {
        return true;
    }
    let name = sniff.path.rsplit('/').next().unwrap_or(sniff.path);
    if matches!(name, "link.txt" | "relink.txt") {
        return true;
    }
    // What a linker says of itself: `ld --version`.
    let first = sniff.head.split(|byte| *byte == b'\n').next().unwrap_or_default();
    if first.len() < 256 && command::linker_version(&String::from_utf8_lossy(first)).is_some() {
        return true;
    }
    // A command: something is linked to something. Only the beginning is looked at, and only where it can be one.
    let likely = [&b".o"[..], b" -l", b".a"].iter().any(|part| memchr::memmem::find(sniff.head, part).is_some());
    likely && memchr::memmem::find(sniff.head, b" -o ").is_some() && {
        let head = &sniff.head[..sniff.head.len().min(16 << 10)];
        !read_log(head, casebook_core::EvidenceId(0), sniff.path).commands.is_empty()
    }
}

fn sniff_script(sniff: &Sniff<'_>) -> bool {
    let head = &sniff.head[..sniff.head.len().min(4096)];
    if head.contains(&0) {
        return false;
    }
    let name = sniff.path.rsplit('/').next().unwrap_or(sniff.path);
    let library = name.contains(".so") || name.ends_with(".a") || name.ends_with(".lds") || name.ends_with(".ld");
    library
        && [&b"GROUP"[..], b"INPUT", b"OUTPUT_FORMAT", b"SECTIONS"]
            .iter()
            .any(|word| memchr::memmem::find(head, word).is_some())
}

/// Files the commands of a text name, and what a driver adds to them on usual machines.
fn text_refers(item: &Evidence) -> Vec<Reference> {
    const MOST: usize = 200_000;
    let log = read_log(item.as_bytes(), item.id, &item.path);
    let mut out: Vec<Reference> = Vec::new();
    for one in &log.commands {
        let line = command::read(one, None, &Host::unknown(), &|_| None);
        out.extend(references_of_line(&line));
        out.extend(usual::references(&line));
        out.extend(beside(&line));
        if out.len() > MOST {
            break;
        }
    }
    let head = head(item.as_bytes(), SAID_WITHIN);
    if log.commands.is_empty() && !is_said(head) && !head.contains(&0) {
        // A response file has the words of a command and no program.
        out.extend(references_of_response(item, None));
    }
    out.sort_by(|a, b| a.name.cmp(&b.name));
    out.dedup_by(|a, b| a.name == b.name);
    out
}

fn head(bytes: &[u8], most: usize) -> &[u8] {
    &bytes[..bytes.len().min(most)]
}

/// Something in it is what a linker says.
fn is_said(text: &[u8]) -> bool {
    SAID.iter().any(|said| memchr::memmem::find(text, said).is_some())
}

/// Libraries beside the text and in the folders of `-L` that the line itself gives, and objects where the line takes such: what is not on the
/// line may be there.
fn beside(line: &LinkLine) -> Vec<Reference> {
    let own = line.search.iter().filter(|given| line.rule(given.argument).is_none()).map(|given| given.value.clone());
    let mut out = Vec::new();
    for folder in own.chain([".".to_owned()]).filter(|folder| !usual::is_system(&super::resolve::clean(folder))) {
        let folder = join(line.directory.as_deref(), &folder);
        for pattern in ["lib*.so", "lib*.a"] {
            let path = format!("{folder}/{pattern}");
            out.push(Reference { name: path.clone(), patterns: vec![path] });
        }
    }
    let takes_objects = line.items.iter().any(|item| match &item.kind {
        ItemKind::File(name) => name.ends_with(".o") && !name.contains('/'),
        _ => false,
    });
    if takes_objects {
        let path = join(line.directory.as_deref(), "./*.o");
        out.push(Reference { name: path.clone(), patterns: vec![path] });
    }
    out
}

/// True for `ET_DYN` in `e_type`, whatever the byte order.
fn may_be_shared(bytes: &[u8]) -> bool {
    matches!(bytes.get(16..18), Some([3, 0] | [0, 3]))
}

/// Libraries a shared object needs. Executables and objects need none for a link.
fn elf_refers(item: &Evidence) -> Vec<Reference> {
    // Most files of a link are objects, which two bytes tell.
    if !may_be_shared(item.as_bytes()) {
        return Vec::new();
    }
    let mut gaps = Gaps::default();
    let Some(elf) = Elf::read(item.as_bytes(), &mut gaps) else { return Vec::new() };
    let Some(dynamic) = elf.dynamic(&mut gaps) else { return Vec::new() };
    let base = item.path.rsplit('/').next().unwrap_or(&item.path);
    if dynamic.soname.is_none() && !base.contains(".so") {
        return Vec::new();
    }
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let needed: Vec<String> = dynamic.needed.iter().map(|name| text(name)).collect();
    let runpath = dynamic.runpath.or(dynamic.rpath).map(text);
    references_of_needed(&item.path, &needed, runpath.as_deref())
}

/// Members of a thin archive are files of their own.
fn archive_refers(item: &Evidence) -> Vec<Reference> {
    let bytes = item.as_bytes();
    if !bytes.starts_with(b"!<thin>") {
        return Vec::new();
    }
    let mut names = crate::model::names::Names::default();
    let (mut files, mut wanted) = (Vec::new(), Vec::new());
    super::files::add(&mut names, &mut files, &item.path, bytes, &mut |path| {
        wanted.push(path.to_owned());
        None
    });
    wanted.into_iter().map(|name| Reference { patterns: vec![name.clone()], name }).collect()
}
