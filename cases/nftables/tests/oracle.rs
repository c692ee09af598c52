//! The model against nft itself, and the promises of the text front end.
//!
//! `lowering` holds our operations against the bytecode `nft --debug=netlink` prints, `validity` holds what we refuse
//! against what `nft -c` refuses. Both need root and nft, and say so on stderr where they cannot run. Packets are held
//! against the kernel by `kernel/oracle.py`.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the case is pure, its oracle is a program: here it is started"
)]
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that meets something else than it knows fails, and says what it skipped"
)]

#[path = "oracle/ask.rs"]
mod ask;
#[path = "oracle/bdd.rs"]
mod bdd;
#[path = "oracle/brute.rs"]
mod brute;
#[path = "oracle/bytecode.rs"]
mod bytecode;
#[path = "oracle/cover.rs"]
mod cover;
#[path = "oracle/lowering.rs"]
mod lowering;
#[path = "oracle/medium.rs"]
mod medium;
#[path = "oracle/nft.rs"]
mod nft;
#[path = "oracle/printer.rs"]
mod printer;
#[path = "oracle/properties.rs"]
mod properties;
#[path = "oracle/releases.rs"]
mod releases;
#[path = "oracle/symbolic.rs"]
mod symbolic;
#[path = "oracle/universe.rs"]
mod universe;
#[path = "oracle/validity.rs"]
mod validity;

use case_nftables::facts::{self, RulesetFacts};
use casebook_core::{Bytes, EvidenceSet};
use casebook_formats::nft::release::Host;

/// Reads text as the command does.
fn read(text: &str) -> (EvidenceSet, RulesetFacts) {
    let mut set = EvidenceSet::new();
    let id = set.add("t.nft", Some("nft-text"), Bytes::new(text.as_bytes().to_vec()));
    let facts = facts::ruleset(&set, set.get(id).unwrap(), Host::default());
    (set, facts)
}
