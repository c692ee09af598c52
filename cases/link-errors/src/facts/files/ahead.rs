//! Files of a line read before they are asked for, several at once.
//!
//! A line has thousands of files, and which they are is known before one is read. They are read in chunks, each into a table of names of its
//! own, by as many threads as there are; meanwhile the names of the chunks before are given their numbers. Chunks are cut by bytes, so that
//! numbers do not depend on how many threads there are. What is in one batch of chunks is the most that is held twice.

use std::cell::RefCell;
use std::collections::VecDeque;

use casebook_core::Bytes;
use rayon::prelude::*;

use super::{Added, Outside, rename};
use crate::model::input::File;
use crate::model::names::{Name, Names};

/// Files of less bytes together are read as they come: threads cost more than they save.
const WORTH: u64 = 1 << 20;
/// Bytes of files that are read into one table.
const CHUNK: u64 = 2 << 20;
/// Files of the same.
const CHUNK_FILES: usize = 256;
/// Chunks that are read at once, for each thread: what a batch holds is held twice while its names are given numbers.
const BATCH: usize = 4;
/// Chunks that are read at once at most.
const MOST_BATCH: usize = 64;

/// A file that will be asked for.
#[derive(Debug)]
pub struct Planned {
    /// Its name in the program.
    pub name: String,
    /// The path it was found at.
    pub path: String,
    /// Its bytes.
    pub bytes: Bytes,
}

/// Gives the bytes of a file that a thin archive names: the path of the archive, and the name as it has it.
pub type Beside<'a> = dyn Fn(&str, &str) -> Option<Bytes> + Sync + 'a;

/// Files that are read ahead.
pub struct Ahead<'a> {
    beside: &'a Beside<'a>,
    queue: RefCell<Queue>,
}

#[derive(Default)]
struct Queue {
    planned: VecDeque<Planned>,
    /// Read, with names of their own.
    read: Vec<Chunk>,
    /// With names of the program, in order.
    ready: VecDeque<One>,
}

struct Chunk {
    names: Names,
    files: Vec<One>,
}

/// A file with its members.
struct One {
    name: String,
    /// Where its bytes are in memory, which tells it from all others.
    bytes: (usize, usize),
    files: Vec<File>,
    added: Added,
}

impl<'a> Ahead<'a> {
    /// Files in the order they will be asked for; `None` where it is not worth it. Threads are those of the pool this is called in: outside of
    /// one, everything is read by the caller's.
    pub fn new(planned: Vec<Planned>, beside: &'a Beside<'a>) -> Option<Self> {
        let bytes: u64 = planned.iter().map(|file| file.bytes.as_slice().len() as u64).sum();
        let queue = Queue { planned: planned.into(), ..Queue::default() };
        (bytes >= WORTH).then(|| Self { beside, queue: RefCell::new(queue) })
    }

    /// The file, if it is the next of those that were planned, or one that follows soon; otherwise it is read now.
    pub fn add(
        &self,
        names: &mut Names,
        files: &mut Vec<File>,
        name: &str,
        bytes: &[u8],
        outside: &mut Outside<'_>,
    ) -> Added {
        let mut queue = self.queue.borrow_mut();
        if queue.ready.is_empty() {
            queue.fill(names, self.beside);
        }
        let wanted = place(bytes);
        let found = queue.ready.iter().position(|one| one.bytes == wanted && one.name == name);
        let Some(One { files: mut own, mut added, .. }) = found.and_then(|at| queue.ready.drain(..=at).next_back())
        else {
            return super::add(names, files, name, bytes, outside);
        };
        let first = files.len() as u32;
        // Numbers of files are known only now: who asks may have added others.
        own.iter_mut().for_each(|file| rename::moved(file, first));
        rename::added(&mut added, first);
        files.append(&mut own);
        added
    }
}

