//! Libraries and objects that are here and not on the line, and files on it that are for another machine.

use std::collections::HashSet;

use casebook_core::{Evidence, EvidenceId, EvidenceSet};
use casebook_formats::elf::Machine;

use super::command::LinkLine;
use super::disk::Seen;
use super::files;
use super::resolve::{Opened, Resolution, clean, join, of_emulation};
use super::usual;
use crate::model::input::{Content, FileId, Program, Unusable};

/// Objects beside a text that are read; where there are more, they are hardly one program's.
const MOST_OBJECTS: usize = 500;

/// Reads the libraries beside the text and in the line's own folders of `-L` that it does not name, and the objects beside the text, and lists
/// them with the libraries that other libraries need.
pub(super) fn offers(
    line: &LinkLine,
    text: &Evidence,
    set: &EvidenceSet,
    seen: &Seen<'_>,
    files: &mut Resolution,
) -> Vec<(FileId, String)> {
    let folder = text.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    // Where the command runs.
    let home = clean(&join(Some(folder), &join(line.directory.as_deref(), ".")));
    // Folders, and what a name in them begins with for the command.
    let mut folders: Vec<(String, String)> = vec![(home.clone(), String::new())];
    let own = |given: &&super::command::Given<String>| {
        line.rule(given.argument).is_none() && !usual::is_system(&clean(&given.value))
    };
    for given in line.search.iter().filter(own) {
        let path = clean(&join(Some(folder), &join(line.directory.as_deref(), &given.value)));
        folders.push((path, format!("{}/", given.value.trim_end_matches('/'))));
    }
    if clean(folder) != home {
        let prefix = if folder.is_empty() { String::new() } else { format!("{}/", clean(folder)) };
        folders.push((clean(folder), prefix));
    }
    let opened: HashSet<EvidenceId> = files.opened.iter().filter_map(|opened| opened.evidence).collect();
    let mut objects = 0;
    for item in set.iter().filter(|item| matches!(item.kind, Some("elf" | "archive"))) {
        let path = clean(&item.path);
        let (above, base) = path.rsplit_once('/').unwrap_or(("", &path));
        let above = clean(above);
        let library = base.starts_with("lib") && (base.ends_with(".so") || base.ends_with(".a"));
        let object = base.ends_with(".o") && above == home;
        if !(library || object) || opened.contains(&item.id) {
            continue;
        }
        let Some((_, prefix)) = folders.iter().find(|(folder, _)| *folder == above) else { continue };
        let name = format!("{prefix}{base}");
        // Absolute names, and those as the text sees them.
        let as_seen = [join(line.directory.as_deref(), &name), name.clone()];
        if !as_seen.iter().any(|name| seen.evidence(name).is_some_and(|found| found.id == item.id)) {
            continue;
        }
        objects += usize::from(object);
        if object && objects > MOST_OBJECTS {
            continue;
        }
        let program = &mut files.program;
        let added = files::add(&mut program.names, &mut program.files, &name, item.as_bytes(), &mut |_| None);
        files.opened.push(Opened { file: added.file, path: name, evidence: Some(item.id), added });
    }
    let named: HashSet<FileId> = files.program.inputs.iter().map(|input| input.file).collect();
    let mut out = Vec::new();
    for (index, file) in files.program.files.iter().enumerate() {
        let id = FileId(index as u32);
        let whole = file.archive.is_none() && matches!(file.content, Content::Object(_));
        let library = matches!(file.content, Content::Shared(_) | Content::Archive(_));
        if (library || whole) && !named.contains(&id) {
            out.push((id, files.path(id).unwrap_or(&file.name).to_owned()));
        }
    }
    out
}

/// Marks files that are for another machine than the output: that of `-m`, else that of what the driver adds, else that of the first file.
pub(super) fn mark_foreign(program: &mut Program, machines: &[Option<Machine>], line: &LinkLine) {
    let of = |file: FileId| machines.get(file.0 as usize).copied().flatten();
    let told = line.options.emulation.as_ref().and_then(|given| of_emulation(&given.value));
    let by_driver =
        program.inputs.iter().filter(|input| line.rule(input.argument).is_some()).find_map(|input| of(input.file));
    let first = program.inputs.iter().find_map(|input| of(input.file));
    let Some(wanted) = told.or(by_driver).or(first) else { return };
    for (file, machine) in program.files.iter_mut().zip(machines) {
        let usable = matches!(file.content, Content::Object(_) | Content::Shared(_));
        if let Some(machine) = machine.filter(|machine| usable && *machine != wanted) {
            file.content = Content::Unusable(Unusable::Foreign(machine.to_string()));
        }
    }
}
