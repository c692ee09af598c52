//! What a ruleset does to one packet, with the places: the way in for other cases.
//!
//! [`super::read::ruleset`] gives a ruleset, [`super::packet_text::parse`] a packet; its `path` says which hooks it
//! meets, its `ct.state` what connection tracking says of it, or, when that is not given, that no connection knows it.
//! Nothing is guessed: what neither packet nor ruleset decide (a rate limit, what a set holds now, which number the
//! kernel draws) splits the answer into ways, and the verdict is one only where all ways agree.
//!
//! Routing is not part of it: a packet that a rule sends elsewhere still takes the path it was given.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use casebook_core::Span;

use super::conntrack::registered_by;
use super::ir::{DrawKind, Expr, Family, Nat, NatFlags, NatKind, OpKind, RuleRef, Ruleset, TableId, Timeout};
use super::outcome::{Assumed, Decider, Effect, End};
use super::packet::{CtState, ETH_IP, ETH_IP6, Packet};
use super::walk::{Evaluator, Way};
use super::watch::Event;

mod share;
#[cfg(test)]
mod tests;

pub use share::{Chance, Share};

/// Ways that are followed. A packet with more is answered as far as these go, and [`Answer::whole`] is false.
const MOST_WAYS: usize = 1024;

/// What the host says that no ruleset holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context {
    /// Whether connection tracking runs; `None`: as far as the ruleset switches it on.
    pub conntrack: Option<bool>,
    /// `net.netfilter.nf_conntrack_tcp_loose`: a connection is picked up in its middle. The kernel begins with 1.
    pub tcp_loose: bool,
}

impl Default for Context {
    fn default() -> Self {
        Self { conntrack: None, tcp_loose: true }
    }
}

/// What becomes of a packet.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It passes every hook of its path.
    Accept,
    /// A rule or policy drops it, without an answer.
    Drop,
    /// A rule drops it and answers.
    Reject(Refusal),
    /// A rule takes it: to another device, to synproxy; or it is a fragment that is held.
    Stolen,
    /// The ways differ, or one ends in something the model does not know.
    Unknown,
}

/// The answer of a `reject`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// `reject with tcp reset`: a RST (net/ipv4/netfilter/nf_reject_ipv4.c `nf_send_reset`; none for a RST).
    TcpReset,
    /// An ICMP error, as the rule writes it; `icmpx port-unreachable` when it writes none (nft(8), "REJECT STATEMENT").
    Icmp(String),
}

/// Who decided, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decided {
    /// The rule or policy. For an accepted packet that of the last base chain of its main hook.
    pub by: Decider,
    /// The statement that gave the verdict, or the hook line of the chain whose policy did.
    pub span: Span,
}

/// The address a translation writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Address {
    /// As it was.
    Kept,
    /// This one.
    Is(IpAddr),
    /// One of a range, both ends included: by a hash over the addresses of the flow, so always the same for the same
    /// client, server and protocol (net/netfilter/nf_nat_core.c `find_best_ips_proto`).
    Range(IpAddr, IpAddr),
    /// One of the device's own: `masquerade`, `redirect`.
    OfDevice,
    /// The evidence does not decide it.
    Unknown,
}

/// The port a translation writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Port {
    /// As it was, while no other connection has it (`get_unique_tuple`); with `random` or `fully-random`, any.
    Kept,
    /// This one.
    Is(u16),
    /// One of a range, both ends included.
    Range(u16, u16),
    /// The evidence does not decide it.
    Unknown,
}

/// A translation met on a way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Translation {
    /// Which.
    pub kind: NatKind,
    /// The address it writes.
    pub address: Address,
    /// The port it writes.
    pub port: Port,
    /// How both are chosen.
    pub flags: NatFlags,
}

impl Translation {
    /// True for one of the source: `snat`, `masquerade`.
    pub fn is_source(&self) -> bool {
        matches!(self.kind, NatKind::Snat | NatKind::Masquerade)
    }
}

/// What a statement did.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum What {
    /// Translated addresses or ports.
    Nat(Translation),
    /// Exempted the packet from connection tracking.
    Notrack,
    /// `ct timeout set`: the object's name, unless a map gives it. The kernel gives it to a connection with its first
    /// packet only (net/netfilter/nft_ct.c `nft_ct_timeout_obj_eval`). [`timeout`] is what the object says.
    Timeout(Option<String>),
    /// `ct helper set`.
    Helper(Option<String>),
    /// `ct expectation set`.
    Expectation(Option<String>),
    /// `flow add @name`: later packets of the flow meet no rule (net/netfilter/nft_flow_offload.c
    /// `nft_flow_offload_eval`, which passes by connections that are not confirmed yet, and a FIN or RST).
    Offload(String),
    /// Anything else.
    Other(Effect),
}

