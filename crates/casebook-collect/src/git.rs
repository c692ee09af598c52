//! Files as a revision of a git repository has them: `HEAD~1:etc/edge.nft`.
//!
//! git itself reads them (`rev-parse`, `ls-tree`, `cat-file`), which changes nothing and runs no hook. Includes are
//! resolved within the same revision.

use std::collections::BTreeMap;

use casebook_core::{Bytes, Want, WantSource};

use crate::live;
use crate::source::{Refusal, Source, clean, too_large};

/// What git can take for one answer.
const TIMEOUT_S: u32 = 60;
/// Names of all files of a revision.
const MAX_LISTING: u64 = 256 << 20;

/// A file of a revision.
#[derive(Debug)]
struct Blob {
    object: String,
    size: u64,
}

/// The files of a revision.
#[derive(Debug)]
pub(crate) struct Revision {
    /// The revision as the user named it.
    name: String,
    commit: String,
    files: BTreeMap<String, Blob>,
}

/// What `REV:path` names.
pub(crate) enum Named {
    /// A file: its path with the revision.
    File(String),
    /// A folder: the paths of all files in it.
    Folder(Vec<String>),
}

/// Opens `REV:path`. `Ok(None)` when the text does not look like one; the error says why it names nothing.
pub(crate) fn open(text: &str) -> Result<Option<(Revision, Named)>, String> {
    let Some((rev, path)) = text.split_once(':') else { return Ok(None) };
    if rev.is_empty() || rev.starts_with(['-', '/', '.']) {
        return Ok(None);
    }
    if git(&["rev-parse", "--git-dir"], 4096).is_err() {
        return Err("no such file, and this folder is in no git repository that git can read".into());
    }
    let wanted = format!("{rev}^{{commit}}");
    let commit = git(&["rev-parse", "--verify", "--quiet", "--end-of-options", &wanted], 4096)
        .map_err(|_| format!("no such file, and `{rev}` is no revision of this repository"))?;
    let commit = String::from_utf8_lossy(&commit).trim().to_owned();
    // Below the folder the command was started in, as git has it.
    let inner = if path.starts_with("./") || path.starts_with("../") {
        let prefix = git(&["rev-parse", "--show-prefix"], 64 << 10)?;
        clean(&format!("{}{path}", String::from_utf8_lossy(&prefix).trim()))
    } else {
        clean(path)
    };
    let listing = git(&["ls-tree", "-r", "-z", "--full-tree", "--long", &commit], MAX_LISTING)?;
    let plain = rev.chars().all(|c| c.is_ascii_alphanumeric() || "~^_-./@".contains(c));
    let name = if plain { rev.to_owned() } else { commit.chars().take(12).collect() };
    let revision = Revision { name, commit, files: files(&listing) };
    let shown = |path: &str| format!("{}:{path}", revision.name);
    if revision.files.contains_key(&inner) {
        let path = shown(&inner);
        return Ok(Some((revision, Named::File(path))));
    }
    let below = if inner.is_empty() { String::new() } else { format!("{inner}/") };
    let within: Vec<String> =
        revision.files.keys().filter(|path| path.starts_with(&below)).map(|path| shown(path)).collect();
    if within.is_empty() {
        let here = format!("/{inner}");
        let near = revision.files.keys().find(|path| path.ends_with(&here));
        let hint = near.map(|near| format!("; it has {rev}:{near}")).unwrap_or_default();
        return Err(format!("`{rev}` has no {inner}{hint}"));
    }
    Ok(Some((revision, Named::Folder(within))))
}

/// Runs git and gives what it prints.
fn git(args: &[&str], limit: u64) -> Result<Vec<u8>, String> {
    let want =
        Want { name: "git", source: WantSource::Command(&[]), timeout_s: TIMEOUT_S, max_bytes: limit, without: "" };
    let mut entry = live::Entry::new("git", &want);
    let mut argv = vec!["git"];
    argv.extend(args);
    // Nothing is fetched for an incomplete clone, and the index is not rewritten.
    let quiet = [("GIT_NO_LAZY_FETCH", "1"), ("GIT_OPTIONAL_LOCKS", "0"), ("GIT_TERMINAL_PROMPT", "0")];
    let bytes = live::run(&argv, &quiet, &want, &mut entry).map_err(|error| format!("git cannot be run: {error}"))?;
    match entry.error {
        Some(error) => {
            let first = entry.stderr.lines().next().map(|line| format!(" ({line})")).unwrap_or_default();
            Err(format!("git {}: {error}{first}", args.first().copied().unwrap_or_default()))
        }
        None if entry.truncated => {
            Err(format!("git {}: over {limit} bytes", args.first().copied().unwrap_or_default()))
        }
        None => Ok(bytes),
    }
}

