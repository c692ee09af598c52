//! Every packet of random sequences: class, state, timeout, status, flags and window scales of model and kernel.

use std::collections::HashSet;

use case_tcp_rst::facts::flow::Side;
use case_tcp_rst::facts::timer::Micros;
use case_tcp_rst::model::conntrack::release::SWITCHES;
use case_tcp_rst::model::conntrack::table::STATES;
use case_tcp_rst::model::conntrack::{
    Behaviour, Class, Entry, Handled, Host, Outcome, Policy, PolicyFrom, Release, State, Switch, TimeoutReason,
    Timeouts, packet,
};

use super::generate::Talk;
use super::kernel::{Kernel, Seen};
use super::random::Random;
use super::wire::{Shot, Tuple};

/// `IPS_SEEN_REPLY` and `IPS_ASSURED` (include/uapi/linux/netfilter/nf_conntrack_common.h).
const SEEN_REPLY: u32 = 2;
const ASSURED: u32 = 4;

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

fn kernel() -> Option<(Kernel, Behaviour)> {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").ok()?;
    let behaviour = Behaviour::of(Release::parse(&release)?);
    match Kernel::start() {
        Ok(kernel) => Some((kernel, behaviour)),
        Err(why) => {
            eprintln!("conntrack oracle skipped: {why}");
            None
        }
    }
}

/// Names of the timeouts' sysctls and the states they belong to.
const TIMEOUTS: [(&str, Option<State>); 10] = [
    ("syn_sent", Some(State::SynSent)),
    ("syn_recv", Some(State::SynRecv)),
    ("established", Some(State::Established)),
    ("fin_wait", Some(State::FinWait)),
    ("close_wait", Some(State::CloseWait)),
    ("last_ack", Some(State::LastAck)),
    ("time_wait", Some(State::TimeWait)),
    ("close", Some(State::Close)),
    ("max_retrans", None),
    ("unacknowledged", None),
];

/// Draws settings and gives them to the kernel.
fn draw(random: &mut Random, kernel: &mut Kernel, behaviour: Behaviour, number: u64, seconds: &[u64; 10]) -> Host {
    let mut host = Host::new(behaviour);
    let settings = &mut host.settings;
    settings.loose = random.chance(70);
    settings.be_liberal = random.chance(25);
    settings.ignore_invalid_rst = random.chance(30);
    settings.checksum = random.chance(70);
    settings.max_retrans = random.pick(&[3, 3, 3, 0, 1, 2, 8, 255]);
    let mut set = |key: &str, value: u64| assert!(kernel.set(key, value), "{key} cannot be set");
    set("nf_conntrack_tcp_loose", settings.loose.into());
    set("nf_conntrack_tcp_be_liberal", settings.be_liberal.into());
    if behaviour.is_on(Switch::IgnoreInvalidRst) {
        set("nf_conntrack_tcp_ignore_invalid_rst", settings.ignore_invalid_rst.into());
    }
    set("nf_conntrack_checksum", settings.checksum.into());
    set("nf_conntrack_tcp_max_retrans", settings.max_retrans.into());
    for ((name, state), seconds) in TIMEOUTS.into_iter().zip(seconds) {
        set(&format!("nf_conntrack_tcp_timeout_{name}"), *seconds);
        let timeout = Micros::seconds(*seconds);
        match (state, name) {
            (Some(state), _) => settings.timeouts.set(state, timeout),
            (None, "max_retrans") => settings.timeouts.max_retrans = timeout,
            _ => settings.timeouts.unacknowledged = timeout,
        }
    }
    host.policy = (number % 4 == 3).then(|| policy(random, kernel));
    if host.policy.is_none() {
        assert!(kernel.nft("table ip lives\ndelete table ip lives\n"));
    }
    host
}

