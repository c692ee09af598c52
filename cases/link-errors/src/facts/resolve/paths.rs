//! Paths as text. Nothing is looked up: `..` is taken away as text, which is right where no symbolic link is on the way.

/// `path` seen from `folder`; as it is when it is absolute or no folder is known.
pub fn join(folder: Option<&str>, path: &str) -> String {
    match folder {
        Some(folder) if !path.starts_with('/') && !folder.is_empty() => {
            if folder.ends_with('/') {
                format!("{folder}{path}")
            } else {
                format!("{folder}/{path}")
            }
        }
        _ => path.to_owned(),
    }
}

/// The same path without `.`, `..` and doubled slashes.
pub fn clean(path: &str) -> String {
    let absolute = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if absolute => {}
            part => parts.push(part),
        }
    }
    let joined = parts.join("/");
    match (absolute, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".to_owned(),
        (false, false) => joined,
    }
}

/// The part behind the last slash.
pub fn base(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The part before the last slash; `None` when there is none.
pub fn parent(path: &str) -> Option<&str> {
    match path.rsplit_once('/') {
        Some(("", _)) => Some("/"),
        Some((folder, _)) => Some(folder),
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_that_say_nothing_go() {
        assert_eq!(clean("/usr/lib/gcc/x/12/../../../x/libz.so"), "/usr/lib/x/libz.so");
        assert_eq!(clean("./a//b/../c"), "a/c");
        assert_eq!(clean("../a"), "../a");
        assert_eq!(clean("/.."), "/");
        assert_eq!(clean("a/.."), ".");
    }

    #[test]
    fn names_are_seen_from_their_folder() {
        assert_eq!(join(Some("/b"), "x/a.o"), "/b/x/a.o");
        assert_eq!(join(Some("/b"), "/a.o"), "/a.o");
        assert_eq!(join(None, "a.o"), "a.o");
    }
}
