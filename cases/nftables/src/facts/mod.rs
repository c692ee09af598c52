//! Bytes to facts with spans.

pub mod ast;
pub mod json;
pub mod routing;
pub mod text;
