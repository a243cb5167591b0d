//! Products with weights of a few bits.

use super::site::Site;
use crate::ir::{DataType, Tensor, ValueId};
use crate::ops::numbers::of_floats;
use crate::ops::{self, Call, Value};

/// MatMulNBits and MatMulBnb4 with constant weights: a product with the weight in float32, which
/// takes 8 times the memory of one of 4 bits. An input of float16 or bfloat16 is multiplied in
/// float32 too, and the product rounded once.
pub(super) fn matmul(site: &mut Site<'_, '_>) -> Option<Vec<Option<ValueId>>> {
    let dtype = site.dtype(0)?;
    let weight = weight(site)?;
    let bias = site.input(5);
    let mut x = site.input(0)?;
    if dtype != DataType::F32 {
        x = site.cast(x, DataType::F32)?;
    }
    let weight = site.initializer(weight);
    let mut y = site.make("MatMul", &[x, weight])?;
    if let Some(mut bias) = bias {
        if dtype != DataType::F32 {
            bias = site.cast(bias, DataType::F32)?;
        }
        y = site.make("Add", &[y, bias])?;
    }
    if dtype != DataType::F32 {
        y = site.cast(y, dtype)?;
    }
    Some(vec![Some(y)])
}

/// The weight (K, N) in float32.
fn weight(site: &Site<'_, '_>) -> Option<Tensor> {
    let given = (0..5).map(|slot| match slot > 0 && site.has(slot) {
        true => Some(Some(Value::from(site.constant(slot)?.clone()))),
        false => Some(None),
    });
    let given = given.collect::<Option<Vec<_>>>()?;
    let call = Call { inputs: given.iter().map(Option::as_ref).collect(), ..site.call() };
    let (weight, shape) = ops::dequantized(&call).ok()?;
    of_floats(DataType::F32, &shape.map(|size| size as i64), &weight).ok()
}