impl Queue {
    /// Numbers the names of what was read, and reads more meanwhile.
    fn fill(&mut self, names: &mut Names, beside: &Beside<'_>) {
        let Queue { planned, read, ready } = self;
        if read.is_empty() {
            *read = batch(planned, beside);
        }
        let chunks = std::mem::take(read);
        let number = move || -> Vec<One> {
            let numbers: Vec<Vec<Name>> = chunks.iter().map(|chunk| names.absorb(&chunk.names)).collect();
            let rename = |(chunk, names): (Chunk, Vec<Name>)| {
                let mut files = chunk.files;
                files.iter_mut().flat_map(|one| &mut one.files).for_each(|file| rename::names(file, &names));
                files
            };
            let pairs = chunks.into_iter().zip(numbers);
            if is_pool() {
                pairs.collect::<Vec<_>>().into_par_iter().flat_map_iter(rename).collect()
            } else {
                pairs.flat_map(rename).collect()
            }
        };
        let (numbered, more) = if is_pool() {
            rayon::join(number, || batch(planned, beside))
        } else {
            // One thread holds no batch it does not need yet.
            (number(), Vec::new())
        };
        ready.extend(numbered);
        *read = more;
    }
}

/// Reads the next files.
fn batch(planned: &mut VecDeque<Planned>, beside: &Beside<'_>) -> Vec<Chunk> {
    let mut chunks: Vec<Vec<Planned>> = Vec::new();
    let most = if is_pool() { (BATCH * rayon::current_num_threads()).min(MOST_BATCH) } else { BATCH };
    while chunks.len() < most {
        let (mut chunk, mut bytes) = (Vec::new(), 0);
        while chunk.len() < CHUNK_FILES && bytes < CHUNK {
            let Some(file) = planned.pop_front() else { break };
            bytes += file.bytes.as_slice().len() as u64;
            chunk.push(file);
        }
        if chunk.is_empty() {
            break;
        }
        chunks.push(chunk);
    }
    if is_pool() {
        chunks.into_par_iter().map(|chunk| self::chunk(chunk, beside)).collect()
    } else {
        chunks.into_iter().map(|chunk| self::chunk(chunk, beside)).collect()
    }
}

fn chunk(planned: Vec<Planned>, beside: &Beside<'_>) -> Chunk {
    let mut names = Names::default();
    let files = planned
        .into_iter()
        .map(|Planned { name, path, bytes }| {
            let mut files = Vec::new();
            let mut outside = |name: &str| beside(&path, name);
            let added = super::add(&mut names, &mut files, &name, bytes.as_slice(), &mut outside);
            // What was looked at is read again by those few who want a place in it.
            bytes.release(0..bytes.as_slice().len());
            One { name, bytes: place(bytes.as_slice()), files, added }
        })
        .collect();
    Chunk { names, files }
}

/// True within the threads of whoever runs the case.
fn is_pool() -> bool {
    rayon::current_thread_index().is_some()
}

fn place(bytes: &[u8]) -> (usize, usize) {
    (bytes.as_ptr().addr(), bytes.len())
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "objects come from the machine")]
mod tests {
    use super::*;
    use crate::model::input::Content;

    /// Files of the machine's C library and compiler, each three times.
    fn real() -> Vec<Planned> {
        let folder = "/usr/lib/x86_64-linux-gnu";
        let names = ["crt1.o", "libc_nonshared.a", "libm.so.6", "libc.so.6", "crti.o", "libpthread.a", "libc.a"];
        let mut out = Vec::new();
        for name in names.iter().chain(&names).chain(&names) {
            let path = format!("{folder}/{name}");
            if let Ok(bytes) = std::fs::read(&path) {
                out.push(Planned { name: (*name).to_owned(), path, bytes: Bytes::new(bytes) });
            }
        }
        out
    }

    type Read = (Names, Vec<File>, Vec<Added>);

