//! Which connections to open next.
//!
//! Everything follows from the outcomes so far, so a probe that was interrupted goes on with the plan it had. Bounded:
//! rounds, connections at a time, and time.

use casebook_core::dial::{End, Meanwhile, Trial};

use super::estimate::{ENOUGH_EAGER, Estimate, Found, ODDS, died};
use super::stats::needed;
use super::{Group, Kind, SECOND_NS, State};

/// Deaths of this probability are to be seen: (N - 1)/N is at least a half, rarer deaths take more patience.
pub const LEAST_P: f64 = 0.3;

/// The chance with which they may be overlooked.
pub const CHANCE: f64 = 0.01;

/// Waits this many times as long as the shortest deadly one are no longer of use.
const BEYOND: u64 = 5;

/// Connections for a gap inside the bracket, at least.
const LEAST: u32 = 3;

/// Connections of a group after which no round is begun.
const MOST: usize = 800;

/// Connections in vain after which a target counts as unreachable.
pub const IN_VAIN: usize = 8;

/// What is to be done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// To start now.
    pub start: Vec<Trial>,
    /// To give up.
    pub cancel: Vec<u64>,
    /// Trials that wait for room.
    pub waiting: usize,
    /// Trials that were left out because they would end after the time is up.
    pub too_late: usize,
}

/// A trial that is wanted: the gap and what happens meanwhile.
#[derive(Clone, Copy, Debug)]
struct Want {
    group: Group,
    gap_ns: u64,
    meanwhile: Meanwhile,
}

/// The next trials; `elapsed_ns` is the time since the beginning of this run. Those it starts are put into `state.open`.
pub fn next(state: &mut State, elapsed_ns: u64) -> Plan {
    let mut plan = Plan::default();
    if unreachable(state) {
        return plan;
    }
    let mut wants = Vec::new();
    let groups = state.groups();
    for first in state.options.firsts.clone() {
        let known = state.estimate(Group { kind: Kind::Silence, first });
        for group in groups.iter().filter(|group| group.first == first) {
            match group.kind {
                Kind::Silence => silence(state, *group, &known, &mut wants, &mut plan.cancel),
                Kind::Keepalive | Kind::Messages => variant(state, *group, &known, &mut wants),
            }
        }
    }
    state.open.retain(|trial| !plan.cancel.contains(&trial.id));
    let window_ns = state.options.answer_within_ns + SECOND_NS / 2;
    let left_ns = state.options.max_time_ns.saturating_sub(elapsed_ns);
    let all = wants.len();
    wants.retain(|want| want.gap_ns + window_ns <= left_ns);
    plan.too_late = all - wants.len();
    pick(state, wants, &mut plan);
    plan
}

/// Nothing could be opened, or hardly anything.
pub fn unreachable(state: &State) -> bool {
    let in_vain = state.outcomes.iter().filter(|outcome| matches!(outcome.end, End::NotOpened(_))).count();
    in_vain >= IN_VAIN && in_vain * 2 > state.outcomes.len()
}

/// Fills the room there is: half of it with the longest waits, because they decide how long all of it takes, the rest with
/// the shortest, because they may show that the longest are not needed.
fn pick(state: &mut State, mut wants: Vec<Want>, plan: &mut Plan) {
    wants.sort_by_key(|want| (want.gap_ns, want.group));
    let mut room = state.options.max_open.saturating_sub(state.open.len());
    let shortest_ns = wants.first().map_or(0, |want| want.gap_ns);
    let long = |gap_ns: u64| gap_ns > shortest_ns.saturating_mul(4);
    let mut long_open = state.open.iter().filter(|trial| long(trial.gap_ns)).count();
    let mut wants = std::collections::VecDeque::from(wants);
    while room > 0 {
        let take_long = wants.back().is_some_and(|want| long(want.gap_ns)) && long_open < state.options.max_open / 2;
        let Some(want) = (if take_long { wants.pop_back() } else { wants.pop_front() }) else { break };
        long_open += usize::from(long(want.gap_ns));
        room -= 1;
        let trial =
            Trial { id: state.next_id, gap_ns: want.gap_ns, first: want.group.first, meanwhile: want.meanwhile };
        state.next_id += 1;
        state.open.push(trial);
        plan.start.push(trial);
    }
    plan.waiting = wants.len();
}

/// Trials of a group with this gap that have an outcome that counts, or none yet.
fn there(state: &State, group: Group, gap_ns: u64) -> u32 {
    let done = state.of_group(group).filter(|outcome| outcome.trial.gap_ns == gap_ns && died(&outcome.end).is_some());
    let open = state.open.iter().filter(|trial| Group::of(trial) == group && trial.gap_ns == gap_ns);
    (done.count() + open.count()) as u32
}

