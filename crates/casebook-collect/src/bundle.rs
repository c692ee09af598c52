//! Bundles: `.tar`, `.tar.gz` and `.tar.zst`, read in memory. Nothing is ever unpacked to disk, and a
//! bundle that is built to fill memory or to reach outside itself loses only the members that try.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

use casebook_core::{Bytes, Coverage};

use crate::Options;
use crate::source::{Members, too_large};

/// Content of one bundle that is kept.
const MAX_KEPT: u64 = 256 << 20;
/// Content of one bundle that is unpacked at all.
const MAX_UNPACKED: u64 = 4 << 30;
/// What a packed byte may unpack to, above `SLACK`. Text evidence stays far below.
const MAX_RATIO: u64 = 200;
const SLACK: u64 = 64 << 20;
const MAX_MEMBERS: usize = 100_000;
/// Names and attributes of a member, as extended headers carry them.
const MAX_HEADER: u64 = 64 << 10;

/// How a bundle is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Not at all.
    Plain,
    /// gzip.
    Gzip,
    /// Zstandard.
    Zstd,
}

/// The form of a bundle that begins with these bytes; `None` when it is none.
pub fn form(head: &[u8]) -> Option<Form> {
    if head.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        Some(Form::Zstd)
    } else if head.starts_with(&[0x1f, 0x8b]) {
        Some(Form::Gzip)
    } else if head.get(257..262) == Some(b"ustar") {
        Some(Form::Plain)
    } else {
        None
    }
}

/// What a bundle held.
pub(crate) struct Opened {
    pub(crate) members: Members,
    pub(crate) lines: Vec<Coverage>,
    pub(crate) notices: Vec<String>,
}

/// Counts the packed bytes that were needed so far.
struct Counted<R> {
    inner: R,
    count: Rc<Cell<u64>>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.count.set(self.count.get() + read as u64);
        Ok(read)
    }
}

/// Stops with an error where unpacked bytes outgrow the packed ones.
struct Guarded<R> {
    inner: R,
    packed: Option<Rc<Cell<u64>>>,
    unpacked: u64,
    most: u64,
}

impl<R: Read> Read for Guarded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.unpacked += read as u64;
        if self.unpacked > self.most {
            return Err(io::Error::other(format!("it unpacks to more than {} bytes", self.most)));
        }
        if let Some(packed) = &self.packed {
            let packed = packed.get();
            if self.unpacked > SLACK + packed.saturating_mul(MAX_RATIO) {
                return Err(io::Error::other(format!(
                    "{packed} packed bytes unpack to more than {} bytes, over {MAX_RATIO} to 1",
                    self.unpacked
                )));
            }
        }
        Ok(read)
    }
}

/// True when what is packed is an archive, or so little that it does not matter.
pub(crate) fn is_archive(head: &[u8]) -> bool {
    // A tar archive of no members is zeros.
    head.get(257..262) == Some(b"ustar") || head.iter().all(|byte| *byte == 0)
}

/// The bytes that are packed, guarded against what unpacks to far more than it is.
pub(crate) fn unpacked<'r>(packed: impl Read + 'r, form: Form) -> io::Result<Box<dyn Read + 'r>> {
    let count = Rc::new(Cell::new(0));
    let packed = io::BufReader::new(Counted { inner: packed, count: Rc::clone(&count) });
    // What goes to a file on disk has its own limit.
    let most = u64::MAX;
    Ok(match form {
        Form::Plain => Box::new(packed),
        Form::Gzip => {
            let inner = flate2::read::MultiGzDecoder::new(packed);
            Box::new(Guarded { inner, packed: Some(count), unpacked: 0, most })
        }
        Form::Zstd => {
            let inner = Frames { packed: Some(packed), decoder: None };
            Box::new(Guarded { inner, packed: Some(count), unpacked: 0, most })
        }
    })
}

/// Zstandard frames one after the other, as `zstd -T` and `cat a.zst b.zst` write them.
struct Frames<R: io::BufRead> {
    packed: Option<R>,
    decoder: Option<ruzstd::decoding::StreamingDecoder<R, ruzstd::decoding::FrameDecoder>>,
}

