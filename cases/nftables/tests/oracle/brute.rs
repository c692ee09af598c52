//! `nft diff` against every packet of a small universe: random pairs of small rulesets whose constants lie in it and at
//! its edges, each packet run through both by the evaluator. A packet whose outcome differs lies in exactly one change,
//! with that change's ends and effects, and in exactly one of its regions; one whose outcome does not differ in none.
//!
//! `CASEBOOK_PAIRS=10000 CASEBOOK_SEED=1 cargo test --release -p case-nftables --test oracle brute -- --nocapture`

use case_nftables::model::symbolic::compile::Shared;
use case_nftables::model::symbolic::diff::{Budget, Change, Compared, compare_kept};
use case_nftables::model::symbolic::leaf::{Leaf, Slice};
use case_nftables::model::symbolic::space::Class;
use casebook_formats::nft::conntrack::is_active;
use casebook_formats::nft::craft;
use casebook_formats::nft::ir::Ruleset;
use casebook_formats::nft::packet::{ETH_IP, ETH_IP6, Packet, Path};
use casebook_formats::nft::walk::Evaluator;

use super::symbolic::{Draw, differs, read};
use super::universe::{Fields, Texts, packet, setting, states, values};

/// The values a packet of the universe can have.
const SADDR: [u32; 4] = [0x0a00_0000, 0x0a00_0001, 0x0a00_0100, 0xc000_0207];
const DADDR: [u32; 2] = [0xac10_0001, 0xac10_00ff];
const SPORTS: [u16; 2] = [1023, 1024];
const DPORTS: [u16; 5] = [21, 22, 23, 80, 81];
const FLAGS: [u8; 3] = [0x02, 0x12, 0x10];
const TYPES: [u16; 2] = [0x0800, 0x0000];
const MARKS: [u32; 3] = [0, 0x10, 0x21];
const CT_MARKS: [u32; 2] = [0, 0x1];
const DEVICES: [&str; 2] = ["lan0", "wan0"];

/// Matches with constants in the universe and next to it; `4` and `6` stand for what is of one family.
const MATCHES: &[&str] = &[
    "tcp dport 22",
    "tcp dport != 22",
    "tcp dport 22-80",
    "tcp dport { 22, 81 }",
    "tcp dport != { 21-22, 80 }",
    "tcp dport @ports",
    "tcp dport < 23",
    "tcp sport 1024-65535",
    "udp dport 21-22",
    "udp sport < 1024",
    "th dport 80",
    "@th,16,16 & 1 == 1",
    "meta l4proto tcp",
    "meta l4proto { tcp, udp }",
    "meta l4proto != udp",
    "tcp flags syn",
    "tcp flags & (syn | ack) == syn",
    "tcp flags { syn, ack }",
    "tcp flags != ack",
    "iifname \"lan0\"",
    "iifname \"w*\"",
    "iifname != { \"lan0\", \"eth*\" }",
    "oifname \"wan0\"",
    "oifname != \"wan0\"",
    "meta mark 0x10",
    "meta mark & 0xf == 0x1",
    "meta mark and 0x30 != 0",
    "meta mark 0x10-0x20",
    "ct state new",
    "ct state established,related",
    "ct state != new",
    "ct state invalid",
    "ct mark 0x1",
    "ct mark & 0x1 == 0",
    "ct mark != 0x1",
];
const MATCHES_4: &[&str] = &[
    "ip saddr 10.0.0.0/24",
    "ip saddr 10.0.0.1",
    "ip saddr != 10.0.0.0/31",
    "ip saddr 10.0.0.1-10.0.1.0",
    "ip saddr { 10.0.0.0, 192.0.2.0/24 }",
    "ip saddr & 0.0.0.1 == 1",
    "ip daddr 172.16.0.1",
    "ip daddr != 172.16.0.0/25",
    "ip protocol icmp",
    "icmp type echo-request",
    "icmp type != echo-reply",
    "ip saddr . tcp dport { 10.0.0.0/24 . 22, 10.0.0.1 . 80-81, 192.0.2.7 . 23 }",
];
const MATCHES_6: &[&str] = &[
    "ip6 saddr 2001:db8::a00:0/120",
    "ip6 saddr 2001:db8::a00:1",
    "ip6 saddr != 2001:db8::a00:0/127",
    "ip6 saddr { 2001:db8::a00:0, 2001:db8::c000:200/120 }",
    "ip6 daddr 2001:db8::ac10:1",
    "icmpv6 type echo-request",
    "ip6 nexthdr udp",
    "ip6 saddr . tcp dport { 2001:db8::a00:0/120 . 22, 2001:db8::a00:1 . 80-81 }",
];
const EFFECTS: &[&str] = &[
    "counter",
    "counter",
    "log prefix \"a\"",
    "log prefix \"b\"",
    "meta mark set 0x10",
    "meta mark set 0x21",
    "meta mark set meta mark & 0xfffffff0 | 0x1",
    "meta mark set ct mark",
    "ct mark set meta mark",
    "ct mark set 0x1",
    "meta mark set tcp dport map { 22 : 0x10, 80-81 : 0x21 }",
    "meta priority set 5",
];
const ENDS: &[&str] = &[
    "accept",
    "accept",
    "drop",
    "drop",
    "return",
    "jump one",
    "jump two",
    "goto two",
    "reject",
    "continue",
    "tcp dport vmap { 22 : accept, 80-81 : jump two, 23 : drop }",
    "ct state vmap { established : accept, invalid : drop }",
    "meta mark vmap { 0x10 : jump two, 0x21 : drop }",
    "",
    "",
];

