//! The model against the real mechanism: conntrack of the running kernel.
//!
//! Needs root, TUN devices, nft and python3; where one is missing the test says so and is skipped. `CASEBOOK_CT_PACKETS`
//! (default 10 000) and `CASEBOOK_SEED` choose the run.
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

#[path = "oracle/capture.rs"]
mod capture;
#[path = "oracle/conntrack.rs"]
mod conntrack;
#[path = "oracle/generate.rs"]
mod generate;
#[path = "oracle/kernel.rs"]
mod kernel;
#[path = "oracle/random.rs"]
mod random;
#[path = "oracle/wire.rs"]
mod wire;
