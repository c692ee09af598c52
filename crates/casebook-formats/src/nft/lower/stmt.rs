//! Statements to operations.

use casebook_core::Span;

use super::{Fail, Lower, Lowered, constant, set};
use crate::nft::ast::{Expr as Ast, NatAst, RelOp, Selector, SelectorKind, SetUpdateAst, Stmt, StmtKind, VerdictKind};
use crate::nft::fields::{self, Proto};
use crate::nft::ir::{
    Cmp, Condition, CtObject, Expr, Family, Field, MetaKey, Nat, NatFlags, NatKind, OpKind, Opaque, SetId, Target,
    Test, Value,
};
use crate::nft::types::Type;

/// Statements after which nothing of the rule runs (`STMT_F_TERMINAL`, src/evaluate.c).
pub(super) fn is_terminal(stmt: &Stmt<'_>) -> bool {
    match &stmt.kind {
        StmtKind::Verdict(verdict) => !matches!(verdict.kind, VerdictKind::Continue),
        StmtKind::Reject(_) | StmtKind::Nat(_) | StmtKind::Queue(_) => true,
        _ => false,
    }
}

impl<'a> Lower<'_, 'a> {
    pub(super) fn stmt(&mut self, stmt: &Stmt<'a>) -> Lowered<()> {
        let span = stmt.span;
        let kind = match &stmt.kind {
            StmtKind::Match(left, op, right) => return self.relation(left, *op, right, span),
            StmtKind::Vmap(key, map) => {
                let (key, types) = self.load(key)?;
                let key = self.lookup_key(key, true, span);
                OpKind::Vmap(key, self.verdict_map(map, &types, span)?)
            }
            StmtKind::Verdict(verdict) => OpKind::Verdict(self.verdict(verdict)),
            StmtKind::Assign(selector, value) => return self.assign(selector, value, span),
            StmtKind::Counter(Some(name)) if !self.table.has_object("counter", &name.text) => {
                return Err(Fail::Refused(format!("counter `{}` does not exist", name.text), name.span));
            }
            StmtKind::Counter(name) => OpKind::Counter(name.as_ref().map(|word| word.text.to_string())),
            StmtKind::Log { prefix, group } => {
                OpKind::Log { prefix: prefix.as_ref().map(|word| word.text.to_string()), group: *group }
            }
            StmtKind::Limit(text) => OpKind::Condition(Condition::Limit, text.clone()),
            StmtKind::Quota(text) => OpKind::Condition(Condition::Quota, text.clone()),
            StmtKind::CtCount(over, count) => {
                let count = count.map_or_else(|| "?".to_owned(), |count| count.to_string());
                OpKind::Condition(
                    Condition::Connections,
                    format!("ct count {}{count}", if *over { "over " } else { "" }),
                )
            }
            StmtKind::Reject(with) => {
                self.reject_dependency(with.as_deref(), span)?;
                OpKind::Reject(with.clone())
            }
            StmtKind::Nat(ast) => {
                let NatAst { kind, family, addr, port, flags } = &**ast;
                let nat = self.nat(*kind, family.as_ref().map(|word| word.text.as_ref()), addr, port, flags, span)?;
                OpKind::Nat(Box::new(nat))
            }
            StmtKind::Tproxy(..) if !self.asks_transport() => {
                return Err(Fail::Refused("`tproxy` needs a match on the transport protocol before it".into(), span));
            }
            StmtKind::Tproxy(addr, port) => {
                let addr = addr.as_ref().map(|addr| self.value(addr, self.address_type(None))).transpose()?;
                let port = port.as_ref().map(|port| self.value(port, Type::Service)).transpose()?;
                OpKind::Tproxy(addr, port)
            }
            StmtKind::Notrack => OpKind::Notrack,
            StmtKind::Queue(text) => OpKind::Queue(text.clone()),
            StmtKind::Dup(addr, _) => OpKind::Dup(describe(addr.as_ref())),
            StmtKind::Fwd(addr, device) => OpKind::Fwd(describe(device.as_ref().or(addr.as_ref()))),
            StmtKind::Synproxy => OpKind::Synproxy,
            StmtKind::Flow(name) => OpKind::Flow(name.text.to_string()),
            StmtKind::SetUpdate(update) => {
                let SetUpdateAst { op, set: name, key, stmts, .. } = &**update;
                let id = match self.set_ids.get(name.text.as_ref()) {
                    Some(id) => *id,
                    None => return Err(Fail::Refused(format!("set `{}` does not exist", name.text), name.span)),
                };
                let (key, types) = self.load(key)?;
                self.same_width(id, &types, span)?;
                OpKind::SetUpdate {
                    op: *op,
                    set: Some(id),
                    name: name.text.to_string(),
                    key,
                    conditions: set::conditions(stmts),
                }
            }
            StmtKind::Meter(name, key, stmts) => {
                let (key, _) = self.load(key)?;
                OpKind::SetUpdate {
                    op: crate::nft::ast::SetOp::Update,
                    set: None,
                    name: name.as_ref().map(|word| word.text.to_string()).unwrap_or_default(),
                    key,
                    conditions: set::conditions(stmts),
                }
            }
            StmtKind::CtObject(key, value) => {
                let name = match value.resolve().0 {
                    Ast::Word(word) => Some(word.text.to_string()),
                    _ => None,
                };
                let text = format!("ct {key} set {}", describe(Some(value)));
                OpKind::CtObject(CtObject { kind: key.to_string(), name, text })
            }
            StmtKind::Comment(_) => return Ok(()),
            StmtKind::Opaque { what, may_break, may_end } => {
                if *may_break || *may_end {
                    self.fail(Fail::Unknown(format!("{what} is not modelled")), span);
                }
                OpKind::Opaque(Opaque { what: what.clone(), may_break: *may_break, may_end: *may_end })
            }
        };
        self.push(kind, span, None);
        Ok(())
    }

    /// `left op right` (src/evaluate.c `expr_evaluate_relational`, src/netlink_linearize.c `netlink_gen_relational`).
    fn relation(&mut self, left: &Ast<'a>, op: RelOp, right: &Ast<'a>, span: Span) -> Lowered<()> {
        let (expr, types) = self.load(left)?;
        let expr = self.lookup_key(expr, matches!(right.resolve().0, Ast::SetRef(_)), span);
        if let Expr::Unknown { draw: None, .. } = expr {
            self.push(OpKind::Match(expr, Test::Unknown), span, None);
            return Ok(());
        }
        let (mut value, mut define) = right.resolve();
        let mut op = op;
        // A literal set of one element is that element: `ct state { new }` tests a bit, as `ct state new` does
        // (src/evaluate.c `expr_evaluate_set`). Concatenations stay sets.
        if let Ast::Set(elems, _) = value
            && let [only] = elems.as_slice()
            && only.data.is_none()
            && !only.timeout
            && only.stmts.is_empty()
            && types.len() == 1
            && !matches!(only.key.resolve().0, Ast::Set(..) | Ast::SetRef(_))
            && !matches!(&only.key, Ast::Word(word) if word.text == "*")
        {
            let (inner, inner_define) = only.key.resolve();
            (value, define) = (inner, inner_define.or(define));
            if op == RelOp::Implicit && types[0] != Type::CtState && !self.out.host.single_flag_is_bit() {
                op = RelOp::Eq;
            }
        }
        let negate = op == RelOp::Ne;
        let test = match value {
            Ast::Set(..) | Ast::SetRef(_) => {
                if !matches!(op, RelOp::Implicit | RelOp::Eq | RelOp::Ne) {
                    return Err(Fail::Refused("a set is only compared with `==` or `!=`".into(), right.span()));
                }
                let set = self.set(value, &types, &[])?;
                self.same_width(set, &types, right.span())?;
                self.settle_set(&expr, set, negate);
                Test::Lookup { set, negate }
            }
            // src/evaluate.c `expr_evaluate_relational`.
            Ast::Concat(..) => {
                return Err(Fail::Refused(
                    "a concatenation is only looked up in sets: write `{ … }`".into(),
                    right.span(),
                ));
            }
            _ if types.len() != 1 => {
                let message = format!("one value is compared with a key of {} parts", types.len());
                return Err(Fail::Refused(message, right.span()));
            }
            _ => return self.scalar(expr, types[0], op, value, span, define),
        };
        self.push(OpKind::Match(expr, test), span, define);
        Ok(())
    }

    /// A literal set settles the protocol as if its elements were matched one after the other, in order of value: the
    /// last one nft knows stands (src/evaluate.c `expr_evaluate_relational`, `relational_expr_pctx_update`).
    fn settle_set(&mut self, expr: &Expr, set: SetId, negate: bool) {
        let (Expr::Load(field), false) = (expr, negate) else { return };
        let set = &self.sets[set.0 as usize];
        if !set.anonymous {
            return;
        }
        let mut values: Vec<u128> =
            set.elems.iter().filter(|elem| elem.key[0].0 == elem.key[0].1).map(|elem| elem.key[0].0).collect();
        values.sort_unstable();
        for value in values {
            self.settle(*field, value);
        }
    }

    fn same_width(&self, set: SetId, types: &[Type], span: Span) -> Lowered<()> {
        let (key, _) = self.set_types(set);
        if key.len() != types.len() {
            let message = format!("the set's key has {} parts, the left side {}", key.len(), types.len());
            return Err(Fail::Refused(message, span));
        }
        let bits = |list: &[Type]| list.iter().map(|ty| ty.bits()).collect::<Vec<_>>();
        let vague = key.contains(&Type::Any) || types.contains(&Type::Any);
        if !vague && bits(&key) != bits(types) {
            return Err(Fail::Refused("the set's key has another type than the left side".into(), span));
        }
        Ok(())
    }

    /// A single value, range or prefix.
    fn scalar(
        &mut self,
        expr: Expr,
        ty: Type,
        op: RelOp,
        value: &Ast<'a>,
        span: Span,
        define: Option<Span>,
    ) -> Lowered<()> {
        let masked = matches!(expr, Expr::Bits { .. } | Expr::Shift { .. });
        // Flags without an operator, and `!`: any bit of them (`netlink_gen_flagcmp`).
        if ty.is_bitmask() && (op == RelOp::Not || (op == RelOp::Implicit && !masked)) {
            let bits = match constant::single(value, ty) {
                Ok(bits) => bits,
                Err(Fail::Unknown(why)) => return self.unknown_test(expr, why, span),
                Err(fail) => return Err(fail),
            };
            let cmp = if op == RelOp::Not { Cmp::Eq } else { Cmp::Ne };
            if op == RelOp::Implicit {
                self.flag_lists.push(span);
            }
            let and = Expr::Bits { base: Box::new(expr), and: bits, xor: 0 };
            self.push(OpKind::Match(and, Test::Cmp(cmp, Value::One(0))), span, define);
            return Ok(());
        }
        if op == RelOp::Not {
            return Err(Fail::Refused("`!` is only for flags; write `!=`".into(), span));
        }
        let range = match ty.is_bitmask() {
            true => constant::single(value, ty).map(|bits| (bits, bits)),
            false => constant::range(value, ty),
        };
        let (low, high) = match range {
            Ok(range) => range,
            Err(Fail::Unknown(why)) => return self.unknown_test(expr, why, span),
            Err(fail) => return Err(fail),
        };
        let test = match op {
            // `5-5` stays a range, which nft does not join with its neighbours.
            RelOp::Implicit | RelOp::Eq | RelOp::Ne if low != high || matches!(value, Ast::Range(..)) => {
                Test::Range { low, high, negate: op == RelOp::Ne }
            }
            _ if low != high => {
                return Err(Fail::Refused("a range is only compared with `==` or `!=`".into(), value.span()));
            }
            RelOp::Ne => Test::Cmp(Cmp::Ne, Value::One(low)),
            RelOp::Lt => Test::Cmp(Cmp::Lt, Value::One(low)),
            RelOp::Le => Test::Cmp(Cmp::Le, Value::One(low)),
            RelOp::Gt => Test::Cmp(Cmp::Gt, Value::One(low)),
            RelOp::Ge => Test::Cmp(Cmp::Ge, Value::One(low)),
            RelOp::Implicit | RelOp::Eq | RelOp::Not => Test::Cmp(Cmp::Eq, Value::One(low)),
        };
        if let (Test::Cmp(Cmp::Eq, _), Expr::Load(field)) = (&test, &expr) {
            self.settle(*field, low);
        }
        self.push(OpKind::Match(expr, test), span, define);
        Ok(())
    }

    /// The field is loaded exactly, the value it meets is not known: an unknown that breaks when the field does.
    fn unknown_test(&mut self, expr: Expr, why: String, span: Span) -> Lowered<()> {
        self.fail(Fail::Unknown(why), span);
        self.push(OpKind::Match(expr, Test::Unknown), span, None);
        Ok(())
    }

    fn assign(&mut self, selector: &Selector<'a>, value: &Ast<'a>, span: Span) -> Lowered<()> {
        let (target, ty) = match &selector.kind {
            SelectorKind::Meta(key) => match fields::meta(key) {
                Some((key, ty)) => (Target::Meta(key), ty),
                None => (Target::Other, Type::Any),
            },
            SelectorKind::Ct(key, _) => match fields::ct(key) {
                Some((key, ty)) => (Target::Ct(key), ty),
                None => (Target::Other, Type::Any),
            },
            SelectorKind::TcpOption(option, field) => {
                let place = field.as_deref().and_then(|field| fields::tcp_option_field(option, field));
                match (fields::tcp_option(option), place) {
                    (Some(kind), Some((offset, bits))) => (Target::TcpOption(kind, offset, bits), Type::Integer(bits)),
                    _ => (Target::Other, Type::Any),
                }
            }
            _ => match self.selector(selector)? {
                (Expr::Load(Field::Payload(field)), ty) => (Target::Payload(field), ty),
                _ => (Target::Other, Type::Any),
            },
        };
        let value = match (self.value(value, ty), target) {
            (Ok(value), _) => value,
            // What is written is not known, or is of no interest to the model.
            (Err(Fail::Unknown(what)), _) => {
                self.fail(Fail::Unknown(what.clone()), span);
                Expr::Unknown { what, may_break: false, draw: None }
            }
            (Err(_), Target::Other | Target::TcpOption(..)) => {
                Expr::Unknown { what: "a value the model does not read".into(), may_break: false, draw: None }
            }
            (Err(fail), _) => return Err(fail),
        };
        self.push(OpKind::Assign(target, value), span, None);
        Ok(())
    }

    /// `reject with tcp reset` needs TCP, `with icmp` IPv4, `with icmpv6` IPv6. Unlike other dependencies these go to
    /// the front of the rule, so that nothing is logged or marked that is not rejected (src/evaluate.c
    /// `stmt_reject_gen_dependency`).
    fn reject_dependency(&mut self, with: Option<&str>, span: Span) -> Lowered<()> {
        let Some(with) = with else { return Ok(()) };
        let inet = matches!(self.table.family, Family::Inet | Family::Bridge | Family::Netdev);
        let before = self.ops.len();
        match with.split(' ').nth(2) {
            Some("tcp") => self.require(Proto::Transport(6), span)?,
            Some("icmp") if inet => self.require(Proto::Ip, span)?,
            Some("icmpv6") if inet => self.require(Proto::Ip6, span)?,
            _ => {}
        }
        let added = self.ops.len() - before;
        self.ops.rotate_right(added);
        Ok(())
    }

    /// True when something before has asked for the transport protocol, whatever it was.
    fn asks_transport(&self) -> bool {
        self.ops.iter().any(|op| match &op.kind {
            OpKind::Match(Expr::Load(Field::Meta(MetaKey::L4proto)), _) => true,
            OpKind::Match(Expr::Load(Field::Payload(field)), _) => matches!(field.name, "ip protocol" | "ip6 nexthdr"),
            OpKind::Match(Expr::Concat(_) | Expr::Unknown { .. }, _) | OpKind::Opaque(_) => true,
            _ => false,
        })
    }

    fn address_type(&self, family: Option<&str>) -> Type {
        match (family, self.table.family) {
            (Some("ip6"), _) | (None, Family::Ip6) => Type::Ipv6,
            (Some(_), _) | (None, Family::Ip) => Type::Ipv4,
            _ => Type::Any,
        }
    }

    fn nat(
        &mut self,
        kind: NatKind,
        family: Option<&str>,
        addr: &Option<Ast<'a>>,
        port: &Option<Ast<'a>>,
        flags: &[String],
        span: Span,
    ) -> Lowered<Nat> {
        let needs_family = matches!(kind, NatKind::Snat | NatKind::Dnat);
        if needs_family && family.is_none() && self.table.family == Family::Inet {
            let message = "an inet table needs `ip` or `ip6` before the address".to_owned();
            return Err(Fail::Refused(message, span));
        }
        if port.is_some() && !self.asks_transport() {
            let message = "a port needs a match on the transport protocol before it".to_owned();
            return Err(Fail::Refused(message, span));
        }
        let ty = self.address_type(family);
        let with_port = flags.iter().any(|flag| flag == "addr . port");
        let (addr, addr_max) = match addr {
            None => (None, None),
            Some(ast) if with_port => self.nat_value(ast, &[ty, Type::Service], ty)?,
            Some(ast) => self.nat_value(ast, &[ty], ty)?,
        };
        let (port, port_max) = match port {
            None => (None, None),
            Some(ast) => self.nat_value(ast, &[Type::Service], Type::Service)?,
        };
        let text = match kind {
            NatKind::Snat => "snat",
            NatKind::Dnat => "dnat",
            NatKind::Masquerade => "masquerade",
            NatKind::Redirect => "redirect",
        };
        let text = family.map_or_else(|| text.to_owned(), |family| format!("{text} {family}"));
        let family = family.and_then(Family::parse);
        let has = |name: &str| flags.iter().any(|flag| flag == name);
        let flags =
            NatFlags { random: has("random"), fully_random: has("fully-random"), persistent: has("persistent") };
        Ok(Nat { kind, family, addr, addr_max, port, port_max, flags, text })
    }

    /// A value or the two ends of a range; for a map, its data types.
    fn nat_value(&mut self, ast: &Ast<'a>, data: &[Type], ty: Type) -> Lowered<(Option<Expr>, Option<Expr>)> {
        match ast.resolve().0 {
            Ast::Map(key, map, span) => {
                let (key, types) = self.load(key)?;
                let set = self.map(map, &types, data, *span)?;
                Ok((Some(Expr::Map(Box::new(key), set)), None))
            }
            range @ (Ast::Range(..) | Ast::Prefix(..)) => {
                let (low, high) = constant::range(range, ty)?;
                Ok((Some(Expr::Const(low)), Some(Expr::Const(high))))
            }
            Ast::Concat(..) => Err(Fail::Unknown("nat to a concatenation".into())),
            other => Ok((Some(self.value(other, ty)?), None)),
        }
    }
}

fn describe(expr: Option<&Ast<'_>>) -> String {
    match expr.map(|expr| expr.resolve().0) {
        Some(Ast::Word(word)) => word.text.to_string(),
        Some(_) => "a computed value".into(),
        None => String::new(),
    }
}
