//! What became of a packet.

use std::collections::HashSet;
use std::hash::Hash;

use super::ir::{ChainId, SetOp};
use super::ir::{DrawKind, NatKind, RuleRef, TableId};
use super::packet::CtState;

/// The end of a packet's way through the hooks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum End {
    /// It passed every hook.
    Accept,
    /// A rule or policy dropped it.
    Drop,
    /// A rule refused it with an answer.
    Reject,
    /// A rule took it away: forwarded to a device, answered by synproxy, held as a fragment.
    Stolen,
    /// It depends on something the evidence does not hold.
    Unknown,
}

impl End {
    /// Name in outcomes.
    pub fn as_str(self) -> &'static str {
        match self {
            End::Accept => "accept",
            End::Drop => "drop",
            End::Reject => "reject",
            End::Stolen => "stolen",
            End::Unknown => "unknown",
        }
    }
}

/// Who decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Decider {
    /// A rule.
    Rule(RuleRef),
    /// The policy of a base chain.
    Policy(TableId, ChainId),
}

/// An answer to a question that neither packet nor ruleset decide, taken on one way of a packet.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Assumed {
    /// The question: `limit rate 10/second`, `numgen inc mod 2`.
    pub what: String,
    /// The answer, from 0; for a condition 0 is that it holds.
    pub answer: u32,
    /// How many answers there are.
    pub of: u32,
    /// How the kernel comes to this answer, when the ruleset says so.
    pub drawn: Option<Drawn>,
}

/// An answer that is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Drawn {
    /// How.
    pub how: DrawKind,
    /// Numbers that give this answer.
    pub weight: u32,
    /// Numbers there are.
    pub modulus: u32,
}

/// Something a rule did to a packet beside its verdict.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Set the packet mark; `None` when the value is not known.
    Mark(Option<u32>),
    /// Set the connection's mark.
    CtMark(Option<u32>),
    /// Wrote another `meta` or `ct` key or a header field.
    Write(String),
    /// Translated an address or port.
    Nat(NatKind, String),
    /// Gave it to a local socket.
    Tproxy,
    /// Exempted it from connection tracking.
    Notrack,
    /// Asked a program.
    Queue(String),
    /// Sent a copy elsewhere.
    Dup(String),
    /// Logged.
    Log(Option<String>),
    /// Counted.
    Counter(Option<String>),
    /// Took part in a rate limit, quota or count.
    Limit(String),
    /// Changed a set.
    Set(SetOp, String),
    /// Attached a helper, timeout or expectation, or offloaded the flow.
    Attach(String),
}

impl Effect {
    /// One phrase: `ct mark 0x51`.
    pub fn describe(&self) -> String {
        let mark = |mark: &Option<u32>| mark.map_or_else(|| "an unknown value".to_owned(), |mark| format!("{mark:#x}"));
        match self {
            Effect::Mark(value) => format!("mark {}", mark(value)),
            Effect::CtMark(value) => format!("ct mark {}", mark(value)),
            Effect::Write(what) => what.clone(),
            Effect::Nat(_, what) | Effect::Attach(what) | Effect::Limit(what) => what.clone(),
            Effect::Tproxy => "tproxy".into(),
            Effect::Notrack => "notrack".into(),
            Effect::Queue(what) => what.clone(),
            Effect::Dup(to) => format!("dup to {to}"),
            Effect::Log(Some(prefix)) => format!("log \"{prefix}\""),
            Effect::Log(None) => "log".into(),
            Effect::Counter(Some(name)) => format!("counter \"{name}\""),
            Effect::Counter(None) => "counter".into(),
            Effect::Set(op, name) => {
                let op = match op {
                    SetOp::Add => "add to",
                    SetOp::Update => "update",
                    SetOp::Delete => "delete from",
                };
                format!("{op} set {name}")
            }
        }
    }
}

/// What became of a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The end.
    pub end: End,
    /// Who decided it: for an accepted packet, the last base chain of its main hook.
    pub decided: Option<Decider>,
    /// Packet mark at the end; `None` when not known.
    pub mark: Option<u32>,
    /// Connection state at the end; `None` when not known.
    pub ct_state: Option<CtState>,
    /// Mark of the connection at the end; `None` when not known.
    pub ct_mark: Option<u32>,
    /// Zone of the connection.
    pub ct_zone: u16,
    /// Labels of the connection; `None` when not known.
    pub ct_label: Option<u128>,
    /// Effects in order, with the rule that had each.
    pub effects: Vec<(RuleRef, Effect)>,
    /// Rules whose statements all ran to the end, in order, each once.
    pub hits: Vec<RuleRef>,
    /// What the outcome depends on; empty when the packet alone decides.
    pub depends: Vec<String>,
}

impl Outcome {
    /// Joins the outcome of another assumption: what differs becomes unknown.
    pub(super) fn join(&mut self, other: &Outcome) {
        if self.end != other.end {
            self.end = End::Unknown;
        }
        if self.decided != other.decided {
            self.decided = None;
        }
        if self.mark != other.mark {
            self.mark = None;
        }
        if self.ct_state != other.ct_state {
            self.ct_state = None;
        }
        if self.ct_mark != other.ct_mark {
            self.ct_mark = None;
        }
        if self.ct_label != other.ct_label {
            self.ct_label = None;
        }
        keep_common(&mut self.effects, &other.effects);
        keep_common(&mut self.hits, &other.hits);
    }
}

/// Keeps what `other` has too.
fn keep_common<T: Eq + Hash>(list: &mut Vec<T>, other: &[T]) {
    // Nearly always the two are short or the same.
    if list.as_slice() == other {
        return;
    }
    let known: HashSet<&T> = other.iter().collect();
    list.retain(|item| known.contains(item));
}
