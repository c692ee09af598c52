//! Paths and streams to evidence.

mod follow;
mod stream;
mod tree;

use std::collections::{HashMap, HashSet, VecDeque};
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use anyhow::{Result, bail};
use casebook_core::{Bytes, Coverage, EvidenceId, Kind, ReadStatus, Reference, Sniff};

use crate::encoding::{encoding, utf16};
use crate::map::MAP_FROM;
use crate::source::{Disk, Refusal, Source, explain, folder, too_large};
use crate::tally::Tally;
use crate::{Collected, HEAD, MAPPED_KINDS, Options, REFERRED_KINDS, Reading, bundle, git, walk};

/// Where a piece of evidence was found, which decides whether its absence of a kind is worth a line.
#[derive(Clone, Copy)]
enum Found {
    Named,
    Referred(Option<&'static Kind>),
}

/// Evidence with references.
struct Open {
    id: EvidenceId,
    /// Where it came from, and they are looked for.
    source: Rc<dyn Source>,
    disk: PathBuf,
    /// What it refers to, where that is known.
    references: Option<Vec<Reference>>,
}

impl Open {
    fn new(id: EvidenceId, source: Rc<dyn Source>, disk: &Path) -> Self {
        Self { id, source, disk: disk.to_path_buf(), references: None }
    }
}

/// Reads evidence, input by input.
pub struct Loader<'o> {
    options: &'o Options,
    out: Collected,
    seen: HashMap<String, EvidenceId>,
    /// Hashes of identities that a walk passed over, and whose tally counts them; a reference may still
    /// claim one.
    passed: HashMap<u64, usize>,
    /// Tallies of walks and bundles, by path.
    tallies: Vec<(String, Tally)>,
    /// Evidence whose references are still to be followed.
    queue: VecDeque<Open>,
    /// Folders by their paths, and what they are called without links and `..`.
    folders: HashMap<String, String>,
    walked: Vec<EvidenceId>,
    by_reference: HashSet<EvidenceId>,
    total: u64,
    over_total: usize,
}

impl<'o> Loader<'o> {
    /// A loader with nothing read.
    pub fn new(options: &'o Options) -> Self {
        Self {
            options,
            out: Collected::default(),
            seen: HashMap::new(),
            passed: HashMap::new(),
            tallies: Vec::new(),
            queue: VecDeque::new(),
            folders: HashMap::new(),
            walked: Vec::new(),
            by_reference: HashSet::new(),
            total: 0,
            over_total: 0,
        }
    }

    /// Reads a file, a folder, a bundle, `REV:path` of a git repository or, for `-`, `stdin`. An error means that there
    /// is no such path.
    pub fn path(&mut self, path: &str, stdin: &mut dyn Read) -> Result<Vec<EvidenceId>> {
        let ids = if path == "-" { self.stream("<stdin>", stdin) } else { self.named(path)? };
        self.follow();
        Ok(ids)
    }

    /// Reads evidence a report names, as the run that wrote the report found it: parts of other files are
    /// parts again. A member of a bundle brings its whole bundle.
    pub fn again(&mut self, path: &str) -> Result<()> {
        if fs::metadata(path).is_ok_and(|meta| meta.is_file()) {
            if let Some(id) = self.file(path, Found::Named) {
                self.walked.push(id);
            }
            self.follow();
            return Ok(());
        }
        if self.reads_trees() && fs::metadata(path).is_ok_and(|meta| meta.is_dir()) {
            // A live tree of control groups is one piece of evidence, and has the path of its folder.
            self.named(path)?;
            self.follow();
            return Ok(());
        }
        let mut at = parent(path);
        while at != "." && at != "/" {
            if fs::metadata(at).is_ok_and(|meta| meta.is_file()) {
                if !self.tallies.iter().any(|(bundle, _)| bundle == at) {
                    self.named(at)?;
                    self.follow();
                }
                return Ok(());
            }
            at = parent(at);
        }
        if let Ok(Some((revision, named))) = git::open(path) {
            self.revision(path, revision, named);
            self.follow();
            return Ok(());
        }
        bail!("{path}: no such file")
    }

