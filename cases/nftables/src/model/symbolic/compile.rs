//! A ruleset as one function from packets to outcomes, built from its end to its beginning.
//!
//! A rule is compiled with what comes after it at hand: what follows when it breaks, when it is through, when it
//! accepts and when it returns. So a jump is the called chain compiled with the rest of the caller as its return, and
//! a write is the rest with the written value read in place of the field. Chains are kept by what follows them and are
//! never unrolled along paths.

use std::collections::HashMap;
use std::rc::Rc;

use casebook_formats::nft::ir::{
    ChainId, CtKey, Data, Expr, Family, Field, Hook, MetaKey, Policy, RuleRef, Ruleset, SetId, Table, TableId, Verdict,
};
use casebook_formats::nft::outcome::{Effect, End};
use casebook_formats::nft::packet::Path;
use casebook_formats::nft::plan::{Entry, HookPlan};
use casebook_formats::nft::types::name_value;
use casebook_formats::nft::{plan, show};

use super::alike::marks;
use super::block::Hull;
use super::diagram::{Arena, Node, Source, Var, Within};
use super::layout::{Layout, ones};
use super::leaf::{Label, Leaves, Slice};
use super::space::{At, Class, Run, Space};

/// Chains that call each other, one in the next; nft refuses more.
const MAX_DEPTH: usize = 64;

/// What all rulesets of a comparison share: variables, nodes, outcomes.
#[derive(Debug)]
pub struct Shared {
    /// Nodes.
    pub arena: Arena,
    /// Variables.
    pub layout: Layout,
    /// Outcomes.
    pub leaves: Leaves,
    questions: HashMap<String, Var>,
    names: HashMap<Var, String>,
}

impl Shared {
    /// For rulesets of one class, with a budget of steps and of intervals kept.
    pub fn new(layout: Layout, steps: u64, edges: u64) -> Self {
        let arena = Arena::new(layout.greatest(), steps, edges);
        Self { arena, layout, leaves: Leaves::default(), questions: HashMap::new(), names: HashMap::new() }
    }

    /// The variable of a question with two answers.
    pub fn question(&mut self, what: String) -> Within<Var> {
        self.named(what, 1)
    }

    /// The variable of something that is not known, by name.
    pub fn named(&mut self, what: String, greatest: u128) -> Within<Var> {
        if let Some(var) = self.questions.get(&what) {
            return Ok(*var);
        }
        let var = self.arena.add_var(greatest)?;
        self.names.insert(var, what.clone());
        self.questions.insert(what, var);
        Ok(var)
    }

    /// Number of variables.
    pub fn variables(&self) -> u16 {
        self.arena.variables()
    }

    /// Greatest value of a variable.
    pub fn greatest(&self, var: Var) -> u128 {
        self.arena.greatest(var)
    }

    /// What a variable asks, for one that stands for something unknown.
    pub fn asks(&self, var: Var) -> Option<&str> {
        self.names.get(&var).map(String::as_str)
    }
}

/// What follows a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Exits {
    /// After accept: the next base chain.
    pub(super) accept: Node,
    /// At the end of the chain and after return.
    pub(super) back: Node,
    /// After a translation: past the nat chains of the hook.
    pub(super) bound: Node,
}

/// Compiles one ruleset.
pub(super) struct Compiler<'r, 's> {
    pub(super) shared: &'s mut Shared,
    pub(super) ruleset: &'r Ruleset,
    pub(super) class: Class,
    pub(super) at: At,
    /// In the hook whose last word counts as the decision.
    main: bool,
    depth: usize,
    /// What `ct state` loads before the lookup.
    pub(super) early: u128,
    /// Where the function is wanted.
    pub(super) care: Node,
    /// Leaves say who decided.
    decides: bool,
    known: HashMap<(TableId, ChainId, Exits, At), Node>,
    /// For each rule of a chain, whether an earlier one does the same: [`super::alike::marks`].
    marks: HashMap<(TableId, ChainId), Vec<u64>>,
    labels: HashMap<RuleRef, Label>,
    /// The variable of a field that has one.
    pub(super) vars: HashMap<Field, Option<Var>>,
    /// What variables can be where the function is wanted.
    pub(super) hulls: HashMap<Var, Rc<Hull>>,
}

