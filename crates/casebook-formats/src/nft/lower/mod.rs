//! Syntax to IR: types, dependencies, sets, verdicts (src/evaluate.c and src/netlink_linearize.c of nft).

mod constant;
mod deps;
mod expr;
mod merge;
mod set;
mod stmt;

use std::collections::{HashMap, HashSet, VecDeque};

use casebook_core::{At, Span, Unmodelled};

use super::apply::{ChainState, RuleState, State, TableState, TimeoutState as TimeoutObject};
use super::ir::{
    BaseChain, Chain, ChainId, ChainKind, Family, Hook, Loc, Op, OpKind, Opaque, Policy, Problem, ProblemKind, Rule,
    Ruleset, Set, SetId, Table, Timeout, TimeoutState, Verdict,
};
use super::release::Host;
use super::types::Type;
use crate::nft::ast::{Expr as Ast, HookSpec, SyntaxError, Word};

/// Why a construct could not be lowered exactly.
#[derive(Debug)]
pub(super) enum Fail {
    /// nft refuses it.
    Refused(String, Span),
    /// Not covered, or decided by something outside the evidence.
    Unknown(String),
}

pub(super) type Lowered<T> = Result<T, Fail>;

/// Lowers a state. Syntax errors of the front end become problems beside the lowering's own. A rule's syntax is
/// given up once it is lowered, so that a long ruleset is not held twice.
pub fn lower(state: State<'_>, errors: &[SyntaxError], unmodelled: Vec<Unmodelled>, host: Host) -> Ruleset {
    let mut out = Ruleset { unmodelled, host, ..Ruleset::default() };
    let syntax = |error: &SyntaxError| Problem {
        message: error.message.clone(),
        span: error.span,
        also: None,
        kind: ProblemKind::Syntax,
    };
    out.problems.extend(errors.iter().map(syntax));
    out.problems.extend(state.problems);
    for mut table in state.tables {
        let updated = set::updated_sets(&table);
        let rules = table.chains.iter_mut().map(|chain| std::mem::take(&mut chain.rules)).collect();
        let lowered = Lower::new(&table, &mut out).table(&updated, rules);
        out.tables.push(lowered);
    }
    super::nesting::check(&mut out);
    super::attach::check(&mut out);
    out
}

/// Lowers one table.
pub(super) struct Lower<'s, 'a> {
    pub(super) table: &'s TableState<'a>,
    pub(super) out: &'s mut Ruleset,
    pub(super) chains: HashMap<&'s str, ChainId>,
    pub(super) set_ids: HashMap<&'s str, SetId>,
    pub(super) sets: Vec<Set>,
    /// For maps used by `vmap`: an element that gives no verdict.
    pub(super) no_verdict: HashMap<SetId, Option<Span>>,
    /// Anonymous chains met on the way; they get the ids after the named ones.
    pub(super) inline: Vec<Chain>,
    /// The rule being lowered.
    pub(super) ops: Vec<Op>,
    pub(super) context: deps::Context,
    /// Flag lists without an operator in this rule, which nft can make exact when it joins matches.
    pub(super) flag_lists: Vec<Span>,
}

impl<'s, 'a> Lower<'s, 'a> {
    fn new(table: &'s TableState<'a>, out: &'s mut Ruleset) -> Self {
        let ids = table.chains.iter().enumerate().map(|(at, chain)| (chain.name.as_str(), ChainId(at as u32)));
        Self {
            table,
            out,
            chains: ids.collect(),
            set_ids: HashMap::new(),
            sets: Vec::new(),
            no_verdict: HashMap::new(),
            inline: Vec::new(),
            ops: Vec::new(),
            context: deps::Context::default(),
            flag_lists: Vec::new(),
        }
    }

