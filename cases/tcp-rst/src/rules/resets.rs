//! What the rules about a single RST share: every RST gets its verdict once, those with the same verdict on the same server
//! become one finding.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

use casebook_core::{EvidenceSet, Finding, FindingBuilder, Fix, FixClass, Place, Rule, Severity};
use serde_json::json;

use super::places;
use crate::facts::flow::{Flow, Peer, Reset, Side};
use crate::facts::{CaptureFacts, Facts};
use crate::model::distance::{Relation, distance};
use crate::model::emitter::{Emitter, GaveUp, Verdict, plural, word};
use crate::model::explain::{self, Explained};
use crate::model::form::{Answer, Form};
use crate::model::incident::{Incident, look};
use crate::model::words::{at as at_packet, end, peer, reset_line, reset_place, sequence, time_ns, trigger_place};

/// Other sightings of a RST that a finding shows.
const SIGHTINGS: usize = 4;

/// What a RST comes from, as far as the capture tells; each has its rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Cause {
    /// A host without the connection, as far away as the side it speaks for.
    NoSocket,
    /// A device nearer than that side.
    Device,
    /// The side's own socket, by its program.
    Aborted,
    /// The side's own socket, which had no answers.
    GaveUp,
    /// The side's kernel after its program had closed.
    LateWrite,
    /// A forger.
    Forged,
    /// The connection never came to be.
    Refused,
    /// The side's own socket, which waited for the answer to its SYN and got one of an older connection.
    OlderConnection,
}

/// All causes.
pub const CAUSES: [Cause; 8] = [
    Cause::NoSocket,
    Cause::Device,
    Cause::Aborted,
    Cause::GaveUp,
    Cause::LateWrite,
    Cause::Forged,
    Cause::Refused,
    Cause::OlderConnection,
];

impl Cause {
    /// The cause a verdict leaves.
    pub fn of(verdict: &Verdict) -> Self {
        if verdict.refused {
            return Cause::Refused;
        }
        if verdict.left.contains(&Emitter::Injector) && !verdict.left.contains(&Emitter::Nearer)
            || verdict.left == [Emitter::Injector]
        {
            return Cause::Forged;
        }
        // It has a socket's numbers, and nobody with the socket fits: a device that has followed the connection.
        let followed = matches!(verdict.form, Form::Stateful | Form::Alone) && verdict.left == [Emitter::Nearer];
        match verdict.form {
            _ if followed => Cause::Device,
            Form::Stateful | Form::Alone => match verdict.gave_up {
                Some(GaveUp::Keepalive { .. } | GaveUp::Retransmission { .. }) => Cause::GaveUp,
                _ => Cause::Aborted,
            },
            Form::Stateless(Answer::OlderConnection) if verdict.left.contains(&Emitter::Socket) => {
                Cause::OlderConnection
            }
            Form::Unusual(_) if verdict.left.contains(&Emitter::Injector) => Cause::Forged,
            _ if verdict.left.contains(&Emitter::ClosedSocket) => Cause::LateWrite,
            _ if verdict.left.contains(&Emitter::LostSocket) || verdict.left.contains(&Emitter::OtherBackend) => {
                Cause::NoSocket
            }
            _ => Cause::Device,
        }
    }
}

/// RSTs with one verdict on one server.
pub struct Group<'a> {
    /// The facts.
    pub facts: &'a Facts,
    /// The first incident.
    pub incident: &'a Incident,
    /// The capture that leads.
    pub capture: &'a CaptureFacts,
    /// The connection there.
    pub flow: &'a Flow,
    /// The RST there.
    pub reset: &'a Reset,
    /// The verdict.
    pub verdict: &'a Verdict,
    /// How many incidents there are.
    pub count: usize,
    /// Ports of the server they are of.
    pub ports: BTreeSet<u16>,
    /// Time of the last one, in nanoseconds since 1970.
    pub last_ns: Option<i64>,
    /// Shortest and longest silence before the packet that was answered.
    pub quiet_ns: Option<(i64, i64)>,
}