/// Which packets a function is wanted for; of the others it may say anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Care {
    /// All.
    Everywhere,
    /// Those for which this is true.
    Where(Node),
    /// None.
    Nothing,
}

/// The function of a ruleset over a class of packets: what becomes of each one asked for, and who decided.
pub fn compile(shared: &mut Shared, ruleset: &Ruleset, class: Class, care: Care) -> Within<Node> {
    let mut compiler = Compiler::new(shared, ruleset, class);
    if let Care::Where(care) = care {
        compiler.care = care;
    }
    compiler.path()
}

/// As [`compile`], without who decided: rules that do the same need not be told apart, and most lists of rules have few
/// outcomes.
pub fn compile_undecided(shared: &mut Shared, ruleset: &Ruleset, class: Class, care: Care) -> Within<Node> {
    let mut compiler = Compiler::new(shared, ruleset, class);
    compiler.decides = false;
    if let Care::Where(care) = care {
        compiler.care = care;
    }
    compiler.path()
}

impl<'r, 's> Compiler<'r, 's> {
    pub(super) fn new(shared: &'s mut Shared, ruleset: &'r Ruleset, class: Class) -> Self {
        let at = At { hook: Hook::Forward, looked_up: true };
        Self {
            shared,
            ruleset,
            class,
            at,
            main: false,
            depth: 0,
            early: 1,
            care: Node::TRUE,
            decides: true,
            known: HashMap::new(),
            marks: HashMap::new(),
            labels: HashMap::new(),
            vars: HashMap::new(),
            hulls: HashMap::new(),
        }
    }
}

/// The connection was exempted before it was looked up.
pub(super) const EXEMPT: &str = "notrack";