    /// Takes a text as if it were a file of the current folder, and reads what it refers to.
    pub fn text(&mut self, name: &str, text: Vec<u8>) -> Option<EvidenceId> {
        let id = self.offer(name, Bytes::new(text), Found::Named, None)?;
        self.queue.push_back(Open::new(id, Rc::new(Disk), Path::new(name)));
        self.follow();
        Some(id)
    }

    /// Takes what was read from the running machine.
    pub fn readings(&mut self, readings: Vec<Reading>) {
        for reading in readings {
            let path = format!("live:{}", reading.entry.name);
            match reading.bytes {
                Some(bytes) => {
                    self.offer(&path, bytes, Found::Named, None);
                }
                None => {
                    let why = reading.entry.failure();
                    self.out.coverage.push(Coverage::failed(path, "live", 0, why));
                }
            }
        }
    }

    /// Everything read.
    pub fn finish(mut self) -> Collected {
        if self.over_total > 0 {
            self.out.notices.push(format!(
                "all evidence together is limited to {} bytes; {} files beyond it were not read",
                self.options.max_total_bytes, self.over_total
            ));
        }
        for (path, tally) in std::mem::take(&mut self.tallies) {
            tally.close(&path, &mut self.out.coverage);
        }
        self.mark_referred();
        self.out
    }