    fn one_by_one(planned: &[Planned]) -> Read {
        let (mut names, mut files) = (Names::default(), Vec::new());
        let added = planned
            .iter()
            .map(|file| super::super::add(&mut names, &mut files, &file.name, file.bytes.as_slice(), &mut |_| None));
        let added = added.collect();
        (names, files, added)
    }

    fn ahead(planned: &[Planned]) -> Read {
        let (mut names, mut files) = (Names::default(), Vec::new());
        let copy =
            |file: &Planned| Planned { name: file.name.clone(), path: file.path.clone(), bytes: file.bytes.clone() };
        let beside = |_: &str, _: &str| None;
        let ahead = Ahead::new(planned.iter().map(copy).collect(), &beside).unwrap();
        // Every fifth is not asked for.
        let wanted = planned.iter().enumerate().filter(|(number, _)| number % 5 != 4);
        let added = wanted
            .map(|(_, file)| ahead.add(&mut names, &mut files, &file.name, file.bytes.as_slice(), &mut |_| None))
            .collect();
        (names, files, added)
    }

    /// Everything with names as text.
    fn told(names: &Names, content: &Content) -> Vec<String> {
        let text = |name: &Name| names.text(*name).into_owned();
        match content {
            Content::Object(object) => {
                let symbols = object.symbols.iter().map(|symbol| {
                    format!(
                        "{} {:?} {:?}",
                        text(&symbol.name),
                        symbol.version.map(|version| text(&version.name)),
                        symbol.definition
                    )
                });
                let sections = object.sections.iter().map(|section| text(&section.name));
                let groups = object.groups.iter().map(|group| text(&group.signature));
                symbols.chain(sections).chain(groups).chain([format!("{:?}", object.references)]).collect()
            }
            Content::Shared(shared) => {
                let symbols = shared.symbols.iter().map(|symbol| {
                    format!("{} {:?}", text(&symbol.name), symbol.version.map(|version| text(&version.name)))
                });
                let names =
                    shared.needed.iter().chain(&shared.local).chain(&shared.soname).chain(&shared.first_version);
                symbols.chain(names.map(text)).collect()
            }
            Content::Archive(archive) => {
                let index = archive.index.iter().flatten().map(|(name, member)| format!("{} {member}", text(name)));
                index.chain([format!("{:?}", archive.members)]).collect()
            }
            Content::Unusable(why) => vec![format!("{why:?}")],
        }
    }

    #[test]
    fn what_is_read_ahead_is_what_is_read_one_by_one() {
        let planned = real();
        if planned.len() < 6 {
            return println!("skipped: no C library to link with");
        }
        let wanted = planned.iter().enumerate().filter(|(number, _)| number % 5 != 4);
        let wanted: Vec<Planned> = wanted
            .map(|(_, file)| Planned { name: file.name.clone(), path: String::new(), bytes: file.bytes.clone() })
            .collect();
        let expected = one_by_one(&wanted);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
        for (names, files, added) in [ahead(&planned), pool.install(|| ahead(&planned))] {
            assert_eq!(files.len(), expected.1.len());
            for (file, other) in files.iter().zip(&expected.1) {
                assert_eq!((&file.name, file.archive), (&other.name, other.archive));
                assert_eq!(told(&names, &file.content), told(&expected.0, &other.content), "{}", file.name);
            }
            for (added, other) in added.iter().zip(&expected.2) {
                assert_eq!((added.file, &added.parts, &added.faults), (other.file, &other.parts, &other.faults));
            }
        }
    }

    #[test]
    fn numbers_of_names_do_not_depend_on_threads() {
        let planned = real();
        if planned.len() < 6 {
            return println!("skipped: no C library to link with");
        }
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
        let (alone, many) = (ahead(&planned).0, pool.install(|| ahead(&planned)).0);
        assert_eq!(alone.len(), many.len());
        assert!((0..alone.len() as u32).all(|number| alone.bytes(Name(number)) == many.bytes(Name(number))));
    }
}
