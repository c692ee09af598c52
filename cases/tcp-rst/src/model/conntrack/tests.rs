//! The model's rules one by one, each with the place in the kernel it mirrors (names of Linux 6.12,
//! net/netfilter/nf_conntrack_proto_tcp.c where nothing else is said). Random packets against a running kernel:
//! `tests/oracle`.

use super::entry::flag;
use super::*;
use crate::facts::flow::{Flags, Side, Sum};
use crate::facts::timer::Micros;

const S: u8 = Flags::SYN;
const A: u8 = Flags::ACK;
const F: u8 = Flags::FIN;
const R: u8 = Flags::RST;
const SECOND: u64 = 1_000_000;

use Side::{Client, Server};

fn segment(from: Side, flags: u8, seq: u32, ack: u32, payload_bytes: u32) -> Packet {
    Packet {
        from,
        flags: Flags(flags),
        seq,
        ack,
        window: 1000,
        payload_bytes,
        options: Options::parse(&[2, 4, 5, 180]),
        truncated: false,
        sum: Sum::Good,
        arrives: true,
    }
}

/// A table with one tuple.
struct Bench {
    host: Host,
    slot: Option<Entry>,
    now_us: u64,
}

impl Bench {
    fn new(release: Release) -> Self {
        Self { host: Host::new(Behaviour::of(release)), slot: None, now_us: SECOND }
    }

    fn send(&mut self, packet: Packet) -> Outcome {
        self.now_us += 1000;
        super::packet(&self.host, &mut self.slot, &packet, self.now_us)
    }

    fn handshake(mut self) -> Self {
        self.send(segment(Client, S, 100, 0, 0));
        self.send(segment(Server, S | A, 500, 101, 0));
        self.send(segment(Client, A, 101, 501, 0));
        self
    }

    fn entry(&self) -> &Entry {
        self.slot.as_ref().unwrap()
    }

    fn left_s(&self) -> u64 {
        self.entry().remaining(self.now_us).0 / SECOND
    }
}

const NOW: Release = Release(6, 18, 44);

#[test]
fn a_handshake_is_assured_and_lives_five_days() {
    let mut bench = Bench::new(NOW);
    let syn = bench.send(segment(Client, S, 100, 0, 0));
    assert_eq!((syn.class, syn.handled, bench.entry().state), (Class::New, Handled::Created, State::SynSent));
    let answer = bench.send(segment(Server, S | A, 500, 101, 0));
    assert_eq!((answer.class, bench.entry().state), (Class::Reply, State::SynRecv));
    let ack = bench.send(segment(Client, A, 101, 501, 0));
    assert_eq!((ack.class, bench.entry().state, bench.entry().assured), (Class::Established, State::Established, true));
    assert_eq!(bench.left_s(), 432_000);
}

/// `IP_CT_TCP_FLAG_DATA_UNACKNOWLEDGED`: `conntrack -L` shows 299, not 431999, until the data is acknowledged.
#[test]
fn data_in_flight_leaves_five_minutes() {
    let mut bench = Bench::new(NOW).handshake();
    assert_eq!(bench.send(segment(Client, A, 101, 501, 10)).timeout.unwrap().1, TimeoutReason::Unacknowledged);
    assert_eq!(bench.left_s(), 300);
    bench.send(segment(Server, A, 501, 111, 0));
    assert_eq!(bench.left_s(), 432_000);
}

/// `retrans >= tn->tcp_max_retrans`: the third repetition of an ACK.
#[test]
fn repeated_segments_leave_max_retrans() {
    let mut bench = Bench::new(NOW).handshake();
    bench.host.settings.timeouts.max_retrans = Micros::seconds(77);
    for expected in [432_000, 432_000, 77] {
        bench.send(segment(Client, A, 101, 501, 0));
        assert_eq!(bench.left_s(), expected);
    }
}

/// `last_win == 0`; since 4.17, not in 4.14.
#[test]
fn a_window_of_zero_leaves_max_retrans() {
    for (release, expected) in [(NOW, 300), (Release(4, 14, 74), 432_000)] {
        let mut bench = Bench::new(release).handshake();
        bench.send(Packet { window: 0, ..segment(Server, A, 501, 101, 0) });
        assert_eq!(bench.left_s(), expected, "{release}");
    }
}

