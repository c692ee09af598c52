//! Messages of real linkers: each `tests/logs/NAME.log` reads as `tests/logs/NAME.txt` says.
//!
//! `CASEBOOK_BLESS=1 cargo test -p case-link-errors --test log` writes the second. `CASEBOOK_LINK_LOGS=DIR` reads every `*.log` below a
//! folder too, the laboratory's for one, and fails where a line is of no known form.
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "the case has no files and no environment; its tests do"
)]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use case_link_errors::facts::log::{self, Kind, Message, Place};
use casebook_core::{Bytes, EvidenceSet, Span};

/// A log as evidence, and its messages.
fn read(bytes: &[u8]) -> (EvidenceSet, log::Log) {
    let mut set = EvidenceSet::new();
    let id = set.add("log", None, Bytes::new(bytes.to_vec()));
    let read = log::read(set.get(id).unwrap());
    (set, read)
}

/// All of a message in a few lines.
fn told(message: &Message) -> String {
    let mut out = String::new();
    let linkers: Vec<&str> = message.linkers.iter().map(|kind| kind.as_str()).collect();
    let language = if let Kind::OtherLanguage(code) = message.kind { code } else { "" };
    write!(out, "{}:{} {:?} [{}]{language}", message.link, message.kind.as_str(), message.severity, linkers.join(" "))
        .unwrap();
    let program = message.program.as_ref().map(|told| told.value.as_str());
    let texts = [
        ("by", program),
        ("version", message.version.as_ref().map(|told| told.value.as_str())),
        ("library", message.library.as_ref().map(|told| told.value.as_str())),
        ("relocation", message.relocation.as_ref().map(|told| told.value.as_str())),
        ("detail", message.detail.as_ref().map(|told| told.value.as_str())),
    ];
    if let Some(symbol) = &message.symbol {
        write!(out, " symbol {:?} {}", symbol.spelling, symbol.text).unwrap();
    }
    for (name, text) in texts {
        if let Some(text) = text {
            write!(out, " | {name} {text}").unwrap();
        }
    }
    if let Some(count) = message.count {
        write!(out, " | count {count}").unwrap();
    }
    if let Some(suggestion) = &message.suggestion {
        write!(out, " | meant {}{}", suggestion.name.text, if suggestion.extern_c { " (extern C)" } else { "" })
            .unwrap();
    }
    for place in &message.places {
        write!(out, "\n    {}", place_told(place)).unwrap();
    }
    if message.more_places > 0 {
        write!(out, "\n    and {} more", message.more_places).unwrap();
    }
    out
}

fn place_told(place: &Place) -> String {
    let mut out = format!("{:?}", place.role);
    let texts =
        [("file", &place.file), ("member", &place.member), ("section", &place.section), ("source", &place.source)];
    for (name, told) in texts {
        if let Some(told) = told {
            write!(out, " {name}={}", told.value).unwrap();
        }
    }
    if let Some(offset) = place.offset {
        write!(out, " offset={offset:#x}").unwrap();
    }
    if let Some(function) = &place.function {
        write!(out, " function={}", function.text).unwrap();
    }
    if let Some(line) = place.line {
        write!(out, " line={line}").unwrap();
    }
    out
}

/// Lines that belong to no message, apart from commands and what frames a message.
fn unread(text: &str, read: &log::Log) -> Vec<String> {
    let mut out = Vec::new();
    let mut start = 0;
    for line in text.split('\n') {
        let (from, to) = (start as u64, (start + line.len()) as u64);
        start += line.len() + 1;
        let covered = read.messages.iter().any(|message| message.span.start < to && message.span.end > from);
        let plain = text_of(line);
        let framed = plain.is_empty() || plain == "|" || plain.contains("\"cc\"") || plain.contains("\"gcc\"");
        let framed = framed || plain.starts_with('#');
        if !covered && !framed {
            out.push(line.to_owned());
        }
    }
    out
}

