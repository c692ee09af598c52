//! The model against the real mechanism: what the laboratory's kernels did, and what the model says they do.
//!
//! `CASEBOOK_MEMORY_TRUTH=DIR` names what the laboratory left (`lab/run.sh -o DIR`); `CASEBOOK_SHOW_UNKNOWN=1` prints the runs the model does not decide.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "the case has no files and no environment; its oracle does"
)]

#[path = "oracle/matrix.rs"]
mod matrix;
#[path = "oracle/truth.rs"]
mod truth;
