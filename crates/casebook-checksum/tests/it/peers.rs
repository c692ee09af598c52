//! Other people's crates, as an independent opinion.

use crate::noise;
use casebook_checksum::{crc32c, internet};

#[test]
fn peers_compute_the_same() {
    const SEED: u64 = 77;
    let content = noise(SEED, 3100);
    let (mut compared, mut disagreed) = (0, 0);
    for length in 0..3000 {
        let bytes = &content[length % 97..length % 97 + length];
        let ours = internet::checksum(bytes);
        let crc = crc32c::checksum(bytes);
        let opinions = [
            (u32::from(u16::from_be_bytes(internet_checksum::checksum(bytes))), u32::from(ours)),
            (::crc32c::crc32c(bytes), crc),
            (crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32Iscsi, bytes) as u32, crc),
        ];
        compared += opinions.len();
        disagreed += opinions.iter().filter(|(theirs, ours)| theirs != ours).count();
    }
    println!("{compared} compared, {disagreed} disagreed (seed {SEED})");
    assert_eq!(disagreed, 0);
}
