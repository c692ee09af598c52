//! The rules, one file each, in order of code.

mod aborted;
mod black_hole;
mod device;
mod forged;
mod gave_up;
mod idle_death;
mod late_write;
mod leak;
mod no_socket;
mod older_connection;
mod places;
mod refused;
mod resets;
mod which_timer;

use casebook_core::Rule;

pub use aborted::RESET_BY_SOCKET;
pub use black_hole::NO_ANSWER;
pub use device::RESET_BY_DEVICE;
pub use forged::FORGED_RESET;
pub use gave_up::GAVE_UP;
pub use idle_death::IDLE_DEATH;
pub use late_write::LATE_WRITE;
pub use leak::UNTRANSLATED_LEAK;
pub use no_socket::RESET_WITHOUT_SOCKET;
pub use older_connection::OLDER_CONNECTION;
pub use refused::CONNECTION_REFUSED;
pub use which_timer::WHICH_TIMER;

/// Every rule of the case.
pub static RULES: &[&Rule] = &[
    &RESET_WITHOUT_SOCKET,
    &RESET_BY_DEVICE,
    &RESET_BY_SOCKET,
    &GAVE_UP,
    &LATE_WRITE,
    &FORGED_RESET,
    &CONNECTION_REFUSED,
    &UNTRANSLATED_LEAK,
    &OLDER_CONNECTION,
    &WHICH_TIMER,
    &IDLE_DEATH,
    &NO_ANSWER,
];
