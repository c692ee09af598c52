//! Why a RST came: a path of the evidence on which a timer had run out, and a log of the translator that shows it.
//!
//! A verdict says who sent a RST. The configuration says what a packet meets after a silence. Where both name the same sender
//! and the silence was long enough, the timer is the cause; where a conntrack log shows the entry's end or another backend, that
//! is no inference any more.

use casebook_core::Span;

use super::build::Built;
use super::conntrack::{Behaviour, Host as Tracking, Release};
use super::emitter::{Emitter, Verdict};
use super::events::Cause;
use super::foretell::{fate, who};
use super::path::{Death, Ends, Fate, Kind, Outcome, State, Traffic, Who, predict, show};
use super::replay::{Replay, Start, replay};
use super::words::{peer, time_ns};
use crate::facts::conntrack::Tuple;
use crate::facts::flow::{Flow, Peer, Reset, Segment, Side};
use crate::facts::timer::Micros;
use crate::facts::{Facts, Host};

/// A cause, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained {
    /// Full sentences.
    pub because: Vec<String>,
    /// Places with what is said of them.
    pub places: Vec<(Span, String)>,
    /// The cause in a phrase that can end a title.
    pub phrase: String,
    /// The path whose timer it is, as an index into [`Facts::built`].
    pub path: Option<usize>,
}

/// The rule of a machine on the path that answers with a RST, for a RST that came from a device.
pub fn by_rule(facts: &Facts, flow: &Flow, verdict: &Verdict, speaker: Side) -> Option<Explained> {
    if !verdict.left.contains(&Emitter::Nearer) {
        return None;
    }
    let span = facts.hosts.iter().find_map(|host| super::build::rejects(host, flow, speaker))?;
    Some(Explained {
        because: vec![format!(
            "The cause: a rule of the router rejects packets of the {} with a RST, also those of connections it knows.",
            super::foretell::side(speaker)
        )],
        places: vec![(span, "this rule sends it".to_owned())],
        phrase: "a rule rejects it".to_owned(),
        path: None,
    })
}

/// The path and the timer that explain `reset` of `flow`, which came after `quiet_ns` of silence that `speaker` ended.
pub fn by_timer(facts: &Facts, flow: &Flow, verdict: &Verdict, quiet_ns: i64, speaker: Side) -> Option<Explained> {
    let quiet = Micros(u64::try_from(quiet_ns / 1_000).ok()?);
    facts.built.iter().enumerate().filter(|(_, built)| fits(built, flow)).find_map(|(index, built)| {
        let death = predict(&built.path, Traffic { quiet, speaks_first: speaker, state: State::Established }).death?;
        let one = death.fates.iter().find(|one| names(built, one, &death, verdict))?;
        Some(explained((index, built), &death, one, quiet_ns, speaker))
    })
}

/// The path and the timer that explain packets without an answer.
pub fn hole_by_timer(facts: &Facts, flow: &Flow, quiet_ns: i64, speaker: Side) -> Option<Explained> {
    let quiet = Micros(u64::try_from(quiet_ns / 1_000).ok()?);
    facts.built.iter().enumerate().filter(|(_, built)| fits(built, flow)).find_map(|(index, built)| {
        let death = predict(&built.path, Traffic { quiet, speaks_first: speaker, state: State::Established }).death?;
        let one = death.fates.iter().find(|one| matches!(one.outcome, Outcome::BlackHole { .. }))?;
        Some(explained((index, built), &death, one, quiet_ns, speaker))
    })
}

/// The timer that closed the connection with FIN after `quiet_ns` of silence: the one a RST of `verdict` followed, or one that
/// nothing followed.
pub fn closed_by_timer(
    facts: &Facts,
    flow: &Flow,
    verdict: Option<&Verdict>,
    quiet_ns: i64,
    speaker: Side,
) -> Option<Explained> {
    // The timer runs out at the FIN, so it is asked about a silence that is a little longer.
    let asked_ns = quiet_ns.saturating_add(quiet_ns / 50).saturating_add(50_000_000);
    let quiet = Micros(u64::try_from(asked_ns / 1_000).ok()?);
    facts.built.iter().enumerate().filter(|(_, built)| fits(built, flow)).find_map(|(index, built)| {
        let traffic = Traffic { quiet, speaks_first: speaker, state: State::Established };
        let death = predict(&built.path, traffic).death.filter(|death| at_once(death, quiet_ns))?;
        let one = death.fates.iter().find(|one| match verdict {
            Some(verdict) => names(built, one, &death, verdict),
            None => death.ends == Ends::Fin,
        })?;
        Some(explained((index, built), &death, one, quiet_ns, speaker))
    })
}

