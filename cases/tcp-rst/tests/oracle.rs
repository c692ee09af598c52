//! The models and readers against the real mechanism: conntrack of the running kernel, tshark, haproxy, nginx.
//!
//! What an oracle needs and does not find, it says, and is skipped. `CASEBOOK_CT_PACKETS` (default 10 000) and
//! `CASEBOOK_SEED` choose the run.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the case is pure, its oracles are programs: here they are started"
)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test that meets something else than it knows fails, and says what it skipped"
)]

#[path = "oracle/capture.rs"]
mod capture;
#[path = "oracle/conntrack.rs"]
mod conntrack;
#[path = "oracle/draw.rs"]
mod draw;
#[path = "oracle/generate.rs"]
mod generate;
#[path = "oracle/haproxy.rs"]
mod haproxy;
#[path = "oracle/kernel.rs"]
mod kernel;
#[path = "oracle/nginx.rs"]
mod nginx;
#[path = "oracle/random.rs"]
mod random;
#[path = "oracle/ss.rs"]
mod ss;
#[path = "oracle/wire.rs"]
mod wire;
