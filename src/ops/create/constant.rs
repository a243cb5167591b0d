//! The same elements always.

use crate::error::{Error, Result};
use crate::ir::{AttributeValue, DataType};
use crate::ops::elements::{dense, of_strings, pick, zero};
use crate::ops::numbers::{i64s, of_floats, of_i64s};
use crate::ops::shape::{count, room};
use crate::ops::{Call, Value};

pub(super) fn constant(call: &Call<'_>) -> Result<Vec<Value>> {
    let [(name, attribute)] = call.op.attributes.as_slice() else {
        let count = call.op.attributes.len();
        return Err(Error::input(format!("has {count} attributes: one value is accepted")));
    };
    let tensor = match &attribute.value {
        AttributeValue::Tensor(tensor) => tensor.clone(),
        AttributeValue::SparseTensor(tensor) => dense(tensor)?,
        AttributeValue::Int(int) => of_i64s(&[], &[*int]),
        AttributeValue::Ints(ints) => of_i64s(&[ints.len() as i64], ints),
        AttributeValue::Float(float) => of_floats(DataType::F32, &[], &[f64::from(*float)])?,
        AttributeValue::Floats(floats) => {
            let floats: Vec<f64> = floats.iter().map(|&x| f64::from(x)).collect();
            of_floats(DataType::F32, &[floats.len() as i64], &floats)?
        }
        AttributeValue::String(string) => of_strings(Vec::new(), vec![string.clone()]),
        AttributeValue::Strings(all) => of_strings(vec![all.len() as i64], all.clone()),
        other => {
            return Err(Error::input(format!("attribute {name:?} is a {:?}", other.kind())));
        }
    };
    Ok(vec![tensor.into()])
}

/// `value` has one element; without it there are zeros of float32.
pub(super) fn constant_of_shape(call: &Call<'_>) -> Result<Vec<Value>> {
    let sizes = room(&i64s(call.input(0)?)?)?;
    let zero = zero(DataType::F32);
    let value = call.tensor("value")?.unwrap_or(&zero);
    if value.element_count() != Some(1) {
        let dims = &value.dims;
        return Err(Error::input(format!("value has sizes {dims:?}: one element is accepted")));
    }
    Ok(vec![pick(value, &sizes, std::iter::repeat_n(0, count(&sizes)))?.into()])
}
