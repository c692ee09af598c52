//! The machine for verbs that read it again and again: its trees of groups, a file that grows, and the terminal.

use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Write as _};

use casebook_collect::cgroup;
use casebook_core::Watch;
use casebook_core::watch::{Append, Machine, Session, TreeRequest, WatchedTree};

#[cfg(target_os = "linux")]
mod keys;
#[cfg(target_os = "linux")]
mod session;

/// This machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Here;

/// Bytes of a file that are looked at before it grows.
const HEAD: u64 = 64 << 10;

impl Watch for Here {
    fn machine(&self) -> Machine {
        cgroup::clock::machine()
    }

    fn tree(&self, request: &TreeRequest<'_>) -> Result<Box<dyn WatchedTree>, String> {
        cgroup::watch::open(request).map(|tree| Box::new(tree) as Box<dyn WatchedTree>)
    }

    fn append(&self, path: &str) -> Result<Box<dyn Append>, String> {
        let said = |error: std::io::Error| format!("{path}: {error}");
        let regular = match fs::metadata(path) {
            Ok(meta) => meta.is_file(),
            Err(_) => true,
        };
        if !regular {
            return Err(format!("{path} is no file"));
        }
        let file = OpenOptions::new().create(true).append(true).read(true).open(path).map_err(said)?;
        let mut head = Vec::new();
        (&file).take(HEAD).read_to_end(&mut head).map_err(said)?;
        Ok(Box::new(Growing { path: path.to_owned(), file, head }))
    }

    #[cfg(target_os = "linux")]
    fn session(&self, full_screen: bool) -> Result<Box<dyn Session>, String> {
        session::Waiting::begin(full_screen).map(|session| Box::new(session) as Box<dyn Session>)
    }

    #[cfg(not(target_os = "linux"))]
    fn session(&self, _: bool) -> Result<Box<dyn Session>, String> {
        Err("control groups are Linux's".to_owned())
    }
}

/// A file that only grows (O_APPEND).
struct Growing {
    path: String,
    file: File,
    head: Vec<u8>,
}

impl Append for Growing {
    fn head(&self) -> &[u8] {
        &self.head
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.file.write_all(bytes).map_err(|error| format!("{}: {error}", self.path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_grows_and_shows_what_it_began_with() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r").to_string_lossy().into_owned();
        let mut file = Here.append(&path).unwrap();
        assert!(file.head().is_empty());
        file.append(b"one").unwrap();
        let mut again = Here.append(&path).unwrap();
        assert_eq!(again.head(), b"one");
        again.append(b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"onetwo");
        assert!(Here.append(&folder.path().to_string_lossy()).is_err());
    }
}
