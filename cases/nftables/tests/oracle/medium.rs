//! `nft diff` on rulesets of 30 to 200 rules as people write them, and the edits people make: packets drawn evenly, at
//! the edges of the rules' own constants, and from every region found, run through both by the evaluator.
//!
//! `CASEBOOK_MEDIUM_PAIRS=1000 CASEBOOK_SEED=1 cargo test --release -p case-nftables --test oracle medium -- --nocapture`

use case_nftables::model::symbolic::diagram::{Node, Var};
use case_nftables::model::symbolic::diff::{Budget, compare_kept};
use case_nftables::model::symbolic::space::Class;
use casebook_formats::nft::conntrack::is_active;
use casebook_formats::nft::craft;
use casebook_formats::nft::ir::Ruleset;
use casebook_formats::nft::packet::{CtState, ETH_IP, ETH_IP6, Packet, Path};
use casebook_formats::nft::walk::Evaluator;

use super::brute::{Held, held};
use super::symbolic::{Draw, corner, read};
use super::universe::{Fields, Texts, packet, setting, values};

const PORTS: [u16; 14] = [22, 25, 53, 80, 123, 443, 514, 1024, 3306, 5432, 6443, 8080, 9100, 32768];
const DEVICES: [&str; 4] = ["lan0", "wan0", "wg0", "eth1"];
const MARKS: [u32; 5] = [0x1, 0x10, 0x51, 0x100, 0x8000_0000];

/// Lines of a ruleset; every rule is a line of its own, indented by two.
struct Text(Vec<String>);

/// What one draw made rules of, so that packets can be drawn at its edges.
struct Host {
    nets: Vec<(u32, u32)>,
    ports: Vec<u16>,
}

impl Host {
    fn new(draw: &mut Draw) -> Self {
        let nets = (0..6)
            .map(|_| {
                let bits = [8, 16, 20, 24, 28, 32][draw.below(6)];
                let base = [0x0a00_0000, 0xac10_0000, 0xc0a8_0000][draw.below(3)] | draw.number() as u32 & 0x000f_ffff;
                (base & (u32::MAX << (32 - bits)), bits)
            })
            .collect();
        let ports = (0..8).map(|_| PORTS[draw.below(PORTS.len())]).collect();
        Self { nets, ports }
    }

    fn port(&self, draw: &mut Draw) -> u16 {
        self.ports[draw.below(self.ports.len())]
    }

    fn net(&self, draw: &mut Draw) -> String {
        let (base, bits) = self.nets[draw.below(self.nets.len())];
        format!("{}/{bits}", std::net::Ipv4Addr::from(base))
    }

    fn ports_of(&self, draw: &mut Draw) -> String {
        let proto = if draw.below(4) == 0 { "udp" } else { "tcp" };
        match draw.below(6) {
            0 => {
                let low = self.port(draw);
                format!("{proto} dport {low}-{}", low.saturating_add(draw.below(2000) as u16 + 1))
            }
            1 => format!("{proto} dport {{ {}, {}, 7000-7100 }}", self.port(draw), u32::from(self.port(draw)) + 30000),
            2 => format!("{proto} dport != {}", self.port(draw)),
            3 => format!("{proto} dport @services"),
            _ => format!("{proto} dport {}", self.port(draw)),
        }
    }

    fn matches(&self, draw: &mut Draw) -> String {
        let mut words = Vec::new();
        if draw.below(3) == 0 {
            words.push(format!("iifname \"{}\"", DEVICES[draw.below(DEVICES.len())]));
        }
        match draw.below(9) {
            0..=2 => words.push(format!("ip saddr {}", self.net(draw))),
            3 => words.push(format!("ip daddr {}", self.net(draw))),
            4 => words.push("ip saddr @trusted".into()),
            5 => words.push(format!("ip saddr != {}", self.net(draw))),
            6 => words.push(format!("meta mark & 0xff == {:#x}", MARKS[draw.below(3)])),
            _ => {}
        }
        match draw.below(8) {
            0 => words.push("icmp type echo-request".into()),
            1 => words.push(format!("ct mark {:#x}", MARKS[draw.below(5)])),
            2 => words.push("tcp flags & (fin | syn | rst | ack) == syn".into()),
            3 => words.push("meta l4proto { tcp, udp }".into()),
            _ => words.push(self.ports_of(draw)),
        }
        words.join(" ")
    }

