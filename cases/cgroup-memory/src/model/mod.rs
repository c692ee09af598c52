//! The mechanism as pure functions: what is charged, what reclaim can take, when it is an OOM, who is killed.

pub mod account;
pub mod charges;
pub mod engine;
pub mod floor;
pub mod judge;
pub mod pick;
pub mod range;
pub mod replay;
pub mod slope;
pub mod words;
pub mod workload;