    fn table(mut self, updated: &HashSet<String>, rules: Vec<VecDeque<RuleState<'a>>>) -> Table {
        self.declare_sets(updated);
        let table = self.table;
        let mut chains: Vec<Chain> =
            table.chains.iter().zip(rules).map(|(chain, rules)| self.chain(chain, rules)).collect();
        chains.append(&mut self.inline);
        let timeouts = table.timeouts.iter().map(|known| timeout(known, &mut self.out.problems)).collect();
        for set in &mut self.sets {
            set.reindex();
        }
        Table {
            family: self.table.family,
            name: self.table.name.clone(),
            dormant: self.table.dormant,
            chains,
            sets: self.sets,
            timeouts,
            span: self.table.span,
            handle: self.table.handle,
        }
    }

    fn chain(&mut self, chain: &ChainState<'a>, rules: VecDeque<RuleState<'a>>) -> Chain {
        let base = chain.hook.as_ref().and_then(|hook| match self.base(hook, chain.policy.as_ref()) {
            Ok(base) => Some(base),
            Err(fail) => {
                self.fail(fail, hook.span);
                None
            }
        });
        Chain {
            name: chain.name.clone(),
            base,
            rules: rules.into_iter().map(|rule| self.rule_ast(&rule.ast, rule.placement)).collect(),
            registered: chain.registered,
            at: At::Text(chain.span),
            handle: chain.handle,
        }
    }

    fn base(&self, spec: &HookSpec<'a>, policy: Option<&Ast<'a>>) -> Lowered<BaseChain> {
        let kind = match spec.kind.text.as_ref() {
            "filter" => ChainKind::Filter,
            "nat" => ChainKind::Nat,
            "route" => ChainKind::Route,
            other => return Err(Fail::Refused(format!("`{other}` is not a chain type"), spec.kind.span)),
        };
        let Some(hook) = Hook::parse(&spec.hook.text).filter(|hook| hooks_of(self.table.family).contains(hook)) else {
            let message = format!("family {} has no hook `{}`", self.table.family.as_str(), spec.hook.text);
            return Err(Fail::Refused(message, spec.hook.span));
        };
        let policy = match policy.map(|policy| policy.resolve().0) {
            None => Policy::Accept,
            Some(Ast::Word(word)) if word.text == "accept" => Policy::Accept,
            Some(Ast::Word(word)) if word.text == "drop" => Policy::Drop,
            Some(other) => return Err(Fail::Refused("a policy is `accept` or `drop`".into(), other.span())),
        };
        let mut devices = Vec::new();
        for device in &spec.devices {
            collect_words(device, &mut devices);
        }
        let priority = priority(self.table.family, spec)?;
        use Hook::{Input, Output, Postrouting, Prerouting};
        let routed = matches!(self.table.family, Family::Ip | Family::Ip6 | Family::Inet);
        let fits = match kind {
            ChainKind::Filter => true,
            ChainKind::Nat => routed && matches!(hook, Prerouting | Input | Output | Postrouting),
            ChainKind::Route => routed && hook == Output,
        };
        if !fits {
            let family = self.table.family.as_str();
            let message =
                format!("a chain of type {} cannot hang on {} of family {family}", spec.kind.text, hook.as_str());
            return Err(Fail::Refused(message, spec.span));
        }
        // A nat chain runs after connection tracking (net/netfilter/nf_tables_api.c `nft_chain_parse_hook`).
        if kind == ChainKind::Nat && priority <= super::conntrack::CONNTRACK {
            let message = format!("a nat chain needs a priority above {}", super::conntrack::CONNTRACK);
            return Err(Fail::Refused(message, spec.span));
        }
        Ok(BaseChain { kind, hook, priority, policy, devices, span: spec.span })
    }