/// A small ruleset as lines, for one class.
struct Sketch {
    lines: Vec<String>,
}

impl Sketch {
    fn rule(draw: &mut Draw, ip6: bool, name: &str) -> String {
        let own = if ip6 { MATCHES_6 } else { MATCHES_4 };
        let mut words: Vec<&str> = Vec::new();
        for _ in 0..draw.below(3) {
            words.push(if draw.below(3) == 0 { draw.pick(own) } else { draw.pick(MATCHES) });
        }
        for _ in 0..draw.below(3) {
            if draw.below(2) == 0 {
                words.push(draw.pick(EFFECTS));
            }
        }
        if name == "raw" && draw.below(5) == 0 {
            words.push("notrack");
        }
        let end = draw.pick(ENDS);
        let calls = end.contains("jump") || end.contains("goto");
        // The called chains call no one back.
        let allowed = !calls || !(name == "two" || name == "one" && end.contains("one"));
        words.push(if allowed { end } else { "drop" });
        words.retain(|word| !word.is_empty());
        if words.is_empty() { "  counter".into() } else { format!("  {}", words.join(" ")) }
    }

    fn chain(&mut self, draw: &mut Draw, ip6: bool, name: &str, head: &str, most: usize) {
        self.lines.push(format!(" chain {name} {{"));
        if !head.is_empty() {
            self.lines.push(format!("  {head}"));
        }
        for _ in 0..draw.below(most + 1) {
            self.lines.push(Self::rule(draw, ip6, name));
        }
        self.lines.push(" }".into());
    }

    fn new(draw: &mut Draw, path: Path, ip6: bool) -> Self {
        let mut out = Self { lines: Vec::new() };
        let ports = draw.pick(&["22, 80", "21-23", "23, 79-80, 8080"]);
        for line in ["table inet t {", " set ports {", "  type inet_service", "  flags interval"] {
            out.lines.push(line.into());
        }
        out.lines.push(format!("  elements = {{ {ports} }}"));
        out.lines.push(" }".into());
        out.chain(draw, ip6, "two", "", 3);
        out.chain(draw, ip6, "one", "", 3);
        let (first, main) = match path {
            Path::Input => ("prerouting", "input"),
            Path::Forward => ("prerouting", "forward"),
            _ => ("output", "output"),
        };
        let last = if path == Path::Input { "input" } else { "postrouting" };
        for (name, hook, priority, usual) in
            [("raw", first, -300, 4), ("pre", first, -150, 2), ("main", main, 0, 1), ("late", last, 20, 3)]
        {
            if draw.below(usual) == 0 {
                let policy = draw.pick(&["accept", "drop"]);
                let head = format!("type filter hook {hook} priority {priority}; policy {policy};");
                out.chain(draw, ip6, name, &head, 4);
            }
        }
        if draw.below(4) == 0 {
            let to = if ip6 { "dnat ip6 to 2001:db8::ac10:ff" } else { "dnat ip to 172.16.0.255" };
            out.lines.push(" chain nat {".into());
            out.lines.push(format!("  type nat hook {first} priority -100;"));
            out.lines.push(format!("  {} {to}", draw.pick(&["tcp dport 22-80", "meta mark 0x10", "udp dport 22"])));
            out.lines.push(" }".into());
        }
        out.lines.push("}".into());
        out
    }

