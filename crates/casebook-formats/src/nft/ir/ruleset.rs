//! Tables, chains, rules and sets, and how they refer to each other.

use std::collections::HashMap;

use casebook_core::{At, Span};

use super::{Expr, Family, Hook, Op, OpKind, Test, Verdict};

/// Type of a base chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChainKind {
    /// `filter`
    Filter,
    /// `nat`: run by the nat dispatcher, for the first packet of a connection.
    Nat,
    /// `route`: routes again when a mark or address changed.
    Route,
}

/// What a base chain does with a packet no rule has decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Policy {
    /// `accept`
    Accept,
    /// `drop`
    Drop,
}

/// How a base chain hangs on its hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseChain {
    /// Type.
    pub kind: ChainKind,
    /// Hook.
    pub hook: Hook,
    /// Priority; lower runs first.
    pub priority: i32,
    /// Policy; accept when not written.
    pub policy: Policy,
    /// Devices, for ingress and egress.
    pub devices: Vec<String>,
    /// Where the hook was written.
    pub span: Span,
}

/// Index of a table in [`Ruleset::tables`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TableId(pub u32);

/// Index of a chain in its table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChainId(pub u32);

/// Index of a set in its table, anonymous sets included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SetId(pub u32);

/// A rule of the ruleset: table, chain, index from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RuleRef {
    /// Table.
    pub table: TableId,
    /// Chain.
    pub chain: ChainId,
    /// Position, from 0.
    pub index: u32,
}

/// The whole ruleset.
#[derive(Clone, Debug, Default)]
pub struct Ruleset {
    /// What loads and runs it.
    pub host: crate::nft::release::Host,
    /// Tables in order of creation.
    pub tables: Vec<Table>,
    /// What nft or the kernel refuses.
    pub problems: Vec<Problem>,
    /// What the model does not cover: those operations are unknowns.
    pub unmodelled: Vec<casebook_core::Unmodelled>,
    /// Matches that nft joined, where that changes what a rule says.
    pub joins: Vec<Join>,
}

/// Matches of one rule that nft made one.
#[derive(Clone, Debug)]
pub struct Join {
    /// The operations of the rule as they read, before anything in it was joined.
    pub read: Vec<Op>,
    /// The matches, as indices of `read`, in the order of their fields in the header.
    pub parts: Vec<usize>,
    /// The match in whose place the joined one stands.
    pub stays: usize,
    /// What the join changed.
    pub changes: Vec<JoinChange>,
}

impl Join {
    /// Where the joined match is written: the statement that stays.
    pub fn span(&self) -> Option<Span> {
        self.read.get(self.stays).map(|op| op.loc.span)
    }
}

/// What a join changes of what a rule says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JoinChange {
    /// `!=` of each became `!=` of the whole, which holds when either differs.
    Negation,
    /// A list of flags, any of which would do, became the whole value.
    ExactFlags,
    /// A match was moved to the other side of an effect.
    PastEffect,
}

/// Something that keeps the ruleset from loading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong, lower case, one sentence.
    pub message: String,
    /// Where.
    pub span: Span,
    /// Where else, with what is there: the element it overlaps, the define it came from.
    pub also: Option<(Span, String)>,
    /// What it is.
    pub kind: ProblemKind,
}

/// Kinds of problems.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProblemKind {
    /// nft's parser or evaluator refuses it.
    Syntax,
    /// Elements of a set overlap.
    Overlap,
    /// A jump to a chain that does not exist.
    MissingChain,
    /// A loop of jumps, or jumps nested too deep.
    Nesting,
    /// A name, handle or index that does not exist.
    MissingObject,
}

/// A table.
#[derive(Clone, Debug)]
pub struct Table {
    /// Family.
    pub family: Family,
    /// Name.
    pub name: String,
    /// True when switched off.
    pub dormant: bool,
    /// Chains in order of creation.
    pub chains: Vec<Chain>,
    /// Sets, named and anonymous.
    pub sets: Vec<Set>,
    /// `ct timeout` objects.
    pub timeouts: Vec<Timeout>,
    /// Where it is declared.
    pub span: Span,
    /// Handle, when the evidence has it.
    pub handle: Option<u64>,
}

/// A chain.
#[derive(Clone, Debug)]
pub struct Chain {
    /// Name; anonymous chains are called `__chainN` as the kernel does.
    pub name: String,
    /// Hook of a base chain.
    pub base: Option<BaseChain>,
    /// Rules in order.
    pub rules: Vec<Rule>,
    /// Number of the registration, over all tables: at equal priority the last registered runs first.
    pub registered: u32,
    /// Where it is declared.
    pub at: At,
    /// Handle, when the evidence has it.
    pub handle: Option<u64>,
}

/// How a rule came to its place, as far as the evidence tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Placement {
    /// At the end, when it was added.
    Appended,
    /// By `insert`, before everything there was.
    Front,
    /// By `insert` or `add` at a handle or index.
    Positioned,
}

/// A rule.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Handle, when the evidence has it.
    pub handle: Option<u64>,
    /// Operations in order.
    pub ops: Vec<Op>,
    /// Where it is written.
    pub at: At,
    /// How it came to its place.
    pub placement: Placement,
    /// Its comment.
    pub comment: Option<String>,
}