/// A policy of nft for all new connections.
fn policy(random: &mut Random, kernel: &mut Kernel) -> Policy {
    // nft sends its own defaults for what a policy does not name, and they are the kernel's (src/rule.c, `timeout_protocol`).
    let mut timeouts = Timeouts::default();
    let mut list = Vec::new();
    for (place, (name, state)) in TIMEOUTS.into_iter().enumerate() {
        if random.chance(20) {
            continue;
        }
        let seconds = 20_000 + 100 * place as u64 + 10_000 * random.below(3);
        let timeout = Micros::seconds(seconds);
        match (state, name) {
            (Some(state), _) => timeouts.set(state, timeout),
            (None, "max_retrans") => timeouts.max_retrans = timeout,
            _ => timeouts.unacknowledged = timeout,
        }
        let name = match name {
            "max_retrans" => "retrans",
            "unacknowledged" => "unack",
            name => name,
        };
        list.push(format!("{name} : {seconds}"));
    }
    let text = format!(
        "table ip lives\ndelete table ip lives\ntable ip lives {{\n ct timeout p {{\n  protocol tcp;\n  l3proto ip;\n  \
         policy = {{ {} }};\n }}\n chain c {{\n  type filter hook prerouting priority 0;\n  meta l4proto tcp ct timeout set \
         \"p\"\n }}\n}}\n",
        list.join(", ")
    );
    assert!(kernel.nft(&text), "nft refused:\n{text}");
    Policy { timeouts, from: PolicyFrom::Nft }
}

/// One connection on its way through model and kernel.
struct Case {
    tuple: Tuple,
    host: Host,
    shots: Vec<Shot>,
    slot: Option<Entry>,
    at: usize,
    /// The kernel expired an entry within a moment of the model: what follows is not compared.
    undecided: bool,
    /// How much later than the model's the kernel's refresh can have been.
    slack_us: u64,
}

/// How far from the expiry of an entry the two must agree whether it is there.
const MOMENT_US: u64 = 30_000;

impl Case {
    /// Runs the model on the next packet and compares; the text says what differs.
    fn compare(&mut self, seen: &Seen) -> Option<String> {
        let shot = &self.shots[self.at];
        self.at += 1;
        let took_us = seen.after_us - seen.before_us;
        if let Some(entry) = self.slot.as_mut() {
            if shot.timeout != 0 {
                entry.expires_us = seen.before_us + u64::from(shot.timeout) * 1_000_000;
                self.slack_us = took_us;
            }
            let (from, to) = (entry.expires_us.saturating_sub(MOMENT_US), entry.expires_us + self.slack_us + MOMENT_US);
            self.undecided |= seen.before_us <= to && seen.after_us >= from;
        }
        if self.undecided {
            return None;
        }
        let before = self.slot;
        let outcome = packet(&self.host, &mut self.slot, &shot.packet, seen.before_us);
        if outcome.timeout.is_some() {
            self.slack_us = took_us;
        }
        // The machine stood still for longer than the new timeout.
        if self.slot.is_some_and(|entry| entry.expires_us <= seen.after_us + MOMENT_US) {
            self.undecided = true;
            return None;
        }
        assert_eq!(outcome.unsettled, [], "the release of this kernel leaves this open");
        let difference = differs(self.tuple, &outcome, self.slot.as_ref(), seen)?;
        Some(format!(
            "{difference}\n  packet {} of {:?}\n  before {before:?}\n  model {:?}\n  steps {:#?}\n  kernel class {} {:?}\n  \
             settings {:?} policy {:?}",
            self.at,
            shot.packet,
            self.slot,
            outcome.steps.iter().map(|step| step.text()).collect::<Vec<_>>(),
            seen.class,
            seen.entry,
            self.host.settings,
            self.host.policy,
        ))
    }
}

fn differs(tuple: Tuple, outcome: &Outcome, entry: Option<&Entry>, seen: &Seen) -> Option<String> {
    let class = match outcome.class {
        Class::Invalid => 1,
        Class::New => 2,
        Class::Established => 3,
        Class::Reply => 4,
    };
    if class != seen.class {
        return Some(format!("class {:?} and {}", outcome.class, seen.class));
    }
    let (entry, row) = match (entry, &seen.entry) {
        (None, None) => return None,
        (Some(_), None) => return Some("the kernel has no entry".to_owned()),
        (None, Some(_)) => return Some("the model has no entry".to_owned()),
        (Some(entry), Some(row)) => (entry, row),
    };
    if STATES[usize::from(row.state)] != entry.state {
        return Some(format!("state {:?} and {:?}", entry.state, STATES[usize::from(row.state)]));
    }
    let original = if entry.original == Side::Client { tuple } else { tuple.reversed() };
    if original.0 != row.original {
        return Some("original direction".to_owned());
    }
    // The dump counts whole seconds, cut, at a moment between the two times.
    let (most_s, least_s) = (entry.remaining(seen.before_us).as_seconds(), entry.remaining(seen.after_us).as_seconds());
    let shown_s = f64::from(row.timeout_s);
    if shown_s > most_s + 0.5 || shown_s < least_s - 1.1 {
        return Some(format!("remaining {least_s:.3} s and {shown_s} s ({:?})", outcome.timeout));
    }
    let status = (row.status & SEEN_REPLY != 0, row.status & ASSURED != 0);
    if status != (entry.seen_reply, entry.assured) {
        return Some(format!("seen reply, assured: {:?} and {status:?}", (entry.seen_reply, entry.assured)));
    }
    let flags = [entry.seen[0].flags, entry.seen[1].flags];
    let scales = [entry.seen[0].scale, entry.seen[1].scale];
    (flags != row.flags || scales != row.scales)
        .then(|| format!("flags {flags:?} scales {scales:?}, kernel {:?} {:?}", row.flags, row.scales))
}

