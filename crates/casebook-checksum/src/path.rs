//! The versions by name, and the table of all of them for tests and benches.

use crate::{crc32c, internet, polynomial};

/// A version of a checksum. All give the same value; they differ in what they need and how fast they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Path {
    /// The definition, as the RFC writes it. Slow and plain.
    Reference,
    /// No SIMD instructions by name: 64-bit words, tables, or lanes the compiler may turn into vectors.
    Scalar,
    /// x86-64 with AVX2.
    Avx2,
    /// x86-64 with AVX-512 F, BW, VL and DQ; for CRC-32C also `vpclmulqdq` and SSE4.2.
    Avx512,
    /// x86-64 with AVX-512 and its VNNI.
    Avx512Vnni,
    /// x86-64 with SSE4.2: the `crc32` instruction.
    Sse42,
    /// aarch64: NEON, which every such processor has.
    Neon,
    /// aarch64 with the CRC extension: the `crc32c` instructions.
    ArmCrc,
    /// `std::simd`, with the feature `portable` on a nightly compiler.
    Portable,
}

impl Path {
    /// Every version, in the order of [`implementations`].
    pub const ALL: [Path; 9] = [
        Path::Reference,
        Path::Scalar,
        Path::Sse42,
        Path::Avx2,
        Path::Avx512,
        Path::Avx512Vnni,
        Path::Neon,
        Path::ArmCrc,
        Path::Portable,
    ];

    /// The name in tables: `avx512-vnni`.
    pub const fn name(self) -> &'static str {
        match self {
            Path::Reference => "reference",
            Path::Scalar => "scalar",
            Path::Avx2 => "avx2",
            Path::Avx512 => "avx512",
            Path::Avx512Vnni => "avx512-vnni",
            Path::Sse42 => "sse4.2",
            Path::Neon => "neon",
            Path::ArmCrc => "arm-crc",
            Path::Portable => "std-simd",
        }
    }
}

/// What is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// [`internet::checksum`].
    Internet,
    /// [`crc32c::checksum`].
    Crc32c,
    /// [`polynomial::hash32`] with K = 31, starting with 0.
    Polynomial32,
    /// [`polynomial::hash64`] with K = 31, starting with 0.
    Polynomial64,
}

impl Algorithm {
    /// Every algorithm, in the order of [`implementations`].
    pub const ALL: [Algorithm; 4] =
        [Algorithm::Internet, Algorithm::Crc32c, Algorithm::Polynomial32, Algorithm::Polynomial64];

    /// The name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Algorithm::Internet => "internet",
            Algorithm::Crc32c => "crc32c",
            Algorithm::Polynomial32 => "polynomial32",
            Algorithm::Polynomial64 => "polynomial64",
        }
    }

    /// The value for `bytes` by the version a caller gets without naming one.
    #[inline]
    pub fn run(self, bytes: &[u8]) -> u64 {
        match self {
            Algorithm::Internet => u64::from(internet::checksum(bytes)),
            Algorithm::Crc32c => u64::from(crc32c::checksum(bytes)),
            Algorithm::Polynomial32 => u64::from(polynomial::hash32(0, 31, bytes)),
            Algorithm::Polynomial64 => polynomial::hash64(0, 31, bytes),
        }
    }
}

/// One version of one algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Implementation {
    /// What it computes.
    pub algorithm: Algorithm,
    /// Which version it is.
    pub path: Path,
}

impl Implementation {
    /// The value for `bytes`; `None` when this processor or this build does not have the version.
    #[inline]
    pub fn run(self, bytes: &[u8]) -> Option<u64> {
        match self.algorithm {
            Algorithm::Internet => internet::sum_by(self.path, bytes).map(|sum| u64::from(sum.checksum())),
            Algorithm::Crc32c => crc32c::append_by(self.path, 0, bytes).map(u64::from),
            Algorithm::Polynomial32 => polynomial::hash32_by(self.path, 0, 31, bytes).map(u64::from),
            Algorithm::Polynomial64 => polynomial::hash64_by(self.path, 0, 31, bytes),
        }
    }

    /// Whether this processor and this build have it.
    pub fn is_available(self) -> bool {
        self.run(&[]).is_some()
    }
}

/// The versions this processor and this build have, by algorithm, the plainest first.
pub fn implementations() -> impl Iterator<Item = Implementation> {
    Algorithm::ALL
        .into_iter()
        .flat_map(|algorithm| Path::ALL.into_iter().map(move |path| Implementation { algorithm, path }))
        .filter(|implementation| implementation.is_available())
}
