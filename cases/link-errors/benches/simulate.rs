//! How long the model takes for a generated link: `cargo bench -p case-link-errors --bench simulate [-- SCENARIOS]`.
//!
//! The scenarios are the oracle's, from its first seed on, each lowered to a program before the clock starts. For each linker the
//! median, the 95th percentile and the worst of one call of `simulate`.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::print_stdout,
    clippy::unwrap_used,
    dead_code,
    unused_imports,
    reason = "the case has no clock; its measurement does, and it uses parts of the oracle"
)]

#[path = "../tests/oracle/features.rs"]
mod features;
#[path = "../tests/oracle/generate.rs"]
mod generate;
#[path = "../tests/oracle/options.rs"]
mod options;
#[path = "../tests/oracle/program.rs"]
mod program;
#[path = "../tests/oracle/random.rs"]
mod random;
#[path = "../tests/oracle/scenario.rs"]
mod scenario;

use std::time::{Duration, Instant};

use case_link_errors::model::input::Program;
use case_link_errors::model::outcome::{Linker, LinkerKind};
use case_link_errors::model::simulate;

const LINKERS: [Linker; 6] = [
    Linker { kind: LinkerKind::Bfd, version: (2, 40) },
    Linker { kind: LinkerKind::Gold, version: (2, 40) },
    Linker { kind: LinkerKind::Lld, version: (14, 0) },
    Linker { kind: LinkerKind::Lld, version: (19, 1) },
    Linker { kind: LinkerKind::Mold, version: (1, 10) },
    Linker { kind: LinkerKind::Wild, version: (0, 10) },
];

/// The least of three calls: what another program does on the processor meanwhile is not the model's.
fn took(program: &Program, linker: Linker) -> Duration {
    (0..3)
        .map(|_| {
            let start = Instant::now();
            std::hint::black_box(simulate(program, linker));
            start.elapsed()
        })
        .min()
        .unwrap_or_default()
}

fn main() {
    let count = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(2000);
    for (name, features) in [("plain", features::Features::plain()), ("wide", features::Features::wide())] {
        for linker in LINKERS {
            let mut times: Vec<Duration> = (1..=count)
                .map(|seed| {
                    let (scenario, _) = generate::scenario(seed, &features);
                    took(&program::lower(&scenario.for_linker(linker.kind)).program, linker)
                })
                .collect();
            times.sort_unstable();
            let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_secs_f64() * 1e6;
            println!(
                "{name:5} {:24} median {:6.1} µs, p95 {:6.1} µs, worst {:6.1} µs",
                linker.to_string(),
                at(50),
                at(95),
                at(100)
            );
        }
    }
}
