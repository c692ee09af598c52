//! The mechanism, executable: a ruleset, a packet, and what happens.
//!
//! [`apply`] runs commands to a state, [`lower`] turns the state into the [`ir`], and [`walk`] takes a packet
//! through it: [`plan`] orders the chains, [`eval`] runs their rules, [`load`] reads fields, [`effect`] writes.

pub mod apply;
mod attach;
pub mod conntrack;
pub mod craft;
mod effect;
mod eval;
pub mod fields;
pub mod filter;
mod guard;
pub mod ir;
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
pub mod release;
pub mod services;
pub mod sets;
pub mod show;
pub mod symbolic;
pub mod types;
pub mod walk;
pub mod watch;
pub mod witness;
