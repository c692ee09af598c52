//! A packet that shows a change.

use casebook_formats::nft::conntrack::first_packet;
use casebook_formats::nft::ir::{RuleRef, Ruleset};
use casebook_formats::nft::outcome::{Effect, End, Outcome};
use casebook_formats::nft::packet::{CtState, Headers, Packet};
use casebook_formats::nft::show;
use casebook_formats::nft::walk::Evaluator;

use super::compile::Shared;
use super::diagram::{Node, Within};
use super::diff::Kind;
use super::packet::packet;
use super::region::values;
use super::space::{Run, Space};

/// A packet of these sets for which the evaluator says that it changes in this way. One whose connection is as the
/// kernel itself would see it is taken before others.
pub(super) fn witness(
    shared: &mut Shared,
    (old, new): (&Ruleset, &Ruleset),
    kind: Kind,
    sets: &[Node],
) -> Within<Option<Packet>> {
    const TRIED: usize = 8;
    let (mut before, mut after) = (Evaluator::new(old), Evaluator::new(new));
    let state = Run { space: Space::CtState, first: 0, count: 32 };
    let mut any = None;
    for (index, set) in sets.iter().enumerate() {
        if any.is_some() && index >= TRIED {
            break;
        }
        // New ones first, then established, invalid and all others.
        for bits in [8, 2, 1, 0] {
            let within = match bits {
                0 => *set,
                bits => {
                    let is = shared.lies(state, &[(bits, bits)])?;
                    shared.arena.and(is, *set)?
                }
            };
            if within == Node::FALSE {
                continue;
            }
            let within = usual(shared, within, bits)?;
            let packet = packet(&shared.layout, &values(shared, within));
            let (first, second) = (before.run(&packet), after.run(&packet));
            if !confirms((old, &first), (new, &second), kind) {
                continue;
            }
            if !shared.layout.class.tracked || is_natural(&packet, new) {
                return Ok(Some(packet));
            }
            any = any.or(Some(packet));
        }
    }
    Ok(any)
}

/// The packets of a set, which holds some, that are as most are: of a protocol with a tracker, and with the flags of the
/// first packet of a connection or of a later one.
fn usual(shared: &mut Shared, set: Node, state: u128) -> Within<Node> {
    let icmp = if shared.layout.class.ip6 { 58 } else { 1 };
    let protocol = Run { space: Space::L4proto, first: 0, count: 8 };
    let flags = Run { space: Space::Transport, first: 104, count: 8 };
    let mut out = set;
    let usual = match state {
        1 => 0x00,
        2 => 0x10,
        _ => 0x02,
    };
    for (run, values) in [(protocol, &[6, 17, icmp][..]), (flags, &[usual][..])] {
        for value in values.iter().copied() {
            let is = shared.lies(run, &[(value, value)])?;
            let both = shared.arena.and(is, out)?;
            if both != Node::FALSE {
                out = both;
                break;
            }
        }
    }
    Ok(out)
}

/// True for a packet whose connection is what the kernel makes of it, or is one that can be entered by hand.
fn is_natural(packet: &Packet, ruleset: &Ruleset) -> bool {
    let headers = Headers::of(packet, false);
    match packet.ct.state {
        Some(CtState::Established) => match headers.l4proto {
            Some(6) => packet.bytes.get(headers.transport + 13).is_some_and(|flags| flags & 0x17 == 0x10),
            other => other == Some(17),
        },
        state => state == first_packet(&packet.bytes, &headers, ruleset.host),
    }
}

/// True when the two outcomes the evaluator found differ in this way.
fn confirms((before, old): (&Ruleset, &Outcome), (after, new): (&Ruleset, &Outcome), kind: Kind) -> bool {
    // An end or mark on which all assumptions agree is known, whatever else depends on one.
    let known = old.end != End::Unknown && new.end != End::Unknown;
    if kind == Kind::Verdict && known {
        return old.end != new.end;
    }
    if !old.depends.is_empty() || !new.depends.is_empty() {
        return false;
    }
    let (had, has) = (done(before, old), done(after, new));
    match kind {
        Kind::Verdict => false,
        Kind::Effect => old.end == new.end && (old.mark != new.mark || old.ct_mark != new.ct_mark || had != has),
        Kind::Order => had != has,
    }
}

/// The effects of an outcome, those that belong to their rule alone with its text.
fn done<'o>(ruleset: &Ruleset, outcome: &'o Outcome) -> Vec<(&'o Effect, Option<String>)> {
    let own = |effect: &Effect| matches!(effect, Effect::Counter(None) | Effect::Limit(_));
    let text = |at: &RuleRef| {
        let chain = ruleset.chain_name(at.table, at.chain);
        format!("{chain}: {}", show::rule(ruleset, at.table, ruleset.rule(*at)))
    };
    outcome.effects.iter().map(|(at, effect)| (effect, own(effect).then(|| text(at)))).collect()
}