/// True when the timer had only just run out, within a fiftieth and a quarter of a second: one that acts by itself would have ended
/// the connection earlier.
fn at_once(death: &Death, quiet_ns: i64) -> bool {
    let after_ns = i64::try_from(death.after.0).unwrap_or(i64::MAX).saturating_mul(1_000);
    death.ends != Ends::Silently && quiet_ns.saturating_sub(after_ns) <= quiet_ns / 50 + 250_000_000
}

/// The timer of a proxy that ended its leg to a server after `quiet_ns` of silence: the leg's client is the proxy itself.
pub fn leg_by_timer(facts: &Facts, flow: &Flow, quiet_ns: i64) -> Option<Explained> {
    let asked_ns = quiet_ns.saturating_add(quiet_ns / 50).saturating_add(50_000_000);
    let quiet = Micros(u64::try_from(asked_ns / 1_000).ok()?);
    facts.built.iter().enumerate().filter(|(_, built)| connects(built, flow)).find_map(|(index, built)| {
        let traffic = Traffic { quiet, speaks_first: Side::Client, state: State::Established };
        let death = predict(&built.path, traffic).death.filter(|death| death.ends != Ends::Silently)?;
        let one = death.fates.first().filter(|_| at_once(&death, quiet_ns))?;
        let mut explained = explained((index, built), &death, one, quiet_ns, Side::Client);
        let hop = who(&built.path, Who::Hop(death.hop));
        explained.because = vec![format!(
            "The cause: {} of {hop} is {}, and this is its leg to the server, which had been quiet for {}. It ends both legs.",
            death.timer,
            show(death.after),
            time_ns(quiet_ns)
        )];
        Some(explained)
    })
}

/// True when the connection can be a proxy's to one of its servers.
fn connects(built: &Built, flow: &Flow) -> bool {
    let Some(Kind::Proxy(proxy, _)) = built.path.hops.first().map(|hop| &hop.kind) else { return false };
    let is = |host: &str| host.parse() == Ok(flow.server.address);
    proxy.servers.iter().any(|server| server.port == Some(flow.server.port) && is(&server.host))
}

/// The same for a packet that was not translated, which the client reset.
pub fn leak_by_timer(facts: &Facts, known: &Flow, quiet_ns: i64, side: Side) -> Option<Explained> {
    let quiet = Micros(u64::try_from(quiet_ns / 1_000).ok()?);
    facts.built.iter().enumerate().filter(|(_, built)| fits(built, known)).find_map(|(index, built)| {
        let death = predict(&built.path, Traffic { quiet, speaks_first: side, state: State::Established }).death?;
        let one = death
            .fates
            .iter()
            .find(|one| matches!(one.outcome, Outcome::Reset { by, .. } if by == Who::end(side.other())))?;
        Some(explained((index, built), &death, one, quiet_ns, side))
    })
}

fn explained((index, built): (usize, &Built), death: &Death, one: &Fate, quiet_ns: i64, speaker: Side) -> Explained {
    let hop = who(&built.path, Who::Hop(death.hop));
    let mut because = vec![format!(
        "The cause: {} of {hop} is {}, and the connection had been quiet for {}. {}",
        death.timer,
        show(death.after),
        time_ns(quiet_ns),
        one.because.join(" ")
    )];
    let chance = one.chance.filter(|chance| *chance < 1.0);
    if chance.is_some() {
        because.push(format!(
            "By the configuration, after such a silence: with the first packet of the {}, {}.",
            super::foretell::side(speaker),
            fate(&built.path, one)
        ));
    }
    let labels = std::iter::once(format!("{}: {}", death.timer, show(death.after)))
        .chain(std::iter::repeat("what the packet met then".to_owned()));
    Explained {
        because,
        places: death.places.iter().copied().zip(labels).collect(),
        phrase: format!("{} ({}) had run out", death.timer, show(death.after)),
        path: Some(index),
    }
}

/// True when the path can be the connection's: it is named for its server, or stands for any server.
fn fits(built: &Built, flow: &Flow) -> bool {
    let server = peer(flow.server);
    match built.path.hops.first().map(|hop| &hop.kind) {
        Some(Kind::Proxy(proxy, _)) => proxy.listens.iter().any(|listen| {
            let any = listen.host.is_empty() || listen.host == "*" || listen.host == "0.0.0.0" || listen.host == "::";
            listen.port == Some(flow.server.port) && (any || listen.host == flow.server.address.to_string())
        }),
        _ if built.path.name.chars().any(|c| c.is_ascii_digit()) => {
            built.path.name.split(", ").any(|name| name == server)
        }
        _ => true,
    }
}