    /// One edit of a rule, the policy or the set.
    fn edit(&mut self, draw: &mut Draw, ip6: bool) {
        let rules: Vec<usize> = (0..self.lines.len())
            .filter(|at| {
                let line = &self.lines[*at];
                line.starts_with("  ")
                    && !["  type ", "  flags ", "  elements "].iter().any(|head| line.starts_with(head))
            })
            .collect();
        let places: Vec<usize> =
            (0..self.lines.len()).filter(|at| self.lines[*at].starts_with("  type filter")).collect();
        let kind = draw.below(6);
        match kind {
            0 => {
                for line in &mut self.lines {
                    if line.starts_with("  elements") {
                        *line = format!("  elements = {{ {} }}", draw.pick(&["22", "22-80", "80-81, 23"]));
                    }
                }
            }
            1 if !places.is_empty() => {
                let line = &mut self.lines[places[draw.below(places.len())]];
                *line = match line.contains("policy drop") {
                    true => line.replace("policy drop", "policy accept"),
                    false => line.replace("policy accept", "policy drop"),
                };
            }
            2 if rules.len() > 1 => {
                let line = self.lines.remove(rules[draw.below(rules.len())]);
                let at = rules[draw.below(rules.len() - 1)];
                self.lines.insert(at, line);
            }
            3 if !rules.is_empty() => drop(self.lines.remove(rules[draw.below(rules.len())])),
            _ if !places.is_empty() => {
                let at = places[draw.below(places.len())] + 1;
                self.lines.insert(at, Self::rule(draw, ip6, "main"));
            }
            _ => {}
        }
    }

    /// Read, without the rules that do not load.
    fn load(&mut self) -> Ruleset {
        loop {
            let text = self.lines.join("\n") + "\n";
            let ruleset = read(&text);
            let Some(problem) = ruleset.problems.first() else { return ruleset };
            let line = text[..problem.span.start as usize].matches('\n').count();
            self.lines.remove(line);
        }
    }
}

/// Every packet of the universe.
fn universe(class: Class) -> Vec<Packet> {
    let address = |short: u32| match class.ip6 {
        true => 0x2001_0db8 << 96 | u128::from(short),
        false => u128::from(short),
    };
    let icmp = if class.ip6 { 58 } else { 1 };
    let mut transports = Vec::new();
    for sport in SPORTS {
        for dport in DPORTS {
            transports.extend(FLAGS.map(|flags| (6, [sport, dport], flags)));
            transports.push((17, [sport, dport], 0));
        }
    }
    transports.extend(TYPES.map(|kind| (icmp, [if class.ip6 { kind << 4 } else { kind }, 0], 0)));
    let devices: Vec<(&str, &str)> = match class.path {
        Path::Forward => vec![("lan0", "wan0"), ("wan0", "lan0"), ("wan0", "wan0")],
        _ => DEVICES.map(|name| (name, name)).to_vec(),
    };
    let mut out = Vec::new();
    for (l4proto, ports, flags) in transports {
        for saddr in SADDR {
            for daddr in DADDR {
                for (iif, oif) in &devices {
                    for mark in MARKS {
                        for (state, ct_mark) in states(class.tracked, &CT_MARKS) {
                            let (saddr, daddr, path) = (address(saddr), address(daddr), class.path);
                            let fields =
                                Fields { path, saddr, daddr, l4proto, ports, flags, iif, oif, mark, state, ct_mark };
                            out.push(packet(&fields, class.ip6));
                        }
                    }
                }
            }
        }
    }
    out
}

/// What came out for one packet.
pub enum Held {
    /// The evaluator and the changes say the same.
    Agreed,
    /// The evaluator does not know.
    Undecided,
    /// Nothing differs for this packet: a mark was copied to one that was equal.
    Copy,
}

/// True for a change of marks alone, one of which is left as another mark was.
fn is_copy(shared: &Shared, change: &Change) -> bool {
    let [a, b] = [change.outcomes.0, change.outcomes.1].map(|number| shared.leaves.get(number).clone());
    let without = |leaf: &Leaf| {
        let mut leaf = leaf.clone();
        (leaf.mark, leaf.ct_mark, leaf.decided) = (None, None, None);
        leaf
    };
    let copies = |mark: &Option<Vec<Slice>>| mark.iter().flatten().any(|slice| matches!(slice, Slice::Atom(..)));
    without(&a) == without(&b) && [&a, &b].iter().any(|leaf| copies(&leaf.mark) || copies(&leaf.ct_mark))
}

