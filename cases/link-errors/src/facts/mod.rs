//! Bytes to facts with spans. It cannot fail: what it does not know becomes unmodelled.

pub mod files;
pub mod source;
pub mod command;
pub mod resolve;
