//! The model against the real mechanism: what the laboratory's kernels did, and what the model says they do.
//!
//! `CASEBOOK_MEMORY_TRUTH=DIR` names what the laboratory left (`lab/run.sh -o DIR`).

#[path = "oracle/matrix.rs"]
mod matrix;
#[path = "oracle/truth.rs"]
mod truth;
