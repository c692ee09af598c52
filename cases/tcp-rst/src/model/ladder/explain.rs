//! What the groups of a probe say together. Each sentence follows from counts that are printed beside it; what the probe
//! cannot tell apart is named as such.

use casebook_core::dial::{End, First, When};

use super::estimate::{ENOUGH_EAGER, Estimate, Found, Share, backends, died};
use super::stats::visible;
use super::{Group, Kind, SECOND_NS, State, plan};

/// A time for people: two digits behind the point below ten seconds, minutes and hours beside large ones.
pub fn time(ns: u64) -> String {
    let seconds = ns as f64 / 1e9;
    match ns / SECOND_NS {
        0..10 => format!("{seconds:.2} s"),
        10..120 => format!("{seconds:.1} s"),
        whole @ 120..7200 => format!("{whole} s ({} min {:02} s)", whole / 60, whole % 60),
        whole => format!("{whole} s ({} h {:02} min)", whole / 3600, whole % 3600 / 60),
    }
}

/// A probability with its interval.
pub fn probability(share: Share) -> String {
    let (low, high) = share.interval();
    let p = f64::from(share.died) / f64::from(share.of.max(1));
    format!("p = {p:.2} (95 %: {low:.2} to {high:.2})")
}

/// A group in words.
pub fn title(group: Group) -> String {
    let who = if group.first == First::Client { "the client speaks first" } else { "the server speaks first" };
    match group.kind {
        Kind::Silence => format!("{who} after silence"),
        Kind::Keepalive => format!("{who}, keepalive probes before"),
        Kind::Messages => format!("{who}, messages before"),
    }
}

/// An end in words; `far` as the far end saw it.
pub fn end(end: &End, first: First, far: bool) -> String {
    let here = (first == First::Client) != far;
    match end {
        End::Alive => "it worked".into(),
        End::Reset(When::Waiting) => "RST during the wait, nobody had spoken".into(),
        End::Reset(When::Spoken) => {
            if here {
                "RST in answer to the own segment".into()
            } else {
                "RST after the other end spoke".into()
            }
        }
        End::Closed(When::Waiting) => "FIN during the wait, nobody had spoken".into(),
        End::Closed(When::Spoken) => "FIN after the wait instead of an answer".into(),
        End::TimedOut(_) => "the own kernel gave up (ETIMEDOUT)".into(),
        End::Failed(_) => "an error of the network (ICMP)".into(),
        End::Vanished if here => "no acknowledgement: a black hole".into(),
        End::Vanished => "what the other end was to send never came".into(),
        End::Unanswered => "acknowledged, and not answered".into(),
        End::Unasked => "bytes nobody had asked for".into(),
        End::NotOpened(why) => format!("not set up: {why}"),
    }
}

/// The lines of a group: a word and what it says.
pub fn lines(group: Group, estimate: &Estimate) -> Vec<(&'static str, String)> {
    let mut out = Vec::new();
    match &estimate.found {
        Found::Nothing => out.push(("timer", "nothing was tried".into())),
        Found::NoDeath { longest_ns, at_longest } => {
            let p = visible(*at_longest);
            out.push((
                "timer",
                format!("none seen: all {} lived, the longest {}", estimate.counted, time(*longest_ns)),
            ));
            out.push((
                "seen",
                format!("{at_longest} waited that long: deaths of p = {p:.2} or more would have shown with 99 %"),
            ));
        }
        Found::Bracket { lower_ns, upper_ns, below, beyond } => {
            out.push(("timer", format!("more than {}, at most {}", time(*lower_ns), time(*upper_ns))));
            let lived = below.of - below.died;
            out.push(("lived", format!("{lived} of {} that waited {} or less", below.of, time(*lower_ns))));
            let p = probability(*beyond);
            out.push(("died", format!("{} of {} that waited longer than all of it, {p}", beyond.died, beyond.of)));
            let spoken = estimate.ends.iter().any(|(end, _)| *end == End::Reset(When::Spoken));
            let fit = backends(*beyond);
            if let (true, Some(fewest), Some(most)) = (spoken && beyond.died < beyond.of, fit.first(), fit.last()) {
                let n = if fewest == most { format!("N = {fewest}") } else { format!("N from {fewest} to {most}") };
                out.push(("fits", format!("N backends of which one is picked anew, p = (N - 1)/N: {n}")));
            }
        }
        Found::Unrelated { all, shortest_ns, every } => {
            let words = if *every { "every one died, however short its wait" } else { "none that these show" };
            out.push(("timer", words.into()));
            out.push((
                "died",
                format!("{} of {}, the first at {}, {}", all.died, all.of, time(*shortest_ns), probability(*all)),
            ));
        }
    }
    for (how, count) in &estimate.ends {
        out.push(("how", format!("{count} x {}", end(how, group.first, false))));
    }
    for (how, count) in &estimate.far_ends {
        out.push(("far end", format!("{count} x {}", end(how, group.first, true))));
    }
    if let Some(eager) = estimate.eager.filter(|eager| eager.count >= ENOUGH_EAGER) {
        let (first, last) = (time(eager.first_ns), time(eager.last_ns));
        out.push((
            "by itself",
            format!("{} ended with nobody speaking, {first} to {last} after the last byte", eager.count),
        ));
    }
    if estimate.void > 0 {
        out.push(("void", format!("{} got bytes nobody had asked for, and do not count", estimate.void)));
    }
    if estimate.not_opened > 0 {
        out.push(("not set up", estimate.not_opened.to_string()));
    }
    out
}

