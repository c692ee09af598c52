//! Libraries that are here and not on the line, and files on it that are for another machine.

use std::collections::HashSet;

use casebook_core::{Evidence, EvidenceId, EvidenceSet};
use casebook_formats::elf::Machine;

use super::command::LinkLine;
use super::disk::Seen;
use super::files;
use super::resolve::{Opened, Resolution, clean, join, of_emulation};
use super::usual;
use crate::model::input::{Content, FileId, Program, Unusable};

/// Reads the libraries beside the text and in the line's own folders of `-L` that it does not name, and lists them with those that other
/// libraries need.
pub(super) fn offers(
    line: &LinkLine,
    text: &Evidence,
    set: &EvidenceSet,
    seen: &Seen<'_>,
    files: &mut Resolution,
) -> Vec<(FileId, String)> {
    let folder = text.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut folders = vec![clean(folder)];
    let own = |given: &&super::command::Given<String>| {
        line.rule(given.argument).is_none() && !usual::is_system(&clean(&given.value))
    };
    for given in line.search.iter().filter(own) {
        folders.push(clean(&join(Some(folder), &join(line.directory.as_deref(), &given.value))));
    }
    let opened: HashSet<EvidenceId> = files.opened.iter().filter_map(|opened| opened.evidence).collect();
    for item in set.iter().filter(|item| matches!(item.kind, Some("elf" | "archive"))) {
        let path = clean(&item.path);
        let (above, base) = path.rsplit_once('/').unwrap_or(("", &path));
        let above = clean(above);
        let library = base.starts_with("lib") && (base.ends_with(".so") || base.ends_with(".a"));
        if !library || opened.contains(&item.id) || !folders.contains(&above) {
            continue;
        }
        let name = path.strip_prefix(&format!("{}/", folders[0])).unwrap_or(&path).to_owned();
        if seen.evidence(&name).is_none_or(|found| found.id != item.id) {
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
        let library = matches!(file.content, Content::Shared(_) | Content::Archive(_));
        if library && !named.contains(&id) {
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
