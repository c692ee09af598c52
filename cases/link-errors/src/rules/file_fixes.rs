//! Fixes for files: one that is in another folder or under another name, an archive without its index, code for a fixed address.
//!
//! Nothing is played again for these, so that they are shown and no more. `tests/lab/confirm.py` runs them with the real linkers.

use casebook_core::{EvidenceSet, Fix, FixClass};

use super::fixes::quoted;
use crate::facts::Attempt;
use crate::facts::command::{Origin, Program as Tool};
use crate::facts::resolve::{Missing, Near, clean, join};
use crate::model::input::Output;

/// A file of the line that was not found, and is elsewhere.
pub(super) fn not_found(attempt: &Attempt, evidence: &EvidenceSet, missing: &Missing) -> Option<Fix> {
    let word = word(attempt, attempt.line.items.get(missing.item as usize)?.argument)?;
    let library = missing.name.strip_prefix("-l");
    // The development package's link is missing: the library itself can be named.
    let versioned = missing.near.iter().find_map(|near| match near {
        Near::OnlyVersioned(path) => path.rsplit('/').next(),
        _ => None,
    });
    if let (Some(base), Some(_)) = (versioned, library) {
        let mut words = words(attempt);
        words[word] = format!("-l:{base}");
        return Some(shown(format!("name the file: `-l:{base}`"), vec![line(&words)]));
    }
    let names = match library {
        Some(name) => match name.strip_prefix(':') {
            Some(exact) => vec![exact.to_owned()],
            None => vec![format!("lib{name}.so"), format!("lib{name}.a")],
        },
        None => vec![missing.name.rsplit('/').next()?.to_owned()],
    };
    // Where the linker looked, it found nothing it takes.
    let looked: Vec<String> = missing.tried.iter().map(|path| clean(path)).collect();
    let path =
        names.iter().find_map(|name| elsewhere(attempt, evidence, name).filter(|path| !looked.contains(path)))?;
    let mut words = words(attempt);
    let title = match library {
        Some(_) => {
            let folder = path.rsplit_once('/').map_or(".", |(folder, _)| folder);
            words.insert(word, format!("-L{folder}"));
            format!("add `-L{folder}`: {path} is there")
        }
        None => {
            words[word].clone_from(&path);
            format!("name it where it is: {path}")
        }
    };
    Some(shown(title, vec![line(&words)]))
}

/// Libraries that other libraries need, and that are in a folder where the linker does not look for such.
pub(super) fn needed(attempt: &Attempt, evidence: &EvidenceSet, sonames: &[String]) -> Option<Fix> {
    let mut folders: Vec<String> = Vec::new();
    for soname in sonames {
        let path = elsewhere(attempt, evidence, soname)?;
        let folder = path.rsplit_once('/').map_or(".", |(folder, _)| folder).to_owned();
        if !folders.contains(&folder) {
            folders.push(folder);
        }
    }
    let last = (0..attempt.program.inputs.len()).filter_map(|input| attempt.whole_word(input)).max()?;
    let mut words = words(attempt);
    for folder in folders.iter().rev() {
        if is_driver(attempt) {
            words.insert(last + 1, format!("-Wl,-rpath-link,{folder}"));
        } else {
            words.insert(last + 1, folder.clone());
            words.insert(last + 1, "-rpath-link".to_owned());
        }
    }
    let said: Vec<String> = folders.iter().map(|folder| format!("`-rpath-link {folder}`")).collect();
    Some(shown(format!("say where it is: {}", said.join(", ")), vec![line(&words)]))
}

/// An archive gets its table of symbols.
pub(super) fn index(attempt: &Attempt, archive: &str) -> Fix {
    shown(
        format!("make the table: ranlib {archive}"),
        vec![format!("ranlib {}", quoted(archive)), line(&words(attempt))],
    )
}

/// The output is one for a fixed address, as its code is.
pub(super) fn fixed_address(attempt: &Attempt) -> Option<Fix> {
    if !is_driver(attempt) || attempt.program.options.output != Output::Pie {
        return None;
    }
    let mut words = words(attempt);
    words.insert(1, "-no-pie".to_owned());
    Some(shown("link a program for a fixed address: `-no-pie`".to_owned(), vec![line(&words)]))
}

fn shown(title: String, commands: Vec<String>) -> Fix {
    Fix { title, class: FixClass::Display, edits: Vec::new(), commands }
}

fn is_driver(attempt: &Attempt) -> bool {
    matches!(attempt.line.tool.program, Some(Tool::Driver { .. }))
}

fn words(attempt: &Attempt) -> Vec<String> {
    attempt.line.words.iter().map(|word| word.text.clone()).collect()
}

fn line(words: &[String]) -> String {
    words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
}

/// The word of the command that is all of an argument.
fn word(attempt: &Attempt, argument: u32) -> Option<usize> {
    match attempt.line.arguments.get(argument as usize)?.origin {
        Origin::Word { word, start: 0, end, .. } => {
            let text = &attempt.line.words.get(word as usize)?.text;
            (end as usize == text.len()).then_some(word as usize)
        }
        _ => None,
    }
}

/// The path of a file of this name in the evidence, as the command would write it.
fn elsewhere(attempt: &Attempt, evidence: &EvidenceSet, name: &str) -> Option<String> {
    let text = evidence.path(attempt.evidence);
    let folder = text.rsplit_once('/').map_or("", |(folder, _)| folder);
    let from = clean(&join(Some(folder), attempt.line.directory.as_deref().unwrap_or(".")));
    evidence.iter().find_map(|item| {
        let path = clean(&item.path);
        if path.rsplit('/').next() != Some(name) {
            return None;
        }
        match path.strip_prefix(&format!("{from}/")) {
            Some(below) => Some(below.to_owned()),
            None => (path.starts_with('/') || matches!(from.as_str(), "" | ".")).then_some(path),
        }
    })
}