/// A trial that could not be opened, or was disturbed, is done again, but not for ever.
fn gives_up(state: &State, group: Group) -> bool {
    let (mut void, mut counted) = (0, 0);
    for outcome in state.of_group(group) {
        if died(&outcome.end).is_some() { counted += 1 } else { void += 1 }
    }
    void > 16 + counted
}

fn want(wants: &mut Vec<Want>, count: u32, group: Group, gap_ns: u64, meanwhile: Meanwhile) {
    wants.extend((0..count).map(|_| Want { group, gap_ns, meanwhile }));
}

fn silence(state: &State, group: Group, estimate: &Estimate, wants: &mut Vec<Want>, cancel: &mut Vec<u64>) {
    if gives_up(state, group) {
        return;
    }
    let enough_ns = estimate.bracket().map_or(u64::MAX, |(_, upper_ns)| upper_ns.saturating_mul(BEYOND) / 2);
    let open = || state.open.iter().filter(|trial| Group::of(trial) == group);
    cancel.extend(open().filter(|trial| trial.gap_ns > enough_ns).map(|trial| trial.id));
    let ladder = state.options.ladder_ns();
    let mut first_missing_ns = u64::MAX;
    for gap_ns in ladder.iter().copied().filter(|gap_ns| *gap_ns <= enough_ns) {
        let missing = state.options.replicates_at(gap_ns).saturating_sub(there(state, group, gap_ns));
        if missing > 0 {
            first_missing_ns = first_missing_ns.min(gap_ns);
            want(wants, missing, group, gap_ns, Meanwhile::Silence);
        }
    }
    // Rounds begin when everything is known up to where the deaths begin.
    let unknown_ns = open().map(|trial| trial.gap_ns).min().unwrap_or(u64::MAX).min(first_missing_ns);
    match estimate.found {
        Found::Bracket { lower_ns, upper_ns, .. } if unknown_ns > upper_ns => {
            narrow(state, group, estimate, (lower_ns, upper_ns), Meanwhile::Silence, wants);
        }
        Found::Unrelated { shortest_ns, every: false, .. } if unknown_ns == u64::MAX => {
            // Is it a timer, or loss? More of the shortest, of the gap at which the first died, and of the longest.
            let at = ladder.iter().copied().rev().find(|gap_ns| *gap_ns <= shortest_ns + SECOND_NS / 10);
            let mut gaps =
                vec![state.options.min_gap_ns, at.unwrap_or(state.options.max_gap_ns), state.options.max_gap_ns];
            gaps.dedup();
            for gap_ns in gaps {
                let wanted = state.options.replicates_at(gap_ns) + needed(LEAST_P, CHANCE);
                want(wants, wanted.saturating_sub(there(state, group, gap_ns)), group, gap_ns, Meanwhile::Silence);
            }
        }
        _ => {}
    }
}

/// Connections for each gap of a round: so many that the death probability seen beyond the timer shows with 99 %.
fn replicates(estimate: &Estimate) -> u32 {
    let Found::Bracket { beyond, .. } = estimate.found else { return needed(LEAST_P, CHANCE) };
    needed(beyond.interval().0.max(LEAST_P), 1.0 / ODDS).max(LEAST)
}

/// A round: gaps inside the bracket, evenly spread, as many as there is room for.
fn narrow(
    state: &State,
    group: Group,
    estimate: &Estimate,
    (lower_ns, upper_ns): (u64, u64),
    meanwhile: Meanwhile,
    wants: &mut Vec<Want>,
) {
    let width_ns = upper_ns - lower_ns;
    if width_ns <= state.options.resolution_at(upper_ns) || exhausted(state, group) {
        return;
    }
    // No round tells gaps apart that a busy machine blurs.
    if width_ns < SECOND_NS / 50 {
        return;
    }
    // Ends that nobody provoked tell the time themselves, as soon as there are enough of them.
    if let Some(eager) = estimate.eager.filter(|eager| eager.count == estimate.deaths) {
        let more = state.open.iter().any(|trial| Group::of(trial) == group);
        if eager.count >= ENOUGH_EAGER || more {
            return;
        }
    }
    let each = replicates(estimate);
    let groups = state.options.firsts.len().max(1);
    let gaps = (state.options.max_open / groups / each as usize).clamp(1, 7) as u64;
    for i in 1..=gaps {
        let gap_ns = lower_ns + width_ns / (gaps + 1) * i;
        // To the millisecond, so that the same gap has one name.
        let gap_ns = gap_ns / 1_000_000 * 1_000_000;
        want(wants, each, group, gap_ns, meanwhile);
    }
}

