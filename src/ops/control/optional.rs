//! Values that may be missing.

use crate::error::{Error, Result};
use crate::ops::numbers::of_bools;
use crate::ops::{Call, Value};

/// The value that is asked about, without the optional around it.
fn element<'c>(call: &'c Call<'_>) -> Option<&'c Value> {
    match call.inputs.first().copied().flatten()? {
        Value::Optional(element) => element.as_deref(),
        value => Some(value),
    }
}

pub(super) fn make(call: &Call<'_>) -> Result<Vec<Value>> {
    Ok(vec![Value::Optional(element(call).cloned().map(Box::new))])
}

pub(super) fn get(call: &Call<'_>) -> Result<Vec<Value>> {
    let element = element(call).ok_or_else(|| Error::input("the optional value is missing"))?;
    Ok(vec![element.clone()])
}

pub(super) fn has(call: &Call<'_>) -> Result<Vec<Value>> {
    Ok(vec![of_bools(&[], &[element(call).is_some()]).into()])
}
