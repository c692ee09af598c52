//! Commands to the state they leave: which rules a chain holds, in which order.
//!
//! Placement is the kernel's (net/netfilter/nf_tables_api.c `nf_tables_newrule`): `add` at the end or after a
//! handle or index, `insert` at the front or before it. A block appends, so a file loaded twice holds every
//! rule twice.

use std::collections::{HashMap, HashSet, VecDeque};

use casebook_core::Span;

use super::ir::{Family, Placement, Problem, ProblemKind};
use crate::nft::ast::{
    ChainAst, Command, CommandVerb, Expr, HookSpec, ObjectAst, Position, RuleAst, SetAst, TableName, TimeoutAst, Word,
};

/// The state, with borrowed syntax; [`super::lower`] turns it into a [`super::ir::Ruleset`].
#[derive(Debug, Default)]
pub struct State<'a> {
    /// Tables in order of creation.
    pub tables: Vec<TableState<'a>>,
    /// What was refused on the way.
    pub problems: Vec<Problem>,
    by_name: HashMap<(Family, String), usize>,
    registered: u32,
    /// Something was deleted: it keeps its slot until the commands are through, so that a long list of deletions
    /// does not number everything anew each time.
    deleted: bool,
}

/// A table.
#[derive(Debug)]
pub struct TableState<'a> {
    /// Family.
    pub family: Family,
    /// Name.
    pub name: String,
    /// Switched off.
    pub dormant: bool,
    /// Where it is declared.
    pub span: Span,
    /// Handle.
    pub handle: Option<u64>,
    deleted: bool,
    /// Chains in order.
    pub chains: Vec<ChainState<'a>>,
    /// Sets in order: name, declarations, elements added to it.
    pub sets: Vec<SetState<'a>>,
    /// Named objects and flowtables: kind and name.
    pub objects: HashSet<(String, String)>,
    /// `ct timeout` objects, in order.
    pub timeouts: Vec<TimeoutState<'a>>,
    chain_names: HashMap<String, usize>,
    set_names: HashMap<String, usize>,
}

/// A chain.
#[derive(Debug)]
pub struct ChainState<'a> {
    /// Name.
    pub name: String,
    /// Hook of a base chain.
    pub hook: Option<HookSpec<'a>>,
    /// Policy as last given.
    pub policy: Option<Expr<'a>>,
    /// Rules in order; `insert` puts them in front.
    pub rules: VecDeque<RuleState<'a>>,
    /// Order of registration over all tables.
    pub registered: u32,
    /// Where.
    pub span: Span,
    /// Handle.
    pub handle: Option<u64>,
    /// Number in a JSON array.
    pub record: Option<u32>,
    deleted: bool,
}

/// A rule.
#[derive(Debug)]
pub struct RuleState<'a> {
    /// As written.
    pub ast: RuleAst<'a>,
    /// How it came here.
    pub placement: Placement,
}

/// A `ct timeout` object.
#[derive(Debug)]
pub struct TimeoutState<'a> {
    /// Name.
    pub name: String,
    /// Declaration.
    pub ast: TimeoutAst<'a>,
    /// Where.
    pub span: Span,
}

/// Elements of one command.
#[derive(Debug)]
pub enum SetChange<'a> {
    /// `add element`
    Add(Expr<'a>),
    /// `delete element`
    Delete(Expr<'a>),
}

/// A set.
#[derive(Debug)]
pub struct SetState<'a> {
    /// Name.
    pub name: String,
    /// Declaration.
    pub ast: SetAst<'a>,
    /// Elements that later commands add and delete, in order.
    pub changes: Vec<SetChange<'a>>,
    /// Where.
    pub span: Span,
    deleted: bool,
}

impl<'a> State<'a> {
    /// The state after `commands`, beginning with an empty ruleset.
    pub fn after(commands: Vec<Command<'a>>) -> Self {
        let mut state = State::default();
        state.run(commands);
        state
    }

    /// Runs more commands.
    pub fn run(&mut self, commands: Vec<Command<'a>>) {
        for command in commands {
            let span = command.span;
            if let Err(message) = self.apply(command) {
                self.problems.push(Problem { message, span, also: None, kind: ProblemKind::MissingObject });
            }
        }
        if std::mem::take(&mut self.deleted) {
            self.compact();
        }
    }

