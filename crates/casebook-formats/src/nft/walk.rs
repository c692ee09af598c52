//! A packet's way through all hooks of its path.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::choices::Choices;
use super::conntrack::{first_packet, is_active, is_pickup};
use super::eval::{ChainEnd, Machine};
use super::guard::Program;
use super::ir::{ChainId, Family, Hook, Policy, Ruleset, TableId};
use super::load::{Ct, Flight};
use super::outcome::{Assumed, Decider, End, Outcome};
use super::packet::{CtState, ETH_IP, ETH_IP6, Packet, Path, l3_family};
use super::plan::{Entry, HookPlan, of_packet};
use super::watch::{Acts, Blind, Event, Recorder, Watch};

/// Combinations of answers tried before an outcome is given up as undecided.
const MAX_RUNS: usize = 64;

/// Rules run over all combinations before the same.
const MAX_STEPS: u64 = 1 << 23;

type PlanKey = (Path, Family, bool, Option<String>, Option<String>);

/// Evaluates packets against one ruleset.
#[derive(Debug)]
pub struct Evaluator<'r> {
    ruleset: &'r Ruleset,
    conntrack: [bool; 2],
    plans: HashMap<PlanKey, Rc<Vec<HookPlan>>>,
    last: Option<(PlanKey, Rc<Vec<HookPlan>>)>,
    choices: Choices,
    program: Program<'r>,
    loose: bool,
    /// Rules run so far.
    steps: u64,
}

/// One way a packet can go.
#[derive(Clone, Debug)]
pub struct Way {
    /// What became of it.
    pub outcome: Outcome,
    /// Effects, verdicts and policies, in order.
    pub acts: Vec<Event>,
    /// The answers this way takes, in order.
    pub assumed: Vec<Assumed>,
}

impl<'r> Evaluator<'r> {
    /// An evaluator. Connection tracking is on when the ruleset itself switches it on.
    pub fn new(ruleset: &'r Ruleset) -> Self {
        Self {
            ruleset,
            conntrack: [is_active(ruleset, ETH_IP), is_active(ruleset, ETH_IP6)],
            plans: HashMap::new(),
            last: None,
            choices: Choices::default(),
            program: Program::new(ruleset),
            loose: true,
            steps: 0,
        }
    }

    /// Switches connection tracking on or off, whatever the ruleset needs.
    pub fn with_conntrack(mut self, on: bool) -> Self {
        self.conntrack = [on, on];
        self
    }

    /// Says whether conntrack takes a connection it meets in its middle (`net.netfilter.nf_conntrack_tcp_loose`, 1
    /// unless set): without, such a packet is invalid.
    pub fn with_loose(mut self, on: bool) -> Self {
        self.loose = on;
        self
    }

    /// True when connection tracking runs for packets of this protocol.
    pub fn tracks(&self, protocol: u16) -> bool {
        match protocol {
            ETH_IP => self.conntrack[0],
            ETH_IP6 => self.conntrack[1],
            _ => false,
        }
    }

    /// The hooks of a packet and their entries.
    pub fn plan(&mut self, packet: &Packet, protocol: u16) -> Rc<Vec<HookPlan>> {
        let family = l3_family(protocol).unwrap_or(Family::Netdev);
        let tracked = self.tracks(protocol);
        if let Some((key, plan)) = &self.last
            && key.0 == packet.path
            && key.1 == family
            && key.3.as_deref() == packet.iif.as_ref().map(|device| device.name.as_str())
            && key.4.as_deref() == packet.oif.as_ref().map(|device| device.name.as_str())
        {
            return plan.clone();
        }
        let device = |device: &Option<super::packet::Device>| device.as_ref().map(|device| device.name.clone());
        let key = (packet.path, family, tracked, device(&packet.iif), device(&packet.oif));
        let ruleset = self.ruleset;
        let plan =
            self.plans.entry(key.clone()).or_insert_with(|| Rc::new(of_packet(ruleset, packet, family, tracked)));
        let plan = plan.clone();
        self.last = Some((key, plan.clone()));
        plan
    }