    fn rule(&self, draw: &mut Draw, calls: bool) -> String {
        let matches = self.matches(draw);
        let mark = MARKS[draw.below(5)];
        let services = format!("{} : jump web, {} : drop", self.ports[0], self.ports[0] + 1);
        let end = match draw.below(16) {
            0 => format!("meta mark set {mark:#x}"),
            1 => format!("meta mark set meta mark & 0xffffff00 | {:#x}", mark & 0xff),
            2 => format!("ct mark set {mark:#x} counter"),
            3 => "meta mark set ct mark".into(),
            4 => "log prefix \"seen: \"".into(),
            5 => "counter drop".into(),
            6 => "drop".into(),
            7 => "reject".into(),
            8 if calls => "jump web".into(),
            9 if calls => "goto admin".into(),
            10 if calls => format!("tcp dport vmap {{ {services} }}"),
            11 => "limit rate 5/second accept".into(),
            12 => "return".into(),
            _ => "accept".into(),
        };
        format!("  {matches} {end}")
    }

    fn text(&self, draw: &mut Draw) -> Text {
        let mut lines: Vec<String> = Vec::new();
        let mut say = |line: String| lines.push(line);
        say("table inet filter {".into());
        say(" set services {\n  type inet_service\n  flags interval".into());
        say(format!("  elements = {{ {}, 8000-8100 }}", self.ports[1]));
        say(" }\n set trusted {\n  type ipv4_addr\n  flags interval\n  auto-merge".into());
        say(format!("  elements = {{ {}, {} }}", self.net(draw), self.net(draw)));
        say(" }".into());
        let size = 4 + draw.below(28);
        for (name, calls) in [("web", false), ("admin", false)] {
            say(format!(" chain {name} {{"));
            (0..2 + draw.below(size)).for_each(|_| say(self.rule(draw, calls)));
            say(" }".into());
        }
        let policy = draw.pick(&["accept", "drop"]);
        for (name, hook, priority) in [
            ("mangle", "prerouting", "mangle"),
            ("input", "input", "filter"),
            ("forward", "forward", "filter"),
            ("output", "output", "filter"),
            ("post", "postrouting", "10"),
        ] {
            say(format!(" chain {name} {{"));
            let policy = if name == "mangle" || name == "post" { "accept" } else { policy };
            say(format!("  type filter hook {hook} priority {priority}; policy {policy};"));
            if name != "mangle" && draw.below(3) > 0 {
                say("  ct state established,related accept".into());
                say("  ct state invalid drop".into());
            }
            (0..4 + draw.below(size)).for_each(|_| say(self.rule(draw, true)));
            say(" }".into());
        }
        if draw.below(2) == 0 {
            let port = self.port(draw);
            say(" chain dstnat {\n  type nat hook prerouting priority dstnat;".into());
            say(format!("  iifname \"wan0\" tcp dport {port} dnat ip to 10.1.2.3"));
            say(format!("  tcp dport {} dnat ip to 10.1.2.4:8080", self.port(draw)));
            say(" }".into());
        }
        say("}".into());
        Text(lines.join("\n").lines().map(str::to_owned).collect())
    }
}

impl Text {
    fn is_rule(line: &str) -> bool {
        const OTHER: [&str; 4] = ["  type ", "  flags ", "  elements ", "  auto-merge"];
        line.starts_with("  ") && !OTHER.iter().any(|head| line.starts_with(head))
    }