/// True when a group has had its share of connections: a path whose losses hide the timer is not probed for ever.
fn exhausted(state: &State, group: Group) -> bool {
    state.of_group(group).count() >= MOST
}

/// Keepalive probes or messages instead of silence, at a gap that silence does not survive.
fn variant(state: &State, group: Group, silence: &Estimate, wants: &mut Vec<Want>) {
    let Some((meanwhile, below_ns, beyond_ns)) = variant_gaps(state, group, silence) else { return };
    if gives_up(state, group) {
        return;
    }
    let estimate = &state.estimate(group);
    let each = replicates(silence).max(5);
    let open = || state.open.iter().filter(|trial| Group::of(trial) == group).map(|trial| trial.gap_ns);
    let counted = state.of_group(group).filter(|outcome| died(&outcome.end).is_some());
    let mut gaps: Vec<u64> = counted.map(|outcome| outcome.trial.gap_ns).collect();
    gaps.extend(open());
    // The figures of silence may still move a little; a gap near the one that is wanted is taken for it.
    let missing =
        |is: &dyn Fn(u64) -> bool| each.saturating_sub(gaps.iter().filter(|gap_ns| is(**gap_ns)).count() as u32);
    let beyond = missing(&|gap_ns| gap_ns >= beyond_ns - beyond_ns / 4);
    let below = missing(&|gap_ns| gap_ns <= below_ns + below_ns / 8);
    if beyond > 0 {
        want(wants, beyond, group, beyond_ns, meanwhile);
    } else if open().next().is_some() {
    } else if estimate.deaths > 0 && below > 0 {
        want(wants, below, group, below_ns, meanwhile);
    } else if let Some(bracket) = estimate.bracket() {
        narrow(state, group, estimate, bracket, meanwhile, wants);
    }
}

/// How a variant is tried: what happens meanwhile, a wait that silence survives, and one that it does not. `None` while no
/// timer is known well enough, or when it is too short for the kernel's keepalive, which counts whole seconds.
pub fn variant_gaps(state: &State, group: Group, silence: &Estimate) -> Option<(Meanwhile, u64, u64)> {
    let (lower_ns, upper_ns) = silence.bracket()?;
    let resolution_ns = state.options.resolution_at(upper_ns);
    let narrowed = upper_ns - lower_ns <= resolution_ns.saturating_mul(2).max(upper_ns / 8);
    if lower_ns == 0 || !narrowed {
        return None;
    }
    let meanwhile = match group.kind {
        Kind::Silence => return None,
        Kind::Keepalive => {
            let interval_ns = (lower_ns / 3 / SECOND_NS).max(1) * SECOND_NS;
            if interval_ns + interval_ns / 2 > lower_ns {
                return None;
            }
            Meanwhile::Keepalive { interval_ns }
        }
        Kind::Messages => Meanwhile::Messages { interval_ns: (lower_ns / 4).max(SECOND_NS / 20) },
    };
    let whole_ms = |ns: u64| ns / 1_000_000 * 1_000_000;
    let beyond_ns = upper_ns.saturating_mul(2).min(state.options.max_gap_ns.max(upper_ns + upper_ns / 4));
    Some((meanwhile, whole_ms(lower_ns - lower_ns / 10), whole_ms(beyond_ns)))
}

/// Figures of the plan before anything is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forecast {
    /// Connections of the ladder.
    pub ladder: u64,
    /// Time the ladder takes with the room there is.
    pub ladder_ns: u64,
    /// Connections open at once, at most.
    pub at_once: usize,
}

/// What the ladder takes. Rounds come on top: each as long as the timer that is found.
pub fn forecast(state: &State) -> Forecast {
    let options = &state.options;
    let directions = options.firsts.len() as u64;
    let (mut ladder, mut sum_ns) = (0, 0_u64);
    for gap_ns in options.ladder_ns() {
        let count = u64::from(options.replicates_at(gap_ns)) * directions;
        ladder += count;
        sum_ns = sum_ns.saturating_add(gap_ns.saturating_mul(count));
    }
    let room = options.max_open.max(1) as u64;
    let rounds_of_longest =
        (u64::from(options.replicates_at(options.max_gap_ns)) * directions).div_ceil(room) * options.max_gap_ns;
    Forecast {
        ladder,
        ladder_ns: rounds_of_longest.max(sum_ns / room) + options.answer_within_ns,
        at_once: options.max_open.min(usize::try_from(ladder).unwrap_or(usize::MAX)),
    }
}