    pub(super) fn rule_ast(&mut self, ast: &crate::nft::ast::RuleAst<'a>, placement: super::ir::Placement) -> Rule {
        // Most statements are one operation and the dependency before it.
        let outer_ops = std::mem::replace(&mut self.ops, Vec::with_capacity(2 * ast.stmts.len()));
        let outer_lists = std::mem::take(&mut self.flag_lists);
        let outer_context = std::mem::take(&mut self.context);
        let mut terminal: Option<Span> = None;
        for stmt in &ast.stmts {
            if let Some(before) = terminal {
                // `rule_evaluate`: "Statement after terminal statement has no effect".
                self.out.problems.push(Problem {
                    message: "this statement comes after one that ends the rule".into(),
                    span: stmt.span,
                    also: Some((before, "the rule ends here".into())),
                    kind: ProblemKind::Syntax,
                });
            }
            let from = self.ops.len();
            if let Err(fail) = self.stmt(stmt) {
                let what = match &fail {
                    Fail::Refused(message, _) | Fail::Unknown(message) => message.clone(),
                };
                self.fail(fail, stmt.span);
                self.ops.truncate(from);
                self.push(OpKind::Opaque(Opaque { what, may_break: true, may_end: false }), stmt.span, None);
            }
            if stmt::is_terminal(stmt) {
                terminal = Some(stmt.span);
            }
        }
        self.merge();
        self.flag_lists = outer_lists;
        let mut ops = std::mem::replace(&mut self.ops, outer_ops);
        ops.shrink_to_fit();
        self.context = outer_context;
        let at = match ast.record {
            Some(index) => {
                At::Record { index: u64::from(index), pointer: format!("/nftables/{index}"), span: ast.span }
            }
            None => At::Text(ast.span),
        };
        Rule { handle: ast.handle, ops, at, placement, comment: ast.comment.as_ref().map(|word| word.text.to_string()) }
    }

    pub(super) fn push(&mut self, kind: OpKind, span: Span, define: Option<Span>) {
        self.ops.push(Op { kind, loc: Loc { span, define }, implicit: false });
    }

    pub(super) fn fail(&mut self, fail: Fail, span: Span) {
        match fail {
            Fail::Refused(message, span) => {
                self.out.problems.push(Problem { message, span, also: None, kind: ProblemKind::Syntax });
            }
            Fail::Unknown(why) => self.out.unmodelled.push(Unmodelled { span, why }),
        }
    }

    pub(super) fn verdict(&mut self, verdict: &crate::nft::ast::Verdict<'a>) -> Verdict {
        use crate::nft::ast::VerdictKind;
        let named = |lower: &mut Self, word: &crate::nft::ast::Word<'a>| {
            let found = lower.chains.get(word.text.as_ref()).copied();
            if found.is_none() {
                lower.out.problems.push(Problem {
                    message: format!("chain `{}` does not exist in table `{}`", word.text, lower.table.name),
                    span: word.span,
                    also: None,
                    kind: ProblemKind::MissingChain,
                });
            }
            found
        };
        match &verdict.kind {
            VerdictKind::Accept => Verdict::Accept,
            VerdictKind::Drop => Verdict::Drop,
            VerdictKind::Continue => Verdict::Continue,
            VerdictKind::Return => Verdict::Return,
            VerdictKind::Jump(name) => named(self, name).map_or(Verdict::Missing, Verdict::Jump),
            VerdictKind::Goto(name) => named(self, name).map_or(Verdict::Missing, Verdict::Goto),
            VerdictKind::Inline(goto, rules) => {
                let rules = rules.iter().map(|rule| self.rule_ast(rule, super::ir::Placement::Appended)).collect();
                let number = self.inline.len();
                let id = ChainId((self.table.chains.len() + number) as u32);
                self.inline.push(Chain {
                    name: format!("__chain{number}"),
                    base: None,
                    rules,
                    registered: u32::MAX,
                    at: At::Text(verdict.span),
                    handle: None,
                });
                if *goto { Verdict::Goto(id) } else { Verdict::Jump(id) }
            }
        }
    }

    /// Key and data types of a named set.
    pub(super) fn set_types(&self, id: SetId) -> (Vec<Type>, Vec<Type>) {
        let set = &self.sets[id.0 as usize];
        (set.key.clone(), set.data.clone())
    }
}