    /// What becomes of `packet`. When something the evidence does not hold decides, all answers are tried and
    /// what they agree on is the outcome.
    pub fn run(&mut self, packet: &Packet) -> Outcome {
        let mut joined: Option<Outcome> = None;
        let mut depends: Vec<String> = Vec::new();
        let mut known: HashSet<String> = HashSet::new();
        let begin = self.steps;
        self.choices.reset();
        for run in 0.. {
            let (outcome, _) = self.once(packet, Blind);
            for what in &self.choices.asked {
                if !known.contains(what) {
                    known.insert(what.clone());
                    depends.push(what.clone());
                }
            }
            match &mut joined {
                None => joined = Some(outcome),
                Some(joined) => joined.join(&outcome),
            }
            if !self.choices.advance() {
                break;
            }
            if run >= MAX_RUNS || self.steps - begin > MAX_STEPS {
                if let Some(outcome) = &mut joined {
                    outcome.end = End::Unknown;
                    outcome.decided = None;
                    (outcome.mark, outcome.ct_mark, outcome.ct_state, outcome.ct_label) = (None, None, None, None);
                }
                break;
            }
        }
        let mut outcome = joined.unwrap_or_else(|| self.once(packet, Blind).0);
        outcome.depends = depends;
        outcome
    }

    /// As [`Self::run`], with what happened on the way; undecided conditions are taken as met.
    pub fn trace(&mut self, packet: &Packet) -> (Outcome, Vec<Event>) {
        let outcome = self.run(packet);
        self.choices.reset();
        let (_, recorder) = self.once(packet, Recorder::default());
        (outcome, recorder.events)
    }

    /// Every way `packet` can go, at most `most`: one for each combination of answers to what packet and ruleset do
    /// not decide. Numbers the kernel draws (`numgen`, hashes) are such questions here, with their weights. True when
    /// these are all.
    pub fn ways(&mut self, packet: &Packet, most: usize) -> (Vec<Way>, bool) {
        let begin = self.steps;
        let mut ways = Vec::new();
        self.choices.reset();
        self.choices.draws = true;
        let whole = loop {
            let (mut outcome, acts) = self.once(packet, Acts::default());
            outcome.depends = self.choices.asked.clone();
            let assumed = self.choices.answers.clone();
            ways.push(Way { outcome, acts: acts.events, assumed });
            if !self.choices.advance() {
                break true;
            }
            if ways.len() >= most || self.steps - begin > MAX_STEPS {
                break false;
            }
        };
        self.choices.draws = false;
        self.choices.reset();
        (ways, whole)
    }

    fn once<W: Watch>(&mut self, packet: &Packet, watch: W) -> (Outcome, W) {
        let flight = Flight::new(packet);
        let protocol = flight.headers.protocol;
        let plans = self.plan(packet, protocol);
        let tracked = self.tracks(protocol);
        let mut machine = Machine {
            ruleset: self.ruleset,
            flight,
            choices: &mut self.choices,
            program: &mut self.program,
            watch,
            effects: Vec::new(),
            hits: Vec::new(),
            hit_before: HashSet::new(),
            bound: false,
            steps: 0,
            acting: None,
            loose: self.loose,
        };
        let (end, decided) = machine.path(&plans, tracked);
        let Machine { flight, effects, hits, watch, steps, .. } = machine;
        self.steps += u64::from(steps);
        let (ct_state, ct_mark, ct_zone, ct_label) = match flight.ct {
            Ct::None => (Some(CtState::Invalid), Some(0), 0, Some(0)),
            Ct::Untracked => (Some(CtState::Untracked), Some(0), 0, Some(0)),
            Ct::Entry(entry) => (entry.state, entry.mark, entry.zone, entry.label),
            Ct::Unknown => (None, None, 0, None),
        };
        let mark = flight.mark;
        let depends = Vec::new();
        (Outcome { end, decided, mark, ct_state, ct_mark, ct_zone, ct_label, effects, hits, depends }, watch)
    }
}

/// How one hook entry ended.
enum Step {
    Go(Option<Decider>),
    Stop(End, Option<Decider>),
}

