//! Sets of packets as boxes: for each variable the intervals its value lies in.

use std::collections::BTreeSet;

use casebook_formats::nft::ir::{Base, CtKey, Field, MetaKey, PayloadField};
use casebook_formats::nft::packet::{CT_STATES, CtState};
use casebook_formats::nft::types;
use casebook_formats::nft::types::Type;
use casebook_formats::nft::{fields, show};

use super::compile::Shared;
use super::count::{Count, count};
use super::diagram::{Node, Var, Within};
use super::packet::name_between;
use super::space::{Class, Run, Space, WHOLE};

/// Intervals of a variable, disjoint and in order.
type Intervals = Vec<(u128, u128)>;

/// A box: the variables that are held to something; all others are free.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Region {
    sides: Vec<(Var, Intervals)>,
}

/// The boxes of a set of packets.
#[derive(Clone, Debug, Default)]
pub struct Regions {
    /// Boxes, disjoint; together the set, unless there are more.
    pub boxes: Vec<Region>,
    /// There are more than were asked for.
    pub more: bool,
}

impl Regions {
    /// At most `most` boxes of where `node` is true, joined where two differ in one variable.
    pub fn of(shared: &Shared, node: Node, most: usize) -> Self {
        let mut out = Self::default();
        out.walk(shared, node, &mut Region::default(), most);
        out.join(shared);
        // What people ask about first: packets with whole headers.
        out.boxes.sort_by_key(|region| region.is_short(shared));
        out
    }

    fn walk(&mut self, shared: &Shared, node: Node, at: &mut Region, most: usize) {
        if node == Node::TRUE {
            if self.boxes.len() >= most {
                self.more = true;
            } else {
                self.boxes.push(at.clone());
            }
            return;
        }
        let Some((var, edges)) = shared.arena.inner(node) else { return };
        // Intervals that lead to the same place are one side.
        let mut sides: Vec<(Node, Intervals)> = Vec::new();
        let mut low = 0;
        for (high, child) in edges {
            if *child != Node::FALSE {
                match sides.iter_mut().find(|(known, _)| known == child) {
                    Some((_, list)) => list.push((low, *high)),
                    None => sides.push((*child, vec![(low, *high)])),
                }
            }
            low = high.saturating_add(1);
        }
        for (child, list) in sides {
            if self.more {
                return;
            }
            at.sides.push((var, list));
            self.walk(shared, child, at, most);
            at.sides.pop();
        }
    }

    /// Joins boxes that differ in one variable only.
    fn join(&mut self, shared: &Shared) {
        const WORTH: usize = 400;
        if self.boxes.len() > WORTH {
            return;
        }
        let mut at = 0;
        while at < self.boxes.len() {
            let other = (at + 1..self.boxes.len())
                .find_map(|other| joined(&self.boxes[at], &self.boxes[other]).map(|joined| (other, joined)));
            match other {
                Some((other, mut joined)) => {
                    // A side that holds every value is none.
                    joined.sides.retain(|(var, list)| list.as_slice() != [(0, shared.greatest(*var))]);
                    self.boxes[at] = joined;
                    self.boxes.remove(other);
                    at = 0;
                }
                None => at += 1,
            }
        }
    }
}

/// A value for every variable, together one packet for which `node`, which is not false, is true: usual values where
/// they will do.
pub fn values(shared: &Shared, mut node: Node) -> Vec<u128> {
    let mut values: Vec<u128> = (0..shared.variables())
        .map(|var| shared.layout.run(Var(var)).map_or(0, |run| usual(run, shared.layout.class)))
        .collect();
    while let Some((var, edges)) = shared.arena.inner(node) {
        let slot = &mut values[usize::from(var.0)];
        let mut low = 0;
        let mut open: Vec<(u128, u128, Node)> = Vec::new();
        for (high, child) in edges {
            if *child != Node::FALSE {
                open.push((low, *high, *child));
            }
            low = high.saturating_add(1);
        }
        let usual = open.iter().find(|(low, high, _)| low <= slot && *slot <= *high);
        let Some((low, high, child)) = usual.or(open.first()).copied() else { break };
        *slot = representative(shared.layout.run(var), &[(low, high)], *slot);
        node = child;
    }
    values
}

