//! Whether, when, by whom and to whom a connection on a path dies, from its configuration alone.

use super::forgotten::{Fate, Outcome, forgotten};
use super::{Hop, Keepalive, Kind, Path, Probing, State, Tracker, Who};
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
    /// What it is in the middle of.
    pub state: State,
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

impl Death {
    /// True when what comes of it is not modelled, so that nobody can say that it is a death.
    pub fn is_open(&self) -> bool {
        self.fates.first().is_none_or(|fate| fate.outcome == Outcome::Unknown)
    }
}

/// The prediction for one path and traffic.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// The first death, if there is one.
    pub death: Option<Death>,
    /// Timers that run out without harm or are kept from it; a sentence each.
    pub notes: Vec<String>,
    /// Deaths of one that lives otherwise, by a fact that no configuration holds ([`Fate::only_if`]).
    pub exceptions: Vec<Death>,
    /// True when something unknown stands before the answer.
    pub undecided: bool,
}

/// What happens on `path` under `traffic`.
pub fn predict(path: &Path, traffic: Traffic) -> Prediction {
    let mut prediction = Prediction { death: None, notes: Vec::new(), exceptions: Vec::new(), undecided: false };
    let mut found: Vec<Death> = Vec::new();
    for (index, hop) in path.hops.iter().enumerate() {
        match &hop.kind {
            Kind::Tracker(tracker) => found.extend(by_tracker(path, index, hop, tracker, traffic, &mut prediction)),
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

fn by_tracker(
    path: &Path,
    index: usize,
    hop: &Hop,
    tracker: &Tracker,
    traffic: Traffic,
    prediction: &mut Prediction,
) -> Option<Death> {
    let gap = segment_gap(path, index, traffic);
    let (limit, timer) = tracker.timer_in(traffic.state);
    let Limit::After(after) = limit.value else {
        prediction.undecided |= limit.value == Limit::Unknown;
        return None;
    };
    if gap.0 <= after.0 {
        prediction.notes.push(kept(hop, timer, after, gap));
        return None;
    }
    let mut fates = forgotten(tracker, index, traffic.speaks_first);
    fates.sort_by(|a, b| b.chance.unwrap_or(2.0).total_cmp(&a.chance.unwrap_or(2.0)));
    prediction.undecided |= fates.iter().any(|fate| fate.outcome == Outcome::Unknown);
    let (depends, certain): (Vec<Fate>, Vec<Fate>) = fates.iter().cloned().partition(|fate| fate.only_if.is_some());
    let lives = !certain.is_empty() && certain.iter().all(|fate| fate.outcome == Outcome::Survives);
    let death = Death {
        hop: index,
        timer: timer.to_owned(),
        places: limit.places.iter().chain(&tracker.translation.places).copied().collect(),
        after,
        moment: Moment::NextPacket { expires: after },
        fates: if lives { depends } else { fates },
        ends: Ends::Silently,
    };
    if !lives {
        return Some(death);
    }
    prediction.notes.push(format!(
        "{}: {timer} runs out after {} and nobody notices: {}",
        hop.name,
        show(after),
        certain.first().map_or_else(String::new, |fate| fate.because.join(" "))
    ));
    if !death.fates.is_empty() {
        prediction.exceptions.push(death);
    }
    None
}

/// For a timer that closes one direction: when the client's own timer closes the other one.
fn other_way(hop: &Hop) -> Option<(&Timer, Micros)> {
    let Kind::Proxy(proxy, _) = &hop.kind else { return None };
    let other = proxy.timers.iter().find(|other| other.measures == Measures::Idle && other.leg == Leg::Client)?;
    match other.limit {
        Limit::After(after) => Some((other, after)),
        _ => None,
    }
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
    let other = other_way(hop).filter(|_| timer.ending == Ending::FinOneWay);
    let (moment, ends, fates) = match timer.ending {
        Ending::Silent => (Moment::NextPacket { expires: after }, Ends::Silently, vec![silent(hop, index, traffic)]),
        Ending::Rst => (
            Moment::At(after),
            Ends::Rst,
            vec![Fate {
                chance: Some(1.0),
                outcome: Outcome::Reset { by: Who::Hop(index), to: Who::Client, other_end_later: false },
                only_if: None,
                because: vec![format!("{} sends RST to both ends when {} runs out.", hop.name, timer.name)],
            }],
        ),
        Ending::FinOneWay if other.is_none_or(|(_, after)| after.0 >= traffic.quiet.0) => (
            Moment::At(after),
            Ends::Fin,
            vec![Fate {
                chance: Some(1.0),
                outcome: Outcome::AnswerLost,
                only_if: None,
                because: vec![format!(
                    "{} closes only the way to the client when {} runs out: what the client writes still reaches the server, \
                     and nothing comes back. Nobody sends a RST.",
                    hop.name, timer.name
                )],
            }],
        ),
        Ending::Fin | Ending::FinOneWay | Ending::FinThenRst | Ending::AnswerAndFin => (
            Moment::At(after),
            Ends::Fin,
            vec![Fate {
                chance: Some(1.0),
                outcome: Outcome::Reset {
                    by: Who::Hop(index),
                    to: Who::end(traffic.speaks_first),
                    other_end_later: true,
                },
                only_if: None,
                because: std::iter::once(format!(
                    "{} closes with FIN when {} runs out; what is written afterwards gets a RST from its kernel.",
                    hop.name, timer.name
                ))
                .chain(other.filter(|(_, then)| *then > after).map(|(other, then)| {
                    format!(
                        "Until {} ({}) closes the other way too, what the client writes still reaches the server, and nothing \
                         comes back.",
                        other.name,
                        show(then)
                    )
                }))
                .collect(),
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
            only_if: None,
            because: vec![format!("{} answers the next packet of a connection it has forgotten with a RST.", hop.name)],
        };
    }
    if drops {
        return Fate {
            chance: Some(1.0),
            outcome: Outcome::BlackHole { by: Some(Who::Hop(index)) },
            only_if: None,
            because: vec![format!("{} drops packets of a connection it has forgotten.", hop.name)],
        };
    }
    Fate {
        chance: None,
        outcome: Outcome::Unknown,
        only_if: None,
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
