//! Expressions that load from the packet, with their types.

use casebook_core::Span;

use super::{Fail, Lower, Lowered, constant};
use crate::nft::ast::{BinaryOp, DrawAst, Expr as Ast, Selector, SelectorKind};
use crate::nft::fields;
use crate::nft::ir::{Base, CtKey, Draw, Expr, Field, PayloadField};
use crate::nft::types::Type;

impl<'a> Lower<'_, 'a> {
    /// An expression that is loaded, and the types of its parts. Its dependencies are pushed first.
    pub(super) fn load(&mut self, ast: &Ast<'a>) -> Lowered<(Expr, Vec<Type>)> {
        match ast {
            Ast::Field(selector) => {
                let (expr, ty) = self.selector(selector)?;
                Ok((expr, vec![ty]))
            }
            Ast::Concat(items, _) => {
                let mut parts = Vec::with_capacity(items.len());
                let mut types = Vec::with_capacity(items.len());
                for item in items {
                    // A constant as a part of a key: `ip saddr . 10002`.
                    if let (Ast::Word(word), _) = item.resolve() {
                        parts.push(match crate::nft::types::integer(&word.text) {
                            Some(value) => Expr::Const(value),
                            None => Expr::Unknown {
                                what: format!("the constant `{}`", word.text),
                                may_break: false,
                                draw: None,
                            },
                        });
                        types.push(Type::Any);
                        continue;
                    }
                    let (part, mut ty) = self.load(item)?;
                    parts.push(part);
                    types.append(&mut ty);
                }
                Ok((Expr::Concat(parts), types))
            }
            Ast::Binary(op, left, right, _) => {
                let (base, types) = self.load(left)?;
                let ty = types.first().copied().unwrap_or(Type::Any);
                Ok((self.bits(*op, base, right, ty)?, vec![ty]))
            }
            Ast::Map(key, map, span) => {
                let (key, types) = self.load(key)?;
                let key = self.lookup_key(key, true, *span);
                let set = self.map(map, &types, &[Type::Any], *span)?;
                let (_, data) = self.set_types(set);
                Ok((Expr::Map(Box::new(key), set), data))
            }
            Ast::Draw(draw, span) => Ok((self.draw(draw, *span)?, vec![Type::Integer(32)])),
            Ast::Opaque { what, may_break, .. } => {
                Ok((Expr::Unknown { what: what.clone(), may_break: *may_break, draw: None }, vec![Type::Any]))
            }
            Ast::Var(_, value) => self.load(value),
            other => Err(Fail::Refused("expected something loaded from the packet".into(), other.span())),
        }
    }

    /// `base op constant`, as the kernel's `(base & and) ^ xor`.
    pub(super) fn bits(&mut self, op: BinaryOp, base: Expr, right: &Ast<'a>, ty: Type) -> Lowered<Expr> {
        if let Expr::Unknown { .. } = base {
            return Ok(base);
        }
        let shift = matches!(op, BinaryOp::Shl | BinaryOp::Shr);
        let value = constant::single(right, if shift { Type::Integer(32) } else { ty })?;
        if shift {
            let by = u32::try_from(value).unwrap_or(u32::MAX);
            return Ok(Expr::Shift { base: Box::new(base), left: op == BinaryOp::Shl, by });
        }
        let width = ty.max();
        let (and, xor) = match op {
            BinaryOp::And => (value, 0),
            BinaryOp::Or => (width & !value, value),
            _ => (width, value),
        };
        Ok(match base {
            Expr::Bits { base, and: first, xor: flipped } => {
                Expr::Bits { base, and: first & and, xor: (flipped & and) ^ xor }
            }
            base => Expr::Bits { base: Box::new(base), and, xor },
        })
    }

    /// The key of a lookup in a named set, a map or a concatenation. There nft shifts a field that does not end on a
    /// byte down to the set's key, and does it in the machine's byte order: on little-endian machines `ip6 dscp`, which
    /// lies across two bytes, comes out wrong (`nft --debug=netlink`, 1.0.6). Such a key is an unknown here.
    pub(super) fn lookup_key(&mut self, expr: Expr, shifted: bool, span: Span) -> Expr {
        let twisted = |expr: &Expr| match expr {
            Expr::Load(Field::Payload(field)) => {
                let end = field.offset + field.bits;
                !end.is_multiple_of(8) && end.div_ceil(8) - field.offset / 8 > 1
            }
            _ => false,
        };
        let mut replace = |part: Expr| {
            if !twisted(&part) {
                return part;
            }
            let Expr::Load(field) = part else { return part };
            let what = format!("{} as nft shifts it", fields::name(field));
            self.out
                .unmodelled
                .push(casebook_core::Unmodelled::new(span, format!("{what}, by the machine's byte order")));
            Expr::Unknown { what, may_break: false, draw: None }
        };
        match expr {
            Expr::Concat(parts) => Expr::Concat(parts.into_iter().map(&mut replace).collect()),
            single if shifted => replace(single),
            single => single,
        }
    }

    /// A number that is drawn. What `jhash` hashes is loaded, with the dependencies of that; the kernel refuses modulus
    /// 0 and numbers of more than 32 bits (`nft_ng_inc_init`, `nft_jhash_init`).
    fn draw(&mut self, ast: &DrawAst<'a>, span: Span) -> Lowered<Expr> {
        let DrawAst { how, key, modulus, offset } = ast;
        if *modulus == 0 || offset.checked_add(modulus - 1).is_none() {
            return Err(Fail::Refused("the modulus is 0, or the numbers do not fit in 32 bits".into(), span));
        }
        let key = key.as_ref().map(|key| self.load(key)).transpose()?.map(|(key, _)| key);
        let mut what = format!("{} mod {modulus}", how.as_str());
        if *offset > 0 {
            what.push_str(&format!(" offset {offset}"));
        }
        let draw = Draw { how: *how, modulus: *modulus, offset: *offset, key };
        Ok(Expr::Unknown { what, may_break: draw.key.is_some(), draw: Some(Box::new(draw)) })
    }

    /// A value to be written: a constant, a field, a map, or a combination.
    pub(super) fn value(&mut self, ast: &Ast<'a>, ty: Type) -> Lowered<Expr> {
        match ast {
            Ast::Var(_, value) => self.value(value, ty),
            Ast::Field(selector) => Ok(self.selector(selector)?.0),
            Ast::Concat(items, _) => {
                let parts = items.iter().map(|item| self.value(item, Type::Any)).collect::<Lowered<Vec<_>>>()?;
                Ok(Expr::Concat(parts))
            }
            Ast::Map(key, map, span) => {
                let (key, types) = self.load(key)?;
                let key = self.lookup_key(key, true, *span);
                let set = self.map(map, &types, &[ty], *span)?;
                Ok(Expr::Map(Box::new(key), set))
            }
            Ast::Binary(op, left, right, _) => match constant::single(ast, ty) {
                Ok(value) => Ok(Expr::Const(value)),
                Err(_) => {
                    let base = self.value(left, ty)?;
                    self.bits(*op, base, right, ty)
                }
            },
            Ast::Draw(draw, span) => self.draw(draw, *span),
            Ast::Opaque { what, may_break, .. } => {
                Ok(Expr::Unknown { what: what.clone(), may_break: *may_break, draw: None })
            }
            other => Ok(Expr::Const(constant::single(other, ty)?)),
        }
    }

    /// A selector, its dependencies pushed.
    pub(super) fn selector(&mut self, selector: &Selector<'a>) -> Lowered<(Expr, Type)> {
        let span = selector.span;
        match &selector.kind {
            SelectorKind::Payload(protocol, field) => self.payload(protocol, field, span),
            SelectorKind::Raw(base, offset, len) => raw(base, *offset, *len, span),
            SelectorKind::Meta(key) => match fields::meta(key) {
                Some((key, ty)) => Ok((Expr::Load(Field::Meta(key)), ty)),
                None => Ok(self.unknown(format!("meta {key}"), span)),
            },
            SelectorKind::Ct(key, direction) => match fields::ct(key) {
                // src/ct.c `ct_expr_update_type`.
                Some((CtKey::Saddr(None) | CtKey::Daddr(None), _)) if !self.knows_network() => {
                    Err(Fail::Refused(format!("`ct {key}` could be IPv4 or IPv6: write `ct … ip {key}`"), span))
                }
                Some((key, ty)) => Ok((Expr::Load(Field::Ct(key, *direction)), ty)),
                None => Ok(self.unknown(format!("ct {key}"), span)),
            },
            SelectorKind::TcpOption(option, field) => self.tcp_option(option, field.as_deref(), span),
            SelectorKind::Exthdr(header, field) => self.exthdr(header, field.as_deref(), span),
            SelectorKind::Other(what) => Ok(self.unknown(what.to_string(), span)),
        }
    }

    /// A load nothing in the evidence decides: it goes on as an unknown.
    fn unknown(&mut self, what: String, span: Span) -> (Expr, Type) {
        self.out.unmodelled.push(casebook_core::Unmodelled::new(span, format!("{what} is not known from the packet")));
        (Expr::Unknown { what, may_break: true, draw: None }, Type::Any)
    }

    fn payload(&mut self, protocol: &str, field: &str, span: Span) -> Lowered<(Expr, Type)> {
        match fields::payload(protocol, field) {
            Some((proto, payload, ty)) => {
                self.require(proto, span)?;
                self.require_icmp(payload.name, span)?;
                Ok((Expr::Load(Field::Payload(payload)), ty))
            }
            None => match fields::protocol_of(protocol) {
                Some(proto) => {
                    self.require(proto, span)?;
                    Ok(self.unknown(format!("{protocol} {field}"), span))
                }
                None => Ok(self.unknown(format!("{protocol} {field}"), span)),
            },
        }
    }

    /// `tcp option`: no dependency is inserted; without a TCP header the load breaks (net/netfilter/nft_exthdr.c).
    fn tcp_option(&mut self, option: &str, field: Option<&str>, span: Span) -> Lowered<(Expr, Type)> {
        let Some(kind) = fields::tcp_option(option) else {
            return Ok(self.unknown(format!("tcp option {option}"), span));
        };
        match field {
            None => Ok((Expr::Load(Field::TcpOption(kind, 0, 0)), Type::Boolean)),
            Some(name) => match fields::tcp_option_field(option, name) {
                Some((offset, bits)) => Ok((Expr::Load(Field::TcpOption(kind, offset, bits)), Type::Integer(bits))),
                None => Ok(self.unknown(format!("tcp option {option} {name}"), span)),
            },
        }
    }

    fn exthdr(&mut self, header: &str, field: Option<&str>, span: Span) -> Lowered<(Expr, Type)> {
        let Some(number) = fields::exthdr(header) else {
            return Ok(self.unknown(format!("exthdr {header}"), span));
        };
        // Like a reject's, this dependency goes to the front of the rule (src/evaluate.c `expr_evaluate_exthdr`).
        let before = self.ops.len();
        self.require(fields::Proto::Ip6, span)?;
        let added = self.ops.len() - before;
        self.ops.rotate_right(added);
        match field {
            None => Ok((Expr::Load(Field::Exthdr(number, 0, 0)), Type::Boolean)),
            Some(name) => match fields::exthdr_field(header, name) {
                Some((offset, bits, ty)) => Ok((Expr::Load(Field::Exthdr(number, offset, bits)), ty)),
                None => Ok(self.unknown(format!("{header} {name}"), span)),
            },
        }
    }

    /// The types an expression would load, without pushing anything: for `typeof`.
    pub(super) fn types_of(&mut self, ast: &Ast<'a>) -> Vec<Type> {
        let ops = std::mem::take(&mut self.ops);
        let context = std::mem::take(&mut self.context);
        let unmodelled = self.out.unmodelled.len();
        let types = self.load(ast).map_or_else(|_| vec![Type::Any], |(_, types)| types);
        self.out.unmodelled.truncate(unmodelled);
        self.ops = ops;
        self.context = context;
        types
    }
}

fn raw(base: &str, offset: u32, len: u32, span: Span) -> Lowered<(Expr, Type)> {
    let base = match base {
        "ll" => Base::Link,
        "nh" => Base::Network,
        "th" => Base::Transport,
        "ih" => Base::Inner,
        other => return Err(Fail::Refused(format!("`{other}` is not a header"), span)),
    };
    let (Ok(offset), Ok(bits)) = (u16::try_from(offset), u16::try_from(len)) else {
        return Err(Fail::Refused("the offset or length is out of range".into(), span));
    };
    if bits == 0 || bits > 128 {
        return Err(Fail::Refused(format!("a raw load is 1 to 128 bits long, not {bits}"), span));
    }
    let field = PayloadField { base, offset, bits, name: "" };
    Ok((Expr::Load(Field::Payload(field)), Type::Integer(bits)))
}
