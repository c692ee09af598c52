//! What a change really does: the packets whose outcome differs between two rulesets.

use std::collections::HashMap;

use super::compile::{Care, Shared, compile};
use super::count::Count;
use super::diagram::{Node, Within};
use super::layout::Layout;
use super::leaf::{Leaf, Slice};
use super::packet::{packet, possible};
use super::region::{Region, Regions, combinations, values};
use super::space::{Class, Run, Space};
use super::touched::care;
use crate::model::conntrack::{first_packet, is_active};
use crate::model::ir::Ruleset;
use crate::model::outcome::{Effect, End, Outcome};
use crate::model::packet::{CtState, ETH_IP, ETH_IP6, Headers, Packet, Path};
use crate::model::walk::Evaluator;

/// How an outcome changed; the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// The packet ends another way.
    Verdict,
    /// It ends the same way, and something else is done to it.
    Effect,
    /// The same is done in another order.
    Order,
}

/// Packets of one class whose outcomes change alike.
#[derive(Debug)]
pub struct Change {
    /// How.
    pub kind: Kind,
    /// Class.
    pub class: Class,
    /// Outcome before, in words.
    pub old: String,
    /// Outcome after.
    pub new: String,
    /// Who decided before.
    pub old_by: Option<String>,
    /// Who decides after.
    pub new_by: Option<String>,
    /// What is done before and not after.
    pub lost: Vec<String>,
    /// What is done after and was not before.
    pub gained: Vec<String>,
    /// Which packets, in words.
    pub regions: Vec<String>,
    /// How many combinations of values each region holds; `None` where it names nothing that is counted.
    pub region_counts: Vec<Option<Count>>,
    /// There are more regions.
    pub more: bool,
    /// How many combinations of values the packets of the change have in the fields its regions name.
    pub count: Option<Count>,
    /// One of them, for which the evaluator says the same; `None` when it could not be confirmed.
    pub witness: Option<Packet>,
    /// What it depends on that no packet decides.
    pub depends: Vec<String>,
    /// The regions themselves: of the packets that can be, they hold those of the change, unless there are more.
    pub boxes: Vec<Region>,
    /// The packets of the change, in the arena of its comparison.
    pub members: Node,
    /// Numbers of the outcomes before and after, in the comparison's leaves.
    pub outcomes: (u32, u32),
}

/// All changes in one class with the diagrams they are made of, so that any packet can be held against them.
#[derive(Debug)]
pub struct Compared {
    /// All changes.
    pub changes: Vec<Change>,
    /// Variables, nodes and outcomes.
    pub shared: Shared,
}

/// What was found in one class.
#[derive(Debug)]
pub enum Found {
    /// All changes.
    Changes(Vec<Change>),
    /// The budget ran out before an answer.
    OverBudget,
}

/// How much work a comparison may be.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// Steps in each class.
    pub steps: u64,
    /// Intervals kept in each class.
    pub edges: u64,
    /// Regions named for each change.
    pub regions: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self { steps: 400_000_000, edges: 16_000_000, regions: 64 }
    }
}

/// The classes two rulesets are compared over.
pub fn classes(old: &Ruleset, new: &Ruleset) -> Vec<Class> {
    let mut out = Vec::new();
    for ip6 in [false, true] {
        let tracked = [old, new].iter().any(|ruleset| is_active(ruleset, if ip6 { ETH_IP6 } else { ETH_IP }));
        out.extend([Path::Input, Path::Forward, Path::Output].map(|path| Class { path, ip6, tracked }));
    }
    out
}

/// Compares two rulesets over one class.
pub fn compare(old: &Ruleset, new: &Ruleset, class: Class, budget: Budget) -> Found {
    match compare_kept(old, new, class, budget) {
        Ok(compared) => Found::Changes(compared.changes),
        Err(_) => Found::OverBudget,
    }
}

/// Compares two rulesets over one class, and keeps the diagrams.
pub fn compare_kept(old: &Ruleset, new: &Ruleset, class: Class, budget: Budget) -> Within<Compared> {
    let mut shared = Shared::new(Layout::of(class, &[old, new]), budget.steps, budget.edges);
    let changes = changes(&mut shared, old, new, class, budget)?;
    Ok(Compared { changes, shared })
}

/// Number of the leaf of packets whose outcome is the same.
const SAME: u32 = 0;