/// Where the timer is found, what refreshes it, who notices, and what the probe cannot see.
pub fn conclusions(state: &State) -> Vec<String> {
    let of = |kind: Kind, first: First| state.estimate(Group { kind, first });
    let asked = |first: First| state.options.firsts.contains(&first);
    let mut out = Vec::new();
    let (client, server) = (of(Kind::Silence, First::Client), of(Kind::Silence, First::Server));
    directions(state, &client, &server, &mut out);
    for (first, estimate) in [(First::Client, &client), (First::Server, &server)] {
        if !asked(first) {
            continue;
        }
        if let Found::Unrelated { all, every, .. } = estimate.found {
            let who = if first == First::Client { "client first" } else { "server first" };
            out.push(if every {
                format!(
                    "{who}: every connection died, also after {}: the timer is shorter than --min-gap, or it is none.",
                    time(state.options.min_gap_ns)
                )
            } else {
                format!(
                    "{who}: {} of {} died, and the length of the wait does not explain it: the path loses or resets \
                         connections for another reason, or these were too few to tell.",
                    all.died, all.of
                )
            });
        }
        if let Found::Bracket { below, .. } = estimate.found
            && below.died > 0
        {
            out.push(format!(
                "{} of {} died at waits that are too short for the timer: the path has another fault too.",
                below.died, below.of
            ));
        }
        how(first, estimate, &mut out);
        refresh(state, first, estimate, &mut out);
    }
    out
}

fn directions(state: &State, client: &Estimate, server: &Estimate, out: &mut Vec<String>) {
    let tried_server = state.options.firsts.contains(&First::Server);
    let none = |estimate: &Estimate| matches!(estimate.found, Found::NoDeath { .. });
    match (client.bracket(), server.bracket()) {
        (Some((a, b)), Some((c, d))) if a < d && c < b => {
            out.push("Both directions die beyond the same time: one timer.".into());
        }
        (Some(_), Some(_)) => {
            out.push("The two directions die at different times: there are two timers, or the far end has one of its own.".into());
        }
        (None, Some((lower, upper))) if none(client) => out.push(format!(
            "A timer between {} and {} is hidden from the client: its segment is picked up again as if nothing had \
             expired (masquerade that keeps the port, or translation to one backend, with nf_conntrack_tcp_loose=1), \
             while the server's segment finds no entry. A connection that waits for the server dies.",
            time(lower), time(upper)
        )),
        (Some(_), None) if none(server) => out.push(
            "Only the client's segment is lost: what the server sends after the wait arrives, and brings the entry back.".into(),
        ),
        (Some(_), None) if !tried_server => out.push(
            "The server's direction was not tried: it takes `casebook rst respond` at the far end and --responder.".into(),
        ),
        (None, None) if none(client) && (none(server) || !tried_server) => {
            out.push(format!("No connection died in any direction that was tried, up to {}.", time(state.options.max_gap_ns)));
            out.push(
                "That is no proof that nothing expires: conntrack with loose pickup hides it from the client behind \
                 masquerade that keeps the port and behind translation to one backend, and with many flows or other \
                 ports the same path kills.".into(),
            );
            out.push(if tried_server {
                "The server's direction, which such a path does not hide, was tried with the responder.".into()
            } else {
                "The server's direction, which such a path does not hide, was not tried: it takes `casebook rst respond` \
                 at the far end and --responder.".into()
            });
        }
        _ => {}
    }
}

