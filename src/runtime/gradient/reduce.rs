//! Derivatives of reductions.

use super::rule::{Derivative, Rule};
use crate::error::Result;
use crate::ir::{AttributeValue, ValueId};

pub(super) static RULES: &[(&str, Derivative)] = &[
    ("ReduceL1", |r, slot| reduced(r, slot, |r, x, _| r.op("Sign", &[x]))),
    ("ReduceL2", |r, slot| reduced(r, slot, |r, x, y| r.op("Div", &[x, y]))),
    ("ReduceLogSum", |r, slot| {
        reduced(r, slot, |r, _, y| {
            let minus = r.op("Neg", &[y]);
            r.op("Exp", &[minus])
        })
    }),
    ("ReduceLogSumExp", |r, slot| {
        reduced(r, slot, |r, x, y| {
            let difference = r.op("Sub", &[x, y]);
            r.op("Exp", &[difference])
        })
    }),
    ("ReduceMax", |r, slot| reduced(r, slot, share)),
    ("ReduceMean", |r, slot| {
        reduced(r, slot, |r, x, y| {
            let (many, few) = (r.op("Size", &[x]), r.op("Size", &[y]));
            let (many, few) = (r.op("CastLike", &[many, r.g]), r.op("CastLike", &[few, r.g]));
            r.op("Div", &[few, many])
        })
    }),
    ("ReduceMin", |r, slot| reduced(r, slot, share)),
    ("ReduceSum", |r, slot| reduced(r, slot, |r, _, _| r.number(1.0))),
    ("ReduceSumSquare", |r, slot| reduced(r, slot, |r, x, _| r.times(x, 2.0))),
];

/// The gradient goes to each element that was reduced, times a derivative that is a function of x, and
/// of the result with its axes kept.
fn reduced(
    r: &mut Rule<'_, '_>,
    slot: usize,
    derivative: impl Fn(&mut Rule<'_, '_>, ValueId, ValueId) -> ValueId,
) -> Result<Option<ValueId>> {
    if slot != 0 {
        return Ok(None);
    }
    let x = r.input(0)?;
    let kept = r.again(r.x.clone(), vec![("keepdims", AttributeValue::Int(1))]);
    let g = r.shaped(r.g, kept);
    let factor = derivative(r, x, kept);
    let part = r.op("Mul", &[g, factor]);
    let shape = r.op("Shape", &[x]);
    Ok(Some(r.op("Expand", &[part, shape])))
}

/// Of equal extremes each has an equal part.
fn share(r: &mut Rule<'_, '_>, x: ValueId, y: ValueId) -> ValueId {
    let is_it = r.op("Equal", &[x, y]);
    let mask = r.op("CastLike", &[is_it, r.g]);
    let count = r.sum_to(mask, y);
    r.op("Div", &[mask, count])
}