    /// One edit; rules are inserted anywhere, at the front of a chain more often than not.
    fn edit(&mut self, draw: &mut Draw, host: &Host) {
        let rules: Vec<usize> = (0..self.0.len()).filter(|at| Self::is_rule(&self.0[*at])).collect();
        let heads: Vec<usize> = (0..self.0.len()).filter(|at| self.0[*at].starts_with("  type filter")).collect();
        let (rule, head) = (rules[draw.below(rules.len())], heads[draw.below(heads.len())]);
        match draw.below(9) {
            0 | 1 => self.0.insert(head + 1, host.rule(draw, true)),
            2 => self.0.insert(rule, host.rule(draw, false)),
            3 => drop(self.0.remove(rule)),
            4 => {
                let line = self.0.remove(rule);
                self.0.insert(rules[draw.below(rules.len() - 1)], line);
            }
            5 => self.0[rule] = host.rule(draw, false),
            6 => {
                let elements: Vec<usize> =
                    (0..self.0.len()).filter(|at| self.0[*at].starts_with("  elements")).collect();
                self.0[elements[0]] = format!("  elements = {{ {}, 8000-8050 }}", host.ports[2]);
            }
            7 => {
                let line = &mut self.0[head];
                *line = match line.contains("policy drop") {
                    true => line.replace("policy drop", "policy accept"),
                    false => line.replace("policy accept", "policy drop"),
                };
            }
            _ => {
                self.0[head] =
                    self.0[head].replace("priority filter", "priority 5").replace("priority 10", "priority 11")
            }
        }
    }

    /// Read, without the rules that do not load.
    fn load(&mut self) -> Ruleset {
        loop {
            let text = self.0.join("\n") + "\n";
            let ruleset = read(&text);
            let Some(problem) = ruleset.problems.first() else { return ruleset };
            let line = text[..problem.span.start as usize].matches('\n').count();
            self.0.remove(line);
        }
    }
}

/// A packet at the edges of the host's constants, or from anywhere.
fn drawn(draw: &mut Draw, host: &Host, class: Class, even: bool) -> Packet {
    let address = |draw: &mut Draw| -> u128 {
        if class.ip6 {
            return 0x2001_0db8 << 96 | u128::from(draw.number());
        }
        let (base, bits) = host.nets[draw.below(host.nets.len())];
        let top = base | u32::MAX.checked_shr(bits).unwrap_or(0);
        u128::from(match draw.below(5) {
            _ if even => draw.number() as u32,
            0 => base,
            1 => base.wrapping_sub(1),
            2 => top,
            3 => top.wrapping_add(1),
            _ => base | draw.number() as u32 & (top - base),
        })
    };
    let port = |draw: &mut Draw| match draw.below(6) {
        _ if even => draw.number() as u16,
        0 => [8000, 8050, 8051, 8100, 8101, 7000, 7100, 7101][draw.below(8)],
        _ => host.port(draw).wrapping_add([0, 0, 1, u16::MAX][draw.below(4)]),
    };
    let l4proto = match draw.below(8) {
        0 if even => draw.below(256) as u8,
        0 | 1 => {
            if class.ip6 {
                58
            } else {
                1
            }
        }
        2 | 3 => 17,
        _ => 6,
    };
    // Extension headers have no place in a class.
    let l4proto = if class.ip6 && [0, 43, 44, 51, 59, 60].contains(&l4proto) { 6 } else { l4proto };
    let state = match class.tracked {
        false => CtState::Invalid,
        true => [CtState::New, CtState::New, CtState::Established, CtState::Related, CtState::Invalid][draw.below(5)],
    };
    let connected = matches!(state, CtState::Established | CtState::Related);
    let mark = |draw: &mut Draw| if draw.below(2) == 0 { 0 } else { MARKS[draw.below(5)] };
    let fields = Fields {
        path: class.path,
        saddr: address(draw),
        daddr: address(draw),
        l4proto,
        ports: [port(draw), port(draw)],
        flags: [0x02, 0x12, 0x10, 0x11, 0x04][draw.below(5)],
        iif: DEVICES[draw.below(4)],
        oif: DEVICES[draw.below(4)],
        mark: mark(draw),
        state,
        ct_mark: if connected { mark(draw) } else { 0 },
    };
    packet(&fields, class.ip6)
}

