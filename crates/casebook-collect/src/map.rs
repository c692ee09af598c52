//! Whole files as shared bytes: small ones are copied, large ones are mapped.

use std::fs::File;
use std::io::{self, Read as _};
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use casebook_core::{Bytes, Content};

/// From here on a mapping takes less than a copy: readers of object files look at a part of each, and a link has thousands.
pub(crate) const MAP_FROM: u64 = 16 << 10;
/// Files below this size are copied once there are [`FEW_MAPS`] mappings, larger ones once there are [`MOST_MAPS`]: Linux gives a process 65 530
/// (vm.max_map_count), and the allocator needs some of them.
const SMALL: u64 = 256 << 10;
const FEW_MAPS: usize = 32 << 10;
const MOST_MAPS: usize = 60_000;

/// Mappings there are.
static MAPS: AtomicUsize = AtomicUsize::new(0);

/// The content of `file`, at most `limit` bytes of it; `size` is what the directory says.
pub(crate) fn read(mut file: File, size: u64, limit: u64) -> io::Result<Bytes> {
    let maps = MAPS.load(Ordering::Relaxed);
    let most = if size < SMALL { FEW_MAPS } else { MOST_MAPS };
    if size >= MAP_FROM && (maps < most || size > crate::MAX_EVIDENCE_BYTES) {
        return map(&file);
    }
    let limit = limit.min(crate::MAX_EVIDENCE_BYTES);
    // Files of /proc say 0 and hold more, so the limit is kept while reading.
    let mut bytes = Vec::with_capacity(size as usize);
    io::Read::by_ref(&mut file).take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "grew while it was read"));
    }
    Ok(Bytes::new(bytes))
}

/// A mapped file, which gives back pages nobody reads any more.
struct Mapped(memmap2::Mmap);

impl Drop for Mapped {
    fn drop(&mut self) {
        MAPS.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Content for Mapped {
    fn as_slice(&self) -> &[u8] {
        &self.0
    }

    #[allow(unsafe_code, reason = "madvise has no safe form for advice that drops pages")]
    fn release(&self, range: Range<usize>) {
        // Whole pages, of the largest size of the machines this runs on; smaller pages lose nothing. The page in which the
        // range begins goes too: a reader that releases one range after the other would keep one page of each otherwise,
        // and what is still wanted of it is read again.
        const PAGE: usize = 64 << 10;
        let start = range.start / PAGE * PAGE;
        // The last page of the file ends with it.
        let end = if range.end >= self.0.len() { self.0.len() } else { range.end / PAGE * PAGE };
        if start >= end {
            return;
        }
        // SAFETY: MADV_DONTNEED drops the pages of the range, which lies inside of the mapping. The mapping is of a file
        // and was never written (`Mmap` gives no way to), so no page of it is anonymous: the next access reads the file
        // again and finds the same bytes, as it would after the kernel itself had evicted the page. `&[u8]` that point
        // into the range stay valid.
        let advised = unsafe { self.0.unchecked_advise_range(memmap2::UncheckedAdvice::DontNeed, start, end - start) };
        // A kernel that refuses only keeps the memory.
        if let Err(error) = advised {
            tracing::debug!(%error, "madvise");
        }
    }
}

#[allow(unsafe_code, reason = "a mapping has no safe constructor")]
pub(crate) fn map(file: &File) -> io::Result<Bytes> {
    // SAFETY: the mapping is private and read-only. Its bytes are only ever handed out as `&[u8]`, and no
    // parser keeps a promise about them across reads that would break memory safety if another process wrote
    // to the file meanwhile: every access is bounds-checked. A file cut short while mapped raises SIGBUS,
    // which ends this process and corrupts nothing.
    let map = unsafe { memmap2::Mmap::map(file)? };
    MAPS.fetch_add(1, Ordering::Relaxed);
    Ok(Bytes::of(Mapped(map)))
}