/// A line without colours and blanks around it.
fn text_of(line: &str) -> String {
    let mut parts = line.split('\u{1b}');
    let first = parts.next().unwrap_or_default().to_owned();
    let rest = parts.map(|part| part.split_once('m').map_or("", |(_, text)| text));
    (first + &rest.collect::<String>()).trim().to_owned()
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() && !path.is_symlink() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "log") {
            found.push(path);
        }
    }
    found.sort();
}

#[test]
fn real_messages_are_read_to_the_last_line() {
    let mut found = Vec::new();
    files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/logs"), &mut found);
    assert!(!found.is_empty());
    let mut wrong = Vec::new();
    for path in found {
        let bytes = std::fs::read(&path).unwrap();
        let (set, read) = read(&bytes);
        places_are_inside(&set, &read);
        let mut text: String = read.messages.iter().map(|message| told(message) + "\n").collect();
        for gap in &read.unmodelled {
            let slice =
                String::from_utf8_lossy(set.get(gap.span.evidence).unwrap().slice(gap.span).unwrap()).into_owned();
            writeln!(text, "gap: {}: {slice}", gap.why).unwrap();
        }
        for line in unread(&String::from_utf8_lossy(&bytes), &read) {
            writeln!(text, "unread: {line}").unwrap();
        }
        let expected = path.with_extension("txt");
        if std::env::var_os("CASEBOOK_BLESS").is_some() {
            std::fs::write(&expected, &text).unwrap();
        } else if std::fs::read_to_string(&expected).unwrap_or_default() != text {
            wrong.push(path);
        }
    }
    assert!(wrong.is_empty(), "not as told: {wrong:?}; CASEBOOK_BLESS=1 writes what is read");
}

#[test]
fn logs_of_a_folder_are_read_to_the_last_line() {
    let Some(folder) = std::env::var_os("CASEBOOK_LINK_LOGS") else {
        println!("skipped: CASEBOOK_LINK_LOGS names no folder");
        return;
    };
    let mut found = Vec::new();
    files(Path::new(&folder), &mut found);
    let mut unread_lines = 0;
    for path in &found {
        let bytes = std::fs::read(path).unwrap();
        let (set, read) = read(&bytes);
        places_are_inside(&set, &read);
        for line in unread(&String::from_utf8_lossy(&bytes), &read) {
            println!("{}: unread: {line}", path.display());
            unread_lines += 1;
        }
        for gap in &read.unmodelled {
            let slice =
                String::from_utf8_lossy(set.get(gap.span.evidence).unwrap().slice(gap.span).unwrap()).into_owned();
            println!("{}: gap: {}: {slice}", path.display(), gap.why);
            unread_lines += 1;
        }
    }
    println!("{} logs, {unread_lines} lines of no known form", found.len());
    assert_eq!(unread_lines, 0);
}

/// Every value stands where it is said to stand.
fn places_are_inside(set: &EvidenceSet, read: &log::Log) {
    let slice = |span: Span| {
        let bytes = set.get(span.evidence).unwrap().slice(span).unwrap();
        String::from_utf8_lossy(bytes).replace(['‘', '’'], "'").replace(['“', '”'], "\"").replace('`', "'")
    };
    for message in &read.messages {
        slice(message.span);
        for symbol in message.symbol.iter().chain(message.suggestion.iter().map(|suggestion| &suggestion.name)) {
            assert_eq!(slice(symbol.span), symbol.text.replace('`', "'"));
        }
        for told in [&message.version, &message.library, &message.relocation, &message.detail].into_iter().flatten() {
            assert_eq!(slice(told.span), told.value.replace('`', "'"));
        }
        for place in &message.places {
            for told in [&place.file, &place.member, &place.section, &place.source].into_iter().flatten() {
                assert_eq!(slice(told.span), told.value.replace('`', "'"));
            }
        }
    }
}
