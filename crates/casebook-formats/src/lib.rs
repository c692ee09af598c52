//! formats
pub mod json;
pub mod sysctl;
pub mod yaml;
