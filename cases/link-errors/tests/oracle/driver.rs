//! Runs scenarios by the hundred on every linker, several at a time, and says where the model is wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use case_link_errors::model::input::{Content, Program, SymbolType};
use case_link_errors::model::outcome::LinkerKind;

use crate::compare::{Difference, compare, view};
use crate::features::{ALL, Feature, Features};
use crate::linkers::{Observed, Real};
use crate::predict::predict;
use crate::program::lower;
use crate::scenario::Scenario;
use crate::{generate, show, shrink, write};

/// What is asked for, of the environment.
#[derive(Clone, Debug)]
pub struct Settings {
    pub links: u64,
    pub seed: u64,
    pub features: Features,
    pub linkers: Vec<Real>,
    /// Another linker in the model's place.
    pub against: Option<Real>,
    pub threads: usize,
    /// How many disagreements are made small and printed.
    pub shown: usize,
    pub keep: Option<String>,
    /// They are printed as they are.
    pub whole: bool,
    /// A linker's own error that the model does not foresee is a disagreement.
    pub crashes: bool,
}

/// What came of it.
#[derive(Default)]
pub struct Tally {
    /// Linker -> runs, runs that link, runs the model decides, runs it is wrong about.
    pub runs: BTreeMap<String, [u64; 4]>,
    /// Linkers that make different things of a scenario, by pair.
    pub pairs: BTreeMap<(String, String), [u64; 2]>,
    /// Linker and kind of difference -> how often.
    pub kinds: BTreeMap<(String, &'static str), u64>,
    /// Feature -> scenarios that may have it, disagreements in them.
    pub features: BTreeMap<Feature, [u64; 2]>,
    pub unknown: BTreeMap<String, u64>,
    pub disagreed: Vec<(u64, usize, Vec<Difference>)>,
    /// Linkers' own errors.
    pub crashed: BTreeMap<String, (u64, u64)>,
    /// Lines of linkers nobody understood, where there is no model: how often, the first seed.
    pub unparsed: BTreeMap<String, (u64, u64)>,
}

/// Where the symbol table mold writes does not tell whose a symbol is: a thread-local symbol that is called has the address of its PLT
/// entry; and `--defsym` of a hidden symbol hides the new one when the table is laid out already, so that an entry is written over
/// (`fix_synthetic_symbols`).
fn confused(program: &Program, predicted: &Observed, observed: &mut Observed) {
    let aliases = program.options.defsym.iter().any(|defsym| !defsym.reads.is_empty());
    let objects = program.files.iter().filter_map(|file| match &file.content {
        Content::Object(object) => Some(object),
        _ => None,
    });
    let tls: Vec<String> = objects
        .flat_map(|object| object.globals())
        .filter(|(_, symbol)| symbol.kind == SymbolType::Tls && !symbol.is_undefined())
        .map(|(_, symbol)| program.names.text(symbol.name).into_owned())
        .collect();
    for (name, winner) in predicted.winners.iter().filter(|(name, _)| aliases || tls.contains(name)) {
        observed.winners.entry(name.clone()).or_insert_with(|| winner.clone());
    }
}

/// A new name for an absolute symbol has its value, which says whose that is.
fn renamed(program: &Program, predicted: &Observed, observed: &mut Observed) {
    observed.winners.retain(|name, _| {
        !program.options.defsym.iter().any(|defsym| program.names.text(defsym.name) == *name)
            || predicted.winners.contains_key(name)
    });
}

/// The scenario as a linker with its own options gets it, what the linker did, what the model says (`None`: there is no model).
fn one(settings: &Settings, real: &Real, scenario: &Scenario, folder: &Path) -> (Observed, Option<Observed>) {
    let own = scenario.for_linker(real.linker.kind);
    let lowered = lower(&own);
    write::scenario(&own, &lowered.program, folder);
    let mut observed = real.run(&lowered.program, &lowered.arguments, folder);
    let predicted = match &settings.against {
        Some(other) => {
            let mut predicted = other.run(&lowered.program, &lowered.arguments, folder);
            predicted.unknown.extend(predicted.crashed.take());
            Some(predicted)
        }
        None => predict(&lowered.program, real.linker).map(|outcome| view(&lowered.program, &outcome)),
    };
    if let (LinkerKind::Mold | LinkerKind::Wild, Some(predicted)) = (real.linker.kind, &predicted) {
        confused(&lowered.program, predicted, &mut observed);
    }
    if let Some(predicted) = &predicted {
        renamed(&lowered.program, predicted, &mut observed);
    }
    if let (LinkerKind::Wild, Some(predicted)) = (real.linker.kind, &predicted) {
        // It leaves out common symbols that nothing refers to (`SymbolCopyInfo::new`).
        let common = |winners: &BTreeSet<String>| winners.iter().all(|winner| winner == crate::read::COMMON);
        for (name, winners) in predicted.winners.iter().filter(|(_, winners)| common(winners)) {
            observed.winners.entry(name.clone()).or_insert_with(|| winners.clone());
        }
    }
    // What was collected is in no symbol table, and the model need not say so; nor of which version of a name it is.
    if let Some(predicted) = &predicted {
        let collects = lowered.program.options.gc_sections.unwrap_or(real.linker.kind == crate::LinkerKind::Wild);
        if collects {
            observed.winners.extend(
                predicted
                    .winners
                    .iter()
                    .filter(|(name, said)| {
                        observed.winners.get(*name).is_none_or(|seen| shared_alone(seen) || seen.is_subset(said))
                    })
                    .map(|(name, winner)| (name.clone(), winner.clone()))
                    .collect::<Vec<_>>(),
            );
        }
    }
    (observed, predicted)
}

/// A shared object has another version of the name.
fn shared_alone(winners: &BTreeSet<String>) -> bool {
    winners.iter().all(|winner| winner.starts_with(crate::read::SHARED))
}

/// A folder in memory where there is one: the files of thousands of links live for milliseconds each. `TMPDIR` has its way.
fn place() -> tempfile::TempDir {
    let memory = std::env::var_os("TMPDIR").is_none().then(|| tempfile::tempdir_in("/dev/shm").ok()).flatten();
    memory.unwrap_or_else(|| tempfile::tempdir().unwrap())
}

fn fresh(folder: &Path) {
    let _ = std::fs::remove_dir_all(folder);
    std::fs::create_dir_all(folder).unwrap();
}

pub fn run(settings: &Settings) -> Tally {
    let tally = Mutex::new(Tally::default());
    let next = AtomicU64::new(0);
    let place = place();
    std::thread::scope(|scope| {
        for thread in 0..settings.threads {
            let (tally, next, folder) = (&tally, &next, place.path().join(format!("t{thread}")));
            scope.spawn(move || {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= settings.links {
                        return;
                    }
                    scenario(settings, settings.seed.wrapping_add(number), &folder, tally);
                }
            });
        }
    });
    let mut tally = tally.into_inner().unwrap();
    tally.disagreed.sort_by_key(|(seed, linker, _)| (*seed, *linker));
    tally
}

