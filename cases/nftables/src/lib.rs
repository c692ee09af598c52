//! nftables
#![allow(missing_docs)]
pub mod facts;
pub mod model;
