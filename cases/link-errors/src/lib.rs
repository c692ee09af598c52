//! Linking errors on Linux: why a link fails, and what would make it link.

pub mod facts;
pub mod model;
