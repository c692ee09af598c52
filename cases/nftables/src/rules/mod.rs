//! Facts and model to findings; one rule a file.

mod absent_field;
mod chains;
mod common;
mod dead;
mod device_hook;
mod early_ct;
mod established;
mod flag_set;
mod hooks;
mod inserted;
mod insertion;
mod joined;
mod local;
mod loss;
mod marks;
mod nat_priority;
mod overridden;
mod readers;
mod refused;
mod reload;
mod snapshots;
mod th_protocol;
mod unreached;

use casebook_core::Rule;

/// Rules in order of code.
pub static RULES: &[&Rule] = &[
    &inserted::INSERTED_AHEAD,
    &inserted::INSERTED_BEFORE_EFFECT,
    &overridden::OVERRIDDEN,
    &absent_field::ABSENT_FIELD,
    &device_hook::DEVICE_UNKNOWN,
    &early_ct::EARLY_CT,
    &th_protocol::TH_PROTOCOL,
    &flag_set::FLAG_SET,
    &unreached::UNREACHED,
    &reload::RELOAD,
    &refused::SYNTAX,
    &chains::EMPTY_CHAIN,
    &chains::UNREFERENCED,
    &refused::NESTING,
    &refused::OVERLAP,
    &refused::MISSING_CHAIN,
    &marks::NEVER_READ,
    &marks::NEVER_SET,
    &nat_priority::NAT_PRIORITY,
    &established::ESTABLISHED,
    &flag_set::NOT_EQUAL_LIST,
    &joined::JOINED,
    &dead::UNREACHABLE,
    &dead::CONTRADICTORY,
];
