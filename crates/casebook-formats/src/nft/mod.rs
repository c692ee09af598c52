//! nftables: rulesets in the kernel's terms, and what one does to a packet.
//!
//! [`text`] and [`json`] read evidence into one syntax tree ([`ast`]). [`apply`] runs its commands to a state, [`lower`]
//! turns the state into the [`ir`], and [`walk`] takes a packet through it: [`plan`] orders the chains, [`eval`] runs
//! their rules, [`load`] reads fields, [`effect`] writes. [`read`] does the first half in one call,
//! [`ask`] the second, for whoever has one packet and a question.

pub mod apply;
pub mod ask;
pub mod ast;
mod attach;
mod choices;
pub mod conntrack;
pub mod craft;
mod draw;
mod effect;
mod eval;
pub mod fields;
mod guard;
pub mod hooks;
pub mod ir;
pub mod json;
pub mod kinds;
pub mod load;
pub mod lower;
pub mod names;
pub mod nesting;
pub mod outcome;
pub mod packet;
pub mod packet_json;
pub mod packet_pcap;
pub mod packet_text;
pub mod plan;
pub mod read;
pub mod release;
pub mod services;
pub mod sets;
pub mod show;
pub mod text;
pub mod types;
pub mod walk;
pub mod watch;
pub mod witness;