/// How many combinations of values the packets of `members` have in the fields these boxes name; `None` when they name
/// none that is counted. Names of devices are words, and are not counted.
pub fn combinations(shared: &mut Shared, boxes: &[Region], members: Node) -> Within<Option<Count>> {
    let class = shared.layout.class;
    let named: BTreeSet<Var> = boxes.iter().flat_map(|region| region.sides.iter().map(|(var, _)| *var)).collect();
    let mut protocols = boxes.iter().map(|region| region.l4proto(shared));
    let first = protocols.next().flatten();
    let l4proto = first.filter(|first| protocols.all(|other| other == Some(*first)));
    let (mut vars, mut of) = (BTreeSet::new(), Vec::new());
    for var in named {
        let Some(run) = shared.layout.run(var) else { continue };
        // A state or mark is one field, into whatever parts it is cut.
        let whole = match run.space {
            // Nor is how much of a header there is.
            Space::Iif | Space::Oif | Space::TransportLen | Space::HasLink => continue,
            Space::CtState | Space::Mark | Space::CtMark => Run { first: 0, count: 32, ..run },
            // A protocol that a field's name says is not named again.
            Space::L4proto if l4proto.is_some() && boxes.iter().all(|region| region.sides.len() > 1) => continue,
            _ => run,
        };
        vars.extend(shared.layout.atoms(whole).into_iter().map(|(_, var)| var));
        let (name, _) = name(whole, l4proto, class.ip6);
        if !of.contains(&name) {
            of.push(name);
        }
    }
    if of.is_empty() { Ok(None) } else { count(shared, members, &vars, of).map(Some) }
}

/// Both boxes as one, when they differ in one variable.
fn joined(a: &Region, b: &Region) -> Option<Region> {
    if a.sides.len() != b.sides.len() {
        return None;
    }
    let mut differing = a.sides.iter().zip(&b.sides).enumerate().filter(|(_, (a, b))| a != b);
    let (at, (left, right)) = differing.next()?;
    if differing.next().is_some() || left.0 != right.0 {
        return None;
    }
    let mut list: Intervals = left.1.iter().chain(&right.1).copied().collect();
    list.sort_unstable();
    let mut merged: Intervals = Vec::with_capacity(list.len());
    for (low, high) in list {
        match merged.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(low) => *last = high,
            _ => merged.push((low, high)),
        }
    }
    let mut out = a.clone();
    out.sides[at].1 = merged;
    Some(out)
}

impl Region {
    /// The packets of the box for which `real` is true too.
    pub fn within(&self, shared: &mut Shared, real: Node) -> Within<Node> {
        let mut out = real;
        for (var, list) in self.sides.iter().rev() {
            let side = shared.arena.within(*var, list)?;
            out = shared.arena.and(side, out)?;
        }
        Ok(out)
    }

    /// True for packets whose transport header is cut short, or that have no link header.
    fn is_short(&self, shared: &Shared) -> bool {
        self.sides.iter().any(|(var, list)| {
            let short = |run: Run| matches!(run.space, Space::TransportLen | Space::HasLink);
            shared.layout.run(*var).is_some_and(short)
                && list.last().is_none_or(|(_, high)| *high < shared.greatest(*var))
        })
    }

    /// True for a packet of these values, one for each variable.
    pub fn contains(&self, values: &[u128]) -> bool {
        self.sides.iter().all(|(var, list)| {
            let value = values[usize::from(var.0)];
            list.iter().any(|(low, high)| *low <= value && value <= *high)
        })
    }

