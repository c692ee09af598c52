//! A rule that answers a packet of a connection with a RST, though its entry is there.

use casebook_core::Span;
use casebook_formats::nft::ask::{Refusal, Verdict};
use casebook_formats::nft::ir::{CtObject, OpKind, Ruleset};

use super::ask::{Asked, Ends, Way, ask};
use super::candidates::devices;
use crate::facts::Host;
use crate::facts::flow::{Flow, Side};

/// The rule of `host` that rejects packets of `from` with a RST, whatever devices they pass.
pub fn rejects(host: &Host, flow: &Flow, from: Side) -> Option<Span> {
    let ruleset = &host.ruleset.as_ref()?.ruleset;
    let names = devices(ruleset);
    let mut pairs = vec![("eth9".to_owned(), "eth8".to_owned())];
    for near in &names {
        pairs.extend(names.iter().filter(|far| *far != near).map(|far| (near.clone(), far.clone())));
    }
    pairs.into_iter().find_map(|(near, far)| {
        let ends = Ends {
            client: flow.client.address,
            client_port: flow.client.port,
            server: flow.server.address,
            server_port: flow.server.port,
            near: Some(near),
            far: Some(far),
        };
        let answer = ask(ruleset, &ends, from == Side::Server, Asked::Known, Way::Forward, true)?;
        let rejected = answer.verdict == Verdict::Reject(Refusal::TcpReset);
        answer.decided.filter(|_| rejected).map(|decided| decided.span)
    })
}

/// True when a rule gives connections timeouts of their own (`ct timeout set`).
pub fn sets_timeouts(ruleset: &Ruleset) -> bool {
    let mut ops = ruleset.rules().flat_map(|(_, rule)| &rule.ops);
    ops.any(|op| matches!(&op.kind, OpKind::CtObject(CtObject { kind, .. }) if kind == "timeout"))
}
