//! The same mechanism over all packets at once: a ruleset as a decision diagram whose leaves are whole outcomes.
//!
//! [`space`] says which bits of a packet a field is, [`layout`] cuts them into variables, [`diagram`] is the engine,
//! [`compile`] turns a ruleset into one function, with [`value`] for tests and [`act`] for effects.

mod act;
mod alike;
mod block;
pub mod compile;
pub mod correlate;
pub mod count;
pub mod cover;
pub mod diagram;
pub mod diff;
mod equal;
mod first;
mod forward;
mod group;
pub mod layout;
pub mod leaf;
pub mod needless;
pub mod packet;
pub mod place;
pub mod query;
mod reach;
pub mod region;
pub mod space;
#[cfg(test)]
mod testing;
pub mod touched;
mod value;
mod witness;