/// `tcp_new` with `tcp_loose`, and the cap for entries without `IPS_SEEN_REPLY`.
#[test]
fn a_forgotten_connection_is_picked_up_for_five_minutes_or_invalid() {
    let mut bench = Bench::new(NOW);
    let new = bench.send(segment(Client, A, 7000, 9000, 1));
    assert_eq!((new.class, bench.entry().state), (Class::New, State::Established));
    // Of a picked-up segment no window is kept, so `last_win == 0` speaks before the cap for entries without reply.
    assert_eq!(new.timeout.unwrap(), (Micros::seconds(300), TimeoutReason::ZeroWindow));
    // `IPS_SEEN_REPLY` is set behind the protocol: the reply itself still meets the cap, the packet after it no more.
    bench.send(segment(Server, A, 9000, 7001, 0));
    assert_eq!((bench.left_s(), bench.entry().assured), (300, false));
    bench.send(segment(Client, A, 7001, 9000, 0));
    assert_eq!((bench.left_s(), bench.entry().assured), (432_000, true));

    let mut capped = Bench::new(NOW);
    capped.host.settings.timeouts.unacknowledged = Micros::seconds(200);
    let new = capped.send(segment(Client, A, 7000, 9000, 1));
    assert_eq!(new.timeout.unwrap(), (Micros::seconds(200), TimeoutReason::NoReply));

    let mut strict = Bench::new(NOW);
    strict.host.settings.loose = false;
    let refused = strict.send(segment(Client, A, 7000, 9000, 1));
    assert_eq!((refused.class, refused.steps, strict.slot), (Class::Invalid, vec![Step::NotPickedUp], None));
    for flags in [F | A, R, R | A, S | A] {
        assert_eq!(Bench::new(NOW).send(segment(Client, flags, 1, 1, 0)).class, Class::Invalid);
    }
}

/// `nf_ct_is_expired`: at the very moment.
#[test]
fn an_entry_is_gone_when_its_time_is_up() {
    for (early_us, steps) in [(1, 0), (0, 1)] {
        let mut bench = Bench::new(NOW).handshake();
        bench.now_us = bench.entry().expires_us - early_us - 1000;
        let outcome = bench.send(segment(Client, A, 101, 501, 0));
        let expired = outcome.steps.iter().filter(|step| matches!(step, Step::Expired(_))).count();
        assert_eq!(expired, steps);
    }
}

/// `nf_ct_timeout_lookup` is asked at each packet: a sysctl acts from the next packet on, a policy beats it.
#[test]
fn a_new_setting_acts_at_the_next_packet_and_a_policy_beats_it() {
    let mut bench = Bench::new(NOW).handshake();
    bench.host.settings.timeouts.set(State::Established, Micros::seconds(20));
    assert_eq!(bench.left_s(), 432_000);
    bench.send(segment(Client, A, 101, 501, 0));
    assert_eq!(bench.left_s(), 20);

    let mut bench = Bench::new(NOW);
    let mut timeouts = Timeouts::default();
    timeouts.set(State::Established, Micros::seconds(7));
    timeouts.set(State::SynSent, Micros::seconds(9));
    bench.host.policy = Some(Policy { timeouts, from: PolicyFrom::Nft });
    // `nft_ct_timeout_obj_eval`: `values[0]` at the first packet, also of a pickup in ESTABLISHED.
    assert_eq!(bench.send(segment(Client, A, 1, 1, 0)).timeout.unwrap(), (Micros::seconds(9), TimeoutReason::Policy));
    bench.send(segment(Server, A, 1, 1, 0));
    assert_eq!(bench.left_s(), 7);
}

