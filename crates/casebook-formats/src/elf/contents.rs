//! What a section holds, unpacked where it is compressed.

use std::borrow::Cow;
use std::io::Read;

use flate2::read::ZlibDecoder;
use object::Endianness;
use object::elf::{CompressionHeader32, CompressionHeader64, ELFCOMPRESS_ZLIB, ELFCOMPRESS_ZSTD};
use object::read::elf::CompressionHeader;

use super::{Class, Elf, Section, place, row};
use crate::gap::Gaps;

/// Most bytes that are unpacked of one section.
pub const LARGEST_CONTENTS: usize = 1 << 28;

impl<'a> Elf<'a> {
    /// The bytes of a section, unpacked where it is compressed (`SHF_COMPRESSED`, or GNU's `.zdebug_` of old). `None`
    /// where they cannot be, or are more than [`LARGEST_CONTENTS`]; a gap says so.
    pub fn contents(&self, section: &Section<'a>, gaps: &mut Gaps) -> Option<Cow<'a, [u8]>> {
        let data = self.data(section);
        let unpacked = if section.is_compressed() {
            match self.header().machine.class {
                Class::Elf32 => unpack::<CompressionHeader32<Endianness>>(data, self.header().machine.order),
                Class::Elf64 => unpack::<CompressionHeader64<Endianness>>(data, self.header().machine.order),
            }
        } else if section.name.starts_with(b".zdebug_") && data.starts_with(b"ZLIB") {
            // Its size follows as eight bytes, the highest first, on every machine.
            let size = data.get(4..).and_then(|rest| rest.first_chunk()).map(|size| u64::from_be_bytes(*size));
            match (size, data.get(12..)) {
                (Some(size), Some(packed)) => exactly(ZlibDecoder::new(packed), size),
                _ => Err("a compressed section ends inside of its header"),
            }
        } else {
            return Some(Cow::Borrowed(data));
        };
        match unpacked {
            Ok(bytes) => Some(Cow::Owned(bytes)),
            Err(why) => {
                let (start, end) = place(self.bytes(), section.offset, section.size);
                gaps.add(start, end, format!("section {}: {why}", section.index));
                None
            }
        }
    }
}

fn unpack<C: CompressionHeader<Endian = Endianness>>(data: &[u8], order: Endianness) -> Result<Vec<u8>, &'static str> {
    let (header, packed) =
        row::<C>(data, 0).zip(data.get(size_of::<C>()..)).ok_or("a compressed section ends inside of its header")?;
    let size = header.ch_size(order).into();
    match header.ch_type(order) {
        ELFCOMPRESS_ZLIB => exactly(ZlibDecoder::new(packed), size),
        ELFCOMPRESS_ZSTD => {
            let decoder =
                ruzstd::decoding::StreamingDecoder::new(packed).map_err(|_| "compressed data (zstd) is damaged")?;
            exactly(decoder, size)
        }
        _ => Err("it is compressed in a way that is not known"),
    }
}

/// Reads what the header says there is, and no more.
fn exactly(reader: impl Read, size: u64) -> Result<Vec<u8>, &'static str> {
    if size > LARGEST_CONTENTS as u64 {
        return Err("compressed data is larger than is read");
    }
    let mut bytes = Vec::new();
    reader.take(size).read_to_end(&mut bytes).map_err(|_| "compressed data is damaged")?;
    if bytes.len() as u64 == size { Ok(bytes) } else { Err("compressed data is shorter than its header says") }
}