    /// Takes out what was deleted.
    fn compact(&mut self) {
        self.tables.retain(|table| !table.deleted);
        for table in &mut self.tables {
            table.chains.retain(|chain| !chain.deleted);
            table.sets.retain(|set| !set.deleted);
            table.reindex();
        }
        let entries = self.tables.iter().enumerate().map(|(at, table)| ((table.family, table.name.clone()), at));
        self.by_name = entries.collect();
    }

    fn apply(&mut self, command: Command<'a>) -> Result<(), String> {
        use CommandVerb::{Add, Create, Delete, Destroy, Flush, Insert, Rename, Replace};
        let (verb, span) = (command.verb, command.span);
        match command.object {
            ObjectAst::Ruleset(family) => {
                if verb == Flush {
                    self.flush_ruleset(family.as_ref());
                }
                Ok(())
            }
            ObjectAst::Table(name, flags, handle) => match verb {
                Delete | Destroy => self.delete_table(&name, verb == Destroy),
                Flush => {
                    let table = self.table(&name)?;
                    table.chains.iter_mut().for_each(|chain| chain.rules.clear());
                    Ok(())
                }
                _ => {
                    let known = self.index(&name)?;
                    if verb == Create && known.is_some() {
                        return Err(format!("table `{}` exists already", name.name.text));
                    }
                    let table = self.table_or_new(&name, span)?;
                    table.handle = handle.or(table.handle);
                    // A declaration without flags leaves a dormant table dormant (nf_tables_updtable).
                    table.dormant |= flags.iter().any(|flag| flag.text == "dormant");
                    Ok(())
                }
            },
            ObjectAst::Chain(table, name, chain) => match verb {
                Delete | Destroy => self.delete_chain(&table, &name, verb == Destroy),
                Flush => {
                    self.chain(&table, &name)?.rules.clear();
                    Ok(())
                }
                Rename => {
                    let new = chain.flags.first().map(|word| word.text.to_string()).unwrap_or_default();
                    let table = self.table(&table)?;
                    let at = table.chain_names.remove(name.text.as_ref()).ok_or_else(|| missing_chain(&name))?;
                    table.chains[at].name = new.clone();
                    table.chain_names.insert(new, at);
                    Ok(())
                }
                _ => self.declare_chain(&table, name, *chain, verb == Create, span),
            },
            ObjectAst::Rule(table, chain, position, rule) => match (verb, rule) {
                (Add | Create | Insert, Some(rule)) => self.place(&table, &chain, position, *rule, verb == Insert),
                (Replace, Some(rule)) => {
                    let slot = self.find_rule(&table, &chain, position)?;
                    let handle = slot.ast.handle;
                    slot.ast = *rule;
                    slot.ast.handle = slot.ast.handle.or(handle);
                    Ok(())
                }
                (Delete | Destroy, _) => {
                    let chain = self.chain(&table, &chain)?;
                    let at = rule_index(chain, position)?;
                    chain.rules.remove(at);
                    Ok(())
                }
                _ => Ok(()),
            },
            ObjectAst::Set(table, name, set) => match verb {
                Delete | Destroy => {
                    let table = self.table(&table)?;
                    match table.set_names.remove(name.text.as_ref()) {
                        Some(at) => {
                            table.sets[at].deleted = true;
                            self.deleted = true;
                            Ok(())
                        }
                        None if verb == Destroy => Ok(()),
                        None => Err(format!("set `{}` does not exist", name.text)),
                    }
                }
                Flush => {
                    let set = self.set(&table, &name)?;
                    set.ast.elements = None;
                    set.changes.clear();
                    Ok(())
                }
                _ => self.declare_set(&table, &name, *set, span),
            },
            ObjectAst::Element(table, name, elements) => {
                let set = self.set(&table, &name)?;
                match verb {
                    Delete | Destroy => set.changes.push(SetChange::Delete(elements)),
                    _ => set.changes.push(SetChange::Add(elements)),
                }
                Ok(())
            }
            ObjectAst::Object(table, kind, name) => {
                let table = self.table(&table)?;
                let entry = (kind.text.to_string(), name.text.to_string());
                match verb {
                    Delete | Destroy => {
                        table.timeouts.retain(|known| entry.0 != "timeout" || known.name != entry.1);
                        table.objects.remove(&entry)
                    }
                    _ => table.objects.insert(entry),
                };
                Ok(())
            }
            ObjectAst::Timeout(table, name, ast) => {
                let table = self.table(&table)?;
                let name = name.text.to_string();
                let entry = ("timeout".to_owned(), name.clone());
                match verb {
                    Delete | Destroy => {
                        table.timeouts.retain(|known| known.name != name);
                        table.objects.remove(&entry);
                    }
                    // An object that is there stays as it is (nf_tables_newobj).
                    _ if table.objects.insert(entry) => table.timeouts.push(TimeoutState { name, ast: *ast, span }),
                    _ => {}
                }
                Ok(())
            }
        }
    }

