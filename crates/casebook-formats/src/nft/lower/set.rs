//! Sets and maps, named and anonymous.

use std::collections::HashSet;

use casebook_core::Span;

use super::{Fail, Lower, Lowered, constant};
use crate::nft::apply::{SetChange, SetState};
use crate::nft::ast::{Elem as AstElem, Expr as Ast, StmtKind, TypeSpec, VerdictKind};
use crate::nft::ir::{Data, Elem, ProblemKind, Set, SetId};
use crate::nft::sets::{self, Index};
use crate::nft::types::Type;

impl<'s, 'a> Lower<'s, 'a> {
    /// Declares all named sets: types first, so that rules and elements can refer to any of them.
    pub(super) fn declare_sets(&mut self, updated: &HashSet<String>) {
        let table = self.table;
        for (at, state) in table.sets.iter().enumerate() {
            self.set_ids.insert(state.name.as_str(), SetId(at as u32));
            let key = self.type_spec(state.ast.key.as_ref());
            let data = if state.ast.map { self.type_spec(state.ast.data.as_ref()) } else { Vec::new() };
            let flag = |name: &str| state.ast.flags.iter().any(|flag| flag.text == name);
            self.sets.push(Set {
                name: state.name.clone(),
                anonymous: false,
                map: state.ast.map,
                key,
                data,
                elems: Vec::new(),
                catchall: None,
                dynamic: flag("dynamic") || updated.contains(state.name.as_str()),
                conditions: conditions(&state.ast.stmts),
                span: state.span,
                index: Index::default(),
            });
        }
        for (at, state) in table.sets.iter().enumerate() {
            self.fill(SetId(at as u32), state);
        }
    }

    fn type_spec(&mut self, spec: Option<&TypeSpec<'a>>) -> Vec<Type> {
        match spec {
            None => vec![Type::Any],
            Some(TypeSpec::Of(expr)) => self.types_of(expr),
            Some(TypeSpec::Named(words)) => {
                let mut types = Vec::with_capacity(words.len());
                for word in words {
                    let ty = Type::named(&word.text).unwrap_or_else(|| {
                        let why = format!("`{}` is not a type the model knows", word.text);
                        self.fail(Fail::Unknown(why), word.span);
                        Type::Any
                    });
                    types.push(ty);
                }
                types
            }
        }
    }

    fn fill(&mut self, id: SetId, state: &'s SetState<'a>) {
        let mut elems = Vec::new();
        let added = state.changes.iter().filter_map(|change| match change {
            SetChange::Add(list) => Some(list),
            SetChange::Delete(_) => None,
        });
        for list in state.ast.elements.iter().chain(added) {
            flatten(list, &mut elems);
        }
        if state.ast.key.is_none() {
            let message = format!("set `{}` says no type", state.name);
            self.fail(Fail::Refused(message, state.span), state.span);
        }
        let interval = state.ast.auto_merge || state.ast.flags.iter().any(|flag| flag.text == "interval");
        if !interval && let Some(wide) = elems.iter().find(|elem| is_interval(&elem.key)) {
            let message = format!("set `{}` needs `flags interval` for ranges and prefixes", state.name);
            self.fail(Fail::Refused(message, wide.span), wide.span);
        }
        let of = |list: &'s Ast<'a>| {
            let mut elems = Vec::new();
            flatten(list, &mut elems);
            elems
        };
        let declared = state.ast.elements.as_ref().map(of);
        self.add_elements(id, &declared.unwrap_or_default());
        for change in &state.changes {
            match change {
                SetChange::Add(list) => self.add_elements(id, &of(list)),
                SetChange::Delete(list) => self.delete_elements(id, &of(list)),
            }
        }
        if !state.ast.auto_merge {
            self.report_overlaps(id);
        }
    }

