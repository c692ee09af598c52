//! The plan against paths that are computed: a timer, a death probability beyond it, losses that have nothing to do with
//! it, directions it spares. The clock is a number.

use casebook_core::dial::{End, First, Meanwhile, Outcome, Trial, When};

use super::estimate::Found;
use super::plan::{self, Plan};
use super::{Group, Kind, Options, SECOND_NS, State, file};

/// xorshift64*: Vigna, arXiv 1402.6246.
struct Random(u64);

impl Random {
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// A path.
#[derive(Clone, Copy, Debug)]
struct Path {
    timer_ns: u64,
    p_client: f64,
    p_server: f64,
    loss: f64,
    eager: bool,
    probes_refresh: bool,
    lifetime: bool,
}

impl Path {
    fn silent(timer_ns: u64, p: f64) -> Self {
        Path { timer_ns, p_client: p, p_server: p, loss: 0.0, eager: false, probes_refresh: true, lifetime: false }
    }

    /// How the trial ends; the machine is up to 3 ms late.
    fn run(&self, trial: &Trial, random: &mut Random) -> (u64, End) {
        let late_ns = trial.gap_ns + (random.next() * 3e6) as u64;
        let idle_ns = match trial.meanwhile {
            Meanwhile::Silence => late_ns,
            Meanwhile::Keepalive { interval_ns } if self.probes_refresh && !self.lifetime => interval_ns,
            Meanwhile::Messages { interval_ns } if !self.lifetime => interval_ns,
            _ => late_ns,
        };
        let p = if trial.first == First::Client { self.p_client } else { self.p_server };
        let dies = idle_ns >= self.timer_ns && random.next() < p;
        let lost = random.next() < self.loss;
        match (dies, self.eager) {
            (true, true) => (self.timer_ns + 1_000_000, End::Closed(When::Waiting)),
            (true, false) => (late_ns, End::Reset(When::Spoken)),
            _ if lost => (late_ns, End::Vanished),
            _ => (late_ns, End::Alive),
        }
    }
}

fn options(min_gap_ns: u64, max_gap_ns: u64) -> Options {
    Options {
        target: "192.0.2.1:80".into(),
        responder: true,
        payload: Vec::new(),
        firsts: vec![First::Client, First::Server],
        kinds: vec![Kind::Silence, Kind::Keepalive, Kind::Messages],
        min_gap_ns,
        max_gap_ns,
        replicates: 8,
        resolution_ns: None,
        max_open: 64,
        max_time_ns: max_gap_ns.saturating_mul(10),
        answer_within_ns: 2 * SECOND_NS,
    }
}

fn outcome(trial: Trial, waited_ns: u64, end: End) -> Outcome {
    Outcome {
        trial,
        opened_unix_ms: 0,
        waited_ns,
        end,
        ended_after_ns: 0,
        errno: None,
        retransmits: None,
        sent_bytes: 0,
        received_bytes: 0,
        far: None,
    }
}

/// A run: its time and the most connections at once.
struct Ran {
    elapsed_ns: u64,
    most_open: usize,
}

/// Runs a probe to its end, or up to `stop` outcomes.
fn run(state: &mut State, path: &Path, random: &mut Random, stop: usize) -> Ran {
    let mut clock_ns = 0;
    let mut due: Vec<(u64, Trial, u64, End)> = Vec::new();
    let mut most_open = 0;
    loop {
        let Plan { start, cancel, .. } = plan::next(state, clock_ns);
        due.retain(|(_, trial, ..)| !cancel.contains(&trial.id));
        for trial in start {
            let (waited_ns, end) = path.run(&trial, random);
            due.push((clock_ns + waited_ns, trial, waited_ns, end));
        }
        most_open = most_open.max(due.len());
        assert_eq!(due.len(), state.open.len());
        due.sort_by_key(|(at, ..)| std::cmp::Reverse(*at));
        let Some((at, trial, waited_ns, end)) = due.pop() else { break };
        clock_ns = at;
        state.take(outcome(trial, waited_ns, end));
        if state.outcomes.len() >= stop {
            break;
        }
    }
    Ran { elapsed_ns: clock_ns, most_open }
}

fn silence(first: First) -> Group {
    Group { kind: Kind::Silence, first }
}

#[test]
fn the_bracket_holds_the_timer() {
    let mut random = Random(0x1dea_11ed);
    // (death probability, probes, brackets that miss the timer, undecided)
    for (p, tolerated) in [(1.0, 0), (0.75, 1), (0.5, 1), (0.3, 2)] {
        let (mut missed, mut undecided, mut trials, mut wide) = (0, 0, 0, 0);
        const PROBES: usize = 20;
        for _ in 0..PROBES {
            let timer_ns = (SECOND_NS as f64 * 1.5 * 2000_f64.powf(random.next())) as u64;
            let mut state = State::new(options(SECOND_NS, 7200 * SECOND_NS));
            state.options.firsts = vec![First::Client];
            state.options.kinds = vec![Kind::Silence];
            let ran = run(&mut state, &Path::silent(timer_ns, p), &mut random, usize::MAX);
            assert!(ran.most_open <= 64);
            assert!(state.outcomes.len() < 2000, "{} trials", state.outcomes.len());
            trials += state.outcomes.len();
            match state.estimate(silence(First::Client)).found {
                // A trial at the very gap is late by the machine's grain.
                Found::Bracket { lower_ns, upper_ns, .. } => {
                    missed += usize::from(timer_ns < lower_ns || timer_ns > upper_ns);
                    wide += usize::from(upper_ns - lower_ns > 2 * state.options.resolution_at(upper_ns));
                }
                _ => undecided += 1,
            }
        }
        println!(
            "p = {p}: {PROBES} probes, {missed} brackets without the timer, {undecided} undecided, {wide} wide, {} trials each",
            trials / PROBES
        );
        assert!(missed <= tolerated && undecided <= tolerated && wide <= tolerated, "p = {p}");
    }
}

#[test]
fn a_ladder_takes_little_more_than_its_longest_gap() {
    let mut random = Random(7);
    let mut state = State::new(options(SECOND_NS, 7200 * SECOND_NS));
    let ran = run(&mut state, &Path::silent(u64::MAX, 1.0), &mut random, usize::MAX);
    assert!(ran.elapsed_ns < 9000 * SECOND_NS, "{} s", ran.elapsed_ns / SECOND_NS);
    for first in [First::Client, First::Server] {
        let found = state.estimate(silence(first)).found;
        assert!(matches!(found, Found::NoDeath { at_longest: 13, .. }), "{found:?}");
    }
}

#[test]
fn a_short_timer_does_not_take_the_longest_gap() {
    let mut random = Random(8);
    let mut state = State::new(options(SECOND_NS, 7200 * SECOND_NS));
    let ran = run(&mut state, &Path::silent(5 * SECOND_NS, 0.5), &mut random, usize::MAX);
    assert!(ran.elapsed_ns < 120 * SECOND_NS, "{} s", ran.elapsed_ns / SECOND_NS);
}

#[test]
fn an_expiry_hidden_from_the_client_is_found_from_the_server() {
    let mut random = Random(9);
    let mut state = State::new(options(SECOND_NS, 60 * SECOND_NS));
    let path = Path { p_client: 0.0, ..Path::silent(5 * SECOND_NS, 1.0) };
    run(&mut state, &path, &mut random, usize::MAX);
    assert!(matches!(state.estimate(silence(First::Client)).found, Found::NoDeath { .. }));
    let (lower_ns, upper_ns) = state.estimate(silence(First::Server)).bracket().unwrap();
    assert!(lower_ns < 5 * SECOND_NS && upper_ns >= 5 * SECOND_NS);
}

#[test]
fn probes_and_messages_tell_what_refreshes_the_timer() {
    let deaths = |path: Path| {
        let mut random = Random(10);
        let mut state = State::new(options(SECOND_NS, 60 * SECOND_NS));
        state.options.firsts = vec![First::Client];
        run(&mut state, &path, &mut random, usize::MAX);
        [Kind::Keepalive, Kind::Messages].map(|kind| {
            let estimate = state.estimate(Group { kind, first: First::Client });
            assert!(estimate.counted >= 5, "{kind:?}");
            estimate.deaths > 0
        })
    };
    let path = Path::silent(7 * SECOND_NS, 1.0);
    assert_eq!(deaths(path), [false, false]);
    assert_eq!(deaths(Path { probes_refresh: false, ..path }), [true, false]);
    assert_eq!(deaths(Path { lifetime: true, ..path }), [true, true]);
    assert_eq!(deaths(Path { eager: true, probes_refresh: false, ..path }), [true, false]);
}

#[test]
fn losses_everywhere_are_no_timer() {
    let mut brackets = 0;
    for seed in 1..=15 {
        let mut random = Random(seed);
        let mut state = State::new(options(SECOND_NS, 600 * SECOND_NS));
        state.options.firsts = vec![First::Client];
        state.options.kinds = vec![Kind::Silence];
        run(&mut state, &Path { loss: 0.1, ..Path::silent(u64::MAX, 0.0) }, &mut random, usize::MAX);
        brackets += usize::from(state.estimate(silence(First::Client)).bracket().is_some());
    }
    println!("15 probes of a path that loses a tenth: {brackets} named a timer");
    assert_eq!(brackets, 0);
}

#[test]
fn a_timer_shows_through_losses() {
    let mut random = Random(11);
    let mut state = State::new(options(SECOND_NS, 600 * SECOND_NS));
    run(&mut state, &Path { loss: 0.05, ..Path::silent(60 * SECOND_NS, 1.0) }, &mut random, usize::MAX);
    let (lower_ns, upper_ns) = state.estimate(silence(First::Client)).bracket().unwrap();
    assert!(lower_ns < 60 * SECOND_NS && upper_ns >= 60 * SECOND_NS && upper_ns - lower_ns < 10 * SECOND_NS);
}

#[test]
fn eager_ends_need_no_rounds() {
    let mut random = Random(12);
    let mut state = State::new(options(SECOND_NS, 600 * SECOND_NS));
    state.options.kinds = vec![Kind::Silence];
    state.options.firsts = vec![First::Client];
    run(&mut state, &Path { eager: true, ..Path::silent(75 * SECOND_NS, 1.0) }, &mut random, usize::MAX);
    let ladder = state.options.ladder_ns();
    assert!(state.outcomes.iter().all(|outcome| ladder.contains(&outcome.trial.gap_ns)));
    let (lower_ns, upper_ns) = state.estimate(silence(First::Client)).bracket().unwrap();
    assert!(lower_ns < 75 * SECOND_NS && upper_ns > 75 * SECOND_NS && upper_ns - lower_ns < SECOND_NS);
}

#[test]
fn an_interrupted_probe_goes_on_with_its_plan() {
    let mut interruptions = 0;
    for stop in [1, 40, 90] {
        let mut random = Random(13);
        let mut state = State::new(options(SECOND_NS, 60 * SECOND_NS));
        state.options.firsts = vec![First::Client];
        run(&mut state, &Path::silent(5 * SECOND_NS, 0.5), &mut random, stop);
        let bytes = file::write(&state);
        let mut again = file::read(&bytes).unwrap();
        // What was under way is forgotten; all else is there, and the same plan follows from it.
        let mut forgotten = state.clone();
        forgotten.open.clear();
        assert_eq!(again, forgotten);
        assert_eq!(plan::next(&mut again.clone(), 0), plan::next(&mut forgotten, 0));
        run(&mut again, &Path::silent(5 * SECOND_NS, 0.5), &mut random, usize::MAX);
        let (lower_ns, upper_ns) = again.estimate(silence(First::Client)).bracket().unwrap();
        assert!(lower_ns < 5 * SECOND_NS && upper_ns >= 5 * SECOND_NS, "{lower_ns} {upper_ns}");
        interruptions += 1;
    }
    assert_eq!(interruptions, 3);
}

#[test]
fn nothing_is_started_that_ends_after_the_time() {
    let mut random = Random(14);
    let mut state = State::new(options(SECOND_NS, 7200 * SECOND_NS));
    state.options.max_time_ns = 100 * SECOND_NS;
    let ran = run(&mut state, &Path::silent(u64::MAX, 0.0), &mut random, usize::MAX);
    assert!(ran.elapsed_ns <= 100 * SECOND_NS);
    assert!(state.outcomes.iter().all(|outcome| outcome.trial.gap_ns < 100 * SECOND_NS));
}

#[test]
fn a_target_that_cannot_be_reached_is_left_alone() {
    let mut state = State::new(options(SECOND_NS, 7200 * SECOND_NS));
    let mut tried = 0;
    while let Some(trial) = plan::next(&mut state, 0).start.first().copied() {
        for trial in state.open.clone() {
            state.take(outcome(trial, 0, End::NotOpened("connection refused".into())));
            tried += 1;
        }
        assert!(trial.id < 1000);
    }
    assert!(tried <= 64, "{tried}");
    assert!(plan::unreachable(&state));
}

#[test]
fn a_file_that_was_cut_or_changed_is_refused_or_read() {
    let mut random = Random(15);
    let mut state = State::new(options(SECOND_NS, 20 * SECOND_NS));
    run(&mut state, &Path::silent(5 * SECOND_NS, 0.5), &mut random, 30);
    let bytes = file::write(&state);
    for end in 0..bytes.len() - 2 {
        assert!(file::read(&bytes[..end]).is_err(), "{end}");
    }
    let mut read = 0;
    for _ in 0..1000 {
        let mut changed = bytes.clone();
        let at = (random.next() * changed.len() as f64) as usize;
        changed[at] = (random.next() * 256.0) as u8;
        if let Ok(mut state) = file::read(&changed) {
            read += 1;
            plan::next(&mut state, 0);
        }
    }
    assert!(read > 0);
}
