//! Libraries that lie beside a log: who has what a linker missed, where the link's own files are not here.

use std::collections::HashSet;

use casebook_core::{EvidenceId, EvidenceSet};

use super::files;
use super::log::{Kind, Message};
use crate::model::input::{Content, File};
use crate::model::names::Names;
use crate::model::spelling::readable;

/// A library in the folder of a log.
#[derive(Clone, Debug)]
pub struct Beside {
    /// Its name in that folder.
    pub name: String,
    /// The library.
    pub evidence: EvidenceId,
    /// The texts of the folder.
    pub texts: Vec<EvidenceId>,
    /// What it defines of the symbols that were said to be undefined, as they were printed.
    pub defines: HashSet<String>,
}

/// Libraries of one folder that are read.
const MOST: usize = 200;

/// Reads the libraries beside texts that say a symbol is undefined.
pub fn read<'m>(told: impl Iterator<Item = &'m Message>, set: &EvidenceSet) -> Vec<Beside> {
    let folder = |path: &str| path.rsplit_once('/').map_or(String::new(), |(folder, _)| folder.to_owned());
    let undefined = |one: &&Message| matches!(one.kind, Kind::Undefined | Kind::MoreUndefined | Kind::UndefinedHidden);
    let mut folders: Vec<(String, Vec<EvidenceId>, HashSet<&str>)> = Vec::new();
    for message in told.filter(undefined) {
        let Some(symbol) = &message.symbol else { continue };
        let (text, own) = (message.span.evidence, folder(set.path(message.span.evidence)));
        let index = match folders.iter().position(|(known, _, _)| *known == own) {
            Some(index) => index,
            None => {
                folders.push((own, Vec::new(), HashSet::new()));
                folders.len() - 1
            }
        };
        if !folders[index].1.contains(&text) {
            folders[index].1.push(text);
        }
        folders[index].2.insert(symbol.text.as_str());
    }
    let mut out = Vec::new();
    for (own, texts, wanted) in folders {
        let is_library = |path: &str| {
            let base = path.rsplit('/').next().unwrap_or(path);
            folder(path) == own && base.starts_with("lib") && (base.ends_with(".a") || base.ends_with(".so"))
        };
        let libraries =
            set.iter().filter(|item| matches!(item.kind, Some("elf" | "archive")) && is_library(&item.path));
        for item in libraries.take(MOST) {
            let (mut names, mut read) = (Names::default(), Vec::new());
            let name = item.path.rsplit('/').next().unwrap_or(&item.path).to_owned();
            files::add(&mut names, &mut read, &name, item.as_bytes(), &mut |_| None);
            let defines = defined(&names, &read, &wanted);
            if !defines.is_empty() {
                out.push(Beside { name, evidence: item.id, texts: texts.clone(), defines });
            }
        }
    }
    out
}

/// Which of the wanted names the files define for others.
fn defined(names: &Names, files: &[File], wanted: &HashSet<&str>) -> HashSet<String> {
    // Linkers print names for people, mostly: those have to be made of the names in the files.
    let for_people = wanted.iter().any(|name| name.contains(['(', ':', ' ']));
    let mut out = HashSet::new();
    let mut take = |name: &[u8]| {
        let Ok(text) = std::str::from_utf8(name) else { return };
        if wanted.contains(text) {
            out.insert(text.to_owned());
        } else if for_people
            && let Some(text) = readable(name)
            && wanted.contains(text.as_str())
        {
            out.insert(text);
        }
    };
    for file in files {
        match &file.content {
            Content::Object(object) => {
                object
                    .globals()
                    .filter(|(_, one)| !one.is_undefined())
                    .for_each(|(_, one)| take(names.bytes(one.name)));
            }
            Content::Shared(shared) => {
                shared.symbols.iter().filter(|one| one.defined).for_each(|one| take(names.bytes(one.name)));
            }
            _ => {}
        }
    }
    out
}