impl<W: Watch> Machine<'_, '_, '_, W> {
    fn path(&mut self, plans: &[HookPlan], tracked: bool) -> (End, Option<Decider>) {
        let path = self.flight.packet.path;
        let mut decided = None;
        let mut main = None;
        let mut forwarded = path != Path::Forward;
        // A packet that comes back over `lo` still carries the connection it got on the way out
        // (nf_conntrack_core.c `nf_conntrack_in`: "Previously seen (loopback or untracked)").
        if self.looped() && tracked {
            self.track();
        }
        for plan in plans {
            if !forwarded && matches!(plan.hook, Hook::Forward | Hook::Postrouting | Hook::Egress) {
                forwarded = true;
                if !self.forward() {
                    return (End::Drop, None);
                }
            }
            self.flight.hook = plan.hook;
            self.flight.family = hook_family(path, plan.hook);
            self.watch.event(|| Event::Hook(plan.hook));
            for (priority, entry) in &plan.entries {
                match self.entry(*priority, entry) {
                    Step::Go(by) => {
                        decided = by.or(decided);
                        if matches!(plan.hook, Hook::Input | Hook::Forward | Hook::Output) {
                            main = by.or(main);
                        }
                    }
                    Step::Stop(end, by) => return (end, by),
                }
            }
        }
        if !forwarded && !self.forward() {
            return (End::Drop, None);
        }
        (End::Accept, main.or(decided))
    }

    /// True for a packet of this host that arrives over `lo`.
    fn looped(&self) -> bool {
        let packet = self.flight.packet;
        packet.path == Path::Input && packet.iif.as_ref().is_some_and(|device| device.name == "lo")
    }

    /// What routing does before the forward hook: `ip_forward` drops what was not sent to this host's link address,
    /// which a rule can have written, and what has no hop left.
    fn forward(&mut self) -> bool {
        let to_host = match self.flight.pkttype {
            Some(pkttype) => pkttype == 0,
            None => self.choices.choose(2, || "the packet type a rule has written".into()) == 0,
        };
        if !to_host {
            self.watch.event(|| Event::Note("not for this host on the link: it is not forwarded".into()));
            return false;
        }
        self.decrement()
    }

    /// The hop limit goes down before the forward hook (net/ipv4/ip_forward.c, net/ipv6/ip6_output.c).
    fn decrement(&mut self) -> bool {
        let headers = self.flight.headers;
        let at = match headers.protocol {
            ETH_IP => headers.network + 8,
            ETH_IP6 => headers.network + 7,
            _ => return true,
        };
        let Some(ttl) = self.flight.bytes.get(at).copied() else { return true };
        if ttl <= 1 {
            self.watch.event(|| Event::Note("the hop limit is used up: the kernel answers and drops it".into()));
            return false;
        }
        self.flight.bytes.to_mut()[at] = ttl - 1;
        true
    }

    fn entry(&mut self, priority: i32, entry: &Entry) -> Step {
        self.program.slots.forget();
        match entry {
            Entry::Chain(table, chain) => {
                self.watch.event(|| Event::Base { table: *table, chain: *chain, priority, nat: false });
                let end = self.chain(*table, *chain);
                self.chain_end(*table, *chain, end)
            }
            Entry::Nat(chains) => self.dispatch(priority, chains),
            Entry::Defrag => {
                if self.flight.headers.fragmented && self.flight.ct != Ct::Untracked {
                    self.watch.event(|| Event::Note("a fragment: held until the packet is whole".into()));
                    self.choices.choose(1, || "the other fragments of the packet".into());
                    return Step::Stop(End::Stolen, None);
                }
                Step::Go(None)
            }
            Entry::Conntrack => {
                self.track();
                Step::Go(None)
            }
        }
    }

    fn chain_end(&mut self, table: TableId, chain: ChainId, end: ChainEnd) -> Step {
        match end {
            ChainEnd::Accept(rule) => Step::Go(Some(Decider::Rule(rule))),
            ChainEnd::Final(end, rule) => Step::Stop(end, Some(Decider::Rule(rule))),
            ChainEnd::Policy => {
                let policy = self.ruleset.chain(table, chain).base.as_ref().map(|base| base.policy);
                let accept = policy != Some(Policy::Drop);
                self.watch.act(|| Event::Policy { table, chain, accept });
                let by = Some(Decider::Policy(table, chain));
                if accept { Step::Go(by) } else { Step::Stop(End::Drop, by) }
            }
            ChainEnd::Loop => {
                self.choices.choose(1, || "a loop of chains that no kernel loads".into());
                Step::Stop(End::Unknown, None)
            }
        }
    }

    /// `nf_conntrack_in`: gives the packet its connection, unless it is exempt.
    fn track(&mut self) {
        if self.flight.ct != Ct::None {
            return;
        }
        let said = self.flight.packet.ct.state;
        self.flight.tuple = self.flight.take_tuple();
        // What the user said of the connection holds for the packet as it came in. A rule that wrote another address
        // or port since has given it to a connection nobody knows.
        let moved = self.flight.tuple != Flight::new(self.flight.packet).take_tuple();
        if moved && matches!(said, Some(CtState::Established | CtState::Related)) {
            self.flight.ct = Ct::Unknown;
            return;
        }
        let state = said.or_else(|| first_packet(&self.flight.bytes, &self.flight.headers, self.ruleset.host));
        // nf_conntrack_proto_tcp.c `tcp_new`.
        let state = match state {
            Some(CtState::New) if said.is_none() && !self.loose => {
                let pickup = is_pickup(&self.flight.bytes, &self.flight.headers);
                Some(if pickup { CtState::Invalid } else { CtState::New })
            }
            state => state,
        };
        // An ICMP error belongs to the connection its payload is about: the addresses are not those of the packet.
        if state == Some(CtState::Related) && matches!(self.flight.headers.l4proto, Some(1 | 58)) {
            self.flight.tuple = None;
        }
        self.flight.ct = match state {
            Some(CtState::Invalid) => Ct::None,
            Some(CtState::Untracked) => Ct::Untracked,
            Some(state) => self.flight.entry(state),
            None => Ct::Unknown,
        };
        let ct = self.flight.ct.clone();
        self.watch.event(|| Event::Conntrack(ct));
    }

    /// `nf_nat_inet_fn`: nat chains see the first packet of a connection; the first that binds it ends the list.
    fn dispatch(&mut self, priority: i32, chains: &[(TableId, ChainId)]) -> Step {
        let state = match &self.flight.ct {
            Ct::Entry(entry) => entry.state,
            Ct::None | Ct::Untracked => return Step::Go(None),
            Ct::Unknown => None,
        };
        match state {
            Some(CtState::New | CtState::Related) => {}
            Some(_) => {
                self.watch
                    .event(|| Event::Note("not the first packet of its connection: nat chains are passed by".into()));
                return Step::Go(None);
            }
            None => {
                if self.choices.choose(2, || "whether this is the first packet of its connection".into()) == 1 {
                    return Step::Go(None);
                }
            }
        }
        // ICMP errors about a connection are translated with it and meet no nat chain (nf_nat_proto.c
        // `nf_nat_ipv4_fn`, `nf_nat_ipv6_fn`).
        let icmp = matches!(self.flight.headers.l4proto, Some(1 | 58));
        if state == Some(CtState::Related) && icmp {
            self.watch.event(|| Event::Note("an ICMP error about a connection: nat chains are passed by".into()));
            return Step::Go(None);
        }
        // Over `lo` both ends were bound on the way out.
        if self.looped() {
            self.watch.event(|| Event::Note("bound on the way out: nat chains are passed by".into()));
            return Step::Go(None);
        }
        self.bound = false;
        let mut last = None;
        for (table, chain) in chains {
            self.watch.event(|| Event::Base { table: *table, chain: *chain, priority, nat: true });
            let end = self.chain(*table, *chain);
            match self.chain_end(*table, *chain, end) {
                Step::Go(by) => last = by,
                stop => return stop,
            }
            if self.bound {
                break;
            }
        }
        // Both ends of a connection count as bound once the dispatcher has run (`nf_nat_initialized`).
        let destination = matches!(self.flight.hook, Hook::Prerouting | Hook::Output);
        if let Ct::Entry(entry) = &mut self.flight.ct {
            let done = if destination { 0x100 } else { 0x80 };
            entry.status = entry.status.map(|status| status | done);
        }
        Step::Go(last)
    }
}

fn hook_family(path: Path, hook: Hook) -> Family {
    match (path, hook) {
        (_, Hook::Ingress | Hook::Egress) => Family::Netdev,
        (Path::BridgeInput | Path::BridgeForward | Path::BridgeOutput, _) => Family::Bridge,
        (Path::ArpInput | Path::ArpOutput, _) => Family::Arp,
        _ => Family::Inet,
    }
}
