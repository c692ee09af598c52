//! The model against the real mechanism.
