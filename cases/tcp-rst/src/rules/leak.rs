//! RST108 untranslated-leak

use casebook_core::{EvidenceSet, Finding, FindingBuilder, Place, Rule};
use serde_json::json;

use super::places;
use crate::facts::Facts;
use crate::facts::captures::StrayFacts;
use crate::facts::flow::{Flow, Reset, Side};
use crate::model::emitter::{Emitter, word};
use crate::model::explain::{self, Explained};
use crate::model::form::{Form, form};
use crate::model::incident::{Incident, look};
use crate::model::leak::Kind;
use crate::model::words::{at, end, last_line, peer, reset_line};

casebook_core::rule! {
    /// A packet of a connection left the translator with an address it should have lost, and the one who got it reset it.
    ///
    /// The translator's entry was gone, or the packet was invalid to it: NAT acts on packets with an entry alone, so such a
    /// packet passes untouched. The receiver knows no connection with that address and answers with a RST, which kills a
    /// connection that nothing was wrong with.
    ///
    /// Mechanism: `nf_nat_inet_fn` (net/netfilter/nf_nat_core.c) returns NF_ACCEPT for a packet without an entry; the window
    /// check is `tcp_in_window` (net/netfilter/nf_conntrack_proto_tcp.c).
    ///
    /// Fix: drop what is invalid before it leaves (`ct state invalid drop` in the forward chain), and keep the entry alive
    /// with a keepalive shorter than its timer.
    pub UNTRANSLATED_LEAK = "RST108" "untranslated-leak" of "tcp-rst", Error, since "0.1.0",
    "a packet passed the translator untranslated and was reset by the one who got it",
    check(Facts), when Facts::has_captures
}

fn check(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    let mut out = Vec::new();
    for incident in facts.incidents.iter().filter(|incident| incident.untranslated) {
        let Some(Leaked { known, stray, reset: found, what, side }) = leaked(facts, incident) else { continue };
        let (right, wrong, other) = (peer(what.right), peer(what.wrong), peer(end(known, side.other())));
        let who = match side {
            Side::Server => "a packet of the server",
            Side::Client => "a packet of the client",
        };
        let causes = causes(facts, incident);
        let mut title = format!("{who} reached {other} as {wrong} instead of {right}, untranslated, and was reset");
        if let Some(one) = causes.last() {
            title.push_str(&format!(": {}", one.phrase));
        }
        let place = Place::primary(at(found.packet), "the RST it got").shown_as(reset_line(stray, found));
        let mut builder = FindingBuilder::new(rule, title, place);
        if let Some(trigger) = found.trigger {
            let line = last_line(stray, found.side.other(), &trigger);
            let label = "the packet that was not translated";
            builder = builder.place(Place::context(at(trigger.packet), label).shown_as(line));
        }
        let first = format!("{} > {} begins", peer(known.client), peer(known.server));
        builder = builder
            .place(Place::context(at(known.first), "the connection it belongs to").shown_as(first))
            .because(format!(
                "Its sequence numbers continue those of the connection {} to {}: it is the same connection under another \
                 address.",
                peer(known.client),
                peer(known.server)
            ))
            .because(
                "The translator had no entry for the packet: the entry had run out, or the packet was invalid to it \
                 (outside the window, or with a bad checksum). NAT leaves such a packet alone.",
            )
            .key(&right)
            .key(&wrong);
        builder = places::explain(facts, evidence, builder, causes);
        for (_, flow, reset) in incident.sightings().filter_map(|at| look(&facts.captures, at)) {
            if reset.packet.span != found.packet.span {
                let place = Place::context(at(reset.packet), "the same RST, seen here");
                builder = builder.place(place.shown_as(reset_line(flow, reset)));
            }
        }
        let later = incident.later.and_then(|at| look(&facts.captures, at));
        if let Some((_, flow, reset)) = later {
            let label = "how the other end learned of it";
            builder = builder.place(Place::context(at(reset.packet), label).shown_as(reset_line(flow, reset)));
        }
        let witness = json!({
            "packet": found.packet.number,
            "carries": other,
            "to": wrong,
            "form": if matches!(form(found), Form::Stateless(_)) { "stateless" } else { "other" },
            "sent_by": other,
            // Who knows no connection with that address has no socket for it.
            "left": [word(Emitter::LostSocket)],
            "untranslated": { "right": right, "wrong": wrong },
        });
        out.push(builder.witness(witness, reset_line(stray, found)).build(evidence));
    }
    out
}

/// When the connection last had a packet that was not a RST and that the client acknowledged: what came before the stray.
fn known_last(known: &Flow) -> Option<i64> {
    let sides = [&known.client_state, &known.server_state];
    match known.resets.first() {
        Some(reset) => reset.before_quiet_ns,
        None => sides.into_iter().filter_map(|side| side.last_ns).max(),
    }
}

/// A packet that was not translated, as one capture shows it.
struct Leaked<'a> {
    known: &'a Flow,
    stray: &'a Flow,
    reset: &'a Reset,
    what: &'a StrayFacts,
    side: Side,
}

fn leaked<'a>(facts: &'a Facts, incident: &Incident) -> Option<Leaked<'a>> {
    incident.sightings().find_map(|at| {
        let (capture, stray, reset) = look(&facts.captures, at)?;
        let what = capture.strays.get(&stray.index)?;
        let Kind::Untranslated(side) = what.kind else { return None };
        Some(Leaked { known: capture.flow(what.known)?, stray, reset, what, side })
    })
}

/// Why the packet was not translated: the translator's log, then the timer or what connection tracking made of it.
fn causes(facts: &Facts, incident: &Incident) -> Vec<Explained> {
    let Some(Leaked { known, reset, side, .. }) = leaked(facts, incident) else { return Vec::new() };
    let sent = reset.trigger.and_then(|trigger| trigger.packet.time_ns);
    let quiet = sent.zip(known_last(known)).map(|(now, then)| now - then);
    let by_timer = quiet.and_then(|quiet| explain::leak_by_timer(facts, known, quiet, side));
    let numbers = reset.trigger.map(|trigger| (trigger.seq, trigger.ack));
    let explained = explain::more_exact(by_timer, numbers.and_then(|numbers| explain::by_replay(facts, numbers)));
    explain::by_events(facts, known, reset).into_iter().chain(explained).collect()
}

/// What explains the leaks.
pub(super) fn explained(facts: &Facts) -> Vec<Explained> {
    let leaks = facts.incidents.iter().filter(|incident| incident.untranslated);
    leaks.flat_map(|incident| causes(facts, incident)).collect()
}