/// A `ct timeout` object: how long a connection it is given to is remembered (net/netfilter/nft_ct.c
/// `nft_ct_timeout_obj_init`). A state it does not name keeps the protocol's own time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeout {
    /// Name.
    pub name: String,
    /// Transport protocol, as nft writes it: `tcp`, `udp`.
    pub protocol: Option<String>,
    /// Network protocol it is for: `ip`, `ip6`; that of the table when not written.
    pub l3proto: Option<String>,
    /// Times by state.
    pub policy: Vec<TimeoutState>,
    /// Where it is declared.
    pub span: Span,
    /// Handle, when the evidence has it.
    pub handle: Option<u64>,
}

impl Timeout {
    /// The time of a state (`established`, `close_wait`; `replied` of UDP), if the object names it: seconds, and where.
    pub fn of(&self, state: &str) -> Option<&TimeoutState> {
        self.policy.iter().rev().find(|known| known.state == state)
    }
}

/// The time of one state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeoutState {
    /// State, as nft writes it.
    pub state: String,
    /// Time in seconds.
    pub seconds: u32,
    /// Where it is written.
    pub span: Span,
}

/// A set or map.
#[derive(Clone, Debug)]
pub struct Set {
    /// Name; `__setN` for anonymous ones.
    pub name: String,
    /// True for a literal in a rule.
    pub anonymous: bool,
    /// True for a map.
    pub map: bool,
    /// Types of the key's parts.
    pub key: Vec<crate::nft::types::Type>,
    /// Types of a map's data; `Verdict` alone for a verdict map.
    pub data: Vec<crate::nft::types::Type>,
    /// Elements, in order.
    pub elems: Vec<Elem>,
    /// Data of `*`: `Some(None)` in a set.
    pub catchall: Option<Option<Data>>,
    /// Rules add to it or elements expire: membership is not decided by what is written.
    pub dynamic: bool,
    /// Elements have statements that can break.
    pub conditions: Vec<String>,
    /// Where it is declared.
    pub span: Span,
    /// Search structure, made by [`Set::index`].
    pub(crate) index: crate::nft::sets::Index,
}

/// An element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elem {
    /// Low and high end of each part, both included.
    pub key: Box<[(u128, u128)]>,
    /// What a map gives.
    pub data: Option<Data>,
    /// Where.
    pub span: Span,
    /// It has a timeout or a statement that can break.
    pub conditional: bool,
}

/// What a map gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    /// A verdict.
    Verdict(Verdict),
    /// Values.
    Values(Box<[u128]>),
    /// A range of values (nat).
    Range(Box<[(u128, u128)]>),
    /// Unknown.
    Unknown,
}

impl Ruleset {
    /// The table with this id.
    pub fn table(&self, id: TableId) -> &Table {
        &self.tables[id.0 as usize]
    }

    /// The chain of a rule.
    pub fn chain(&self, table: TableId, chain: ChainId) -> &Chain {
        &self.tables[table.0 as usize].chains[chain.0 as usize]
    }

    /// The rule of a reference.
    pub fn rule(&self, rule: RuleRef) -> &Rule {
        &self.chain(rule.table, rule.chain).rules[rule.index as usize]
    }

    /// Finds a chain by names: `inet filter input`.
    pub fn find_chain(&self, family: Family, table: &str, chain: &str) -> Option<(TableId, ChainId)> {
        let at = self.tables.iter().position(|known| known.family == family && known.name == table)?;
        let chain = self.tables[at].chains.iter().position(|known| known.name == chain)?;
        Some((TableId(at as u32), ChainId(chain as u32)))
    }

    /// All chains with their ids.
    pub fn chains(&self) -> impl Iterator<Item = (TableId, ChainId, &Chain)> {
        self.tables.iter().enumerate().flat_map(|(t, table)| {
            table.chains.iter().enumerate().map(move |(c, chain)| (TableId(t as u32), ChainId(c as u32), chain))
        })
    }

    /// All rules with their references.
    pub fn rules(&self) -> impl Iterator<Item = (RuleRef, &Rule)> {
        self.chains().flat_map(|(table, chain, body)| {
            body.rules
                .iter()
                .enumerate()
                .map(move |(index, rule)| (RuleRef { table, chain, index: index as u32 }, rule))
        })
    }

    /// The joins with their rules.
    pub fn joins(&self) -> Vec<(RuleRef, &Join)> {
        let known: HashMap<Span, &Join> =
            self.joins.iter().filter_map(|join| join.span().map(|span| (span, join))).collect();
        if known.is_empty() {
            return Vec::new();
        }
        let joined = |op: &Op| matches!(op.kind, OpKind::Match(Expr::Concat(_), Test::Cmp(..)));
        let of = |(at, rule): (RuleRef, &Rule)| {
            let ops = rule.ops.iter().filter(|op| joined(op));
            ops.filter_map(|op| known.get(&op.loc.span).map(|join| (at, *join))).collect::<Vec<_>>()
        };
        self.rules().flat_map(of).collect()
    }

    /// `inet filter input`.
    pub fn chain_name(&self, table: TableId, chain: ChainId) -> String {
        let owner = self.table(table);
        format!("{} {} {}", owner.family.as_str(), owner.name, self.chain(table, chain).name)
    }

    /// The key of a rule in outcomes: `inet filter/input/3`.
    pub fn rule_key(&self, rule: RuleRef) -> String {
        let table = self.table(rule.table);
        let chain = self.chain(rule.table, rule.chain);
        format!("{} {}/{}/{}", table.family.as_str(), table.name, chain.name, rule.index)
    }
}