/// What a run met, so that one can see how deep it went.
#[derive(Default)]
struct Tally {
    packets: u64,
    undecided: u64,
    disagreed: u64,
    states: [u64; 10],
    invalid: u64,
}

impl Tally {
    fn add(&mut self, case: &mut Case, seen: &Seen) {
        let difference = case.compare(seen);
        if case.undecided {
            self.undecided += 1;
            return;
        }
        self.packets += 1;
        if let Some(entry) = &case.slot {
            self.states[entry.state as usize] += 1;
        }
        self.invalid += u64::from(seen.class == 1);
        if let Some(difference) = difference {
            self.disagreed += 1;
            if self.disagreed <= 3 {
                eprintln!("{difference}");
            }
            // One cause, one line: the rest of the connection follows from it.
            case.undecided = true;
        }
    }

    fn report(&self, what: &str, seed: u64) {
        let states: Vec<_> =
            STATES.iter().zip(self.states).map(|(state, count)| format!("{} {count}", state.name())).collect();
        eprintln!(
            "conntrack, {what}: {} packets compared, {} disagreed, {} undecided (seed {seed}); invalid {}; {}",
            self.packets,
            self.disagreed,
            self.undecided,
            self.invalid,
            states.join(", ")
        );
        assert_eq!(self.disagreed, 0, "{what}, seed {seed}");
    }
}

/// Timeouts far apart from each other, in random order.
fn far_apart(random: &mut Random) -> [u64; 10] {
    let mut seconds = [1000, 2000, 3000, 4000, 5000, 6000, 7000, 8000, 9000, 10_000];
    for at in (1..10).rev() {
        seconds.swap(at, random.below(at as u64 + 1) as usize);
    }
    if random.chance(30) {
        seconds[2] = 432_000;
    }
    seconds
}

/// Linux net/netfilter/nf_conntrack_proto_tcp.c, by running it.
#[test]
fn random_sequences_are_to_the_model_what_they_are_to_the_kernel() {
    let Some((mut kernel, behaviour)) = kernel() else { return };
    let (seed, wanted) = (setting("CASEBOOK_SEED", 1), setting("CASEBOOK_CT_PACKETS", 10_000));
    let mut random = Random::new(seed);
    let mut tally = Tally::default();
    let mut number = 0;
    for round in 0.. {
        if tally.packets + tally.undecided >= wanted {
            break;
        }
        let seconds = far_apart(&mut random);
        let host = draw(&mut random, &mut kernel, behaviour, round, &seconds);
        let mut cases = Vec::new();
        for _ in 0..20 {
            number += 1;
            let (tuple, length) = (Tuple::new(number), 4 + random.below(45) as usize);
            let shots = Talk::new(&mut random, host, tuple, true).run(length);
            cases.push(Case { tuple, host, shots, slot: None, at: 0, undecided: false, slack_us: 0 });
        }
        let seen = kernel.run(cases.iter().flat_map(|case| case.shots.iter().map(|shot| (case.tuple, shot))));
        let mut seen = seen.iter();
        for case in &mut cases {
            for _ in 0..case.shots.len() {
                tally.add(case, seen.next().unwrap());
            }
        }
    }
    tally.report("random sequences", seed);
}

