//! References between files: what one names is read too, and known as its part.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use casebook_core::{EvidenceId, Kind};

use super::{Found, Loader, Open, hash};
use crate::refer;
use crate::source::Source;

impl Loader<'_> {
    /// Reads what evidence refers to, and what that refers to; each file once, so cycles end.
    pub(super) fn follow(&mut self) {
        while let Some(Open { id, source, disk, references }) = self.queue.pop_front() {
            let Some(item) = self.out.evidence.get(id) else { continue };
            let kind = self.options.kinds.iter().copied().find(|kind| item.kind == Some(kind.name));
            let Some(refers) = kind.and_then(|kind| kind.refers) else { continue };
            let (from, references) = (item.path.clone(), references.unwrap_or_else(|| refers(item)));
            for reference in references {
                if self.out.evidence.resolve(id, &reference.name).is_some() {
                    continue;
                }
                match refer::resolve(&*source, &from, &reference) {
                    refer::Target::Missing => tracing::debug!(from, name = reference.name, "refers to no file"),
                    refer::Target::Files(files) => self.link(id, &source, &disk, kind, reference.name, files),
                }
            }
        }
    }

    fn link(
        &mut self,
        from: EvidenceId,
        source: &Rc<dyn Source>,
        disk: &Path,
        kind: Option<&'static Kind>,
        name: String,
        files: Vec<String>,
    ) {
        let wanted = files.len();
        let mut to = Vec::new();
        for file in files.iter().map(|file| source.shown(file)) {
            if self.out.evidence.len() >= self.options.max_files {
                self.out.notices.push(format!("{file}: not read, {} files were", self.options.max_files));
                break;
            }
            // A member of a bundle stays in it; a file on disk is its own origin.
            let origin = if disk.to_string_lossy() == self.out.evidence.path(from) {
                PathBuf::from(&file)
            } else {
                disk.to_path_buf()
            };
            let before = self.out.evidence.len();
            if let Some(id) = self.from(Rc::clone(source), &file, &origin, Found::Referred(kind)) {
                if self.out.evidence.len() > before {
                    self.by_reference.insert(id);
                    if !self.passed.is_empty() {
                        self.claim(&source.identity(&file), &file);
                    }
                }
                to.push(id);
            }
        }
        // A plain name whose file could not be read stays unresolved, like a missing one; its own coverage
        // line says why.
        if !to.is_empty() || wanted == 0 {
            self.out.evidence.link(from, name, to);
        }
    }

    /// A file that a walk counted as unknown is now read: takes it out of that count.
    fn claim(&mut self, identity: &str, path: &str) {
        let tally = self.passed.remove(&hash(identity)).and_then(|index| self.tallies.get_mut(index));
        if let Some((_, tally)) = tally {
            tally.unknown -= 1;
            tally.examples.retain(|example| example != path);
        }
    }

    /// Of the files a walk found, those that others refer to are parts, not inputs of their own. In a cycle
    /// that nothing outside refers to, the first file is the input.
    pub(super) fn mark_referred(&mut self) {
        let mut links: HashMap<EvidenceId, Vec<EvidenceId>> = HashMap::new();
        for link in self.out.evidence.links() {
            links.entry(link.from).or_default().extend(link.to.iter().copied().filter(|id| *id != link.from));
        }
        let reach = |from: EvidenceId, reached: &mut HashSet<EvidenceId>| {
            let mut stack = vec![from];
            while let Some(at) = stack.pop() {
                let next = links.get(&at).map_or(&[][..], Vec::as_slice);
                stack.extend(next.iter().copied().filter(|id| *id != from && reached.insert(*id)));
            }
        };
        let mut reached: HashSet<EvidenceId> = HashSet::new();
        let walked: HashSet<EvidenceId> = self.walked.iter().copied().collect();
        let target: HashSet<EvidenceId> = links.values().flatten().copied().collect();
        let all: Vec<EvidenceId> = self.out.evidence.iter().map(|item| item.id).collect();
        for id in all.iter().filter(|id| !walked.contains(id) || !target.contains(id)) {
            if !self.by_reference.contains(id) {
                reach(*id, &mut reached);
            }
        }
        for id in &all {
            if walked.contains(id) && target.contains(id) && !reached.contains(id) {
                reach(*id, &mut reached);
            }
        }
        for id in all {
            if self.by_reference.contains(&id) || (walked.contains(&id) && reached.contains(&id)) {
                self.out.evidence.mark_referred(id);
            }
        }
    }
}
