//! The prediction for a path in words: what dies when, by whom, to whom, and what would prevent it.

use super::build::Built;
use super::path::{
    Death, Ends, Fate, Keepalive, Kind, Moment, Outcome, Path, Prediction, Probing, Set, State, Traffic, Who, predict,
    show,
};
use crate::facts::flow::Side;
use crate::facts::timer::{Limit, Micros};

/// Longer than any timer: the silence asked about when none was declared.
pub const FOREVER: Micros = Micros(u64::MAX / 4);

/// What was found for one way to break the silence.
#[derive(Clone, Debug, PartialEq)]
pub struct Foretold {
    /// Who speaks first.
    pub speaks_first: Side,
    /// What the connection is in the middle of.
    pub state: State,
    /// The prediction.
    pub prediction: Prediction,
}

/// A change that keeps the connection alive; the model ran again with it.
#[derive(Clone, Debug, PartialEq)]
pub struct Cure {
    /// What it does, one sentence in lower case.
    pub title: String,
    /// Commands.
    pub commands: Vec<String>,
}

/// The predictions for a path, by who speaks first; those asked for, or both.
pub fn foretell(built: &Built, quiet: Option<Micros>, speaks_first: Option<Side>) -> Vec<Foretold> {
    foretell_in(built, quiet, speaks_first, State::Established)
}

/// The same for a connection that is silent in `state`.
pub fn foretell_in(built: &Built, quiet: Option<Micros>, speaks_first: Option<Side>, state: State) -> Vec<Foretold> {
    let quiet = quiet.or(built.quiet).unwrap_or(FOREVER);
    let asked = speaks_first.or(built.speaks_first);
    [Side::Client, Side::Server]
        .into_iter()
        .filter(|side| asked.is_none_or(|asked| asked == *side))
        .map(|speaks_first| Foretold {
            speaks_first,
            state,
            prediction: predict(&built.path, Traffic { quiet, speaks_first, state }),
        })
        .collect()
}

/// Somebody on a path, in words.
pub fn who(path: &Path, who: Who) -> String {
    match who {
        Who::Client => "the client".to_owned(),
        Who::Server => "the server".to_owned(),
        Who::OtherBackend => "a backend that never had the connection".to_owned(),
        Who::Hop(index) => path.hops.get(index).map_or_else(|| "a hop".to_owned(), |hop| hop.name.clone()),
    }
}

/// A side, in words.
pub fn side(side: Side) -> &'static str {
    match side {
        Side::Client => "client",
        Side::Server => "server",
    }
}

/// What happens, in a phrase: `reset by the router to the client`.
pub fn fate(path: &Path, fate: &Fate) -> String {
    let what = match fate.outcome {
        Outcome::Survives => "it goes on".to_owned(),
        Outcome::Reset { by, to, .. } => format!("{} sends a RST to {}", who(path, by), who(path, to)),
        Outcome::BlackHole { by: Some(by) } => format!("{} drops its packets, without a RST", who(path, by)),
        Outcome::BlackHole { by: None } => "nobody answers, and there is no RST".to_owned(),
        Outcome::AnswerLost => "its packets still arrive, and no answer comes back".to_owned(),
        Outcome::Unknown => "what happens is not modelled".to_owned(),
    };
    match fate.chance {
        _ if fate.only_if.is_some() => format!("{what}, if {}", fate.only_if.unwrap_or_default()),
        Some(chance) if chance < 1.0 => format!("{what} (chance {:.0} %)", chance * 100.0),
        _ => what,
    }
}

/// When and how a death comes, in a sentence.
pub fn sentence(path: &Path, told: &Foretold, death: &Death) -> String {
    let first = death.fates.first().map_or_else(String::new, |one| fate(path, one));
    match (death.moment, death.ends) {
        (Moment::At(at), Ends::Fin) => format!(
            "{} closes it with FIN after {}; if the {} writes later, {first}",
            who(path, Who::Hop(death.hop)),
            show(at),
            side(told.speaks_first)
        ),
        (Moment::At(at), _) => format!("after {}, {first}", show(at)),
        (Moment::NextPacket { expires }, _) => {
            let state = match told.state {
                State::Established => String::new(),
                state => format!(" {}", state.text()),
            };
            format!("with the first packet of the {} after {}{state}, {first}", side(told.speaks_first), show(expires))
        }
    }
}

/// The changes that keep the connection alive. Each was tried on the model, for every way to break the silence.
pub fn cures(built: &Built, told: &[Foretold]) -> Vec<Cure> {
    let mut out = Vec::new();
    let Some(death) = told.iter().find_map(|one| one.prediction.death.as_ref()) else { return out };
    let shortest = told.iter().filter_map(|one| one.prediction.death.as_ref()).map(|death| death.after).min();
    let Some(shortest) = shortest else { return out };
    let quiet = built.quiet.unwrap_or(FOREVER);
    let lives = |path: &Path| {
        told.iter().all(|one| {
            predict(path, Traffic { quiet, speaks_first: one.speaks_first, state: one.state }).death.is_none()
        })
    };
    // Half the timer leaves room for one lost probe.
    let seconds = (shortest.0 / 2_000_000).max(1);
    let keepalive = Keepalive { time: Micros::seconds(seconds), ..Keepalive::LINUX };
    for end in [Side::Client, Side::Server] {
        let mut path = built.path.clone();
        let on = Probing::On(Set::default_of(keepalive));
        match end {
            Side::Client => path.client = on,
            Side::Server => path.server = on,
        }
        if shortest.0 > 1_000_000 && lives(&path) {
            out.push(Cure {
                title: format!(
                    "let the {} probe every {seconds} s, which starts {} anew; its program has to set SO_KEEPALIVE",
                    side(end),
                    death.timer
                ),
                commands: vec![format!("sysctl -w net.ipv4.tcp_keepalive_time={seconds}   # on the {}", side(end))],
            });
            break;
        }
    }
    if let Some(quiet) = built.quiet {
        let longer = Micros(quiet.0.saturating_add(quiet.0 / 10).next_multiple_of(1_000_000));
        let mut path = built.path.clone();
        if let Some(hop) = path.hops.get_mut(death.hop) {
            raise(&mut hop.kind, &death.timer, longer);
        }
        if lives(&path) {
            out.push(Cure {
                title: format!(
                    "set {} of {} to {}, above the silence of {}",
                    death.timer,
                    who(&built.path, Who::Hop(death.hop)),
                    show(longer),
                    show(quiet)
                ),
                commands: knob(&death.timer, longer).into_iter().collect(),
            });
        }
    }
    out
}

fn raise(kind: &mut Kind, timer: &str, to: Micros) {
    match kind {
        Kind::Tracker(tracker) => match tracker.others.iter_mut().find(|other| other.timer == timer) {
            Some(other) => other.limit.value = Limit::After(to),
            None => tracker.established.value = Limit::After(to),
        },
        Kind::Device(_, limit) => limit.value = Limit::After(to),
        Kind::Timer(known) => known.limit = Limit::After(to),
        Kind::Proxy(proxy, _) => {
            proxy
                .timers
                .iter_mut()
                .filter(|known| known.name == timer)
                .for_each(|known| known.limit = Limit::After(to));
        }
    }
}

fn knob(timer: &str, to: Micros) -> Option<String> {
    let seconds = to.0.div_ceil(1_000_000);
    timer.starts_with("nf_conntrack_").then(|| format!("sysctl -w net.netfilter.{timer}={seconds}"))
}
