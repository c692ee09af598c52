//! Where files come from: the disk, or the members of a bundle. Includes are followed the same way in both.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use casebook_core::Bytes;

use crate::map;

/// Why something is not evidence, as a sentence for its coverage line.
pub(crate) struct Refusal {
    pub(crate) bytes: u64,
    pub(crate) why: String,
}

impl Refusal {
    pub(crate) fn new(bytes: u64, why: impl Into<String>) -> Self {
        Self { bytes, why: why.into() }
    }
}

/// A place with files, by path as the user would write it.
pub(crate) trait Source {
    /// Whole content, at most `limit` bytes.
    fn read(&self, path: &str, limit: u64) -> Result<Bytes, Refusal>;
    /// True when what is large is mapped, and takes no memory until somebody reads it.
    fn is_mapped(&self) -> bool {
        false
    }
    /// Names in a folder, in byte order; empty when there is none.
    fn list(&self, folder: &str) -> Vec<String>;
    /// True when `path` is a file that can be read.
    fn is_file(&self, path: &str) -> bool;
    /// One name for the same file however it is written.
    fn identity(&self, path: &str) -> String;
    /// The path as a report shows it, which also opens it.
    fn shown(&self, path: &str) -> String;
    /// The folder a path is in, without the last `/`; empty for a bare name.
    fn folder(&self, path: &str) -> String {
        folder(path).to_owned()
    }
}

/// The file system.
pub(crate) struct Disk;

/// What an `io::Error` means to the reader of a report.
pub(crate) fn explain(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::PermissionDenied => "no permission to read it".to_owned(),
        ErrorKind::NotFound => "no such file".to_owned(),
        _ => error.to_string(),
    }
}

impl Source for Disk {
    fn read(&self, path: &str, limit: u64) -> Result<Bytes, Refusal> {
        let shut = |error: io::Error| Refusal::new(0, explain(&error));
        let meta = fs::metadata(path).map_err(shut)?;
        if !meta.is_file() {
            // Opening a FIFO would wait for a writer; a device may never end.
            return Err(Refusal::new(0, "not a regular file"));
        }
        if meta.len() > limit {
            return Err(Refusal::new(meta.len(), too_large(meta.len(), limit)));
        }
        let file = File::open(path).map_err(shut)?;
        map::read(file, meta.len(), limit).map_err(shut)
    }

    fn is_mapped(&self) -> bool {
        true
    }

    fn list(&self, folder: &str) -> Vec<String> {
        let folder = if folder.is_empty() { "." } else { folder };
        let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
        let names = entries.filter_map(Result::ok).filter_map(|entry| entry.file_name().into_string().ok());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }

    fn is_file(&self, path: &str) -> bool {
        fs::metadata(path).is_ok_and(|meta| meta.is_file())
    }

    fn identity(&self, path: &str) -> String {
        fs::canonicalize(path).map_or_else(|_| clean(path), |path| path.to_string_lossy().into_owned())
    }

    fn shown(&self, path: &str) -> String {
        // `..` stays: by name alone it would be wrong behind a symbolic link.
        path.trim_start_matches("./").replace("/./", "/")
    }
}

/// The members of a bundle, held in memory.
#[derive(Default)]
pub(crate) struct Members {
    /// Path of the bundle; the members' paths begin with it.
    pub(crate) bundle: String,
    /// Content by path inside the bundle.
    pub(crate) files: BTreeMap<String, Bytes>,
}

impl Members {
    fn inner<'p>(&self, path: &'p str) -> Option<&'p str> {
        path.strip_prefix(&self.bundle)?.strip_prefix('/')
    }

    fn find(&self, path: &str) -> Option<&Bytes> {
        let path = clean(path);
        // An absolute include inside a bundle names the file of the machine it was collected on.
        let inner = self.inner(&path).or_else(|| path.strip_prefix('/'))?;
        self.files.get(inner)
    }
}

impl Source for Members {
    fn read(&self, path: &str, limit: u64) -> Result<Bytes, Refusal> {
        let bytes = self.find(path).ok_or_else(|| Refusal::new(0, "no such member"))?;
        let size = bytes.as_slice().len() as u64;
        if size > limit { Err(Refusal::new(size, too_large(size, limit))) } else { Ok(bytes.clone()) }
    }

    fn list(&self, folder: &str) -> Vec<String> {
        let folder = clean(folder);
        let inner = self.inner(&folder).or_else(|| folder.strip_prefix('/')).unwrap_or("");
        let under = |path: &str| {
            let rest = if inner.is_empty() { path } else { path.strip_prefix(inner)?.strip_prefix('/')? };
            rest.split('/').next().map(str::to_owned)
        };
        let mut names: Vec<String> = self.files.keys().filter_map(|path| under(path)).collect();
        names.dedup();
        names
    }

    fn is_file(&self, path: &str) -> bool {
        self.find(path).is_some()
    }

    fn identity(&self, path: &str) -> String {
        let path = clean(path);
        match self.inner(&path).or_else(|| path.strip_prefix('/')) {
            Some(inner) => format!("{}/{inner}", self.bundle),
            None => path,
        }
    }

    fn shown(&self, path: &str) -> String {
        self.identity(path)
    }
}

/// The sentence for a file over the limit.
pub(crate) fn too_large(bytes: u64, limit: u64) -> String {
    format!("{bytes} bytes is over the limit of {limit} bytes; raise it with --max-evidence-bytes")
}

/// Removes `.` and resolves `..` by name alone.
pub(crate) fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if path.starts_with('/') => {}
            _ => parts.push(part),
        }
    }
    let joined = parts.join("/");
    if path.starts_with('/') { format!("/{joined}") } else { joined }
}

/// The folder a path is in, without the last `/`; empty for a bare name.
pub(crate) fn folder(path: &str) -> &str {
    match path.rsplit_once('/') {
        Some(("", _)) => "/",
        Some((folder, _)) => folder,
        None => "",
    }
}

/// `name` seen from `folder`.
pub(crate) fn join(folder: &str, name: &str) -> String {
    if name.starts_with('/') || folder.is_empty() {
        return name.to_owned();
    }
    PathBuf::from(folder).join(Path::new(name)).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clean_resolves_dots_by_name() {
        assert_eq!(clean("a/./b/../c"), "a/c");
        assert_eq!(clean("../a"), "../a");
        assert_eq!(clean("/../a"), "/a");
    }

    #[test]
    fn members_are_listed_by_folder() {
        let mut members = Members { bundle: "b.tar".to_owned(), ..Members::default() };
        for name in ["etc/a.nft", "etc/d/b.nft", "top"] {
            members.files.insert(name.to_owned(), Bytes::new(Vec::new()));
        }
        assert_eq!(members.list("b.tar/etc"), ["a.nft", "d"]);
        assert_eq!(members.list("/etc"), ["a.nft", "d"]);
        assert_eq!(members.list("b.tar"), ["etc", "top"]);
        assert!(members.is_file("/etc/a.nft"));
    }
}