    fn key(name: &TableName<'_>) -> Result<(Family, String), String> {
        let family = match &name.family {
            None => Family::Ip,
            Some(word) => Family::parse(&word.text).ok_or_else(|| format!("`{}` is not a family", word.text))?,
        };
        Ok((family, name.name.text.to_string()))
    }

    fn index(&self, name: &TableName<'_>) -> Result<Option<usize>, String> {
        Ok(self.by_name.get(&Self::key(name)?).copied())
    }

    fn table(&mut self, name: &TableName<'a>) -> Result<&mut TableState<'a>, String> {
        let (family, table) = Self::key(name)?;
        match self.by_name.get(&(family, table)) {
            Some(at) => Ok(&mut self.tables[*at]),
            None => Err(format!("table `{} {}` does not exist", family.as_str(), name.name.text)),
        }
    }

    fn table_or_new(&mut self, name: &TableName<'a>, span: Span) -> Result<&mut TableState<'a>, String> {
        let key = Self::key(name)?;
        let at = match self.by_name.get(&key) {
            Some(at) => *at,
            None => {
                self.tables.push(TableState {
                    family: key.0,
                    name: key.1.clone(),
                    dormant: false,
                    span,
                    handle: None,
                    deleted: false,
                    chains: Vec::new(),
                    sets: Vec::new(),
                    objects: HashSet::new(),
                    timeouts: Vec::new(),
                    chain_names: HashMap::new(),
                    set_names: HashMap::new(),
                });
                let at = self.tables.len() - 1;
                self.by_name.insert(key, at);
                at
            }
        };
        Ok(&mut self.tables[at])
    }

    fn chain(&mut self, table: &TableName<'a>, name: &Word<'a>) -> Result<&mut ChainState<'a>, String> {
        let table = self.table(table)?;
        match table.chain_names.get(name.text.as_ref()) {
            Some(at) => Ok(&mut table.chains[*at]),
            None => Err(missing_chain(name)),
        }
    }

    fn set(&mut self, table: &TableName<'a>, name: &Word<'a>) -> Result<&mut SetState<'a>, String> {
        let table = self.table(table)?;
        match table.set_names.get(name.text.as_ref()) {
            Some(at) => Ok(&mut table.sets[*at]),
            None => Err(format!("set `{}` does not exist", name.text)),
        }
    }

    fn flush_ruleset(&mut self, family: Option<&Word<'a>>) {
        let family = family.and_then(|word| Family::parse(&word.text));
        let tables = &mut self.tables;
        self.by_name.retain(|(of, _), at| {
            let goes = family.is_none_or(|family| family == *of);
            tables[*at].deleted |= goes;
            !goes
        });
        self.deleted = true;
    }

    fn delete_table(&mut self, name: &TableName<'a>, quiet: bool) -> Result<(), String> {
        match self.by_name.remove(&Self::key(name)?) {
            Some(at) => {
                self.tables[at].deleted = true;
                self.deleted = true;
                Ok(())
            }
            None if quiet => Ok(()),
            None => self.table(name).map(|_| ()),
        }
    }

    fn delete_chain(&mut self, table: &TableName<'a>, name: &Word<'a>, quiet: bool) -> Result<(), String> {
        let table = self.table(table)?;
        match table.chain_names.remove(name.text.as_ref()) {
            Some(at) => {
                table.chains[at].deleted = true;
                self.deleted = true;
                Ok(())
            }
            None if quiet => Ok(()),
            None => Err(missing_chain(name)),
        }
    }