impl<R: io::BufRead> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(mut packed) = self.packed.take() {
                if packed.fill_buf()?.is_empty() {
                    self.packed = Some(packed);
                    return Ok(0);
                }
                let decoder = ruzstd::decoding::StreamingDecoder::new(packed);
                self.decoder = Some(decoder.map_err(|error| io::Error::other(error.to_string()))?);
            }
            let Some(decoder) = &mut self.decoder else { return Ok(0) };
            let read = decoder.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            self.packed = self.decoder.take().map(ruzstd::decoding::StreamingDecoder::into_inner);
        }
    }
}

/// Reads the bundle at `path`.
pub(crate) fn open(path: &str, packed: impl Read, form: Form, options: &Options) -> Opened {
    let members = Members { bundle: path.to_owned(), ..Members::default() };
    let mut opened = Opened { members, lines: Vec::new(), notices: Vec::new() };
    let count = Rc::new(Cell::new(0));
    let packed = Counted { inner: packed, count: Rc::clone(&count) };
    let result = match form {
        Form::Plain => {
            read(Guarded { inner: packed, packed: None, unpacked: 0, most: MAX_UNPACKED }, &mut opened, options)
        }
        Form::Gzip => {
            let inner = flate2::read::MultiGzDecoder::new(io::BufReader::new(packed));
            read(Guarded { inner, packed: Some(count), unpacked: 0, most: MAX_UNPACKED }, &mut opened, options)
        }
        Form::Zstd => match ruzstd::decoding::StreamingDecoder::new(io::BufReader::new(packed)) {
            Ok(inner) => {
                read(Guarded { inner, packed: Some(count), unpacked: 0, most: MAX_UNPACKED }, &mut opened, options)
            }
            Err(error) => Err(io::Error::other(error.to_string())),
        },
    };
    if let Err(error) = result {
        let rest = if opened.members.files.is_empty() { "nothing of it was read" } else { "the rest was not read" };
        opened.lines.push(Coverage::failed(path, "bundle", 0, format!("{error}; {rest}")));
    }
    let missing =
        opened.members.files.get(crate::pack::MANIFEST).map(|manifest| not_collected(path, manifest.as_slice()));
    opened.lines.extend(missing.into_iter().flatten());
    opened
}

/// What the manifest says could not be read where the bundle was made: without it a reader takes silence for health.
fn not_collected(bundle: &str, manifest: &[u8]) -> Vec<Coverage> {
    let manifest: serde_json::Value = serde_json::from_slice(manifest).unwrap_or_default();
    let entries = manifest["entries"].as_array().map_or(&[][..], Vec::as_slice);
    let failed = entries.iter().filter_map(|entry| {
        let (name, error) = (entry["name"].as_str()?, entry["error"].as_str()?);
        let lost = entry["without"].as_str().map(|without| format!("; {without}")).unwrap_or_default();
        Some(Coverage::failed(format!("{bundle}/{name}"), "unknown", 0, format!("not collected: {error}{lost}")))
    });
    failed.take(MAX_MEMBERS).collect()
}

