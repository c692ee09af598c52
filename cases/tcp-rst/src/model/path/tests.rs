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

/// Laboratory, `masq-port-taken` beside `masq-port-kept`: what another connection does meanwhile is in no file.
#[test]
fn a_kept_port_can_be_taken() {
    let traffic = Traffic { quiet: Micros::seconds(7), speaks_first: Side::Client, state: State::Established };
    let told = predict(&path(vec![Kind::Tracker(tracker(KEPT, true))]), traffic);
    assert_eq!(told.death, None);
    let [except] = told.exceptions.as_slice() else { panic!("{told:?}") };
    assert_eq!(except.after, Micros::seconds(4));
    assert_eq!(
        except.fates.iter().map(|fate| fate.outcome).collect::<Vec<_>>(),
        [reset(Who::Server, Who::Client).unwrap()]
    );
}

/// Laboratory, `masq-loose0` and `masq-loose0-no-route`: the same configuration, and the routes of the other end decide.
#[test]
fn an_untranslated_request_is_reset_or_lost() {
    let fates = forgotten(&tracker(KEPT, false), 0, Side::Client);
    let all: Vec<_> = fates.iter().map(|fate| (fate.outcome, fate.chance, fate.only_if.is_some())).collect();
    let reset = reset(Who::Server, Who::Client).unwrap();
    assert_eq!(all, [(reset, None, true), (Outcome::BlackHole { by: None }, None, true)]);
}

/// Laboratory, `half-close-close-wait` and `outage-max-retrans`: T is 1000 s in ESTABLISHED.
#[test]
fn another_state_has_another_timer() {
    let mut tracker = tracker(DNAT, false);
    tracker.established = Set::default_of(Limit::After(Micros::seconds(1000)));
    let in_state = |state, timer, seconds| InState {
        state,
        timer,
        limit: Set::default_of(Limit::After(Micros::seconds(seconds))),
    };
    tracker.others =
        vec![in_state(State::HalfClosed, "close_wait", 4), in_state(State::Unacknowledged, "unacknowledged", 300)];
    let path = path(vec![Kind::Tracker(tracker)]);
    let after = |state, quiet| {
        let traffic = Traffic { quiet: Micros::seconds(quiet), speaks_first: Side::Server, state };
        predict(&path, traffic).death.map(|death| (death.timer, death.after))
    };
    assert_eq!(after(State::Established, 7), None);
    assert_eq!(after(State::HalfClosed, 7), Some(("close_wait".to_owned(), Micros::seconds(4))));
    // Where the timer of repetitions is no shorter than the usual one, that of unacknowledged data rules.
    assert_eq!(after(State::Repeating, 301), Some(("unacknowledged".to_owned(), Micros::seconds(300))));
}

/// Laboratory, `haproxy-timeout-server` and `haproxy-timeout-both`.
#[test]
fn a_server_timer_closes_one_way_until_the_clients_closes_the_other() {
    let timer = |name: &str, leg, ending, seconds| Timer {
        name: name.to_owned(),
        limit: Limit::After(Micros::seconds(seconds)),
        measures: Measures::Idle,
        refresh: Refresh::Payload,
        leg,
        ending,
        span: None,
        origin: String::new(),
    };
    let proxy = |client_s| Proxy {
        product: "haproxy",
        name: "web".to_owned(),
        layer: Layer::Tcp,
        listens: Vec::new(),
        servers: Vec::new(),
        timers: vec![
            timer("timeout client", Leg::Client, Ending::FinThenRst, client_s),
            timer("timeout server", Leg::Server, Ending::FinOneWay, 4),
        ],
        keepalive_client: Some(false),
        keepalive_server: Some(false),
        span: Span::new(casebook_core::EvidenceId(0), 0, 0),
    };
    let outcome = |client_s| {
        let traffic = Traffic { quiet: Micros::seconds(6), speaks_first: Side::Client, state: State::Established };
        let death = predict(&path(vec![Kind::Proxy(proxy(client_s), None)]), traffic).death.unwrap();
        assert_eq!((death.moment, death.ends), (Moment::At(Micros::seconds(4)), Ends::Fin));
        death.fates[0].outcome
    };
    assert_eq!(outcome(60), Outcome::AnswerLost);
    assert_eq!(Some(outcome(4)), reset(Who::Hop(0), Who::Client));
    assert_eq!(Some(outcome(5)), reset(Who::Hop(0), Who::Client));
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
    let death =
        predict(&path, Traffic { quiet: Micros::seconds(60), speaks_first: Side::Client, state: State::Established })
            .death
            .unwrap();
    assert_eq!((death.timer.as_str(), death.moment), ("timeout client", Moment::At(Micros::seconds(5))));
}
