//! The lane algebra of [`crate::polynomial`], compiled for wider vectors. The invariants are those of [`super`].

use super::{has, set};

macro_rules! wide {
    ($module:ident, $word:ty, $lanes:ident) => {
        pub(crate) mod $module {
            use super::*;

            #[target_feature(enable = "avx2")]
            fn for_avx2(start: $word, k: $word, bytes: &[u8]) -> $word {
                crate::polynomial::$lanes(start, k, bytes)
            }

            #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
            fn for_avx512(start: $word, k: $word, bytes: &[u8]) -> $word {
                crate::polynomial::$lanes(start, k, bytes)
            }

            pub(crate) fn avx2(start: $word, k: $word, bytes: &[u8]) -> Option<$word> {
                // SAFETY: invariant 1, `AVX2`.
                has(set::AVX2).then(|| unsafe { for_avx2(start, k, bytes) })
            }

            pub(crate) fn avx512(start: $word, k: $word, bytes: &[u8]) -> Option<$word> {
                // SAFETY: invariant 1, `AVX512`.
                has(set::AVX512).then(|| unsafe { for_avx512(start, k, bytes) })
            }
        }
    };
}

wide!(wide32, u32, lanes32);
wide!(wide64, u64, lanes64);
