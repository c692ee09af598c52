//! What a change really does: the packets whose outcome differs between two rulesets.

use casebook_formats::nft::conntrack::{DEFRAG, is_active};
use casebook_formats::nft::ir::{BaseChain, Hook, RuleRef, Ruleset};
use casebook_formats::nft::outcome::{Effect, End};
use casebook_formats::nft::packet::{ETH_IP, ETH_IP6, Packet, Path};

use super::compile::{Care, Shared, compile_undecided};
use super::count::Count;
use super::diagram::{Node, OverBudget, Within};
use super::equal::alike;
use super::group::{Both, Group, SAME, grouped};
use super::layout::Layout;
use super::leaf::{Label, Leaf, Slice};
use super::packet::possible;
use super::region::{Region, Regions, combinations};
use super::space::{Class, Run, Space};
use super::touched::Pair;
use super::witness::witness;

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
    /// Changes told apart in each class: more are told apart by outcome alone, not by who decides, and then by verdict.
    pub groups: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self { steps: 160_000_000, edges: 16_000_000, regions: 64, groups: 64 }
    }
}

/// The classes two rulesets are compared over. Fragments after the first are a class of their own where rules see
/// them: connection tracking holds them before most chains, and the kernel puts those for this host together.
pub fn classes(old: &Ruleset, new: &Ruleset) -> Vec<Class> {
    let mut out = Vec::new();
    let early = [old, new].iter().flat_map(|ruleset| ruleset.chains()).any(|(.., chain)| {
        let before = |base: &BaseChain| base.priority <= DEFRAG && matches!(base.hook, Hook::Prerouting | Hook::Output);
        chain.base.as_ref().is_some_and(before)
    });
    for ip6 in [false, true] {
        let active = [old, new].map(|ruleset| is_active(ruleset, if ip6 { ETH_IP6 } else { ETH_IP }));
        let class = |path, later| Class { path, ip6, tracked: active.contains(&true), later };
        let paths = [Path::Input, Path::Forward, Path::Output];
        out.extend(paths.map(|path| class(path, false)));
        if early || active.contains(&false) {
            let seen = paths.into_iter().filter(|path| ip6 || *path != Path::Input);
            out.extend(seen.map(|path| class(path, true)));
        }
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
    Pair::new(old, new).compare_kept(class, budget)
}

impl Pair<'_> {
    /// The packets of a class whose outcomes differ.
    pub fn compare(&self, class: Class, budget: Budget) -> Found {
        if self.is_same() {
            return Found::Changes(Vec::new());
        }
        match self.compare_kept(class, budget) {
            Ok(compared) => Found::Changes(compared.changes),
            Err(_) => Found::OverBudget,
        }
    }

    fn compare_kept(&self, class: Class, budget: Budget) -> Within<Compared> {
        let mut shared = Shared::new(Layout::for_uses(class, &self.uses), budget.steps, budget.edges);
        let changes = changes(&mut shared, self, class, budget, &[])?;
        Ok(Compared { changes, shared })
    }

    /// The packets of a class whose outcomes differ, and what was not decided within the budget: where a class is too
    /// much as a whole, its protocols are compared one by one.
    pub fn compare_in_parts(&self, class: Class, budget: &mut Budget) -> (Vec<Change>, Vec<String>) {
        /// Protocols with rules of their own, and all others.
        const PARTS: &[(&str, &[(u128, u128)])] = &[
            ("tcp", &[(6, 6)]),
            ("udp", &[(17, 17)]),
            ("icmp", &[(1, 1), (58, 58)]),
            ("other protocols", &[(0, 0), (2, 5), (7, 16), (18, 57), (59, 255)]),
        ];
        if self.is_same() {
            return (Vec::new(), Vec::new());
        }
        if let Ok(changes) = self.part(class, budget, &[]) {
            return (changes, Vec::new());
        }
        let (mut found, mut undecided) = (Vec::new(), Vec::new());
        for (name, protocols) in PARTS {
            match self.part(class, budget, protocols) {
                Ok(changes) => found.extend(changes),
                Err(_) => undecided.push((*name).to_owned()),
            }
        }
        if undecided.len() == PARTS.len() {
            return (Vec::new(), vec!["all protocols".to_owned()]);
        }
        (found, undecided)
    }

    /// One part of a class. What it costs is taken off the budget, but for a rest every part has.
    fn part(&self, class: Class, budget: &mut Budget, protocols: &[(u128, u128)]) -> Within<Vec<Change>> {
        const LEAST: u64 = 4_000_000;
        let steps = budget.steps.max(LEAST);
        let mut shared = Shared::new(Layout::for_uses(class, &self.uses), steps, budget.edges);
        let found = changes(&mut shared, self, class, *budget, protocols);
        budget.steps = budget.steps.saturating_sub(steps - shared.arena.steps_left());
        found
    }

    /// Packets of a class as each ruleset sees them: connection tracking can run in one only.
    fn classes(&self, class: Class) -> [Class; 2] {
        self.tracked.map(|tracked| Class { tracked: tracked[usize::from(class.ip6)], ..class })
    }
}

/// Compares two rulesets that differ in where one rule stands, or in whether it is there.
pub fn compare_rule(
    (old, before): (&Ruleset, Option<RuleRef>),
    (new, after): (&Ruleset, Option<RuleRef>),
    class: Class,
    budget: Budget,
) -> Found {
    Pair::of_rule((old, before), (new, after)).compare(class, budget)
}

