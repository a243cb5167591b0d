//! The same elements in another order.

use crate::error::{Error, Result};
use crate::ops::elements::transposed;
use crate::ops::shape::axes;
use crate::ops::{Call, Value};

/// Without `perm` from the last axis to the first.
pub(super) fn transpose(call: &Call<'_>) -> Result<Vec<Value>> {
    let data = call.input(0)?;
    let rank = data.dims.len();
    let order = match call.ints("perm")? {
        Some(perm) if perm.len() == rank => axes(&perm, rank)?,
        Some(perm) => {
            return Err(Error::input(format!("perm {perm:?} is no order of {rank} axes")));
        }
        None => (0..rank).rev().collect(),
    };
    Ok(vec![transposed(data, &order)?.into()])
}
