//! Elements around a tensor.

use crate::error::{Error, Result};
use crate::ops::elements::{along_axes, zero};
use crate::ops::numbers::{i64s, of_floats};
use crate::ops::shape::axes;
use crate::ops::{Call, Value};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Constant,
    Edge,
    Reflect,
    Wrap,
}

impl Mode {
    fn of(call: &Call<'_>) -> Result<Self> {
        match call.string("mode")?.as_str() {
            "constant" => Ok(Self::Constant),
            "edge" => Ok(Self::Edge),
            "reflect" => Ok(Self::Reflect),
            "wrap" if call.since() >= 19 => Ok(Self::Wrap),
            other => Err(Error::input(format!("mode is {other:?}"))
                .help("constant, edge, reflect, and since operator set 19 wrap are accepted")),
        }
    }

    /// Which of `size` elements stands at an index before, in or after them.
    fn source(self, index: i64, size: i64) -> Option<i64> {
        match self {
            Self::Constant => (0..size).contains(&index).then_some(index),
            Self::Edge => Some(index.clamp(0, size - 1)),
            Self::Wrap => Some(index.rem_euclid(size)),
            Self::Reflect => {
                let last = size - 1;
                // One element is its own reflection.
                let index = index.checked_rem_euclid(2 * last).unwrap_or(0);
                Some(if index > last { 2 * last - index } else { index })
            }
        }
    }
}

/// How many elements are added before and after an axis; where there are less than 0, removed.
type Pads = (i64, i64);

/// The pads of all axes.
fn pads(call: &Call<'_>, rank: usize) -> Result<Vec<Pads>> {
    let list = call.numbers(1, "pads")?.unwrap_or_default();
    let chosen = call.optional(3)?.map(i64s).transpose()?;
    let chosen = chosen.unwrap_or_else(|| (0..rank as i64).collect());
    if list.len() != 2 * chosen.len() {
        let (pads, axes) = (list.len(), chosen.len());
        return Err(Error::input(format!(
            "there are {pads} pads of {axes} axes: two each are accepted"
        )));
    }
    let mut all = vec![(0, 0); rank];
    let (before, after) = list.split_at(chosen.len());
    for (axis, pads) in axes(&chosen, rank)?.into_iter().zip(before.iter().zip(after)) {
        all[axis] = (*pads.0, *pads.1);
    }
    Ok(all)
}

/// Elements are removed first: what is added is of those that are left.
pub(super) fn pad(call: &Call<'_>) -> Result<Vec<Value>> {
    let (data, mode) = (call.input(0)?, Mode::of(call)?);
    let pads = pads(call, data.dims.len())?;
    let fill = match call.optional(2)? {
        Some(value) if value.element_count() == Some(1) => value.clone(),
        Some(value) => {
            let dims = &value.dims;
            return Err(Error::input(format!(
                "constant_value has sizes {dims:?}: one is accepted"
            )));
        }
        None if call.has("value") => of_floats(data.dtype, &[], &[call.float("value")?])?,
        None => zero(data.dtype),
    };
    let mut left = Vec::new();
    let mut dims = Vec::new();
    for (&size, &(before, after)) in data.dims.iter().zip(&pads) {
        let own = before.min(0).checked_add(after.min(0)).and_then(|cut| size.checked_add(cut));
        let added = before.max(0).checked_add(after.max(0));
        let (Some(own @ 0..), Some(added)) = (own, added) else {
            return Err(Error::input(format!("pads {before} and {after} of {size} elements")));
        };
        if own == 0 && added > 0 && mode != Mode::Constant {
            return Err(Error::input("no elements cannot be repeated"));
        }
        left.push(own);
        dims.push(own.saturating_add(added));
    }
    let source = |axis: usize, index: usize| {
        let before = pads[axis].0;
        let own = mode.source(index as i64 - before.max(0), left[axis])?;
        Some((own - before.min(0)) as usize)
    };
    Ok(vec![along_axes(data, &dims, &fill, source)?.into()])
}

/// Where a number of elements is odd, one more goes after than before.
pub(super) fn center_crop_pad(call: &Call<'_>) -> Result<Vec<Value>> {
    let (data, shape) = (call.input(0)?, i64s(call.input(1)?)?);
    let rank = data.dims.len();
    let chosen = call.ints("axes")?.unwrap_or_else(|| (0..rank as i64).collect());
    if shape.len() != chosen.len() {
        return Err(Error::input(format!(
            "there are {} sizes of {} axes",
            shape.len(),
            chosen.len()
        )));
    }
    let mut dims = data.dims.clone();
    for (axis, &size) in axes(&chosen, rank)?.into_iter().zip(&shape) {
        dims[axis] = size;
    }
    let source = |axis: usize, index: usize| {
        let (size, new) = (data.dims[axis], dims[axis]);
        let before = if new > size { -((new - size) / 2) } else { (size - new) / 2 };
        Mode::Constant.source(index as i64 + before, size).map(|at| at as usize)
    };
    Ok(vec![along_axes(data, &dims, &zero(data.dtype), source)?.into()])
}
