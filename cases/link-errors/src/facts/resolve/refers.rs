//! Which files a text names, for whoever reads files: patterns to try, in order.

use std::collections::HashSet;

use casebook_core::{Evidence, Reference};
use casebook_formats::ldscript::{self, EntryKind};

use super::super::command::driver::Host;
use super::super::command::{self, Command, ItemKind, LinkLine, ResponseFile, read_log};
use super::paths::{join, parent};
use crate::facts::usual;
use crate::model::outcome::LinkerKind;

/// Names that one text can ask for.
const MOST: usize = 100_000;

/// Files that the links of a text name. A reference has the name that a [`super::Disk`] is asked for: the path from the command's folder.
pub fn references(evidence: &Evidence) -> Vec<Reference> {
    let log = read_log(evidence.as_bytes(), evidence.id, &evidence.path);
    let host = Host::unknown();
    let mut out = Vec::new();
    let mut known = HashSet::new();
    for command in &log.commands {
        let line = command::read(command, None, &host, &|_| None);
        for reference in references_of_line(&line) {
            if out.len() < MOST && known.insert(reference.name.clone()) {
                out.push(reference);
            }
        }
    }
    out
}

/// Files that the words of a response file name, for a link that runs in `directory`.
pub fn references_of_response(evidence: &Evidence, directory: Option<&str>) -> Vec<Reference> {
    let file = ResponseFile { bytes: evidence.as_bytes(), evidence: Some(evidence.id) };
    let words = ["ld".to_owned(), "@file".to_owned()];
    let first = join(directory, "file");
    let open = |name: &str| (name == first).then_some(file);
    references_of_line(&command::read(&Command::of_words(&words, directory), None, &Host::unknown(), &open))
}

/// Files a line names: inputs, libraries in its folders, scripts, response files, and what can be below `-rpath-link`.
pub fn references_of_line(line: &LinkLine) -> Vec<Reference> {
    let mut names: Vec<String> = Vec::new();
    let linker = line.tool.linker.unwrap_or(LinkerKind::Bfd);
    let folders: Vec<String> = super::search::folders(line, linker).into_iter().map(|folder| folder.path).collect();
    for item in line.items.iter().filter(|item| line.rule(item.argument).is_none()) {
        match &item.kind {
            ItemKind::File(name) | ItemKind::Script(name) | ItemKind::JustSymbols(name, _) => names.push(name.clone()),
            // Both, wherever they are: what a search passes over is of interest, too.
            ItemKind::Library(name) => {
                names.extend(
                    folders
                        .iter()
                        .flat_map(|folder| ["so", "a", "so.*"].map(|end| format!("{folder}/lib{name}.{end}"))),
                );
                // In a folder that the line forgot.
                names.extend(["so", "a"].map(|end| format!("*/lib{name}.{end}")));
            }
            ItemKind::Exact(name) => names.extend(folders.iter().map(|folder| format!("{folder}/{name}"))),
            ItemKind::Source(_) => {}
        }
    }
    let options = &line.options;
    let files = [&options.version_scripts, &options.dynamic_lists, &options.export_lists, &options.retain_symbols];
    names.extend(files.into_iter().flatten().map(|given| given.value.clone()));
    names.extend(line.responses.iter().map(|included| included.name.clone()));
    names.extend(line.rpath_link.iter().map(|given| format!("{}/*.so*", given.value.trim_end_matches('/'))));
    let folder = line.directory.as_deref();
    names.truncate(MOST);
    names.iter().map(|name| Reference { name: join(folder, name), patterns: patterns(name, folder) }).collect()
}

/// Folders of rustc's toolchains, for `<sysroot>` in its short notes.
const SYSROOTS: &[&str] =
    &["/root/.rustup/toolchains/*", "/home/*/.rustup/toolchains/*", "/usr/local/rustup/toolchains/*", "/usr"];

/// Where to look for a name: from the folder of the command, beside the text, and above it.
fn patterns(name: &str, folder: Option<&str>) -> Vec<String> {
    if let Some(rest) = name.strip_prefix("<sysroot>") {
        return SYSROOTS.iter().map(|root| format!("{root}{rest}")).collect();
    }
    if name.starts_with('/') {
        return vec![name.to_owned()];
    }
    let mut out = vec![join(folder, name)];
    // Below the command's folder, not below others.
    if name.starts_with("*/") {
        return out;
    }
    for above in ["", "../", "../../"] {
        let pattern = format!("{above}{name}");
        if !out.contains(&pattern) {
            out.push(pattern);
        }
    }
    out
}

/// Files a linker script names; they can be beside it.
pub fn references_of_script(bytes: &[u8], path: &str) -> Vec<Reference> {
    let script = ldscript::read(bytes);
    let mut out = Vec::new();
    let beside = |name: &str| match parent(path) {
        Some(folder) if !name.starts_with('/') => vec![join(Some(folder), name), name.to_owned()],
        _ => vec![name.to_owned()],
    };
    for command in &script.commands {
        let mut add = |name: &str| {
            if out.len() < MOST {
                out.push(Reference { name: name.to_owned(), patterns: beside(name) });
            }
        };
        match command {
            ldscript::Command::Inputs { list, .. } => {
                for entry in list {
                    match entry.kind {
                        EntryKind::Library => {
                            for end in ["so", "a"] {
                                add(&format!("lib{}.{end}", entry.name.text));
                                // In a folder that the line forgot.
                                if !usual::is_system(parent(path).unwrap_or(".")) {
                                    add(&format!("*/lib{}.{end}", entry.name.text));
                                }
                            }
                        }
                        EntryKind::File | EntryKind::Sysroot => add(&entry.name.text),
                    }
                }
            }
            ldscript::Command::Include(name) | ldscript::Command::Startup(name) => add(&name.text),
            _ => {}
        }
    }
    out
}

/// Files a shared object needs (`DT_NEEDED`, given by the ELF reader): below its run path, beside it, in the folders of the system.
pub fn references_of_needed(path: &str, needed: &[String], runpath: Option<&str>) -> Vec<Reference> {
    let origin = parent(path).unwrap_or(".");
    let mut folders: Vec<String> = runpath
        .unwrap_or_default()
        .split(':')
        .filter(|part| !part.is_empty())
        .map(|part| part.replace("${ORIGIN}", origin).replace("$ORIGIN", origin))
        .collect();
    folders.push(origin.to_owned());
    // In a folder that nobody told the linker of.
    if !usual::is_system(origin) {
        folders.push(format!("{origin}/*"));
    }
    for folder in
        ["/lib/*-linux-gnu*", "/usr/lib/*-linux-gnu*", "/lib64", "/usr/lib64", "/lib", "/usr/lib", "/usr/local/lib"]
    {
        folders.push(folder.to_owned());
    }
    let reference = |name: &String| {
        let patterns = match name.starts_with('/') {
            true => vec![name.clone()],
            false => folders.iter().map(|folder| format!("{folder}/{name}")).collect(),
        };
        Reference { name: name.clone(), patterns }
    };
    needed.iter().take(MOST).map(reference).collect()
}
