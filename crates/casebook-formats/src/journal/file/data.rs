//! Data objects: `NAME=VALUE`, as it is or compressed.

use std::io::Read as _;

use super::object::{DATA, Object, word};

/// Flags of an object.
const XZ: u8 = 1;
const LZ4: u8 = 2;
const ZSTD: u8 = 4;

/// Header of a data object, and what the compact form adds to it.
const HEADER: usize = 64;
const COMPACT: usize = 8;

/// Names of fields are shorter.
const LONGEST_NAME: usize = 64;

/// Where the payload of a data object lies.
#[derive(Clone, Copy, Debug)]
pub(super) struct Payload {
    pub(super) start: usize,
    pub(super) end: usize,
    flags: u8,
}

impl Payload {
    pub(super) fn is_packed(self) -> bool {
        self.flags & (XZ | LZ4 | ZSTD) != 0
    }
}

#[inline]
pub(super) fn payload(bytes: &[u8], offset: u64, compact: bool) -> Option<Payload> {
    let object = Object::at_offset(bytes, offset).filter(|object| object.kind == DATA)?;
    let start = object.start + HEADER + if compact { COMPACT } else { 0 };
    (start <= object.end).then_some(Payload { start, end: object.end, flags: object.flags })
}

/// Name and value; the value is absent when it is larger than [`MAX_VALUE`](super::super::MAX_VALUE).
type Unpacked = (Vec<u8>, Option<Vec<u8>>);

/// Unpacks a payload whose name `wanted` takes; `None` for other names. The error says why it cannot.
pub(super) fn unpack(
    packed: &[u8],
    payload: Payload,
    wanted: impl Fn(&[u8]) -> bool,
) -> Result<Option<Unpacked>, &'static str> {
    if payload.flags & ZSTD != 0 {
        zstd(packed, wanted).ok_or("compressed data (ZSTD) is damaged")
    } else if payload.flags & LZ4 != 0 {
        lz4(packed, wanted)
    } else {
        Err("data compressed with XZ is not read")
    }
}

fn zstd(packed: &[u8], wanted: impl Fn(&[u8]) -> bool) -> Option<Option<Unpacked>> {
    let mut decoder = ruzstd::decoding::StreamingDecoder::new(packed).ok()?;
    // The name tells whether the rest is worth the work.
    let mut name = Vec::new();
    loop {
        let mut byte = [0];
        decoder.read_exact(&mut byte).ok()?;
        if byte[0] == b'=' {
            break;
        }
        name.push(byte[0]);
        if name.len() > LONGEST_NAME {
            return None;
        }
    }
    if !wanted(&name) {
        return Some(None);
    }
    let mut value = Vec::new();
    let most = super::super::MAX_VALUE;
    decoder.take(most as u64 + 1).read_to_end(&mut value).ok()?;
    Some(Some((name, (value.len() <= most).then_some(value))))
}

/// A size of 64 bits and a block of LZ4 (src/basic/compress.c, `decompress_blob_lz4`).
fn lz4(packed: &[u8], wanted: impl Fn(&[u8]) -> bool) -> Result<Option<Unpacked>, &'static str> {
    const DAMAGED: &str = "compressed data (LZ4) is damaged";
    let size = word(packed, 0).and_then(|size| usize::try_from(size).ok()).ok_or(DAMAGED)?;
    // LZ4 makes of one byte 255 at most.
    if size > super::super::MAX_VALUE || size / 256 > packed.len() {
        return Err("data compressed with LZ4 says that it is larger than can be read");
    }
    let all = lz4_flex::block::decompress(packed.get(8..).unwrap_or(&[]), size).map_err(|_| DAMAGED)?;
    let equals = all.iter().take(LONGEST_NAME + 1).position(|byte| *byte == b'=').ok_or(DAMAGED)?;
    let (name, value) = all.split_at(equals);
    Ok(wanted(name).then(|| (name.to_vec(), value.get(1..).map(<[u8]>::to_vec))))
}
