//! Series of ends, from the incidents of captures or from a log, grouped by who talks to whom.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::facts::captures::CaptureFacts;
use crate::facts::flow::{Flow, Handshake, Peer, Reset};
use crate::model::form::{Answer, Form, form};
use crate::model::incident::{Incident, Sighting, look};
use crate::model::timer::{Death, Series};

/// Ends of different connections nearer to each other than this, in microseconds, are one event.
const TOGETHER_US: i64 = 300_000;

/// Whose connections a series is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pair {
    /// The client's address.
    pub client: IpAddr,
    /// The server's address and port.
    pub server: Peer,
}

impl Pair {
    /// The pair of a connection.
    pub fn of(flow: &Flow) -> Self {
        Self { client: flow.client.address, server: flow.server }
    }
}

/// The series of one pair, and which incidents it is of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OfIncidents {
    /// The series.
    pub series: Series,
    /// Where each end was seen, in order of the ends.
    pub seen: Vec<Sighting>,
    /// Ends that came together with another one.
    pub together: usize,
}

/// The series of all incidents, by pair.
pub fn of_incidents(captures: &[CaptureFacts], incidents: &[Incident]) -> BTreeMap<Pair, OfIncidents> {
    let mut out: BTreeMap<Pair, OfIncidents> = BTreeMap::new();
    for incident in incidents.iter().filter(|incident| !incident.follows && !incident.verdict.refused) {
        let Some((capture, flow, reset)) = look(captures, incident.lead) else { continue };
        let Some(end) = end(reset) else { continue };
        let pair = Pair::of(flow);
        let slot = out.entry(pair).or_default();
        let survived = capture.survived.get(&pair).map(|ns| ns / 1_000);
        slot.series.longest_survived_us = slot.series.longest_survived_us.max(survived);
        let began = flow.handshake != Handshake::Absent;
        slot.series.deaths.push(Death {
            begin_us: flow.first.time_ns.filter(|_| began).map(|ns| ns / 1_000),
            last_us: end.last_ns.map(|ns| ns / 1_000),
            end_us: end.at_ns / 1_000,
            precision_us: 1,
            provoked: Some(end.provoked),
        });
        slot.seen.push(incident.lead);
    }
    for slot in out.values_mut() {
        let mut order: Vec<usize> = (0..slot.seen.len()).collect();
        order.sort_by_key(|at| slot.series.deaths[*at].end_us);
        slot.seen = order.iter().map(|at| slot.seen[*at]).collect();
        slot.series.deaths = order.iter().map(|at| slot.series.deaths[*at]).collect();
        slot.together = merge(&mut slot.series);
    }
    out
}

/// The end of a connection that a RST belongs to.
struct End {
    at_ns: i64,
    last_ns: Option<i64>,
    provoked: bool,
}

/// When the connection of `reset` ended: with the FIN that came before, with the RST, or with the packet the RST answers.
fn end(reset: &Reset) -> Option<End> {
    let at_ns = reset.packet.time_ns?;
    if let Some(fin_ns) = reset.sender.fin_ns {
        let before = [reset.sender.last_payload_ns, reset.receiver.last_payload_ns];
        let last_ns = before.into_iter().flatten().filter(|ns| *ns <= fin_ns).max();
        return Some(End { at_ns: fin_ns, last_ns, provoked: false });
    }
    if matches!(form(reset), Form::Stateless(Answer::Trigger | Answer::Syn)) {
        return Some(End { at_ns, last_ns: reset.before_quiet_ns, provoked: true });
    }
    let times = [reset.own_last, reset.trigger].into_iter().flatten().filter_map(|segment| segment.packet.time_ns);
    Some(End { at_ns, last_ns: times.max(), provoked: false })
}

/// Leaves one of the ends that came together, the first, and says how many were left out.
pub fn merge(series: &mut Series) -> usize {
    let before = series.deaths.len();
    series.deaths.dedup_by(|next, kept| next.end_us - kept.end_us < next.precision_us.max(TOGETHER_US));
    before - series.deaths.len()
}