    fn delete_elements(&mut self, id: SetId, elems: &[&AstElem<'a>]) {
        if elems.iter().any(|elem| is_catchall(elem)) {
            self.sets[id.0 as usize].catchall = None;
        }
        let types = self.sets[id.0 as usize].key.clone();
        let gone: HashSet<_> = elems.iter().filter_map(|elem| self.key(&elem.key, &types).ok()).collect();
        self.sets[id.0 as usize].elems.retain(|known| !gone.contains(&known.key));
    }

    fn add_elements(&mut self, id: SetId, elems: &[&AstElem<'a>]) {
        let (key_types, data_types) = self.set_types(id);
        for elem in elems {
            let data = elem.data.as_ref().map(|data| self.data(data, &data_types));
            if is_catchall(elem) {
                self.sets[id.0 as usize].catchall = Some(data);
                continue;
            }
            let conditional = elem.timeout || !conditions(&elem.stmts).is_empty();
            match self.key(&elem.key, &key_types) {
                Ok(key) => {
                    self.sets[id.0 as usize].elems.push(Elem { key, data, span: elem.span, conditional });
                }
                Err(fail) => {
                    // A key nobody here can resolve may be any: the set is no longer decided by what is written.
                    self.sets[id.0 as usize].dynamic |= matches!(fail, Fail::Unknown(_));
                    self.fail(fail, elem.span);
                }
            }
        }
    }

    fn key(&self, key: &Ast<'a>, types: &[Type]) -> Lowered<Box<[(u128, u128)]>> {
        let (key, _) = key.resolve();
        let part = |expr: &Ast<'a>, ty: Type| {
            let (low, high) = match ty.is_bitmask() {
                true => constant::single(expr, ty).map(|value| (value, value))?,
                false => constant::range(expr, ty)?,
            };
            // Devices are looked up by name.
            let numbered = ty == Type::IfIndex && (2..=u128::from(u32::MAX)).contains(&low);
            if numbered { Err(Fail::Unknown("which device has this index".into())) } else { Ok((low, high)) }
        };
        match key {
            Ast::Concat(items, span) => {
                let mut parts = Vec::with_capacity(types.len());
                for item in items {
                    // A variable may hold a concatenation itself.
                    match item.resolve().0 {
                        Ast::Concat(inner, _) => parts.extend(inner.iter()),
                        _ => parts.push(item),
                    }
                }
                if parts.len() != types.len() {
                    let message = format!("{} values where the key has {} parts", parts.len(), types.len());
                    return Err(Fail::Refused(message, *span));
                }
                parts.into_iter().zip(types).map(|(item, ty)| part(item, *ty)).collect()
            }
            single if types.len() == 1 => Ok(Box::new([part(single, types[0])?])),
            other => Err(Fail::Refused(format!("one value where the key has {} parts", types.len()), other.span())),
        }
    }

    fn data(&mut self, data: &Ast<'a>, types: &[Type]) -> Data {
        let (expr, _) = data.resolve();
        if let Ast::Verdict(verdict) = expr {
            return Data::Verdict(self.verdict(verdict));
        }
        let lowered = match expr {
            Ast::Concat(items, _) if items.len() == types.len() => {
                items.iter().zip(types).map(|(item, ty)| constant::range(item, *ty)).collect::<Lowered<Vec<_>>>()
            }
            single => constant::range(single, types.first().copied().unwrap_or(Type::Any)).map(|value| vec![value]),
        };
        match lowered {
            Ok(parts) if parts.iter().all(|(low, high)| low == high) => {
                Data::Values(parts.into_iter().map(|(low, _)| low).collect())
            }
            Ok(parts) => Data::Range(parts.into()),
            Err(fail) => {
                self.fail(fail, data.span());
                Data::Unknown
            }
        }
    }

    /// The set of a lookup: a named one, or a literal that becomes an anonymous one.
    pub(super) fn set(&mut self, ast: &Ast<'a>, key: &[Type], data: &[Type]) -> Lowered<SetId> {
        match ast {
            Ast::SetRef(name) => match self.set_ids.get(name.text.as_ref()) {
                Some(id) => Ok(*id),
                None => Err(Fail::Refused(format!("set `{}` does not exist", name.text), name.span)),
            },
            Ast::Var(_, value) => self.set(value, key, data),
            Ast::Set(elems, span) => {
                let id = SetId(self.sets.len() as u32);
                self.sets.push(Set {
                    name: format!("__set{}", id.0),
                    anonymous: true,
                    map: !data.is_empty(),
                    key: key.to_vec(),
                    data: data.to_vec(),
                    elems: Vec::with_capacity(elems.len()),
                    catchall: None,
                    dynamic: false,
                    conditions: Vec::new(),
                    span: *span,
                    index: Index::default(),
                });
                let mut flat = Vec::with_capacity(elems.len());
                flatten(ast, &mut flat);
                self.add_elements(id, &flat);
                if !data.is_empty() {
                    self.report_overlaps(id);
                }
                Ok(id)
            }
            other => Err(Fail::Refused("expected a set".into(), other.span())),
        }
    }

    /// An anonymous set of single values, for a check nft adds.
    pub(super) fn literal(&mut self, ty: Type, values: &[u128], span: Span) -> SetId {
        let id = SetId(self.sets.len() as u32);
        let elem = |value: &u128| Elem { key: Box::new([(*value, *value)]), data: None, span, conditional: false };
        self.sets.push(Set {
            name: format!("__set{}", id.0),
            anonymous: true,
            map: false,
            key: vec![ty],
            data: Vec::new(),
            elems: values.iter().map(elem).collect(),
            catchall: None,
            dynamic: false,
            conditions: Vec::new(),
            span,
            index: Index::default(),
        });
        id
    }

    /// A map that gives values of these types.
    pub(super) fn map(&mut self, ast: &Ast<'a>, key: &[Type], data: &[Type], span: Span) -> Lowered<SetId> {
        let id = self.set(ast, key, data)?;
        if !self.sets[id.0 as usize].map {
            return Err(Fail::Refused("this set gives no values: a map is needed".into(), span));
        }
        Ok(id)
    }

    /// Overlaps nft refuses (src/intervals.c `setelem_overlap`).
    fn report_overlaps(&mut self, id: SetId) {
        let set = &self.sets[id.0 as usize];
        let verdicts = set.data == [Type::Verdict];
        for (earlier, later) in sets::overlaps(set) {
            let (first, second) = (&set.elems[earlier], &set.elems[later]);
            // The same element with the same data twice is one element.
            if first.key == second.key && first.data == second.data {
                continue;
            }
            let what = if verdicts { "verdict map" } else { "set" };
            let name = if set.anonymous { String::new() } else { format!(" `{}`", set.name) };
            self.out.problems.push(crate::nft::ir::Problem {
                message: format!("this element overlaps another of the {what}{name}"),
                span: second.span,
                also: Some((first.span, "overlaps this one".into())),
                kind: ProblemKind::Overlap,
            });
        }
    }

    /// A verdict map's data has the verdicts of its elements; used by `vmap`.
    pub(super) fn verdict_map(&mut self, ast: &Ast<'a>, key: &[Type], span: Span) -> Lowered<SetId> {
        let id = self.map(ast, key, &[Type::Verdict], span)?;
        let set = &self.sets[id.0 as usize];
        // Named maps are filled before the rules, and many rules may use one: it is looked through once.
        let wrong = *self.no_verdict.entry(id).or_insert_with(|| {
            let wrong = set.elems.iter().find(|elem| !matches!(elem.data, Some(Data::Verdict(_) | Data::Unknown)));
            wrong.map(|elem| elem.span)
        });
        match wrong {
            Some(elem) => Err(Fail::Refused("this element gives no verdict".into(), elem)),
            None => Ok(id),
        }
    }
}

/// True for a range or prefix, also in a part of a concatenation.
fn is_interval(key: &Ast<'_>) -> bool {
    match key.resolve().0 {
        Ast::Range(..) | Ast::Prefix(..) => true,
        Ast::Concat(parts, _) => parts.iter().any(is_interval),
        _ => false,
    }
}

/// Elements with variables and nested sets unfolded.
fn flatten<'x, 'a>(expr: &'x Ast<'a>, out: &mut Vec<&'x AstElem<'a>>) {
    if let Ast::Set(elems, _) = expr.resolve().0 {
        for elem in elems {
            match elem.key.resolve().0 {
                Ast::Set(..) => flatten(&elem.key, out),
                _ => out.push(elem),
            }
        }
    }
}

/// Statements of elements that can break a hit.
pub(super) fn conditions(stmts: &[crate::nft::ast::Stmt<'_>]) -> Vec<String> {
    let text = |stmt: &crate::nft::ast::Stmt<'_>| match &stmt.kind {
        StmtKind::Limit(text) | StmtKind::Quota(text) => Some(text.clone()),
        StmtKind::CtCount(over, count) => {
            let count = count.map_or_else(|| "?".to_owned(), |count| count.to_string());
            Some(format!("ct count {}{count}", if *over { "over " } else { "" }))
        }
        _ => None,
    };
    stmts.iter().filter_map(text).collect()
}

/// Names of the sets rules add to or delete from.
pub(super) fn updated_sets(table: &crate::nft::apply::TableState<'_>) -> HashSet<String> {
    let mut out = HashSet::new();
    let rules = table.chains.iter().flat_map(|chain| &chain.rules);
    // Anonymous chains (`jump { add @s { … } }`) hold rules too.
    let mut open: Vec<_> = rules.map(|rule| &rule.ast).collect();
    while let Some(rule) = open.pop() {
        for stmt in &rule.stmts {
            match &stmt.kind {
                StmtKind::SetUpdate(update) => {
                    out.insert(update.set.text.to_string());
                }
                StmtKind::Verdict(verdict) => {
                    if let VerdictKind::Inline(_, rules) = &verdict.kind {
                        open.extend(rules);
                    }
                }
                _ => {}
            }
        }
    }
    out
}

fn is_catchall(elem: &AstElem<'_>) -> bool {
    matches!(elem.key.resolve().0, Ast::Word(word) if word.text == "*" && !word.quoted)
}
