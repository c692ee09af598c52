//! wild 0.10: every name goes to the first file of the line that defines it, member of an archive or not, which is taken when it is asked
//! for; among the files that were taken the definition is chosen afterwards. Only what can be reached is looked at for what is
//! undefined, `--gc-sections` being on.
//!
//! The mechanism is `Linker::load_inputs_and_link` (libwild 0.10.0, lib.rs). It ends with one error, and where it finds several they
//! race: the model names all. Not modelled: relocations that need code to be compiled otherwise, whose kinds the input
//! does not tell apart.

mod choose;
mod link;
mod outcome;
mod reach;
mod read;
mod resolve;
mod symbols;
#[cfg(test)]
mod tests;

pub(super) use link::simulate;
