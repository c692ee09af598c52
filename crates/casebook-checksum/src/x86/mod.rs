//! x86-64. One of the two modules with `unsafe` code.
//!
//! Invariants:
//!
//! 1. A function compiled for features the target does not promise is called only where [`has`] has said in the same function
//!    that the processor has all of them. [`has`] reports a feature only when the processor and the operating system do.
//! 2. A vector is loaded only from a reference to as many bytes as it reads (`&[u8; 64]` …), with the unaligned load; a masked
//!    load reads no byte outside its mask.
#![allow(unsafe_code, reason = "instructions beyond the target's baseline; the invariants are stated above")]

mod crc32c;
mod internet;
pub(crate) mod polynomial;

use core::sync::atomic::{AtomicU8, Ordering::Relaxed};

/// Sets of features, as bits of one byte.
pub(crate) mod set {
    /// The byte is filled in.
    pub(crate) const KNOWN: u8 = 1;
    /// SSE4.2 and PCLMULQDQ.
    pub(crate) const SSE42: u8 = 2;
    /// AVX2.
    pub(crate) const AVX2: u8 = 4;
    /// AVX-512 F, BW, VL, DQ.
    pub(crate) const AVX512: u8 = 8;
    /// AVX-512 as above, and VNNI.
    pub(crate) const VNNI: u8 = 16;
    /// AVX-512 as above, VPCLMULQDQ, and `SSE42`.
    pub(crate) const VPCLMUL: u8 = 32;
}

static FEATURES: AtomicU8 = AtomicU8::new(0);

/// Which sets the processor has. Asked once; after that a load.
#[inline]
fn features() -> u8 {
    let known = FEATURES.load(Relaxed);
    if known != 0 { known } else { ask() }
}

#[inline]
fn has(wanted: u8) -> bool {
    features() & wanted == wanted
}

#[cold]
fn ask() -> u8 {
    #[cfg(feature = "std")]
    macro_rules! detected {
        ($($feature:tt),*) => { $(std::arch::is_x86_feature_detected!($feature))&&* };
    }
    #[cfg(not(feature = "std"))]
    macro_rules! detected {
        ($($feature:tt),*) => { $(cfg!(target_feature = $feature))&&* };
    }
    let mut found = set::KNOWN;
    let sse42 = detected!("sse4.2", "pclmulqdq");
    let avx512 = detected!("avx2", "avx512f", "avx512bw", "avx512vl", "avx512dq");
    for (bit, present) in [
        (set::SSE42, sse42),
        (set::AVX2, detected!("avx2")),
        (set::AVX512, avx512),
        (set::VNNI, avx512 && detected!("avx512vnni")),
        (set::VPCLMUL, avx512 && sse42 && detected!("vpclmulqdq")),
    ] {
        if present {
            found |= bit;
        }
    }
    FEATURES.store(found, Relaxed);
    found
}

/// From this length 32 bytes a load are as fast as 64 in cache, and a little faster out of it.
const LONG_BYTES: usize = 4096;

/// The sum of `bytes` by the fastest version.
#[inline]
pub(crate) fn sum(bytes: &[u8]) -> u64 {
    let features = features();
    if features & set::AVX2 != 0 && bytes.len() >= LONG_BYTES {
        // SAFETY: invariant 1, `AVX2`.
        unsafe { internet::avx2(bytes) }
    } else if features & set::VNNI != 0 {
        // SAFETY: invariant 1, `VNNI`.
        unsafe { internet::avx512_vnni(bytes) }
    } else if features & set::AVX512 != 0 {
        // SAFETY: invariant 1, `AVX512`.
        unsafe { internet::avx512(bytes) }
    } else if features & set::AVX2 != 0 {
        // SAFETY: invariant 1, `AVX2`.
        unsafe { internet::avx2(bytes) }
    } else {
        crate::internet::scalar(bytes)
    }
}

/// The CRC register after `bytes` by the fastest version.
#[inline]
pub(crate) fn crc(state: u32, bytes: &[u8]) -> u32 {
    let features = features();
    if features & set::SSE42 != 0 && bytes.len() < crc32c::CHAINS_FROM_BYTES {
        // SAFETY: invariant 1, `SSE42`.
        unsafe { crc32c::serial(state, bytes) }
    } else if features & set::VPCLMUL != 0 && bytes.len() >= crc32c::FOLD_FROM_BYTES {
        // SAFETY: invariant 1, `VPCLMUL`.
        unsafe { crc32c::avx512(state, bytes) }
    } else if features & set::SSE42 != 0 {
        // SAFETY: invariant 1, `SSE42`.
        unsafe { crc32c::sse42(state, bytes) }
    } else {
        crate::crc32c::scalar(state, bytes)
    }
}

macro_rules! by_name {
    ($name:ident, $set:ident, $function:path, ($($argument:ident: $type:ty),*) -> $result:ty) => {
        pub(crate) fn $name($($argument: $type),*) -> Option<$result> {
            // SAFETY: invariant 1, the set that was asked for.
            has(set::$set).then(|| unsafe { $function($($argument),*) })
        }
    };
}

by_name!(sum_avx2, AVX2, internet::avx2, (bytes: &[u8]) -> u64);
by_name!(sum_avx512, AVX512, internet::avx512, (bytes: &[u8]) -> u64);
by_name!(sum_avx512_vnni, VNNI, internet::avx512_vnni, (bytes: &[u8]) -> u64);
by_name!(crc_sse42, SSE42, crc32c::sse42, (state: u32, bytes: &[u8]) -> u32);
by_name!(crc_avx512, VPCLMUL, crc32c::avx512, (state: u32, bytes: &[u8]) -> u32);

/// [`crate::polynomial::hash32`] by the fastest version.
pub(crate) fn hash32(start: u32, k: u32, bytes: &[u8]) -> u32 {
    polynomial::wide32::avx512(start, k, bytes)
        .or_else(|| polynomial::wide32::avx2(start, k, bytes))
        .unwrap_or_else(|| crate::polynomial::lanes32(start, k, bytes))
}

/// [`crate::polynomial::hash64`] by the fastest version.
pub(crate) fn hash64(start: u64, k: u64, bytes: &[u8]) -> u64 {
    polynomial::wide64::avx512(start, k, bytes)
        .or_else(|| polynomial::wide64::avx2(start, k, bytes))
        .unwrap_or_else(|| crate::polynomial::lanes64(start, k, bytes))
}