/// `tcp_in_window`: I and III are invalid; II and IV are ignored since 6.1 and were invalid before.
#[test]
fn segments_out_of_the_window_are_invalid_or_ignored() {
    for (seq, ack, now, before) in [
        (101 + 50_000_000, 501, Class::Invalid, Class::Invalid),
        (101, 501 + 50_000_000, Class::Invalid, Class::Invalid),
        (101u32.wrapping_sub(5000), 501, Class::Established, Class::Invalid),
        (101, 501u32.wrapping_sub(70_000), Class::Established, Class::Invalid),
        (101, 501, Class::Established, Class::Established),
    ] {
        for (release, expected) in [(NOW, now), (Release(6, 0, 1), before)] {
            let mut bench = Bench::new(release).handshake();
            let before = *bench.entry();
            let outcome = bench.send(segment(Client, A, seq, ack, 0));
            assert_eq!(outcome.class, expected, "{release} {seq} {ack}");
            let inside = outcome.handled == Handled::Refreshed;
            assert_eq!(inside, (seq, ack) == (101, 501));
            assert!(inside || *bench.entry() == before, "what is not believed changes nothing");
        }
    }
}

/// `nf_tcp_store_invalid`: `be_liberal`, or a connection picked up in the middle.
#[test]
fn liberal_takes_everything_but_changes_no_window() {
    let mut bench = Bench::new(NOW).handshake();
    bench.host.settings.be_liberal = true;
    let seen = bench.entry().seen;
    let outcome = bench.send(segment(Client, A, 50_000_000, 501, 5));
    assert_eq!((outcome.class, outcome.handled), (Class::Established, Handled::Refreshed));
    assert!(outcome.steps.contains(&Step::Liberal));
    assert_eq!(bench.entry().seen, seen);
}

/// The case `TCP_CONNTRACK_CLOSE` with RST: exact, behind the own last segment, inexact, too early.
#[test]
fn a_reset_closes_only_where_the_receiver_would_take_it() {
    let established = |release| {
        let mut bench = Bench::new(release).handshake();
        bench.send(segment(Server, A, 501, 101, 10));
        bench.send(segment(Client, A, 101, 511, 0));
        bench
    };
    let mut exact = established(NOW);
    exact.send(segment(Server, R, 511, 0, 0));
    assert_eq!((exact.entry().state, exact.left_s()), (State::Close, 10));
    for (release, state, left_s) in [
        (NOW, State::Established, 10),
        (Release(6, 12, 117), State::Established, 300),
        (Release(5, 0, 0), State::Close, 10),
    ] {
        let mut inexact = established(release);
        inexact.send(segment(Server, R, 700, 0, 0));
        assert_eq!((inexact.entry().state, inexact.left_s()), (state, left_s), "{release}");
    }
    let mut early = established(NOW);
    assert_eq!(early.send(segment(Server, R, 505, 0, 0)).class, Class::Invalid);
    early.host.settings.ignore_invalid_rst = true;
    assert_eq!(early.send(segment(Server, R, 505, 0, 0)).class, Class::Reply);
}

/// `nf_ct_kill_acct`: a RST before any reply deletes the entry at once.
#[test]
fn a_refused_connection_leaves_no_entry() {
    let mut bench = Bench::new(NOW);
    bench.send(segment(Client, S, 100, 0, 0));
    let reset = bench.send(segment(Server, R | A, 0, 101, 0));
    assert_eq!((reset.class, reset.handled, bench.slot), (Class::Reply, Handled::Deleted, None));
}

/// "do not renew timeout on SYN retransmit"; 5.12 renewed it.
#[test]
fn a_repeated_syn_does_not_refresh() {
    for (release, expected) in [(NOW, 19), (Release(5, 12, 9), 120)] {
        let mut bench = Bench::new(release);
        bench.send(segment(Client, S, 100, 0, 0));
        bench.now_us += 100 * SECOND;
        bench.send(segment(Client, S, 100, 0, 0));
        assert_eq!(bench.left_s(), expected, "{release}");
    }
}

/// RFC 1122 in the case `TCP_CONNTRACK_SYN_SENT`: `-NF_REPEAT`, from either side.
#[test]
fn a_syn_in_time_wait_opens_a_new_connection() {
    for from in [Client, Server] {
        let mut bench = Bench::new(NOW).handshake();
        bench.send(segment(Client, F | A, 101, 501, 0));
        bench.send(segment(Server, F | A, 501, 102, 0));
        bench.send(segment(Client, A, 102, 502, 0));
        assert_eq!((bench.entry().state, bench.left_s()), (State::TimeWait, 120));
        let syn = bench.send(segment(from, S, 90_000, 0, 0));
        assert_eq!((syn.class, syn.handled), (Class::New, Handled::Created));
        assert_eq!((bench.entry().state, bench.entry().original), (State::SynSent, from));
        assert!(syn.steps.contains(&Step::Reopened));
    }
}

