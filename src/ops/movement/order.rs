//! The same elements in another order.

use crate::error::{Error, Result};
use crate::ir::Tensor;
use crate::ops::elements::{pick, reshaped, transposed};
use crate::ops::numbers::i64s;
use crate::ops::shape::{axes, count, room, sizes};
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

/// The sizes of images, the size of a block, and whether depth is the outermost part of channels.
fn blocks(call: &Call<'_>) -> Result<([i64; 4], i64, bool)> {
    let (data, block) = (call.input(0)?, call.int("blocksize")?);
    let Ok(dims) = <[i64; 4]>::try_from(data.dims.as_slice()) else {
        return Err(Error::input(format!(
            "{:?} are no sizes of images: 4 are accepted",
            data.dims
        )));
    };
    if !(1..=i64::from(u16::MAX)).contains(&block) {
        return Err(Error::input(format!("blocksize is {block}")));
    }
    let has_mode = call.schema.attribute("mode").is_some();
    let is_outermost = match has_mode.then(|| call.string("mode")).transpose()?.as_deref() {
        None | Some("DCR") => false,
        Some("CRD") => true,
        Some(other) => {
            return Err(Error::input(format!("mode is {other:?}: DCR and CRD are accepted")));
        }
    };
    Ok((dims, block, is_outermost))
}

/// Through a shape of six axes.
fn through(
    data: &Tensor,
    split: [i64; 6],
    order: [usize; 6],
    dims: [i64; 4],
) -> Result<Vec<Value>> {
    room(&dims)?;
    let moved = transposed(&reshaped(data, split.to_vec()), &order)?;
    Ok(vec![reshaped(&moved, dims.to_vec()).into()])
}

pub(super) fn depth_to_space(call: &Call<'_>) -> Result<Vec<Value>> {
    let ([n, c, h, w], block, is_outermost) = blocks(call)?;
    let depth = c / (block * block);
    if depth * block * block != c {
        return Err(Error::input(format!("{c} channels are no blocks of {block} times {block}")));
    }
    let (split, order) = match is_outermost {
        false => ([n, block, block, depth, h, w], [0, 3, 4, 1, 5, 2]),
        true => ([n, depth, block, block, h, w], [0, 1, 4, 2, 5, 3]),
    };
    through(
        call.input(0)?,
        split,
        order,
        [n, depth, h.saturating_mul(block), w.saturating_mul(block)],
    )
}

pub(super) fn space_to_depth(call: &Call<'_>) -> Result<Vec<Value>> {
    let ([n, c, h, w], block, is_outermost) = blocks(call)?;
    let (rows, columns) = (h / block, w / block);
    if [rows * block, columns * block] != [h, w] {
        return Err(Error::input(format!("{h} by {w} is no grid of blocks of {block} by {block}")));
    }
    let order = if is_outermost { [0, 1, 3, 5, 2, 4] } else { [0, 3, 5, 1, 2, 4] };
    let split = [n, c, rows, block, columns, block];
    through(call.input(0)?, split, order, [n, c.saturating_mul(block * block), rows, columns])
}

/// Of each in the batch the first elements in time.
pub(super) fn reverse_sequence(call: &Call<'_>) -> Result<Vec<Value>> {
    let (data, lengths) = (call.input(0)?, i64s(call.input(1)?)?);
    let own = sizes(data);
    let is_time_first = match (call.int("time_axis")?, call.int("batch_axis")?) {
        (0, 1) => true,
        (1, 0) => false,
        (time, batch) => {
            let error = Error::input(format!("time_axis is {time}, batch_axis {batch}"));
            return Err(error.help("0 and 1 are accepted, one each"));
        }
    };
    let &[first, second, ..] = own.as_slice() else {
        return Err(Error::input(format!("sizes {own:?}: at least 2 axes are accepted")));
    };
    let (time, batch) = if is_time_first { (first, second) } else { (second, first) };
    let is_length = |&length: &i64| usize::try_from(length).is_ok_and(|length| length <= time);
    if lengths.len() != batch || !lengths.iter().all(is_length) {
        return Err(Error::input(format!("lengths {lengths:?} of {batch} sequences of {time}")));
    }
    let reversed = |at: usize, of: usize| match lengths[of] as usize {
        length if at < length => length - 1 - at,
        _ => at,
    };
    let width = count(&own[2..]);
    let starts = (0..first).flat_map(|i| (0..second).map(move |j| (i, j))).map(|(i, j)| {
        let (i, j) = if is_time_first { (reversed(i, j), j) } else { (i, reversed(j, i)) };
        (i * second + j) * width
    });
    Ok(vec![pick(data, &own, starts.flat_map(|start| start..start + width))?.into()])
}
