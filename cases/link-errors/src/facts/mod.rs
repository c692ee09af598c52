//! Bytes to facts with spans. It cannot fail: what it does not know becomes unmodelled.

pub mod command;
pub mod files;
pub mod resolve;
pub mod source;