fn read(tar: impl Read, opened: &mut Opened, options: &Options) -> io::Result<()> {
    let mut archive = tar::Archive::new(tar);
    let (mut kept, mut count) = (0_u64, 0_usize);
    let mut long_name: Option<String> = None;
    // Raw entries: the crate would read a name of any length into memory before it could be refused.
    for entry in archive.entries()?.raw(true) {
        let mut entry = entry?;
        count += 1;
        if count > MAX_MEMBERS {
            return Err(io::Error::other(format!("it has more than {MAX_MEMBERS} members")));
        }
        let kind = entry.header().entry_type();
        let size = entry.header().entry_size()?;
        if kind.is_gnu_longname() || kind.is_pax_local_extensions() {
            let mut bytes = Vec::new();
            (&mut entry).take(MAX_HEADER + 1).read_to_end(&mut bytes)?;
            if bytes.len() as u64 > MAX_HEADER {
                return Err(io::Error::other(format!("the name of member {count} is over {MAX_HEADER} bytes")));
            }
            long_name = if kind.is_gnu_longname() { Some(text(&bytes)) } else { pax_path(&bytes).or(long_name) };
            continue;
        }
        if kind.is_pax_global_extensions() || kind.is_gnu_longlink() {
            continue;
        }
        let name = long_name.take().unwrap_or_else(|| text(&entry.header().path_bytes()));
        if kind.is_dir() {
            continue;
        }
        let shown = format!("{}/{name}", opened.members.bundle);
        let refuse = |why: String| Coverage::failed(shown.as_str(), "unknown", size, why);
        let Some(inner) = inside(&name) else {
            let shown = format!("{}: member {name}", opened.members.bundle);
            let why = "its path leads out of the bundle; the member was not read";
            opened.lines.push(Coverage::failed(shown, "unknown", size, why));
            continue;
        };
        if !kind.is_file() && !kind.is_contiguous() {
            opened.lines.push(refuse(format!("{}; only regular files are read from a bundle", what(kind))));
            continue;
        }
        if size > options.max_evidence_bytes {
            opened.lines.push(refuse(too_large(size, options.max_evidence_bytes)));
            continue;
        }
        if kept + size > MAX_KEPT {
            opened
                .lines
                .push(refuse(format!("the bundle's members are over {MAX_KEPT} bytes; unpack it and give the folder")));
            continue;
        }
        let mut bytes = Vec::with_capacity(size.min(64 << 20) as usize);
        entry.read_to_end(&mut bytes)?;
        if (bytes.len() as u64) < size {
            opened.lines.push(refuse(format!("cut off after {} of {size} bytes", bytes.len())));
            return Ok(());
        }
        kept += size;
        // A later member of the same name replaces the earlier one, as tar itself unpacks them.
        opened.members.files.insert(inner, Bytes::new(bytes));
    }
    if count == 0 {
        return Err(io::Error::other("it holds no tar archive"));
    }
    Ok(())
}

/// The path inside the bundle; `None` when it is absolute or climbs.
fn inside(name: &str) -> Option<String> {
    if name.starts_with('/') || name.split('/').any(|part| part == "..") || name.contains('\0') {
        return None;
    }
    let inner = crate::source::clean(name);
    (!inner.is_empty()).then_some(inner)
}

fn what(kind: tar::EntryType) -> &'static str {
    if kind.is_symlink() {
        "a symbolic link"
    } else if kind.is_hard_link() {
        "a hard link"
    } else if kind.is_character_special() || kind.is_block_special() {
        "a device"
    } else if kind.is_fifo() {
        "a named pipe"
    } else if kind.is_gnu_sparse() {
        "a sparse file"
    } else {
        "of a type that is not known"
    }
}

fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

/// `path` of a pax extended header, whose records are `LENGTH KEY=VALUE\n`.
fn pax_path(bytes: &[u8]) -> Option<String> {
    let mut rest = bytes;
    while let Some(space) = rest.iter().position(|byte| *byte == b' ') {
        let length: usize = std::str::from_utf8(&rest[..space]).ok()?.parse().ok()?;
        let record = rest.get(space + 1..length)?;
        if let Some(value) = record.strip_prefix(b"path=") {
            return Some(text(value.strip_suffix(b"\n").unwrap_or(value)));
        }
        rest = rest.get(length..)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_collected_is_told() {
        let manifest = br#"{"entries": [{"name": "a.txt", "error": "no such file", "without": "b stays unknown"}, {"name": "c", "error": null}]}"#;
        let lines = not_collected("x.tar", manifest);
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0].path, "x.tar/a.txt");
        assert_eq!(lines[0].note.as_deref(), Some("not collected: no such file; b stays unknown"));
        assert!(not_collected("x.tar", b"{").is_empty());
    }

    #[test]
    fn paths_that_leave_the_bundle_are_refused() {
        for name in ["/etc/passwd", "../x", "a/../../x", "a/.."] {
            assert_eq!(inside(name), None, "{name}");
        }
        assert_eq!(inside("./a/b").as_deref(), Some("a/b"));
    }

    #[test]
    fn pax_records_are_split_by_length() {
        assert_eq!(pax_path(b"12 mtime=1.0\n18 path=long/name\n"), None, "a length that does not fit");
        assert_eq!(pax_path(b"13 mtime=1.0\n18 path=long/name\n").as_deref(), Some("long/name"));
    }
}