/// True when the sender a fate names is one the verdict leaves.
fn names(built: &Built, one: &Fate, death: &Death, verdict: &Verdict) -> bool {
    let Outcome::Reset { by, .. } = one.outcome else { return false };
    let left = |emitter| verdict.left.contains(&emitter);
    match by {
        Who::OtherBackend => left(Emitter::OtherBackend),
        Who::Server | Who::Client => left(Emitter::LostSocket) || left(Emitter::Socket),
        Who::Hop(index) => match built.path.hops.get(index).map(|hop| &hop.kind) {
            Some(Kind::Proxy(..)) if death.ends == Ends::Fin => left(Emitter::ClosedSocket),
            Some(Kind::Proxy(..)) => left(Emitter::Socket) || left(Emitter::ClosedSocket),
            _ => left(Emitter::Nearer),
        },
    }
}

/// The more exact one of two: the configuration says which timer rules a connection that is in order, and a replay which one
/// ruled this connection, whose data may have been without an answer.
pub fn more_exact(by_timer: Option<Explained>, by_replay: Option<Explained>) -> Option<Explained> {
    let expiry = |one: &Explained| one.phrase.starts_with("nf_conntrack_");
    match (by_timer, by_replay) {
        (Some(timer), Some(replay)) if expiry(&timer) && expiry(&replay) && timer.phrase != replay.phrase => {
            Some(replay)
        }
        (timer, replay) => timer.or(replay),
    }
}

/// What connection tracking made of the packet a RST answers, by its rules and the settings of the evidence: replayed over the
/// connection's packets, in whichever capture holds them. `numbers` are that packet's sequence and acknowledgement number.
pub fn by_replay(facts: &Facts, numbers: (u32, u32)) -> Option<Explained> {
    let hosts: Vec<(&Host, Tracking)> = facts.hosts.iter().filter_map(|host| Some((host, tracking(host)?))).collect();
    if hosts.is_empty() {
        return None;
    }
    let lists =
        facts.captures.iter().flat_map(|capture| capture.segments.values()).filter(|list| list.len() <= REPLAYED);
    let holding = lists.filter_map(|list| {
        let at = list.iter().rposition(|segment| (segment.seq, segment.ack) == numbers && segment.payload_bytes > 0)?;
        Some((list, at))
    });
    for (list, at) in holding.take(LISTS) {
        for (host, tracking) in &hosts {
            let replay = replay(tracking, Start::of(list), list);
            if let Some(one) = gone(host, list, at, &replay).or_else(|| invalid(list, at, &replay)) {
                return Some(one);
            }
        }
    }
    None
}

/// Packets of a connection that is replayed for an explanation.
const REPLAYED: usize = 5_000;
/// Captures of one connection that are tried.
const LISTS: usize = 4;

fn tracking(host: &Host) -> Option<Tracking> {
    let set = host.conntrack.as_ref()?;
    // A `ct timeout` object takes the place of the settings, and for whom it does is the ruleset's to say.
    if host.ruleset.as_ref().is_some_and(|read| super::build::sets_timeouts(&read.ruleset)) {
        return None;
    }
    let release = host.release.unwrap_or(Release(6, 18, 0));
    Some(Tracking { settings: set.settings, ..Tracking::new(Behaviour::of(release)) })
}

fn gone(host: &Host, list: &[Segment], at: usize, replay: &Replay) -> Option<Explained> {
    let expiry = replay.expiries.iter().find(|expiry| expiry.at == at)?;
    let refreshed = list.get(expiry.refreshed_at)?.packet.number;
    let key = expiry.reason.key(expiry.state);
    let line = host.conntrack.as_ref().and_then(|set| set.line(key.as_deref()?));
    let state = expiry.state.name();
    Some(Explained {
        because: vec![format!(
            "The cause, {}: replayed by the kernel's rules with the router's settings, the entry was in {state} with {} from packet \
             {refreshed} on, and had been gone for {:.3} s when packet {} came.",
            expiry.reason.text(),
            show(expiry.timeout),
            expiry.gone_for.as_seconds(),
            list.get(at)?.packet.number
        )],
        places: line
            .map(|line| (line, format!("{}: {}", expiry.reason.text(), show(expiry.timeout))))
            .into_iter()
            .collect(),
        phrase: match key {
            Some(key) => format!("nf_conntrack_{key} ({}) had run out", show(expiry.timeout)),
            None => format!("the conntrack entry ({state}, {}) had run out", show(expiry.timeout)),
        },
        path: None,
    })
}

fn invalid(list: &[Segment], at: usize, replay: &Replay) -> Option<Explained> {
    if !replay.invalid.contains(&at) {
        return None;
    }
    let (_, answer) = replay.packets.get(at)?;
    let steps: Vec<String> = answer.known()?.steps.iter().map(|step| step.text()).collect();
    Some(Explained {
        because: vec![format!(
            "The cause: packet {} is invalid to connection tracking, though its entry was there. {}.",
            list.get(at)?.packet.number,
            steps.join("; ")
        )],
        places: Vec::new(),
        phrase: "connection tracking called it invalid".to_owned(),
        path: None,
    })
}