fn changes(shared: &mut Shared, old: &Ruleset, new: &Ruleset, class: Class, budget: Budget) -> Within<Vec<Change>> {
    let care = care(shared, old, new)?;
    if care == Care::Nothing {
        return Ok(Vec::new());
    }
    let tracked = |ruleset| is_active(ruleset, if class.ip6 { ETH_IP6 } else { ETH_IP });
    let before = compile(shared, old, Class { tracked: tracked(old), ..class }, care)?;
    let after = compile(shared, new, Class { tracked: tracked(new), ..class }, care)?;
    let mut pairs: Vec<(u32, u32)> = vec![(0, 0)];
    let mut known: HashMap<(u32, u32), u32> = HashMap::new();
    let Shared { arena, leaves, .. } = &mut *shared;
    let both = arena.pair(before, after, &mut |a, b| {
        if same(leaves.get(a), leaves.get(b)) {
            return SAME;
        }
        *known.entry((a, b)).or_insert_with(|| {
            pairs.push((a, b));
            pairs.len() as u32 - 1
        })
    })?;
    let real = possible(shared)?;
    let both = match care {
        Care::Where(care) => shared.arena.choose(care, both, Node::leaf(SAME))?,
        _ => both,
    };
    let inside = shared.arena.choose(real, both, Node::leaf(SAME))?;
    let mut found: Vec<u32> = Vec::new();
    let _ = shared.arena.map(inside, &mut |leaf| {
        if leaf != SAME && !found.contains(&leaf) {
            found.push(leaf);
        }
        leaf
    })?;
    let mut out = Vec::new();
    for leaf in found {
        let (a, b) = pairs[leaf as usize];
        // Named without what no packet is like, so that a region says no more than the rules do.
        let mut here = shared.arena.map(both, &mut |other| u32::from(other == leaf))?;
        if let Some(equal) = alike(shared, a, b)? {
            let differs = shared.arena.not(equal)?;
            here = shared.arena.and(here, differs)?;
        }
        let members = shared.arena.and(here, real)?;
        if members != Node::FALSE {
            out.push(change(shared, (old, new), class, (a, b), (here, members), budget)?);
        }
    }
    out.sort_by(|a, b| a.rank().cmp(&b.rank()));
    for change in &mut out {
        for (index, region) in change.boxes.iter().enumerate() {
            let inside = region.within(shared, change.members)?;
            change.region_counts[index] = combinations(shared, std::slice::from_ref(region), inside)?;
        }
        change.count = combinations(shared, &change.boxes, change.members)?.filter(|_| !change.more);
    }
    Ok(out)
}

/// The same outcome, whoever decided it. The packet mark is of no more use once the packet has ended.
fn same(a: &Leaf, b: &Leaf) -> bool {
    let marks = if a.end == End::Accept { &b.mark } else { &a.mark };
    *a == Leaf { decided: a.decided, mark: marks.clone(), ..b.clone() }
}

/// Where two outcomes that differ in marks alone leave the packet the same: it came with the value that one writes.
fn alike(shared: &mut Shared, a: u32, b: u32) -> Within<Option<Node>> {
    let (a, b) = (shared.leaves.get(a).clone(), shared.leaves.get(b).clone());
    if !same(&a, &Leaf { mark: a.mark.clone(), ct_mark: a.ct_mark.clone(), ..b.clone() }) {
        return Ok(None);
    }
    let mut all = Node::TRUE;
    if a.end == End::Accept {
        all = equal(shared, Space::Mark, &a.mark, &b.mark)?;
    }
    let connection = equal(shared, Space::CtMark, &a.ct_mark, &b.ct_mark)?;
    shared.arena.and(all, connection).map(Some)
}

/// Where two values of a mark are equal.
fn equal(shared: &mut Shared, space: Space, a: &Option<Vec<Slice>>, b: &Option<Vec<Slice>>) -> Within<Node> {
    if a == b {
        return Ok(Node::TRUE);
    }
    let own: Vec<Slice> = shared
        .layout
        .atoms(Run { space, first: 0, count: 32 })
        .into_iter()
        .map(|(count, var)| Slice::Atom(count, var))
        .collect();
    let bits = |mark: &Option<Vec<Slice>>| mark.clone().unwrap_or_else(|| own.clone());
    let (mut a, mut b) = (bits(a), bits(b));
    let mut all = Node::TRUE;
    while let (Some(left), Some(right)) = (a.pop(), b.pop()) {
        let count = width(left).min(width(right));
        let (Some((left, rest)), Some((right, other))) = (low(left, count), low(right, count)) else {
            // Two variables that are cut at different bits: taken as different.
            return Ok(Node::FALSE);
        };
        a.extend(rest);
        b.extend(other);
        let here = match (left, right) {
            (a, b) if a == b => Node::TRUE,
            (Slice::Known(_, value), Slice::Atom(_, var)) | (Slice::Atom(_, var), Slice::Known(_, value)) => {
                shared.arena.within(var, &[(value, value)])?
            }
            // Of two variables with many values this would be a diagram of as many nodes: taken as different.
            (Slice::Atom(count, one), Slice::Atom(_, other)) if count <= 8 => {
                let mut any = Node::FALSE;
                for value in 0..1u128 << count {
                    let (one, other) =
                        (shared.arena.within(one, &[(value, value)])?, shared.arena.within(other, &[(value, value)])?);
                    let both = shared.arena.and(one, other)?;
                    any = shared.arena.or(any, both)?;
                }
                any
            }
            _ => Node::FALSE,
        };
        all = shared.arena.and(all, here)?;
    }
    Ok(if a.is_empty() && b.is_empty() { all } else { Node::FALSE })
}

