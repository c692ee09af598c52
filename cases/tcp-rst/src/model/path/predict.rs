//! Whether, when, by whom and to whom a connection on a path dies, from its configuration alone.

use super::forgotten::{Fate, Outcome, forgotten};
use super::{Hop, Keepalive, Kind, Path, Probing, Who};
use crate::facts::flow::Side;
use crate::facts::timer::{Ending, Leg, Limit, Measures, Micros, Refresh, Timer};
use casebook_core::Span;

/// What passes over a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traffic {
    /// The longest time without payload in either direction.
    pub quiet: Micros,
    /// Who speaks first after it.
    pub speaks_first: Side,
}

/// When a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// At this time after the last event that started the timer anew.
    At(Micros),
    /// With the first packet after the timer has run out.
    NextPacket {
        /// When the timer runs out, unseen.
        expires: Micros,
    },
}

/// A way to die.
#[derive(Clone, Debug, PartialEq)]
pub struct Death {
    /// The hop whose timer it is.
    pub hop: usize,
    /// The timer.
    pub timer: String,
    /// Where it is set.
    pub places: Vec<Span>,
    /// Its value.
    pub after: Micros,
    /// When.
    pub moment: Moment,
    /// What happens then, the most likely first.
    pub fates: Vec<Fate>,
    /// How the hop ends it, when it does so itself.
    pub ends: Ends,
}

/// How the hop whose timer ran out acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends {
    /// Not at all.
    Silently,
    /// FIN on both legs.
    Fin,
    /// RST to both ends.
    Rst,
}

/// The prediction for one path and traffic.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// The first death, if there is one.
    pub death: Option<Death>,
    /// Timers that run out without harm or are kept from it; a sentence each.
    pub notes: Vec<String>,
    /// True when something unknown stands before the answer.
    pub undecided: bool,
}

/// What happens on `path` under `traffic`.
pub fn predict(path: &Path, traffic: Traffic) -> Prediction {
    let mut prediction = Prediction { death: None, notes: Vec::new(), undecided: false };
    let mut found: Vec<Death> = Vec::new();
    for (index, hop) in path.hops.iter().enumerate() {
        match &hop.kind {
            Kind::Tracker(tracker) => {
                let gap = segment_gap(path, index, traffic);
                let Limit::After(after) = tracker.established.value else {
                    prediction.undecided |= tracker.established.value == Limit::Unknown;
                    continue;
                };
                if gap.0 <= after.0 {
                    prediction.notes.push(kept(hop, &tracker.timer, after, gap));
                    continue;
                }
                let mut fates = forgotten(tracker, index, traffic.speaks_first);
                fates.sort_by(|a, b| b.chance.unwrap_or(2.0).total_cmp(&a.chance.unwrap_or(2.0)));
                prediction.undecided |= fates.iter().any(|fate| fate.outcome == Outcome::Unknown);
                if fates.iter().all(|fate| fate.outcome == Outcome::Survives) {
                    prediction.notes.push(format!(
                        "{}: {} runs out after {} and nobody notices: {}",
                        hop.name,
                        tracker.timer,
                        show(after),
                        fates.first().map_or_else(String::new, |fate| fate.because.join(" "))
                    ));
                    continue;
                }
                found.push(Death {
                    hop: index,
                    timer: tracker.timer.clone(),
                    places: tracker.established.places.iter().chain(&tracker.translation.places).copied().collect(),
                    after,
                    moment: Moment::NextPacket { expires: after },
                    fates,
                    ends: Ends::Silently,
                });
            }
            Kind::Device(device, limit) => {
                let Limit::After(after) = limit.value else {
                    prediction.undecided |= limit.value == Limit::Unknown;
                    continue;
                };
                let timer = Timer {
                    name: device.name.to_owned(),
                    limit: limit.value,
                    measures: device.measures,
                    refresh: device.refresh,
                    leg: Leg::Both,
                    ending: device.ending,
                    span: limit.places.first().copied(),
                    origin: device.source.to_owned(),
                };
                found.extend(by_timer(path, index, hop, &timer, after, traffic, &mut prediction));
            }
            Kind::Timer(timer) => match timer.limit {
                Limit::After(after) => {
                    found.extend(by_timer(path, index, hop, timer, after, traffic, &mut prediction));
                }
                Limit::Never => {}
                Limit::Unknown => prediction.undecided = true,
            },
            Kind::Proxy(proxy, _) => {
                for timer in &proxy.timers {
                    if !matches!(timer.measures, Measures::Idle | Measures::Lifetime) {
                        continue;
                    }
                    match timer.limit {
                        Limit::After(after) => {
                            found.extend(by_timer(path, index, hop, timer, after, traffic, &mut prediction));
                        }
                        Limit::Never => {}
                        Limit::Unknown => prediction.undecided = true,
                    }
                }
            }
        }
    }
    prediction.death = found.into_iter().min_by_key(|death| match death.moment {
        // What acts by itself comes before what waits for a packet.
        Moment::At(at) => at.0,
        Moment::NextPacket { .. } => traffic.quiet.0.max(death.after.0),
    });
    prediction
}