/// Regular files of `ls-tree -z --long`: `100644 blob OBJECT SIZE<TAB>PATH`.
fn files(listing: &[u8]) -> BTreeMap<String, Blob> {
    let line = |line: &[u8]| {
        let line = std::str::from_utf8(line).ok()?;
        let (about, path) = line.split_once('\t')?;
        let mut words = about.split_whitespace();
        let (mode, kind, object, size) = (words.next()?, words.next()?, words.next()?, words.next()?);
        let regular = kind == "blob" && mode.starts_with("100");
        regular.then_some((path.to_owned(), Blob { object: object.to_owned(), size: size.parse().ok()? }))
    };
    listing.split(|byte| *byte == 0).filter_map(line).collect()
}

impl Revision {
    /// A path inside the revision: as it is shown, or as a file in it names it.
    fn inner(&self, path: &str) -> String {
        let own = path.strip_prefix(&self.name).and_then(|rest| rest.strip_prefix(':'));
        // An absolute include names the file of the machine; a repository keeps it below its own root.
        clean(own.unwrap_or(path)).trim_start_matches('/').to_owned()
    }
}

impl Source for Revision {
    fn read(&self, path: &str, limit: u64) -> Result<Bytes, Refusal> {
        let blob = self.files.get(&self.inner(path)).ok_or_else(|| Refusal::new(0, "no such file in the revision"))?;
        if blob.size > limit {
            return Err(Refusal::new(blob.size, too_large(blob.size, limit)));
        }
        let bytes = git(&["cat-file", "blob", &blob.object], limit).map_err(|why| Refusal::new(blob.size, why))?;
        Ok(Bytes::new(bytes))
    }

    fn list(&self, folder: &str) -> Vec<String> {
        let folder = self.inner(folder);
        let below = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let under = |path: &str| path.strip_prefix(&below)?.split('/').next().map(str::to_owned);
        let mut names: Vec<String> = self.files.keys().filter_map(|path| under(path)).collect();
        names.dedup();
        names
    }

    fn is_file(&self, path: &str) -> bool {
        self.files.contains_key(&self.inner(path))
    }

    fn identity(&self, path: &str) -> String {
        format!("{}:{}", self.commit, self.inner(path))
    }

    fn shown(&self, path: &str) -> String {
        format!("{}:{}", self.name, self.inner(path))
    }

    fn folder(&self, path: &str) -> String {
        let inner = self.inner(path);
        let folder = crate::source::folder(&inner);
        format!("{}:{folder}", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_are_evidence() {
        let listing = b"100644 blob aa 12\tetc/a.nft\x00120000 blob bb 5\tlink\x00160000 commit cc -\tmodule\x00";
        let files = files(listing);
        assert_eq!(files.keys().collect::<Vec<_>>(), ["etc/a.nft"]);
        assert_eq!(files["etc/a.nft"].size, 12);
    }

    #[test]
    fn paths_of_a_revision_keep_its_name_also_with_a_slash_in_it() {
        let blob = || Blob { object: "aa".into(), size: 1 };
        let files = ["a.nft", "etc/nftables.d/b.nft"].map(|name| (name.to_owned(), blob())).into_iter().collect();
        let revision = Revision { name: "origin/main".into(), commit: "c0ffee".into(), files };
        assert_eq!(revision.folder("origin/main:etc/x.nft"), "origin/main:etc");
        assert_eq!(revision.folder("origin/main:x.nft"), "origin/main:");
        assert!(revision.is_file("origin/main:/a.nft"));
        assert!(revision.is_file("/etc/nftables.d/b.nft"));
        assert_eq!(revision.shown("origin/main:/a.nft"), "origin/main:a.nft");
        assert_eq!(revision.list("origin/main:etc"), ["nftables.d"]);
    }

    #[test]
    fn what_is_no_revision_is_left_to_others() {
        for text in ["plain", ":path", "-x:path", "/abs:path", "./here:path"] {
            assert!(matches!(open(text), Ok(None)), "{text}");
        }
    }
}