/// What the form of the deaths says.
fn how(first: First, estimate: &Estimate, out: &mut Vec<String>) {
    let Found::Bracket { beyond, .. } = estimate.found else { return };
    let count =
        |wanted: End| estimate.ends.iter().filter(|(end, _)| *end == wanted).map(|(_, count)| count).sum::<u32>();
    let most = |wanted: End| count(wanted) * 2 > estimate.deaths;
    if most(End::Closed(When::Waiting)) {
        out.push(
            "It ends with FIN at its time: a program with a socket closes it, a proxy or the service itself.".into(),
        );
    } else if most(End::Reset(When::Waiting)) {
        out.push(
            "It ends with RST at its time and without a cause on the wire: a device with a timer that tells both \
                  ends, or a program that closes with SO_LINGER 0."
                .into(),
        );
    } else if first == First::Client && most(End::Reset(When::Spoken)) && beyond.died == beyond.of {
        out.push("Whoever gets the client's segment has no socket for it, every time: an entry that expired and is not \
                  picked up (nf_conntrack_tcp_loose=0, IPVS, a rule that rejects), answered by the translator's own kernel.".into());
    } else if first == First::Client && most(End::Reset(When::Spoken)) {
        out.push(
            "Some live: the segment makes a new entry, and a backend is picked anew; only the one that knows the \
                  connection does not answer with RST."
                .into(),
        );
    } else if first == First::Client && most(End::Vanished) {
        out.push(
            "Nobody answers the client's segment: it is dropped (`ct state invalid drop`, a firewall that forgot), \
                  and the program notices after minutes of retransmissions."
                .into(),
        );
    }
}

/// What the variants say.
fn refresh(state: &State, first: First, silence: &Estimate, out: &mut Vec<String>) {
    let Some((lower_ns, upper_ns)) = silence.bracket() else { return };
    let who = if first == First::Client { "client" } else { "server" };
    // Only waits that silence does not survive tell anything.
    let variant = |kind: Kind| {
        let mut share = Share::default();
        let asked = state.of_group(Group { kind, first }).filter(|outcome| outcome.trial.gap_ns >= upper_ns);
        for dead in asked.filter_map(|outcome| died(&outcome.end)) {
            share.of += 1;
            share.died += u32::from(dead);
        }
        (share.of > 0).then_some(share)
    };
    let lives = |share: &Share| share.died == 0;
    let longest = |kind: Kind| {
        let waits = state.of_group(Group { kind, first }).map(|outcome| outcome.waited_ns);
        time(waits.max().unwrap_or(0))
    };
    match (variant(Kind::Keepalive), variant(Kind::Messages)) {
        (Some(probes), _) if lives(&probes) => out.push(format!(
            "{who} first: with keepalive probes all {} lived, up to {}: any segment starts the timer anew. Probes more \
             often than every {} keep it.", probes.of, longest(Kind::Keepalive), time(lower_ns)
        )),
        (Some(probes), Some(messages)) if lives(&messages) => out.push(format!(
            "{who} first: {} of {} died with keepalive probes, none of {} with messages: only payload starts the timer \
             anew (a proxy ends the probes), so the programs have to speak.",
            probes.died, probes.of, messages.of
        )),
        (Some(probes), Some(messages)) => out.push(format!(
            "{who} first: {} of {} died with keepalive probes, {} of {} with messages: nothing starts the timer anew, it \
             is a lifetime.", probes.died, probes.of, messages.died, messages.of
        )),
        (Some(probes), None) => out.push(format!(
            "{who} first: {} of {} died with keepalive probes: the timer ignores them, or it is a lifetime; messages \
             (--meanwhile messages) would tell.", probes.died, probes.of
        )),
        (None, Some(messages)) if lives(&messages) => out.push(format!(
            "{who} first: with messages all {} lived, up to {}: an idle timer, no lifetime.",
            messages.of, longest(Kind::Messages)
        )),
        (None, Some(messages)) => out.push(format!(
            "{who} first: {} of {} died with messages: a lifetime.", messages.died, messages.of
        )),
        (None, None) => {
            let group = Group { kind: Kind::Keepalive, first };
            if state.options.kinds.contains(&Kind::Keepalive) && plan::variant_gaps(state, group, silence).is_none() {
                out.push(format!(
                    "{who} first: keepalive was not tried: the kernel's shortest interval is 1 s, and the timer has to \
                     be known well and to be longer than that by a half."
                ));
            }
        }
    }
}
