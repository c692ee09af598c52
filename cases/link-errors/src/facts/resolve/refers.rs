//! Which files a text names, for whoever reads files: patterns to try, in order.

use casebook_core::Reference;
use casebook_formats::ldscript::{self, Command, EntryKind};

use super::super::command::{ItemKind, LinkLine};
use super::paths::{join, parent};
use crate::model::outcome::LinkerKind;

/// Names that one text can ask for.
const MOST: usize = 100_000;

/// Files a line names: inputs, libraries in its folders, scripts, response files, and what can be below `-rpath-link`.
pub fn references_of_line(line: &LinkLine) -> Vec<Reference> {
    let mut out = Vec::new();
    let folder = line.directory.as_deref();
    let mut add = |name: &str, patterns: Vec<String>| {
        if out.len() < MOST {
            out.push(Reference { name: name.to_owned(), patterns });
        }
    };
    let linker = line.tool.linker.unwrap_or(LinkerKind::Bfd);
    let folders: Vec<String> = super::search::folders(line, linker).into_iter().map(|folder| folder.path).collect();
    for item in &line.items {
        match &item.kind {
            ItemKind::File(name) | ItemKind::Script(name) | ItemKind::JustSymbols(name, _) => {
                add(name, as_written(name, folder))
            }
            ItemKind::Library(name) => {
                // Both, wherever they are: what a search passes over is of interest, too.
                for folder_of in &folders {
                    for file in [format!("{folder_of}/lib{name}.so"), format!("{folder_of}/lib{name}.a")] {
                        add(&file, as_written(&file, folder));
                    }
                }
            }
            ItemKind::Exact(name) => {
                for folder_of in &folders {
                    let file = format!("{folder_of}/{name}");
                    add(&file, as_written(&file, folder));
                }
            }
            ItemKind::Source(_) => {}
        }
    }
    let options = &line.options;
    for given in options
        .version_scripts
        .iter()
        .chain(&options.dynamic_lists)
        .chain(&options.export_lists)
        .chain(&options.retain_symbols)
    {
        add(&given.value, as_written(&given.value, folder));
    }
    for included in &line.responses {
        add(&included.name, as_written(&included.name, folder));
    }
    for given in &line.rpath_link {
        let pattern = format!("{}/*.so*", given.value.trim_end_matches('/'));
        add(&pattern, as_written(&pattern, folder));
    }
    out
}

/// A name as it stands, then from the folder of the command.
fn as_written(name: &str, folder: Option<&str>) -> Vec<String> {
    let seen = join(folder, name);
    if seen == name { vec![seen] } else { vec![seen, name.to_owned()] }
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
            Command::Inputs { list, .. } => {
                for entry in list {
                    match entry.kind {
                        EntryKind::Library => {
                            add(&format!("lib{}.so", entry.name.text));
                            add(&format!("lib{}.a", entry.name.text));
                        }
                        EntryKind::File | EntryKind::Sysroot => add(&entry.name.text),
                    }
                }
            }
            Command::Include(name) | Command::Startup(name) => add(&name.text),
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
