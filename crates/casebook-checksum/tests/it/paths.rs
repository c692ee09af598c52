//! The table of versions against the plainest one.

use crate::{Aligned, noise};
use casebook_checksum::{Algorithm, Implementation, Path, implementations};

const SEED: u64 = 0x5eed;
const LENGTHS: usize = if cfg!(miri) { 150 } else { 320 };
const ALIGNMENTS: usize = if cfg!(miri) { 3 } else { 64 };

fn reference(algorithm: Algorithm, bytes: &[u8]) -> Option<u64> {
    Implementation { algorithm, path: Path::Reference }.run(bytes)
}

/// Compares every version on `bytes` with `expected`, adds to the count, and gives the versions that differ; the one a caller
/// gets without naming it stands as the reference.
fn differing(algorithm: Algorithm, bytes: &[u8], expected: Option<u64>, compared: &mut usize) -> Vec<Path> {
    let others = implementations().filter(|version| version.algorithm == algorithm && version.path != Path::Reference);
    let mut wrong: Vec<Path> = others
        .inspect(|_| *compared += 1)
        .filter(|version| version.run(bytes) != expected)
        .map(|version| version.path)
        .collect();
    if Some(algorithm.run(bytes)) != expected {
        wrong.push(Path::Reference);
    }
    wrong
}

#[test]
fn every_short_length_at_every_alignment_is_the_reference() {
    let mut contents = vec![noise(SEED, 512), vec![0xff; 512]];
    if !cfg!(miri) {
        contents.extend([vec![0; 512], vec![0x80; 512], [0xff, 0xfe].repeat(256), [0x00, 0x01].repeat(256)]);
    }
    let (mut compared, mut disagreed) = (0, 0);
    for content in contents {
        let buffer = Aligned(content.try_into().unwrap());
        for algorithm in Algorithm::ALL {
            for alignment in 0..ALIGNMENTS {
                for length in (0..=LENGTHS).step_by(if cfg!(miri) { 7 } else { 1 }) {
                    let bytes = &buffer.0[alignment..alignment + length];
                    let wrong = differing(algorithm, bytes, reference(algorithm, bytes), &mut compared);
                    if !wrong.is_empty() {
                        disagreed += wrong.len();
                        println!("{algorithm:?} of {length} bytes at {alignment}: {wrong:?}");
                    }
                }
            }
        }
    }
    println!("{compared} compared, {disagreed} disagreed (seed {SEED:#x})");
    assert_eq!(disagreed, 0);
}

/// All ones carry the most: a 32-bit lane that is never emptied overflows after 128 KiB of them, sixteen lanes after 2 MiB.
#[test]
#[cfg(not(miri))]
fn long_inputs_of_all_ones_and_of_noise_are_the_reference() {
    const LENGTHS: [usize; 7] = [65_535, 65_537, 131_073, 262_145 + 62, (1 << 20) + 3, (4 << 20) + 129, (16 << 20) + 5];
    let (mut compared, mut disagreed) = (0, 0);
    for content in [vec![0xff; 17 << 20], noise(SEED, 17 << 20)] {
        for algorithm in Algorithm::ALL {
            for length in LENGTHS {
                let bytes = &content[3..3 + length];
                // The CRC's definition goes bit by bit; over a mebibyte the table stands in for it.
                let plain =
                    if algorithm == Algorithm::Crc32c && length > 1 << 21 { Path::Scalar } else { Path::Reference };
                let expected = Implementation { algorithm, path: plain }.run(bytes);
                let wrong = differing(algorithm, bytes, expected, &mut compared);
                if !wrong.is_empty() {
                    disagreed += wrong.len();
                    println!("{algorithm:?} of {length} bytes: {wrong:?}");
                }
            }
        }
    }
    println!("{compared} compared, {disagreed} disagreed (seed {SEED:#x})");
    assert_eq!(disagreed, 0);
}

#[test]
fn the_definition_and_a_scalar_version_are_always_there() {
    for algorithm in Algorithm::ALL {
        let paths: Vec<Path> = implementations().filter(|v| v.algorithm == algorithm).map(|v| v.path).collect();
        assert_eq!(paths[..2], [Path::Reference, Path::Scalar], "{algorithm:?}");
        println!("{}: {}", algorithm.name(), paths.iter().map(|p| p.name()).collect::<Vec<_>>().join(", "));
    }
}

#[cfg(not(miri))]
proptest::proptest! {
    #[test]
    fn random_stretches_are_the_reference(seed: u64, length in 0usize..20_000, start in 0usize..70) {
        let content = noise(seed, start + length);
        for algorithm in Algorithm::ALL {
            let bytes = &content[start..];
            let wrong = differing(algorithm, bytes, reference(algorithm, bytes), &mut 0);
            proptest::prop_assert!(wrong.is_empty(), "{:?}: {:?}", algorithm, wrong);
        }
    }
}