    fn named(&mut self, path: &str) -> Result<Vec<EvidenceId>> {
        let meta = match fs::metadata(path) {
            Ok(meta) => meta,
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                self.refuse(path, Refusal::new(0, explain(&error)));
                return Ok(Vec::new());
            }
            Err(error) => {
                return match git::open(path) {
                    Ok(Some((revision, named))) => Ok(self.revision(path, revision, named)),
                    Ok(None) => bail!("{path}: {}", explain(&error)),
                    Err(why) => bail!("{path}: {why}"),
                };
            }
        };
        if meta.is_dir() {
            return match self.live_tree(path)? {
                Some(ids) => Ok(ids),
                None => Ok(self.folder(path)),
            };
        }
        if !meta.is_file() {
            return Ok(self.special(path, &meta));
        }
        if let Some(form) = head_of(path).and_then(|head| bundle::form(&head)) {
            if let Some(ids) = self.packed(path, Some(Path::new(path)), form, || File::open(path)) {
                return Ok(ids);
            }
            return Ok(self.bundle(path, form));
        }
        Ok(self.file(path, Found::Named).into_iter().collect())
    }

    /// A pipe named on the command line (`<(nft list ruleset)`) is read like standard input.
    fn special(&mut self, path: &str, meta: &fs::Metadata) -> Vec<EvidenceId> {
        use std::os::unix::fs::FileTypeExt as _;
        if !meta.file_type().is_fifo() {
            self.refuse(path, Refusal::new(0, "a device or socket, not a file"));
            return Vec::new();
        }
        match File::open(path) {
            Ok(mut file) => self.stream(path, &mut file),
            Err(error) => {
                self.refuse(path, Refusal::new(0, explain(&error)));
                Vec::new()
            }
        }
    }

    /// The most bytes evidence of a kind can have.
    fn limit(&self, kind: Option<&'static Kind>) -> u64 {
        if kind.is_some_and(|kind| MAPPED_KINDS.contains(&kind.name)) {
            self.options.max_mapped_bytes
        } else {
            self.options.max_evidence_bytes
        }
    }

    fn folder(&mut self, path: &str) -> Vec<EvidenceId> {
        let (mut tally, mut ids) = (Tally::default(), Vec::new());
        let root = fs::canonicalize(path).unwrap_or_else(|_| PathBuf::from(path));
        let mut head = Vec::new();
        let limit = walk::files(path, self.options.max_files, |entry| match entry {
            Err((path, why)) => tally.line(Coverage::failed(path, "unknown", 0, why)),
            Ok(entry) => self.walked_file(path, &root, entry.path(), &mut head, &mut tally, &mut ids),
        });
        if limit {
            let files = self.options.max_files;
            self.out.notices.push(format!("{path}: stopped after {files} files; name its folders one by one"));
        }
        self.tallies.push((path.to_owned(), tally));
        ids
    }

    fn walked_file(
        &mut self,
        top: &str,
        root: &Path,
        path: &Path,
        head: &mut Vec<u8>,
        tally: &mut Tally,
        ids: &mut Vec<EvidenceId>,
    ) {
        let shown = path.to_string_lossy();
        // `.` was meant as "here"; its files are named as the user would name them.
        let shown = if top == "." { shown.strip_prefix("./").unwrap_or(&shown) } else { &shown };
        let identity = path.strip_prefix(top).map_or_else(|_| path.to_path_buf(), |rest| root.join(rest));
        let identity = identity.to_string_lossy().into_owned();
        if let Some(id) = self.seen.get(&identity) {
            ids.push(*id);
            return;
        }
        let size = match fs::metadata(path) {
            Ok(meta) if meta.len() == 0 => {
                self.passed.insert(hash(&identity), self.tallies.len());
                return tally.unknown(shown, 0);
            }
            Ok(meta) => meta.len(),
            Err(error) => return tally.line(Coverage::failed(shown, "unknown", 0, explain(&error))),
        };
        head.clear();
        let opened = File::open(path).and_then(|file| file.take(HEAD as u64).read_to_end(head));
        if let Err(error) = opened {
            return tally.line(Coverage::failed(shown, "unknown", size, explain(&error)));
        }
        if let Some(form) = bundle::form(head) {
            let found = self.packed(shown, Some(path), form, || File::open(path));
            let found = found.unwrap_or_else(|| self.bundle(shown, form));
            self.walked.extend(found.iter().filter(|id| !self.walked.contains(id)).copied().collect::<Vec<_>>());
            return ids.extend(found);
        }
        let kind = self.kind(shown, head, head.len() as u64 == size);
        let Some(kind) = kind.filter(|kind| self.is_walked(kind)) else {
            self.passed.insert(hash(&identity), self.tallies.len());
            if let Some(why) = encoding(head).filter(|_| kind.is_none()) {
                tally.line(Coverage::failed(shown, "unknown", size, why));
            } else {
                tally.unknown(shown, size);
            }
            return;
        };
        match self.read(&Disk, shown) {
            Ok(bytes) => {
                let id = self.add(shown, Some(kind), bytes, identity);
                self.walked.push(id);
                self.out.files.insert(id, path.to_path_buf());
                self.queue.push_back(Open::new(id, Rc::new(Disk), path));
                ids.push(id);
            }
            Err(refusal) => tally.line(Coverage::failed(shown, kind.name, refusal.bytes, refusal.why)),
        }
    }

    fn bundle(&mut self, path: &str, form: bundle::Form) -> Vec<EvidenceId> {
        match File::open(path) {
            Ok(file) => {
                let opened = bundle::open(path, file, form, self.options);
                self.members(path, opened)
            }
            Err(error) => {
                self.refuse(path, Refusal::new(0, explain(&error)));
                Vec::new()
            }
        }
    }

    fn members(&mut self, path: &str, opened: bundle::Opened) -> Vec<EvidenceId> {
        let bundle::Opened { members, lines, notices } = opened;
        let (mut tally, mut ids) = (Tally::default(), Vec::new());
        lines.into_iter().for_each(|line| tally.line(line));
        self.out.notices.extend(notices);
        let members = Rc::new(members);
        let names: Vec<String> = members.files.keys().cloned().collect();
        for name in names.iter().filter(|name| *name != crate::pack::MANIFEST) {
            let shown = format!("{path}/{name}");
            let Ok(bytes) = self.read(&*members, &shown) else { continue };
            let identity = members.identity(&shown);
            let size = bytes.as_slice().len() as u64;
            let head = &bytes.as_slice()[..bytes.as_slice().len().min(HEAD)];
            let Some(kind) = self.kind(&shown, head, head.len() as u64 == size) else {
                self.total -= size;
                self.passed.insert(hash(&identity), self.tallies.len());
                match encoding(head) {
                    Some(why) => tally.line(Coverage::failed(shown, "unknown", size, why)),
                    None => tally.unknown(&shown, size),
                }
                continue;
            };
            let id = self.add(&shown, Some(kind), bytes, identity);
            self.walked.push(id);
            self.out.files.insert(id, PathBuf::from(path));
            self.queue.push_back(Open::new(id, Rc::clone(&members) as Rc<dyn Source>, Path::new(path)));
            ids.push(id);
        }
        self.tallies.push((path.to_owned(), tally));
        ids
    }

    /// A file or folder of a git revision.
    fn revision(&mut self, top: &str, revision: git::Revision, named: git::Named) -> Vec<EvidenceId> {
        let source: Rc<dyn Source> = Rc::new(revision);
        let paths = match named {
            git::Named::File(path) => {
                return self.from(source, &path, Path::new(&path), Found::Named).into_iter().collect();
            }
            git::Named::Folder(paths) => paths,
        };
        let (mut tally, mut ids) = (Tally::default(), Vec::new());
        for path in paths.iter().take(self.options.max_files) {
            let bytes = match self.read(&*source, path) {
                Ok(bytes) => bytes,
                Err(refusal) => {
                    tally.line(Coverage::failed(path, "unknown", refusal.bytes, refusal.why));
                    continue;
                }
            };
            let size = bytes.as_slice().len() as u64;
            let head = &bytes.as_slice()[..bytes.as_slice().len().min(HEAD)];
            let Some(kind) = self.kind(path, head, head.len() as u64 == size) else {
                self.total -= size;
                self.passed.insert(hash(&source.identity(path)), self.tallies.len());
                tally.unknown(path, size);
                continue;
            };
            let id = self.add(path, Some(kind), bytes, source.identity(path));
            self.walked.push(id);
            self.queue.push_back(Open::new(id, Rc::clone(&source), Path::new(path)));
            ids.push(id);
        }
        if paths.len() > self.options.max_files {
            let files = self.options.max_files;
            self.out.notices.push(format!("{top}: stopped after {files} files; name its folders one by one"));
        }
        self.tallies.push((top.to_owned(), tally));
        ids
    }

    fn file(&mut self, path: &str, found: Found) -> Option<EvidenceId> {
        self.from(Rc::new(Disk), path, Path::new(path), found)
    }

    fn from(&mut self, source: Rc<dyn Source>, path: &str, disk: &Path, found: Found) -> Option<EvidenceId> {
        let identity = self.identity(&*source, path);
        if let Some(id) = self.seen.get(&identity).copied() {
            if matches!(found, Found::Named) {
                // Named and found by a walk or a reference: what was named counts.
                self.walked.retain(|walked| *walked != id);
                self.by_reference.remove(&id);
            }
            return Some(id);
        }
        match self.read(&*source, path) {
            Ok(bytes) => {
                let id = self.offer(path, bytes, found, Some(identity))?;
                self.out.files.insert(id, disk.to_path_buf());
                self.queue.push_back(Open { references: self.first_look(id), ..Open::new(id, source, disk) });
                Some(id)
            }
            Err(refusal) => {
                self.refuse(path, refusal);
                None
            }
        }
    }

    /// Recognises bytes and keeps them; without a kind they get a coverage line.
    fn offer(&mut self, path: &str, bytes: Bytes, found: Found, identity: Option<String>) -> Option<EvidenceId> {
        let slice = bytes.as_slice();
        let head = &slice[..slice.len().min(HEAD)];
        let inherited = match found {
            // What is only ever referred to says itself what it is; the rest is more of the file that refers.
            Found::Referred(kind) => {
                self.kind(path, head, head.len() == slice.len()).filter(|kind| !self.is_walked(kind)).or(kind)
            }
            Found::Named => None,
        };
        let forced = self.options.force_kind.or(inherited);
        let kind = match forced {
            // No reader takes UTF-16, also when told to.
            Some(kind) if utf16(head).is_some() => {
                let why = encoding(head).unwrap_or_default();
                self.out.coverage.push(Coverage::failed(path, kind.name, slice.len() as u64, why));
                return None;
            }
            Some(kind) => Some(kind),
            None => self.kind(path, head, head.len() == slice.len()),
        };
        let keep = self.options.keep_unknown && utf16(head).is_none();
        let Some(kind) = kind.map(Some).or(keep.then_some(None)) else {
            let size = slice.len() as u64;
            self.out.coverage.push(match encoding(head) {
                Some(why) => Coverage::failed(path, "unknown", size, why),
                None => Coverage {
                    status: ReadStatus::Unrecognised,
                    ..Coverage::failed(path, "unknown", size, "no case reads this; --as KIND says what it is")
                },
            });
            return None;
        };
        Some(self.add(path, kind, bytes, identity.unwrap_or_else(|| path.to_owned())))
    }

    fn kind(&self, path: &str, head: &[u8], whole: bool) -> Option<&'static Kind> {
        let sniff = Sniff { path, head, whole };
        self.options.force_kind.or_else(|| self.options.kinds.iter().copied().find(|kind| (kind.sniff)(&sniff)))
    }

    /// True for kinds a walk takes.
    fn is_walked(&self, kind: &Kind) -> bool {
        self.options.force_kind.is_some() || !REFERRED_KINDS.contains(&kind.name)
    }

    fn read(&mut self, source: &dyn Source, path: &str) -> Result<Bytes, Refusal> {
        let mapped = source.is_mapped();
        let most = if mapped { self.options.max_mapped_bytes } else { 0 };
        let bytes = source.read(path, self.options.max_evidence_bytes.max(most))?;
        // Large files are told by their head: some kinds are walked and take no memory.
        let slice = bytes.as_slice();
        let size = slice.len() as u64;
        let head = &slice[..slice.len().min(HEAD)];
        let kind = self.kind(path, head, head.len() == slice.len());
        let limit = self.limit(kind);
        if size > limit {
            return Err(Refusal::new(size, too_large(size, limit)));
        }
        if mapped && size >= MAP_FROM && kind.is_some_and(|kind| MAPPED_KINDS.contains(&kind.name)) {
            return Ok(bytes);
        }
        if self.total + size > self.options.max_total_bytes {
            self.over_total += 1;
            return Err(Refusal::new(size, "the limit on all evidence together was reached"));
        }
        self.total += size;
        Ok(bytes)
    }

    /// One name for the same file however it is written. Thousands of files share a few folders, each of which is asked for once.
    fn identity(&mut self, source: &dyn Source, path: &str) -> String {
        let base = path.rsplit('/').next().unwrap_or(path);
        let is_link = || fs::symlink_metadata(path).map_or(true, |meta| meta.is_symlink());
        if !source.is_mapped() || matches!(base, "" | "." | "..") || is_link() {
            return source.identity(path);
        }
        let above = parent(path);
        let folder = match self.folders.get(above) {
            Some(folder) => folder,
            None => self.folders.entry(above.to_owned()).or_insert(source.identity(above)),
        };
        format!("{}/{base}", folder.trim_end_matches('/'))
    }

    /// What evidence refers to, of kinds that are large and many: the pages that were looked at are given back, and the heads of all of them
    /// together would be too much.
    fn first_look(&self, id: EvidenceId) -> Option<Vec<Reference>> {
        let item = self.out.evidence.get(id)?;
        let kind = self.options.kinds.iter().find(|kind| item.kind == Some(kind.name))?;
        if !MAPPED_KINDS.contains(&kind.name) {
            return None;
        }
        let references = kind.refers.map(|refers| refers(item));
        item.bytes.release(0..item.as_bytes().len());
        references
    }

    fn add(&mut self, path: &str, kind: Option<&'static Kind>, bytes: Bytes, identity: String) -> EvidenceId {
        tracing::debug!(path, kind = kind.map(|kind| kind.name), "evidence");
        let id = self.out.evidence.add(path, kind.map(|kind| kind.name), bytes);
        self.seen.insert(identity, id);
        id
    }

    fn refuse(&mut self, path: &str, refusal: Refusal) {
        self.out.coverage.push(Coverage::failed(path, "unknown", refusal.bytes, refusal.why));
    }
}

fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

fn head_of(path: &str) -> Option<Vec<u8>> {
    let mut head = Vec::new();
    File::open(path).ok()?.take(1024).read_to_end(&mut head).ok()?;
    Some(head)
}

/// The folder a path is in, `.` for a bare name.
fn parent(path: &str) -> &str {
    let parent = folder(path);
    if parent.is_empty() { "." } else { parent }
}
