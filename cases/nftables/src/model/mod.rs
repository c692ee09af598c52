//! What the case adds to the evaluator of `casebook_formats::nft`: packets drawn from rules, filters of packets, and
//! all packets of a class at once.

pub mod filter;
pub mod symbolic;
