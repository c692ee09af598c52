//! The interval diagram of a list of rules against a binary decision diagram of another hand (`biodivine-lib-bdd`), built
//! bit by bit from the same tests: how many combinations of addresses, protocol, port and mark are accepted must be the
//! same number, and drawn points must have the same answer.
//!
//! `CASEBOOK_BDD_LISTS=1000 CASEBOOK_SEED=1 cargo test --release -p case-nftables --test oracle bdd -- --nocapture`

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use biodivine_lib_bdd::{Bdd, BddValuation, BddVariable, BddVariableSet};
use case_nftables::model::symbolic::compile::{Care, Shared, compile};
use case_nftables::model::symbolic::count::{Big, combinations, support};
use case_nftables::model::symbolic::diagram::{Source, Var};
use case_nftables::model::symbolic::layout::Layout;
use case_nftables::model::symbolic::space::{Class, Run, Space, TRANSPORT_LEN, WHOLE};
use casebook_formats::nft::outcome::End;
use casebook_formats::nft::packet::Path;

use super::symbolic::{Draw, read};
use super::universe::setting;

/// A field: where its bits begin among the 120, and how many it has.
#[derive(Clone, Copy)]
struct Field {
    at: u16,
    bits: u16,
}

const SADDR: Field = Field { at: 0, bits: 32 };
const DADDR: Field = Field { at: 32, bits: 32 };
const PROTO: Field = Field { at: 64, bits: 8 };
const DPORT: Field = Field { at: 72, bits: 16 };
const MARK: Field = Field { at: 88, bits: 32 };
const BITS: u16 = 120;

struct Bits {
    set: BddVariableSet,
    vars: Vec<BddVariable>,
}

impl Bits {
    fn new() -> Self {
        let set = BddVariableSet::new_anonymous(BITS);
        let vars = set.variables();
        Self { set, vars }
    }

    /// The bit at a place of the field, from the most significant.
    fn bit(&self, field: Field, place: u16, value: bool) -> Bdd {
        self.set.mk_literal(self.vars[usize::from(field.at + place)], value)
    }

    /// The masked bits have the value's.
    fn masked(&self, field: Field, mask: u32, value: u32) -> Bdd {
        let mut all = self.set.mk_true();
        for place in 0..field.bits {
            let shift = field.bits - 1 - place;
            if mask >> shift & 1 == 1 {
                all = all.and(&self.bit(field, place, value >> shift & 1 == 1));
            }
        }
        all
    }

    fn is(&self, field: Field, value: u32) -> Bdd {
        self.masked(field, u32::MAX, value)
    }

    /// Not above a bound, from the last bit to the first.
    fn at_most(&self, field: Field, bound: u32) -> Bdd {
        let mut out = self.set.mk_true();
        for place in (0..field.bits).rev() {
            let (zero, one) = (self.bit(field, place, false), self.bit(field, place, true));
            out = match bound >> (field.bits - 1 - place) & 1 {
                1 => zero.or(&one.and(&out)),
                _ => zero.and(&out),
            };
        }
        out
    }

    fn between(&self, field: Field, low: u32, high: u32) -> Bdd {
        let upper = self.at_most(field, high);
        if low == 0 { upper } else { upper.and_not(&self.at_most(field, low - 1)) }
    }
}