/// `IP_CT_TCP_SIMULTANEOUS_OPEN`. The second SYN is in SYN_SENT and no reply was seen before it: it does not refresh.
#[test]
fn both_sides_can_open() {
    let mut bench = Bench::new(NOW);
    bench.send(segment(Client, S, 100, 0, 0));
    bench.send(segment(Server, S, 500, 0, 0));
    assert_eq!((bench.entry().state, bench.left_s()), (State::SynSent2, 119));
    bench.send(segment(Client, S | A, 100, 501, 0));
    assert_eq!(bench.entry().state, State::SynRecv);
    bench.send(segment(Server, A, 501, 101, 0));
    assert_eq!(bench.entry().state, State::Established);
}

/// Case `TCP_CONNTRACK_IGNORE`, a) and b): a SYN on an established entry is kept in mind, and its SYN-ACK brings the entry
/// in step.
#[test]
fn a_new_connection_over_an_old_entry_comes_back_in_sync() {
    let mut bench = Bench::new(NOW).handshake();
    let syn = bench.send(segment(Client, S, 800_000, 0, 0));
    assert_eq!((syn.class, syn.handled, bench.entry().state), (Class::Established, Handled::Kept, State::Established));
    let answer = bench.send(segment(Server, S | A, 900_000, 800_001, 0));
    assert!(answer.steps.contains(&Step::BackInSync));
    assert_eq!(bench.entry().state, State::SynRecv);
    bench.send(segment(Client, A, 800_001, 900_001, 0));
    assert_eq!((bench.entry().state, bench.left_s()), (State::Established, 432_000));
}

/// `IP_CT_EXP_CHALLENGE_ACK` (RFC 5961): in LAST_ACK the answer to a SYN is not the last ACK.
#[test]
fn a_challenge_ack_is_not_the_last_ack() {
    let mut bench = Bench::new(NOW).handshake();
    bench.send(segment(Client, F | A, 101, 501, 0));
    bench.send(segment(Server, F | A, 501, 102, 0));
    assert_eq!(bench.entry().state, State::LastAck);
    bench.send(segment(Client, S, 800_000, 0, 0));
    let challenge = bench.send(segment(Server, A, 502, 102, 0));
    assert_eq!((challenge.handled, bench.entry().state), (Handled::Kept, State::LastAck));
    bench.send(segment(Server, A, 502, 102, 0));
    assert_eq!(bench.entry().state, State::TimeWait);
}

/// `nf_tcp_handle_invalid`: the second invalid FIN or RST, from the other side, leaves `unacknowledged`.
#[test]
fn two_invalid_ends_shorten_a_long_life() {
    let mut bench = Bench::new(NOW).handshake();
    assert_eq!(bench.send(segment(Client, F | A, 90_000_000, 501, 0)).class, Class::Invalid);
    assert_eq!(bench.left_s(), 431_999);
    bench.send(segment(Server, F | A, 90_000_000, 101, 0));
    assert_eq!((bench.left_s(), bench.entry().state), (300, State::Established));
}

/// `tcp_error`.
#[test]
fn broken_segments_are_invalid_and_touch_nothing() {
    let mut bench = Bench::new(NOW).handshake();
    let before = bench.slot;
    let whole = segment(Client, A, 101, 501, 0);
    for (packet, step) in [
        (Packet { truncated: true, ..whole }, Step::Truncated),
        (Packet { sum: Sum::Bad, ..whole }, Step::BadChecksum),
        (Packet { flags: Flags(F), ..whole }, Step::FlagCombination),
        (Packet { flags: Flags(S | F), ..whole }, Step::FlagCombination),
        (Packet { flags: Flags(0), ..whole }, Step::FlagCombination),
    ] {
        let outcome = bench.send(packet);
        assert_eq!((outcome.class, outcome.steps), (Class::Invalid, vec![step]));
        assert_eq!(bench.slot, before);
    }
    bench.host.settings.checksum = false;
    assert_eq!(bench.send(Packet { sum: Sum::Bad, ..whole }).class, Class::Established);
    bench.host.settings.checksum = true;
    assert_eq!(bench.send(Packet { sum: Sum::Bad, arrives: false, ..whole }).class, Class::Established);
    let cut = bench.send(Packet { sum: Sum::Unverifiable, ..whole });
    assert!(cut.sum_assumed && cut.class == Class::Established);
}