fn width(slice: Slice) -> u16 {
    match slice {
        Slice::Known(count, _) | Slice::Atom(count, _) => count,
    }
}

/// The low bits of a stretch, and what is left of it; a variable cannot be cut.
fn low(slice: Slice, count: u16) -> Option<(Slice, Option<Slice>)> {
    match slice {
        _ if width(slice) == count => Some((slice, None)),
        Slice::Known(all, value) => {
            let mask = super::layout::ones(count);
            Some((Slice::Known(count, value & mask), Some(Slice::Known(all - count, value >> count))))
        }
        Slice::Atom(..) => None,
    }
}

fn change(
    shared: &mut Shared,
    (old, new): (&Ruleset, &Ruleset),
    class: Class,
    (a, b): (u32, u32),
    (here, members): (Node, Node),
    budget: Budget,
) -> Within<Change> {
    let (before, after) = (shared.leaves.get(a).clone(), shared.leaves.get(b).clone());
    let (had, has) = (effects(shared, &before), effects(shared, &after));
    let lost = without(&had, &has);
    let gained = without(&has, &had);
    let kind = match (before.end == after.end && before.why == after.why, lost.is_empty() && gained.is_empty()) {
        (false, _) => Kind::Verdict,
        (true, false) => Kind::Effect,
        (true, true) => Kind::Order,
    };
    let mut regions = Regions::of(shared, here, budget.regions);
    let mut inhabited = Vec::new();
    for region in &regions.boxes {
        inhabited.push(region.within(shared, members)?);
    }
    let mut at = 0..;
    regions.boxes.retain(|_| at.next().is_some_and(|index: usize| inhabited[index] != Node::FALSE));
    inhabited.retain(|node| *node != Node::FALSE);
    let mut depends: Vec<String> =
        regions.boxes.iter().flat_map(|region| region.questions(shared)).map(str::to_owned).collect();
    depends.extend([&before, &after].into_iter().filter_map(|leaf| leaf.why.clone()));
    depends.sort_unstable();
    depends.dedup();
    let by = |leaf: &Leaf| leaf.decided.map(|label| shared.leaves.text(label).to_owned());
    let (old_by, new_by) = (by(&before), by(&after));
    let certain = regions.boxes.iter().zip(&inhabited).filter(|(region, _)| region.questions(shared).is_empty());
    let certain: Vec<Node> = certain.map(|(_, node)| *node).collect();
    let witness = witness(shared, (old, new), kind, &certain)?;
    Ok(Change {
        kind,
        class,
        old: end(&before),
        new: end(&after),
        old_by,
        new_by,
        lost,
        gained,
        regions: regions.boxes.iter().map(|region| region.text(shared)).collect(),
        region_counts: vec![None; regions.boxes.len()],
        more: regions.more,
        count: None,
        witness,
        depends,
        boxes: regions.boxes,
        members,
        outcomes: (a, b),
    })
}

/// A packet of these sets for which the evaluator says that it changes in this way. One whose connection is as the
/// kernel itself would see it is taken before others.
fn witness(shared: &mut Shared, (old, new): (&Ruleset, &Ruleset), kind: Kind, sets: &[Node]) -> Within<Option<Packet>> {
    const TRIED: usize = 8;
    let (mut before, mut after) = (Evaluator::new(old), Evaluator::new(new));
    let state = Run { space: Space::CtState, first: 0, count: 32 };
    let mut any = None;
    for (index, set) in sets.iter().enumerate() {
        if any.is_some() && index >= TRIED {
            break;
        }
        // New ones first, then established, invalid and all others.
        for bits in [8, 2, 1, 0] {
            let within = match bits {
                0 => *set,
                bits => {
                    let is = shared.lies(state, &[(bits, bits)])?;
                    shared.arena.and(is, *set)?
                }
            };
            if within == Node::FALSE {
                continue;
            }
            let within = usual(shared, within, bits)?;
            let packet = packet(&shared.layout, &values(shared, within));
            if !confirms(&before.run(&packet), &after.run(&packet), kind) {
                continue;
            }
            if !shared.layout.class.tracked || is_natural(&packet, new) {
                return Ok(Some(packet));
            }
            any = any.or(Some(packet));
        }
    }
    Ok(any)
}