fn hooks_of(family: Family) -> &'static [Hook] {
    use Hook::{Egress, Forward, Ingress, Input, Output, Postrouting, Prerouting};
    match family {
        Family::Inet => &[Ingress, Prerouting, Input, Forward, Output, Postrouting],
        Family::Ip | Family::Ip6 | Family::Bridge => &[Prerouting, Input, Forward, Output, Postrouting],
        Family::Arp => &[Input, Output],
        Family::Netdev => &[Ingress, Egress],
    }
}

/// Named priorities (src/rule.c `std_prios`, `bridge_std_prios`).
fn priority(family: Family, spec: &HookSpec<'_>) -> Lowered<i32> {
    let (value, _) = spec.priority.resolve();
    let Ast::Word(word) = value else {
        return Err(Fail::Refused("a priority is a name or a number".into(), value.span()));
    };
    let named = match (family, word.text.as_ref()) {
        (Family::Bridge, "dstnat") => Some(-300),
        (Family::Bridge, "filter") => Some(-200),
        (Family::Bridge, "out") => Some(100),
        (Family::Bridge, "srcnat") => Some(300),
        (Family::Arp | Family::Netdev, "filter") => Some(0),
        (Family::Ip | Family::Ip6 | Family::Inet, name) => match name {
            "raw" => Some(-300),
            "mangle" => Some(-150),
            "dstnat" => Some(-100),
            "filter" => Some(0),
            "security" => Some(50),
            "srcnat" => Some(100),
            _ => None,
        },
        _ => None,
    };
    let base = match named {
        Some(base) => base,
        None => word.text.parse::<i64>().map_err(|_| {
            Fail::Refused(format!("`{}` is not a priority of family {}", word.text, family.as_str()), word.span)
        })?,
    };
    i32::try_from(base + spec.offset).map_err(|_| Fail::Refused("the priority is out of range".into(), spec.span))
}

/// A `ct timeout` object. What a state of its protocol is, is nft's (src/rule.c `timeout_protocol`).
fn timeout(state: &TimeoutObject<'_>, problems: &mut Vec<Problem>) -> Timeout {
    const TCP: &[&str] = &[
        "syn_sent",
        "syn_recv",
        "established",
        "fin_wait",
        "close_wait",
        "last_ack",
        "time_wait",
        "close",
        "syn_sent2",
        "retrans",
        "unack",
    ];
    let ast = &state.ast;
    let text = |word: &Option<Word<'_>>| word.as_ref().map(|word| word.text.to_string());
    let protocol = text(&ast.protocol);
    let states = match protocol.as_deref() {
        Some("tcp") => TCP,
        Some("udp") => &["unreplied", "replied"],
        _ => &[],
    };
    let wrong = ast.policy.iter().filter(|(word, ..)| !states.contains(&word.text.as_ref()));
    problems.extend(wrong.map(|(word, ..)| Problem {
        message: format!("`{}` is not a state of {}", word.text, protocol.as_deref().unwrap_or("no protocol")),
        span: word.span,
        also: None,
        kind: ProblemKind::Syntax,
    }));
    let policy = ast.policy.iter().map(|(word, seconds, span)| TimeoutState {
        state: word.text.to_string(),
        seconds: *seconds,
        span: *span,
    });
    Timeout {
        name: state.name.clone(),
        l3proto: text(&ast.l3proto),
        policy: policy.collect(),
        span: state.span,
        handle: ast.handle,
        protocol,
    }
}

/// The words of a word, list or set.
fn collect_words(expr: &Ast<'_>, out: &mut Vec<String>) {
    match expr.resolve().0 {
        Ast::Word(word) => out.push(word.text.to_string()),
        Ast::Set(elems, _) => elems.iter().for_each(|elem| collect_words(&elem.key, out)),
        Ast::List(items, _) => items.iter().for_each(|item| collect_words(item, out)),
        _ => {}
    }
}