    /// What the box asks that no packet decides.
    pub fn questions<'s>(&self, shared: &'s Shared) -> Vec<&'s str> {
        self.sides.iter().filter_map(|(var, _)| shared.asks(*var)).collect()
    }

    /// The one transport protocol of the box.
    fn l4proto(&self, shared: &Shared) -> Option<u128> {
        self.sides.iter().find_map(|(var, list)| {
            shared.layout.run(*var).filter(|run| run.space == Space::L4proto && run.count == 8)?;
            match list.as_slice() {
                [(low, high)] if low == high => Some(*low),
                _ => None,
            }
        })
    }

    /// The states of the box, when they are not all.
    fn states(&self, shared: &Shared) -> Option<String> {
        let holds = |bit: u128| {
            self.sides.iter().all(|(var, list)| match shared.layout.run(*var) {
                Some(run) if run.space == Space::CtState => {
                    let value = bit >> (32 - run.end()) & super::layout::ones(run.count);
                    list.iter().any(|(low, high)| *low <= value && value <= *high)
                }
                _ => true,
            })
        };
        // Only neighbour discovery comes in exempt.
        let exempt = shared.layout.class.ip6 && self.l4proto(shared).is_none_or(|protocol| protocol == 58);
        let states = || CT_STATES.iter().filter(|(state, ..)| exempt || *state != CtState::Untracked);
        let names: Vec<&str> = states().filter(|(.., bit)| holds(*bit)).map(|(_, name, _)| *name).collect();
        match names.as_slice() {
            all if all.len() == states().count() => None,
            [only] => Some(format!("ct state {only}")),
            many => Some(format!("ct state {{ {} }}", many.join(", "))),
        }
    }

    /// What the box says of a mark: one mask and value where each of its parts has one value.
    fn masked(&self, shared: &Shared, space: Space, name: &str) -> Option<String> {
        let (mut mask, mut value) = (0u128, 0u128);
        let mut words = Vec::new();
        for (var, list) in &self.sides {
            let Some(run) = shared.layout.run(*var).filter(|run| run.space == space) else { continue };
            let after = 32 - run.end();
            let own = super::layout::ones(run.count) << after;
            match list.as_slice() {
                [(low, high)] if low == high => {
                    mask |= own;
                    value |= low << after;
                }
                list => {
                    let whole = run.count == 32;
                    let name = if whole { name.to_owned() } else { format!("{name} & {own:#x} >> {after}") };
                    words.push(sides(&name, Type::Mark, run, &list.to_vec(), shared.greatest(*var)));
                }
            }
        }
        match mask {
            0 => {}
            0xffff_ffff => words.insert(0, format!("{name} {value:#x}")),
            _ => words.insert(0, format!("{name} & {mask:#x} == {value:#x}")),
        }
        (!words.is_empty()).then(|| words.join(", "))
    }

    /// What the box says of TCP flags that are read in parts: one mask and value where each part has one value.
    fn flags(&self, shared: &Shared) -> Vec<String> {
        let name = |bits: u128| show::value(bits, Type::TcpFlag).replace(',', "|");
        let (mut mask, mut value) = (0u128, 0u128);
        let mut words = Vec::new();
        for (var, list) in &self.sides {
            let Some(run) = shared.layout.run(*var).filter(|run| is_flag_part(*run)) else { continue };
            let after = FLAGS_END - run.end();
            let own = super::layout::ones(run.count) << after;
            match list.as_slice() {
                [(low, high)] if low == high => {
                    mask |= own;
                    value |= low << after;
                }
                [(1, high)] if *high == shared.greatest(*var) => {
                    words.push(format!("tcp flags & ({}) != 0", name(own)))
                }
                list => words.push(sides(
                    &format!("tcp flags & ({})", name(own)),
                    Type::Integer(8),
                    run,
                    &list.to_vec(),
                    shared.greatest(*var),
                )),
            }
        }
        match (mask, value) {
            (0, _) => {}
            (0xff, value) => words.insert(0, format!("tcp flags == {}", name(value))),
            (mask, 0) => words.insert(0, format!("tcp flags & ({}) == 0", name(mask))),
            (mask, value) => words.insert(0, format!("tcp flags & ({}) == {}", name(mask), name(value))),
        }
        words
    }

    /// The box in words: `ip saddr 10.0.0.0/8, tcp dport { 22, 80-90 }`. Sides all packets have are left out.
    pub fn text(&self, shared: &Shared) -> String {
        let named = self.l4proto(shared);
        let mut words: Vec<String> = Vec::new();
        let mut names_protocol = false;
        words.extend(self.states(shared));
        words.extend(
            [(Space::Mark, "meta mark"), (Space::CtMark, "ct mark")]
                .map(|(space, name)| self.masked(shared, space, name))
                .into_iter()
                .flatten(),
        );
        let tcp = named == Some(6);
        if tcp {
            let flags = self.flags(shared);
            names_protocol |= !flags.is_empty();
            words.extend(flags);
        }
        for (var, list) in &self.sides {
            if tcp && shared.layout.run(*var).is_some_and(is_flag_part) {
                continue;
            }
            if shared
                .layout
                .run(*var)
                .is_some_and(|run| matches!(run.space, Space::CtState | Space::Mark | Space::CtMark))
            {
                continue;
            }
            let Some(run) = shared.layout.run(*var) else {
                if let Some(what) = shared.asks(*var) {
                    let met = list.iter().any(|(low, high)| *low <= 1 && 1 <= *high);
                    words.push(format!("{} \"{what}\"", if met { "if" } else { "unless" }));
                }
                continue;
            };
            // Where a field is named its header is there.
            if matches!(run.space, Space::TransportLen | Space::HasLink)
                && list.last().is_some_and(|(_, high)| *high == shared.greatest(*var))
                && list.len() == 1
            {
                continue;
            }
            if run.space == Space::TransportLen
                && let Some((_, high)) = list.last()
            {
                words.push(format!("transport header cut short before byte {}", high + 1));
                continue;
            }
            if run.space == Space::HasLink {
                words.push("no link header".into());
                continue;
            }
            let (name, ty) = name(run, named, shared.layout.class.ip6);
            names_protocol |= run.space == Space::Transport && !name.starts_with('@') && !name.starts_with("th ");
            words.push(sides(&name, ty, run, list, shared.greatest(*var)));
        }
        if names_protocol {
            words.retain(|word| !word.starts_with("meta l4proto "));
        }
        if words.is_empty() { "every packet".into() } else { words.join(", ") }
    }
}