/// The changes of a class, or of those of its packets that have one of these protocols.
fn changes(
    shared: &mut Shared,
    pair: &Pair<'_>,
    class: Class,
    budget: Budget,
    protocols: &[(u128, u128)],
) -> Within<Vec<Change>> {
    let mut care = pair.care(shared)?;
    if !protocols.is_empty() && care != Care::Nothing {
        let part = shared.lies(Run { space: Space::L4proto, first: 0, count: 8 }, protocols)?;
        care = match care {
            Care::Where(node) => match shared.arena.and(node, part)? {
                Node::FALSE => Care::Nothing,
                node => Care::Where(node),
            },
            _ => Care::Where(part),
        };
    }
    if care == Care::Nothing {
        return Ok(Vec::new());
    }
    let [first, second] = pair.classes(class);
    // Who decides is asked only where something differs, which is nearly nowhere.
    let before = compile_undecided(shared, pair.old, first, care)?;
    let after = compile_undecided(shared, pair.new, second, care)?;
    let Shared { arena, leaves, .. } = &mut *shared;
    let differ = arena.pair(before, after, &mut |a, b| u32::from(!same(leaves.get(a), leaves.get(b))))?;
    let real = possible(shared)?;
    let differ = match care {
        Care::Where(care) => shared.arena.and(care, differ)?,
        _ => differ,
    };
    let differ = shared.arena.and(real, differ)?;
    if differ == Node::FALSE {
        return Ok(Vec::new());
    }
    let outcomes = Both { before, after, care };
    let (both, groups) = grouped(shared, pair, [first, second], (outcomes, differ), budget.groups)?;
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
        let group = &groups[leaf as usize];
        // Named without what no packet is like, so that a region says no more than the rules do.
        let mut here = shared.arena.map(both, &mut |other| u32::from(other == leaf))?;
        if let [(a, b)] = group.members.as_slice()
            && let Some(equal) = alike(shared, *a, *b)?
        {
            let differs = shared.arena.not(equal)?;
            here = shared.arena.and(here, differs)?;
        }
        let members = shared.arena.and(here, real)?;
        if members != Node::FALSE {
            out.push(change(shared, (pair.old, pair.new), class, group, (here, members), budget)?);
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
pub(super) fn same(a: &Leaf, b: &Leaf) -> bool {
    let marks = if a.end == End::Accept { &b.mark } else { &a.mark };
    *a == Leaf { decided: a.decided, mark: marks.clone(), ..b.clone() }
}

fn change(
    shared: &mut Shared,
    (old, new): (&Ruleset, &Ruleset),
    class: Class,
    group: &Group,
    (here, members): (Node, Node),
    budget: Budget,
) -> Within<Change> {
    let Some((a, b)) = group.members.first().copied() else { return Err(OverBudget) };
    let (before, after) = (shared.leaves.get(a).clone(), shared.leaves.get(b).clone());
    let kind = kind(shared, &before, &after);
    let (mut lost, mut gained) = (Vec::new(), Vec::new());
    for (a, b) in &group.members {
        let (had, has) = (effects(shared, shared.leaves.get(*a)), effects(shared, shared.leaves.get(*b)));
        lost.extend(without(&had, &has));
        gained.extend(without(&has, &had));
    }
    if group.members.len() > 1 {
        for list in [&mut lost, &mut gained] {
            list.sort_unstable();
            list.dedup();
        }
    }
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
    let [old_by, new_by] = deciders(shared, group);
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

/// How two outcomes that are not the same differ.
pub(super) fn kind(shared: &Shared, before: &Leaf, after: &Leaf) -> Kind {
    let (had, has) = (effects(shared, before), effects(shared, after));
    let equal = without(&had, &has).is_empty() && without(&has, &had).is_empty();
    match (before.end == after.end && before.why == after.why, equal) {
        (false, _) => Kind::Verdict,
        (true, false) => Kind::Effect,
        (true, true) => Kind::Order,
    }
}

/// Who decides before and after, in words.
fn deciders(shared: &Shared, group: &Group) -> [Option<String>; 2] {
    const NAMED: usize = 3;
    let of = |pick: &dyn Fn(&(u32, u32)) -> u32| {
        let mut labels: Vec<Label> =
            group.members.iter().filter_map(|members| shared.leaves.get(pick(members)).decided).collect();
        labels.sort_unstable();
        labels.dedup();
        match labels.as_slice() {
            _ if group.anonymous => Some("rules that were not told apart within the budget".to_owned()),
            [] => None,
            [only] => Some(shared.leaves.text(*only).to_owned()),
            many => {
                let named: Vec<&str> = many.iter().take(NAMED).map(|label| shared.leaves.text(*label)).collect();
                let more = many.len() - named.len();
                let more = if more > 0 { format!("; and {more} more") } else { String::new() };
                Some(format!("{} rules: {}{more}", many.len(), named.join("; ")))
            }
        }
    };
    [of(&|(a, _)| *a), of(&|(_, b)| *b)]
}

impl Change {
    /// Verdicts first; then what others depend on before what is only counted.
    fn rank(&self) -> (Kind, bool, &str, &str) {
        let counted = |what: &String| what.starts_with("counter") || what.starts_with("log");
        (self.kind, self.lost.iter().chain(&self.gained).all(counted), &self.old, &self.new)
    }
}

pub(super) fn end(leaf: &Leaf) -> String {
    match (&leaf.why, leaf.end) {
        (Some(why), _) => format!("undecided ({why})"),
        (None, End::Stolen) => "taken away".into(),
        (None, end) => end.as_str().into(),
    }
}

/// All that is done to a packet beside its verdict, in words: marks as they are at the end, effects in order.
pub(super) fn effects(shared: &Shared, leaf: &Leaf) -> Vec<String> {
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
