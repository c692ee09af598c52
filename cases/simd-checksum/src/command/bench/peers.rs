//! The crates people use today, as rows.

use casebook_checksum::Algorithm;

use super::{Run, looped};

/// A name and what it runs.
type Peer = (&'static str, Run);

/// The peers of an algorithm; the polynomial of the story has none.
pub(super) fn rows(algorithm: Algorithm) -> Vec<Peer> {
    match algorithm {
        Algorithm::Internet => {
            let mut rows: Vec<Peer> = vec![
                (
                    "internet-checksum",
                    looped(|bytes| u64::from(u16::from_be_bytes(internet_checksum::checksum(bytes)))),
                ),
                (
                    "etherparse",
                    looped(|bytes| {
                        u64::from(etherparse::checksum::Sum16BitWords::new().add_slice(bytes).ones_complement().to_be())
                    }),
                ),
            ];
            // They add into 32 bits: beyond 128 KiB they lose carries, and a build that checks arithmetic stops there.
            if !cfg!(debug_assertions) {
                rows.push(("smoltcp", looped(|bytes| u64::from(!smoltcp::wire::checksum::data(bytes)))));
                rows.push(("pnet_packet", looped(|bytes| u64::from(pnet_packet::util::checksum(bytes, usize::MAX)))));
            }
            rows
        }
        Algorithm::Crc32c => vec![
            ("crc32c", looped(|bytes| u64::from(crc32c::crc32c(bytes)))),
            ("crc-fast", looped(|bytes| crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32Iscsi, bytes))),
        ],
        Algorithm::Polynomial32 | Algorithm::Polynomial64 => Vec::new(),
    }
}
