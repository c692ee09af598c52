//! What is nearly the file that was asked for: the usual reasons a library is not found.

use super::Resolver;
use super::paths::{base, join, parent};

/// Something that is nearly it, at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Near {
    /// `libfoo.so.1` is there and `libfoo.so`, the link for linking, is not: the package with headers is not installed.
    OnlyVersioned(String),
    /// It is there for another machine.
    OtherMachine(String, String),
    /// The shared object is there, and the line wants an archive (`-Bstatic`, `-static`).
    OnlyShared(String),
    /// It is there without `lib` before its name.
    WithoutPrefix(String),
    /// A name that differs in case or in a letter or two.
    Similar(String),
    /// A file of this name in another folder that is known.
    Elsewhere(String),
}

/// What is near `name`, written as on the line (`-lfoo`, `-l:libfoo.a`, `main.o`).
pub(super) fn find(resolver: &Resolver<'_>, name: &str, by_library: bool) -> Vec<Near> {
    /// Of one name.
    const MOST: usize = 16;
    let mut out = Vec::new();
    for skipped in resolver.out.skipped.iter().filter(|skipped| skipped.item == resolver.item && skipped.name == name) {
        out.push(Near::OtherMachine(skipped.path.clone(), skipped.what.clone()));
    }
    if by_library {
        library(resolver, name, &mut out);
    } else {
        file(resolver, name, &mut out);
    }
    out.dedup();
    out.truncate(MOST);
    out
}

fn library(resolver: &Resolver<'_>, name: &str, out: &mut Vec<Near>) {
    let wanted = name.strip_prefix("-l").unwrap_or(name);
    let exact = wanted.strip_prefix(':');
    let stem = exact.map_or_else(|| format!("lib{wanted}"), |name| stem(name).to_owned());
    let bare = stem.strip_prefix("lib").unwrap_or(&stem).to_owned();
    let mut similar = Vec::new();
    for folder in &resolver.folders {
        let path = join(resolver.line.directory.as_deref(), &folder.path);
        for entry in resolver.disk.list(&path) {
            let at = || format!("{}/{entry}", folder.path);
            if entry == format!("{stem}.so") {
                let fits = matches!(resolver.fits(&at()), Some(Ok(())));
                if fits {
                    out.push(Near::OnlyShared(at()));
                }
            } else if entry.strip_prefix(&stem).is_some_and(|rest| rest.starts_with(".so.")) {
                out.push(Near::OnlyVersioned(at()));
            } else if entry == format!("{bare}.so") || entry == format!("{bare}.a") {
                out.push(Near::WithoutPrefix(at()));
            } else if entry.starts_with("lib") && is_library(&entry) && is_similar(self::stem(&entry), &stem) {
                similar.push(Near::Similar(at()));
            }
        }
    }
    out.extend(similar);
}

fn file(resolver: &Resolver<'_>, name: &str, out: &mut Vec<Near>) {
    let full = join(resolver.line.directory.as_deref(), name);
    let folder = parent(&full).unwrap_or(".");
    for entry in resolver.disk.list(folder) {
        if entry != base(name) && is_similar(&entry, base(name)) {
            out.push(Near::Similar(format!("{folder}/{entry}")));
        }
    }
    for folder in &resolver.folders {
        let path = format!("{}/{}", folder.path, base(name));
        if resolver.exists(&path) {
            out.push(Near::Elsewhere(path));
        }
    }
}

/// `libz.so.1` is `libz`.
fn stem(name: &str) -> &str {
    let end = name.find(".so").or_else(|| name.strip_suffix(".a").map(str::len)).unwrap_or(name.len());
    &name[..end]
}

fn is_library(name: &str) -> bool {
    name.ends_with(".so") || name.ends_with(".a")
}

/// Do two names differ in case, or by one letter (two for long names)?
fn is_similar(a: &str, b: &str) -> bool {
    if a == b {
        return false;
    }
    if a.eq_ignore_ascii_case(b) {
        return true;
    }
    let allowed = match b.len() {
        0..=6 => 0,
        7..=11 => 1,
        _ => 2,
    };
    distance(a.as_bytes(), b.as_bytes(), allowed).is_some()
}

/// Edits (insert, delete, replace) between two names, when they are `most` at most.
fn distance(a: &[u8], b: &[u8], most: usize) -> Option<usize> {
    const LONGEST: usize = 256;
    if a.len().abs_diff(b.len()) > most || a.len() > LONGEST || b.len() > LONGEST {
        return None;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.iter().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, right) in b.iter().enumerate() {
            let replaced = corner + usize::from(left != right);
            corner = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(corner + 1);
        }
    }
    row.last().copied().filter(|edits| *edits <= most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_similar_by_case_or_a_few_letters() {
        assert!(is_similar("libGL", "libgl"));
        assert!(is_similar("libssl3", "libssl1"));
        assert!(!is_similar("libm", "libc"));
        assert!(!is_similar("libz", "libz"));
    }

    #[test]
    fn edits_are_counted() {
        assert_eq!(distance(b"kitten", b"sitting", 3), Some(3));
        assert_eq!(distance(b"kitten", b"sitting", 2), None);
        assert_eq!(distance(b"", b"", 0), Some(0));
    }
}