/// Where the TCP flags end in the transport header.
const FLAGS_END: u16 = 112;

/// True for some but not all of the TCP flags.
fn is_flag_part(run: Run) -> bool {
    run.space == Space::Transport && run.count < 8 && run.first >= FLAGS_END - 8 && run.end() <= FLAGS_END
}

fn sides(name: &str, ty: Type, run: Run, list: &Intervals, greatest: u128) -> String {
    const SHOWN: usize = 6;
    // Nearly everything is said as what is left out.
    let outside = complement(list, greatest);
    let (list, not) = if outside.len() < list.len() { (&outside, " !=") } else { (list, "") };
    let one = |(low, high): &(u128, u128)| interval(*low, *high, ty, run);
    match list.as_slice() {
        [only] => format!("{name}{not} {}", one(only)),
        many => {
            let mut parts: Vec<String> = many.iter().take(SHOWN).map(one).collect();
            if many.len() > SHOWN {
                parts.push(format!("and {} more", many.len() - SHOWN));
            }
            format!("{name}{not} {{ {} }}", parts.join(", "))
        }
    }
}

fn complement(list: &Intervals, greatest: u128) -> Intervals {
    let mut out = Vec::new();
    let mut next = Some(0u128);
    for (low, high) in list {
        if let Some(from) = next.filter(|from| from < low) {
            out.push((from, low - 1));
        }
        next = high.checked_add(1);
    }
    if let Some(from) = next.filter(|from| *from <= greatest) {
        out.push((from, greatest));
    }
    out
}

fn interval(low: u128, high: u128, ty: Type, run: Run) -> String {
    if low == high {
        return show::value(low, ty);
    }
    if ty == Type::IfName {
        let prefix = (0..16u32).find(|left| {
            let ones = (1u128 << (8 * left)) - 1;
            *left > 0 && high - low == ones && low & ones == 0
        });
        return match prefix {
            Some(_) => format!("\"{}*\"", types::value_name(low)),
            None => format!("{}-{}", show::value(low, ty), show::value(high, ty)),
        };
    }
    let size = high - low;
    let block = size & (size + 1) == 0 && low & size == 0;
    if block && matches!(ty, Type::Ipv4 | Type::Ipv6) {
        return format!("{}/{}", show::value(low, ty), u32::from(run.count) - size.count_ones());
    }
    format!("{}-{}", show::value(low, ty), show::value(high, ty))
}

