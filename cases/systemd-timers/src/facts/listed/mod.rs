//! Lists that systemctl prints: timers with their next and last time, unit files with their state.

pub mod timers;
pub mod unit_files;
