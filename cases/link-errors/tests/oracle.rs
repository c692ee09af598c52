//! The model against the real linkers.
