//! The commands, one module each.

pub(crate) mod check;
pub(crate) mod collect;
pub(crate) mod config;
pub(crate) mod generate;
pub(crate) mod lab;
pub(crate) mod list;
pub(crate) mod replay;
pub(crate) mod verb;
