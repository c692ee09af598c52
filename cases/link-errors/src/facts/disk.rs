//! The files of a link, out of the evidence.

use std::collections::{BTreeSet, HashMap};

use casebook_core::{Evidence, EvidenceId, EvidenceSet};

use super::command::driver::At;
use super::resolve::{Disk, Found, clean, join};

/// Evidence by path, for texts anywhere in it.
pub struct Files<'e> {
    set: &'e EvidenceSet,
    by_path: HashMap<String, EvidenceId>,
    /// Names of the files in each folder; a folder that only holds folders has none.
    folders: HashMap<String, BTreeSet<String>>,
    /// What links of evidence lead to, by the name as written.
    by_name: HashMap<(EvidenceId, String), EvidenceId>,
}

impl<'e> Files<'e> {
    /// All files of the evidence.
    pub fn of(set: &'e EvidenceSet) -> Self {
        let mut files = Self { set, by_path: HashMap::new(), folders: HashMap::new(), by_name: HashMap::new() };
        for item in set.iter() {
            let path = clean(&item.path);
            let (mut folder, base) = path.rsplit_once('/').unwrap_or(("", &path));
            files.folders.entry(folder.to_owned()).or_default().insert(base.to_owned());
            while let Some((above, _)) = folder.rsplit_once('/') {
                if files.folders.contains_key(above) {
                    break;
                }
                files.folders.insert(above.to_owned(), BTreeSet::new());
                folder = above;
            }
            files.by_path.entry(path).or_insert(item.id);
        }
        for link in set.links() {
            if let [to] = link.to.as_slice() {
                files.by_name.insert((link.from, link.name.clone()), *to);
                // An absolute path means one file, whoever names it: a library's script, say.
                if link.name.starts_with('/') {
                    files.by_path.entry(clean(&link.name)).or_insert(*to);
                }
            }
        }
        files
    }

    /// The disk as a text sees it whose commands run in the text's folder, where they do not say where they run.
    pub fn seen_from(&'e self, text: &Evidence) -> Seen<'e> {
        let folder = text.path.rsplit_once('/').map_or(String::new(), |(folder, _)| folder.to_owned());
        Seen { files: self, text: text.id, folder }
    }
}

/// The disk as one text sees it.
pub struct Seen<'e> {
    files: &'e Files<'e>,
    text: EvidenceId,
    folder: String,
}

impl<'e> Seen<'e> {
    /// The evidence at a path.
    pub fn evidence(&self, path: &str) -> Option<&'e Evidence> {
        let files = self.files;
        let id = files
            .by_name
            .get(&(self.text, path.to_owned()))
            .or_else(|| files.by_path.get(&clean(&join(Some(&self.folder), path))))
            .or_else(|| files.by_path.get(&clean(path)))?;
        files.set.get(*id)
    }

    /// What there is at a path, for a driver that looks.
    pub fn look(&self, path: &str) -> At {
        if self.evidence(path).is_some() {
            At::File
        } else if self.files.folders.contains_key(&clean(path)) {
            At::Folder
        } else {
            At::Nothing
        }
    }
}

impl Disk for Seen<'_> {
    fn find(&self, path: &str) -> Option<Found> {
        let item = self.evidence(path)?;
        let binary = matches!(item.kind, Some("elf" | "archive"));
        Some(Found { bytes: item.bytes.clone(), evidence: Some(item.id), binary })
    }

    fn list(&self, folder: &str) -> Vec<String> {
        let mut out: Vec<String> = Vec::new();
        for folder in [clean(&join(Some(&self.folder), folder)), clean(folder)] {
            let folder = if folder == "." { "" } else { &folder };
            out.extend(self.files.folders.get(folder).into_iter().flatten().cloned());
        }
        out.sort_unstable();
        out.dedup();
        out
    }
}
