//! What happens on a packet's way, for whoever wants to see it.

use super::ir::{ChainId, Hook, RuleRef, TableId, Verdict};
use super::load::Ct;
use super::outcome::Effect;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A hook begins.
    Hook(Hook),
    /// Connection tracking looked the packet up.
    Conntrack(Ct),
    /// A base chain begins, at this priority.
    Base {
        /// Table.
        table: TableId,
        /// Chain.
        chain: ChainId,
        /// Priority on the hook.
        priority: i32,
        /// True when the nat dispatcher runs it.
        nat: bool,
    },
    /// A jump or goto.
    Enter {
        /// Table.
        table: TableId,
        /// Where to.
        chain: ChainId,
        /// Where from.
        from: ChainId,
    },
    /// Back in a chain after a jump.
    Back {
        /// Table.
        table: TableId,
        /// Chain.
        chain: ChainId,
    },
    /// A rule did not apply.
    Broke {
        /// The rule.
        rule: RuleRef,
        /// Number of the operation that broke it.
        op: usize,
        /// What it found.
        why: String,
    },
    /// A rule did something.
    Effect {
        /// The rule.
        rule: RuleRef,
        /// Number of the operation.
        op: usize,
        /// What.
        effect: Effect,
    },
    /// A rule translated an address or port; an [`Event::Effect`] says it in words.
    Nat {
        /// The rule.
        rule: RuleRef,
        /// Number of the operation.
        op: usize,
        /// True for IPv6.
        ip6: bool,
        /// The address: `None` leaves it, `Some(None)` is one that is not known.
        addr: Option<Option<u128>>,
        /// The port, likewise.
        port: Option<Option<u128>>,
    },
    /// A rule gave a verdict.
    Verdict {
        /// The rule.
        rule: RuleRef,
        /// Number of the operation.
        op: usize,
        /// The verdict.
        verdict: Verdict,
    },
    /// A rule ran to its end and decided nothing.
    Done {
        /// The rule.
        rule: RuleRef,
    },
    /// A base chain ended without a rule deciding.
    Policy {
        /// Table.
        table: TableId,
        /// Chain.
        chain: ChainId,
        /// True for accept.
        accept: bool,
    },
    /// Something between the hooks.
    Note(String),
}

/// A watcher. Events are made only when it wants them.
pub trait Watch {
    /// It wants the events; without, a rule that breaks at its first test need not say at which.
    const SEES: bool;

    /// Takes an event.
    fn event(&mut self, event: impl FnOnce() -> Event);

    /// Takes an event that changes what becomes of the packet: an effect, a verdict, a policy.
    #[inline]
    fn act(&mut self, event: impl FnOnce() -> Event) {
        self.event(event);
    }
}

/// Sees nothing; costs nothing.
#[derive(Debug, Default)]
pub struct Blind;

impl Watch for Blind {
    const SEES: bool = false;

    #[inline]
    fn event(&mut self, _: impl FnOnce() -> Event) {}
}

/// Keeps what changes the packet's way, and nothing of the rules that do not apply.
#[derive(Debug, Default)]
pub struct Acts {
    /// What happened.
    pub events: Vec<Event>,
}

impl Watch for Acts {
    const SEES: bool = false;

    #[inline]
    fn event(&mut self, _: impl FnOnce() -> Event) {}

    fn act(&mut self, event: impl FnOnce() -> Event) {
        if self.events.len() < MOST {
            self.events.push(event());
        }
    }
}

/// Keeps everything, up to a limit.
#[derive(Debug, Default)]
pub struct Recorder {
    /// What happened.
    pub events: Vec<Event>,
}

/// Events kept of one packet: more rules than this are visited only by rulesets nobody reads by hand.
const MOST: usize = 200_000;

impl Watch for Recorder {
    const SEES: bool = true;

    fn event(&mut self, event: impl FnOnce() -> Event) {
        if self.events.len() < MOST {
            self.events.push(event());
        }
    }
}
