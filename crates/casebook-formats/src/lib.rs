//! formats
pub mod json;
pub mod sysctl;
