//! The patient prober's plan and its reading: which connections to open next, and what their ends say. Pure: time and
//! outcomes are arguments.
//!
//! A ladder of gaps, each twice the one before, with several connections each and all of them waiting side by side, finds
//! between which gaps connections begin to die; rounds of gaps between those narrow it down. The two directions, and what
//! happens meanwhile, are groups of their own: a timer can be refreshed by probes or not, and an expiry can be hidden from
//! one end (a translator that picks the client's segments up again) and deadly for the other.

pub mod estimate;
pub mod explain;
pub mod file;
pub mod plan;
pub mod stats;
#[cfg(test)]
mod tests;

use casebook_core::dial::{First, Meanwhile, Outcome, Trial};

use estimate::{Estimate, estimate};

/// One second in nanoseconds.
pub const SECOND_NS: u64 = 1_000_000_000;

/// What happens while a connection waits, without its figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Nothing.
    Silence,
    /// Keepalive probes of the client's kernel.
    Keepalive,
    /// Messages.
    Messages,
}

impl Kind {
    /// Of a trial.
    pub fn of(meanwhile: Meanwhile) -> Self {
        match meanwhile {
            Meanwhile::Silence => Kind::Silence,
            Meanwhile::Keepalive { .. } => Kind::Keepalive,
            Meanwhile::Messages { .. } => Kind::Messages,
        }
    }
}

/// Trials that are estimated together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Group {
    /// What happens meanwhile.
    pub kind: Kind,
    /// Who speaks after the wait.
    pub first: First,
}

impl Group {
    /// Of a trial.
    pub fn of(trial: &Trial) -> Self {
        Group { kind: Kind::of(trial.meanwhile), first: trial.first }
    }
}

/// What the user asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// `HOST:PORT`.
    pub target: String,
    /// `casebook rst respond` is at the far end; else a service that gets `payload`.
    pub responder: bool,
    /// What a service is sent.
    pub payload: Vec<u8>,
    /// Who speaks after the wait.
    pub firsts: Vec<First>,
    /// Silence, and what else is tried once a timer is found.
    pub kinds: Vec<Kind>,
    /// Shortest wait: the control group, at which nothing should die.
    pub min_gap_ns: u64,
    /// Longest wait.
    pub max_gap_ns: u64,
    /// Connections for each gap of the ladder.
    pub replicates: u32,
    /// How narrow the bracket is to be; `None` for 1 %, at least 0.25 s.
    pub resolution_ns: Option<u64>,
    /// Connections open at the same time.
    pub max_open: usize,
    /// All of it ends after this long.
    pub max_time_ns: u64,
    /// How long an answer is waited for.
    pub answer_within_ns: u64,
}

impl Options {
    /// How narrow the bracket is to be when its upper end is there.
    pub fn resolution_at(&self, upper_ns: u64) -> u64 {
        self.resolution_ns.unwrap_or((upper_ns / 100).max(SECOND_NS / 4))
    }

    /// The gaps of the ladder, each twice the one before; the last is the longest asked for.
    pub fn ladder_ns(&self) -> Vec<u64> {
        let mut gaps = Vec::new();
        let mut gap = self.min_gap_ns.max(1);
        // A last step of less than a half would say nothing new.
        while gap < self.max_gap_ns - self.max_gap_ns / 4 {
            gaps.push(gap);
            gap = gap.saturating_mul(2);
        }
        gaps.push(self.max_gap_ns);
        gaps
    }

    /// Connections for a gap of the ladder. At the longest so many that a death of probability 0.3 is seen with 99 %:
    /// "nobody died up to there" rests on them.
    pub fn replicates_at(&self, gap_ns: u64) -> u32 {
        if gap_ns == self.max_gap_ns {
            self.replicates.max(stats::needed(plan::LEAST_P, plan::CHANCE))
        } else {
            self.replicates
        }
    }
}

/// A probe: what was asked, what came of it so far, what is under way.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// What was asked.
    pub options: Options,
    /// Outcomes in the order in which they came.
    pub outcomes: Vec<Outcome>,
    /// Trials without one.
    pub open: Vec<Trial>,
    /// Number of the next trial.
    pub next_id: u64,
    /// Time spent by earlier runs.
    pub spent_ns: u64,
}

impl State {
    /// Nothing done yet.
    pub fn new(options: Options) -> Self {
        State { options, outcomes: Vec::new(), open: Vec::new(), next_id: 1, spent_ns: 0 }
    }

    /// Takes an outcome; one that was not asked for is passed by.
    pub fn take(&mut self, outcome: Outcome) {
        let Some(at) = self.open.iter().position(|trial| *trial == outcome.trial) else { return };
        self.open.swap_remove(at);
        self.outcomes.push(outcome);
    }

    /// Outcomes of a group.
    pub fn of_group(&self, group: Group) -> impl Iterator<Item = &Outcome> {
        self.outcomes.iter().filter(move |outcome| Group::of(&outcome.trial) == group)
    }

    /// What the outcomes of a group say.
    pub fn estimate(&self, group: Group) -> Estimate {
        estimate(self.of_group(group))
    }

    /// The groups asked for, silence first.
    pub fn groups(&self) -> Vec<Group> {
        let mut groups = Vec::new();
        for kind in [Kind::Silence, Kind::Keepalive, Kind::Messages] {
            let asked = self.options.kinds.contains(&kind);
            groups.extend(self.options.firsts.iter().filter(|_| asked).map(|first| Group { kind, first: *first }));
        }
        groups
    }
}