fn scenario(settings: &Settings, seed: u64, folder: &Path, tally: &Mutex<Tally>) {
    let (scenario, features) = generate::scenario(seed, &settings.features);
    fresh(folder);
    let results: Vec<(Observed, Option<Observed>)> =
        settings.linkers.iter().map(|real| one(settings, real, &scenario, folder)).collect();
    let mut held = tally.lock().unwrap();
    let tally = &mut *held;
    for feature in &features {
        tally.features.entry(*feature).or_default()[0] += 1;
    }
    for (at, (observed, predicted)) in results.iter().enumerate() {
        let real = &settings.linkers[at];
        let run = tally.runs.entry(real.name.clone()).or_default();
        run[0] += 1;
        run[1] += u64::from(observed.linked);
        if let Some(line) = &observed.crashed {
            // A linker that runs into an assertion of its own is as wrong as the model that foresees it is right.
            let foreseen = predicted.as_ref().is_some_and(|predicted| {
                predicted.crashed.is_some()
                    || !predicted.unknown.is_empty()
                    || predicted.refusals.iter().any(|why| why.starts_with("crash"))
            });
            if let Some(predicted) = predicted.as_ref().filter(|_| foreseen) {
                // Where the model is sure neither links, and there is no more to hold against the other.
                run[2] += u64::from(predicted.unknown.is_empty());
                undecided(&mut tally.unknown, predicted);
            }
            let how = if foreseen { "foreseen" } else { "not foreseen" };
            tally.crashed.entry(format!("{}, {how}: {}", real.name, general(line))).or_insert((0, seed)).0 += 1;
            if !foreseen && settings.crashes {
                tally.disagreed.push((seed, at, vec![Difference::Crashed(line.clone())]));
            }
            continue;
        }
        let Some(predicted) = predicted else {
            for line in &observed.unparsed {
                tally.unparsed.entry(format!("{}: {}", real.name, general(line))).or_insert((0, seed)).0 += 1;
            }
            continue;
        };
        if !predicted.unknown.is_empty() {
            undecided(&mut tally.unknown, predicted);
            continue;
        }
        run[2] += 1;
        let differences = compare(real.linker.kind, observed, predicted);
        if !differences.is_empty() {
            run[3] += 1;
            for feature in &features {
                tally.features.entry(*feature).or_default()[1] += 1;
            }
            for difference in &differences {
                *tally.kinds.entry((real.name.clone(), difference.kind())).or_default() += 1;
            }
            tally.disagreed.push((seed, at, differences));
        }
    }
    for (a, first) in results.iter().enumerate() {
        for (b, second) in results.iter().enumerate().skip(a + 1) {
            let names = (settings.linkers[a].name.clone(), settings.linkers[b].name.clone());
            let wild = [a, b].iter().any(|at| settings.linkers[*at].linker.kind == crate::LinkerKind::Wild);
            let kind = if wild { crate::LinkerKind::Wild } else { crate::LinkerKind::Bfd };
            let mut first = first.0.clone();
            first.unparsed.clear();
            let differ = !compare(kind, &first, &second.0).iter().all(|difference| difference.kind() == "unparsed");
            let pair = tally.pairs.entry(names).or_default();
            pair[0] += u64::from(differ);
            pair[1] += u64::from(first.linked != second.0.linked);
        }
    }
}