/// `tcp_options` and `tcp_sack`: what stops them, and what they skip.
#[test]
fn options_are_read_as_far_as_the_kernel_reads() {
    assert_eq!(Options::parse(&[]), Options::default());
    let syn = Options::parse(&[2, 4, 5, 180, 4, 2, 1, 3, 3, 15]);
    assert_eq!((syn.window_scale, syn.sack_permitted, syn.present), (Some(14), true, true));
    for cut in [&[0, 3, 3, 7][..], &[9, 1, 3, 3, 7], &[9, 20, 3, 3, 7], &[3, 4, 7, 0], &[3]] {
        assert_eq!(Options::parse(cut).window_scale, None, "{cut:?}");
    }
    let blocks = [1, 1, 5, 18, 0, 0, 0, 1, 0, 0, 0, 9, 0, 0, 0, 20, 0, 0, 0, 30, 5, 10, 0, 0, 0, 0, 0, 0, 0, 99];
    assert_eq!(Options::parse(&blocks).sack_right(), [9, 30]);
}

/// `IP_CT_TCP_FLAG_WINDOW_SCALE`: both sides must offer it.
#[test]
fn window_scale_holds_only_when_both_offer_it() {
    let scaled = Options::parse(&[3, 3, 7, 1]);
    for (answer, expected) in [(scaled, [7, 7]), (Options::parse(&[2, 4, 5, 180]), [0, 0])] {
        let mut bench = Bench::new(NOW);
        bench.send(Packet { options: scaled, ..segment(Client, S, 100, 0, 0) });
        bench.send(Packet { options: answer, ..segment(Server, S | A, 500, 101, 0) });
        assert_eq!(bench.entry().seen.map(|seen| seen.scale), expected);
    }
}

/// The release decides an answer only where the packet comes to the place that changed.
#[test]
fn an_unsettled_release_says_where_it_matters() {
    let open = Release(7, 2, 0);
    let mut bench = Bench::new(open);
    for packet in [
        segment(Client, S, 100, 0, 0),
        segment(Server, S | A, 500, 101, 0),
        segment(Client, A, 101, 501, 0),
        segment(Server, A, 501, 101, 10),
    ] {
        assert_eq!(bench.send(packet).unsettled, []);
    }
    assert_eq!(bench.send(segment(Server, R, 700, 0, 0)).unsettled, [Switch::RstUnacknowledged]);
    assert_eq!(bench.send(segment(Server, R, 501, 0, 0)).unsettled, []);
}

#[test]
fn a_fixed_timeout_is_never_refreshed() {
    let mut bench = Bench::new(NOW).handshake();
    if let Some(entry) = bench.slot.as_mut() {
        entry.fixed_timeout = true;
    }
    let expires = bench.entry().expires_us;
    assert_eq!(bench.send(segment(Client, A, 101, 501, 1)).handled, Handled::Kept);
    assert_eq!(bench.entry().expires_us, expires);
    assert!(bench.entry().seen[0].is(flag::DATA_UNACKNOWLEDGED));
}

#[test]
fn the_table_has_the_shape_of_the_kernels() {
    for reply in [false, true] {
        for state in table::STATES {
            assert_eq!(table::next(reply, Index::None, state), Next::Invalid);
            let reset = table::next(reply, Index::Rst, state);
            assert_eq!(reset, if state == State::None { Next::Invalid } else { Next::To(State::Close) });
            assert_eq!(State::of_name(state.name().as_bytes()), Some(state));
        }
    }
    assert_eq!(table::next(true, Index::Syn, State::TimeWait), Next::To(State::SynSent));
    assert_eq!(table::next(true, Index::Ack, State::SynSent), Next::Ignore);
}
