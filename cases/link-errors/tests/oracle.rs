//! The model against the real linkers: random links, written as files, what each linker made of them, and what the model says.
//!
//! `CASEBOOK_LINKS=N` scenarios (500), `CASEBOOK_SEED=S` (fixed, and a fresh one), `CASEBOOK_LINKERS=bfd,gold,lld14,lld19,rust-lld,mold,wild`,
//! `CASEBOOK_FEATURES=wide,-tls,wrap=50` (see `features`), `CASEBOOK_WILD=PATH`, `CASEBOOK_THREADS=N` (as many as there are cores), `CASEBOOK_KEEP=DIR` keeps
//! what disagrees, `CASEBOOK_SHOW=N` how many disagreements are made small (3), `CASEBOOK_AGAINST=LINKER` puts a linker in the
//! model's place, `CASEBOOK_PAIRS=1` counts how often linkers differ, `CASEBOOK_WHOLE=1` makes nothing small, `CASEBOOK_CRASHES=1` counts
//! linkers' own errors as disagreements where the model does not foresee them.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::expect_used,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "the case has no files and no environment; its oracle does"
)]

#[path = "oracle/features.rs"]
mod features;
#[path = "oracle/generate.rs"]
mod generate;
#[path = "oracle/linkers.rs"]
mod linkers;
#[path = "oracle/messages.rs"]
mod messages;
#[path = "oracle/options.rs"]
mod options;
#[path = "oracle/program.rs"]
mod program;
#[path = "oracle/random.rs"]
mod random;
#[path = "oracle/read.rs"]
mod read;
#[path = "oracle/reader.rs"]
mod reader;
#[path = "oracle/scenario.rs"]
mod scenario;
#[path = "oracle/write.rs"]
mod write;
#[path = "oracle/write_shared.rs"]
mod write_shared;

#[path = "oracle/compare.rs"]
mod compare;
#[path = "oracle/driver.rs"]
mod driver;
#[path = "oracle/lines/mod.rs"]
mod lines;
#[path = "oracle/predict.rs"]
mod predict;
#[path = "oracle/show.rs"]
mod show;
#[path = "oracle/shrink.rs"]
mod shrink;

use case_link_errors::model::outcome::LinkerKind;

fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn number(name: &str, otherwise: u64) -> u64 {
    setting(name).map_or(otherwise, |value| value.parse().expect("a number"))
}

fn settings() -> driver::Settings {
    let wanted: Vec<String> =
        setting("CASEBOOK_LINKERS").map(|text| text.split(',').map(str::to_string).collect()).unwrap_or_default();
    let (linkers, absent) = linkers::find(&wanted);
    absent.iter().for_each(|line| println!("{line}"));
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    driver::Settings {
        links: number("CASEBOOK_LINKS", 500),
        seed: number("CASEBOOK_SEED", 1),
        features: features::Features::parse(&setting("CASEBOOK_FEATURES").unwrap_or("wide".into())).unwrap(),
        linkers,
        against: setting("CASEBOOK_AGAINST").and_then(|name| linkers::find(&[name]).0.pop()),
        threads: number("CASEBOOK_THREADS", cores as u64) as usize,
        shown: number("CASEBOOK_SHOW", 3) as usize,
        keep: setting("CASEBOOK_KEEP"),
        whole: setting("CASEBOOK_WHOLE").is_some(),
        crashes: setting("CASEBOOK_CRASHES").is_some(),
    }
}

/// Runs the scenarios from one seed on and prints what came of it; how many disagreed.
fn hold(settings: &driver::Settings) -> usize {
    let tally = driver::run(settings);
    print!("{}", driver::report(settings, &tally));
    if setting("CASEBOOK_PAIRS").is_some() {
        print!("{}", driver::pairs(&tally, settings.links));
    }
    tally.disagreed.len()
}

/// Four fifths from a fixed seed with all features, one fifth from a fresh one, which is printed, with those people use every day.
#[test]
fn the_model_says_what_every_linker_does() {
    let mut settings = settings();
    if setting("CASEBOOK_SEED").is_some() {
        let disagreed = hold(&settings);
        assert_eq!(disagreed, 0, "disagreed (seed {})", settings.seed);
        return;
    }
    let all = settings.links;
    settings.links = all - all / 5;
    let fixed = hold(&settings);
    if setting("CASEBOOK_FEATURES").is_none() {
        settings.features = features::Features::parse("plain").unwrap();
    }
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    (settings.seed, settings.links) = (now.as_secs() * 1000, all / 5);
    println!("fresh seed {}", settings.seed);
    let fresh = hold(&settings);
    assert_eq!((fixed, fresh), (0, 0), "disagreed (fresh seed {})", settings.seed);
}

#[test]
fn a_seed_gives_the_same_files_twice() {
    for seed in 0..200 {
        let make = || {
            let (scenario, _) = generate::scenario(seed, &features::Features::wide());
            let lowered = program::lower(&scenario);
            format!("{:?}{:?}{:?}", scenario, lowered.program.files, lowered.arguments)
        };
        assert_eq!(make(), make());
    }
}

/// `CASEBOOK_DUMP=DIR` writes the scenario of `CASEBOOK_SEED` for each linker, with its text and a script that links it.
#[test]
fn a_scenario_can_be_written_down() {
    let Some(folder) = setting("CASEBOOK_DUMP") else { return };
    let settings = settings();
    let (scenario, features) = generate::scenario(settings.seed, &settings.features);
    println!("{features:?}");
    for real in &settings.linkers {
        let own = scenario.for_linker(real.linker.kind);
        show::dump(&own, real, &std::path::Path::new(&folder).join(format!("{}-{}", settings.seed, real.name)));
    }
}