/// A statement that did something.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Met {
    /// The rule.
    pub rule: RuleRef,
    /// The statement.
    pub span: Span,
    /// What it did.
    pub what: What,
}

/// One way the packet can go.
#[derive(Clone, Debug)]
pub struct Branch {
    /// What becomes of it.
    pub verdict: Verdict,
    /// Who decided; `None` where no rule and no policy did.
    pub decided: Option<Decided>,
    /// State of its connection at the end; `None` when not known.
    pub ct_state: Option<CtState>,
    /// Statements that did something, in order; counters are left out.
    pub met: Vec<Met>,
    /// The answers this way takes to what packet and ruleset do not decide.
    pub assumed: Vec<Assumed>,
}

/// What a ruleset does to a packet.
#[derive(Clone, Debug)]
pub struct Answer {
    /// What becomes of it, when all ways agree.
    pub verdict: Verdict,
    /// Who decided, when all ways agree.
    pub decided: Option<Decided>,
    /// The ways, at least one.
    pub ways: Vec<Branch>,
    /// False when there are more ways than are followed; then the verdict is [`Verdict::Unknown`].
    pub whole: bool,
    /// What the verdict and effects depend on that neither packet nor ruleset decide, without what is drawn.
    pub depends: Vec<String>,
}

impl Answer {
    /// Translations of the destination (`dnat`, `redirect`), one share for each there can be.
    pub fn destinations(&self) -> Vec<Share> {
        share::shares(self, |translation| !translation.is_source())
    }

    /// Translations of the source (`snat`, `masquerade`), likewise.
    pub fn sources(&self) -> Vec<Share> {
        share::shares(self, Translation::is_source)
    }

    /// Statements some way meets, each once, in order of their meeting; true when every way meets it.
    pub fn met(&self) -> Vec<(Met, bool)> {
        let mut out: Vec<(Met, bool)> = Vec::new();
        for met in self.ways.iter().flat_map(|way| &way.met) {
            if !out.iter().any(|(known, _)| known == met) {
                let always = self.whole && self.ways.iter().all(|way| way.met.contains(met));
                out.push((met.clone(), always));
            }
        }
        out
    }
}

/// What `ruleset` does to `packet`. For many packets, [`ask`] with one evaluator.
pub fn what_happens(ruleset: &Ruleset, packet: &Packet, context: &Context) -> Answer {
    ask(ruleset, &mut evaluator(ruleset, context), packet)
}

/// An evaluator for [`ask`].
pub fn evaluator<'r>(ruleset: &'r Ruleset, context: &Context) -> Evaluator<'r> {
    let evaluator = Evaluator::new(ruleset).with_loose(context.tcp_loose);
    match context.conntrack {
        Some(on) => evaluator.with_conntrack(on),
        None => evaluator,
    }
}

/// As [`what_happens`], with an evaluator of the same ruleset.
pub fn ask(ruleset: &Ruleset, evaluator: &mut Evaluator<'_>, packet: &Packet) -> Answer {
    let (ways, whole) = evaluator.ways(packet, MOST_WAYS);
    let ways: Vec<Branch> = ways.into_iter().map(|way| branch(ruleset, way)).collect();
    let mut depends: Vec<String> = Vec::new();
    for assumed in ways.iter().flat_map(|way| &way.assumed).filter(|assumed| assumed.drawn.is_none()) {
        if !depends.contains(&assumed.what) {
            depends.push(assumed.what.clone());
        }
    }
    let first = ways.first();
    let verdict = first.map(|way| &way.verdict).filter(|verdict| whole && ways.iter().all(|w| w.verdict == **verdict));
    let decided = first.and_then(|way| way.decided).filter(|by| whole && ways.iter().all(|w| w.decided == Some(*by)));
    Answer { verdict: verdict.cloned().unwrap_or(Verdict::Unknown), decided, whole, depends, ways }
}

/// Where the ruleset switches connection tracking on for IPv4 ([`Family::Ip`]) or IPv6 ([`Family::Ip6`]); `None` when
/// nothing in it does, and for other families.
pub fn tracked_by(ruleset: &Ruleset, family: Family) -> Option<Span> {
    let protocol = match family {
        Family::Ip => ETH_IP,
        Family::Ip6 => ETH_IP6,
        _ => return None,
    };
    registered_by(ruleset, protocol).map(|op| op.loc.span)
}

