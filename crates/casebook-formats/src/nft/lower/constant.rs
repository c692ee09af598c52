//! Constants: words, ranges, prefixes and combinations of flags, by the type they meet.

use super::{Fail, Lowered};
use crate::nft::ast::{BinaryOp, Expr as Ast};
use crate::nft::types::Type;

/// Low and high end of a constant, both included.
pub(super) fn range(expr: &Ast<'_>, ty: Type) -> Lowered<(u128, u128)> {
    let (expr, _) = expr.resolve();
    match expr {
        Ast::Range(low, high) => {
            let low_end = range(low, ty)?.0;
            let high_end = range(high, ty)?.1;
            if low_end > high_end {
                return Err(Fail::Refused("the range begins above its end".into(), expr.span()));
            }
            Ok((low_end, high_end))
        }
        Ast::Prefix(address, len, span) => {
            let bits = u32::from(ty.bits());
            if *len > bits {
                return Err(Fail::Refused(format!("a prefix of /{len} is longer than {bits} bits"), *span));
            }
            let base = single(address, ty)?;
            let host = bits - len;
            let rest = if host >= 128 { u128::MAX } else { (1u128 << host) - 1 };
            // Host bits are masked away, as nft does: 10.0.0.5/24 is 10.0.0.0/24.
            Ok((base & !rest, base | rest))
        }
        Ast::Word(word) => match ty.parse(&word.text, word.quoted) {
            Ok(value) => Ok(value),
            Err(None) => Err(Fail::Unknown(format!("`{}` is resolved by the host", word.text))),
            Err(Some(message)) => Err(Fail::Refused(message, word.span)),
        },
        _ => single(expr, ty).map(|value| (value, value)),
    }
}

/// A constant that is one number: a word, or flags combined with `,` and `|`.
pub(super) fn single(expr: &Ast<'_>, ty: Type) -> Lowered<u128> {
    let (expr, _) = expr.resolve();
    match expr {
        Ast::List(items, span) => {
            if !ty.is_bitmask() {
                return Err(Fail::Refused("a list of values needs braces: `{ … }`".into(), *span));
            }
            items.iter().try_fold(0, |bits, item| Ok(bits | single(item, ty)?))
        }
        Ast::Binary(op, left, right, _) => {
            let shift = matches!(op, BinaryOp::Shl | BinaryOp::Shr);
            let left = single(left, ty)?;
            let right = single(right, if shift { Type::Integer(32) } else { ty })?;
            Ok(match op {
                BinaryOp::And => left & right,
                BinaryOp::Or => left | right,
                BinaryOp::Xor => left ^ right,
                BinaryOp::Shl => left.checked_shl(right as u32).unwrap_or(0) & ty.max(),
                BinaryOp::Shr => left.checked_shr(right as u32).unwrap_or(0),
            })
        }
        Ast::Word(_) => {
            let (low, high) = range(expr, ty)?;
            if low == high {
                label_bit(low, ty)
            } else {
                Err(Fail::Unknown("a wildcard where one value is needed".into()))
            }
        }
        Ast::Prefix(..) | Ast::Range(..) => {
            Err(Fail::Refused("a range stands where one value is needed".into(), expr.span()))
        }
        Ast::Opaque { what, .. } => Err(Fail::Unknown(what.clone())),
        Ast::Set(_, span) => Err(Fail::Refused("a set stands where one value is needed".into(), *span)),
        _ => Err(Fail::Unknown("a value computed from the packet stands where a constant is needed".into())),
    }
}

/// A ct label is written as the number of its bit (src/ct.c `ct_label_type_parse`).
fn label_bit(value: u128, ty: Type) -> Lowered<u128> {
    match (ty, u32::try_from(value)) {
        (Type::CtLabel, Ok(bit)) if bit < 128 => Ok(1 << bit),
        _ => Ok(value),
    }
}