/// A test as nft writes it, and as a diagram.
fn test(draw: &mut Draw, bits: &Bits) -> (String, Bdd) {
    let nets: Vec<(u32, u32)> = (0..3)
        .map(|_| {
            let prefix = [8, 12, 16, 23, 24, 31, 32][draw.below(7)];
            ((0x0a00_0000 | draw.number() as u32 & 0x0003_0103) & (u32::MAX << (32 - prefix)), prefix)
        })
        .collect();
    let (word, field) = if draw.below(3) == 0 { ("ip daddr", DADDR) } else { ("ip saddr", SADDR) };
    let net = |(base, prefix): (u32, u32)| bits.masked(field, u32::MAX << (32 - prefix), base);
    let shown = |(base, prefix): (u32, u32)| format!("{}/{prefix}", Ipv4Addr::from(base));
    let port = |draw: &mut Draw| [22u32, 80, 81, 443, 1024, 65535][draw.below(6)];
    let (proto, name) = if draw.below(3) == 0 { (17, "udp") } else { (6, "tcp") };
    let of_proto = bits.is(PROTO, proto);
    match draw.below(11) {
        0 | 1 => (format!("{word} {}", shown(nets[0])), net(nets[0])),
        2 => (format!("{word} != {}", shown(nets[0])), net(nets[0]).not()),
        3 => {
            let (low, high) = (nets[0].0.min(nets[1].0), nets[0].0.max(nets[1].0) + 5);
            let range = format!("{word} {}-{}", Ipv4Addr::from(low), Ipv4Addr::from(high));
            (range, bits.between(field, low, high))
        }
        4 => {
            let (mask, value) = ([0xff, 0x0001_0001, 0xff00_00ff][draw.below(3)], draw.number() as u32 & 0x0101);
            let text = format!("{word} & {} == {}", Ipv4Addr::from(mask), Ipv4Addr::from(value & mask));
            (text, bits.masked(field, mask, value & mask))
        }
        5 => {
            let list: Vec<String> = nets.iter().map(|one| shown(*one)).collect();
            let all = nets.iter().fold(bits.set.mk_false(), |all, one| all.or(&net(*one)));
            (format!("{word} {{ {} }}", list.join(", ")), all)
        }
        6 => {
            let low = port(draw);
            let high = (low + draw.below(900) as u32 + 1).min(65535);
            let (text, inside) = match low < high {
                true => (format!("{name} dport {low}-{high}"), bits.between(DPORT, low, high)),
                false => (format!("{name} dport {low}"), bits.is(DPORT, low)),
            };
            (text, of_proto.and(&inside))
        }
        7 => {
            let one = port(draw);
            (format!("{name} dport != {one}"), of_proto.and_not(&bits.is(DPORT, one)))
        }
        8 => {
            let (mask, value) = ([0xff, 0xf0, 0xffff_0000, 0x8000_0001][draw.below(4)], draw.number() as u32);
            let value = value & mask;
            (format!("meta mark & {mask:#x} == {value:#x}"), bits.masked(MARK, mask, value))
        }
        9 => (format!("meta mark {}-{}", 16, 700), bits.between(MARK, 16, 700)),
        // A set of protocols would settle the protocol of ports that stand behind it, which is nft's affair.
        _ => ("ip protocol != udp".into(), bits.is(PROTO, 17).not()),
    }
}

