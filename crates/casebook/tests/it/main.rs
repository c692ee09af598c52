//! The binary, run as a user runs it: every fixture folder of every case, everything a hostile or careless
//! input can be, and the command line itself. A folder added under `cases/*/fixtures` is a test added.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops, with its line")]

mod bad_captures;
mod bad_input;
mod bad_links;
mod bundles;
mod checksum;
mod cli;
mod fixtures;
mod generated;
mod link;
mod objects;
#[cfg(target_os = "linux")]
mod probe;
mod tool;
mod verbs;
#[cfg(target_os = "linux")]
mod watch;

use libtest_mimic::{Arguments, Failed, Trial};

/// A test is a function; it fails by panicking or by an error.
type Test = fn() -> Result<(), Failed>;

fn main() {
    let arguments = Arguments::from_args();
    let mut trials: Vec<Trial> = Vec::new();
    let groups: &[(&str, &[(&str, Test)])] = &[
        ("bad_captures", bad_captures::TESTS),
        ("bad_input", bad_input::TESTS),
        ("bad_links", bad_links::TESTS),
        ("bundles", bundles::TESTS),
        ("checksum", checksum::TESTS),
        ("cli", cli::TESTS),
        ("generated", generated::TESTS),
        ("link", link::TESTS),
        #[cfg(target_os = "linux")]
        ("probe", probe::TESTS),
        ("verbs", verbs::TESTS),
        #[cfg(target_os = "linux")]
        ("watch", watch::TESTS),
    ];
    for (group, tests) in groups {
        trials.extend(tests.iter().map(|(name, test)| Trial::test(format!("{group}::{name}"), *test)));
    }
    trials.extend(fixtures::trials());
    libtest_mimic::run(&arguments, trials).exit();
}