/// What makes RSTs one finding: the server, the side spoken for, how its TTL stands, who is left.
///
/// Refusals of one host are one finding whatever the port, so that a port scan does not fill the report.
type Key<'a> = (IpAddr, Option<u16>, Side, Option<Relation>, &'a [Emitter]);

/// The RSTs whose cause is `cause`, grouped.
pub fn groups(facts: &Facts, cause: Cause) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    let mut known: HashMap<Key<'_>, usize> = HashMap::new();
    let told = facts.incidents.iter().filter(|incident| !incident.untranslated && !incident.follows);
    let mut seen: Vec<_> =
        told.filter_map(|incident| Some((incident, look(&facts.captures, incident.lead)?))).collect();
    // The first one in time stands for its group, and not the one of the connection that began first.
    seen.sort_by_key(|(_, (_, _, reset))| reset.packet.time_ns);
    for (incident, (capture, flow, reset)) in seen {
        let verdict = &incident.verdict;
        if Cause::of(verdict) != cause {
            continue;
        }
        let port = (cause != Cause::Refused).then_some(flow.server.port);
        let key = (flow.server.address, port, reset.side, verdict.relation, verdict.left.as_slice());
        let time_ns = reset.packet.time_ns;
        let quiet = reset.quiet_ns;
        match known.get(&key).and_then(|at| groups.get_mut(*at)) {
            Some(group) => {
                group.count += 1;
                group.ports.insert(flow.server.port);
                group.last_ns = group.last_ns.max(time_ns);
                group.quiet_ns = match (group.quiet_ns, quiet) {
                    (Some((low, high)), Some(ns)) => Some((low.min(ns), high.max(ns))),
                    (range, ns) => range.or(ns.map(|ns| (ns, ns))),
                };
            }
            None => {
                known.insert(key, groups.len());
                groups.push(Group {
                    facts,
                    incident,
                    capture,
                    flow,
                    reset,
                    verdict,
                    count: 1,
                    ports: BTreeSet::from([flow.server.port]),
                    last_ns: time_ns,
                    quiet_ns: quiet.map(|ns| (ns, ns)),
                });
            }
        }
    }
    groups
}