/// Whether a packet of these values lies in the change it should lie in; what is wrong when not.
pub fn held(
    compared: &Compared,
    packet: &Packet,
    values: &[u128],
    (old, new): (&mut Evaluator<'_>, &mut Evaluator<'_>),
    (old_texts, new_texts): (&Texts, &Texts),
) -> Result<Held, String> {
    let (before, after) = (old.run(packet), new.run(packet));
    let (Some(a), Some(b)) = (old_texts.seen(packet, &before), new_texts.seen(packet, &after)) else {
        return Ok(Held::Undecided);
    };
    let is_member = |change: &&Change| compared.shared.arena.value(change.members, values) == 1;
    let inside: Vec<_> = compared.changes.iter().filter(is_member).collect();
    match (a == b, inside.as_slice()) {
        (true, []) => {}
        // That two marks are equal already is nothing a diagram tells: a copy counts as a change.
        (true, [change]) if is_copy(&compared.shared, change) => return Ok(Held::Copy),
        (true, [change, ..]) => return Err(format!("does not differ and lies in {change:?}\n{a:?}\n{b:?}")),
        (false, [change]) => {
            for (number, outcome) in [(change.outcomes.0, &before), (change.outcomes.1, &after)] {
                let leaf = compared.shared.leaves.get(number);
                if let Some(what) = differs(&compared.shared, leaf, outcome, packet, values) {
                    return Err(format!("{what} in {change:?}"));
                }
            }
            let held = change.boxes.iter().filter(|region| region.contains(values)).count();
            if held != 1 && !change.more {
                return Err(format!("lies in {held} regions of {change:?}"));
            }
        }
        (false, list) => return Err(format!("differs and lies in {} changes\n{a:?}\n{b:?}", list.len())),
    }
    for change in compared.changes.iter().filter(|change| !is_member(change)) {
        if change.boxes.iter().any(|region| region.contains(values)) {
            return Err(format!("lies in a region of a change it is not of: {change:?}"));
        }
    }
    Ok(Held::Agreed)
}

#[test]
fn brute_force_finds_the_same_packets() {
    let pairs = setting("CASEBOOK_PAIRS", if cfg!(debug_assertions) { 25 } else { 300 });
    let seed = setting("CASEBOOK_SEED", 1);
    let (mut compared_packets, mut undecided, mut copies, mut changed) = (0u64, 0u64, 0u64, 0u64);
    let mut disagreed = Vec::new();
    for number in 0..pairs {
        let mut draw = Draw(seed.wrapping_mul(0x5851_f42d_4c95_7f2d) ^ number.wrapping_mul(0x1405_7b7e_f767_814f));
        let path = [Path::Input, Path::Forward, Path::Output][draw.below(3)];
        let ip6 = draw.below(3) == 0;
        let mut first = Sketch::new(&mut draw, path, ip6);
        let mut second = Sketch { lines: first.lines.clone() };
        if draw.below(4) == 0 {
            second = Sketch::new(&mut draw, path, ip6);
        } else {
            for _ in 0..=draw.below(3) {
                second.edit(&mut draw, ip6);
            }
        }
        let (old, new) = (first.load(), second.load());
        let protocol = if ip6 { ETH_IP6 } else { ETH_IP };
        let tracked = is_active(&old, protocol) || is_active(&new, protocol);
        let class = Class { path, ip6, tracked, later: false };
        let Ok(compared) = compare_kept(&old, &new, class, Budget { groups: usize::MAX, ..Budget::default() }) else {
            panic!("pair {number} of seed {seed} is over budget");
        };
        let texts = (Texts::of(&old), Texts::of(&new));
        let (mut before, mut after) = (Evaluator::new(&old), Evaluator::new(&new));
        let mut one = None;
        for packet in universe(class) {
            let values = values(&compared.shared, &packet);
            match held(&compared, &packet, &values, (&mut before, &mut after), (&texts.0, &texts.1)) {
                Ok(Held::Agreed) => compared_packets += 1,
                Ok(Held::Undecided) => undecided += 1,
                Ok(Held::Copy) => copies += 1,
                Err(what) => one = one.or(Some((packet, what))),
            }
        }
        changed += u64::from(!compared.changes.is_empty());
        if let Some((packet, what)) = one {
            let text = |sketch: &Sketch| sketch.lines.join("\n");
            disagreed.push(format!(
                "pair {number} {class:?}\n{}\n{what}\n--- old\n{}\n--- new\n{}",
                craft::describe(&packet),
                text(&first),
                text(&second)
            ));
        }
    }
    eprintln!(
        "brute force: {pairs} pairs ({changed} change something), {compared_packets} packets compared, {copies} \
         copies of equal marks, {undecided} undecided, {} pairs disagreed (seed {seed})",
        disagreed.len()
    );
    assert!(disagreed.is_empty(), "{}", disagreed[..disagreed.len().min(3)].join("\n\n"));
}