/// The `ct timeout` object of this name in a table.
pub fn timeout<'r>(ruleset: &'r Ruleset, table: TableId, name: &str) -> Option<&'r Timeout> {
    ruleset.tables.get(table.0 as usize)?.timeouts.iter().find(|known| known.name == name)
}

fn branch(ruleset: &Ruleset, way: Way) -> Branch {
    let Way { outcome, acts, assumed } = way;
    let op = |rule: RuleRef, op: usize| ruleset.rule(rule).ops.get(op);
    let mut met = Vec::new();
    for (at, act) in acts.iter().enumerate() {
        let Event::Effect { rule, op: index, effect } = act else { continue };
        let Some(op) = op(*rule, *index) else { continue };
        let what = match (effect, &op.kind, acts.get(at + 1)) {
            (Effect::Nat(..), OpKind::Nat(nat), Some(Event::Nat { ip6, addr, port, .. })) => {
                What::Nat(translation(nat, *ip6, *addr, *port))
            }
            (Effect::Notrack, ..) => What::Notrack,
            (_, OpKind::Flow(name), _) => What::Offload(name.clone()),
            (_, OpKind::CtObject(object), _) => match object.kind.as_str() {
                "timeout" => What::Timeout(object.name.clone()),
                "helper" => What::Helper(object.name.clone()),
                _ => What::Expectation(object.name.clone()),
            },
            (other, ..) => What::Other(other.clone()),
        };
        met.push(Met { rule: *rule, span: op.loc.span, what });
    }
    let decided = outcome.decided.and_then(|by| {
        let span = match by {
            Decider::Rule(rule) => acts.iter().rev().find_map(|act| match act {
                Event::Verdict { rule: at, op: index, .. } if *at == rule => op(rule, *index).map(|op| op.loc.span),
                _ => None,
            }),
            Decider::Policy(table, chain) => ruleset.chain(table, chain).base.as_ref().map(|base| base.span),
        };
        span.map(|span| Decided { by, span })
    });
    let verdict = match outcome.end {
        End::Accept => Verdict::Accept,
        End::Drop => Verdict::Drop,
        End::Reject => Verdict::Reject(refusal(ruleset, outcome.decided)),
        End::Stolen => Verdict::Stolen,
        End::Unknown => Verdict::Unknown,
    };
    Branch { verdict, decided, ct_state: outcome.ct_state, met, assumed }
}

/// What the deciding rule answers. nft's text and JSON both say `reject with tcp reset`.
fn refusal(ruleset: &Ruleset, by: Option<Decider>) -> Refusal {
    let rule = match by {
        Some(Decider::Rule(rule)) => Some(ruleset.rule(rule)),
        _ => None,
    };
    let written = rule.into_iter().flat_map(|rule| &rule.ops).find_map(|op| match &op.kind {
        OpKind::Reject(with) => with.as_deref(),
        _ => None,
    });
    match written.map(|with| with.strip_prefix("reject with ").unwrap_or(with)) {
        Some("tcp reset") => Refusal::TcpReset,
        Some(with) => Refusal::Icmp(with.to_owned()),
        None => Refusal::Icmp("icmpx port-unreachable".to_owned()),
    }
}

fn translation(nat: &Nat, ip6: bool, addr: Option<Option<u128>>, port: Option<Option<u128>>) -> Translation {
    let ip = |value: u128| match ip6 {
        true => IpAddr::V6(Ipv6Addr::from(value)),
        false => IpAddr::V4(Ipv4Addr::from(value as u32)),
    };
    let range = |low: &Option<Expr>, high: &Option<Expr>| match (low, high) {
        (Some(Expr::Const(low)), Some(Expr::Const(high))) => Some((*low, *high)),
        _ => None,
    };
    let address = match (addr, nat.kind) {
        (None, _) => Address::Kept,
        (Some(Some(value)), _) => Address::Is(ip(value)),
        (Some(None), NatKind::Masquerade | NatKind::Redirect) => Address::OfDevice,
        (Some(None), _) => match range(&nat.addr, &nat.addr_max) {
            Some((low, high)) => Address::Range(ip(low), ip(high)),
            None => Address::Unknown,
        },
    };
    let port = match port {
        None => Port::Kept,
        Some(Some(value)) => Port::Is(value as u16),
        Some(None) => match range(&nat.port, &nat.port_max) {
            Some((low, high)) => Port::Range(low as u16, high as u16),
            None => Port::Unknown,
        },
    };
    Translation { kind: nat.kind, address, port, flags: nat.flags }
}

/// True for a number that comes out the same for every packet of a flow, as long as the ruleset is loaded.
pub fn is_sticky(how: DrawKind) -> bool {
    matches!(how, DrawKind::Jhash | DrawKind::Symhash)
}