impl Group<'_> {
    /// The side whose address the RST carries.
    pub fn speaker(&self) -> Peer {
        end(self.flow, self.reset.side)
    }

    /// The side that got it.
    pub fn receiver(&self) -> Peer {
        end(self.flow, self.reset.side.other())
    }

    /// The host that sent it, where one candidate is left and it is an end or a backend, and a capture shows the RST before any
    /// router, where no translator can have put another address in its place.
    pub fn sent_by(&self) -> Option<Peer> {
        let [one] = self.verdict.left.as_slice() else { return None };
        match one {
            Emitter::OtherBackend => self.incident.diverted.map(|(_, wrong, _)| wrong),
            Emitter::Nearer | Emitter::Injector => None,
            Emitter::Socket | Emitter::ClosedSocket | Emitter::LostSocket => {
                let seen = self.incident.sightings().filter_map(|at| look(&self.facts.captures, at));
                // Each router takes one from the TTL, so the largest is the nearest to the sender; the first of equals.
                let nearest = seen.fold(None::<(&Flow, &Reset)>, |best, (_, flow, reset)| match best {
                    Some((_, known)) if known.ttl >= reset.ttl => best,
                    _ => Some((flow, reset)),
                });
                let beside = nearest.filter(|(_, reset)| distance(reset.ttl).hops == 0);
                beside.map(|(flow, reset)| end(flow, reset.side))
            }
        }
    }

    /// From the first RST of the group to the last, in nanoseconds.
    pub fn span_ns(&self) -> Option<i64> {
        Some(self.last_ns? - self.reset.packet.time_ns?)
    }

    /// True when both sides sent data after the RST: the one that got it did not take it.
    pub fn went_on(&self) -> bool {
        let sides = [&self.flow.client_state, &self.flow.server_state];
        let Some(reset) = self.reset.packet.time_ns else { return false };
        sides.into_iter().all(|side| side.last_payload_ns.is_some_and(|last| last > reset))
    }

    /// The finding, with everything the verdict rests on; the rule adds what is its own.
    pub fn finding(&self, rule: &'static Rule, evidence: &EvidenceSet, title: String) -> FindingBuilder {
        let explained = self.explained();
        // The configuration's timer says more than the log's line; the log is proof of it.
        let title = match explained.last() {
            Some(one) => format!("{title}: {}", one.phrase),
            None => title,
        };
        let went_on = self.went_on();
        let title = if went_on { format!("{title}; the connection went on") } else { title };
        let mut builder = FindingBuilder::new(rule, title, reset_place(self.flow, self.reset, "the RST"))
            .key(peer(self.flow.server))
            .key(format!("{:?}", self.reset.side));
        if let Some(place) = trigger_place(self.flow, self.reset, "what it answers") {
            builder = builder.place(place);
        }
        for at in self.incident.others.iter().take(SIGHTINGS) {
            if let Some((_, flow, reset)) = look(&self.facts.captures, *at) {
                let label = "the same RST, seen here";
                builder =
                    builder.place(Place::context(at_packet(reset.packet), label).shown_as(reset_line(flow, reset)));
            }
        }
        if let Some((_, flow, reset)) = self.incident.later.and_then(|at| look(&self.facts.captures, at)) {
            let label = "how the other end learned of it";
            builder = builder.place(Place::context(at_packet(reset.packet), label).shown_as(reset_line(flow, reset)));
        }
        if let Some(there) = self.absent() {
            builder = builder.place(there);
        }
        if went_on {
            builder = builder.severity(Severity::Warning).because(
                "Both sides sent data after it: a RST whose sequence number is not exactly the next one is not taken (RFC 5961, 3.2).",
            );
        }
        if let Some(silence) = self.silence() {
            builder = builder.because(silence);
        }
        builder = places::explain(self.facts, evidence, builder, explained);
        for clue in &self.verdict.clues {
            builder = builder.because(match clue.unless {
                Some(unless) => format!("{} This proves nothing if {unless}.", clue.says),
                None => clue.says.clone(),
            });
        }
        if self.count > 1 {
            let others = self.count - 1;
            let within = self.span_ns().map_or_else(String::new, |ns| format!(", all within {}", time_ns(ns)));
            builder = builder
                .because(format!("{others} more {} got the same verdict{within}.", plural(others as u64, "RST")));
        }
        if let Some(segments) = self.capture.segments.get(&self.flow.index) {
            builder = builder.figure(sequence(self.flow, segments, self.reset.packet.number));
        }
        builder
            .witness(self.witness(), reset_line(self.flow, self.reset))
            .replay(format!("casebook rst trace {} --flow {}", self.capture.path, self.flow.index))
    }

    /// Why it came: by the translator's log, and by a timer of the evidence that had run out.
    pub fn explained(&self) -> Vec<Explained> {
        // The connection as another capture has it can be the one the log names.
        let flows = self.incident.sightings().filter_map(|at| look(&self.facts.captures, at));
        let events = flows.filter_map(|(_, flow, reset)| explain::by_events(self.facts, flow, reset)).next();
        let speaker = self.reset.side.other();
        let by_timer =
            self.quiet_ns.and_then(|(_, quiet)| explain::by_timer(self.facts, self.flow, self.verdict, quiet, speaker));
        let numbers = self.reset.trigger.map(|trigger| (trigger.seq, trigger.ack));
        let by_replay = numbers.and_then(|numbers| explain::by_replay(self.facts, numbers));
        let timer = explain::more_exact(by_timer, by_replay)
            .or_else(|| self.closed_by())
            .or_else(|| self.leg_closed_by())
            .or_else(|| explain::by_rule(self.facts, self.flow, self.verdict, speaker));
        events.into_iter().chain(timer).collect()
    }

    /// For a connection that was closed before: the timer that closed it.
    fn closed_by(&self) -> Option<Explained> {
        let fin = self.reset.sender.fin_ns?;
        let before = [self.reset.sender.last_payload_ns, self.reset.receiver.last_payload_ns];
        let last = before.into_iter().flatten().filter(|ns| *ns <= fin).max()?;
        explain::closed_by_timer(self.facts, self.flow, Some(self.verdict), fin - last, self.reset.side.other())
    }

    /// For a RST a proxy sends to its server: the timer of the proxy.
    fn leg_closed_by(&self) -> Option<Explained> {
        if self.reset.side != Side::Client || self.verdict.left != [Emitter::Socket] {
            return None;
        }
        let sides = [self.reset.sender.last_payload_ns, self.reset.receiver.last_payload_ns];
        let last = sides.into_iter().flatten().max()?;
        explain::leg_by_timer(self.facts, self.flow, self.reset.packet.time_ns? - last)
    }

    /// The end of the connection in a capture that lacks the RST.
    fn absent(&self) -> Option<Place> {
        let (capture, flow, _) = self.incident.absent?;
        let there = self.facts.captures.get(capture)?.flows.get(flow)?;
        let line = format!("{} > {}, last packet", peer(there.client), peer(there.server));
        Some(Place::context(at_packet(there.last), "the connection ends here without the RST").shown_as(line))
    }

    /// How quiet the connection had been.
    fn silence(&self) -> Option<String> {
        let (low, high) = self.quiet_ns?;
        if high < 1_000_000_000 {
            return None;
        }
        Some(if low == high {
            format!("The connection had been quiet for {} before the packet that was answered.", time_ns(high))
        } else {
            format!(
                "The connections had been quiet for {} to {} before the packet that was answered.",
                time_ns(low),
                time_ns(high)
            )
        })
    }

    fn witness(&self) -> serde_json::Value {
        let reset = self.reset;
        json!({
            "packet": reset.packet.number,
            "carries": peer(self.speaker()),
            "to": peer(self.receiver()),
            "form": match self.verdict.form {
                Form::Stateless(_) => "stateless",
                Form::Stateful | Form::Alone => "stateful",
                Form::Unusual(_) => "unusual",
            },
            "ttl": reset.ttl,
            "ip_id": reset.ip_id,
            "seq": reset.seq,
            "quiet_ns": reset.quiet_ns,
            "sent_by": self.sent_by().map(peer),
            "left": self.verdict.left.iter().map(|emitter| word(*emitter)).collect::<Vec<_>>(),
            "same": self.count,
        })
    }

    /// Where the RST was sent, in words that go after a noun: the TTL loses one in each router.
    pub fn distance(&self) -> String {
        match distance(self.reset.ttl).hops {
            0 => "next to the capture".to_owned(),
            hops => format!("{hops} {} away from the capture", plural(hops, "router")),
        }
    }

    /// Who is left, in words for a report.
    pub fn left(&self) -> String {
        let names: Vec<String> = self.verdict.left.iter().map(|emitter| self.name(*emitter)).collect();
        match names.split_last() {
            None => "nobody".to_owned(),
            Some((one, [])) => one.clone(),
            Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        }
    }

    fn name(&self, emitter: Emitter) -> String {
        let speaker = peer(self.speaker());
        match emitter {
            Emitter::LostSocket if self.incident.renumbered.is_some() => {
                format!("the host of {speaker}, which has no socket for the new port")
            }
            Emitter::Socket => format!("the socket of {speaker}"),
            Emitter::ClosedSocket => format!("the kernel of {speaker}, whose program had closed"),
            Emitter::LostSocket => {
                format!(
                    "the host of {speaker}, which has no socket for the packet (restarted, killed, or reached from another address \
                     than before)"
                )
            }
            Emitter::OtherBackend => {
                format!("another host behind {speaker}, which never had it (a backend chosen anew)")
            }
            Emitter::Nearer => format!("a device {}", self.distance()),
            Emitter::Injector => "something that watches and forges".to_owned(),
        }
    }
}

/// Commands that collect what would decide.
pub fn collect(title: &str, commands: &[&str]) -> Fix {
    Fix {
        title: title.to_owned(),
        class: FixClass::Display,
        edits: Vec::new(),
        commands: commands.iter().map(|command| (*command).to_owned()).collect(),
    }
}

/// Builds every group of a cause.
pub fn findings(
    facts: &Facts,
    evidence: &EvidenceSet,
    cause: Cause,
    build: impl Fn(&Group<'_>) -> FindingBuilder,
) -> Vec<Finding> {
    groups(facts, cause).iter().map(|group| build(group).build(evidence)).collect()
}
