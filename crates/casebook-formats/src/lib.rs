//! formats
pub mod capture;
pub mod json;
pub mod packet;
pub mod sysctl;