/// The name and type of a run of bits, for packets of a transport protocol.
fn name(run: Run, l4proto: Option<u128>, ip6: bool) -> (String, Type) {
    let known = |field: Field| (fields::name(field), fields::type_of(field));
    let header = |protocols: &[&str]| {
        let base = if run.space == Space::Network { Base::Network } else { Base::Transport };
        fields::at(protocols, base, run.first, run.count).map(|field: PayloadField| known(Field::Payload(field)))
    };
    let raw = |base: &str| (format!("@{base},{},{}", run.first, run.count), Type::Integer(run.count));
    match run.space {
        Space::Network => header(&[if ip6 { "ip6" } else { "ip" }]).unwrap_or_else(|| raw("nh")),
        Space::Transport => {
            let protocols: &[&str] = match l4proto {
                Some(1) => &["icmp"],
                Some(6) => &["tcp"],
                Some(17) => &["udp"],
                Some(33) => &["dccp"],
                Some(58) => &["icmpv6"],
                Some(132) => &["sctp"],
                Some(136) => &["udplite"],
                _ => &["th"],
            };
            header(protocols).unwrap_or_else(|| raw("th"))
        }
        Space::TransportLen => ("transport header bytes".into(), Type::Integer(8)),
        Space::HasLink => ("link header".into(), Type::Boolean),
        Space::Link => raw("ll"),
        Space::L4proto => known(Field::Meta(MetaKey::L4proto)),
        Space::Iif => known(Field::Meta(MetaKey::Iifname)),
        Space::Oif => known(Field::Meta(MetaKey::Oifname)),
        Space::CtState if run.count == 32 => known(Field::Ct(CtKey::State, None)),
        Space::Mark if run.count == 32 => known(Field::Meta(MetaKey::Mark)),
        Space::CtMark if run.count == 32 => known(Field::Ct(CtKey::Mark, None)),
        Space::Meta(key) => known(Field::Meta(key)),
        Space::Ct(key, direction) => known(Field::Ct(key, direction)),
        Space::CtState => {
            (format!("ct state bits {}-{}", 31 - (run.end() - 1), 31 - run.first), Type::Integer(run.count))
        }
        Space::Mark => {
            (format!("meta mark bits {}-{}", 31 - (run.end() - 1), 31 - run.first), Type::Integer(run.count))
        }
        Space::CtMark => {
            (format!("ct mark bits {}-{}", 31 - (run.end() - 1), 31 - run.first), Type::Integer(run.count))
        }
        Space::HasOption(kind) => (format!("tcp option {kind}"), Type::Boolean),
        Space::Option(kind) => (format!("tcp option @{kind},{},{}", run.first, run.count), Type::Integer(run.count)),
    }
}

/// A value that is usual where nothing is asked for.
fn usual(run: Run, class: Class) -> u128 {
    let ip6 = class.ip6;
    let whole: (u16, u16, u128) = match run.space {
        Space::Network if ip6 && run.first < 192 && run.first >= 64 => (64, 128, 0x2001_0db8 << 96 | 1),
        Space::Network if ip6 && run.first >= 192 => (192, 128, 0x2001_0db8 << 96 | 2),
        Space::Network if run.first >= 128 => (128, 32, 0xc633_6401),
        Space::Network if run.first >= 96 => (96, 32, 0xc000_0201),
        Space::Network if run.first == if ip6 { 56 } else { 64 } => (run.first, 8, 64),
        Space::L4proto => (0, 8, 6),
        Space::TransportLen => (0, 8, WHOLE),
        Space::Network if run.first < 8 && !ip6 => (4, 4, 5),
        Space::Transport if run.end() <= 16 => (0, 16, 40000),
        Space::Transport if run.first >= 16 && run.end() <= 32 => (16, 16, 9),
        Space::Iif => (0, 128, types::name_value("eth0")),
        Space::Oif => (0, 128, types::name_value("eth1")),
        // A packet of no connection is the first of one, unless nobody looks.
        Space::CtState => (0, 32, if class.tracked { 8 } else { 1 }),
        _ => return 0,
    };
    let (first, count, value) = whole;
    let Some(after) = (first + count).checked_sub(run.end()) else { return 0 };
    value.checked_shr(u32::from(after)).unwrap_or(0) & super::layout::ones(run.count)
}

/// A value from a side: the usual one if it is there, else one that looks like an address of a host or a name.
fn representative(run: Option<Run>, list: &[(u128, u128)], usual: u128) -> u128 {
    if list.iter().any(|(low, high)| *low <= usual && usual <= *high) {
        return usual;
    }
    let first = list.first().copied().unwrap_or((0, 0));
    match run.map(|run| run.space) {
        Some(Space::Iif | Space::Oif) => {
            list.iter().find_map(|(low, high)| name_between(*low, *high)).unwrap_or(first.0)
        }
        Some(Space::Network) if first.1 - first.0 > 1 => first.0 + 1,
        _ => first.0,
    }
}
