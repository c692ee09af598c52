//! The mechanism, executable. No I/O, clock, randomness, threads or environment: versions are arguments.

/// True when a load is refused under a limit.
pub fn refused(limit: u64, load: u64) -> bool {
    load > limit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_load_at_the_limit_is_taken() {
        assert!(!refused(10, 10));
        assert!(refused(10, 11));
    }
}