fn by_timer(
    path: &Path,
    index: usize,
    hop: &Hop,
    timer: &Timer,
    after: Micros,
    traffic: Traffic,
    prediction: &mut Prediction,
) -> Option<Death> {
    let gap = match (timer.measures, timer.refresh) {
        (Measures::Lifetime, _) => Micros(u64::MAX),
        (_, Refresh::Segment) => segment_gap(path, index, traffic),
        _ => traffic.quiet,
    };
    if gap.0 <= after.0 {
        prediction.notes.push(kept(hop, &timer.name, after, gap));
        return None;
    }
    let (moment, ends, fates) = match timer.ending {
        Ending::Silent => (Moment::NextPacket { expires: after }, Ends::Silently, vec![silent(hop, index, traffic)]),
        Ending::Rst => (
            Moment::At(after),
            Ends::Rst,
            vec![Fate {
                chance: Some(1.0),
                outcome: Outcome::Reset { by: Who::Hop(index), to: Who::Client, other_end_later: false },
                because: vec![format!("{} sends RST to both ends when {} runs out.", hop.name, timer.name)],
            }],
        ),
        Ending::Fin | Ending::FinThenRst | Ending::AnswerAndFin => (
            Moment::At(after),
            Ends::Fin,
            vec![Fate {
                chance: Some(1.0),
                outcome: Outcome::Reset {
                    by: Who::Hop(index),
                    to: Who::end(traffic.speaks_first),
                    other_end_later: true,
                },
                because: vec![format!(
                    "{} closes with FIN when {} runs out; what is written afterwards gets a RST from its kernel.",
                    hop.name, timer.name
                )],
            }],
        ),
    };
    prediction.undecided |= fates.iter().any(|fate| fate.outcome == Outcome::Unknown);
    Some(Death {
        hop: index,
        timer: timer.name.clone(),
        places: timer.span.into_iter().collect(),
        after,
        moment,
        fates,
        ends,
    })
}

fn silent(hop: &Hop, index: usize, traffic: Traffic) -> Fate {
    let resets =
        matches!(&hop.kind, Kind::Device(device, _) if device.afterwards == crate::model::devices::Afterwards::Resets);
    let drops =
        matches!(&hop.kind, Kind::Device(device, _) if device.afterwards == crate::model::devices::Afterwards::Drops);
    if resets {
        return Fate {
            chance: Some(1.0),
            outcome: Outcome::Reset { by: Who::Hop(index), to: Who::end(traffic.speaks_first), other_end_later: true },
            because: vec![format!("{} answers the next packet of a connection it has forgotten with a RST.", hop.name)],
        };
    }
    if drops {
        return Fate {
            chance: Some(1.0),
            outcome: Outcome::BlackHole { by: Who::Hop(index) },
            because: vec![format!("{} drops packets of a connection it has forgotten.", hop.name)],
        };
    }
    Fate {
        chance: None,
        outcome: Outcome::Unknown,
        because: vec![format!(
            "Its manual does not say what {} does with a packet of a connection it has forgotten.",
            hop.name
        )],
    }
}

/// The longest time without a segment on the leg hop `index` stands on.
fn segment_gap(path: &Path, index: usize, traffic: Traffic) -> Micros {
    let proxies = || path.hops.iter().enumerate().filter(|(_, hop)| matches!(hop.kind, Kind::Proxy(..)));
    let before = proxies().rfind(|(at, _)| *at < index);
    let after = proxies().find(|(at, _)| *at > index);
    let ends = [
        before.map_or_else(|| probing(&path.client), |(_, hop)| proxy_probing(hop, Leg::Server)),
        after.map_or_else(|| probing(&path.server), |(_, hop)| proxy_probing(hop, Leg::Client)),
    ];
    ends.into_iter().flatten().map(|keepalive| keepalive.time).chain([traffic.quiet]).min().unwrap_or(traffic.quiet)
}

fn probing(end: &Probing) -> Option<Keepalive> {
    match end {
        Probing::On(keepalive) => Some(keepalive.value),
        Probing::Off | Probing::Unknown(_) => None,
    }
}

fn proxy_probing(hop: &Hop, leg: Leg) -> Option<Keepalive> {
    let Kind::Proxy(proxy, host) = &hop.kind else { return None };
    let on = if leg == Leg::Client { proxy.keepalive_client } else { proxy.keepalive_server };
    let own = proxy
        .timers
        .iter()
        .find(|timer| timer.measures == Measures::Keepalive && (timer.leg == leg || timer.leg == Leg::Both));
    let time = match own.map(|timer| timer.limit) {
        Some(Limit::After(time)) => Some(time),
        _ => None,
    };
    let host = host.unwrap_or(Keepalive::LINUX);
    (on == Some(true)).then(|| Keepalive { time: time.unwrap_or(host.time), ..host })
}

fn kept(hop: &Hop, timer: &str, after: Micros, gap: Micros) -> String {
    format!("{}: {timer} of {} does not run out: it is started anew every {}.", hop.name, show(after), show(gap))
}

/// A length of time for a report.
pub fn show(time: Micros) -> String {
    crate::model::timer::seconds(i64::try_from(time.0).unwrap_or(i64::MAX))
}
