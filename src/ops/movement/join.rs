//! Several tensors as one, and one as several.

use crate::error::{Error, Result};
use crate::ops::elements::choose;
use crate::ops::shape::{axis, count, room, sizes};
use crate::ops::{Call, Value};

pub(super) fn concat(call: &Call<'_>) -> Result<Vec<Value>> {
    let (first, all) = (call.input(0)?, call.tensors()?);
    let along = axis(call.int("axis")?, first.dims.len())?;
    let mut dims = first.dims.clone();
    dims[along] = 0;
    for tensor in &all {
        let same = |(at, (a, b))| at == along || a == b;
        let mut pairs = tensor.dims.iter().zip(&first.dims).enumerate();
        if tensor.dims.len() != dims.len() || !pairs.all(same) {
            let (a, b) = (&first.dims, &tensor.dims);
            return Err(Error::input(format!("{a:?} and {b:?} differ in more than axis {along}")));
        }
        dims[along] += tensor.dims[along];
    }
    let result = room(&dims)?;
    let rows = count(&result[..along]);
    let widths: Vec<usize> = all.iter().map(|tensor| count(&sizes(tensor)[along..])).collect();
    let row = |(of, width): (usize, &usize), row: usize| {
        (row * width..(row + 1) * width).map(move |place| (of, place))
    };
    let places = (0..rows).flat_map(|at| widths.iter().enumerate().flat_map(move |w| row(w, at)));
    Ok(vec![choose(&all, &result, places)?.into()])
}
