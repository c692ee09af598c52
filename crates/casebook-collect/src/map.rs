//! Whole files as shared bytes: small ones are copied, large ones are mapped.

use std::fs::File;
use std::io::{self, Read as _};

use casebook_core::Bytes;

/// From here on a copy costs more than a mapping.
const MAP_FROM: u64 = 4 << 20;

/// The content of `file`, at most `limit` bytes of it; `size` is what the directory says.
pub(crate) fn read(mut file: File, size: u64, limit: u64) -> io::Result<Bytes> {
    if size >= MAP_FROM {
        return map(&file);
    }
    // Files of /proc say 0 and hold more, so the limit is kept while reading.
    let mut bytes = Vec::with_capacity(size as usize);
    io::Read::by_ref(&mut file).take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "grew while it was read"));
    }
    Ok(Bytes::new(bytes))
}

#[allow(unsafe_code, reason = "a mapping has no safe constructor")]
fn map(file: &File) -> io::Result<Bytes> {
    // SAFETY: the mapping is private and read-only. Its bytes are only ever handed out as `&[u8]`, and no
    // parser keeps a promise about them across reads that would break memory safety if another process wrote
    // to the file meanwhile: every access is bounds-checked. A file cut short while mapped raises SIGBUS,
    // which ends this process and corrupts nothing.
    let map = unsafe { memmap2::Mmap::map(file)? };
    Ok(Bytes::new(map))
}