/// The packets of a set, which holds some, that are as most are: of a protocol with a tracker, and with the flags of the
/// first packet of a connection or of a later one.
fn usual(shared: &mut Shared, set: Node, state: u128) -> Within<Node> {
    let icmp = if shared.layout.class.ip6 { 58 } else { 1 };
    let protocol = Run { space: Space::L4proto, first: 0, count: 8 };
    let flags = Run { space: Space::Transport, first: 104, count: 8 };
    let mut out = set;
    let usual = match state {
        1 => 0x00,
        2 => 0x10,
        _ => 0x02,
    };
    for (run, values) in [(protocol, &[6, 17, icmp][..]), (flags, &[usual][..])] {
        for value in values.iter().copied() {
            let is = shared.lies(run, &[(value, value)])?;
            let both = shared.arena.and(is, out)?;
            if both != Node::FALSE {
                out = both;
                break;
            }
        }
    }
    Ok(out)
}

/// True for a packet whose connection is what the kernel makes of it, or is one that can be entered by hand.
fn is_natural(packet: &Packet, ruleset: &Ruleset) -> bool {
    let headers = Headers::of(packet, false);
    match packet.ct.state {
        Some(CtState::Established) => match headers.l4proto {
            Some(6) => packet.bytes.get(headers.transport + 13).is_some_and(|flags| flags & 0x17 == 0x10),
            other => other == Some(17),
        },
        state => state == first_packet(&packet.bytes, &headers, ruleset.host),
    }
}

impl Change {
    /// Verdicts first; then what others depend on before what is only counted.
    fn rank(&self) -> (Kind, bool, &str, &str) {
        let counted = |what: &String| what.starts_with("counter") || what.starts_with("log");
        (self.kind, self.lost.iter().chain(&self.gained).all(counted), &self.old, &self.new)
    }
}

/// True when the two outcomes the evaluator found differ in this way.
fn confirms(old: &Outcome, new: &Outcome, kind: Kind) -> bool {
    if !old.depends.is_empty() || !new.depends.is_empty() {
        return false;
    }
    let effects = |outcome: &Outcome| outcome.effects.iter().map(|(_, effect)| effect.clone()).collect::<Vec<_>>();
    match kind {
        Kind::Verdict => old.end != new.end,
        Kind::Effect => {
            old.end == new.end && (old.mark != new.mark || old.ct_mark != new.ct_mark || effects(old) != effects(new))
        }
        Kind::Order => effects(old) != effects(new),
    }
}

fn end(leaf: &Leaf) -> String {
    match (&leaf.why, leaf.end) {
        (Some(why), _) => format!("undecided ({why})"),
        (None, End::Stolen) => "taken away".into(),
        (None, end) => end.as_str().into(),
    }
}

/// All that is done to a packet beside its verdict, in words: marks as they are at the end, effects in order.
fn effects(shared: &Shared, leaf: &Leaf) -> Vec<String> {
    let mut out = Vec::new();
    if leaf.end == End::Accept {
        out.extend(leaf.mark.as_ref().map(|mark| format!("meta mark {}", value(shared, mark))));
    }
    out.extend(leaf.ct_mark.as_ref().map(|mark| format!("ct mark {}", value(shared, mark))));
    for done in shared.leaves.effects(leaf) {
        let text = match &done.effect {
            Effect::Counter(None) => "counter".into(),
            other => other.describe(),
        };
        out.push(match done.of {
            Some(label) => format!("{text} of rule `{}`", shared.leaves.text(label)),
            None => text,
        });
    }
    out
}

fn value(shared: &Shared, slices: &[Slice]) -> String {
    if let [Slice::Known(_, value)] = slices {
        return format!("{value:#x}");
    }
    let part = |slice: &Slice| match slice {
        Slice::Known(count, value) => format!("{value:#x} in {count} bits"),
        Slice::Atom(_, var) => match (shared.layout.run(*var), shared.asks(*var)) {
            (Some(run), _) => {
                format!("{:?} bits {}-{} as they came", run.space, run.first, run.end() - 1).to_lowercase()
            }
            (None, Some(what)) => format!("an unknown value ({what})"),
            (None, None) => "an unknown value".into(),
        },
    };
    slices.iter().map(part).collect::<Vec<_>>().join(" . ")
}

/// What `list` has and `other` has not, counted.
fn without(list: &[String], other: &[String]) -> Vec<String> {
    let mut rest: Vec<&String> = other.iter().collect();
    let mut out = Vec::new();
    for item in list {
        match rest.iter().position(|known| *known == item) {
            Some(at) => {
                rest.swap_remove(at);
            }
            None => out.push(item.clone()),
        }
    }
    out
}