impl<'r> Compiler<'r, '_> {
    fn path(&mut self) -> Within<Node> {
        let family = if self.class.ip6 { Family::Ip6 } else { Family::Ip };
        let mut after = Node::leaf(self.shared.leaves.end(End::Accept, None));
        for hook in self.class.path.hooks().iter().rev() {
            let plan = plan::entries(self.ruleset, *hook, family, None, self.class.tracked);
            if *hook == Hook::Prerouting && self.class.path == Path::Forward {
                after = self.forwarded(after)?;
            }
            self.main = matches!(hook, Hook::Input | Hook::Forward | Hook::Output);
            let looped = *hook == Hook::Prerouting && self.class.path == Path::Input && self.class.tracked;
            let over_lo = if looped { Some((self.carried()?, self.hook(&plan, after, true)?)) } else { None };
            after = self.hook(&plan, after, false)?;
            if let Some((over_lo, known)) = over_lo {
                after = self.shared.arena.choose(over_lo, known, after)?;
            }
        }
        match self.shared.questions.get(EXEMPT) {
            Some(var) => self.shared.arena.substitute(after, *var, Source::Value(0)),
            None => Ok(after),
        }
    }

    /// The entries of a hook. Packets that come back over `lo` still carry the connection they got on the way out.
    fn hook(&mut self, plan: &HookPlan, after: Node, looked_up: bool) -> Within<Node> {
        let lookup = plan.entries.iter().position(|(_, entry)| *entry == Entry::Conntrack);
        let mut after = after;
        for (index, (_, entry)) in plan.entries.iter().enumerate().rev() {
            if looked_up && *entry == Entry::Conntrack {
                continue;
            }
            let looked_up = self.class.tracked && (looked_up || lookup.is_none_or(|lookup| index > lookup));
            self.at = At { hook: plan.hook, looked_up };
            after = self.entry(entry, after)?;
        }
        Ok(after)
    }

    /// Packets that come in with a connection, or exempt.
    fn carried(&mut self) -> Within<Node> {
        let none = self.is(Run { space: Space::CtState, first: 0, count: 32 }, &[(1, 1)])?;
        let some = self.shared.arena.not(none)?;
        let over_lo = self.over_lo()?;
        self.shared.arena.and(over_lo, some)
    }

    fn over_lo(&mut self) -> Within<Node> {
        let lo = name_value("lo");
        self.is(Run { space: Space::Iif, first: 0, count: 128 }, &[(lo, lo)])
    }

    /// Only packets for this host's link address are forwarded, and a rule can have written whom one is for.
    fn forwarded(&mut self, after: Node) -> Within<Node> {
        let key = MetaKey::Pkttype;
        let to_host = self.is(Run { space: Space::Meta(key), first: 0, count: 8 }, &[(0, 0)])?;
        let dropped = Node::leaf(self.shared.leaves.end(End::Drop, None));
        self.shared.arena.choose(to_host, after, dropped)
    }

    fn entry(&mut self, entry: &Entry, after: Node) -> Within<Node> {
        match entry {
            Entry::Chain(table, chain) => self.base(*table, *chain, after, after),
            Entry::Nat(chains) => {
                let mut first = after;
                for (table, chain) in chains.iter().rev() {
                    first = self.base(*table, *chain, first, after)?;
                }
                let seen = self.meets_nat()?;
                self.shared.arena.choose(seen, first, after)
            }
            Entry::Defrag => {
                let held = Node::leaf(self.shared.leaves.end(End::Stolen, None));
                let fragment = self.fragment()?;
                let exempt = self.question(EXEMPT.into())?;
                let looked_at = self.shared.arena.not(exempt)?;
                let here = self.shared.arena.and(fragment, looked_at)?;
                self.shared.arena.choose(here, held, after)
            }
            Entry::Conntrack => {
                let is_exempt = self.question(EXEMPT.into())?;
                let state = Run { space: Space::CtState, first: 0, count: 32 };
                let without = self.write(after, state, Some(vec![Slice::Known(32, 64)]), EXEMPT)?;
                self.shared.arena.choose(is_exempt, without, after)
            }
        }
    }

    /// Fragments, the first included (`ip_is_fragment`). [`super::packet::possible`] has no first fragments of IPv6 that
    /// connection tracking would hold.
    fn fragment(&mut self) -> Within<Node> {
        if self.class.later || self.class.ip6 {
            return Ok(Node::of(self.class.later));
        }
        self.is(Run { space: Space::Network, first: 50, count: 1 }, &[(1, 1)])
    }

    /// Nat chains see the first packet of a connection, no ICMP error about one, and nothing that comes back over `lo`.
    fn meets_nat(&mut self) -> Within<Node> {
        let state = Run { space: Space::CtState, first: 0, count: 32 };
        let (new, related) = (self.is(state, &[(8, 8)])?, self.is(state, &[(4, 4)])?);
        let icmp = self.is(Run { space: Space::L4proto, first: 0, count: 8 }, &[(1, 1), (58, 58)])?;
        let other = self.shared.arena.not(icmp)?;
        let related = self.shared.arena.and(related, other)?;
        let first = self.shared.arena.or(new, related)?;
        if self.class.path != Path::Input {
            return Ok(first);
        }
        let looped = self.over_lo()?;
        let straight = self.shared.arena.not(looped)?;
        self.shared.arena.and(first, straight)
    }

    fn base(&mut self, table: TableId, chain: ChainId, accept: Node, bound: Node) -> Within<Node> {
        let policy = self.ruleset.chain(table, chain).base.as_ref().map(|base| base.policy);
        let label = self.shared.leaves.label(format!("policy of {}", self.ruleset.chain_name(table, chain)));
        let back = match policy {
            Some(Policy::Drop) => Node::leaf(self.shared.leaves.end(End::Drop, self.decides.then_some(label))),
            _ => self.decided(accept, label)?,
        };
        self.chain(table, chain, Exits { accept, back, bound })
    }

    /// Who decided, where the outcome does not say. Later base chains have the last word, and the main hook's.
    fn decided(&mut self, node: Node, label: Label) -> Within<Node> {
        if !self.main || !self.decides {
            return Ok(node);
        }
        let Shared { arena, leaves, .. } = &mut *self.shared;
        arena.map(node, &mut |leaf| leaves.decided_by(leaf, label))
    }

    fn chain(&mut self, table_id: TableId, chain: ChainId, exits: Exits) -> Within<Node> {
        let key = (table_id, chain, exits, self.at);
        if let Some(node) = self.known.get(&key) {
            return Ok(*node);
        }
        if self.depth >= MAX_DEPTH {
            return Ok(Node::leaf(self.shared.leaves.unknown("chains that call each other in a loop")));
        }
        self.depth += 1;
        let table = self.ruleset.table(table_id);
        let next = self.rules(table_id, chain, &table.chains[chain.0 as usize].rules, exits)?;
        self.depth -= 1;
        self.known.insert(key, next);
        Ok(next)
    }

    /// The label of a rule: its chain and its text, and a number where the chain has the rule more than once.
    pub(super) fn label(&mut self, rule: RuleRef) -> Label {
        if let Some(label) = self.labels.get(&rule) {
            return *label;
        }
        let marks = self.marks.entry((rule.table, rule.chain)).or_insert_with(|| marks(self.ruleset, rule));
        let at = rule.index as usize;
        let before = marks[..at].iter().filter(|mark| **mark == marks[at]).count();
        let again = if before > 0 { format!(" (no. {})", before + 1) } else { String::new() };
        let chain = self.ruleset.chain_name(rule.table, rule.chain);
        let text = show::rule(self.ruleset, rule.table, self.ruleset.rule(rule));
        let label = self.shared.leaves.label(format!("{chain}: {text}{again}"));
        self.labels.insert(rule, label);
        label
    }

    /// Before the packet's connection is looked up its state is invalid, or untracked once a rule has exempted it.
    pub(super) fn before_lookup(&mut self, expr: &Expr, then: impl Fn(&mut Self) -> Within<Node>) -> Within<Node> {
        if !self.is_early(expr) {
            return then(self);
        }
        let usual = then(self)?;
        self.early = 64;
        let exempt = then(self);
        self.early = 1;
        let is_exempt = self.question(EXEMPT.into())?;
        self.shared.arena.choose(is_exempt, exempt?, usual)
    }

    /// True for an expression that reads the state of a connection that has not been looked up.
    pub(super) fn is_early(&self, expr: &Expr) -> bool {
        !self.at.looked_up && self.class.tracked && reads_state(expr)
    }

    pub(super) fn verdict(&mut self, verdict: Verdict, at: RuleRef, next: Node, exits: Exits) -> Within<Node> {
        match verdict {
            Verdict::Accept => self.accept(at, exits),
            Verdict::Drop => self.ends(End::Drop, at),
            Verdict::Continue => Ok(next),
            Verdict::Return => Ok(exits.back),
            Verdict::Jump(to) => self.chain(at.table, to, Exits { back: next, ..exits }),
            Verdict::Goto(to) => self.chain(at.table, to, exits),
            Verdict::Missing => Ok(Node::leaf(self.shared.leaves.unknown("a chain that does not exist"))),
        }
    }

    pub(super) fn accept(&mut self, at: RuleRef, exits: Exits) -> Within<Node> {
        if !self.main || !self.decides {
            return Ok(exits.accept);
        }
        let label = self.label(at);
        self.decided(exits.accept, label)
    }

    pub(super) fn ends(&mut self, end: End, at: RuleRef) -> Within<Node> {
        let label = self.decides.then(|| self.label(at));
        Ok(Node::leaf(self.shared.leaves.end(end, label)))
    }

    pub(super) fn vmap(
        &mut self,
        table: &'r Table,
        key: &Expr,
        id: SetId,
        at: RuleRef,
        next: Node,
        exits: Exits,
    ) -> Within<Node> {
        let set = &table.sets[id.0 as usize];
        let parts: &[Expr] = if let Expr::Concat(parts) = key { parts } else { std::slice::from_ref(key) };
        let decided = !set.dynamic && set.conditions.is_empty() && set.elems.iter().all(|elem| !elem.conditional);
        let read = if decided { self.parts(parts)? } else { None };
        let Some((valid, values)) =
            read.filter(|(valid, values)| *valid == Node::FALSE || values.len() == set.key.len())
        else {
            let why = format!("what {} gives", show::set(table, id));
            return Ok(Node::leaf(self.shared.leaves.unknown(&why)));
        };
        if valid == Node::FALSE {
            return Ok(next);
        }
        let target = |compiler: &mut Self, data: Option<&Data>| match data {
            Some(Data::Verdict(verdict)) => compiler.verdict(*verdict, at, next, exits),
            _ => Ok(Node::leaf(compiler.shared.leaves.unknown("a verdict that is not known"))),
        };
        let mut out = match &set.catchall {
            Some(data) => target(self, data.as_ref())?,
            None => next,
        };
        // The first element that holds the key gives the verdict.
        for elem in set.elems.iter().rev() {
            let here = self.is_element(&values, &elem.key)?;
            let to = target(self, elem.data.as_ref())?;
            out = self.shared.arena.choose(here, to, out)?;
        }
        self.shared.arena.choose(valid, out, next)
    }

    /// The function with one more effect before everything.
    pub(super) fn with(&mut self, node: Node, effect: Effect, of: Option<Label>) -> Within<Node> {
        let done = super::leaf::Done { effect, of };
        let Shared { arena, leaves, .. } = &mut *self.shared;
        arena.map(node, &mut |leaf| leaves.with(leaf, &done))
    }

    /// The function with `source` read instead of `var`, in its tests and in the marks it leaves.
    pub(super) fn substitute(&mut self, node: Node, var: Var, source: Source) -> Within<Node> {
        if source == Source::Var(var) {
            return Ok(node);
        }
        let Shared { arena, leaves, .. } = &mut *self.shared;
        let node = arena.map(node, &mut |leaf| leaves.substituted(leaf, var, source))?;
        arena.substitute(node, var, source)
    }

    /// The function with a value written to a run of bits. Bits whose value is not known become a variable of the name
    /// `what`.
    pub(super) fn write(&mut self, node: Node, run: Run, value: Option<Vec<Slice>>, what: &str) -> Within<Node> {
        let atoms = self.shared.layout.atoms(run);
        let aligned = value.and_then(|value| super::value::aligned(&value, &atoms));
        // Bits that move within the field would have to be moved all at once.
        let moves = aligned.iter().flatten().zip(&atoms).any(|(slice, (_, own))| {
            matches!(slice, Slice::Atom(_, from) if from != own && atoms.iter().any(|(_, var)| var == from))
        });
        let mut out = node;
        for (index, (count, var)) in atoms.iter().enumerate() {
            let source = match aligned.as_ref().filter(|_| !moves).map(|slices| slices[index]) {
                Some(Slice::Known(_, value)) => Source::Value(value),
                Some(Slice::Atom(_, from)) => Source::Var(from),
                None => Source::Var(self.shared.named(format!("{what}, part {index}"), ones(*count))?),
            };
            out = self.substitute(out, *var, source)?;
        }
        Ok(out)
    }
}

fn reads_state(expr: &Expr) -> bool {
    match expr {
        Expr::Load(Field::Ct(CtKey::State, _)) => true,
        Expr::Bits { base, .. } | Expr::Shift { base, .. } => reads_state(base),
        Expr::Map(key, _) => reads_state(key),
        Expr::Concat(parts) => parts.iter().any(reads_state),
        Expr::Load(_) | Expr::Const(_) | Expr::Unknown { .. } => false,
    }
}