/// What a log of conntrack events shows of a connection: the end of its entry, a pickup in the middle, another backend.
pub fn by_events(facts: &Facts, flow: &Flow, reset: &Reset) -> Option<Explained> {
    let wanted = [(flow.client, flow.server), (flow.server, flow.client)];
    let ours = |tuple: &Tuple| wanted.iter().any(|ends| matches(tuple, *ends));
    for (_, study) in &facts.events {
        let switched = study.switches.items.iter().find(|one| one.midstream && ours(&one.original));
        if let Some(switch) = switched {
            let deleted = study
                .endings
                .items
                .iter()
                .find(|one| one.line == switch.before.line && one.cause == Cause::Command && ours(&one.original));
            return Some(Explained {
                because: vec![format!(
                    "The translator's log shows it: a packet in the middle of the connection began a new entry, and {}.",
                    became(&switch.before.reply, &switch.reply)
                )],
                places: vec![
                    (switch.line, "the entry was made anew here, with another reply address".to_owned()),
                    match deleted {
                        Some(_) => (switch.before.line, "a program deleted the entry before".to_owned()),
                        None => (switch.before.line, "the entry before".to_owned()),
                    },
                ],
                phrase: match deleted {
                    Some(_) => "a program deleted its conntrack entry (conntrack -D or -F)".to_owned(),
                    None => "the translator began a new entry in the middle of the connection".to_owned(),
                },
                path: None,
            });
        }
        let picked = study.pickups.items.iter().find(|one| ours(&one.original));
        if let Some(pickup) = picked {
            let mut places = vec![(pickup.line, "[NEW] in ESTABLISHED: the entry was gone".to_owned())];
            places.extend(pickup.before.as_ref().map(|before| (before.line, "its last event".to_owned())));
            return Some(Explained {
                because: vec![
                    "The translator's log shows that its entry was gone: a packet in the middle of the connection began a new one."
                        .to_owned(),
                ],
                places,
                phrase: "the translator's entry was gone".to_owned(),
                path: None,
            });
        }
        let before_reset = |time_us: Option<u64>| match (time_us, reset.packet.time_ns) {
            (Some(ended), Some(reset)) => i64::try_from(ended).is_ok_and(|ended| ended <= reset / 1_000),
            _ => true,
        };
        let ended = study.endings.items.iter().rev().find(|one| ours(&one.original) && before_reset(one.time_us));
        if let Some(ending) = ended {
            let since = ending
                .since_last_us
                .map_or_else(String::new, |us| format!(", {} after its last event", super::timer::seconds(us as i64)));
            let how = match ending.cause {
                Cause::Command => "a program deleted the connection's entry (conntrack -D or -F)",
                Cause::Expired => "the connection's entry had run out",
                Cause::Early(_) => "the connection's entry ended sooner than its last event had said",
                Cause::Unknown => "the connection's entry ended",
            };
            return Some(Explained {
                because: vec![format!("The translator's log shows that {how}{since}: what came afterwards met none.")],
                places: vec![(ending.line, "the entry ends".to_owned())],
                phrase: how.replace("the connection's entry", "its conntrack entry"),
                path: None,
            });
        }
    }
    None
}

fn matches(tuple: &Tuple, (from, to): (Peer, Peer)) -> bool {
    (tuple.src, tuple.sport, tuple.dst, tuple.dport) == (from.address, from.port, to.address, to.port)
}

/// What is another one in a new reply direction: who answers, or the address the answer goes to.
fn became(before: &Tuple, now: &Tuple) -> String {
    let from = |tuple: &Tuple| peer(Peer { address: tuple.src, port: tuple.sport });
    let to = |tuple: &Tuple| peer(Peer { address: tuple.dst, port: tuple.dport });
    if from(before) == from(now) {
        format!("the address behind the translator became {} instead of {}", to(now), to(before))
    } else {
        format!("the other end became {} instead of {}", from(now), from(before))
    }
}

/// The longest time without a packet that connections of this path came through in the captures, and whether all of them
/// ended without a RST; `None` when no capture holds one.
pub fn observed(facts: &Facts, built: &Built) -> Option<(i64, bool)> {
    let flows = facts.captures.iter().flat_map(|capture| &capture.flows).filter(|flow| fits(built, flow));
    flows.fold(None, |seen, flow| {
        let (quiet, healthy) = seen.unwrap_or((0, true));
        let sides = [&flow.client_state, &flow.server_state];
        let answered = sides.iter().all(|side| side.retransmissions_unanswered < crate::facts::captures::UNANSWERED);
        let own = flow.longest_survived_ns.unwrap_or(0);
        Some((quiet.max(own), healthy && flow.reset_count == 0 && answered))
    })
}