    fn declare_chain(
        &mut self,
        table: &TableName<'a>,
        name: Word<'a>,
        ast: ChainAst<'a>,
        create: bool,
        span: Span,
    ) -> Result<(), String> {
        let next = self.registered;
        let table = self.table(table)?;
        let known = table.chain_names.get(name.text.as_ref()).copied();
        if create && known.is_some() {
            return Err(format!("chain `{}` exists already", name.text));
        }
        let record = ast.rules.first().and_then(|rule| rule.record);
        let mut used = false;
        let at = known.unwrap_or_else(|| {
            used = true;
            table.chains.push(ChainState {
                name: name.text.to_string(),
                hook: None,
                policy: None,
                rules: VecDeque::new(),
                registered: next,
                span,
                handle: None,
                record,
                deleted: false,
            });
            table.chain_names.insert(name.text.to_string(), table.chains.len() - 1);
            table.chains.len() - 1
        });
        let chain = &mut table.chains[at];
        chain.handle = ast.handle.or(chain.handle);
        // A chain declared again keeps its old policy unless it names a new one (nf_tables_updchain).
        chain.policy = ast.policy.or_else(|| chain.policy.take());
        if ast.hook.is_some() {
            chain.hook = ast.hook;
        }
        let rules = ast.rules.into_iter().map(|ast| RuleState { ast, placement: Placement::Appended });
        chain.rules.extend(rules);
        if used {
            self.registered += 1;
        }
        Ok(())
    }

    fn declare_set(
        &mut self,
        table: &TableName<'a>,
        name: &Word<'a>,
        ast: SetAst<'a>,
        span: Span,
    ) -> Result<(), String> {
        let table = self.table(table)?;
        match table.set_names.get(name.text.as_ref()) {
            Some(at) => table.sets[*at].changes.extend(ast.elements.map(SetChange::Add)),
            None => {
                let name = name.text.to_string();
                table.set_names.insert(name.clone(), table.sets.len());
                table.sets.push(SetState { name, ast, changes: Vec::new(), span, deleted: false });
            }
        }
        Ok(())
    }

    fn find_rule(
        &mut self,
        table: &TableName<'a>,
        chain: &Word<'a>,
        position: Option<Position>,
    ) -> Result<&mut RuleState<'a>, String> {
        let chain = self.chain(table, chain)?;
        let at = rule_index(chain, position)?;
        Ok(&mut chain.rules[at])
    }

    fn place(
        &mut self,
        table: &TableName<'a>,
        chain: &Word<'a>,
        position: Option<Position>,
        ast: RuleAst<'a>,
        insert: bool,
    ) -> Result<(), String> {
        let chain = self.chain(table, chain)?;
        let (at, placement) = match (position, insert) {
            (None, false) => (chain.rules.len(), Placement::Appended),
            (None, true) => (0, Placement::Front),
            (Some(position), insert) => {
                let at = rule_index(chain, Some(position))?;
                (if insert { at } else { at + 1 }, Placement::Positioned)
            }
        };
        chain.rules.insert(at, RuleState { ast, placement });
        Ok(())
    }
}

impl TableState<'_> {
    /// True when the table has this counter, quota, limit or flowtable.
    pub fn has_object(&self, kind: &str, name: &str) -> bool {
        self.objects.contains(&(kind.to_owned(), name.to_owned()))
    }

    fn reindex(&mut self) {
        self.chain_names = self.chains.iter().enumerate().map(|(at, chain)| (chain.name.clone(), at)).collect();
        self.set_names = self.sets.iter().enumerate().map(|(at, set)| (set.name.clone(), at)).collect();
    }
}

fn rule_index(chain: &ChainState<'_>, position: Option<Position>) -> Result<usize, String> {
    match position {
        Some(Position::Handle(handle, _)) => chain
            .rules
            .iter()
            .position(|rule| rule.ast.handle == Some(handle))
            .ok_or_else(|| format!("no rule of `{}` has handle {handle} in this evidence", chain.name)),
        Some(Position::Index(index, _)) if (index as usize) < chain.rules.len() => Ok(index as usize),
        Some(Position::Index(index, _)) => {
            Err(format!("`{}` has no rule at index {index}: it holds {}", chain.name, chain.rules.len()))
        }
        None => Err("expected `handle` and a number".to_owned()),
    }
}

fn missing_chain(name: &Word<'_>) -> String {
    format!("chain `{}` does not exist", name.text)
}
