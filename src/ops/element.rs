//! temporary: elementwise operators as kernel operations
use crate::ir::{DataType, Op, AttributeValue};
use crate::kernel::{Builder, Operation as O, Scalar, Type, ValueId};

pub(crate) struct Element<'a> {
    pub op: &'a Op,
    #[allow(dead_code)]
    pub since: i64,
    pub from: &'a [Option<DataType>],
    pub to: DataType,
}
pub(crate) type Lower = fn(&mut Builder, &Element<'_>, &[Option<ValueId>]) -> Option<ValueId>;

fn int_attr(op: &Op, name: &str) -> Option<i64> {
    match op.attribute(name) { Some(AttributeValue::Int(i)) => Some(*i), _ => None }
}
fn wraps(e: &Element<'_>) -> bool { e.to.is_float() || matches!(e.to, DataType::I64 | DataType::Bool) }
fn two(o: O) -> impl Fn(&mut Builder, &Element<'_>, &[Option<ValueId>]) -> Option<ValueId> {
    move |b, e, v| { if !wraps(e) && e.to != DataType::Bool && e.to != DataType::I32 { return None; } Some(b.op(o, &[v[0]?, v[1]?])) }
}
fn one(f: for<'b> fn(Scalar<'b>) -> Scalar<'b>) -> impl Fn(&mut Builder, &Element<'_>, &[Option<ValueId>]) -> Option<ValueId> {
    move |b, e, v| { if !e.to.is_float() { return None; } Some(b.compute([v[0]?], |[x]| f(x))) }
}
pub(crate) fn element(domain: &str, name: &str) -> Option<Lower> {
    if !domain.is_empty() { return None; }
    Some(match name {
        "Add" => |b, e, v| two(O::Add)(b, e, v),
        "Sub" => |b, e, v| two(O::Sub)(b, e, v),
        "Mul" => |b, e, v| two(O::Mul)(b, e, v),
        "Div" => |b, e, v| two(O::Div)(b, e, v),
        "And" => |b, e, v| two(O::And)(b, e, v),
        "Or" => |b, e, v| two(O::Or)(b, e, v),
        "Equal" => |b, e, v| two(O::Equal)(b, e, v),
        "Less" => |b, e, v| two(O::Less)(b, e, v),
        "LessOrEqual" => |b, e, v| two(O::LessEqual)(b, e, v),
        "Greater" => |b, _, v| Some(b.op(O::Less, &[v[1]?, v[0]?])),
        "GreaterOrEqual" => |b, _, v| Some(b.op(O::LessEqual, &[v[1]?, v[0]?])),
        "Not" => |b, _, v| Some(b.op(O::Not, &[v[0]?])),
        "Where" => |b, _, v| Some(b.op(O::Select, &[v[0]?, v[1]?, v[2]?])),
        "Neg" => |b, e, v| { if !wraps(e) { return None; } Some(b.op(O::Neg, &[v[0]?])) },
        "Sqrt" => |b, e, v| one(|x| x.sqrt())(b, e, v),
        "Exp" => |b, e, v| one(|x| x.exp())(b, e, v),
        "Log" => |b, e, v| one(|x| x.ln())(b, e, v),
        "Erf" => |b, e, v| one(|x| x.erf())(b, e, v),
        "Tanh" => |b, e, v| one(|x| x.tanh())(b, e, v),
        "Sigmoid" => |b, e, v| one(|x| x.sigmoid())(b, e, v),
        "Reciprocal" => |b, e, v| one(|x| x.recip())(b, e, v),
        "Sin" => |b, e, v| one(|x| x.sin())(b, e, v),
        "Cos" => |b, e, v| one(|x| x.cos())(b, e, v),
        "Relu" => |b, e, v| one(|x| x.at_least(0.0))(b, e, v),
        "Pow" => |b, e, v| { if !e.to.is_float() { return None; } let ty = b.ty(v[0]?); Some(b.compute([v[0]?, v[1]?], |[x, y]| x.pow(y.to(ty)))) },
        "Gelu" => |b, e, v| {
            let tanh = matches!(e.op.attribute("approximate"), Some(AttributeValue::String(s)) if &s[..] == b"tanh");
            if tanh { one(|x| x.gelu_by_tanh())(b, e, v) } else { one(|x| x.gelu())(b, e, v) }
        },
        "Cast" => |b, e, v| {
            let _ = int_attr(e.op, "to");
            let x = v[0]?;
            let from = e.from[0]?;
            let to = match e.to { DataType::F32 | DataType::F16 | DataType::BF16 => O::ToF32, DataType::F64 => O::ToF64, DataType::I64 => O::ToI64, DataType::I32 if !from.is_float() || true => O::ToI64, DataType::Bool => O::ToBool, _ => return None };
            let want = Type::of_stored(e.to)?;
            if b.ty(x) == want { return (from == e.to || want == Type::F32 || (want == Type::I64 && e.to == DataType::I64)).then_some(x); }
            if e.to == DataType::I32 && from == DataType::I64 { return None; }
            Some(b.op(to, &[x]))
        },
        _ => return None,
    })
}
