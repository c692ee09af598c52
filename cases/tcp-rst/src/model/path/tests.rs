//! Table of the laboratory: each row is a scenario of `lab/` with the same outcome.

use super::*;
use crate::facts::timer::{Ending, Layer, Leg, Measures, Micros, Refresh, Timer};

fn tracker(translation: Translation, loose: bool) -> Tracker {
    Tracker {
        established: Set::default_of(Limit::After(Micros::seconds(4))),
        timer: "nf_conntrack_tcp_timeout_established".to_owned(),
        others: Vec::new(),
        loose: Set::default_of(loose),
        translation: Set::default_of(translation),
        client_invalid: Set::default_of(Treatment::Accept),
        client_new: Set::default_of(Treatment::Accept),
        server_invalid: Set::default_of(Treatment::Accept),
        server_new: Set::default_of(Treatment::Accept),
    }
}

fn path(hops: Vec<Kind>) -> Path {
    Path {
        name: "10.0.1.100:80".to_owned(),
        hops: hops.into_iter().map(|kind| Hop { name: "router".to_owned(), kind }).collect(),
        client: Probing::Off,
        server: Probing::Off,
    }
}

fn outcome(tracker: Tracker, speaks_first: Side) -> Option<Outcome> {
    let traffic = Traffic { quiet: Micros::seconds(7), speaks_first, state: State::Established };
    let death = predict(&path(vec![Kind::Tracker(tracker)]), traffic).death?;
    assert_eq!(death.moment, Moment::NextPacket { expires: Micros::seconds(4) });
    death.fates.first().map(|fate| fate.outcome)
}

fn reset(by: Who, to: Who) -> Option<Outcome> {
    Some(Outcome::Reset { by, to, other_end_later: true })
}

const DNAT: Translation = Translation::Server { choice: Choice::Same, own_address: Some(true) };
const DNAT_2: Translation =
    Translation::Server { choice: Choice::Anew { backends: 2, same_ppm: 500_000 }, own_address: Some(true) };
const KEPT: Translation = Translation::Client { new_port: false };
const RANDOM: Translation = Translation::Client { new_port: true };

#[test]
fn forwarding_kills_only_by_its_rules() {
    assert_eq!(outcome(tracker(Translation::None, true), Side::Client), None);
    assert_eq!(outcome(tracker(Translation::None, false), Side::Client), None);
    let mut dropping = tracker(Translation::None, false);
    dropping.client_invalid.value = Treatment::Drop;
    assert_eq!(outcome(dropping, Side::Client), Some(Outcome::BlackHole { by: Some(Who::Hop(0)) }));
    let mut rejecting = tracker(Translation::None, true);
    rejecting.client_new.value = Treatment::Reset;
    assert_eq!(outcome(rejecting, Side::Client), reset(Who::Hop(0), Who::Client));
}

#[test]
fn dnat_depends_on_the_backend_chosen_and_on_who_speaks() {
    assert_eq!(outcome(tracker(DNAT, true), Side::Client), None);
    assert_eq!(outcome(tracker(DNAT_2, true), Side::Client), reset(Who::OtherBackend, Who::Client));
    assert_eq!(outcome(tracker(DNAT, false), Side::Client), reset(Who::Hop(0), Who::Client));
    assert_eq!(outcome(tracker(DNAT, true), Side::Server), reset(Who::Client, Who::Server));
    assert_eq!(outcome(tracker(DNAT, false), Side::Server), reset(Who::Client, Who::Server));
}

#[test]
fn masquerade_hides_an_expiry_from_the_client_alone() {
    assert_eq!(outcome(tracker(KEPT, true), Side::Client), None);
    assert_eq!(outcome(tracker(RANDOM, true), Side::Client), reset(Who::Server, Who::Client));
    assert_eq!(outcome(tracker(KEPT, true), Side::Server), reset(Who::Hop(0), Who::Server));
    assert_eq!(outcome(tracker(KEPT, false), Side::Client), reset(Who::Server, Who::Client));
}

#[test]
fn the_chance_of_another_backend_is_all_but_one() {
    let four = Translation::Server { choice: Choice::among(4), own_address: Some(true) };
    let fates = forgotten(&tracker(four, true), 0, Side::Client);
    assert_eq!(fates.iter().map(|fate| fate.chance).collect::<Vec<_>>(), [Some(0.75), Some(0.25)]);
}

#[test]
fn keepalive_on_the_leg_saves_and_on_the_other_leg_does_not() {
    let keepalive = Keepalive { time: Micros::seconds(2), interval: Micros::seconds(1), probes: 3 };
    let traffic = Traffic { quiet: Micros::seconds(7), speaks_first: Side::Client, state: State::Established };
    let mut one = path(vec![Kind::Tracker(tracker(DNAT_2, true))]);
    one.client = Probing::On(Set::default_of(keepalive));
    assert_eq!(predict(&one, traffic).death, None);
    // A proxy between: the client's probes end there.
    let proxy = Proxy {
        product: "haproxy",
        name: "web".to_owned(),
        layer: Layer::Tcp,
        listens: Vec::new(),
        servers: Vec::new(),
        timers: Vec::new(),
        keepalive_client: Some(false),
        keepalive_server: Some(false),
        span: Span::new(casebook_core::EvidenceId(0), 0, 0),
    };
    let mut two = path(vec![Kind::Proxy(proxy, None), Kind::Tracker(tracker(DNAT_2, true))]);
    two.client = Probing::On(Set::default_of(keepalive));
    assert_eq!(predict(&two, traffic).death.map(|death| death.hop), Some(1));
}

#[test]
fn the_first_timer_to_act_ends_the_connection() {
    let timer = |name: &str, seconds: u64| Timer {
        name: name.to_owned(),
        limit: Limit::After(Micros::seconds(seconds)),
        measures: Measures::Idle,
        refresh: Refresh::Payload,
        leg: Leg::Client,
        ending: Ending::FinThenRst,
        span: None,
        origin: String::new(),
    };
    let proxy = Proxy {
        product: "haproxy",
        name: "web".to_owned(),
        layer: Layer::Tcp,
        listens: Vec::new(),
        servers: Vec::new(),
        timers: vec![timer("timeout client", 5), timer("timeout server", 6)],
        keepalive_client: Some(true),
        keepalive_server: Some(true),
        span: Span::new(casebook_core::EvidenceId(0), 0, 0),
    };
    let path = path(vec![Kind::Tracker(tracker(Translation::None, true)), Kind::Proxy(proxy, None)]);
    let death = predict(&path, Traffic { quiet: Micros::seconds(60), speaks_first: Side::Client, state: State::Established }).death.unwrap();
    assert_eq!((death.timer.as_str(), death.moment), ("timeout client", Moment::At(Micros::seconds(5))));
}
