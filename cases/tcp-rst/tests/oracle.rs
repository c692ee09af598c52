//! The models against the real mechanism.