#[test]
fn counts_agree_with_binary_diagrams() {
    let lists = setting("CASEBOOK_BDD_LISTS", if cfg!(debug_assertions) { 25 } else { 300 });
    let seed = setting("CASEBOOK_SEED", 1);
    let (mut tests, mut points, mut disagreed) = (0usize, 0usize, Vec::new());
    let bits = Bits::new();
    for number in 0..lists {
        let mut draw = Draw(seed.wrapping_mul(0x9e37_79b9) ^ number.wrapping_mul(0x2545_f491_4f6c_dd1d));
        let mut rules = Vec::new();
        for _ in 0..1 + draw.below(setting("CASEBOOK_BDD_RULES", 10) as usize) {
            let (mut words, mut holds) = (Vec::new(), bits.set.mk_true());
            for _ in 0..1 + draw.below(3) {
                let (text, one) = test(&mut draw, &bits);
                words.push(text);
                holds = holds.and(&one);
            }
            let accept = draw.below(2) == 0;
            let text = format!("  {} {}", words.join(" "), if accept { "accept" } else { "drop" });
            rules.push((text, holds, accept, words.len()));
        }
        let accepts = draw.below(2) == 0;
        let head = format!(
            "table inet t {{\n chain in {{\n  type filter hook input priority 0; policy {};\n",
            if accepts { "accept" } else { "drop" }
        );
        let with = |rules: &[(String, Bdd, bool, usize)]| {
            let lines: String = rules.iter().map(|(text, ..)| format!("{text}\n")).collect();
            format!("{head}{lines} }}\n}}\n")
        };
        // What contradicts itself does not load, and is left out on both sides.
        let ruleset = loop {
            let text = with(&rules);
            let ruleset = read(&text);
            let Some(problem) = ruleset.problems.first() else { break ruleset };
            let line = text[..problem.span.start as usize].matches('\n').count();
            rules.remove(line - 3);
        };
        tests += rules.iter().map(|(.., tests)| tests).sum::<usize>();
        let mut accepted = if accepts { bits.set.mk_true() } else { bits.set.mk_false() };
        for (_, holds, accept, _) in rules.iter().rev() {
            accepted = if *accept { accepted.or(holds) } else { accepted.and_not(holds) };
        }
        let class = Class { path: Path::Input, ip6: false, tracked: false, later: false };
        let mut shared = Shared::new(Layout::of(class, &[&ruleset]), 50_000_000, 5_000_000);
        let node = compile(&mut shared, &ruleset, class, Care::Everywhere).unwrap();
        let Shared { arena, leaves, .. } = &mut shared;
        let node = arena.map(node, &mut |leaf| u32::from(leaves.get(leaf).end == End::Accept)).unwrap();
        // The binary diagram knows no headers that are cut short.
        let node = shared
            .layout
            .atoms(TRANSPORT_LEN)
            .iter()
            .fold(node, |node, (_, var)| shared.arena.substitute(node, *var, Source::Value(WHOLE)).unwrap());
        let places: Vec<(Field, Run)> = [
            (SADDR, Run { space: Space::Network, first: 96, count: 32 }),
            (DADDR, Run { space: Space::Network, first: 128, count: 32 }),
            (PROTO, Run { space: Space::L4proto, first: 0, count: 8 }),
            (DPORT, Run { space: Space::Transport, first: 16, count: 16 }),
            (MARK, Run { space: Space::Mark, first: 0, count: 32 }),
        ]
        .into();
        let vars: BTreeSet<Var> =
            places.iter().flat_map(|(_, run)| shared.layout.atoms(*run)).map(|(_, var)| var).collect();
        assert!(support(&shared.arena, node).is_subset(&vars), "{}", with(&rules));
        let known: u16 = vars.iter().filter_map(|var| shared.layout.run(*var)).map(|run| run.count).sum();
        // What no rule reads is free.
        let free = Big::from(1 << (BITS - known));
        let ours = combinations(&mut shared.arena, node, &vars).unwrap().times(&free).to_string();
        let theirs = accepted.exact_cardinality().to_string();
        if ours != theirs {
            disagreed.push(format!("{ours} accepted here, {theirs} in the binary diagram\n{}", with(&rules)));
        }
        for _ in 0..200 {
            let mut point = vec![false; usize::from(BITS)];
            point.iter_mut().for_each(|bit| *bit = draw.below(2) == 0);
            // Near the rules' own addresses, protocols and marks more often than not.
            if draw.below(4) > 0 {
                for (field, value) in [(SADDR, 0x0a00_0000), (DADDR, 0x0a00_0000), (PROTO, 6), (MARK, 0)] {
                    let value: u32 = value | if field.at == PROTO.at { 0 } else { draw.number() as u32 & 0x0003_01ff };
                    (0..field.bits).for_each(|place| {
                        point[usize::from(field.at + place)] = value >> (field.bits - 1 - place) & 1 == 1;
                    });
                }
            }
            let mut values = vec![0u128; usize::from(shared.variables())];
            for (field, run) in &places {
                for (_, var) in shared.layout.atoms(*run) {
                    let atom = shared.layout.run(var).unwrap();
                    let start = usize::from(field.at + atom.first - run.first);
                    let list = &point[start..start + usize::from(atom.count)];
                    values[usize::from(var.0)] = list.iter().fold(0, |value, bit| value << 1 | u128::from(*bit));
                }
            }
            points += 1;
            let (ours, theirs) = (shared.arena.value(node, &values) == 1, accepted.eval_in(&BddValuation::new(point)));
            if ours != theirs {
                disagreed.push(format!("{ours} here, {theirs} in the binary diagram\n{}", with(&rules)));
            }
        }
    }
    eprintln!(
        "binary diagrams: {lists} lists of rules ({tests} tests) counted, {points} points compared, {} disagreed (seed \
         {seed})",
        disagreed.len()
    );
    assert!(disagreed.is_empty(), "{}", disagreed[..disagreed.len().min(3)].join("\n"));
}
