//! One group of a tree that is watched, and its open files.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use casebook_core::watch::Visit;

use crate::cgroup::live::is_gone;

/// The longest text that is read of a file.
const MAX_FILE: usize = 1 << 20;
/// A reading shorter than this has all of it: seq_file fills a page at least before it gives less than was asked for
/// (fs/seq_file.c `seq_read_iter`).
const WHOLE: usize = 2048;

/// The group is gone.
pub(super) struct Gone;

/// What changes of a folder when folders in it come or go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) inode: u64,
    /// kernfs counts a folder's folders here (fs/kernfs/inode.c `kernfs_refresh_inode`).
    links: u64,
    /// What other file systems change.
    modified: (i64, i64),
}

impl Stamp {
    pub(super) fn of(folder: &Path) -> Option<Self> {
        let meta = fs::symlink_metadata(folder).ok().filter(fs::Metadata::is_dir)?;
        Some(Self { inode: meta.ino(), links: meta.nlink(), modified: (meta.mtime(), meta.mtime_nsec()) })
    }
}

/// A file that is kept open when there is room.
#[derive(Debug)]
pub(super) struct Slot {
    path: PathBuf,
    file: Option<File>,
    /// There is none, or it gives nothing.
    absent: bool,
}

impl Slot {
    pub(super) fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), file: None, absent: false }
    }

    /// Reads it from the beginning; the length of what is in the buffer.
    pub(super) fn read(&mut self, buffer: &mut Vec<u8>, room: &mut usize) -> io::Result<usize> {
        if let Some(file) = &self.file {
            return whole(file, buffer);
        }
        let file = File::open(&self.path)?;
        let length = whole(&file, buffer)?;
        if *room > 0 {
            *room -= 1;
            self.file = Some(file);
        }
        Ok(length)
    }
}

fn whole(file: &File, buffer: &mut Vec<u8>) -> io::Result<usize> {
    let mut length = 0;
    loop {
        if length == buffer.len() {
            if length >= MAX_FILE {
                return Ok(length);
            }
            buffer.resize(length * 2, 0);
        }
        match file.read_at(&mut buffer[length..], length as u64) {
            Ok(0) => return Ok(length),
            Ok(read) => length += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        }
        if length < WHOLE {
            return Ok(length);
        }
    }
}

/// A group.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) number: u32,
    pub(super) folder: PathBuf,
    pub(super) path: String,
    pub(super) stamp: Stamp,
    slots: Vec<Slot>,
}

impl Node {
    pub(super) fn new(number: u32, folder: PathBuf, path: String, stamp: Stamp, names: &[&str]) -> Self {
        let slots = names.iter().map(|name| Slot::at(folder.join(name))).collect();
        Self { number, folder, path, stamp, slots }
    }

    pub(super) fn open_files(&self) -> usize {
        self.slots.iter().filter(|slot| slot.file.is_some()).count()
    }
}

/// Reads the files of a group that are wanted.
pub(super) fn read(
    node: &mut Node,
    again: bool,
    buffer: &mut Vec<u8>,
    room: &mut usize,
    visit: &mut dyn Visit,
) -> Result<(), Gone> {
    for (index, slot) in node.slots.iter_mut().enumerate() {
        if (slot.absent && !again) || !visit.wants(node.number, index) {
            continue;
        }
        match slot.read(buffer, room) {
            Ok(length) => {
                slot.absent = false;
                visit.read(node.number, index, buffer.get(..length).unwrap_or_default());
            }
            // The folder is asked only now: a file that a group does not have is no reason to think it gone.
            Err(error) if is_gone(&error) && Stamp::of(&node.folder).is_none() => return Err(Gone),
            Err(_) => {
                *room += usize::from(slot.file.take().is_some());
                slot.absent = true;
            }
        }
    }
    Ok(())
}