#[test]
fn medium_rulesets_agree_on_drawn_packets() {
    let pairs = setting("CASEBOOK_MEDIUM_PAIRS", if cfg!(debug_assertions) { 8 } else { 40 });
    let seed = setting("CASEBOOK_SEED", 1);
    let (mut even, mut edges, mut regions, mut undecided, mut copies) = (0u64, 0u64, 0u64, 0u64, 0u64);
    let (mut disagreed, mut rules, mut over) = (Vec::new(), (usize::MAX, 0usize), 0u64);
    for number in 0..pairs {
        let mut draw = Draw(seed.wrapping_mul(0x2545_f491_4f6c_dd1d) ^ number.wrapping_mul(0x9e6c_63d0_676a_9a99));
        let host = Host::new(&mut draw);
        let mut first = host.text(&mut draw);
        let mut second = Text(first.0.clone());
        (0..=draw.below(3)).for_each(|_| second.edit(&mut draw, &host));
        let (old, new) = (first.load(), second.load());
        let size = old.rules().count();
        rules = (rules.0.min(size), rules.1.max(size));
        let path = [Path::Input, Path::Forward, Path::Output][draw.below(3)];
        let ip6 = draw.below(5) == 0;
        let protocol = if ip6 { ETH_IP6 } else { ETH_IP };
        let class = Class { path, ip6, tracked: is_active(&old, protocol) || is_active(&new, protocol), later: false };
        let Ok(compared) = compare_kept(&old, &new, class, Budget { groups: usize::MAX, ..Budget::default() }) else {
            over += 1;
            continue;
        };
        let texts = (Texts::of(&old), Texts::of(&new));
        let (mut before, mut after) = (Evaluator::new(&old), Evaluator::new(&new));
        let mut packets = Vec::new();
        for round in 0..400 {
            packets.push((drawn(&mut draw, &host, class, round % 4 == 0), usize::from(round % 4 > 0)));
        }
        for change in &compared.changes {
            for _ in 0..20 {
                let shared = &compared.shared;
                let mut point: Vec<u128> = (0..shared.variables()).map(|_| 0).collect();
                for (var, slot) in point.iter_mut().enumerate() {
                    *slot = u128::from(draw.number()) & shared.arena.greatest(Var(var as u16));
                }
                corner(shared, &mut draw, change.members, Node::FALSE, &mut point);
                packets.push((case_nftables::model::symbolic::packet::packet(&shared.layout, &point), 2));
            }
        }
        let mut one = None;
        for (packet, from) in packets {
            let values = values(&compared.shared, &packet);
            match held(&compared, &packet, &values, (&mut before, &mut after), (&texts.0, &texts.1)) {
                Ok(Held::Agreed) => *[&mut even, &mut edges, &mut regions][from] += 1,
                Ok(Held::Undecided) => undecided += 1,
                Ok(Held::Copy) => copies += 1,
                Err(what) => one = one.or(Some((packet, what))),
            }
        }
        if let Some((packet, what)) = one {
            disagreed.push(format!(
                "pair {number} {class:?}\n{}\n{what}\n--- old\n{}\n--- new\n{}",
                craft::describe(&packet),
                first.0.join("\n"),
                second.0.join("\n")
            ));
        }
    }
    eprintln!(
        "medium pairs: {pairs} pairs of {} to {} rules, {even} packets drawn evenly, {edges} at edges, {regions} from \
         regions compared, {copies} copies of equal marks, {undecided} undecided, {over} pairs over budget, {} pairs \
         disagreed (seed {seed})",
        rules.0,
        rules.1,
        disagreed.len()
    );
    assert!(disagreed.is_empty(), "{}", disagreed[..disagreed.len().min(3)].join("\n\n"));
}
