//! Which files a name in evidence stands for.

use casebook_core::Reference;

use crate::glob;
use crate::source::{Source, join};

/// A pattern may not fan out without end: `/*/*/*/*/*` over a whole disk.
const MAX_MATCHES: usize = 4096;

/// What a reference stands for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// These files, in the order the mechanism reads them; empty when a glob matched nothing.
    Files(Vec<String>),
    /// A plain name that is no file.
    Missing,
}

/// Resolves `reference`, written in the file at `from`.
///
/// Each pattern is tried beside the referring file first and then as it stands, which is how the file is
/// found both in a folder of collected evidence and in the working directory its tool was started from.
pub(crate) fn resolve(source: &dyn Source, from: &str, reference: &Reference) -> Target {
    let here = source.folder(from);
    let mut wild = false;
    for pattern in &reference.patterns {
        let beside = join(&here, pattern);
        for path in [Some(&beside), (beside != *pattern).then_some(pattern)].into_iter().flatten() {
            if glob::is_pattern(path) {
                wild = true;
                let files = expand(source, path);
                if !files.is_empty() {
                    return Target::Files(files);
                }
            } else if source.is_file(path) {
                return Target::Files(vec![path.clone()]);
            }
        }
    }
    if wild { Target::Files(Vec::new()) } else { Target::Missing }
}

pub(crate) fn expand(source: &dyn Source, pattern: &str) -> Vec<String> {
    let absolute = pattern.starts_with('/');
    let parts: Vec<&str> = pattern.split('/').filter(|part| !part.is_empty()).collect();
    let mut paths = vec![if absolute { "/".to_owned() } else { String::new() }];
    for (index, part) in parts.iter().enumerate() {
        let last = index + 1 == parts.len();
        let mut next = Vec::new();
        for path in &paths {
            let join = |name: &str| match path.as_str() {
                "" => name.to_owned(),
                "/" => format!("/{name}"),
                path => format!("{path}/{name}"),
            };
            if glob::is_pattern(part) {
                let names = source.list(path);
                next.extend(names.iter().filter(|name| glob::matches(part, name)).map(|name| join(name)));
            } else {
                next.push(join(part));
            }
        }
        next.truncate(MAX_MATCHES);
        if last {
            next.retain(|path| source.is_file(path));
        }
        paths = next;
    }
    // Byte order of whole paths, as glob(3) sorts them in the C locale.
    paths.sort();
    paths
}

#[cfg(test)]
mod tests {
    use casebook_core::Bytes;

    use super::*;
    use crate::source::Members;

    fn members(names: &[&str]) -> Members {
        let files = names.iter().map(|name| ((*name).to_owned(), Bytes::new(Vec::new()))).collect();
        Members { bundle: "b".to_owned(), files }
    }

    fn reference(pattern: &str) -> Reference {
        Reference { name: pattern.to_owned(), patterns: vec![pattern.to_owned()] }
    }

    #[test]
    fn globs_are_sorted_in_byte_order_and_skip_dot_files() {
        let source = members(&["d/b.nft", "d/B.nft", "d/.c.nft", "d/10.nft", "d/9.nft"]);
        let got = resolve(&source, "b/main.nft", &reference("d/*.nft"));
        let files = ["b/d/10.nft", "b/d/9.nft", "b/d/B.nft", "b/d/b.nft"].map(str::to_owned).to_vec();
        assert_eq!(got, Target::Files(files));
    }

    #[test]
    fn a_glob_without_match_is_empty_and_a_plain_name_is_missing() {
        let source = members(&["main.nft"]);
        assert_eq!(resolve(&source, "b/main.nft", &reference("*.x")), Target::Files(Vec::new()));
        assert_eq!(resolve(&source, "b/main.nft", &reference("x.nft")), Target::Missing);
    }
}