/// Counts what the model leaves open.
fn undecided(unknown: &mut BTreeMap<String, u64>, predicted: &Observed) {
    for what in &predicted.unknown {
        *unknown.entry(what.clone()).or_default() += 1;
    }
}

/// A message without its numbers, so that like ones are counted together.
fn general(line: &str) -> String {
    line.chars().map(|c| if c.is_ascii_digit() { '#' } else { c }).collect()
}

/// Makes a scenario small that has these differences: the first must stay, and none of another kind may come.
pub fn smallest(settings: &Settings, seed: u64, linker: usize, first: &[Difference]) -> (Scenario, Vec<Difference>) {
    let real = &settings.linkers[linker];
    let (scenario, _) = generate::scenario(seed, &settings.features);
    let scenario = scenario.for_linker(real.linker.kind);
    let place = place();
    let folder = place.path().join("s");
    let differences = |scenario: &Scenario| {
        fresh(&folder);
        match one(settings, real, scenario, &folder) {
            (observed, Some(predicted)) if predicted.unknown.is_empty() => match observed.crashed {
                Some(line) if predicted.crashed.is_none() => vec![Difference::Crashed(line)],
                Some(_) => vec![],
                None => compare(real.linker.kind, &observed, &predicted),
            },
            _ => vec![],
        }
    };
    let mut holds = |scenario: &Scenario| {
        let now = differences(scenario);
        now.iter().any(|other| alike(other, &first[0]))
            && now.iter().all(|other| first.iter().any(|one| alike(other, one)))
    };
    let small = if settings.whole { scenario } else { shrink::shrink(&scenario, &mut holds) };
    let rest = differences(&small);
    (small, rest)
}

/// Of one kind, with something on the same sides; messages nobody understands must be the same one.
fn alike(a: &Difference, b: &Difference) -> bool {
    match (a, b) {
        (Difference::Unparsed(a), Difference::Unparsed(b)) => general(a) == general(b),
        (Difference::Undefined(a, b), Difference::Undefined(c, d))
        | (Difference::Duplicates(a, b), Difference::Duplicates(c, d))
        | (Difference::Refusals(a, b), Difference::Refusals(c, d))
        | (Difference::Extracted(a, b), Difference::Extracted(c, d)) => {
            a.is_empty() == c.is_empty() && b.is_empty() == d.is_empty()
        }
        _ => a.kind() == b.kind(),
    }
}

/// The tally as text, the first disagreements made small.
pub fn report(settings: &Settings, tally: &Tally) -> String {
    let mut out = String::new();
    let seed = settings.seed;
    for (name, [runs, linked, decided, wrong]) in &tally.runs {
        let _ = writeln!(
            out,
            "{name}: {decided} compared, {wrong} disagreed (seed {seed}); {runs} run, {linked} link, {} undecided",
            runs - decided
        );
    }
    for ((name, kind), count) in &tally.kinds {
        let _ = writeln!(out, "  {name} {kind}: {count}");
    }
    for (what, count) in &tally.unknown {
        let _ = writeln!(out, "  undecided {count}: {what}");
    }
    for (line, (count, seed)) in &tally.unparsed {
        let _ = writeln!(out, "  not understood {count} (seed {seed}): {line}");
    }
    for (line, (count, seed)) in &tally.crashed {
        let _ = writeln!(out, "  crashed {count} (seed {seed}): {line}");
    }
    if !tally.disagreed.is_empty() {
        for (feature, name, ..) in ALL {
            if let Some([all, wrong]) = tally.features.get(feature).filter(|[_, wrong]| *wrong > 0) {
                let _ = writeln!(out, "  {name}: {wrong} of {all} scenarios");
            }
        }
    }
    for (seed, linker, differences) in tally.disagreed.iter().take(settings.shown) {
        let real = &settings.linkers[*linker];
        let (small, rest) = smallest(settings, *seed, *linker, differences);
        let command = real.command(&lower(&small).arguments, "out");
        let _ = writeln!(out, "seed {seed}, {}:", real.name);
        for difference in &rest {
            let _ = writeln!(out, "  {difference}");
        }
        out.push_str(&show::text(&small, &command));
        if let Some(keep) = &settings.keep {
            show::dump(&small, real, &Path::new(keep).join(format!("{seed}-{}", real.name)));
        }
    }
    for (seed, linker, differences) in tally.disagreed.iter().skip(settings.shown).take(40) {
        let list: Vec<String> = differences.iter().map(|difference| difference.to_string()).collect();
        let _ = writeln!(out, "seed {seed}, {}: {}", settings.linkers[*linker].name, list.join("; "));
    }
    out
}

/// How often linkers differ from each other.
pub fn pairs(tally: &Tally, links: u64) -> String {
    let mut out = String::new();
    for ((a, b), [differ, verdict]) in &tally.pairs {
        let percent = 100.0 * *differ as f64 / links as f64;
        let _ =
            writeln!(out, "{a} and {b}: {differ} of {links} differ ({percent:.1} %), {verdict} in whether it links");
    }
    out
}
