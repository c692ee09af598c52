//! Asking for a cache line before it is read. One of the modules with `unsafe` code.
//!
//! A reader that knows some time ahead which lines it will touch asks for them, works on, and finds them near. A prefetch reads
//! nothing a program can see and never faults.
//!
//! Invariant: the address is that of a reference, though any address would do.
#![cfg_attr(
    target_arch = "x86_64",
    allow(unsafe_code, reason = "the instruction has no safe form; the invariant is stated above")
)]

/// Asks for the cache line in which `value` begins. Does nothing where there is no such instruction in stable Rust.
#[inline(always)]
pub fn line<T>(value: &T) {
    #[cfg(target_arch = "x86_64")]
    {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch of any address is allowed; SSE is part of the target.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(core::ptr::from_ref(value).cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = value;
}

/// Asks for every cache line of `bytes`.
#[inline]
pub fn bytes(bytes: &[u8]) {
    bytes.iter().step_by(64).for_each(line);
}