/// `nf_ct_is_expired`: entries with timeouts of 1 to 3 s, many connections side by side, pauses between their packets.
#[test]
fn entries_expire_in_the_model_when_they_expire_in_the_kernel() {
    let Some((mut kernel, behaviour)) = kernel() else { return };
    let (seed, wanted) = (setting("CASEBOOK_SEED", 1), setting("CASEBOOK_CT_PACKETS", 10_000));
    let mut random = Random::new(seed ^ 0x0070_6963);
    let mut tally = Tally::default();
    let mut number = 0x0080_0000;
    for round in 0..(wanted / 10_000).clamp(1, 12) {
        let seconds = std::array::from_fn(|_| 1 + random.below(3));
        let host = draw(&mut random, &mut kernel, behaviour, 4 * round, &seconds);
        let mut cases = Vec::new();
        for _ in 0..300 {
            number += 1;
            let tuple = Tuple::new(number);
            let shots = Talk::new(&mut random, host, tuple, false).run(8);
            cases.push(Case { tuple, host, shots, slot: None, at: 0, undecided: false, slack_us: 0 });
        }
        for turn in 0..8 {
            cases[0].shots[turn].sleep_us = random.pick(&[0, 500_000, 900_000, 1_300_000, 2_200_000]);
            let seen = kernel.run(cases.iter().map(|case| (case.tuple, &case.shots[turn])));
            cases.iter_mut().zip(&seen).for_each(|(case, seen)| tally.add(case, seen));
        }
    }
    tally.report("expiry", seed);
}

/// Settings under which generated sequences are run without a kernel.
fn hosts(behaviour: Behaviour) -> Vec<Host> {
    let mut out = Vec::new();
    for (loose, be_liberal, ignore_invalid_rst) in
        [(true, false, false), (false, false, true), (true, true, false), (true, false, true)]
    {
        let mut host = Host::new(behaviour);
        host.settings.loose = loose;
        host.settings.be_liberal = be_liberal;
        host.settings.ignore_invalid_rst = ignore_invalid_rst;
        out.push(host);
    }
    out
}

/// What generated sequences meet under `behaviour`, and a digest of it for each sequence.
fn meet(behaviour: Behaviour, mut each: impl FnMut(&Outcome)) -> Vec<Option<Entry>> {
    let mut ends = Vec::new();
    // The sequences aim at the edges of one fixed kernel, so that two kernels meet the same packets.
    let aimed = Behaviour::of(Release(6, 18, 44));
    for (host, aim) in hosts(behaviour).into_iter().zip(hosts(aimed)) {
        let mut random = Random::new(7);
        for number in 0..250 {
            let mut slot = None;
            for (second, shot) in (0..).zip(Talk::new(&mut random, aim, Tuple::new(number), false).run(40)) {
                each(&packet(&host, &mut slot, &shot.packet, second * 1_000_000));
                ends.push(slot);
            }
        }
    }
    ends
}

/// Sequences that never come to a decision would prove nothing of it: every one is met, and so is every reason of a timeout.
#[test]
fn generated_sequences_meet_every_decision() {
    let behaviour = Behaviour::of(Release(6, 18, 44)).with(Switch::RstUnacknowledged, true);
    let (mut handled, mut steps, mut reasons) = (HashSet::new(), HashSet::new(), HashSet::new());
    meet(behaviour, |outcome| {
        handled.insert(outcome.handled);
        reasons.extend(outcome.timeout.map(|(_, reason)| reason));
        steps.extend(outcome.steps.iter().map(std::mem::discriminant));
    });
    let ways = [Handled::Created, Handled::Refreshed, Handled::Kept, Handled::Deleted, Handled::Invalid];
    assert!(ways.iter().all(|way| handled.contains(way)), "{handled:?}");
    use TimeoutReason as Reason;
    for reason in [
        Reason::Retransmissions,
        Reason::Rst,
        Reason::Unacknowledged,
        Reason::ZeroWindow,
        Reason::State,
        Reason::NoReply,
        Reason::InvalidClose,
    ] {
        assert!(reasons.contains(&reason), "{reason:?} is not met");
    }
    // All variants of `Step`.
    assert_eq!(steps.len(), 26);
}

/// Each difference between kernels shows in the sequences: a kernel that lacked it would be told from the model.
#[test]
fn generated_sequences_tell_kernels_apart() {
    let behaviour = Behaviour::of(Release(6, 18, 44));
    let now = meet(behaviour, |_| {});
    for switch in SWITCHES {
        // Replaced by a later change: it shows only where that is absent.
        let base = match switch {
            Switch::SynAckReinit => behaviour.with(Switch::SynOnlyReinit, false),
            _ => behaviour,
        };
        let base_ends = if base == behaviour { now.clone() } else { meet(base, |_| {}) };
        let other = meet(base.with(switch, !base.is_on(switch)), |_| {});
        let differ = base_ends.iter().zip(&other).filter(|(a, b)| a != b).count();
        eprintln!("{switch:?}: {differ} of {} packets", other.len());
        assert_ne!(differ, 0, "{switch:?} decides nothing");
    }
}
