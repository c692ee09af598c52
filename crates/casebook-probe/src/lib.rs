//! The only unsafe code of Casebook: what the kernel gives through interfaces that have no safe wrapper. It knows no
//! case and no format; every `unsafe` block states what makes it sound, and has a test.

#[cfg(target_os = "linux")]
pub mod dial;
#[cfg(target_os = "linux")]
pub mod network;
