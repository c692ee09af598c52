//! The model's rules, each with the lines of the kernel it mirrors. Packets against a running kernel: `tests/oracle`.
